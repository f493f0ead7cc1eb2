"""Which of the browser packages' files are served: what pages load, without source maps and builds for other uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib.staticfiles.finders import FileSystemFinder

# Each file that is left in is copied twice and compressed at every new installation.
LEFT_OUT = ("*.map", "*.wasm", "quickjs*", "pdf.mjs", "pdf.worker.mjs", "pdf.renderer*", "pdf.sandbox*")


class ServedFiles(FileSystemFinder):
    """The files of `STATICFILES_DIRS` that are collected."""

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[Any]:
        """The files with their storages, as Django's finder lists them."""
        return iter(super().list([*(ignore_patterns or ()), *LEFT_OUT]))
