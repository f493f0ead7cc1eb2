"""Documents in the ledger: asked for once, fetched, read, settled; however often a job runs and wherever it dies."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from companies.filings.store import store_version
from companies.models import Filing, FilingKind, FilingPage, FilingVersion, Tier
from tests.factories import NOON, make_analyst, make_company, make_filing, make_outcome, make_run, make_version
from tests.valuations.test_refresh import at_once
from valuations import document_refresh, ledger
from valuations.document_refresh import wanted_documents
from valuations.document_state import document_state
from valuations.ledger import cancel_run, request_documents
from valuations.models import RefreshOutcome, RefreshRun, SourceHealth
from valuations.planning import mend, run_plan
from valuations.refresh import run_batch

Kind, Trigger, Result = RefreshRun.Kind, RefreshRun.Trigger, RefreshOutcome.Result
Status = FilingVersion.Status
PDF = b"%PDF-1.7\nthe first file\n%%EOF"
OTHER = b"%PDF-1.7\nthe corrected file\n%%EOF"
pytestmark = pytest.mark.django_db


class Exchange:
    """A web server that gives one document at every address."""

    def __init__(self) -> None:
        self.body: bytes = PDF
        self.status = 200
        self.asked: list[tuple[str, str]] = []
        exchange = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                exchange.asked.append((self.path, self.headers["User-Agent"]))
                self.send_response(exchange.status)
                self.send_header("Content-Length", str(len(exchange.body)))
                self.end_headers()
                self.wfile.write(exchange.body)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def exchange(settings: Settings) -> Iterator[Exchange]:
    """A service of documents, where the settings say that all of them are."""
    running = Exchange()
    settings.SOURCES_ENABLED = True
    settings.SOURCE_URLS = dict.fromkeys(settings.SOURCE_URLS, running.url)
    settings.SOURCE_INTERVAL = 0.0
    yield running
    running.server.shutdown()
    running.server.server_close()


@pytest.fixture(autouse=True)
def documents(settings: Settings, tmp_path: Path) -> Path:
    settings.DOCUMENT_DIR = tmp_path / "documents"
    return tmp_path / "documents"


@pytest.fixture(autouse=True)
def queued(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The jobs that were queued, as run and batch; nobody does them but the test."""
    jobs: list[tuple[int, int]] = []

    def queue(run: RefreshRun, batches: Any) -> bool:
        jobs.extend((run.pk, batch) for batch in batches)
        return True

    monkeypatch.setattr(ledger, "queue_again", queue)
    monkeypatch.setattr(document_refresh, "queue_again", queue)
    return jobs


