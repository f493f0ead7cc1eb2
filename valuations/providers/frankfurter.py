"""Frankfurter: the reference rates of the European Central Bank as JSON, any base.

Version 1 is what we ask: one provider, one date per row. Version 2 is a blend of several providers whose rows may bear
different dates; its shape is understood, and such rows are flagged.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from companies.sources.base import BadBody, Fetcher, NoData, Reply, parse_day, parse_json, parse_number, usable_body
from valuations.providers.base import ParsedRate, check_span


class Frankfurter:
    """The rate source; see the module."""

    slug = "frankfurter"
    site = "frankfurter"
    label = "Frankfurter (ECB)"
    max_days = 366

    def __init__(self, base: str = "USD", symbols: tuple[str, ...] = ("CNY", "HKD", "EUR")) -> None:
        self.base = base
        self.symbols = symbols

    def fetch(self, client: Fetcher, start: date, end: date) -> Reply:
        """Ask for `start` to `end`, both included. Raises ValueError for too long a span.

        One day that is not a business day is answered with the business day before it.
        """
        check_span(start, end, self.max_days)
        days = f"{start}" if start == end else f"{start}..{end}"
        return client.get(f"/v1/{days}?base={self.base}&symbols={','.join(self.symbols)}")

    def parse(self, reply: Reply) -> list[ParsedRate]:
        """The rates, each under the day the source gives, which may be earlier than the day asked for."""
        return parse_rates(usable_body(reply))


def parse_rates(body: bytes) -> list[ParsedRate]:
    """Rates of either version, without those of a currency in itself. Raises BadBody, NoData."""
    payload = parse_json(body)
    try:
        if isinstance(payload, list):
            rates = _version_2(payload)
        elif isinstance(payload, Mapping) and "rate" in payload:
            rates = _version_2([payload])
        elif isinstance(payload, Mapping) and isinstance(payload.get("rates"), Mapping):
            rates = _version_1(payload)
        else:
            raise BadBody("no rates")
    except ValueError as error:
        raise BadBody(f"unreadable rates: {error}") from error
    rates = [rate for rate in rates if rate.base != rate.quote]
    if not rates:
        raise NoData("no rates for these days")
    return rates


def _version_1(payload: Mapping[str, object]) -> list[ParsedRate]:
    rates = payload["rates"]
    amount = parse_number(payload.get("amount", 1))
    base = _currency(payload.get("base"))
    if not isinstance(rates, Mapping) or amount is None or amount <= 0:
        raise ValueError("no amount")
    by_day = rates if all(isinstance(value, Mapping) for value in rates.values()) else {payload.get("date"): rates}
    return [
        ParsedRate(base, _currency(quote), parse_day(day), number / amount)
        for day, row in by_day.items()
        for quote, value in row.items()
        if (number := parse_number(value)) is not None
    ]


def _version_2(rows: list[object]) -> list[ParsedRate]:
    parsed: list[tuple[str, str, date, Decimal]] = []
    for row in rows:
        if not isinstance(row, Mapping):
            raise ValueError("a row is not an object")
        number = parse_number(row.get("rate"))
        if number is not None:
            parsed.append((_currency(row.get("base")), _currency(row.get("quote")), parse_day(row.get("date")), number))
    # One day with its pairs, or one pair over many days, is what one asks for; several newest days are a blend.
    newest: dict[tuple[str, str], date] = {}
    for base, quote, day, _ in parsed:
        newest[base, quote] = max(day, newest.get((base, quote), day))
    flag = "mixed_dates" if len(set(newest.values())) > 1 else ""
    return [ParsedRate(base, quote, day, number, flag) for base, quote, day, number in parsed]


def _currency(value: object) -> str:
    text = str(value)
    if len(text) != 3 or not text.isascii() or not text.isalpha():
        raise ValueError(f"not a currency: {text[:20]!r}")
    return text.upper()
