"""Periods that a passage names, and how firm it is, for the form to offer."""

import pytest

from companies.recording.suggestions import basis_of, periods


@pytest.mark.parametrize(
    ("passage", "fiscal_year_end", "label"),
    [
        ("revenue for the third quarter of fiscal 2026", "01-31", "FY2026Q3"),  # and not the whole year
        ("Third Quarter Fiscal Year 2026", "01-31", "FY2026Q3"),
        ("fourth-quarter 2025 revenue", "01-31", "FY2025Q4"),
        ("third quarter of 2025", "12-31", "2025Q3"),
        ("fiscal 2026", "01-31", "FY2026"),
        ("Q3 2025", "12-31", "2025Q3"),
        ("year ended December 31, 2025", "12-31", "FY2025"),
        ("2025年第三季度", "12-31", "2025Q3"),
        ("2025年1-9月", "12-31", "2025Q1-Q3"),
        ("2025年前三季度", "12-31", "2025Q1-Q3"),
        ("2025年半年度", "12-31", "2025H1"),
        ("2025年年度报告", "12-31", "FY2025"),
    ],
)
def test_the_period_that_a_passage_names_is_offered_alone(passage: str, fiscal_year_end: str, label: str) -> None:
    assert periods(passage, "", "other", None, fiscal_year_end) == [label]


@pytest.mark.parametrize(
    ("kind", "passage", "basis"),
    [
        ("annual_report", "营业收入为6.45亿元", "actual"),
        ("annual_report", "公司预计2026年度营业收入为6.45亿元至7.20亿元", "guidance"),
        ("interim_report", "We expect revenue of $54 billion", "guidance"),
        ("annual_report", "revenue was unexpectedly high", "actual"),
        ("earnings_forecast", "营业收入为6.45亿元", "guidance"),
        ("express_report", "预计营业收入6.45亿元", "preliminary"),
        ("news", "expected revenue of $1 billion", "claimed"),
    ],
)
def test_how_firm_a_figure_is_follows_from_the_document_and_from_looking_ahead(
    kind: str, passage: str, basis: str
) -> None:
    assert basis_of(kind, passage) == basis
