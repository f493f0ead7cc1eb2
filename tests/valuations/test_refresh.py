"""A batch of prices or rates, through the real HTTP client: what is stored, what is held back, what the ledger says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from companies.models import Listing, Revision
from tests.factories import (
    make_action,
    make_company,
    make_listing,
    make_quote,
    make_rate,
    make_share_count,
    make_staff,
)
from tests.payloads import Trade, halted
from tests.standin import Standin
from tests.valuations.conftest import FRIDAY_EVENING
from valuations.ledger import request_run
from valuations.models import FxRate, HeldQuote, Quote, RefreshOutcome, RefreshRun
from valuations.refresh import run_batch
from valuations.storage import resolve_held
from valuations.tasks import refresh_batch

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("friday_evening", "calendar")]

THURSDAY, FRIDAY = date(2026, 11, 19), date(2026, 11, 20)
AFTERNOON = datetime(2026, 11, 20, 15, 50, 49)  # noqa: DTZ001  # as the source writes it
FIRST, SECOND, THIRD = "688795", "688802", "300474"
Result = RefreshOutcome.Result


def watch(ticker: str, close: str = "590", **fields: object) -> Listing:
    """A listing with Thursday's close of `close` stored."""
    mic = str(fields.pop("mic", "XSHE" if ticker.startswith("300") else "XSHG"))
    board = "ChiNext" if mic == "XSHE" else "STAR"
    listing = make_listing(make_company(f"c{ticker.lower()}"), ticker, mic=mic, board=board, **fields)
    make_quote(listing, close, day=THURSDAY)
    return listing


def trade(ticker: str, **fields: object) -> Trade:
    """Friday's trade of a listing: 600.60 after 590.00."""
    return Trade(("sz" if ticker.startswith("300") else "sh") + ticker, **fields)  # type: ignore[arg-type]


@pytest.fixture
def three(sources: Standin) -> dict[str, Listing]:
    """Three listings whose source has a good price each."""
    for ticker in (FIRST, SECOND, THIRD):
        sources.set_quote(trade(ticker))
    return {ticker: watch(ticker) for ticker in (FIRST, SECOND, THIRD)}


def refresh(kind: RefreshRun.Kind = RefreshRun.Kind.QUOTES) -> RefreshRun:
    """A whole run, its batches one after the other."""
    run = request_run(kind, RefreshRun.Trigger.COMMAND)
    for batch in sorted(set(run.outcomes.values_list("batch", flat=True))):
        run_batch(run.pk, batch)
    run.refresh_from_db()
    return run


def told(run: RefreshRun) -> dict[str, tuple[str, str]]:
    """Result and reason by ticker."""
    return {o.listing.ticker: (o.result, o.reason) for o in run.outcomes.select_related("listing") if o.listing}


def friday(ticker: str) -> Quote | None:
    """What is stored for Friday."""
    return Quote.objects.filter(listing__ticker=ticker, day=FRIDAY).first()


# --- Good prices ------------------------------------------------------------------------------------


def test_every_good_price_is_stored_under_its_day(sources: Standin, three: dict[str, Listing]) -> None:
    run = refresh()
    assert told(run) == dict.fromkeys(three, ("ok", ""))
    assert run.finished_at is not None
    assert run.problem == ""
    quote = friday(FIRST)
    assert quote is not None
    assert (quote.open, quote.high, quote.low, quote.close) == tuple(
        Decimal(price) for price in ("592", "612", "588.88", "600.60")
    )
    assert (quote.volume, quote.provider, quote.final, quote.source) == (5_000_000, "tencent", True, None)
    assert quote.last_at == datetime(2026, 11, 20, 7, 50, 49, tzinfo=UTC)
    assert Quote.objects.filter(day=THURSDAY, close=590).count() == 3
    assert set(run.outcomes.values_list("stored", "provider")) == {(1, "tencent")}


def test_a_batch_is_one_request(sources: Standin, three: dict[str, Listing], settings: Settings) -> None:
    refresh()
    assert sources.count("/q=") == 1
    settings.QUOTE_BATCH_SIZE = 2
    refresh()
    assert sources.count("/q=") == 1 + 2


