"""Words and numbers of the company page and of the ledger of refreshes."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from django import template
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from companies.filings.problem_words import problem_in_words
from companies.models import Figure, FundingRound, Metric, Precision
from valuations.charts import Chart
from valuations.listing_prices import ListingPrices
from valuations.models import RefreshOutcome
from valuations.money import Interval, Money
from valuations.reason_words import reason_in_words
from valuations.sessions import FreshnessState
from valuations.source_words import provider_in_words
from valuations.tally import QUIET, RunTally
from valuations.templatetags.numbers import (
    MONTHS,
    Word,
    day,
    ends,
    in_chinese,
    in_currency,
    moment,
    money,
    price,
    rounded,
)

register = template.Library()

PER_SHARE = (Metric.OFFER_PRICE, Metric.FIRST_DAY_OPEN, Metric.FIRST_DAY_HIGH, Metric.FIRST_DAY_CLOSE)
DIGITS = 5
POINTS_SHOWN = 30
STATE_MEANINGS: dict[FreshnessState, Word] = {
    FreshnessState.LIVE: gettext_lazy("The exchange is open and this is its latest price."),
    FreshnessState.DELAYED: gettext_lazy("The exchange is open; this price is shown late."),
    FreshnessState.LUNCH_BREAK: gettext_lazy("The exchange pauses for lunch; this is the last price before it."),
    FreshnessState.CLOSED: gettext_lazy("The exchange is closed; this is the price of its last session."),
    FreshnessState.HOLIDAY: gettext_lazy("The exchange does not trade today; this is the price of its last session."),
    FreshnessState.SUSPENDED: gettext_lazy("The share does not trade at the moment; this is its last price."),
    FreshnessState.STALE: gettext_lazy("The exchange has traded since, and no newer price has arrived."),
    FreshnessState.FAILED: gettext_lazy("The exchange has traded since, and the last attempt to renew it failed."),
}


@register.filter
def figure_value(figure: Figure) -> str:
    """What a figure states, with its unit: `CNY 1.6–1.7 bn`, `HKD 19.60`, `54%`, `1,024`."""
    interval = Interval(figure.low, figure.high)
    if figure.metric in PER_SHARE:
        return in_currency(ends(interval, lambda end, _more: price(end)), figure.currency)
    if figure.currency:
        return money(Money(interval, figure.currency), DIGITS)
    # As stated: a winning rate of 0.03635054% differs from one of 0.0364%.
    text = ends(interval, lambda end, _more: rounded(end, 8))
    return f"{text}%" if figure.metric.endswith("_pct") else text


@register.filter
def about(close: Decimal) -> str:
    """A computed price per share, rounded to cents; to four digits below one."""
    return f"{close:,.2f}" if close >= 1 else f"{close:.4f}"


@register.filter
def post_money(funding: FundingRound) -> str:
    """The value of the whole company that a round states, a range where it states one; nothing when it does not."""
    if funding.post_money_low is None and funding.post_money_high is None:
        return ""
    return money(Money.between(funding.post_money_low, funding.post_money_high, funding.currency), DIGITS)


@register.filter
def raised(funding: FundingRound) -> str:
    """What a round raised; nothing when that is not stated."""
    return "" if funding.amount is None else money(Money.of(funding.amount, funding.currency), DIGITS)


@register.filter
def rough_day(value: date | None, precision: str = Precision.DAY) -> str:
    """A day as precisely as it is known: `30 Sep 2026`, `Sep 2026`, `2026`."""
    if value is None or precision in ("", Precision.DAY):
        return day(value)
    if precision == Precision.YEAR:
        return f"{value.year}年" if in_chinese() else str(value.year)
    return f"{value.year}年{value.month}月" if in_chinese() else f"{MONTHS[value.month - 1]} {value.year}"


@register.filter
def founded_on(text: str) -> str:
    """When a company was founded, as precisely as it is known: `2020`, `2020-06`, `2020-06-11`."""
    parts = [int(part) for part in text.split("-")]
    precision = (Precision.YEAR, Precision.MONTH, Precision.DAY)[len(parts) - 1]
    return rough_day(date(parts[0], *[*parts[1:], 1, 1][:2]), precision)


@register.filter
def newest_points(chart: Chart) -> list[tuple[date, str]]:
    """The newest points of a chart's first line, newest first: the table beside the drawing."""
    line = chart["data"][0]
    points = [pair for pair in zip(line["x"], line["y"], strict=True) if pair[1] is not None]
    return [(date.fromisoformat(when), f"{value:,}") for when, value in reversed(points[-POINTS_SHOWN:])]


@register.filter
def result_word(value: str) -> str:
    """The word for what became of a listing in a refresh."""
    return str(RefreshOutcome.Result(value).label) if value in RefreshOutcome.Result.values else value


@register.filter
def needs_a_look(value: str) -> bool:
    """Whether somebody should find out why a listing's outcome is this one."""
    return value not in QUIET


@register.filter
def provider_word(slug: str) -> str:
    """The name of the source that gave a row."""
    return provider_in_words(slug)


@register.filter
def reason_word(code: str) -> str:
    """The words for a reason's code; a code without words as it is."""
    return reason_in_words(code)


@register.filter
def detail_word(detail: str) -> str:
    """What is stored in English beside a reason, in the reader's language where its words are known."""
    return problem_in_words(detail)


@register.filter
def state_meaning(value: str) -> str:
    """What the state of a price means, in a sentence."""
    return str(STATE_MEANINGS[FreshnessState(value)])


@register.filter
def price_age(shown: ListingPrices) -> str:
    """When a price was made, and for how many minutes its exchange has been open since."""
    if shown.price is None:
        return ""
    if shown.last_at is None:
        return _("Price of %(day)s; its source gives no time.") % {"day": day(shown.price.day)}
    if shown.open_minutes is None:
        return _("Last price %(time)s.") % {"time": moment(shown.last_at)}
    minutes = shown.open_minutes
    said = ngettext(
        "Last price %(time)s, %(n)s open minute old.", "Last price %(time)s, %(n)s open minutes old.", minutes
    )
    return said % {"time": moment(shown.last_at), "n": minutes}


@register.simple_tag
def lasted(start: datetime, end: datetime | None) -> str:
    """How long something took, in seconds or minutes; nothing while it is not over."""
    if end is None:
        return ""
    seconds = (end - start).total_seconds()
    return _span(seconds, digits=1 if seconds < 10 else 0)


@register.simple_tag
def time_left(tally: RunTally) -> str:
    """How long an open run will take at its present pace; nothing when that is not known."""
    left = tally.time_left(timezone.now())
    return "" if left is None else _span(max(left.total_seconds(), 1))


def _span(seconds: float, digits: int = 0) -> str:
    if seconds < 120:
        return _("%(n)s s") % {"n": f"{seconds:.{digits}f}"}
    return _("%(n)s min") % {"n": round(seconds / 60)}
