"""What all services of documents share: reading fields, rows and pages, and telling a page from data."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from companies.sources.announcements import (
    BEIJING,
    HONG_KONG,
    Announcement,
    Page,
    count,
    document_url,
    is_true,
    language_of,
    parse_epoch,
    parse_moment,
    plain,
    read_pages,
    read_rows,
    required_title,
    size_in_bytes,
    text,
    text_list,
)
from companies.sources.base import BadBody, NoData, Outcome, Retry, parse_jsonp, reply_error
from tests.companies.replies import CHALLENGE_PAGE, reply


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ("2026年<em>第三季度报告</em>", "2026年第三季度报告"),
        ("PLACING &amp; CLARIFICATION", "PLACING & CLARIFICATION"),
        ("Results&#x2f;Dividend<br/>Closure of Books", "Results/Dividend Closure of Books"),
        ("  two\r\n lines\t", "two lines"),
        ("\ufeff公告\u0000\ud800", "公告"),
        ("ratio &lt;b&gt; 5", "ratio <b> 5"),
        ("P<0.05 and Q>1", "P<0.05 and Q>1"),
    ],
)
def test_a_title_is_plain_text(written: str, title: str) -> None:
    assert required_title(written) == title


def test_the_first_title_that_is_not_blank_counts() -> None:
    assert required_title(None, " <em></em> ", "short") == "short"
    with pytest.raises(ValueError, match="no title"):
        required_title(None, "<br/>")


def test_a_field_of_an_unexpected_kind_is_not_taken_for_text() -> None:
    with pytest.raises(ValueError, match="not a text"):
        text({"a": 1})
    assert [text(None), text(0), text(" 3 ")] == ["", "0", "3"]
    assert text_list(["300474", None, "", 5]) == ("300474", "5")
    assert text_list("300474") == ("300474",)


@pytest.mark.parametrize(("value", "number"), [(12, 12), ("12", 12), ("", None), (None, None), ("12.0", 12)])
def test_a_count_is_whole_or_unknown(value: object, number: int | None) -> None:
    assert count(value) == number


@pytest.mark.parametrize("value", [-1, "1.5", "many", True])
def test_what_is_not_a_count_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="not a"):
        count(value)


def test_a_yes_may_be_written_in_several_ways() -> None:
    assert [is_true(value) for value in (True, "true", "True", 1)] == [True] * 4
    assert [is_true(value) for value in (False, "false", None, "", 0)] == [False] * 5


@pytest.mark.parametrize(
    ("written", "day", "moment"),
    [
        ("2026-11-18", date(2026, 11, 18), None),
        ("2026-11-18 00:00:00", date(2026, 11, 18), None),
        ("2026-11-18 18:31:09.0", date(2026, 11, 18), datetime(2026, 11, 18, 10, 31, 9, tzinfo=UTC)),
        ("2026-11-18T18:31", date(2026, 11, 18), datetime(2026, 11, 18, 10, 31, tzinfo=UTC)),
        ("20261118191852", date(2026, 11, 18), datetime(2026, 11, 18, 11, 18, 52, tzinfo=UTC)),
        ("20261118", date(2026, 11, 18), None),
        ("2026/11/18", date(2026, 11, 18), None),
        ("18/11/2026", date(2026, 11, 18), None),
        # Early in Hong Kong it is still the day before in UTC; the day stays Hong Kong's.
        ("08/10/2026 06:01", date(2026, 10, 8), datetime(2026, 10, 7, 22, 1, tzinfo=UTC)),
    ],
)
def test_a_time_stamp_is_a_local_day_and_a_moment_unless_it_is_midnight(
    written: str, day: date, moment: datetime | None
) -> None:
    assert parse_moment(written, HONG_KONG) == (day, moment)


@pytest.mark.parametrize(
    "written", ["", None, "yesterday", "2026-13-01", "31/02/2026", "2026-11-18 25:00", "11/2026", "0001-01-01 05:00"]
)
def test_what_is_not_a_time_stamp_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_moment(written, BEIJING)


def test_milliseconds_at_midnight_in_beijing_mean_the_day_only() -> None:
    # 2026-10-29 16:00 UTC is midnight of the 30th in Beijing.
    midnight = int(datetime(2026, 10, 29, 16, tzinfo=UTC).timestamp()) * 1000
    assert parse_epoch(midnight, BEIJING) == (date(2026, 10, 30), None)
    evening = datetime(2026, 11, 18, 11, 33, tzinfo=UTC)
    assert parse_epoch(str(int(evening.timestamp()) * 1000), BEIJING) == (date(2026, 11, 18), evening)
    # A stamp in seconds is not a day of 1970, on which nobody could have known of anything.
    assert parse_epoch(int(evening.timestamp()), BEIJING) == (date(2026, 11, 18), evening)
    assert parse_epoch("2026-11-18 19:33:00", BEIJING) == (date(2026, 11, 18), evening)
    for value in (None, "", "soon", "0", "12345", "9" * 30):
        with pytest.raises(ValueError, match=r"."):
            parse_epoch(value, BEIJING)


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("/a/b.pdf", "https://static.sse.com.cn/stock/a/b.pdf"),
        ("a/b.pdf", "https://static.sse.com.cn/stock/a/b.pdf"),
        ("https://www.sse.com.cn/a.pdf", "https://www.sse.com.cn/a.pdf"),
        ("//www.sse.com.cn/a.pdf", "https://www.sse.com.cn/a.pdf"),
        ("/公告 1.pdf", "https://static.sse.com.cn/stock/%E5%85%AC%E5%91%8A%201.pdf"),
        ("/a%20b.pdf", "https://static.sse.com.cn/stock/a%20b.pdf"),
        ("", ""),
        (None, ""),
    ],
)
def test_a_document_has_an_absolute_address(path: object, url: str) -> None:
    assert document_url("https://static.sse.com.cn/stock", path, within="sse.com.cn") == url


@pytest.mark.parametrize(
    "path",
    [
        "https://example.org/a.pdf",
        "//example.org/a.pdf",
        "https://sse.com.cn.example.org/a.pdf",
        "https://www.sse.com.cn@example.org/a.pdf",
        "https://evilsse.com.cn/a.pdf",
        "file:///etc/passwd",
        "/../../private.pdf",
    ],
)
def test_an_address_never_leads_away_from_the_service(path: str) -> None:
    with pytest.raises(ValueError, match=r"outside sse\.com\.cn"):
        document_url("https://static.sse.com.cn/stock", path, within="sse.com.cn")


def test_the_language_is_that_of_the_title() -> None:
    assert (language_of("2026年半年度报告"), language_of("INTERIM REPORT 2026")) == ("zh", "en")


def test_versions_in_two_languages_are_two_documents() -> None:
    found = Announcement(source="hkex", key="1", title="t", published_on=date(2026, 1, 5), language="en")
    assert replace(found, title="corrected").identity == found.identity
    assert replace(found, language="zh").identity != found.identity


def number_of(row: Mapping[str, object]) -> int:
    return int(plain(row["n"]))


def test_one_bad_row_is_named_and_does_not_lose_the_others() -> None:
    page = read_rows([{"n": "1"}, {"n": "x"}, "text", {"n": "4"}], number_of, total=4)
    assert (page.rows, page.total, page.outcome) == ((1, 4), 4, Outcome.PARTIAL)
    assert [reason.split(":")[0] for reason in page.unreadable] == ["row 2", "row 3"]
    assert read_rows([{"n": "1"}], number_of).outcome is Outcome.OK


def test_rows_of_which_none_can_be_read_are_another_shape_and_no_rows_are_no_data() -> None:
    with pytest.raises(BadBody, match="row 1"):
        read_rows([{"n": "x"}, {"n": "y"}], number_of)
    with pytest.raises(NoData):
        read_rows([], number_of)


class Pages:
    """A list that a service gives out page by page."""

    def __init__(self, *pages: Page[int] | Exception) -> None:
        self.pages = pages
        self.asked: list[int] = []

    def __call__(self, number: int) -> Page[int]:
        self.asked.append(number)
        page = self.pages[min(number, len(self.pages)) - 1]
        if isinstance(page, Exception):
            raise page
        return page


def same(row: int) -> int:
    return row


@pytest.mark.parametrize(
    ("pages", "rows", "asked", "is_short"),
    [
        ([Page((1, 2), 3, True), Page((3,), 3, False)], (1, 2, 3), 2, False),
        # The total is reached although the service promises more.
        ([Page((1, 2), 3, True), Page((3,), 3, True)], (1, 2, 3), 2, False),
        # The last page comes again and again.
        ([Page((1, 2), None, True), Page((3,), None, True)], (1, 2, 3), 3, False),
        ([Page((1, 2), 5, True), Page((3,), 5, True)], (1, 2, 3), 3, True),
        # A row moved from one page to the next while we were asking.
        ([Page((1, 2), 3, True), Page((2, 3), 3, False)], (1, 2, 3), 2, False),
        # Beyond the end there is nothing.
        ([Page((1, 2), None, True), NoData("")], (1, 2), 2, False),
        ([Page((1, 2), 5, True), NoData("")], (1, 2), 2, True),
        # A row left out for being unreadable is not missing.
        ([Page((1,), 2, True, ("row 2: bad",))], (1,), 1, False),
        ([Page((1,), 2, False)], (1,), 1, True),
    ],
)
def test_pages_are_asked_for_until_nothing_new_comes(
    pages: list[Page[int] | Exception], rows: tuple[int, ...], asked: int, is_short: bool
) -> None:
    service = Pages(*pages)
    found = read_pages(service, same, most_pages=10)
    assert (found.rows, len(service.asked), found.has_more) == (rows, asked, is_short)


def test_not_more_pages_are_asked_for_than_allowed() -> None:
    service = Pages(Page((1,), None, True), Page((2,), None, True), Page((3,), None, True))
    assert read_pages(service, same, most_pages=2) == Page((1, 2), None, True)


@pytest.mark.parametrize("error", [Retry("reset"), NoData("empty")])
def test_a_list_that_fails_at_once_fails(error: Exception) -> None:
    with pytest.raises(type(error)):
        read_pages(Pages(error), same, most_pages=3)
    with pytest.raises(Retry):
        read_pages(Pages(Page((1,), None, True), Retry("reset")), same, most_pages=3)


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (CHALLENGE_PAGE, Outcome.BLOCKED),
        (b"<html><script>cut off in the middle", Outcome.BLOCKED),
        ("<html><body>请输入验证码</body></html>".encode("gb18030"), Outcome.BLOCKED),
        (b"<html><title>Undeclared Automated Tool</title></html>", Outcome.BLOCKED),
        ("<!DOCTYPE html><html><script>a()</script><body>404 文件不存在</body></html>".encode(), Outcome.BAD_BODY),
        (b"<html><body></body></html>", Outcome.BAD_BODY),
    ],
)
def test_a_page_that_wants_a_browser_is_told_from_one_that_says_something(body: bytes, outcome: Outcome) -> None:
    error = reply_error(reply(body))
    assert error is not None
    assert error.outcome is outcome


@pytest.mark.parametrize(
    "body",
    [b'call({"a":")"})', b' /**/cb_1.x$( {"a":")"} ) ;\n', b'{"a":")"}', b'\xef\xbb\xbfcall({"a":")"});'],
)
def test_a_callback_is_taken_off_json(body: bytes) -> None:
    assert parse_jsonp(body) == {"a": ")"}


@pytest.mark.parametrize("body", [b'call({"a":1}', b"call()", b"call({a:1})"])
def test_a_cut_callback_is_a_bad_body(body: bytes) -> None:
    with pytest.raises(BadBody):
        parse_jsonp(body)


@pytest.mark.parametrize(
    ("stated", "size"),
    [(233, 238_592), ("233", 238_592), (Decimal("1.5"), 1536), (0, None), (-1, None), ("", None), ("2 pages", None)],
)
def test_a_size_that_says_nothing_costs_no_filing(stated: object, size: int | None) -> None:
    assert size_in_bytes(stated, 1024) == size
