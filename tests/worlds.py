"""Everybody and everything at once, for tests that go through all pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.test import Client
from django.utils import timezone

from companies.history import versions_of
from companies.models import (
    AnnotationMention,
    AnnotationTag,
    Company,
    Revision,
    SheetImport,
    StarterRecord,
    User,
    Visibility,
)
from companies.roles import ADMIN
from tests.factories import (
    DAY,
    NOON,
    make_action,
    make_analyst,
    make_anchor,
    make_company,
    make_coverage,
    make_editor,
    make_exchange_day,
    make_exchange_year,
    make_figure,
    make_filing,
    make_group,
    make_health,
    make_held,
    make_invitation,
    make_known_device,
    make_listing,
    make_milestone,
    make_note,
    make_outcome,
    make_quote,
    make_rate,
    make_reported_quote,
    make_round,
    make_run,
    make_share_count,
    make_sheet_import,
    make_staff,
    make_user,
    make_version,
    make_warning,
)
from tests.routes import Route

# From nothing to everything. An account that was closed is as good as none.
PEOPLE = ("anonymous", "inactive", "reader", "analyst", "editor", "admin", "superuser")


# What an address has to be told beside its path.
QUERIES = {
    "figures:record": "?filing={pk}&version=1&page=1&from=0&to=7",
    "admin:autocomplete": "?app_label=companies&model_name=figure&field_name=company&term=acme",
}


class World:
    """A row of everything, and a client of each of PEOPLE."""

    def __init__(self) -> None:
        self.people: dict[str, User | None] = make_people()
        author = self.people["analyst"]
        assert author is not None
        self.rows = make_world(author)
        # Signed in now: what is written while a test runs is undone after it, sessions included.
        self.clients = {person: self.client(person) for person in PEOPLE}

    def client(self, person: str, **how: Any) -> Client:
        """A browser in which somebody is signed in."""
        client = Client(**how)
        if (user := self.people[person]) is not None:
            client.force_login(user)
        return client

    def path(self, route: Route) -> str:
        """The address of a row that is there."""
        query = QUERIES.get(route.name, "").format(**self.rows)
        return route.path({**rows_of_admin(route), **self.rows}) + query

    def ask(self, person: str, route: Route, method: str = "GET", **how: Any) -> Any:
        """What somebody gets from an address. Whatever asking changes is undone."""
        client = self.clients[person]
        client.raise_request_exception = False
        cookies = dict(client.cookies)
        path = self.path(route)
        with transaction.atomic():
            if method == "POST":
                # What an address is told goes with the form.
                response: Any = client.post(path, {"x": "1", **parse_qs(urlsplit(path).query)}, **how)
            else:
                response = client.generic(method, path, **how)
            transaction.set_rollback(True)
        client.cookies.clear()
        client.cookies.update(cookies)
        return response


def make_rows(n: int) -> None:
    """One row of each model, all of company number `n`."""
    company = make_company(f"acme-{n}")
    listing = make_listing(company, ticker=f"68800{n}")
    source = make_filing(f"report-{n}", company=company)
    day = DAY + timedelta(days=n)
    make_share_count(company, source=source)
    make_action(company, source=source)
    make_round(company, source=source)
    make_milestone(company, source=source)
    make_figure(company, listing=listing, source=source)
    make_quote(listing, source=source, day=day)
    make_reported_quote(listing, source=source)
    make_rate(day=day, source=source)
    make_exchange_day(day=day)
    make_exchange_year(year=2020 + n)
    make_warning(day=day)
    make_coverage(listing)
    make_health(f"source-{n}")
    reader = make_user(f"reader-{n}")
    run = make_run(finished_at=NOON, requested_at=NOON - timedelta(hours=n), requested_by=reader)
    make_held(make_outcome(run, listing, result="hold", reason="beyond_limit"))
    version = make_version(source)
    make_anchor(version, "Revenue")
    note = make_note(reader, version, "1,200", visibility="public", group=None)
    AnnotationTag.objects.create(annotation=note, name="revenue")
    AnnotationMention.objects.create(annotation=note, user=reader)
    make_group(f"Desk {n}", reader)
    Authenticator.objects.create(user=reader, type=Authenticator.Type.TOTP, data={"secret": "kept-to-itself"})
    UserSession.objects.create(user=reader, ip="192.0.2.1", session_key=f"kept-to-itself-{n}", user_agent="A browser")
    make_invitation(f"invited-{n}@example.org", invited_by=reader)
    make_known_device(reader)
    make_sheet_import(reader)
    StarterRecord.objects.create(table="companies", key=str(n), object_id=company.pk, digest="0" * 64)
    Revision.bump()


def make_people() -> dict[str, User | None]:
    """One of each of PEOPLE."""
    admin = make_user("admin")
    admin.groups.add(Group.objects.get(name=ADMIN))
    return {
        "anonymous": None, "inactive": make_user("inactive", is_active=False), "reader": make_user("reader"),
        "analyst": make_analyst(), "editor": make_editor(), "admin": admin, "superuser": make_staff("superuser"),
    }  # fmt: skip


def make_world(author: User) -> dict[str, Any]:
    """What the addresses name, by their arguments (see `Route.path`): a row of every model is there."""
    make_rows(1)
    company = make_company("acme")
    filing = make_filing("acme-report", company=company)
    version = make_version(filing, "Revenue was 1,200 million yuan. And more.")
    note = make_note(author, version, "Revenue", visibility=Visibility.PUBLIC)
    deleted = make_note(author, version, "And", deleted_at=NOON, deleted_by=author)
    waiting = make_anchor(version, "more", state="needs_review", reason="gone", candidate_version=version)
    figure = make_figure(company, source=filing, anchor=waiting, status="proposed")
    listing = make_listing(company, ticker="688999")
    make_quote(listing)
    make_figure(company, source=filing)
    version.path.parent.mkdir(parents=True, exist_ok=True)
    version.path.write_bytes(b"%PDF-1.7")
    run = make_run(kind="rates")
    other = User.objects.get(username="reader-1")
    invitation = make_invitation("open@example.org", "a-token", expires_at=timezone.now() + timedelta(days=7))
    return {
        "pk": filing.pk, "slug": "acme", "uid": note.uid, "notes:restore:uid": deleted.uid,
        "number": 1, "kind": "csv", "name": "price",
        "metric": "rd_expense", "notes:anchor:pk": waiting.pk, "figures:pk": figure.pk,
        "valuations:decide:pk": figure.pk, "valuations:listing_prices:pk": listing.pk,
        "valuations:listing_refresh:pk": listing.pk, "valuations:refresh:pk": run.pk,
        "valuations:refresh_cancel:pk": run.pk, "accounts:pk": invitation.pk, "accounts:join:token": "a-token",
        "companies.sheetimport:pk": SheetImport.objects.get().pk, "companies.user:object_id": other.pk,
        "auth.group:object_id": Group.objects.create(name="Neither role nor desk").pk,
        "app_label": "companies", "url": "nowhere",
        "content_type_id": ContentType.objects.get_for_model(Company).pk, "admin:view_on_site:object_id": company.pk,
        "uidb36": "1", "key": "guess", "token": UUID(int=0),
    }  # fmt: skip


def rows_of_admin(route: Route) -> dict[str, Any]:
    """The arguments of a page of the admin about one row: the first that its model has, otherwise one that is not."""
    app, _, model = route.model.partition(".")
    first = apps.get_model(app, model)._default_manager.order_by("pk").first() if model else None
    number = first.pk if first is not None else 0
    rows = {"object_id": number, "id": number}
    if route.page == "revert" and first is not None:
        rows["version"] = versions_of(type(first)).filter(**{first._meta.pk.attname: first.pk})[0].pk
    return rows
