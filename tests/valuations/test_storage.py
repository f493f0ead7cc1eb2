"""Writing quotes and rates: once per day, and telling truly whether anything changed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from companies.models import Listing
from tests.factories import DAY, make_held, make_listing, make_outcome, make_quote, make_rate, make_run, some_filing
from valuations.models import FxRate, HeldQuote, Quote
from valuations.providers.base import ParsedQuote, ParsedRate
from valuations.sessions import Calendar, DayKind
from valuations.storage import (
    misfit,
    quote_from_payload,
    quote_payload,
    quote_row,
    rate_misfit,
    store_held,
    store_quotes,
    store_rates,
    store_suspended,
    told_time,
)

MORNING = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)  # 10:00 in Shanghai
AFTER_CLOSE = datetime(2026, 3, 2, 7, 0, 3, tzinfo=UTC)  # 15:00:03
NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
KNOWN = Calendar({}, {"XSHG": frozenset({2026})})


def parsed(price: str = "100", at: datetime = AFTER_CLOSE, **fields: Any) -> ParsedQuote:
    return ParsedQuote(price=Decimal(price), at=at, day=DAY, **fields)


@pytest.mark.django_db
def test_a_day_has_one_quote_and_the_later_one_wins() -> None:
    listing = make_listing()
    assert store_quotes([quote_row(listing, parsed("100", MORNING), "tencent", NOW, KNOWN)])
    assert store_quotes([quote_row(listing, parsed("101.5"), "tencent", NOW, KNOWN)])
    quote = Quote.objects.get()
    assert (quote.close, quote.last_at, quote.final) == (Decimal("101.5"), AFTER_CLOSE, True)


@pytest.mark.django_db
def test_the_same_quote_again_is_no_change() -> None:
    listing = make_listing()
    assert store_quotes([quote_row(listing, parsed("600.60"), "tencent", NOW, KNOWN)])
    assert not store_quotes([quote_row(listing, parsed("600.6"), "tencent", NOW, KNOWN)])
    assert not store_quotes([])


@pytest.mark.django_db
def test_a_fetched_price_takes_the_place_of_a_page_and_no_longer_cites_it() -> None:
    listing = make_listing()
    make_quote(listing, "100")
    store_quotes([quote_row(listing, parsed("100.5"), "tencent", NOW, KNOWN)])
    quote = Quote.objects.get()
    assert (quote.provider, quote.source, quote.fetched_at) == ("tencent", None, NOW)


@pytest.mark.parametrize(
    ("at", "final"),
    [(MORNING, False), (datetime(2026, 3, 2, 6, 59, 59, tzinfo=UTC), False), (AFTER_CLOSE, True)],
)
def test_a_price_is_final_once_the_session_is_over(at: datetime, final: bool) -> None:
    listing = Listing(pk=1, mic="XSHG", ticker="688001", currency="CNY")
    assert quote_row(listing, parsed(at=at), "tencent", NOW, KNOWN).final is final


def test_a_daily_close_without_a_time_is_of_the_end_of_its_session() -> None:
    quote = Quote(day=DAY, close=Decimal(1), final=True)
    assert told_time(quote, "XSHG", KNOWN) == datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
    half = Calendar({("XSHG", DAY): DayKind.HALF}, KNOWN.known_years)
    assert told_time(quote, "XSHG", half) == datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
    assert told_time(quote, "XSHG", Calendar()) is None
    quote.last_at = MORNING
    assert told_time(quote, "XSHG", KNOWN) == MORNING


@pytest.mark.django_db
def test_only_the_newest_quote_is_marked_suspended() -> None:
    listing = make_listing()
    older = make_quote(listing, day=date(2026, 2, 27))
    newest = make_quote(listing, day=DAY)
    assert store_suspended([listing.pk])
    assert not store_suspended([listing.pk])
    assert not store_suspended([])
    older.refresh_from_db()
    newest.refresh_from_db()
    assert (older.suspended, newest.suspended) == (False, True)


@pytest.mark.django_db
def test_a_quote_that_waits_already_is_not_put_aside_again() -> None:
    held = make_held()
    store_held([again(held, held.payload)])
    store_held([])
    assert HeldQuote.objects.count() == 1


def again(held: HeldQuote, payload: dict[str, Any]) -> HeldQuote:
    """The same source comes up with the same matter in another run."""
    run = make_run(finished_at=NOW, requested_at=NOW)
    outcome = make_outcome(run, held.listing, result="hold", reason=held.reason)
    return HeldQuote(
        outcome=outcome, listing=held.listing, day=held.day, reason=held.reason, payload=dict(payload), held_at=NOW
    )


@pytest.mark.django_db
def test_of_one_matter_only_the_newest_quote_waits() -> None:
    held = make_held(price="130")
    store_held([again(held, held.payload | {"price": "131"})])
    waiting = HeldQuote.objects.get()
    assert (waiting.pk, waiting.payload["price"], waiting.held_at) == (held.pk, "131", NOW)


@pytest.mark.django_db
def test_what_was_discarded_comes_back_only_when_it_says_something_else() -> None:
    held = make_held(price="130", resolution="discarded", resolved_at=NOW)
    store_held([again(held, held.payload)])
    assert not HeldQuote.objects.filter(resolution="waiting").exists()
    store_held([again(held, held.payload | {"price": "131"})])
    assert HeldQuote.objects.get(resolution="waiting").payload["price"] == "131"


@pytest.mark.parametrize(
    ("quote", "problem"),
    [
        (parsed("0.000001"), ""),
        (parsed("99999999999999"), ""),
        (parsed("0"), ""),  # for the checks to refuse, and to be put aside
        (parsed("-5"), ""),
        (parsed("0.0000009"), "price 9E-7 cannot be stored"),
        (parsed("100000000000000"), "price 100000000000000 cannot be stored"),
        (parsed(open=Decimal("1e20")), "open 1E+20 cannot be stored"),
        (parsed(low=Decimal(3), high=Decimal(2)), "low 3 above high 2"),
        (parsed(low=Decimal(2), high=Decimal(2)), ""),
        (parsed(volume=2**63 - 1), ""),
        (parsed(volume=2**63), "volume 9223372036854775808 cannot be stored"),
    ],
)
def test_what_does_not_fit_the_columns_is_named(quote: ParsedQuote, problem: str) -> None:
    assert misfit(quote) == problem


@pytest.mark.parametrize(
    ("rate", "fits"), [("6.8", True), ("0.0000000001", True), ("0.00000000009", False), ("1e10", False), ("0", True)]
)
def test_a_rate_that_does_not_fit_is_named(rate: str, fits: bool) -> None:
    assert (rate_misfit(ParsedRate("USD", "CNY", DAY, Decimal(rate))) == "") is fits


def fx(rate: str, **fields: Any) -> FxRate:
    values = {"base": "USD", "quote": "CNY", "day": DAY, "provider": "cfets", "fetched_at": NOW}
    return FxRate(rate=Decimal(rate), **{**values, **fields})


@pytest.mark.django_db
def test_a_rate_stored_already_keeps_its_source() -> None:
    make_rate("USD/CNY", "7.1")
    assert not store_rates([fx("7.1")])
    assert FxRate.objects.get().source == some_filing()


@pytest.mark.django_db
def test_a_corrected_rate_replaces_the_one_of_its_day_only() -> None:
    make_rate("USD/CNY", "7.1")
    make_rate("USD/CNY", "7.0", day=date(2026, 2, 27))
    assert store_rates([fx("7.2")])
    assert list(FxRate.objects.values_list("day", "rate", "source")) == [
        (DAY, Decimal("7.2"), None),
        (date(2026, 2, 27), Decimal(7), some_filing().pk),
    ]


@pytest.mark.django_db
def test_a_rate_given_twice_in_one_reply_is_stored_once() -> None:
    assert store_rates([fx("7.1"), fx("7.2"), fx("0.87", base="HKD")])
    assert sorted(FxRate.objects.values_list("base", "rate")) == [("HKD", Decimal("0.87")), ("USD", Decimal("7.2"))]


def test_a_held_quote_is_read_back_as_it_was() -> None:
    quote = parsed(
        "600.60", previous_close=Decimal("590.00"), open=Decimal(592), high=Decimal(612), low=Decimal("588.88"),
        volume=5_000_000, currency="CNY", delayed=True, market_cap=Decimal("282282000000"), total_shares=470_000_000,
    )  # fmt: skip
    assert quote_from_payload(quote_payload(quote)) == quote
    assert quote_from_payload(quote_payload(parsed())) == parsed()


@pytest.mark.parametrize("price", ["0", "-1", None])
def test_a_held_price_of_zero_or_less_is_not_read_back(price: str | None) -> None:
    with pytest.raises(ValueError, match="zero or less"):
        quote_from_payload({"price": price, "at": NOW.isoformat(), "day": str(DAY)})
