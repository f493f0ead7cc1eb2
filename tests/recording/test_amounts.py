"""How the amounts of a passage are read. Every case was worked out by hand."""

from decimal import Decimal

import pytest

from companies.filings.text import normalised
from companies.recording.amounts import (
    Kind,
    Sign,
    Unit,
    amounts,
    heading_before,
    sign_is_asked,
    states,
    states_plain,
    stored,
)

YI, WAN, MILLION, ONE, PERCENT, ASK = (
    Unit.HUNDRED_MILLION, Unit.TEN_THOUSAND, Unit.MILLION, Unit.ONE, Unit.PERCENT, Unit.UNKNOWN,
)  # fmt: skip


def decimal(text: str) -> Decimal | None:
    return Decimal(text) if text else None


def read(passage: str) -> list[tuple[Decimal | None, Decimal | None, str, str]]:
    return [(found.low, found.high, found.unit, found.currency) for found in amounts(normalised(passage).text)]


# Passage; low, high, unit and currency of each amount in it. An empty end is open.
CASES = [
    # Points
    ("实现营业收入6.45亿元", [("6.45", "6.45", YI, "CNY")]),
    ("实现营业收入６．４５亿元", [("6.45", "6.45", YI, "CNY")]),
    ("營業收入約人民幣9.8億元", [("9.8", "9.8", YI, "CNY")]),
    ("645,720.50万元", [("645720.50", "645720.50", WAN, "CNY")]),
    ("645，720.50 萬元", [("645720.50", "645720.50", WAN, "CNY")]),
    ("营业收入为1,505,123,456.78元", [("1505123456.78", "1505123456.78", ONE, "CNY")]),
    ("1,500千元", [("1500", "1500", Unit.THOUSAND, "CNY")]),
    ("约3.5百万美元", [("3.5", "3.5", MILLION, "USD")]),
    ("2千万港元", [("2", "2", Unit.TEN_MILLION, "HKD")]),
    ("总市值1.2万亿元", [("1.2", "1.2", Unit.TRILLION, "CNY")]),
    ("revenue of RMB1,200 million", [("1200", "1200", MILLION, "CNY")]),
    ("US$1.5bn", [("1.5", "1.5", Unit.BILLION, "USD")]),
    ("USD 2.3 thousand", [("2.3", "2.3", Unit.THOUSAND, "USD")]),
    ("HK$19.60 per share", [("19.60", "19.60", ONE, "HKD")]),
    ("$12m", [("12", "12", MILLION, "")]),
    ("RMB'000 1,234", [("1234", "1234", Unit.THOUSAND, "CNY")]),
    ("发行股数7,000万股", [("7000", "7000", WAN, "")]),
    ("员工1,234名", [("1234", "1234", ONE, "")]),
    ("毛利率为54.3%", [("54.3", "54.3", PERCENT, "")]),
    ("300百亿元", [("300", "300", ASK, "CNY")]),  # ten billions have no name of their own here: ask
    # Cells of a table: the unit is not there
    ("1,234,567", [("1234567", "1234567", ASK, "")]),
    ("1,234 5,678", [("1234", "1234", ASK, ""), ("5678", "5678", ASK, "")]),
    ("人民币 1,234 人民币 5,678", [("1234", "1234", ONE, "CNY"), ("5678", "5678", ONE, "CNY")]),
    # Ranges
    ("6.45亿元至7.20亿元", [("6.45", "7.20", YI, "CNY")]),
    ("6.45-7.20亿元", [("6.45", "7.20", YI, "CNY")]),
    ("6.45—7.20 亿元", [("6.45", "7.20", YI, "CNY")]),
    ("6.45～7.20亿元", [("6.45", "7.20", YI, "CNY")]),
    ("RMB1,000 to 1,200 million", [("1000", "1200", MILLION, "CNY")]),
    ("between RMB1,000 million and RMB1,200 million", [("1000", "1200", MILLION, "CNY")]),
    ("介于5亿元和6亿元之间", [("5", "6", YI, "CNY")]),
    ("9,000万元至1.2亿元", [("9000", "12000", WAN, "CNY")]),
    ("12.5%至13.5%", [("12.5", "13.5", PERCENT, "")]),
    ("-3至5亿元", [("-3", "5", YI, "CNY")]),
    ("7.20亿元至6.45亿元", [("7.20", "7.20", YI, "CNY"), ("6.45", "6.45", YI, "CNY")]),  # the wrong way round: no range
    ("5亿元和6亿元", [("5", "5", YI, "CNY"), ("6", "6", YI, "CNY")]),
    ("US$5 million to RMB6 million", [("5", "5", MILLION, "USD"), ("6", "6", MILLION, "CNY")]),
    # Open ends
    ("不低于5亿元", [("5", "", YI, "CNY")]),
    ("不少於人民幣5億元", [("5", "", YI, "CNY")]),
    ("at least US$5 million", [("5", "", MILLION, "USD")]),
    ("5亿元以上", [("5", "", YI, "CNY")]),
    ("超过5亿元", [("5", "", YI, "CNY")]),
    ("no less than RMB5 million", [("5", "", MILLION, "CNY")]),
    ("不超过1,200万元", [("", "1200", WAN, "CNY")]),
    ("低于1,200万元", [("", "1200", WAN, "CNY")]),
    ("up to HK$3 billion", [("", "3", Unit.BILLION, "HKD")]),
    ("no more than HK$3 billion", [("", "3", Unit.BILLION, "HKD")]),
    # Signs
    ("净利润为-3.2亿元", [("-3.2", "-3.2", YI, "CNY")]),
    ("净利润为−3.2亿元", [("-3.2", "-3.2", YI, "CNY")]),
    ("净利润为负3.2亿元", [("-3.2", "-3.2", YI, "CNY")]),
    ("(1,234)", [("-1234", "-1234", ASK, "")]),
    ("RMB(1,234)", [("-1234", "-1234", ONE, "CNY")]),
    ("净亏损3.2亿元", [("-3.2", "-3.2", YI, "CNY")]),
    ("净亏损为3.2亿元至4.0亿元", [("-4.0", "-3.2", YI, "CNY")]),
    ("a loss of RMB 320 million", [("-320", "-320", MILLION, "CNY")]),
    ("(人民币1,234万元)", [("1234", "1234", WAN, "CNY")]),  # an aside in brackets, not a loss
    # What is no amount
    ("2025年度营业收入", []),
    ("截至2025年12月31日", []),
    ("2025-12-31", []),
    ("2025年1-9月", []),
    ("31 December 2025 and December 31, 2025", []),
    ("FY2025, 2026H1, Q3 2025", []),
    ("2024 2025", []),
    ("MTT S4000, A-12, 7nm, 5G", []),
    ("(1) 营业收入; 第3页; Note 12", []),
    ("1,23 and 3.2.1", []),
    ("六亿元", []),
    ("", []),
    ("😀🀄 ٣٤٥ 亿元 ①", []),
    ("9" * 60, []),
    # Changes: what it was and what it is, or by how much it grew and to what, are no range
    ("sales grew from US$2 million to US$3 million", [("2", "2", MILLION, "USD"), ("3", "3", MILLION, "USD")]),
    ("收入由人民币2.0亿元至2.5亿元", [("2.0", "2.0", YI, "CNY"), ("2.5", "2.5", YI, "CNY")]),
    ("revenue rose by RMB50 million to RMB250 million", [("50", "50", MILLION, "CNY"), ("250", "250", MILLION, "CNY")]),
    ("收入增加人民幣0.5億元至人民幣2.5億元", [("0.5", "0.5", YI, "CNY"), ("2.5", "2.5", YI, "CNY")]),
    ("毛利率上升3.5%至45.2%", [("3.5", "3.5", PERCENT, ""), ("45.2", "45.2", PERCENT, "")]),
    ("ranging from RMB200 million to RMB250 million", [("200", "250", MILLION, "CNY")]),
    ("loss widened from US$2 million to US$3 million", [("2", "2", MILLION, "USD"), ("3", "3", MILLION, "USD")]),
    # Rows of a table: a dash there is a sign or an empty cell, and joins nothing
    ("1,000.00 -1,234.56", [("1000.00", "1000.00", ASK, ""), ("1234.56", "1234.56", ASK, "")]),
    ("1,234.56 -1,000.00", [("1234.56", "1234.56", ASK, ""), ("1000.00", "1000.00", ASK, "")]),
    ("1,234 - 5,678", [("1234", "1234", ASK, ""), ("5678", "5678", ASK, "")]),
    ("1,234 (9,012) - 3,456", [("1234", "1234", ASK, ""), ("-9012", "-9012", ASK, ""), ("3456", "3456", ASK, "")]),
    ("收入 - 1,234", [("1234", "1234", ASK, "")]),
    ("- RMB5 million of revenue", [("5", "5", MILLION, "CNY")]),  # the mark before a line of a list
    ("净利润——3.2亿元", [("3.2", "3.2", YI, "CNY")]),
    ("1,234-5,678", [("1234", "5678", ASK, "")]),
    ("64,500 - 72,000万元", [("64500", "72000", WAN, "CNY")]),
    # More or less than
    ("超10亿元", [("10", "", YI, "CNY")]),
    ("突破10亿元", [("10", "", YI, "CNY")]),
    ("10多亿元", [("10", "", YI, "CNY")]),
    ("10亿余元", [("10", "", YI, "CNY")]),
    ("不足10亿元", [("", "10", YI, "CNY")]),
    ("未超过10亿元", [("", "10", YI, "CNY")]),
    ("没有超过10亿元", [("", "10", YI, "CNY")]),
    ("未低于10亿元", [("10", "", YI, "CNY")]),
    ("not to exceed RMB500 million", [("", "500", MILLION, "CNY")]),
    ("Turnover RMB5 million", [("5", "5", MILLION, "CNY")]),  # not "over"
    # Currencies
    ("韩元5亿", [("5", "5", YI, "")]),
    ("澳门元5亿", [("5", "5", YI, "")]),
    ("港幣12.3億元（折合人民幣11.2億元）", [("12.3", "12.3", YI, "HKD"), ("11.2", "11.2", YI, "CNY")]),
    ("¥1.5 trillion yen", [("1.5", "1.5", Unit.TRILLION, "JPY")]),
    ("$5 million HKD", [("5", "5", MILLION, "HKD")]),
    ("RMB5 million US dollars", [("5", "5", MILLION, "")]),
    ("3,000,000股H股", [("3000000", "3000000", ONE, "")]),
    ("5 per cent and 6 percent", [("5", "5", PERCENT, ""), ("6", "6", PERCENT, "")]),
    ("plus or minus 2%", [("2", "2", PERCENT, "")]),
    # How many times as much, by how many points, and days of other spellings
    ("毛利率提升3.5个百分点", []),
    ("增长约1.2倍", []),
    ("up 3.5 percentage points, 2.5 times", []),
    ("31/12/2025, 25年, 10年期", []),
    # Several
    ("收入6.45亿元,同比增长63.21%", [("6.45", "6.45", YI, "CNY"), ("63.21", "63.21", PERCENT, "")]),
    ("2025 万元", [("2025", "2025", WAN, "CNY")]),
    ("2,025", [("2025", "2025", ASK, "")]),
    ("😀5亿元😀", [("5", "5", YI, "CNY")]),
]  # fmt: skip


