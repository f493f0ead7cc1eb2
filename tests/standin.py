"""A local stand-in for the sources. Loopback only.

Prices: Tencent (`/q=`, `/appstock/app/*fqkline/get`), Sina (`/list=`), Eastmoney (`/api/qt/ulist.np/get`,
`/api/qt/stock/kline/get`), Yahoo (`/v8/finance/chart/`). Rates: CFETS, Frankfurter, ECB.

In a test:      with Standin() as sources: sources.set_quote(Trade(...)); sources.fail("/q=", "html_200", times=1)
From a shell:   python -m tests.standin --port 8900 --any-code

A stand-in that runs in another process is steered over HTTP: `POST /_control` takes the arguments of `Standin.control`
as JSON, `GET /_log` tells what was asked. Unless told otherwise every quote is stamped now when its exchange is open
(on any weekday that is not among the closed days) and with the last close when it is not.

All sources tell the same prices and bars, of `set_quote` and `set_bars` or, with `any_code`, of any code on any day:
ten years of bars are made as they are asked for. They differ only where one fails: `fail` takes the start of a path,
and since two sources may have the same paths, each can be given an address of its own, `at("sina")`, whose paths begin
with `/@sina/`. For example, a page in place of data on every second reply, a clock an hour ahead, a ban after a burst:

    sources.fail("/list=", "html_200", every=2)
    sources.fail("/@eastmoney_delay/", "clock_offset", seconds=3600)
    sources.fail("/appstock/", "456", after=5000)
"""

import argparse
import gzip
import json
import os
import socket
import struct
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo

from tests import payloads
from tests.payloads import Trade
from tests.standin_market import (
    Bar,
    bar_codes,
    bars_of_any_code,
    code_of_eastmoney,
    code_of_sina,
    code_of_yahoo,
    market_of,
    trade_of_any_code,
)
from tests.standin_pages import (
    ZONES,
    eastmoney_bars,
    eastmoney_list,
    sina_row,
    two_days,
    yahoo_chart,
    yahoo_not_found,
)

STATUSES = {"401": 401, "403": 403, "404": 404, "429": 429, "456": 456, "500": 500, "502": 502, "503": 503}
TRADE_VARIANTS = frozenset({"zero_price", "wrong_currency", "older_timestamp", "jump", "wrong_cap", "clock_offset"})
TEXT_VARIANTS = frozenset({"bad_row", "short_row"})  # of Tencent's rows only
ROW_VARIANTS = TRADE_VARIANTS | TEXT_VARIANTS
WIRE_VARIANTS = frozenset(
    {
        "refuse",
        "reset_mid_body",
        "slow_first_byte",
        "drip",
        "gzip",
        "bad_length",
        "redirect_to_html",
        "redirect_elsewhere",
        "broken_gzip",
        "hang_up",
    }
)
VARIANTS = ROW_VARIANTS | WIRE_VARIANTS | set(STATUSES) | {"html_200", "truncated", "none_match", "empty", "pause"}

_CLOCKS = {
    "sh": (time(9, 30), time(15, 0, 3)),
    "sz": (time(9, 30), time(15, 0, 3)),
    "hk": (time(9, 30), time(16, 8, 11)),
    "us": (time(9, 30), time(16, 0, 2)),
}
_PARITY = {"USD": "6.8000", "EUR": "7.8200", "JPY": "3.8900", "HKD": "0.87180", "THB": "4.8000"}
_PAUSE, _DRIP = 20.0, 1.0  # seconds
_UNSET_DAY = date(2026, 11, 20)  # of the prices that a quote which is set may leave out
_RATES = {"CNY": "6.8", "HKD": "7.8", "EUR": "0.87"}
_EURO = {"USD": "1.1500", "CNY": "7.8200", "HKD": "8.9700"}


@dataclass(slots=True)
class Fault:
    """What goes wrong on a path: for `times` more replies (None: always), in the row of `code` (None: the first).

    The first `after` replies are still good, and of the others only every `every`-th goes wrong. `code` is Tencent's,
    whichever source is asked. `seconds` is how long a pause lasts, the time between two bytes of a drip, or how far a
    clock is ahead (None: twenty, one, and none).
    """

    path: str
    variant: str
    times: int | None = None
    code: str | None = None
    seconds: float | None = None
    after: int = 0
    every: int = 1
    met: int = 0

    def strikes(self) -> bool:
        """Whether it is this reply that goes wrong; every reply on the path is told to it."""
        if self.times == 0:
            return False
        self.met += 1
        if self.met <= self.after or (self.met - self.after) % self.every:
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass(frozen=True, slots=True)
class _TradingDays:
    """Of one market: the local time of the newest trade, and the trading day before that one."""

    stamp: datetime
    day_before: date


