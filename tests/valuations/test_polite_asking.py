"""How sources are asked when nobody says otherwise: one at a time for all workers, and by somebody with a name."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from pytest_django import Settings

from companies.sources.base import Retry
from config import settings as project
from valuations import spacing
from valuations.asking import source_client
from valuations.spacing import waiting_for


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each turn would have been waited for, in seconds; nobody waits."""
    waits: list[float] = []
    monkeypatch.setattr(spacing, "sleep", waits.append)
    return waits


@pytest.fixture
def heard(settings: Settings) -> Iterator[list[str]]:
    """The User-Agent of each request to Tencent, which is asked without a pause."""
    agents: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            agents.append(self.headers["User-Agent"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is said."""

    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        settings.SOURCE_URLS = settings.SOURCE_URLS | {"tencent": f"http://127.0.0.1:{server.server_port}"}
        settings.SOURCE_INTERVAL = 0.0
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield agents
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("redis")
def test_workers_ask_one_source_one_after_the_other_and_other_sources_meanwhile(slept: list[float]) -> None:
    for _worker in range(3):
        waiting_for("tencent", 60)()
    waiting_for("sina", 60)()
    first, second, third, other = slept
    assert (first, other) == (0, 0)
    assert second == pytest.approx(60, abs=10)  # the clock goes on between the calls
    assert third == pytest.approx(120, abs=10)


def test_without_redis_every_request_waits_the_whole_time(slept: list[float], settings: Settings) -> None:
    settings.REDIS_URL = "redis+socket:///nowhere/redis.sock"
    waiting_for("tencent", 60)()
    waiting_for("tencent", 60)()
    assert slept == [60, 60]


def test_an_instance_waits_a_second_between_requests_unless_told_otherwise(
    slept: list[float], settings: Settings
) -> None:
    assert project.SOURCE_INTERVAL == 1.0
    settings.REDIS_URL = "redis+socket:///nowhere/redis.sock"
    settings.SOURCE_INTERVAL = 7.0
    settings.SOURCE_URLS = settings.SOURCE_URLS | {"tencent": "http://127.0.0.1:9"}
    with source_client("tencent") as client, pytest.raises(Retry, match="connection refused"):
        client.get("/q=sh688795")
    assert slept == [7.0]


def test_a_source_is_told_who_asks_and_whom_to_write_to(heard: list[str], settings: Settings) -> None:
    for contact in ("", "desk@example.org"):
        settings.SOURCE_CONTACT = contact
        with source_client("tencent") as client:
            client.get("/q=sh688795")
    assert heard == [f"Xinpan/{settings.VERSION}", f"Xinpan/{settings.VERSION} (desk@example.org)"]
