"""Reads one document in a process of its own: `python -m companies.filings.child <media type> <path> <limits>`.

Files come from anywhere, and programs that read them fail on some: they crash, run forever, ask for all the memory
there is. Here that ends one small process, which knows no secret, cannot write files and cannot start programs. It
prints one line of JSON for each message: `start`, a `page` at a time as it is read, `end`; or `stop` with the reason.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import resource
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from companies.filings.reading import BROKEN, MOST_CHARACTERS, TOO_BIG, Unreadable

READERS = {
    "application/pdf": ("companies.filings.pdf", "PdfText"),
    "text/html": ("companies.filings.html", "HtmlText"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """What one document may use."""

    pages: int
    seconds: int  # of processor time
    megabytes: int  # of address space, of which much is never touched

    def apply(self) -> None:
        """Hold this process to them. Memory that it cannot have, and a file that it tries to write, are errors."""
        resource.setrlimit(resource.RLIMIT_AS, (self.megabytes << 20,) * 2)
        resource.setrlimit(resource.RLIMIT_CPU, (self.seconds, self.seconds + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def read(media_type: str, path: Path, limits: Limits) -> None:
    """Print the messages about one document."""
    module, name = READERS[media_type]
    reader = getattr(import_module(module), name)
    document = reader(path, most_pages=limits.pages)
    _say("start", pages=document.page_count, program=import_module(module).PROGRAM)
    total = 0
    for page in document.pages():
        total += len(page.text) + len(page.raw)
        if total > 2 * MOST_CHARACTERS:
            raise Unreadable(TOO_BIG, f"It holds more than {MOST_CHARACTERS:,} characters.")
        _say("page", **_fields(page))
    _say("end", outline=[_fields(entry) for entry in document.outline()])


def _fields(row: Any) -> dict[str, Any]:
    return {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}


def _say(message: str, **values: Any) -> None:
    print(json.dumps({"message": message, **values}, separators=(",", ":")), flush=True)


def main() -> None:
    """Read what the command line names."""
    media_type, path, *numbers = sys.argv[1:]
    logging.disable()
    limits = Limits(*map(int, numbers))
    limits.apply()
    try:
        read(media_type, Path(path), limits)
    except Unreadable as problem:
        _say("stop", status=problem.status, problem=str(problem))
    except MemoryError:
        _say("stop", status=TOO_BIG, problem=f"Reading it needs more than {limits.megabytes:,} MB of memory.")
    except Exception as problem:  # whatever a file brings about: a person is told, the process ends
        _say("stop", status=BROKEN, problem=f"Reading it failed: {type(problem).__name__}: {problem}")


if __name__ == "__main__":
    main()
