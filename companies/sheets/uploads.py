"""Taking a table from a browser: in memory, and never more of it than a table may have."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadhandler import MemoryFileUploadHandler, SkipFile

from companies.sheets.reading import MOST_BYTES


class SheetUpload(MemoryFileUploadHandler):
    """Skips a file that is too large; the other fields of the form are kept."""

    is_too_large = False

    def handle_raw_input(self, *args: Any, **kwargs: Any) -> None:
        """Take every file: what is too large is noticed while it comes in."""
        self.activated = True

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Take a part."""
        if start + len(raw_data) > MOST_BYTES:
            self.is_too_large = True
            raise SkipFile
        super().receive_data_chunk(raw_data, start)
