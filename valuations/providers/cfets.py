"""China Foreign Exchange Trade System (CFETS): the central parity of the yuan, announced at 09:15 Beijing time.

`POST /ags/ms/cm-u-bk-ccpr/CcprHisNew?startDate=...&endDate=...` answers at most fifty days; `data.head` names the pairs
("USD/CNY", "100JPY/CNY", "CNY/THB") in whose order each record's `values` stand, "---" where there is none.
"""

import re
from collections.abc import Mapping
from datetime import date

from companies.sources.base import (
    BadBody,
    BadRequest,
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

_PAIR = re.compile(r"\s*([0-9]*)\s*([A-Z]{3})/([A-Z]{3})\s*")
_MOST_ROWS = 50


class CfetsParity:
    """The rate source; see the module."""

    slug = "cfets"
    site = "cfets"
    label = "CFETS central parity"
    max_days = 60  # of which at most 44 are weekdays, so one page holds them

    def fetch(self, client: Fetcher, start: date, end: date) -> Reply:
        """Ask for the parities of `start` to `end`, both included. Raises ValueError for too long a span."""
        check_span(start, end, self.max_days)
        return client.post(
            f"/ags/ms/cm-u-bk-ccpr/CcprHisNew?startDate={start}&endDate={end}&currency=&pageNum=1&pageSize={_MOST_ROWS}"
        )

    def parse(self, reply: Reply) -> list[ParsedRate]:
        """The parities, each under its own day and per one unit of its base."""
        return parse_parity(usable_body(reply))


def parse_parity(body: bytes) -> list[ParsedRate]:
    """Every parity stated: `100JPY/CNY` becomes one yen, `CNY/THB` stays a rate of the yuan in baht."""
    payload = _payload(body)
    data, records = payload.get("data"), payload.get("records")
    if not isinstance(data, Mapping):
        raise BadBody("no data")
    refusal = str(data.get("flagMessage") or "").strip()
    if not records:
        if refusal:
            raise BadRequest(f"refused: {refusal[:80]}")
        if isinstance(records, list):
            raise NoData("no parity for these days")
        raise BadBody("no records")
    heads = data.get("head") or data.get("searchlist")
    if not isinstance(heads, list) or not isinstance(records, list) or not any(map(_PAIR.fullmatch, map(str, heads))):
        raise BadBody("records without the names of their columns")
    rates = []
    for record in records:
        values = record.get("values") if isinstance(record, Mapping) else None
        if not isinstance(values, list) or len(values) != len(heads):
            raise BadBody("a record does not fit the names of its columns")
        try:
            day = parse_day(record.get("date"))
            # A kind of pair that is new here must not cost the others.
            known = ((head, value) for head, value in zip(heads, values, strict=True) if _PAIR.fullmatch(str(head)))
            stated = [rate for head, value in known if (rate := _rate(head, value, day))]
        except ValueError as error:
            raise BadBody(f"unreadable record: {error}") from error
        rates += stated
    if not rates:
        raise NoData("no parity for these days")
    return rates


def parse_spot(body: bytes) -> list[ParsedRate]:
    """Middle of bid and ask on the interbank spot market (`rfx-sp-quot.json`): a market price, not the parity."""
    payload = _payload(body)
    records = payload.get("records")
    if not isinstance(records, list):
        raise BadBody("no records")
    rates = []
    for record in records:
        spot = as_object(record, "a record")
        try:
            rate = _rate(spot.get("ccyPair"), spot.get("midprice"), parse_day(str(spot.get("time"))[:10]))
        except ValueError as error:
            raise BadBody(f"unreadable record: {error}") from error
        if rate is not None:
            rates.append(rate)
    if not rates:
        raise NoData("no spot price")
    return rates


def _payload(body: bytes) -> Mapping[str, object]:
    payload = as_object(parse_json(body))
    head = payload.get("head")
    code = str(head.get("rep_code") or "") if isinstance(head, Mapping) else ""
    if code not in ("", "200"):
        raise BadBody(f"answered with code {code[:20]}")
    return payload


def _rate(pair: object, value: object, day: date) -> ParsedRate | None:
    """One stated rate per unit of its base; None when the value is missing. Raises ValueError."""
    match = _PAIR.fullmatch(str(pair))
    if match is None:
        raise ValueError(f"not a pair: {str(pair)[:20]!r}")
    number = parse_number(value)
    if number is None:
        return None
    return ParsedRate(match[2], match[3], day, number / int(match[1] or 1))
