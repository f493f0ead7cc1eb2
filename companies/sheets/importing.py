"""From an uploaded table to stored rows: checked, looked at, then stored whole or not at all.

An import moves from state to state by compare-and-set, and each step writes its result in one go. So a job may run
twice or die half-way: the next one begins anew, or finds that there is nothing left to do.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from companies.history import changing, created
from companies.models import Revision, SheetImport, User
from companies.rules import Weight
from companies.sheets.reading import Mistake, Unreadable, is_small, read_sheet
from companies.sheets.tables import model_of, resource_of
from config.jobs import hand_over

if TYPE_CHECKING:  # what reads tables is loaded once one is read
    from companies.sheets.checking import Checked, Row

log = logging.getLogger(__name__)

State = SheetImport.State
SMALL = 200  # rows that are stored while somebody waits
CHUNK = 500  # rows written at a time
MOST_SHOWN = 1000  # rows, and mistakes, of a report
JOBS = {State.CHECKING: "companies.tasks.check_sheet", State.STORING: "companies.tasks.store_sheet"}


class Stopped(Exception):
    """The import has been cancelled, or another job was quicker."""


class NotStorable(Exception):
    """The import cannot be stored now. The message says why."""


# --- What people do -----------------------------------------------------------------------------------


def begin(table: str, file_name: str, content: bytes, reason: str, user: User) -> SheetImport:
    """Take an upload; a small one is checked at once, others by a worker.

    Args:
        table: Label of the model: `companies.figure`.
    """
    made = SheetImport.objects.create(
        table=table, file_name=file_name[-200:], content=content, reason=reason, asked_by=user,
        asked_at=timezone.now(), report={"language": translation.get_language()},
    )  # fmt: skip
    if is_small(content):
        _run_now(made)
    else:
        start(made)
    return made


def start(sheet_import: SheetImport) -> bool:
    """Hand the step at hand to the workers, once more if it has been before; returns whether the queue took it.

    One that the queue did not take says so, and can be started again.
    """
    task = JOBS.get(State(sheet_import.state))
    if task is None:
        return True
    taken = hand_over(task, [[sheet_import.pk]], settings.DOCUMENT_QUEUE)
    words = "" if taken else _("The queue of jobs cannot be reached. Nothing is lost: start it again in a moment.")
    SheetImport.objects.filter(pk=sheet_import.pk, state=sheet_import.state).update(problem=words)
    return taken


def store(sheet_import: SheetImport, *, confirmed: bool) -> None:
    """Have a table stored that has been looked at.

    Args:
        confirmed: Somebody says that the doubts of the report have been checked.

    Raises:
        NotStorable: It is not ready, or has doubts that nobody has confirmed.
    """
    if not has_changes(sheet_import):
        raise NotStorable(_("Everything in this table is stored already."))
    if sheet_import.report.get("doubts") and not confirmed:
        raise NotStorable(_("Check what is listed under “To be confirmed”, and say that you have."))
    if not _move(sheet_import.pk, [State.READY], State.STORING, problem="", rows_done=0):
        raise NotStorable(_("This import is no longer waiting to be stored."))
    sheet_import.state = State.STORING
    if sheet_import.rows <= SMALL:
        _run_now(sheet_import)
    elif not start(sheet_import):
        words = _("The queue of jobs cannot be reached, so nothing was stored. Try again in a moment.")
        _move(sheet_import.pk, [State.STORING], State.READY, problem=words)
        raise NotStorable(words)


def has_changes(sheet_import: SheetImport) -> bool:
    """Whether storing a table that has been checked would change anything."""
    counts = sheet_import.report.get("counts", {})
    return bool(counts.get("new") or counts.get("changed"))


def cancel(sheet_import: SheetImport) -> bool:
    """Give up an import that is not stored yet; returns whether it still could be."""
    return _move(sheet_import.pk, SheetImport.OPEN, State.CANCELLED)


def fail(pk: int, words: str) -> None:
    """Close an import whose job broke."""
    _move(pk, [State.CHECKING, State.STORING], State.FAILED, problem=words)


def _run_now(sheet_import: SheetImport) -> None:
    try:
        {State.CHECKING: run_check, State.STORING: run_store}[State(sheet_import.state)](sheet_import.pk)
    except Exception:  # whatever a table provokes, the person gets an answer
        log.exception("import %s broke", sheet_import.pk)
        fail(sheet_import.pk, broke_words())


def broke_words() -> str:
    """What is said of a job that broke."""
    return _("Something went wrong; nothing was stored. The log of the program says what. Divide the table, or ask.")


def _move(pk: int, before: Sequence[str], after: str, **values: Any) -> bool:
    """Take an import from one of some states to another; its file is dropped once nobody needs it any more."""
    if after not in SheetImport.OPEN:
        values |= {"finished_at": timezone.now(), "content": None}
    return bool(SheetImport.objects.filter(pk=pk, state__in=before).update(state=after, **values))


# --- Checking -----------------------------------------------------------------------------------------


def run_check(pk: int) -> None:
    """Read and compare a table, and write the report that people look at."""
    found = _open(pk, State.CHECKING)
    if found is None:
        return
    with _its_language(found):
        try:
            checked = _checked(found)
        except Unreadable as error:
            _move(pk, [State.CHECKING], State.REFUSED, problem=str(error))
        except Stopped:
            return
        else:
            _report(found, checked, State.CHECKING, "")


def _open(pk: int, state: str) -> SheetImport | None:
    return SheetImport.objects.select_related("asked_by").filter(pk=pk, state=state, content__isnull=False).first()


@contextmanager
def _its_language(sheet_import: SheetImport) -> Iterator[None]:
    with translation.override(sheet_import.report.get("language") or settings.LANGUAGE_CODE):
        yield


def _checked(sheet_import: SheetImport) -> Checked:
    # Imported here: pages that only show imports do without.
    from companies.sheets.checking import check_sheet

    resource = resource_of(model_of(sheet_import.table))
    assert sheet_import.content is not None  # only open imports are read, and these have their file
    sheet = read_sheet(bytes(sheet_import.content), [column.column_name for column in resource.columns])
    same = SheetImport.objects.filter(pk=sheet_import.pk, state=sheet_import.state)
    same.update(rows=len(sheet.lines), rows_done=0)

    def progress(rows: int) -> None:
        if not same.update(rows_done=rows):
            raise Stopped

    return check_sheet(resource, sheet, progress)


def _report(found: SheetImport, checked: Checked, before: str, problem: str) -> None:
    after = State.REFUSED if checked.mistakes else State.READY
    report = {**found.report, **report_of(checked)}
    _move(found.pk, [before], after, problem=problem, report=report, rows_done=len(checked.rows))


def report_of(checked: Checked) -> dict[str, Any]:
    """What people look at before a table is stored, as JSON."""
    from companies.sheets.checking import CHANGED, NEW, UNCHANGED

    kinds = (NEW, CHANGED, UNCHANGED)
    counts = {kind: len(checked.of_kind(kind)) for kind in kinds}
    # What changes comes first, each part in the order of the table.
    shown = sorted(checked.rows, key=lambda row: row.kind == UNCHANGED and not row.wrong)
    return {
        "counts": counts,
        "remarks": checked.remarks,
        "mistakes": [_mistake(checked, one) for one in checked.mistakes[:MOST_SHOWN]],
        "mistake_count": len(checked.mistakes),
        "doubts": [
            {"row": row.line.row, "column": doubt.field, "words": doubt.words, "code": doubt.code}
            for row, doubt in checked.doubts
        ],
        "rows": [_row(checked, row) for row in shown[:MOST_SHOWN] if row.instance is not None],
        "row_count": len(checked.rows),
        "digest": checked.digest(),
    }


def _mistake(checked: Checked, mistake: Mistake) -> dict[str, Any]:
    place = checked.places.get(mistake.column, "")
    return {
        "row": mistake.row, "column": mistake.column, "place": f"{place}{mistake.row}" if place else "",
        "words": mistake.words,
    }  # fmt: skip


def _row(checked: Checked, row: Row) -> dict[str, Any]:
    keys = (column.export(row.instance) for column in checked.resource.columns if column.column_name in checked.key)
    return {
        "row": row.line.row,
        "kind": row.kind,
        "label": " · ".join(filter(None, keys)),
        "cells": row.cells,
        "doubt": next((one.code for one in row.said if one.weight is Weight.CONFIRM), ""),
        "hints": [one.words for one in row.said if one.weight is Weight.HINT],
        "wrong": any(row.wrong.values()),
    }


# --- Storing ------------------------------------------------------------------------------------------


def run_store(pk: int) -> None:
    """Check a table against the rows as they are now, and write it in one transaction."""
    found = _open(pk, State.STORING)
    if found is None:
        return
    with _its_language(found):
        try:
            # Most of the work is done before the transaction, so that others need not wait for it.
            revision = Revision.current()
            _store(found, _checked(found), revision)
        except _Changed as change:
            words = _("Somebody has changed these facts meanwhile. Nothing was stored: look at what would change now.")
            _report(found, change.checked, State.STORING, words)
        except IntegrityError as error:
            log.warning("import %s: the database refuses it: %s", pk, error)
            words = _("The database refuses a row, and nothing was stored: another row has the same key already.")
            _move(pk, [State.STORING], State.FAILED, problem=words)
        except Stopped:
            return


class _Changed(Exception):
    """What would be stored is no longer what somebody looked at."""

    def __init__(self, checked: Checked) -> None:
        super().__init__()
        self.checked = checked


def _store(found: SheetImport, checked: Checked, revision: int) -> None:
    with transaction.atomic():
        # Whoever else changes facts waits here, or has been counted.
        Revision.bump()
        held = SheetImport.objects.select_for_update().filter(pk=found.pk, state=State.STORING)
        if not held.values("pk"):
            raise Stopped
        if Revision.current() != revision + 1:
            checked = _checked(found)
        if checked.mistakes or checked.digest() != found.report.get("digest"):
            raise _Changed(checked)
        _write(found, checked)
        _move(found.pk, [State.STORING], State.STORED, problem="", rows_done=len(checked.rows))


def _write(found: SheetImport, checked: Checked) -> None:
    from companies.sheets.checking import CHANGED, NEW

    resource, user, now = checked.resource, found.asked_by, timezone.now()
    if user is None:
        raise DatabaseError("nobody stands for this import any more")
    new = [row.instance for row in checked.of_kind(NEW)]
    for row in new:
        resource.prepare(row, user, now, found.reason)
    for chunk in _chunks(new):
        created(resource.model._default_manager.bulk_create(chunk), user, found.reason)
    rows = checked.of_kind(CHANGED)
    names = {column for row in rows for column, _old, _new in row.cells}
    for chunk in _chunks(rows):
        instances = [row.instance for row in chunk]
        with changing(instances, user, found.reason):
            fields = sorted(names | set(resource.follow(instances)))
            # Many times faster than `bulk_update`. The rows are there, and locked: none is inserted.
            resource.model._default_manager.bulk_create(
                instances, update_conflicts=True, unique_fields=["id"], update_fields=fields
            )
    _log(found, user, {"new": len(new), "changed": len(rows)})


def _log(found: SheetImport, user: User, counts: Mapping[str, int]) -> None:
    model = model_of(found.table)
    words = _("%(name)s from “%(file)s”: %(new)s new, %(changed)s changed. %(reason)s")
    LogEntry.objects.create(
        user=user,
        content_type=ContentType.objects.get_for_model(SheetImport),
        object_id=str(found.pk),
        object_repr=str(found)[:200],
        action_flag=CHANGE,
        change_message=(
            words % {"name": model._meta.verbose_name_plural, "file": found.file_name, "reason": found.reason, **counts}
        ).strip(),
    )


def _chunks(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (rows[at : at + CHUNK] for at in range(0, len(rows), CHUNK))
