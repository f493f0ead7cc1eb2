"""The files of filings: checked, hashed and stored under the hash of their bytes, whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from companies.models import Filing, FilingVersion, MediaType, User

_CHUNK = 1024 * 1024
_HEAD = 4096  # bytes in which a web page shows that it is one
_PDF = b"%PDF-"
_PDF_MAY_BEGIN_WITHIN = 1024  # some writers put a few bytes before it; readers allow for that
_UNFINISHED = "unfinished-"
_UNFINISHED_KEPT = 24 * 3600  # seconds; whoever was writing it has died
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

# Why a file is not kept, by the code that the ledger keeps.
WORDS: Mapping[str, str | Promise] = {
    "empty_file": _("The file is empty."),
    "file_too_large": _("The file is larger than documents may be here (DOCUMENT_MAX_MB)."),
    "not_a_document": _("The file is neither a PDF nor a web page."),
    "no_space": _("There is no room left to store the file. Nothing of it was kept."),
    "not_writable": _("The directory of the documents (DOCUMENT_DIR) cannot be written. Nothing was kept."),
}


class NotStored(Exception):
    """A file was not kept, and nothing of it is left; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        return str(WORDS[self.code])


class NotADocument(NotStored):
    """What came is no document that we keep: empty, too large, or neither a PDF nor a web page."""


class StorageFailed(NotStored):
    """The document could not be written down: the fault is ours, not the file's."""

    @classmethod
    def of(cls, error: OSError) -> StorageFailed:
        """What a failure of the file system means here."""
        return cls("no_space" if error.errno in _NO_SPACE else "not_writable")


class Readable(Protocol):
    """A file, an upload or a reply on its way: what gives its bytes one part after the other."""

    def read(self, size: int, /) -> bytes:
        """At most `size` more bytes; none at the end."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The version that holds the bytes; `created` is False when the filing had them already."""

    version: FilingVersion
    created: bool


def store_version(
    filing: Filing,
    content: bytes | Readable,
    *,
    url: str = "",
    file_name: str = "",
    user: User | None = None,
) -> Stored:
    """Keep a file as the newest version of a filing; the bytes of one of its versions give that version.

    Args:
        content: The bytes, or a file that is read from where it stands, never more of it than may be kept.
        url: Where it was fetched; empty for an upload.

    Raises:
        NotADocument: It is empty, too large, or neither a PDF nor a web page.
        StorageFailed: It could not be written.
    """
    received = receive(content)
    try:
        media_type = media_type_of(received.head)
        if media_type is None:
            raise NotADocument("not_a_document")
        version = FilingVersion(
            filing=filing,
            sha256=received.sha256,
            media_type=media_type,
            size=received.size,
            file_name=_plain_name(file_name),
            url=url,
            received_at=timezone.now(),
            received_by=user,
        )
        _place(received, version.path)
        return _known_or_new(version)
    finally:
        received.path.unlink(missing_ok=True)


def most_bytes() -> int:
    """The size of the largest file that is kept."""
    return int(settings.DOCUMENT_MAX_MB) * 1024 * 1024


def file_is_there(version: FilingVersion) -> bool:
    """Whether the file of a version still lies where it was put, as large as it was."""
    try:
        return version.path.stat().st_size == version.size
    except OSError:
        return False


def versions_with(sha256: str) -> list[FilingVersion]:
    """The versions of any filing that hold the same bytes."""
    return list(FilingVersion.objects.filter(sha256=sha256).select_related("filing").order_by("pk"))


def remove_leftovers() -> None:
    """Remove what writers that died half-way have left."""
    with suppress(OSError):
        for path in Path(settings.DOCUMENT_DIR).glob(f"{_UNFINISHED}*"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _UNFINISHED_KEPT:
                    path.unlink()


# --- Bytes ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Received:
    """A file under a passing name, with what its bytes say of it."""

    path: Path
    sha256: str
    size: int
    head: bytes


def receive(content: bytes | Readable) -> Received:
    """Write a file down under a passing name, hashing it on its way. The caller removes it.

    Raises:
        NotADocument: It is empty or too large.
        StorageFailed: It could not be written.
    """
    most, digest, size, head = most_bytes(), hashlib.sha256(), 0, b""
    path: Path | None = None
    try:
        directory = Path(settings.DOCUMENT_DIR)
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=directory, prefix=_UNFINISHED, delete=False) as target:
            path = Path(target.name)
            for chunk in _chunks(content):
                size += len(chunk)
                if size > most:
                    raise NotADocument("file_too_large")
                head = head if len(head) >= _HEAD else (head + chunk)[:_HEAD]
                digest.update(chunk)
                target.write(chunk)
            if not size:
                raise NotADocument("empty_file")
            target.flush()
            os.fchmod(target.fileno(), 0o640)  # the group too: web and worker may run under different users
            os.fsync(target.fileno())
    except BaseException as error:
        if path is not None:
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise StorageFailed.of(error) from error
        raise
    return Received(path, digest.hexdigest(), size, head)


def media_type_of(head: bytes) -> MediaType | None:
    """What a file is by its first bytes, whatever its name says; None when it is no document that we read."""
    if head.startswith(_PDF):
        return MediaType.PDF
    if _looks_like_a_page(head):
        return MediaType.HTML
    return MediaType.PDF if _PDF in head[:_PDF_MAY_BEGIN_WITHIN] else None


def _looks_like_a_page(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.decode("utf-16", errors="replace").encode()
    start = head[:_HEAD].lstrip(b"\xef\xbb\xbf \t\r\n\f").lower()
    return start.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<title")) or (
        start.startswith(b"<") and b"<html" in start
    )


def _chunks(content: bytes | Readable) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    while chunk := content.read(_CHUNK):
        yield chunk


def _place(received: Received, path: Path) -> None:
    """Give a file its lasting name, unless the same bytes lie there already."""
    try:
        if path.exists() and path.stat().st_size == received.size:
            return
        path.parent.mkdir(exist_ok=True)
        received.path.replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        raise StorageFailed.of(error) from error


def _sync_directory(directory: Path) -> None:
    """Make a new name outlast a power cut: the row in the database will."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _plain_name(name: str) -> str:
    """The last part of a file's name, without what no name needs."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in last if letter.isprintable()).strip()[-200:]


# --- Rows -------------------------------------------------------------------------------------------


def _known_or_new(version: FilingVersion) -> Stored:
    """Write a version down under the next number, unless its filing has the bytes."""
    with transaction.atomic():
        # Locked, so that two workers neither take the same number nor both write the same bytes down.
        Filing.objects.select_for_update().filter(pk=version.filing_id).first()
        of_filing = FilingVersion.objects.filter(filing=version.filing_id)
        known = of_filing.filter(sha256=version.sha256).first()
        if known is not None:
            return Stored(known, created=False)
        version.number = (of_filing.aggregate(last=Max("number"))["last"] or 0) + 1
        version.save(force_insert=True)
    return Stored(version, created=True)
