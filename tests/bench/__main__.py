"""Run the benchmarks: `python -m tests.bench [names] [--full] [--no-fail]`. Exit code 1 when a bar is missed."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.backfill import measure_backfill
from tests.bench.browser import measure_browser
from tests.bench.endurance import measure_endurance
from tests.bench.instances import CannotMeasure, scratch_folder
from tests.bench.listings import measure_history, measure_snapshot
from tests.bench.opening import measure_opening
from tests.bench.reading import measure_documents
from tests.bench.refreshing import measure_refresh
from tests.bench.report import Table
from tests.bench.searching import measure_search
from tests.bench.server import measure_memory, measure_page


def main() -> int:
    """Measure what was asked for, print the table. Returns the exit code for the shell."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        help="page, memory, snapshot, refresh, backfill, endurance, browser, history, documents, reader, search; "
        "all unless told",
    )
    parser.add_argument(
        "--full",
        action="store_true",
        help="ten years of quotes (12.5 million rows) in `history`, 500,000 pages in `search`",
    )
    parser.add_argument("--no-fail", action="store_true", help="exit with 0 even when a bar is missed")
    arguments = parser.parse_args()
    benchmarks: dict[str, Callable[[Table, Path], None]] = {
        "page": measure_page,
        "memory": measure_memory,
        "snapshot": measure_snapshot,
        "browser": measure_browser,
        "refresh": measure_refresh,
        "backfill": measure_backfill,
        "endurance": measure_endurance,
        "documents": measure_documents,
        "reader": measure_opening,
        "search": lambda table, folder: measure_search(table, folder, full=arguments.full),
        "history": lambda table, folder: measure_history(table, folder, full=arguments.full),
    }
    if unknown := set(arguments.names) - set(benchmarks):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    # Asked to stop, unwind: each process that was started is stopped on the way out, each folder removed.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    table = Table()
    began = time.monotonic()
    with scratch_folder() as scratch:
        for name, measure in benchmarks.items():
            if arguments.names and name not in arguments.names:
                continue
            print(f"--- {name} (load of the machine {os.getloadavg()[0]:.1f})", flush=True)
            folder = scratch / name
            folder.mkdir()
            try:
                measure(table, folder)
            except CannotMeasure as problem:
                table.add(name, f"not measured: {problem}", "", False)
            shutil.rmtree(folder)
    print(f"\n{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Python {platform.python_version()}, "
          f"{time.monotonic() - began:.0f} s in all\n\n{table.text()}")  # fmt: skip
    if table.missed:
        print(f"\nNot reached: {len(table.missed)}.")
    return 1 if table.missed and not arguments.no_fail else 0


if __name__ == "__main__":
    sys.exit(main())