@pytest.mark.parametrize(("passage", "expected"), CASES, ids=[case[0][:30] for case in CASES])
def test_a_passage_gives_the_amounts_it_states_and_no_others(
    passage: str, expected: list[tuple[str, str, Unit, str]]
) -> None:
    assert read(passage) == [(decimal(low), decimal(high), unit, code) for low, high, unit, code in expected]


def test_the_words_of_an_amount_are_those_of_the_passage() -> None:
    passage = "预计收入约人民币6.45亿元至7.20亿元,同比增长63.21%"
    spans = [passage[found.start : found.end] for found in amounts(passage)]
    assert spans == ["人民币6.45亿元至7.20亿元", "63.21%"]


def test_a_currency_before_digits_of_a_table_says_nothing_of_their_unit() -> None:
    row = "Revenue $ 57,006 $ 35,082"
    assert [found.unit for found in amounts(row, under_a_heading=True)] == [ASK, ASK]
    assert [found.unit for found in amounts("1,234元 RMB5 million 7名", under_a_heading=True)] == [ONE, MILLION, ONE]
    assert not states(row, Decimal(57_006), MILLION, "USD")
    assert states(row, Decimal(57_006), MILLION, "USD", under_a_heading=True)


def test_a_negative_number_of_a_row_is_asked_about_and_may_be_typed_so() -> None:
    row = "净利润 1,000.00 -1,234.56"
    assert sign_is_asked(row, Decimal("-1234.56"))
    assert states(row, Decimal("-1234.56"), WAN)
    assert not sign_is_asked(row, Decimal(1000))


