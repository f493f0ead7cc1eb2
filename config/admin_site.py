"""The admin site: who may enter it, and what its first page shows."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest
from django.template.response import TemplateResponse


class Desk(AdminSite):
    """Django's admin, entered through the site's own sign-in by those whose role lets them."""

    enable_nav_sidebar = False  # the lists need its width, and the first page leads to every table

    def has_permission(self, request: HttpRequest) -> bool:
        """Editors, admins and superusers: whoever has the permission to enter."""
        user = request.user
        return user.is_active and (user.is_staff or user.has_perm("companies.enter_admin"))

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The first page: what waits for this reader, and below it every table that they may see."""
        # Imported here: applications, of which this is one, are loaded before models can be.
        from companies.admin.desk import desk

        return super().index(request, {"sections": desk(request), **(extra_context or {})})


class Admin(AdminConfig):
    """Tells Django to use our site as its default one."""

    default_site = "config.admin_site.Desk"
