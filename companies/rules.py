"""What a row must obey beyond what the database refuses: one place for forms, imports and every other way in.

`problems(row, known)` is all that callers need. A problem says in the reader's language what to do. It is either
refused, or asks to be confirmed (`Weight.CONFIRM`: it is possible, but rarely meant), or is only said (`Weight.HINT`).
The rules compute from the row and from `Known`, the rows that are stored already; they write nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from companies.days import today
from companies.models import (
    Basis,
    Company,
    CorporateAction,
    Figure,
    Filing,
    FundingRound,
    Listing,
    Milestone,
    ShareClass,
    ShareCount,
    Tier,
)
from companies.models import Known as KnownBy
from companies.models.figure import MONEY_METRICS
from companies.periods import NotAPeriod, month_end, parse_last_day, parse_period
from companies.recording.plain import MAY_BE_NEGATIVE, plain_words

# A count that differs by more from the one before it is asked about: market value moves by as much.
LARGE_MOVE = Decimal("0.2")
# A bonus of so many shares for one is hardly ever decided; "4.9 for 10" typed as 4.9 is.
LARGE_BONUS = Decimal(3)


class Weight(StrEnum):
    """What a problem means for the row."""

    REFUSE = "refuse"  # it is not stored
    CONFIRM = "confirm"  # it is stored once somebody has said that it is meant
    HINT = "hint"  # it is stored, and the words are shown


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a row: the field that has to change, and words that say what to do.

    `key` names a doubt with the numbers it is about: who confirms it confirms these, and is asked again about others.
    `other` is a stored row that it is about, to be linked.
    """

    code: str
    field: str
    words: str
    weight: Weight = Weight.REFUSE
    key: str = ""
    other: Model | None = None


