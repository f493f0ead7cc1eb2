"""Numbers as people type them into a box or a cell: `1,250,000,000`, `12.5亿`, `1.25bn`. Pure: text in, number out."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

from companies.recording.amounts import Sign, Unit, amounts, stored

LONGEST = 60  # characters: beyond any number with its unit
_PLAIN = re.compile(r"[-+]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?")


class NotANumber(ValueError):
    """The text states no single number, or one in another currency."""


def typed_number(text: str, *, currency: str = "", percent: bool = False) -> Decimal:
    """The one number that a text states, in plain units.

    Args:
        text: Digits with or without thousands separators, or an amount with its unit and currency.
        currency: What the number is an amount of, where that is known; another one is refused.
        percent: Whether a percent sign is meant: `35.2%` is 35.2.

    Raises:
        NotANumber: It states none, several, a range, or one whose unit or sign is not plain.
    """
    plain = unicodedata.normalize("NFKC", text).replace("\u2212", "-").strip()
    if len(plain) > LONGEST:
        raise NotANumber(text)
    if _PLAIN.fullmatch(plain):
        return Decimal(plain.replace(",", "")) or Decimal(0)  # -0 is 0
    found = amounts(plain)
    if len(found) != 1:
        raise NotANumber(text)
    amount = found[0]
    is_whole = not plain[: amount.start].strip() and not plain[amount.end :].strip()
    is_point = amount.low is not None and amount.low == amount.high
    is_other = bool(currency and amount.currency and amount.currency != currency)
    if not is_whole or not is_point or is_other or amount.sign is Sign.ASKED:
        raise NotANumber(text)
    if amount.unit is Unit.UNKNOWN or (amount.unit is Unit.PERCENT) is not percent:
        raise NotANumber(text)
    low, _high = stored(amount.low, amount.high, amount.unit)
    assert low is not None  # a point has both ends
    return low
