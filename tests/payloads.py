"""Replies of the sources, written from scratch in their wire formats. Every number is invented.

A builder's arguments are what a case is about; all the rest is plausible filling.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

NONE_MATCH = 'v_pv_none_match="1";\n'
BLOCK_PAGE = (
    b"<!DOCTYPE html>\n<html><head><title>Please wait</title></head><body><p>Not available.</p></body></html>\n"
)


@dataclass(frozen=True, slots=True)
class Trade:
    """What one quote row states. `volume` in shares; `at` is the exchange's local time, written as the market does."""

    code: str = "sh688795"
    price: str = "600.60"
    previous_close: str = "590.00"
    open: str = "592.00"
    high: str = "612.00"
    low: str = "588.88"
    volume: int = 5_000_000
    at: datetime = datetime(2026, 11, 20, 15, 50, 49)  # noqa: DTZ001
    shares: int | None = 470_000_000
    currency: str | None = None  # None: the market's own; "" leaves the field blank
    name: str = "摩尔线程-U"
    symbol: str | None = None  # the code inside the row, when it is to differ
    kind: str | None = None
    cap: str | None = None  # in hundreds of millions; None: price times shares
    lots: bool | None = None  # None: as the market does

    @property
    def market(self) -> str:
        """sh, sz, hk or us."""
        return self.code.removeprefix("r_")[:2]


def tencent_row(trade: Trade, fields: int | None = None) -> str:
    """One line `v_<code>="...";` of the quote page, cut or padded to a number of fields if asked."""
    build = {"hk": _hong_kong, "us": _american}.get(trade.market, _mainland)
    values = build(trade)
    if fields is not None:
        values = (values + ["0"] * fields)[:fields]
    return f'v_{trade.code}="{"~".join(values)}";\n'


def tencent_body(*rows: Trade | str, encoding: str = "gbk") -> bytes:
    """A whole quote page of trades and ready-made lines."""
    return "".join(tencent_row(row) if isinstance(row, Trade) else row for row in rows).encode(encoding)


def halted(code: str, at: datetime, price: str = "0.00", previous_close: str = "80.00") -> Trade:
    """A row without any trade: halted, or not yet open, by its time."""
    return Trade(code, price, previous_close, "0.00", "0.00", "0.00", volume=0, at=at)


def _cap(trade: Trade) -> str:
    if trade.cap is not None:
        return trade.cap
    return "" if trade.shares is None else str((Decimal(trade.price) * trade.shares).scaleb(-8))


def _amount(trade: Trade) -> Decimal:
    """Everything changed hands at the middle of the day's range."""
    low, high = Decimal(trade.low), Decimal(trade.high)
    return (low + high) / 2 * trade.volume


def _change(trade: Trade) -> tuple[str, str]:
    previous = Decimal(trade.previous_close or "0")
    difference = Decimal(trade.price or "0") - previous
    percent = difference / previous * 100 if previous else Decimal(0)
    return str(difference), f"{percent:.2f}"


