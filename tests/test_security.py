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
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as project
from django.contrib.auth.hashers import make_password
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, models, transaction
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path, reverse
from pytest_django import Settings

from companies.models import Company, FilingPage
from config.headers import PERMISSIONS_POLICY
from config.urls import urlpatterns as pages
from tests.factories import PASSWORD, make_user
from tests.routes import Route, routes
from tests.worlds import World

pytestmark = pytest.mark.django_db

MARK = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
# These hold what our own parser has let through, and are put on the page as they are: tests/filings/test_html.py.
ALREADY_CLEAN = {(FilingPage, "html")}
SCRIPT = "javascript:alert(1)"
RUNS = r"""(?:href|src|action|formaction)=["']?\s*javascript:"""
# By these pages find their rows; forms take nothing else than what they stand for.
CODES = frozenset(
    {
        "mic", "currency", "password", "period", "sha256", "media_type", "pair", "encoding", "founded",
        "fiscal_year_end",
    }
)  # fmt: skip
FORMULAS = ("=1+1", "\t@SUM(1)")  # all the others: tests/companies/test_cells.py


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody got from an address while every text in the database was hostile."""

    route: Route
    response: Any
    text: str

    @property
    def is_page(self) -> bool:
        """Whether browsers take it for markup."""
        return str(self.response.get("Content-Type", "")).startswith(("text/html", "image/svg", "application/xhtml"))


@cache
def answers(world: World, person: str) -> list[Answer]:
    """What somebody gets from every address of a world in which every text is hostile; asked once for all tests."""
    found = []
    with transaction.atomic():
        make_hostile(MARK, address=SCRIPT)
        for route in routes():
            response = world.ask(person, route)
            found.append(Answer(route, response, text_of(response)))
        transaction.set_rollback(True)
    return found


def text_of(response: Any) -> str:
    return b"".join(response.streaming_content if response.streaming else [response.content]).decode(errors="replace")


def route_called(name: str) -> Route:
    return next(route for route in routes() if route.name == name)


# --- Forms of other sites -----------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true", "HX-Request-Type": "partial"}], ids=["form", "htmx"])
def test_no_address_takes_a_form_without_a_token(world: World, headers: dict[str, str]) -> None:
    client = world.client("superuser", enforce_csrf_checks=True)
    asked = [route for route in routes() if not headers or route.model in ("", "companies.figure")]
    codes = {route.name: client.post(world.path(route), {"x": "1"}, headers=headers).status_code for route in asked}
    assert {name: code for name, code in codes.items() if code != 403} == {}


def test_a_form_of_another_site_is_refused_even_with_a_token(world: World) -> None:
    client = world.client("superuser", enforce_csrf_checks=True)
    client.get(reverse("account_logout"), secure=True)
    data = {"csrfmiddlewaretoken": client.cookies[project.CSRF_COOKIE_NAME].value}
    where = reverse("valuations:refresh_now")
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Referer": "https://evil.example/"}, {}):
        assert client.post(where, data, secure=True, headers=headers).status_code == 403, headers
    assert client.post(where, data, secure=True, headers={"Origin": "https://testserver"}).status_code == 302


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
        assert client.get(world.path(route_called(name)), {"_method": "POST"}, headers=how).status_code == 405


# --- Scripts in what people type ------------------------------------------------------------------------


def text_fields(model: type[models.Model]) -> Iterator[models.Field[Any, Any]]:
    """The fields of a model that take words."""
    for field in model._meta.fields:
        is_free = isinstance(field, models.CharField | models.TextField) and not isinstance(field, models.SlugField)
        if is_free and not field.choices and field.name not in CODES and (model, field.name) not in ALREADY_CLEAN:
            yield field


def make_hostile(text: str, address: str = "") -> None:
    """Put a text into every field of every row that takes it, and an address into fields of addresses.

    The database's own rules refuse some.
    """
    written = set()
    ours = [model for name in ("companies", "valuations") for model in apps.get_app_config(name).get_models()]
    for model in ours:
        for field in text_fields(model):
            value = (address if address and isinstance(field, models.URLField) else text)[: field.max_length]
            for pk in model._default_manager.values_list("pk", flat=True):
                with suppress(DatabaseError), transaction.atomic():
                    model._default_manager.filter(pk=pk).update(**{field.name: value})
                    written.add(f"{model._meta.label}.{field.name}")
    Company.objects.update(aliases=[text])
    assert {"companies.Company.name_en", "companies.Annotation.body", "companies.AnnotationTag.name"} <= written


@pytest.mark.parametrize("person", ["anonymous", "superuser"])
def test_no_text_of_anybody_becomes_part_of_a_page(world: World, person: str) -> None:
    pages = [one for one in answers(world, person) if one.is_page]
    assert [one.route.name for one in pages if re.search(r"<script>alert|<img src=x", one.text)] == []
    assert [one.route.name for one in pages if re.search(RUNS, one.text)] == []
    assert sum("&lt;script&gt;alert(1)" in one.text for one in pages) >= 5
    assert [one.route.name for one in answers(world, person) if one.response.status_code >= 500] == []


# What addresses of the project read, and what they do not.
ASKED = (
    "q", "page", "sort", "segment", "basis", "prices", "currency", "group", "metric", "as_of", "show", "c", "run",
    "company", "kind", "language", "from", "to", "version", "view", "note", "whose", "filing", "tag", "author", "state",
    "visibility", "result", "corrects", "quote", "amount", "next", "email", "login", "o", "p", "e", "term", "anything",
)  # fmt: skip


@pytest.mark.parametrize("person", ["anonymous", "superuser"])
def test_nothing_in_an_address_becomes_part_of_the_page(world: World, person: str) -> None:
    client = world.client(person)
    asked = {name: [MARK, SCRIPT] for name in ASKED}
    for route in routes():
        if route.model in ("", "companies.figure"):
            path = world.path(route).partition("?")[0]
            for data in (asked, {"q": MARK, "next": SCRIPT}):
                response = client.get(path, data)
                page = text_of(response)
                assert not re.search(rf"<script>alert|<img src=x|{RUNS}", page), path
                assert response.status_code < 500, path


def test_a_file_is_called_what_it_likes_to_no_effect(world: World, settings: Settings) -> None:
    upload = SimpleUploadedFile(f"{MARK}.exe", b"MZ no filing")
    response = world.client("superuser").post(reverse("valuations:filing_add"), {"file": upload, "title": MARK})
    assert response.status_code in (400, 422, 200)
    assert not re.search(r"<script>alert|<img src=x", text_of(response))


def test_no_secret_of_anybody_is_on_a_page(world: World) -> None:
    kept = re.compile(rf"kept-to-itself|pbkdf2_sha256\$1\$salt\$|{re.escape(project.SECRET_KEY)}")
    assert [one.route.name for one in answers(world, "superuser") if kept.search(one.text)] == []


# Where the code says that a text is markup already: each was looked at, and takes texts of people escaped alone.
MARKUP = {
    "companies/annotations/reading.py": 2,  # what our own renderer of notes made: tests/annotations/test_markdown.py
    "companies/filings/reader_views.py": 1,  # what our own parser let through: tests/filings/test_html.py
    "valuations/templatetags/numbers.py": 7,  # numbers, and words that went through `escape`
    "companies/admin/lists.py": 1,  # a fixed attribute
    "valuations/admin/columns.py": 1,  # a fixed attribute
    "valuations/admin/companies.py": 1,  # a fixed attribute
    "templates/account/fields.html": 1,  # what Django and allauth say about passwords, with our own words
}


def test_nothing_else_is_called_markup_that_somebody_typed() -> None:
    found: dict[str, int] = {}
    for folder in ("companies", "valuations", "config", "templates"):
        for file in sorted((project.BASE_DIR / folder).rglob("*")):
            if file.suffix == ".html":
                calls = re.findall(r"\|\s*safe(?:seq)?\b|autoescape\s+off", file.read_text())
            elif file.suffix == ".py":
                calls = re.findall(r"mark_safe\(|SafeString\((?!\"\"\))|__html__|autoescape=False", file.read_text())
            else:
                continue
            if calls:
                found[str(file.relative_to(project.BASE_DIR))] = len(calls)
    assert found == MARKUP


# --- Formulas in tables ---------------------------------------------------------------------------------

TABLES = ("valuations:sector_csv", "valuations:compare_csv", "filings:list_csv", "notes:export")
# These have nothing in them that somebody wrote.
WORDLESS = frozenset({"admin:valuations_reportedquote_export"})
EXPORTS = tuple(route.name for route in routes() if route.page == "export")
NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")


def test_every_address_that_gives_a_table_is_known(world: World) -> None:
    kinds = ("text/csv", "application/vnd", "text/tab")
    tables = [one for one in answers(world, "superuser") if one.response.get("Content-Type", "").startswith(kinds)]
    assert sorted(one.route.name for one in tables) == sorted((*TABLES, *EXPORTS))
    assert len(EXPORTS) >= 13
    for one in tables:
        assert one.response["Content-Disposition"].startswith("attachment; filename="), one.route.name


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_text_becomes_a_formula_in_a_table(world: World, formula: str) -> None:
    make_hostile(formula)
    client = world.client("superuser")
    for name in (*TABLES, *EXPORTS):
        text = text_of(client.get(world.path(route_called(name)), {"c": "acme"} if name in TABLES else {}))
        lines = list(csv.reader(io.StringIO(text.lstrip("\ufeff"))))
        cells = [cell for line in lines for cell in line]
        assert len(lines) > 1, name
        assert any(cell.startswith("'") for cell in cells) or name in WORDLESS, name
        risky = [cell for cell in cells if cell.strip()[:1] in tuple("=+-@＝") or cell[:1] in ("\t", "\r")]
        assert [cell for cell in risky if not NUMBER.fullmatch(cell)] == [], name


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
    assert not [name for name in response.headers if name.startswith("Access-Control-")], where
    assert response["X-Frame-Options"] == "DENY", where
    assert response["X-Content-Type-Options"] == "nosniff", where
    assert response["Referrer-Policy"] == "same-origin", where
    assert response["Cross-Origin-Opener-Policy"] == "same-origin", where
    assert response["Cross-Origin-Resource-Policy"] == "same-origin", where
    assert response["Permissions-Policy"] == PERMISSIONS_POLICY, where


INLINE = re.compile(r"""<script(?![^>]*\b(?:src=|type="application/json"))|<style|<[^>]+\s(?:on[a-z]+|style)=["']""")


