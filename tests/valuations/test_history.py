"""Daily history, through the real HTTP client: what is asked for, stored and covered, and what the ledger says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from companies.models import CorporateAction, Listing, Revision
from companies.sources.base import Fetcher, NoData, Reply, Retry
from tests.factories import (
    make_action,
    make_company,
    make_exchange_day,
    make_filing,
    make_listing,
    make_outcome,
    make_quote,
    make_run,
    make_share_count,
    make_staff,
)
from tests.standin import Standin
from valuations import providers
from valuations.coverage import due_for_history
from valuations.ledger import cancel_run, request_run
from valuations.models import BarCoverage, HeldQuote, Quote, RefreshRun, ReportedQuote, SourceHealth
from valuations.providers.base import DailyBar, Instrument, ShareEvent
from valuations.refresh import run_batch
from valuations.snapshot import Question, read_calendar, snapshot
from valuations.storage import resolve_held

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("friday_evening", "calendar")]

TICKER, CODE = "688795", "sh688795"
# The exchange of these tests trades on weekdays; 2026 is known.
MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = (date(2026, 11, day) for day in range(16, 21))
LISTED = date(2026, 10, 5)  # long enough ago for the limit to hold in November
EVENING = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)  # 20:00 in Shanghai
PATH = "/appstock/app/newfqkline"
Row = tuple[object, ...]


def row(day: date, close: str, *more: object, volume: str = "10000.000") -> Row:
    """A row of Tencent's: one price for open, close, high and low."""
    return (str(day), close, close, close, close, volume, *more)


def weekdays(first: date, last: date) -> list[date]:
    """Monday to Friday."""
    days = (first + timedelta(days=offset) for offset in range((last - first).days + 1))
    return [day for day in days if day.weekday() < 5]


def flat(first: date, last: date, close: str = "100") -> list[Row]:
    """The same close on every weekday."""
    return [row(day, close) for day in weekdays(first, last)]


def fetch(*listings: Listing) -> RefreshRun:
    """A whole run of history, its jobs one after the other."""
    run = request_run(RefreshRun.Kind.HISTORY, RefreshRun.Trigger.COMMAND, listings=listings or None)
    for batch in sorted(set(run.outcomes.values_list("batch", flat=True))):
        run_batch(run.pk, batch)
    run.refresh_from_db()
    return run


def told(run: RefreshRun) -> tuple[str, str, int]:
    """Result, reason and rows stored of a run for one listing."""
    outcome = run.outcomes.get()
    return outcome.result, outcome.reason, outcome.stored


def covered(listing: Listing) -> tuple[date, date] | None:
    """First and last day covered."""
    return BarCoverage.objects.filter(listing=listing).values_list("first_day", "last_day").first()


def closes(listing: Listing) -> dict[date, Decimal]:
    """Stored closes by day."""
    return dict(listing.quotes.order_by("day").values_list("day", "close"))


def cover(listing: Listing, first: date, last: date) -> None:
    """Say that the days of a listing were asked for."""
    BarCoverage.objects.create(
        listing=listing, first_day=first, last_day=last, provider="tencent_history", asked_at=datetime.now(UTC)
    )


@pytest.fixture
def listing(sources: Standin, settings: Settings) -> Listing:
    """A listing whose source is Tencent alone."""
    settings.HISTORY_SOURCES = ["tencent_history"]
    return make_listing(ticker=TICKER, board="STAR", listed_on=LISTED)


class Given:
    """A source of daily bars that has what a test gives it.

    `at_question` is called with the number of every question, from 1 on, before it is answered.
    """

    site, label = "tencent", "The second source"
    mics = frozenset({"XSHG"})

    def __init__(self, slug: str, bars: Sequence[DailyBar]) -> None:
        self.slug = slug
        self.bars = bars
        self.max_days = 10_000
        self.asked: list[tuple[date, date]] = []
        self.at_question: Callable[[int], object] = lambda number: None

    def fetch(self, client: Fetcher, instrument: Instrument, start: date, end: date) -> Reply:
        """Note the question."""
        self.asked.append((start, end))
        self.at_question(len(self.asked))
        return Reply("https://second.example/", 200, "text/plain", b"-", datetime.now(UTC))

    def parse(
        self, reply: Reply, instrument: Instrument, start: date | None = None, end: date | None = None
    ) -> list[DailyBar]:
        """The bars between the two days."""
        found = [bar for bar in self.bars if (start or bar.day) <= bar.day <= (end or bar.day)]
        if not found:
            raise NoData("no bars for these days")
        return found


def bar(day: date, close: str, *events: ShareEvent, adjustment: str = "") -> DailyBar:
    """A bar of the second source."""
    price = Decimal(close)
    return DailyBar(day, price, price, price, price, 1_000, events=events, adjustment=adjustment)


@pytest.fixture
def second(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Given]:
    """Put a second source after (or, with `first`, before) Tencent."""

    def put(*bars: DailyBar, first: bool = False) -> Given:
        source = Given("second", bars)
        monkeypatch.setitem(providers.HISTORY_SOURCES, "second", source)
        settings.HISTORY_SOURCES = ["second", "tencent_history"] if first else ["tencent_history", "second"]
        return source

    return put


