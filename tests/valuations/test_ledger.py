"""Asking for runs, closing them, planning the next."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
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
    make_listing,
    make_outcome,
    make_run,
    make_staff,
)
from tests.payloads import Trade
from tests.standin import Standin
from tests.valuations.test_refresh import at_once
from valuations.ledger import (
    NO_QUEUE,
    NOTHING_TO_ASK,
    SOURCES_OFF,
    RunAlreadyOpen,
    request_run,
    run_failed,
)
from valuations.models import Quote, RefreshOutcome, RefreshRun

Kind, Trigger, Result = RefreshRun.Kind, RefreshRun.Trigger, RefreshOutcome.Result
FRIDAY = date(2026, 11, 20)


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
def test_without_a_queue_the_run_is_closed_and_says_so(how: str, request: pytest.FixtureRequest) -> None:
    if how == "silent":
        request.getfixturevalue("silent_queue")
    listings(3)
    run = request_run(Kind.QUOTES, Trigger.STAFF)
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