def test_a_new_price_changes_the_revision_and_the_same_price_only_when_the_run_closes(
    sources: Standin, three: dict[str, Listing]
) -> None:
    before = Revision.current()
    refresh()
    assert Revision.current() == before + 2  # prices, and the end of the run
    refresh()
    assert Revision.current() == before + 3


def test_a_batch_costs_the_same_queries_whatever_its_size(sources: Standin, three: dict[str, Listing]) -> None:
    refresh()  # the very first change makes the row that counts them
    few = queries_of_a_batch()
    for number in range(40):
        ticker = f"688{number:03}"
        company = watch(ticker).company
        make_share_count(company, 470_000_000, valid_from=date(2026, 1, 2))
        make_action(company, ex_day=date(2025, 1, 2))
        sources.set_quote(trade(ticker))
    assert queries_of_a_batch() == few


def queries_of_a_batch() -> int:
    Quote.objects.filter(day=FRIDAY).delete()
    run = request_run(RefreshRun.Kind.QUOTES, RefreshRun.Trigger.COMMAND)
    with CaptureQueriesContext(connection) as asked:
        run_batch(run.pk, 0)
    assert set(run.outcomes.values_list("result", flat=True)) == {"ok"}
    return len(asked)


# --- One row is wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variant", "result", "reason", "held"),
    [
        ("zero_price", "hold", "zero_price", True),
        ("wrong_currency", "hold", "wrong_currency", True),
        ("jump", "hold", "beyond_limit", True),
        ("bad_row", "bad_row", "bad_number", False),
        ("short_row", "bad_row", "short_row", False),
    ],
)
def test_a_wrong_row_is_refused_and_the_others_are_stored(
    sources: Standin, three: dict[str, Listing], variant: str, result: str, reason: str, held: bool
) -> None:
    sources.fail("/q=", variant, code=f"sh{SECOND}")
    run = refresh()
    assert told(run) == {FIRST: ("ok", ""), SECOND: (result, reason), THIRD: ("ok", "")}
    assert friday(SECOND) is None
    assert three[SECOND].quotes.get().close == 590
    assert HeldQuote.objects.filter(listing=three[SECOND], reason=reason, resolution="waiting").exists() is held
    assert run.outcomes.get(listing=three[SECOND]).detail != ""
    assert run.finished_at is not None


def test_an_older_time_stamp_never_replaces_a_newer_price(sources: Standin, three: dict[str, Listing]) -> None:
    refresh()
    sources.fail("/q=", "older_timestamp", code=f"sh{SECOND}")
    assert told(refresh())[SECOND] == ("hold", "older_than_stored")
    quote = friday(SECOND)
    assert quote is not None
    assert quote.last_at == datetime(2026, 11, 20, 7, 50, 49, tzinfo=UTC)
    assert not Quote.objects.filter(day__lt=THURSDAY).exists()


def test_a_price_of_the_morning_does_not_replace_the_close_of_the_day(
    sources: Standin, three: dict[str, Listing]
) -> None:
    make_quote(three[FIRST], "601", day=FRIDAY, final=True)  # a daily row: a day, no time
    sources.set_quote(trade(FIRST, at=datetime(2026, 11, 20, 10, 0)))  # noqa: DTZ001
    assert told(refresh())[FIRST] == ("hold", "older_than_stored")
    assert three[FIRST].quotes.get(day=FRIDAY).close == 601


def test_a_price_of_the_evening_does_not_replace_the_final_bar_of_the_day(
    sources: Standin, three: dict[str, Listing]
) -> None:
    bar = make_quote(
        three[FIRST], "600.60", day=FRIDAY, provider="tencent_history", final=True, open=Decimal("592.00"), last_at=None
    )
    run = refresh()
    assert told(run)[FIRST] == ("ok", "bar_stored")
    assert not HeldQuote.objects.exists()
    stored = friday(FIRST)
    assert stored is not None
    assert (stored.pk, stored.provider, stored.open) == (bar.pk, "tencent_history", Decimal("592.00"))


