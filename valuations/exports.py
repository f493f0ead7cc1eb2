"""The sector page's data as JSON and CSV, with the sources of every number. Decimals are texts."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, localcontext
from typing import Any

from valuations.explain import Line, row_sources
from valuations.money import Interval, Money
from valuations.reasons import Missing
from valuations.sector import Sector
from valuations.snapshot import CompanyValuation, Coverage

CSV_HEADER = (
    "slug", "name_en", "name_zh", "stage", "ticker", "price", "price_currency", "price_day", "price_state",
    "market_value_low", "market_value_high", "revenue_low", "revenue_high", "currency", "revenue_period",
    "revenue_basis", "price_to_sales_low", "price_to_sales_high", "missing", "sources",
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
        "rows": [_row(sector, row) for row in sector.rows],
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
                _safe(row.company.name_en),
                _safe(row.company.name_zh),
                row.stage,
                _safe(" ".join(str(listing) for listing in row.listings)),
                plain(price.value) if price else "",
                _safe(price.listing.currency) if price else "",
                price.day if price else "",
                price.state if price else "",
                *(_pair(value.money.amount if value else None)),
                *(_pair(revenue.money.amount if revenue else None)),
                sector.state.currency,
                _safe(revenue.flow.period) if revenue else "",
                revenue.flow.basis if revenue else "",
                *(_pair(multiple)),
                _safe("; ".join(f"{name}: {reason}" for name, reason in _reasons(row.missing).items())),
                _safe("; ".join(_source_text(name, line) for name, line in row_sources(sector.snapshot, row))),
            ]
        )
    return out.getvalue()


def _row(sector: Sector, row: CompanyValuation) -> dict[str, Any]:
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
        "sources": [_source(name, line) for name, line in row_sources(sector.snapshot, row)],
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


def _safe(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
