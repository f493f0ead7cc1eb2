"""Bringing in filings: who may, what is taken, what is refused and with which words."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from companies.filings.store import store_version
from companies.models import Filing, FilingVersion
from tests.factories import make_analyst, make_company, make_filing, make_user, make_version
from valuations.ledger import request_documents
from valuations.models import RefreshOutcome, RefreshRun

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.7\nthe first file\n%%EOF"
ADD = "/filings/add/"
FIELDS = {"kind": "annual_report", "tier": "official", "published_precision": "day"}


@pytest.fixture(autouse=True)
def documents(settings: Settings, tmp_path: Path) -> Path:
    settings.DOCUMENT_DIR = tmp_path / "documents"
    settings.SOURCES_ENABLED = True
    return tmp_path / "documents"


@pytest.fixture
def analyst() -> Client:
    client = Client(enforce_csrf_checks=False)
    client.force_login(make_analyst())
    return client


def upload(content: bytes = PDF, name: str = "report.pdf") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, "application/pdf")


def sent(client: Client, path: str = ADD, **fields: Any) -> Any:
    return client.post(path, {**FIELDS, **fields})


def words(response: Any) -> str:
    html = re.sub(r"<[^>]+>", " ", response.content.decode())
    return re.sub(r"\s+", " ", html)


# --- Who --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("path", [ADD, "/filings/{pk}/add/", "/filings/{pk}/fetch/", "/filings/{pk}/read-again/"])
def test_only_who_may_bring_in_filings_gets_to_the_forms(method: str, path: str) -> None:
    filing = make_filing()
    path = path.format(pk=filing.pk)
    if method == "get" and not path.endswith("add/"):
        return
    data = {**FIELDS, "file": upload()} if method == "post" else {}
    anonymous, reader = Client(), Client()
    reader.force_login(make_user())
    response = getattr(anonymous, method)(path, data)
    assert response.status_code == 302
    assert response.url.startswith(reverse("account_login"))
    assert getattr(reader, method)(path, data).status_code == 403
    assert (Filing.objects.count(), FilingVersion.objects.count(), RefreshRun.objects.count()) == (1, 0, 0)


@pytest.mark.parametrize("path", ["/filings/999/add/", "/filings/999/fetch/", "/filings/999/state/"])
def test_a_filing_that_is_not_there_is_not_found(analyst: Client, path: str) -> None:
    assert (analyst.post(path) if path.endswith("fetch/") else analyst.get(path)).status_code == 404


def test_a_form_without_its_token_is_refused_and_brings_nothing_in() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_analyst())
    assert sent(client, file=upload()).status_code == 403
    assert not Filing.objects.exists()


def test_a_form_with_its_token_is_taken() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_analyst())
    page = client.get(ADD).content.decode()
    token = re.search(r'<form class="fields".*?name="csrfmiddlewaretoken" value="([^"]+)"', page, re.DOTALL)
    assert token
    assert sent(client, file=upload(), csrfmiddlewaretoken=token[1]).status_code == 302


# --- A file -----------------------------------------------------------------------------------------


def test_an_upload_is_a_filing_with_a_version_whose_text_is_asked_for(analyst: Client) -> None:
    company, earlier = make_company(), make_filing()
    response = sent(
        analyst, file=upload(name="年报_2025.pdf"), company=company.pk, published_on="2026-03-31",
        corrects=f"http://testserver/filings/{earlier.pk}/?page=3#passage", publisher=" Exchange ",
    )  # fmt: skip
    filing = Filing.objects.get(company=company)
    assert response.url == f"/filings/{filing.pk}/"
    assert (filing.title, filing.language, filing.kind, filing.publisher) == (
        "年报 2025", "zh", "annual_report", "Exchange",
    )  # fmt: skip
    assert (str(filing.published_on), filing.published_precision, filing.corrects) == ("2026-03-31", "day", earlier)
    assert filing.added_by is not None
    version = filing.versions.get()
    assert (version.file_name, version.status, version.path.read_bytes()) == ("年报_2025.pdf", "waiting", PDF)
    outcome = RefreshOutcome.objects.get()
    assert (outcome.filing, outcome.provider, outcome.reason) == (filing, "upload", "file_is_here")


def test_a_filing_without_a_date_has_no_precision_either(analyst: Client) -> None:
    sent(analyst, file=upload())
    filing = Filing.objects.get()
    assert (filing.published_on, filing.published_precision, filing.title) == (None, "", "report")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "The file is empty."),
        (b"PK\x03\x04 a spreadsheet", "The file is neither a PDF nor a web page."),
        (b"\x89PNG\r\n a picture named report.pdf", "The file is neither a PDF nor a web page."),
    ],
)
def test_what_is_no_document_is_refused_and_the_form_stays_filled(
    analyst: Client, content: bytes, told: str, documents: Path
) -> None:
    response = sent(analyst, title="What I typed", publisher="Somebody", file=upload(content))
    assert response.status_code == 400
    assert told in words(response)
    assert 'value="What I typed"' in response.content.decode()
    assert 'value="Somebody"' in response.content.decode()
    assert not Filing.objects.exists()
    assert [path for path in documents.rglob("*") if path.is_file()] == []


class Growing(io.RawIOBase):
    """The body of a form with a file of so many bytes, made as it is read."""

    def __init__(self, size: int) -> None:
        self.before = b"".join(
            f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in {**FIELDS, "title": "What I typed"}.items()
        )
        self.before += b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n%PDF-'
        self.after = b'\r\n--B\r\nContent-Disposition: form-data; name="publisher"\r\n\r\nSomebody\r\n--B--\r\n'
        self.length = len(self.before) + size + len(self.after)
        self.parts = self._made(size)
        self.rest = b""

    def _made(self, size: int) -> Iterator[bytes]:
        yield self.before
        for start in range(0, size, 65536):
            yield b"\0" * min(65536, size - start)
        yield self.after

    def read(self, size: int = -1) -> bytes:
        while not self.rest:
            part = next(self.parts, None)
            if part is None:
                return b""
            self.rest = part
        taken, self.rest = self.rest[:size], self.rest[size:]
        return taken


@pytest.mark.parametrize("megabytes", [3, 300])
def test_a_file_that_is_too_large_is_neither_kept_nor_a_reason_to_lose_what_was_typed(
    analyst: Client, settings: Settings, megabytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DOCUMENT_MAX_MB = 2
    written: list[int] = []
    write = TemporaryFileUploadHandler.receive_data_chunk

    def counted(self: Any, data: bytes, start: int) -> None:
        written.append(len(data))
        write(self, data, start)

    monkeypatch.setattr(TemporaryFileUploadHandler, "receive_data_chunk", counted)
    body = Growing(megabytes * 1024 * 1024)
    request: Any = {
        "wsgi.input": body,
        "CONTENT_LENGTH": str(body.length),
        "CONTENT_TYPE": "multipart/form-data; boundary=B",
    }
    response = analyst.generic("POST", ADD, b"", **request)
    assert response.status_code == 413
    assert "The file is larger than documents may be here" in words(response)
    assert 'value="What I typed"' in response.content.decode()
    assert 'value="Somebody"' in response.content.decode()
    assert sum(written) <= 2 * 1024 * 1024
    assert not Filing.objects.exists()


def test_a_full_disk_is_told(analyst: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Any, data: bytes, start: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(TemporaryFileUploadHandler, "receive_data_chunk", fails)
    response = sent(analyst, file=upload())
    assert response.status_code == 400
    assert "There is no room left" in words(response)
    assert not Filing.objects.exists()


def test_a_file_that_is_here_already_is_named_and_nothing_is_made(analyst: Client) -> None:
    known = make_filing(title="Known report")
    store_version(known, PDF)
    response = sent(analyst, file=upload())
    assert response.status_code == 400
    assert "This document is here already: Known report" in words(response)
    assert f'href="/filings/{known.pk}/"' in response.content.decode()
    assert Filing.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "Choose a file or give an address."),
        ({"file": "yes", "address": "https://93.184.216.34/a.pdf"}, "Choose a file or give an address, not both."),
        ({"file": "yes", "company": "999"}, "Select a valid choice"),
        ({"file": "yes", "kind": "poem"}, "Select a valid choice"),
        ({"file": "yes", "tier": ""}, "This field is required."),
        ({"file": "yes", "published_on": "2026-02-30"}, "Enter a valid date."),
        ({"file": "yes", "corrects": "999"}, "There is no such filing here."),
        ({"file": "yes", "corrects": "the one of last week"}, "There is no such filing here."),
        ({"file": "yes", "title": "x" * 401}, "at most 400 characters"),
        ({"address": "file:///etc/passwd"}, "Only addresses that begin with"),
        ({"address": "http://127.0.0.1/a.pdf"}, "network that is not public"),
        ({"address": "http://169.254.169.254/latest/meta-data/"}, "network that is not public"),
        ({"address": "http://user:word@93.184.216.34/"}, "user name or password"),
        ({"address": "https://93.184.216.34:8080/"}, "Only the usual ports"),
        ({"address": "report.pdf"}, "This is no web address."),
        ({"address": "https://93.184.216.34/" + "x" * 1000}, "at most 1000 characters"),
    ],
)
def test_what_cannot_be_taken_is_told_and_nothing_is_made(analyst: Client, fields: dict[str, str], told: str) -> None:
    more: dict[str, Any] = {**fields, "file": upload()} if "file" in fields else dict(fields)
    response = sent(analyst, **more)
    assert response.status_code == 400
    assert told in words(response)
    assert not Filing.objects.exists()
    assert not RefreshRun.objects.exists()


# --- An address -------------------------------------------------------------------------------------


def test_the_address_of_a_mirror_in_our_own_network_is_not_taken(analyst: Client, settings: Settings) -> None:
    settings.SOURCE_URLS = {**settings.SOURCE_URLS, "hkex": "http://127.0.0.1"}
    response = sent(analyst, address="http://127.0.0.1/metrics")
    assert response.status_code == 400
    assert "network that is not public" in words(response)


def test_a_title_from_an_address_has_only_characters_that_can_be_stored(analyst: Client) -> None:
    sent(analyst, address="https://93.184.216.34/annual%00%1b%0areport%E2%80%AE.pdf")
    assert Filing.objects.get().title == "annual report"


def test_an_address_is_a_filing_whose_document_is_asked_for(analyst: Client) -> None:
    response = sent(analyst, address=" HTTPS://Exchange.example/2026/Annual%20Report.pdf ")
    filing = Filing.objects.get()
    assert response.url == f"/filings/{filing.pk}/"
    assert filing.url == "https://exchange.example/2026/Annual%20Report.pdf"
    assert (filing.title, filing.language) == ("Annual Report", "en")
    outcome = RefreshOutcome.objects.get()
    assert (outcome.filing, outcome.provider, outcome.reason) == (filing, "exchange.example", "")


def test_an_address_that_is_here_already_is_named(analyst: Client) -> None:
    known = make_filing(title="Known report", url="https://exchange.example/a.pdf")
    response = sent(analyst, address="https://exchange.example/a.pdf")
    assert f'href="/filings/{known.pk}/"' in response.content.decode()
    assert Filing.objects.count() == 1


def test_with_sources_off_an_address_is_refused_with_what_to_do(analyst: Client, settings: Settings) -> None:
    settings.SOURCES_ENABLED = False
    assert "Upload the file." in words(sent(analyst, address="https://exchange.example/a.pdf"))
    assert sent(analyst, file=upload()).status_code == 302


# --- Another version --------------------------------------------------------------------------------


def test_an_upload_becomes_the_next_version_of_its_filing(analyst: Client) -> None:
    filing = make_filing()
    store_version(filing, PDF)
    response = analyst.post(f"/filings/{filing.pk}/add/", {"file": upload(PDF + b"corrected")})
    assert response.headers["Location"] == f"/filings/{filing.pk}/"
    assert list(filing.versions.values_list("number", flat=True)) == [1, 2]
    assert RefreshOutcome.objects.get().filing == filing


def test_the_same_file_once_more_is_told_and_makes_no_version(analyst: Client) -> None:
    filing = make_filing()
    version = store_version(filing, PDF).version
    FilingVersion.objects.filter(pk=version.pk).update(status="no_text")
    response = analyst.post(f"/filings/{filing.pk}/add/", {"file": upload()}, follow=True)
    assert "This filing has the same file already." in words(response)
    assert filing.versions.count() == 1
    assert not RefreshRun.objects.exists()


def test_a_filing_without_an_address_gets_the_one_that_is_given(analyst: Client) -> None:
    filing = make_filing(url="")
    analyst.post(f"/filings/{filing.pk}/add/", {"address": "https://exchange.example/b.pdf"})
    filing.refresh_from_db()
    assert filing.url == "https://exchange.example/b.pdf"
    assert RefreshOutcome.objects.get().provider == "exchange.example"


def test_the_address_of_a_filing_is_not_replaced(analyst: Client) -> None:
    filing = make_filing()
    response = analyst.post(f"/filings/{filing.pk}/add/", {"address": "https://exchange.example/b.pdf"})
    assert response.status_code == 400
    assert "This filing has an address already." in words(response)
    assert not RefreshRun.objects.exists()


# --- Fetching and reading again ---------------------------------------------------------------------


def test_a_document_is_fetched_when_somebody_asks_and_asked_for_once(analyst: Client) -> None:
    filing = make_filing()
    for _ in range(2):
        response = analyst.post(f"/filings/{filing.pk}/fetch/")
        assert response.headers["Location"] == f"/filings/{filing.pk}/"
    assert RefreshOutcome.objects.get().reason == ""


@pytest.mark.parametrize(
    ("url", "enabled", "told"),
    [
        ("", True, "No address is known"),
        ("http://127.0.0.1/a.pdf", True, "not public"),
        ("https://exchange.example/a.pdf", False, "switched off"),
    ],
)
def test_a_document_that_cannot_be_fetched_is_not_asked_for(
    analyst: Client, settings: Settings, url: str, enabled: bool, told: str
) -> None:
    settings.SOURCES_ENABLED = enabled
    filing = make_filing(url=url)
    assert told in words(analyst.post(f"/filings/{filing.pk}/fetch/", follow=True))
    assert not RefreshRun.objects.exists()


def test_a_text_is_read_again_when_there_is_a_file(analyst: Client) -> None:
    filing = make_filing()
    assert "no file yet" in words(analyst.post(f"/filings/{filing.pk}/read-again/", follow=True))
    make_version(filing)
    analyst.post(f"/filings/{filing.pk}/read-again/")
    assert RefreshOutcome.objects.get().reason == "file_is_here"


# --- The state of a document ------------------------------------------------------------------------


def state(filing: Filing, client: Client | None = None, **query: int) -> Any:
    return (client or Client()).get(f"/filings/{filing.pk}/state/", query)


def test_a_page_that_waits_asks_again_until_there_is_something_to_read() -> None:
    filing = make_filing()
    request_documents([filing], RefreshRun.Trigger.STAFF)
    response = state(filing)
    assert "The document is being fetched." in words(response)
    assert "every 2s" in response.content.decode()
    assert "HX-Refresh" not in response.headers
    version = store_version(filing, PDF).version
    assert state(filing).headers["HX-Refresh"] == "true"  # the page shows no file yet
    assert "HX-Refresh" not in state(filing, version=1).headers
    version.pages.create(number=1, text="Revenue")
    assert state(filing, version=1).headers["HX-Refresh"] == "true"
    assert "HX-Refresh" not in state(filing, version=1, pages=1).headers
    RefreshOutcome.objects.update(result="ok", done_at=version.received_at)
    FilingVersion.objects.update(status="no_text")
    over = state(filing, version=1, pages=1)
    assert "HX-Refresh" not in over.headers  # whoever reads the first page is not interrupted
    assert "every 2s" not in over.content.decode()
    assert "Show the document as it is now" in words(over)


def test_buttons_are_shown_to_who_may_press_them(analyst: Client) -> None:
    filing = make_filing()
    assert "Fetch the document" in words(state(filing, analyst))
    assert "Fetch the document" not in words(state(filing))


def test_the_state_of_a_document_takes_the_same_few_queries_however_often_it_was_asked_for() -> None:
    filing = make_filing()
    version = store_version(filing, PDF).version

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            state(filing, version=1)
        return len(captured)

    before = queries()
    for _ in range(3):
        run = request_documents([filing], RefreshRun.Trigger.STAFF)
        RefreshOutcome.objects.filter(run=run).update(result="retry", done_at=version.received_at)
    assert queries() <= before
