"""From valuations to charts: chooses what is drawn, in the reader's unit and the reader's words."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from companies.models import Company, CorporateAction, Listing, ShareClass, ShareCount
from companies.models.company import OLDEST_LISTING_FIRST
from valuations.charts import (
    Chart,
    Extent,
    Line,
    LineWords,
    Mark,
    SectorWords,
    can_draw,
    compared_chart,
    line_chart,
    sector_chart,
    thinned,
)
from valuations.compare import History
from valuations.models import FxRate, Quote
from valuations.money import Money
from valuations.rates import Rate, RateMissing, Rates
from valuations.reasons import Missing
from valuations.rebase import START
from valuations.sector import Sector
from valuations.shares import Action, Count, CountMissing, adjustment, behind_price, shares_on
from valuations.snapshot import RATE_WINDOW, CompanyValuation, as_seen, share_count
from valuations.state import State
from valuations.templatetags.comparison import index
from valuations.templatetags.numbers import (
    basis_word,
    currency,
    day,
    money,
    multiple,
    name,
    period,
    revenue_basis_word,
    sentences,
    table_unit,
    unit,
)


def sector_figure(sector: Sector) -> dict[str, Any]:
    """The sector chart of a page of rows: `data` and `layout` for Plotly, `caption` and `not_drawn` for the page.

    `not_drawn` names each row that has no place on the chart, with the reason.
    """
    state = sector.state
    divisor, unit_name = table_unit(state.currency)
    marks: list[Mark] = []
    not_drawn: list[dict[str, str]] = []
    for row in sector.page_rows:
        drawn = _mark(row, state.scale, divisor)
        if isinstance(drawn, Mark):
            marks.append(drawn)
        else:
            not_drawn.append({"name": name(row.company), "slug": row.company.slug, "reason": drawn})
    words = SectorWords(
        x_title=_("Revenue, %(basis)s (%(unit)s)") % {"basis": revenue_basis_word(state.basis), "unit": unit_name},
        y_title=_("Market value (%(unit)s)") % {"unit": unit_name},
        multiple=_("P/S {}×"),
        listed=_("listed"),
        unlisted=_("not listed, at the last funding round"),
        benchmark=_("benchmark"),
        summary=_summary(sector, marks),
    )
    chart = sector_chart(marks, words, scale=state.scale)
    return {**chart, "caption": _caption(state, marks), "not_drawn": not_drawn}


def _mark(row: CompanyValuation, scale: str, divisor: Decimal) -> Mark | str:
    """The row's place on the chart, or why it has none."""
    value, revenue = row.market_value, row.revenue
    if value is None:
        return str(row.missing.get("market_value", Missing("no_value")))
    if revenue is None:
        return str(row.missing.get("revenue", Missing("no_revenue")))
    if not revenue.flow.covers_a_year:
        return str(Missing("part_of_year", {"period": period(revenue.flow.period)}))
    x, y = _extent(revenue.money, divisor), _extent(value.money, divisor)
    if not can_draw(x, y, scale):
        return _("revenue is not above zero, which a logarithmic axis cannot show")
    priced = _("last funding round, %(day)s") if value.round else _("price of %(day)s")
    facts = [
        _("Market value: %(value)s (%(priced)s)")
        % {"value": money(value.money), "priced": priced % {"day": day(value.day)}},
        _("Revenue: %(value)s (%(period)s, %(basis)s)")
        % {
            "value": money(revenue.money),
            "period": period(revenue.flow.period),
            "basis": basis_word(revenue.flow.basis),
        },
    ]
    if row.price_to_sales:
        facts.append(_("Price to sales: %(value)s") % {"value": multiple(row.price_to_sales)})
    return Mark(
        key=row.company.slug,
        name=name(row.company),
        x=x,
        y=y,
        hover=facts,
        hollow=not row.is_listed,
        benchmark=row.company.is_benchmark,
    )


def _extent(amount: Money, divisor: Decimal) -> Extent:
    low, high = amount.low, amount.high
    return Extent(None if low is None else low / divisor, None if high is None else high / divisor)