def test_a_price_that_is_days_old_is_stored_under_its_own_day_and_called_stale(sources: Standin) -> None:
    listing = make_listing(ticker=FIRST, board="STAR")
    sources.set_quote(trade(FIRST, at=datetime(2026, 11, 13, 15, 0, 3)))  # noqa: DTZ001
    assert told(refresh()) == {FIRST: ("stale", "stale")}
    assert listing.quotes.get().day == date(2026, 11, 13)


def test_a_market_value_that_contradicts_the_source_itself_is_remarked(
    sources: Standin, three: dict[str, Listing]
) -> None:
    sources.fail("/q=", "wrong_cap", code=f"sh{SECOND}")
    assert told(refresh())[SECOND] == ("ok_flag", "cap_mismatch")
    assert friday(SECOND) is not None


def test_a_market_value_that_contradicts_our_share_count_is_held(sources: Standin, three: dict[str, Listing]) -> None:
    make_share_count(three[SECOND].company, 400_000_000)  # the source counts 470 million
    make_share_count(three[THIRD].company, 470_000_000)
    assert told(refresh()) == {FIRST: ("ok", ""), SECOND: ("hold", "market_value_differs"), THIRD: ("ok", "")}
    held = HeldQuote.objects.get()
    assert (held.listing, held.payload["price"]) == (three[SECOND], "600.60")


@pytest.mark.parametrize(
    ("row", "reason", "suspended"),
    [
        (halted(f"sh{SECOND}", AFTERNOON, "0.00", "590.00"), "suspended", True),
        (halted(f"sh{SECOND}", AFTERNOON, "590.00", "590.00"), "suspended", True),
        (halted(f"sh{SECOND}", datetime(2026, 11, 20, 9, 22), "595.00", "590.00"), "auction", False),  # noqa: DTZ001
        (halted(f"sh{SECOND}", datetime(2026, 11, 20, 9, 0), "0.00", "590.00"), "before_open", False),  # noqa: DTZ001
    ],
)
def test_a_row_without_trade_keeps_the_last_price(
    sources: Standin, three: dict[str, Listing], row: Trade, reason: str, suspended: bool
) -> None:
    sources.set_quote(row)
    assert told(refresh())[SECOND] == ("hold", reason)
    kept = three[SECOND].quotes.get()
    assert (kept.day, kept.close, kept.suspended) == (THURSDAY, Decimal(590), suspended)
    assert not HeldQuote.objects.exists()


def test_a_share_that_trades_again_is_no_longer_suspended(sources: Standin, three: dict[str, Listing]) -> None:
    sources.set_quote(halted(f"sh{SECOND}", datetime(2026, 11, 20, 10, 0), "590.00", "590.00"))  # noqa: DTZ001
    refresh()
    assert three[SECOND].quotes.get().suspended
    sources.set_quote(trade(SECOND))
    refresh()
    assert three[SECOND].quotes.latest("day").suspended is False


def test_an_unknown_code_is_told_by_name(sources: Standin, three: dict[str, Listing]) -> None:
    watch("688999")
    run = refresh()
    assert told(run)["688999"] == ("no_data", "unknown_symbol")
    assert "688999" in run.outcomes.get(listing__ticker="688999").detail
    assert friday(FIRST) is not None


def test_a_ticker_that_nobody_can_ask_for_does_not_lose_the_batch(sources: Standin, three: dict[str, Listing]) -> None:
    watch("68 8888")
    assert told(refresh())["68 8888"] == ("no_data", "no_code")
    assert friday(FIRST) is not None


