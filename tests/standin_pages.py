"""The same trades and bars in the words of Sina, Eastmoney and Yahoo, for the stand-in."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from tests.payloads import Trade
from tests.standin_market import Bar, market_of

ZONES = {
    "sh": ZoneInfo("Asia/Shanghai"),
    "sz": ZoneInfo("Asia/Shanghai"),
    "hk": ZoneInfo("Asia/Hong_Kong"),
    "us": ZoneInfo("America/New_York"),
}
_CURRENCIES = {"sh": "CNY", "sz": "CNY", "hk": "HKD", "us": "USD"}
_EASTMONEY_MARKETS = {"sh": 1, "sz": 0, "hk": 116, "us": 105}
_OPENING = time(9, 30)
_LOT = 100


def sina_row(code: str, trade: Trade | None) -> str:
    """One line `var hq_str_<code>="...";`, empty for a code that is not known."""
    values = [] if trade is None else _SINA_ROWS.get(trade.market, _sina_mainland)(trade)
    return f'var hq_str_{code}="{",".join(values)}";\n'


def _sina_mainland(trade: Trade) -> list[str]:
    depth = [part for step in range(10) for part in (str(100 * step), trade.price)]
    head = [trade.name, trade.open, trade.previous_close, trade.price, trade.high, trade.low, trade.price, trade.price]
    return [
        *head,
        str(trade.volume),
        f"{_amount(trade):.3f}",
        *depth,
        f"{trade.at:%Y-%m-%d}",
        f"{trade.at:%H:%M:%S}",
        "00",
    ]


def _sina_hong_kong(trade: Trade) -> list[str]:
    head = ["SAMPLE LTD", trade.name, trade.open, trade.previous_close, trade.high, trade.low, trade.price, "0", "0"]
    head += [trade.price, trade.price, f"{_amount(trade):.3f}", str(trade.volume), "0", "0", trade.high, trade.low]
    return [*head, f"{trade.at:%Y/%m/%d}", f"{trade.at:%H:%M:%S}"]


def _sina_american(trade: Trade) -> list[str]:
    at = _moment(trade)
    cap = str(_cap(trade) or "")
    head = [trade.name, trade.price, "0", f"{at.astimezone(ZONES['sh']):%Y-%m-%d %H:%M:%S}", "0", trade.open]
    head += [trade.high, trade.low, trade.high, trade.low, str(trade.volume), "0", cap, "--", "--", *["0"] * 4]
    head += [str(trade.shares or ""), "0", "--", "--", "--", "--"]
    return [*head, f"{at:%b %d %I:%M%p %Z}", trade.previous_close, "0", "1"]


_SINA_ROWS = {"hk": _sina_hong_kong, "us": _sina_american}


def eastmoney_list(trades: Iterable[Trade]) -> bytes:
    """The answer to `ulist.np`: whole numbers scaled by f1, volumes of the mainland in lots."""
    rows = [_eastmoney_row(trade) for trade in trades]
    return _json({"rc": 0, "rt": 11, "data": {"total": len(rows), "diff": rows} if rows else None})


def _eastmoney_row(trade: Trade) -> dict[str, object]:
    decimals = 2 if trade.market in ("sh", "sz") else 3

    def scaled(price: str) -> int | str:
        return int(Decimal(price).scaleb(decimals)) if price else "-"

    lot = _LOT if trade.market in ("sh", "sz") else 1
    cap = _cap(trade)
    return {
        "f1": decimals,
        "f2": scaled(trade.price),
        "f5": trade.volume // lot,
        "f6": float(_amount(trade)),
        "f12": ticker_of(trade.code),
        "f13": _EASTMONEY_MARKETS[trade.market],
        "f14": trade.name,
        "f15": scaled(trade.high),
        "f16": scaled(trade.low),
        "f17": scaled(trade.open),
        "f18": scaled(trade.previous_close),
        "f20": "-" if cap is None else int(cap),
        "f124": int(_moment(trade).timestamp()),
    }


def eastmoney_bars(code: str, bars: Sequence[Bar]) -> bytes:
    """The answer to `kline/get`: one string per day, volumes of the mainland in lots; no data for no bars."""
    if not bars:
        return b'{"rc":100,"rt":17,"data":null}'
    lot = _LOT if market_of(code) in ("sh", "sz") else 1
    lines = []
    for bar in bars:
        day, opening, close, high, low, *_ = bar
        shares = shares_of(code, bar)
        amount = (Decimal(str(high)) + Decimal(str(low))) / 2 * shares
        lines.append(f"{day},{opening},{close},{high},{low},{shares // lot},{amount:.2f},0.00,0.00,0.00,0.00")
    data = {"code": ticker_of(code), "market": _EASTMONEY_MARKETS[market_of(code)], "name": "", "klines": lines}
    return _json({"rc": 0, "rt": 17, "data": data})


def yahoo_not_found() -> bytes:
    """The answer, with status 404, for a symbol that is not known."""
    error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
    return _json({"chart": {"result": None, "error": error}})


def yahoo_chart(symbol: str, code: str, trade: Trade, bars: Sequence[Bar]) -> bytes:
    """The answer to `v8/finance/chart`: the newest trade in `meta`, and `bars`, the trade's own day at its time."""
    market = market_of(code)
    rows: list[tuple[int, float, float, float, float, int]] = []
    for bar in bars:
        day = date.fromisoformat(str(bar[0]))
        opens = datetime.combine(day, _OPENING, ZONES[market])
        at = _moment(trade) if day == trade.at.date() else opens
        opening, close, high, low = (float(str(number)) for number in bar[1:5])
        rows.append((int(at.timestamp()), opening, close, high, low, shares_of(code, bar)))
    meta = {
        "currency": trade.currency or _CURRENCIES[market],
        "symbol": symbol,
        "instrumentType": "EQUITY",
        "regularMarketPrice": float(trade.price),
        "regularMarketTime": int(_moment(trade).timestamp()),
        "regularMarketDayHigh": float(trade.high),
        "regularMarketDayLow": float(trade.low),
        "regularMarketVolume": trade.volume,
        "chartPreviousClose": float(trade.previous_close),
        "gmtoffset": int((_moment(trade).utcoffset() or timedelta(0)).total_seconds()),
        "exchangeTimezoneName": ZONES[market].key,
        "dataGranularity": "1d",
    }
    names = ("open", "close", "high", "low", "volume")
    columns = {name: [row[place + 1] for row in rows] for place, name in enumerate(names)}
    result = {
        "meta": meta,
        "timestamp": [row[0] for row in rows],
        "indicators": {"quote": [columns], "adjclose": [{"adjclose": columns["close"]}]},
    }
    return _json({"chart": {"result": [result], "error": None}})


