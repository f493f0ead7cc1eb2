"""Documents and real workers: whatever is killed in the middle, the text is there once."""

from __future__ import annotations

import pytest

from companies.filings.store import store_version
from companies.models import FilingPage, FilingVersion
from tests.documents import pdf
from tests.factories import make_anchor, make_filing, make_version
from tests.machines import Machines, is_finished, until
from valuations.ledger import request_documents
from valuations.models import RefreshRun

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]
PAGES = 120


def test_an_upload_whose_worker_is_killed_while_it_reads_is_read_once_by_another(machines: Machines) -> None:
    filing = make_filing(url="")
    content = pdf([[f"Page {number}: revenue of {number} million yuan"] * 40 for number in range(1, PAGES + 1)])
    version = store_version(filing, content).version
    run = request_documents([filing], RefreshRun.Trigger.STAFF, only_read=True)
    first = machines.start_worker()
    # The first page is stored for whoever waits; then the others are being read.
    until(lambda: FilingPage.objects.filter(version=version).exists(), "the first page can be read")
    first.kill()
    machines.start_worker()
    until(lambda: is_finished(run), "the run is done")
    version.refresh_from_db()
    assert (version.status, version.page_count) == (FilingVersion.Status.READY, PAGES)
    assert list(version.pages.values_list("number", flat=True)) == list(range(1, PAGES + 1))
    assert list(run.outcomes.values_list("result", "reason")) == [("ok", "")]


def test_passages_are_looked_for_by_a_worker_without_the_file(machines: Machines) -> None:
    filing = make_filing()
    version = make_version(filing, "In short: revenue was 1,200 million yuan.")
    anchor = make_anchor(version, "revenue was 1,200 million yuan", start=0, end=30)
    run = request_documents([filing], RefreshRun.Trigger.STAFF, only_passages=True)
    machines.start_worker()
    until(lambda: is_finished(run), "the run is done")
    anchor.refresh_from_db()
    assert (anchor.start, anchor.end, anchor.state) == (10, 40, "moved")
    assert list(run.outcomes.values_list("result", "reason")) == [("ok", "")]
