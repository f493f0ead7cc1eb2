"""Thousands of listings: the snapshot, and the sector page over years of daily quotes on PostgreSQL."""

from __future__ import annotations

import re
from pathlib import Path

from tests.bench.instances import Instance
from tests.bench.load import get, latency, request
from tests.bench.report import Spread, Table
from tests.bench.server import ROUNDS, joined, warm_up
from tests.on_postgres import NoPostgres, running_postgres

LISTINGS = 5000
TEN_YEARS = 2500  # trading days
PAGE_MS = 100.0


def measure_snapshot(table: Table, folder: Path) -> None:
    """The reader itself on the starter facts, in SQLite."""
    instance = Instance(folder / "snapshot")
    instance.prepare(static=False)
    found = instance.inside("time_snapshot", rounds=15)
    _add_snapshot(table, f"{found['companies']} companies, SQLite", found)


def measure_history(table: Table, folder: Path, *, full: bool) -> None:
    """The sector page with 5,000 listings; the same again with ten times the history."""
    days = TEN_YEARS if full else TEN_YEARS // 10
    try:
        with running_postgres() as database_url:
            short = _measure_days(table, Instance(folder / "short", DATABASE_URL=database_url), days // 10)
        with running_postgres() as database_url:
            long = _measure_days(table, Instance(folder / "long", DATABASE_URL=database_url), days)
    except NoPostgres as problem:
        table.skip(f"sector page, {LISTINGS:,} listings", str(problem))
        return
    ratio = long[0] / short[0]
    table.add("page, ten times the history", f"{ratio:.2f} × the time", "≤ 1.25 × (noise)", ratio <= 1.25)
    # Counted, not timed, and so free of noise: an index grows a level in ten times the rows, not ten times.
    ratio = long[1] / short[1]
    table.add(
        "blocks that the last quotes take, ten times the history",
        f"{short[1]:,.0f} and {long[1]:,.0f}: {ratio:.2f} ×",
        "≤ 1.5 ×",
        ratio <= 1.5,
    )


def _measure_days(table: Table, instance: Instance, days: int) -> tuple[float, float]:
    """Returns the median of the page in milliseconds, and the blocks PostgreSQL touches for all last quotes."""
    instance.prepare()
    quotes = instance.inside("fill", companies=LISTINGS, days=days)
    name = f"{LISTINGS:,} listings, {quotes / 1e6:.2f} m quotes, PostgreSQL"
    latest = instance.inside("read_latest_quotes", rounds=10)
    table.add(f"last quote of each of {name}", Spread(tuple(latest["ms"])).text("ms"))
    with instance.web(path="/companies/") as server:
        page = "/"
        first = latency(server.port, request(page), count=1)
        warm_up(server, page)
        rows = len(re.findall(rb'<tr id="row-', get(server.port, page).body))
        warm = joined([latency(server.port, request(page), count=20) for _ in range(ROUNDS)])
        table.at_most(f"sector page, first {rows} rows of {name}, warm", warm, PAGE_MS, "ms")
        table.add("  the very first page of a web process", first.text("ms", 0))
        for what, reported in (("a price", False), ("a figure", True)):
            changed: list[float] = []
            for _ in range(3):
                instance.inside("bump", reported=reported)
                changed += latency(server.port, request(page), count=1).samples
            table.add(f"  the first page of a web process after {what} changed", Spread(tuple(changed)).text("ms", 0))
    _add_snapshot(table, name, instance.inside("time_snapshot", rounds=3))
    return warm.median, latest["blocks"]


def _add_snapshot(table: Table, name: str, found: dict[str, object]) -> None:
    uncached, priced_anew, cached = found["uncached"], found["priced_anew"], found["cached"]
    assert isinstance(uncached, list)
    assert isinstance(priced_anew, list)
    assert isinstance(cached, list)
    table.add(
        f"snapshot, {name}",
        f"{Spread(tuple(uncached)).text('ms')}, {found['queries']} queries, {found['database_ms']:.0f} ms of it SQL",
    )
    table.add("  the same after a price changed", Spread(tuple(priced_anew)).text("ms"))
    table.add(
        "  the same, kept (cached_snapshot)", f"{Spread(tuple(cached)).text('ms', 2)}, {found['cached_queries']} query"
    )
