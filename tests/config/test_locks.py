"""The lock files install the same everywhere, from whatever mirror a machine uses."""

import json
import re

import pytest

from config.launch import ROOT

PIN = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>\S+) \\$", re.MULTILINE)


def pins(lock: str) -> dict[str, str]:
    """Version by package."""
    return {match["name"]: match["version"] for match in PIN.finditer((ROOT / lock).read_text())}


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock", "requirements-node.lock"])
def test_every_python_package_is_pinned_by_hash_and_no_index_is_named(lock: str) -> None:
    text = (ROOT / lock).read_text()
    entries = re.split(r"\n(?=[a-z])", text.split("\n", 2)[2])
    assert all(PIN.match(entry) and "--hash=sha256:" in entry for entry in entries)
    assert "://" not in text
    assert "--index" not in text


def test_tests_run_on_the_versions_that_are_deployed() -> None:
    development = pins("requirements-dev.lock")
    assert {name: development.get(name) for name in pins("requirements.lock")} == pins("requirements.lock")


def test_every_browser_package_is_pinned_by_hash_and_no_registry_is_named() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    installed = [entry for path, entry in packages.items() if path]
    assert installed
    assert all("integrity" in entry and "resolved" not in entry for entry in installed)
