"""The state of the sector page: everything a reader can choose, all of it in the address."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from companies.models import Segment
from valuations.snapshot import CURRENCIES, Question, today
from valuations.trailing import RevenueBasis

LONGEST_QUERY = 1000
FIRST_DAY = date(1990, 12, 19)  # Shanghai's stock exchange opened
BASIS_LABELS = [
    (RevenueBasis.FY.value, _("Last FY")),
    (RevenueBasis.TTM.value, _("TTM")),
    (RevenueBasis.GUIDANCE.value, _("Guidance")),
]
CURRENCY_LABELS = list(zip(CURRENCIES, (_("CNY"), _("USD"), _("HKD")), strict=True))
SCALE_LABELS = [("log", _("Log")), ("linear", _("Linear"))]
SEGMENT_LABELS = [
    ("", _("all")),
    *[choice for choice in Segment.choices if choice[0] != Segment.BENCHMARK.value],
]
SORTS = ("company", "ticker", "price", "change", "market_value", "revenue", "price_to_sales", "rd_to_revenue")


class StateForm(forms.Form):
    """Reads the query string; a value that it does not know is refused, never replaced by another."""

    basis = forms.ChoiceField(label=_("Revenue"), choices=BASIS_LABELS, required=False)
    currency = forms.ChoiceField(label=_("Currency"), choices=CURRENCY_LABELS, required=False)
    scale = forms.ChoiceField(label=_("Axes"), choices=SCALE_LABELS, required=False)
    segment = forms.ChoiceField(label=_("Segment"), choices=SEGMENT_LABELS, required=False)
    benchmarks = forms.ChoiceField(label=_("Benchmarks"), choices=[("off", _("off")), ("on", _("on"))], required=False)
    as_of = forms.DateField(
        label=_("As of"),
        required=False,
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": _("Write the day as YYYY-MM-DD, for example 2026-09-30.")},
    )
    sort = forms.ChoiceField(choices=[(name, name) for name in SORTS], required=False)
    direction = forms.ChoiceField(choices=[("asc", "asc"), ("desc", "desc")], required=False)
    page = forms.IntegerField(min_value=1, max_value=100_000, required=False)

    def clean_as_of(self) -> date | None:
        """A day up to today; the future has no facts."""
        day: date | None = self.cleaned_data["as_of"]
        if day is not None and day > today():
            raise forms.ValidationError(
                _("%(day)s has not come yet. Choose today or an earlier day."), params={"day": day}
            )
        if day is not None and day < FIRST_DAY:
            raise forms.ValidationError(_("Choose a day from %(day)s on."), params={"day": FIRST_DAY})
        return day


@dataclass(frozen=True, slots=True)
class State:
    """What the reader chose. `as_of` is None while the page follows the present day."""

    basis: str = RevenueBasis.TTM.value
    currency: str = "CNY"
    scale: str = "log"
    segment: str = ""
    benchmarks: str = "off"
    as_of: date | None = None
    sort: str = "market_value"
    direction: str = "desc"
    page: int = 1

    @property
    def day(self) -> date:
        """The day of reading."""
        return self.as_of or today()

    @property
    def question(self) -> Question:
        """What the snapshot is asked."""
        return Question(self.day, self.currency, RevenueBasis(self.basis))

    def query(self, **changes: Any) -> str:
        """The query string of this state with some values changed; defaults are left out."""
        changed = replace(self, **changes) if changes else self
        values = ((field.name, getattr(changed, field.name), field.default) for field in fields(changed))
        return urlencode({name: str(value) for name, value, default in values if value != default})


def read_state(data: QueryDict) -> tuple[State, StateForm]:
    """The state that a query string asks for, and the form that read it.

    When the form has errors the state is the default one with every value that was understood. Otherwise the form may
    be one without values: polls ask for the same few states again and again, and a form costs more than the answer.
    """
    state = _understood(data.urlencode(), today())
    return (state, _blank_form()) if state else _read(data)


@lru_cache(maxsize=128)
def _understood(query: str, latest: date) -> State | None:
    """The state of a query string without faults; `latest` is the day on which it has none."""
    state, form = _read(QueryDict(query))
    return None if form.errors else state


@lru_cache(maxsize=1)
def _blank_form() -> StateForm:
    return StateForm()


def _read(data: QueryDict) -> tuple[State, StateForm]:
    form = StateForm(data)
    form.is_valid()
    given = {name: value for name, value in form.cleaned_data.items() if value not in (None, "")}
    return State(**given), form
