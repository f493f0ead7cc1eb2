"""Keeping the files of filings."""

from __future__ import annotations

import errno
import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from companies.filings import store
from companies.filings.not_fetched import NotFetched
from companies.filings.store import NotADocument, StorageFailed, Stored, file_is_there, media_type_of, store_version
from companies.models import FilingVersion
from tests.factories import make_analyst, make_filing
from tests.valuations.test_refresh import at_once

PDF = b"%PDF-1.7\nthe first file\n%%EOF"
OTHER = b"%PDF-1.7\nanother file\n%%EOF"
PAGE = b"<!DOCTYPE html><html><body>Results</body></html>"


@pytest.fixture(autouse=True)
def documents(settings: Settings, tmp_path: Path) -> Path:
    """A directory of the test's own."""
    settings.DOCUMENT_DIR = tmp_path / "documents"
    return tmp_path / "documents"


def files(documents: Path) -> list[Path]:
    return sorted(path for path in documents.rglob("*") if path.is_file())


class Endless:
    """A file of three hundred megabytes that nobody has."""

    def __init__(self, size: int = 300 * 1024 * 1024) -> None:
        self.left = size
        self.given = 0

    def read(self, size: int, /) -> bytes:
        part = b"%PDF-" + b"\0" * (size - 5) if self.given == 0 else b"\0" * size
        part = part[: self.left]
        self.left -= len(part)
        self.given += len(part)
        return part


# --- What is a document -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (PDF, "application/pdf"),
        (b"\r\n\0\0junk" + PDF, "application/pdf"),
        (b"x" * 1019 + b"%PDF-", "application/pdf"),
        (b"x" * 1020 + b"%PDF-", None),
        (PAGE, "text/html"),
        (b"\xef\xbb\xbf\n  <HTML><body>", "text/html"),
        (b'<?xml version="1.0"?>\n<!-- x -->\n<html xmlns="http://www.w3.org/1999/xhtml">', "text/html"),
        ("\ufeff<html><body>年报".encode("utf-16-le"), "text/html"),
        (b"<!doctype html><p>about %PDF-1.7", "text/html"),
        (b"<DOCUMENT>\n<TYPE>10-K\n<TEXT>\n<html>", "text/html"),
        (b"<?xml version='1.0'?><rss></rss>", None),
        (b"PK\x03\x04 a spreadsheet", None),
        (b"\x89PNG\r\n", None),
        (b"GIF89a<html>", None),
        (b"plain words about <html>", None),
        (b'{"code": 404}', None),
        (b"\0" * 100, None),
        (b"", None),
    ],
)
def test_the_first_bytes_say_what_a_file_is(head: bytes, media_type: str | None) -> None:
    assert media_type_of(head) == media_type


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (io.BytesIO(b""), "empty_file"),
        (b"PK\x03\x04", "not_a_document"),
        (b"MZ\x90 a program named report.pdf", "not_a_document"),
    ],
)
def test_what_is_no_document_leaves_nothing_behind(content: Any, code: str, documents: Path) -> None:
    with pytest.raises(NotADocument) as error:
        store_version(make_filing(), content)
    assert error.value.code == code
    assert str(error.value).endswith(".")
    assert files(documents) == []
    assert not FilingVersion.objects.exists()


@pytest.mark.django_db
def test_a_file_that_is_too_large_is_not_read_to_its_end(settings: Settings, documents: Path) -> None:
    settings.DOCUMENT_MAX_MB = 2
    endless = Endless()
    with pytest.raises(NotADocument) as error:
        store_version(make_filing(), endless)
    assert error.value.code == "file_too_large"
    assert endless.given <= 3 * 1024 * 1024
    assert files(documents) == []


@pytest.mark.django_db
def test_a_file_of_exactly_the_most_bytes_is_kept(settings: Settings) -> None:
    settings.DOCUMENT_MAX_MB = 1
    assert store_version(make_filing(), Endless(1024 * 1024)).version.size == 1024 * 1024


