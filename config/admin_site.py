"""The admin site: who may enter it, and what its first page shows."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest


class Desk(AdminSite):
    """Django's admin, entered through the site's own sign-in by those whose role lets them."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Editors, admins and superusers: whoever has the permission to enter."""
        user = request.user
        return user.is_active and (user.is_staff or user.has_perm("companies.enter_admin"))


class Admin(AdminConfig):
    """Tells Django to use our site as its default one."""

    default_site = "config.admin_site.Desk"
