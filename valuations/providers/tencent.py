"""Tencent's quote page: latest prices of Shanghai, Shenzhen, Hong Kong and New York in one request.

`GET /q=sh688795,sz300474,r_hk06082,usNVDA` answers one line `v_<code>="f0~f1~...";` per code, in GBK. The number of
fields grows over the years; what is read here sits at fixed places, the rest is found by what it says.
"""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

from companies.sources.base import Fetcher, Outcome, Reply, parse_number, usable_body
from valuations.providers.base import Instrument, ParsedQuote, QuoteRow
from valuations.providers.codes import code_or_none, codes_of, of_exchange, unanswered
from valuations.providers.quoted import quoted_lines
from valuations.providers.trading import judged_row, mainland_lot, optional_number, positive_number, shares_traded
from valuations.sessions import MARKETS

US_SUFFIXES = {"XNAS": "OQ", "XNYS": "N", "XASE": "AM"}
_PREFIXES = {"XSHG": "sh", "XSHE": "sz", "XHKG": "r_hk", "XNAS": "us", "XNYS": "us", "XASE": "us"}
_NONE_MATCH = "pv_none_match"
_FEWEST_FIELDS = 38
_CAP_UNIT = Decimal(10) ** 8
_TEN_THOUSAND = Decimal(10) ** 4
_CURRENCIES = frozenset({"CNY", "HKD", "USD", "EUR", "GBP", "JPY", "SGD"})
_CURRENCY_AT = {"sh": 82, "sz": 82, "hk": 75, "us": 35}
# Kinds of paper that are not shares: index, funds, bonds. They may carry the code of a share of the other exchange.
_OTHER_KINDS = frozenset({"ZS", "ETF", "LOF", "QDII", "KJ", "JJ", "ZQ", "QZ", "REITS"})


def tencent_code(instrument: Instrument) -> str:
    """The service's code of an instrument: sh688795, sz300474, r_hk06082 (five digits), usNVDA.

    Raises:
        ValueError: another exchange, or a ticker that cannot be one.
    """
    prefix = of_exchange(_PREFIXES, instrument)
    return prefix + (instrument.ticker.zfill(5) if instrument.mic == "XHKG" else instrument.ticker.upper())


class TencentQuotes:
    """The quote source; see the module."""

    slug = "tencent"
    site = "tencent"
    label = "Tencent"
    mics = frozenset(_PREFIXES)
    batch_size = 100

    def fetch(self, client: Fetcher, instruments: Sequence[Instrument]) -> Reply:
        """Ask once for all `instruments` that have a code here. Raises BadRequest when none has."""
        return client.get("/q=" + ",".join(codes_of(tencent_code, instruments)))

    def parse(self, reply: Reply, instruments: Sequence[Instrument]) -> list[QuoteRow]:
        """One row per instrument, in the order asked."""
        return parse_quotes(usable_body(reply), instruments)


def parse_quotes(body: bytes, instruments: Sequence[Instrument]) -> list[QuoteRow]:
    """One row per instrument; codes that nobody asked for are ignored. Raises BadBody for a cut or foreign body."""
    values = quoted_lines(body, "v_")
    return [_row(instrument, values) for instrument in instruments]


def _row(instrument: Instrument, values: dict[str, str]) -> QuoteRow:
    asked = code_or_none(tencent_code, instrument)
    if asked is None:
        return unanswered(instrument, None)
    code = asked.casefold()
    # Where both are present the plain Hong Kong code is the late one.
    keys = (code, code.removeprefix("r_")) if instrument.mic == "XHKG" else (code,)
    key = next((key for key in keys if values.get(key)), None)
    if key is not None:
        return _quote_row(instrument, key, values[key].split("~"))
    return unanswered(instrument, code, is_unknown=_NONE_MATCH in values or any(key in values for key in keys))


