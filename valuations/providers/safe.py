"""State Administration of Foreign Exchange (SAFE): the central parities as an HTML table, per 100 units."""

from datetime import date
from html.parser import HTMLParser

from companies.sources.base import BadBody, Fetcher, NoData, Reply, parse_day, parse_number, usable_body
from valuations.providers.base import ParsedRate, check_span

# Quoted as so many yuan for 100 units. The remaining columns (ringgit, rouble, won ...) are quoted the other way round,
# as so many units for 100 yuan; nobody needs them here, so they are left out rather than guessed.
_DIRECT = {
    "美元": "USD",
    "欧元": "EUR",
    "日元": "JPY",
    "港元": "HKD",
    "英镑": "GBP",
    "澳元": "AUD",
    "新西兰元": "NZD",
    "新加坡元": "SGD",
    "瑞士法郎": "CHF",
    "加元": "CAD",
}
_DAY = "日期"


class SafeParity:
    """The rate source; see the module."""

    slug = "safe"
    site = "safe"
    label = "SAFE central parity"
    max_days = 366

    def fetch(self, client: Fetcher, start: date, end: date) -> Reply:
        """Ask for `start` to `end`, both included. Raises ValueError for too long a span."""
        check_span(start, end, self.max_days)
        form = {"startDate": f"{start}", "endDate": f"{end}", "queryYN": "true"}
        return client.post("/AppStructured/hlw/RMBQuery.do", form=form)

    def parse(self, reply: Reply) -> list[ParsedRate]:
        """Yuan for one unit of each currency stated."""
        return parse_table(usable_body(reply, html_expected=True))


class _Rows(HTMLParser):
    """Collects the text of all table cells, row by row."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.open_tables = 0  # above zero at the end: the page is cut short
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.open_tables += 1
        if tag == "tr":
            self.rows.append([])
        self._in_cell = tag in ("td", "th") or (self._in_cell and tag not in ("tr", "table"))
        if tag in ("td", "th"):
            if not self.rows:
                self.rows.append([])
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self.open_tables -= 1
        if tag in ("td", "th", "tr", "table"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[-1][-1] += data


def parse_table(body: bytes) -> list[ParsedRate]:
    """Yuan for one unit of each directly quoted currency. Raises BadBody when there is no such table."""
    reader = _Rows()
    try:
        reader.feed(body.decode("utf-8-sig"))
    except UnicodeDecodeError:
        reader.feed(body.decode("gb18030", errors="replace"))
    reader.close()
    rows = [[cell.replace("\u00a0", " ").strip() for cell in row] for row in reader.rows]
    heads = next((row for row in rows if row and row[0] == _DAY), None)
    if heads is None:
        raise BadBody("no table of rates")
    if reader.open_tables > 0:
        raise BadBody("the table is cut short")
    rates = []
    for row in rows[rows.index(heads) + 1 :]:
        if len(row) != len(heads):
            continue
        try:
            day = parse_day(row[0])
            for head, cell in zip(heads, row, strict=True):
                number = parse_number(cell) if head in _DIRECT else None
                if number is not None:
                    rates.append(ParsedRate(_DIRECT[head], "CNY", day, number / 100))
        except ValueError as error:
            raise BadBody(f"unreadable row: {error}") from error
    if not rates:
        raise NoData("no rates for these days")
    return rates
