"""Sources of other packages are found by their entry points, and a broken one is said at start-up."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from pytest_django import Settings

from companies.sources.base import Outcome, Reply, SourceError
from tests.plugins.conftest import Install
from valuations.configuration import base_url
from valuations.providers import history_source, plugins, quote_source
from valuations.providers.base import Instrument

ROOT = Path(__file__).resolve().parents[2]
OWN = sorted((ROOT / "plugins").glob("*/pyproject.toml"))
QUOTES, HISTORY = "xinpan.quote_sources", "xinpan.history_sources"
SOURCE = """
class Source:
    slug = "acme"
    site = "acme_site"
    label = "Acme"
    base_url = "https://acme.example"
    mics = frozenset({"XNAS"})
    batch_size = 10
    max_days = 10
    def fetch(self, client, *what): ...
    def parse(self, reply, *what): ...
"""
ENTRY = f"[{QUOTES}]\nacme = acme:Source\n"


def test_a_source_of_another_package_is_found_by_its_name(install: Install) -> None:
    install("acme", SOURCE, f"{ENTRY}[{HISTORY}]\nacme = acme:Source\n")
    assert quote_source("acme").label == history_source("acme").label == "Acme"
    assert quote_source("acme") is quote_source("acme")


def test_a_package_is_not_imported_for_the_names_that_are_built_in(install: Install) -> None:
    install("acme", SOURCE, ENTRY)
    assert quote_source("tencent").label == "Tencent"
    assert plugins.installed(QUOTES) == ["acme"]
    assert "acme" not in sys.modules


@pytest.mark.parametrize("find", [quote_source, history_source])
def test_a_name_that_nobody_brings_is_a_key_error(find: object) -> None:
    with pytest.raises(KeyError, match="acme"):
        find("acme")  # type: ignore[operator]


def test_a_source_is_found_only_in_its_own_group(install: Install) -> None:
    install("acme", SOURCE, ENTRY)
    with pytest.raises(KeyError):
        history_source("acme")


BROKEN = [
    ("import no_such_module\n", "ModuleNotFoundError"),
    ("1 / 0\n", "ZeroDivisionError"),
    ("class Other: pass\n", "AttributeError"),
    ("class Source:\n    def __init__(self, key): ...\n", "TypeError"),
    (SOURCE.replace('slug = "acme"', 'slug = "other"'), "its slug is 'other'"),
    (SOURCE.replace('"https://acme.example"', '"acme.example"'), "base_url is not an address"),
    (SOURCE.replace('site = "acme_site"', 'site = ""'), "site is not a text"),
    (SOURCE.replace("frozenset({", "list({"), "mics is not a frozenset"),
    (SOURCE.replace("batch_size = 10", "batch_size = 0"), "batch_size is not a positive number"),
    (SOURCE.replace("def parse", "def read"), r"it has no parse\(\)"),
]


@pytest.mark.parametrize(("source", "problem"), BROKEN)
def test_a_broken_package_is_named_at_start_up_and_never_asked_afterwards(
    install: Install, settings: Settings, source: str, problem: str
) -> None:
    install("acme", source, ENTRY)
    settings.QUOTE_SOURCES = ["tencent", "acme"]
    with pytest.raises(SystemCheckError, match=rf"(?s)QUOTE_SOURCES: “acme” of acme .*{problem}"):
        call_command("check")
    found = quote_source("acme")
    assert found.mics == frozenset()
    with pytest.raises(SourceError, match=problem):
        found.fetch(None, [])  # type: ignore[arg-type]


def test_two_packages_with_the_same_source_are_both_named(install: Install, settings: Settings) -> None:
    install("acme", SOURCE, ENTRY)
    install("rival", SOURCE, ENTRY.replace("acme:", "rival:"))
    settings.QUOTE_SOURCES = ["acme"]
    with pytest.raises(SystemCheckError, match=r"several packages: .*acme.*rival|several packages: .*rival.*acme"):
        call_command("check")


def test_the_check_passes_with_a_sound_package(install: Install, settings: Settings) -> None:
    install("acme", SOURCE, ENTRY)
    settings.QUOTE_SOURCES = ["acme", "tencent"]
    call_command("check")


def test_a_site_answers_where_settings_environment_or_package_say_in_this_order(
    install: Install, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("acme", SOURCE, ENTRY)
    settings.QUOTE_SOURCES = ["acme"]
    assert base_url("tencent") == settings.SOURCE_URLS["tencent"]
    assert base_url("acme_site") == "https://acme.example"
    monkeypatch.setenv("ACME_SITE_URL", "http://mirror.example")
    assert base_url("acme_site") == "http://mirror.example"
    settings.SOURCE_URLS = {"acme_site": "http://setting.example"}
    assert base_url("acme_site") == "http://setting.example"
    with pytest.raises(KeyError, match="nowhere"):
        base_url("nowhere")


def test_an_address_in_the_environment_must_have_a_scheme(
    install: Install, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("acme", SOURCE, ENTRY)
    settings.QUOTE_SOURCES = ["acme"]
    monkeypatch.setenv("ACME_SITE_URL", "mirror.example")
    with pytest.raises(SystemCheckError, match=r"acme_site is “mirror\.example”"):
        call_command("check")


@pytest.mark.parametrize("pyproject", OWN, ids=lambda path: path.parent.name)
def test_our_own_plugins_give_sound_sources(pyproject: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]["entry-points"]
    assert groups
    for group, entries in groups.items():
        for slug, value in entries.items():
            entry = EntryPoint(slug, value, group)
            with monkeypatch.context() as patch:
                patch.setattr(plugins, "entry_points", lambda *, group, name, entry=entry: [entry])
                assert plugins.load(group, slug).slug == slug  # type: ignore[attr-defined]


def test_the_hint_knows_every_source_of_our_own_plugins() -> None:
    brought: dict[str, str] = {}
    for pyproject in OWN:
        for entries in tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]["entry-points"].values():
            brought |= dict.fromkeys(entries, f"plugins/{pyproject.parent.name}")
    assert brought == plugins.OWN_PLUGINS


def test_our_plugins_import_no_heavy_library_before_they_are_asked() -> None:
    code = "import sys, xinpan_keyed.tushare, xinpan_yfinance, xinpan_akshare\n"
    code += "sys.exit(not {'pandas', 'yfinance', 'akshare', 'requests'}.isdisjoint(sys.modules))"
    paths = ":".join([str(ROOT), *(str(pyproject.parent) for pyproject in OWN)])
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": paths}, check=True)


def test_the_example_of_the_documentation_is_a_working_source(install: Install) -> None:
    text = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
    [module] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    [project] = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    entries = tomllib.loads(project)["project"]["entry-points"][QUOTES]
    lines = "".join(f"{name} = {value}\n" for name, value in entries.items())
    install("xinpan_example", module, f"[{QUOTES}]\n{lines}")
    [slug] = entries
    source = quote_source(slug)
    assert source.label, "a broken source has the slug for a label"
    body = b'[{"symbol": "NVDA", "last": "202.02", "time": "2026-11-20T21:00:02+00:00"}]'
    reply = Reply("https://x", 200, "application/json", body, datetime(2026, 11, 21, tzinfo=UTC))
    known, unknown = source.parse(reply, [Instrument("XNAS", "NVDA", "USD"), Instrument("XNAS", "NONE", "USD")])
    assert known.quote is not None
    assert (known.quote.price, known.quote.day) == (Decimal("202.02"), date(2026, 11, 20))
    assert (unknown.outcome, unknown.quote) == (Outcome.NO_DATA, None)
