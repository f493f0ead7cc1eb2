"""Shenzhen Stock Exchange: announcements of listed companies, and applications to list. Clients ask `www.szse.cn`.

Neither list says which page it is; `page` is therefore told to the parsers. A page beyond the end is `{}`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
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
    text_list,
)
from companies.sources.base import BadBody, Fetcher, NoData, Reply, as_object, parse_json, usable_body
from companies.sources.projects import Project, Stage, Status, StatusChange

SLUG = "szse"
DOCUMENTS = "https://disc.static.szse.cn/download"
PROJECT_DOCUMENTS = "http://reportdocs.static.szse.cn"
PAGE_SIZE = 50  # the most that is granted
PROJECTS_PAGE_SIZE = 200
ALL_NOTICES = "listedNotice_disc"
REGULAR_REPORTS = "fixed_disc"

_HEADERS = {"X-Requested-With": "XMLHttpRequest"}
_STAGES = {
    "受理": Stage.ACCEPTED,
    "新受理": Stage.ACCEPTED,
    "问询": Stage.INQUIRED,
    "上市委会议": Stage.COMMITTEE,
    "上市委会议通过": Stage.COMMITTEE_PASSED,
    "上市委审议通过": Stage.COMMITTEE_PASSED,
    "通过": Stage.COMMITTEE_PASSED,
    "上市委会议未通过": Stage.COMMITTEE_REFUSED,
    "上市委审议不通过": Stage.COMMITTEE_REFUSED,
    "未通过": Stage.COMMITTEE_REFUSED,
    "上市委会议暂缓": Stage.COMMITTEE_DEFERRED,
    "暂缓审议": Stage.COMMITTEE_DEFERRED,
    "提交注册": Stage.REGISTRATION_SUBMITTED,
    "注册结果": Stage.REGISTRATION,
    "注册生效": Stage.REGISTRATION_EFFECTIVE,
    "不予注册": Stage.REGISTRATION_REFUSED,
    "终止注册": Stage.REGISTRATION_TERMINATED,
    "中止": Stage.PAUSED,
    "终止": Stage.TERMINATED,
    "审核不通过": Stage.TERMINATED,
    "撤回": Stage.TERMINATED,
    "复审委会议": Stage.REVIEW_AGAIN,
    "复审通过": Stage.REVIEW_AGAIN_PASSED,
    "复审不通过": Stage.REVIEW_AGAIN_REFUSED,
    "补充审核": Stage.FURTHER_REVIEW,
}
_DOCUMENT_LISTS = (
    "disclosureMaterials",
    "enquiryResponseAttachment",
    "meetingConclusionAttachment",
    "registrationResultAttachment",
    "terminationNoticeAttachment",
    "others",
)
_EXTENSION = re.compile(r"\.(?:pdf|docx?|zip)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ProjectDetails:
    """What the page of one application shows: its steps in the order given, and its documents."""

    steps: Page[StatusChange]
    documents: Page[Announcement]


def fetch_announcements(
    client: Fetcher, ticker: str, start: date, end: date, *, page: int = 1, channel: str = ALL_NOTICES
) -> Reply:
    """Ask for the announcements of a company from `start` to `end`, both included; pages from 1."""
    question = {
        "seDate": [f"{start}", f"{end}"],
        "stock": [ticker],
        "channelCode": [channel],
        "pageSize": PAGE_SIZE,
        "pageNum": page,
    }
    headers = _HEADERS | {"Referer": "https://www.szse.cn/disclosure/listed/notice/index.html"}
    return client.post("/api/disc/announcement/annList", json=question, headers=headers)


def fetch_projects(client: Fetcher, *, page: int = 1) -> Reply:
    """Ask for the applications to list by a first offering; pages from 1, although the exchange counts from 0."""
    query = urlencode({"bizType": "1", "pageIndex": page - 1, "pageSize": PROJECTS_PAGE_SIZE})
    return _get_project_page(client, f"/api/ras/projectrends/query?{query}")


def fetch_project(client: Fetcher, project: str) -> Reply:
    """Ask for the steps and documents of one application, by the exchange's number of it."""
    return _get_project_page(client, f"/api/ras/projectrends/details?{urlencode({'id': project})}")


def _get_project_page(client: Fetcher, target: str) -> Reply:
    return client.get(target, headers=_HEADERS | {"Referer": "https://www.szse.cn/listing/projectdynamic/ipo/"})


def parse_announcements(reply: Reply, page: int = 1) -> Page[Announcement]:
    """The announcements on a page."""
    payload = _payload(reply)
    total = _total(payload, "announceCount")
    return read_rows(_list(payload, "data"), _announcement, total=total, has_more=page * PAGE_SIZE < (total or 0))


