"""Imports and real workers: whatever is killed in the middle, each row is there once."""

from __future__ import annotations

import pytest

from companies.history import versions_of
from companies.models import Company, SheetImport
from companies.sheets.importing import begin, store
from tests.factories import make_editor, make_filing
from tests.machines import Machines, until

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]
ROWS = 1500


def test_an_import_whose_workers_are_killed_is_stored_once_by_another(machines: Machines) -> None:
    make_filing()
    lines = [f"acme-{number},Acme {number},{'x' * 40},annual-report\n" for number in range(ROWS)]
    content = "".join(["slug,name_en,note,source\n", *lines]).encode()
    made = begin("companies.company", "acme.csv", content, "Why.", make_editor())

    def state() -> str:
        return SheetImport.objects.values_list("state", flat=True).get(pk=made.pk)

    first = machines.start_worker()
    until(lambda: SheetImport.objects.filter(pk=made.pk).exclude(rows=0).exists(), "the table is being checked")
    first.kill()
    second = machines.start_worker()
    until(lambda: state() == "ready", "the table is checked")
    made.refresh_from_db()
    store(made, confirmed=False)
    until(lambda: SheetImport.objects.filter(pk=made.pk).exclude(rows_done=0).exists(), "the table is being stored")
    second.kill()
    machines.start_worker()
    until(lambda: state() == "stored", "the table is stored")
    assert Company.objects.count() == ROWS
    assert versions_of(Company).count() == ROWS