@dataclass(slots=True)
class Known:
    """The rows of some companies that rules compare with: share counts, corporate actions and figures."""

    counts: dict[int | None, list[ShareCount]] = field(default_factory=lambda: defaultdict(list))
    actions: dict[int | None, list[CorporateAction]] = field(default_factory=lambda: defaultdict(list))
    figures: dict[tuple[Any, ...], list[Figure]] = field(default_factory=lambda: defaultdict(list))
    was: dict[tuple[type[Model], int], Model] = field(default_factory=dict)
    # Currencies that can be converted; None where nobody has said which.
    convertible: frozenset[str] | None = None
    _places: dict[tuple[type[Model], Any], list[Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, companies: Collection[int]) -> Self:
        """What is stored of these companies, in as many queries however many they are."""
        known = cls(convertible=convertible_currencies())
        stored: tuple[QuerySet[Any], ...] = (
            ShareCount.objects.filter(company__in=companies).select_related("source"),
            CorporateAction.objects.filter(company__in=companies),
            Figure.objects.filter(company__in=companies)
            .exclude(status__in=(Figure.Status.REJECTED, Figure.Status.SUPERSEDED))
            .select_related("source"),
        )
        for rows in stored:
            for row in rows:
                known.put(row)
                known.was[type(row), row.pk] = row
        return known

    def put(self, row: Model) -> None:
        """Take a row as stored: the next one is compared with it. What was stored under its key is forgotten."""
        self.drop(row)
        rows = self._place(row)
        if rows is not None:
            rows.append(row)
            self._places[type(row), row.pk] = rows

    def drop(self, row: Model) -> None:
        """Forget a row that is deleted, or that is about to change."""
        rows = self._places.pop((type(row), row.pk), None) if row.pk is not None else None
        if rows is not None:
            rows[:] = [one for one in rows if one.pk != row.pk]

    def _place(self, row: Model) -> list[Any] | None:
        match row:
            case ShareCount():
                return self.counts[row.company_id]
            case CorporateAction():
                return self.actions[row.company_id]
            case Figure():
                return self.figures[_figure_key(row)]
        return None


# Set by the application that has exchange rates; what was reported knows nothing of them.
_currencies: list[Callable[[], Iterable[str]]] = []


def register_currencies(ask: Callable[[], Iterable[str]]) -> None:
    """Name the function that tells which currencies can be converted."""
    if ask not in _currencies:
        _currencies.append(ask)


def convertible_currencies() -> frozenset[str] | None:
    """Currencies with an exchange rate; None where nothing is known of rates."""
    if not _currencies:
        return None
    return frozenset(code for ask in _currencies for code in ask())


def problems(row: Model, known: Known | None = None) -> list[Problem]:
    """What is wrong with a row that is about to be stored; nothing for models without rules.

    Args:
        row: With its related rows; its fields are of the right types, as a form or an import has made them.
        known: What is stored of its company; read when it is not given. Give one for all rows of an import, and `put`
            each row into it once it is taken.
    """
    rules = _RULES.get(type(row))
    if rules is None:
        return _place_problems(row)
    if known is None:
        company = getattr(row, "company_id", None)
        known = Known.of([] if company is None else [company])
    return [*_place_problems(row), *(problem for rule in rules for problem in rule(row, known))]


def _place_problems(row: Model) -> list[Problem]:
    """Of every fact: a company that has not become another one, and a source that is one."""
    found = []
    company, source = (_related(row, name) for name in ("company", "source"))
    if isinstance(company, Company) and company.merged_into is not None:
        words = _("%(company)s has been merged into %(other)s: choose that one, or nobody will see this.")
        told = {"company": company, "other": company.merged_into}
        found.append(Problem("merged_company", "company", words % told, other=company.merged_into))
    if isinstance(source, Filing) and source.is_example:
        words = _("This filing is an invented example, and never a source.")
        found.append(Problem("example", "source", words, other=source))
    return found


def _related(row: Model, name: str) -> object:
    """The row that a row names, if it has such a field and names one in it."""
    return getattr(row, name, None) if getattr(row, f"{name}_id", None) is not None else None


# --- Companies --------------------------------------------------------------------------------------


def company_problems(row: Company, known: Known) -> list[Problem]:
    """A day of foundation that exists and has come, and a year that ends on a day that exists."""
    found: list[Problem] = []
    if row.founded:
        try:
            # The last day of its month or year stands for it, so that its first is what must have come.
            parse_last_day(row.founded)
            come = row.founded <= today().isoformat()[: len(row.founded)]
        except ValueError:
            found.append(Problem("founded", "founded", _("There is no such day. Write 2016, 2016-03 or 2016-03-15.")))
        else:
            if not come:
                found.append(Problem("founded", "founded", _("This day has not come yet.")))
    try:
        parse_period("FY2024", row.fiscal_year_end)
    except NotAPeriod:
        found.append(
            Problem("fiscal_year_end", "fiscal_year_end", _("There is no such day. Write month and day: 12-31."))
        )
    return found


# --- Listings ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Venue:
    """What the tickers of an exchange look like, with the class and the currency that follow from them.

    The first pattern that fits a ticker counts. `words` say how to write one.
    """

    shapes: tuple[tuple[re.Pattern[str], tuple[str, ...], tuple[str, ...]], ...]
    words: Callable[[], str]


_A, _H, _COMMON = ShareClass.A.value, ShareClass.H.value, ShareClass.COMMON.value
_AMERICAN = Venue(
    ((re.compile(r"[A-Z]{1,5}([.-][A-Z]{1,2})?"), (_COMMON,), ("USD",)),),
    lambda: _("A ticker in New York has one to five capital letters, such as NVDA or BRK.B."),
)
VENUES = {
    "XSHG": Venue(
        (
            (re.compile(r"(60|68)\d{4}"), (_A,), ("CNY",)),
            (re.compile(r"900\d{3}"), (_COMMON,), ("USD",)),  # B shares
        ),
        lambda: _("A ticker in Shanghai has six digits and begins with 60, 68 or 900, such as 688795."),
    ),
    "XSHE": Venue(
        (
            (re.compile(r"(00|30)\d{4}"), (_A,), ("CNY",)),
            (re.compile(r"20\d{4}"), (_COMMON,), ("HKD",)),  # B shares
        ),
        lambda: _("A ticker in Shenzhen has six digits and begins with 00, 30 or 20, such as 300474."),
    ),
    "XHKG": Venue(
        (
            (re.compile(r"8\d{4}"), (_H, _COMMON), ("CNY",)),  # counters in yuan
            (re.compile(r"\d{4}|[1-79]\d{4}"), (_H, _COMMON), ("HKD",)),
        ),
        lambda: _(
            "A ticker in Hong Kong has four digits with its zeros, such as 0600, or five that begin with no zero."
        ),
    ),
    "XNAS": _AMERICAN,
    "XNYS": _AMERICAN,
    "XASE": _AMERICAN,
}
_ANY_TICKER = re.compile(r"[A-Z0-9][A-Z0-9.-]*")


def listing_problems(row: Listing, known: Known) -> list[Problem]:
    """The ticker as its exchange writes it, the class and the currency that it has there, and days in order."""
    found = venue_problems(row.mic, row.ticker, row.share_class, row.currency)
    if row.listed_on and row.delisted_on and row.delisted_on <= row.listed_on:
        found.append(
            Problem(
                "dates_in_order", "delisted_on",
                _("It must lie after the first day of trading, %(day)s.") % {"day": row.listed_on},
            )
        )  # fmt: skip
    return [*found, *_not_convertible(row.currency, known)]


def venue_problems(mic: str, ticker: str, share_class: str, currency: str) -> list[Problem]:
    """Whether an exchange has such a ticker, and whether class and currency are those of its shares."""
    venue = VENUES.get(mic)
    if venue is None:
        if _ANY_TICKER.fullmatch(ticker):
            return []
        return [Problem("ticker_shape", "ticker", _("Write a ticker with capital letters, digits, points and dashes."))]
    shape = next((shape for shape in venue.shapes if shape[0].fullmatch(ticker)), None)
    if shape is None:
        return [Problem("ticker_shape", "ticker", venue.words())]
    _pattern, classes, currencies = shape
    found = []
    if share_class not in classes:
        labels = _(" or ").join(str(ShareClass(one).label) for one in classes)
        words = _("%(ticker)s on %(mic)s are %(classes)s: choose that, or correct the ticker.")
        found.append(
            Problem("class_of_venue", "share_class", words % {"ticker": ticker, "mic": mic, "classes": labels})
        )
    if currency not in currencies:
        words = _("%(ticker)s is traded in %(currency)s on %(mic)s: write that, or correct the ticker.")
        found.append(
            Problem(
                "currency_of_venue", "currency",
                words % {"ticker": ticker, "mic": mic, "currency": _(" or ").join(currencies)},
            )
        )  # fmt: skip
    return found


# --- Shares -----------------------------------------------------------------------------------------


def share_count_problems(row: ShareCount, known: Known) -> list[Problem]:
    """A count that moves market value by more than a fifth is asked about, unless corporate actions explain it."""
    before, words = _count_before(row, known)
    if before is None or not before:
        return []
    move = row.total / before - 1
    if abs(move) <= LARGE_MOVE:
        return []
    return [
        Problem(
            "large_move",
            "total",
            words
            % {
                "before": plain_words(before, before),
                "total": f"{row.total:,}",
                "percent": f"{move * 100:+,.1f}%",
            },
            Weight.CONFIRM,
            f"large_move:{row.share_class}:{row.valid_from}:{before:f}:{row.total}",
        )
    ]


def _count_before(row: ShareCount, known: Known) -> tuple[Decimal | None, str]:
    """The count that a count is compared with, if there is one, and how to speak of it."""
    was = known.was.get((ShareCount, row.pk))
    if isinstance(was, ShareCount) and (was.share_class, was.valid_from) == (row.share_class, row.valid_from):
        return Decimal(was.total), _(
            "This moves market value by %(percent)s: the count was %(before)s and becomes %(total)s. Check the "
            "number; confirm it if it is right."
        )
    words = _(
        "This moves market value by %(percent)s: %(before)s shares are in force before it, %(total)s after it, and no "
        "corporate action explains it. Check the number or enter the action; confirm it if it is right."
    )
    return count_in_force(row, known), words


def count_in_force(row: ShareCount | CorporateAction, known: Known) -> Decimal | None:
    """How many shares there are on the day of a count or an action by what is known without it; None where nothing is.

    A count of the day of an action may be of after it, so that an action is compared with earlier ones.
    """
    day = row.valid_from if isinstance(row, ShareCount) else row.ex_day - timedelta(days=1)
    others = [
        one
        for one in known.counts.get(row.company_id, [])
        if not _is_same_row(one, row)
        if one.share_class == row.share_class and one.valid_from <= day
    ]
    if not others:
        return None
    last = max(others, key=lambda one: one.valid_from)
    total = Decimal(last.total)
    for action in sorted(known.actions.get(row.company_id, []), key=lambda action: action.ex_day):
        if _is_same_row(action, row):
            continue
        concerns = action.share_class in (ShareClass.ALL, row.share_class)
        if concerns and last.valid_from < action.ex_day <= day:
            total = total * action.ratio + action.new_shares
    return total


def action_problems(row: CorporateAction, known: Known) -> list[Problem]:
    """A ratio that changes something, and is not "so many for ten"."""
    if row.kind == CorporateAction.Kind.PLACING:
        return _large_placing(row, known)
    if row.kind == CorporateAction.Kind.DIVIDEND:
        return _not_convertible(row.currency, known)
    if row.ratio == 1:
        words = _("A ratio of 1 changes nothing. Give the shares after it for each share before: 1.49 for 4.9 for 10.")
        return [Problem("ratio", "ratio", words)]
    if row.kind == CorporateAction.Kind.BONUS and row.ratio >= LARGE_BONUS:
        words = _(
            "This makes %(ratio)s shares of each one. A bonus of 4.9 for 10 has ratio 1.49. Confirm it if it is right."
        )
        ratio = f"{row.ratio.normalize():f}"
        return [
            Problem("ratio", "ratio", words % {"ratio": ratio}, Weight.CONFIRM, f"ratio:{row.ex_day}:{ratio}")
        ]  # fmt: skip
    return []


def _large_placing(row: CorporateAction, known: Known) -> list[Problem]:
    """A placing that adds more than a fifth to the shares is asked about."""
    before = count_in_force(row, known)
    was = known.was.get((CorporateAction, row.pk))
    if isinstance(was, CorporateAction) and (was.ex_day, was.new_shares) == (row.ex_day, row.new_shares):
        return []  # nothing new is said
    if not before or row.new_shares / before <= LARGE_MOVE:
        return []
    words = _(
        "This moves market value by %(percent)s: %(new)s shares are added to %(before)s. Check the number; confirm it "
        "if it is right."
    )
    told = {"new": f"{row.new_shares:,}", "before": plain_words(before, before)}
    return [
        Problem(
            "large_move",
            "new_shares",
            words % {**told, "percent": f"{row.new_shares / before * 100:+,.1f}%"},
            Weight.CONFIRM,
            f"large_move:{row.share_class}:{row.ex_day}:{before:f}:{row.new_shares}",
        )
    ]


# --- Figures ----------------------------------------------------------------------------------------


def figure_problems(row: Figure, known: Known) -> list[Problem]:
    """A range in order, a sign and a currency that its metric has, days in order, and the same figure only once."""
    return [
        *value_problems(row.metric, row.low, row.high, row.currency),
        *_figure_days(row),
        *_same_figures(row, known),
        *_not_convertible(row.currency, known),
    ]


def value_problems(metric: str, low: Decimal | None, high: Decimal | None, currency: str) -> list[Problem]:
    """Whether a metric may have such a value."""
    found = []
    if low is not None and high is not None and low > high:
        words = _("The high (%(high)s) is below the low (%(low)s).")
        found.append(
            Problem(
                "low_is_at_most_high", "high",
                words % {"high": plain_words(high, high), "low": plain_words(low, low)},
            )
        )  # fmt: skip
    if metric not in MAY_BE_NEGATIVE:
        negative = next((name for name, value in (("low", low), ("high", high)) if value is not None and value < 0), "")
        if negative:
            found.append(Problem("sign", negative, _("This metric is never below zero: write it without a minus.")))
    if metric in MONEY_METRICS and not currency:
        found.append(Problem("currency", "currency", _("An amount of money needs its currency.")))
    if metric not in MONEY_METRICS and currency:
        found.append(
            Problem("currency", "currency", _("This metric is no amount of money: leave the currency empty."))
        )  # fmt: skip
    return found


def _figure_days(row: Figure) -> list[Problem]:
    found = []
    # A day that is inferred from a statutory deadline may lie ahead.
    if row.known_by != KnownBy.INFERRED and not _has_come(row.known_on, exact=row.known_by == KnownBy.STATED):
        found.append(Problem("known_on", "known_on", _("This day has not come yet.")))
    # Offer terms are stocks on the first day of trading, and known before it.
    is_flow = row.period_start is not None
    if is_flow and row.basis == Basis.ACTUAL and row.known_on < row.period_end:
        words = _("An actual figure is known after its period has ended, on %(end)s or later. Or choose another basis.")
        found.append(Problem("known_on", "known_on", words % {"end": row.period_end}))
    published = row.source.published_on if row.source.published_precision == "day" else None
    if published is not None and row.known_on < published and row.source.tier == Tier.OFFICIAL:
        words = _("Its source was published on %(day)s: it cannot have been known from it before.")
        found.append(Problem("known_on", "known_on", words % {"day": published}))
    return found


def _has_come(day: date, *, exact: bool = False) -> bool:
    """Whether a day has come. Unless it is exact, the last day of a month may stand for a month that has begun."""
    now = today()
    return day <= now or (not exact and day == month_end(now.year, now.month))


def _is_same_row(one: Model, other: Model) -> bool:
    return one is other or (type(one) is type(other) and one.pk is not None and one.pk == other.pk)


def _figure_key(row: Figure) -> tuple[Any, ...]:
    return row.company_id, row.listing_id, row.metric, row.period, row.basis


def _same_figures(row: Figure, known: Known) -> list[Problem]:
    """What is said of the same thing already: the same by the same source, other by the same, or by others."""
    if row.status in (Figure.Status.REJECTED, Figure.Status.SUPERSEDED):
        return []
    rivals = [
        one
        for one in known.figures.get(_figure_key(row), [])
        if not _is_same_row(one, row) and (row.replaces_id is None or one.pk != row.replaces_id)
    ]
    was = known.was.get((Figure, row.pk))
    if isinstance(was, Figure) and _identity(was) == _identity(row):
        return []  # nothing new is said
    of_source = [one for one in rivals if one.source_id == row.source_id]
    same = next((one for one in of_source if _value(one) == _value(row)), None)
    if same is not None:
        words = _("This source's figure is stored already: change that one if something of it is wrong.")
        return [Problem("same_figure", "source", words, other=same)]
    if of_source:
        words = _(
            "The same source is stored with %(value)s for this period. Change that figure if it is wrong; confirm this "
            "one if the source states both."
        )
        return [_doubt("other_number", row, of_source[0], words, {"value": value_words(of_source[0])})]
    if rivals:
        first = rivals[0]
        for one in rivals[1:]:
            first = goes_first(first, one)[0]
        return [_also_reported(row, first)]
    return []


def _also_reported(row: Figure, other: Figure) -> Problem:
    shown, reason = goes_first(row, other)
    words = _(
        "%(source)s states %(value)s for the same period. %(which)s %(why)s; the other is listed as “also reported”. "
        "Confirm that this one stands beside it."
    )
    which = _("This figure is shown first:") if shown is row else _("That figure stays first:")
    return _doubt(
        "also_reported",
        row,
        other,
        words,
        {"source": other.source, "value": value_words(other), "which": which, "why": _why_first(reason)},
    )


def _doubt(code: str, row: Figure, other: Figure, words: str, params: dict[str, Any]) -> Problem:
    key = f"{code}:{other.pk}:{row.metric}:{row.period}:{row.basis}:{row.source_id}:{row.low}:{row.high}"
    return Problem(code, "source", words % params, Weight.CONFIRM, key, other)


def _identity(row: Figure) -> tuple[Any, ...]:
    return (*_figure_key(row), row.source_id, *_value(row), row.status)


def _value(row: Figure) -> tuple[Any, ...]:
    return row.low, row.high, row.currency


def value_words(row: Figure) -> str:
    """Every digit of a figure, with its currency or percent sign."""
    percent = "%" if row.metric.endswith("_pct") else ""
    return f"{plain_words(row.low, row.high, row.currency)}{percent}"


def goes_first(row: Figure, other: Figure) -> tuple[Figure, str]:
    """Which of two figures of one thing on one basis is shown, and why: `tier`, `newer`, `closed` or `entered`.

    The same order as pages choose by (docs/formulas.md, "Choice among sources").
    """
    tiers = Tier.values
    of_two = (row, other)
    if row.basis == Basis.GUIDANCE and row.reported_in != other.reported_in and row.known_on != other.known_on:
        return max(of_two, key=lambda one: one.known_on), "newer"
    if row.source.tier != other.source.tier:
        return min(of_two, key=lambda one: tiers.index(one.source.tier)), "tier"
    if row.known_on != other.known_on:
        return max(of_two, key=lambda one: one.known_on), "newer"
    closed = [one for one in of_two if one.low is not None and one.high is not None]
    if len(closed) == 1:
        return closed[0], "closed"
    entered = (one for one in of_two if one._state.adding is False)
    return min(entered, key=lambda one: one.pk, default=other), "entered"


def _why_first(reason: str) -> str:
    return {
        "tier": _("its source is nearer to the company"),
        "newer": _("it is the newer statement"),
        "closed": _("its range is closed"),
        "entered": _("it was entered first"),
    }[reason]


# --- Rounds, milestones, filings ----------------------------------------------------------------------


def round_problems(row: FundingRound, known: Known) -> list[Problem]:
    """Amounts above zero and in order, and a day of publication that has come."""
    found = [
        Problem("sign", name, _("An amount is above zero."))
        for name in ("amount", "post_money_low", "post_money_high")
        if (value := getattr(row, name)) is not None and value <= 0
    ]
    if row.post_money_low is not None and row.post_money_high is not None and row.post_money_low > row.post_money_high:
        found.append(Problem("low_is_at_most_high", "post_money_high", _("The high is below the low.")))
    if row.known_on is not None and not _has_come(row.known_on):
        found.append(Problem("known_on", "known_on", _("This day has not come yet.")))
    return [*found, *_not_convertible(row.currency, known)]


def milestone_problems(row: Milestone, known: Known) -> list[Problem]:
    """A day of publication that has come; the step itself may lie ahead."""
    if not _has_come(row.known_on):
        return [Problem("known_on", "known_on", _("This day has not come yet: give the day of publication."))]
    return []


def filing_problems(row: Filing, known: Known) -> list[Problem]:
    """A day of publication that has come, and corrections that come after what they correct, of the same company."""
    found = []
    for name in ("published_on", "seen_on"):
        day: date | None = getattr(row, name)
        # Of a date known by its month the last day stands for it, and may lie ahead.
        exact = name == "seen_on" or row.published_precision == "day"
        if day is not None and exact and day > today():
            found.append(Problem("published_on", name, _("This day has not come yet.")))
    corrected = row.corrects
    if corrected is not None:
        if corrected.published_on and row.published_on and row.published_on < corrected.published_on:
            words = _("The document that it corrects was published later, on %(day)s: choose the earlier one.")
            found.append(Problem("corrects", "corrects", words % {"day": corrected.published_on}, other=corrected))
        if corrected.company_id != row.company_id:
            words = _("The document that it corrects is about another company.")
            found.append(Problem("corrects", "corrects", words, other=corrected))
    return found


def _not_convertible(currency: str, known: Known) -> list[Problem]:
    if not currency or known.convertible is None or currency in known.convertible:
        return []
    words = _("There is no exchange rate for %(currency)s: no page will show this in another currency.")
    return [Problem("no_rate", "currency", words % {"currency": currency}, Weight.HINT)]


_RULES: dict[type[Model], tuple[Callable[[Any, Known], list[Problem]], ...]] = {
    Company: (company_problems,),
    Listing: (listing_problems,),
    ShareCount: (share_count_problems,),
    CorporateAction: (action_problems,),
    Figure: (figure_problems,),
    FundingRound: (round_problems,),
    Milestone: (milestone_problems,),
    Filing: (filing_problems,),
}
