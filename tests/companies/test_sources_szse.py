"""Shenzhen Stock Exchange: pages told by their totals, versions of a document under one name."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from companies.sources.announcements import read_pages
from companies.sources.base import NoData, Outcome, SourceError
from companies.sources.projects import Stage
from companies.sources.szse import (
    REGULAR_REPORTS,
    fetch_announcements,
    fetch_project,
    fetch_projects,
    parse_announcements,
    parse_project,
    parse_projects,
)
from tests.companies.replies import BLOCKED_PAGE, CHALLENGE_PAGE, Recorder, reply


def row(number: int = 1, **changes: Any) -> dict[str, Any]:
    stated = {
        "id": f"00000000-0000-0000-0000-{number:012}",
        "annId": 1225900000 + number,
        "title": "样例微：关于签订重大合同的公告",
        "publishTime": "2026-11-12 18:31:09",
        "attachPath": f"/disc/disk03/finalpage/2026-11-12/{number}.PDF",
        "attachSize": 133,
        "secCode": ["300474"],
        "secName": ["样例微"],
        "channelCode": ["listedNotice_disc"],
        "bigCategoryId": ["010301"],
        "smallCategoryId": None,
    }
    return stated | changes


def test_an_announcement_is_read_by_its_meaning() -> None:
    (found,) = parse_announcements(reply({"announceCount": 1, "data": [row()]})).rows
    assert found.identity == ("szse", "1225900001", "zh")
    assert found.published_at == datetime(2026, 11, 12, 10, 31, 9, tzinfo=UTC)
    assert found.url == "https://disc.static.szse.cn/download/disc/disk03/finalpage/2026-11-12/1.PDF"
    assert (found.tickers, found.company, found.size) == (("300474",), "样例微", 133 * 1024)
    assert found.kinds == ("listedNotice_disc", "010301")


def test_midnight_is_a_day_and_a_number_may_be_missing() -> None:
    bare = row(annId=None, publishTime="2026-10-29 00:00:00", secCode="300474", attachSize=None, channelCode=None)
    (found,) = parse_announcements(reply({"announceCount": 1, "data": [bare]})).rows
    assert (found.key, found.published_on, found.published_at) == (bare["id"], date(2026, 10, 29), None)
    assert (found.tickers, found.size, found.kinds) == (("300474",), None, ("010301",))


@pytest.mark.parametrize(
    ("content", "status", "outcome"),
    [
        ({}, 200, Outcome.NO_DATA),
        ({"announceCount": 0, "data": []}, 200, Outcome.NO_DATA),
        ({"announceCount": 0, "data": None}, 200, Outcome.BAD_BODY),
        ({"announceCount": "?", "data": [row()]}, 200, Outcome.BAD_BODY),
        ([], 200, Outcome.BAD_BODY),
        (BLOCKED_PAGE, 403, Outcome.BLOCKED),
        (CHALLENGE_PAGE, 200, Outcome.BLOCKED),
        (BLOCKED_PAGE, 404, Outcome.BAD_BODY),
        (b"", 500, Outcome.RETRY),
    ],
)
def test_a_reply_without_announcements_says_why(content: object, status: int, outcome: Outcome) -> None:
    with pytest.raises(SourceError) as caught:
        parse_announcements(reply(content, status))
    assert caught.value.outcome is outcome


def test_the_total_tells_how_many_pages_there_are() -> None:
    pages = {1: [row(number) for number in range(50)], 2: [row(50)]}
    asked = []

    def ask(number: int) -> Any:
        asked.append(number)
        return parse_announcements(reply({"announceCount": 51, "data": pages[number]}), number)

    found = read_pages(ask, lambda announcement: announcement.identity, most_pages=9)
    assert (len(found.rows), asked, found.has_more) == (51, [1, 2], False)


def project(**changes: Any) -> dict[str, Any]:
    stated = {
        "prjid": 1009999,
        "cmpnm": "样例芯片股份有限公司",
        "cmpsnm": "样例芯片",
        "cmpcode": "",
        "boardName": "创业板",
        "prjst": "已问询",
        "stage": "30",
        "regloc": "广东",
        "updtdt": "2026-11-18",
        "acptdt": "2026-06-30",
        "sprinsts": "甲证券,乙证券",
    }
    return stated | changes


def test_an_application_is_read_by_its_meaning() -> None:
    content = {"totalSize": 201, "totalPage": 2, "stageList": [{"any": "keys"}], "data": [project()]}
    page = parse_projects(reply(content))
    (found,) = page.rows
    assert (found.source, found.key, found.name, found.board) == ("szse", "1009999", "样例芯片股份有限公司", "创业板")
    assert (found.accepted_on, found.updated_on, found.updated_at) == (date(2026, 6, 30), date(2026, 11, 18), None)
    assert (found.sponsors, found.province) == (("甲证券", "乙证券"), "广东")
    assert (page.total, page.has_more, parse_projects(reply(content), page=2).has_more) == (201, True, False)


@pytest.mark.parametrize(
    ("word", "stage"),
    [
        ("已受理", Stage.ACCEPTED),
        ("新受理", Stage.ACCEPTED),
        ("已问询", Stage.INQUIRED),
        ("上市委会议通过", Stage.COMMITTEE_PASSED),
        ("未通过", Stage.COMMITTEE_REFUSED),
        ("暂缓审议", Stage.COMMITTEE_DEFERRED),
        ("提交注册", Stage.REGISTRATION_SUBMITTED),
        ("注册生效", Stage.REGISTRATION_EFFECTIVE),
        ("中止（财报更新）", Stage.PAUSED),
        ("终止(撤回)", Stage.TERMINATED),
        ("复审不通过", Stage.REVIEW_AGAIN_REFUSED),
        ("一个新词", Stage.UNKNOWN),
    ],
)
def test_a_status_is_a_word_and_unknown_words_are_kept(word: str, stage: Stage) -> None:
    (found,) = parse_projects(reply({"totalSize": 1, "data": [project(prjst=word)]})).rows
    assert (found.status.stage, found.status.code) == (stage, word)


def document(path: str, day: str, **changes: Any) -> dict[str, Any]:
    return {"matnm": "招股说明书", "dfnm": "1-1 招股说明书.pdf", "ddt": day, "dfpth": path} | changes


DETAILS = {
    "prjid": 1009999,
    "prjprogs": [
        {"caption": "受理", "date": "2026-06-30", "status": ["已受理"]},
        {"caption": "问询", "date": "2026-07-20", "status": None},
        {"caption": "注册结果", "date": "2026-11-18", "status": [{"caption": "注册生效"}]},
        {"caption": "中止", "date": "", "status": []},
    ],
    "disclosureMaterials": [document("/a/1.pdf", "2026-06-30"), document("/a/1.pdf", "2026-11-18")],
    "enquiryResponseAttachment": [document("/b/2.pdf", "2026-11-18", dfnm="8-1 回复.pdf", matnm="问询回复")],
    "meetingConclusionAttachment": None,
    "registrationResultAttachment": [document("", "", dfpth=None)],
}


@pytest.mark.parametrize("content", [{"data": DETAILS}, DETAILS])
def test_versions_of_a_document_are_told_apart_by_path_and_day(content: object) -> None:
    documents = parse_project(reply(content)).documents
    assert [found.key for found in documents.rows] == [
        "/a/1.pdf 2026-06-30",
        "/a/1.pdf 2026-11-18",
        "/b/2.pdf 2026-11-18",
    ]
    assert [found.title for found in documents.rows] == ["1-1 招股说明书", "1-1 招股说明书", "8-1 回复"]
    assert documents.rows[0].url == "http://reportdocs.static.szse.cn/a/1.pdf"
    assert (documents.rows[2].kinds, documents.outcome) == (("问询回复",), Outcome.OK)


def test_a_step_is_what_came_of_it_rather_than_its_caption() -> None:
    steps = parse_project(reply({"data": DETAILS})).steps.rows
    assert [(step.status.stage, step.day) for step in steps] == [
        (Stage.ACCEPTED, date(2026, 6, 30)),
        (Stage.INQUIRED, date(2026, 7, 20)),
        (Stage.REGISTRATION_EFFECTIVE, date(2026, 11, 18)),
        (Stage.PAUSED, None),
    ]
    assert {step.project for step in steps} == {"1009999"}


def test_an_application_may_have_no_documents_yet() -> None:
    found = parse_project(reply({"data": {"prjprogs": DETAILS["prjprogs"], "disclosureMaterials": None}}))
    assert (len(found.steps.rows), found.documents.rows) == (4, ())


@pytest.mark.parametrize(
    ("content", "outcome"),
    [
        ({}, Outcome.NO_DATA),
        ({"data": None}, Outcome.NO_DATA),
        ({"data": {"cmpnm": "x"}}, Outcome.BAD_BODY),
        ({"data": {"disclosureMaterials": "none"}}, Outcome.BAD_BODY),
        ({"data": []}, Outcome.BAD_BODY),
    ],
)
def test_details_that_are_none_say_why(content: object, outcome: Outcome) -> None:
    with pytest.raises(SourceError) as caught:
        parse_project(reply(content))
    assert caught.value.outcome is outcome


def test_no_application_is_no_data() -> None:
    with pytest.raises(NoData):
        parse_projects(reply({"totalSize": 0, "data": []}))


def test_the_questions_are_those_of_the_site() -> None:
    network = Recorder()
    days = date(2026, 10, 1), date(2026, 11, 23)
    fetch_announcements(network, "300474", *days, page=2, channel=REGULAR_REPORTS)
    fetch_projects(network)
    fetch_project(network, "1009999")
    question, projects, details = network.asked
    assert (question.method, question.path) == ("POST", "/api/disc/announcement/annList")
    assert question.sent == {
        "seDate": ["2026-10-01", "2026-11-23"],
        "stock": ["300474"],
        "channelCode": ["fixed_disc"],
        "pageSize": 50,
        "pageNum": 2,
    }
    # Our first page is the exchange's page 0.
    assert (projects.path, projects.query["pageIndex"]) == ("/api/ras/projectrends/query", "0")
    assert (details.path, details.query) == ("/api/ras/projectrends/details", {"id": "1009999"})
    assert all(asked.headers["X-Requested-With"] == "XMLHttpRequest" for asked in network.asked)
    assert all(asked.headers["Referer"].startswith("https://www.szse.cn/") for asked in network.asked)
