"""The admin's first page: what waits, for those who may see to it, in a number of queries that does not grow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from companies.admin.desk import SHOWN, Section
from companies.models import FilingVersion
from tests.factories import (
    DAY,
    NOON,
    make_analyst,
    make_anchor,
    make_company,
    make_exchange_year,
    make_figure,
    make_filing,
    make_held,
    make_invitation,
    make_listing,
    make_note,
    make_outcome,
    make_quote,
    make_run,
    make_sheet_import,
    make_user,
    make_version,
    make_warning,
)
from valuations import snapshot

pytestmark = pytest.mark.django_db
INDEX = "/admin/"
RIGHTS = (
    "enter_admin", "change_heldquote", "view_heldquote", "change_figure", "change_anchor", "operate_refreshrun",
    "change_calendarwarning", "view_calendarwarning", "view_filingversion", "view_company", "view_refreshrun",
    "view_sheetimport", "add_user",
)  # fmt: skip
AFTER_CLOSE = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)  # four in the afternoon in Shanghai, on DAY


def client_with(*rights: str, name: str = "ada") -> Client:
    """A browser of somebody who has just these rights."""
    user = make_user(name)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client = Client()
    client.force_login(user)
    return client


def sections(client: Client) -> dict[str, Section]:
    response = client.get(INDEX)
    assert response.status_code == 200
    return {section.name: section for section in response.context["sections"]}


def make_waiting(n: int) -> None:
    """Something of every kind that waits, number `n`."""
    company = make_company(f"acme-{n}")
    listing = make_listing(company, ticker=f"68810{n}")
    source = make_filing(f"report-{n}", company=company)
    run = make_run(requested_at=NOON + timedelta(minutes=n), finished_at=NOON + timedelta(minutes=n))
    make_held(make_outcome(run, listing, result="hold", reason="beyond_limit"))
    make_figure(company, source=source, status="proposed")
    documents = make_run(
        kind="documents", requested_at=timezone.now(), finished_at=timezone.now(), results={"bad_body": 1}
    )
    make_outcome(documents, filing=source, result="bad_body", reason="broken")
    make_warning(day=DAY + timedelta(days=n))
    version = make_version(source)
    anchor = make_anchor(version, "Revenue", state="needs_review", reason="gone", candidate_version=version)
    make_figure(company, source=source, anchor=anchor, metric="net_profit_attributable")
    FilingVersion.objects.filter(pk=version.pk).update(status="encrypted")
    make_sheet_import()
    make_invitation(f"invited-{n}@example.org", expires_at=timezone.now() + timedelta(days=1))


def test_every_section_counts_what_waits() -> None:
    make_waiting(1)
    found = sections(client_with(*RIGHTS))
    assert {name: section.count for name, section in found.items()} == {
        "held": 1, "figures": 1, "refreshes": 1, "calendar": 1, "prices": 1, "anchors": 1, "documents": 1,
        "imports": 1, "invitations": 1,
    }  # fmt: skip


@pytest.mark.parametrize("name", [
    "held", "figures", "refreshes", "calendar", "prices", "anchors", "documents", "imports", "invitations",
])  # fmt: skip
def test_every_link_of_a_section_opens_for_whoever_sees_it(name: str) -> None:
    make_waiting(1)
    client = client_with(*RIGHTS)
    section = sections(client)[name]
    html = client.get(INDEX).content.decode()
    for url in (section.url, *(line.url for line in section.lines)):
        assert f'href="{url}"'.replace("&", "&amp;") in html
        assert client.get(url).status_code == 200, url


@pytest.mark.parametrize(
    ("right", "seen"),
    [
        ("change_heldquote", {"held"}),
        ("change_figure", {"figures"}),
        ("change_calendarwarning", {"calendar"}),
        ("operate_refreshrun", {"refreshes", "prices"}),
        ("view_filingversion", {"documents"}),
        ("view_sheetimport", {"imports"}),
        ("add_user", {"invitations"}),
        ("view_invitation", set()),
        ("view_heldquote", set()),
        ("view_figure", set()),
    ],
)
def test_a_section_is_shown_to_those_alone_who_may_see_to_it(right: str, seen: set[str]) -> None:
    make_waiting(1)
    assert set(sections(client_with("enter_admin", right))) == seen | {"anchors"}


def test_a_passage_of_a_note_waits_for_its_author_alone() -> None:
    version = make_version()
    author = make_analyst()
    anchor = make_anchor(version, "Revenue", state="needs_review", reason="gone", candidate_version=version)
    make_note(author, version, "Revenue", anchor=anchor)
    assert sections(client_with(*RIGHTS))["anchors"].count == 0


def test_an_invitation_waits_with_its_role_in_words_until_it_is_over() -> None:
    tomorrow = timezone.now() + timedelta(days=1)
    make_invitation("open@example.org", role="Editor", expires_at=tomorrow)
    make_invitation("late@example.org")
    make_invitation("back@example.org", expires_at=tomorrow, revoked_at=timezone.now())
    make_invitation("taken@example.org", expires_at=tomorrow, accepted_at=timezone.now())
    client = client_with("enter_admin", "add_user")
    client.cookies["django_language"] = "zh-hans"
    assert [(line.label, line.note) for line in sections(client)["invitations"].lines] == [("open@example.org", "编辑")]


def test_many_things_that_wait_take_as_many_queries_as_one() -> None:
    client = client_with(*RIGHTS)
    counts = []
    for numbers in (range(1), range(1, 9)):
        for n in numbers:
            make_waiting(n)
        snapshot._snapshots_of.cache_clear()
        snapshot._reported_on.cache_clear()
        with CaptureQueriesContext(connection) as queries:
            assert client.get(INDEX).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_first_few_are_shown_and_the_count_says_how_many_there_are() -> None:
    for n in range(SHOWN + 2):
        make_waiting(n)
    held = sections(client_with(*RIGHTS))["held"]
    assert (held.count, len(held.lines)) == (SHOWN + 2, SHOWN)


def test_where_nothing_waits_the_page_says_so() -> None:
    html = client_with(*RIGHTS).get(INDEX).content.decode()
    assert "Nothing waits." in html
    assert "All tables" in html


def test_somebody_without_any_right_but_to_enter_gets_a_page() -> None:
    html = client_with("enter_admin").get(INDEX).content.decode()
    assert "Nothing waits." in html


# --- Prices that should be newer --------------------------------------------------------------------


def names_of(section: Section) -> list[str]:
    return [line.label for line in section.lines]


def test_a_company_waits_until_its_price_is_of_the_last_session() -> None:
    make_exchange_year()
    fresh, old, none, unwatched = (make_company(name) for name in ("fresh", "old", "none", "unwatched"))
    make_company("private")
    with time_machine.travel(AFTER_CLOSE):
        client = client_with(*RIGHTS)
        make_quote(make_listing(fresh, "688201"), day=DAY)
        make_quote(make_listing(old, "688202"), day=DAY - timedelta(days=5))
        make_listing(none, "688203")
        make_listing(unwatched, "688204", watched=False)
        section = sections(client)["prices"]
    assert set(names_of(section)) == {"Old", "None"}
    assert {line.note for line in section.lines} == {"stale, 25 Feb", "no price"}


def test_an_archived_company_waits_for_no_price() -> None:
    make_listing(make_company("gone", archived_at=NOON), "688201")
    assert sections(client_with(*RIGHTS))["prices"].count == 0


# --- Failed refreshes -------------------------------------------------------------------------------


def failed(client: Client) -> list[str]:
    return [line.note for line in sections(client)["refreshes"].lines]


def ended(n: int, **fields: Any) -> Any:
    at = NOON + timedelta(minutes=n)
    return make_run(**{"requested_at": at, "finished_at": at, **fields})


def test_a_run_that_went_well_makes_the_failure_before_it_good() -> None:
    client = client_with(*RIGHTS)
    ended(1, results={"ok": 2, "retry": 1})
    assert failed(client) == ["1 of 3 failed"]
    ended(2, results={"ok": 3})
    assert failed(client) == []


def test_a_run_of_another_kind_makes_nothing_good() -> None:
    client = client_with(*RIGHTS)
    ended(1, results={"retry": 1})
    ended(2, kind="rates", results={"ok": 3})
    assert failed(client) == ["1 of 1 failed"]


def test_why_a_run_as_a_whole_failed_is_said() -> None:
    ended(1, problem="The queue (Redis) cannot be reached, so nothing was asked.", results={"abandoned": 4})
    assert failed(client_with(*RIGHTS)) == ["The queue (Redis) cannot be reached, so nothing was asked."]


def test_a_cancelled_run_has_not_failed() -> None:
    ended(1, problem="Cancelled.", cancelled_by=make_user(), results={"cancelled": 1})
    assert failed(client_with(*RIGHTS)) == []


def test_a_document_that_was_asked_for_again_does_not_wait_any_more() -> None:
    client, filing, now = client_with(*RIGHTS), make_filing(), timezone.now()
    make_outcome(
        make_run(kind="documents", requested_at=now, finished_at=now, results={"retry": 1}),
        filing=filing, result="retry", reason="timeout",
    )  # fmt: skip
    assert failed(client) == ["1 of 1 failed"]
    make_outcome(
        make_run(kind="documents", requested_at=now, finished_at=now, results={"ok": 1}), filing=filing, result="ok"
    )
    assert failed(client) == []


# --- The frame --------------------------------------------------------------------------------------


def test_the_admin_follows_the_theme_that_the_reader_chose() -> None:
    client = client_with(*RIGHTS)
    assert '<meta name="theme" content="system">' in client.get(INDEX).content.decode()
    client.cookies["theme"] = "dark"
    assert '<meta name="theme" content="dark">' in client.get(INDEX).content.decode()


def test_the_admin_has_neither_scripts_nor_styles_of_its_own_in_the_page() -> None:
    html = client_with(*RIGHTS).get(INDEX).content.decode()
    assert "<style" not in html
    assert "<script>" not in html
    assert " style=" not in html
    assert reverse("valuations:sector") in html
    assert f'action="{reverse("set_language")}"' in html
