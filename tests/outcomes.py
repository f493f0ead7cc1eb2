"""One outcome for a whole reply, as the manifest of the samples states it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from companies.sources.base import Outcome
from valuations.providers.base import ParsedRate, QuoteRow

_STORED = frozenset({Outcome.OK, Outcome.OK_FLAG})


def batch_outcome(rows: Iterable[Outcome | QuoteRow]) -> Outcome:
    """One word for a whole batch: that of its rows when they agree, `partial` when only some of them were answered.

    A share that does not trade is answered too: it takes nothing from the others. When nothing could be stored the most
    telling outcome wins: hold, then stale, then bad_row, then no_data.
    """
    outcomes = {row if isinstance(row, Outcome) else row.outcome for row in rows}
    if not outcomes:
        return Outcome.NO_DATA
    if len(outcomes) == 1:
        return outcomes.pop()
    if outcomes & _STORED:
        if outcomes - _STORED - {Outcome.HOLD}:
            return Outcome.PARTIAL
        return Outcome.OK_FLAG if Outcome.OK_FLAG in outcomes else Outcome.OK
    for outcome in (Outcome.HOLD, Outcome.STALE, Outcome.BAD_ROW):
        if outcome in outcomes:
            return outcome
    return Outcome.NO_DATA


def rates_outcome(rates: Sequence[ParsedRate]) -> Outcome:
    """`ok`, or `ok_flag` when a rate carries a flag; `no_data` when there is none."""
    if not rates:
        return Outcome.NO_DATA
    return Outcome.OK_FLAG if any(rate.flag for rate in rates) else Outcome.OK
