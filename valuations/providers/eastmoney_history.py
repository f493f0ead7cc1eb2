"""Eastmoney's daily bars, one instrument at a time, unadjusted.

`GET /api/qt/stock/kline/get?secid=1.688795&klt=101&fqt=0&beg=20261116&end=20261120&...`: a day per line of text,
"date,open,close,high,low,volume,turnover,...". What happens on an ex-day is not told.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from urllib.parse import parse_qs, urlsplit

from companies.sources.base import BadBody, Fetcher, NoData, Reply, as_object, parse_jsonp, usable_body
from valuations.providers.base import DailyBar, Instrument, bars_between, check_span
from valuations.providers.codes import codes_of
from valuations.providers.eastmoney import EastmoneyQuotes, eastmoney_id, is_about
from valuations.providers.trading import bar_of_columns, mainland_lot, positive_number, shares_traded

_ADJUSTMENTS = {"1": "qfq", "2": "hfq"}
_FIELDS = "fields1=f1,f2,f3,f4,f5,f6&fields2=f51,f52,f53,f54,f55,f56,f57"


class EastmoneyHistory:
    """The history source; see the module."""

    slug = "eastmoney_history"
    site = "eastmoney_history"
    label = "Eastmoney daily bars"
    mics = EastmoneyQuotes.mics
    max_days = 3660

    def fetch(self, client: Fetcher, instrument: Instrument, start: date, end: date) -> Reply:
        """Ask for the unadjusted bars of `start` to `end`, both included. Raises ValueError for too long a span."""
        check_span(start, end, self.max_days)
        [secid] = codes_of(eastmoney_id, [instrument])
        return client.get(
            f"/api/qt/stock/kline/get?secid={secid}&klt=101&fqt=0&beg={start:%Y%m%d}&end={end:%Y%m%d}&{_FIELDS}"
        )

    def parse(
        self, reply: Reply, instrument: Instrument, start: date | None = None, end: date | None = None
    ) -> list[DailyBar]:
        """Bars oldest first inside the given days; the request tells adjusted ones."""
        asked = parse_qs(urlsplit(reply.url).query).get("fqt", ["0"])[0]
        return parse_bars(usable_body(reply), instrument, start, end, adjustment=_ADJUSTMENTS.get(asked, ""))


def parse_bars(
    body: bytes,
    instrument: Instrument,
    start: date | None = None,
    end: date | None = None,
    *,
    adjustment: str = "",
) -> list[DailyBar]:
    """Bars oldest first, one per day, inside `start` and `end` where given.

    Raises:
        NoData: null or no bars. The service answers so for codes it does not know and when it is asked too often alike.
        BadBody: anything that is not this format.
    """
    data = as_object(parse_jsonp(body)).get("data")
    if data is None:
        raise NoData("the source has no bars, or none for us now")
    lines = data.get("klines") if isinstance(data, Mapping) else None
    if not isinstance(data, Mapping) or not isinstance(lines, list):
        raise BadBody("no bars")
    code, market = data.get("code") or instrument.ticker, data.get("market")
    if not is_about(instrument, code, market):
        raise BadBody(f"about {str(market)[:5]}.{str(code)[:20]} instead of {eastmoney_id(instrument)}")
    bars = (_bar(line, instrument, adjustment) for line in lines)
    return bars_between((bar for bar in bars if bar is not None), start, end)


def _bar(line: object, instrument: Instrument, adjustment: str) -> DailyBar | None:
    columns = str(line).split(",")
    found = bar_of_columns(columns)
    if found is None:
        return None
    bar, volume = found
    amount = positive_number(columns[6]) if len(columns) > 6 else None
    shares = shares_traded(volume, amount, bar.low, bar.high, documented=mainland_lot(instrument))
    return replace(bar, volume=shares, amount=amount, adjustment=adjustment)
