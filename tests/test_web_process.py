"""What a web process does not do: load what only workers need, and ask a source for anything."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import NoReturn

import pytest
from django.conf import settings as project
from django.test import Client
from pytest_django import Settings

from companies.models import Listing
from tests.factories import make_staff
from valuations.ledger import request_run
from valuations.models import RefreshRun

HEAVY = {"httpx", "redis", "celery", "kombu", "plotly", "pandas", "numpy", "pypinyin", "yfinance", "akshare"}


def test_pages_do_not_load_what_only_workers_need() -> None:
    look = (
        "import sys, django; django.setup(); "
        "from django.urls import get_resolver; get_resolver().url_patterns; "
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    env = {"DJANGO_SETTINGS_MODULE": "config.settings", "SECRET_KEY": "a-key-for-this-test-" + "0123456789" * 5}
    answer = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True, cwd=project.BASE_DIR, env=env
    )
    assert answer.stdout.strip() == "[]"


@pytest.mark.django_db
@pytest.mark.usefixtures("starter")
@pytest.mark.parametrize("who", ["anyone", "staff"])
def test_pages_open_no_connection(monkeypatch: pytest.MonkeyPatch, settings: Settings, who: str) -> None:
    client = Client()
    if who == "staff":
        client.force_login(make_staff())
    settings.SOURCES_ENABLED = True
    listing = Listing.objects.select_related("company").get(ticker="688256")
    run = request_run(RefreshRun.Kind.QUOTES, RefreshRun.Trigger.STAFF, listings=[listing])

    def refuse(*arguments: object) -> NoReturn:
        raise AssertionError(f"a page opens a connection: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    slug = listing.company.slug
    pages = [
        "/", "/sector.json", "/sector.csv", "/companies/", f"/companies/{slug}/", f"/companies/{slug}/price/source/",
        f"/listings/{listing.pk}/prices/", f"/compare/?c={slug}&c=nvidia", f"/compare.json?c={slug}", "/refreshes/",
        f"/refreshes/{run.pk}/",
    ]  # fmt: skip
    for page in pages:
        assert client.get(page).status_code == 200, page
