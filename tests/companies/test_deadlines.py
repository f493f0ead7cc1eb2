"""By when a report must be public at the latest."""

from datetime import date

import pytest

from companies.deadlines import statutory_deadline


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize("venue", ["XSHG", "XSHE", ""])
@pytest.mark.parametrize(
    ("reported_in", "period_end", "months", "deadline"),
    [
        ("annual_report", "2025-12-31", 12, "2026-04-30"),
        ("quarterly_report", "2026-03-31", 3, "2026-04-30"),
        ("interim_report", "2026-06-30", 6, "2026-08-31"),
        ("quarterly_report", "2025-09-30", 9, "2025-10-31"),
        ("quarterly_report", "2025-09-30", 3, "2025-10-31"),
        ("earnings_forecast", "2025-12-31", 12, "2026-01-31"),
        ("express_report", "2025-12-31", 12, "2026-02-28"),
        ("express_report", "2023-12-31", 12, "2024-02-29"),
        # A page that repeats a report counts with the report; a fourth quarter stands in the annual report.
        ("news", "2025-12-31", 12, "2026-04-30"),
        ("media", "2025-03-31", 3, "2025-04-30"),
        ("data_site", "2025-09-30", 12, "2025-10-31"),
        ("research_report", "2025-12-31", 3, "2026-04-30"),
        ("page", "2024-12-31", 36, "2025-04-30"),
        # A stock on a day stands in the report on its quarter.
        ("media", "2025-12-17", None, "2026-04-30"),
        ("data_site", "2025-07-01", None, "2025-10-31"),
        ("page", "2025-06-30", None, "2025-08-31"),
        ("exchange_announcement", "2026-02-10", None, "2026-04-30"),
    ],
)
def test_mainland_reports(venue: str, reported_in: str, period_end: str, months: int | None, deadline: str) -> None:
    assert statutory_deadline(reported_in, day(period_end), months, venue) == day(deadline)


@pytest.mark.parametrize(
    ("reported_in", "period_end", "months", "deadline"),
    [
        ("annual_results", "2025-12-31", 12, "2026-03-31"),
        ("annual_report", "2025-12-31", 12, "2026-04-30"),
        ("interim_report", "2025-06-30", 6, "2025-08-31"),
        ("media", "2025-12-31", 12, "2026-03-31"),
        # There are no reports of quarters: the half-year's or the year's is the first to tell.
        ("media", "2025-03-31", 3, "2025-08-31"),
        ("data_site", "2025-09-30", 3, "2026-03-31"),
        ("page", "2026-01-02", None, "2026-08-31"),
        ("page", "2025-08-15", None, "2026-03-31"),
    ],
)
def test_hong_kong_reports(reported_in: str, period_end: str, months: int | None, deadline: str) -> None:
    assert statutory_deadline(reported_in, day(period_end), months, "XHKG") == day(deadline)


@pytest.mark.parametrize(
    ("period_end", "months", "fiscal_year_end", "deadline"),
    [
        # 25 January + 60 days, 26 April + 40 days: NVIDIA's year ends on the last Sunday of January.
        ("2026-01-25", 12, "01-31", "2026-03-26"),
        ("2026-01-25", 3, "01-31", "2026-03-26"),
        ("2026-04-26", 3, "01-31", "2026-06-05"),
        ("2025-12-31", 12, "12-31", "2026-03-01"),
        ("2026-06-30", 3, "12-31", "2026-08-09"),
        # A fiscal year of weeks that ends in the next month.
        ("2026-01-03", 12, "12-31", "2026-03-04"),
        # A stock on a day: 40 days after the end of its quarter, here 31 March.
        ("2026-03-18", None, "12-31", "2026-05-10"),
    ],
)
def test_american_reports(period_end: str, months: int | None, fiscal_year_end: str, deadline: str) -> None:
    found = statutory_deadline("quarterly_report", day(period_end), months, "XNAS", fiscal_year_end=fiscal_year_end)

    assert found == day(deadline)


@pytest.mark.parametrize("basis", ["guidance", "forecast"])
@pytest.mark.parametrize("reported_in", ["media", "research_report", "news", "earnings_forecast"])
@pytest.mark.parametrize("venue", ["XSHG", "XHKG", ""])
def test_a_forecast_counts_from_the_day_the_earnings_forecast_is_due(venue: str, reported_in: str, basis: str) -> None:
    assert statutory_deadline(reported_in, day("2025-12-31"), 12, venue, basis=basis) == day("2026-01-31")


@pytest.mark.parametrize(
    "reported_in", ["prospectus", "listing_announcement", "allotment_result", "issue_result", "offering_arrangement"]
)
def test_papers_of_a_listing_are_out_on_the_first_day_of_trading(reported_in: str) -> None:
    listed_on = day("2026-01-08")

    assert statutory_deadline(reported_in, day("2022-12-31"), 12, "XHKG", listed_on=listed_on) == listed_on


def test_a_prospectus_of_an_unlisted_company_counts_with_the_periodic_report() -> None:
    assert statutory_deadline("prospectus", day("2024-12-31"), 12, "") == day("2025-04-30")


@pytest.mark.parametrize(
    ("period_end", "months", "deadline"),
    [("2024-12-31", 12, "2025-12-05"), ("2025-06-30", 6, "2025-12-05"), ("2026-03-31", 3, "2026-04-30")],
)
def test_a_company_owes_no_report_before_it_is_listed(period_end: str, months: int, deadline: str) -> None:
    found = statutory_deadline("news", day(period_end), months, "XSHG", listed_on=day("2025-12-05"))

    assert found == day(deadline)
