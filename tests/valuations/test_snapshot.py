"""What the snapshot makes of the starter facts; every number is worked by hand from the files."""

import re
from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from companies.models import Company, Figure, Revision
from tests.money import interval, number
from valuations.models import FxRate, Quote
from valuations.snapshot import CompanyValuation, Question, Snapshot, cached_snapshot, snapshot, totals
from valuations.trailing import RevenueBasis

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("starter")]


def on(day: str, basis: str = "ttm", currency: str = "CNY") -> Snapshot:
    return snapshot(Question(date.fromisoformat(day), currency, RevenueBasis(basis)))


def row(found: Snapshot, slug: str) -> CompanyValuation:
    valuation = found.row(slug)
    assert valuation is not None
    return valuation


@pytest.mark.parametrize(
    ("slug", "close", "shares", "billions"),
    [
        ("moore-threads", "714.8", "470_028_217", "335.976_169_511_6"),
        ("metax", "829.9", "400_100_000", "332.042_99"),
        ("cambricon", "1315.6", "421_690_000", "554.775_364"),
    ],
)
def test_market_value_is_close_times_shares(slug: str, close: str, shares: str, billions: str) -> None:
    value = row(on("2025-12-17"), slug).market_value
    assert value is not None
    holding = value.holdings[0]
    assert (holding.price.value, holding.shares.total) == (Decimal(close), int(shares))
    assert value.money.amount == interval(f"{billions}bn")


def test_cambricons_value_moves_by_its_return_over_the_bonus_issue() -> None:
    before, after = (row(on(day), "cambricon") for day in ("2026-05-07", "2026-05-08"))
    assert before.market_value is not None
    assert after.market_value is not None
    assert before.market_value.money.amount == interval("787.716_92bn")  # 1868.00 x 421,690,000
    assert after.market_value.money.amount == interval("743.005_002_793bn")  # 1182.53 x 628,318,100
    moved = after.market_value.money.low / before.market_value.money.low - 1  # type: ignore[operator]
    assert round(moved, 4) == Decimal("-0.0568")
    assert after.price is not None
    assert after.price.change is not None
    assert round(after.price.change, 4) == Decimal("-0.0568")  # 1182.53 / (1868 / 1.49) - 1


@pytest.mark.parametrize(
    ("slug", "inputs", "trailing"),
    [
        ("cambricon", ["6.497bn", "5.996bn", "2.881bn"], "9.612bn"),
        ("moore-threads", ["1.506bn", "1.736bn", "0.702bn"], "2.540bn"),
        ("hygon", ["14.38bn", "9.099bn", "5.464bn"], "18.015bn"),
    ],
)
def test_trailing_revenue_lists_its_three_inputs(slug: str, inputs: list[str], trailing: str) -> None:
    revenue = row(on("2026-09-30"), slug).revenue
    assert revenue is not None
    assert [term.choice.figure.low for term in revenue.flow.terms] == [number(text) for text in inputs]
    assert [term.sign for term in revenue.flow.terms] == [1, 1, -1]
    assert revenue.money.amount == interval(trailing)


def test_guidance_is_a_range_and_so_is_its_multiple() -> None:
    metax = row(on("2026-02-10", "guidance"), "metax")
    assert metax.revenue is not None
    assert metax.market_value is not None
    assert metax.revenue.money.amount == interval("1.6bn..1.7bn")
    assert metax.price_to_sales is not None
    value = metax.market_value.money.low
    assert value is not None
    assert metax.price_to_sales == interval(f"{value / number('1.7bn')}..{value / number('1.6bn')}")


@pytest.mark.parametrize("basis", list(RevenueBasis))
@pytest.mark.parametrize("day", ["2025-12-20", "2026-02-10", "2026-08-08"])
def test_nothing_published_later_is_used(day: str, basis: RevenueBasis) -> None:
    found = on(day, basis)
    as_of = date.fromisoformat(day)
    for valuation in found.rows:
        if valuation.revenue:
            for term in valuation.revenue.flow.terms:
                used = [term.choice.figure, *term.choice.also]
                assert all(figure.known_on <= as_of for figure in used)
        if valuation.price:
            assert valuation.price.day <= as_of
    assert all(rate.day <= as_of for rate in found.rates.values())


def test_no_figure_published_in_2026_appears_in_december_2025() -> None:
    found = on("2025-12-20", "guidance")
    assert found.figures
    assert all(figure.known_on.year <= 2025 for figure in found.figures.values())
    moore_threads = row(found, "moore-threads").revenue
    assert moore_threads is not None
    assert moore_threads.money.amount == interval("1.218bn..1.498bn")  # the prospectus, not January's forecast


def test_a_figure_without_a_date_counts_from_the_deadline_of_its_report() -> None:
    figure = Figure.objects.get(company__slug="moore-threads", metric="revenue", period="2026Q1")
    assert (figure.known_on, figure.known_by) == (date(2026, 4, 30), "inferred")


