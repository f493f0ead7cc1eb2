"""A passage is found where the same words stand, and nowhere else without a person's word."""

import pytest

from companies.filings.matching import (
    Found,
    Pages,
    Place,
    Quote,
    Squeezed,
    changes,
    declared_unit,
    differs_in_numbers,
    find,
    has_bare_number,
)

TEXT = "公司预计2025年度营业收入为6.45亿元至7.20亿元,同比增长63%。公司在手订单约12亿元。"


def quote(text: str, exact: str, context: int = 64) -> Quote:
    """The words as they would be marked in a text."""
    start = text.index(exact)
    return Quote(exact, text[max(0, start - context) : start], text[start + len(exact) :][:context])


def where(pages: dict[int, str], found: Found) -> str:
    """The words at the place that was found."""
    assert found.place is not None
    return pages[found.place.page][found.place.start : found.place.end]


def test_a_passage_in_an_unchanged_text_is_where_it_was() -> None:
    mark = quote(TEXT, "6.45亿元至7.20亿元")
    at = TEXT.index(mark.exact)
    place = Place(1, at, at + len(mark.exact))
    assert find(mark, Pages({1: TEXT}), place) == Found(place)


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ("第一章\n" + TEXT, "6.45亿元至7.20亿元"),
        (TEXT.replace("至", "至\n"), "6.45亿元至\n7.20亿元"),
        (TEXT.replace("收入为6", "收入为 6"), "6.45亿元至7.20亿元"),
        (TEXT.replace("同比增长63%", "较上年增长63%"), "6.45亿元至7.20亿元"),
    ],
    ids=["elsewhere on the page", "line breaks elsewhere", "spaces", "words beside it changed"],
)
def test_the_same_words_are_found_again(now: str, words: str) -> None:
    pages = {1: "前言。", 2: now}
    found = find(quote(TEXT, "6.45亿元至7.20亿元"), Pages(pages), Place(1, 15, 28))
    assert not found.reason
    assert where(pages, found) == words


@pytest.mark.parametrize(
    ("exact", "now", "reason"),
    [
        ("6.45亿元至7.20亿元", TEXT.replace("7.20", "7.30"), "numbers_differ"),
        ("6.45亿元至7.20亿元", TEXT.replace("亿元至", "万元至"), "numbers_differ"),
        ("6.45", TEXT.replace("6.45亿元", "6.45万元"), "numbers_differ"),
        ("6.45亿元", TEXT.replace("6.45亿元", "-6.45亿元"), "numbers_differ"),
        ("6.45亿元", TEXT.replace("6.45亿元", "16.45亿元"), "numbers_differ"),
        ("7.20亿", TEXT.replace("7.20亿元", "7.20亿日元"), "numbers_differ"),
        ("20亿元", TEXT.replace("7.20", "720"), "numbers_differ"),
        ("6.45亿元至7.20亿元", "致股东的一封信。", "gone"),
        ("公司在手订单约12亿元", TEXT.replace("在手订单", "手持订单"), "words_differ"),
    ],
    ids=[
        "digit",
        "unit",
        "unit beside it",
        "sign beside it",
        "digit before it",
        "currency",
        "point before it",
        "gone",
        "words",
    ],
)
def test_what_differs_is_for_a_person_to_look_at(exact: str, now: str, reason: str) -> None:
    assert (
        find(quote(TEXT, exact), Pages({1: now}), Place(1, TEXT.index(exact), TEXT.index(exact) + 9)).reason == reason
    )


def test_the_nearest_place_is_offered_where_a_digit_differs() -> None:
    pages = {1: TEXT.replace("7.20", "7.30")}
    found = find(quote(TEXT, "6.45亿元至7.20亿元"), Pages(pages), Place(1, 15, 28))
    assert where(pages, found) == "6.45亿元至7.30亿元"


def test_words_that_stand_in_several_places_are_told_apart_by_what_stands_beside_them() -> None:
    first = "二零二四年度上半年之主营业务收入合计为 100 千元,其余为零。"
    long = f"{first}\n二零二五年度上半年之其他业务成本总计为 100 千元,其余不详。"
    mark = quote(long, "100 千元", 30)
    pages = {3: "目录\n" + long}
    found = find(mark, Pages(pages))
    assert not found.reason
    assert found.place is not None
    assert found.place.start == 3 + long.index("100 千元")


def test_words_that_stand_in_several_places_alike_are_not_guessed() -> None:
    text = "合计 100 千元。" * 2
    assert find(Quote("100 千元", "合计 ", "。"), Pages({1: text})).reason == "several_places"