@pytest.mark.parametrize(
    "spoilt",
    [
        {"high": "580.00"},  # below the low
        {"price": "0.0000001", "low": "0.0000001"},  # would be stored as zero
        {"price": "600000000000000.60", "high": "612000000000000", "previous_close": ""},
        {"volume": 10**20},
    ],
    ids=["upside_down", "rounds_to_zero", "too_large", "too_many_shares"],
)
def test_a_row_that_the_database_would_refuse_does_not_lose_the_batch(
    sources: Standin, three: dict[str, Listing], spoilt: dict[str, object]
) -> None:
    sources.set_quote(trade(SECOND, **spoilt))
    run = refresh()
    assert told(run) == {FIRST: ("ok", ""), SECOND: ("bad_row", "misfit"), THIRD: ("ok", "")}
    assert friday(SECOND) is None


def test_the_first_price_without_a_bonus_issue_is_not_taken_for_a_crash(sources: Standin) -> None:
    """1868.00 on the day before, 10-for-4.9 going ex: 1868 ÷ 1.49 = 1253.69, and the day's own move from there."""
    listing = watch("688256", "1868.00")
    make_share_count(listing.company, 421_690_000)
    make_action(listing.company, "1.49", ex_day=FRIDAY)
    price = Trade(
        "sh688256", "1182.53", "1253.69", "1250.00", "1260.00", "1170.00", shares=628_318_100, name="寒武纪-U"
    )
    sources.set_quote(price)
    assert told(refresh()) == {"688256": ("ok", "")}
    assert listing.quotes.get(day=FRIDAY).close == Decimal("1182.53")


def test_the_same_fall_without_a_bonus_issue_is_held(sources: Standin) -> None:
    watch("688256", "1868.00")
    sources.set_quote(Trade("sh688256", "1182.53", "1253.69", "1250.00", "1260.00", "1170.00", shares=None))
    assert told(refresh()) == {"688256": ("hold", "beyond_limit")}


# --- The whole reply is wrong -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variant", "result", "words"),
    [
        ("html_200", "bad_body", "a web page instead of data"),
        ("truncated", "bad_body", "cut short"),
        ("empty", "bad_body", "empty body"),
        ("401", "auth", "status 401"),
        ("403", "blocked", "status 403"),
        ("429", "blocked", "status 429"),
        ("456", "blocked", "status 456"),
        ("500", "retry", "server error 500"),
        ("502", "retry", "server error 502"),
        ("404", "bad_body", "status 404"),
        ("refuse", "retry", "connection reset"),
        ("reset_mid_body", "retry", "connection reset"),
        ("bad_length", "retry", "body ended early"),
        ("broken_gzip", "retry", "body ended early"),
        ("redirect_to_html", "bad_body", "a web page instead of data"),
        ("redirect_elsewhere", "blocked", "redirected to consent.invalid"),
        ("slow_first_byte", "retry", "no answer within 1 s"),
        ("drip", "retry", "no answer within 1 s"),
    ],
)
def test_a_reply_that_is_no_reply_changes_no_price(
    sources: Standin, three: dict[str, Listing], settings: Settings, variant: str, result: str, words: str
) -> None:
    if variant in ("slow_first_byte", "drip"):
        settings.SOURCE_TIMEOUT = 1.0
    sources.fail("/q=", variant)
    run = refresh()
    assert told(run) == dict.fromkeys(three, (result, "source_failed"))
    assert all(words in detail for detail in run.outcomes.values_list("detail", flat=True))
    assert set(Quote.objects.values_list("day", "close")) == {(THURSDAY, Decimal(590))}
    assert not HeldQuote.objects.exists()
    assert run.finished_at is not None


def test_a_source_that_is_not_there_is_told(sources: Standin, three: dict[str, Listing]) -> None:
    sources.stop()
    run = refresh()
    assert told(run) == dict.fromkeys(three, ("retry", "source_failed"))
    assert set(run.outcomes.values_list("detail", flat=True)) == {"Tencent: connection refused"}


@pytest.mark.parametrize(("variant", "result"), [("gzip", "ok"), ("none_match", "no_data")])
def test_an_unusual_but_honest_reply_is_understood(
    sources: Standin, three: dict[str, Listing], variant: str, result: str
) -> None:
    sources.fail("/q=", variant)
    assert {outcome for outcome, _ in told(refresh()).values()} == {result}


