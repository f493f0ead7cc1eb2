"""A real worker on a real Redis against the stand-in: jobs are done, and killing anything loses nothing.

The processes are those of the Procfile. Every wait has a deadline, and every process is ended by its own number.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings as project
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from config.local_redis import redis_command, socket_path
from tests.factories import PASSWORD, make_company, make_listing, make_staff
from tests.standin import Standin
from valuations.ledger import NO_QUEUE, request_run, run_plan
from valuations.models import FxRate, Quote, RefreshOutcome, RefreshRun

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

PATIENCE = 25.0  # seconds for anything that should happen
REDELIVERY = 3
Kind, Trigger = RefreshRun.Kind, RefreshRun.Trigger


class Process:
    """A program of ours in a session of its own, its words in a file."""

    def __init__(self, command: list[str], env: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("a") as output:
            self._process = subprocess.Popen(
                command, cwd=project.BASE_DIR, env=env, stdout=output, stderr=output, start_new_session=True
            )

    @property
    def children(self) -> list[int]:
        """Numbers of the processes it has started."""
        pid = self._process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def kill(self) -> None:
        """Kill -9, with all its children, at once."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(PATIENCE)

    def stop(self) -> None:
        """Ask it to end, and insist when it does not."""
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()


class Machines:
    """Redis, workers and beats of one test."""

    def __init__(self, sources: Standin, folder: Path, cleanup: ExitStack) -> None:
        self._folder = folder
        self._cleanup = cleanup
        self.redis: Process | None = None
        self.env = {
            **os.environ,
            "DATABASE_URL": database_url(),
            "SOURCES_ENABLED": "true",
            "SOURCE_INTERVAL": "0",
            "QUOTE_BATCH_SIZE": "5",
            "QUOTE_EVERY_SECONDS": "3600",
            "JOB_REDELIVERY_SECONDS": f"{REDELIVERY}",
            "PLAN_EVERY_SECONDS": "1",
            **{f"{site}_URL": sources.url for site in ("TENCENT", "CFETS", "FRANKFURTER")},
        }

    def start_redis(self) -> None:
        """Start Redis and return when it listens."""
        path = socket_path(project.DATA_DIR)
        path.unlink(missing_ok=True)
        self.redis = Process(redis_command(project.DATA_DIR), self.env, self._folder / "redis.log")
        self._cleanup.callback(self.redis.kill)
        until(path.is_socket, "Redis listens")

    def start_worker(self) -> Process:
        """Start a worker with two processes; it may take a while until it listens."""
        options = ["--concurrency", "2", "--pool", "prefork", "--without-gossip", "--without-mingle", "-l", "INFO"]
        return self._celery("worker", *options)

    def start_beat(self, name: str) -> Process:
        """Start a beat."""
        return self._celery("beat", "--schedule", str(self._folder / name), "--pidfile=", "-l", "INFO")

    def _celery(self, what: str, *options: str) -> Process:
        command = [sys.executable, "-m", "celery", "--quiet", "--app", "config", what, *options]
        process = Process(command, self.env, self._folder / f"{what}.log")
        self._cleanup.callback(process.kill)
        return process

    def log(self, what: str) -> str:
        """What the processes of this kind have said."""
        path = self._folder / f"{what}.log"
        return path.read_text() if path.exists() else ""


