"""The admin site: who may enter it, and where its doors lead."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache


class Desk(AdminSite):
    """Django's admin, entered through the site's own sign-in by those whose role lets them."""

    enable_nav_sidebar = False  # the lists need its width, and the first page leads to every table

    def has_permission(self, request: HttpRequest) -> bool:
        """Editors, admins and superusers: whoever has the permission to enter. `is_staff` gives nothing."""
        # Models cannot be imported before the applications are ready.
        from companies.roles import may_enter_admin

        return may_enter_admin(request.user)

    def admin_view(self, view: Callable[..., HttpResponseBase], cacheable: bool = False) -> Any:
        """Guard a page: people who signed in and may not enter are refused, and not asked to sign in again."""
        guarded = super().admin_view(view, cacheable)

        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.user.is_authenticated and not self.has_permission(request):
                raise PermissionDenied
            return guarded(request, *args, **kwargs)

        return update_wrapper(inner, guarded)

    @method_decorator(never_cache)
    @login_not_required
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Lead to the sign-in of the site, which counts guesses and asks for the second factor."""
        # It imports models, which cannot be before the applications are ready.
        from django.contrib.auth.views import redirect_to_login

        if request.user.is_authenticated and not self.has_permission(request):
            raise PermissionDenied
        onward = request.GET.get(REDIRECT_FIELD_NAME, "")
        if not url_has_allowed_host_and_scheme(onward, {request.get_host()}, require_https=request.is_secure()):
            onward = reverse("admin:index")
        return HttpResponseRedirect(onward) if request.user.is_authenticated else redirect_to_login(onward)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Lead to the page of the account, which ends the other sessions."""
        return redirect("account_change_password")

    def password_change_done(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Lead to the page of the account."""
        return redirect("account_change_password")

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The first page: what waits for this reader, and below it every table that they may see."""
        # Imported here: applications, of which this is one, are loaded before models can be.
        from companies.admin.desk import desk

        return super().index(request, {"sections": desk(request), **(extra_context or {})})


class Admin(AdminConfig):
    """Tells Django to use our site as its default one."""

    default_site = "config.admin_site.Desk"
