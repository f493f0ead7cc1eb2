"""The jobs of the queue. Each is thin and repeatable: the work is in `valuations.refresh` and `valuations.ledger`."""

from __future__ import annotations

from typing import Any

from celery import Task
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from config.celery import app
from valuations.exchange_watch import watch_calendar
from valuations.ledger import run_failed
from valuations.planning import run_plan
from valuations.refresh import run_batch


class BatchTask(Task):  # type: ignore[type-arg]  # not generic at run time
    """A job that tells the ledger when it breaks."""

    def on_failure(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """After the last try: settle the batch with the reason."""
        run_id, batch = args
        run_failed(run_id, batch, f"{type(exc).__name__}: {exc}")


# A database that is busy, restarted or out of reach answers with one of these.
@app.task(base=BatchTask, autoretry_for=[OperationalError, InterfaceError], retry_backoff=2, max_retries=4)
def refresh_batch(run_id: int, batch: int) -> None:
    """Fetch, check and store one batch of a run."""
    run_batch(run_id, batch)


@app.task
def plan_refreshes() -> None:
    """Start the runs that are due."""
    run_plan()


@app.task
def watch_exchanges() -> None:
    """Compare the exchange calendar with the prices."""
    watch_calendar(timezone.now())