def test_a_source_that_turns_us_away_is_left_alone_until_its_rest_is_over(
    sources: Standin, three: dict[str, Listing], settings: Settings
) -> None:
    settings.QUOTE_BATCH_SIZE = 1
    sources.fail("/q=", "429", times=1)
    run = refresh()
    assert sorted(told(run).values()) == [("blocked", "source_failed"), *[("retry", "sources_rest")] * 2]
    resting = run.outcomes.filter(reason="sources_rest").first()
    assert resting is not None
    assert resting.detail == "Tencent: left alone until 2026-11-20 13:00 UTC, refused with status 429"
    assert sources.count("/q=") == 1

    with time_machine.travel(FRIDAY_EVENING + timedelta(minutes=59)):
        refresh()
        assert sources.count("/q=") == 1
    # An hour later it is asked about one listing, and since that goes well about the others.
    settings.QUOTE_BATCH_SIZE = 100
    with time_machine.travel(FRIDAY_EVENING + timedelta(minutes=61)):
        assert told(refresh()) == dict.fromkeys(three, ("ok", ""))
    assert [path.count(",") + 1 for _, path in sources.requests] == [1, 1, 2]


# --- Twice, and at once -----------------------------------------------------------------------------


def test_a_batch_that_runs_again_changes_nothing(sources: Standin, three: dict[str, Listing]) -> None:
    sources.fail("/q=", "zero_price", code=f"sh{SECOND}")
    run = refresh()
    before = (list(run.outcomes.values()), list(Quote.objects.values()), list(HeldQuote.objects.values()))
    run_batch(run.pk, 0)
    assert sources.count("/q=") == 1
    assert before == (list(run.outcomes.values()), list(Quote.objects.values()), list(HeldQuote.objects.values()))


def test_a_job_that_finds_its_work_done_still_closes_the_run(sources: Standin, three: dict[str, Listing]) -> None:
    run = refresh()
    RefreshRun.objects.update(finished_at=None)  # as if the worker had died just before
    run_batch(run.pk, 0)
    run.refresh_from_db()
    assert run.finished_at is not None


@pytest.mark.django_db(transaction=True)
def test_two_workers_with_the_same_job_store_and_settle_once(sources: Standin, three: dict[str, Listing]) -> None:
    sources.fail("/q=", "zero_price", code=f"sh{SECOND}")
    sources.fail("/q=", "pause", seconds=0.3)
    for listing in three.values():
        listing.quotes.all().delete()
    run = open_run()
    before = Revision.current()
    at_once(lambda: run_batch(run.pk, 0), times=2)
    run.refresh_from_db()
    assert sources.count("/q=") == 2
    assert told(run) == {FIRST: ("ok", ""), SECOND: ("hold", "zero_price"), THIRD: ("ok", "")}
    assert Quote.objects.count() == 2
    assert HeldQuote.objects.count() == 1
    assert Revision.current() == before + 2
    assert run.finished_at is not None


@pytest.mark.django_db(transaction=True)
def test_a_job_that_finds_the_database_busy_tries_again(sources: Standin, three: dict[str, Listing]) -> None:
    for listing in three.values():
        listing.quotes.all().delete()
    run = open_run()
    locked = threading.Event()

    def hold_the_rows() -> None:
        with transaction.atomic():
            RefreshOutcome.objects.update(detail="")  # on SQLite this locks everything
            locked.set()
            deadline = time.monotonic() + 5
            while sources.count("/q=") < 2 and time.monotonic() < deadline:
                time.sleep(0.01)
        connection.close()

    holder = threading.Thread(target=hold_the_rows)
    holder.start()
    locked.wait(5)
    with connection.cursor() as cursor:
        patience = "PRAGMA busy_timeout = 200" if connection.vendor == "sqlite" else "SET lock_timeout = 200"
        cursor.execute(patience)
    refresh_batch.apply(args=(run.pk, 0))  # five tries of 0.2 s
    holder.join(5)
    connection.close()  # forget the short patience
    assert told(run) == dict.fromkeys(three, ("ok", ""))
    assert sources.count("/q=") >= 2