@pytest.fixture(autouse=True)
def reading(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The versions whose text was read; reading gives one page."""
    read: list[int] = []

    def extract(version_id: int) -> FilingVersion.Status:
        read.append(version_id)
        version = FilingVersion.objects.get(pk=version_id)
        FilingPage.objects.update_or_create(version=version, number=1, defaults={"text": "Revenue was 1,200."})
        version.status, version.page_count, version.extracted_at = Status.READY, 1, NOON
        version.extraction += 1
        version.save()
        return Status.READY

    monkeypatch.setattr(document_refresh, "extract", extract)
    return read


def reading_ends_with(monkeypatch: pytest.MonkeyPatch, status: FilingVersion.Status, problem: str = "") -> None:
    def extract(version_id: int) -> FilingVersion.Status:
        FilingVersion.objects.filter(pk=version_id).update(status=status, problem=problem)
        return status

    monkeypatch.setattr(document_refresh, "extract", extract)


def listed(slug: str = "report", **fields: Any) -> Filing:
    """A filing that CNINFO lists, whose document is not here."""
    url = f"http://static.cninfo.com.cn/finalpage/{slug}.PDF?t=1"
    return make_filing(slug, **{"url": url, "service": "cninfo", "service_key": slug, **fields})


def asked(*filings: Filing, **more: Any) -> RefreshRun:
    return request_documents(filings, Trigger.STAFF, **more)


def done(run: RefreshRun, batch: int = 0) -> RefreshOutcome:
    """The outcome after both steps."""
    run_batch(run.pk, batch)
    run_batch(run.pk, batch)
    return RefreshOutcome.objects.get(run=run, batch=batch)


# --- Asking -----------------------------------------------------------------------------------------


def test_a_run_has_one_outcome_and_one_job_for_each_filing(
    queued: list[tuple[int, int]], django_capture_on_commit_callbacks: Any
) -> None:
    user = make_analyst()
    with django_capture_on_commit_callbacks(execute=True):
        run = request_documents(
            [listed("a", company=make_company()), make_filing("b"), make_filing("c", url="")], Trigger.STAFF, user
        )
    assert list(run.outcomes.values_list("batch", "filing__slug", "company__slug", "provider", "reason")) == [
        (0, "a", "acme", "cninfo", ""),
        (1, "b", None, "exchange.example", ""),
        (2, "c", None, "upload", "file_is_here"),
    ]
    assert (run.kind, run.requested_by, run.finished_at) == ("documents", user, None)
    assert queued == [(run.pk, 0), (run.pk, 1), (run.pk, 2)]


def test_a_document_that_is_asked_for_already_is_joined() -> None:
    one, two = listed("one"), listed("two")
    first = asked(one)
    assert asked(one) == first
    second = asked(one, two)
    assert second != first
    assert [outcome.filing for outcome in second.outcomes.all()] == [two]
    assert RefreshOutcome.objects.count() == 2


def test_several_runs_of_documents_are_open_at_once() -> None:
    asked(listed("one"))
    asked(listed("two"))
    assert RefreshRun.objects.filter(finished_at=None).count() == 2


@pytest.mark.django_db(transaction=True)
def test_many_callers_at_once_ask_for_a_document_once() -> None:
    filing = listed()
    runs = at_once(lambda: asked(filing), times=6)
    assert {run.pk for run in runs if isinstance(run, RefreshRun)} == {RefreshRun.objects.get().pk}, runs
    assert RefreshOutcome.objects.count() == 1


def test_asking_for_nothing_is_a_run_that_is_closed_at_once() -> None:
    assert asked().finished_at is not None


# --- Both steps -------------------------------------------------------------------------------------


def test_a_document_is_fetched_by_one_job_and_read_by_the_next(
    exchange: Exchange, queued: list[tuple[int, int]], reading: list[int], settings: Settings
) -> None:
    settings.SOURCE_CONTACT = "desk@example.org"
    run = asked(listed())
    run_batch(run.pk, 0)
    version = FilingVersion.objects.get()
    assert exchange.asked == [("/finalpage/report.PDF?t=1", f"Xinpan/{settings.VERSION} (desk@example.org)")]
    assert (version.status, version.url) == ("waiting", "http://static.cninfo.com.cn/finalpage/report.PDF?t=1")
    assert queued == [(run.pk, 0)]
    assert reading == []
    run_batch(run.pk, 0)
    assert reading == [version.pk]
    outcome = RefreshOutcome.objects.get()
    assert (outcome.result, outcome.reason, outcome.stored) == ("ok", "", 1)
    run.refresh_from_db()
    assert run.results == {"ok": 1}
    assert len(exchange.asked) == 1


def test_a_job_that_is_delivered_twice_at_every_step_doubles_nothing(exchange: Exchange) -> None:
    run = asked(listed())
    for _ in range(5):
        run_batch(run.pk, 0)
    assert (FilingVersion.objects.count(), FilingPage.objects.count()) == (1, 1)
    assert len(exchange.asked) == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_with_the_same_job_store_one_version_and_queue_one_next_step(
    exchange: Exchange, queued: list[tuple[int, int]]
) -> None:
    run = asked(listed())
    queued.clear()
    at_once(lambda: run_batch(run.pk, 0), times=4)
    assert FilingVersion.objects.count() == 1
    assert queued.count((run.pk, 0)) == 1 or RefreshOutcome.objects.get().result == Result.OK


def test_a_worker_that_died_after_storing_the_file_costs_nothing_but_one_more_request(exchange: Exchange) -> None:
    filing = listed()
    run = asked(filing)
    store_version(filing, PDF, url=filing.url)  # and here it died, before it said so in the ledger
    assert done(run).result == Result.OK
    assert FilingVersion.objects.count() == 1


def test_a_worker_that_died_while_it_read_is_followed_by_another(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, reading: list[int]
) -> None:
    run = asked(listed())
    run_batch(run.pk, 0)

    def dies(version_id: int) -> FilingVersion.Status:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(document_refresh, "extract", dies)
        with pytest.raises(KeyboardInterrupt):
            run_batch(run.pk, 0)
    assert RefreshOutcome.objects.get().result == Result.PENDING
    run_batch(run.pk, 0)
    assert RefreshOutcome.objects.get().result == Result.OK


def test_the_plan_queues_a_lost_step_again(
    exchange: Exchange, queued: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("valuations.planning.jobs_waiting", lambda kind: 0)
    monkeypatch.setattr("valuations.planning.queue_again", ledger.queue_again)
    run = asked(listed())
    run_batch(run.pk, 0)
    queued.clear()
    mend(timezone.now() + timedelta(minutes=10))
    assert queued == [(run.pk, 0)]
    run_batch(run.pk, 0)
    assert RefreshOutcome.objects.get().result == Result.OK


def test_documents_have_longer_than_prices_before_they_are_given_up(settings: Settings) -> None:
    run = asked(listed())
    mend(run.requested_at + timedelta(seconds=settings.RUN_TIME_LIMIT + 60))
    run.refresh_from_db()
    assert run.finished_at is None
    mend(run.requested_at + timedelta(seconds=settings.DOCUMENTS_TIME_LIMIT + 1))
    run.refresh_from_db()
    assert run.finished_at is not None


def test_a_cancelled_document_is_not_fetched(exchange: Exchange) -> None:
    run = asked(listed())
    cancel_run(run.pk, make_analyst())
    run_batch(run.pk, 0)
    assert exchange.asked == []


# --- Versions ---------------------------------------------------------------------------------------


def test_other_bytes_at_the_same_address_are_a_new_version(exchange: Exchange, reading: list[int]) -> None:
    filing = listed()
    done(asked(filing))
    exchange.body = OTHER
    done(asked(filing))
    assert list(filing.versions.values_list("number", "status")) == [(1, "ready"), (2, "ready")]
    assert reading == [version.pk for version in filing.versions.all()]


def test_the_same_bytes_again_are_the_file_we_have_and_are_not_read_again(
    exchange: Exchange, reading: list[int]
) -> None:
    filing = listed()
    done(asked(filing))
    outcome = done(asked(filing))
    assert (outcome.result, outcome.reason, outcome.stored) == ("ok", "same_file", 0)
    assert len(reading) == 1


def test_the_text_of_a_file_is_read_again_when_somebody_asks(exchange: Exchange, reading: list[int]) -> None:
    filing = listed()
    done(asked(filing))
    done(asked(filing, only_read=True))
    assert len(exchange.asked) == 1
    assert FilingVersion.objects.get().extraction == 2


def test_an_upload_in_the_middle_of_a_fetch_is_read_too(exchange: Exchange, reading: list[int]) -> None:
    filing = listed()
    run = asked(filing)
    run_batch(run.pk, 0)
    store_version(filing, OTHER)
    assert asked(filing, only_read=True) == run
    run_batch(run.pk, 0)
    assert RefreshOutcome.objects.get().result == Result.PENDING
    run_batch(run.pk, 0)
    assert RefreshOutcome.objects.get().result == Result.OK
    assert {version.status for version in filing.versions.all()} == {"ready"}


def test_a_file_that_is_gone_is_told_and_a_fetch_puts_it_back(exchange: Exchange) -> None:
    filing = listed()
    done(asked(filing))
    version = FilingVersion.objects.get()
    version.path.unlink()
    outcome = done(asked(filing, only_read=True))
    assert (outcome.result, outcome.reason) == ("bad_body", "file_missing")
    assert "gone" in document_state(filing, version).text
    assert done(asked(filing)).reason == "same_file"
    assert document_state(filing, version).text == ""


# --- What goes wrong --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (Status.NO_TEXT, "ok_flag"),
        (Status.ENCRYPTED, "partial"),
        (Status.BROKEN, "bad_body"),
        (Status.TOO_LONG, "partial"),
        (Status.TOO_SLOW, "partial"),
        (Status.TOO_BIG, "partial"),
    ],
)
def test_a_file_whose_text_cannot_be_read_says_why(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, status: FilingVersion.Status, result: str
) -> None:
    reading_ends_with(monkeypatch, status, "said the reader")
    outcome = done(asked(listed()))
    assert (outcome.result, outcome.reason, outcome.detail) == (result, status, "said the reader")


@pytest.mark.parametrize(
    ("body", "status", "result", "reason"),
    [
        (b"", 404, "no_data", "document_gone"),
        (b"", 403, "blocked", "document_refused"),
        (b"", 500, "retry", "host_failed"),
        (b"", 200, "bad_body", "empty_file"),
        (b"PK\x03\x04", 200, "bad_body", "not_a_document"),
    ],
)
def test_a_document_that_does_not_come_says_why(
    exchange: Exchange, body: bytes, status: int, result: str, reason: str
) -> None:
    exchange.body, exchange.status = body, status
    filing = listed()
    outcome = done(asked(filing))
    assert (outcome.result, outcome.reason) == (result, reason)
    assert not FilingVersion.objects.exists()
    assert document_state(filing, None).text.startswith("The document was not fetched: ")


@pytest.mark.parametrize("url", ["http://127.0.0.1/a.pdf", "http://169.254.169.254/latest/", "http://[::1]/"])
def test_an_address_in_our_own_network_is_not_fetched_by_a_job_either(exchange: Exchange, url: str) -> None:
    outcome = done(asked(make_filing(url=url)))
    assert (outcome.result, outcome.reason) == ("bad_request", "address_not_public")
    assert exchange.asked == []


def test_nobody_but_a_service_that_has_moved_there_is_fetched_from_an_address_of_the_settings(
    exchange: Exchange,
) -> None:
    outcome = done(asked(make_filing(url=f"{exchange.url}/metrics")))
    assert (outcome.result, outcome.reason) == ("bad_request", "address_port")
    assert exchange.asked == []


def test_what_is_no_address_ends_in_the_ledger(exchange: Exchange) -> None:
    outcome = done(asked(make_filing(url="http://[::1", service="cninfo", service_key="1")))
    assert (outcome.result, outcome.reason) == ("bad_request", "address_unreadable")


def test_a_service_that_turns_us_away_is_left_alone(exchange: Exchange) -> None:
    exchange.status = 403
    done(asked(listed("one")))
    assert SourceHealth.objects.get().site == "cninfo_documents"
    outcome = done(asked(listed("two")))
    assert (outcome.result, outcome.reason) == ("retry", "sources_rest")
    assert len(exchange.asked) == 1


def test_with_sources_off_nothing_is_fetched_but_what_is_here_is_read(reading: list[int]) -> None:
    filing = make_filing(url="http://a.example/a.pdf")
    assert done(asked(filing)).reason == "sources_off"
    store_version(filing, PDF)
    assert done(asked(filing, only_read=True)).result == Result.OK


# --- Documents that nobody asks for -----------------------------------------------------------------


def test_documents_that_state_figures_are_wanted_newest_first(settings: Settings) -> None:
    settings.DOCUMENTS_PER_RUN = 2
    first = listed("first", published_on=NOON.date() - timedelta(days=2))
    second = listed("second", published_on=NOON.date() - timedelta(days=1), kind=FilingKind.PROSPECTUS)
    third = listed("third", published_on=NOON.date())
    others = [
        listed("news", kind=FilingKind.NEWS),
        make_filing("no-address", url=""),
        make_version(listed("here")).filing,
    ]
    assert wanted_documents([first, second, third, *others]) == [third, second]


@pytest.mark.parametrize(
    ("result", "hours", "wanted"),
    [
        ("pending", 0, False),
        ("retry", 1, False),
        ("retry", 25, True),
        ("blocked", 25, True),
        ("no_data", 25, False),
        ("bad_body", 25, False),
    ],
)
def test_a_document_that_was_asked_for_in_vain_is_left_alone_for_a_while(result: str, hours: int, wanted: bool) -> None:
    filing = listed()
    done_at = None if result == "pending" else timezone.now() - timedelta(hours=hours)
    run = make_run(kind=Kind.DOCUMENTS)
    make_outcome(run, filing=filing, result=result, done_at=done_at)
    assert bool(wanted_documents([filing])) is wanted


@pytest.mark.parametrize(
    ("result", "minutes", "wanted"),
    [("abandoned", 61, True), ("retry", 61, True), ("retry", 59, False), ("cancelled", 61, False)],
)
def test_a_file_whose_text_nobody_reads_is_read_later(
    result: str, minutes: int, wanted: bool, reading: list[int], settings: Settings
) -> None:
    settings.SOURCES_ENABLED = False
    filing = make_filing(url="")
    version = store_version(filing, PDF).version
    now = timezone.now()
    make_outcome(
        make_run(kind=Kind.DOCUMENTS, finished_at=now), filing=filing, result=result,
        done_at=now - timedelta(minutes=minutes),
    )  # fmt: skip
    started = run_plan(now)
    assert [run.kind for run in started] == (["documents"] if wanted else [])
    assert run_plan(now) == []
    for run in started:
        run_batch(run.pk, 0)
    assert reading == ([version.pk] if wanted else [])


def test_a_file_that_was_stored_by_a_process_that_died_before_it_asked_is_read() -> None:
    filing = make_filing(url="")
    store_version(filing, PDF)
    assert [run.outcomes.get().filing for run in run_plan()] == [filing]


def test_a_file_that_nobody_could_read_for_days_is_left_to_people() -> None:
    store_version(make_filing(url=""), PDF)
    assert run_plan(timezone.now() + timedelta(days=3, minutes=1)) == []


# --- What a page says -------------------------------------------------------------------------------


def test_the_state_of_a_document_is_told_in_words(exchange: Exchange) -> None:
    filing = listed(tier=Tier.MIRROR)
    assert document_state(filing, None).text == "The document has not been fetched yet."
    run = asked(filing)
    assert document_state(filing, None).is_waiting
    run_batch(run.pk, 0)
    version = filing.versions.get()
    state = document_state(filing, version)
    assert (state.text, state.is_waiting, state.pages) == ("The text is being read.", True, 0)
    run_batch(run.pk, 0)
    version.refresh_from_db()
    assert document_state(filing, version).text == ""


def test_a_text_that_nobody_will_read_any_more_is_not_waited_for() -> None:
    filing = make_filing(url="")
    version = store_version(filing, PDF).version
    run = asked(filing)
    ledger.abandon(run.pk)
    state = document_state(filing, version)
    assert (state.is_waiting, state.text) == (False, "The text was not read: given up before it was done.")
