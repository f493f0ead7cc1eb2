"""One amount that somebody types into a box: digits with separators, or digits with a unit. Pure.

Passages are read by `companies.recording.amounts`; here the whole text must be one such amount, and nothing is left for
a reader to decide. "1.250,00" may be 1.25 or 1,250, so that it is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from companies.filings.text import normalised
from companies.recording.amounts import Kind, Unit, amounts, stored

LONGEST = 60  # characters of an amount: the largest has 18 digits before its point
# Digits in groups of three, all parted by the same sign, or in one piece. A comma never stands before decimals.
_PLAIN = re.compile(r"[-+]?(?:[0-9]{1,3}(?P<sign>[, ])[0-9]{3}(?:(?P=sign)[0-9]{3})*|[0-9]+)(?:\.[0-9]+)?")
# "12.5亿元" of a company in Hong Kong counts its own dollars.
_OF_ANY_CURRENCY = re.compile(r"(?<![美港日欧歐])元$")


class NotAnAmount(ValueError):
    """What was typed is not one amount; `code` says why.

    `several`: more than one, or a range; `percent`; `open`: "more than" or "at most"; `unclear`: everything else.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Typed:
    """An amount in plain units, and the currency that was written with it, if one was."""

    value: Decimal
    currency: str = ""


def plain_number(text: str) -> Decimal | None:
    """Digits without a unit, `1,250,000.5`; None where nothing was typed.

    Raises:
        NotAnAmount: It is something else, or its separators may mean two numbers.
    """
    plain = normalised(text).text.strip()
    if not plain:
        return None
    if len(plain) > LONGEST or not _PLAIN.fullmatch(plain):
        raise NotAnAmount("unclear")
    return Decimal(plain.replace(",", "").replace(" ", ""))


def typed_amount(text: str) -> Typed | None:
    """The amount that a text is, in plain units: `12.5亿` and `1.25bn` are 1,250,000,000; None where it is empty.

    Raises:
        NotAnAmount: It is none, more than one, or may mean two numbers.
    """
    try:
        value = plain_number(text)
    except NotAnAmount:
        return _with_unit(normalised(text).text.strip())
    return None if value is None else Typed(value)


def _with_unit(text: str) -> Typed:
    text = _OF_ANY_CURRENCY.sub("", text)
    if len(text) > LONGEST:
        raise NotAnAmount("unclear")
    if _PLAIN.fullmatch(text):
        return Typed(Decimal(text.replace(",", "").replace(" ", "")))  # just 元 stood behind it
    found = amounts(text)
    if len(found) > 1 or (found and len(found[0].ends) > 1):
        raise NotAnAmount("several")
    if not found or (found[0].start, found[0].end) != (0, len(text)):
        raise NotAnAmount("unclear")
    [amount] = found
    if amount.kind is Kind.PERCENT:
        raise NotAnAmount("percent")
    if amount.low is None or amount.high is None:
        raise NotAnAmount("open")
    if amount.unit is Unit.UNKNOWN:
        raise NotAnAmount("unclear")
    value, _same = stored(amount.low, amount.high, amount.unit)
    assert value is not None  # neither end is open
    return Typed(value, amount.currency)