def _summary(sector: Sector, marks: Sequence[Mark]) -> str:
    """What the chart shows, in a sentence for those who do not see it."""
    if not marks:
        return _("No company can be drawn.")
    drawn = {mark.key for mark in marks if not mark.benchmark}
    rows = [row for row in sector.page_rows if row.company.slug in drawn]
    said = [_("Market value against revenue of %(n)s companies.") % {"n": len(marks)}]
    valued = [(row.market_value.money.high, row) for row in rows if row.market_value]
    by_value = [(high, row) for high, row in valued if high is not None]
    if by_value:
        top = max(by_value, key=lambda pair: pair[0])[1]
        if top.market_value:
            said.append(
                _("Highest market value: %(name)s, %(value)s.")
                % {"name": name(top.company), "value": money(top.market_value.money)}
            )
    dear = [(row.price_to_sales.high, row) for row in rows if row.price_to_sales]
    by_multiple = sorted((pair for pair in dear if pair[0] is not None), key=lambda pair: pair[0] or Decimal(0))
    if len(by_multiple) > 1:
        said.append(
            _("Price to sales from %(low)s (%(cheapest)s) to %(high)s (%(dearest)s).")
            % {
                "low": multiple(by_multiple[0][1].price_to_sales),
                "cheapest": name(by_multiple[0][1].company),
                "high": multiple(by_multiple[-1][1].price_to_sales),
                "dearest": name(by_multiple[-1][1].company),
            }
        )
    return sentences(said)


def _caption(state: State, marks: Sequence[Mark]) -> list[str]:
    """The sentences under the chart; only about what is on it."""
    said = [
        _("Both axes are logarithmic: each decade is ten times the one before.")
        if state.scale == "log"
        else _("Both axes are linear and begin at zero."),
        _("Dotted lines join companies with the same price-to-sales multiple."),
    ]
    extents = [extent for mark in marks for extent in (mark.x, mark.y)]
    if any(not extent.is_open and extent.low != extent.high for extent in extents):
        said.append(_("Bars show a range."))
    if any(extent.is_open for extent in extents):
        said.append(_("Triangles point to the end of a range that is not known."))
    if any(mark.hollow for mark in marks):
        said.append(_("Hollow marks are not listed, at their last funding round."))
    if any(mark.benchmark for mark in marks):
        said.append(_("Squares are benchmarks, left out of the totals."))
    return said


def history_figures(company: Company, state: State, *, raw: bool) -> dict[str, Chart]:
    """Charts of a company's past up to the day of the state: the price of each listing, and its market value.

    Prices are comparable with those of the day unless `raw`: bonus issues and splits since are taken out. Five queries,
    whatever the length of the history; six for a reader who is shown prices late.
    """
    history = _History(company, state)
    charts: dict[str, Chart] = {}
    for listing in history.listings:
        quotes = history.quotes[listing.pk]
        if len(quotes) > 1:
            charts[f"price-{listing.pk}"] = _price_chart(listing, quotes, history.adjusting(listing), raw=raw)
    values = history.market_values()
    if sum(value is not None for _day, value in values) > 1:
        charts["market-value"] = _value_chart(values, state)
    return charts


def _price_chart(
    listing: Listing, quotes: Sequence[tuple[date, Decimal]], actions: Sequence[Action], *, raw: bool
) -> Chart:
    points = [(when, close if raw else close * adjustment(when, actions)) for when, close in thinned(quotes)]
    words = LineWords(
        title=_("Price of %(listing)s") % {"listing": listing},
        y_title=_("%(currency)s per share") % {"currency": currency(listing.currency)},
        caption=(
            _("Closing prices as they were paid; bonus issues show as steps.")
            if raw
            else _("Closing prices, adjusted for bonus issues and splits; what was paid is shown as raw prices.")
        )
        if actions
        else _("Closing prices as they were paid."),
        summary=_("Closing price from %(first)s, %(low)s, to %(last)s, %(high)s %(currency)s per share.")
        % {
            "first": day(points[0][0]),
            "low": f"{points[0][1]:,.2f}",
            "last": day(points[-1][0]),
            "high": f"{points[-1][1]:,.2f}",
            "currency": currency(listing.currency),
        },
        notes=[(action.ex_day, f"× {action.ratio.normalize():f}") for action in actions],
    )
    return line_chart([Line(str(listing), points, currency(listing.currency))], words)


def _value_chart(values: Sequence[tuple[date, Decimal | None]], state: State) -> Chart:
    divisor, unit_name = table_unit(state.currency)
    known = [(when, value) for when, value in values if value is not None]
    words = LineWords(
        title=_("Market value"),
        y_title=_("Market value (%(unit)s)") % {"unit": unit_name},
        caption=_("Price × shares × exchange rate, each of the day itself. Gaps: one of the three is not known."),
        summary=_("Market value from %(first)s, %(low)s, to %(last)s, %(high)s.")
        % {
            "first": day(known[0][0]),
            "low": money(Money.of(known[0][1], state.currency)),
            "last": day(known[-1][0]),
            "high": money(Money.of(known[-1][1], state.currency)),
        },
    )
    points = [(when, None if value is None else value / divisor) for when, value in values]
    return line_chart([Line(_("Market value"), points, unit(state.currency))], words)