# --- First sight, downtime, the day after ---------------------------------------------------------


def test_at_first_sight_all_days_since_the_listing_are_stored_as_final(sources: Standin, listing: Listing) -> None:
    sources.set_bars(CODE, flat(LISTED, FRIDAY))
    run = fetch()
    assert told(run) == ("ok", "", 35)  # seven weeks of five days
    assert covered(listing) == (LISTED, FRIDAY)
    assert sources.count(PATH) == 1
    quote = listing.quotes.get(day=FRIDAY)
    assert (quote.close, quote.final, quote.provider, quote.volume) == (Decimal(100), True, "tencent_history", 10_000)
    assert (quote.last_at, quote.source) == (None, None)
    assert run.outcomes.get().detail == "35 days stored; covered 2026-10-05 – 2026-11-20; tencent_history"
    assert run.finished_at is not None


def test_ten_years_are_asked_for_newest_first_in_as_many_requests_as_needed(sources: Standin, listing: Listing) -> None:
    Listing.objects.update(listed_on=None)
    sources.set_bars(CODE, flat(date(2010, 1, 4), FRIDAY))
    fetch()
    assert covered(listing) == (date(2016, 11, 20), FRIDAY)
    asked = [target.split(",")[2:4] for _, target in sources.requests]
    assert asked == [
        ["2024-06-24", "2026-11-20"],  # 880 days each
        ["2022-01-26", "2024-06-23"],
        ["2019-08-30", "2022-01-25"],
        ["2017-04-02", "2019-08-29"],
        ["2016-11-20", "2017-04-01"],
    ]
    assert set(closes(listing)) == set(weekdays(date(2016, 11, 20), FRIDAY))


def test_what_is_covered_is_not_asked_for_again_and_changes_nothing(sources: Standin, listing: Listing) -> None:
    sources.set_bars(CODE, flat(LISTED, FRIDAY))
    fetch()
    before = Revision.current()
    run = fetch(listing)
    assert told(run) == ("ok", "", 0)
    assert sources.count(PATH) == 1
    assert Revision.current() == before + 1  # the run itself, when it closes


def test_the_same_bars_again_write_nothing(sources: Standin, listing: Listing) -> None:
    sources.set_bars(CODE, flat(LISTED, FRIDAY))
    fetch()
    fetched = set(listing.quotes.values_list("pk", "fetched_at"))
    BarCoverage.objects.all().delete()
    before = Revision.current()
    assert told(fetch()) == ("ok", "", 0)
    assert set(listing.quotes.values_list("pk", "fetched_at")) == fetched
    assert Revision.current() == before + 1
    assert covered(listing) == (LISTED, FRIDAY)


def test_after_a_downtime_only_the_days_since_are_asked_for(sources: Standin, listing: Listing) -> None:
    sources.set_bars(CODE, flat(LISTED, FRIDAY))
    cover(listing, LISTED, date(2026, 11, 10))
    assert told(fetch()) == ("ok", "", 8)
    assert [target.split(",")[2:4] for _, target in sources.requests] == [["2026-11-11", "2026-11-20"]]
    assert covered(listing) == (LISTED, FRIDAY)


@contextmanager
def no_room_for_quotes_before(day: date) -> Iterator[None]:
    """Have the database refuse quotes of earlier days, as it would with a full disk."""
    if connection.vendor == "sqlite":
        begin = f"""
            CREATE TRIGGER no_room BEFORE INSERT ON valuations_quote WHEN NEW.day < '{day}'
            BEGIN SELECT RAISE(ABORT, 'no room'); END
        """
        end = "DROP TRIGGER no_room"
    else:
        begin = f"ALTER TABLE valuations_quote ADD CONSTRAINT no_room CHECK (day >= '{day}')"
        end = "ALTER TABLE valuations_quote DROP CONSTRAINT no_room"
    with connection.cursor() as cursor:
        cursor.execute(begin)
        yield
        connection.check_constraints()  # PostgreSQL changes no table whose rows wait to be checked
        cursor.execute(end)


def test_a_job_that_died_goes_on_where_the_covered_days_end(sources: Standin, listing: Listing) -> None:
    Listing.objects.update(listed_on=date(2022, 11, 21))
    sources.set_bars(CODE, flat(date(2022, 11, 21), FRIDAY))
    run = request_run(RefreshRun.Kind.HISTORY, RefreshRun.Trigger.COMMAND)
    with no_room_for_quotes_before(date(2023, 1, 2)), pytest.raises(IntegrityError):
        run_batch(run.pk, 0)
    assert covered(listing) == (date(2024, 6, 24), FRIDAY)
    assert run.outcomes.get().stored == len(weekdays(date(2024, 6, 24), FRIDAY)) == listing.quotes.count()
    run_batch(run.pk, 0)
    assert covered(listing) == (date(2022, 11, 21), FRIDAY)
    days = len(weekdays(date(2022, 11, 21), FRIDAY))
    assert told(run) == ("ok", "", days)
    assert listing.quotes.count() == days


