"""Shanghai Stock Exchange: groups of bulletins, and applications with the exchange's codes for their status."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from companies.sources.base import Outcome, SourceError
from companies.sources.projects import Stage
from companies.sources.sse import (
    fetch_bulletins,
    fetch_older_project_files,
    fetch_project_files,
    fetch_projects,
    fetch_timeline,
    parse_bulletins,
    parse_project_files,
    parse_projects,
    parse_timeline,
)
from tests.companies.replies import BLOCKED_PAGE, CHALLENGE_PAGE, Recorder, jsonp, reply


def listed(*rows: Any, page: object = 1, pages: int = 1, **changes: Any) -> dict[str, Any]:
    paging = {"pageNo": page, "pageCount": pages, "pageSize": 25, "total": len(rows), "data": list(rows)}
    return {"actionErrors": [], "fieldErrors": {}, "success": None, "pageHelp": paging, "result": list(rows)} | changes


def bulletin(file: str = "A", **changes: Any) -> dict[str, Any]:
    stated = {
        "SECURITY_CODE": "688795",
        "SECURITY_NAME": "样例芯片",
        "TITLE": "样例芯片：关于限售股上市流通的公告",
        "SSEDATE": "2026-11-19",
        "BULLETIN_TYPE_DESC": "其他",
        "ORG_BULLETIN_ID": "9001",
        "ORG_FILE_TYPE": "0",
        "URL": f"/disclosure/c/new/2026-11-19/{file}.pdf",
    }
    return stated | changes


def test_a_bulletin_comes_in_a_group_with_its_attachments() -> None:
    other = bulletin("C", ORG_BULLETIN_ID="9002")
    page = parse_bulletins(jsonp(listed([bulletin("A"), bulletin("B", ORG_FILE_TYPE="1")], [other], pages=3)))
    assert [(found.key[-5:], found.is_attachment, found.group) for found in page.rows] == [
        ("A.pdf", False, "9001"),
        ("B.pdf", True, "9001"),
        ("C.pdf", False, "9002"),
    ]
    # Two groups are not three rows.
    assert (page.total, page.has_more) == (None, True)
    first = page.rows[0]
    assert first.url == "https://static.sse.com.cn/disclosure/c/new/2026-11-19/A.pdf"
    assert (first.published_on, first.published_at) == (date(2026, 11, 19), None)
    assert (first.tickers, first.company, first.kinds, first.language) == (("688795",), "样例芯片", ("其他",), "zh")


def test_bulletins_without_groups_and_numbers_in_place_of_texts_are_read_too() -> None:
    page = parse_bulletins(jsonp(listed(bulletin("A"), bulletin("B", ORG_FILE_TYPE=1, SECURITY_CODE=688795))))
    assert [(found.is_attachment, found.tickers) for found in page.rows] == [(False, ("688795",)), (True, ("688795",))]


@pytest.mark.parametrize("changes", [{"result": None}, {"result": []}, {"pageHelp": None}])
def test_rows_are_found_in_either_of_their_two_places(changes: dict[str, Any]) -> None:
    assert len(parse_bulletins(jsonp(listed([bulletin()]) | changes)).rows) == 1


@pytest.mark.parametrize(
    ("content", "status", "outcome"),
    [
        (listed(), 200, Outcome.NO_DATA),
        (listed([]), 200, Outcome.NO_DATA),
        ({"success": "false", "error": "系统繁忙...", "errorType": "ExceptionInterceptor"}, 200, Outcome.RETRY),
        ({"success": False, "error": "busy"}, 200, Outcome.RETRY),
        (listed(actionErrors=["no such sqlId"]), 200, Outcome.BAD_REQUEST),
        (listed(result=None, pageHelp=None), 200, Outcome.BAD_BODY),
        (listed([bulletin(TITLE="")]), 200, Outcome.BAD_BODY),
        (listed([bulletin()], page="one"), 200, Outcome.BAD_BODY),
        ([], 200, Outcome.BAD_BODY),
    ],
)
def test_a_reply_without_rows_says_why(content: object, status: int, outcome: Outcome) -> None:
    with pytest.raises(SourceError) as caught:
        parse_bulletins(jsonp(content, status))
    assert caught.value.outcome is outcome


@pytest.mark.parametrize(
    ("body", "status", "outcome"),
    [
        (BLOCKED_PAGE, 403, Outcome.BLOCKED),
        (CHALLENGE_PAGE, 200, Outcome.BLOCKED),
        (b"jsonpCallback8({", 200, Outcome.BAD_BODY),
        (b"", 200, Outcome.BAD_BODY),
        (b"", 502, Outcome.RETRY),
    ],
)
def test_a_page_or_a_cut_body_is_never_an_empty_list(body: bytes, status: int, outcome: Outcome) -> None:
    for parse in (parse_bulletins, parse_projects, parse_project_files, parse_timeline):
        with pytest.raises(SourceError) as caught:
            parse(reply(body, status))
        assert caught.value.outcome is outcome


def project(**changes: Any) -> dict[str, Any]:
    sponsor = {"i_intermediaryType": 1, "i_intermediaryName": "样例证券股份有限公司"}
    auditor = {"i_intermediaryType": 2, "i_intermediaryName": "样例会计师事务所"}
    issuer = {"s_issueCompanyAbbrName": "样例智算", "s_companyCode": "", "s_province": "北京"}
    stated = {
        "stockAuditNum": "3001",
        "stockAuditName": "样例智算科技股份有限公司",
        "currStatus": 2,
        "commitiResult": "",
        "registeResult": "",
        "suspendStatus": "",
        "planIssueCapital": 80.25,
        "updateDate": "20261118191852",
        "auditApplyDate": "20260616165743",
        "issueMarketType": 1,
        "intermediary": [sponsor, auditor],
        "stockIssuer": [issuer],
    }
    return stated | changes


def test_an_application_states_who_wants_how_much_since_when() -> None:
    page = parse_projects(jsonp(listed(project(), page=1, pages=2)))
    (found,) = page.rows
    assert (found.source, found.key, found.name) == ("sse", "3001", "样例智算科技股份有限公司")
    assert (found.short_name, found.ticker, found.board, found.province) == ("样例智算", "", "1", "北京")
    assert found.sponsors == ("样例证券股份有限公司",)
    assert found.to_raise == Decimal("8025000000")  # 80.25 hundred million yuan
    assert (found.accepted_on, found.updated_on) == (date(2026, 6, 16), date(2026, 11, 18))
    assert found.updated_at == datetime(2026, 11, 18, 11, 18, 52, tzinfo=UTC)
    assert (page.total, page.has_more) == (1, True)


def test_an_application_with_little_known_is_kept() -> None:
    bare = project(planIssueCapital="", auditApplyDate=None, updateDate="", intermediary=None, stockIssuer=[])
    (found,) = parse_projects(jsonp(listed(bare))).rows
    assert (found.updated_on, found.updated_at) == (None, None)
    assert (found.to_raise, found.accepted_on, found.sponsors, found.short_name) == (None, None, (), "")


@pytest.mark.parametrize(
    ("changes", "stage", "code"),
    [
        ({"currStatus": 1}, Stage.ACCEPTED, "1"),
        ({"currStatus": "2"}, Stage.INQUIRED, "2"),
        ({"currStatus": 3}, Stage.COMMITTEE, "3"),
        ({"currStatus": 3, "commitiResult": 1}, Stage.COMMITTEE_PASSED, "3-1"),
        ({"currStatus": 3, "commitiResult": "2"}, Stage.COMMITTEE_PASSED_ON_CONDITIONS, "3-2"),
        ({"currStatus": 3, "commitiResult": 3}, Stage.COMMITTEE_REFUSED, "3-3"),
        ({"currStatus": 3, "commitiResult": 6}, Stage.COMMITTEE_DEFERRED, "3-6"),
        ({"currStatus": 3, "commitiResult": 99}, Stage.COMMITTEE, "3-99"),
        # A result of an earlier stage says nothing about this one.
        ({"currStatus": 4, "commitiResult": 1}, Stage.REGISTRATION_SUBMITTED, "4"),
        ({"currStatus": 5, "commitiResult": 1}, Stage.REGISTRATION, "5"),
        ({"currStatus": 5, "registeResult": 1}, Stage.REGISTRATION_EFFECTIVE, "5-1"),
        ({"currStatus": 5, "registeResult": 2}, Stage.REGISTRATION_REFUSED, "5-2"),
        ({"currStatus": 5, "registeResult": 3}, Stage.REGISTRATION_TERMINATED, "5-3"),
        ({"currStatus": 6}, Stage.ISSUED, "6"),
        ({"currStatus": 7, "suspendStatus": 1}, Stage.PAUSED, "7-1"),
        ({"currStatus": 8, "commitiResult": 3}, Stage.TERMINATED, "8"),
        ({"currStatus": 9, "commitiResult": 4}, Stage.REVIEW_AGAIN_PASSED, "9-4"),
        ({"currStatus": 9, "commitiResult": 5}, Stage.REVIEW_AGAIN_REFUSED, "9-5"),
        ({"currStatus": 10}, Stage.FURTHER_REVIEW, "10"),
        ({"currStatus": 50}, Stage.UNKNOWN, "50"),
    ],
)
def test_a_status_is_the_stage_with_its_own_result_and_unknown_codes_are_kept(
    changes: dict[str, Any], stage: Stage, code: str
) -> None:
    (found,) = parse_projects(jsonp(listed(project(**changes)))).rows
    assert (found.status.stage, found.status.code) == (stage, code)


def test_the_steps_of_an_application_keep_their_days() -> None:
    steps = [
        {"auditStatus": 1, "commitiResult": "", "registeResult": "", "publishDate": "2026-06-16", "stockAuditNum": "7"},
        {"auditStatus": 3, "commitiResult": 1, "registeResult": "", "publishDate": "2026-10-20", "stockAuditNum": "7"},
        {"auditStatus": 5, "commitiResult": "", "registeResult": "", "publishDate": "", "stockAuditNum": "7"},
    ]
    assert [(step.project, step.status.code, step.day) for step in parse_timeline(jsonp(listed(*steps))).rows] == [
        ("7", "1", date(2026, 6, 16)),
        ("7", "3-1", date(2026, 10, 20)),
        ("7", "5", None),
    ]


def test_both_lists_of_documents_are_read() -> None:
    newer = {
        "fileTitle": "招股说明书（申报稿）",
        "filePath": "/disclosure/announcement/c/202606/1.pdf",
        "fileTypeMap": "I0011",
        "fileUpdTime": "20260616173007",
        "companyAbbr": "样例智算",
        "companyCode": "",
    }
    older = {
        "fileTitle": "8-1 审核问询函的回复",
        "filePath": "/information/c/202611/2.pdf",
        "fileType": 6,
        "fileUpdateTime": "20261119170001",
        "publishDate": "2026-11-18",
        "fileSize": 1939743,
        "companyFullName": "样例智算科技股份有限公司",
    }
    first, second = parse_project_files(jsonp(listed(newer, older))).rows
    assert first.url == "https://static.sse.com.cn/stock/disclosure/announcement/c/202606/1.pdf"
    assert first.published_at == datetime(2026, 6, 16, 9, 30, 7, tzinfo=UTC)
    assert (first.kinds, first.company, first.size, first.tickers) == (("I0011",), "样例智算", None, ())
    # The file was changed on the day after: that moment is not the one of publication.
    assert (second.published_on, second.published_at) == (date(2026, 11, 18), None)
    assert (second.kinds, second.company, second.size) == (("6",), "样例智算科技股份有限公司", 1939743)
    assert first.identity == ("sse", "/disclosure/announcement/c/202606/1.pdf", "zh")


def test_every_question_says_which_page_of_the_exchange_it_comes_from() -> None:
    network = Recorder()
    fetch_bulletins(network, "688795", date(2026, 10, 1), date(2026, 11, 23), page=2)
    fetch_projects(network, page=3)
    fetch_project_files(network, "3001")
    fetch_older_project_files(network, "3001")
    fetch_timeline(network, "3001")
    assert all(asked.headers["Referer"].startswith("https://www.sse.com.cn/") for asked in network.asked)
    bulletins, projects, files, older, timeline = network.asked
    assert bulletins.path == "/security/stock/queryCompanyBulletinNew.do"
    assert (bulletins.query["SECURITY_CODE"], bulletins.query["pageHelp.pageNo"]) == ("688795", "2")
    assert (bulletins.query["START_DATE"], bulletins.query["END_DATE"]) == ("2026-10-01", "2026-11-23")
    assert (projects.query["sqlId"], projects.query["pageHelp.pageNo"]) == ("SH_XM_LB", "3")
    assert projects.query["order"] == "updateDate|desc,stockAuditNum|desc"
    assert (files.query["sqlId"], files.query["auditId"]) == ("GP_COMMON_FILE_SEARCH", "3001")
    assert (older.query["sqlId"], older.query["stockAuditNum"]) == ("GP_GPZCZ_SHXXPL", "3001")
    assert (timeline.query["sqlId"], timeline.query["stockAuditNum"]) == ("GP_GPZCZ_XMDTZTTLB", "3001")
