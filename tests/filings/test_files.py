"""The stored file of a filing, whole and in part."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from companies.filings.files import Span, asked_range
from companies.models import FilingVersion, MediaType
from tests.factories import make_filing, make_version

CONTENT = bytes(range(256)) * 4


@pytest.fixture
def version(db: None, settings: Settings, tmp_path: Path) -> FilingVersion:
    """A stored PDF of 1,024 bytes."""
    settings.DOCUMENT_DIR = tmp_path
    stored = make_version(sha256=hashlib.sha256(CONTENT).hexdigest(), size=len(CONTENT))
    stored.path.parent.mkdir(parents=True)
    stored.path.write_bytes(CONTENT)
    return stored


def address(version: FilingVersion) -> str:
    return f"/filings/{version.filing_id}/file/"


def body(response: object) -> bytes:
    return b"".join(response.streaming_content)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("header", "status", "content_range", "expected"),
    [
        ("", 200, None, CONTENT),
        ("bytes=0-0", 206, "bytes 0-0/1024", CONTENT[:1]),
        ("bytes=10-19", 206, "bytes 10-19/1024", CONTENT[10:20]),
        ("bytes=1000-", 206, "bytes 1000-1023/1024", CONTENT[1000:]),
        ("bytes=-24", 206, "bytes 1000-1023/1024", CONTENT[-24:]),
        ("bytes=-5000", 206, "bytes 0-1023/1024", CONTENT),
        ("bytes=1000-9999", 206, "bytes 1000-1023/1024", CONTENT[1000:]),
        ("bytes=0-1,5-6", 200, None, CONTENT),  # several ranges: the whole is an honest answer
        ("bytes=20-10", 200, None, CONTENT),  # no range at all, says the standard
        ("bytes=-", 200, None, CONTENT),
        ("pages=1-2", 200, None, CONTENT),
        ("bytes=" + "9" * 30 + "-", 200, None, CONTENT),
    ],
)
def test_a_range_gives_those_bytes_and_says_which_they_are(
    client: Client, version: FilingVersion, header: str, status: int, content_range: str | None, expected: bytes
) -> None:
    response = client.get(address(version), headers={"Range": header} if header else {})
    assert response.status_code == status
    assert response.get("Content-Range") == content_range
    assert response["Content-Length"] == str(len(expected))
    assert response["Accept-Ranges"] == "bytes"
    assert body(response) == expected


@pytest.mark.parametrize("header", ["bytes=1024-", "bytes=5000-6000", "bytes=-0"])
def test_a_range_beyond_the_end_is_refused_with_the_size(client: Client, version: FilingVersion, header: str) -> None:
    response = client.get(address(version), headers={"Range": header})
    assert response.status_code == 416
    assert response["Content-Range"] == "bytes */1024"


@pytest.mark.parametrize(
    ("condition", "status"), [("same", 206), ('"other"', 200), ("Mon, 02 Mar 2026 04:00:00 GMT", 200)]
)
def test_a_range_counts_only_for_the_file_it_was_asked_of(
    client: Client, version: FilingVersion, condition: str, status: int
) -> None:
    tag = f'"{version.sha256}"' if condition == "same" else condition
    response = client.get(address(version), headers={"Range": "bytes=0-9", "If-Range": tag})
    assert response.status_code == status


def test_a_file_that_the_browser_has_is_not_sent_again(client: Client, version: FilingVersion) -> None:
    response = client.get(address(version), headers={"If-None-Match": f'"{version.sha256}"'})
    assert response.status_code == 304
    # Browsers keep the headers of this answer for the file that they have.
    assert response["Content-Security-Policy"] == client.get(address(version))["Content-Security-Policy"]


def test_head_tells_the_size_and_sends_nothing(client: Client, version: FilingVersion) -> None:
    response = client.head(address(version))
    assert response.status_code == 200
    assert response["Content-Length"] == "1024"
    assert response.content == b""


def test_a_pdf_is_shown_in_the_browser_and_may_load_nothing(client: Client, version: FilingVersion) -> None:
    response = client.get(address(version))
    assert response["Content-Type"] == "application/pdf"
    assert response["Content-Disposition"] == 'inline; filename="annual-report-1.pdf"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in response["Content-Security-Policy"]


def test_a_web_page_is_downloaded_and_never_shown(client: Client, version: FilingVersion) -> None:
    page = make_version(version.filing, media_type=MediaType.HTML, sha256="a" * 64)
    page.path.parent.mkdir(parents=True)
    page.path.write_bytes(b"<script>alert(1)</script>")
    response = client.get(address(version))
    assert response["Content-Disposition"].startswith("attachment;")
    assert response["Content-Security-Policy"] == "sandbox; default-src 'none'"


def test_the_newest_version_is_asked_for_anew_and_a_numbered_one_is_kept(
    client: Client, version: FilingVersion
) -> None:
    assert "no-cache" in client.get(address(version))["Cache-Control"]
    assert "immutable" in client.get(f"{address(version)}?version=1")["Cache-Control"]


def test_a_file_that_is_gone_says_so(client: Client, version: FilingVersion) -> None:
    version.path.unlink()
    response = client.get(address(version))
    assert response.status_code == 404
    assert "The file is missing" in response.content.decode()


@pytest.mark.parametrize("path", ["/filings/{}/file/?version=7", "/filings/999999/file/"])
def test_versions_and_filings_that_do_not_exist_are_not_found(
    client: Client, version: FilingVersion, path: str
) -> None:
    assert client.get(path.format(version.filing_id)).status_code == 404


def test_a_filing_without_a_document_has_no_file(client: Client, db: None) -> None:
    assert client.get(f"/filings/{make_filing().pk}/file/").status_code == 404


def test_a_private_instance_gives_files_to_people_who_signed_in(
    client: Client, version: FilingVersion, settings: Settings
) -> None:
    settings.REQUIRE_LOGIN = True
    assert client.get(address(version)).status_code == 302


def test_the_last_bytes_are_counted_from_the_end() -> None:
    assert asked_range("bytes=-3", 10) == Span(7, 10)