def _quote_row(instrument: Instrument, key: str, fields: list[str]) -> QuoteRow:
    def bad(reason: str, detail: str) -> QuoteRow:
        return QuoteRow(instrument, Outcome.BAD_ROW, None, reason, f"{key}: {detail}")

    if len(fields) < _FEWEST_FIELDS:
        return bad("short_row", f"{len(fields)} fields, at least {_FEWEST_FIELDS} are needed")
    if not _same_symbol(instrument, fields[2]):
        return bad("symbol_mismatch", f"the row is about {fields[2][:20]!r}")
    kind = next((field for field in fields[47:] if field in _OTHER_KINDS or field.split("-")[0] == "GP"), "GP")
    if kind in _OTHER_KINDS:
        return bad("not_a_share", f"a row of kind {kind}")
    try:
        price = parse_number(fields[3])
    except ValueError as error:
        return bad("bad_number", str(error))
    if price is None:
        return bad("blank_price", "no last price")
    try:
        at, day = _stamp(instrument.mic, fields[30])
    except (ValueError, OverflowError) as error:
        return bad("bad_time", str(error))

    opening, high, low = (_positive(fields, index) for index in (5, 33, 34))
    stated_volume = _number(fields, 36)
    if stated_volume is None:
        stated_volume = _number(fields, 6)
    amount = _amount(key, fields)
    quote = ParsedQuote(
        price=price,
        at=at,
        day=day,
        previous_close=_positive(fields, 4),
        open=opening,
        high=high,
        low=low,
        volume=shares_traded(stated_volume, amount, low or price, high or price, documented=tencent_lot(instrument)),
        amount=amount,
        currency=_currency(key, fields),
        delayed=key.startswith("hk"),
        market_cap=_market_cap(fields),
        total_shares=_total_shares(key, fields),
    )
    return judged_row(instrument, quote, key)


def _same_symbol(instrument: Instrument, stated: str) -> bool:
    """Whether the row names the instrument asked for: digits by value in Hong Kong, without .OQ, .N ... in New York."""
    stated, ticker = stated.strip().upper(), instrument.ticker.upper()
    if instrument.mic == "XHKG" and ticker.isdigit():
        return stated.isascii() and stated.isdigit() and int(stated) == int(ticker)
    if instrument.mic in US_SUFFIXES:
        return ticker in (stated, stated.rpartition(".")[0])
    return stated == ticker


def _stamp(mic: str, text: str) -> tuple[datetime, date]:
    """The time stamp in UTC and the exchange's own day. Written in three ways, always with all fourteen digits."""
    digits = re.sub(r"[-/: T.]", "", text.strip())
    if not re.fullmatch(r"[0-9]{14}", digits):
        raise ValueError(f"no time: {text[:30]!r}")
    local = datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=MARKETS[mic].zone)
    return local.astimezone(UTC), local.date()


def _number(fields: list[str], index: int) -> Decimal | None:
    return optional_number(fields[index]) if index < len(fields) else None


def _positive(fields: list[str], index: int) -> Decimal | None:
    return positive_number(fields[index]) if index < len(fields) else None


def _amount(key: str, fields: list[str]) -> Decimal | None:
    """Turnover in units of the currency; mainland rows state it in "last/volume/amount", else in 10,000 yuan."""
    if not key.startswith(("sh", "sz")):
        return _positive(fields, 37)
    exact = _positive(fields[35].split("/"), 2)
    if exact is not None:
        return exact
    rounded = _positive(fields, 57) or _positive(fields, 37)
    return None if rounded is None else rounded * _TEN_THOUSAND


def tencent_lot(instrument: Instrument) -> int:
    """Shares in one unit of volume as documented: lots of 100 on the mainland, except on STAR (688, 689)."""
    return 1 if instrument.ticker.startswith(("688", "689")) else mainland_lot(instrument)


def _currency(key: str, fields: list[str]) -> str | None:
    """Where the market's rows state it, else any later field that is a currency code; never one that is blank there."""
    place = _CURRENCY_AT[key.removeprefix("r_")[:2]]
    if place < len(fields):
        if fields[place].strip() in _CURRENCIES:
            return fields[place].strip()
        if not fields[place].strip():
            return None
    # 46 holds the English name, which may look like anything.
    return next((field for field in fields[47:] if field in _CURRENCIES), None)


def _market_cap(fields: list[str]) -> Decimal | None:
    stated = _positive(fields, 45)
    return None if stated is None else stated * _CAP_UNIT


def _total_shares(key: str, fields: list[str]) -> int | None:
    """All share classes of the issuer; American rows do not state them at a known place."""
    if key.startswith("us"):
        return None
    stated = _positive(fields, 73 if key.startswith(("sh", "sz")) else 69)
    return None if stated is None else int(stated)
