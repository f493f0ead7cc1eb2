"""The address of every page."""

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponsePermanentRedirect
from django.templatetags.static import static
from django.urls import include, path

from companies.accounts.profile import choose_language


@login_not_required
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
    # On a closed instance the page to sign in has an icon and is read in two languages, too.
    path("i18n/setlang/", login_not_required(choose_language), name="set_language"),
    path("admin/", admin.site.urls),
    path("favicon.ico", favicon),
]
