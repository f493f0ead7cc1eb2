"""Yahoo's daily bars, one instrument at a time, with splits and dividends.

`GET /v8/finance/chart/NVDA?period1=...&period2=...&interval=1d&events=div,splits`. The service divides all prices by
the splits that came later, up to this very day and beyond the end of what was asked for; but it tells only the splits
within. So it is always asked until now, and prices, volumes and dividends are turned back into those of their day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from companies.sources.base import BadBody, Fetcher, Reply, parse_number
from valuations.providers.base import DailyBar, Instrument, ShareEvent, bars_between, check_span
from valuations.providers.codes import codes_of
from valuations.providers.trading import positive_number, utc_time
from valuations.providers.yahoo import Chart, ChartDay, YahooChart, parse_chart, yahoo_symbol
from valuations.sessions import MARKETS, local_day

_ONE = Decimal(1)


class YahooHistory:
    """The history source; see the module."""

    slug = "yahoo_history"
    site = "yahoo"
    label = "Yahoo daily bars"
    mics = YahooChart.mics
    max_days = 3660

    def fetch(self, client: Fetcher, instrument: Instrument, start: date, end: date) -> Reply:
        """Ask for the bars from `start` until now. Raises ValueError for too long a span."""
        check_span(start, end, self.max_days)
        [symbol] = codes_of(yahoo_symbol, [instrument])
        since = datetime.combine(start, time(), MARKETS[instrument.mic].zone)
        until = datetime.now(UTC) + timedelta(days=1)
        return client.get(
            f"/v8/finance/chart/{symbol}?period1={since.timestamp():.0f}"
            f"&period2={until.timestamp():.0f}&interval=1d&events=div,splits"
        )

    def parse(
        self, reply: Reply, instrument: Instrument, start: date | None = None, end: date | None = None
    ) -> list[DailyBar]:
        """Bars oldest first inside the given days, as they were traded."""
        chart = parse_chart(reply)
        if chart.symbol != yahoo_symbol(instrument):
            raise BadBody(f"about {chart.symbol[:20]} instead of {yahoo_symbol(instrument)}")
        currency = str(chart.meta.get("currency") or "").strip()
        if currency and currency != instrument.currency:
            # Letter for letter: GBp are pence.
            raise BadBody(f"prices in {currency[:10]} instead of {instrument.currency}")
        return traded_bars(chart, instrument, start, end)


def traded_bars(
    chart: Chart, instrument: Instrument, start: date | None = None, end: date | None = None
) -> list[DailyBar]:
    """Bars oldest first, inside `start` and `end` where given, each with the prices really paid on its day.

    Raises:
        NoData: no bars for these days.
        BadBody: a price or an event that cannot be.
    """
    try:
        events = [*_splits(chart, instrument), *_dividends(chart, instrument)]
        found = [_bar(each, events, instrument) for each in chart.days]
    except (ValueError, ArithmeticError) as error:
        raise BadBody(f"prices or events that cannot be: {error}") from error
    bars = bars_between((bar for bar in found if bar is not None), start, end)
    return _with_events(bars, [_as_of_its_day(event, events) for event in events], start)


def _bar(told: ChartDay, events: Sequence[ShareEvent], instrument: Instrument) -> DailyBar | None:
    """One day; None where a price is missing, as on days without trade."""
    if told.open is None or told.high is None or told.low is None or told.close is None:
        return None
    day = local_day(told.at, instrument.mic)
    ratio = _later_splits(events, day)
    return DailyBar(
        day=day,
        open=_paid(told.open, ratio, instrument),
        close=_paid(told.close, ratio, instrument),
        high=_paid(told.high, ratio, instrument),
        low=_paid(told.low, ratio, instrument),
        volume=None if told.volume is None or told.volume < 0 else round(told.volume / ratio),
    )


def _paid(price: Decimal, ratio: Decimal, instrument: Instrument) -> Decimal:
    """A price times the later splits, in steps of the exchange: the division has left fractions that nobody paid."""
    if ratio == 1:
        return price
    paid = price * ratio
    places = 3 if instrument.mic == "XHKG" else 2 if paid >= 1 else 4
    return round(paid, places)


def _later_splits(events: Sequence[ShareEvent], day: date) -> Decimal:
    """Shares today for one share at the end of `day`. On its ex-day a share trades at the new price already."""
    ratio = _ONE
    for event in events:
        if event.ex_day > day:
            ratio *= event.ratio
    return ratio


def _splits(chart: Chart, instrument: Instrument) -> list[ShareEvent]:
    # A mainland share cannot be split: what the service calls so is a bonus issue.
    kind = "bonus" if MARKETS[instrument.mic].is_mainland else "split"
    splits = []
    for entry in _entries(chart, "splits"):
        text = str(entry.get("splitRatio") or "")
        first, _, second = text.replace("/", ":").partition(":")
        new = positive_number(entry.get("numerator")) or positive_number(first)
        old = positive_number(entry.get("denominator")) or positive_number(second)
        if new is None or old is None:
            raise ValueError(f"not a split: {text[:20]}")
        splits.append(ShareEvent(kind, _day_of(entry, instrument), new / old, text=text))
    return splits


def _dividends(chart: Chart, instrument: Instrument) -> list[ShareEvent]:
    return [
        ShareEvent("dividend", _day_of(entry, instrument), cash=cash)
        for entry in _entries(chart, "dividends")
        if (cash := parse_number(entry.get("amount"))) is not None
        and cash > 0
        # Some are paid in another currency than the share trades in, and told in it.
        and str(entry.get("currency") or instrument.currency) == instrument.currency
    ]


def _entries(chart: Chart, kind: str) -> list[Mapping[str, object]]:
    """The events of one kind, which stand under their times."""
    entries = chart.events.get(kind)
    return [entry for entry in entries.values() if isinstance(entry, Mapping)] if isinstance(entries, Mapping) else []


def _day_of(entry: Mapping[str, object], instrument: Instrument) -> date:
    return local_day(utc_time(entry.get("date")), instrument.mic)


def _as_of_its_day(event: ShareEvent, events: Sequence[ShareEvent]) -> ShareEvent:
    """A dividend per share as it was paid: like the prices it is told divided by the splits that came later."""
    return event if event.cash is None else replace(event, cash=event.cash * _later_splits(events, event.ex_day))


def _with_events(bars: Sequence[DailyBar], events: Sequence[ShareEvent], start: date | None) -> list[DailyBar]:
    """The bars, each with what happened since the one before it; an ex-day without a bar is told at the next one."""
    result = []
    after = start - timedelta(days=1) if start is not None else date.min
    for bar in bars:
        told = tuple(event for event in events if after < event.ex_day <= bar.day)
        result.append(replace(bar, events=told))
        after = bar.day
    return result
