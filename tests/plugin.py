"""What every test run needs before Django reads its settings, and what is done where something is missing.

pyproject.toml loads it. A test that needs a browser or PostgreSQL is marked so; one that needs a Chinese font
asks `tests.documents` for its document. Without it the test is reported as skipped with the reason;
`XINPAN_REQUIRE_BROWSER=1`, `XINPAN_REQUIRE_POSTGRES=1` and `XINPAN_REQUIRE_FONT=1` make that a failure, so that
continuous integration cannot pass by skipping.
"""

import atexit
import ipaddress
import os
import shutil
import sys
import tempfile
from typing import Any

import pytest

os.environ["SECRET_KEY"] = "a-key-only-for-tests-long-enough-and-not-secret-at-all-0123456789"
if "XINPAN_TEST_DATA_DIR" not in os.environ:
    # Tests must not see, let alone change, the data of a developer's own instance.
    os.environ["DATA_DIR"] = os.environ["XINPAN_TEST_DATA_DIR"] = tempfile.mkdtemp(prefix="xinpan-test-")
    atexit.register(shutil.rmtree, os.environ["DATA_DIR"], ignore_errors=True)
# Where a run would collect static files; the middleware warns when it is not there.
os.makedirs(os.path.join(os.environ["DATA_DIR"], "static"), exist_ok=True)
# Said here so that a developer's .env, which never overrides the environment, has no say.
os.environ.setdefault("DATABASE_URL", f"sqlite:///{os.environ['DATA_DIR']}/tests.sqlite3")
os.environ["REDIS_URL"] = f"redis+socket://{os.environ['DATA_DIR']}/redis.sock"
# No test may reach a real source; those about sources name a local stand-in.
os.environ["SOURCES_ENABLED"] = "false"
# Readers without login see every price at once, except where a test is about those who do not.
os.environ["PUBLIC_DELAY_MINUTES"] = "0"


def is_here(host: object) -> bool:
    """Whether a host name or address is this machine's own."""
    if not host or host in ("localhost", b"localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False


def refuse_other_machines(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: whatever tries to reach beyond this machine fails, loudly and before a packet leaves."""
    if event == "socket.connect":
        # Unix sockets have no tuple for an address.
        outside = isinstance(arguments[1], tuple) and not is_here(arguments[1][0])
    elif event == "socket.getaddrinfo":
        outside = isinstance(arguments[0], str) and arguments[0][-1:].isalpha() and not is_here(arguments[0])
    else:
        return
    if outside:
        raise RuntimeError(f"A test reaches for {arguments}: only this machine is allowed")


sys.addaudithook(refuse_other_machines)

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str | None:
    """Path of a Chromium to drive: the one `CHROMIUM` names, or the machine's."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


def missing(what: str, reason: str) -> None:
    """Skip the running test because `what` (BROWSER, POSTGRES, FONT) is missing, or fail it where that is required."""
    if os.environ.get(f"XINPAN_REQUIRE_{what}") == "1":
        pytest.fail(f"{reason}, and XINPAN_REQUIRE_{what}=1 asks for it", pytrace=False)
    pytest.skip(reason)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Decide about the marked tests before their fixtures start anything."""
    if item.get_closest_marker("browser") and chromium() is None:
        missing("BROWSER", "no Chromium on this machine (Debian: apt install chromium fonts-noto-cjk)")
    if item.get_closest_marker("postgres") and not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        pytest.skip("only on PostgreSQL: python -m tests.on_postgres")