def test_a_run_that_is_cancelled_between_two_spans_stores_no_more(
    listing: Listing, second: Callable[..., Given], settings: Settings
) -> None:
    source = second(*(bar(day, "100") for day in weekdays(LISTED, FRIDAY)))
    settings.HISTORY_SOURCES = ["second"]
    source.max_days = 12
    run = request_run(RefreshRun.Kind.HISTORY, RefreshRun.Trigger.COMMAND)
    source.at_question = lambda number: number == 2 and cancel_run(run.pk, make_staff())
    run_batch(run.pk, 0)
    assert covered(listing) == (date(2026, 11, 9), FRIDAY)
    assert set(closes(listing)) == set(weekdays(date(2026, 11, 9), FRIDAY))
    assert run.outcomes.get().result == "cancelled"
    assert len(source.asked) == 2  # the second answer found the run closed


def test_a_bar_that_is_not_there_yet_is_asked_for_again_later(sources: Standin, listing: Listing) -> None:
    cover(listing, LISTED, WEDNESDAY)
    sources.set_bars(CODE, flat(LISTED, THURSDAY))
    assert told(fetch()) == ("ok", "", 1)
    assert covered(listing) == (LISTED, THURSDAY)
    assert told(fetch()) == ("no_data", "no_bars", 0)
    sources.set_bars(CODE, flat(LISTED, FRIDAY))
    assert told(fetch()) == ("ok", "", 1)
    assert covered(listing) == (LISTED, FRIDAY)


def test_silence_about_a_share_never_counts_as_days_without_trade(sources: Standin, listing: Listing) -> None:
    assert told(fetch()) == ("no_data", "no_bars", 0)
    cover(listing, LISTED, date(2026, 10, 23))
    assert told(fetch()) == ("no_data", "no_bars", 0)
    assert covered(listing) == (LISTED, date(2026, 10, 23))


def test_a_share_that_was_suspended_is_covered_and_the_days_are_told(sources: Standin, listing: Listing) -> None:
    sources.set_bars(CODE, [*flat(LISTED, date(2026, 11, 6)), *flat(THURSDAY, FRIDAY)])
    run = fetch()
    assert told(run) == ("ok", "", 27)
    assert run.outcomes.get().detail.endswith("8 days from 2026-11-09 without trade")
    assert covered(listing) == (LISTED, FRIDAY)


# --- What is in place already ---------------------------------------------------------------------


def test_a_bar_makes_the_live_price_of_its_day_final(sources: Standin, listing: Listing) -> None:
    at = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
    make_quote(listing, "99", day=FRIDAY, final=False, provider="tencent", fetched_at=at, last_at=at)
    closed_at = datetime(2026, 11, 19, 7, 0, 3, tzinfo=UTC)
    make_quote(listing, "100", day=THURSDAY, provider="tencent", fetched_at=closed_at, last_at=closed_at)
    sources.set_bars(CODE, flat(LISTED, FRIDAY))
    fetch()
    friday, thursday = listing.quotes.get(day=FRIDAY), listing.quotes.get(day=THURSDAY)
    assert (friday.close, friday.final, friday.last_at, friday.provider) == (
        Decimal(100),
        True,
        None,
        "tencent_history",
    )
    assert (thursday.last_at, thursday.provider) == (closed_at, "tencent_history")


def test_the_daily_row_of_a_named_source_stays_and_a_difference_is_told(sources: Standin, listing: Listing) -> None:
    daily = {"open": 100, "high": 101, "low": 99}
    make_quote(listing, "100.5", day=WEDNESDAY, **daily)
    make_quote(listing, "101.5", day=THURSDAY, **daily)
    sources.set_bars(CODE, flat(LISTED, FRIDAY))
    run = fetch()
    assert told(run) == ("ok_flag", "bar_differs", 33)
    assert "2026-11-19 more than 1 %" in run.outcomes.get().detail
    stored = listing.quotes.filter(day__in=[WEDNESDAY, THURSDAY]).values_list("close", "provider")
    assert set(stored) == {(Decimal("100.5"), "starter"), (Decimal("101.5"), "starter")}


def test_a_single_page_gives_way_and_stays_as_also_reported(sources: Standin, listing: Listing) -> None:
    page = make_filing("a-page")
    make_quote(listing, "97", day=THURSDAY, source=page)
    make_quote(listing, "98", day=WEDNESDAY, source=page)
    ReportedQuote.objects.create(listing=listing, day=WEDNESDAY, market_value=10**9, source=page)
    sources.set_bars(CODE, flat(LISTED, FRIDAY))
    assert told(fetch()) == ("ok", "", 35)
    assert closes(listing)[THURSDAY] == 100
    reported = set(ReportedQuote.objects.values_list("day", "close", "market_value", "source"))
    assert reported == {(THURSDAY, Decimal(97), None, page.pk), (WEDNESDAY, Decimal(98), Decimal(10**9), page.pk)}
    BarCoverage.objects.all().delete()
    fetch()
    assert ReportedQuote.objects.count() == 2


