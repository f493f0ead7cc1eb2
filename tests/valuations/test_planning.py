"""What the plan starts, mends and forgets."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings as project
from pytest_django import Settings

from companies.models import Listing
from tests.factories import (
    make_exchange_day,
    make_health,
    make_held,
    make_listing,
    make_outcome,
    make_quote,
    make_rate,
    make_run,
)
from tests.valuations.test_ledger import FRIDAY, listings
from valuations.health import remembered
from valuations.ledger import NOT_IN_TIME, QUEUE_FULL, close_if_done
from valuations.models import HeldQuote, Quote, RefreshOutcome, RefreshRun
from valuations.planning import DETAILS_KEPT, LEDGER_KEPT, due_listings, due_rate_sources, forget, run_plan
from valuations.providers import quote_source
from valuations.queueing import redis_client
from valuations.snapshot import read_calendar

Kind, Result = RefreshRun.Kind, RefreshOutcome.Result


def asked_for(now: datetime) -> list[Listing]:
    """Listings whose price is to be asked for."""
    return due_listings(now, read_calendar(), remembered())


def settings_of_quotes() -> set[str]:
    """The hosts of all sources of prices."""
    return {quote_source(slug).site for slug in project.QUOTE_SOURCES}


FINAL, MOVING = True, False


@pytest.mark.django_db
@pytest.mark.usefixtures("calendar")
@pytest.mark.parametrize(
    ("now", "quote", "asked", "due"),
    [
        # In session: every minute, with a tenth of grace.
        ("2026-11-20 10:00", None, None, True),
        ("2026-11-20 10:00", ("2026-11-20", MOVING), "2026-11-20 09:59:10", False),
        ("2026-11-20 10:00", ("2026-11-20", MOVING), "2026-11-20 09:59:05", True),
        ("2026-11-20 10:00", ("2026-11-19", FINAL), "2026-11-19 15:05", True),
        ("2026-11-20 09:30", ("2026-11-19", FINAL), "2026-11-19 15:05", True),
        ("2026-11-20 13:00", ("2026-11-20", MOVING), "2026-11-20 11:29:30", True),
        # Lunch: nothing new, unless a close is missing.
        ("2026-11-20 11:30", ("2026-11-20", MOVING), "2026-11-20 11:29", False),
        ("2026-11-20 12:59", ("2026-11-19", FINAL), "2026-11-19 15:05", False),
        ("2026-11-19 16:00", ("2026-11-18", FINAL), "2026-11-19 15:04", True),
        ("2026-11-20 12:00", None, None, True),
        # Before the open: only a missing close.
        ("2026-11-20 09:29", ("2026-11-19", FINAL), "2026-11-19 15:05", False),
        ("2026-11-20 09:29", ("2026-11-19", MOVING), "2026-11-19 15:05", True),
        ("2026-11-20 09:29", ("2026-11-19", MOVING), "2026-11-20 09:00", False),
        ("2026-11-20 09:29", None, None, True),
        # After the close: until the close is there, soon at first, then every hour.
        ("2026-11-20 15:01", ("2026-11-20", MOVING), "2026-11-20 14:59:30", False),
        ("2026-11-20 15:04", ("2026-11-20", MOVING), "2026-11-20 14:59:30", True),
        ("2026-11-20 15:30", ("2026-11-20", MOVING), "2026-11-20 15:24", True),
        ("2026-11-20 15:04", ("2026-11-20", FINAL), "2026-11-20 15:00:30", False),
        ("2026-11-20 17:00", ("2026-11-20", MOVING), "2026-11-20 16:30", False),
        ("2026-11-20 17:00", ("2026-11-20", MOVING), "2026-11-20 16:05", True),
        # Weekend and holiday (Thursday 2026-10-01): only a missing close.
        ("2026-11-21 12:00", ("2026-11-20", FINAL), "2026-11-20 15:05", False),
        # Answered six hours after the close: what is missing then stays missing, a suspended share for example.
        ("2026-11-21 12:00", ("2026-11-20", MOVING), "2026-11-20 20:59", True),
        ("2026-11-21 12:00", ("2026-11-20", MOVING), "2026-11-20 21:01", False),
        ("2026-11-21 12:00", ("2026-11-20", MOVING), "2026-11-21 11:30", False),
        ("2026-10-01 10:00", ("2026-09-30", FINAL), "2026-09-30 15:05", False),
        ("2026-10-01 10:00", ("2026-09-29", FINAL), "2026-09-30 20:50", True),
        # A weekday that nobody has entered: every hour, since nobody knows.
        ("2027-01-05 10:00", ("2026-12-31", FINAL), "2027-01-05 09:30", False),
        ("2027-01-05 10:00", ("2026-12-31", FINAL), "2027-01-05 09:00", True),
        ("2027-01-09 10:00", ("2027-01-08", MOVING), "2027-01-08 15:00", False),  # a weekend is one in any year
    ],
)
def test_a_price_is_asked_for_when_there_may_be_a_new_one(
    now: str, quote: tuple[str, bool] | None, asked: str | None, due: bool
) -> None:
    make_exchange_day("XSHG", date(2026, 10, 1))
    [listing] = listings(1)
    if quote:
        make_quote(listing, day=date.fromisoformat(quote[0]), final=quote[1])
    if asked:
        make_outcome(make_run(finished_at=shanghai(asked), requested_at=shanghai(asked)), listing, result=Result.OK)
        RefreshOutcome.objects.update(done_at=shanghai(asked))
    assert [found.ticker for found in asked_for(shanghai(now))] == (["688001"] if due else [])


def shanghai(text: str) -> datetime:
    """A moment by the clocks of Shanghai."""
    return datetime.fromisoformat(f"{text}+08:00")


@pytest.mark.django_db
@pytest.mark.usefixtures("calendar")
@pytest.mark.parametrize(
    ("result", "reason", "minutes"),
    [
        ("ok", "", 1),
        ("hold", "beyond_limit", 1),
        ("stale", "stale", 1),
        ("no_data", "unknown_symbol", 10),
        ("bad_row", "bad_number", 10),
        # It was the source that failed; its own rest decides when it is asked again.
        ("retry", "source_failed", 1),
        ("blocked", "source_failed", 1),
        ("retry", "sources_rest", 1),
        ("abandoned", "not_done", 1),
    ],
)
def test_a_listing_that_no_source_could_give_is_left_alone_for_longer(result: str, reason: str, minutes: int) -> None:
    now = shanghai("2026-11-20 10:40")
    [listing] = listings(1)
    outcome = make_outcome(make_run(finished_at=now), listing, result=result, reason=reason)
    for ago, due in ((timedelta(minutes=minutes), True), (timedelta(minutes=minutes * 0.8), False)):
        RefreshOutcome.objects.filter(pk=outcome.pk).update(done_at=now - ago)
        assert bool(asked_for(now)) is due


@pytest.mark.django_db
@pytest.mark.usefixtures("calendar")
def test_a_price_that_is_being_asked_for_is_not_due() -> None:
    """A plan that looks while a run ends must not start another for what the run has just brought."""
    waiting, other = listings(2)
    make_outcome(make_run(), waiting)
    assert asked_for(shanghai("2026-11-20 10:40")) == [other]


@pytest.mark.django_db
@pytest.mark.usefixtures("calendar")
@pytest.mark.parametrize(
    ("mic", "now", "due"),
    [
        ("XHKG", "2026-11-20 16:05", False),  # Hong Kong's closing auction ends by 16:10
        ("XHKG", "2026-11-20 16:10", True),
        ("XNAS", "2026-11-21 04:59", True),  # 15:59 in New York
        ("XNAS", "2026-11-20 20:00", False),
    ],
)
def test_each_exchange_has_its_own_clock(mic: str, now: str, due: bool) -> None:
    listing = make_listing(ticker="1", mic=mic)
    day = FRIDAY if mic == "XHKG" else date(2026, 11, 19)
    make_quote(listing, day=day, final=mic == "XNAS")
    assert bool(asked_for(shanghai(now))) is due


@pytest.mark.django_db
@pytest.mark.usefixtures("calendar", "sources_on")
def test_the_plan_starts_what_is_due_and_nothing_twice() -> None:
    listings(2)
    with time_machine.travel(shanghai("2026-11-20 10:00"), tick=False):
        started = run_plan()
        assert [run.kind for run in started] == ["quotes", "rates", "history", "filings"]
        assert {run.trigger for run in started} == {"plan"}
        assert run_plan() == []
        assert RefreshRun.objects.count() == 4


@pytest.mark.django_db
@pytest.mark.usefixtures("calendar")
def test_with_sources_off_the_plan_starts_nothing() -> None:
    listings(1)
    assert run_plan() == []
    assert not RefreshRun.objects.exists()


@pytest.mark.django_db
@pytest.mark.usefixtures("calendar")
def test_while_all_sources_of_an_exchange_rest_its_listings_are_not_due() -> None:
    now = shanghai("2026-11-20 10:40")
    listings(1)
    for site in settings_of_quotes():
        make_health(site, failures=3, rests_until=now + timedelta(minutes=1))
    assert asked_for(now) == []
    assert len(asked_for(now + timedelta(minutes=1))) == 1


# --- Exchange rates ---------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.usefixtures("calendar")
@pytest.mark.parametrize(
    ("source", "now", "newest", "asked", "due"),
    [
        # CFETS publishes at 09:15 of each of Shanghai's business days.
        ("cfets", "2026-11-20 09:14", "2026-11-19", "2026-11-19 09:20", False),
        ("cfets", "2026-11-20 09:15", "2026-11-19", "2026-11-19 09:20", True),
        ("cfets", "2026-11-20 09:30", "2026-11-20", "2026-11-20 09:16", False),
        # Late: every ten minutes, then every hour, after six hours every six hours.
        ("cfets", "2026-11-20 09:24", "2026-11-19", "2026-11-20 09:16", False),
        ("cfets", "2026-11-20 09:25", "2026-11-19", "2026-11-20 09:16", True),
        ("cfets", "2026-11-20 11:00", "2026-11-19", "2026-11-20 10:10", False),
        ("cfets", "2026-11-20 11:10", "2026-11-19", "2026-11-20 10:10", True),
        ("cfets", "2026-11-20 17:00", "2026-11-19", "2026-11-20 15:10", False),
        ("cfets", "2026-11-20 21:10", "2026-11-19", "2026-11-20 15:10", True),
        # A weekend, and a holiday (Thursday 2026-10-01).
        ("cfets", "2026-11-22 12:00", "2026-11-20", "2026-11-20 09:16", False),
        ("cfets", "2026-10-01 12:00", "2026-09-30", "2026-09-30 09:16", False),
        # The ECB publishes at 16:00 in Frankfurt: 23:00 in Shanghai in winter.
        ("ecb", "2026-11-20 22:59", "2026-11-19", "2026-11-19 23:05", False),
        ("ecb", "2026-11-20 23:00", "2026-11-19", "2026-11-19 23:05", True),
        # Good Friday 2026-04-03 and Easter Monday.
        ("ecb", "2026-04-06 23:30", "2026-04-02", "2026-04-02 22:30", False),
        ("ecb", "2026-04-07 22:00", "2026-04-02", "2026-04-02 22:30", True),
        # Weekly and monthly sources.
        ("hkma", "2026-11-20 12:00", "2026-10-30", "2026-11-20 06:40", False),
        ("hkma", "2026-11-20 12:00", "2026-10-30", "2026-11-20 06:30", True),
        ("cfets", "2026-11-20 03:00", None, None, True),
    ],
)
def test_rates_are_asked_for_once_they_are_published(
    settings: Settings, source: str, now: str, newest: str | None, asked: str | None, due: bool
) -> None:
    settings.RATE_SOURCES = [source]
    make_exchange_day("XSHG", date(2026, 10, 1))
    if newest:
        make_rate(provider=source, day=date.fromisoformat(newest))
    if asked:
        run = make_run(kind=Kind.RATES, requested_at=shanghai(asked), finished_at=shanghai(asked))
        make_outcome(run, provider=source, result=Result.OK, done_at=shanghai(asked))
    assert due_rate_sources(shanghai(now), read_calendar(), remembered()) == ([source] if due else [])


@pytest.mark.django_db
@pytest.mark.usefixtures("calendar")
def test_a_source_of_rates_that_rests_is_not_asked(settings: Settings) -> None:
    settings.RATE_SOURCES = ["cfets", "ecb"]
    now = shanghai("2026-11-20 12:00")
    make_health("cfets", failures=3, rests_until=now + timedelta(minutes=4))
    assert due_rate_sources(now, read_calendar(), remembered()) == ["ecb"]


# --- Mending, forgetting, back-pressure -------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.usefixtures("sources_on")
def test_the_plan_gives_up_on_a_run_that_nobody_finishes(settings: Settings) -> None:
    now = datetime.now(UTC)
    stuck = make_run(requested_at=now - timedelta(seconds=settings.RUN_TIME_LIMIT + 1))
    [first, second] = listings(2)
    make_outcome(stuck, first, result=Result.OK)
    make_outcome(stuck, second)
    run_plan(now)
    stuck.refresh_from_db()
    assert stuck.problem == NOT_IN_TIME
    assert stuck.finished_at is not None
    assert list(stuck.outcomes.values_list("result", flat=True)) == ["ok", "abandoned"]


@pytest.mark.django_db
def test_the_plan_closes_a_run_whose_last_worker_died_before_it_could() -> None:
    now = datetime.now(UTC)
    run = make_run(requested_at=now)
    make_outcome(run, listings(1)[0], result=Result.OK)
    run_plan(now)
    run.refresh_from_db()
    assert run.finished_at is not None
    assert run.problem == ""


@pytest.mark.django_db
@pytest.mark.parametrize(("ago", "again"), [(0.9, False), (1.1, True)])
def test_the_plan_tries_to_queue_a_batch_again_once_its_job_must_be_lost(
    settings: Settings, caplog: pytest.LogCaptureFixture, ago: float, again: bool
) -> None:
    now = datetime.now(UTC)
    run = make_run(requested_at=now)
    queued = now - timedelta(seconds=settings.JOB_REDELIVERY_SECONDS * 2 * ago)
    outcome = make_outcome(run, listings(1)[0], queued_at=queued)
    run_plan(now)
    # There is no queue here, and the attempt to use it shows. The next plan will try again.
    assert ("queue cannot be reached" in caplog.text) is again
    outcome.refresh_from_db()
    run.refresh_from_db()
    assert (outcome.result, outcome.queued_at, run.finished_at) == ("pending", queued, None)


@pytest.mark.django_db
def test_old_runs_are_forgotten_unless_a_held_quote_waits() -> None:
    now = datetime.now(UTC)
    old, recent = now - LEDGER_KEPT - timedelta(hours=1), now - LEDGER_KEPT + timedelta(hours=1)
    [listing] = listings(1)

    def run(finished: datetime, **held: Any) -> RefreshRun:
        made = make_run(requested_at=finished, finished_at=finished)
        outcome = make_outcome(made, listing, result=Result.HOLD)
        if held:
            make_held(outcome, **held)
        return made

    kept = [run(recent), run(old, resolution="waiting")]
    kept.append(run(old, resolution="discarded", resolved_at=recent))
    run(old)
    run(old, resolution="discarded", resolved_at=old)
    make_quote(listing)
    run_plan(now)
    assert sorted(RefreshRun.objects.values_list("pk", flat=True)) == [made.pk for made in kept]
    assert HeldQuote.objects.count() == 2
    assert Quote.objects.count() == 1


@pytest.mark.django_db
def test_details_of_stored_prices_go_after_three_days_and_the_counts_stay() -> None:
    now = datetime.now(UTC)
    then = now - DETAILS_KEPT - timedelta(hours=1)
    first, second = listings(2)
    run = make_run(requested_at=then)
    make_outcome(run, first, result=Result.OK)
    make_outcome(run, second, result=Result.NO_DATA)
    close_if_done(run.pk)
    RefreshRun.objects.update(finished_at=then)
    forget(now)
    run.refresh_from_db()
    assert list(run.outcomes.values_list("result", flat=True)) == ["no_data"]
    assert run.results == {"ok": 1, "no_data": 1}


@pytest.mark.django_db
@pytest.mark.usefixtures("calendar", "sources_on", "redis")
def test_while_jobs_pile_up_nothing_is_started_and_the_ledger_says_so_once(settings: Settings) -> None:
    settings.QUEUE_LIMIT = 2
    listings(1)
    client = redis_client(5)
    client.rpush(settings.CELERY_TASK_DEFAULT_QUEUE, "one", "two", "three")
    now = shanghai("2026-11-20 10:00")
    with time_machine.travel(now, tick=False):
        assert [run.kind for run in run_plan()] == ["history", "filings"]
        assert run_plan() == []
        client.ltrim(settings.CELERY_TASK_DEFAULT_QUEUE, 0, 1)
        assert [run.kind for run in run_plan()] == ["quotes", "rates"]
    client.close()
    problems = RefreshRun.objects.filter(kind=Kind.QUOTES).order_by("pk").values_list("problem", flat=True)
    assert list(problems) == [QUEUE_FULL, ""]
