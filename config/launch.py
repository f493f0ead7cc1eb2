"""`make run`: one command that starts web, worker, beat and Redis, and stops them again.

The commands are those of the Procfile, printed in honcho's format. Honcho itself stops everything as soon as one
process ends; here worker, beat and Redis are started again instead, because a page that keeps serving is worth more
than a tidy exit. Only when web ends by itself does everything stop. On Ctrl-C web, worker and beat are asked first and
Redis last, so that the worker can hand back its jobs.

One thread, one loop: children are made to die with the thread that started them (see `die_with_launcher`), so it must
live as long as they.
"""

import ctypes
import errno
import fcntl
import http.client
import os
import secrets
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import IO

import environ
from honcho.colour import get_colours
from honcho.environ import parse_procfile
from honcho.printer import Message, Printer

from config.local_redis import redis_url

ROOT = Path(__file__).resolve().parent.parent
RESTARTED = frozenset({"worker", "beat", "redis"})
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds between a death and the next start
HEALTHY_AFTER = 60.0  # a process that lived this long has its pause reset
# What a child is sent after how many seconds of waiting for its end. SIGQUIT tells Celery to give running jobs back to
# the queue instead of finishing them, and gunicorn not to wait for requests. Redis is asked last, and all of it
# together ends within ten seconds.
FAREWELL = ((0.0, signal.SIGTERM), (4.0, signal.SIGQUIT), (7.0, signal.SIGKILL))
REDIS_FAREWELL = ((0.0, signal.SIGTERM), (2.0, signal.SIGKILL))
PR_SET_PDEATHSIG = 1


class CannotStart(Exception):
    """Nothing was started; the message tells a person what to do."""


def read_address(host: str, port: str) -> tuple[str, int]:
    """The address to serve, checked to be free.

    Raises:
        CannotStart: the port is no number, in use or reserved, or the host is not an address of this machine.
    """
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise CannotStart(f"PORT must be a number from 1 to 65535, not “{port}”.")
    number = int(port)
    try:
        found = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as problem:
        raise CannotStart(f"HOST “{host}” is not an address of this machine.") from problem
    family, kind, protocol, _, address = found[0]
    with socket.socket(family, kind, protocol) as probe:
        # As gunicorn does: connections of the last run that are still closing are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as problem:
            if problem.errno == errno.EADDRINUSE:
                other = number + 1 if number < 65535 else number - 1
                raise CannotStart(f"Port {number} is in use; choose another: make run PORT={other}") from problem
            if problem.errno == errno.EACCES:
                raise CannotStart(f"Port {number} needs root; choose one above 1023: make run PORT=8000") from problem
            raise CannotStart(f"HOST “{host}” is not an address of this machine.") from problem
    return host, number


def lock_data_dir(data_dir: Path) -> IO[str]:
    """Hold the data directory for this process; closing the file lets go.

    Raises:
        CannotStart: another `make run` has it. Two would share one Redis socket and one SQLite file.
    """
    lock = (data_dir / "launch.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as problem:
        lock.close()
        raise CannotStart(
            f"Xinpan already runs on the data in {data_dir}; stop it first, or use other data: make run DATA_DIR=…"
        ) from problem
    return lock


def secret_key(data_dir: Path) -> str:
    """The instance's own secret, made on the first start and readable by its user alone."""
    path = data_dir / "secret_key"
    with (
        suppress(FileExistsError),
        os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file,
    ):
        file.write(secrets.token_urlsafe(50))
    key = path.read_text().strip()
    if not key:
        raise CannotStart(f"{path} is empty; remove it, and the next start makes another.")
    return key


def process_environment(data_dir: Path, host: str, port: int) -> dict[str, str]:
    """What every process gets to see: our environment, and everything that has a default here."""
    env = dict(os.environ)
    env["DATA_DIR"] = str(data_dir)
    env["HOST"], env["PORT"] = (f"[{host}]" if ":" in host else host), str(port)
    if not env.get("SECRET_KEY_FILE"):
        env["SECRET_KEY"] = env.get("SECRET_KEY") or secret_key(data_dir)
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env.get('PATH', os.defpath)}"
    env["PYTHONUNBUFFERED"] = "1"
    for optional in ("DATABASE_URL", "REDIS_URL"):
        if not env.get(optional):
            env.pop(optional, None)  # empty means unset
    if not env.get("REDIS_URL_FILE"):
        env.setdefault("REDIS_URL", redis_url(data_dir))
    return env