@pytest.mark.parametrize("person", ["anonymous", "superuser"])
def test_every_page_is_guarded_and_has_nothing_inline(world: World, person: str) -> None:
    for one in answers(world, person):
        assert_is_guarded(one.response, one.route.name)
        if one.is_page:
            assert INLINE.findall(one.text) == [], one.route.name


def test_what_is_not_a_page_is_called_what_it_is(world: World) -> None:
    for one in answers(world, "superuser"):
        kind = one.response.get("Content-Type", "")
        if one.route.name.endswith(("_json", "page_data", "autocomplete")):
            assert kind.startswith("application/json"), one.route.name
        assert not re.search(r"svg|xml", kind), one.route.name


def test_no_shared_cache_keeps_what_somebody_sees_who_signed_in(world: World) -> None:
    for one in answers(world, "superuser"):
        kept = one.response.get("Cache-Control", "")
        assert "public" not in kept, one.route.name
        assert "private" in kept or "no-store" in kept, one.route.name


def test_what_differs_from_reader_to_reader_is_kept_by_no_shared_cache_for_those_without_an_account(
    world: World,
) -> None:
    for one in answers(world, "anonymous"):
        if one.response.status_code == 200 and "Cookie" in one.response.get("Vary", ""):
            kept = one.response.get("Cache-Control", "")
            assert "private" in kept or "no-store" in kept, one.route.name