def test_an_unlisted_company_is_worth_its_last_round() -> None:
    kunlunxin = row(on("2026-09-30", "fy"), "kunlunxin")
    assert kunlunxin.stage == "applying"
    assert kunlunxin.market_value is not None
    assert kunlunxin.market_value.round is not None
    assert kunlunxin.market_value.money.amount == interval("21bn")  # Series D, July 2025; targets are not rounds
    assert kunlunxin.market_value.day == date(2025, 7, 31)


def test_a_company_is_worth_its_round_until_the_day_it_lists() -> None:
    assert row(on("2025-12-04"), "moore-threads").stage == "applying"
    assert row(on("2025-12-05"), "moore-threads").stage == "listed"


def test_hong_kong_values_are_converted_at_the_rate_of_the_day_of_the_price() -> None:
    biren = row(on("2026-01-09"), "biren")
    assert biren.market_value is not None
    # 34.06 x 2.4 bn = HKD 81.744 bn; EUR/HKD 9.0763 and EUR/CNY 8.1288 of 2026-01-09.
    expected = number("81.744bn") / Decimal("9.0763") * Decimal("8.1288")
    assert abs(biren.market_value.money.low - expected) < 1  # type: ignore[operator]


def test_a_change_needs_the_session_before() -> None:
    nvidia, hygon = (row(on("2026-09-30"), slug).price for slug in ("nvidia", "hygon"))
    assert nvidia is not None
    assert nvidia.change is None  # closes of 31 July and 31 August are a month apart
    assert hygon is not None
    assert hygon.change is not None


@pytest.mark.parametrize("day", ["2025-12-17", "2026-02-26", "2026-09-30"])
def test_a_multiple_is_the_same_in_every_currency(day: str) -> None:
    """Of listed companies and of unlisted ones, whose value is as old as their round."""
    found = [on(day, "fy", currency) for currency in ("CNY", "USD", "HKD")]
    compared = 0
    for rows in zip(*(one.rows for one in found), strict=True):
        known = [valuation.price_to_sales for valuation in rows if valuation.price_to_sales]
        multiples = {(round(multiple.low or 0, 6), round(multiple.high or 0, 6)) for multiple in known}
        assert len(multiples) <= 1, rows[0].company.slug
        compared += len(known) > 1
    assert compared >= 5


def test_without_a_fresh_rate_there_is_no_number_but_a_reason() -> None:
    FxRate.objects.all().delete()
    cambricon = row(on("2025-12-17", currency="USD"), "cambricon")
    assert cambricon.market_value is None
    assert "CNY/USD" in str(cambricon.missing["market_value"])
    assert cambricon.price is not None


@pytest.mark.parametrize("day", ["2020-01-01", "2025-12-17", "2026-09-30"])
@pytest.mark.parametrize("basis", list(RevenueBasis))
def test_every_missing_number_has_a_reason(day: str, basis: RevenueBasis) -> None:
    for valuation in on(day, basis).rows:
        for name in ("price", "market_value", "revenue", "price_to_sales", "rd_to_revenue"):
            assert (getattr(valuation, name) is None) == (name in valuation.missing), (valuation.company.slug, name)
            if name in valuation.missing:
                assert str(valuation.missing[name])


def test_before_any_data_the_first_priced_day_is_named() -> None:
    assert on("2019-12-31").first_day == Quote.objects.order_by("day")[0].day


def test_queries_do_not_grow_with_the_companies() -> None:
    with CaptureQueriesContext(
        connection,
    ) as few:
        snapshot(Question(date(2026, 9, 30)), Company.objects.filter(slug="cambricon"))
    with CaptureQueriesContext(connection) as many:
        snapshot(Question(date(2026, 9, 30)))
    assert len(many) == len(few) <= 13


def test_totals_carry_their_coverage_and_leave_benchmarks_out() -> None:
    found = on("2025-12-17")
    sums = totals(found.rows, found.question, found.row("nvidia"))
    listed = [r for r in found.rows if r.market_value and not r.company.is_benchmark]
    assert sums.market_value is not None
    assert sums.market_value.low == sum(r.market_value.money.low for r in listed if r.market_value)  # type: ignore[misc]
    assert sums.market_value_coverage.counted == len(listed)
    assert sums.market_value_coverage.of == 25  # 27 companies without NVIDIA and AMD


# --- Kept between changes ------------------------------------------------------------------------------


def tables_read(question: Question) -> set[str]:
    """The tables that a kept snapshot asks."""
    with CaptureQueriesContext(connection) as queries:
        cached_snapshot(question)
    return {word for query in queries for word in re.findall(r'FROM "(\w+)"', query["sql"])}


def test_after_a_price_changed_nothing_reported_is_read_again() -> None:
    question = Question(date(2026, 9, 30))
    everything = tables_read(question)
    assert {"valuations_quote", "companies_figure", "companies_sharecount"} <= everything
    assert tables_read(question) == set()

    Revision.bump(reported=False)
    again = tables_read(question)
    assert "valuations_quote" in again
    assert again.isdisjoint({"companies_figure", "companies_sharecount", "valuations_exchangeday"})

    Revision.bump()
    assert tables_read(question) == everything
