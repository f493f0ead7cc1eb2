"""Fixtures for tests about plug-ins: packages that are installed for one test."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from valuations.providers import plugins

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a package as pip would leave it: a module, and its metadata with entry points."""
    monkeypatch.syspath_prepend(tmp_path)
    modules = set(sys.modules)

    def put(name: str, source: str, entry_points: str) -> None:
        """`entry_points` as in entry_points.txt, with groups in brackets."""
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
        metadata = tmp_path / f"{name}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
        (metadata / "entry_points.txt").write_text(entry_points, encoding="utf-8")
        importlib.invalidate_caches()
        plugins._usable.cache_clear()

    yield put
    plugins._usable.cache_clear()
    for module in set(sys.modules) - modules:
        if Path(getattr(sys.modules[module], "__file__", None) or "/").is_relative_to(tmp_path):
            del sys.modules[module]