def test_other_sites_send_no_cookie_along_and_scripts_read_the_token_of_forms_alone(client: Client) -> None:
    make_user("ada")
    client.get(reverse("account_login"))
    client.post(reverse("account_login"), {"login": "ada", "password": PASSWORD})
    client.post(reverse("set_language"), {"language": "zh-hans", "next": "/"})
    assert {project.SESSION_COOKIE_NAME, project.CSRF_COOKIE_NAME, project.LANGUAGE_COOKIE_NAME} <= set(client.cookies)
    for name, cookie in client.cookies.items():
        # A form that was kept while somebody signed in again gets the new token from its cookie: static/js/drafts.js.
        hidden = name != project.CSRF_COOKIE_NAME
        assert (cookie["samesite"], bool(cookie["httponly"]), cookie["domain"]) == ("Lax", hidden, ""), name


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
    page = response.content.decode()
    assert INLINE.findall(page) == []
    assert "RuntimeError" not in page
    assert "Traceback" not in page


def test_the_headers_are_explained_to_operators(client: Client) -> None:
    told = (project.BASE_DIR / "docs" / "security.md").read_text()
    headers = [name for name in client.get("/companies/").headers if re.search(r"Policy|^X-|^Cache", name)]
    assert len(headers) >= 8
    assert [name for name in headers if f"`{name}`" not in told] == []


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


