"""A stand-in with a price for every code, and the machines that ask it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.machines import REDELIVERY, Machines, forget_jobs
from tests.standin import Standin


@pytest.fixture
def sources(settings: Settings) -> Iterator[Standin]:
    """A stand-in that has a price for every code."""
    settings.SOURCES_ENABLED = True
    settings.QUOTE_SOURCES = ["tencent"]
    settings.RATE_SOURCES = ["cfets", "frankfurter"]
    settings.HISTORY_SOURCES = []
    settings.QUOTE_BATCH_SIZE = 5
    settings.JOB_REDELIVERY_SECONDS = REDELIVERY
    with Standin(any_code=True) as standin:
        yield standin


@pytest.fixture
def machines(transactional_db: None, sources: Standin, tmp_path: Path) -> Iterator[Machines]:
    """A running Redis that knows nothing yet, and the means to start more."""
    with ExitStack() as cleanup:
        cleanup.callback(forget_jobs)
        made = Machines(sources, tmp_path, cleanup)
        made.start_redis()
        yield made
        for what in ("worker", "beat", "redis"):
            print(f"--- {what}\n{made.log(what)}")  # pytest shows it when the test fails
