"""The sector page through gunicorn: time, throughput, unchanged polls, queries, memory."""

from __future__ import annotations

import re
from pathlib import Path

from tests.bench.instances import Instance, WebServer, megabytes, web_server
from tests.bench.load import get, latency, request, throughput
from tests.bench.report import Spread, Table

ROUNDS = 5
PAGE_MS, POLL_MS, MEMORY_MB = 15.0, 3.0, 60.0


def measure_page(table: Table, folder: Path) -> None:
    """Sector page and unchanged poll on the starter facts."""
    instance = Instance(folder / "page")
    instance.prepare()
    page = "/?benchmarks=on"
    with instance.web() as server:
        warm_up(server, page)
        answer = get(server.port, page)
        rows = len(re.findall(rb'<tr id="row-', answer.body))
        # One request at a time: the whole of this is the server's time, but for the client's share told below.
        spreads = [latency(server.port, request(page), count=60) for _ in range(ROUNDS)]
        table.at_most(f"sector page, {rows} companies, warm, one at a time", joined(spreads), PAGE_MS, "ms")
        table.add("  its size, not compressed", f"{len(answer.body) / 1024:.0f} KB")
        busy = [throughput(server.port, request(page), connections=8, seconds=2.5) for _ in range(3)]
        best = sorted(busy, key=lambda run: run.per_second)[len(busy) // 2]
        slowest, fastest = min(run.per_second for run in busy), max(run.per_second for run in busy)
        table.add(
            "  8 connections at once, 2 workers",
            f"{best.per_second:.0f}/s ({slowest:.0f}–{fastest:.0f}), p50 {best.latency.median:.0f} ms, "
            f"p95 {best.latency.p95:.0f} ms",
        )
        table.add("  processor time of the measuring client", f"{best.client_ms:.2f} ms for a request")
        measure_poll(table, server, page)
    measure_bare(table, instance)
    paths = ["/?benchmarks=on", "/?segment=gpu", "/?as_of=2019-12-31"]
    counts = instance.inside("count_queries", paths=paths)
    warm = ", ".join(str(count) for count in counts)
    table.add("  SQL queries of a warm page: all, one segment, no prices", warm, "constant", len(set(counts)) == 1)


def measure_poll(table: Table, server: WebServer, page: str) -> None:
    """A poll that carries the tag of the page it has, and is told that nothing changed."""
    headers = {"HX-Request": "true", "HX-Request-Type": "partial"}
    tag = get(server.port, page, headers).headers["hx-ptag"]
    poll = request(page, {**headers, "HX-PTag": tag})
    spreads = [latency(server.port, poll, count=150, status=304) for _ in range(ROUNDS)]
    table.at_most("unchanged poll (304), one at a time", joined(spreads), POLL_MS, "ms", digits=2)


def measure_bare(table: Table, instance: Instance) -> None:
    """What gunicorn and Django themselves take here and now, to judge the two figures above by."""
    with web_server("tests.bench.bare", {**instance.env, "DJANGO_SETTINGS_MODULE": ""}) as server:
        warm_up(server, "/")
        table.add(
            "  a bare Django page, served the same way", latency(server.port, request("/"), count=300).text("ms", 2)
        )


def measure_memory(table: Table, folder: Path) -> None:
    """What a worker process keeps after 200 requests, beside one of a bare Django project."""
    instance = Instance(folder / "memory")
    instance.prepare()
    ours = _resident(instance)
    with web_server("tests.bench.bare", {**instance.env, "DJANGO_SETTINGS_MODULE": ""}) as server:
        bare = _after_requests(server, ["/"])
    more = ours - bare
    table.add(
        "memory of a web process beyond bare Django, after 200 requests",
        f"{more:.0f} MB ({ours:.0f} MB against {bare:.0f} MB)",
        f"≤ {MEMORY_MB:g} MB",
        more <= MEMORY_MB,
    )


def _resident(instance: Instance) -> float:
    with instance.web() as server:
        return _after_requests(
            server, ["/", "/?currency=USD", "/?basis=fy", "/sector.json", "/companies/", "/refreshes/"]
        )


def _after_requests(server: WebServer, paths: list[str], count: int = 200) -> float:
    """Megabytes resident in the largest worker after so many requests of each worker, spread over the paths."""
    for turn in range(count * len(server.workers)):
        get(server.port, paths[turn % len(paths)])
    return max(megabytes(worker) for worker in server.workers)


def warm_up(server: WebServer, page: str, count: int = 24) -> None:
    """Ask over fresh connections until every worker has had its share."""
    for _ in range(count):
        get(server.port, page)


def joined(spreads: list[Spread]) -> Spread:
    """The samples of several rounds as one spread."""
    return Spread(tuple(sample for spread in spreads for sample in spread.samples))
