"""Several sources of prices: who is asked after whom, and what happens when they disagree."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from pytest_django import Settings

from tests.factories import make_health, make_listing, make_quote, make_rate
from tests.standin import Standin
from tests.valuations.conftest import FRIDAY_EVENING
from tests.valuations.test_refresh import FIRST, FRIDAY, SECOND, THURSDAY, refresh, told, trade, watch
from valuations.models import HeldQuote, Quote, RefreshRun, SourceHealth

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("friday_evening", "calendar")]


@pytest.fixture(autouse=True)
def three_sources(sources: Standin, settings: Settings) -> None:
    """Tencent, Sina and Eastmoney, in this order, each at an address of its own."""
    settings.QUOTE_SOURCES = ["tencent", "sina", "eastmoney"]
    settings.SOURCE_URLS = {site: sources.at(site) for site in settings.SOURCE_URLS}


def asked(sources: Standin, since: int = 0) -> list[str]:
    """The sites asked, in order, the first `since` requests left out."""
    return [target.removeprefix("/@").split("/")[0] for _, target in sources.requests[since:]]


def providers(run: RefreshRun) -> dict[str, str]:
    """Which source each price is of."""
    return {outcome.listing.ticker: outcome.provider for outcome in run.outcomes.all() if outcome.listing}


# --- One after the other ------------------------------------------------------------------------------


def test_the_first_source_that_answers_is_enough(sources: Standin) -> None:
    watch(FIRST)
    sources.set_quote(trade(FIRST))
    assert told(refresh()) == {FIRST: ("ok", "")}
    assert asked(sources) == ["tencent"]


@pytest.mark.parametrize("variant", ["html_200", "truncated", "502", "403", "refuse", "empty"])
def test_when_one_source_fails_the_next_is_asked(sources: Standin, variant: str) -> None:
    watch(FIRST)
    sources.set_quote(trade(FIRST))
    sources.fail("/@tencent/", variant)
    run = refresh()
    assert told(run) == {FIRST: ("ok", "")}
    assert providers(run) == {FIRST: "sina"}
    assert Quote.objects.get(day=FRIDAY).provider == "sina"
    assert asked(sources) == ["tencent", "sina"]


def test_a_listing_that_one_source_does_not_know_is_asked_of_the_next(sources: Standin) -> None:
    watch(FIRST)
    watch(SECOND)
    sources.set_quote(trade(FIRST))
    sources.set_quote(trade(SECOND))
    sources.fail("/@tencent/", "bad_row", code=f"sh{SECOND}")
    run = refresh()
    assert told(run) == {FIRST: ("ok", ""), SECOND: ("ok", "")}
    assert providers(run) == {FIRST: "tencent", SECOND: "sina"}
    assert [target for _, target in sources.requests][1].endswith(f"/list=sh{SECOND}")


def test_when_nobody_knows_a_listing_the_first_answer_counts(sources: Standin) -> None:
    watch("688999")
    assert told(refresh()) == {"688999": ("no_data", "unknown_symbol")}
    assert asked(sources) == ["tencent", "sina", "eastmoney"]


def test_when_all_fail_each_is_told(sources: Standin) -> None:
    watch(FIRST)
    sources.fail("/@tencent/", "html_200")
    sources.fail("/@sina/", "456")
    sources.fail("/@eastmoney/", "502")
    [outcome] = refresh().outcomes.all()
    assert (outcome.result, outcome.reason) == ("retry", "source_failed")
    assert outcome.detail == (
        "Tencent: a web page instead of data; Sina: refused with status 456; Eastmoney: server error 502"
    )
    assert Quote.objects.get().day == THURSDAY


def test_the_order_follows_the_health_of_the_sources(sources: Standin) -> None:
    watch(FIRST)
    sources.set_quote(trade(FIRST))
    sources.fail("/@tencent/", "502", times=1)
    refresh()
    # It failed lately, so the others are asked first, and a success of theirs does not make up for it.
    refresh()
    sources.fail("/@sina/", "403")
    refresh()
    assert asked(sources) == ["tencent", "sina", "sina", "sina", "eastmoney"]


def test_a_source_that_rests_comes_back_by_itself(sources: Standin) -> None:
    watch(FIRST)
    watch(SECOND)
    sources.set_quote(trade(FIRST))
    sources.set_quote(trade(SECOND))
    sources.fail("/@tencent/", "429", times=1)
    refresh()
    with time_machine.travel(FRIDAY_EVENING + timedelta(minutes=59)):
        refresh()
        assert asked(sources) == ["tencent", "sina", "sina"]
    with time_machine.travel(FRIDAY_EVENING + timedelta(minutes=61)):
        # Tried with one listing, then asked for the rest.
        run = refresh()
        assert asked(sources, since=3) == ["tencent", "tencent"]
        assert set(providers(run).values()) == {"tencent"}
        assert SourceHealth.objects.get(site="tencent").failures == 0


def test_a_trial_that_fails_costs_one_request_and_no_price(sources: Standin) -> None:
    watch(FIRST)
    sources.set_quote(trade(FIRST))
    sources.fail("/@tencent/", "429")
    refresh()
    with time_machine.travel(FRIDAY_EVENING + timedelta(minutes=61), tick=False):
        assert told(refresh()) == {FIRST: ("ok", "")}
        refresh()
        assert asked(sources, since=2) == ["tencent", "sina", "sina"]
        assert SourceHealth.objects.get(site="tencent").rests_until == FRIDAY_EVENING + timedelta(minutes=61 + 120)


# --- A second opinion ---------------------------------------------------------------------------------


def test_a_second_source_corrects_a_price_beyond_the_limit(sources: Standin) -> None:
    """900.90 after 590.00 is 52.7 % more, where STAR allows 20 %; the second source says 600.60."""
    watch(FIRST)
    sources.set_quote(trade(FIRST, price="600.60"))
    sources.fail("/@tencent/", "jump", code=f"sh{FIRST}")
    run = refresh()
    assert told(run) == {FIRST: ("ok_flag", "second_source")}
    quote = Quote.objects.get(day=FRIDAY)
    assert (quote.close, quote.provider) == (Decimal("600.60"), "sina")
    held = HeldQuote.objects.get()
    assert held.payload["price"] != "600.60"
    assert held.second_opinion is not None
    assert held.second_opinion["provider"] == "sina"
    assert held.second_opinion["price"] in ("600.60", "600.600")
    assert asked(sources) == ["tencent", "sina"]


def test_a_price_that_two_sources_state_is_held_and_says_so(sources: Standin) -> None:
    """402.60 after 590.00 is a fall of 31.8 %: perhaps a bonus issue that nobody has entered."""
    watch(FIRST)
    price = trade(
        FIRST, price="402.60", previous_close="400.00", open="400.00", high="405.00", low="399.00", shares=None
    )
    sources.set_quote(price)
    run = refresh()
    assert told(run) == {FIRST: ("hold", "beyond_limit_confirmed")}
    held = HeldQuote.objects.get()
    assert held.second_opinion is not None
    assert held.second_opinion["provider"] == "sina"
    assert "sina says 402.60" in held.detail
    assert not Quote.objects.filter(day=FRIDAY).exists()


def test_without_a_second_source_the_price_is_held(sources: Standin) -> None:
    watch(FIRST)
    sources.set_quote(trade(FIRST))
    sources.fail("/@tencent/", "jump", code=f"sh{FIRST}")
    sources.fail("/@sina/", "502")
    sources.fail("/@eastmoney/", "502")
    run = refresh()
    assert told(run) == {FIRST: ("hold", "beyond_limit")}
    held = HeldQuote.objects.get()
    assert held.second_opinion is None
    assert "Sina: server error 502" in held.detail


def test_only_the_price_in_doubt_is_asked_twice(sources: Standin) -> None:
    watch(FIRST)
    watch(SECOND)
    sources.set_quote(trade(FIRST))
    sources.set_quote(trade(SECOND))
    sources.fail("/@tencent/", "jump", code=f"sh{FIRST}")
    refresh()
    assert [target for _, target in sources.requests][1].endswith(f"/list=sh{FIRST}")


@pytest.mark.parametrize("days", [1, -1])
def test_a_source_whose_clock_is_wrong_is_corrected_by_another(sources: Standin, days: int) -> None:
    """A day off; the price of 14:50 is stored already."""
    listing = watch(FIRST)
    at = FRIDAY_EVENING - timedelta(hours=5, minutes=10)
    make_quote(listing, "600.00", day=FRIDAY, last_at=at, provider="tencent")
    sources.set_quote(trade(FIRST), own_time=False)
    sources.fail("/@tencent/", "clock_offset", seconds=24 * 3600 * days)
    run = refresh()
    assert told(run) == {FIRST: ("ok_flag", "second_source")}
    assert Quote.objects.get(day=FRIDAY).provider == "sina"


def test_a_price_that_stands_still_in_session_is_put_to_a_second_source(sources: Standin) -> None:
    """Friday 10:40 in Shanghai: the first source still tells the price of 09:45, 55 open minutes old."""
    watch(FIRST)
    morning = FRIDAY_EVENING - timedelta(hours=9, minutes=20)
    with time_machine.travel(morning, tick=False):
        sources.set_quote(trade(FIRST, price="601.00"), own_time=False)
        sources.fail("/@tencent/", "clock_offset", seconds=-55 * 60)
        run = refresh()
        assert told(run) == {FIRST: ("ok_flag", "second_source")}
        assert Quote.objects.get(day=FRIDAY).provider == "sina"
        assert not HeldQuote.objects.exists()
        # Nobody knows more: the old price counts, and will be called stale.
        sources.fail("/@sina/", "502")
        sources.fail("/@eastmoney/", "502")
        Quote.objects.filter(day=FRIDAY).delete()
        assert told(refresh()) == {FIRST: ("ok", "")}


@pytest.mark.parametrize(("seconds", "result"), [(60, ("ok", "not_newer")), (600, ("hold", "older_than_stored"))])
def test_clocks_of_two_sources_may_differ_a_little(sources: Standin, seconds: int, result: tuple[str, str]) -> None:
    listing = watch(FIRST)
    at = FRIDAY_EVENING - timedelta(hours=4, minutes=10)  # 15:50 in Shanghai
    make_quote(listing, "600.60", day=FRIDAY, last_at=at + timedelta(seconds=seconds), provider="sina")
    sources.set_quote(trade(FIRST, at=at.astimezone(ZoneInfo("Asia/Shanghai")).replace(tzinfo=None)))
    assert told(refresh()) == {FIRST: result}
    assert HeldQuote.objects.exists() is (result[0] == "hold")


def test_of_two_trials_only_the_one_that_is_needed_is_claimed(sources: Standin) -> None:
    watch(FIRST)
    sources.set_quote(trade(FIRST))
    long_ago = FRIDAY_EVENING - timedelta(minutes=1)
    for site in ("tencent", "sina"):
        make_health(site, failures=3, rests_until=long_ago, last_failure_at=long_ago, last_result="retry")
    refresh()
    assert asked(sources) == ["tencent"]
    assert SourceHealth.objects.get(site="sina").rests_until == long_ago


def test_a_listing_without_a_code_does_not_keep_a_source_from_being_tried(sources: Standin) -> None:
    watch("688???")
    watch(FIRST)
    sources.set_quote(trade(FIRST))
    long_ago = FRIDAY_EVENING - timedelta(minutes=1)
    make_health("tencent", failures=3, rests_until=long_ago, last_failure_at=long_ago, last_result="retry")
    assert told(refresh())[FIRST] == ("ok", "")
    assert asked(sources)[0] == "tencent"
    assert SourceHealth.objects.get(site="tencent").failures == 0


# --- Two share classes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("h_close", "result"),
    [
        # 600.60 CNY against an H share at 0.9 CNY for one HKD.
        ("133.40", ("ok", "")),  # 120.06 CNY: 5.002 times
        ("66.80", ("ok", "")),  # 60.12 CNY: 9.99 times
        ("66.70", ("hold", "classes_apart")),  # 60.03 CNY: 10.005 times
        ("1334.60", ("ok", "")),  # 1201.14 CNY: 0.50002 times
        ("1334.70", ("hold", "classes_apart")),  # 1201.23 CNY: 0.49999 times
    ],
)
def test_a_and_h_shares_of_one_company_stay_within_a_band(
    sources: Standin, h_close: str, result: tuple[str, str]
) -> None:
    a_share = watch(FIRST)
    h_share = make_listing(a_share.company, "6082", mic="XHKG", share_class="H", watched=False)
    make_quote(h_share, h_close, day=THURSDAY)
    make_rate("HKD/CNY", "0.9", day=THURSDAY)
    sources.set_quote(trade(FIRST, shares=None))
    assert told(refresh()) == {FIRST: result}


@pytest.mark.parametrize(
    "sibling", [{"mic": "XNAS", "share_class": "common"}, {"mic": "XHKG", "share_class": "H", "delisted_on": THURSDAY}]
)
def test_only_a_and_h_shares_that_trade_are_compared(sources: Standin, sibling: dict[str, Any]) -> None:
    a_share = watch(FIRST)
    make_quote(make_listing(a_share.company, "6082", watched=False, **sibling), "1", day=THURSDAY)
    for pair in ("HKD/CNY", "USD/CNY"):
        make_rate(pair, "0.9", day=THURSDAY)
    sources.set_quote(trade(FIRST, shares=None))
    assert told(refresh()) == {FIRST: ("ok", "")}


@pytest.mark.parametrize("quote", [{"suspended": True}, {"day": FRIDAY - timedelta(days=11)}])
def test_a_sibling_that_does_not_trade_says_nothing(sources: Standin, quote: dict[str, Any]) -> None:
    a_share = watch(FIRST)
    h_share = make_listing(a_share.company, "6082", mic="XHKG", share_class="H", watched=False)
    make_quote(h_share, "1", **{"day": THURSDAY, **quote})
    make_rate("HKD/CNY", "0.9", day=THURSDAY)
    sources.set_quote(trade(FIRST, shares=None))
    assert told(refresh()) == {FIRST: ("ok", "")}


def test_without_a_rate_the_classes_are_not_compared(sources: Standin) -> None:
    a_share = watch(FIRST)
    make_quote(make_listing(a_share.company, "6082", mic="XHKG", share_class="H", watched=False), "1", day=THURSDAY)
    sources.set_quote(trade(FIRST, shares=None))
    assert told(refresh()) == {FIRST: ("ok", "")}
