"""What an attacker tries against every address. Guessed passwords, stolen sessions and devices: tests/accounts."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as project
from django.core import mail
from django.db import DatabaseError, models, transaction
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path, reverse
from pytest_django import DjangoDbBlocker, Settings

from companies.models import Company, FilingPage, User
from config.headers import PERMISSIONS_POLICY
from config.urls import urlpatterns as pages
from tests.factories import PASSWORD, make_user
from tests.routes import Route, routes
from tests.worlds import make_people, make_world, rows_of_admin

pytestmark = pytest.mark.django_db

MARK = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
# These hold what our own parser has let through, and are put on the page as they are: tests/filings/test_html.py.
ALREADY_CLEAN = {(FilingPage, "html")}
# By these pages find their rows; forms take nothing else than what they stand for.
CODES = frozenset(
    {
        "mic", "currency", "password", "period", "sha256", "media_type", "pair", "encoding", "founded",
        "fiscal_year_end",
    }
)  # fmt: skip
FORMULAS = ("=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1+1", "\r=1+1", " =1+1", "＝1+1")
Rows = dict[str, Any]


class World:
    """A row of everything, and a client of each of PEOPLE."""

    def __init__(self) -> None:
        self.people: dict[str, User | None] = make_people()
        author = self.people["analyst"]
        assert author is not None
        self.rows = make_world(author)

    def client(self, person: str, **how: Any) -> Client:
        """A browser in which somebody is signed in."""
        client = Client(**how)
        if (user := self.people[person]) is not None:
            client.force_login(user)
        return client

    def path(self, route: Route) -> str:
        """The address of a row that is there."""
        return route.path({**self.rows, **rows_of_admin(route)})


@pytest.fixture(scope="module")
def kept_world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    """The world, made once for this module and rolled back after it."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield World()
        transaction.set_rollback(True)


@pytest.fixture
def world(kept_world: World, db: None) -> World:
    """The world as it was made: what a test does to it is undone."""
    return kept_world


def answers(world: World, person: str) -> Iterator[tuple[Route, Any]]:
    """What somebody gets from every address. Whatever opening it changes is undone."""
    client = world.client(person)
    cookies = dict(client.cookies)
    for route in routes():
        with transaction.atomic():
            yield route, client.get(world.path(route))
            transaction.set_rollback(True)
        client.cookies.clear()
        client.cookies.update(cookies)


def text_of(response: Any) -> str:
    return b"".join(response.streaming_content if response.streaming else [response.content]).decode(errors="replace")


# --- Forms of other sites -----------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true", "HX-Request-Type": "partial"}], ids=["form", "htmx"])
def test_no_address_takes_a_form_without_a_token(world: World, headers: dict[str, str]) -> None:
    client = world.client("superuser", enforce_csrf_checks=True)
    codes = {route.name: client.post(world.path(route), {"x": "1"}, headers=headers).status_code for route in routes()}
    assert {name: code for name, code in codes.items() if code != 403} == {}


def test_a_token_of_another_reader_does_not_count(world: World) -> None:
    own, other = (world.client(person, enforce_csrf_checks=True) for person in ("superuser", "analyst"))
    own.get(reverse("account_logout"))
    other.get(reverse("account_logout"))
    data = {"csrfmiddlewaretoken": other.cookies[project.CSRF_COOKIE_NAME].value}
    assert own.post(reverse("valuations:refresh_now"), data).status_code == 403


@pytest.mark.parametrize("how", [{"X-HTTP-Method-Override": "POST"}, {"X-Method-Override": "DELETE"}])
def test_a_link_that_names_another_method_stays_a_link(world: World, how: dict[str, str]) -> None:
    client = world.client("superuser")
    for name in ("valuations:refresh_now", "notes:delete", "valuations:refresh_cancel"):
        route = next(route for route in routes() if route.name == name)
        assert client.get(world.path(route), {"_method": "POST"}, headers=how).status_code == 405


# --- Scripts in what people type ------------------------------------------------------------------------


