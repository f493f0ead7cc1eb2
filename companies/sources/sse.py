"""Shanghai Stock Exchange: bulletins of listed companies, and applications to list with their documents and steps.

Every request needs a Referer of the exchange's own site. Replies are JSONP whose `result` repeats `pageHelp.data`; a
busy server answers 200 with `"success": "false"`, a text. Clients of this module ask `https://query.sse.com.cn`.
"""

from collections.abc import Mapping
from datetime import date
from urllib.parse import urlencode

from companies.sources.announcements import (
    BEIJING,
    Announcement,
    Page,
    count,
    document_url,
    language_of,
    optional_day,
    optional_moment,
    parse_moment,
    plain,
    read_rows,
    refusing_whole_reply,
    required_text,
    required_title,
    size_in_bytes,
    text,
)
from companies.sources.base import (
    BadBody,
    BadRequest,
    Fetcher,
    Reply,
    Retry,
    as_object,
    parse_jsonp,
    parse_number,
    usable_body,
)
from companies.sources.projects import Project, Stage, Status, StatusChange

SLUG = "sse"
DOCUMENTS = "https://static.sse.com.cn"
PROJECT_DOCUMENTS = "https://static.sse.com.cn/stock"  # without /stock: sent around, then not found
PAGE_SIZE = 25
# What the codes of documents of an application stand for (`Announcement.kinds`).
DOCUMENT_KINDS = {
    "I0011": "prospectus, application draft",
    "I0012": "prospectus, draft for the listing committee",
    "I0013": "prospectus, draft for registration",
    "I0021": "auditor's report",
    "I0031": "legal opinion",
    "I0051": "sponsor's letter",
    "I0061": "sponsor's letter",
    "I3010": "replies to inquiries",
}

_STAGES = {
    "1": Stage.ACCEPTED,
    "2": Stage.INQUIRED,
    "3": Stage.COMMITTEE,
    "4": Stage.REGISTRATION_SUBMITTED,
    "5": Stage.REGISTRATION,
    "6": Stage.ISSUED,
    "7": Stage.PAUSED,
    "8": Stage.TERMINATED,
    "9": Stage.REVIEW_AGAIN,
    "10": Stage.FURTHER_REVIEW,
}
# The field that says more about a stage.
_RESULT_FIELDS = {"3": "commitiResult", "5": "registeResult", "7": "suspendStatus", "9": "commitiResult"}
_RESULTS = {
    "3-1": Stage.COMMITTEE_PASSED,
    "3-2": Stage.COMMITTEE_PASSED_ON_CONDITIONS,
    "3-3": Stage.COMMITTEE_REFUSED,
    "3-6": Stage.COMMITTEE_DEFERRED,
    "5-1": Stage.REGISTRATION_EFFECTIVE,
    "5-2": Stage.REGISTRATION_REFUSED,
    "5-3": Stage.REGISTRATION_TERMINATED,
    "9-4": Stage.REVIEW_AGAIN_PASSED,
    "9-5": Stage.REVIEW_AGAIN_REFUSED,
}
_SPONSOR = "1"
_ATTACHMENT = "1"
_HUNDRED_MILLION = 10**8


def fetch_bulletins(client: Fetcher, ticker: str, start: date, end: date, *, page: int = 1) -> Reply:
    """Ask for the bulletins of a listed company from `start` to `end`, both included; pages from 1."""
    query = {"SECURITY_CODE": ticker, "START_DATE": f"{start}", "END_DATE": f"{end}"} | _paging(page)
    return _get(client, "/security/stock/queryCompanyBulletinNew.do", query, "https://www.sse.com.cn/")


def fetch_projects(client: Fetcher, *, page: int = 1) -> Reply:
    """Ask for the applications to list on the STAR Market and the main board, lately changed first; pages from 1."""
    query = {"sqlId": "SH_XM_LB", "issueMarketType": "1,2", "order": "updateDate|desc,stockAuditNum|desc"}
    return _ask(client, query | _paging(page))


