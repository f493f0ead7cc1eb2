"""The admin of people, and of what the program notes for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.utils.translation import gettext_lazy as _

from companies.admin.base import ReadOnlyAdmin
from companies.models import Revision, StarterRecord, User

if TYPE_CHECKING:  # Django's own class cannot be subscripted at run time
    BaseUserAdmin = DjangoUserAdmin[User]
else:
    BaseUserAdmin = DjangoUserAdmin


@admin.register(User)
class UserAdmin(BaseUserAdmin):
    """People, their rights and how they like to read."""

    list_display = ["username", "email", "is_active", "is_staff", "is_superuser", "last_login"]
    fieldsets = [
        *(DjangoUserAdmin.fieldsets or ()),
        (
            _("Preferences"),
            {"fields": ["language", "time_zone", "direction_colours", "theme", "units", "currency", "basis"]},
        ),
    ]
    add_fieldsets = [
        (None, {"classes": ["wide"], "fields": ["username", "email", "usable_password", "password1", "password2"]}),
    ]


@admin.register(Revision)
class RevisionAdmin(ReadOnlyAdmin):
    """How often facts have changed."""

    list_display = ["number"]


@admin.register(StarterRecord)
class StarterRecordAdmin(ReadOnlyAdmin):
    """What the starter facts put into the database."""

    list_display = ["table", "key", "object_id", "digest"]
    list_filter = ["table"]
    search_fields = ["key"]
