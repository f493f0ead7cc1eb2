"""HKEXnews: JSON inside a text inside JSON, and applications to list."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from companies.sources.base import NoData, Outcome, SourceError
from companies.sources.hkex import (
    ANNUAL_REPORTS,
    fetch_applications,
    fetch_stock_ids,
    fetch_titles,
    parse_applications,
    parse_stock_ids,
    parse_titles,
    stock_id_of,
)
from tests.companies.replies import BLOCKED_PAGE, CHALLENGE_PAGE, Recorder, jsonp, reply

BIREN = {"stockId": 1000001, "code": "06082", "name": "SAMPLE CHIP"}
WARRANT = {"stockId": 1000002, "code": "60820", "name": "SAMPLE WARRANT"}


def test_a_stock_is_taken_by_its_exact_code() -> None:
    stocks = parse_stock_ids(jsonp({"more": "1", "stockInfo": [WARRANT, BIREN]}, callback="callback")).rows
    assert stock_id_of(stocks, "6082") == stock_id_of(stocks, "06082") == "1000001"
    assert stocks[1].name == "SAMPLE CHIP"


def test_a_code_of_no_stock_or_of_two_has_no_number() -> None:
    stocks = parse_stock_ids(jsonp({"stockInfo": [BIREN, BIREN | {"stockId": 7}]})).rows
    for code in ("06082", "608"):
        with pytest.raises(NoData):
            stock_id_of(stocks, code)
    with pytest.raises(NoData):
        parse_stock_ids(jsonp({"more": "0", "stockInfo": []}))


def row(**changes: Any) -> dict[str, str]:
    stated = {
        "NEWS_ID": "11990002",
        "TITLE": "PLACING OF NEW H SHARES &amp; CLARIFICATION",
        "SHORT_TEXT": "Announcements and Notices - [Placing]<br/>",
        "LONG_TEXT": "Announcements and Notices - [Placing]",
        "STOCK_NAME": "SAMPLE CHIP",
        "STOCK_CODE": "06082",
        "FILE_INFO": "222KB",
        "FILE_TYPE": "PDF",
        "DATE_TIME": "08/10/2026 06:01",
        "FILE_LINK": "/listedco/listconews/sehk/2026/1008/2026100800002.pdf",
    }
    return stated | changes


def search(*rows: dict[str, str], more: bool = False) -> dict[str, Any]:
    return {"result": json.dumps(rows), "hasNextRow": more, "recordCnt": len(rows), "loadedRecord": len(rows)}


def test_a_document_is_read_by_its_meaning() -> None:
    page = parse_titles(reply(search(row(), more=True)))
    (found,) = page.rows
    assert found.identity == ("hkex", "11990002", "en")
    assert (found.title, found.company) == ("PLACING OF NEW H SHARES & CLARIFICATION", "SAMPLE CHIP")
    # 06:01 in Hong Kong is still the evening before in UTC.
    assert (found.published_on, found.published_at) == (date(2026, 10, 8), datetime(2026, 10, 7, 22, 1, tzinfo=UTC))
    assert found.url == "https://www1.hkexnews.hk/listedco/listconews/sehk/2026/1008/2026100800002.pdf"
    assert (found.kinds, found.size) == (("Announcements and Notices - [Placing]",), 222 * 1024)
    assert (page.total, page.has_more) == (1, True)


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"FILE_LINK": "/listedco/2026082800001_c.pdf"}, "language", "zh"),
        ({"TITLE": "配售新H股"}, "language", "zh"),
        ({"STOCK_CODE": "00700<br/>80700"}, "tickers", ("00700", "80700")),
        ({"STOCK_CODE": "01346<br/>"}, "tickers", ("01346",)),
        ({"STOCK_NAME": "SAMPLE<br/>"}, "company", "SAMPLE"),
        ({"FILE_INFO": "1MB"}, "size", 1024 * 1024),
        ({"FILE_INFO": "1.5 MB"}, "size", 1572864),
        ({"FILE_INFO": "Multiple"}, "size", None),
        ({"TITLE": ""}, "title", "Announcements and Notices - [Placing]"),
        ({"LONG_TEXT": ""}, "kinds", ("Announcements and Notices - [Placing]",)),
        ({"FILE_LINK": ""}, "url", ""),
    ],
)
def test_a_document_may_be_stated_in_other_ways(changes: dict[str, str], field: str, value: object) -> None:
    (found,) = parse_titles(reply(search(row(**changes)))).rows
    assert getattr(found, field) == value


def test_the_number_of_all_documents_stands_in_every_row() -> None:
    page = parse_titles(reply(search(row(TOTAL_COUNT="577"), row(TOTAL_COUNT="577"), more=True)))
    assert (len(page.rows), page.total, page.has_more) == (2, 577, True)


def test_a_result_that_is_a_list_needs_no_unwrapping() -> None:
    assert len(parse_titles(reply(search() | {"result": [row()]})).rows) == 1


@pytest.mark.parametrize(
    ("content", "status", "outcome"),
    [
        ({"result": "null", "recordCnt": 0}, 200, Outcome.NO_DATA),
        ({"result": None, "recordCnt": 0}, 200, Outcome.NO_DATA),
        (search(), 200, Outcome.NO_DATA),
        ({"result": "null", "recordCnt": 12}, 200, Outcome.BAD_BODY),
        ({"result": "[{", "recordCnt": 1}, 200, Outcome.BAD_BODY),
        ({"result": "", "recordCnt": 0}, 200, Outcome.BAD_BODY),
        ({"result": "{}", "recordCnt": 1}, 200, Outcome.BAD_BODY),
        ({"result": "null", "recordCnt": "some"}, 200, Outcome.BAD_BODY),
        ({"recordCnt": 1}, 200, Outcome.BAD_BODY),
        (search(row(DATE_TIME="")), 200, Outcome.BAD_BODY),
        (BLOCKED_PAGE, 403, Outcome.BLOCKED),
        (CHALLENGE_PAGE, 200, Outcome.BLOCKED),
        (BLOCKED_PAGE, 200, Outcome.BAD_BODY),
        (b"", 503, Outcome.RETRY),
    ],
)
def test_a_search_that_gives_nothing_says_why(content: object, status: int, outcome: Outcome) -> None:
    with pytest.raises(SourceError) as caught:
        parse_titles(reply(content, status))
    assert caught.value.outcome is outcome


def proof(name: str = "Application Proof (1st submission)", **changes: str) -> dict[str, str]:
    return {"d": "18/11/2026", "nF": name, "nS1": "Full Version", "u1": "sehk/2026/1/a.pdf", "u2": "b.htm"} | changes


def application(**changes: Any) -> dict[str, Any]:
    stated = {
        "id": 108001,
        "d": "18/11/2026",
        "postingDate": "17/11/2026",
        "a": "Sample Chip Technology Co., Ltd. - H shares",
        "s": "A",
        "hasPhip": False,
        "ls": [proof()],
        "ps": [],
    }
    return stated | changes


def test_an_application_has_its_documents_with_it() -> None:
    listed = [application(ls=[proof()], ps=[proof("PHIP", u1="", d="20/11/2026")], hasPhip=True)]
    (found,) = parse_applications(reply({"genDate": "1", "app": listed})).rows
    assert (found.key, found.status, found.state, found.is_past_hearing) == ("108001", "A", "active", True)
    assert found.posted_on == date(2026, 11, 17)
    first, second = found.documents
    assert (first.key, first.url) == ("sehk/2026/1/a.pdf", "https://www1.hkexnews.hk/app/sehk/2026/1/a.pdf")
    assert (second.url, second.published_on) == ("https://www1.hkexnews.hk/app/b.htm", date(2026, 11, 20))
    assert first.company == "Sample Chip Technology Co., Ltd. - H shares"


def test_a_document_without_a_day_has_that_of_its_application_and_one_without_a_file_is_none() -> None:
    listed = application(ls=[proof(d=""), proof("Warning", u1="", u2=""), "text"])
    (found,) = parse_applications(reply({"app": [listed]})).rows
    assert [(document.title, document.published_on) for document in found.documents] == [
        ("Application Proof (1st submission)", date(2026, 11, 18))
    ]


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("A", "active"),
        ("LT", "listed"),
        *((code, "inactive") for code in ("IR", "RJ", "LP", "W")),
        ("XX", ""),
        ("", ""),
    ],
)
def test_codes_of_states_are_kept_even_when_nobody_has_explained_them(code: str, state: str) -> None:
    (found,) = parse_applications(reply({"app": [application(s=code, ls=None, ps=None)]})).rows
    assert (found.status, found.state, found.documents) == (code, state, ())


def test_a_list_without_applications_is_no_data_and_no_list_a_bad_body() -> None:
    for content, outcome in (({"app": []}, Outcome.NO_DATA), ({"app": None}, Outcome.BAD_BODY)):
        with pytest.raises(SourceError) as caught:
            parse_applications(reply(content))
        assert caught.value.outcome is outcome


def test_the_questions_are_those_of_the_site() -> None:
    network = Recorder()
    days = date(2026, 8, 1), date(2026, 11, 23)
    fetch_stock_ids(network, "6082")
    fetch_titles(network, "1000001", *days)
    fetch_titles(network, "1000001", *days, language="zh", kind=ANNUAL_REPORTS, row_range=300)
    fetch_applications(network, "applisted", board="gem", language="zh")
    stock, everything, reports, applications = network.asked
    assert (stock.path, stock.query["name"], stock.query["market"]) == ("/search/prefix.do", "06082", "SEHK")
    assert (everything.query["fromDate"], everything.query["toDate"]) == ("20260801", "20261123")
    wanted = {"searchType": "1", "t1code": "-2", "t2code": "-2", "rowRange": "100", "lang": "EN"}
    assert {name: everything.query[name] for name in wanted} == wanted
    wanted = {"searchType": "0", "t1code": "40000", "t2code": "40100", "rowRange": "300", "lang": "ZH"}
    assert {name: reports.query[name] for name in wanted} == wanted
    assert applications.path == "/ncms/json/eds/applisted_gem_c.json"
