"""Reading the text of a stored file, in a process of its own, and keeping it page by page.

What readers see is one reading, whole, or the first pages of the very first one while it goes on. A file that is read
again keeps its text until the new one is whole; should that fail, it keeps it for good. Reading twice at once, or dying
half-way, leaves nothing behind that the next reading does not put right.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from companies.filings.anchoring import check_anchors
from companies.filings.search import index_version
from companies.models import FilingPage, FilingVersion, Revision, Run

Status = FilingVersion.Status

RULES = 1  # goes up when the same file would give another text or other places: which must then be read again
PAGES_AT_ONCE = 25  # stored together, after the first, for which somebody may be waiting
LONGEST_MESSAGE = 64 * 1024 * 1024  # bytes of one line of the child
_PAGE = ("text", "raw", "html", "width", "height", "packed_runs")
_RESULT = ("status", "problem", "page_count", "outline", "extracted_at", "extractor", "extraction")
# Numbers with which PDFium and the allocator end a process that got no more memory.
_OUT_OF_MEMORY = (signal.SIGABRT, signal.SIGTRAP, signal.SIGILL, signal.SIGSEGV, signal.SIGBUS)


@dataclass(slots=True)
class Reading:
    """What the child has said so far."""

    pages: list[FilingPage] = field(default_factory=list)
    page_count: int | None = None
    program: str = ""
    outline: list[dict[str, Any]] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    status: str = ""  # empty: the child has not come to an end
    problem: str = ""


def extract(version_id: int) -> FilingVersion.Status:
    """Read the text of a stored file, store its pages and what became of it. Never raises for a bad file.

    Returns:
        What came of this reading. The version's own status is the same, unless it was read before and has text: it
        keeps that, and its `problem` says why it could not be read again.
    """
    with transaction.atomic():
        # Locked: another worker with the same job may be storing what it has read.
        version = FilingVersion.objects.select_for_update().get(pk=version_id)
        first_time = not version.extraction
        if first_time:
            version.pages.all().delete()  # of a reading that died
    reading = Reading()
    for page in _read(version, reading):
        reading.pages.append(page)
        if first_time and len(reading.pages) % PAGES_AT_ONCE == 1:
            _store_early(version, reading)
    if reading.status == Status.READY and not any(page.text for page in reading.pages):
        reading.status = Status.NO_TEXT
    _finish(version_id, reading)
    return Status(reading.status)


# --- The child --------------------------------------------------------------------------------------


def _read(version: FilingVersion, reading: Reading) -> Iterator[FilingPage]:
    """The pages as the child gives them; `reading` takes the rest of what it says, and how it ended."""
    if not version.path.is_file():
        reading.status, reading.problem = Status.BROKEN, "The file is missing: bring it in once more."
        return
    with _child(version) as child:
        for line in _lines(child.output):
            message = json.loads(line)
            kind = message.pop("message")
            if kind == "page":
                if message["problem"]:
                    reading.damaged.append(message["problem"])
                yield _page(version, len(reading.pages) + 1, message)
            elif kind == "start":
                reading.page_count, reading.program = message["pages"], message["program"]
            elif kind == "end":
                reading.status, reading.outline = Status.READY, message["outline"]
                reading.problem = _damage(reading.damaged)
            else:
                reading.status, reading.problem = message["status"], message["problem"]
    if not reading.status:
        reading.status, reading.problem = child.why_it_ended()


def _lines(output: IO[bytes]) -> Iterator[bytes]:
    """Whole lines only: the last one of a child that was killed may be half of one."""
    while (line := output.readline(LONGEST_MESSAGE)).endswith(b"\n"):
        yield line


def _page(version: FilingVersion, number: int, said: dict[str, Any]) -> FilingPage:
    page = FilingPage(
        version=version, number=number, text=said["text"], raw=said["raw"], html=said["html"],
        width=said["width"], height=said["height"],
    )  # fmt: skip
    return page.set_runs([Run(*run) for run in said["runs"]])


def _damage(problems: list[str]) -> str:
    if not problems:
        return ""
    more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
    return f"Some of it could not be read: {', '.join(problems[:3])}{more}."


@dataclass(slots=True)
class _Child:
    """A process that reads one document."""

    process: subprocess.Popen[bytes]
    output: IO[bytes]
    was_stopped: bool = False
    peak_megabytes: int = 0

    def stop(self) -> None:
        """Its time is up."""
        self.was_stopped = True
        self.process.kill()

    def wait(self, timer: threading.Timer) -> None:
        """Let it end, and learn how much memory it had.

        Its number is given back only once the timer can no longer use it: by then it may be another process's.
        """
        os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)
        timer.cancel()
        timer.join()
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.peak_megabytes = usage.ru_maxrss // 1024

    def why_it_ended(self) -> tuple[Status, str]:
        """For one that said nothing at the end."""
        seconds, megabytes = settings.DOCUMENT_TIME_LIMIT, settings.DOCUMENT_MEMORY_MB
        ended_by = -(self.process.returncode or 0)
        if self.was_stopped or ended_by == signal.SIGXCPU:
            return Status.TOO_SLOW, f"It was not read within {seconds} seconds."
        # Nobody but the system, which is out of memory, kills it otherwise.
        if ended_by == signal.SIGKILL or (ended_by in _OUT_OF_MEMORY and self.peak_megabytes > megabytes // 2):
            return Status.TOO_BIG, f"Reading it needs more than {megabytes:,} MB of memory."
        how = signal.strsignal(ended_by) if ended_by > 0 else f"exit code {self.process.returncode}"
        return Status.BROKEN, f"The program that reads such files failed on it ({how})."


@contextmanager
def _child(version: FilingVersion) -> Iterator[_Child]:
    """Start a child for a version, and end it, whatever happens here."""
    limits = (settings.DOCUMENT_MAX_PAGES, settings.DOCUMENT_TIME_LIMIT, settings.DOCUMENT_MEMORY_MB)
    command = [sys.executable, "-s", "-m", "companies.filings.child", version.media_type, str(version.path)]
    process = subprocess.Popen(
        [*command, *(str(math.ceil(limit)) for limit in limits)],
        cwd=settings.BASE_DIR,
        env={"LANG": "C.UTF-8"},  # nothing of ours: the environment knows keys and addresses
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    child = _Child(process, process.stdout)
    timer = threading.Timer(settings.DOCUMENT_TIME_LIMIT, child.stop)
    timer.start()
    try:
        yield child
    except BaseException:
        process.kill()
        raise
    finally:
        process.stdout.close()
        child.wait(timer)


# --- The database -----------------------------------------------------------------------------------


@transaction.atomic
def _store_early(version: FilingVersion, reading: Reading) -> None:
    """Let readers see the pages that there are."""
    # Before the pages, in the order of everybody who writes them: two that read at once must not wait for each other.
    FilingVersion.objects.select_for_update().get(pk=version.pk)
    FilingPage.objects.bulk_create(reading.pages[-PAGES_AT_ONCE:], ignore_conflicts=True)


@transaction.atomic
def _finish(version_id: int, reading: Reading) -> None:
    """Store what came of a reading: all of it, or nothing of it."""
    filing = FilingVersion.objects.values("filing").filter(pk=version_id)
    # All versions of the filing: an anchor that is made meanwhile, on whichever of them, waits (see `keep`).
    locked = FilingVersion.objects.select_for_update().filter(filing__in=filing).order_by("pk")
    version = next(one for one in locked if one.pk == version_id)
    has_text = reading.status in (Status.READY, Status.NO_TEXT)
    if version.extraction and not has_text:
        version.problem = f"It could not be read again: {reading.problem}"[:300]
        if version.status == Status.WAITING:
            version.status = Status.READY if version.pages.exclude(text="").exists() else Status.NO_TEXT
        version.save(update_fields=["problem", "status"])
        return
    version.status, version.problem = Status(reading.status), reading.problem[:300]
    version.page_count, version.outline = reading.page_count, reading.outline
    version.extracted_at = timezone.now()
    version.extractor = f"{reading.program} / rules {RULES}" if reading.program else ""
    version.extraction += has_text
    version.save(update_fields=_RESULT)
    _make_pages(version, reading.pages if has_text else [])
    index_version(version)
    check_anchors(version)
    Revision.bump()


def _make_pages(version: FilingVersion, pages: list[FilingPage]) -> None:
    """Make the stored pages these. Those that are equal already are left alone."""
    wanted = {page.number: page for page in pages}
    outdated = []
    for stored in version.pages.all().iterator(chunk_size=100):
        page = wanted.get(stored.number)
        if page is not None and all(getattr(stored, name) == getattr(page, name) for name in _PAGE):
            del wanted[stored.number]
        else:
            outdated.append(stored.pk)
    version.pages.filter(pk__in=outdated).delete()
    FilingPage.objects.bulk_create(wanted.values(), batch_size=100)