def text_fields(model: type[models.Model]) -> Iterator[models.Field[Any, Any]]:
    """The fields of a model that take words."""
    for field in model._meta.fields:
        is_free = isinstance(field, models.CharField | models.TextField) and not isinstance(field, models.SlugField)
        if is_free and not field.choices and field.name not in CODES and (model, field.name) not in ALREADY_CLEAN:
            yield field


def make_hostile(text: str) -> None:
    """Put a text into every field of every row that takes it; the database's own rules refuse some."""
    written = set()
    ours = [model for name in ("companies", "valuations") for model in apps.get_app_config(name).get_models()]
    for model in ours:
        for field in text_fields(model):
            for pk in model._default_manager.values_list("pk", flat=True):
                with suppress(DatabaseError), transaction.atomic():
                    model._default_manager.filter(pk=pk).update(**{field.name: text[: field.max_length]})
                    written.add(f"{model._meta.label}.{field.name}")
    Company.objects.update(aliases=[text])
    assert {"companies.Company.name_en", "companies.Annotation.body", "companies.AnnotationTag.name"} <= written


@pytest.mark.parametrize("person", ["anonymous", "superuser"])
def test_no_text_of_anybody_becomes_part_of_a_page(world: World, person: str) -> None:
    make_hostile(MARK)
    broken, seen = [], 0
    for route, response in answers(world, person):
        html = text_of(response)
        seen += "&lt;script&gt;alert(1)" in html
        if response.get("Content-Type", "").startswith("text/html") and re.search(r"<script>alert|<img src=x", html):
            broken.append(route.name)
        assert response.status_code < 500, route.name
    assert broken == []
    assert seen >= 5


def test_no_address_that_anybody_typed_runs_a_script(world: World) -> None:
    make_hostile("javascript:alert(1)")
    for route, response in answers(world, "superuser"):
        assert not re.search(r"""(?:href|src|action)=["']?\s*javascript:""", text_of(response)), route.name


# --- Formulas in tables ---------------------------------------------------------------------------------

CSV_PAGES = ("valuations:sector_csv", "valuations:compare_csv", "filings:list_csv", "notes:export")
NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")


@pytest.mark.parametrize("name", CSV_PAGES)
@pytest.mark.parametrize("formula", FORMULAS)
def test_no_text_becomes_a_formula_in_a_table(world: World, name: str, formula: str) -> None:
    make_hostile(formula)
    route = next(route for route in routes() if route.name == name)
    lines = list(
        csv.reader(
            io.StringIO(text_of(world.client("superuser").get(world.path(route), {"c": "acme"})).lstrip("\ufeff"))
        )
    )
    cells = [cell for line in lines for cell in line]
    assert len(lines) > 1
    assert any(cell.startswith("'") for cell in cells)
    risky = [cell for cell in cells if cell.strip()[:1] in tuple("=+-@＝") or cell[:1] in ("\t", "\r")]
    assert [cell for cell in risky if not NUMBER.fullmatch(cell)] == []


# --- Headers of every answer ------------------------------------------------------------------------------


def policy_of(response: Any) -> dict[str, str]:
    """The parts of the content security policy, by their names."""
    parts = [part.strip().partition(" ") for part in response["Content-Security-Policy"].split(";")]
    return {name: value for name, _, value in parts}


def assert_is_guarded(response: Any, where: str) -> None:
    """The answer forbids what pages of ours never do."""
    policy = policy_of(response)
    assert policy["default-src"] == "'none'", where
    assert "'unsafe-" not in response["Content-Security-Policy"], where
    assert policy.get("frame-ancestors") == "'none'" or "sandbox" in policy, where
    assert not re.search(r"\*|https?:", " ".join(policy.get(f"{kind}-src", "") for kind in ("script", "style"))), where
    assert response["X-Frame-Options"] == "DENY", where
    assert response["X-Content-Type-Options"] == "nosniff", where
    assert response["Referrer-Policy"] == "same-origin", where
    assert response["Cross-Origin-Opener-Policy"] == "same-origin", where
    assert response["Cross-Origin-Resource-Policy"] == "same-origin", where
    assert response["Permissions-Policy"] == PERMISSIONS_POLICY, where


INLINE = re.compile(r"""<script(?![^>]*\b(?:src=|type="application/json"))|<style|<[^>]+\s(?:on[a-z]+|style)=["']""")


