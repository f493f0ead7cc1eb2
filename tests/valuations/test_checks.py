"""Which prices may be stored. Now is Friday 2026-11-20, 20:00 in Shanghai, unless a case says otherwise."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from companies.sources.base import Outcome
from valuations.checks import QuoteContext, check_quote, check_rate, is_final
from valuations.providers.base import ParsedQuote, ParsedRate
from valuations.sessions import MARKETS, Calendar, DayKind

SHANGHAI = MARKETS["XSHG"].zone
HONG_KONG = MARKETS["XHKG"].zone
CALENDAR = Calendar(
    {("XSHG", date(2026, 10, 1)): DayKind.CLOSED, ("XHKG", date(2026, 12, 24)): DayKind.HALF},
    {mic: frozenset({2025, 2026}) for mic in MARKETS},
)
NOW = datetime(2026, 11, 20, 20, tzinfo=SHANGHAI)
CONTEXT = QuoteContext(mic="XSHG", currency="CNY", calendar=CALENDAR, now=NOW, board="STAR")


def quote(price: str = "600", at: str = "2026-11-20 15:00:03", **fields: object) -> ParsedQuote:
    moment = datetime.fromisoformat(at).replace(tzinfo=SHANGHAI)
    plain = ParsedQuote(price=Decimal(price), at=moment, day=moment.date(), currency="CNY")
    return replace(plain, **fields)  # type: ignore[arg-type]


def test_a_sound_quote_is_stored() -> None:
    sound = quote(previous_close=Decimal(590), market_cap=Decimal("2.82e11"), total_shares=470_000_000)
    verdict = check_quote(sound, replace(CONTEXT, shares=470_000_000))
    assert (verdict.outcome, verdict.store, verdict.flags) == (Outcome.OK, True, ())


STORED = {"stored_close": Decimal(600), "stored_day": date(2026, 11, 19)}
HOLDS: list[tuple[str, ParsedQuote, dict[str, object]]] = [
    ("price_not_positive", quote("0"), {}),
    ("price_not_positive", quote("-1"), {}),
    ("wrong_currency", quote(currency="HKD"), {}),
    ("future_time", quote(at="2026-11-20 20:02:01"), {}),
    ("older_than_stored", quote(), {"stored_at": datetime(2026, 11, 20, 15, 0, 4, tzinfo=SHANGHAI)}),
    ("older_than_stored", quote(at="2026-11-19 15:00:03"), {"stored_day": date(2026, 11, 20)}),
    ("closed_day", quote(at="2026-10-01 15:00:03"), {}),
    ("closed_day", quote(at="2026-11-15 15:00:03"), {}),
    ("beyond_limit", quote("720.02", previous_close=Decimal(600)), {}),
    ("beyond_limit", quote("479.98", previous_close=Decimal(600)), {}),
    ("beyond_limit", quote("720.10"), STORED),
    ("beyond_limit", quote("900.10"), {**STORED, "stored_day": date(2026, 11, 20)}),
    ("beyond_limit", quote("864.10"), {**STORED, "stored_day": date(2026, 11, 18)}),
    ("beyond_limit", quote("402.6"), {**STORED, "corporate_action_between": False}),
    ("beyond_limit", quote("660.02", previous_close=Decimal(600)), {"board": "Main Board"}),
    ("market_value_differs", quote(market_cap=Decimal("2.97e11")), {"shares": 470_000_000}),
]


@pytest.mark.parametrize(("reason", "doubtful", "known"), HOLDS)
def test_a_quote_that_breaks_a_rule_is_held_and_never_stored(
    reason: str, doubtful: ParsedQuote, known: dict[str, object]
) -> None:
    verdict = check_quote(doubtful, replace(CONTEXT, **known))  # type: ignore[arg-type]
    assert (verdict.outcome, verdict.store, verdict.reason) == (Outcome.HOLD, False, reason)


PASSES: list[tuple[ParsedQuote, dict[str, object]]] = [
    (quote(currency=None), {}),
    (quote(at="2026-11-20 20:01:59"), {}),
    (quote(), {"stored_at": datetime(2026, 11, 20, 15, 0, 3, tzinfo=SHANGHAI)}),
    # 20 % of 600 is 720.00, and the tick beyond it may be rounding.
    (quote("720.00", previous_close=Decimal(600)), {}),
    (quote("720.00"), STORED),
    # Same day: from limit-down to limit-up, 600 × 1.2 / 0.8.
    (quote("900.00"), {**STORED, "stored_day": date(2026, 11, 20)}),
    # Two sessions since the stored close: 600 × 1.2².
    (quote("864.00"), {**STORED, "stored_day": date(2026, 11, 18)}),
    # 10 bonus shares for 4.9: 600 / 1.49 = 402.68.
    (quote("402.68"), {**STORED, "corporate_action_between": True, "action_ratio": Decimal("1.49")}),
    # A corporate action of unknown size: nothing can be said.
    (quote("100"), {**STORED, "corporate_action_between": True}),
    # No limit in the first five sessions: 16, 17, 18, 19 and 20 November.
    (quote("2000", previous_close=Decimal(600)), {"listed_on": date(2026, 11, 16)}),
    (quote("2000"), {**STORED, "listed_on": date(2026, 11, 16)}),
    # Too long ago to compound anything.
    (quote("60"), {**STORED, "stored_day": date(2026, 1, 5)}),
    (quote(market_cap=Decimal("2.82e11")), {"shares": None}),
]


@pytest.mark.parametrize(("sound", "known"), PASSES)
def test_a_quote_at_the_edge_of_a_rule_passes(sound: ParsedQuote, known: dict[str, object]) -> None:
    verdict = check_quote(sound, replace(CONTEXT, **known))  # type: ignore[arg-type]
    assert (verdict.outcome, verdict.reason) == (Outcome.OK, "")


def test_the_sixth_session_has_a_limit_again() -> None:
    context = replace(CONTEXT, listed_on=date(2026, 11, 13))
    assert check_quote(quote("2000", previous_close=Decimal(600)), context).reason == "beyond_limit"


def test_a_cap_that_contradicts_the_sources_own_shares_is_flagged_and_not_used() -> None:
    # Ten times 600 × 470 m: against our share count alone this would be held.
    wrong = quote(market_cap=Decimal("2.82e12"), total_shares=470_000_000)
    verdict = check_quote(wrong, replace(CONTEXT, shares=470_000_000))
    assert (verdict.outcome, verdict.store, verdict.flags) == (Outcome.OK_FLAG, True, ("cap_mismatch",))


def test_a_market_value_a_little_off_is_stored_with_a_flag() -> None:
    # Ours is 282 bn, theirs 290.46 bn: 2.9 % less.
    verdict = check_quote(quote(market_cap=Decimal("2.9046e11")), replace(CONTEXT, shares=470_000_000))
    assert (verdict.outcome, verdict.store, verdict.flags) == (Outcome.OK_FLAG, True, ("market_value_off",))


def test_a_price_of_last_week_is_stale_but_stored_under_its_own_day() -> None:
    verdict = check_quote(quote(at="2026-11-13 15:00:03"), CONTEXT)
    assert (verdict.outcome, verdict.store) == (Outcome.STALE, True)


def test_fridays_price_is_not_stale_on_monday_morning() -> None:
    monday = replace(CONTEXT, now=datetime(2026, 11, 23, 10, tzinfo=SHANGHAI))
    assert check_quote(quote(), monday).outcome is Outcome.OK


def test_a_weekday_of_an_unknown_year_is_not_refused() -> None:
    context = replace(CONTEXT, now=datetime(2027, 1, 4, 20, tzinfo=SHANGHAI))
    assert check_quote(quote(at="2027-01-04 15:00:03"), context).outcome is Outcome.OK


@pytest.mark.parametrize(
    ("mic", "at", "final"),
    [
        ("XSHG", "2026-11-20 14:59:59", False),
        ("XSHG", "2026-11-20 15:00:00", True),
        ("XSHG", "2026-11-20 15:50:49", True),
        ("XHKG", "2026-11-20 16:00:01", False),
        ("XHKG", "2026-11-20 16:08:11", True),
        ("XHKG", "2026-12-24 12:08:30", True),
        ("XSHG", "2026-11-21 15:00:00", False),
        ("XSHG", "2027-01-04 15:00:00", True),
    ],
)
def test_a_price_is_final_from_the_closing_price_on(mic: str, at: str, final: bool) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=MARKETS[mic].zone)
    assert is_final(mic, moment, CALENDAR) is final


RATE = ParsedRate("USD", "CNY", date(2026, 11, 20), Decimal("6.8"))


@pytest.mark.parametrize(
    ("changes", "last_stored", "outcome", "reason"),
    [
        ({}, None, Outcome.OK, ""),
        ({}, "6.79", Outcome.OK, ""),
        ({"rate": Decimal(0)}, None, Outcome.HOLD, "rate_not_positive"),
        ({"rate": Decimal("7.5")}, "6.8", Outcome.HOLD, "beyond_limit"),
        ({"rate": Decimal("7.48")}, "6.8", Outcome.OK, ""),
        ({"quote": "USD"}, None, Outcome.HOLD, "same_currency"),
        # At 20:00 in Shanghai the 21st has begun on the Line Islands, the 22nd nowhere.
        ({"day": date(2026, 11, 21)}, None, Outcome.OK, ""),
        ({"day": date(2026, 11, 22)}, None, Outcome.HOLD, "future_day"),
        ({"flag": "mixed_dates"}, None, Outcome.OK_FLAG, "mixed_dates"),
    ],
)
def test_a_rate_is_stored_only_when_it_can_be_true(
    changes: dict[str, object], last_stored: str | None, outcome: Outcome, reason: str
) -> None:
    rate = replace(RATE, **changes)  # type: ignore[arg-type]
    verdict = check_rate(rate, None if last_stored is None else Decimal(last_stored), now=NOW)
    assert (verdict.outcome, verdict.reason, verdict.store) == (outcome, reason, outcome is not Outcome.HOLD)


def test_hong_kong_has_no_limit_on_the_first_day_only() -> None:
    listed = date(2026, 11, 19)
    context = QuoteContext(mic="XHKG", currency="HKD", calendar=CALENDAR, now=NOW, listed_on=listed)
    first = datetime(2026, 11, 19, 16, 8, tzinfo=HONG_KONG)
    doubled = ParsedQuote(price=Decimal(40), at=first, day=listed, previous_close=Decimal("19.6"))
    evening = replace(context, now=first + timedelta(hours=1))
    assert check_quote(doubled, evening).outcome is Outcome.OK
    second = replace(doubled, at=first + timedelta(days=1), day=date(2026, 11, 20))
    assert check_quote(second, context).reason == "beyond_limit"
