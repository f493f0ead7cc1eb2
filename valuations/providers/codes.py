"""What all sources of prices do alike with the codes they give to instruments."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from companies.sources.base import NotAsked, Outcome
from valuations.providers.base import Instrument, QuoteRow

T = TypeVar("T")
CodeOf = Callable[[Instrument], str]
_TICKER = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-]{0,11}")


def of_exchange(table: Mapping[str, T], instrument: Instrument) -> T:
    """What a source's table has for the instrument's exchange.

    Raises:
        ValueError: another exchange, or a ticker that cannot be one.
    """
    if instrument.mic not in table or not _TICKER.fullmatch(instrument.ticker):
        raise ValueError(f"no code for {instrument.mic} {instrument.ticker!r}")
    return table[instrument.mic]


def code_or_none(code_of: CodeOf, instrument: Instrument) -> str | None:
    """The code of an instrument, None where it has none: one mistyped listing must not lose the batch it is in."""
    try:
        return code_of(instrument)
    except ValueError:
        return None


def codes_of(code_of: CodeOf, instruments: Iterable[Instrument]) -> list[str]:
    """The codes of those instruments that have one. Raises NotAsked when none has."""
    codes = [code for instrument in instruments if (code := code_or_none(code_of, instrument)) is not None]
    if not codes:
        raise NotAsked("none of the instruments has a code here")
    return codes


def unanswered(instrument: Instrument, code: str | None, *, is_unknown: bool = False) -> QuoteRow:
    """The row of an instrument of which a reply tells nothing.

    Args:
        code: None where it has none and was not asked for.
        is_unknown: The reply says so, in the way of this source.
    """
    if code is None:
        reason, detail = "no_code", f"{instrument.mic} {instrument.ticker}: no code here"
    elif is_unknown:
        reason, detail = "unknown_symbol", f"{code}: the source does not know it"
    else:
        reason, detail = "not_in_reply", f"{code}: not in the reply"
    return QuoteRow(instrument, Outcome.NO_DATA, None, reason, detail)
