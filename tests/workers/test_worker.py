"""A real worker on a real Redis against the stand-in: jobs are done, and killing anything loses nothing.

The processes are those of the Procfile. Every wait has a deadline, and every process is ended by its own number.
"""

from __future__ import annotations

import os
import signal
import time

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from tests.factories import PASSWORD, make_staff
from tests.machines import Machines, assert_stored_once, forget_jobs, is_finished, make_listings, until
from tests.standin import Standin
from valuations.ledger import NO_QUEUE, request_run
from valuations.models import FxRate, Quote, RefreshOutcome, RefreshRun
from valuations.planning import run_plan

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

Kind, Trigger = RefreshRun.Kind, RefreshRun.Trigger


def test_a_worker_does_what_is_queued_even_while_the_database_is_locked_for_twenty_seconds(
    machines: Machines, sources: Standin
) -> None:
    make_listings()
    machines.start_worker()
    run = request_run(Kind.QUOTES, Trigger.STAFF)
    until(lambda: is_finished(run), "the run is done")
    assert_stored_once(run)
    assert sources.count("/q=") == 3

    sources.control({"factor": "1.01"})
    sources.fail("/q=", "pause", seconds=1.5)
    again = request_run(Kind.QUOTES, Trigger.STAFF)
    with transaction.atomic():
        RefreshOutcome.objects.filter(run=again).update(detail="")  # locks the rows, on SQLite everything
        until(lambda: sources.count("/q=") == 3 + 2, "two batches are being fetched")
        time.sleep(20)
        assert set(again.outcomes.values_list("result", flat=True)) == {"pending"}
    sources.heal()
    until(lambda: is_finished(again), "the run is done")
    assert_stored_once(again)
    assert Quote.objects.filter(fetched_at__gt=again.requested_at).count() == 12

    rates = request_run(Kind.RATES, Trigger.STAFF)
    until(lambda: is_finished(rates), "the rates are there")
    assert list(rates.outcomes.values_list("result", flat=True)) == ["ok", "ok"]
    assert FxRate.objects.exists()


def test_jobs_of_a_killed_worker_are_delivered_again(machines: Machines, sources: Standin) -> None:
    make_listings()
    sources.fail("/q=", "pause", seconds=2)
    killed = machines.start_worker()
    run = request_run(Kind.QUOTES, Trigger.STAFF)
    until(lambda: sources.count("/q=") == 2, "two batches are being fetched")
    killed.kill()
    assert set(run.outcomes.values_list("result", flat=True)) == {"pending"}
    sources.heal()
    machines.start_worker()
    until(lambda: is_finished(run), "another worker has done the run")
    assert_stored_once(run)
    assert sources.count("/q=") == 2 + 3  # nobody but the queue has asked for the two again


def test_the_job_of_a_killed_child_is_done_by_another(machines: Machines, sources: Standin) -> None:
    make_listings()
    sources.fail("/q=", "pause", seconds=1.5)
    worker = machines.start_worker()
    run = request_run(Kind.QUOTES, Trigger.STAFF)
    until(lambda: sources.count("/q=") == 2, "two batches are being fetched")
    os.kill(worker.children[-1], signal.SIGKILL)
    sources.heal()
    until(lambda: is_finished(run), "the worker has done the run")
    assert_stored_once(run)
    assert sources.count("/q=") >= 2 + 2


@pytest.mark.parametrize("loses_jobs", [False, True], ids=["stopped", "killed_and_emptied"])
def test_redis_goes_and_comes_back(
    machines: Machines, sources: Standin, client: Client, settings: Settings, loses_jobs: bool
) -> None:
    make_listings()
    make_staff()
    client.login(username="staff", password=PASSWORD)
    worker = machines.start_worker()
    sources.fail("/q=", "pause", seconds=1)
    run = request_run(Kind.QUOTES, Trigger.STAFF)
    until(lambda: sources.count("/q=") == 2, "two batches are being fetched, one waits in the queue")
    assert machines.redis is not None
    if loses_jobs:
        machines.redis.kill()
        forget_jobs()
    else:
        machines.redis.stop()

    # Pages are served all the while, and a refresh that cannot be queued says so.
    for page in ("valuations:sector", "valuations:refreshes"):
        assert client.get(reverse(page)).status_code == 200
    assert client.post(reverse("valuations:refresh_now"), {"kind": "rates"}).status_code == 302
    assert RefreshRun.objects.get(kind=Kind.RATES).problem == NO_QUEUE

    # What was being fetched is finished without Redis.
    until(lambda: run.outcomes.filter(result="ok").count() == 10, "the two batches are stored")
    sources.heal()
    machines.start_redis()
    settings.RATE_SOURCES = []

    def is_mended() -> bool:
        run_plan()
        return is_finished(run)

    until(is_mended if loses_jobs else lambda: is_finished(run), "the third batch is done as well")
    assert_stored_once(run)
    later = request_run(Kind.QUOTES, Trigger.STAFF)
    until(lambda: is_finished(later), "the next run is done by the same worker")
    assert_stored_once(later)
    assert worker.children


def test_two_beats_give_one_run(machines: Machines, sources: Standin) -> None:
    make_listings()
    machines.start_worker()
    for name in ("first", "second"):
        machines.start_beat(name)
    until(lambda: machines.log("worker").count("plan_refreshes[") >= 2 * 6, "six plans were received and made")
    until(lambda: not RefreshRun.objects.filter(finished_at=None).exists(), "all runs are done")
    runs = RefreshRun.objects.order_by("kind")
    kinds = ("filings", "quotes", "rates")
    assert list(runs.values_list("kind", "trigger", "problem")) == [(kind, "plan", "") for kind in kinds]
    assert_stored_once(runs.get(kind="quotes"))
    assert sources.count("/q=") == 3
