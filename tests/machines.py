"""Real Redis, workers and beats for tests, as the Procfile starts them. Each is ended by its own number."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings as project
from django.db import connection

from config.local_redis import redis_command, socket_path
from tests.factories import make_company, make_listing
from tests.standin import Standin
from valuations.models import Quote, RefreshRun

PATIENCE = 25.0  # seconds for anything that should happen
REDELIVERY = 3


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

    def freeze(self) -> None:
        """Stop it and its children in the middle of what they do."""
        os.killpg(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it and its children go on."""
        os.killpg(self._process.pid, signal.SIGCONT)

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
            "QUOTE_SOURCES": "tencent",
            "RATE_SOURCES": "cfets,frankfurter",
            "HISTORY_SOURCES": "",
            "SOURCE_INTERVAL": "0",
            "QUOTE_BATCH_SIZE": "5",
            "QUOTE_EVERY_SECONDS": "3600",
            "JOB_REDELIVERY_SECONDS": f"{REDELIVERY}",
            "PLAN_EVERY_SECONDS": "1",
            **{f"{site.upper()}_URL": sources.at(site) for site in project.SOURCE_URLS},
        }

    def start_redis(self) -> None:
        """Start Redis and return when it listens."""
        path = socket_path(project.DATA_DIR)
        path.unlink(missing_ok=True)
        self.redis = Process(redis_command(project.DATA_DIR), self.env, self._folder / "redis.log")
        self._cleanup.callback(self.redis.kill)
        until(path.is_socket, "Redis listens")

    def start_worker(self, processes: int = 2) -> Process:
        """Start a worker; it may take a while until it listens."""
        options = [
            "--queues",
            "celery,documents,history",
            "--concurrency",
            str(processes),
            "--pool",
            "prefork",
            "--without-gossip",
            "--without-mingle",
            "-l",
            "INFO",
        ]
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


def forget_jobs() -> None:
    """Take away what Redis has kept on disk."""
    shutil.rmtree(project.DATA_DIR / "appendonlydir", ignore_errors=True)
    for file in project.DATA_DIR.glob("*.aof"):
        file.unlink()


# --- What was to be done ------------------------------------------------------------------------------


def make_listings(count: int = 12) -> None:
    """Watched listings 688000, 688001, …"""
    company = make_company()
    for number in range(count):
        make_listing(company, f"688{number:03}")


def is_finished(run: RefreshRun) -> bool:
    """Whether a run is closed by now."""
    run.refresh_from_db()
    return run.finished_at is not None


def assert_stored_once(run: RefreshRun, count: int = 12) -> None:
    """Every listing of the run has one price, one settled outcome, and the run is closed."""
    assert set(run.outcomes.values_list("result", "stored")) == {("ok", 1)}
    assert run.outcomes.count() == count
    assert Quote.objects.count() == Quote.objects.values("listing").distinct().count() == count
    assert run.problem == ""
