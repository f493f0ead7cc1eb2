"""Exchange rates by day."""

from datetime import date
from decimal import Decimal

import pytest

from valuations.rates import Rate, RateMissing, Rates, business_days_between


def rate(text: str) -> Rate:
    """`2025-12-17 USD/CNY 7.0431 ecb`."""
    day, pair, value, provider = text.split()
    base, quote = pair.split("/")
    return Rate(base, quote, date.fromisoformat(day), Decimal(value), provider)


def rates(*texts: str) -> Rates:
    return Rates((rate(text) for text in texts), ["cfets", "ecb"])


@pytest.mark.parametrize(
    ("earlier", "later", "expected"),
    [
        ("2026-09-25", "2026-09-25", 0),
        ("2026-09-25", "2026-09-28", 1),  # Friday to Monday
        ("2026-09-25", "2026-10-02", 5),  # Friday to Friday
        ("2026-09-25", "2026-10-04", 5),  # and the Sunday after
        ("2026-09-25", "2026-10-05", 6),
        ("2026-09-26", "2026-09-27", 0),  # a weekend
        ("2026-09-28", "2026-09-25", 0),  # the wrong way round
    ],
)
def test_business_days_are_weekdays_after_the_first_day(earlier: str, later: str, expected: int) -> None:
    assert business_days_between(date.fromisoformat(earlier), date.fromisoformat(later)) == expected


def test_the_last_rate_on_or_before_the_day_counts_never_a_later_one() -> None:
    known = rates("2025-12-16 USD/CNY 7.0417 ecb", "2025-12-17 USD/CNY 7.0431 ecb", "2025-12-18 USD/CNY 7.0404 ecb")
    found = known.conversion("USD", "CNY", date(2025, 12, 17))
    assert (found.factor, found.day) == (Decimal("7.0431"), date(2025, 12, 17))


def test_a_rate_is_inverted_when_only_the_inverse_is_known() -> None:
    found = rates("2026-02-27 CNY/HKD 1.1417 hkma").conversion("HKD", "CNY", date(2026, 2, 27))
    assert found.factor == 1 / Decimal("1.1417")
    assert [leg.inverted for leg in found.legs] == [True]


def test_hkd_to_cny_crosses_through_the_euro_on_the_day() -> None:
    known = rates("2025-12-17 EUR/CNY 8.2569 ecb", "2025-12-17 EUR/HKD 9.1207 ecb")
    found = known.conversion("HKD", "CNY", date(2025, 12, 17))
    assert round(found.factor, 6) == Decimal("0.905292")
    assert [leg.rate.base + leg.rate.quote for leg in found.legs] == ["EURHKD", "EURCNY"]


def test_a_cross_is_as_old_as_its_older_leg() -> None:
    known = rates("2025-12-15 USD/CNY 7 ecb", "2025-12-17 USD/HKD 7.8 ecb")
    assert known.conversion("HKD", "CNY", date(2025, 12, 17)).day == date(2025, 12, 15)


def test_a_fresher_cross_beats_an_older_direct_rate() -> None:
    known = rates("2025-12-15 CNY/HKD 1.10 hkma", "2025-12-17 USD/CNY 7 ecb", "2025-12-17 USD/HKD 7.84 ecb")
    assert known.conversion("CNY", "HKD", date(2025, 12, 17)).factor == Decimal("1.12")


def test_the_direct_rate_beats_an_equally_fresh_cross() -> None:
    known = rates("2025-12-17 CNY/HKD 1.10 hkma", "2025-12-17 USD/CNY 7 ecb", "2025-12-17 USD/HKD 7.84 ecb")
    assert known.conversion("CNY", "HKD", date(2025, 12, 17)).factor == Decimal("1.10")


def test_the_provider_earlier_in_the_order_counts() -> None:
    known = rates("2025-12-17 USD/CNY 7.1 ecb", "2025-12-17 USD/CNY 7.0 cfets", "2025-12-17 USD/CNY 7.2 other")
    assert known.conversion("USD", "CNY", date(2025, 12, 17)).factor == Decimal("7.0")


def test_a_rate_of_five_business_days_ago_counts_and_one_of_six_does_not() -> None:
    known = rates("2026-09-25 USD/CNY 6.711 h10")
    assert known.conversion("USD", "CNY", date(2026, 10, 2)).factor == Decimal("6.711")
    with pytest.raises(RateMissing, match="USD/CNY"):
        known.conversion("USD", "CNY", date(2026, 10, 5))


def test_one_currency_needs_no_rate() -> None:
    found = rates().conversion("CNY", "CNY", date(2026, 1, 1))
    assert found.factor == Decimal(1)
    assert found.legs == ()
    assert found.day is None
