"""Fixtures for tests about sources: a stand-in for all of them, and the evening on which it answers."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine
from pytest_django import Settings

from config.local_redis import redis_command, redis_url, socket_path
from tests.factories import make_exchange_year
from tests.standin import Standin

FRIDAY_EVENING = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)  # 20:00 in Shanghai, 07:00 in New York


@pytest.fixture
def sources(settings: Settings) -> Iterator[Standin]:
    """A stand-in on this machine that the addresses of all sources point to; tests name other sources themselves."""
    with Standin() as standin:
        settings.SOURCES_ENABLED = True
        settings.QUOTE_SOURCES = ["tencent"]
        settings.HISTORY_SOURCES = ["tencent_history"]
        settings.RATE_SOURCES = ["cfets", "frankfurter"]
        settings.SOURCE_URLS = dict.fromkeys(settings.SOURCE_URLS, standin.url)
        settings.SOURCE_INTERVAL = 0.0
        settings.SOURCE_TIMEOUT = 10.0
        yield standin


@pytest.fixture
def sources_on(settings: Settings) -> None:
    """Sources are asked; where they are does not matter, since no worker runs."""
    settings.SOURCES_ENABLED = True


@pytest.fixture
def redis(settings: Settings, tmp_path: Path) -> Iterator[None]:
    """A real Redis of the test's own."""
    settings.REDIS_URL = redis_url(tmp_path)
    with (tmp_path / "redis.log").open("w") as log:
        server = subprocess.Popen(redis_command(tmp_path), stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 10
        while not socket_path(tmp_path).exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        yield
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture
def friday_evening() -> Iterator[None]:
    """The evening of 2026-11-20 in Shanghai: mainland and Hong Kong are closed for the day."""
    with time_machine.travel(FRIDAY_EVENING):
        yield


@pytest.fixture
def calendar(db: None) -> None:
    """2026 is a year whose exchange days are known; none is closed but weekends."""
    for mic in ("XSHG", "XSHE", "XHKG", "XNAS"):
        make_exchange_year(mic, 2026)
