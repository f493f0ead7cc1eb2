"""Instances of the application as they run in production, each with its own data directory, on loopback only."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from config.local_redis import redis_command, redis_url
from tests.bench.load import get

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 30.0  # seconds to start or to stop
WEB = ("--workers", "2", "--threads", "4", "--no-control-socket", "--graceful-timeout", "3", "--log-level", "warning")


class CannotMeasure(Exception):
    """Something needed is missing or does not start; the message says what."""


class Instance:
    """A data directory with its database, and the processes that use it."""

    def __init__(self, data_dir: Path, **variables: str) -> None:
        self.data_dir = data_dir
        data_dir.mkdir(parents=True, exist_ok=True)
        kept = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV")
        # Nothing else is inherited: a developer's DATABASE_URL or DEBUG must not get into a measurement.
        self.env = {name: os.environ[name] for name in kept if name in os.environ}
        self.env |= {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "SECRET_KEY": "a-key-only-for-benchmarks-0123456789-long-enough-for-django",
            "DEBUG": "false",
            "DATA_DIR": str(data_dir),
            "DATABASE_URL": f"sqlite:///{data_dir / 'xinpan.sqlite3'}",
            "REDIS_URL": redis_url(data_dir),
            "SOURCES_ENABLED": "false",
            "LOG_LEVEL": "WARNING",
            "PYTHONDONTWRITEBYTECODE": "1",
        } | variables

    def manage(self, *arguments: str) -> None:
        """Run a management command."""
        run = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            raise CannotMeasure(f"manage.py {arguments[0]} failed: {(run.stderr or run.stdout).strip()[-800:]}")

    def inside(self, command: str, **arguments: Any) -> Any:
        """Run a function of `tests.bench.inside` in a process that has the settings of this instance."""
        run = subprocess.run(
            [sys.executable, "-m", "tests.bench.inside", command, json.dumps(arguments)],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            raise CannotMeasure(f"{command} failed: {run.stderr.strip()[-800:]}")
        return json.loads(run.stdout.splitlines()[-1])

    def prepare(self, *, starter: bool = True, static: bool = True) -> None:
        """Database, starter facts, collected and compressed static files."""
        self.manage("migrate", "--verbosity", "0")
        if starter:
            self.manage("load_starter", "--verbosity", "0")
        if static:
            # Compressing takes longer than many a measurement; all instances of a run share what the first collected.
            shared = self.data_dir.parent.parent / "static"
            shared.mkdir(exist_ok=True)
            (self.data_dir / "static").symlink_to(shared)
            if not any(shared.iterdir()):
                self.manage("collectstatic", "--noinput", "--verbosity", "0")

    @contextmanager
    def web(self, *options: str, application: str = "config.wsgi", path: str = "/") -> Iterator[WebServer]:
        """Serve the application by gunicorn, as the Procfile does, until the block ends."""
        with web_server(application, self.env, *options, path=path) as server:
            yield server

    @contextmanager
    def redis(self) -> Iterator[None]:
        """A Redis of this instance's own."""
        with running(redis_command(self.data_dir), self.env) as process:
            socket_file = Path(self.env["REDIS_URL"].removeprefix("redis+socket://"))
            _wait(lambda: socket_file.is_socket(), process, "Redis")
            yield

    @contextmanager
    def workers(self, count: int) -> Iterator[subprocess.Popen[bytes]]:
        """A Celery worker with this many processes, ready to take jobs."""
        command = [
            sys.executable, "-m", "celery", "--quiet", "--app", "config", "worker",
            "--queues", "celery,documents,history", "--concurrency", str(count),
            "--without-gossip", "--without-mingle", "--loglevel", "WARNING",
        ]  # fmt: skip
        # Its words go to a file: those about running as root would break up the table.
        with (self.data_dir / "worker.log").open("w") as log, running(command, self.env, log) as process:
            if self.inside("wait_for_workers", seconds=PATIENCE) is not True or process.poll() is not None:
                said = (self.data_dir / "worker.log").read_text().strip()
                raise CannotMeasure(f"the Celery worker does not start: {said[-800:]}")
            yield process


class WebServer:
    """A gunicorn that answers."""

    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self.port = port
        self.process = process

    @property
    def workers(self) -> list[int]:
        """Process ids of the workers."""
        return children_of(self.process)


def children_of(process: subprocess.Popen[bytes]) -> list[int]:
    """Process ids of what a process has started itself."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(number) for number in children.read_text().split()]


def megabytes(process: int) -> float:
    """Resident memory of a process."""
    return _memory(process, "VmRSS")


def peak_megabytes(process: int) -> float:
    """The most resident memory that a process has had since it was started. 0: it has just ended."""
    return _memory(process, "VmHWM")


def _memory(process: int, name: str) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


@contextmanager
def web_server(application: str, env: Mapping[str, str], *options: str, path: str = "/") -> Iterator[WebServer]:
    """Serve a WSGI application by gunicorn on a free port until the block ends."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", application, "--bind", f"127.0.0.1:{port}", *WEB, *options]
    with running(command, env) as process:
        _wait(lambda: _answers(port, path), process, "gunicorn")
        yield WebServer(port, process)


@contextmanager
def running(
    command: Sequence[str], env: Mapping[str, str], stderr: IO[str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own, stopped with everything it started when the block ends."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=PATIENCE)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for everything that a run writes, removed with it."""
    folder = Path(tempfile.mkdtemp(prefix="xinpan-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def _answers(port: int, path: str) -> bool:
    try:
        status = get(port, path).status
    except OSError:
        return False
    if status >= 400:
        raise CannotMeasure(f"{path} answers with status {status}")
    return True


def _wait(ready: Any, process: subprocess.Popen[bytes], name: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise CannotMeasure(f"{name} does not start")
        time.sleep(0.05)
