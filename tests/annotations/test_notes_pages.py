"""Pages of notes: they take as many queries for many notes as for one, and a text that was typed always comes back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from companies.annotations.editing import Text, edit
from companies.models import LONGEST_BODY, Anchor, Annotation, AnnotationMention, AnnotationTag, FilingVersion, User
from tests.factories import (
    NOON,
    make_analyst,
    make_anchor,
    make_company,
    make_editor,
    make_filing,
    make_group,
    make_note,
    make_reply,
    make_user,
    make_version,
)

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request-Type": "partial", "HX-Request": "true"}
TYPED = "typed for an hour <b>&"
SHOWN = "typed for an hour &lt;b&gt;&amp;"


@pytest.fixture
def author() -> User:
    return make_analyst("author")


@pytest.fixture
def version() -> FilingVersion:
    return make_version(None, "Revenue was 1,200 million yuan. Gross margin fell.", "Second page: 研发费用 12.1 亿元。")


def client_of(user: User | None, **options: Any) -> Client:
    client = Client(**options)
    if user is not None:
        client.force_login(user)
    return client


def new_note(marked: FilingVersion, /, **changes: Any) -> dict[str, Any]:
    data = {
        "filing": marked.filing_id, "version": marked.number, "page": 1, "start": 0, "end": 7, "exact": "Revenue",
        "body": TYPED, "tags": "A tag", "visible_to": "personal",
    }  # fmt: skip
    return data | changes


# --- Reading ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["list", "of_filing", "panel", "jsonld", "csv", "md"])
def test_a_page_takes_as_many_queries_for_many_notes_as_for_one(author: User, name: str) -> None:
    group = make_group("Desk", author)
    filing = make_filing(company=make_company())
    version = make_version(filing, " ".join(f"word{n}" for n in range(20)))
    url = {
        "list": reverse("notes:list"), "of_filing": reverse("notes:of_filing", args=[filing.pk]),
        "panel": reverse("notes:of_filing", args=[filing.pk]),
    }.get(name) or reverse("notes:export", args=[name])  # fmt: skip
    client, counts = client_of(author), []
    for words in (["word0 "], [f"word{n} " for n in range(1, 9)]):
        for word in words:
            person = make_analyst(f"p-{word.strip()}")
            note = make_note(person, version, word, visibility="group", group=group, body=f"@author {word}")
            AnnotationTag.objects.create(annotation=note, name="tag")
            AnnotationMention.objects.create(annotation=note, user=author)
            make_reply(author, note)
            make_reply(person, note)
        with CaptureQueriesContext(connection) as queries:
            response = client.get(url, headers=HTMX if name == "panel" else {})
        assert response.status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_thread_takes_as_many_queries_for_many_replies_as_for_one(author: User, version: FilingVersion) -> None:
    note = make_note(author, version, "Revenue", visibility="public")
    client, counts = client_of(author), []
    for n in range(2):
        for m in range(1 + 5 * n):
            make_reply(make_analyst(f"p-{n}-{m}"), note)
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse("notes:note", args=[note.uid]))
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_notes_are_shown_with_the_version_they_belong_to(author: User) -> None:
    filing = make_filing()
    first = make_version(filing, "Alpha. Beta. Gamma.")
    second = make_version(filing, "Alpha. Delta.")
    make_note(author, second, "Alpha", "stands here")
    make_note(author, first, "Beta", "left behind", anchor=make_anchor(first, "Beta", state=Anchor.State.EARLIER))
    doubtful = make_anchor(first, "Gamma", state=Anchor.State.NEEDS_REVIEW, candidate_version=second, reason="no_match")
    make_note(author, first, "Gamma", "in doubt", anchor=doubtful)
    url = reverse("notes:of_filing", args=[filing.pk])
    client = client_of(author)
    newest, old = client.get(url).context["threads"], client.get(url, {"version": 1}).context["threads"]
    assert [thread.head.note.body for thread in newest.here] == ["stands here"]
    assert [thread.head.note.body for thread in newest.review] == ["in doubt"]
    assert [(number, threads[0].head.note.body) for number, threads in newest.other] == [(1, "left behind")]
    assert [thread.head.note.body for thread in old.here] == ["left behind", "in doubt"]
    assert client.get(url, {"version": 3}).status_code == 404


def test_threads_stand_in_the_order_of_their_places(author: User, version: FilingVersion) -> None:
    for exact in ("研发费用", "Gross", "Revenue"):
        make_note(author, version, exact, exact)
    html = client_of(author).get(reverse("notes:of_filing", args=[version.filing_id])).content.decode()
    places = [html.index(f'<div class="body"><p>{exact}') for exact in ("Revenue", "Gross", "研发费用")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("query", "bodies"),
    [
        ("", ["one", "two", "answer"]),
        ("?whose=mine", ["one", "two"]),
        ("?q=MARGIN", ["two"]),
        ("?q=answ", ["answer"]),
        ("?tag=kept", ["one"]),
        ("?resolved=yes", ["two"]),
        ("?resolved=no", ["one", "answer"]),
        ("?visibility=public", ["one", "answer"]),
        ("?author=other", ["answer"]),
        ("?company=acme", []),
        ("?filing=999999", []),
        ("?state=needs_review", []),
    ],
)
def test_a_list_is_narrowed_by_its_address(author: User, version: FilingVersion, query: str, bodies: list[str]) -> None:
    one = make_note(author, version, "Revenue", "one", visibility="public")
    make_note(author, version, "Gross margin", "two", resolved_at=NOON)
    AnnotationTag.objects.create(annotation=one, name="kept")
    make_reply(make_analyst("other"), one, "answer")
    response = client_of(author).get(reverse("notes:list") + query)
    assert sorted(shown.note.body for shown in response.context["notes"]) == sorted(bodies)


@pytest.mark.parametrize("query", ["whose=everybody", "resolved=maybe", "filing=x", "q=" + "a" * 201, "state=lost"])
def test_a_list_that_is_asked_for_wrongly_says_so(author: User, query: str) -> None:
    response = client_of(author).get(f"{reverse('notes:list')}?{query}")
    assert response.status_code == 400
    assert 'id="problems"' in response.content.decode()


def test_who_is_called_sees_it_until_they_have_looked(author: User, version: FilingVersion) -> None:
    ann = make_user("ann")
    client_of(author).post(reverse("notes:add"), new_note(version, body="@ann look", visible_to="public"))
    note = Annotation.objects.get()
    client = client_of(ann)
    assert "1 note mentions you" in client.get(reverse("notes:list")).content.decode()
    assert 'hx-trigger="load, submit"' in client.get(reverse("notes:note", args=[note.uid])).content.decode()
    assert client.post(reverse("notes:seen"), {"note": note.uid}, headers=HTMX).status_code == 204
    assert "mentions you that" not in client.get(reverse("notes:list")).content.decode()
    assert client.post(reverse("notes:seen"), {"note": "x"}).status_code == 404


# --- Writing ----------------------------------------------------------------------------------------


def test_a_note_is_added_without_scripts_and_with_them(author: User, version: FilingVersion) -> None:
    client = client_of(author)
    response = client.post(reverse("notes:add"), new_note(version))
    note = Annotation.objects.get()
    assert response["Location"] == reverse("notes:note", args=[note.uid])
    assert (note.body, str(note.anchor and note.anchor.exact)) == (TYPED, "Revenue")
    response = client.post(reverse("notes:add"), new_note(version, start=8, end=11, exact="was"), headers=HTMX)
    newest = Annotation.objects.latest("pk")
    assert json.loads(response["HX-Trigger"]) == {
        "note:saved": {"uid": str(newest.uid), "draft": f"add-{version.filing_id}"}
    }
    assert response.content.decode().lstrip().startswith('<div id="threads"')


def test_a_passage_can_be_given_by_hand(author: User, version: FilingVersion) -> None:
    data = new_note(version, start="", end="", page="", exact="研发费用  12.1 亿元")
    client_of(author).post(reverse("notes:add"), data)
    anchor = Annotation.objects.get().anchor
    assert anchor is not None
    assert (anchor.page, anchor.exact) == (2, "研发费用 12.1 亿元")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"start": 3, "end": 3}, "Nothing is selected"),
        ({"start": 0, "end": 100_000, "exact": ""}, "100000 characters"),
        ({"start": "", "end": "", "exact": "x" * 100_000}, "100000 characters"),
        ({"start": 40, "end": 90, "exact": ""}, "beyond the text"),
        ({"exact": "Profit"}, "Other words"),
        ({"page": 9}, "no page 9"),
        ({"page": "x"}, "whole number"),
        ({"start": 2**70, "end": 2**70 + 5}, "less than or equal"),
        ({"version": 7}, "no such document"),
        ({"filing": 999_999}, "no such document"),
        ({"body": "x" * (LONGEST_BODY + 1)}, "at most 20000"),
        ({"body": "nul \0 byte"}, "Null characters"),
        ({"tags": ",".join(map(str, range(21)))}, "at most 20 tags"),
        ({"tags": "x" * 41}, "too long"),
        ({"visible_to": "nobody"}, "not in that group"),
        ({"start": "", "end": "", "exact": ""}, "Nothing is quoted"),
        ({"start": "", "end": "", "exact": "😀 nowhere"}, "do not stand"),
    ],
)
def test_a_note_that_is_refused_keeps_what_was_typed(
    author: User, version: FilingVersion, changes: dict[str, Any], said: str
) -> None:
    for headers in ({}, HTMX):
        response = client_of(author).post(reverse("notes:add"), new_note(version, **changes), headers=headers)
        html = response.content.decode()
        assert response.status_code == 422
        assert said in html
        assert SHOWN in html or "body" in changes
        assert ("<html" in html) is (headers == {})
    assert not Annotation.objects.exists()


def test_the_longest_note_is_counted_as_the_browser_counts_it(author: User, version: FilingVersion) -> None:
    body = "x\r\n" * (LONGEST_BODY // 2 - 1) + "xx"
    client_of(author).post(reverse("notes:add"), new_note(version, body=body))
    assert len(Annotation.objects.get().body) == LONGEST_BODY


def writing_addresses(note: Annotation, version: FilingVersion) -> list[tuple[str, dict[str, Any]]]:
    return [
        (reverse("notes:add"), new_note(version)),
        (reverse("notes:reply", args=[note.uid]), {"body": TYPED}),
        (reverse("notes:edit", args=[note.uid]), {"body": TYPED, "revision": 1, "visible_to": "personal"}),
    ]


@pytest.mark.parametrize("private", [False, True])
def test_a_text_typed_by_somebody_signed_out_comes_back(
    author: User, version: FilingVersion, settings: Any, private: bool
) -> None:
    settings.REQUIRE_LOGIN = private
    note = make_note(author, version, "Gross")
    for url, data in writing_addresses(note, version):
        for headers in ({}, HTMX):
            response = client_of(None).post(url, data, headers=headers)
            assert response.status_code == 401
            assert SHOWN in response.content.decode()
            assert reverse("account_login") in response.content.decode()


def test_a_form_whose_token_is_too_old_comes_back_with_its_text_and_a_new_token(
    author: User, version: FilingVersion
) -> None:
    note = make_note(author, version, "Gross")
    for url, data in writing_addresses(note, version):
        client = client_of(author, enforce_csrf_checks=True)
        response = client.post(url, data | {"csrfmiddlewaretoken": "x" * 64})
        html = response.content.decode()
        assert response.status_code == 403
        assert SHOWN in html
        token = html.split('name="csrfmiddlewaretoken" value="')[2].split('"')[0]  # the first is of the header
        assert client.post(url, data | {"csrfmiddlewaretoken": token}).status_code == 302


def test_a_form_that_another_site_sends_does_not_come_back(author: User, version: FilingVersion) -> None:
    client = client_of(author, enforce_csrf_checks=True)
    response = client.post(reverse("notes:add"), new_note(version), headers={"Origin": "https://evil.example"})
    assert response.status_code == 403
    assert SHOWN not in response.content.decode()


def test_a_text_that_somebody_else_began_is_not_saved_as_ones_own_unasked(author: User, version: FilingVersion) -> None:
    other = make_analyst("other")
    note = make_note(other, version, "Gross")
    for url, data in writing_addresses(note, version):
        response = client_of(other).post(url, data | {"writer": author.pk})
        assert response.status_code == 403
        assert SHOWN in response.content.decode()
        assert f'name="writer" value="{other.pk}"' in response.content.decode()


def test_a_text_for_a_note_that_is_gone_comes_back(author: User, version: FilingVersion) -> None:
    note = make_note(author, version, "Gross", deleted_at=NOON, deleted_by=author)
    for url, data in writing_addresses(note, version)[1:]:
        response = client_of(author).post(url, data)
        assert response.status_code == 404
        assert SHOWN in response.content.decode()


def test_who_saves_second_sees_both_texts_and_can_save_one_made_of_both(author: User, version: FilingVersion) -> None:
    note = make_note(author, version, "Gross")
    edit(note, author, 1, Text("saved meanwhile", ["theirs"]))
    url = reverse("notes:edit", args=[note.uid])
    data = {"body": TYPED, "tags": "mine", "revision": 1, "visible_to": "personal"}
    response = client_of(author).post(url, data, headers=HTMX)
    html = response.content.decode()
    assert response.status_code == 409
    assert "saved meanwhile" in html
    assert SHOWN in html
    assert 'name="revision" value="2"' in html
    assert client_of(author).post(url, data | {"revision": 2}).status_code == 302
    assert Annotation.objects.get().body == TYPED


def test_a_reply_begun_when_fewer_could_read_it_asks_again(author: User, version: FilingVersion) -> None:
    note = make_note(author, version, "Gross", visibility="public")
    url = reverse("notes:reply", args=[note.uid])
    response = client_of(author).post(url, {"body": TYPED, "seen_by": "personal"})
    assert response.status_code == 409
    assert SHOWN in response.content.decode()
    assert 'name="seen_by" value="public"' in response.content.decode()
    assert client_of(author).post(url, {"body": TYPED, "seen_by": "public"}).status_code == 302


def test_a_note_with_replies_of_others_is_not_opened_to_more_people(author: User, version: FilingVersion) -> None:
    other = make_analyst("other")
    group = make_group("Desk", author, other)
    note = make_note(author, version, "Gross", visibility="group", group=group)
    make_reply(other, note)
    data = {"body": TYPED, "revision": 1, "visible_to": "public"}
    response = client_of(author).post(reverse("notes:edit", args=[note.uid]), data)
    assert response.status_code == 422
    assert "Others have replied to fewer people" in response.content.decode()
    note.refresh_from_db()
    assert note.visibility == "group"


def test_a_deletion_can_be_undone_by_who_deleted(author: User, version: FilingVersion) -> None:
    editor = make_editor()
    note = make_note(author, version, "Gross", "public words", visibility="public")
    client = client_of(author)
    response = client.post(reverse("notes:delete", args=[note.uid]), headers=HTMX)
    assert reverse("notes:restore", args=[note.uid]) in response.content.decode()
    assert "public words" in client.get(reverse("notes:list"), {"deleted": "1"}).content.decode()
    client.post(reverse("notes:restore", args=[note.uid]))
    client_of(editor).post(reverse("notes:delete", args=[note.uid]))
    html = client.get(reverse("notes:list"), {"deleted": "1"}).content.decode()
    assert "Taken down by an editor" in html
    assert reverse("notes:restore", args=[note.uid]) not in html
    assert client.post(reverse("notes:restore", args=[note.uid])).status_code == 403
    assert client_of(editor).post(reverse("notes:restore", args=[note.uid])).status_code == 302
    assert Annotation.objects.visible_to(author).filter(pk=note.pk).exists()


def test_a_deleted_reply_leaves_its_thread_with_a_way_back(author: User, version: FilingVersion) -> None:
    note = make_note(author, version, "Gross")
    reply = make_reply(author, note, "to be taken back")
    html = client_of(author).post(reverse("notes:delete", args=[reply.uid]), headers=HTMX).content.decode()
    assert f'id="note-{note.uid}"' in html
    assert reverse("notes:restore", args=[reply.uid]) in html
    assert "to be taken back" not in html


def test_a_thread_is_resolved_and_opened_again(author: User, version: FilingVersion) -> None:
    note = make_note(author, version, "Gross")
    url = reverse("notes:resolve", args=[note.uid])
    assert "thread resolved" in client_of(author).post(url, headers=HTMX).content.decode()
    assert "thread resolved" not in client_of(author).post(url, {"reopen": "1"}, headers=HTMX).content.decode()


def test_markdown_of_a_note_runs_nothing_on_its_pages(author: User, version: FilingVersion) -> None:
    note = make_note(
        author, version, "Gross", "<script>alert(1)</script> [x](javascript:alert(1))", visibility="public"
    )
    edit(note, author, 1, Text("<img src=x onerror=alert(1)>"))
    for name in ("note", "history"):
        html = client_of(None).get(reverse(f"notes:{name}", args=[note.uid])).content.decode()
        assert "<script>alert" not in html
        assert "<img" not in html
        assert 'href="javascript' not in html
