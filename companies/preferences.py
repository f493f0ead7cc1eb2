"""How the reader of the present request likes numbers and times written, and what their pages begin with.

Whoever writes them asks here, deep in filters that know of no request; the middleware says whose request it is. Outside
of a request, and for people who have not signed in, it is the instance's own way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import check_for_language, get_language

from companies.models import User

Choices = Sequence[tuple[str, str | Promise]]
# Other names of the same zones, and zones of no place, are left out of what is offered.
CONTINENTS = (
    "Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Preferences:
    """What of a reader's preferences changes how a number or a time is written."""

    units: str = User.Units.BY_LANGUAGE.value
    time_zone: str = ""

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which times are shown."""
        return known_zone(self.time_zone) or ZoneInfo(settings.DISPLAY_TIME_ZONE)


PLAIN = Preferences()
_current: ContextVar[Preferences] = ContextVar("preferences", default=PLAIN)


def preferences() -> Preferences:
    """Of the reader of this request."""
    return _current.get()


def preferences_of(user: User | AnonymousUser) -> Preferences:
    """Of an account; the instance's own for people who have not signed in."""
    return Preferences(user.units, user.time_zone) if isinstance(user, User) else PLAIN


@contextmanager
def reading_as(user: User | AnonymousUser) -> Iterator[None]:
    """Write numbers and times as somebody likes them. Django's own, such as those in the admin, follow."""
    token = _current.set(preferences_of(user))
    try:
        with timezone.override(preferences().zone):
            yield
    finally:
        _current.reset(token)


def counts_in_chinese_units() -> bool:
    """Whether the reader counts in 万, 亿 and 万亿: by choice, otherwise by language."""
    units = preferences().units
    if units == User.Units.BY_LANGUAGE:
        return (get_language() or "").startswith("zh")
    return units == User.Units.CHINESE


def language_of(user: User | AnonymousUser) -> str:
    """The language an account asks for; empty where it leaves that to the browser."""
    chosen = user.language if isinstance(user, User) else ""
    return chosen if chosen in dict(settings.LANGUAGES) and check_for_language(chosen) else ""


def known_zone(name: str) -> ZoneInfo | None:
    """The time zone of a name; None where there is none of that name."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


@lru_cache(maxsize=1)
def zone_names() -> tuple[str, ...]:
    """Names of time zones to choose from: those of places, and UTC."""
    places = (name for name in available_timezones() if name.split("/")[0] in CONTINENTS)
    return (*sorted(places), "UTC")


# --- What pages begin with ------------------------------------------------------------------------
# Set by the application that values companies; what was reported knows neither its currencies nor its bases.

_choices: dict[str, Callable[[], Choices]] = {}


def register_choices(name: str, ask: Callable[[], Choices]) -> None:
    """Name the function that tells what there is to choose for a preference: `currency` or `basis`."""
    _choices[name] = ask


def choices_of(name: str) -> Choices:
    """What there is to choose for a preference that another application knows about."""
    return _choices[name]()
