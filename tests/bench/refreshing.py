"""Refreshing 5,000 prices through the real queue: Redis, two Celery processes, and a local source over HTTP."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.instances import Instance, free_port, running
from tests.bench.load import Connection, get
from tests.bench.report import Spread, Table
from tests.on_postgres import NoPostgres, running_postgres

LISTINGS = 5000
BAR = 10.0  # seconds
PATIENCE = 120.0
# Each round the market has moved by a percent or so, so that every price is new and must be written.
FACTORS = ("1.00", "1.01", "1.02", "1.03")


def measure_refresh(table: Table, folder: Path) -> None:
    """On SQLite, then on PostgreSQL."""
    on_both_databases(table, folder, "refresh", _measure_on)


def on_both_databases(table: Table, folder: Path, what: str, measure: Callable[[Table, str, Instance], None]) -> None:
    """Measure an instance on SQLite, then one on PostgreSQL where there is one."""
    measure(table, "SQLite", Instance(folder / f"{what}-sqlite"))
    try:
        with running_postgres() as database_url:
            measure(table, "PostgreSQL", Instance(folder / f"{what}-postgres", DATABASE_URL=database_url))
    except NoPostgres as problem:
        table.skip(f"{what} on PostgreSQL", str(problem))


def _measure_on(table: Table, database: str, instance: Instance) -> None:
    with standin() as port:
        instance.env |= {
            "SOURCES_ENABLED": "true",
            "QUOTE_SOURCES": "tencent",
            "TENCENT_URL": f"http://127.0.0.1:{port}",
            # The polite pause between requests is for real sources; here it would be all that is measured.
            "SOURCE_INTERVAL": "0",
        }
        instance.prepare(static=False)
        instance.inside("fill", companies=LISTINGS)
        seconds: list[float] = []
        with instance.redis(), instance.workers(2):
            for factor in FACTORS:
                control(port, {"factor": factor})
                before = requests(port)
                run = instance.inside("refresh", listings=LISTINGS, seconds=PATIENCE)
                asked = requests(port) - before
                if factor == FACTORS[0]:
                    continue  # the first round warms the workers up and stores the first price of each listing
                seconds.append(run["seconds"])
        name = f"refresh of {LISTINGS:,} listings, 2 worker processes, {database}"
        table.at_most(name, Spread(tuple(seconds)), BAR, "s")
        whole = run["finished"] and not run["problem"] and run["stored"] == LISTINGS
        table.add("  stored in the last round", f"{run['stored']:,} ({words(run['results'])})", f"{LISTINGS:,}", whole)
        table.add("  upstream requests", f"{asked} for {run['batches']} batches", "1 each", asked == run["batches"])


@contextmanager
def standin() -> Iterator[int]:
    """A stand-in for all sources that knows every code, in a process of its own; gives its port."""
    port = free_port()
    command = [sys.executable, "-m", "tests.standin", "--port", str(port), "--any-code"]
    with running(command, {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}):
        for _ in range(200):
            try:
                get(port, "/_log")
                break
            except OSError:
                time.sleep(0.05)
        yield port


def control(port: int, order: dict[str, Any]) -> None:
    """Change what the stand-in answers."""
    body = json.dumps(order).encode()
    head = f"POST /_control HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with Connection(port) as connection:
        if connection.exchange(head + body).status != 200:
            raise RuntimeError("the stand-in refused an order")


def requests(port: int) -> int:
    """How many requests it has had."""
    return int(json.loads(get(port, "/_log").body)["count"])


def words(results: dict[str, int]) -> str:
    """Counts by result, for the table."""
    return ", ".join(f"{name} {count:,}" for name, count in sorted(results.items()))