@pytest.mark.django_db(transaction=True)
def test_a_job_that_breaks_says_why_in_the_ledger(
    sources: Standin, three: dict[str, Listing], settings: Settings
) -> None:
    settings.SOURCE_URLS = {}
    run = open_run()
    refresh_batch.apply(args=(run.pk, 0))
    run.refresh_from_db()
    assert told(run) == dict.fromkeys(three, ("retry", "job_failed"))
    assert run.outcomes.first().detail == "KeyError: 'tencent'"  # type: ignore[union-attr]
    assert run.finished_at is not None


def open_run() -> RefreshRun:
    """A run whose jobs nobody will do: there is no queue in these tests."""
    run = RefreshRun.objects.create(kind=RefreshRun.Kind.QUOTES, requested_at=datetime.now(UTC))
    for listing in Listing.objects.all():
        RefreshOutcome.objects.create(run=run, batch=0, listing=listing, provider="tencent", queued_at=run.requested_at)
    return run


def at_once(call: Callable[[], object], times: int) -> list[object]:
    """Run a call in several threads that start together; returns what each gave or raised."""
    results: list[object] = []
    start = threading.Barrier(times)

    def body() -> None:
        start.wait()
        try:
            results.append(call())
        except Exception as error:
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=body) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return results


# --- Held quotes ------------------------------------------------------------------------------------


def hold_one(sources: Standin, variant: str = "jump") -> HeldQuote:
    watch(FIRST)
    sources.set_quote(trade(FIRST))
    sources.fail("/q=", variant)
    refresh()
    return HeldQuote.objects.get()


def test_a_released_quote_becomes_the_price_of_its_day(sources: Standin) -> None:
    held = hold_one(sources)
    before = Revision.current()
    assert resolve_held(held, HeldQuote.Resolution.RELEASED, make_staff())
    quote = friday(FIRST)
    assert quote is not None
    assert (quote.close, quote.high, quote.provider) == (Decimal("1801.80"), Decimal("1801.80"), "tencent")
    assert (quote.final, quote.fetched_at) == (True, held.held_at)
    assert Revision.current() == before + 1


def test_a_discarded_quote_becomes_nothing(sources: Standin) -> None:
    held = hold_one(sources)
    before = Revision.current()
    assert resolve_held(held, HeldQuote.Resolution.DISCARDED, make_staff())
    assert friday(FIRST) is None
    assert Revision.current() == before


@pytest.mark.parametrize("second", [HeldQuote.Resolution.RELEASED, HeldQuote.Resolution.DISCARDED])
def test_whoever_decides_second_is_told_no(sources: Standin, second: HeldQuote.Resolution) -> None:
    held = hold_one(sources)
    assert resolve_held(held, HeldQuote.Resolution.DISCARDED, make_staff("first"))
    assert not resolve_held(held, second, make_staff("second"))
    held.refresh_from_db()
    assert (held.resolution, str(held.resolved_by)) == ("discarded", "first")
    assert friday(FIRST) is None


def test_a_price_of_zero_cannot_be_released(sources: Standin) -> None:
    held = hold_one(sources, "zero_price")
    with pytest.raises(ValueError, match="zero or less"):
        resolve_held(held, HeldQuote.Resolution.RELEASED, make_staff())
    held.refresh_from_db()
    assert held.resolution == "waiting"


def test_a_release_does_not_replace_a_newer_price_of_the_day(sources: Standin) -> None:
    held = hold_one(sources)
    make_quote(held.listing, "601", day=FRIDAY, last_at=datetime(2026, 11, 20, 8, 0, tzinfo=UTC))
    with pytest.raises(ValueError, match="newer price"):
        resolve_held(held, HeldQuote.Resolution.RELEASED, make_staff())
    held.refresh_from_db()
    assert held.resolution == "waiting"
    assert held.listing.quotes.get(day=FRIDAY).close == 601


