"""Hong Kong Monetary Authority: end-of-day rates of the Hong Kong dollar, published monthly and about a month late."""

from collections.abc import Mapping
from datetime import date
from decimal import Context

from companies.sources.base import (
    BadBody,
    Fetcher,
    NoData,
    Reply,
    as_object,
    parse_day,
    parse_json,
    parse_number,
    usable_body,
)
from valuations.providers.base import ParsedRate, check_span

# The numbers pass through binary fractions on their way (7.800500000000001); twelve digits are more than are published.
_DIGITS = Context(prec=12)
# Columns that are no currency of one country: the special drawing right, and currencies that the euro replaced.
_NOT_USED = frozenset({"sdr", "dem", "frf", "bel", "bef", "itl", "nlg", "esp"})


class HkmaDaily:
    """The rate source; see the module."""

    slug = "hkma"
    site = "hkma"
    label = "Hong Kong Monetary Authority"
    max_days = 366

    def fetch(self, client: Fetcher, start: date, end: date) -> Reply:
        """Ask for `start` to `end`, both included. Raises ValueError for too long a span."""
        check_span(start, end, self.max_days)
        return client.get(
            "/public/market-data-and-statistics/monthly-statistical-bulletin/er-ir/er-eeri-daily"
            f"?from={start}&to={end}&pagesize=1000"
        )

    def parse(self, reply: Reply) -> list[ParsedRate]:
        """Hong Kong dollars for one unit of each currency stated."""
        return parse_records(usable_body(reply))


def parse_records(body: bytes) -> list[ParsedRate]:
    """Hong Kong dollars for one unit of each currency; nulls are left out. Raises BadBody, NoData."""
    payload = as_object(parse_json(body))
    header, result = payload.get("header"), payload.get("result")
    if not isinstance(header, Mapping) or header.get("success") is not True:
        raise BadBody("the service reports an error")
    records = result.get("records") if isinstance(result, Mapping) else None
    if not isinstance(records, list):
        raise BadBody("no records")
    rates = []
    for record in records:
        stated = as_object(record, "a record")
        try:
            day = parse_day(stated.get("end_of_day"))
            for name, value in stated.items():
                if len(name) != 3 or not name.isalpha() or name in _NOT_USED:
                    continue
                number = parse_number(value)
                if number is not None:
                    rates.append(ParsedRate(name.upper(), "HKD", day, _DIGITS.plus(number)))
        except ValueError as error:
            raise BadBody(f"unreadable record: {error}") from error
    if not rates:
        raise NoData("no rates for these days")
    return rates
