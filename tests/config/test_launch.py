"""`make run`: what it refuses before starting anything, and how it keeps and stops its processes."""

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.launch import ROOT, CannotStart, children_of, lock_data_dir, process_environment, read_address, secret_key
from config.local_redis import LONGEST_SOCKET_PATH, redis_command, socket_path

# Stand-ins for the real processes: something that serves, something that waits, and a Redis that takes its time.
PROCFILE = f"""
web: exec {sys.executable} -m http.server --bind 127.0.0.1 "$PORT"
worker: exec sleep 1000
beat: trap 'kill $!; exit 0' TERM; sleep 1000 & wait
redis: trap 'kill $!; echo redis ends; exit 0' TERM; sleep 1000 & wait
"""
LAUNCH = """
import os, sys
from config.launch import Launcher, children_of
port = int(os.environ["PORT"])
sys.exit(Launcher(list(children_of(sys.argv[1], with_redis=True)), dict(os.environ), ("127.0.0.1", port)).run())
"""


@pytest.fixture
def busy_port() -> Iterator[int]:
    """A port of this machine that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_taken_port_is_named_with_the_command_for_another(busy_port: int) -> None:
    with pytest.raises(CannotStart, match=rf"Port {busy_port} is in use.*make run PORT={busy_port + 1}"):
        read_address("127.0.0.1", str(busy_port))


@pytest.mark.parametrize("port", ["", "http", "0", "65536", "-1", "８０００"])
def test_a_port_that_is_no_port_number_is_refused(port: str) -> None:
    with pytest.raises(CannotStart, match="PORT must be a number from 1 to 65535"):
        read_address("127.0.0.1", port)


def test_a_host_that_is_not_this_machine_is_refused() -> None:
    with pytest.raises(CannotStart, match=r"192\.0\.2\.1.* is not an address of this machine"):
        read_address("192.0.2.1", "8000")


def test_a_second_start_on_the_same_data_is_refused(tmp_path: Path) -> None:
    with lock_data_dir(tmp_path), pytest.raises(CannotStart, match="already runs on the data"):
        lock_data_dir(tmp_path)
    lock_data_dir(tmp_path).close()


def test_the_secret_is_made_once_and_only_its_user_may_read_it(tmp_path: Path) -> None:
    first = secret_key(tmp_path)
    assert len(first) >= 50
    assert secret_key(tmp_path) == first
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_empty_variables_count_as_unset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECRET_KEY", "DATABASE_URL", "REDIS_URL"):
        monkeypatch.setenv(name, "")
    env = process_environment(tmp_path, "::1", 8000)
    assert "DATABASE_URL" not in env
    assert env["SECRET_KEY"] == secret_key(tmp_path)
    assert env["REDIS_URL"] == f"redis+socket://{tmp_path}/redis.sock"
    assert env["HOST"] == "[::1]"


def test_the_redis_socket_moves_when_its_path_would_be_too_long(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 120)
    assert socket_path(tmp_path) == tmp_path / "redis.sock"
    assert len(os.fsencode(socket_path(deep))) <= LONGEST_SOCKET_PATH
    assert socket_path(deep) != socket_path(tmp_path / ("b" * 120))
    socket_path(deep)  # asking makes nothing
    assert not deep.exists()


def test_redis_keeps_its_jobs_in_the_data_directory_and_opens_no_port(tmp_path: Path) -> None:
    command = redis_command(tmp_path)
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--dir"] == str(tmp_path)
    assert options["--appendonly"] == "yes"
    assert options["--port"] == "0"


def test_redis_of_our_own_starts_only_without_another() -> None:
    procfile = (ROOT / "Procfile").read_text()
    assert [child.name for child in children_of(procfile, with_redis=True)] == ["redis", "web", "worker", "beat"]
    assert [child.name for child in children_of(procfile, with_redis=False)] == ["web", "worker", "beat"]


class Run:
    """A launcher in a process of its own, and what it printed so far."""

    def __init__(self, log: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        self.log = log
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", LAUNCH, PROCFILE],
                cwd=ROOT,
                env={**os.environ, "PORT": str(port)},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def children(self) -> dict[str, int]:
        """Process ids by the name in the Procfile."""
        words = {"http.server": "web", "sleep 1000": "worker", "kill $!; exit 0'": "beat", "redis ends": "redis"}
        pids = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                arguments = (folder / "cmdline").read_text().replace("\0", " ")
            except (FileNotFoundError, ProcessLookupError):
                continue  # ended meanwhile
            if parent == self.process.pid and arguments:
                pids[[name for word, name in words.items() if word in arguments][-1]] = int(folder.name)
        return pids

    def wait(self, condition: Callable[[], bool], seconds: float = 10) -> None:
        """Wait until something holds, or fail with what was printed."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def said(self, words: str) -> bool:
        """Whether the words were printed."""
        return words in self.log.read_text()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """A launcher whose page answers."""
    run = Run(tmp_path / "log")
    try:
        run.wait(lambda: run.said("Ready: http://127.0.0.1:") and len(run.children()) == 4)
        yield run
    finally:
        if run.process.poll() is None:
            run.process.kill()
        run.process.wait()


def gone(pid: int) -> bool:
    """Whether the process has ended, or only its entry is left."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_ctrl_c_stops_everything_and_redis_last(run: Run) -> None:
    pids = run.children().values()
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(timeout=10) == 0
    assert all(map(gone, pids))
    printed = run.log.read_text()
    assert all(printed.index(f"{name} has stopped") < printed.index("redis ends") for name in ("web", "worker", "beat"))


@pytest.mark.parametrize("name", ["worker", "redis"])
def test_a_killed_worker_or_redis_is_started_again_while_the_page_goes_on(run: Run, name: str) -> None:
    before = run.children()
    os.kill(before[name], signal.SIGKILL)
    run.wait(lambda: run.said(f"{name} was killed by SIGKILL; starting it again in 1 s"))
    run.wait(lambda: len(run.children()) == 4)
    after = run.children()
    assert after.pop(name) != before.pop(name)
    assert after == before


def test_the_end_of_web_ends_everything_and_says_so(run: Run) -> None:
    pids = run.children()
    os.kill(pids["web"], signal.SIGKILL)
    assert run.process.wait(timeout=10) == 1
    assert run.said("web was killed by SIGKILL; stopping everything")
    assert all(map(gone, pids.values()))


def test_a_killed_launcher_leaves_nothing_behind(run: Run) -> None:
    pids = run.children()
    run.process.kill()
    run.wait(lambda: all(map(gone, pids.values())))
