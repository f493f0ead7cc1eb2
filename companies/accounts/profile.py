"""The profile: what somebody is called, how they like to read, and the way to everything else of their account."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import BoundField
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from django.views.i18n import set_language

from companies.models import User
from companies.preferences import choices_of, language_of, zone_names

if TYPE_CHECKING:  # Django's own class cannot be subscripted at run time
    UserForm = forms.ModelForm[User]
else:
    UserForm = forms.ModelForm

# Each language in its own words, so that whoever ended up in another one finds back.
LANGUAGES = [("", gettext_lazy("As the browser asks")), ("en", "English"), ("zh-hans", "简体中文")]
# What the switches at the foot of a page keep in the browser (page.js), where it is stronger than the account.
KEPT_BY_BROWSERS = ("theme", "direction_colours")


def zones() -> Iterator[tuple[str, str | list[tuple[str, str]]]]:
    """Time zones to choose from, by continent; first the one of the instance."""
    yield "", _("As this instance (%(zone)s)") % {"zone": settings.DISPLAY_TIME_ZONE}
    groups: dict[str, list[tuple[str, str]]] = {}
    for name in zone_names():
        continent, _slash, place = name.partition("/")
        groups.setdefault(continent, []).append((name, (place or name).replace("_", " ")))
    yield from groups.items()


class PreferencesForm(UserForm):
    """The preferences whose choices the model does not know. Other forms about people are made from this one."""

    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=LANGUAGES, required=False)
    time_zone = forms.ChoiceField(label=gettext_lazy("Time zone"), choices=zones, required=False)
    currency = forms.ChoiceField(label=gettext_lazy("Currency"), choices=partial(choices_of, "currency"))
    basis = forms.ChoiceField(label=gettext_lazy("Revenue"), choices=partial(choices_of, "basis"))


class ProfileForm(PreferencesForm):
    """What people say of themselves and how they like to read."""

    class Meta:
        """Nothing that decides what somebody may do."""

        model = User
        fields = (
            "first_name", "last_name", "language", "time_zone", "units", "currency", "basis", "direction_colours",
            "theme",
        )  # fmt: skip
        help_texts = {"units": gettext_lazy("By language: bn and tn in English, 亿 and 万亿 in Chinese.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, words in {"first_name": "given-name", "last_name": "family-name"}.items():
            self.fields[name].widget.attrs["autocomplete"] = words
        self.fields["basis"].help_text = _("Currency and revenue that pages show unless their address names others.")

    @property
    def groups(self) -> list[tuple[str | Promise, list[BoundField]]]:
        """The fields under the headings of the page."""
        groups = {
            _("Name"): ["first_name", "last_name"],
            _("Language and time"): ["language", "time_zone"],
            _("Numbers"): ["units", "currency", "basis"],
            _("Appearance"): ["direction_colours", "theme"],
        }
        return [(title, [self[name] for name in names]) for title, names in groups.items()]


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """The signed-in person's own profile; what is saved counts from the next page on."""
    user = copy(_signed_in(request))  # a refused form must not change what this page says of its reader
    form = ProfileForm(request.POST if request.method == "POST" else None, instance=user)
    if request.method == "POST" and form.is_valid():
        form.save(commit=False).save(update_fields=form.changed_data)
        with translation.override(language_of(user) or translation.get_language_from_request(request)):
            messages.success(request, _("Your profile was saved."))
        response = redirect("accounts:profile")
        for name in KEPT_BY_BROWSERS:
            response.delete_cookie(name, samesite="Lax")
        return response
    return render(request, "accounts/profile.html", {"form": form}, status=422 if form.errors else 200)


def choose_language(request: HttpRequest) -> HttpResponseBase:
    """Django's view behind the button of the header, kept by the account, too, of whoever is signed in."""
    response = set_language(request)
    chosen = response.cookies.get(settings.LANGUAGE_COOKIE_NAME)
    if chosen is not None and request.user.is_authenticated:
        User.objects.filter(pk=request.user.pk).update(language=chosen.value)
    return response


def _signed_in(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # the decorator lets nobody else in
    return request.user
