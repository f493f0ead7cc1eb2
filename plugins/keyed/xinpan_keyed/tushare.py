"""Tushare Pro: Shanghai and Shenzhen after the close, with share counts and market values.

`POST /` with `api_name`, `token`, `params` and `fields` answers `data.fields` and `data.items`, newest first, or a
`code` other than 0 with a sentence in Chinese. `daily_basic` counts shares and values in ten thousands, `daily` counts
volume in lots and turnover in thousands of yuan.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from companies.sources.base import (
    Auth,
    BadBody,
    BadRequest,
    Blocked,
    Fetcher,
    Outcome,
    Reply,
    Retry,
    SourceError,
    as_object,
    parse_day,
    parse_json,
    parse_number,
    usable_body,
)
from valuations.providers.bar_fields import daily_bar
from valuations.providers.base import DailyBar, Instrument, QuoteRow, bars_between, check_span
from valuations.providers.codes import code_or_none, codes_of, of_exchange, unanswered
from valuations.providers.trading import mainland_lot
from valuations.sessions import MARKETS
from xinpan_keyed.vendor import key_from, quote_row

KEY = "TUSHARE_TOKEN"
_SUFFIXES = {"XSHG": ".SH", "XSHE": ".SZ"}
_TEN_THOUSAND = Decimal(10) ** 4
_THOUSAND = Decimal(10) ** 3
# Longer than any closure of the exchanges, so that a quote is found even in a week of holidays.
_LOOK_BACK = timedelta(days=20)
_LIMIT_WORDS = ("最多访问", "频率", "超限", "请求过于频繁")
_RIGHTS_WORDS = ("权限", "积分", "token", "认证")


def code_of(instrument: Instrument) -> str:
    """The vendor's code: 688795.SH, 300474.SZ. Raises ValueError for another exchange or no ticker."""
    return instrument.ticker + of_exchange(_SUFFIXES, instrument)


class TushareQuotes:
    """The quote source; see the module. `daily_basic` wants an account with 2,000 points."""

    slug = "tushare"
    site = "tushare"
    label = "Tushare"
    base_url = "https://api.tushare.pro"
    mics = frozenset(_SUFFIXES)
    batch_size = 1

    def fetch(self, client: Fetcher, instruments: Sequence[Instrument]) -> Reply:
        """Ask for the one instrument. Raises Auth at once when there is no token."""
        token = key_from(KEY)
        [code] = codes_of(code_of, instruments)
        since = datetime.now(MARKETS["XSHG"].zone).date() - _LOOK_BACK
        params = {"ts_code": code, "start_date": f"{since:%Y%m%d}"}
        return _post(client, token, "daily_basic", params, "ts_code,trade_date,close,total_share,total_mv")

    def parse(self, reply: Reply, instruments: Sequence[Instrument]) -> list[QuoteRow]:
        """One row per instrument, in the order asked: that of its newest day."""
        rows = _rows(reply)
        return [_quote(instrument, rows, reply.fetched_at) for instrument in instruments]


class TushareHistory:
    """The history source; see the module. Bars are not adjusted."""

    slug = "tushare_history"
    site = "tushare"
    label = "Tushare daily bars"
    base_url = TushareQuotes.base_url
    mics = TushareQuotes.mics
    max_days = 3660

    def fetch(self, client: Fetcher, instrument: Instrument, start: date, end: date) -> Reply:
        """Ask for `start` to `end`, both included. Raises Auth at once when there is no token."""
        check_span(start, end, self.max_days)
        token = key_from(KEY)
        [code] = codes_of(code_of, [instrument])
        params = {"ts_code": code, "start_date": f"{start:%Y%m%d}", "end_date": f"{end:%Y%m%d}"}
        return _post(client, token, "daily", params, "ts_code,trade_date,open,high,low,close,vol,amount")

    def parse(
        self, reply: Reply, instrument: Instrument, start: date | None = None, end: date | None = None
    ) -> list[DailyBar]:
        """Bars oldest first, inside the given days."""
        code = code_of(instrument)
        bars = (_bar(row, instrument) for row in _rows(reply) if row.get("ts_code") == code)
        return bars_between((bar for bar in bars if bar is not None), start, end)


def _post(client: Fetcher, token: str, name: str, params: Mapping[str, str], fields: str) -> Reply:
    # The token travels in the body, which no reply and no log repeats.
    return client.post("/", json={"api_name": name, "token": token, "params": dict(params), "fields": fields})


def _rows(reply: Reply) -> list[dict[str, object]]:
    """The rows of a reply by field name. Raises what its code means, if it is not 0."""
    payload = as_object(parse_json(usable_body(reply)))
    if str(payload.get("code")) != "0":
        raise _stated_error(str(payload.get("code")), str(payload.get("msg") or ""))
    data = payload.get("data")
    fields, items = (data.get("fields"), data.get("items")) if isinstance(data, Mapping) else (None, None)
    if not isinstance(fields, list) or not isinstance(items, list):
        raise BadBody("no rows")
    if not all(isinstance(item, list) and len(item) == len(fields) for item in items):
        raise BadBody("a row does not fit its fields")
    return [dict(zip(fields, item, strict=True)) for item in items]


def _stated_error(code: str, message: str) -> SourceError:
    """What a code means. 40203 stands for a missing right and for too many requests: only the sentence tells."""
    words = message.casefold()
    reason = f"code {code}: {message[:80]}"
    if any(word in words for word in _LIMIT_WORDS):
        return Blocked(reason, 60 if "每分钟" in words else None)
    if code in ("40101", "40203", "-2002") or any(word in words for word in _RIGHTS_WORDS):
        return Auth(reason)
    if code.startswith("5"):
        return Retry(reason)
    return BadRequest(reason)


def _dashed(day: object) -> str:
    """20261120 as 2026-11-20."""
    text = str(day)
    return f"{text[:4]}-{text[4:6]}-{text[6:]}"


def _quote(instrument: Instrument, rows: Sequence[Mapping[str, object]], fetched_at: datetime) -> QuoteRow:
    code = code_or_none(code_of, instrument)
    mine = [row for row in rows if row.get("ts_code") == code]
    if not mine:
        return unanswered(instrument, code)
    try:
        day, row = max(((parse_day(_dashed(row.get("trade_date"))), row) for row in mine), key=lambda dated: dated[0])
    except ValueError as error:
        return QuoteRow(instrument, Outcome.BAD_ROW, None, "bad_time", f"{code}: {error}")
    try:
        shares, value = (_ten_thousands(row.get(name)) for name in ("total_share", "total_mv"))
    except ValueError as error:
        return QuoteRow(instrument, Outcome.BAD_ROW, None, "bad_number", f"{code}: {error}")
    return quote_row(
        instrument,
        fetched_at,
        day,
        {"price": row.get("close")},
        currency="CNY",
        market_cap=value,
        total_shares=None if shares is None else int(shares),
    )


def _ten_thousands(value: object) -> Decimal | None:
    number = parse_number(value)
    return None if number is None or number <= 0 else number * _TEN_THOUSAND


def _bar(row: Mapping[str, object], instrument: Instrument) -> DailyBar | None:
    try:
        thousands = parse_number(row.get("amount"))
    except ValueError as error:
        raise BadBody(f"unreadable bar: {error}") from error
    fields = {
        "day": _dashed(row.get("trade_date")),
        **{name: row.get(name) for name in ("open", "close", "high", "low")},
        "volume": row.get("vol"),
        "amount": None if thousands is None else thousands * _THOUSAND,
    }
    return daily_bar(fields, unit=mainland_lot(instrument))
