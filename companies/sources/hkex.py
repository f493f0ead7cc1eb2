"""HKEXnews: documents of companies listed in Hong Kong, and applications to list. Clients ask `www1.hkexnews.hk`.

A search for documents wants HKEX's own number of the stock, which is looked up first. It has no pages: more rows are
had by asking for a longer list. One request a second is enough for them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from urllib.parse import urlencode

from companies.sources.announcements import (
    HONG_KONG,
    Announcement,
    Page,
    count,
    document_url,
    is_true,
    language_of,
    optional_day,
    parse_moment,
    plain,
    read_rows,
    refusing_whole_reply,
    required_text,
    required_title,
    text,
)
from companies.sources.base import BadBody, Fetcher, NoData, Reply, as_object, parse_json, parse_jsonp, usable_body

SLUG = "hkex"
SITE = "https://www1.hkexnews.hk"
APPLICATION_DOCUMENTS = "https://www1.hkexnews.hk/app"
ROW_RANGE = 100
# The lists of applications, each for the main board ("sehk") and for GEM ("gem").
APPLICATION_LISTS = ("appactive_app", "appactive_appphip", "applisted", "appinactive", "appreturned")
# Kinds of documents to narrow a search to (`kind`): first level, second level.
ANNOUNCEMENTS = ("10000", "-2")
FINANCIAL_REPORTS = ("40000", "-2")
ANNUAL_REPORTS = ("40000", "40100")
INTERIM_REPORTS = ("40000", "40200")
QUARTERLY_REPORTS = ("40000", "40300")

_DOMAIN = "hkexnews.hk"
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(KB|MB)", re.IGNORECASE)
_BYTES = {"KB": 1024, "MB": 1024 * 1024}
# Active, listed; returned or rejected, lapsed, withdrawn.
_STATES = {"A": "active", "LT": "listed", "IR": "inactive", "RJ": "inactive", "LP": "inactive", "W": "inactive"}


@dataclass(frozen=True, slots=True)
class Stock:
    """A stock and the number by which HKEX searches for its documents."""

    ticker: str  # five digits
    stock_id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """An application to list. `state` is active, listed or inactive, "" for a status code nobody has explained yet."""

    key: str
    applicant: str
    status: str  # as HKEX codes it: A, LT, IR, RJ, LP, W
    state: str
    posted_on: date | None
    is_past_hearing: bool  # a post-hearing information pack is out
    documents: tuple[Announcement, ...]


def fetch_stock_ids(client: Fetcher, ticker: str, *, market: str = "SEHK") -> Reply:
    """Ask for the stocks whose code begins like `ticker`; GEM stocks only with `market="GEM"`."""
    query = {"callback": "callback", "lang": "EN", "type": "A", "name": ticker.zfill(5), "market": market}
    return client.get(f"/search/prefix.do?{urlencode(query)}")


def fetch_titles(
    client: Fetcher,
    stock_id: str,
    start: date,
    end: date,
    *,
    language: str = "en",
    kind: tuple[str, str] | None = None,
    row_range: int = ROW_RANGE,
    market: str = "SEHK",
) -> Reply:
    """Ask for the documents of a stock from `start` to `end`, both included, newest first.

    Args:
        language: "en" or "zh": each lists its own documents.
        kind: One of the kinds above; None for all.
        row_range: Rows wanted in all. Where the reply `has_more`, ask again with its `total`.
    """
    first, second = kind or ("-2", "-2")
    query = {
        "sortDir": "0",
        "sortByOptions": "DateTime",
        "category": "0",
        "market": market,
        "stockId": stock_id,
        "documentType": "-1",
        "fromDate": f"{start:%Y%m%d}",
        "toDate": f"{end:%Y%m%d}",
        "title": "",
        "searchType": "1" if kind is None else "0",
        "t1code": first,
        "t2Gcode": "-2",
        "t2code": second,
        "rowRange": str(row_range),
        "lang": language.upper(),
    }
    return client.get(f"/search/titleSearchServlet.do?{urlencode(query)}")


def fetch_applications(client: Fetcher, listed_in: str, *, board: str = "sehk", language: str = "en") -> Reply:
    """Ask for one of `APPLICATION_LISTS`, all of it."""
    return client.get(f"/ncms/json/eds/{listed_in}_{board}_{'c' if language == 'zh' else 'e'}.json")


def parse_stock_ids(reply: Reply) -> Page[Stock]:
    """The stocks found for a code; look for the exact one with `stock_id_of`."""
    payload = _payload(reply)
    rows = payload.get("stockInfo")
    if not isinstance(rows, list):
        raise BadBody("no stockInfo")
    return read_rows(rows, _stock)


def stock_id_of(stocks: Iterable[Stock], ticker: str) -> str:
    """HKEX's number of the stock with exactly this code. Raises NoData when there is none, or more than one."""
    found = {stock.stock_id for stock in stocks if stock.ticker == ticker.zfill(5)}
    if len(found) != 1:
        raise NoData(f"{len(found)} stocks with the code {ticker}")
    return found.pop()