@pytest.mark.parametrize("person", ["anonymous", "superuser"])
def test_every_page_is_guarded_and_has_nothing_inline(world: World, person: str) -> None:
    for route, response in answers(world, person):
        assert_is_guarded(response, route.name)
        if response.get("Content-Type", "").startswith("text/html") and response.status_code == 200:
            assert INLINE.findall(text_of(response)) == [], route.name


def test_no_shared_cache_keeps_what_somebody_sees_who_signed_in(world: World) -> None:
    for route, response in answers(world, "superuser"):
        if response.status_code == 200:
            kept = response.get("Cache-Control", "")
            assert "public" not in kept, route.name
            assert "private" in kept or "no-store" in kept, route.name


def breaks(request: HttpRequest) -> HttpResponse:
    """A page with an error of ours."""
    raise RuntimeError("broken")


class BrokenPages:
    """The addresses of the project, and one that fails."""

    urlpatterns = [*pages, path("broken/", breaks)]


@pytest.mark.parametrize(("ask", "code"), [
    ({"path": "/nowhere/"}, 404),
    ({"path": "/broken/"}, 500),
    ({"path": "/", "headers": {"host": "evil.example"}}, 400),
    ({"path": "/?page=%00"}, 400),
    ({"path": "/admin/nowhere/"}, 302),
    ({"path": "/static/nothing.css"}, 404),
    ({"path": "/favicon.ico"}, 301),
])  # fmt: skip
def test_errors_are_guarded_like_pages(client: Client, settings: Settings, ask: dict[str, Any], code: int) -> None:
    settings.ROOT_URLCONF = BrokenPages
    client.raise_request_exception = False
    response = client.get(**ask)
    assert response.status_code == code
    assert_is_guarded(response, ask["path"])
    assert INLINE.findall(response.content.decode()) == []


def test_a_refused_form_is_guarded_like_a_page(world: World) -> None:
    response = world.client("superuser", enforce_csrf_checks=True).post(reverse("valuations:refresh_now"))
    assert response.status_code == 403
    assert_is_guarded(response, "a form without a token")


