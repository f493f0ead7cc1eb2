"""CNINFO (巨潮资讯网), where companies of Shanghai, Shenzhen and Beijing must publish; also mirrors Hong Kong.

A search wants the company's `orgId` beside its code; it cannot be derived from the code and is looked up first. A reply
with `announcements: null` and totals of zero is a failed channel behind a working door, not an empty list.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from companies.sources.announcements import (
    BEIJING,
    Announcement,
    Page,
    count,
    document_url,
    is_true,
    language_of,
    parse_epoch,
    plain,
    read_rows,
    refusing_whole_reply,
    required_text,
    required_title,
    size_in_bytes,
    text,
)
from companies.sources.base import BadBody, BadRequest, Fetcher, NoData, Reply, parse_json, usable_body

SLUG = "cninfo"
DOCUMENTS = "https://static.cninfo.com.cn"
PAGE_SIZE = 30  # more is ignored
# Kinds of documents a search can be narrowed to (`category`).
ANNUAL_REPORT = "category_ndbg_szsh"
HALF_YEAR_REPORT = "category_bndbg_szsh"
FIRST_QUARTER_REPORT = "category_yjdbg_szsh"
THIRD_QUARTER_REPORT = "category_sjdbg_szsh"
OFFERING = "category_sf_szsh"

_HEADERS = {"X-Requested-With": "XMLHttpRequest", "Referer": "https://www.cninfo.com.cn/new/disclosure"}
_SHARES = frozenset({"A股", "B股", "港股"})


@dataclass(frozen=True, slots=True)
class Security:
    """One security that CNINFO knows. `category` in its own words ("A股"): a fund may bear the code of a share."""

    ticker: str
    org_id: str
    name: str
    category: str


def fetch_announcements(
    client: Fetcher,
    ticker: str,
    org_id: str,
    start: date,
    end: date,
    *,
    page: int = 1,
    column: str = "szse",
    category: str = "",
) -> Reply:
    """Ask for what a company published from `start` to `end`, both included, newest first.

    Args:
        page: From 1, of `PAGE_SIZE` rows.
        column: "szse" for the mainland's exchanges, "hke" for Hong Kong.
        category: One of the kinds above, joined by ";" if several; "" for all.
    """
    form = {
        "pageNum": str(page),
        "pageSize": str(PAGE_SIZE),
        "column": column,
        "tabName": "fulltext",
        "plate": "",
        "stock": f"{ticker},{org_id}",
        "searchkey": "",
        "secid": "",
        "category": category,
        "trade": "",
        "seDate": f"{start}~{end}",
        "sortName": "",
        "sortType": "",
        "isHLtitle": "true",
    }
    return client.post("/new/hisAnnouncement/query", form=form, headers=_HEADERS)


def fetch_stock_list(client: Fetcher, column: str = "szse") -> Reply:
    """Ask for all securities: "szse" lists the whole mainland, "hke" Hong Kong."""
    return client.get(f"/new/data/{column}_stock.json", headers=_HEADERS)


def fetch_org_ids(client: Fetcher, ticker: str) -> Reply:
    """Ask for the securities whose code begins like `ticker`."""
    form = {"keyWord": ticker, "maxSecNum": "10", "maxListNum": "5"}
    return client.post("/new/information/topSearch/detailOfQuery", form=form, headers=_HEADERS)


def parse_announcements(reply: Reply) -> Page[Announcement]:
    """One page of announcements. A page beyond the end repeats the last one; see `read_pages`."""
    payload = _payload(reply)
    rows = payload.get("announcements") if isinstance(payload, Mapping) else None
    if not isinstance(payload, Mapping) or not isinstance(rows, list):
        raise BadBody("no list of announcements: the channel behind the search has failed")
    with refusing_whole_reply():
        total = count(payload.get("totalRecordNum") or payload.get("totalAnnouncement"))
    return read_rows(rows, _announcement, total=total, has_more=is_true(payload.get("hasMore")))


def parse_stock_list(reply: Reply) -> Page[Security]:
    """All securities of the list."""
    return read_rows(_list(reply, "stockList"), _security)


def parse_org_ids(reply: Reply) -> Page[Security]:
    """The securities found for a code; look for the exact one with `org_id_of`."""
    return read_rows(_list(reply, "keyBoardList"), _security)


def org_id_of(securities: Iterable[Security], ticker: str) -> str:
    """The `orgId` of the share with exactly this code. Raises NoData when there is none, or more than one."""
    found = [security for security in securities if security.ticker == ticker]
    shares = [security for security in found if security.category in _SHARES] or found
    org_ids = {security.org_id for security in shares}
    if len(org_ids) != 1:
        raise NoData(f"{len(org_ids)} companies with the code {ticker}")
    return org_ids.pop()


def _payload(reply: Reply) -> object:
    if reply.status == 500 and b"not supported" in reply.body:
        raise BadRequest("asked in a way the service does not take (the search takes POST only)")
    return parse_json(usable_body(reply))


def _list(reply: Reply, name: str) -> list[object]:
    """The list `name` of a reply, or the reply itself where it is nothing but the list."""
    payload = _payload(reply)
    rows = payload.get(name) if isinstance(payload, Mapping) else payload
    if not isinstance(rows, list):
        raise BadBody(f"no {name}")
    return rows


def _announcement(row: Mapping[str, object]) -> Announcement:
    # With `isHLtitle` the long title bears the marks of the search; the short one is cut when it is long.
    title = required_title(row.get("announcementTitle"), row.get("shortTitle"))
    day, moment = parse_epoch(row.get("announcementTime"), BEIJING)
    return Announcement(
        source=SLUG,
        key=required_text(row, "announcementId"),
        title=title,
        published_on=day,
        published_at=moment,
        # The folder's date may be the day after the time stamp; the address is taken as it is stated.
        url=document_url(DOCUMENTS, row.get("adjunctUrl"), within="cninfo.com.cn"),
        language=language_of(title),
        tickers=tuple(filter(None, text(row.get("secCode")).split(","))),
        company=plain(row.get("secName")),
        kinds=tuple(filter(None, text(row.get("announcementType")).split("||"))),
        size=size_in_bytes(row.get("adjunctSize"), 1024),
    )


def _security(row: Mapping[str, object]) -> Security:
    return Security(
        required_text(row, "code"), required_text(row, "orgId"), plain(row.get("zwjc")), text(row.get("category"))
    )
