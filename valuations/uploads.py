"""Taking files from browsers: on disk, not in memory, and never more of one than a document may have."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadhandler import SkipFile, TemporaryFileUploadHandler
from django.http import HttpRequest

from companies.filings.store import StorageFailed, most_bytes


class DocumentUpload(TemporaryFileUploadHandler):
    """Skips a file that is too large, or that does not fit on the disk; the other fields of the form are kept.

    `problem` is the code of why a file was skipped, of `companies.filings.store.WORDS`; "" when none was.
    """

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self.problem = ""
        self._size = 0

    def handle_raw_input(
        self, input_data: Any, META: Any, content_length: int, boundary: str, encoding: str | None = None
    ) -> None:
        """A request that is far too long has a file that is not even begun."""
        self._is_far_too_long = content_length > 2 * most_bytes()

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Begin a file."""
        self._size = 0
        if self._is_far_too_long:
            self.problem = "file_too_large"
            raise SkipFile
        try:
            super().new_file(*args, **kwargs)
        except OSError as error:
            self._failed(error)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Write a part down."""
        self._size += len(raw_data)
        if self._size > most_bytes():
            self.problem = "file_too_large"
            raise SkipFile
        try:
            super().receive_data_chunk(raw_data, start)
        except OSError as error:
            self._failed(error)

    def _failed(self, error: OSError) -> None:
        self.problem = StorageFailed.of(error).code
        raise SkipFile from error