# --- Hosts and addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "testserver@evil.example", "testserver:80/evil", "a b", "", "[::1"])
def test_a_host_that_is_not_ours_is_refused(client: Client, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 400


HEADERS = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Server": "evil.example", "Forwarded": "host=evil.example"}
HEADERS |= {"X-Original-URL": "/admin/", "X-Rewrite-URL": "/admin/", "X-Host": "evil.example"}


def test_a_mail_leads_to_the_host_that_was_asked_whatever_else_the_request_says(client: Client) -> None:
    make_user("ada", email="ada@example.org")
    client.post(reverse("account_reset_password"), {"email": "ada@example.org"}, headers=HEADERS)
    (letter,) = mail.outbox
    assert "http://testserver/accounts/" in letter.body
    assert "evil" not in f"{letter.body}{letter.subject}"


@pytest.mark.parametrize("where", [
    "//evil.example", "https://evil.example", "http:evil.example", "\\\\evil.example", "/\\evil.example",
    "javascript:alert(1)", "data:text/html,x", "\t//evil.example", "https:evil.example", "///evil.example",
    "http://testserver@evil.example", "/%0d%0aLocation:%20//evil.example", "/\r\nSet-Cookie: a=b",
])  # fmt: skip
def test_no_address_of_ours_leads_to_another_site(client: Client, where: str) -> None:
    user = make_user("ada", email="ada@example.org")
    answers = [client.post(reverse("set_language"), {"language": "en", "next": where})]
    answers.append(client.post(reverse("account_login"), {"login": "ada", "password": PASSWORD, "next": where}))
    client.force_login(user)
    answers.append(client.get(reverse("account_login"), {"next": where}))
    answers.append(client.post(reverse("account_logout"), {"next": where}))
    answers.append(client.get("/admin/", {"next": where}))
    answers.append(client.get("/admin/login/", {"next": where}))
    for response in answers:
        to = response.get("Location", "/")
        assert re.match(r"/(?![/\\])|\?", to), (to, where)
        assert "\n" not in to
        assert "Set-Cookie: a=b" not in str(response.headers)


@pytest.mark.parametrize("where", ["//evil.example", "//evil.example/..", "/\\evil.example", "//evil.example/%2e%2e"])
def test_a_missing_slash_leads_to_no_other_site(client: Client, where: str) -> None:
    response = client.get("/", PATH_INFO=where)
    assert response.status_code == 404 or response["Location"].startswith("/%2F")


SECRETS = ("SECRET_KEY", "root:", "[project]", "SQLite format")


@pytest.mark.parametrize("where", [
    "/static/../config/settings.py", "/static/%2e%2e/config/settings.py", "/static/..%2fconfig/settings.py",
    "/static//etc/passwd", "/static/%2fetc/passwd", "/static/....//....//etc/passwd", "/static/..\\..\\pyproject.toml",
    "/.env", "/var/xinpan.sqlite3", "/filings/../../etc/passwd", "/companies/..%2f..%2fetc%2fpasswd/",
])  # fmt: skip
def test_no_address_leads_out_of_what_is_served(client: Client, where: str) -> None:
    response = client.get(where)
    assert response.status_code == 404
    assert not any(secret in text_of(response) for secret in SECRETS)


# --- Settings -------------------------------------------------------------------------------------------------

LONG = "0123456789" * 5
ASKED = (
    "SESSION_COOKIE_NAME", "SESSION_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY", "SESSION_COOKIE_SAMESITE",
    "CSRF_COOKIE_NAME", "CSRF_COOKIE_SECURE", "LANGUAGE_COOKIE_SECURE", "SECURE_HSTS_SECONDS", "SECURE_SSL_REDIRECT",
    "SECRET_KEY", "STAFF_SECOND_FACTOR",
)  # fmt: skip
SHOW = f"import config.settings as s, json; print(json.dumps({{name: getattr(s, name) for name in {ASKED}}}))"


def settings_of(**env: str) -> subprocess.CompletedProcess[str]:
    """What the settings say in a process of their own, with this environment and nothing of the tests'."""
    own = {name: os.environ[name] for name in ("PATH", "DATA_DIR")}
    command = [sys.executable, "-c", SHOW]
    return subprocess.run(command, env=own | env, cwd=project.BASE_DIR, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("key", ["", "short", "x" * 80, "only-for-debug"])
def test_production_does_not_start_with_a_key_that_can_be_guessed(key: str) -> None:
    done = settings_of(DEBUG="false", SECRET_KEY=key)
    assert done.returncode != 0
    assert "Set SECRET_KEY to 50 random characters or more" in done.stderr


def test_a_secret_may_lie_in_a_file(tmp_path: Any) -> None:
    (tmp_path / "key").write_text(f"{LONG}-from-a-file\n")
    done = settings_of(SECRET_KEY_FILE=str(tmp_path / "key"))
    assert json.loads(done.stdout)["SECRET_KEY"] == f"{LONG}-from-a-file"


def test_behind_https_cookies_belong_to_this_host_alone_and_never_travel_in_the_open() -> None:
    said = json.loads(settings_of(SECRET_KEY=LONG, HTTPS="true").stdout)
    del said["SECRET_KEY"]
    assert said == {
        "SESSION_COOKIE_NAME": "__Host-sessionid", "SESSION_COOKIE_SECURE": True, "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax", "CSRF_COOKIE_NAME": "__Host-csrftoken", "CSRF_COOKIE_SECURE": True,
        "LANGUAGE_COOKIE_SECURE": True, "SECURE_HSTS_SECONDS": 3600, "SECURE_SSL_REDIRECT": True,
        "STAFF_SECOND_FACTOR": True,
    }  # fmt: skip


def test_every_package_is_pinned_with_hashes() -> None:
    for name in ("requirements.lock", "requirements-dev.lock", "requirements-node.lock"):
        lines = (project.BASE_DIR / name).read_text().replace("\\\n", "").splitlines()
        packages = [line for line in lines if line and not line.startswith(("#", " "))]
        assert packages
        assert [line for line in packages if "==" not in line or "--hash=sha256:" not in line] == []
