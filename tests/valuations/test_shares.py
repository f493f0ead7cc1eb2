"""Share counts by day."""

from datetime import date
from decimal import Decimal

import pytest

from valuations.shares import Action, Count, CountMissing, adjustment, behind_price, shares_on

LISTED = date(2020, 7, 20)
# Cambricon's counts and actions.
COUNTS = [
    Count(415_920_000, date(2024, 10, 31)),
    Count(418_350_000, date(2025, 9, 18)),
    Count(421_690_000, date(2025, 11, 6)),
]
BONUS = Action(date(2026, 5, 8), Decimal("1.49"), 0, "bonus")
ACTIONS = [
    BONUS,
    Action(date(2023, 4, 14), Decimal(1), 13_806_042, "placing"),
    Action(date(2025, 10, 16), Decimal(1), 3_334_946, "placing"),
]


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2024-10-31", 415_920_000),
        ("2025-09-17", 415_920_000),
        ("2025-10-15", 418_350_000),
        ("2025-10-16", 421_684_946),  # 418,350,000 + 3,334,946
        ("2025-11-06", 421_690_000),
        ("2026-05-07", 421_690_000),
        ("2026-05-08", 628_318_100),  # 421,690,000 x 1.49
        ("2026-09-30", 628_318_100),
    ],
)
def test_the_last_count_is_carried_over_the_actions_since(day: str, expected: int) -> None:
    assert shares_on(date.fromisoformat(day), COUNTS, ACTIONS, LISTED).total == expected


def test_the_first_count_reaches_back_to_the_last_action_before_it() -> None:
    found = shares_on(date(2023, 4, 14), COUNTS, ACTIONS, LISTED)
    assert (found.total, found.reached_back) == (415_920_000, True)


@pytest.mark.parametrize("day", [date(2023, 4, 13), date(2020, 7, 20)])
def test_the_first_count_does_not_reach_over_an_action(day: date) -> None:
    with pytest.raises(CountMissing) as missing:
        shares_on(day, COUNTS, ACTIONS, LISTED)
    assert missing.value.since == date(2023, 4, 14)


def test_a_dividend_changes_no_count_and_is_no_wall_before_the_first_one() -> None:
    dividend = Action(date(2024, 6, 3), Decimal(1), 0, "dividend")
    later = Action(date(2026, 6, 3), Decimal(1), 0, "dividend")
    found = shares_on(date(2024, 6, 1), COUNTS, [*ACTIONS, dividend], LISTED)
    assert (found.total, found.reached_back) == (415_920_000, True)
    found = shares_on(date(2026, 9, 30), COUNTS, [*ACTIONS, later], LISTED)
    assert (found.total, found.actions) == (628_318_100, (BONUS,))
    assert adjustment(date(2026, 1, 5), [later]) == 1


def test_the_first_count_reaches_back_to_the_listing_and_no_further() -> None:
    counts = [Count(470_030_000, date(2025, 12, 26))]
    assert shares_on(date(2025, 12, 5), counts, [], date(2025, 12, 5)).total == 470_030_000
    with pytest.raises(CountMissing):
        shares_on(date(2025, 12, 4), counts, [], date(2025, 12, 5))


def test_a_count_dated_on_the_ex_day_is_already_after_the_bonus() -> None:
    assert shares_on(date(2026, 5, 8), [Count(628_000_000, date(2026, 5, 8))], [BONUS], LISTED).total == 628_000_000


def test_of_two_counts_of_one_day_the_better_source_counts() -> None:
    better, worse = Count(400_100_000, LISTED, (0,)), Count(400_000_000, LISTED, (3,))
    for counts in ([better, worse], [worse, better]):
        assert shares_on(date(2021, 1, 1), counts, []).total == 400_100_000
        assert shares_on(date(2020, 7, 19), counts, []).total == 400_100_000


@pytest.mark.parametrize(
    ("counted", "alone", "expected"),
    [(["all"], True, "all"), (["A"], True, "A"), (["all", "A"], True, "all"), (["all", "A", "H"], False, "A")],
)
def test_a_price_is_multiplied_with_the_shares_it_values(counted: list[str], alone: bool, expected: str) -> None:
    counts = dict.fromkeys(counted, COUNTS)
    actions = [("A", BONUS), ("H", ACTIONS[1]), ("all", ACTIONS[2])]
    name, _, applied = behind_price("A", counts, actions, alone=alone)
    assert name == expected
    assert applied == [BONUS, ACTIONS[2]]  # its own class and all classes, never the other class


def test_two_listed_classes_need_a_count_of_each() -> None:
    with pytest.raises(CountMissing):
        behind_price("A", {"all": COUNTS}, [], alone=False)


def test_no_count_is_not_zero_shares() -> None:
    with pytest.raises(CountMissing):
        shares_on(date(2026, 1, 1), [], [])


def test_prices_before_a_bonus_are_divided_by_its_ratio_and_placings_leave_them_alone() -> None:
    before, ex_day = date(2026, 5, 7), date(2026, 5, 8)
    assert round(Decimal("1868.00") * adjustment(before, ACTIONS), 2) == Decimal("1253.69")
    assert adjustment(ex_day, ACTIONS) == 1
