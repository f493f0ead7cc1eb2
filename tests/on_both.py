"""Run the tests on SQLite and PostgreSQL at the same time: `python -m tests.on_both [pytest arguments]`.

Each run has its own data directory, database and ports. Lines are printed as they come, each under the name of its run.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

# The browser sees no difference between the databases: once is enough.
RUNS = {"sqlite": ["pytest"], "postgres": ["tests.on_postgres", "-m", "not browser"]}


def run(arguments: Sequence[str], name: str) -> int:
    """Run the tests on one database. Returns the exit code."""
    env = {key: value for key, value in os.environ.items() if key != "DATABASE_URL" or name == "postgres"}
    command = [sys.executable, "-m", *RUNS[name], *arguments]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as tests:
        assert tests.stdout is not None
        for line in tests.stdout:
            print(f"{name:8} | {line}", end="", flush=True)
    return tests.returncode


def main(arguments: Sequence[str]) -> int:
    """Run both. Returns the exit code for the shell: that of the run that went worse."""
    with ThreadPoolExecutor() as pool:
        return max(pool.map(partial(run, arguments), RUNS))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