# --- Corporate actions ----------------------------------------------------------------------------

BONUS = {"FHcontent": "10送4.9股派0.8元", "cqr": str(WEDNESDAY)}


def test_a_bonus_changes_price_and_count_together_so_that_the_value_goes_on(sources: Standin, listing: Listing) -> None:
    make_share_count(listing.company, 1_000_000, valid_from=LISTED)
    ex_day = row(WEDNESDAY, "100", BONUS)
    sources.set_bars(CODE, [*flat(LISTED, TUESDAY, "149"), ex_day, *flat(THURSDAY, FRIDAY)])
    assert told(fetch()) == ("ok", "", 35)

    def value(day: date) -> tuple[int, Decimal | None]:
        found = snapshot(Question(day)).rows[0].market_value
        assert found is not None
        return found.holdings[0].shares.total, found.money.low

    assert value(TUESDAY) == (1_000_000, Decimal(149_000_000))
    assert value(WEDNESDAY) == (1_490_000, Decimal(149_000_000))  # 1,000,000 x 1.49 shares at 100
    price = snapshot(Question(WEDNESDAY)).rows[0].price
    assert price is not None
    assert price.change == 0


def test_a_bonus_and_a_dividend_of_one_sentence_are_two_actions_named_by_their_source(
    sources: Standin, listing: Listing
) -> None:
    sources.set_bars(CODE, [*flat(LISTED, TUESDAY, "149"), row(WEDNESDAY, "100", BONUS), *flat(THURSDAY, FRIDAY)])
    fetch()
    told_actions = CorporateAction.objects.order_by("kind").values_list(
        "kind", "share_class", "ex_day", "ratio", "new_shares", "cash", "currency", "provider"
    )
    assert list(told_actions) == [
        ("bonus", "all", WEDNESDAY, Decimal("1.49"), 0, None, "", "tencent_history"),
        ("dividend", "all", WEDNESDAY, Decimal(1), 0, Decimal("0.08"), "CNY", "tencent_history"),
    ]
    BarCoverage.objects.all().delete()
    fetch()
    assert CorporateAction.objects.count() == 2


def test_an_editors_action_of_those_days_stays_alone(sources: Standin, listing: Listing) -> None:
    make_action(listing.company, "1.49", ex_day=WEDNESDAY + timedelta(days=2))
    sources.set_bars(CODE, [*flat(LISTED, TUESDAY, "149"), row(WEDNESDAY, "100", BONUS), *flat(THURSDAY, FRIDAY)])
    assert told(fetch())[0] == "ok"
    assert CorporateAction.objects.filter(kind="bonus").count() == 1


def test_with_two_classes_listed_an_action_is_of_the_class_of_its_listing(sources: Standin, listing: Listing) -> None:
    make_listing(listing.company, "06082", mic="XHKG")
    sources.set_bars(CODE, [*flat(LISTED, TUESDAY, "149"), row(WEDNESDAY, "100", BONUS), *flat(THURSDAY, FRIDAY)])
    fetch(listing)
    assert set(CorporateAction.objects.values_list("share_class", flat=True)) == {"A"}


# --- What is not believed -------------------------------------------------------------------------


def jumping(sources: Standin, listing: Listing) -> None:
    """Bars that stand at 100 up to Tuesday and at 130 from Wednesday."""
    sources.set_bars(CODE, [*flat(LISTED, TUESDAY), *flat(WEDNESDAY, FRIDAY, "130")])
    cover(listing, LISTED, MONDAY)
    make_quote(listing, "100", day=MONDAY)


def test_a_move_beyond_the_limit_is_held_and_nothing_beyond_it_is_stored(sources: Standin, listing: Listing) -> None:
    jumping(sources, listing)
    assert told(fetch()) == ("partial", "beyond_limit", 1)
    assert covered(listing) == (LISTED, TUESDAY)
    assert set(closes(listing)) == {MONDAY, TUESDAY}
    held = HeldQuote.objects.get()
    assert (held.day, held.reason, held.payload["price"]) == (WEDNESDAY, "beyond_limit", "130")
    assert held.detail == "130 on 2026-11-18 after 100 on 2026-11-17"
    assert told(fetch()) == ("hold", "beyond_limit", 0)
    assert HeldQuote.objects.count() == 1


def test_released_it_is_believed_the_next_time(sources: Standin, listing: Listing) -> None:
    jumping(sources, listing)
    fetch()
    resolve_held(HeldQuote.objects.get(), HeldQuote.Resolution.RELEASED, make_staff())
    assert told(fetch()) == ("ok_flag", "beyond_limit_confirmed", 2)
    assert covered(listing) == (LISTED, FRIDAY)


