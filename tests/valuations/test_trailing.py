"""Choice among sources, and the three revenue bases."""

from datetime import date
from decimal import Decimal

import pytest

from companies.periods import parse_period
from tests.money import interval, money
from valuations.choice import FigureFact, choice
from valuations.trailing import Flow, FlowMissing, RevenueBasis, flow

_keys = iter(range(1, 10_000))


def figure(text: str, **changes: object) -> FigureFact:
    """`FY2025 6.497bn actual annual_report media 2026-03-12`; changes replace fields."""
    period, amount, basis, reported_in, tier, known_on = text.split()
    span = parse_period(period)
    values: dict[str, object] = {
        "key": next(_keys),
        "period": period,
        "start": span.start,
        "end": span.end,
        "low": interval(amount).low,
        "high": interval(amount).high,
        "currency": "CNY",
        "basis": basis,
        "reported_in": reported_in,
        "tier": tier,
        "known_on": date.fromisoformat(known_on),
    }
    return FigureFact(**(values | changes))  # type: ignore[arg-type]


def known(figures: list[FigureFact], as_of: str) -> list[FigureFact]:
    return [fact for fact in figures if fact.known_on <= date.fromisoformat(as_of)]


def on(figures: list[FigureFact], basis: str, as_of: str) -> Flow:
    return flow(known(figures, as_of), RevenueBasis(basis), date.fromisoformat(as_of))


CAMBRICON = [
    figure("FY2024 1.1744644bn actual annual_report mirror 2025-04-30"),
    figure("2024Q1-Q3 185.306577m actual quarterly_report mirror 2024-10-31"),
    figure("2025H1 2.881bn actual interim_report media 2025-08-27"),
    figure("2025Q1-Q3 4.607bn actual news media 2025-12-17"),
    figure("FY2025 6bn..7bn guidance earnings_forecast mirror 2026-02-02"),
    figure("FY2025 6.5bn preliminary express_report secondary 2026-02-27"),
    figure("FY2025 6.497bn actual annual_report media 2026-03-12"),
    figure("2026Q1 2.885bn actual quarterly_report secondary 2026-04-30"),
    figure("2025Q1 1.111bn actual quarterly_report secondary 2025-04-30"),
    figure("2026H1 5.996bn actual interim_report secondary 2026-08-07"),
]
METAX = [
    figure("FY2024 743m actual prospectus secondary 2025-12-17"),
    figure("FY2025 1.5bn..1.98bn guidance prospectus secondary 2025-12-18"),
    figure("FY2025 1.6bn..1.7bn guidance earnings_forecast media 2026-01-27"),
    figure("FY2025 1.6bn preliminary express_report secondary 2026-02-27"),
]


def test_a_firmer_basis_beats_a_better_tier() -> None:
    actual = figure("FY2025 1.506bn actual annual_report secondary 2026-08-10")
    preliminary = figure("FY2025 1.505bn preliminary express_report official 2026-02-28")
    picked = choice([preliminary, actual])
    assert picked.figure is actual
    assert picked.also == (preliminary,)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("official 2026-01-01", "mirror 2026-06-01"),
        ("mirror 2026-01-01", "media 2026-06-01"),
        ("media 2026-01-01", "data_site 2026-06-01"),
        ("data_site 2026-01-01", "secondary 2026-06-01"),
        ("media 2026-06-01", "media 2026-01-01"),  # of one tier the newer page
    ],
)
def test_the_nearer_source_counts_then_the_newer(first: str, second: str) -> None:
    better, worse = figure(f"FY2025 2bn actual news {first}"), figure(f"FY2025 1bn actual news {second}")
    assert choice([worse, better]).figure is better


def test_newer_guidance_replaces_older_guidance_of_a_better_tier() -> None:
    prospectus = figure("FY2025 1.218bn..1.498bn guidance prospectus mirror 2025-11-28")
    forecast = figure("FY2025 1.45bn..1.52bn guidance earnings_forecast media 2026-01-21")
    assert choice([prospectus, forecast]).figure is forecast


