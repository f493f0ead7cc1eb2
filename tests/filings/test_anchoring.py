"""Anchors: made on what somebody marked, and kept true when a new version comes."""

import pytest

from companies.filings.anchoring import NoSuchPassage, anchor_at, check_anchors, find_passage, keep
from companies.filings.links import passage_url
from companies.models import Anchor, FilingPage, FilingVersion
from tests.factories import make_anchor, make_filing, make_version

pytestmark = pytest.mark.django_db

PAGE = "公司预计2025年度营业收入为6.45亿元至7.20亿元。\n前景😀良好。"
RANGE = "6.45亿元至7.20亿元"
State = Anchor.State


def text_of(anchor: Anchor) -> str:
    """The words at its place, as they are stored now."""
    page = FilingPage.objects.get(version=anchor.version_id, number=anchor.page)
    return page.text[anchor.start : anchor.end]


def read_again(version: FilingVersion, *pages: str) -> None:
    """As if the text of a version had been read anew."""
    version.pages.all().delete()
    FilingPage.objects.bulk_create(FilingPage(version=version, number=n, text=text) for n, text in enumerate(pages, 1))
    check_anchors(version)


def test_an_anchor_keeps_the_words_and_what_stands_beside_them() -> None:
    anchor = anchor_at(make_version(None, PAGE), 1, 15, 28, RANGE)
    assert (anchor.exact, anchor.prefix, anchor.suffix) == (RANGE, PAGE[:15], PAGE[28:])
    assert anchor.state == State.EXACT
    keep(anchor)
    assert passage_url(anchor).endswith("?version=1&page=1&from=15&to=28#passage")


def test_characters_beyond_the_basic_plane_count_as_one() -> None:
    start = PAGE.index("😀")
    assert anchor_at(make_version(None, PAGE), 1, start, start + 1, "😀").exact == "😀"


def test_white_space_around_the_words_is_not_part_of_the_passage() -> None:
    anchor = anchor_at(make_version(None, "a  words\n b"), 1, 1, 10)
    assert (anchor.start, anchor.end, anchor.exact) == (3, 8, "words")


@pytest.mark.parametrize(
    ("page", "start", "end", "exact", "code"),
    [
        (1, 5, 5, "", "empty"), (1, 9, 5, "", "empty"), (1, -1, 5, "", "empty"), (1, 29, 30, "", "empty"),
        (1, 0, 100_000, "", "long"), (1, 0, 900, "", "beyond"), (2, 0, 5, "", "no_page"),
        (1, 15, 28, "7.45亿元", "words"),
    ],
)  # fmt: skip
def test_a_selection_that_is_none_is_refused_in_words(page: int, start: int, end: int, exact: str, code: str) -> None:
    with pytest.raises(NoSuchPassage) as refused:
        anchor_at(make_version(None, PAGE), page, start, end, exact)
    assert refused.value.code == code
    assert refused.value.message.endswith(".")


def test_words_as_a_browser_gives_them_are_the_same_words() -> None:
    version = make_version(None, "营业\n收入 为12")
    assert anchor_at(version, 1, 0, 9, "营业收入\u00a0为１２").exact == "营业\n收入 为12"


@pytest.mark.parametrize(
    ("quoted", "code"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("长" * 5001, "long"),
        # With so many marks on one letter, spelling it would take hours.
        ("a" + "\u0300\u0316" * 600_000, "long"),
        ("没有这样的话", "none"),
        ("公司", "several"),
        ("7.20万元", "none"),
    ],
)
def test_a_quote_that_cannot_be_placed_says_why(quoted: str, code: str) -> None:
    with pytest.raises(NoSuchPassage) as refused:
        find_passage(make_version(None, PAGE, "公司。"), quoted)
    assert refused.value.code == code


def test_a_quote_is_found_by_its_words_alone() -> None:
    anchor = find_passage(make_version(None, "目录", PAGE), "6.45亿元至\n7.20亿元")
    assert (anchor.page, anchor.exact) == (2, RANGE)
    # The digits alone will do: a person says that these are meant.
    assert find_passage(make_version(make_filing("other"), PAGE), "6.45").exact == "6.45"


def test_a_new_version_with_the_same_words_keeps_the_anchor_exact() -> None:
    anchor = make_anchor(make_version(None, PAGE), RANGE)
    second = make_version(anchor.version.filing, PAGE)
    assert check_anchors(second) == {State.EXACT: 1}
    anchor.refresh_from_db()
    assert (anchor.version, anchor.state, text_of(anchor)) == (second, State.EXACT, RANGE)


def test_an_anchor_follows_words_that_moved_and_says_so() -> None:
    anchor = make_anchor(make_version(None, PAGE), RANGE)
    second = make_version(anchor.version.filing, "致股东", "目录", f"第三节。{PAGE}")
    check_anchors(second)
    anchor.refresh_from_db()
    assert (anchor.version, anchor.page, anchor.state, text_of(anchor)) == (second, 3, State.MOVED, RANGE)


def test_an_anchor_whose_digit_changed_stays_where_it_was_and_waits_for_a_person() -> None:
    first = make_version(None, PAGE)
    anchor = make_anchor(first, RANGE)
    second = make_version(first.filing, PAGE.replace("7.20", "7.30"))
    check_anchors(second)
    anchor.refresh_from_db()
    assert (anchor.version, anchor.state, anchor.reason) == (first, State.NEEDS_REVIEW, "numbers_differ")
    assert (anchor.candidate_version, anchor.candidate_page) == (second, 1)
    assert text_of(anchor) == RANGE
    assert anchor.stands_in_its_version