def test_discarded_it_is_passed_over(sources: Standin, listing: Listing) -> None:
    sources.set_bars(CODE, [*flat(LISTED, TUESDAY), row(WEDNESDAY, "300"), *flat(THURSDAY, FRIDAY)])
    cover(listing, LISTED, TUESDAY)
    make_quote(listing, "100", day=TUESDAY)
    fetch()
    resolve_held(HeldQuote.objects.get(), HeldQuote.Resolution.DISCARDED, make_staff())
    assert told(fetch()) == ("ok_flag", "discarded", 2)
    assert set(closes(listing)) == {TUESDAY, THURSDAY, FRIDAY}
    assert covered(listing) == (LISTED, FRIDAY)


def test_an_older_move_is_held_too_and_the_newer_days_are_stored(sources: Standin, listing: Listing) -> None:
    sources.set_bars(CODE, [*flat(LISTED, TUESDAY), *flat(WEDNESDAY, FRIDAY, "130")])
    assert told(fetch()) == ("partial", "beyond_limit", 3)
    assert covered(listing) == (WEDNESDAY, FRIDAY)
    assert HeldQuote.objects.get().day == TUESDAY


def test_a_second_source_that_states_the_same_confirms_it(
    sources: Standin, listing: Listing, second: Callable[..., Given]
) -> None:
    jumping(sources, listing)
    source = second(*(bar(day, "130") for day in (WEDNESDAY, THURSDAY, FRIDAY)))
    assert told(fetch()) == ("ok_flag", "beyond_limit_confirmed", 4)
    assert source.asked == [(TUESDAY, FRIDAY)]
    assert covered(listing) == (LISTED, FRIDAY)
    assert set(listing.quotes.exclude(day=MONDAY).values_list("provider", flat=True)) == {"tencent_history"}


def test_a_second_source_that_contradicts_it_is_believed_where_its_own_bars_hang_together(
    sources: Standin, listing: Listing, second: Callable[..., Given]
) -> None:
    jumping(sources, listing)
    second(*(bar(day, "101") for day in (TUESDAY, WEDNESDAY, THURSDAY, FRIDAY)))
    assert told(fetch()) == ("ok", "", 4)
    assert closes(listing)[FRIDAY] == 101
    assert not HeldQuote.objects.exists()


def test_an_event_that_only_the_second_source_tells_explains_the_move(
    sources: Standin, listing: Listing, second: Callable[..., Given]
) -> None:
    sources.set_bars(CODE, [*flat(LISTED, TUESDAY), *flat(WEDNESDAY, FRIDAY, "10")])
    second(bar(WEDNESDAY, "10", ShareEvent("split", WEDNESDAY, Decimal(10))))
    assert told(fetch()) == ("ok", "", 35)
    assert list(CorporateAction.objects.values_list("kind", "ratio", "provider")) == [("split", Decimal(10), "second")]


def test_days_that_a_source_leaves_out_are_taken_from_the_next_one(
    sources: Standin, listing: Listing, second: Callable[..., Given]
) -> None:
    sources.set_bars(CODE, [*flat(LISTED, TUESDAY), *flat(THURSDAY, FRIDAY)])
    second(bar(WEDNESDAY, "101"))
    assert told(fetch()) == ("ok", "", 35)
    assert set(listing.quotes.values_list("provider", flat=True)) == {"tencent_history", "second"}
    assert listing.quotes.get(day=WEDNESDAY).provider == "second"


def test_a_whole_answer_is_not_put_to_a_second_source(
    sources: Standin, listing: Listing, second: Callable[..., Given]
) -> None:
    sources.set_bars(CODE, flat(LISTED, FRIDAY))
    source = second()
    fetch()
    assert source.asked == []


def test_bars_on_a_day_known_as_closed_are_refused_and_told(sources: Standin, listing: Listing) -> None:
    make_exchange_day(day=WEDNESDAY)
    sources.set_bars(CODE, flat(LISTED, FRIDAY))
    assert told(fetch()) == ("ok_flag", "closed_day", 34)
    assert WEDNESDAY not in closes(listing)


def test_adjusted_bars_are_never_stored(listing: Listing, second: Callable[..., Given], settings: Settings) -> None:
    second(bar(FRIDAY, "50", adjustment="qfq"))
    settings.HISTORY_SOURCES = ["second"]
    assert told(fetch()) == ("bad_body", "source_failed", 0)
    assert not Quote.objects.exists()
    assert covered(listing) is None


def test_a_source_that_fails_gives_way_to_the_next(
    sources: Standin, listing: Listing, second: Callable[..., Given]
) -> None:
    sources.fail(PATH, "html_200")
    second(*(bar(day, "100") for day in weekdays(LISTED, FRIDAY)))
    assert told(fetch()) == ("ok", "", 35)
    assert covered(listing) == (LISTED, FRIDAY)


def test_when_no_source_answers_the_ledger_says_why_and_nothing_counts_as_covered(
    sources: Standin, listing: Listing
) -> None:
    sources.fail(PATH, "500")
    run = fetch()
    assert told(run) == ("retry", "source_failed", 0)
    assert "Tencent daily bars: server error 500" in run.outcomes.get().detail
    assert covered(listing) is None


