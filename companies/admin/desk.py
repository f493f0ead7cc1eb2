"""The admin's first page: what waits for somebody, section by section, each for those who may see to it.

A section is a function in `sections`: request in, what waits out, in a number of queries that does not depend on how
much that is. `valuations` adds its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery, Window
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from companies.annotations.anchor_review import anchors_of
from companies.models import Anchor, FilingVersion, Invitation, SheetImport
from companies.roles import may_invite, role_words

SHOWN = 5  # rows of a section; the rest is behind its link
UNREADABLE = (
    FilingVersion.Status.NO_TEXT,
    FilingVersion.Status.ENCRYPTED,
    FilingVersion.Status.BROKEN,
    FilingVersion.Status.TOO_LONG,
    FilingVersion.Status.TOO_SLOW,
    FilingVersion.Status.TOO_BIG,
)


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that waits: what it is, where to see to it, and what there is to know before."""

    label: str
    url: str
    note: str = ""
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """Things of one kind that wait: how many, the first few, and where all of them are."""

    name: str
    title: str | Promise
    url: str
    count: int
    lines: tuple[Line, ...]


sections: list[Callable[[HttpRequest], Section | None]] = []


def desk(request: HttpRequest) -> list[Section]:
    """The sections that this reader may see; those without anything last, else in the order of their making."""
    found = [section for make in sections if (section := make(request)) is not None]
    return sorted(found, key=lambda section: not section.count)


def first_of(rows: QuerySet[Any]) -> tuple[int, list[Any]]:
    """How many rows there are, and the first few of them, in one query."""
    shown = list(rows.annotate(of_all=Window(Count("pk")))[:SHOWN])
    return (shown[0].of_all if shown else 0), shown


def list_of(model: str, query: str = "") -> str:
    """The address of an admin list, such as `valuations_heldquote`, narrowed by a query string."""
    return f"{reverse(f'admin:{model}_changelist')}{f'?{query}' if query else ''}"


# --- What was reported ------------------------------------------------------------------------------


def anchors_to_look_at(request: HttpRequest) -> Section:
    """Passages whose document has changed: those that the reader may decide about."""
    waiting = anchors_of(request.user).filter(state=Anchor.State.NEEDS_REVIEW)
    count, rows = first_of(waiting.select_related("version__filing__company").order_by("checked_at", "pk"))
    url = reverse("notes:anchors")
    lines = (
        Line(str(row.version.filing), f"{url}#anchor-{row.pk}", _("page %(page)s") % {"page": row.page}, row.checked_at)
        for row in rows
    )
    return Section("anchors", gettext_lazy("Passages to review"), url, count, tuple(lines))


def unreadable_documents(request: HttpRequest) -> Section | None:
    """Filings whose newest file gives no text."""
    if not request.user.has_perm("companies.view_filingversion"):
        return None
    newest = FilingVersion.objects.filter(filing=OuterRef("filing")).order_by("-number").values("pk")[:1]
    unread = FilingVersion.objects.filter(status__in=UNREADABLE, pk=Subquery(newest))
    count, rows = first_of(unread.select_related("filing").order_by("-received_at", "-pk"))
    lines = (
        Line(
            str(row.filing),
            reverse("filings:reader", args=[row.filing_id]),
            str(row.get_status_display()),
            row.received_at,
        )
        for row in rows
    )
    url = list_of("companies_filingversion", f"newest=yes&status__in={','.join(UNREADABLE)}")
    return Section("documents", gettext_lazy("Documents that could not be read"), url, count, tuple(lines))


def imports_waiting(request: HttpRequest) -> Section | None:
    """Tables that somebody has brought in and not yet stored."""
    if not request.user.has_perm("companies.view_sheetimport"):
        return None
    count, rows = first_of(SheetImport.objects.filter(state__in=SheetImport.OPEN).defer("content", "report"))
    lines = (
        Line(
            row.file_name,
            reverse("admin:companies_sheetimport_change", args=[row.pk]),
            str(row.get_state_display()),
            row.asked_at,
        )
        for row in rows
    )
    url = list_of("companies_sheetimport", f"state__in={','.join(SheetImport.OPEN)}")
    return Section("imports", gettext_lazy("Imports under way"), url, count, tuple(lines))


def open_invitations(request: HttpRequest) -> Section | None:
    """Invitations that nobody has taken up yet."""
    if not may_invite(request.user):
        return None
    still_open = Invitation.objects.filter(accepted_at=None, revoked_at=None, expires_at__gt=timezone.now())
    count, rows = first_of(still_open.order_by("expires_at", "pk"))
    url = reverse("accounts:invitations")
    lines = (Line(row.email, url, role_words(row.role), row.invited_at) for row in rows)
    return Section("invitations", gettext_lazy("Open invitations"), url, count, tuple(lines))


sections += [anchors_to_look_at, unreadable_documents, imports_waiting, open_invitations]
