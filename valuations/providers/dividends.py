"""Sentences in which Chinese sources state what an ex-day brings: 10派1元转增1股, 每10股送4.9股派0.8元(含税)."""

import re
from datetime import date
from decimal import Decimal

from valuations.providers.base import ShareEvent

_PER = re.compile(r"(?:每)?\s*([0-9]+(?:\.[0-9]+)?)\s*股?(?=\s*(?:派|送|转|股?息))")
_NEW = re.compile(r"(?:送红股|送股|送|转增|转)\s*([0-9]+(?:\.[0-9]+)?)\s*股?")
_CASH = re.compile(r"(?:派现|派息|派)\s*(?:现金)?\s*([0-9]+(?:\.[0-9]+)?)\s*(元|港元|美元)?")


def share_events(text: str, ex_day: date) -> tuple[ShareEvent, ...]:
    """The bonus issue and the dividend that a sentence states; nothing when it states neither.

    New shares out of profit (送) and out of reserves (转增) are one bonus: both add shares and bring no money.
    """
    per = _PER.search(text)
    if per is None or not Decimal(per[1]):
        return ()
    before, rest = Decimal(per[1]), text[per.end() :]
    new = sum((Decimal(found) for found in _NEW.findall(rest)), Decimal(0))
    cash = _CASH.search(rest)
    events = []
    if new:
        events.append(ShareEvent("bonus", ex_day, 1 + new / before, text=text))
    if cash and Decimal(cash[1]):
        events.append(ShareEvent("dividend", ex_day, cash=Decimal(cash[1]) / before, text=text))
    return tuple(events)
