"""How a refresh run stands: how many were asked, what came of them, and how long it will take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from valuations.models import RefreshOutcome, RefreshRun

Result = RefreshOutcome.Result
STORED = (Result.OK, Result.OK_FLAG, Result.PARTIAL, Result.STALE)
# Not a trouble: the exchange is closed, or nothing was to be had. Everything else asks for a second look.
QUIET = (*STORED, Result.PENDING, Result.NO_DATA, Result.CANCELLED)


@dataclass(frozen=True, slots=True)
class ResultCount:
    """How many outcomes of a run have one result."""

    result: str
    n: int

    @property
    def needs_a_look(self) -> bool:
        """Whether somebody should find out why."""
        return self.result not in QUIET


@dataclass(frozen=True, slots=True)
class RunTally:
    """A run with the number of its outcomes by result, and of the rows stored so far."""

    run: RefreshRun
    results: Mapping[str, int]
    stored: int = 0

    @property
    def asked(self) -> int:
        """How many listings, or sources of rates, were asked for."""
        return sum(self.results.values())

    @property
    def done(self) -> int:
        """How many are settled."""
        return self.asked - self.results.get(Result.PENDING, 0)

    @property
    def is_open(self) -> bool:
        """Whether the run is still under way."""
        return self.run.finished_at is None

    @property
    def counts(self) -> list[ResultCount]:
        """The results that occur, in the order of the ledger's words."""
        return [ResultCount(result, self.results[result]) for result in Result.values if result in self.results]

    def time_left(self, now: datetime) -> timedelta | None:
        """How long the rest will take if it goes on as it did so far; None before anything is settled."""
        if not self.is_open or not self.done:
            return None
        return (now - self.run.requested_at) / self.done * (self.asked - self.done)


def run_tally(run: RefreshRun, counted: Mapping[str, int], stored: int = 0) -> RunTally:
    """The tally of a run: of a closed one as it was when it was closed, since details may have been removed since."""
    return RunTally(run, run.results or counted, stored)