def _closes(company: Company, until: date, cutoff: datetime | None) -> Iterator[tuple[int, date, Decimal]]:
    """The price of each day by listing, oldest first; of the newest days the one made at `cutoff` or before."""
    quotes = Quote.objects.filter(listing__company=company, day__lte=until).order_by("day")
    if cutoff is None:
        yield from quotes.values_list("listing_id", "day", "close")
        return
    recent = cutoff.date() - timedelta(days=1)
    yield from quotes.filter(day__lt=recent).values_list("listing_id", "day", "close")
    for quote in quotes.filter(day__gte=recent).old_enough(cutoff):
        yield quote.listing_id, quote.day, as_seen(quote, cutoff).close


def comparison_figure(history: History) -> Chart | None:
    """Chart of the rebased prices of a comparison; None where there is nothing to draw."""
    if history.base is None or not history.courses:
        return None
    ranked = sorted(history.courses, key=lambda course: course.last, reverse=True)
    until = max(course.points[-1][0] for course in history.courses)
    words = LineWords(
        title=_("Share prices, %(day)s = 100") % {"day": day(history.base)},
        y_title=_("%(day)s = 100") % {"day": day(history.base)},
        caption=sentences(
            [
                _("100 is the price of %(day)s, the first day by which all drawn here have one.")
                % {"day": day(history.base)},
                _("Closes in each share’s own currency, adjusted for bonus issues and splits; without dividends."),
            ]
        ),
        summary=_("Share prices from %(first)s, when each is 100, to %(last)s: %(ends)s.")
        % {
            "first": day(history.base),
            "last": day(until),
            "ends": pgettext("between two facts", ", ").join(
                f"{name(course.member.company)} {index(course.last)}" for course in ranked
            ),
        },
    )
    lines = [Line(name(course.member.company), course.points) for course in history.courses]
    return compared_chart(lines, words, reference=START)


class _History:
    """What is needed of one company's past, read at once."""

    def __init__(self, company: Company, state: State) -> None:
        self.currency = state.currency
        until = state.day
        self.listings = [
            listing
            for listing in Listing.objects.filter(company=company).order_by(*OLDEST_LISTING_FIRST)
            if listing.listed_on is None or listing.listed_on <= until
        ]
        self.quotes: dict[int, list[tuple[date, Decimal]]] = defaultdict(list)
        for listing_id, when, close in _closes(company, until, state.question.cutoff(timezone.now())):
            self.quotes[listing_id].append((when, close))
        self.actions: list[tuple[str, Action]] = [
            (row.share_class, Action(row.ex_day, row.ratio, row.new_shares, row.kind))
            for row in CorporateAction.objects.filter(company=company, ex_day__lte=until)
        ]
        self.counts: dict[str, list[Count]] = defaultdict(list)
        for row in ShareCount.objects.filter(company=company).select_related("source"):
            self.counts[row.share_class].append(share_count(row))
        first = min((days[0][0] for days in self.quotes.values()), default=until)
        self.rates = Rates(
            (
                Rate(row.base, row.quote, row.day, row.rate, row.provider)
                for row in FxRate.objects.filter(span=FxRate.Span.DAY, day__gte=first - RATE_WINDOW, day__lte=until)
            ),
            settings.RATE_SOURCES,
        )

    def adjusting(self, listing: Listing) -> list[Action]:
        """Bonus issues and splits of the listing's class of shares."""
        of_class = (ShareClass.ALL, listing.share_class)
        return [action for kind, action in self.actions if kind in of_class and action.ratio != 1]

    def market_values(self) -> list[tuple[date, Decimal | None]]:
        """Market value by day in units of the state's currency; None where an input of the day is lacking."""
        days = thinned(sorted({when for quotes in self.quotes.values() for when, _close in quotes}))
        return [(when, self._value(when)) for when in days]

    def _value(self, when: date) -> Decimal | None:
        trading = [
            listing
            for listing in self.listings
            if (listing.listed_on is None or listing.listed_on <= when)
            and (listing.delisted_on is None or listing.delisted_on > when)
        ]
        classes = {listing.share_class for listing in trading}
        parts: dict[str, Decimal] = {}
        try:
            for listing in trading:
                if listing.share_class not in parts:  # the first listing of a class values it
                    part = self._part(listing, when, alone=len(classes) == 1)
                    parts |= {} if part is None else {listing.share_class: part}
        except (CountMissing, RateMissing):
            return None
        return sum(parts.values(), Decimal(0)) if parts and len(parts) == len(classes) else None

    def _part(self, listing: Listing, when: date, *, alone: bool) -> Decimal | None:
        quotes = self.quotes[listing.pk]
        place = bisect_right(quotes, when, key=lambda quote: quote[0])
        if not place:
            return None
        on, close = quotes[place - 1]
        _class, counts, actions = behind_price(listing.share_class, self.counts, self.actions, alone=alone)
        shares = shares_on(on, counts, actions, listing.listed_on)
        return close * shares.total * self.rates.conversion(listing.currency, self.currency, on).factor