def database_url() -> str:
    """Where another process finds the database of the tests."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()


def until(happens: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Return when it happens; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not happens():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.05)


@pytest.fixture
def sources(settings: Settings) -> Iterator[Standin]:
    """A stand-in that has a price for every code."""
    settings.SOURCES_ENABLED = True
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


def forget_jobs() -> None:
    """Take away what Redis has kept on disk."""
    shutil.rmtree(project.DATA_DIR / "appendonlydir", ignore_errors=True)
    for file in project.DATA_DIR.glob("*.aof"):
        file.unlink()


def make_listings(count: int = 12) -> None:
    company = make_company()
    for number in range(count):
        make_listing(company, f"688{number:03}")


def is_finished(run: RefreshRun) -> bool:
    run.refresh_from_db()
    return run.finished_at is not None


def assert_stored_once(run: RefreshRun, count: int = 12) -> None:
    """Every listing of the run has one price, one settled outcome, and the run is closed."""
    assert set(run.outcomes.values_list("result", "stored")) == {("ok", 1)}
    assert run.outcomes.count() == count
    assert Quote.objects.count() == Quote.objects.values("listing").distinct().count() == count
    assert run.problem == ""


def test_a_worker_does_what_is_queued_even_while_the_database_is_busy(machines: Machines, sources: Standin) -> None:
    make_listings()
    machines.start_worker()
    run = request_run(Kind.QUOTES, Trigger.STAFF)
    until(lambda: is_finished(run), "the run is done")
    assert_stored_once(run)
    assert sources.count("/q=") == 3

    sources.control({"factor": "1.01"})
    sources.fail("/q=", "pause", seconds=1.5)
    again = request_run(Kind.QUOTES, Trigger.STAFF)
    with transaction.atomic():
        RefreshOutcome.objects.filter(run=again).update(detail="")  # locks the rows, on SQLite everything
        until(lambda: sources.count("/q=") == 3 + 2, "two batches are being fetched")
        time.sleep(3)
        assert set(again.outcomes.values_list("result", flat=True)) == {"pending"}
    sources.heal()
    until(lambda: is_finished(again), "the run is done")
    assert_stored_once(again)
    assert Quote.objects.filter(fetched_at__gt=again.requested_at).count() == 12

    rates = request_run(Kind.RATES, Trigger.STAFF)
    until(lambda: is_finished(rates), "the rates are there")
    assert list(rates.outcomes.values_list("result", flat=True)) == ["ok", "ok"]
    assert FxRate.objects.exists()


def test_jobs_of_a_killed_worker_are_delivered_again(machines: Machines, sources: Standin) -> None:
    make_listings()
    sources.fail("/q=", "pause", seconds=2)
    killed = machines.start_worker()
    run = request_run(Kind.QUOTES, Trigger.STAFF)
    until(lambda: sources.count("/q=") == 2, "two batches are being fetched")
    killed.kill()
    assert set(run.outcomes.values_list("result", flat=True)) == {"pending"}
    sources.heal()
    machines.start_worker()
    until(lambda: is_finished(run), "another worker has done the run")
    assert_stored_once(run)
    assert sources.count("/q=") == 2 + 3  # nobody but the queue has asked for the two again


def test_the_job_of_a_killed_child_is_done_by_another(machines: Machines, sources: Standin) -> None:
    make_listings()
    sources.fail("/q=", "pause", seconds=1.5)
    worker = machines.start_worker()
    run = request_run(Kind.QUOTES, Trigger.STAFF)
    until(lambda: sources.count("/q=") == 2, "two batches are being fetched")
    os.kill(worker.children[-1], signal.SIGKILL)
    sources.heal()
    until(lambda: is_finished(run), "the worker has done the run")
    assert_stored_once(run)
    assert sources.count("/q=") >= 2 + 2


@pytest.mark.parametrize("loses_jobs", [False, True], ids=["stopped", "killed_and_emptied"])
def test_redis_goes_and_comes_back(
    machines: Machines, sources: Standin, client: Client, settings: Settings, loses_jobs: bool
) -> None:
    make_listings()
    make_staff()
    client.login(username="staff", password=PASSWORD)
    worker = machines.start_worker()
    sources.fail("/q=", "pause", seconds=1)
    run = request_run(Kind.QUOTES, Trigger.STAFF)
    until(lambda: sources.count("/q=") == 2, "two batches are being fetched, one waits in the queue")
    assert machines.redis is not None
    if loses_jobs:
        machines.redis.kill()
        forget_jobs()
    else:
        machines.redis.stop()

    # Pages are served all the while, and a refresh that cannot be queued says so.
    for page in ("valuations:sector", "valuations:refreshes"):
        assert client.get(reverse(page)).status_code == 200
    assert client.post(reverse("valuations:refresh_now"), {"kind": "rates"}).status_code == 302
    assert RefreshRun.objects.get(kind=Kind.RATES).problem == NO_QUEUE

    # What was being fetched is finished without Redis.
    until(lambda: run.outcomes.filter(result="ok").count() == 10, "the two batches are stored")
    sources.heal()
    machines.start_redis()
    settings.RATE_SOURCES = []

    def is_mended() -> bool:
        run_plan()
        return is_finished(run)

    until(is_mended if loses_jobs else lambda: is_finished(run), "the third batch is done as well")
    assert_stored_once(run)
    later = request_run(Kind.QUOTES, Trigger.STAFF)
    until(lambda: is_finished(later), "the next run is done by the same worker")
    assert_stored_once(later)
    assert worker.children


def test_two_beats_give_one_run(machines: Machines, sources: Standin) -> None:
    make_listings()
    machines.start_worker()
    for name in ("first", "second"):
        machines.start_beat(name)
    until(lambda: machines.log("worker").count("plan_refreshes[") >= 2 * 6, "six plans were received and made")
    until(lambda: not RefreshRun.objects.filter(finished_at=None).exists(), "all runs are done")
    runs = RefreshRun.objects.order_by("kind")
    assert list(runs.values_list("kind", "trigger", "problem")) == [("quotes", "plan", ""), ("rates", "plan", "")]
    assert_stored_once(runs[0])
    assert sources.count("/q=") == 3
