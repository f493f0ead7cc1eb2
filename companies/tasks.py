"""The jobs of the queue that are about what was reported. Each is thin and repeatable."""

from __future__ import annotations

from typing import Any

from celery import Task
from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError
from django.utils.translation import gettext as _

from companies.sheets.importing import broke_words, fail, run_check, run_store
from config.celery import app


class SheetTask(Task):  # type: ignore[type-arg]  # not generic at run time
    """A job on an import, which it closes when it breaks."""

    # A database that is busy, restarted or out of reach answers with one of these.
    autoretry_for = (OperationalError, InterfaceError)
    retry_backoff = 2
    max_retries = 4
    # The largest table takes half a minute where nothing else runs. Less than JOB_REDELIVERY_SECONDS, as for every job.
    soft_time_limit = 90
    time_limit = 105

    def on_failure(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """After the last try: close the import, and say why."""
        too_long = isinstance(exc, SoftTimeLimitExceeded)
        words = _("This took too long, and nothing was stored. Divide the table.") if too_long else broke_words()
        fail(args[0], words)


@app.task(base=SheetTask)
def check_sheet(import_id: int) -> None:
    """Compare an uploaded table with what is stored."""
    run_check(import_id)


@app.task(base=SheetTask)
def store_sheet(import_id: int) -> None:
    """Store a table that somebody has looked at."""
    run_store(import_id)
