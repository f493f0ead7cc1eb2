"""The admin of what people sign in with: addresses, second factors, sessions. Looked at, and taken away from people.

django-allauth registers these so that everything in them can be read and changed. An admin who reads the secret of a
second factor, or the key of a session, could sign in as a superuser; who adds an address could have a password sent to
it.
"""

from __future__ import annotations

from typing import Any

# Importing these has them register their own admins, whose place ours take.
import allauth.account.admin
import allauth.mfa.admin
import allauth.usersessions.admin  # noqa: F401
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.http import HttpRequest

from companies.admin.base import QuerySet, ReadOnlyAdmin
from companies.models import User
from companies.roles import may_manage

for model in (EmailAddress, Authenticator, UserSession):
    admin.site.unregister(model)


class TakenAwayAdmin(ReadOnlyAdmin):
    """Rows of people, which are taken away from those whose accounts one may manage."""

    list_select_related = ["user"]
    search_fields = ["user__username", "user__email"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may delete such rows, and manage the account that the row belongs to."""
        may = super(ReadOnlyAdmin, self).has_delete_permission(request, obj)
        reaches = obj is None or (isinstance(request.user, User) and may_manage(request.user, obj.user))
        return may and reaches


@admin.register(EmailAddress)
class AddressAdmin(ReadOnlyAdmin):
    """Addresses of people; each adds and confirms their own."""

    list_display = ["email", "user", "primary", "verified"]
    list_filter = ["primary", "verified"]
    list_select_related = ["user"]
    search_fields = ["email", "user__username"]


@admin.register(Authenticator)
class SecondFactorAdmin(TakenAwayAdmin):
    """Second factors of people, without their secrets. Whoever lost theirs signs in again once it is deleted."""

    list_display = ["user", "type", "created_at", "last_used_at"]
    list_filter = ["type"]
    fields = ["user", "type", "created_at", "last_used_at"]


@admin.register(UserSession)
class SessionAdmin(TakenAwayAdmin):
    """Where people are signed in, without the keys. Deleting one signs that browser out."""

    list_display = ["user", "created_at", "last_seen_at", "ip", "user_agent"]
    fields = ["user", "created_at", "last_seen_at", "ip", "user_agent"]

    def delete_model(self, request: HttpRequest, obj: UserSession) -> None:
        """Sign a browser out."""
        obj.end()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Sign the browsers chosen in the list out."""
        for session in queryset:
            session.end()