def test_within_one_statement_of_guidance_the_better_tier_counts() -> None:
    media = figure("FY2025 6bn..7bn guidance earnings_forecast media 2026-02-01")
    mirror = figure("FY2025 6bn..7bn guidance earnings_forecast mirror 2026-02-02")
    assert choice([media, mirror]).figure is mirror


def test_cambricons_trailing_revenue_is_computed_from_three_inputs() -> None:
    found = on(CAMBRICON, "ttm", "2026-09-30")
    assert found.money == money("9.612bn CNY")  # 6.497 + 5.996 - 2.881
    assert [(term.sign, term.choice.figure.period) for term in found.terms] == [
        (1, "FY2025"),
        (1, "2026H1"),
        (-1, "2025H1"),
    ]
    assert (found.period, found.basis) == ("TTM-2026-06-30", "actual")


@pytest.mark.parametrize(
    ("as_of", "expected", "period"),
    [
        ("2025-12-20", "5.596_157_823bn", "TTM-2025-09-30"),  # 1.1744644 + 4.607 - 0.185306577 (in bn)
        ("2026-02-28", "6.5bn", "FY2025"),  # the express report
        ("2026-03-12", "6.497bn", "FY2025"),  # the annual report replaces it
        ("2026-04-30", "8.271bn", "TTM-2026-03-31"),  # 6.497 + 2.885 - 1.111
        ("2026-08-06", "8.271bn", "TTM-2026-03-31"),  # the half year is not out yet
    ],
)
def test_trailing_revenue_uses_only_what_was_known(as_of: str, expected: str, period: str) -> None:
    found = on(CAMBRICON, "ttm", as_of)
    assert (found.money, found.period) == (money(f"{expected} CNY"), period)


def test_trailing_revenue_of_a_range_is_a_range() -> None:
    figures = [*CAMBRICON, figure("2026Q1-Q3 9bn..10bn preliminary express_report official 2026-09-30")]
    found = on(figures, "ttm", "2026-09-30")
    assert found.money == money("10.89bn..11.89bn CNY")  # 6.497 + 9..10 - 4.607
    assert found.basis == "preliminary"


def test_without_last_years_period_an_older_end_is_used_and_the_newer_one_is_named() -> None:
    figures = [
        figure("FY2024 438m actual news secondary 2025-04-30"),
        figure("2025Q1-Q3 785m actual media media 2025-12-14"),
    ]
    found = on(figures, "ttm", "2025-12-17")
    assert (found.money, found.period, found.newer_period) == (money("438m CNY"), "FY2024", "2025Q1-Q3")


def test_an_old_year_is_not_trailing_and_the_lacking_period_is_named() -> None:
    figures = [
        figure("FY2024 466m actual annual_report mirror 2025-04-30"),
        figure("2025Q1-Q3 494m actual quarterly_report mirror 2025-10-29"),
    ]
    with pytest.raises(FlowMissing) as missing:
        on(figures, "ttm", "2026-09-30")
    assert (missing.value.code, missing.value.period) == ("trailing_lacks", "2024Q1-Q3")


def test_without_the_last_year_it_is_named_as_lacking() -> None:
    with pytest.raises(FlowMissing) as missing:
        on([figure("2025Q1-Q3 494m actual quarterly_report mirror 2025-10-29")], "ttm", "2025-12-17")
    assert (missing.value.code, missing.value.period) == ("trailing_lacks", "FY2024")


def test_a_reported_trailing_figure_serves_when_none_can_be_computed() -> None:
    figures = [
        figure("2025Q1-Q3 1.236bn actual news media 2025-12-17"),
        figure("TTM-2025-09-30 1.76bn actual data_site data_site 2025-12-26"),
    ]
    assert on(figures, "ttm", "2026-01-05").money == money("1.76bn CNY")


def test_year_to_date_may_be_made_of_quarters() -> None:
    figures = [
        figure("FY2025 100m actual annual_report official 2026-03-01"),
        figure("2026Q1 30m actual quarterly_report official 2026-04-30"),
        figure("2026Q2 40m actual interim_report official 2026-08-30"),
        figure("2025H1 50m actual interim_report official 2025-08-30"),
    ]
    assert on(figures, "ttm", "2026-09-01").money == money("120m CNY")  # 100 + 30 + 40 - 50


