"""Exchanges, and what does not fit their calendars, in the reader's words."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext_lazy

from valuations.models import CalendarWarning
from valuations.templatetags.numbers import day

EXCHANGES: Mapping[str, str | Promise] = {
    "XSHG": pgettext_lazy("exchange", "Shanghai"),
    "XSHE": pgettext_lazy("exchange", "Shenzhen"),
    "XHKG": pgettext_lazy("exchange", "Hong Kong"),
    "XNAS": pgettext_lazy("exchange", "Nasdaq"),
    "XNYS": pgettext_lazy("exchange", "New York"),
    "XASE": pgettext_lazy("exchange", "NYSE American"),
}


def exchange_in_words(mic: str) -> str:
    """The name of an exchange in the reader's language; its code where it has none here."""
    return str(EXCHANGES.get(mic, mic))


def warning_in_words(warning: CalendarWarning) -> str:
    """What does not fit, as a sentence."""
    facts = {"exchange": exchange_in_words(warning.mic), "day": day(warning.day), "year": warning.day.year}
    match warning.kind:
        case CalendarWarning.Kind.NO_QUOTES:
            return _("%(exchange)s should have traded on %(day)s, but no source gave a price.") % facts
        case CalendarWarning.Kind.CLOSED_BUT_TRADED:
            return _("%(exchange)s is entered as closed on %(day)s, but %(priced)s.") % {
                **facts,
                "priced": _listings_priced(warning),
            }
        case CalendarWarning.Kind.UNKNOWN_BUT_TRADED:
            return _("%(exchange)s traded on %(day)s, but its calendar for %(year)s is not entered.") % facts
        case _:
            return _("The calendar of %(exchange)s for %(year)s is not entered.") % facts


def _listings_priced(warning: CalendarWarning) -> str:
    n = int(warning.detail) if warning.detail.isdecimal() else 1
    return ngettext("%(n)s listing has a price of that day", "%(n)s listings have a price of that day", n) % {"n": n}


def advice_in_words(warning: CalendarWarning) -> str:
    """What to do about it."""
    match warning.kind:
        case CalendarWarning.Kind.NO_QUOTES:
            return _("If it was closed (a storm, say), enter the day as closed; if not, see why the sources failed.")
        case CalendarWarning.Kind.CLOSED_BUT_TRADED:
            return _("If it traded, correct the day; the prices held back can then be released.")
        case CalendarWarning.Kind.UNKNOWN_BUT_TRADED:
            return _("Enter the year. Until then prices are asked for once an hour, and their age cannot be told.")
        case _:
            return _("Enter it once the exchange has published it: Shanghai and Shenzhen do about 22 December.")
