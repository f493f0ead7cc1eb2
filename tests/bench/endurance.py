"""What a worker keeps in memory after a day of refreshing."""

from __future__ import annotations

from pathlib import Path

from tests.bench.instances import Instance, children_of, megabytes
from tests.bench.refreshing import standin
from tests.bench.report import Table

FEW, MANY = 10, 1000  # runs
LISTINGS = 25
GROWTH = 1.20
PATIENCE = 30.0  # seconds for a run


def measure_endurance(table: Table, folder: Path) -> None:
    """One process of a worker after ten runs, and after a thousand."""
    instance = Instance(folder / "endurance")
    with standin() as port:
        instance.env |= {
            "SOURCES_ENABLED": "true",
            "QUOTE_SOURCES": "tencent",
            "TENCENT_URL": f"http://127.0.0.1:{port}",
            "SOURCE_INTERVAL": "0",
        }
        instance.prepare(static=False)
        instance.inside("fill", companies=LISTINGS)
        with instance.redis(), instance.workers(1) as worker:
            [child] = children_of(worker)
            whole = instance.inside("refresh_often", runs=FEW, listings=LISTINGS, seconds=PATIENCE)
            few = megabytes(child)
            whole += instance.inside("refresh_often", runs=MANY - FEW, listings=LISTINGS, seconds=PATIENCE)
            many = megabytes(child)
            same = children_of(worker) == [child]
    table.add(
        f"memory of a worker process after {MANY:,} runs of {LISTINGS} listings",
        f"{many / few:.2f} × ({many:.0f} MB against {few:.0f} MB after {FEW})",
        f"≤ {GROWTH:.2f} ×",
        same and many <= few * GROWTH,
    )
    table.add("  runs that stored all they asked for", f"{whole:,}", f"{MANY:,}", whole == MANY)