def test_a_growth_is_told_from_the_thing_that_grew() -> None:
    found = amounts("收入6.45亿元,同比增长63.21%, revenue increased by US$2 million")
    assert [one.is_change for one in found] == [False, True, True]
    assert [one.kind for one in found] == [Kind.MONEY, Kind.PERCENT, Kind.MONEY]


@pytest.mark.parametrize(
    ("passage", "sign"),
    [
        ("净利润3.2亿元", Sign.PLAIN),
        ("净利润-3.2亿元", Sign.NEGATIVE),
        ("净亏损3.2亿元", Sign.NEGATIVE),
        ("亏损较上年收窄3.2亿元", Sign.ASKED),
        ("净利润3.2亿元,上年为亏损", Sign.ASKED),
        ("上年为亏损。净利润3.2亿元", Sign.PLAIN),  # another sentence
        ("- 1,234", Sign.ASKED),
        ("净利润——3.2亿元", Sign.ASKED),
        ("plus or minus 2%", Sign.PLAIN),
        ("虧損,毛利率54.3%", Sign.PLAIN),  # a percentage is no loss
    ],
)
def test_a_sign_is_taken_only_where_it_is_certain(passage: str, sign: Sign) -> None:
    assert [found.sign for found in amounts(normalised(passage).text)] == [sign]


