"""What goes wrong outside of the program: sources, disk, clock, sleep. Nothing is lost or doubled, and all is told."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from pytest_django import Settings

from tests.machines import Machines, Process, assert_stored_once, is_finished, make_listings, until
from tests.standin import Standin
from valuations.ledger import NOT_IN_TIME, request_run
from valuations.models import HeldQuote, Quote, RefreshOutcome, RefreshRun, SourceHealth
from valuations.planning import run_plan

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

Kind, Trigger = RefreshRun.Kind, RefreshRun.Trigger
HOUR = timedelta(hours=1)


def refreshed() -> RefreshRun:
    """A run asked for by hand and done by the worker."""
    run = request_run(Kind.QUOTES, Trigger.STAFF)
    until(lambda: is_finished(run), "the run is done")
    return run


def told(run: RefreshRun) -> set[tuple[str, str]]:
    """The results and reasons that occur in a run."""
    return set(run.outcomes.values_list("result", "reason"))


def closes() -> dict[str, object]:
    """What is stored, by ticker; one row for each, or the test fails."""
    rows = list(Quote.objects.values_list("listing__ticker", "close"))
    assert len(rows) == len(dict(rows))
    return dict(rows)


def after(time: timedelta) -> None:
    """As if so much time had passed for what is remembered of the sources."""
    for name in ("rests_until", "last_failure_at", "last_ok_at"):
        SourceHealth.objects.filter(**{f"{name}__isnull": False}).update(**{name: F(name) - time})


def test_a_source_that_is_down_for_an_hour_costs_no_price(machines: Machines, sources: Standin) -> None:
    make_listings()
    machines.start_worker()
    assert_stored_once(refreshed())
    before = closes()

    sources.control({"factor": "1.01"})
    sources.fail("/q=", "refuse")
    requests = sources.count("/q=")
    first, second = refreshed(), refreshed()
    assert told(first) | told(second) == {("retry", "source_failed"), ("retry", "sources_rest")}
    assert closes() == before
    # Three failures in a row, of which two workers may meet each at the same time; then it is left alone for a minute.
    assert 3 <= sources.count("/q=") - requests <= 6
    for minutes in (1, 2, 4, 8, 16, 32):
        after(timedelta(minutes=minutes))
        assert told(refreshed()) <= {("retry", "source_failed"), ("retry", "sources_rest")}
    # Each of the growing pauses ends in a trial.
    assert sources.count("/q=") - requests <= 6 + 6
    assert closes() == before
    health = SourceHealth.objects.get(site="tencent")
    assert health.failures >= 8

    sources.heal()
    after(HOUR)
    # While one job tries the source, another one may still leave it alone; a minute later nobody does.
    assert told(refreshed()) <= {("ok", ""), ("retry", "sources_rest")}
    assert_stored_once(refreshed())
    assert closes().keys() == before.keys()
    assert all(closes()[ticker] != close for ticker, close in before.items())
    assert SourceHealth.objects.get(site="tencent").failures == 0


def test_a_source_that_is_too_slow_is_cut_off(machines: Machines, sources: Standin) -> None:
    make_listings()
    machines.env |= {"SOURCE_TIMEOUT": "0.3", "QUOTE_SOURCES": "tencent,sina"}
    sources.fail("/q=", "slow_first_byte", seconds=5)
    machines.start_worker()
    run = refreshed()
    assert_stored_once(run)
    assert set(run.outcomes.values_list("provider", flat=True)) == {"sina"}
    assert SourceHealth.objects.get(site="tencent").last_detail == "no answer within 0.3 s"


def test_garbage_for_every_second_reply_loses_nothing(machines: Machines, sources: Standin) -> None:
    make_listings(35)
    sources.fail("/q=", "html_200", every=2)
    # One process: two of them may note their replies in another order than they asked, and three failures that are
    # noted in a row would let the source rest.
    machines.start_worker(processes=1)
    run = refreshed()
    # Of seven replies three are garbage, and never three in a row: each batch is either whole or told.
    assert told(run) == {("ok", ""), ("bad_body", "source_failed")}
    assert run.outcomes.filter(result="ok").count() == 20 == len(closes())
    for _ in range(10):
        refreshed()
    assert len(closes()) == 35


def test_with_a_second_source_garbage_is_not_even_noticed(machines: Machines, sources: Standin) -> None:
    make_listings(30)
    machines.env |= {"QUOTE_SOURCES": "tencent,sina"}
    sources.fail("/q=", "truncated", every=2)
    machines.start_worker()
    assert_stored_once(refreshed(), 30)


def test_a_source_whose_clock_is_wrong_changes_no_price(machines: Machines, sources: Standin) -> None:
    make_listings()
    machines.start_worker()
    refreshed()
    before = closes()
    sources.control({"factor": "1.01"})
    sources.fail("/q=", "clock_offset", seconds=3 * 24 * 3600)
    assert told(refreshed()) == {("hold", "future_time")}
    sources.heal()
    sources.fail("/q=", "clock_offset", seconds=-3 * 24 * 3600)
    assert told(refreshed()) == {("hold", "older_than_stored")}
    assert closes() == before
    assert HeldQuote.objects.count() == 2 * 12
    sources.heal()
    assert_stored_once(refreshed())


def test_a_machine_that_slept_over_a_weekend_goes_on(machines: Machines, sources: Standin, settings: Settings) -> None:
    make_listings()
    sources.fail("/q=", "pause", seconds=1.5)
    worker = machines.start_worker()
    run = request_run(Kind.QUOTES, Trigger.PLAN)
    until(lambda: sources.count("/q=") == 2, "two batches are being fetched")
    worker.freeze()
    # Sixty hours later by all clocks: everything that was written lies so far back.
    for model, names in ((RefreshRun, ("requested_at",)), (RefreshOutcome, ("queued_at",))):
        model.objects.update(**{name: F(name) - 60 * HOUR for name in names})
    sources.heal()
    worker.thaw()
    settings.RATE_SOURCES = []
    run_plan()
    run.refresh_from_db()
    assert run.problem == NOT_IN_TIME
    abandoned = run.outcomes.filter(result="abandoned").count()
    assert abandoned >= 2  # the batch that nobody had begun
    again = refreshed()
    assert_stored_once(again)
    assert told(run) <= {("ok", ""), ("abandoned", "not_done")}


def test_a_full_disk_loses_no_price(machines: Machines, sources: Standin) -> None:
    make_listings()
    worker = machines.start_worker()
    assert_stored_once(refreshed())
    before = closes()
    sources.control({"factor": "1.01"})
    with full_disk(worker):
        run = request_run(Kind.QUOTES, Trigger.STAFF)
        until(lambda: machines.log("worker").count(FULL) >= 2, "the worker has met the full disk")
        assert closes() == before
        assert set(run.outcomes.values_list("result", flat=True)) == {"pending"}
    until(lambda: is_finished(run), "the run is done once there is room", seconds=60)
    assert_stored_once(run)
    assert all(closes()[ticker] != close for ticker, close in before.items())


FULL = "retry: Retry in"
ROOM = 8192  # bytes of any file: two pages of a database


@contextmanager
def full_disk(worker: Process) -> Iterator[None]:
    """No room for what the worker's children want to store, while everybody else still writes."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # an old log would have room for what is new
        for child in worker.children:
            _, hard = resource.prlimit(child, resource.RLIMIT_FSIZE)
            resource.prlimit(child, resource.RLIMIT_FSIZE, (ROOM, hard))
        try:
            yield
        finally:
            for child in worker.children:
                _, hard = resource.prlimit(child, resource.RLIMIT_FSIZE)
                resource.prlimit(child, resource.RLIMIT_FSIZE, (hard, hard))
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = 'disk_full'; END $$"
        )
        cursor.execute(
            "CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON valuations_quote FOR EACH ROW EXECUTE FUNCTION no_room()"
        )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER no_room ON valuations_quote; DROP FUNCTION no_room()")
