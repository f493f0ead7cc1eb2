"""What allauth keeps about accounts: to be looked at, and taken away where somebody lost a telephone or a laptop.

Its own pages would show the secrets of second factors, and let an admin give themselves the account of a superuser by
way of an address.
"""

from __future__ import annotations

from typing import Any

import allauth.account.admin  # registers its pages, in place of which come these
import allauth.mfa.admin
import allauth.usersessions.admin  # noqa: F401
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from companies import roles
from companies.admin.base import ReadOnlyAdmin
from companies.models import User

admin.site.unregister([Authenticator, EmailAddress, UserSession])


class TakenAwayAdmin(ReadOnlyAdmin):
    """Rows of an account that may be taken away by those who may manage the account."""

    list_select_related = ["user"]
    search_fields = ["user__username", "user__email"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not above one's own role."""
        may = request.user.has_perm(f"{self.opts.app_label}.delete_{self.opts.model_name}")
        if obj is None or not may:
            return may
        return isinstance(request.user, User) and roles.may_manage(request.user, obj.user)


@admin.register(Authenticator)
class AuthenticatorAdmin(TakenAwayAdmin):
    """Second factors, without their secrets. Taking one away helps who lost it."""

    list_display = ["user", "type", "created_at", "last_used_at"]
    list_filter = ["type"]
    fields = ["user", "type", "created_at", "last_used_at"]


@admin.register(UserSession)
class UserSessionAdmin(TakenAwayAdmin):
    """Where people are signed in. Taking a session away signs it out."""

    list_display = ["user", "ip", "user_agent", "created_at", "last_seen_at"]
    fields = ["user", "ip", "user_agent", "created_at", "last_seen_at"]

    def delete_model(self, request: HttpRequest, obj: UserSession) -> None:
        """Sign out."""
        obj.end()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Sign out, each."""
        for session in queryset:
            session.end()


@admin.register(EmailAddress)
class EmailAddressAdmin(ReadOnlyAdmin):
    """Addresses by which people sign in. They are changed where the person is."""

    list_display = ["email", "user", "primary", "verified"]
    list_filter = ["verified"]
    list_select_related = ["user"]
    search_fields = ["email", "user__username"]
