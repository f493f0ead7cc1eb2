"""Where a number comes from: its formula, its inputs with their sources, and what others report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from companies.models import CorporateAction, Figure, Filing, FundingRound, ShareClass, ShareCount
from valuations.models import FxRate, ReportedQuote
from valuations.money import Interval, Money
from valuations.rates import Conversion
from valuations.snapshot import CompanyValuation, Holding, MarketValue, Price, Revenue, Snapshot
from valuations.templatetags.numbers import period, share_price

FIELDS = ("price", "market_value", "revenue", "price_to_sales", "rd_to_revenue")


@dataclass(frozen=True, slots=True)
class Line:
    """One input or one other report: what it is, its value, and where that is said.

    `value` is a Money, an Interval, a Decimal, an int, or a text; templates format it.
    """

    label: str
    value: Any
    source: Filing | None = None
    provider: str = ""
    fetched_at: datetime | None = None
    day: date | None = None
    period: str = ""
    basis: str = ""
    known_on: date | None = None
    known_by: str = ""
    passage: str = ""
    note: str = ""
    price: Price | None = None  # of a line that states one: its freshness
    figure: Figure | None = None  # of a line that is one: its own page, and the place of its sentence


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything the source panel shows of one number."""

    name: str
    row: CompanyValuation
    value: Any
    formula: str
    lines: tuple[Line, ...]
    also: tuple[Line, ...] = ()
    notes: tuple[str, ...] = field(default_factory=tuple)
    missing: str = ""


def explanation(snapshot: Snapshot, row: CompanyValuation, name: str) -> Explanation:
    """How one number of one row came about.

    Args:
        name: One of `FIELDS`.

    Raises:
        KeyError: There is no such number.
    """
    makers = {
        "price": _price,
        "market_value": _market_value,
        "revenue": _revenue,
        "price_to_sales": _price_to_sales,
        "rd_to_revenue": _rd_to_revenue,
    }
    return makers[name](snapshot, row)


def row_sources(snapshot: Snapshot, row: CompanyValuation) -> list[tuple[str, Line]]:
    """Every input of every number of a row, for exports: (name of the number, input)."""
    found: list[tuple[str, Line]] = []
    if row.price:
        found.append(("price", _quote_line(row.price)))
    if row.market_value:
        found += [("market_value", line) for line in _value_lines(snapshot, row.market_value)]
    if row.revenue:
        found += [("revenue", line) for line in _flow_lines(snapshot, row.revenue)]
    return found


def _price(snapshot: Snapshot, row: CompanyValuation) -> Explanation:
    price = row.price
    if price is None:
        return _absent(row, "price")
    also = [
        Line(
            label=_("close, also reported"),
            value=Money.of(reported.close, price.listing.currency),
            source=reported.source,
            day=reported.day,
        )
        for reported in _reported(price, snapshot.question.as_of).filter(close__isnull=False)
        if reported.close is not None
    ]
    source = price.quote.source
    notes = []
    if source and source.published_on and source.published_on > snapshot.question.as_of:
        notes.append(_("A price counts from its own day; the page it was read from is of a later day."))
    return Explanation(
        name="price",
        row=row,
        value=Money.of(price.value, price.listing.currency),
        formula="",
        lines=(_quote_line(price),),
        also=tuple(also),
        notes=tuple(notes),
    )


def _market_value(snapshot: Snapshot, row: CompanyValuation) -> Explanation:
    value = row.market_value
    if value is None:
        return _absent(row, "market_value")
    notes = []
    if value.prices_other_classes:
        notes.append(_("Only one class of shares is listed: its price values all shares."))
    if any(holding.shares.reached_back for holding in value.holdings):
        notes.append(_("The first known share count is used back to the first day of trading."))
    if value.round:
        formula = _("post-money value of the last funding round")
        also = _other_values(row, snapshot.question.as_of, value.round.rounds)
    else:
        formula = _("price × shares × exchange rate, all of the day of the price")
        also = _vendor_values(value, snapshot.question.as_of)
    if len(value.holdings) > 1:
        formula = _("sum over the share classes of price × shares × exchange rate")
    return Explanation(
        name="market_value",
        row=row,
        value=value.money,
        formula=formula,
        lines=tuple(_value_lines(snapshot, value)),
        also=also,
        notes=tuple(notes),
    )