def test_a_request_does_not_call_itself_safe(client: Client, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 3600
    response = client.get("/companies/", headers={"X-Forwarded-Proto": "https", "X-Forwarded-Ssl": "on"})
    assert (response.status_code, response["Location"]) == (301, "https://testserver/companies/")
    response = client.get("/companies/", secure=True)
    assert response["Strict-Transport-Security"].startswith("max-age=3600")


@pytest.mark.parametrize("where", [
    "//evil.example", "https://evil.example", "http:evil.example", "\\\\evil.example", "/\\evil.example",
    "javascript:alert(1)", "data:text/html,x", "\t//evil.example", "https:evil.example", "///evil.example",
    "http://testserver@evil.example", "/%0d%0aLocation:%20//evil.example", "/\r\nSet-Cookie: a=b",
])  # fmt: skip
def test_no_address_of_ours_leads_to_another_site(client: Client, settings: Settings, where: str) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # takes no time
    user = make_user("ada", email="ada@example.org", password=make_password(PASSWORD))
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
SAID = (
    "SESSION_COOKIE_NAME", "SESSION_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY", "SESSION_COOKIE_SAMESITE",
    "CSRF_COOKIE_NAME", "CSRF_COOKIE_SECURE", "LANGUAGE_COOKIE_SECURE", "SECURE_HSTS_SECONDS", "SECURE_SSL_REDIRECT",
    "SECRET_KEY", "STAFF_SECOND_FACTOR", "DEBUG", "SECURE_PROXY_SSL_HEADER",
)  # fmt: skip
SHOW = f"import config.settings as s, json; print(json.dumps({{name: getattr(s, name, None) for name in {SAID}}}))"


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
        "STAFF_SECOND_FACTOR": True, "DEBUG": False, "SECURE_PROXY_SSL_HEADER": None,
    }  # fmt: skip


def test_django_finds_nothing_to_say_about_an_instance_in_production() -> None:
    env = {name: os.environ[name] for name in ("PATH", "DATA_DIR")}
    env |= {"SECRET_KEY": LONG, "HTTPS": "true", "HSTS_SECONDS": "31536000", "ALLOWED_HOSTS": "xinpan.example"}
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    done = subprocess.run(command, env=env, cwd=project.BASE_DIR, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 silenced" in done.stdout


def test_nothing_is_shown_of_the_code_unless_that_is_asked_for() -> None:
    said = json.loads(settings_of(SECRET_KEY=LONG).stdout)
    assert (said["DEBUG"], said["SECURE_PROXY_SSL_HEADER"]) == (False, None)


def test_every_package_is_pinned_with_hashes() -> None:
    for name in ("requirements.lock", "requirements-dev.lock", "requirements-node.lock"):
        lines = (project.BASE_DIR / name).read_text().replace("\\\n", "").splitlines()
        packages = [line for line in lines if line and not line.startswith(("#", " "))]
        assert packages
        assert [line for line in packages if "==" not in line or "--hash=sha256:" not in line] == []