# --- Versions ---------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_file_is_kept_under_the_hash_of_its_bytes_with_what_is_known_of_it(documents: Path) -> None:
    user = make_analyst()
    stored = store_version(
        make_filing(), io.BytesIO(PDF), url="https://a.example/b.pdf", file_name="C:\\papers\\年报.pdf", user=user
    )
    version, sha256 = stored.version, hashlib.sha256(PDF).hexdigest()
    assert stored.created
    assert (version.number, version.sha256, version.size, version.media_type) == (
        1,
        sha256,
        len(PDF),
        "application/pdf",
    )
    assert (version.url, version.file_name, version.received_by) == ("https://a.example/b.pdf", "年报.pdf", user)
    assert version.status == "waiting"
    assert version.path == documents / sha256[:2] / f"{sha256}.pdf"
    assert version.path.read_bytes() == PDF
    assert files(documents) == [version.path]


@pytest.mark.django_db
def test_other_bytes_are_the_next_version_and_known_bytes_the_one_that_has_them() -> None:
    filing = make_filing()
    first, second = store_version(filing, PDF), store_version(filing, OTHER)
    again = store_version(filing, PDF)
    assert (first.version.number, second.version.number) == (1, 2)
    assert (again.version, again.created) == (first.version, False)


@pytest.mark.django_db
def test_the_same_bytes_in_two_filings_are_one_file_and_two_versions(documents: Path) -> None:
    one, two = store_version(make_filing("one"), PDF), store_version(make_filing("two"), PDF)
    assert one.version != two.version
    assert one.version.path == two.version.path
    assert len(files(documents)) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("left", [None, b"cut"])
def test_a_file_that_got_lost_or_was_cut_is_put_back_by_its_bytes(left: bytes | None) -> None:
    filing = make_filing()
    version = store_version(filing, PDF).version
    version.path.unlink()
    if left is not None:
        version.path.write_bytes(left)
    assert not file_is_there(version)
    assert store_version(filing, PDF).created is False
    assert file_is_there(version)
    assert version.path.read_bytes() == PDF


@pytest.mark.django_db(transaction=True)
def test_many_workers_with_the_same_bytes_store_them_once(documents: Path) -> None:
    filing = make_filing()
    results = at_once(lambda: store_version(filing, PDF), times=6)
    stored = [result for result in results if isinstance(result, Stored)]
    assert sorted(one.created for one in stored) == [False] * 5 + [True], results
    assert FilingVersion.objects.count() == 1
    assert len(files(documents)) == 1


@pytest.mark.django_db(transaction=True)
def test_many_workers_with_other_bytes_each_get_a_number_of_their_own() -> None:
    filing = make_filing()
    contents: Iterator[bytes] = iter([PDF + str(n).encode() for n in range(6)])
    results = at_once(lambda: store_version(filing, next(contents)), times=6)
    stored = [result for result in results if isinstance(result, Stored)]
    assert sorted(one.version.number for one in stored) == [1, 2, 3, 4, 5, 6], results


# --- Trouble ----------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("number", "code"), [(errno.ENOSPC, "no_space"), (errno.EDQUOT, "no_space"), (errno.EACCES, "not_writable")]
)
@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_when_the_disk_fails_nothing_half_written_is_left(
    number: int, code: str, where: str, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: Any, **kwargs: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(*{"fsync": (os, "fsync"), "replace": (Path, "replace")}[where], fails)
    with pytest.raises(StorageFailed) as error:
        store_version(make_filing(), PDF)
    assert error.value.code == code
    assert files(documents) == []
    assert not FilingVersion.objects.exists()


@pytest.mark.django_db
def test_a_document_that_breaks_off_on_its_way_leaves_nothing_behind(documents: Path) -> None:
    class Breaking:
        parts = iter([PDF])

        def read(self, size: int, /) -> bytes:
            part = next(self.parts, None)
            if part is None:
                raise NotFetched("cut_short")
            return part

    with pytest.raises(NotFetched):
        store_version(make_filing(), Breaking())
    assert files(documents) == []


def test_what_a_dead_writer_has_left_is_removed_after_a_day(documents: Path) -> None:
    documents.mkdir()
    old, new = documents / "unfinished-old", documents / "unfinished-new"
    for path in (old, new):
        path.write_bytes(PDF)
    os.utime(old, (0, 0))
    store.remove_leftovers()
    assert files(documents) == [new]
