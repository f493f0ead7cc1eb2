"""Tencent's daily bars, one instrument at a time, unadjusted.

`GET /appstock/app/newfqkline/get?param=sh688795,day,2025-12-05,2026-11-20,640,bfq`: six parts, commas not escaped.
The older paths (`fqkline`, `hkfqkline`, `usfqkline`) answer in the same shape with fewer columns; they are read too.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from companies.sources.base import (
    BadBody,
    Fetcher,
    NoData,
    Reply,
    TooFew,
    as_object,
    parse_json,
    usable_body,
)
from valuations.providers.base import DailyBar, Instrument, ShareEvent, bars_between, check_span
from valuations.providers.codes import codes_of
from valuations.providers.dividends import share_events
from valuations.providers.tencent import US_SUFFIXES, tencent_code, tencent_lot
from valuations.providers.trading import bar_of_columns, mainland_lot, optional_number, shares_traded

# More than 640 rows are refused or silently cut, depending on the market.
_MOST_ROWS = 640
_KEYS = (("day", ""), ("bfqday", ""), ("qfqday", "qfq"), ("hfqday", "hfq"))
_TEN_THOUSAND = Decimal(10) ** 4
_SPARSE_ROWS = 3


class TencentHistory:
    """The history source; see the module."""

    slug = "tencent_history"
    site = "tencent_history"
    label = "Tencent daily bars"
    mics = frozenset({"XSHG", "XSHE", "XHKG", *US_SUFFIXES})
    max_days = 880

    def fetch(self, client: Fetcher, instrument: Instrument, start: date, end: date) -> Reply:
        """Ask for the unadjusted bars of `start` to `end`, both included. Raises ValueError for too long a span."""
        check_span(start, end, self.max_days)
        [code] = codes_of(tencent_code, [instrument])
        code = code.removeprefix("r_")
        if instrument.mic in US_SUFFIXES:
            # Without the suffix an American share answers with one to three rows only.
            code = f"{code}.{US_SUFFIXES[instrument.mic]}"
        return client.get(f"/appstock/app/newfqkline/get?param={code},day,{start},{end},{_MOST_ROWS},bfq")

    def parse(
        self, reply: Reply, instrument: Instrument, start: date | None = None, end: date | None = None
    ) -> list[DailyBar]:
        """Bars oldest first inside the given days; `adjustment` tells adjusted ones."""
        return parse_bars(usable_body(reply), instrument, start, end)


def parse_bars(
    body: bytes, instrument: Instrument, start: date | None = None, end: date | None = None
) -> list[DailyBar]:
    """Bars oldest first, one per day, inside `start` and `end` where given; unadjusted ones if there is a choice.

    Raises:
        NoData: the source knows nothing of the code, or of those days.
        TooFew: the handful of rows that an American code without suffix gets; ask again with it.
        BadBody: anything that is not this format.
    """
    if body.lstrip().startswith(b"v_pv_none_match"):
        raise NoData("the source does not know the code")
    payload = as_object(parse_json(re.sub(rb"^\s*[A-Za-z_$][\w$.]*\s*=(?!=)|;\s*$", b"", body)))
    message = str(payload.get("msg") or "")
    if payload.get("code") not in (0, "0", None):
        raise BadBody(f"refused: {message[:60] or payload.get('code')}")
    data = payload.get("data")
    if not data and isinstance(data, Mapping | list):
        raise BadBody(f"refused: {message[:60]}") if message else NoData("the source has no bars")
    if not isinstance(data, Mapping):
        raise BadBody("no data")
    code, series = _series(data, instrument)
    key, adjustment = next(((key, kind) for key, kind in _KEYS if series.get(key)), ("", ""))
    rows = series.get(key)
    if not rows:
        raise NoData("the source has no bars")
    if not isinstance(rows, list):
        raise BadBody("bars are not a list")
    bars = [bar for row in rows if (bar := _bar(row, instrument, adjustment)) is not None]
    if instrument.mic in US_SUFFIXES and "." not in code.removeprefix("us") and len(rows) <= _SPARSE_ROWS:
        expected = None if start is None or end is None else _weekdays(start, end)
        if expected is None or expected > _SPARSE_ROWS + 2:
            raise TooFew(f"{len(rows)} rows for {code}, which lacks its exchange suffix")
    return bars_between(bars, start, end)


def _series(data: Mapping[str, object], instrument: Instrument) -> tuple[str, Mapping[str, object]]:
    """The part of the answer that is about the instrument, with the code it stands under."""
    code = tencent_code(instrument).removeprefix("r_").casefold()
    suffixed = f"{code}.{US_SUFFIXES.get(instrument.mic, '')}".casefold()
    for name, series in data.items():
        stem = name.casefold().removeprefix("r_")
        if stem in (code, suffixed) or (instrument.mic in US_SUFFIXES and stem.rpartition(".")[0] == code):
            return stem, as_object(series, "the part of the code")
    raise BadBody(f"about {', '.join(data)[:40]} instead of {code}")


def _bar(row: object, instrument: Instrument, adjustment: str) -> DailyBar | None:
    """One row: date, open, close, high, low, volume, then perhaps an ex-right dict, turnover in percent, amount.

    None for a day without a price (a halted share kept in the list). Raises BadBody for anything unreadable.
    """
    if not isinstance(row, list):
        raise BadBody("a bar is not a list")
    found = bar_of_columns(row)
    if found is None:
        return None
    bar, volume = found
    amount = _amount(instrument, optional_number(row[8]), volume, bar) if len(row) > 8 else None
    return replace(
        bar,
        volume=shares_traded(volume, amount, bar.low, bar.high, documented=tencent_lot(instrument)),
        amount=amount,
        events=_events(row[6], bar.day, instrument.currency) if len(row) > 6 else (),
        adjustment=adjustment,
    )


def _amount(instrument: Instrument, stated: Decimal | None, volume: Decimal | None, bar: DailyBar) -> Decimal | None:
    """Turnover in units of the currency, stated in tens of thousands or in ones: whichever makes the prices of the day.

    On the mainland the volume may be in lots; that leaves no doubt, since the two are a factor of ten thousand apart.
    """
    if stated is None or stated <= 0 or not volume or volume < 0:
        return None
    units = {1, mainland_lot(instrument)}
    for amount in (stated * _TEN_THOUSAND, stated):
        if any(bar.low * Decimal("0.9") <= amount / (volume * unit) <= bar.high * Decimal("1.1") for unit in units):
            return amount
    return None


def _events(extra: object, day: date, currency: str) -> tuple[ShareEvent, ...]:
    """What happened on an ex-day; nothing on ordinary days."""
    return share_events(str(extra.get("FHcontent") or ""), day, currency) if isinstance(extra, Mapping) else ()


def _weekdays(start: date, end: date) -> int:
    return sum((start + timedelta(days=offset)).weekday() < 5 for offset in range((end - start).days + 1))