FILLER = "按照企业会计准则编制的合并利润表主要项目如下所示,并与上年同期数据进行比较" * 2


@pytest.mark.parametrize(
    ("unit", "state"), [("单位:亿元", State.NEEDS_REVIEW), ("单位 : 万元", State.EXACT)], ids=["another", "spaced"]
)
def test_a_number_under_another_declared_unit_waits_for_a_person(unit: str, state: str) -> None:
    filing = make_filing()
    table = f"{FILLER}营业收入 1,506.25"
    first = make_version(filing, "单位:万元", table)
    anchor = keep(anchor_at(first, 2, table.index("1,506"), len(table), "1,506.25"))
    check_anchors(make_version(filing, unit, table))
    anchor.refresh_from_db()
    assert anchor.state == state
    assert anchor.reason == ("numbers_differ" if state == State.NEEDS_REVIEW else "")


def test_a_number_with_its_own_unit_does_not_ask_for_the_declared_one() -> None:
    filing = make_filing()
    table = f"{FILLER}营业收入 1,506.25 万元"
    anchor = keep(anchor_at(make_version(filing, "单位:万元", table), 2, table.index("1,506"), len(table)))
    check_anchors(make_version(filing, "单位:亿元", table))
    anchor.refresh_from_db()
    assert anchor.state == State.EXACT


def test_a_third_version_with_the_old_words_settles_it() -> None:
    anchor = make_anchor(make_version(None, PAGE), RANGE)
    filing = anchor.version.filing
    check_anchors(make_version(filing, PAGE.replace("7.20", "7.30")))
    third = make_version(filing, PAGE)
    check_anchors(third)
    anchor.refresh_from_db()
    assert (anchor.version, anchor.state, anchor.candidate_version) == (third, State.EXACT, None)


def test_a_newest_version_without_text_puts_anchors_up_for_review() -> None:
    anchor = make_anchor(make_version(None, PAGE), RANGE)
    check_anchors(make_version(anchor.version.filing, "", status="no_text"))
    anchor.refresh_from_db()
    assert (anchor.state, anchor.reason) == (State.NEEDS_REVIEW, "no_text")


def test_text_that_is_read_again_moves_the_anchor_with_its_words() -> None:
    anchor = make_anchor(make_version(None, PAGE), RANGE)
    read_again(anchor.version, f"(1)\n{PAGE}")
    anchor.refresh_from_db()
    assert (anchor.state, text_of(anchor)) == (State.MOVED, RANGE)
    read_again(anchor.version, f"(1)\n{PAGE}")
    anchor.refresh_from_db()
    assert anchor.state == State.EXACT


def test_a_place_in_text_that_was_read_differently_is_not_shown() -> None:
    anchor = make_anchor(make_version(None, PAGE), RANGE)
    read_again(anchor.version, "无法辨认")
    anchor.refresh_from_db()
    assert anchor.state == State.NEEDS_REVIEW
    assert not anchor.stands_in_its_version


def test_what_was_left_with_an_earlier_version_is_not_asked_about_again() -> None:
    anchor = make_anchor(make_version(None, PAGE), RANGE, state=State.EARLIER)
    check_anchors(make_version(anchor.version.filing, "别的话"))
    anchor.refresh_from_db()
    assert anchor.state == State.EARLIER


def test_a_note_on_an_earlier_version_is_looked_for_in_the_newest_at_once() -> None:
    first = make_version(None, PAGE)
    second = make_version(first.filing, f"前言。{PAGE}")
    anchor = keep(anchor_at(first, 1, 15, 28))
    assert (anchor.version, anchor.state) == (second, State.MOVED)


def test_checking_asks_as_often_for_many_anchors_as_for_one(django_assert_num_queries: object) -> None:
    version = make_version(None, PAGE)
    for _ in range(10):
        make_anchor(version, RANGE)
    second = make_version(version.filing, PAGE)
    with django_assert_num_queries(5):  # type: ignore[operator]
        check_anchors(second)


def test_a_passage_whose_text_was_read_anew_before_it_was_saved_is_looked_for() -> None:
    version = make_version(None, PAGE)
    moved, gone = anchor_at(version, 1, 15, 28, RANGE), anchor_at(version, 1, 15, 28, RANGE)
    read_again(version, "目录\n" + PAGE)
    keep(moved)
    assert (moved.state, text_of(moved)) == (State.MOVED, RANGE)
    read_again(version, PAGE.replace("7.20", "7.30"))
    keep(gone)
    assert (gone.state, gone.reason) == (State.NEEDS_REVIEW, "numbers_differ")


def test_a_note_on_the_first_pages_of_a_newer_version_does_not_go_back_to_the_older_one() -> None:
    older = make_version(None, PAGE)
    newer = make_version(older.filing, PAGE)
    FilingVersion.objects.filter(pk=newer.pk).update(status=FilingVersion.Status.WAITING)
    anchor = keep(anchor_at(newer, 1, 15, 28, RANGE))
    assert (anchor.version, anchor.state) == (newer, State.EXACT)