def test_a_source_that_rests_is_not_asked(sources: Standin, listing: Listing) -> None:
    SourceHealth.objects.create(
        site="tencent_history", failures=3, rests_until=EVENING + timedelta(minutes=1), last_detail="server error 500"
    )
    run = fetch()
    assert told(run) == ("retry", "sources_rest", 0)
    assert "left alone until 2026-11-20 12:01 UTC" in run.outcomes.get().detail
    assert sources.count(PATH) == 0


def test_a_source_whose_rest_is_over_is_tried_first_and_is_well_again(
    sources: Standin, listing: Listing, second: Callable[..., Given]
) -> None:
    SourceHealth.objects.create(site="tencent_history", failures=3, rests_until=EVENING, last_result="retry")
    sources.set_bars(CODE, flat(LISTED, FRIDAY))
    source = second()
    assert told(fetch()) == ("ok", "", 35)
    assert source.asked == []
    health = SourceHealth.objects.get(site="tencent_history")
    assert (health.failures, health.rests_until) == (0, None)


def test_what_was_stored_before_a_source_failed_stays(sources: Standin, listing: Listing) -> None:
    Listing.objects.update(listed_on=date(2022, 11, 21))
    sources.set_bars(CODE, flat(date(2022, 11, 21), FRIDAY))
    sources.fail(f"{PATH}/get?param={CODE},day,2022", "500")
    run = fetch()
    days = len(weekdays(date(2024, 6, 24), FRIDAY))
    assert told(run) == ("partial", "source_failed", days)
    assert covered(listing) == (date(2024, 6, 24), FRIDAY)


def test_history_that_fails_does_not_make_the_price_a_failed_one(listing: Listing) -> None:
    make_quote(listing, "100", day=THURSDAY)
    run = make_run(finished_at=EVENING)
    make_outcome(run, listing, result="ok", done_at=EVENING - timedelta(minutes=5))
    make_outcome(make_run(kind=RefreshRun.Kind.HISTORY), listing, result="retry", done_at=EVENING)
    price = snapshot(Question(FRIDAY)).rows[0].price
    assert price is not None
    assert price.state == "stale"  # Friday is over, its close is lacking


# --- Whose silence counts -------------------------------------------------------------------------

LONG_AGO = date(2022, 11, 21)
NEWEST_SPAN = date(2024, 6, 24)  # the first of the 880 days asked for first


def no_answer(number: int) -> None:
    """A source that fails whatever it is asked."""
    raise Retry("no answer within 10 s")


def test_silence_of_a_source_that_gave_no_bars_does_not_stand_for_one_that_failed(
    sources: Standin, listing: Listing, second: Callable[..., Given]
) -> None:
    Listing.objects.update(listed_on=LONG_AGO)
    sources.set_bars(CODE, flat(LONG_AGO, FRIDAY))
    sources.fail(f"{PATH}/get?param={CODE},day,2022", "500")
    second()
    run = fetch()
    assert told(run) == ("partial", "source_failed", len(weekdays(NEWEST_SPAN, FRIDAY)))
    assert "Tencent daily bars: server error 500" in run.outcomes.get().detail
    assert covered(listing) == (NEWEST_SPAN, FRIDAY)


def test_at_first_sight_silence_and_a_failure_are_a_failure(
    sources: Standin, listing: Listing, second: Callable[..., Given], capsys: pytest.CaptureFixture[str]
) -> None:
    sources.fail(PATH, "500")
    second()
    assert told(fetch()) == ("retry", "source_failed", 0)
    assert covered(listing) is None
    with pytest.raises(CommandError, match="No source gave anything"):
        call_command("refresh", "history", "--dry-run")
    assert "server error 500" in capsys.readouterr().out


SUMMER = date(2026, 6, 1)
LAST_BEFORE, FIRST_AFTER = date(2026, 7, 31), date(2026, 9, 21)


def with_a_long_gap(sources: Standin) -> int:
    """Bars that lack 35 sessions between a Friday and a Monday; returns how many there are."""
    Listing.objects.update(listed_on=SUMMER)
    bars = [*flat(SUMMER, LAST_BEFORE), *flat(FIRST_AFTER, FRIDAY)]
    sources.set_bars(CODE, bars)
    return len(bars)


@pytest.mark.parametrize(("trouble", "detail"), [("fails", "no answer"), ("rests", "left alone"), ("silent", "")])
def test_a_long_gap_that_no_second_source_confirms_ends_what_is_covered(
    sources: Standin, listing: Listing, second: Callable[..., Given], trouble: str, detail: str
) -> None:
    count = with_a_long_gap(sources)
    source = second()
    if trouble == "fails":
        source.at_question = no_answer
    if trouble == "rests":
        SourceHealth.objects.create(site=source.site, failures=3, rests_until=EVENING + timedelta(minutes=1))
    run = fetch()
    assert told(run) == ("partial", "gaps_unconfirmed", count)
    assert "no bars of 2026-08-01 – 2026-09-20" in run.outcomes.get().detail
    assert detail in run.outcomes.get().detail
    assert covered(listing) == (FIRST_AFTER, FRIDAY)


