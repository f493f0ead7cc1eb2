"""Ranges and money."""

from decimal import Decimal

import pytest

from tests.money import interval, money
from valuations.money import CurrencyMismatch, Interval, NotMeaningful, hull, total
from valuations.multiples import change, price_to_sales, rd_intensity, share_of


@pytest.mark.parametrize(
    ("one", "other", "added", "taken"),
    [
        ("5", "3", "8", "2"),
        ("1.6..1.7", "0.5", "2.1..2.2", "1.1..1.2"),
        ("1.6..1.7", "0.4..0.5", "2.0..2.2", "1.1..1.3"),
        ("..2", "1", "..3", "..1"),
        ("3..", "1..2", "4..", "1.."),
    ],
)
def test_ranges_add_and_subtract_end_by_end(one: str, other: str, added: str, taken: str) -> None:
    assert interval(one) + interval(other) == interval(added)
    assert interval(one) - interval(other) == interval(taken)


def test_a_sum_open_at_both_ends_is_not_a_number() -> None:
    with pytest.raises(NotMeaningful):
        interval("..2") + interval("3..")


@pytest.mark.parametrize(("low", "high"), [(None, None), (Decimal(2), Decimal(1))])
def test_a_range_needs_an_end_and_the_right_order(low: Decimal | None, high: Decimal | None) -> None:
    with pytest.raises(ValueError, match=r"range|above"):
        Interval(low, high)


def test_two_currencies_never_add() -> None:
    with pytest.raises(CurrencyMismatch):
        money("1 CNY") + money("1 USD")
    with pytest.raises(CurrencyMismatch):
        total([money("1 CNY")], "USD")


def test_a_total_is_a_range_when_a_member_is_one() -> None:
    assert total([money("332 CNY"), money("1.6..1.7 CNY")], "CNY") == money("333.6..333.7 CNY")


@pytest.mark.parametrize(
    ("intervals", "expected"),
    [(["10..12", "11..20"], "10..20"), (["10..", "12"], "10.."), (["..10", "12"], "..12"), (["5"], "5")],
)
def test_a_hull_keeps_the_ends_that_one_leaves_open(intervals: list[str], expected: str) -> None:
    assert hull([interval(text) for text in intervals]) == interval(expected)


def test_a_hull_open_at_both_ends_is_not_a_number() -> None:
    with pytest.raises(NotMeaningful):
        hull([interval("20.."), interval("..10")])


def test_a_total_of_nothing_is_not_zero() -> None:
    with pytest.raises(NotMeaningful):
        total([], "CNY")


@pytest.mark.parametrize(
    ("value", "revenue", "multiple"),
    [
        ("2_500 CNY", "1_000 CNY", "2.5"),
        ("204bn CNY", "1.6bn..1.7bn CNY", "120..127.5"),
        ("100..120 CNY", "4..5 CNY", "20..30"),
        ("100 CNY", "..4 CNY", "25.."),
        ("100 CNY", "4.. CNY", "..25"),
        ("0 CNY", "1_000 CNY", "0"),
    ],
)
def test_price_to_sales_is_value_over_revenue_end_by_end(value: str, revenue: str, multiple: str) -> None:
    assert price_to_sales(money(value), money(revenue)) == interval(multiple)


@pytest.mark.parametrize("revenue", ["0 CNY", "-5 CNY", "-1..2 CNY", "0..2 CNY"])
def test_no_multiple_of_revenue_that_may_be_nothing(revenue: str) -> None:
    with pytest.raises(NotMeaningful):
        price_to_sales(money("100 CNY"), money(revenue))


def test_a_multiple_needs_one_currency() -> None:
    with pytest.raises(CurrencyMismatch):
        price_to_sales(money("100 USD"), money("1 CNY"))


def test_rd_intensity_and_share_are_plain_ratios() -> None:
    assert rd_intensity(money("216 CNY"), money("1_000 CNY")) == interval("0.216")
    assert share_of(money("42 USD"), money("1_000 USD")) == interval("0.042")


@pytest.mark.parametrize(("value", "before", "expected"), [("105", "100", "0.05"), ("90", "100", "-0.1")])
def test_change_is_relative(value: str, before: str, expected: str) -> None:
    assert change(Decimal(value), Decimal(before)) == Decimal(expected)


def test_there_is_no_change_from_nothing() -> None:
    with pytest.raises(NotMeaningful):
        change(Decimal(1), Decimal(0))