def die_with_launcher() -> None:
    """In the child, before it becomes its program: stop when the launcher is killed, so that nothing is left behind."""
    if _prctl is not None:
        _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


# Looked up now, not between fork and exec.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


class Child:
    """One line of the Procfile and the process that runs it, if it runs."""

    def __init__(self, name: str, command: str, colour: str) -> None:
        self.name = name
        self.command = command
        self.colour = colour
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.start_at: float | None = 0.0  # monotonic time of the next start; None while it runs
        self.pause = FIRST_PAUSE
        self.unfinished_line = b""
        self.farewell = deque(REDIS_FAREWELL if name == "redis" else FAREWELL)
        self.farewell_since: float | None = None

    def say_farewell(self) -> None:
        """Send the signals due since the first call: SIGKILL to its children too, the others to it alone."""
        now = time.monotonic()
        self.farewell_since = now if self.farewell_since is None else self.farewell_since
        while self.process is not None and self.farewell and now - self.farewell_since >= self.farewell[0][0]:
            _, number = self.farewell.popleft()
            if number == signal.SIGKILL:
                self.kill_group()
            else:
                self.process.send_signal(number)

    def kill_group(self) -> None:
        """Kill whatever is left of the process and its children; each runs in a session of its own."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


class Launcher:
    """Starts the children, shows what they print, restarts or stops them."""

    def __init__(self, children: list[Child], env: dict[str, str], page: tuple[str, int]) -> None:
        self.children = children
        self.env = env
        self.page = page
        self.printer = Printer(sys.stdout, width=max(len(child.name) for child in children))
        self.selector = selectors.DefaultSelector()
        self.stopping = False
        self.interrupts = 0
        self.page_answered = False
        self.returncode = 0

    # --- Output -----------------------------------------------------------------------------
    def write(self, name: str, colour: str | None, line: bytes | str) -> None:
        """Print one line under a process's name; when nobody reads any more, stop."""
        try:
            self.printer.write(Message("line", line, datetime.now(), name, colour))  # noqa: DTZ005 the reader's own clock
        except BrokenPipeError:
            # Whatever is printed from now on, also by the interpreter at its end, goes nowhere instead of failing.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self.stop()

    def say(self, line: str) -> None:
        """Print a line of our own."""
        self.write("xinpan", None, line)

    def read_output(self, child: Child) -> None:
        """Print the complete lines that a child has written so far."""
        assert child.process is not None
        assert child.process.stdout is not None
        while True:
            try:
                chunk = os.read(child.process.stdout.fileno(), 65536)
            except BlockingIOError:
                return
            if not chunk:
                self.selector.unregister(child.process.stdout)
                return
            *lines, child.unfinished_line = (child.unfinished_line + chunk).split(b"\n")
            for line in lines:
                self.write(child.name, child.colour, line)

    # --- Life of a child --------------------------------------------------------------------
    def start(self, child: Child) -> None:
        """Start a child in a session of its own, so that Ctrl-C in the terminal reaches only us."""
        child.process = subprocess.Popen(
            child.command,
            shell=True,
            cwd=ROOT,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_launcher,  # safe: this process has one thread
        )
        assert child.process.stdout is not None
        os.set_blocking(child.process.stdout.fileno(), False)
        self.selector.register(child.process.stdout, selectors.EVENT_READ, child)
        child.started_at, child.start_at = time.monotonic(), None

    def bury(self, child: Child) -> int:
        """Take leave of a child that has ended: its last words, its own children, its pipe. Returns its exit code."""
        assert child.process is not None
        assert child.process.stdout is not None
        child.kill_group()
        if child.process.stdout in self.selector.get_map():
            self.read_output(child)
        if child.unfinished_line:
            self.write(child.name, child.colour, child.unfinished_line)
            child.unfinished_line = b""
        if child.process.stdout in self.selector.get_map():
            self.selector.unregister(child.process.stdout)
        child.process.stdout.close()
        code, child.process = child.process.returncode, None
        return code

    def notice_deaths(self) -> None:
        """Restart what may be restarted; when web ends by itself, stop everything."""
        for child in self.children:
            if child.process is None or child.process.poll() is None:
                continue
            code = self.bury(child)
            how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            if self.stopping:
                self.say(f"{child.name} has stopped")
            elif child.name in RESTARTED:
                now = time.monotonic()
                if now - child.started_at >= HEALTHY_AFTER:
                    child.pause = FIRST_PAUSE
                child.start_at = now + child.pause
                self.say(f"{child.name} {how}; starting it again in {child.pause:.0f} s. The pages keep serving.")
                child.pause = min(child.pause * 2, LONGEST_PAUSE)
            else:
                self.say(f"{child.name} {how}; stopping everything")
                self.returncode = 1
                self.stop()

    def start_what_is_due(self) -> None:
        """Start every child whose time has come."""
        for child in self.children:
            if child.start_at is not None and child.start_at <= time.monotonic():
                self.start(child)

    # --- The page ---------------------------------------------------------------------------
    def look_at_page(self) -> None:
        """Say where the page is, once it really answers."""
        host, port = self.page
        there = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        connection = http.client.HTTPConnection(there, port, timeout=3)
        try:
            connection.request("GET", "/")
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return
        finally:
            connection.close()
        self.page_answered = True
        if status >= 500:
            self.say(f"The first page answers with error {status}; the lines of web say why.")
        self.say(f"Ready: http://{f'[{there}]' if ':' in there else there}:{port}/ (Ctrl-C stops everything)")
        if there != host and not self.env.get("ALLOWED_HOSTS"):
            self.say("Other machines get an error until ALLOWED_HOSTS names the host they ask for.")

    # --- The end ----------------------------------------------------------------------------
    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """A first Ctrl-C stops in order, a second one at once."""
        self.interrupts += 1
        self.stop()

    def stop(self) -> None:
        """Begin to stop; `stop_in_order` does the rest, a step at a time."""
        if not self.stopping:
            self.stopping = True
            self.say("Stopping …")

    def stop_in_order(self) -> None:
        """Bid everyone farewell, Redis when it is alone."""
        running = [child for child in self.children if child.process is not None]
        for child in [child for child in running if child.name != "redis"] or running:
            if self.interrupts > 1:
                child.kill_group()
            else:
                child.say_farewell()

    def run(self) -> int:
        """Run until asked to stop or web ends. Returns the exit code for the shell."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.on_signal)
        next_look = time.monotonic() + 0.5
        while True:
            if not self.stopping:
                self.start_what_is_due()
            for key, _ in self.selector.select(timeout=0.1):
                self.read_output(key.data)
            self.notice_deaths()
            if self.stopping:
                self.stop_in_order()
                if all(child.process is None for child in self.children):
                    return self.returncode
            elif not self.page_answered and time.monotonic() >= next_look:
                self.look_at_page()
                next_look = time.monotonic() + 0.3


def children_of(procfile: str, *, with_redis: bool) -> Iterator[Child]:
    """The processes to start, Redis first so that the others find it."""
    commands = parse_procfile(procfile).processes
    colours = get_colours()
    for name in sorted(commands, key=lambda name: name != "redis"):
        if name != "redis" or with_redis:
            yield Child(name, commands[name], next(colours))


def main() -> int:
    """Check, prepare, run. Returns the exit code for the shell."""
    environ.Env.read_env(ROOT / ".env")
    data_dir = Path(os.environ.get("DATA_DIR") or ROOT / "var").resolve()
    host, port = read_address(os.environ.get("HOST") or "127.0.0.1", os.environ.get("PORT") or "8000")
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with lock_data_dir(data_dir):
        env = process_environment(data_dir, host, port)
        if subprocess.run([sys.executable, "-m", "config.prepare"], cwd=ROOT, env=env, check=False).returncode:
            raise CannotStart("Preparing the data failed; nothing was started.")
        own_redis = not (os.environ.get("REDIS_URL") or os.environ.get("REDIS_URL_FILE"))
        children = list(children_of((ROOT / "Procfile").read_text(), with_redis=own_redis))
        return Launcher(children, env, (host, port)).run()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CannotStart as problem:
        sys.exit(f"\n{problem}")
    except KeyboardInterrupt:
        sys.exit(130)
