"""What the snapshot makes of cases that the starter facts do not have."""

from datetime import date
from decimal import Decimal

import pytest
from django.test import Client

from companies.models import ShareClass
from tests.factories import (
    DAY,
    make_action,
    make_company,
    make_figure,
    make_filing,
    make_listing,
    make_quote,
    make_rate,
    make_reported_quote,
    make_round,
    make_share_count,
)
from tests.money import interval
from valuations.explain import explanation
from valuations.snapshot import CompanyValuation, Question, snapshot, totals

pytestmark = pytest.mark.django_db


def valued(day: date = DAY, currency: str = "CNY") -> CompanyValuation:
    return snapshot(Question(day, currency)).rows[0]


def test_two_classes_are_weighted_by_their_own_shares() -> None:
    company = make_company()
    make_quote(make_listing(company, "688001"), "10")
    make_quote(make_listing(company, "6082", mic="XHKG", listed_on=date(2026, 1, 2)), "8")
    make_share_count(company, 1_000, share_class=ShareClass.A)
    make_share_count(company, 500, share_class=ShareClass.H)
    make_rate("HKD/CNY", "0.9")
    found = valued()
    assert found.market_value is not None
    assert found.market_value.money.amount == interval("13600")  # 10 x 1000 + 8 x 500 x 0.9
    assert found.price is not None
    assert found.price.listing.ticker == "688001"  # the older listing has the headline


def test_two_classes_without_a_count_of_each_have_a_reason_instead() -> None:
    company = make_company()
    make_quote(make_listing(company, "688001"), "10")
    make_quote(make_listing(company, "6082", mic="XHKG"), "8")
    make_share_count(company, 1_500)
    assert valued().missing["market_value"].code == "classes_unknown"


def test_a_class_listed_at_two_places_counts_once() -> None:
    company = make_company()
    make_quote(make_listing(company, "ACME", mic="XNAS", currency="CNY"), "10")
    second = make_listing(company, "9988", mic="XHKG", share_class=ShareClass.COMMON, listed_on=date(2024, 1, 2))
    make_quote(second, "80")
    make_share_count(company, 1_000)
    found = valued()
    assert found.market_value is not None
    assert found.market_value.money.amount == interval("10000")


@pytest.mark.parametrize("counted", [ShareClass.A, ShareClass.ALL])
@pytest.mark.parametrize("acted", [ShareClass.A, ShareClass.ALL])
def test_a_bonus_of_the_listed_class_moves_the_shares_its_price_values(counted: str, acted: str) -> None:
    company = make_company()
    make_quote(make_listing(company), "10")
    make_share_count(company, 1_000, share_class=counted)
    make_action(company, "2", share_class=acted)
    found = valued()
    assert found.market_value is not None
    assert found.market_value.money.amount == interval("20000")  # 10 x 1000 x 2


def test_two_rounds_that_leave_both_ends_open_are_no_value_and_no_error() -> None:
    company = make_company()
    make_round(company, post_money_low=Decimal(20), post_money_high=None)
    make_round(company, label="Series B, another source", post_money_low=None, post_money_high=Decimal(10))
    assert valued().missing["market_value"].code == "open_at_both_ends"
    for path in ("/", "/sector.json", "/sector.csv", "/companies/acme/", "/companies/acme/market_value/source/"):
        assert Client().get(f"{path}?as_of={DAY}").status_code == 200


def test_an_open_end_of_one_source_stays_open() -> None:
    company = make_company()
    make_round(company, post_money_low=Decimal(10), post_money_high=None)
    make_round(company, "12", label="Series B, another source")
    found = valued()
    assert found.market_value is not None
    assert found.market_value.money.amount == interval("10..")


def test_totals_open_at_both_ends_say_so() -> None:
    make_round(make_company("one"), post_money_low=Decimal(10), post_money_high=None)
    make_round(make_company("two"), post_money_low=None, post_money_high=Decimal(12))
    found = snapshot(Question(DAY))
    assert totals(found.rows, found.question, None).missing["market_value"].code == "open_at_both_ends"


def test_a_delisted_company_is_neither_listed_nor_private() -> None:
    make_quote(make_listing(make_company(), delisted_on=DAY), "10", day=date(2026, 2, 2))
    found = valued()
    assert (found.stage, found.missing["price"].code) == ("delisted", "delisted")


def test_without_a_value_revenue_is_converted_at_the_rate_of_the_day_of_reading() -> None:
    company = make_company()
    make_quote(make_listing(company), "10", day=date(2025, 6, 2))  # no share count, so no value
    make_figure(company, "700")
    make_rate("USD/CNY", "7")
    found = valued(currency="USD")
    assert found.revenue is not None
    assert found.revenue.money.amount == interval("100")


def test_what_another_source_said_later_is_not_shown_before() -> None:
    listing = make_listing(make_company())
    make_quote(listing, "10")
    make_share_count(listing.company)
    later = make_filing("later", published_on=date(2026, 5, 1))
    make_reported_quote(listing, close=Decimal("10.5"), market_value=Decimal(11), source=later)
    for name in ("price", "market_value"):
        for day, shown in ((DAY, 0), (date(2026, 5, 1), 1)):
            found = snapshot(Question(day))
            assert len(explanation(found, found.rows[0], name).also) == shown


def test_huge_numbers_are_written_not_refused() -> None:
    company = make_company()
    make_quote(make_listing(company), "99999999999999")
    make_share_count(company, 9_999_999_999_999)
    make_figure(company, "999999999999999999")
    for path in ("/", "/sector.json", "/sector.csv", "/companies/acme/", "/companies/acme/market_value/source/"):
        assert Client().get(f"{path}?as_of={DAY}").status_code == 200