def _mainland(trade: Trade) -> list[str]:
    lots = trade.lots if trade.lots is not None else not trade.code[2:].startswith(("688", "689"))
    volume = str(trade.volume // 100 if lots else trade.volume)
    amount = _amount(trade)
    change, percent = _change(trade)
    kind = trade.kind or {"sh": "GP-A-KCB", "sz": "GP-A-CYB"}[trade.market]
    currency = "CNY" if trade.currency is None else trade.currency
    count = "" if trade.shares is None else str(trade.shares)
    depth = [part for step in range(10) for part in (trade.price, str(step))]
    head = ["1" if trade.market == "sh" else "51", trade.name, trade.symbol or trade.code[2:]]
    head += [trade.price, trade.previous_close, trade.open, volume, "0", "0", *depth, ""]
    head += [f"{trade.at:%Y%m%d%H%M%S}", change, percent, trade.high, trade.low]
    head += [f"{trade.price}/{volume}/{amount:.0f}", volume, f"{amount / 10000:.0f}", "1.00", "-50.00", ""]
    head += [trade.high, trade.low, "3.00", "", _cap(trade), "9.00", "0.00", "0.00", "1.00", "0", trade.price]
    head += ["", "", "", "", "", f"{amount / 10000:.4f}", "0.0000", "0", "A", kind, "1", "2", "0", "0", "0"]
    head += [trade.high, trade.low, "0", "0", "0", count, count, "0", "0", count, "", "", "0", "0", "", currency]
    return [*head, "0", "", trade.price, "1", "-1"]


def _hong_kong(trade: Trade) -> list[str]:
    change, percent = _change(trade)
    volume = f"{trade.volume}.0"
    count = "" if trade.shares is None else f"{trade.shares}.00"
    currency = "HKD" if trade.currency is None else trade.currency
    head = ["100", trade.name, trade.symbol or trade.code[-5:], trade.price, trade.previous_close, trade.open, volume]
    head += ["0", "0", trade.price, *["0"] * 9, trade.price, *["0"] * 9, volume]
    head += [f"{trade.at:%Y/%m/%d %H:%M:%S}", change, percent, trade.high, trade.low, trade.price, volume]
    head += [f"{_amount(trade):.3f}", "0", "-30.00", "", "0", "0", "3.00", _cap(trade), _cap(trade), "SAMPLE LTD"]
    head += ["0.00", trade.high, trade.low, *["0"] * 10, "200", "1", "2", trade.kind or "GP", *["0"] * 5]
    return [*head, count, count, "0", "0.000", trade.price, "0", currency, "1", "30"]


def _american(trade: Trade) -> list[str]:
    change, percent = _change(trade)
    volume = str(trade.volume)
    currency = "USD" if trade.currency is None else trade.currency
    head = ["200", trade.name, trade.symbol or trade.code[2:] + ".OQ", trade.price, trade.previous_close, trade.open]
    head += [volume, *["0"] * 22, "", f"{trade.at:%Y-%m-%d %H:%M:%S}", change, percent, trade.high, trade.low]
    head += [currency, volume, f"{_amount(trade):.0f}", "0.60", "30.00", "", "40.00", "", "2.00", _cap(trade)]
    return [*head, _cap(trade), "Sample Corporation", "20.00", trade.high, trade.low, *["0"] * 6, trade.kind or "GP"]


Bar = Sequence[object]
"""Date, open, close, high, low, volume as the service writes it, perhaps more columns."""


def tencent_bars(code: str, bars: Iterable[Bar], key: str = "day") -> bytes:
    """Daily bars under a key: day, qfqday or hfqday."""
    rows = [[part if isinstance(part, dict) else str(part) for part in bar] for bar in bars]
    return _json({"code": 0, "msg": "", "data": {code: {key: rows, "qt": {}, "prec": "1.00", "version": "16"}}})


CFETS_PAIRS = ("USD/CNY", "EUR/CNY", "100JPY/CNY", "HKD/CNY", "CNY/THB")


def cfets_parity(
    days: Mapping[str, Sequence[str]], pairs: Sequence[str] = CFETS_PAIRS, *, refusal: str = "", code: str = "200"
) -> bytes:
    """Central parities by day; with a `refusal` the records are null, as the service does."""
    records = [{"date": day, "values": list(values)} for day, values in days.items()]
    data = {"head": list(pairs), "total": len(records), "pageTotal": 1, "flagMessage": refusal, "pageNum": 1}
    return _json({"head": {"rep_code": code}, "data": data, "records": None if refusal else records})


def frankfurter_v1(days: Mapping[str, Mapping[str, str]], base: str = "USD", amount: str = "1.0") -> bytes:
    """Rates of one day (`date`) or of several (`start_date`, `end_date`), numbers bare as JSON has them."""
    rows = {
        day: "{" + ",".join(f'"{symbol}":{rate}' for symbol, rate in row.items()) + "}" for day, row in days.items()
    }
    head = f'{{"amount":{amount},"base":"{base}",'
    if len(rows) == 1:
        [(day, row)] = rows.items()
        return f'{head}"date":"{day}","rates":{row}}}'.encode()
    inner = ",".join(f'"{day}":{row}' for day, row in rows.items())
    return f'{head}"start_date":"{min(rows)}","end_date":"{max(rows)}","rates":{{{inner}}}}}'.encode()


def frankfurter_v2(*rows: tuple[str, str, str, str], providers: bool = False) -> bytes:
    """Rows of (date, base, quote, rate)."""
    extra = ',"providers":[{"key":"AAA","date":"2026-11-19","rate":9.9,"excluded":true}]' if providers else ""
    parts = (
        f'{{"date":"{day}","base":"{base}","quote":"{quote}","rate":{rate}{extra}}}' for day, base, quote, rate in rows
    )
    return ("[" + ",".join(parts) + "]").encode()


def ecb_xml(days: Mapping[str, Mapping[str, str]], prologue: str = "") -> bytes:
    """The file of reference rates, newest day first as given."""
    cubes = "".join(
        f"<Cube time='{day}'>" + "".join(f"<Cube currency='{c}' rate='{rate}'/>" for c, rate in row.items()) + "</Cube>"
        for day, row in days.items()
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{prologue}<gesmes:Envelope xmlns:gesmes="urn:x" xmlns="urn:y">'
        f"<gesmes:subject>Reference rates</gesmes:subject><Cube>{cubes}</Cube></gesmes:Envelope>"
    ).encode()


def fred_observations(*rows: tuple[str, str]) -> bytes:
    """One series: (date, value)."""
    return _json({"units": "lin", "count": len(rows), "observations": [{"date": d, "value": v} for d, v in rows]})


def hkma_records(*rows: str, success: bool = True) -> bytes:
    """Records as ready-made JSON objects, because the noise in their numbers matters."""
    state = "true" if success else "false"
    return f'{{"header":{{"success":{state}}},"result":{{"records":[{",".join(rows)}]}}}}'.encode()


def safe_table(heads: Sequence[str], *rows: Sequence[str]) -> bytes:
    """The page with its table; every cell ends in a no-break space."""
    top = "".join(f"<th>{head}</th>" for head in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}&nbsp;</td>" for cell in row) + "</tr>" for row in rows)
    return f'<html><head></head><body><table id="InfoTable"><tr>{top}</tr>{body}</table></body></html>'.encode()


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
