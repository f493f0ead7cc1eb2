"""European Central Bank: euro reference rates, as XML (`eurofxref-*.xml`) or CSV (`data-api`, `format=csvdata`)."""

import csv
from datetime import date
from io import StringIO
from xml.parsers import expat

from companies.sources.base import BadBody, Fetcher, NoData, Reply, parse_day, parse_number, usable_body
from valuations.providers.base import ParsedRate, check_span


class EcbReference:
    """The rate source. It asks for the file of the last ninety days: small, and it holds the newest day as well."""

    slug = "ecb"
    site = "ecb"
    label = "European Central Bank"
    max_days = 90

    def fetch(self, client: Fetcher, start: date, end: date) -> Reply:
        """Ask for the last ninety days, whichever of them are wanted. Raises ValueError for too long a span."""
        check_span(start, end, self.max_days)
        return client.get("/stats/eurofxref/eurofxref-hist-90d.xml")

    def parse(self, reply: Reply) -> list[ParsedRate]:
        """The rates of one euro, in either format."""
        body = usable_body(reply)
        is_xml = body.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<")
        return parse_xml(body) if is_xml else parse_csv(body)


def parse_xml(body: bytes) -> list[ParsedRate]:
    """Rates of one euro from nested `Cube` elements. A document type is refused: it could only be an attack."""
    rates: list[ParsedRate] = []
    day: date | None = None

    def start_element(name: str, attributes: dict[str, str]) -> None:
        nonlocal day
        if name.rpartition(":")[2] != "Cube":
            return
        if "time" in attributes:
            day = parse_day(attributes["time"])
        if "currency" in attributes and "rate" in attributes:
            number = parse_number(attributes["rate"])
            if day is None:
                raise ValueError("a rate without a day")
            if number is not None:
                rates.append(ParsedRate("EUR", attributes["currency"], day, number))

    def refuse(*_: object) -> None:
        raise ValueError("it declares a document type")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start_element
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(body, True)
    except (ValueError, expat.ExpatError) as error:
        raise BadBody(f"not readable as XML: {error}") from error
    if day is None:
        raise BadBody("no day in it")
    if not rates:
        raise NoData("no rates")
    return rates


def parse_csv(body: bytes) -> list[ParsedRate]:
    """Rates of one euro by the names of the columns; days without a value are left out."""
    try:
        rows = csv.DictReader(StringIO(body.decode("utf-8-sig")), strict=True)
        names = set(rows.fieldnames or ())
        if not {"CURRENCY", "TIME_PERIOD", "OBS_VALUE"} <= names:
            raise BadBody("not the columns of a table of rates")
        # The table reads "so many CNY for one EUR": CURRENCY is what is counted, CURRENCY_DENOM what it is counted for.
        rates = [
            ParsedRate(row.get("CURRENCY_DENOM") or "EUR", row["CURRENCY"], parse_day(row["TIME_PERIOD"]), number)
            for row in rows
            if (number := parse_number(row["OBS_VALUE"])) is not None
        ]
    except (ValueError, csv.Error) as error:
        raise BadBody(f"unreadable table: {error}") from error
    if not rates:
        raise NoData("no rates for these days")
    return rates
