"""The admin site: who may enter it, and what its first page shows."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache


class Desk(AdminSite):
    """Django's admin, entered through the site's own sign-in by those whose role lets them."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Editors, admins and superusers: whoever has the permission to enter."""
        user = request.user
        return user.is_active and (user.is_staff or user.has_perm("companies.enter_admin"))

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Django's own form would count no attempts and ask for no second factor: send people to the site's."""
        # Imported here: this module is read before there are models.
        from django.contrib.auth.views import redirect_to_login

        if not request.user.is_authenticated:
            return redirect_to_login(request.GET.get("next") or reverse("admin:index"))
        if not self.has_permission(request):
            raise PermissionDenied
        return redirect("admin:index")

    def password_change(  # type: ignore[override]  # Django promises a page, and redirects itself
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One page for everybody, which also tells the owner by mail."""
        return redirect("account_change_password")


class Admin(AdminConfig):
    """Tells Django to use our site as its default one."""

    default_site = "config.admin_site.Desk"