@dataclass(slots=True)
class State:
    """Everything that can be set, so that a reset is a new one."""

    quotes: dict[str, Trade] = field(default_factory=dict)
    stamped: set[str] = field(default_factory=set)  # codes whose own time is used instead of the clock's
    bars: dict[str, list[Bar]] = field(default_factory=dict)
    parity: dict[str, Sequence[str]] = field(default_factory=dict)
    rates: dict[str, dict[str, str]] = field(default_factory=dict)
    closed_days: set[tuple[str, str]] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    any_code: bool = False
    factor: Decimal = Decimal(1)
    now: datetime | None = None
    requests: list[tuple[str, str]] = field(default_factory=list)
    connections: int = 0


class Standin:
    """The server and its state. All methods may be called while it answers."""

    def __init__(self, port: int = 0, *, any_code: bool = False, now: datetime | None = None) -> None:
        self.state = State(any_code=any_code, now=now)
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.standin = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Base address, the same for every source."""
        return f"http://127.0.0.1:{self.port}"

    def at(self, site: str) -> str:
        """Base address for one source, so that it can fail alone: its paths begin with `/@<site>/`."""
        return f"{self.url}/@{site}"

    def start(self) -> Self:
        """Answer from now on, in threads of this process."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop answering and free the port: further requests are refused."""
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def set_quote(self, trade: Trade, *, own_time: bool = True) -> None:
        """Answer for one code; `own_time` False stamps it by the clock instead of `trade.at`."""
        with self.lock:
            self.state.quotes[trade.code] = trade
            (self.state.stamped.add if own_time else self.state.stamped.discard)(trade.code)

    def set_bars(self, code: str, bars: Sequence[Bar]) -> None:
        """Daily bars of one code (`sh688795`, `hk06082`, `usNVDA.OQ`), as `payloads.tencent_bars` takes them."""
        with self.lock:
            self.state.bars[code] = list(bars)

    def fail(
        self,
        path: str,
        variant: str,
        *,
        times: int | None = None,
        code: str | None = None,
        seconds: float | None = None,
        after: int = 0,
        every: int = 1,
    ) -> None:
        """Let replies to paths that start with `path` fail in one of `VARIANTS`; see `Fault`."""
        if variant not in VARIANTS:
            raise ValueError(f"no such variant: {variant}")
        if every < 1:
            raise ValueError("every must be at least 1")
        with self.lock:
            self.state.faults.append(Fault(path, variant, times, code, seconds, after, every))

    def heal(self) -> None:
        """Forget all failures."""
        with self.lock:
            self.state.faults.clear()

    def count(self, path: str = "") -> int:
        """How many requests began with `path`."""
        with self.lock:
            return sum(_is_on(target, path) for _, target in self.state.requests)

    @property
    def requests(self) -> list[tuple[str, str]]:
        """Method and target of every request, oldest first."""
        with self.lock:
            return list(self.state.requests)

    @property
    def connections(self) -> int:
        """How many connections were opened to it."""
        with self.lock:
            return self.state.connections

    def control(self, order: Mapping[str, Any]) -> None:
        """Change the state by a plain mapping, as `POST /_control` does.

        Keys, all optional: reset (true), heal (true), quotes ([{code, price, ..., at: ISO local time}]), bars ({code:
        rows}), parity ({day: [values in the order of CFETS_PAIRS]}), rates ({day: {symbol: rate}}), fail ([{path,
        variant, times, code, seconds, after, every}]), closed_days ([["sh", "2026-10-01"]]), any_code, factor, now
        (ISO time).
        """
        if order.get("reset"):
            with self.lock:
                self.state = State(any_code=self.state.any_code)
        if order.get("heal"):
            self.heal()
        for row in order.get("quotes", ()):
            values = dict(row)
            stamp = values.pop("at", None)
            trade = replace(trade_of_any_code(values["code"], _UNSET_DAY, _UNSET_DAY, Decimal(1)), **values)
            if stamp is not None:
                trade = replace(trade, at=datetime.fromisoformat(stamp))
            self.set_quote(trade, own_time=stamp is not None)
        for code, bars in order.get("bars", {}).items():
            self.set_bars(code, bars)
        for row in order.get("fail", ()):
            values = dict(row)
            self.fail(values.pop("path"), values.pop("variant"), **values)
        with self.lock:
            self.state.parity |= order.get("parity", {})
            self.state.rates |= order.get("rates", {})
            self.state.closed_days |= {(market, day) for market, day in order.get("closed_days", ())}
            self.state.any_code = bool(order.get("any_code", self.state.any_code))
            self.state.factor = Decimal(str(order.get("factor", self.state.factor)))
            if "now" in order:
                self.state.now = datetime.fromisoformat(order["now"]) if order["now"] else None

    # What the handler asks; everything below runs with the lock held or on copies.

    def take_fault(self, target: str) -> Fault | None:
        """The first failure that applies, counted down."""
        with self.lock:
            for fault in self.state.faults:
                if _is_on(target, fault.path) and fault.strikes():
                    return replace(fault)
        return None

    def now(self) -> datetime:
        """The stand-in's idea of the time."""
        return self.state.now or datetime.now(UTC)

    def stamp(self, market: str) -> datetime:
        """Local time of the newest trade: now while the exchange is open (lunch or not), else its last close."""
        opens, closes = _CLOCKS[market]
        local = self.now().astimezone(ZONES[market])
        day = local.date()
        if self._trades(market, day) and opens <= local.time() < closes:
            # Whole minutes keep the rows of a large batch in the cache.
            return local.replace(second=0, microsecond=0)
        if not self._trades(market, day) or local.time() < opens:
            day = self._trading_day_before(market, day)
        return datetime.combine(day, closes, local.tzinfo)

    def _trading_day_before(self, market: str, day: date) -> date:
        day -= timedelta(days=1)
        while not self._trades(market, day):
            day -= timedelta(days=1)
        return day

    def _trades(self, market: str, day: date) -> bool:
        return day.weekday() < 5 and (market, f"{day}") not in self.state.closed_days

    def quote_page(self, target: str, fault: Fault | None) -> bytes:
        """The answer to `/q=<codes>`."""
        codes = unquote(target.partition("q=")[2]).split("&")[0].split(",")
        rows = [payloads.NONE_MATCH if trade is None else _cached_row(trade) for trade in self.trades(codes, fault)]
        if fault is not None and fault.variant in TEXT_VARIANTS:
            hit = codes.index(fault.code) if fault.code in codes else 0
            rows[hit] = _spoilt_row(rows[hit], fault.variant)
        return "".join(rows).encode("gbk")

    def trades(self, codes: Sequence[str], fault: Fault | None) -> list[Trade | None]:
        """The newest trade of each code, spoilt as the fault says; None for a code that is not known."""
        days = {market: self._trading_days(market) for market in _CLOCKS}
        trades = [self._trade(code, days) for code in codes]
        if fault is None or fault.variant not in TRADE_VARIANTS:
            return trades
        if fault.variant == "clock_offset":
            shift = timedelta(seconds=fault.seconds or 0)
            return [trade and replace(trade, at=trade.at + shift) for trade in trades]
        hit = codes.index(fault.code) if fault.code in codes else 0
        spoilt = trades[hit]
        if spoilt is not None:
            trades[hit] = _spoilt_trade(spoilt, fault.variant)
        return trades

    def _trading_days(self, market: str) -> _TradingDays:
        stamp = self.stamp(market)
        return _TradingDays(stamp, self._trading_day_before(market, stamp.date()))

    def _trade(self, code: str, days: Mapping[str, _TradingDays]) -> Trade | None:
        known = days.get(market_of(code))
        if known is None:
            return None
        trade = self.state.quotes.get(code)
        if trade is not None:
            return trade if code in self.state.stamped else replace(trade, at=known.stamp)
        if not self.state.any_code:
            return None
        trade = trade_of_any_code(code, known.stamp.date(), known.day_before, self.state.factor)
        return replace(trade, at=known.stamp)

    def sina_page(self, target: str, fault: Fault | None) -> bytes:
        """The answer to `/list=<codes>`."""
        codes = unquote(target.partition("list=")[2]).split("&")[0].split(",")
        trades = self.trades([code_of_sina(code) for code in codes], fault)
        return "".join(map(sina_row, codes, trades)).encode("gb18030")

    def eastmoney_page(self, target: str, fault: Fault | None) -> bytes:
        """The answer to `ulist.np`."""
        ids = parse_qs(urlsplit(target).query)["secids"][0].split(",")
        trades = self.trades([code_of_eastmoney(found) for found in ids], fault)
        return eastmoney_list(trade for trade in trades if trade is not None)

    def eastmoney_bars_page(self, target: str) -> bytes:
        """The answer to `kline/get`; days are written 20261120."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        code = code_of_eastmoney(query["secid"])
        start, end = (date.fromisoformat(query[name]).isoformat() for name in ("beg", "end"))
        return eastmoney_bars(code, self.bars(bar_codes(code), start, end))

    def yahoo_page(self, target: str, fault: Fault | None) -> tuple[int, bytes]:
        """The answer to `v8/finance/chart/<symbol>`: two days for any `range`, else `period1` to `period2`."""
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        symbol = unquote(parts.path.rpartition("/")[2])
        code = code_of_yahoo(symbol)
        [trade] = self.trades([code], fault)
        if trade is None:
            return 404, yahoo_not_found()
        market = market_of(code)
        if "period1" not in query:
            bars = two_days(trade, self._trading_day_before(market, trade.at.date()))
        else:
            # The first moment is part of the span, the last one is not.
            first, last = (int(query[name]) for name in ("period1", "period2"))
            start, end = (datetime.fromtimestamp(second, ZONES[market]).date() for second in (first, last - 1))
            bars = self.bars(bar_codes(code), f"{start}", f"{end}")
        return 200, yahoo_chart(symbol, code, trade, bars)

    def bars_page(self, target: str) -> bytes:
        """The answer to one of the daily-bar paths."""
        parts = parse_qs(urlsplit(target).query).get("param", [""])[0].split(",")
        if len(parts) != 6:
            return b'{"code":1,"msg":"bad params"}'
        code, _, start, end, count, _ = parts
        rows = self.bars([code], start, end)[-int(count or 640) :]
        return payloads.tencent_bars(code, rows) if rows else b'{"code":0,"msg":"","data":{}}'

    def bars(self, codes: Sequence[str], start: str, end: str) -> list[Bar]:
        """The bars from `start` to `end` (ISO days, "" for no bound) set for the first of `codes` that has any."""
        rows = next((self.state.bars[code] for code in codes if code in self.state.bars), None)
        if rows is not None:
            return [row for row in rows if start <= str(row[0]) <= (end or "9999-12-31")]
        market = market_of(codes[0])
        if not self.state.any_code or market not in _CLOCKS:
            return []
        last = self.stamp(market).date()
        first = date.fromisoformat(start) if start else date.min
        newest = min(date.fromisoformat(end), last) if end else last
        return list(bars_of_any_code(codes[0], first, newest, self.state.closed_days))

    def parity_page(self, target: str) -> bytes:
        """The answer of CFETS: what was set, otherwise the same parities on every weekday up to today."""
        query = parse_qs(urlsplit(target).query)
        start, end = (date.fromisoformat(query[name][0]) for name in ("startDate", "endDate"))
        if (end - start).days > 366:
            return payloads.cfets_parity({}, refusal="查询时间范围不能超过一年")
        days: dict[str, Sequence[str]] = {}
        for day in self._weekdays(start, end, "Asia/Shanghai"):
            days[f"{day}"] = self.state.parity.get(f"{day}", () if self.state.parity else tuple(_PARITY.values()))
        kept = {day: values for day, values in sorted(days.items(), reverse=True) if values}
        return payloads.cfets_parity(dict(list(kept.items())[:50]))

    def rates_page(self, target: str) -> tuple[int, bytes]:
        """The answer of Frankfurter, version 1, base USD: what was set, otherwise the same rates on every weekday."""
        parts = urlsplit(target)
        query = parse_qs(parts.query)
        symbols = query.get("symbols", [",".join(_RATES)])[0].split(",")
        asked = parts.path.removeprefix("/v1/")
        today = self.now().astimezone(ZoneInfo("Europe/Berlin")).date()
        try:
            first, _, last = asked.partition("..")
            start = today if first == "latest" else date.fromisoformat(first)
            end = (date.fromisoformat(last) if last else today) if ".." in asked else start
        except ValueError:
            return 422, b'{"message":"invalid date"}'
        if query.get("base", ["EUR"])[0] != "USD" or start > end:
            return 404, b'{"message":"not found"}'
        known = self.state.rates
        days = {f"{day}": known.get(f"{day}", {} if known else _RATES) for day in self._weekdays(start, end)}
        days = {day: row for day, row in days.items() if row}
        if ".." not in asked and not days:
            # One day without rates is answered with the last day before it that has them.
            earlier = [f"{day}" for day in self._weekdays(start - timedelta(days=14), start)]
            found = [day for day in earlier if not known or day in known]
            days = {found[-1]: known.get(found[-1], _RATES)} if found else {}
        if not days:
            return 404, b'{"message":"not found"}'
        kept = {day: {name: row[name] for name in symbols if name in row} for day, row in days.items()}
        return 200, payloads.frankfurter_v1(kept)

    def euro_page(self) -> bytes:
        """The ECB's file of the last ninety days: always the same rates."""
        today = self.now().date()
        days = reversed(self._weekdays(today - timedelta(days=90), today))
        return payloads.ecb_xml({f"{day}": _EURO for day in days})

    def _weekdays(self, start: date, end: date, zone: str = "Europe/Berlin") -> list[date]:
        end = min(end, self.now().astimezone(ZoneInfo(zone)).date())
        days = (start + timedelta(days=offset) for offset in range((end - start).days + 1))
        return [day for day in days if day.weekday() < 5]

    def log(self) -> dict[str, Any]:
        """Counts by path, and the last requests."""
        requests = self.requests
        counts = Counter(urlsplit(target).path.partition("=")[0] for _, target in requests)
        return {
            "count": len(requests),
            "paths": dict(counts),
            "requests": [(method, target[:200]) for method, target in requests[-200:]],
        }