def test_fiscal_weeks_do_not_break_the_chain() -> None:
    """NVIDIA's quarters end on Sundays: 2025-04-27 is the year before 2026-04-26."""
    figures = [
        figure(
            "FY2026 215.9bn actual annual_report mirror 2026-02-25",
            start=date(2025, 1, 27),
            end=date(2026, 1, 25),
        ),
        figure(
            "FY2027Q1 81.615bn actual quarterly_report mirror 2026-05-20",
            start=date(2026, 1, 26),
            end=date(2026, 4, 26),
        ),
        figure(
            "FY2026Q1 44.062bn actual quarterly_report mirror 2026-05-20",
            start=date(2025, 1, 27),
            end=date(2025, 4, 27),
        ),
    ]
    assert on(figures, "ttm", "2026-06-01").money == money("253.453bn CNY")  # 215.9 + 81.615 - 44.062


def test_two_currencies_are_not_put_together() -> None:
    figures = [
        figure("FY2025 100m actual annual_report official 2026-03-01"),
        figure("2026H1 60m actual data_site data_site 2026-08-30", currency="HKD"),
        figure("2025H1 50m actual interim_report official 2025-08-30"),
    ]
    found = on(figures, "ttm", "2026-09-01")
    assert (found.money, found.newer_period) == (money("100m CNY"), "2026H1")


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [("2025-12-17", None), ("2025-12-18", "1.5bn..1.98bn"), ("2026-02-10", "1.6bn..1.7bn"), ("2026-02-27", None)],
)
def test_guidance_holds_until_the_year_is_reported(as_of: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(FlowMissing, match="guidance"):
            on(METAX, "guidance", as_of)
    else:
        found = on(METAX, "guidance", as_of)
        assert (found.money, found.period, found.basis) == (money(f"{expected} CNY"), "FY2025", "guidance")


def test_guidance_is_out_of_date_once_the_report_on_it_is_due() -> None:
    given = [figure("FY2025 650m..850m guidance earnings_forecast mirror 2026-01-15")]
    assert on(given, "guidance", "2026-05-02").money == money("650m..850m CNY")  # 122 days after the year's end
    with pytest.raises(FlowMissing, match="guidance_expired FY2025"):
        on(given, "guidance", "2026-05-03")


def test_guidance_for_part_of_a_year_is_shown_but_is_no_year() -> None:
    found = on(
        [figure("2026Q1-Q3 2.3bn..3bn guidance earnings_forecast secondary 2026-09-10")], "guidance", "2026-09-30"
    )
    assert found.money == money("2.3bn..3bn CNY")
    assert not found.covers_a_year


def test_a_brokers_forecast_is_not_guidance() -> None:
    with pytest.raises(FlowMissing, match="no_guidance"):
        on([figure("FY2026 6.5bn forecast research_report secondary 2026-01-31")], "guidance", "2026-09-30")


def test_last_fiscal_year_is_the_newest_reported_one() -> None:
    assert on(METAX, "fy", "2026-02-10").money == money("743m CNY")
    assert on(METAX, "fy", "2026-02-27").money == money("1.6bn CNY")


def test_a_claimed_year_counts_only_where_nothing_was_reported() -> None:
    claimed = figure("FY2025 3.5bn claimed media secondary 2026-06-15")
    assert on([claimed], "fy", "2026-09-30").basis == "claimed"
    reported = figure("FY2024 2bn actual prospectus official 2026-01-01")
    assert on([claimed, reported], "fy", "2026-09-30").money == money("2bn CNY")


@pytest.mark.parametrize("basis", list(RevenueBasis))
def test_nothing_known_is_missing_not_zero(basis: RevenueBasis) -> None:
    with pytest.raises(FlowMissing, match="nothing_reported"):
        flow([], basis, date(2026, 1, 1))


def test_at_most_stays_at_most() -> None:
    found = on([figure("FY2024 ..2bn claimed news secondary 2025-12-27")], "fy", "2026-01-01")
    assert (found.money.low, found.money.high) == (None, Decimal(2_000_000_000))
