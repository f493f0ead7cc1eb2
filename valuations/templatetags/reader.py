"""How the reader likes pages: language, light or dark, and which colour means up. Said on the root element, once."""

from __future__ import annotations

from django import template
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from companies.models import User

register = template.Library()

THEMES = {User.Theme.SYSTEM, User.Theme.LIGHT, User.Theme.DARK}
COLOURS = {User.Colours.RED_UP: "red", User.Colours.GREEN_UP: "green"}


@register.simple_tag(takes_context=True)
def reader_attributes(context: template.Context) -> SafeString:
    """Attributes of `<html>`: `lang`, `data-theme` (system, light, dark) and `data-up` (red, green).

    A cookie of this browser comes first, then what the account prefers, then the language. It is said by the server so
    that the first paint is right.
    """
    request = context.get("request")
    language = get_language() or "en"
    return format_html(
        'lang="{}" data-theme="{}" data-up="{}"',
        "zh-Hans" if language.startswith("zh") else language,
        _theme(request),
        _up(request, language),
    )


@register.simple_tag(takes_context=True)
def reader_theme(context: template.Context) -> str:
    """The theme alone, for pages whose root element is not ours: the admin's."""
    return _theme(context.get("request"))


def _theme(request: HttpRequest | None) -> str:
    chosen = _chosen(request, "theme")
    return chosen if chosen in THEMES else str(User.Theme.SYSTEM)


def _up(request: HttpRequest | None, language: str) -> str:
    chosen = _chosen(request, "direction_colours")
    return COLOURS.get(chosen) or ("red" if language.startswith("zh") else "green")  # type: ignore[call-overload]


def _chosen(request: HttpRequest | None, name: str) -> str:
    if request is None:
        return ""
    user = getattr(request, "user", None)
    account = getattr(user, name, "") if user is not None and user.is_authenticated else ""
    return str(request.COOKIES.get(name) or account)
