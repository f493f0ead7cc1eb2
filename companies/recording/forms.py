"""What somebody says about a passage: which figure it states, checked against the passage itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext, gettext_lazy, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from companies.days import today
from companies.models import Anchor, Basis, Company, Figure, Filing, FilingKind, Known, Metric, User
from companies.models.figure import LARGEST, MONEY_METRICS
from companies.periods import CALENDAR_YEAR, NotAPeriod, Period, parse_period
from companies.recording import suggestions
from companies.recording.amounts import Amount, Heading, Kind, Sign, Unit, amounts, sign_is_asked, states, stored
from companies.recording.plain import MAY_BE_NEGATIVE, plain_words
from companies.recording.typed import NotAnAmount, plain_number
from companies.rules import Problem, Weight, problems, value_problems
from companies.search import found_companies

if TYPE_CHECKING:  # Django's own class cannot be subscripted at run time
    FigureChoiceField = forms.ModelChoiceField[Figure]
else:
    FigureChoiceField = forms.ModelChoiceField

UNIT_WORDS = {
    Unit.ONE: pgettext_lazy("unit", "ones, as written"),
    Unit.THOUSAND: _("thousand 千"),
    Unit.TEN_THOUSAND: _("ten thousand 万"),
    Unit.MILLION: _("million 百万"),
    Unit.TEN_MILLION: _("ten million 千万"),
    Unit.HUNDRED_MILLION: _("hundred million 亿"),
    Unit.BILLION: _("billion 十亿"),
    Unit.TRILLION: _("trillion 万亿"),
    Unit.PERCENT: _("percent %"),
}
CURRENCIES = ("CNY", "HKD", "USD", "EUR", "JPY", "TWD")
DECIMALS = 4  # of a stored number
SEVERAL = 5  # companies named when a search finds more than one


def is_percentage(metric: str) -> bool:
    """Whether a metric is a share of a hundred."""
    return metric.endswith("_pct")


class FigureChoice(FigureChoiceField):
    """A choice among figures of the same thing: by their numbers and sources."""

    def label_from_instance(self, figure: Figure) -> str:
        """What the figure states, and where."""
        return f"{plain_words(figure.low, figure.high, figure.currency)} · {figure.source}"


_SENTENCE_END = re.compile(r"[。！!？?；;]|\.\s")


@dataclass(frozen=True, slots=True)
class Passage:
    """The passage that a figure is taken from, with its filing and what can be read from it."""

    filing: Filing
    anchor: Anchor
    heading: Heading | None
    amounts: tuple[Amount, ...]

    @classmethod
    def of(cls, filing: Filing, anchor: Anchor, heading: Heading | None) -> Passage:
        """Read the amounts of a passage."""
        return cls(filing, anchor, heading, amounts(anchor.exact, under_a_heading=heading is not None))

    @property
    def sentence(self) -> str:
        """The passage from the beginning of its sentence on, as far as that is kept."""
        return f"{_SENTENCE_END.split(self.anchor.prefix)[-1]}{self.anchor.exact}"


class RecordForm(forms.Form):
    """A figure that a passage states. What is typed stays as it is typed; `figure` gives the row it stands for."""

    company = forms.CharField(
        label=_("Company"), max_length=100, help_text=_("Name or ticker: the document is not about one company alone.")
    )
    metric = forms.ChoiceField(label=_("Metric"), choices=Metric.choices)
    period = forms.CharField(
        label=_("Period"), max_length=20,
        help_text=_("FY2025, 2026H1, 2025Q3, 2025Q1-Q3, TTM-2025-09-30, or a day such as 2025-12-31."),
    )  # fmt: skip
    basis = forms.ChoiceField(label=_("Basis"), choices=Basis.choices)
    low = forms.CharField(label=_("Low"), max_length=40, required=False, help_text=_("Empty: at most the high."))
    high = forms.CharField(
        label=_("High"), max_length=40, required=False, help_text=_("The same as low for one number. Empty: at least.")
    )
    unit = forms.ChoiceField(
        label=pgettext_lazy("of an amount", "Unit"),
        choices=[("", _("choose")), *((str(unit), words) for unit, words in UNIT_WORDS.items())],
        error_messages={"required": _("Say what the digits count in: the passage does not.")},
    )
    currency = forms.ChoiceField(
        label=_("Currency"), required=False, choices=[("", _("none")), *((code, code) for code in CURRENCIES)]
    )
    reported_in = forms.ChoiceField(label=_("Reported in"), choices=FilingKind.choices)
    known_on = forms.DateField(
        label=_("Published on"), widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("The document has no date. No page of an earlier day uses the figure."),
    )  # fmt: skip
    sign_checked = forms.BooleanField(
        label=_("I have checked the sign"), required=False,
        help_text=_("The passage speaks of a loss. Write a minus sign if this number is one."),
    )  # fmt: skip
    derivation = forms.CharField(
        label=_("How the number follows from the passage"), max_length=250, required=False,
        help_text=_("For example: the sum of two lines of the table."),
    )  # fmt: skip
    replaces = FigureChoice(
        label=_("Puts right"), queryset=Figure.objects.none(), required=False,
        empty_label=_("nothing: it stands beside them"),
        help_text=_("Choose a figure only if it is wrong: it is superseded then."),
    )  # fmt: skip
    note = forms.CharField(label=_("Note"), max_length=240, required=False)

    def __init__(self, passage: Passage, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        self.passage = passage
        self.doubts: list[Problem] = []
        filing = passage.filing
        if filing.company is not None or filing.is_example:
            del self.fields["company"]
        if filing.published_on is not None:
            del self.fields["known_on"]
        self._offer_to_replace()

    # --- What is asked for, and about ---

    @property
    def asks_for_derivation(self) -> bool:
        """Whether the number typed was not found in the passage."""
        return "derivation" in self.errors or bool(self.is_bound and self.data.get(self.add_prefix("derivation")))

    @property
    def asks_for_sign(self) -> bool:
        """Whether only a reader can tell the sign."""
        return "sign_checked" in self.errors or bool(self.is_bound and self.data.get(self.add_prefix("sign_checked")))

    @property
    def doubt_keys(self) -> str:
        """What somebody confirms who has checked the doubts."""
        return " ".join(doubt.key for doubt in self.doubts)

    @property
    def confirmed(self) -> frozenset[str]:
        """Keys of the doubts that somebody has confirmed."""
        return frozenset(str(self.data.get("confirmed", "")).split())

    @property
    def doubts_are_confirmed(self) -> bool:
        """Whether somebody has looked at just these doubts."""
        return self.confirmed.issuperset(doubt.key for doubt in self.doubts)

    @property
    def stored_words(self) -> str:
        """The plain number that will be stored; empty while it is not known."""
        data = self.cleaned_data
        if "stored" not in data:
            return ""
        sign = "%" if is_percentage(data["metric"]) else ""
        low, high = data["stored"]
        return f"{plain_words(low, high, data.get('currency', ''))}{sign}"

    @property
    def known_company(self) -> Company | None:
        """The company of the filing, or the one that was chosen."""
        chosen: Company | None = getattr(self, "cleaned_data", {}).get("company")
        return self.passage.filing.company or chosen

    @property
    def fiscal_year_end(self) -> str:
        """Month and day on which the company's year ends."""
        return self.known_company.fiscal_year_end if self.known_company else CALENDAR_YEAR

    def _offer_to_replace(self) -> None:
        """Confirmed figures of the same thing, of which the new one may put one right."""
        company = self.passage.filing.company or self._typed_company()
        asked = {name: self._given(name) for name in ("metric", "period", "basis")}
        if company is None or not all(asked.values()):
            del self.fields["replaces"]
            return
        rivals = Figure.objects.filter(company=company, status=Figure.Status.CONFIRMED, **asked)
        field = self.fields["replaces"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = rivals.select_related("source").order_by("known_on", "pk")

    def _given(self, name: str) -> str:
        value = self.data.get(self.add_prefix(name)) if self.is_bound else self.get_initial_for_field(
            self.fields[name], name
        )  # fmt: skip
        return str(value or "").strip()

    def _typed_company(self) -> Company | None:
        found = list(_companies(self._given("company"))) if "company" in self.fields else []
        return found[0] if len(found) == 1 else None

    # --- Cleaning ---

    def clean_company(self) -> Company:
        """The one company that was named."""
        found = list(_companies(self.cleaned_data["company"]))
        if not found:
            raise ValidationError(_("No company matches. Type its name or ticker as the list of companies has it."))
        if len(found) > 1:
            names = "; ".join(str(company.name_en) for company in found)
            raise ValidationError(_("Several companies match: %(names)s. Type more."), params={"names": names})
        return found[0]

    def clean_low(self) -> Decimal | None:
        """The number as typed, in the unit beside it."""
        return _typed_number(self.cleaned_data["low"])

    def clean_high(self) -> Decimal | None:
        """The number as typed, in the unit beside it."""
        return _typed_number(self.cleaned_data["high"])

    def clean_known_on(self) -> date:
        """A day that has come."""
        day: date = self.cleaned_data["known_on"]
        if day > today():
            raise ValidationError(_("This day has not come yet."))
        return day

    def clean(self) -> dict[str, Any]:
        """The figure as a whole: its period, its plain numbers, and whether the passage states them."""
        data = super().clean() or self.cleaned_data
        self._clean_period(data)
        if {"low", "high", "unit", "metric"} <= data.keys():
            self._clean_value(data)
        if not self.errors and self.known_company is not None:
            self._hold_to_rules()
        return data

    def _hold_to_rules(self) -> None:
        """The rules that hold wherever a figure is entered; a doubt is put to the one who proposes it."""
        for problem in problems(self.figure(None)):
            stored = problem.other
            if problem.code == "same_figure" and isinstance(stored, Figure) and stored.status == Figure.Status.PROPOSED:
                continue  # sent twice by one it is stored once; what two propose an editor sees side by side
            if problem.weight is Weight.CONFIRM:
                self.doubts.append(problem)
            elif problem.weight is Weight.REFUSE:
                self.add_error(problem.field if problem.field in self.fields else None, problem.words)
        if not self.doubts_are_confirmed:
            self.add_error(None, _("Check what is asked below, and tick the box."))

    def _clean_period(self, data: dict[str, Any]) -> None:
        if "period" not in data:
            return
        try:
            data["days"] = parse_period(data["period"].strip(), self.fiscal_year_end)
            Figure._meta.get_field("period").run_validators(data["period"].strip())
        except (NotAPeriod, ValidationError):
            self.add_error("period", _("This names no period that exists. Write it like one of the examples."))

    def _clean_value(self, data: dict[str, Any]) -> None:
        low, high, unit, metric = data["low"], data["high"], Unit(data["unit"]), data["metric"]
        if low is None and high is None:
            self.add_error("low", _("Give the low, the high, or both."))
            return
        plain = stored(low, high, unit)
        for problem in value_problems(metric, *plain, data.get("currency", "")):
            self.add_error(problem.field, problem.words)
        for name, value in zip(("low", "high"), plain, strict=True):
            if value is not None:
                self._check_number(name, value)
        if is_percentage(metric) is not (unit is Unit.PERCENT):
            wanted = _("This metric is a percentage.") if is_percentage(metric) else _("This metric is no percentage.")
            self.add_error("unit", wanted)
        if not self.errors:
            self._check_against_passage(data, unit)
        data["stored"] = plain

    def _check_number(self, name: str, value: Decimal) -> None:
        if abs(value) >= LARGEST:
            self.add_error(name, _("That is too large: check the unit."))
        elif -int(value.normalize().as_tuple().exponent) > DECIMALS:
            self.add_error(name, _("At most four decimals can be stored: round it, and say so in the note."))

    def _check_against_passage(self, data: dict[str, Any], unit: Unit) -> None:
        words, currency = self.passage.anchor.exact, data.get("currency", "")
        given = [end for end in (data["low"], data["high"]) if end is not None]
        in_table = self.passage.heading is not None
        stated = all(states(words, end, unit, currency, under_a_heading=in_table) for end in given)
        if not stated and not data.get("derivation", "").strip():
            self.add_error(
                "derivation",
                _("The passage does not state this number, unit and currency. Correct them, or say how it follows."),
            )
        asked = data["metric"] in MAY_BE_NEGATIVE and any(sign_is_asked(words, end) for end in given)
        if asked and not data.get("sign_checked"):
            self.add_error("sign_checked", _("Check whether this number is a loss, and tick the box."))

    # --- The row ---

    def figure(self, user: User | None) -> Figure:
        """The figure that was described by somebody, not saved; of an example it has no company."""
        data, filing = self.cleaned_data, self.passage.filing
        low, high = data["stored"]
        days: Period = data["days"]
        derivation, note = data.get("derivation", "").strip(), data.get("note", "").strip()
        if derivation:
            # In the language of the figure's other words: the one who records writes it down for all readers.
            derivation = gettext("Not stated in the passage: %(how)s") % {"how": derivation}
        return Figure(
            company=self.known_company,
            metric=data["metric"],
            period=data["period"].strip(),
            period_start=days.start,
            period_end=days.end,
            low=low,
            high=high,
            currency=data.get("currency", ""),
            basis=data["basis"],
            reported_in=data["reported_in"],
            known_on=filing.published_on or data["known_on"],
            known_by=known_by(filing),
            source=filing,
            passage=self.passage.anchor.exact,
            note="; ".join(part for part in (derivation, note) if part),
            status=Figure.Status.PROPOSED,
            entered_by=user,
            replaces=data.get("replaces"),
        )


def known_by(filing: Filing) -> Known:
    """How the day of a filing is known."""
    if filing.published_precision in ("", "day"):
        return Known.STATED
    return Known.MONTH if filing.published_precision == "month" else Known.INFERRED


def _companies(text: str) -> QuerySet[Company]:
    """Companies that a search box finds; just the one whose name or slug is exactly what was typed."""
    text = text.strip()
    if not text:
        return Company.objects.none()
    current = Company.objects.current()
    named = current.filter(slug=text) | current.filter(name_en__iexact=text)
    named |= current.filter(name_zh=text)
    return named if named.exists() else found_companies(text)[:SEVERAL]


def _typed_number(text: str) -> Decimal | None:
    """A number as people type it, with separators or without."""
    try:
        return plain_number(text)
    except NotAnAmount:
        raise ValidationError(_("Write a number, such as 6.45 or -1,234.")) from None


# --- What the form starts with ----------------------------------------------------------------------


def first_values(passage: Passage, metric: str = Metric.REVENUE) -> dict[str, Any]:
    """What the form says before somebody has said anything: read from the passage and its filing."""
    filing = passage.filing
    labels = period_labels(passage)
    chosen = likeliest(passage.amounts, metric)
    return {
        "metric": metric,
        "period": labels[0] if labels else "",
        "basis": suggestions.basis_of(filing.kind, passage.sentence),
        "reported_in": filing.kind,
        **(amount_values(chosen) if chosen else {}),
    }


def period_labels(passage: Passage) -> list[str]:
    """Periods that the figure may be of, the likeliest first."""
    filing = passage.filing
    year_end = filing.company.fiscal_year_end if filing.company else CALENDAR_YEAR
    words = f"{passage.anchor.prefix}{passage.anchor.exact}"
    return suggestions.periods(words, str(filing), filing.kind, filing.period_end, year_end)


def amount_values(amount: Amount) -> Mapping[str, str]:
    """The fields that an amount of the passage fills."""
    return {
        "low": "" if amount.low is None else f"{amount.low:f}",
        "high": "" if amount.high is None else f"{amount.high:f}",
        "unit": str(amount.unit),
        "currency": amount.currency,
    }


def likeliest(found: Iterable[Amount], metric: str) -> Amount | None:
    """The amount that a metric probably means: of its kind before digits alone, itself before a growth of it."""
    kind = Kind.MONEY if metric in MONEY_METRICS else Kind.PERCENT if is_percentage(metric) else Kind.COUNT
    fitting = [amount for amount in found if amount.kind in (kind, Kind.PLAIN)]
    return min(fitting, key=lambda amount: (amount.kind is not kind, amount.is_change, amount.start), default=None)


def sign_words(sign: Sign) -> str:
    """What is said beside an amount whose sign is not plain."""
    return {
        Sign.NEGATIVE: gettext("a loss or a negative number"),
        Sign.ASKED: gettext("may be a loss: look"),
    }.get(sign, "")


ANY_UNIT = gettext_lazy("unit not stated")


def unit_words(unit: Unit) -> str:
    """The name of a unit, or that none is stated."""
    return str(UNIT_WORDS.get(unit, ANY_UNIT))