def two_days(trade: Trade, day_before: date) -> list[Bar]:
    """The bars that a quote alone tells of: its previous close, and its own day so far."""
    previous = trade.previous_close
    lots = _LOT if counts_lots(trade.code) else 1
    return [
        (f"{day_before}", previous, previous, previous, previous, "0"),
        (f"{trade.at.date()}", trade.open, trade.price, trade.high, trade.low, str(trade.volume // lots)),
    ]


def counts_lots(code: str) -> bool:
    """Whether Tencent's volumes of this code are lots of a hundred."""
    return market_of(code) in ("sh", "sz") and not code[2:].startswith(("688", "689"))


def shares_of(code: str, bar: Bar) -> int:
    """The volume of a bar as it stands in Tencent's, in shares."""
    return int(Decimal(str(bar[5])) * (_LOT if counts_lots(code) else 1))


def ticker_of(code: str) -> str:
    """What the exchange calls it: 688795, 06082, NVDA."""
    ticker = code.removeprefix("r_")[2:]
    return ticker.partition(".")[0] if code.endswith((".OQ", ".N", ".AM")) else ticker


def _moment(trade: Trade) -> datetime:
    """The trade's time with its exchange's zone."""
    return trade.at.astimezone(ZONES[trade.market]) if trade.at.tzinfo else trade.at.replace(tzinfo=ZONES[trade.market])


def _amount(trade: Trade) -> Decimal:
    """Everything changed hands at the middle of the day's range."""
    return (Decimal(trade.low) + Decimal(trade.high)) / 2 * trade.volume


def _cap(trade: Trade) -> Decimal | None:
    if trade.cap is not None:
        return Decimal(trade.cap).scaleb(8) if trade.cap else None
    return None if trade.shares is None else Decimal(trade.price) * trade.shares


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