def fetch_project_files(client: Fetcher, project: str) -> Reply:
    """Ask for all documents of an application, by the exchange's number of it."""
    query = {"isPagination": "false", "sqlId": "GP_COMMON_FILE_SEARCH", "auditId": project, "marketType": "1,2"}
    return _ask(client, query)


def fetch_older_project_files(client: Fetcher, project: str) -> Reply:
    """Ask the older list of documents, which knows no new applications; `parse_project_files` reads it as well."""
    return _ask(client, {"isPagination": "false", "sqlId": "GP_GPZCZ_SHXXPL", "stockAuditNum": project})


def fetch_timeline(client: Fetcher, project: str) -> Reply:
    """Ask for the steps an application has taken."""
    return _ask(client, {"isPagination": "false", "sqlId": "GP_GPZCZ_XMDTZTTLB", "stockAuditNum": project})


def _ask(client: Fetcher, query: Mapping[str, str]) -> Reply:
    return _get(client, "/commonSoaQuery.do", query, "https://www.sse.com.cn/listing/renewal/ipo/")


def _get(client: Fetcher, path: str, query: Mapping[str, str], referer: str) -> Reply:
    target = f"{path}?{urlencode({'jsonCallBack': 'jsonpCallback', **query}, safe=',')}"
    return client.get(target, headers={"Referer": referer})


def _paging(page: int) -> dict[str, str]:
    return {"isPagination": "true", "pageHelp.pageSize": str(PAGE_SIZE), "pageHelp.pageNo": str(page)}


def parse_bulletins(reply: Reply) -> Page[Announcement]:
    """Bulletins with their attachments; the exchange counts groups of documents, hence no total."""
    rows, _, has_more = _rows(reply)
    # A document comes in a list with its attachments.
    flat = [row for group in rows for row in (group if isinstance(group, list) else [group])]
    return read_rows(flat, _bulletin, has_more=has_more)


def parse_projects(reply: Reply) -> Page[Project]:
    """Applications to list."""
    rows, total, has_more = _rows(reply)
    return read_rows(rows, _project, total=total, has_more=has_more)


def parse_project_files(reply: Reply) -> Page[Announcement]:
    """Documents of one application, from either list of them."""
    rows, total, has_more = _rows(reply)
    return read_rows(rows, _project_file, total=total, has_more=has_more)


def parse_timeline(reply: Reply) -> Page[StatusChange]:
    """The steps of one application, in the order given."""
    rows, total, has_more = _rows(reply)
    return read_rows(rows, _status_change, total=total, has_more=has_more)


def _rows(reply: Reply) -> tuple[list[object], int | None, bool]:
    """The rows of a reply, how many there are on all pages, and whether there is another page. Raises SourceError."""
    payload = as_object(parse_jsonp(usable_body(reply)))
    if str(payload.get("success")).lower() == "false":
        raise Retry(f"the exchange answers: {str(payload.get('error'))[:80]}")
    refusal = payload.get("actionErrors") or payload.get("fieldErrors")
    if refusal:
        raise BadRequest(f"refused: {str(refusal)[:80]}")
    stated = payload.get("pageHelp")
    paging = stated if isinstance(stated, Mapping) else {}
    places = [rows for rows in (payload.get("result"), paging.get("data")) if isinstance(rows, list)]
    if not places:
        raise BadBody("no rows")
    with refusing_whole_reply():
        page, pages = count(paging.get("pageNo")), count(paging.get("pageCount", paging.get("totalPage")))
        total = count(paging.get("total"))
    return max(places, key=len), total, page is not None and pages is not None and page < pages