@lru_cache(maxsize=20_000)
def _cached_row(trade: Trade) -> str:
    return payloads.tencent_row(trade)


def _is_on(target: str, path: str) -> bool:
    """Whether a request is on a path, which may leave out to which source's address it went."""
    return target.startswith(path) or _own_path(target).startswith(path)


def _own_path(target: str) -> str:
    """The target as the source itself would see it."""
    return "/" + target.split("/", 2)[2] if target.startswith("/@") and target.count("/") > 1 else target


def _spoilt_trade(trade: Trade, variant: str) -> Trade:
    match variant:
        case "zero_price":
            return replace(trade, price="0.00")
        case "wrong_currency":
            return replace(trade, currency="CNY" if trade.market == "us" else "USD")
        case "older_timestamp":
            return replace(trade, at=trade.at - timedelta(days=7))
        case "jump":
            price = f"{Decimal(trade.price) * 3}"
            return replace(trade, price=price, high=price)
        case _:
            return replace(trade, cap=str((Decimal(trade.price) * (trade.shares or 10**9)).scaleb(-7)))


def _spoilt_row(row: str, variant: str) -> str:
    """A row of the quote page without a readable price, or without its later fields."""
    fields = row.split("~")
    if variant == "short_row":
        return "~".join(fields[:33]) + '";\n'
    fields[3] = "6OO.60"
    return "~".join(fields)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    standin: Standin

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what many tests are about: not worth a traceback."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave in one packet: without this every reply waits for a delayed acknowledgement.
    wbufsize = 1 << 16
    disable_nagle_algorithm = True
    timeout = 60
    server: _Server

    def setup(self) -> None:
        """Count the connection."""
        super().setup()
        with self.server.standin.lock:
            self.server.standin.state.connections += 1

    def log_message(self, format: str, *args: Any) -> None:
        """Be silent; `/_log` tells what was asked."""

    def do_GET(self) -> None:
        """Answer one request."""
        self._answer()

    def do_POST(self) -> None:
        """Answer one request with a body."""
        self._answer()

    def _answer(self) -> None:
        standin = self.server.standin
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/_control":
            try:
                standin.control(json.loads(sent))
            except (ValueError, TypeError, KeyError) as error:
                self._send(400, "text/plain", str(error).encode())
                return
            self._send(200, "application/json", b"{}")
            return
        if self.path == "/_log":
            self._send(200, "application/json", json.dumps(standin.log()).encode())
            return
        with standin.lock:
            standin.state.requests.append((self.command, self.path))
        fault = standin.take_fault(self.path)
        try:
            status, kind, body = self._page(standin, fault)
        except (KeyError, ValueError):
            status, kind, body = 400, "application/json", b'{"message":"bad request"}'
        if fault is None or fault.variant in ROW_VARIANTS:
            self._send(status, kind, body)
        else:
            self._fail(fault, status, kind, body)

    def _page(self, standin: Standin, fault: Fault | None) -> tuple[int, str, bytes]:
        target = _own_path(self.path)
        path = urlsplit(target).path
        data = "application/json; charset=utf-8"
        if path.startswith("/q="):
            return 200, "text/html; charset=GBK", standin.quote_page(target, fault)
        if path.startswith("/appstock/app/") and path.endswith("fqkline/get"):
            return 200, data, standin.bars_page(target)
        if path.startswith("/list="):
            return 200, "application/javascript; charset=GB18030", standin.sina_page(target, fault)
        if path == "/api/qt/ulist.np/get":
            return 200, data, standin.eastmoney_page(target, fault)
        if path == "/api/qt/stock/kline/get":
            return 200, data, standin.eastmoney_bars_page(target)
        if path.startswith("/v8/finance/chart/"):
            status, body = standin.yahoo_page(target, fault)
            return status, data, body
        if path.startswith("/v1/"):
            status, body = standin.rates_page(target)
            return status, data, body
        if path == "/stats/eurofxref/eurofxref-hist-90d.xml":
            return 200, "text/xml", standin.euro_page()
        if path == "/ags/ms/cm-u-bk-ccpr/CcprHisNew" and self.command == "POST":
            return 200, data, standin.parity_page(target)
        if path == "/blocked.html":
            return 200, "text/html", payloads.BLOCK_PAGE
        return 404, "text/html", payloads.BLOCK_PAGE

    def _send(self, status: int, kind: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _fail(self, fault: Fault, status: int, kind: str, body: bytes) -> None:
        stopping = self.server.standin.stopping
        match fault.variant:
            case code if code in STATUSES:
                headers = {"Retry-After": "120"} if code == "429" else {}
                self._send(STATUSES[code], "text/html", payloads.BLOCK_PAGE, headers)
            case "html_200":
                self._send(200, "text/html; charset=utf-8", payloads.BLOCK_PAGE)
            case "truncated":
                self._send(status, kind, body[: len(body) // 2])
            case "none_match":
                self._send(200, kind, payloads.NONE_MATCH.encode())
            case "empty":
                self._send(200, kind, b"")
            case "pause":
                stopping.wait(_PAUSE if fault.seconds is None else fault.seconds)
                self._send(status, kind, body)
            case "gzip":
                self._send(status, kind, gzip.compress(body), {"Content-Encoding": "gzip"})
            case "broken_gzip":
                self._send(status, kind, gzip.compress(body)[:-12], {"Content-Encoding": "gzip"})
            case "redirect_to_html":
                self._send(302, "text/html", b"", {"Location": "/blocked.html"})
            case "redirect_elsewhere":
                self._send(302, "text/html", b"", {"Location": "https://consent.invalid/page"})
            case "bad_length":
                self._send(status, kind, body, {"Content-Length": str(len(body) + 100)})
                self.close_connection = True
            case "hang_up":
                self.close_connection = True
            case "refuse":
                self._reset()
            case "reset_mid_body":
                self._send(status, kind, body[: len(body) // 2], {"Content-Length": str(len(body))})
                self.wfile.flush()
                # Let the half arrive: a reset on its heels would throw it away.
                stopping.wait(0.05)
                self._reset()
            case "slow_first_byte":
                stopping.wait(_PAUSE if fault.seconds is None else fault.seconds)
                self._reset()
            case _:
                self._drip(status, kind, body, _DRIP if fault.seconds is None else fault.seconds)

    def _drip(self, status: int, kind: str, body: bytes, seconds: float) -> None:
        """One byte at a time, the head included: no single silence is ever long."""
        stopping = self.server.standin.stopping
        whole = f"HTTP/1.1 {status} OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        for byte in whole:
            if stopping.wait(seconds):
                break
            self.connection.sendall(bytes([byte]))
        self._reset()

    def _reset(self) -> None:
        """Close with a reset instead of an orderly end."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # The reader's and writer's files keep the socket open; taking its descriptor away does not ask them.
        os.close(self.connection.detach())


def main() -> None:
    """Run until interrupted, and print the address."""
    parser = argparse.ArgumentParser(description="A local stand-in for the sources of prices and rates.")
    parser.add_argument("--port", type=int, default=8900)
    parser.add_argument("--any-code", action="store_true", help="answer for every code, set or not")
    arguments = parser.parse_args()
    standin = Standin(arguments.port, any_code=arguments.any_code)
    with standin:
        print(standin.url, flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
