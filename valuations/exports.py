"""The data of the sector and compare pages as JSON and CSV, with the sources of every number. Decimals are texts."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal, localcontext
from typing import Any

from companies.sheets.cells import escaped
from valuations.compare import Comparison, Member
from valuations.explain import Line, row_sources
from valuations.money import Interval, Money
from valuations.profile import Stated
from valuations.reasons import Missing
from valuations.sector import Sector
from valuations.snapshot import CompanyValuation, Coverage, Snapshot

CSV_HEADER = (
    "slug", "name_en", "name_zh", "stage", "ticker", "price", "price_currency", "price_day", "price_state",
    "market_value_low", "market_value_high", "revenue_low", "revenue_high", "currency", "revenue_period",
    "revenue_basis", "price_to_sales_low", "price_to_sales_high", "missing", "sources",
)  # fmt: skip

COMPARE_CSV_HEADER = (
    "slug", "name_en", "name_zh", "number", "low", "high", "currency", "period", "basis", "day", "state", "missing",
    "sources",
)  # fmt: skip


def plain(value: Decimal | None) -> str | None:
    """A decimal as text without an exponent; amounts to a hundredth, ratios to six digits behind the point."""
    if value is None:
        return None
    with localcontext(prec=60):  # the usual 28 digits are too few for the product of two huge numbers
        text = f"{value.quantize(Decimal('0.01') if abs(value) >= 10_000 else Decimal('0.000001')):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def sector_json(sector: Sector) -> dict[str, Any]:
    """The answer of `/sector.json`: every row of the state, whatever the page."""
    state, sums = sector.state, sector.totals
    return {
        "as_of": state.day.isoformat(),
        "currency": state.currency,
        "basis": state.basis,
        "rows": [_row(sector.snapshot, row) for row in sector.rows],
        "totals": {
            "market_value": _ends(sums.market_value.amount if sums.market_value else None),
            "revenue": _ends(sums.revenue.amount if sums.revenue else None),
            "price_to_sales": _ends(sums.price_to_sales),
            "of_nvidia": _ends(sums.of_nvidia),
            "missing": _reasons(sums.missing),
            "coverage": {
                "market_value": _coverage(sums.market_value_coverage),
                "revenue": _coverage(sums.revenue_coverage),
                "price_to_sales": _coverage(sums.price_to_sales_coverage),
            },
        },
    }


def sector_csv(sector: Sector) -> str:
    """The same rows as `sector_json`, one line each; sources and reasons are joined by semicolons."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(CSV_HEADER)
    for row in sector.rows:
        price, value, revenue, multiple = row.price, row.market_value, row.revenue, row.price_to_sales
        writer.writerow(
            [
                row.company.slug,
                escaped(row.company.name_en),
                escaped(row.company.name_zh),
                row.stage,
                escaped(" ".join(str(listing) for listing in row.listings)),
                plain(price.value) if price else "",
                escaped(price.listing.currency) if price else "",
                price.day if price else "",
                price.state if price else "",
                *(_pair(value.money.amount if value else None)),
                *(_pair(revenue.money.amount if revenue else None)),
                sector.state.currency,
                escaped(revenue.flow.period) if revenue else "",
                revenue.flow.basis if revenue else "",
                *(_pair(multiple)),
                escaped("; ".join(f"{name}: {reason}" for name, reason in _reasons(row.missing).items())),
                escaped("; ".join(_source_text(name, line) for name, line in row_sources(sector.snapshot, row))),
            ]
        )
    return out.getvalue()


def compare_json(comparison: Comparison) -> dict[str, Any]:
    """The answer of `/compare.json`: every company with every number of the page.

    Of the chart it has where each price stands against the base day, not the prices: this is no interface for quotes.
    """
    state, history = comparison.state, comparison.history
    standing = {course.member.company.slug: course.last for course in history.courses}
    return {
        "as_of": state.day.isoformat(),
        "currency": state.currency,
        "basis": state.basis,
        "period": state.period,
        "base_day": _iso(history.base),
        "companies": [
            {
                **_row(comparison.snapshot, member.row),
                "rebased_price": plain(standing.get(member.company.slug)),
                "price_to_sales_on": {
                    str(basis.value): _ends(row.price_to_sales) for basis, row in member.on_basis.items()
                },
                "rd_to_revenue": _ends(member.row.rd_to_revenue),
                "reported": {metric: _reported(stated) for metric, stated in member.reported.items()},
            }
            for member in comparison.members
        ],
        "not_drawn": {member.company.slug: str(reason) for member, reason in history.not_drawn},
    }


def _reported(stated: Stated) -> dict[str, Any]:
    figure = stated.statements[0].figure
    return {
        "low": plain(figure.low),
        "high": plain(figure.high),
        "currency": figure.currency,
        "period": figure.period,
        "basis": figure.basis,
        "known_on": _iso(figure.known_on),
        "known_by": figure.known_by,
        "sources_agree": stated.agrees,
        "sources": [
            {
                "title": str(said.source),
                "publisher": said.source.publisher_name,
                "tier": said.source.tier,
                "url": said.source.link,
            }
            for said in stated.statements[0].sources
        ],
    }