def _revenue(snapshot: Snapshot, row: CompanyValuation) -> Explanation:
    if row.revenue is None:
        return _absent(row, "revenue")
    return _flow_explanation(snapshot, row, "revenue", row.revenue)


def _price_to_sales(snapshot: Snapshot, row: CompanyValuation) -> Explanation:
    if row.price_to_sales is None or row.market_value is None or row.revenue is None:
        return _absent(row, "price_to_sales")
    ranged = not row.price_to_sales.is_point
    return Explanation(
        name="price_to_sales",
        row=row,
        value=row.price_to_sales,
        formula=_("market value low ÷ revenue high to market value high ÷ revenue low")
        if ranged
        else _("market value ÷ revenue"),
        lines=(
            Line(_("market value"), row.market_value.money, day=row.market_value.day),
            Line(_("revenue"), row.revenue.money, period=row.revenue.flow.period, basis=row.revenue.flow.basis),
            *_value_lines(snapshot, row.market_value),
            *_flow_lines(snapshot, row.revenue),
        ),
    )


def _rd_to_revenue(snapshot: Snapshot, row: CompanyValuation) -> Explanation:
    if row.rd_to_revenue is None or row.rd_expense is None or row.revenue is None:
        return _absent(row, "rd_to_revenue")
    return Explanation(
        name="rd_to_revenue",
        row=row,
        value=row.rd_to_revenue,
        formula=_("R&D expense ÷ revenue of the same period"),
        lines=(*_flow_lines(snapshot, row.rd_expense), *_flow_lines(snapshot, row.revenue)),
    )


def _absent(row: CompanyValuation, name: str) -> Explanation:
    reason = row.missing.get(name)
    return Explanation(name=name, row=row, value=None, formula="", lines=(), missing=str(reason) if reason else "")


def _flow_explanation(snapshot: Snapshot, row: CompanyValuation, name: str, revenue: Revenue) -> Explanation:
    flow = revenue.flow
    notes = []
    if flow.newer_period:
        newer = period(flow.newer_period)
        notes.append(_("%(period)s is known too, but what it is compared with is not.") % {"period": newer})
    if not flow.covers_a_year:
        notes.append(_("The period is not twelve months, so no multiple is computed from it."))
    formula = ""
    if flow.is_derived:
        formula = " ".join(
            f"{'+' if term.sign > 0 else '−'} {period(term.choice.figure.period)}" for term in flow.terms
        ).removeprefix("+ ")
    also = [
        _figure_line(snapshot.figures[other.key])
        for term in flow.terms
        for other in term.choice.also
        if other.key in snapshot.figures
    ]
    return Explanation(
        name=name,
        row=row,
        value=revenue.money,
        formula=formula,
        lines=tuple(_flow_lines(snapshot, revenue)),
        also=tuple(also),
        notes=tuple(notes),
    )


def _flow_lines(snapshot: Snapshot, revenue: Revenue) -> list[Line]:
    lines = [_figure_line(snapshot.figures[term.choice.figure.key], term.sign) for term in revenue.flow.terms]
    return [*lines, *_rate_lines(snapshot, revenue.conversion)]


def _figure_line(figure: Figure, sign: int = 1) -> Line:
    label = _("%(metric)s %(period)s") % {"metric": figure.get_metric_display(), "period": period(figure.period)}
    return Line(
        label=label if sign > 0 else f"− {label}",
        value=Money.between(figure.low, figure.high, figure.currency),
        source=figure.source,
        period=figure.period,
        basis=figure.basis,
        known_on=figure.known_on,
        known_by=figure.known_by,
        passage=figure.passage,
        note=figure.note,
        figure=figure,
    )


def _value_lines(snapshot: Snapshot, value: MarketValue) -> list[Line]:
    lines: list[Line] = []
    for holding in value.holdings:
        lines += _holding_lines(snapshot, holding)
    if value.round:
        lines += [_round_line(funding) for funding in value.round.rounds]
        lines += _rate_lines(snapshot, value.round.conversion)
    return lines


