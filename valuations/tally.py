"""How a refresh run stands: how many were asked, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from valuations.models import RefreshOutcome, RefreshRun

Result = RefreshOutcome.Result
STORED = (Result.OK, Result.OK_FLAG, Result.PARTIAL, Result.STALE)
# Not a trouble: the exchange is closed, or nothing was to be had. Everything else asks for a second look.
QUIET = (*STORED, Result.PENDING, Result.NO_DATA)


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
    """A run with the number of its outcomes by result."""

    run: RefreshRun
    results: Mapping[str, int]

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