def test_a_few_words_in_another_context_are_not_the_passage() -> None:
    assert (
        find(Quote("增长", "营业收入大幅", ",主要由于销量上升"), Pages({1: "费用有所增长,系人员增加所致"})).reason
        == "context_differs"
    )


@pytest.mark.parametrize(
    ("exact", "before", "after"),
    [
        ("1.20亿元", "净利润亏损1.20", "净利润盈利1.20"),
        ("6.45亿元", "营业收入为6.45", "营业成本为6.45"),
        ("6.45亿元", "2025年度", "2026年度"),
        ("RMB 12.3 million", "a loss of RMB", "a gain of RMB"),
        ("6.45至7.20", "收入为6.45", "收入不超过6.45"),
    ],
)
@pytest.mark.parametrize("moved", ["", "新增一段与此无关的说明文字。"], ids=["same place", "elsewhere"])
def test_a_number_is_not_the_same_after_other_words(exact: str, before: str, after: str, moved: str) -> None:
    text = "2025年度营业收入为6.45亿元;净利润亏损1.20亿元。It made a loss of RMB 12.3 million. 收入为6.45至7.20亿元。"
    mark = quote(text, exact)
    at = text.index(exact)
    was = Place(1, at, at + len(exact))
    assert not find(mark, Pages({1: moved + text}), was).reason
    found = find(mark, Pages({1: moved + text.replace(before, after)}), was)
    assert found.reason == "context_differs"


def test_a_number_after_other_words_of_the_same_length_is_not_taken_for_having_stayed() -> None:
    mark = quote("公司甲营业收入为12亿元。以下为其他说明事项若干条目。", "12亿元")
    text = "乙方的净利润额是12亿元。另有完全不同的文字写在这里。"
    assert find(mark, Pages({1: text}), Place(1, 8, 12)).reason == "context_differs"


def test_white_space_between_numbers_counts() -> None:
    assert Squeezed("1 200 元\n人民币").text == "1 200元人民币"
    assert find(Quote("1 200 元"), Pages({1: "合计 1200 元"})).reason


def test_squeezed_text_knows_where_it_came_from() -> None:
    squeezed = Squeezed("营业\n 收入 12")
    assert squeezed.text == "营业收入12"
    assert squeezed.original(1, 3) == (1, 5)


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("6.45亿元", "6.45亿元,", False), ("6.45亿元", "6.46亿元", True), ("-5%", "5%", True),
        ("12 million", "12 billion", True), ("收入", "成本", False), ("(1,200)", "1,200", True),
    ],
)  # fmt: skip
def test_digits_signs_and_units_are_compared(one: str, other: str, differ: bool) -> None:
    assert differs_in_numbers(one, other) is differ


def test_changes_stand_side_by_side() -> None:
    assert changes("为7.20亿", "为7.30亿") == [("same", "为7."), ("gone", "2"), ("new", "3"), ("same", "0亿")]


# --- Units that are said once for many numbers ------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "declared"),
    [
        ("主要财务数据\n单位：人民币万元\n营业收入 1,506", "单位:人民币万元"),
        ("金额單位為港元 營業收入 1,506", "單位為港元"),
        ("(expressed in thousands of RMB) Revenue 1,506", "inthousandsofrmb"),
        ("RMB'000 Revenue 1,506", "rmb'000"),
        ("单位:元 …… 单位:亿元 营业收入 1,506", "单位:亿元"),
        ("单位负责人 营业收入 1,506", ""),
        ("营业收入 1,506 单位:万元", ""),
    ],
)
def test_the_unit_last_declared_before_a_place_counts_for_it(text: str, declared: str) -> None:
    at = text.index("1,506")
    assert declared_unit({1: text}, Place(1, at, at + 5)) == declared


def test_a_unit_declared_on_an_earlier_page_counts_for_the_pages_after_it() -> None:
    pages = {1: "单位:元", 2: "单位:万元", 3: "营业收入 1,506", 4: "单位:亿元"}
    assert declared_unit(pages, Place(3, 5, 10)) == "单位:万元"


@pytest.mark.parametrize(
    ("exact", "suffix", "bare"),
    [("1,506", " 2,540", True), ("1,506", "万元", False), ("1,506 万元", "", False), ("15", "06万元", False),
     ("营业收入", " 1,506", False), ("35.2%", "", False), ("6.45亿元至7.20", " 以上", True)],
)  # fmt: skip
def test_a_number_is_bare_where_no_unit_follows_it(exact: str, suffix: str, bare: bool) -> None:
    assert has_bare_number(Quote(exact, "", suffix)) is bare
