"""Which price of a day readers see who see prices late. Times are minutes after 02:00 UTC (10:00 in Shanghai)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from tests.factories import make_listing, make_quote
from valuations.models import Quote
from valuations.snapshot import as_seen, day_prices
from valuations.visibility import DayPrices, Earlier, newest_possible, reveals, shift, visible

TODAY = date(2026, 3, 3)
QUARTER = timedelta(minutes=15)


def at(minute: float | None) -> datetime | None:
    return None if minute is None else datetime(2026, 3, 3, 2, 0, tzinfo=UTC) + timedelta(minutes=minute)


def earlier(public: tuple[str, int] | None = None, coming: tuple[str, int] | None = None) -> Earlier:
    """The prices kept, each as (price, minute)."""
    values = [(Decimal(pair[0]), at(pair[1])) if pair else (None, None) for pair in (public, coming)]
    return Earlier(*values[0], *values[1])


def prices(close: str, minute: int | None, kept: Earlier | None = None, fetched: int | None = None) -> DayPrices:
    return DayPrices(TODAY, Decimal(close), at(minute), at(fetched), kept or Earlier())


# --- What is kept when a price arrives --------------------------------------------------------------


@pytest.mark.parametrize(
    ("stored", "arrives", "kept"),
    [
        (None, ("100", 0), earlier(coming=("100", 0))),
        (earlier(), ("100", 0), earlier(coming=("100", 0))),
        (earlier(coming=("100", 0)), ("101", 14), earlier(coming=("100", 0))),
        (earlier(coming=("100", 0)), ("101", 15), earlier(("100", 0), ("101", 15))),
        (earlier(("100", 0), ("101", 15)), ("102", 29), earlier(("100", 0), ("101", 15))),
        (earlier(("100", 0), ("101", 15)), ("102", 30), earlier(("101", 15), ("102", 30))),
        # After lunch the coming price is old: it is the one to show until the new one is.
        (earlier(("100", 0), ("101", 15)), ("102", 180), earlier(("101", 15), ("102", 180))),
        # The same answer once more, and a late answer of an earlier moment, change nothing.
        (earlier(("100", 0), ("101", 15)), ("101", 15), earlier(("100", 0), ("101", 15))),
        (earlier(("100", 0), ("101", 15)), ("99", 10), earlier(("100", 0), ("101", 15))),
    ],
)
def test_a_price_becomes_public_when_the_one_after_it_is_put_aside(
    stored: Earlier | None, arrives: tuple[str, int], kept: Earlier
) -> None:
    assert shift(stored, Decimal(arrives[0]), at(arrives[1]), QUARTER) == kept


def test_a_price_without_a_time_is_never_kept() -> None:
    kept = earlier(coming=("100", 0))
    assert shift(kept, Decimal(101), None, QUARTER) == kept


def test_without_a_delay_nothing_is_kept() -> None:
    assert shift(None, Decimal(100), at(0), timedelta()) == Earlier()


def test_with_a_price_a_minute_what_is_shown_is_between_one_and_two_delays_old() -> None:
    kept: Earlier | None = None
    ages = []
    for minute in range(240):
        close = Decimal(minute + 1)
        kept = shift(kept, close, at(minute), QUARTER)
        shown = visible(DayPrices(TODAY, close, at(minute), at(minute), kept), at(minute - 15))
        if minute >= 15:
            assert shown is not None
            assert shown[1] == at(int(shown[0]) - 1)  # a price goes with its own time
            ages.append(minute + 1 - int(shown[0]))
        else:
            assert shown is None
    assert (min(ages), max(ages)) == (15, 29)


# --- What is shown ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "shown"),
    [
        (36, ("101", 15)),  # cutoff 21: the last price is of 35, the one before it of 15
        (29, ("100", 0)),  # cutoff 14: only the public one is old enough
        (30, ("101", 15)),  # cutoff 15: on the dot
        (14, None),  # cutoff −1: before any of them
        (49, ("101", 15)),
        (50, ("102", 35)),  # the last price itself
    ],
)
def test_the_newest_price_that_is_old_enough_is_shown(now: int, shown: tuple[str, int] | None) -> None:
    day = prices("102", 35, earlier(("100", 0), ("101", 15)))
    expected = None if shown is None else (Decimal(shown[0]), at(shown[1]))
    assert visible(day, at(now - 15)) == expected


def test_whoever_sees_everything_sees_the_last_price() -> None:
    assert visible(prices("102", 35, earlier(("100", 0), ("101", 15))), None) == (Decimal(102), at(35))


@pytest.mark.parametrize(
    ("day", "last", "fetched", "moment"),
    [
        (TODAY, 5, 6, at(5)),  # its own time counts
        (TODAY, None, 6, at(6)),  # no younger than its fetching
        (TODAY, None, None, None),  # typed in from a page
        # A bar of 27 February fetched again on 3 March was made by the midnight after its day.
        (date(2026, 2, 27), None, 6, datetime(2026, 2, 28, tzinfo=UTC)),
    ],
)
def test_a_price_without_a_time_is_as_young_as_its_fetching_allows(
    day: date, last: int | None, fetched: int | None, moment: datetime | None
) -> None:
    assert newest_possible(day, at(last), at(fetched)) == moment


def test_each_price_of_a_day_comes_into_view_when_it_is_old_enough() -> None:
    day = prices("102", 35, earlier(("100", 0), ("101", 15)))
    assert sorted(reveals(day, QUARTER)) == [at(15), at(30), at(50)]
    assert reveals(prices("100", None), QUARTER) == ()


# --- Rows -------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("now", [0, 5, 14, 15, 20, 29, 30, 36, 50, 60, 24 * 60])
@pytest.mark.parametrize(
    "row",
    [
        {"last_at": at(35), "coming_close": 101, "coming_at": at(15), "public_close": 100, "public_at": at(0)},
        {"last_at": at(20), "coming_close": 101, "coming_at": at(5)},
        {"last_at": at(20)},
        {"last_at": None, "fetched_at": at(6)},
        {"last_at": None, "fetched_at": at(6), "day": date(2026, 2, 27)},
        {"last_at": None, "fetched_at": at(6), "day": date(2026, 3, 2)},
        {"last_at": None},
    ],
)
def test_the_database_and_the_rule_agree_on_which_rows_show_a_price(row: dict[str, object], now: int) -> None:
    quote = make_quote(make_listing(), "102", **{"day": TODAY, "final": False, **row})
    cutoff = at(now - 15)
    found = Quote.objects.old_enough(cutoff).filter(pk=quote.pk).exists()
    assert found == (visible(day_prices(quote), cutoff) is not None)


@pytest.mark.django_db
def test_a_row_seen_late_tells_nothing_of_what_came_after() -> None:
    quote = make_quote(
        make_listing(), "102", day=TODAY, last_at=at(35), final=True, high=Decimal(109), low=Decimal(91),
        open=Decimal(95), volume=5_000, coming_close=Decimal(101), coming_at=at(15),
    )  # fmt: skip
    seen = as_seen(quote, at(20))
    assert (seen.close, seen.last_at, seen.final) == (Decimal(101), at(15), False)
    assert (seen.open, seen.high, seen.low, seen.volume, seen.fetched_at) == (None, None, None, None, None)
    assert quote.close == 102  # the row itself is untouched
    assert as_seen(quote, None) is quote
    with pytest.raises(ValueError, match="old enough"):
        as_seen(quote, at(14))


@pytest.mark.django_db
def test_a_price_corrected_under_its_old_time_is_corrected_for_everybody() -> None:
    quote = make_quote(make_listing(), "99.9", day=TODAY, last_at=at(0), coming_close=Decimal(999), coming_at=at(0))
    kept = shift(day_prices(quote).earlier, Decimal(101), at(20), QUARTER)
    assert (kept.public_close, kept.public_at) == (Decimal("99.9"), at(0))
