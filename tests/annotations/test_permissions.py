"""Who may see, write, change, delete and export which note, by every route. A route that is not here fails the test."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.urls import reverse

from companies.annotations import urls
from companies.annotations.editing import Audience, Text, edit
from companies.annotations.editing import delete as delete_note
from companies.annotations.mentions import mark_seen, unread
from companies.models import (
    Annotation,
    AnnotationMention,
    AnnotationTag,
    Filing,
    FilingVersion,
    NoteGroup,
    User,
    Visibility,
)
from tests.factories import (
    make_analyst,
    make_editor,
    make_group,
    make_note,
    make_reply,
    make_staff,
    make_user,
    make_version,
)

pytestmark = pytest.mark.django_db

PEOPLE = ("anonymous", "author", "colleague", "outsider", "reader", "editor", "staff")
# What each of PEOPLE gets, in that order. `reader` has an account and no role; `staff` runs the instance.
SEES = {
    "personal": (0, 1, 0, 0, 0, 0, 0),
    "group": (0, 1, 1, 0, 0, 0, 0),
    "public": (1, 1, 1, 1, 1, 1, 1),
}
# Anonymous readers are sent to sign in (302) or get their text back (401), whether or not there is such a note.
CODES: dict[tuple[str, str], dict[str, tuple[int, ...]]] = {
    ("GET", "note"): {
        "personal": (404, 200, 404, 404, 404, 404, 404),
        "group": (404, 200, 200, 404, 404, 404, 404),
        "public": (200, 200, 200, 200, 200, 200, 200),
    },
    ("GET", "history"): {
        "personal": (404, 200, 404, 404, 404, 404, 404),
        "group": (404, 200, 200, 404, 404, 404, 404),
        "public": (200, 200, 200, 200, 200, 200, 200),
    },
    ("GET", "edit"): {
        "personal": (302, 200, 404, 404, 404, 404, 404),
        "group": (302, 200, 403, 404, 404, 404, 404),
        "public": (302, 200, 403, 403, 403, 403, 403),
    },
    ("POST", "edit"): {
        "personal": (401, 302, 404, 404, 404, 404, 404),
        "group": (401, 302, 403, 404, 404, 404, 404),
        "public": (401, 302, 403, 403, 403, 403, 403),
    },
    ("GET", "reply"): {
        "personal": (302, 200, 404, 404, 404, 404, 404),
        "group": (302, 200, 200, 404, 404, 404, 404),
        "public": (302, 200, 200, 200, 403, 200, 200),
    },
    ("POST", "reply"): {
        "personal": (401, 302, 404, 404, 404, 404, 404),
        "group": (401, 302, 302, 404, 404, 404, 404),
        "public": (401, 302, 302, 302, 403, 302, 302),
    },
    ("POST", "resolve"): {
        "personal": (302, 302, 404, 404, 404, 404, 404),
        "group": (302, 302, 302, 404, 404, 404, 404),
        "public": (302, 302, 302, 302, 403, 302, 302),
    },
    ("POST", "delete"): {
        "personal": (302, 302, 404, 404, 404, 404, 404),
        "group": (302, 302, 403, 404, 404, 404, 404),
        "public": (302, 302, 403, 403, 403, 302, 302),
    },
    # Of a note that its author has deleted: nobody else sees it any more.
    ("POST", "restore"): {
        "personal": (302, 302, 404, 404, 404, 404, 404),
        "group": (302, 302, 404, 404, 404, 404, 404),
        "public": (302, 302, 404, 404, 404, 404, 404),
    },
}
# Routes about no note in particular, and what they answer to each of PEOPLE.
OTHERS: dict[tuple[str, str], tuple[int, ...]] = {
    ("GET", "list"): (200, 200, 200, 200, 200, 200, 200),
    ("GET", "export"): (200, 200, 200, 200, 200, 200, 200),
    ("GET", "of_filing"): (200, 200, 200, 200, 200, 200, 200),
    ("GET", "import"): (302, 200, 200, 200, 403, 200, 200),
    ("POST", "seen"): (302, 302, 302, 302, 302, 302, 302),
    ("POST", "add"): (401, 302, 302, 302, 403, 302, 302),
}
# The queue of anchors has its own table in test_anchor_review.py.
ELSEWHERE = {"anchors", "anchor"}
SECRET = "a secret thought"


@dataclass
class World:
    """A document with one note of each visibility, by the same author, and everybody who may want to read them."""

    version: FilingVersion
    people: dict[str, User | None]
    notes: dict[str, Annotation]
    group: NoteGroup

    def client(self, name: str) -> Client:
        client = Client()
        if (user := self.people[name]) is not None:
            client.force_login(user)
        return client

    def user(self, name: str) -> User:
        user = self.people[name]
        assert user is not None
        return user


@pytest.fixture
def world() -> World:
    author, colleague = make_analyst("author"), make_analyst("colleague")
    people: dict[str, User | None] = {
        "anonymous": None, "author": author, "colleague": colleague, "outsider": make_analyst("outsider"),
        "reader": make_user("reader"), "editor": make_editor(), "staff": make_staff(),
    }  # fmt: skip
    group = make_group("Desk", author, colleague)
    make_group("Other desk", people["outsider"])  # type: ignore[arg-type]
    version = make_version(None, "Alpha personal words. Beta group words. Gamma public words.")
    words = {"personal": "Alpha personal words", "group": "Beta group words", "public": "Gamma public words"}
    notes = {}
    for visibility, exact in words.items():
        note = make_note(
            author, version, exact, f"{SECRET}: {visibility} note", visibility=visibility,
            group=group if visibility == "group" else None,
        )  # fmt: skip
        AnnotationTag.objects.create(annotation=note, name=f"{visibility}-tag")
        for user in people.values():
            if user is not None and user != author:
                AnnotationMention.objects.create(annotation=note, user=user)
        make_reply(author, note, f"{visibility} reply")
        notes[visibility] = note
    return World(version, people, notes, group)


def address(name: str, note: Annotation) -> str:
    return reverse(f"notes:{name}", args=[note.uid])


def cases(table: dict[tuple[str, str], dict[str, tuple[int, ...]]]) -> list[Any]:
    return [
        pytest.param(method, name, visibility, id=f"{method}-{name}-{visibility}")
        for (method, name), rows in table.items()
        for visibility in rows
    ]


def send(client: Client, world: World, method: str, name: str, note: Annotation) -> Any:
    if method == "GET":
        return client.get(address(name, note))
    data = {"body": "typed by somebody", "revision": note.revision, "visible_to": "personal"}
    if name == "edit":  # who sees it stays as it is
        data["visible_to"] = str(note.group_id or note.visibility)
    return client.post(address(name, note), data)


def seen_by(name: str) -> list[str]:
    return [visibility for visibility, row in SEES.items() if row[PEOPLE.index(name)]]


def assert_shows_what_is_seen(text: str, name: str) -> None:
    for visibility in SEES:
        seen = visibility in seen_by(name)
        assert (f"{SECRET}: {visibility} note" in text) is seen, (name, visibility)
        assert (f"{visibility} reply" in text) is seen, (name, visibility)
        assert (f"{visibility}-tag" in text) is seen, (name, visibility)


def test_every_route_is_in_the_table() -> None:
    names = {pattern.name for pattern in urls.urlpatterns}
    tested = {name for _method, name in CODES} | {name for _method, name in OTHERS}
    assert names == tested | ELSEWHERE


@pytest.mark.parametrize(("method", "name", "visibility"), cases(CODES))
def test_each_person_gets_what_the_table_says(world: World, method: str, name: str, visibility: str) -> None:
    note = world.notes[visibility]
    codes = []
    for person in PEOPLE:
        Annotation.objects.filter(pk=note.pk).update(deleted_at=None, deleted_by=None, resolved_at=None)
        note.refresh_from_db()
        if name == "restore":
            delete_note(note, world.user("author"))
        response = send(world.client(person), world, method, name, note)
        codes.append(response.status_code)
        if person not in ("author", "anonymous") and visibility not in seen_by(person):
            assert SECRET not in response.content.decode()
    assert tuple(codes) == CODES[method, name][visibility]


@pytest.mark.parametrize(("method", "name", "visibility"), cases(CODES))
def test_who_is_refused_changes_nothing(world: World, method: str, name: str, visibility: str) -> None:
    note = world.notes[visibility]
    if name == "restore":
        delete_note(note, world.user("author"))
    before = Annotation.objects.values().get(pk=note.pk), Annotation.objects.count()
    for person, code in zip(PEOPLE, CODES[method, name][visibility], strict=True):
        if person == "anonymous" or code in (403, 404):
            send(world.client(person), world, method, name, note)
            assert (Annotation.objects.values().get(pk=note.pk), Annotation.objects.count()) == before


@pytest.mark.parametrize(("method", "name"), CODES)
def test_a_hidden_note_answers_as_one_that_never_was(world: World, method: str, name: str) -> None:
    hidden = world.notes["personal"]
    never = Annotation(uid=uuid4(), visibility="personal")
    for person in PEOPLE:
        if person == "author":
            continue
        client = world.client(person)
        there, not_there = (send(client, world, method, name, note) for note in (hidden, never))
        assert there.status_code == not_there.status_code
        same = there.content.decode().replace(str(hidden.uid), str(never.uid))
        assert _without_tokens(same) == _without_tokens(not_there.content.decode())


def _without_tokens(html: str) -> list[str]:
    return [line for line in html.split("\n") if "csrfmiddlewaretoken" not in line]


@pytest.mark.parametrize(("method", "name"), OTHERS)
def test_routes_about_no_note_answer_as_the_table_says(world: World, method: str, name: str) -> None:
    codes = []
    for person in PEOPLE:
        client = world.client(person)
        if method == "GET":
            of_route: dict[str, list[Any]] = {"export": ["csv"], "of_filing": [world.version.filing_id]}
            args = of_route.get(name, [])
            codes.append(client.get(reverse(f"notes:{name}", args=args)).status_code)
        else:
            data = {
                "filing": world.version.filing_id,
                "page": 1,
                "exact": "Gamma",
                "visible_to": "personal",
                "body": "x",
            }
            codes.append(client.post(reverse(f"notes:{name}"), data).status_code)
    assert tuple(codes) == OTHERS[method, name]


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("query", ["", "?q=secret", "?q=tag", "?whose=groups", "?whose=mine", "?visibility=personal"])
def test_lists_show_nothing_else(world: World, person: str, query: str) -> None:
    html = world.client(person).get(reverse("notes:list") + query).content.decode()
    for visibility in SEES:
        if visibility not in seen_by(person):
            assert f"{visibility} note" not in html
            assert f"{visibility} reply" not in html
            assert f"{visibility}-tag" not in html
            assert str(world.notes[visibility].uid) not in html
    if not query:
        assert_shows_what_is_seen(html, person)
        assert f"{2 * len(seen_by(person))} notes" in html


@pytest.mark.parametrize("person", PEOPLE)
def test_the_panel_of_a_filing_shows_nothing_else(world: World, person: str) -> None:
    url = reverse("notes:of_filing", args=[world.version.filing_id])
    for headers in ({}, {"HX-Request-Type": "partial"}):
        html = world.client(person).get(url, headers=headers).content.decode()
        assert_shows_what_is_seen(html, person)
        assert html.count("data-start=") == len(seen_by(person))


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("kind", ["jsonld", "md", "csv"])
def test_exports_hold_nothing_else(world: World, person: str, kind: str) -> None:
    response = world.client(person).get(reverse("notes:export", args=[kind]))
    assert_shows_what_is_seen(response.content.decode(), person)
    if kind == "jsonld":
        assert json.loads(response.content)["total"] == 2 * len(seen_by(person))


@pytest.mark.parametrize("person", PEOPLE[1:])
def test_people_are_told_only_of_notes_they_may_see(world: World, person: str) -> None:
    user = world.user(person)
    expected = 0 if person == "author" else len(seen_by(person))
    assert unread(user) == expected
    html = world.client(person).get(reverse("notes:list"), {"whose": "mentions"}).content.decode()
    for visibility in SEES:
        assert (f"{visibility} note" in html) is (visibility in seen_by(person) and person != "author")
    assert mark_seen(user) == expected
    assert unread(user) == 0


@pytest.mark.parametrize("person", ["colleague", "staff"])
def test_who_leaves_the_group_or_was_never_in_it_sees_nothing_of_it_at_once(world: World, person: str) -> None:
    client = world.client(person)
    world.group.members.set([world.user("author")])
    assert client.get(address("note", world.notes["group"])).status_code == 404
    assert "group note" not in client.get(reverse("notes:list")).content.decode()
    assert unread(world.user(person)) == 1  # the public one


def test_a_member_of_a_group_cannot_choose_another_group_by_its_number(world: World) -> None:
    other = NoteGroup.objects.get(name="Other desk")
    data = {"filing": world.version.filing_id, "exact": "Gamma", "body": "x", "visible_to": str(other.pk)}
    response = world.client("author").post(reverse("notes:add"), data)
    assert response.status_code == 422
    assert not Annotation.objects.filter(group=other).exists()


def test_an_earlier_text_is_shown_only_to_who_could_see_it_then(world: World) -> None:
    note = world.notes["personal"]
    edit(note, world.user("author"), 1, Text("for all now"), Audience(Visibility.PUBLIC))
    for person in PEOPLE:
        html = world.client(person).get(address("history", note)).content.decode()
        assert "for all now" in html
        assert ("a secret thought" in html) is (person == "author")


def test_a_reply_to_a_note_that_is_hidden_now_tells_its_author_nothing_of_it(world: World) -> None:
    head = world.notes["public"]
    reply = make_reply(world.user("outsider"), head, "my answer")
    other = make_group("Board", world.user("author"))
    Annotation.objects.filter(pk=head.pk).update(visibility="group", group=other, body="for the board")
    client = world.client("outsider")
    pages = [client.get(address("note", reply)), client.get(reverse("notes:list"))]
    pages += [client.get(reverse("notes:export", args=[kind])) for kind in ("jsonld", "md", "csv")]
    for response in pages:
        html = response.content.decode()
        assert "my answer" in html
        assert "for the board" not in html
        assert "Board" not in html
    assert client.get(address("note", head)).status_code == 404
    assert "my answer" not in client.get(reverse("notes:list"), {"visibility": "group"}).content.decode()


# --- The admin ----------------------------------------------------------------------------------------

ADMIN_MODELS = ("annotation", "annotationtag", "annotationmention", "annotationrevision")


@pytest.mark.parametrize("model", ADMIN_MODELS)
def test_staff_see_no_more_in_the_admin(world: World, model: str) -> None:
    client = world.client("staff")
    html = client.get(reverse(f"admin:companies_{model}_changelist")).content.decode()
    for visibility in ("personal", "group"):
        assert str(world.notes[visibility].uid) not in html
        assert f"{visibility}-tag" not in html
    note = world.notes["personal"]
    rows = {"annotation": [note.pk], "annotationtag": note.tags.values_list("pk", flat=True)}
    rows |= {"annotationmention": note.mentions.values_list("pk", flat=True)}
    rows |= {"annotationrevision": note.revisions.values_list("pk", flat=True)}
    for pk in rows[model]:
        for page in ("change", "history", "delete"):
            response = client.get(reverse(f"admin:companies_{model}_{page}", args=[pk]))
            assert response.status_code in (302, 403, 404)
            assert SECRET not in response.content.decode()


@pytest.mark.parametrize("model", ["user", "filing", "notegroup"])
def test_the_admin_does_not_tell_what_would_be_deleted_with_a_row(world: World, model: str) -> None:
    pk = {"user": world.user("author").pk, "filing": world.version.filing_id, "notegroup": world.group.pk}[model]
    response = world.client("staff").get(reverse(f"admin:companies_{model}_delete", args=[pk]), follow=True)
    html = response.content.decode()
    assert response.status_code == 200
    for visibility in SEES:
        assert f"{visibility} note" not in html
        assert f"{visibility} words" not in html
        assert f"{visibility}-tag" not in html


def test_a_group_with_notes_is_not_deleted_and_the_admin_says_why(world: World) -> None:
    url = reverse("admin:companies_notegroup_delete", args=[world.group.pk])
    response = world.client("staff").post(url, {"post": "yes"}, follow=True)
    assert "cannot be deleted: 2 notes belong to it" in response.content.decode()
    assert NoteGroup.objects.filter(pk=world.group.pk).exists()


def test_a_group_without_notes_can_be_deleted(world: World) -> None:
    group = NoteGroup.objects.get(name="Other desk")
    url = reverse("admin:companies_notegroup_delete", args=[group.pk])
    world.client("staff").post(url, {"post": "yes"})
    assert not NoteGroup.objects.filter(pk=group.pk).exists()


def test_analysts_do_not_enter_the_admin(world: World) -> None:
    assert world.client("author").get(reverse("admin:companies_annotation_changelist")).status_code == 403


# --- Guesses -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("guess", ["1", "0", "-1", "abc", str(UUID(int=0)), str(UUID(int=1)), "%00"])
def test_guesses_of_identifiers_find_nothing(world: World, guess: str) -> None:
    for person in ("anonymous", "outsider", "staff"):
        assert world.client(person).get(f"/notes/{guess}/").status_code == 404


@pytest.mark.parametrize("pk", [0, 999_999, 2**40])
def test_guesses_of_filings_find_nothing(world: World, pk: int) -> None:
    assert not Filing.objects.filter(pk=pk).exists()
    assert world.client("author").get(f"/notes/of/{pk}/").status_code == 404