def parse_projects(reply: Reply, page: int = 1) -> Page[Project]:
    """The applications on a page."""
    payload = _payload(reply)
    # Not `totalPage`: paging by it has been seen to lose rows.
    total = _total(payload, "totalSize")
    return read_rows(_list(payload, "data"), _project, total=total, has_more=page * PROJECTS_PAGE_SIZE < (total or 0))


def parse_project(reply: Reply) -> ProjectDetails:
    """Steps and documents of one application."""
    payload = _payload(reply)
    details = payload.get("data", payload)
    if details is None:
        raise NoData("no details of this application")  # so for some that were terminated
    if not isinstance(details, Mapping):
        raise BadBody("no details")
    if "prjprogs" not in details and "disclosureMaterials" not in details:
        raise BadBody("neither steps nor documents")
    with refusing_whole_reply():
        project = text(details.get("prjid"))
    # A list that has no rows yet may be null, and a document still to come has no path.
    rows = [row for name in _DOCUMENT_LISTS if details.get(name) for row in _list(details, name) if _has_path(row)]
    steps = _list(details, "prjprogs") if details.get("prjprogs") else []
    return ProjectDetails(
        steps=read_rows(steps, lambda row: _step(project, row)) if steps else Page(()),
        documents=read_rows(rows, _document) if rows else Page(()),
    )


def _payload(reply: Reply) -> Mapping[str, object]:
    payload = as_object(parse_json(usable_body(reply)))
    if not payload:
        raise NoData("nothing there, or beyond the last page")
    return payload


def _list(payload: Mapping[str, object], name: str) -> list[object]:
    rows = payload.get(name)
    if not isinstance(rows, list):
        raise BadBody(f"no {name}")
    return rows


def _total(payload: Mapping[str, object], name: str) -> int | None:
    with refusing_whole_reply():
        return count(payload.get(name))


def _announcement(row: Mapping[str, object]) -> Announcement:
    title = required_title(row.get("title"))
    day, moment = parse_moment(row.get("publishTime"), BEIJING)
    codes = (row.get("channelCode"), row.get("bigCategoryId"), row.get("smallCategoryId"))
    return Announcement(
        source=SLUG,
        key=text(row.get("annId")) or required_text(row, "id"),
        title=title,
        published_on=day,
        published_at=moment,
        url=document_url(DOCUMENTS, row.get("attachPath"), within="szse.cn"),
        language=language_of(title),
        tickers=text_list(row.get("secCode")),
        company=", ".join(text_list(row.get("secName"))),
        kinds=tuple(kind for code in codes for kind in text_list(code)),
        size=size_in_bytes(row.get("attachSize"), 1024),
    )


def _project(row: Mapping[str, object]) -> Project:
    updated_on, updated_at = optional_moment(row.get("updtdt"), BEIJING)
    return Project(
        source=SLUG,
        key=required_text(row, "prjid"),
        name=required_title(row.get("cmpnm")),
        short_name=plain(row.get("cmpsnm")),
        ticker=text(row.get("cmpcode")),
        board=text(row.get("boardName")),
        status=_status(required_text(row, "prjst")),
        accepted_on=optional_day(row.get("acptdt"), BEIJING),
        updated_on=updated_on,
        updated_at=updated_at,
        sponsors=tuple(filter(None, re.split(r"[,，、;；]", plain(row.get("sprinsts"))))),
        province=text(row.get("regloc")),
    )


def _status(word: str) -> Status:
    """The stage that a word stands for, with its reason in brackets or without; unknown words are kept."""
    bare = re.split(r"[(（]", word.removeprefix("已"))[0].strip()
    return Status(_STAGES.get(bare, Stage.UNKNOWN), word)


def _step(project: str, row: Mapping[str, object]) -> StatusChange:
    """A step: its caption may name the stage alone ("注册结果"), what came of it stands in `status`."""
    stated = row.get("status")
    results = stated if isinstance(stated, list) else [stated]
    words = [text(result.get("caption") if isinstance(result, Mapping) else result) for result in results]
    known = [status for status in map(_status, words) if status.stage is not Stage.UNKNOWN]
    status = known[-1] if known else _status(required_text(row, "caption"))
    return StatusChange(project, status, optional_day(row.get("date"), BEIJING))


def _has_path(row: object) -> bool:
    return not isinstance(row, Mapping) or bool(row.get("dfpth"))


def _document(row: Mapping[str, object]) -> Announcement:
    title = _EXTENSION.sub("", required_title(row.get("dfnm"), row.get("matnm")))
    day, moment = parse_moment(row.get("ddt"), BEIJING)
    path = required_text(row, "dfpth")
    return Announcement(
        source=SLUG,
        key=f"{path} {day}",  # versions of a document bear the same name, and may bear the same path
        title=title,
        published_on=day,
        published_at=moment,
        url=document_url(PROJECT_DOCUMENTS, path, within="szse.cn"),
        language=language_of(title),
        kinds=tuple(filter(None, [plain(row.get("matnm"))])),
    )
