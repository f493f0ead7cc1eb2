"""What reading a file gives: pages, an outline, or the reason why there are none. No Django: the child process."""

from __future__ import annotations

from dataclasses import dataclass, field

# The values of `FilingVersion.Status` with which reading may end without text.
ENCRYPTED, BROKEN, TOO_LONG, TOO_SLOW, TOO_BIG = "encrypted", "broken", "too_long", "too_slow", "too_big"

MOST_CHARACTERS = 10_000_000  # of a document: 3,000 pages of a dense prospectus have half of that
MOST_ENTRIES = 2_000  # of an outline
MOST_LEVELS = 6
LONGEST_TITLE = 200  # characters


class Unreadable(Exception):
    """The file gives no text. `status` is one of those above; the message tells a person why."""

    def __init__(self, status: str, problem: str) -> None:
        super().__init__(problem)
        self.status = status


@dataclass(frozen=True, slots=True)
class PageRead:
    """One page, as `FilingPage` keeps it; `runs` are [start, end, left, bottom, right, top]."""

    text: str
    raw: str = ""
    html: str = ""
    width: int = 0
    height: int = 0
    runs: list[list[int]] = field(default_factory=list)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an outline. Pages count from 1, levels from 0."""

    title: str
    page: int
    level: int