@pytest.mark.parametrize(
    ("low", "high", "unit", "plain"),
    [
        ("6.45", "7.20", YI, ("645000000", "720000000")),
        ("-4.0", "-3.2", YI, ("-400000000", "-320000000")),
        ("645720.505", "645720.505", WAN, ("6457205050", "6457205050")),
        ("5", "", MILLION, ("5000000", "")),
        ("54.3", "54.3", PERCENT, ("54.3", "54.3")),
        ("0", "0", Unit.TRILLION, ("0", "0")),
        ("123456789012345.6789", "123456789012345.6789", WAN, ("1234567890123456789", "1234567890123456789")),
    ],
)
def test_a_stored_amount_keeps_every_digit(low: str, high: str, unit: Unit, plain: tuple[str, str]) -> None:
    found = stored(decimal(low), decimal(high), unit)
    assert tuple("" if end is None else f"{end:f}" for end in found) == plain


def test_an_amount_without_a_unit_is_not_stored() -> None:
    with pytest.raises(ValueError, match="unit"):
        stored(Decimal(1), Decimal(1), Unit.UNKNOWN)


@pytest.mark.parametrize(
    ("passage", "value", "unit", "currency", "stated"),
    [
        ("收入6.45亿元", "6.45", YI, "CNY", True),
        ("收入6.45亿元", "64500", WAN, "CNY", True),  # the same amount in another unit
        ("收入6.45亿元", "6.45", WAN, "CNY", False),
        ("收入6.45亿元", "6.54", YI, "CNY", False),
        ("收入6.45亿元", "6.45", YI, "USD", False),
        ("收入6.45亿元", "-6.45", YI, "CNY", False),
        ("1,234", "1234", WAN, "CNY", True),  # a cell: the unit is the reader's word
        ("1,234", "12340000", ONE, "CNY", False),
        ("净亏损较上年收窄3.2亿元", "-3.2", YI, "CNY", True),  # asked, and answered
        ("毛利率54.3%", "54.3", PERCENT, "", True),
        ("毛利率54.3%", "54.3", ONE, "", False),
        ("收入54.3亿元", "54.3", PERCENT, "", False),
        ("6.45亿元至7.20亿元", "7.20", YI, "", True),
        ("没有数字", "1", ONE, "", False),
    ],
)
def test_a_number_is_stated_by_its_digits_unit_sign_and_currency(
    passage: str, value: str, unit: Unit, currency: str, stated: bool
) -> None:
    assert states(passage, Decimal(value), unit, currency) is stated


