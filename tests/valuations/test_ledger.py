"""Asking for runs, closing them, planning the next."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings as project
from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from companies.models import Listing
from tests.factories import (
    PASSWORD,
    make_company,
    make_exchange_day,
    make_held,
    make_listing,
    make_outcome,
    make_quote,
    make_run,
    make_staff,
)
from tests.payloads import Trade
from tests.standin import Standin
from tests.valuations.test_refresh import at_once
from valuations.ledger import (
    LEDGER_KEPT,
    NO_QUEUE,
    NOT_IN_TIME,
    NOTHING_TO_ASK,
    SOURCES_OFF,
    RunAlreadyOpen,
    due_listings,
    request_run,
    run_failed,
    run_plan,
)
from valuations.models import HeldQuote, Quote, RefreshOutcome, RefreshRun

Kind, Trigger, Result = RefreshRun.Kind, RefreshRun.Trigger, RefreshOutcome.Result
FRIDAY = date(2026, 11, 20)


@pytest.fixture
def sources_on(settings: Settings) -> None:
    """Sources are asked; where they are does not matter, since no worker runs."""
    settings.SOURCES_ENABLED = True


def listings(count: int, **fields: object) -> list[Listing]:
    company = make_company()
    return [make_listing(company, f"688{number:03}", **fields) for number in range(1, count + 1)]


# --- Asking -----------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.usefixtures("sources_on")
def test_a_run_has_one_pending_outcome_for_each_listing_in_batches_of_the_set_size(settings: Settings) -> None:
    settings.QUOTE_BATCH_SIZE = 2
    listings(5)
    run = request_run(Kind.QUOTES, Trigger.STAFF, make_staff())
    assert list(run.outcomes.values_list("batch", "listing__ticker", "result")) == [
        (0, "688001", "pending"),
        (0, "688002", "pending"),
        (1, "688003", "pending"),
        (1, "688004", "pending"),
        (2, "688005", "pending"),
    ]
    assert (run.finished_at, str(run.requested_by)) == (None, "staff")


@pytest.mark.django_db
@pytest.mark.usefixtures("sources_on")
def test_a_run_of_rates_asks_every_source(settings: Settings) -> None:
    settings.RATE_SOURCES = ["frankfurter", "ecb"]
    run = request_run(Kind.RATES, Trigger.STAFF, AnonymousUser())
    assert list(run.outcomes.values_list("batch", "provider")) == [(0, "frankfurter"), (1, "ecb")]
    assert not run.outcomes.exclude(listing=None).exists()
    assert run.requested_by is None


@pytest.mark.django_db
@pytest.mark.usefixtures("sources_on")
def test_only_listings_that_trade_and_are_watched_are_asked_for() -> None:
    company = make_company()
    today = datetime.now(UTC).date()
    make_listing(company, "1", watched=False)
    make_listing(company, "2", delisted_on=today - timedelta(days=1))
    make_listing(company, "3", delisted_on=today + timedelta(days=2))
    make_listing(company, "4", listed_on=today + timedelta(days=2))
    make_listing(company, "5", listed_on=None)
    make_listing(company, "6", mic="XTKS", currency="JPY")  # no source covers Tokyo
    run = request_run(Kind.QUOTES, Trigger.STAFF)
    assert sorted(run.outcomes.values_list("listing__ticker", flat=True)) == ["3", "5"]


@pytest.mark.django_db
@pytest.mark.usefixtures("sources_on")
def test_a_second_caller_joins_the_run_that_is_open() -> None:
    listings(1)
    run = request_run(Kind.QUOTES, Trigger.STAFF)
    with pytest.raises(RunAlreadyOpen) as refused:
        request_run(Kind.QUOTES, Trigger.PLAN)
    assert refused.value.run == run
    assert request_run(Kind.RATES, Trigger.STAFF) != run  # another kind is another run


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("sources_on", "silent_queue")
def test_many_callers_at_once_get_one_run() -> None:
    listings(3)
    results = at_once(lambda: request_run(Kind.QUOTES, Trigger.PLAN), times=6)
    runs = [result for result in results if isinstance(result, RefreshRun)]
    refused = [result for result in results if isinstance(result, RunAlreadyOpen)]
    assert (len(runs), len(refused)) == (1, 5), results
    assert {error.run.pk for error in refused} == {runs[0].pk}
    assert RefreshRun.objects.count() == 1
    assert RefreshOutcome.objects.count() == 3


@pytest.mark.django_db
@pytest.mark.parametrize(("enabled", "problem"), [(True, NOTHING_TO_ASK), (False, SOURCES_OFF)])
def test_a_run_with_nothing_to_ask_is_closed_at_once_and_says_why(
    settings: Settings, enabled: bool, problem: str
) -> None:
    settings.SOURCES_ENABLED = enabled
    listings(0 if enabled else 2)
    run = request_run(Kind.QUOTES, Trigger.STAFF)
    assert run.problem == problem
    assert run.finished_at is not None
    assert not run.outcomes.exists()


# --- The queue cannot be reached --------------------------------------------------------------------


@pytest.fixture
def silent_queue() -> Iterator[None]:
    """A Redis that takes connections and never answers."""
    path = Path(project.REDIS_URL.removeprefix("redis+socket://"))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(16)
        yield
    path.unlink()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("sources_on")
@pytest.mark.parametrize("how", ["absent", "silent"])
def test_without_a_queue_the_run_is_closed_within_seconds(how: str, request: pytest.FixtureRequest) -> None:
    if how == "silent":
        request.getfixturevalue("silent_queue")
    listings(3)
    began = time.monotonic()
    run = request_run(Kind.QUOTES, Trigger.STAFF)
    assert time.monotonic() - began < 3
    assert run.problem == NO_QUEUE
    assert run.finished_at is not None
    assert set(run.outcomes.values_list("result", "reason")) == {("abandoned", "not_done")}


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("sources_on")
def test_refresh_now_without_a_queue_is_a_page_that_says_so(client: Client) -> None:
    listings(1)
    make_staff()
    assert client.login(username="staff", password=PASSWORD)
    answer = client.post(reverse("valuations:refresh_now"), {"kind": "quotes"})
    assert answer.status_code == 302
    run = RefreshRun.objects.get()
    assert answer["Location"] == reverse("valuations:refresh", args=[run.pk])
    assert run.problem == NO_QUEUE


# --- Settling ---------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_job_that_broke_settles_its_own_batch_only() -> None:
    run = make_run()
    first, second = (make_outcome(run, listing, batch=batch) for batch, listing in enumerate(listings(2)))
    run_failed(run.pk, 0, "ZeroDivisionError: division by zero" + "!" * 600)
    for outcome in (first, second):
        outcome.refresh_from_db()
    assert (first.result, first.reason, len(first.detail)) == ("retry", "job_failed", 500)
    assert second.result == "pending"
    run.refresh_from_db()
    assert run.finished_at is None
    run_failed(run.pk, 1, "OperationalError: no such server")
    run.refresh_from_db()
    assert run.finished_at is not None


@pytest.mark.django_db
def test_a_run_ends_no_earlier_than_it_begins_even_when_clocks_differ() -> None:
    run = make_run(requested_at=datetime.now(UTC) + timedelta(minutes=5))
    make_outcome(run, listings(1)[0])
    run_failed(run.pk, 0, "a worker whose clock is slow")
    run.refresh_from_db()
    assert run.finished_at == run.requested_at


# --- Planning ---------------------------------------------------------------------------------------

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
        ("2026-11-20 12:00", ("2026-11-18", FINAL), "2026-11-20 10:59", True),
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
        ("2026-11-21 12:00", ("2026-11-20", MOVING), "2026-11-21 11:00", True),
        ("2026-11-21 12:00", ("2026-11-20", MOVING), "2026-11-21 11:30", False),
        ("2026-10-01 10:00", ("2026-09-30", FINAL), "2026-09-30 15:05", False),
        ("2026-10-01 10:00", ("2026-09-29", FINAL), "2026-10-01 08:50", True),
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
    assert [found.ticker for found in due_listings(shanghai(now))] == (["688001"] if due else [])


def shanghai(text: str) -> datetime:
    """A moment by the clocks of Shanghai."""
    return datetime.fromisoformat(f"{text}+08:00")


@pytest.mark.django_db
@pytest.mark.usefixtures("calendar")
@pytest.mark.parametrize(
    ("result", "minutes"),
    [("ok", 1), ("hold", 1), ("stale", 1), ("no_data", 10), ("retry", 10), ("bad_body", 10), ("blocked", 30)],
)
def test_after_trouble_a_source_is_left_alone_for_longer(result: str, minutes: int) -> None:
    now = shanghai("2026-11-20 10:40")
    [listing] = listings(1)
    outcome = make_outcome(make_run(finished_at=now), listing, result=result)
    for ago, due in ((timedelta(minutes=minutes), True), (timedelta(minutes=minutes * 0.8), False)):
        RefreshOutcome.objects.filter(pk=outcome.pk).update(done_at=now - ago)
        assert bool(due_listings(now)) is due


@pytest.mark.django_db
@pytest.mark.usefixtures("calendar")
def test_a_price_that_is_being_asked_for_is_not_due() -> None:
    """A plan that looks while a run ends must not start another for what the run has just brought."""
    waiting, other = listings(2)
    make_outcome(make_run(), waiting)
    assert due_listings(shanghai("2026-11-20 10:40")) == [other]


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
    assert bool(due_listings(shanghai(now))) is due


@pytest.mark.django_db
@pytest.mark.usefixtures("calendar", "sources_on")
def test_the_plan_starts_what_is_due_and_nothing_twice() -> None:
    listings(2)
    with time_machine.travel(shanghai("2026-11-20 10:00"), tick=False):
        started = run_plan()
        assert [run.kind for run in started] == ["quotes", "rates"]
        assert {run.trigger for run in started} == {"plan"}
        assert run_plan() == []
        assert RefreshRun.objects.count() == 2


@pytest.mark.django_db
@pytest.mark.usefixtures("calendar")
def test_with_sources_off_the_plan_starts_nothing() -> None:
    listings(1)
    assert run_plan() == []
    assert not RefreshRun.objects.exists()


@pytest.mark.django_db
@pytest.mark.usefixtures("calendar", "sources_on")
@pytest.mark.parametrize(
    ("hours", "result", "due"),
    [(5.9, "ok", False), (6, "ok", True), (0.9, "retry", False), (1, "retry", True), (1, "blocked", True)],
)
def test_rates_are_asked_for_every_six_hours_and_every_hour_after_trouble(hours: float, result: str, due: bool) -> None:
    now = shanghai("2026-11-20 20:00")
    then = now - timedelta(hours=hours)
    make_outcome(make_run(kind=Kind.RATES, requested_at=then, finished_at=now), provider="cfets", result=result)
    assert [run.kind for run in run_plan(now)] == (["rates"] if due else [])


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
    run(old)
    run(old, resolution="discarded", resolved_at=now)
    make_quote(listing)
    run_plan(now)
    assert sorted(RefreshRun.objects.values_list("pk", flat=True)) == [made.pk for made in kept]
    assert HeldQuote.objects.count() == 1
    assert Quote.objects.count() == 1


# --- The command ------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.usefixtures("calendar", "friday_evening")
def test_a_dry_run_shows_prices_and_stores_nothing(sources: Standin, capsys: pytest.CaptureFixture[str]) -> None:
    company = make_company()
    for ticker in ("688795", "688999"):
        make_listing(company, ticker, board="STAR")
    sources.set_quote(Trade("sh688795"))
    call_command("refresh", "quotes", "--dry-run")
    said = capsys.readouterr().out
    assert "XSHG:688795       ok          600.60 CNY 2026-11-20" in said
    assert "XSHG:688999       no_data     unknown_symbol" in said
    assert "no_data: 1, ok: 1" in said
    assert not Quote.objects.exists()
    assert not RefreshRun.objects.exists()


@pytest.mark.django_db
@pytest.mark.usefixtures("friday_evening")
def test_a_dry_run_of_rates_shows_them(sources: Standin, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("refresh", "rates", "--dry-run")
    said = capsys.readouterr().out
    assert "cfets             ok          USD/CNY 2026-11-20 6.8000" in said
    assert "ok: 2" in said


@pytest.mark.django_db
@pytest.mark.usefixtures("friday_evening", "calendar")
def test_a_dry_run_that_gets_nothing_fails(sources: Standin, capsys: pytest.CaptureFixture[str]) -> None:
    listings(1)
    sources.fail("/q=", "502")
    with pytest.raises(CommandError, match="No source gave anything"):
        call_command("refresh", "quotes", "--dry-run")
    assert "source_failed  Tencent: server error 502" in capsys.readouterr().out


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("sources_on")
def test_the_command_says_that_there_is_no_queue() -> None:
    listings(1)
    with pytest.raises(CommandError, match="cannot be reached"):
        call_command("refresh", "quotes", "--wait")


# --- What pages need not import ---------------------------------------------------------------------


def test_pages_do_not_load_what_only_workers_need() -> None:
    look = (
        "import sys, django; django.setup(); import config.urls, valuations.views, companies.views; "
        "heavy = {'httpx', 'redis', 'celery', 'kombu', 'plotly', 'pandas', 'numpy', 'pypinyin'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    env = {"DJANGO_SETTINGS_MODULE": "config.settings", "SECRET_KEY": "for this test"}
    answer = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True, cwd=project.BASE_DIR, env=env
    )
    assert answer.stdout.strip() == "[]"
