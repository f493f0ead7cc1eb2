"""Sentences in which Chinese sources state what an ex-day brings: 10派1元转增1股, 每10股送4.9股派0.8元(含税)."""

import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from valuations.providers.base import ShareEvent

_ASIDE = re.compile(r"\([^()]*\)|\s+")  # "(before tax, 0.72 after)"
# "10", "每10股" or "每股" before what is given for so many; not the number of what was given just before.
_FOR = re.compile(r"每股|(?<![送转增股派配\d.])每?([0-9]+(?:\.[0-9]+)?)股?(?=送|转|派|配)")
_NEW = re.compile(r"(?:送红股|送股|送|转增|转)([0-9]+(?:\.[0-9]+)?)")
_CASH = re.compile(
    r"派发?(?:现金)?(?:红利|股利|股息|现|息)?(人民币|港币|港元|美元)?([0-9]+(?:\.[0-9]+)?)(人民币|港币|港元|美元)?"
)
_CURRENCIES = {"人民币": "CNY", "港币": "HKD", "港元": "HKD", "美元": "USD"}


def share_events(text: str, ex_day: date, currency: str) -> tuple[ShareEvent, ...]:
    """The bonus issue and the dividend that a sentence states; nothing when it states neither.

    New shares out of profit (送) and out of reserves (转增) are one bonus: both add shares and bring no money. Rights
    issues (配) are left out, since whoever takes them up pays. So is a dividend in another currency than `currency`,
    the listing's; without a word for it the listing's is meant.
    """
    new = cash = Decimal(0)
    for before, given in _parts(text):
        new += sum((Decimal(found) for found in _NEW.findall(given)), Decimal(0)) / before
        paid = _CASH.search(given)
        if paid and _CURRENCIES.get(paid[1] or paid[3], currency) == currency:
            cash += Decimal(paid[2]) / before
    events = []
    if new:
        events.append(ShareEvent("bonus", ex_day, 1 + new, text=text))
    if cash:
        events.append(ShareEvent("dividend", ex_day, cash=cash, text=text))
    return tuple(events)


def _parts(text: str) -> Iterator[tuple[Decimal, str]]:
    """For so many shares held, what is given: "每10股派1元每股转增0.4股" has two parts."""
    plain = _ASIDE.sub("", unicodedata.normalize("NFKC", text)).replace("每十股", "每10股")
    bases = list(_FOR.finditer(plain))
    ends = [base.start() for base in bases] + [len(plain)]
    for base, end in zip(bases, ends[1:], strict=True):
        before = Decimal(base[1] or 1)
        if before:
            yield before, plain[base.end() : end]
