"""How numbers, days and words are written, in both languages."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.utils import translation

from tests.money import interval, money
from valuations.sessions import FreshnessState
from valuations.snapshot import Coverage
from valuations.state import State
from valuations.templatetags import numbers

ENGLISH, CHINESE = "en", "zh-hans"


@pytest.mark.parametrize(
    ("given", "english", "chinese"),
    [
        ("1562.3bn CNY", "CNY 1.56 tn", "1.56万亿元"),
        ("33.44bn CNY", "CNY 33.4 bn", "334亿元"),
        ("9.612bn USD", "USD 9.61 bn", "96.1亿美元"),
        ("1.6bn..1.7bn CNY", "CNY 1.6–1.7 bn", "16–17亿元"),
        ("0.95bn..1.05bn HKD", "HKD 0.95–1.05 bn", "9.5–10.5亿港元"),
        ("1.98bn.. CNY", "≥ CNY 1.98 bn", "≥ 19.8亿元"),
        ("..850m CNY", "≤ CNY 850 m", "≤ 8.5亿元"),
        ("420m SGD", "SGD 420 m", "4.2亿 SGD"),
        ("999_999m CNY", "CNY 1,000 bn", "10,000亿元"),
        ("12_345 CNY", "CNY 12,345", "1.23万元"),
    ],
)
def test_money_is_written_with_currency_and_one_unit_for_both_ends(given: str, english: str, chinese: str) -> None:
    with translation.override(ENGLISH):
        assert numbers.money(money(given)) == english
    with translation.override(CHINESE):
        assert numbers.money(money(given)) == chinese


@pytest.mark.parametrize(
    ("given", "english", "chinese"),
    [
        ("634.04bn CNY", "634", "6,340"),
        ("198.94bn CNY", "198.9", "1,989"),
        ("9.612bn CNY", "9.612", "96.12"),
        ("18bn CNY", "18", "180"),
        ("0.6512bn..0.85bn CNY", "0.6512–0.85", "6.512–8.5"),
        ("35_530.8bn CNY", "35,531", "355,308"),
    ],
)
def test_amounts_in_a_column_leave_the_unit_to_its_header(given: str, english: str, chinese: str) -> None:
    with translation.override(ENGLISH):
        assert numbers.amount(money(given)) == english
        assert numbers.unit("CNY") == "CNY bn"
    with translation.override(CHINESE):
        assert numbers.amount(money(given)) == chinese
        assert numbers.unit("CNY") == "亿元"
        assert numbers.unit("USD") == "亿美元"


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("65.96", "66×"),
        ("117.03..124.34", "117–124×"),
        ("9.64", "9.6×"),
        ("8..12.4", "8–12×"),
        ("117.03..117.24", "117–117.2×"),
        ("50..", "≥ 50×"),
        ("..7.25", "≤ 7.3×"),
    ],
)
def test_multiples_keep_both_ends_apart(given: str, written: str) -> None:
    assert numbers.multiple(interval(given)) == written


@pytest.mark.parametrize(
    ("given", "written"), [("0.2241", "22%"), ("0.0419", "4.2%"), ("0.2..0.25", "20–25%"), ("1.381", "138%")]
)
def test_shares_of_a_whole_are_percentages(given: str, written: str) -> None:
    assert numbers.percent(interval(given)) == written


@pytest.mark.parametrize(
    ("given", "written", "colour"),
    [
        ("0.0213", "▲ +2.1%", "up"),
        ("-0.0348", "▼ −3.5%", "down"),
        ("0.0004", "0.0%", ""),
        ("-0.0004", "0.0%", ""),
        ("4.25", "▲ +425.0%", "up"),
    ],
)
def test_a_change_has_arrow_and_sign_besides_its_colour(given: str, written: str, colour: str) -> None:
    assert numbers.change(Decimal(given)) == written
    assert numbers.direction(Decimal(given)) == colour


@pytest.mark.parametrize(
    ("given", "written"), [("1009.01", "1,009.01"), ("226.8", "226.80"), ("31.085", "31.085"), ("12", "12.00")]
)
def test_a_price_has_two_decimals_or_as_many_as_it_has(given: str, written: str) -> None:
    assert numbers.price(Decimal(given)) == written


def test_a_missing_number_is_a_dash_and_never_zero() -> None:
    for write in (numbers.money, numbers.amount, numbers.multiple, numbers.percent, numbers.change, numbers.price):
        assert write(None) == "—"
    assert numbers.change(Decimal(0)) == "0.0%"


def test_a_dash_carries_its_reason_escaped() -> None:
    assert numbers.dash("no <price>") == ('<span aria-hidden="true">—</span><span class="why">no &lt;price&gt;</span>')


@pytest.mark.parametrize(
    ("given", "english", "chinese"),
    [
        ("FY2025", "FY2025", "2025财年"),
        ("FY2027Q2", "FY2027 Q2", "2027财年二季度"),
        ("2026H1", "H1 2026", "2026年上半年"),
        ("2025Q1-Q3", "Q1–Q3 2025", "2025年前三季度"),
        ("TTM-2026-06-30", "TTM Jun 2026", "截至2026年6月滚动"),
        ("2025-12-17", "17 Dec 2025", "2025年12月17日"),
        ("2025-10", "Oct 2025", "2025年10月"),
        ("FY2022-FY2024", "FY2022–FY2024", "2022–2024财年"),
        ("FY2022-2025Q1", "FY2022–Q1 2025", "2022财年–2025年一季度"),
    ],
)
def test_periods_read_as_people_say_them(given: str, english: str, chinese: str) -> None:
    with translation.override(ENGLISH):
        assert numbers.period(given) == english
    with translation.override(CHINESE):
        assert numbers.period(given) == chinese


def test_days_are_written_in_the_form_of_the_language() -> None:
    day = date(2026, 9, 30)
    with translation.override(ENGLISH):
        assert numbers.day(day) == "30 Sep 2026"
        assert numbers.short_day(day, date(2026, 1, 1)) == "30 Sep"
        assert numbers.short_day(day, date(2027, 1, 1)) == "30 Sep 2026"
    with translation.override(CHINESE):
        assert numbers.day(day) == "2026年9月30日"
        assert numbers.short_day(day, date(2026, 1, 1)) == "9月30日"


def test_moments_are_told_in_shanghai_time() -> None:
    assert numbers.moment(datetime(2026, 9, 30, 7, 0, tzinfo=UTC)) == "30 Sep 2026 15:00 CST"


def test_every_state_of_a_price_has_its_own_word() -> None:
    words = [numbers.state_word(state) for state in FreshnessState]
    assert len(set(words)) == len(FreshnessState)
    assert not [word for word in words if "_" in word]


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (Coverage(7, 9), "7 of 9 companies"),
        (Coverage(7, 9, 1), "7 of 9 companies, 1 as a range"),
    ],
)
def test_coverage_says_how_many_of_how_many(given: Coverage, written: str) -> None:
    assert numbers.coverage(given) == written


@pytest.mark.parametrize(
    ("changes", "query"),
    [
        ({}, "?basis=fy&sort=revenue"),
        ({"basis": "ttm", "sort": "market_value"}, ""),
        ({"page": 3}, "?basis=fy&sort=revenue&page=3"),
    ],
)
def test_a_link_keeps_the_state_but_for_what_it_changes(changes: dict[str, object], query: str) -> None:
    assert numbers.state_query(State(basis="fy", sort="revenue"), **changes) == query


def test_a_header_sorts_numbers_from_the_top_and_turns_round_when_chosen() -> None:
    columns = {column.name: column for column in numbers.sector_columns(State(sort="revenue", page=4))}
    assert columns["revenue"].query == "?sort=revenue&direction=asc"
    assert columns["revenue"].sorted == "descending"
    assert columns["market_value"].query == ""
    assert columns["company"].query == "?sort=company&direction=asc"
    assert [column.name for column in columns.values() if column.sorted] == ["revenue"]
