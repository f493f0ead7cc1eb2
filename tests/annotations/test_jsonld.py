"""Notes out and in: W3C Web Annotations keep replies, visibility and tags, and a file is taken whole or not at all."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from companies.annotations.jsonld import Refused, parse
from companies.models import Annotation, AnnotationTag, User
from tests.factories import make_analyst, make_group, make_note, make_reply, make_user, make_version

pytestmark = pytest.mark.django_db


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def exported(user: User, query: str = "") -> dict[str, Any]:
    data: dict[str, Any] = client_of(user).get(reverse("notes:export", args=["jsonld"]) + query).json()
    return data


def send(user: User, content: str | bytes, *, confirm: bool = True) -> Any:
    client = client_of(user)
    file = SimpleUploadedFile("notes.jsonld", content if isinstance(content, bytes) else content.encode())
    response = client.post(reverse("notes:import"), {"file": file})
    if not confirm or response.status_code != 200:
        return response
    return client.post(reverse("notes:import"), {"text": response.context["text"], "confirm": "1"})


@pytest.fixture
def author() -> User:
    """The author of one note of each visibility, with tags, replies and one that is resolved."""
    author = make_analyst("author")
    version = make_version(None, "Alpha beta.", "Gamma 毛利率 😀 delta.", sha256="a" * 64)
    group = make_group("Desk", author)
    personal = make_note(author, version, "Alpha", "Mine.")
    shared = make_note(author, version, "Gamma 毛利率", "Ours: **bold**.", visibility="group", group=group)
    public = make_note(author, version, "delta", "", visibility="public")
    AnnotationTag.objects.create(annotation=shared, name="毛利率")
    AnnotationTag.objects.create(annotation=public, name="to check")
    make_reply(author, shared, "An answer.")
    Annotation.objects.filter(pk=personal.pk).update(resolved_at=personal.created_at, resolved_by=author)
    return author


def facts(user: User) -> list[tuple[Any, ...]]:
    """What has to survive a round trip."""
    notes = Annotation.objects.filter(author=user).select_related("anchor", "parent").prefetch_related("tags")
    return sorted(
        (
            note.body, note.visibility, note.group.name if note.group else "", bool(note.resolved_at),
            [tag.name for tag in note.tags.all()], note.parent.body if note.parent else "", note.created_at,
            (note.anchor.page, note.anchor.start, note.anchor.end, note.anchor.exact) if note.anchor else None,
        )
        for note in notes
    )  # fmt: skip


def test_an_annotation_has_the_words_of_the_w3c(author: User) -> None:
    data = exported(author)
    assert data["@context"][0] == "http://www.w3.org/ns/anno.jsonld"
    assert (data["type"], data["total"], data["first"]["type"]) == ("AnnotationCollection", 4, "AnnotationPage")
    by_motivation = {item["motivation"]: item for item in data["first"]["items"]}
    reply, highlight = by_motivation["replying"], by_motivation["highlighting"]
    parent = next(item for item in data["first"]["items"] if item["id"] == reply["target"])
    assert parent["body"][0] == {
        "type": "TextualBody", "value": "Ours: **bold**.", "format": "text/markdown", "purpose": "commenting",
    }  # fmt: skip
    assert parent["body"][1] == {"type": "TextualBody", "value": "毛利率", "purpose": "tagging"}
    assert (parent["visibility"], parent["group"]) == ("group", "Desk")
    quote, place = parent["target"]["selector"]
    assert quote == {"type": "TextQuoteSelector", "exact": "Gamma 毛利率", "prefix": "", "suffix": " 😀 delta."}
    assert place["value"] == "page=2"
    assert place["refinedBy"] == {"type": "TextPositionSelector", "start": 0, "end": 9}
    assert parent["target"]["source"]["sha256"] == "a" * 64
    assert [body["purpose"] for body in highlight["body"]] == ["tagging"]
    assert highlight["creator"] == {"type": "Person", "name": "author"}


def test_an_export_comes_back_with_replies_visibility_and_tags(author: User) -> None:
    text, before = json.dumps(exported(author)), facts(author)
    Annotation.objects.all().delete()
    assert send(author, text).status_code == 302
    assert facts(author) == before


def test_importing_the_same_file_again_adds_nothing(author: User) -> None:
    text = json.dumps(exported(author))
    assert len(send(author, text, confirm=False).context["plan"].here) == 4
    Annotation.objects.all().delete()
    send(author, text)
    plan = send(author, text, confirm=False).context["plan"]
    assert (len(plan.new), len(plan.here)) == (0, 4)


def test_showing_what_would_happen_changes_nothing(author: User) -> None:
    text = json.dumps(exported(author))
    Annotation.objects.all().delete()
    response = send(author, text, confirm=False)
    assert len(response.context["plan"].new) == 4
    assert not Annotation.objects.exists()


def test_a_group_the_importer_is_not_in_becomes_personal_and_is_told(author: User) -> None:
    text = json.dumps(exported(author))
    other = make_analyst("other")
    plan = send(other, text, confirm=False).context["plan"]
    assert [note.group for note in plan.personal] == ["Desk"]
    send(other, text)
    assert not Annotation.objects.filter(author=other, visibility="group").exists()
    ours = Annotation.objects.get(author=other, body__startswith="Ours")
    assert (ours.visibility, ours.replies.get().author) == ("personal", other)


def test_words_of_another_author_keep_their_name(author: User) -> None:
    other = make_analyst("other")
    send(other, json.dumps(exported(author)))
    assert Annotation.objects.filter(author=other, body="Mine.\n\n— author, 2026-03-02").exists()


def test_nobody_learns_by_importing_whether_a_hidden_note_exists(author: User) -> None:
    hidden = exported(author)
    spy = make_analyst("spy")
    there = send(spy, json.dumps(hidden)).status_code
    names = set(Annotation.objects.filter(author=spy).values_list("uid", flat=True))
    Annotation.objects.all().delete()
    assert send(spy, json.dumps(hidden)).status_code == there
    # The public note was seen, and is not added while it is there.
    assert names < set(Annotation.objects.filter(author=spy).values_list("uid", flat=True))


def test_ones_own_note_that_says_something_else_here_is_left_as_it_is(author: User) -> None:
    data = exported(author)
    Annotation.objects.filter(body="Mine.").update(body="Newer.")
    plan = send(author, json.dumps(data), confirm=False).context["plan"]
    assert [note.body for note in plan.different] == ["Mine."]
    assert Annotation.objects.filter(body="Newer.").exists()


def test_a_passage_that_has_moved_is_found_by_its_words_and_one_that_is_not_there_is_told(author: User) -> None:
    data = exported(author)
    Annotation.objects.all().delete()
    for item in data["first"]["items"]:
        if isinstance(item["target"], dict):
            item["target"]["selector"][1]["refinedBy"].update(start=1, end=4)
    commented = next(item for item in data["first"]["items"] if "Ours" in json.dumps(item))
    commented["target"]["selector"][0]["exact"] = "words that stand nowhere"
    plan = send(author, json.dumps(data), confirm=False).context["plan"]
    assert sorted(one.anchor.exact for one in plan.new if one.anchor) == ["Alpha", "delta"]
    assert [note.body for note, _reason in plan.unplaced] == ["Ours: **bold**.", "An answer."]


def test_a_document_that_is_not_here_is_told(author: User) -> None:
    text = json.dumps(exported(author)).replace("a" * 64, "b" * 64).replace("exchange.example", "other.example")
    Annotation.objects.all().delete()
    plan = send(author, text, confirm=False).context["plan"]
    assert (len(plan.new), len(plan.unplaced)) == (0, 4)


def item(**changes: Any) -> dict[str, Any]:
    values = {
        "id": "urn:uuid:11111111-1111-4111-8111-111111111111", "type": "Annotation", "created": "2026-03-02T04:00:00Z",
        "target": {"source": "x", "selector": {"type": "TextQuoteSelector", "exact": "Alpha"}}, "body": "A text",
    }  # fmt: skip
    return {name: value for name, value in (values | changes).items() if value is not None}


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (item(id="1"), "not_a_uuid"),
        (item(id=None), "missing"),
        (item(type="Note"), "not_annotation"),
        (item(created="yesterday"), "not_a_time"),
        (item(created="2026-03-02T04:00:00"), "no_time_zone"),
        (item(created=None), "missing"),
        (item(visibility="all"), "visibility"),
        (item(visibility="group"), "group"),
        (item(group="Desk"), "group"),
        (item(body=[{"type": "Image"}]), "not_a_body"),
        (item(body="\0"), "characters"),
        (item(body="\ud800"), "characters"),
        (item(target=5), "no_target"),
        (item(target="x"), "not_a_uuid"),
        (item(target={"source": "x", "selector": []}), "no_quote"),
        (item(target={"source": "x", "selector": {"type": "TextQuoteSelector", "exact": " "}}), "no_quote"),
        (item(target={"source": "x", "selector": [{"type": ["TextQuoteSelector"]}]}), "no_quote"),
        (item(target={"source": "x", "selector": {"type": {}}}), "no_quote"),
        (3, "not_annotation"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(value: Any, code: str) -> None:
    text = "[\n" + json.dumps(item()) + ",\n\n" + json.dumps(value) + "]"
    with pytest.raises(Refused) as refused:
        parse(text)
    [problem] = refused.value.problems
    assert (problem.code, problem.line) == (code, 4 if isinstance(value, dict) else 1)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "not_json"), ("{", "not_json"), ("[1,\n2,,]", "not_json"), ("{}", "no_annotations"),
        ("3", "no_annotations"),
        ("[" * 50_000, "too_deep"), ('{"a":' * 50_000, "too_deep"), ("NaN", "not_json"), ("9" * 5000, "not_json"),
        ("[" + ",".join(["{}"] * 5_001) + "]", "too_many"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_of_notes_is_refused(text: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(text)
    assert refused.value.problems[0].code == code


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b" " * 2_000_001, "2 MB"),
        (json.dumps([item(body="x" * 20_001)]).encode(), "longer than 20000"),
        (json.dumps([item(target="urn:uuid:22222222-2222-4222-8222-222222222222")]).encode(), "neither in the file"),
    ],
)
def test_a_file_that_is_refused_says_why_and_changes_nothing(content: bytes, said: str) -> None:
    response = send(make_analyst(), content)
    assert response.status_code == 422
    assert said in response.content.decode()
    assert not Annotation.objects.exists()


def test_a_table_takes_no_cell_for_a_formula() -> None:
    author = make_analyst()
    version = make_version(None, "=1+1 is quoted. -5% and @x too.")
    for exact, body in (("=1+1", '=HYPERLINK("https://evil.example")'), ("-5%", "-2"), ("@x", " +3"), ("too", "plain")):
        make_note(author, version, exact, body)
    content = client_of(author).get(reverse("notes:export", args=["csv"])).content.decode()
    rows = list(csv.DictReader(io.StringIO(content)))
    assert [row["note"] for row in rows] == ['\'=HYPERLINK("https://evil.example")', "'-2", "' +3", "plain"]
    assert [row["passage"] for row in rows] == ["'=1+1", "'-5%", "'@x", "too"]


def test_markdown_has_each_filing_with_its_passages_and_links(author: User) -> None:
    text = client_of(author).get(reverse("notes:export", args=["md"])).content.decode()
    assert text.index("## Annual report") < text.index("> Alpha") < text.index("> Gamma") < text.index("> An answer.")
    assert "](http://testserver/filings/" in text
    assert "#passage)" in text


def test_an_export_is_the_list_at_the_same_address(author: User) -> None:
    assert exported(author, "?tag=毛利率")["total"] == 1
    assert exported(author, "?resolved=yes")["total"] == 1
    assert exported(make_user(), "")["total"] == 1
    assert client_of(author).get(reverse("notes:export", args=["csv"]), {"whose": "everybody"}).status_code == 400
