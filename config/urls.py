"""The address of every page."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponsePermanentRedirect
from django.templatetags.static import static
from django.urls import include, path


def favicon(request: HttpRequest) -> HttpResponsePermanentRedirect:
    """Where browsers look for the icon of pages that name none, such as the admin's."""
    return HttpResponsePermanentRedirect(static("img/favicon.svg"))


# Asked for by allauth, whose limits are its own.
handler429 = "companies.accounts.views.too_many"
urlpatterns = [
    path("", include("valuations.urls")),
    path("companies/", include("companies.urls")),
    path("filings/", include("companies.filings.urls")),
    path("notes/", include("companies.annotations.urls")),
    path("figures/", include("companies.recording.urls")),
    path("accounts/", include("companies.accounts.urls")),
    path("accounts/", include("allauth.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
    path("favicon.ico", favicon),
]