def compare_csv(comparison: Comparison) -> str:
    """The same numbers as `compare_json`, one line for each number of each company."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COMPARE_CSV_HEADER, restval="", lineterminator="\r\n")
    writer.writeheader()
    for member in comparison.members:
        company = member.company
        named = {"slug": company.slug, "name_en": escaped(company.name_en), "name_zh": escaped(company.name_zh)}
        writer.writerows({**named, **line} for line in _compare_lines(comparison, member))
    return out.getvalue()


def _compare_lines(comparison: Comparison, member: Member) -> Iterator[dict[str, Any]]:
    """One line for each number of a member; those that are missing say why."""
    row, currency = member.row, comparison.state.currency
    price, value, revenue = row.price, row.market_value, row.revenue
    sources: dict[str, list[str]] = defaultdict(list)
    for name, line in row_sources(comparison.snapshot, row):
        sources[name].append(_source_text(name, line))

    def number(name: str, interval: Interval | None, valued: CompanyValuation = row) -> dict[str, Any]:
        low, high = _pair(interval)
        missing = "" if interval else str(valued.missing.get(name, ""))
        said = {"missing": escaped(missing), "sources": escaped("; ".join(sources[name]))}
        return {"number": name, "low": low, "high": high, **said}

    traded = {"currency": escaped(price.listing.currency), "day": price.day, "state": str(price.state)} if price else {}
    yield number("price", Interval.point(price.value) if price else None) | traded
    yield number("market_value", value.money.amount if value else None) | (
        {"currency": currency, "day": value.day} if value else {}
    )
    flow = {"period": escaped(revenue.flow.period), "basis": revenue.flow.basis} if revenue else {}
    yield number("revenue", revenue.money.amount if revenue else None) | {"currency": currency, **flow}
    for basis, valued in member.on_basis.items():
        yield number("price_to_sales", valued.price_to_sales, valued) | {"basis": basis.value}
    yield number("rd_to_revenue", row.rd_to_revenue) | flow
    for course in comparison.history.courses:
        if course.member is member:
            yield {"number": "rebased_price", **_point(course.last), "day": comparison.history.base}
    for metric, stated in member.reported.items():
        figure = stated.statements[0].figure
        where = "; ".join(f"{said.source.publisher_name}, {said.source}" for said in stated.statements[0].sources)
        yield {
            "number": metric,
            "low": plain(figure.low),
            "high": plain(figure.high),
            "currency": escaped(figure.currency),
            "period": escaped(figure.period),
            "basis": figure.basis,
            "day": figure.known_on,
            "sources": escaped(where),
        }


def _point(value: Decimal) -> dict[str, str | None]:
    return {"low": plain(value), "high": plain(value)}


def _row(snapshot: Snapshot, row: CompanyValuation) -> dict[str, Any]:
    price, revenue = row.price, row.revenue
    return {
        "slug": row.company.slug,
        "name_en": row.company.name_en,
        "name_zh": row.company.name_zh,
        "stage": row.stage,
        "price": price
        and {
            "value": plain(price.value),
            "currency": price.listing.currency,
            "day": price.day.isoformat(),
            "state": str(price.state),
        },
        "market_value": _ends(row.market_value.money.amount if row.market_value else None),
        "revenue": revenue
        and {
            **(_ends(revenue.money.amount) or {}),
            "period": revenue.flow.period,
            "basis": revenue.flow.basis,
        },
        "price_to_sales": _ends(row.price_to_sales),
        "missing": _reasons(row.missing),
        "sources": [_source(name, line) for name, line in row_sources(snapshot, row)],
    }


def _ends(interval: Interval | None) -> dict[str, str | None] | None:
    return None if interval is None else {"low": plain(interval.low), "high": plain(interval.high)}


def _pair(interval: Interval | None) -> tuple[str | None, str | None]:
    return (None, None) if interval is None else (plain(interval.low), plain(interval.high))


def _reasons(missing: Mapping[str, Missing]) -> dict[str, str]:
    return {name: str(reason) for name, reason in missing.items()}


def _coverage(coverage: Coverage) -> dict[str, int]:
    return {"counted": coverage.counted, "of": coverage.of, "ranges": coverage.ranges}


def _source(name: str, line: Line) -> dict[str, Any]:
    source = line.source
    return {
        "field": name,
        "what": line.label,
        "value": value_text(line.value),
        "day": _iso(line.day),
        "period": line.period,
        "basis": line.basis,
        "known_on": _iso(line.known_on),
        "known_by": line.known_by,
        "title": str(source) if source else line.provider,
        "publisher": source.publisher_name if source else line.provider,
        "tier": source.tier if source else "provider",
        "date": _iso(source.published_on) if source else line.fetched_at and line.fetched_at.isoformat(),
        "url": source.link if source else "",
    }


def value_text(value: Any) -> str:
    """An input's value as text: amounts with their currency, ranges with both ends."""
    if isinstance(value, Money):
        return f"{value.currency} {value_text(value.amount)}"
    if isinstance(value, Interval):
        low, high = plain(value.low), plain(value.high)
        if value.is_point:
            return low or ""
        return f"{low}–{high}" if low and high else f"≥ {low}" if low else f"≤ {high}"
    return plain(value) or "" if isinstance(value, Decimal) else str(value)


def _source_text(name: str, line: Line) -> str:
    where = f"{line.source.publisher_name}, {line.source}" if line.source else line.provider
    return f"{name} = {value_text(line.value)} ({line.label}; {where})"


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
