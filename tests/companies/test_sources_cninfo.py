"""CNINFO: a failed channel is not an empty list, a search needs the company's own number."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from companies.sources.announcements import read_pages
from companies.sources.base import NoData, Outcome, SourceError
from companies.sources.cninfo import (
    Security,
    fetch_announcements,
    fetch_org_ids,
    fetch_stock_list,
    org_id_of,
    parse_announcements,
    parse_org_ids,
    parse_stock_list,
)
from tests.companies.replies import BLOCKED_PAGE, CHALLENGE_PAGE, Recorder, reply


def row(number: int = 1, **changes: Any) -> dict[str, Any]:
    moment = datetime(2026, 11, 18, 11, 33, tzinfo=UTC)
    stated = {
        "secCode": "688795",
        "secName": "<em>样例</em>芯片",
        "orgId": "9900000001",
        "announcementId": str(1000 + number),
        "announcementTitle": "关于<em>限售股</em>上市流通的公告",
        "announcementTime": int(moment.timestamp()) * 1000,
        "adjunctUrl": f"finalpage/2026-11-19/{1000 + number}.PDF",
        "adjunctSize": 233,
        "announcementType": "01010503||010113",
    }
    return stated | changes


def search(*rows: Any, total: int | None = None, more: object = False) -> dict[str, Any]:
    total = len(rows) if total is None else total
    return {"totalAnnouncement": total, "totalRecordNum": total, "announcements": list(rows), "hasMore": more}


def test_an_announcement_is_read_by_its_meaning() -> None:
    page = parse_announcements(reply(search(row(), total=4, more=True)))
    (found,) = page.rows
    assert (page.total, page.has_more) == (4, True)
    assert found.identity == ("cninfo", "1001", "zh")
    assert (found.title, found.company, found.tickers) == ("关于限售股上市流通的公告", "样例芯片", ("688795",))
    # The folder is named after the day after.
    assert found.published_on == date(2026, 11, 18)
    assert found.published_at == datetime(2026, 11, 18, 11, 33, tzinfo=UTC)
    assert found.url == "https://static.cninfo.com.cn/finalpage/2026-11-19/1001.PDF"
    assert (found.kinds, found.size) == (("01010503", "010113"), 233 * 1024)


def test_what_is_missing_stays_unknown() -> None:
    blank = row(adjunctUrl=None, adjunctSize=None, announcementType=None, secCode=None, secName=None)
    (found,) = parse_announcements(reply(search(blank))).rows
    assert (found.url, found.size, found.kinds, found.tickers, found.company) == ("", None, (), (), "")


def test_several_codes_and_another_language_are_understood() -> None:
    both = row(secCode="000001,200001", announcementTitle="2025 Annual Report (English)", adjunctSize="4210")
    (found,) = parse_announcements(reply(search(both))).rows
    assert (found.tickers, found.language, found.size) == (("000001", "200001"), "en", 4210 * 1024)


@pytest.mark.parametrize(
    "changes",
    [
        {"announcementId": None},
        {"announcementTitle": "", "shortTitle": None},
        {"announcementTime": None},
        {"adjunctUrl": "https://example.org/x.PDF"},
    ],
)
def test_a_row_without_number_title_time_or_with_a_foreign_address_is_left_out(changes: dict[str, Any]) -> None:
    page = parse_announcements(reply(search(row(1), row(2, **changes))))
    assert (len(page.rows), len(page.unreadable), page.outcome) == (1, 1, Outcome.PARTIAL)


@pytest.mark.parametrize(
    ("content", "status", "outcome"),
    [
        (search(), 200, Outcome.NO_DATA),
        (search() | {"announcements": None}, 200, Outcome.BAD_BODY),
        (search(total=4) | {"announcements": None}, 200, Outcome.BAD_BODY),
        ({}, 200, Outcome.BAD_BODY),
        ([], 200, Outcome.BAD_BODY),
        (search(row(announcementId=None)), 200, Outcome.BAD_BODY),
        (search(row()) | {"totalRecordNum": "many"}, 200, Outcome.BAD_BODY),
        ({"status": 500, "message": "Request method 'GET' not supported"}, 500, Outcome.BAD_REQUEST),
        ({"status": 500, "message": "Internal Server Error"}, 500, Outcome.RETRY),
        (CHALLENGE_PAGE, 200, Outcome.BLOCKED),
        (BLOCKED_PAGE, 403, Outcome.BLOCKED),
        (BLOCKED_PAGE, 200, Outcome.BAD_BODY),
        (b"", 200, Outcome.BAD_BODY),
        (b'{"announcements":[{"sec', 200, Outcome.BAD_BODY),
    ],
)
def test_a_search_that_gives_nothing_says_why(content: object, status: int, outcome: Outcome) -> None:
    with pytest.raises(SourceError) as caught:
        parse_announcements(reply(content, status))
    assert caught.value.outcome is outcome


def test_a_last_page_that_repeats_ends_the_search() -> None:
    pages = [search(row(1), row(2), total=3, more=True), search(row(3), total=3), search(row(3), total=3)]
    asked = []

    def ask(number: int) -> Any:
        asked.append(number)
        return parse_announcements(reply(pages[number - 1]))

    found = read_pages(ask, lambda announcement: announcement.identity, most_pages=3)
    assert [announcement.key for announcement in found.rows] == ["1001", "1002", "1003"]
    assert (asked, found.has_more) == ([1, 2], False)


SHARE = {"code": "688795", "pinyin": "ylxp", "category": "A股", "orgId": "9900000001", "zwjc": "样例芯片"}
FUND = SHARE | {"category": "基金", "orgId": "jjjl000001"}


def test_the_number_of_a_company_is_looked_up_never_derived() -> None:
    listed = parse_stock_list(reply({"stockList": [SHARE, SHARE | {"code": "688796", "orgId": "gssh0688796"}]}))
    assert listed.rows[0] == Security("688795", "9900000001", "样例芯片", "A股")
    assert org_id_of(listed.rows, "688796") == "gssh0688796"
    assert org_id_of(parse_org_ids(reply({"keyBoardList": [FUND, SHARE]})).rows, "688795") == "9900000001"
    assert parse_org_ids(reply([SHARE])).rows == listed.rows[:1]


@pytest.mark.parametrize("securities", [[], [SHARE | {"code": "6887950"}], [SHARE, SHARE | {"orgId": "other"}]])
def test_a_code_without_exactly_one_company_has_no_number(securities: list[dict[str, str]]) -> None:
    rows = [Security(each["code"], each["orgId"], each["zwjc"], each["category"]) for each in securities]
    with pytest.raises(NoData):
        org_id_of(rows, "688795")


def test_a_code_nobody_knows_is_no_data_and_a_missing_list_a_bad_body() -> None:
    for content, outcome in (({"keyBoardList": []}, Outcome.NO_DATA), ({"keyBoardList": None}, Outcome.BAD_BODY)):
        with pytest.raises(SourceError) as caught:
            parse_org_ids(reply(content))
        assert caught.value.outcome is outcome


def test_the_questions_are_those_of_the_site() -> None:
    network = Recorder()
    fetch_announcements(network, "688795", "9900000001", date(2026, 8, 1), date(2026, 11, 23), page=2)
    fetch_org_ids(network, "688795")
    fetch_stock_list(network, "hke")
    question, lookup, whole = network.asked
    assert (question.method, question.path) == ("POST", "/new/hisAnnouncement/query")
    assert isinstance(question.sent, dict)
    assert question.sent["stock"] == "688795,9900000001"
    assert question.sent["seDate"] == "2026-08-01~2026-11-23"
    assert (question.sent["pageNum"], question.sent["column"]) == ("2", "szse")
    assert (lookup.method, lookup.path) == ("POST", "/new/information/topSearch/detailOfQuery")
    assert (whole.method, whole.path) == ("GET", "/new/data/hke_stock.json")
    assert all(asked.headers["X-Requested-With"] == "XMLHttpRequest" for asked in network.asked)