def test_onwards_too_a_gap_without_a_second_word_ends_what_is_covered(
    sources: Standin, listing: Listing, second: Callable[..., Given]
) -> None:
    with_a_long_gap(sources)
    cover(listing, SUMMER, date(2026, 7, 24))
    second().at_question = no_answer
    assert told(fetch())[:2] == ("partial", "gaps_unconfirmed")
    assert covered(listing) == (SUMMER, LAST_BEFORE)


def test_a_long_gap_is_a_suspension_when_a_second_source_has_bars_around_it(
    sources: Standin, listing: Listing, second: Callable[..., Given]
) -> None:
    count = with_a_long_gap(sources)
    second(bar(LAST_BEFORE, "100"), bar(FIRST_AFTER, "100"))
    run = fetch()
    assert told(run) == ("ok", "", count)
    assert run.outcomes.get().detail.endswith("35 days from 2026-08-03 without trade")
    assert covered(listing) == (SUMMER, FRIDAY)


def test_a_long_gap_is_a_suspension_when_no_other_source_covers_the_exchange(
    sources: Standin, listing: Listing
) -> None:
    count = with_a_long_gap(sources)
    assert told(fetch()) == ("ok", "", count)
    assert covered(listing) == (SUMMER, FRIDAY)


@pytest.mark.parametrize(
    ("has_spoken", "ending", "first"),
    [(True, ("ok", ""), LONG_AGO), (False, ("partial", "gaps_unconfirmed"), date(2024, 2, 5))],
)
def test_silence_confirms_a_long_gap_if_the_source_gave_other_bars_in_this_job(
    sources: Standin,
    listing: Listing,
    second: Callable[..., Given],
    ending: tuple[str, str],
    first: date,
    *,
    has_spoken: bool,
) -> None:
    Listing.objects.update(listed_on=LONG_AGO)
    older = [*flat(LONG_AGO, date(2023, 6, 2)), *flat(date(2024, 2, 5), date(2024, 6, 21))]
    newer = flat(NEWEST_SPAN, FRIDAY)
    sources.set_bars(CODE, [*older, *(one for one in newer if not (has_spoken and one[0] == str(WEDNESDAY)))])
    second(bar(WEDNESDAY, "100"))
    assert told(fetch()) == (*ending, len(older) + len(newer))
    assert covered(listing) == (first, FRIDAY)


@pytest.mark.parametrize(("fails", "ending", "first"), [(False, "ok", LONG_AGO), (True, "partial", NEWEST_SPAN)])
def test_a_span_without_any_bar_is_covered_unless_the_second_source_failed(
    sources: Standin, listing: Listing, second: Callable[..., Given], ending: str, first: date, *, fails: bool
) -> None:
    Listing.objects.update(listed_on=LONG_AGO)
    sources.set_bars(CODE, flat(NEWEST_SPAN, FRIDAY))
    source = second()
    if fails:
        source.at_question = no_answer
    assert told(fetch())[0] == ending
    assert covered(listing) == (first, FRIDAY)


def test_of_two_doubts_in_one_job_both_are_told_and_the_next_job_holds_the_second(
    sources: Standin, listing: Listing
) -> None:
    first, last = date(2026, 10, 19), date(2026, 11, 6)
    older, newer = flat(LISTED, date(2026, 10, 16), "20"), flat(date(2026, 11, 9), FRIDAY, "300")
    sources.set_bars(CODE, [*older, *flat(first, last), *newer])
    cover(listing, first, last)
    for day in weekdays(first, last):
        make_quote(listing, "100", day=day)
    run = fetch()
    assert told(run) == ("hold", "beyond_limit", 0)
    detail = run.outcomes.get().detail
    assert "300 on 2026-11-09 after 100.000000 on 2026-11-06" in detail
    assert "100.000000 on 2026-10-19 after 20 on 2026-10-16" in detail
    assert list(HeldQuote.objects.values_list("day", flat=True)) == [date(2026, 11, 9)]
    fetch()
    fetch()
    assert sorted(HeldQuote.objects.values_list("day", flat=True)) == [date(2026, 10, 16), date(2026, 11, 9)]


def test_a_held_bar_names_the_source_that_it_is_from(
    sources: Standin, listing: Listing, second: Callable[..., Given]
) -> None:
    jumping(sources, listing)
    sources.fail(PATH, "500")
    second(bar(TUESDAY, "100"), *(bar(day, "130") for day in (WEDNESDAY, THURSDAY, FRIDAY)))
    fetch()
    fetch()
    assert HeldQuote.objects.get().outcome.provider == "second"