def _holding_lines(snapshot: Snapshot, holding: Holding) -> Iterable[Line]:
    yield _quote_line(holding.price)
    count = snapshot.counts[holding.shares.count.key]
    yield _count_line(count)
    for action in holding.shares.actions:
        yield action_line(snapshot.actions[action.key])
    yield from _rate_lines(snapshot, holding.conversion)


def _quote_line(price: Price) -> Line:
    quote = price.quote
    return Line(
        label=_("close") if quote.final else _("last price"),
        value=Money.of(quote.close, price.listing.currency),
        source=quote.source,
        provider="" if quote.source_id else quote.provider,
        fetched_at=quote.fetched_at,
        day=quote.day,
        price=price,
    )


def _count_line(count: ShareCount) -> Line:
    return Line(
        label=_("shares, %(class)s") % {"class": count.get_share_class_display()},
        value=count.total,
        source=count.source,
        day=count.valid_from,
        note=count.note or (count.get_method_display() if count.method != ShareCount.Method.REPORTED else ""),
    )


def action_line(action: CorporateAction) -> Line:
    """What happened to the shares on an ex-day, and who says so."""
    if action.cash is not None:
        value = _("%(price)s per share") % {"price": share_price(action.cash, action.currency)}
    elif action.ratio != 1:
        value = f"× {action.ratio.normalize():f}"
    else:
        value = f"+ {action.new_shares:,}"
    label = action.get_kind_display()
    if action.share_class != ShareClass.ALL:
        label = f"{label}, {action.get_share_class_display()}"
    return Line(
        label=label,
        value=value,
        source=action.source,
        provider="" if action.source_id else action.provider,
        fetched_at=action.fetched_at,
        day=action.ex_day,
        note=action.note,
    )


def _rate_lines(snapshot: Snapshot, conversion: Conversion) -> list[Line]:
    return [
        Line(
            label=f"{leg.rate.base}/{leg.rate.quote}",
            value=leg.rate.rate,
            source=rate.source,
            provider="" if rate.source_id else rate.provider,
            fetched_at=rate.fetched_at,
            day=leg.rate.day,
        )
        for leg in conversion.legs
        for rate in [_rate_row(snapshot, leg.rate.key)]
    ]


def _rate_row(snapshot: Snapshot, key: int) -> FxRate:
    return snapshot.rates[key]


def _round_line(funding: FundingRound) -> Line:
    return Line(
        label=funding.label,
        value=Money(Interval(funding.post_money_low, funding.post_money_high), funding.currency),
        source=funding.source,
        day=funding.closed_on,
        known_on=funding.known_on,
        note=funding.note or funding.investors,
    )


def _other_values(row: CompanyValuation, as_of: date, used: tuple[FundingRound, ...]) -> tuple[Line, ...]:
    others = (
        FundingRound.objects.filter(company=row.company, known_on__lte=as_of)
        .exclude(pk__in=[funding.pk for funding in used])
        .exclude(post_money_low=None, post_money_high=None)
        .select_related("source")
    )
    return tuple(
        Line(
            label=_("%(round)s (%(kind)s)") % {"round": funding.label, "kind": funding.get_kind_display()},
            value=Money(Interval(funding.post_money_low, funding.post_money_high), funding.currency),
            source=funding.source,
            day=funding.closed_on,
            known_on=funding.known_on,
            note=funding.note,
        )
        for funding in others
    )


def _reported(price: Price, as_of: date) -> QuerySet[ReportedQuote]:
    """What other sources say of the listing on the day of the price, if they had said it by `as_of`."""
    said = Q(source__published_on=None) | Q(source__published_on__lte=as_of)
    return ReportedQuote.objects.filter(said, listing=price.listing, day=price.day).select_related("source")


def _vendor_values(value: MarketValue, as_of: date) -> tuple[Line, ...]:
    lines = []
    for holding in value.holdings:
        listing = holding.price.listing
        for reported in _reported(holding.price, as_of).filter(market_value__isnull=False):
            lines.append(
                Line(
                    label=_("market value, also reported"),
                    value=Money.of(reported.market_value or Decimal(0), listing.currency),
                    source=reported.source,
                    day=reported.day,
                )
            )
    return tuple(lines)
