"""Searching half a million pages: how long the list of filings takes to answer, on both databases."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tests.bench.instances import Instance
from tests.bench.refreshing import on_both_databases
from tests.bench.report import Spread, Table

FILINGS, PAGES = 5000, 100
SMALL = 25  # one part in so many, unless `--full`
BARS = {"PostgreSQL": 100.0, "SQLite": 300.0}  # milliseconds
ROUNDS = 9


def measure_search(table: Table, folder: Path, *, full: bool) -> None:
    """On SQLite, then on PostgreSQL."""
    on_both_databases(table, folder, "search", partial(_measure_on, filings=FILINGS if full else FILINGS // SMALL))


def _measure_on(table: Table, database: str, instance: Instance, *, filings: int) -> None:
    instance.prepare(starter=False, static=False)
    made = instance.inside("fill_filings", filings=filings, pages=PAGES)
    table.add(
        f"index of pages of {made['characters']:,} characters, {database}",
        f"{made['per_second']:.0f} pages in a second; {made['processor_ms']:.1f} ms of processor time here for each",
    )
    bar = BARS[database]
    for question, found in instance.inside("time_searches", rounds=ROUNDS).items():
        many = f"{'' if found['complete'] else 'more than '}{found['filings']:,}"
        what = f"  {question}: {many} of {filings:,} filings, {made['pages']:,} pages, {database}"
        table.at_most(what, Spread(tuple(found["ms"])), bar, "ms")
        table.add("    processor time of the web process in it", Spread(tuple(found["processor_ms"])).text("ms"))