def test_a_ticker_that_no_source_can_write_is_not_asked_for_and_blames_none(
    sources: Standin, settings: Settings
) -> None:
    settings.HISTORY_SOURCES = ["tencent_history", "eastmoney_history", "yahoo_history"]
    make_listing(ticker="0 BAD", listed_on=LISTED)
    assert told(fetch()) == ("bad_request", "source_failed", 0)
    assert sources.requests == []
    assert not SourceHealth.objects.exists()


# --- By hand --------------------------------------------------------------------------------------


def test_a_dry_run_says_what_would_come_and_stores_nothing(
    sources: Standin, listing: Listing, capsys: pytest.CaptureFixture[str]
) -> None:
    sources.set_bars(CODE, flat(LISTED, FRIDAY))
    call_command("refresh", "history", "--dry-run", "--listing", f"XSHG:{TICKER}")
    said = capsys.readouterr().out
    assert "35 days of 2026-10-05 – 2026-11-20; tencent_history" in said
    assert not Quote.objects.exists()
    assert covered(listing) is None


def test_years_say_how_far_back_a_dry_run_looks(
    sources: Standin, listing: Listing, capsys: pytest.CaptureFixture[str]
) -> None:
    Listing.objects.update(listed_on=None)
    sources.set_bars(CODE, flat(date(2024, 1, 1), FRIDAY))
    call_command("refresh", "history", "--dry-run", "--years", "1")
    assert "of 2025-11-20 – 2026-11-20" in capsys.readouterr().out


def test_one_listing_can_be_asked_for_alone(sources: Standin, listing: Listing) -> None:
    make_listing(make_company("other"), "688796")
    call_command("refresh", "history", "--listing", f"xshg:{TICKER}")
    assert [outcome.listing for outcome in RefreshRun.objects.get().outcomes.all()] == [listing]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["history", "--listing", "XSHG:1"], "No listing XSHG:1. Write it as XSHG:688256."),
        (["rates", "--listing", f"XSHG:{TICKER}"], "Exchange rates are of no listing."),
        (["quotes", "--years", "3"], "--years is for history --dry-run"),
        (["history", "--years", "3"], "--years is for history --dry-run"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(listing: Listing, arguments: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("refresh", *arguments)
    assert not RefreshRun.objects.exists()


# --- Which listings are due -----------------------------------------------------------------------


def due(now: datetime) -> bool:
    """Whether the listing is due for history."""
    return bool(due_for_history(Listing.objects.all(), now, read_calendar()))


@pytest.mark.parametrize(
    ("first", "last", "now", "expected"),
    [
        (None, None, EVENING, True),
        (LISTED, FRIDAY, EVENING, False),
        (LISTED, THURSDAY, EVENING, True),
        (LISTED, THURSDAY, datetime(2026, 11, 20, 7, 19, tzinfo=UTC), False),  # 15:19 in Shanghai
        (LISTED, THURSDAY, datetime(2026, 11, 20, 7, 20, tzinfo=UTC), True),
        (LISTED, FRIDAY, datetime(2026, 11, 22, 12, 0, tzinfo=UTC), False),  # Sunday
        (LISTED, FRIDAY, datetime(2026, 11, 24, 1, 0, tzinfo=UTC), True),  # Monday is over, Tuesday not begun
        (LISTED + timedelta(days=1), FRIDAY, EVENING, True),
        (LISTED, FRIDAY, datetime(2027, 1, 1, 12, 0, tzinfo=UTC), True),
    ],
)
def test_a_listing_is_due_when_a_day_that_is_over_lacks_its_bar(
    listing: Listing, first: date | None, last: date | None, now: datetime, *, expected: bool
) -> None:
    if first and last:
        cover(listing, first, last)
    assert due(now) is expected


@pytest.mark.parametrize(
    ("minutes_ago", "reason", "expected"),
    [
        (5, "no_bars", False),
        (6 * 60, "no_bars", True),
        (59, "source_failed", False),
        (60, "source_failed", True),
        (59, "gaps_unconfirmed", False),
        (60, "gaps_unconfirmed", True),
        (5 * 60, "no_bars", True),  # before 15:20: the day's bar was not to be had then
    ],
)
def test_a_listing_asked_for_in_vain_is_left_alone_for_a_while(
    listing: Listing, minutes_ago: int, reason: str, *, expected: bool
) -> None:
    cover(listing, LISTED, THURSDAY)
    run = make_run(kind=RefreshRun.Kind.HISTORY)
    asked_at = EVENING - timedelta(minutes=minutes_ago)
    make_outcome(run, listing, result="no_data", reason=reason, done_at=asked_at)
    assert due(EVENING) is expected


def test_a_question_for_prices_is_none_for_history(listing: Listing) -> None:
    make_outcome(make_run(), listing, result="ok", done_at=EVENING)
    assert due(EVENING)


def test_finding_the_due_ones_takes_one_query(listing: Listing) -> None:
    calendar = read_calendar()
    for number in range(3):
        make_listing(make_company(f"c{number}"), f"60000{number}")
    with CaptureQueriesContext(connection) as queries:
        assert len(due_for_history(Listing.objects.all(), EVENING, calendar)) == 4
    assert len(queries) == 1
