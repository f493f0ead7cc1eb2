"""The state of a page: everything a reader can choose, all of it in the address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import lru_cache, wraps
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from companies.models import Segment, User
from valuations.snapshot import CURRENCIES, Question, today
from valuations.trailing import RevenueBasis

View = Callable[..., HttpResponseBase]

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
TERMS = ("basis", "currency")
PLAIN = (RevenueBasis.TTM.value, "CNY")  # unless the address or the reader's account says otherwise
NOT_IN_ADDRESSES = ("delay_minutes", "own")
SORTS = ("company", "ticker", "price", "change", "market_value", "revenue", "price_to_sales", "rd_to_revenue")


class ReadingForm(forms.Form):
    """Reads the query string; a value that it does not know is refused, never replaced by another."""

    basis = forms.ChoiceField(label=_("Revenue"), choices=BASIS_LABELS, required=False)
    currency = forms.ChoiceField(label=_("Currency"), choices=CURRENCY_LABELS, required=False)
    as_of = forms.DateField(
        label=_("As of"),
        required=False,
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": _("Write the day as YYYY-MM-DD, for example 2026-09-30.")},
    )

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


class StateForm(ReadingForm):
    """Reads the query string of the sector page."""

    scale = forms.ChoiceField(label=_("Axes"), choices=SCALE_LABELS, required=False)
    segment = forms.ChoiceField(label=_("Segment"), choices=SEGMENT_LABELS, required=False)
    benchmarks = forms.ChoiceField(label=_("Benchmarks"), choices=[("off", _("off")), ("on", _("on"))], required=False)
    sort = forms.ChoiceField(choices=[(name, name) for name in SORTS], required=False)
    direction = forms.ChoiceField(choices=[("asc", "asc"), ("desc", "desc")], required=False)
    page = forms.IntegerField(min_value=1, max_value=100_000, required=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader chooses on every page with numbers. `as_of` is None while it follows the present day."""

    basis: str = PLAIN[0]
    currency: str = PLAIN[1]
    as_of: date | None = None
    delay_minutes: int = 0  # not chosen, and so not in the address: it depends on who reads
    # Nor is this: the reader's own basis and currency. Where they are not the plain ones the address names whichever is
    # shown, so that it means the same to everybody.
    own: tuple[str, str] = PLAIN

    @property
    def day(self) -> date:
        """The day of reading."""
        return self.as_of or today()

    @property
    def question(self) -> Question:
        """What the snapshot is asked."""
        return Question(self.day, self.currency, RevenueBasis(self.basis), self.delay_minutes)

    def query(self, **changes: Any) -> str:
        """The query string of this state with some values changed; without defaults, a tuple one by one."""
        changed = replace(self, **changes) if changes else self
        chosen = (field for field in fields(changed) if field.name not in NOT_IN_ADDRESSES)
        unsaid = {"basis": self.unsaid_basis, "currency": self.unsaid_currency}
        values = ((field.name, getattr(changed, field.name), unsaid.get(field.name, field.default)) for field in chosen)
        return urlencode({name: value for name, value, default in values if value != default}, doseq=True)

    @property
    def unsaid_basis(self) -> str:
        """The basis that an address of this reader need not name; empty when it names each."""
        return PLAIN[0] if self.own[0] == PLAIN[0] else ""

    @property
    def unsaid_currency(self) -> str:
        """The currency that an address of this reader need not name; empty when it names each."""
        return PLAIN[1] if self.own[1] == PLAIN[1] else ""


@dataclass(frozen=True, slots=True)
class State(Reading):
    """What the reader chose on the sector page."""

    scale: str = "log"
    segment: str = ""
    benchmarks: str = "off"
    sort: str = "market_value"
    direction: str = "desc"
    page: int = 1


def state_of(request: HttpRequest) -> tuple[State, StateForm]:
    """The state that a page is asked for, with the delay of whoever asks: the way in for every page with prices."""
    data = parameters(request)
    state, form = read_state(data)
    return replace(state, delay_minutes=delay_for(request), **own_values(request, data)), form


def parameters(request: HttpRequest) -> QueryDict:
    """The query string; one that no page of ours can have made is read as a bad one."""
    too_long = len(request.META.get("QUERY_STRING", "")) > LONGEST_QUERY
    return QueryDict("basis=…") if too_long else request.GET


def own_terms(user: User | AnonymousUser) -> tuple[str, str]:
    """The basis and the currency that an account's pages begin with; the plain ones for everybody else."""
    if not isinstance(user, User):
        return PLAIN
    bases, currencies = dict(BASIS_LABELS), dict(CURRENCY_LABELS)
    return (
        user.basis if user.basis in bases else PLAIN[0],
        user.currency if user.currency in currencies else PLAIN[1],
    )


def own_values(request: HttpRequest, data: QueryDict) -> dict[str, Any]:
    """What an address leaves to the reader, as fields of a state."""
    own = own_terms(request.user)
    if own == PLAIN:
        return {}
    named = {name: value for name, value in zip(TERMS, own, strict=True) if not data.get(name)}
    return {**named, "own": own}


def with_own_terms(view: View) -> View:
    """Send a reader whose account has a basis or a currency of its own to the address that names them.

    So the address of a page says all that it shows, and means the same to whomever it is sent. Parts of pages are not
    sent on: their addresses come from a page, which names what it must.
    """

    @wraps(view)
    def wrapper(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        data = parameters(request)
        left = {name: own for name, own in own_values(request, data).items() if name in TERMS and own not in PLAIN}
        if not left or request.headers.get("HX-Request-Type") == "partial":
            return view(request, *args, **kwargs)
        named = data.copy()
        for name, own in left.items():
            named[name] = own
        return redirect(f"{request.path}?{named.urlencode()}")

    return wrapper


def delay_for(request: HttpRequest) -> int:
    """How many minutes old a price must be for this reader: none for people who signed in."""
    return 0 if request.user.is_authenticated else max(0, settings.PUBLIC_DELAY_MINUTES)


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
    return State(**given_values(form)), form


def given_values(form: ReadingForm) -> dict[str, Any]:
    """The values that were given and understood, by name."""
    form.is_valid()
    return {name: value for name, value in form.cleaned_data.items() if value not in (None, "", ())}


def problems_of(form: ReadingForm) -> list[str]:
    """What is wrong with an address, a sentence for each fault."""
    return [
        gettext("%(field)s: %(problem)s") % {"field": form.fields[name].label or name, "problem": problem}
        for name, problems in form.errors.items()
        for problem in problems
    ]
