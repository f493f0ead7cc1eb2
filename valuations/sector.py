"""The sector page's content: which rows, in which order, with which totals. No HTTP, no HTML."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from math import ceil
from typing import Any

from django.conf import settings

from valuations.snapshot import NVIDIA, CompanyValuation, Snapshot, Totals, cached_snapshot, totals
from valuations.state import State


@dataclass(frozen=True, slots=True)
class Sector:
    """What the sector page, its chart and its exports show for one state."""

    state: State
    snapshot: Snapshot
    rows: tuple[CompanyValuation, ...]
    totals: Totals

    @property
    def pages(self) -> int:
        """How many pages of rows there are, at least one."""
        size: int = settings.ROWS_PER_PAGE
        return max(1, ceil(len(self.rows) / size))

    @property
    def page_rows(self) -> tuple[CompanyValuation, ...]:
        """The rows of the page asked for; the last page when it asks for more."""
        start = (min(self.state.page, self.pages) - 1) * settings.ROWS_PER_PAGE
        return self.rows[start : start + settings.ROWS_PER_PAGE]

    @property
    def priced(self) -> int:
        """How many of the rows have a price."""
        return sum(row.price is not None for row in self.rows)


def sector(state: State) -> Sector:
    """Rows, totals and snapshot for a state of the page."""
    found = cached_snapshot(state.question)
    return _sector(state, _Same(found))


class _Same:
    """Compares by identity, so that a snapshot can be part of a cache's key without hashing its rows."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    def __hash__(self) -> int:
        return id(self.snapshot)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.snapshot is self.snapshot


@lru_cache(maxsize=8)  # each keeps its snapshot alive
def _sector(state: State, same: _Same) -> Sector:
    found = same.snapshot
    members = [row for row in found.rows if _belongs(row, state)]
    return Sector(
        state=state,
        snapshot=found,
        rows=tuple(_sorted(members, state)),
        totals=totals(members, found.question, found.row(NVIDIA)),
    )


def _belongs(row: CompanyValuation, state: State) -> bool:
    if row.company.is_benchmark:
        return state.benchmarks == "on"
    return not state.segment or row.company.segment == state.segment


def _sorted(rows: list[CompanyValuation], state: State) -> list[CompanyValuation]:
    """In the order asked for; rows without the number always come last, by name."""
    key = SORT_KEYS[state.sort]
    by_name = sorted(rows, key=lambda row: row.company.name_en.casefold())
    having = [row for row in by_name if key(row) is not None]
    lacking = [row for row in by_name if key(row) is None]
    return sorted(having, key=key, reverse=state.direction == "desc") + lacking


def _middle(low: Decimal | None, high: Decimal | None) -> Decimal | None:
    ends = [end for end in (low, high) if end is not None]
    return sum(ends, Decimal(0)) / len(ends) if ends else None


SORT_KEYS: dict[str, Callable[[CompanyValuation], Any]] = {
    "company": lambda row: row.company.name_en.casefold(),
    "ticker": lambda row: row.listings[0].ticker if row.listings else None,
    "price": lambda row: row.price.value if row.price else None,
    "change": lambda row: row.price.change if row.price else None,
    "market_value": lambda row: (
        _middle(row.market_value.money.low, row.market_value.money.high) if row.market_value else None
    ),
    "revenue": lambda row: _middle(row.revenue.money.low, row.revenue.money.high) if row.revenue else None,
    "price_to_sales": lambda row: (
        _middle(row.price_to_sales.low, row.price_to_sales.high) if row.price_to_sales else None
    ),
    "rd_to_revenue": lambda row: _middle(row.rd_to_revenue.low, row.rd_to_revenue.high) if row.rd_to_revenue else None,
}
