"""The state of the compare page: which companies, over which period, read how; all of it in the address."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from companies.search import LONGEST_SEARCH
from valuations.state import Reading, ReadingForm, delay_for, given_values, own_values, parameters

MOST_COMPANIES = 8
MONTHS = {"1m": 1, "3m": 3, "6m": 6, "1y": 12}
PERIOD_LABELS = [
    ("1m", _("1 mo")),
    ("3m", _("3 mo")),
    ("6m", _("6 mo")),
    ("1y", _("1 yr")),
    ("all", _("all")),
]
NO_COMPANY = _("There is no company “%(slug)s”.")


class CompaniesField(forms.Field):
    """Slugs in the order in which they are given, each once. Whether such companies exist, only the facts can say."""

    widget = forms.SelectMultiple

    def to_python(self, value: Iterable[str] | None) -> tuple[str, ...]:
        """The slugs as a tuple, none where none is given."""
        slugs = each_once(value or ())
        for slug in slugs:
            try:
                validate_slug(slug)
            except ValidationError:
                raise ValidationError(NO_COMPANY, params={"slug": slug}) from None
        if len(slugs) > MOST_COMPANIES:
            raise ValidationError(
                _("At most %(most)s companies fit side by side, and these are %(n)s."),
                params={"most": MOST_COMPANIES, "n": len(slugs)},
            )
        return slugs


class CompareForm(ReadingForm):
    """Reads the query string of the compare page."""

    c = CompaniesField(label=_("Companies"), required=False)
    period = forms.ChoiceField(label=_("Period"), choices=PERIOD_LABELS, required=False)
    find = forms.CharField(label=_("Company"), max_length=LONGEST_SEARCH, required=False)


@dataclass(frozen=True, slots=True)
class CompareState(Reading):
    """What the reader chose on the compare page. `find` is what was typed to find one more company."""

    c: tuple[str, ...] = ()
    period: str = "1y"
    find: str = ""

    @property
    def reading(self) -> Reading:
        """What other pages are asked, so that they read numbers the same way."""
        return Reading(self.basis, self.currency, self.as_of, self.delay_minutes, self.own)

    @property
    def since(self) -> date | None:
        """First day of the period; None for the whole past."""
        months = MONTHS.get(self.period)
        return None if months is None else months_before(self.day, months)

    @property
    def is_full(self) -> bool:
        """Whether no further company has a place."""
        return len(self.c) >= MOST_COMPANIES

    def with_company(self, slug: str) -> str:
        """The query string with one more company."""
        return self.query(c=(*self.c, slug), find="")

    def without_company(self, slug: str) -> str:
        """The query string without one of the companies."""
        return self.query(c=tuple(other for other in self.c if other != slug), find="")


def compare_state_of(request: HttpRequest) -> tuple[CompareState, CompareForm]:
    """The state that the page is asked for, and the form that read it; see `state_of`.

    When too many companies are asked for, the state has the first of them.
    """
    data = parameters(request)
    form = CompareForm(data)
    given: dict[str, Any] = given_values(form)
    if "c" in form.errors:
        given["c"] = tuple(slug for slug in each_once(data.getlist("c")) if _is_slug(slug))[:MOST_COMPANIES]
    return CompareState(**{**own_values(request, data), **given}, delay_minutes=delay_for(request)), form


def each_once(slugs: Iterable[str]) -> tuple[str, ...]:
    """In their order, without repetitions and empty ones."""
    return tuple(dict.fromkeys(slug for slug in slugs if slug))


def months_before(day: date, months: int) -> date:
    """The same day of an earlier month, or the last day of that month where it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _is_slug(text: str) -> bool:
    try:
        validate_slug(text)
    except ValidationError:
        return False
    return True
