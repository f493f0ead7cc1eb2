"""Ten years of daily bars of 50 listings through the real queue: Redis, two Celery processes, and a local source."""

from __future__ import annotations

from pathlib import Path

from tests.bench.instances import Instance
from tests.bench.refreshing import control, on_both_databases, requests, standin, words
from tests.bench.report import Spread, Table

LISTINGS = 50
BAR = 60.0  # seconds
PATIENCE = 300.0
ROUNDS = 3  # of other listings each, the first of which warms the workers up
SPANS = 5  # ten years in requests of at most 880 days
LEAST_DAYS = 2400  # trading days of ten years, at any exchange


def measure_backfill(table: Table, folder: Path) -> None:
    """On SQLite, then on PostgreSQL."""
    on_both_databases(table, folder, "backfill", _measure_on)


def _measure_on(table: Table, database: str, instance: Instance) -> None:
    with standin() as port:
        instance.env |= {
            "SOURCES_ENABLED": "true",
            "HISTORY_SOURCES": "tencent_history",
            "TENCENT_HISTORY_URL": f"http://127.0.0.1:{port}",
            # The polite pause between requests is for real sources; here it would be all that is measured.
            "SOURCE_INTERVAL": "0",
        }
        instance.prepare(static=False)
        instance.inside("fill", companies=LISTINGS * ROUNDS)
        control(port, {"closed_days": instance.inside("closed_days")})
        seconds: list[float] = []
        with instance.redis(), instance.workers(2):
            for place in range(ROUNDS):
                before = requests(port)
                run = instance.inside(
                    "refresh", listings=LISTINGS, seconds=PATIENCE, kind="history", first=place * LISTINGS
                )
                asked = requests(port) - before
                if place:
                    seconds.append(run["seconds"])
        name = f"ten years of daily bars of {LISTINGS} listings, 2 worker processes, {database}"
        table.at_most(name, Spread(tuple(seconds)), BAR, "s")
        whole = run["finished"] and not run["problem"] and run["results"] == {"ok": LISTINGS}
        enough = run["rows"] >= LISTINGS * LEAST_DAYS
        stored = f"{run['rows']:,} ({words(run['results'])})"
        table.add("  days stored in the last round", stored, f"≥ {LISTINGS * LEAST_DAYS:,}", whole and enough)
        most = LISTINGS * SPANS
        table.add("  upstream requests", f"{asked} for {LISTINGS} listings", f"≤ {most}", asked <= most)
