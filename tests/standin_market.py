"""The invented market behind the stand-in: codes as each source writes them, and prices for any code on any day.

Codes are Tencent's (`sh688795`, `r_hk06082`, `usNVDA`); the other sources' are turned into them. Prices follow from
code and day alone, so that every source, every process and every run tells the same ones.
"""

import zlib
from collections.abc import Container, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache

from tests.payloads import Trade

Bar = Sequence[object]
"""Date, open, close, high, low, volume: lots on the mainland (STAR: shares), else shares."""

_LONGEST_SPAN = timedelta(days=40 * 366)
_SWING, _PERIOD = 50, 200  # a price walks ten per cent down and up again, a fifth of a per cent of its mean per session
_EASTMONEY_MARKETS = {"1": "sh", "0": "sz", "116": "r_hk", "105": "us", "106": "us", "107": "us"}
_YAHOO_SUFFIXES = {"SS": "sh", "SZ": "sz", "HK": "r_hk"}


def code_of_sina(code: str) -> str:
    """`rt_hk06082` and `gb_nvda` as Tencent writes them; mainland codes are the same."""
    if code.startswith("gb_"):
        return "us" + code.removeprefix("gb_").replace("$", ".").upper()
    return code.replace("rt_hk", "r_hk", 1)


def code_of_eastmoney(secid: str) -> str:
    """`1.688795`, `116.06082`, `105.NVDA`. Raises KeyError for another market."""
    market, _, ticker = secid.partition(".")
    return _EASTMONEY_MARKETS[market] + ticker.replace("_", ".")


def code_of_yahoo(symbol: str) -> str:
    """`688795.SS`, `6082.HK`, `NVDA`, `BRK-B`."""
    ticker, _, suffix = symbol.rpartition(".")
    if suffix in _YAHOO_SUFFIXES and ticker:
        return _YAHOO_SUFFIXES[suffix] + (ticker.zfill(5) if suffix == "HK" else ticker)
    return "us" + symbol.replace("-", ".")


def market_of(code: str) -> str:
    """sh, sz, hk or us, of a code for quotes or for bars."""
    return code.removeprefix("r_")[:2]


def bar_codes(code: str) -> tuple[str, ...]:
    """The codes under which the bars of a quote's code may have been set."""
    if market_of(code) == "us" and not code.endswith((".OQ", ".N", ".AM")):
        return tuple(f"{code}.{suffix}" for suffix in ("OQ", "N", "AM"))
    return (code.removeprefix("r_"),)


@lru_cache(maxsize=50_000)
def _mean_cents(code: str) -> int:
    """Around what a price moves, the same for `r_hk06082` and `hk06082`, `usNVDA` and `usNVDA.OQ`."""
    stem = code.removeprefix("r_")
    if stem.startswith("us"):
        stem = stem.partition(".")[0]
    return 1000 + zlib.crc32(stem.encode()) % 90_000


def _close(mean: int, day_number: int) -> int:
    weeks, weekday = divmod(day_number - 1, 7)  # the first of all days was a Monday
    session = weeks * 5 + min(weekday, 4)
    return mean + mean * (abs((session + mean) % _PERIOD - _PERIOD // 2) - _SWING) // (10 * _SWING)


def close_cents(code: str, day: date) -> int:
    """The close of a weekday in hundredths; that of a Friday for the days after it."""
    return _close(_mean_cents(code), day.toordinal())


def money(cents: int) -> str:
    """1234 as 12.34."""
    return f"{cents // 100}.{cents % 100:02d}"


@lru_cache(maxsize=20_000)
def trade_of_any_code(code: str, day: date, previous_day: date, factor: Decimal) -> Trade:
    """A plausible quote for a code that nobody set: `factor` times the day's price. No share count, hence no cap."""
    previous = close_cents(code, previous_day)
    price = int(close_cents(code, day) * factor)
    low, high = money(min(previous, price)), money(max(previous, price))
    opening = money(previous)
    return Trade(code, money(price), opening, opening, high, low, volume=1_000_000, shares=None, name=f"样本{code}")


def bars_of_any_code(code: str, start: date, end: date, closed_days: Container[tuple[str, str]]) -> Iterator[Bar]:
    """Daily bars of `start` to `end` on weekdays that are not closed: cheap, so that ten years are."""
    # Plain numbers as far as possible: a benchmark asks for millions of days.
    market, mean = market_of(code), _mean_cents(code)
    first = max(start, end - _LONGEST_SPAN).toordinal()
    opening, opening_text = _close(mean, first - 1), money(_close(mean, first - 1))
    for number in range(first, end.toordinal() + 1):
        if (number - 1) % 7 >= 5:
            continue
        day = date.fromordinal(number).isoformat()
        if (market, day) in closed_days:
            continue
        close = _close(mean, number)
        close_text = money(close)
        low, high = (opening_text, close_text) if opening < close else (close_text, opening_text)
        yield day, opening_text, close_text, high, low, "10000.000"
        opening, opening_text = close, close_text
