"""Fixtures that several folders of tests share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from django.conf import settings as project
from django.core.management import call_command
from django.db import transaction
from django.utils import translation
from pytest_django import DjangoDbBlocker, Settings

if TYPE_CHECKING:  # only once Django is set up
    from tests.worlds import World


@pytest.fixture(autouse=True)
def plain_static_files(settings: Settings) -> None:
    """Static files by their plain names: only the browser tests and `make run` collect and hash them."""
    settings.STORAGES = {
        **project.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture(autouse=True)
def own_language() -> Iterator[None]:
    """Every test begins in the project's own language: a request leaves its thread in the reader's."""
    with translation.override(project.LANGUAGE_CODE):
        yield


@pytest.fixture(autouse=True)
def forget_pages() -> None:
    """Pages are kept by the number of the last change; a test that is rolled back gives the number back too."""
    # Imported here: only once Django is set up.
    from valuations import compare_views, sector, snapshot, views

    pages = (views._sector_content, compare_views._content)
    for kept in (snapshot._snapshots_of, snapshot._reported_on, snapshot._reveals, sector._sector, *pages):
        kept.cache_clear()


@pytest.fixture(scope="module")
def starter(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The project's own starter facts, loaded once for a module of tests and rolled back after it."""
    with django_db_blocker.unblock(), transaction.atomic():
        call_command("load_starter", verbosity=0)
        yield
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def kept_world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    """The world, made once for a module of tests and rolled back after it."""
    from tests.worlds import World

    with django_db_blocker.unblock(), transaction.atomic():
        yield World()
        transaction.set_rollback(True)


@pytest.fixture
def world(kept_world: World, db: None) -> World:
    """Everybody and everything, as it was made: what a test does to it is undone."""
    return kept_world


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """SQLite keeps the test database in a file, so that threads and workers see what the test sees."""
    default = project.DATABASES["default"]
    if default["ENGINE"].endswith("sqlite3"):
        default.setdefault("TEST", {})["NAME"] = str(project.DATA_DIR / "tests-run.sqlite3")