def test_the_same_quote_waits_only_once(sources: Standin) -> None:
    held = hold_one(sources)
    assert told(refresh()) == {FIRST: ("hold", "beyond_limit")}
    assert HeldQuote.objects.get() == held
    resolve_held(held, HeldQuote.Resolution.DISCARDED, make_staff())
    refresh()
    assert not HeldQuote.objects.filter(resolution="waiting").exists()


# --- Exchange rates ---------------------------------------------------------------------------------


def test_rates_of_both_sources_are_stored_under_their_days(sources: Standin) -> None:
    run = refresh(RefreshRun.Kind.RATES)
    assert list(run.outcomes.values_list("provider", "result")) == [("cfets", "ok"), ("frankfurter", "ok")]
    cfets = FxRate.objects.filter(provider="cfets")
    assert {(rate.base, rate.quote) for rate in cfets} == {("USD", "CNY"), ("EUR", "CNY"), ("HKD", "CNY")}
    assert cfets.get(base="USD", day=FRIDAY).rate == Decimal("6.8")
    assert FxRate.objects.get(provider="frankfurter", quote="HKD", day=FRIDAY).rate == Decimal("7.8")
    # Ten days back: weekdays only.
    assert {rate.day for rate in cfets} == {date(2026, 11, day) for day in (10, 11, 12, 13, 16, 17, 18, 19, 20)}
    assert run.outcomes.get(provider="cfets").stored == 27


def test_rates_that_come_again_change_nothing(sources: Standin) -> None:
    refresh(RefreshRun.Kind.RATES)
    before, revision = list(FxRate.objects.values()), Revision.current()
    refresh(RefreshRun.Kind.RATES)
    assert list(FxRate.objects.values()) == before
    assert Revision.current() == revision + 1  # the end of the run


def test_only_the_days_since_the_newest_rate_are_asked_for(sources: Standin) -> None:
    make_rate("USD/CNY", "6.8", day=THURSDAY, provider="cfets")
    refresh(RefreshRun.Kind.RATES)
    [asked] = [target for method, target in sources.requests if method == "POST"]
    assert "startDate=2026-11-19&endDate=2026-11-20" in asked


def test_a_rate_that_leaps_is_refused_and_the_others_are_stored(sources: Standin) -> None:
    make_rate("USD/CNY", "6.8", day=THURSDAY, provider="cfets")
    sources.control({"parity": {f"{FRIDAY}": ["9.8000", "7.8200", "3.8900", "0.87180", "4.8000"]}})
    run = refresh(RefreshRun.Kind.RATES)
    outcome = run.outcomes.get(provider="cfets")
    assert (outcome.result, outcome.reason, outcome.stored) == ("partial", "beyond_limit", 2)
    assert not FxRate.objects.filter(base="USD", quote="CNY", day=FRIDAY, provider="cfets").exists()


@pytest.mark.parametrize(
    ("rate", "reason"),
    [("0.0000", "rate_not_positive"), ("20000000000", "misfit"), ("0.00000000001", "misfit")],
)
def test_a_rate_that_cannot_be_is_refused(sources: Standin, rate: str, reason: str) -> None:
    sources.control({"parity": {f"{FRIDAY}": [rate, "7.8200", "3.8900", "0.87180", "4.8000"]}})
    outcome = refresh(RefreshRun.Kind.RATES).outcomes.get(provider="cfets")
    assert (outcome.result, outcome.reason, outcome.stored) == ("partial", reason, 2)


@pytest.mark.parametrize(
    ("variant", "result"),
    [("html_200", "bad_body"), ("truncated", "bad_body"), ("403", "blocked"), ("502", "retry"), ("refuse", "retry")],
)
def test_one_source_of_rates_that_fails_leaves_the_other(sources: Standin, variant: str, result: str) -> None:
    sources.fail("/ags/", variant)
    run = refresh(RefreshRun.Kind.RATES)
    assert [(o.provider, o.result) for o in run.outcomes.all()] == [("cfets", result), ("frankfurter", "ok")]
    assert set(FxRate.objects.values_list("provider", flat=True)) == {"frankfurter"}