def parse_titles(reply: Reply) -> Page[Announcement]:
    """The documents found. `result` is JSON written into a text, "null" when nothing was found."""
    payload = _payload(reply)
    if "result" not in payload:
        raise BadBody("no result")
    result = payload["result"]
    rows = parse_json(result.encode("utf-8", "replace")) if isinstance(result, str) else result
    with refusing_whole_reply():
        total = count(payload.get("recordCnt"))
    if rows is None and not total:
        raise NoData("no documents in these days")
    if not isinstance(rows, list):
        raise BadBody("no list of documents")
    if rows and isinstance(rows[0], Mapping) and "TOTAL_COUNT" in rows[0]:
        # Every row repeats the number of all rows; `recordCnt` may be that of the rows given.
        with refusing_whole_reply():
            total = count(rows[0]["TOTAL_COUNT"])
    return read_rows(rows, _document, total=total, has_more=is_true(payload.get("hasNextRow")))


def parse_applications(reply: Reply) -> Page[Application]:
    """The applications of a list."""
    rows = _payload(reply).get("app")
    if not isinstance(rows, list):
        raise BadBody("no list of applications")
    return read_rows(rows, _application)


def _payload(reply: Reply) -> Mapping[str, object]:
    return as_object(parse_jsonp(usable_body(reply)))


def _stock(row: Mapping[str, object]) -> Stock:
    return Stock(required_text(row, "code").zfill(5), required_text(row, "stockId"), plain(row.get("name")))


def _document(row: Mapping[str, object]) -> Announcement:
    # The long text of a headline is there when the short one had to be cut.
    headline = plain(row.get("LONG_TEXT")) or plain(row.get("SHORT_TEXT"))
    title = required_title(row.get("TITLE"), headline)
    day, moment = parse_moment(row.get("DATE_TIME"), HONG_KONG)
    url = document_url(SITE, row.get("FILE_LINK"), within=_DOMAIN)
    return Announcement(
        source=SLUG,
        key=required_text(row, "NEWS_ID"),
        title=title,
        published_on=day,
        published_at=moment,
        url=url,
        language=_language(url, title),
        tickers=tuple(plain(row.get("STOCK_CODE")).split()),  # one line each when there are several
        company=plain(row.get("STOCK_NAME")),
        kinds=tuple(filter(None, [headline])),
        size=_size(text(row.get("FILE_INFO"))),
    )


def _language(url: str, title: str) -> str:
    """zh for a file that says so in its name ("…_c.pdf"), otherwise the language of the title."""
    return "zh" if re.search(r"_c\.[a-z]+$", url, re.IGNORECASE) else language_of(title)


def _size(stated: str) -> int | None:
    match = _SIZE.fullmatch(stated)
    return int(Decimal(match[1]) * _BYTES[match[2].upper()]) if match else None


def _application(row: Mapping[str, object]) -> Application:
    applicant = required_title(row.get("a"))
    status = text(row.get("s"))
    posted_on = optional_day(row.get("postingDate") or row.get("d"), HONG_KONG)
    return Application(
        key=required_text(row, "id"),
        applicant=applicant,
        status=status,
        state=_STATES.get(status, ""),
        posted_on=posted_on,
        is_past_hearing=is_true(row.get("hasPhip")),
        documents=tuple(
            _application_document(document, path, applicant, row.get("d"))
            for name in ("ls", "ps")
            for document in _objects(row.get(name))
            # The whole document as one file, or the page that leads to its parts.
            if (path := text(document.get("u1")) or text(document.get("u2")))
        ),
    )


def _objects(value: object) -> list[Mapping[str, object]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _application_document(
    row: Mapping[str, object], path: str, applicant: str, day_of_application: object
) -> Announcement:
    title = required_title(row.get("nF"), row.get("nS1"))
    day, moment = parse_moment(row.get("d") or day_of_application, HONG_KONG)
    url = document_url(APPLICATION_DOCUMENTS, path, within=_DOMAIN)
    return Announcement(
        source=SLUG,
        key=path,
        title=title,
        published_on=day,
        published_at=moment,
        url=url,
        language=_language(url, title),
        company=applicant,
    )
