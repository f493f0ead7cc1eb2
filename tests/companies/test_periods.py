"""Period labels and the days they stand for."""

from datetime import date

import pytest

from companies.periods import NotAPeriod, Period, parse_last_day, parse_period


@pytest.mark.parametrize(
    ("label", "start", "end", "months"),
    [
        ("FY2025", "2025-01-01", "2025-12-31", 12),
        ("FY2024", "2024-01-01", "2024-12-31", 12),
        ("2025Q1", "2025-01-01", "2025-03-31", 3),
        ("2025Q2", "2025-04-01", "2025-06-30", 3),
        ("2025Q3", "2025-07-01", "2025-09-30", 3),
        ("2025Q4", "2025-10-01", "2025-12-31", 3),
        ("2026H1", "2026-01-01", "2026-06-30", 6),
        ("2026H2", "2026-07-01", "2026-12-31", 6),
        ("2025Q1-Q3", "2025-01-01", "2025-09-30", 9),
        ("FY2025Q4", "2025-10-01", "2025-12-31", 3),
        ("TTM-2025-09-30", "2024-10-01", "2025-09-30", 12),
        ("TTM-2024-02-29", "2023-03-01", "2024-02-29", 12),
        ("TTM-2025-02-28", "2024-03-01", "2025-02-28", 12),
        ("TTM-2025-09-15", "2024-09-16", "2025-09-15", 12),
        ("FY2022-FY2024", "2022-01-01", "2024-12-31", 36),
        ("FY2022-2025Q1", "2022-01-01", "2025-03-31", 39),
    ],
)
def test_a_flow_has_a_first_and_a_last_day(label: str, start: str, end: str, months: int) -> None:
    period = parse_period(label)

    assert period == Period(date.fromisoformat(start), date.fromisoformat(end))
    assert period.months == months


@pytest.mark.parametrize(
    ("label", "end"),
    [
        ("2025-12-17", "2025-12-17"),
        ("2025-12", "2025-12-31"),
        ("2024-02", "2024-02-29"),
        ("2023-04", "2023-04-30"),
        ("2025", "2025-12-31"),
    ],
)
def test_a_stock_has_a_last_day_only(label: str, end: str) -> None:
    period = parse_period(label)

    assert period == Period(None, date.fromisoformat(end))
    assert period.months is None


@pytest.mark.parametrize(
    ("label", "start", "end", "months"),
    [
        ("FY2026", "2025-02-01", "2026-01-31", 12),
        ("FY2027Q1", "2026-02-01", "2026-04-30", 3),
        ("FY2027Q2", "2026-05-01", "2026-07-31", 3),
        ("FY2027Q3", "2026-08-01", "2026-10-31", 3),
        ("FY2025Q4", "2024-11-01", "2025-01-31", 3),
        ("2026Q1", "2026-01-01", "2026-03-31", 3),
    ],
)
def test_fiscal_labels_follow_the_fiscal_year_and_calendar_labels_do_not(
    label: str, start: str, end: str, months: int
) -> None:
    period = parse_period(label, fiscal_year_end="01-31")

    assert (period.start, period.end) == (date.fromisoformat(start), date.fromisoformat(end))
    assert period.months == months


def test_a_fiscal_year_may_end_in_february_of_any_year() -> None:
    assert parse_period("FY2024", "02-29") == Period(date(2023, 3, 1), date(2024, 2, 29))
    assert parse_period("FY2025", "02-29") == Period(date(2024, 3, 1), date(2025, 2, 28))


@pytest.mark.parametrize(
    ("label", "start", "end", "agrees"),
    [
        # NVIDIA's year ends on the last Sunday of January.
        ("FY2026", "2025-01-27", "2026-01-25", True),
        ("FY2027Q1", "2026-01-26", "2026-04-26", True),
        ("FY2027Q2", "2026-04-27", "2026-07-26", True),
        ("FY2027Q3", "2026-07-27", "2026-10-25", True),
        ("FY2027Q1", "2025-10-27", "2026-01-25", False),
        ("FY2026", "2025-01-27", "2026-01-23", False),
        ("2026-01-25", "2025-01-27", "2026-01-25", False),
    ],
)
def test_weeks_make_periods_differ_from_their_label_by_up_to_a_week(
    label: str, start: str, end: str, agrees: bool
) -> None:
    stated = Period(date.fromisoformat(start), date.fromisoformat(end))

    assert parse_period(label, "01-31").agrees_with(stated) is agrees


def test_fifty_two_weeks_are_twelve_months_and_thirteen_are_three() -> None:
    assert Period(date(2025, 1, 27), date(2026, 1, 25)).months == 12
    assert Period(date(2026, 1, 26), date(2026, 4, 26)).months == 3


@pytest.mark.parametrize(
    "label",
    ["", "FY25", "2025Q5", "2025H3", "2025Q2-Q3", "2025-02-30", "2025-13", "2025-1-1", "TTM-2025-02-30", "TTM-2025",
     "FY2024-FY2022", "FY0000", "0000", "FY2025 ", "2025-12-17T00:00", "２０２５"],
)  # fmt: skip
def test_anything_else_is_not_a_period(label: str) -> None:
    with pytest.raises(NotAPeriod, match="is not a period"):
        parse_period(label)


@pytest.mark.parametrize("fiscal_year_end", ["13-01", "02-30", "00-10", "06-00"])
def test_a_fiscal_year_ends_on_a_day_that_exists(fiscal_year_end: str) -> None:
    with pytest.raises(NotAPeriod):
        parse_period("FY2025", fiscal_year_end)


def test_the_last_day_stands_for_a_month_or_a_year() -> None:
    assert parse_last_day("2026-01") == date(2026, 1, 31)
    assert parse_last_day("2026") == date(2026, 12, 31)
    assert parse_last_day("2026-01-15") == date(2026, 1, 15)