def test_a_stored_number_is_found_again_in_its_passage() -> None:
    assert states_plain("收入6.45亿元", Decimal(645_000_000), "CNY")
    assert not states_plain("收入6.45亿元", Decimal(654_000_000), "CNY")


def test_the_sign_is_asked_of_the_number_that_may_be_a_loss() -> None:
    passage = "净亏损较上年收窄3.2亿元。收入6亿元"
    assert sign_is_asked(passage, Decimal("3.2"))
    assert not sign_is_asked(passage, Decimal(6))


@pytest.mark.parametrize(
    ("page", "unit", "currency", "words"),
    [
        ("单位：万元 币种：人民币\n项目 2025年\n", WAN, "CNY", "单位:万元 币种:人民币"),
        ("单位：千元 币种：美元\n", Unit.THOUSAND, "USD", "单位:千元 币种:美元"),
        ("人民幣百萬元\n港幣千元\n", Unit.THOUSAND, "HKD", "港幣千元"),
        ("单位：元\n单位：百万元\n", MILLION, "CNY", "单位:百万元"),  # the last one above the place counts
        ("Unit: RMB'000\n", Unit.THOUSAND, "CNY", "RMB'000"),
        ("(RMB in millions)\n", MILLION, "CNY", "(RMB in millions"),
        ("人民幣千元\n", Unit.THOUSAND, "CNY", "人民幣千元"),
        ("(in thousands)\n", Unit.THOUSAND, "", "(in thousands"),
        ("HK$ million\n", MILLION, "HKD", "HK$ million"),
    ],
)
def test_the_unit_above_a_table_is_found_with_its_words(page: str, unit: Unit, currency: str, words: str) -> None:
    text = normalised(page).text
    found = heading_before(text + "1,234", len(text))
    assert found is not None
    assert (found.unit, found.currency, found.words) == (unit, currency, words)
    assert text[found.start :].startswith(words[:4])


def test_a_unit_below_the_place_is_not_of_the_table_above() -> None:
    assert heading_before("1,234\n单位:万元", 0) is None


@pytest.mark.parametrize(
    "junk", ["1,", "(", "1", " ", "亏损", "-", "1 ", "亿元", "1亿元至", "\n", "😀", "RMB", "2025年", "between 1 and "]
)
def test_a_hundred_thousand_characters_are_read_to_their_end(junk: str) -> None:
    text = (junk * 100_000)[:100_000]
    found = amounts(text + "。收入6.45亿元")
    assert found[-1].unit is YI
    assert all(0 <= one.start < one.end <= len(text) + 10 for one in found)