def _bulletin(row: Mapping[str, object]) -> Announcement:
    title = required_title(row.get("TITLE"))
    day, moment = parse_moment(row.get("SSEDATE"), BEIJING)
    return Announcement(
        source=SLUG,
        key=required_text(row, "URL"),  # the number of a bulletin is shared by its attachments
        title=title,
        published_on=day,
        published_at=moment,
        url=document_url(DOCUMENTS, row.get("URL"), within="sse.com.cn"),
        language=language_of(title),
        tickers=tuple(filter(None, [text(row.get("SECURITY_CODE"))])),
        company=plain(row.get("SECURITY_NAME")),
        kinds=tuple(filter(None, [text(row.get("BULLETIN_TYPE")), text(row.get("BULLETIN_TYPE_DESC"))])),
        is_attachment=text(row.get("ORG_FILE_TYPE")) == _ATTACHMENT,
        group=text(row.get("ORG_BULLETIN_ID")),
    )


def _project(row: Mapping[str, object]) -> Project:
    issuers = row.get("stockIssuer")
    issuer = issuers[0] if isinstance(issuers, list) and issuers and isinstance(issuers[0], Mapping) else {}
    intermediaries = row.get("intermediary")
    sponsors = [
        plain(other.get("i_intermediaryName")) or plain(other.get("i_intermediaryAbbrName"))
        for other in (intermediaries if isinstance(intermediaries, list) else [])
        if isinstance(other, Mapping) and text(other.get("i_intermediaryType")) == _SPONSOR
    ]
    updated_on, updated_at = optional_moment(row.get("updateDate"), BEIJING)
    to_raise = parse_number(row.get("planIssueCapital"))
    return Project(
        source=SLUG,
        key=required_text(row, "stockAuditNum"),
        name=required_title(row.get("stockAuditName"), issuer.get("s_issueCompanyFullName")),
        short_name=plain(issuer.get("s_issueCompanyAbbrName")),
        ticker=text(issuer.get("s_companyCode")),
        board=text(row.get("issueMarketType")),
        status=_status(required_text(row, "currStatus"), row),
        accepted_on=optional_day(row.get("auditApplyDate"), BEIJING),
        updated_on=updated_on,
        updated_at=updated_at,
        to_raise=None if to_raise is None else to_raise * _HUNDRED_MILLION,
        sponsors=tuple(filter(None, sponsors)),
        province=text(issuer.get("s_province")),
    )


def _status(stage: str, row: Mapping[str, object]) -> Status:
    """The status of a stage's code and the result that belongs to it; unknown codes are kept, not refused."""
    result = text(row.get(_RESULT_FIELDS.get(stage, "")))
    code = f"{stage}-{result}" if result else stage
    return Status(_RESULTS.get(code) or _STAGES.get(stage, Stage.UNKNOWN), code)


def _status_change(row: Mapping[str, object]) -> StatusChange:
    status = _status(required_text(row, "auditStatus"), row)
    return StatusChange(text(row.get("stockAuditNum")), status, optional_day(row.get("publishDate"), BEIJING))


def _project_file(row: Mapping[str, object]) -> Announcement:
    title = required_title(row.get("fileTitle"))
    stamped_on, stamped_at = parse_moment(row.get("fileUpdTime") or row.get("fileUpdateTime"), BEIJING)
    # The older list states the day of publication apart from that of the file's last change.
    day = optional_day(row.get("publishDate"), BEIJING) or stamped_on
    return Announcement(
        source=SLUG,
        key=required_text(row, "filePath"),
        title=title,
        published_on=day,
        published_at=stamped_at if day == stamped_on else None,
        url=document_url(PROJECT_DOCUMENTS, row.get("filePath"), within="sse.com.cn"),
        language=language_of(title),
        tickers=tuple(filter(None, [text(row.get("companyCode"))])),
        company=plain(row.get("companyFullName")) or plain(row.get("companyAbbr")),
        kinds=tuple(filter(None, [text(row.get("fileTypeMap")) or text(row.get("fileType"))])),
        size=size_in_bytes(row.get("fileSize")),
    )
