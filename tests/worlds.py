"""Everybody and everything at once, for tests that go through all pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.auth.models import Group

from companies.models import AnnotationMention, AnnotationTag, Revision, StarterRecord, User, Visibility
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
    waiting = make_anchor(version, "more", state="needs_review", reason="gone", candidate_version=version)
    figure = make_figure(company, source=filing, anchor=waiting, status="proposed")
    listing = make_listing(company, ticker="688999")
    make_quote(listing)
    run = make_run(kind="rates")
    return {
        "pk": filing.pk, "slug": "acme", "uid": note.uid, "number": 1, "kind": "csv", "name": "price",
        "metric": "revenue", "notes:anchor:pk": waiting.pk, "figures:pk": figure.pk,
        "valuations:decide:pk": figure.pk, "valuations:listing_prices:pk": listing.pk,
        "valuations:listing_refresh:pk": listing.pk, "valuations:refresh:pk": run.pk,
        "valuations:refresh_cancel:pk": run.pk, "app_label": "companies", "content_type_id": 1, "url": "nowhere",
        "uidb36": "1", "key": "guess", "token": UUID(int=0), "version": 1,
    }  # fmt: skip


def rows_of_admin(route: Route) -> dict[str, Any]:
    """The arguments of a page of the admin about one row: the first that its model has, otherwise one that is not."""
    app, _, model = route.model.partition(".")
    first = apps.get_model(app, model)._default_manager.order_by("pk").first() if model else None
    number = first.pk if first is not None else 0
    return {"object_id": number, "id": number}
