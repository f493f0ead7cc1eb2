"""Writing notes: one change at a time, whole or not at all, and nothing of another's overwritten."""

from __future__ import annotations

from datetime import timedelta

import pytest

from companies.annotations.editing import (
    Audience,
    EditConflict,
    Gone,
    MoreReaders,
    Text,
    WouldExpose,
    create,
    delete,
    edit,
    forget_deleted,
    reopen,
    reply,
    resolve,
    restore,
)
from companies.annotations.mentions import mentioned, unread
from companies.annotations.tags import parse_tags
from companies.filings.anchoring import anchor_at
from companies.models import Anchor, Annotation, Visibility
from tests.factories import make_analyst, make_group, make_note, make_reply, make_user, make_version

pytestmark = pytest.mark.django_db
PUBLIC = Audience(Visibility.PUBLIC)


def test_a_new_note_has_its_passage_tags_mentions_and_first_revision() -> None:
    author, other = make_analyst(), make_user("other")
    version = make_version()
    note = create(author, anchor_at(version, 1, 0, 7, "Revenue"), Text("@other look", ["a", "b"]), PUBLIC)
    assert note.anchor is not None
    assert (note.filing, note.anchor.exact, note.revision) == (version.filing, "Revenue", 1)
    assert [tag.name for tag in note.tags.all()] == ["a", "b"]
    assert [mention.user for mention in note.mentions.all()] == [other]
    [first] = note.revisions.all()
    assert (first.number, first.body, first.tags, first.visibility) == (1, "@other look", ["a", "b"], "public")


def test_the_second_of_two_edits_is_told_and_overwrites_nothing() -> None:
    author = make_analyst()
    note = make_note(author, make_version(), "Revenue", "first")
    edit(note, author, 1, Text("second", ["x"]), Audience())
    with pytest.raises(EditConflict) as conflict:
        edit(note, author, 1, Text("another second"), PUBLIC)
    assert (conflict.value.theirs.body, conflict.value.yours.body) == ("second", "another second")
    note.refresh_from_db()
    assert (note.body, note.visibility, note.revision) == ("second", "personal", 2)
    assert [tag.name for tag in note.tags.all()] == ["x"]
    assert list(note.revisions.values_list("number", "body")) == [(2, "second"), (1, "first")]


def test_a_deleted_note_is_not_edited() -> None:
    author = make_analyst()
    note = make_note(author, make_version(), "Revenue")
    delete(note, author)
    with pytest.raises(Gone):
        edit(note, author, 1, Text("late"), Audience())


@pytest.mark.parametrize(
    ("written_for", "now", "allowed"),
    [
        ("group", "public", False),
        ("group", "other", False),
        ("group", "personal", True),
        ("group", "group", True),
        ("public", "group", True),
        ("public", "personal", True),
    ],
)
def test_replies_of_others_are_never_shown_to_more_people_than_they_were_written_for(
    written_for: str, now: str, allowed: bool
) -> None:
    author, other = make_analyst("author"), make_analyst("other")
    audiences = {
        "personal": Audience(),
        "group": Audience(Visibility.GROUP, make_group("Desk", author, other)),
        "other": Audience(Visibility.GROUP, make_group("Other desk", author)),
        "public": PUBLIC,
    }
    before = audiences[written_for]
    note = make_note(author, make_version(), "Revenue", visibility=before.visibility, group=before.group)
    make_reply(other, note)
    if allowed:
        assert edit(note, author, 1, Text("x"), audiences[now]).visibility == audiences[now].visibility
    else:
        with pytest.raises(WouldExpose):
            edit(note, author, 1, Text("x"), audiences[now])
        assert Annotation.objects.get(pk=note.pk).body == "A note."


def test_a_group_thread_hidden_in_between_is_still_not_opened_to_all() -> None:
    author, other = make_analyst("author"), make_analyst("other")
    group = make_group("Desk", author, other)
    note = make_note(author, make_version(), "Revenue", visibility="group", group=group)
    make_reply(other, note)
    edit(note, author, 1, Text("x"), Audience())
    with pytest.raises(WouldExpose):
        edit(note, author, 2, Text("x"), PUBLIC)


def test_a_reply_goes_to_those_who_see_the_thread_and_follows_it() -> None:
    author, other = make_analyst("author"), make_analyst("other")
    note = make_note(author, make_version(), "Revenue", visibility="public")
    answer = reply(other, note, Text("yes"))
    assert (answer.parent, answer.filing, answer.anchor, answer.visibility) == (note, note.filing, None, "public")
    edit(note, author, 1, Text("x"), Audience())
    assert not Annotation.objects.visible_to(author).filter(author=author, pk=answer.pk).exists()
    assert Annotation.objects.visible_to(author).filter(pk=answer.pk).exists()
    assert not Annotation.objects.visible_to(make_user()).filter(pk=answer.pk).exists()


def test_a_reply_begun_for_fewer_people_is_not_sent_to_more() -> None:
    author = make_analyst("author")
    note = make_note(author, make_version(), "Revenue", visibility="public")
    with pytest.raises(MoreReaders):
        reply(author, note, Text("for me"), seen=Audience())
    assert not note.replies.exists()


def test_nobody_replies_to_what_they_do_not_see() -> None:
    note = make_note(make_analyst("author"), make_version(), "Revenue")
    with pytest.raises(Gone):
        reply(make_analyst("other"), note, Text("hello"))


def test_each_change_of_state_happens_once() -> None:
    author = make_analyst()
    note = make_note(author, make_version(), "Revenue")
    assert [resolve(note, author), resolve(note, author)] == [True, False]
    assert [reopen(note), reopen(note)] == [True, False]
    assert [delete(note, author), delete(note, author)] == [True, False]
    assert [restore(note), restore(note)] == [True, False]
    assert Annotation.objects.visible_to(author).get() == note


def test_deleted_notes_are_forgotten_after_thirty_days_with_their_replies_and_passages() -> None:
    author = make_analyst()
    version = make_version()
    old, kept = make_note(author, version, "Revenue"), make_note(author, version, "million")
    make_reply(author, old)
    delete(old, author)
    old.refresh_from_db()
    assert old.deleted_at is not None
    assert forget_deleted(old.deleted_at + timedelta(days=29)) == 0
    assert forget_deleted(old.deleted_at + timedelta(days=30)) == 2
    assert [note.pk for note in Annotation.objects.all()] == [kept.pk]
    assert [anchor.pk for anchor in Anchor.objects.all()] == [kept.anchor_id]


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("@ann", ["ann"]),
        ("@ann, @张三看一下", ["ann", "张三"]),
        ("请@张三。", ["张三"]),
        ("@ann.", ["ann"]),
        ("@annabel", []),
        ("mail a@ann.example", []),
        ("`@ann`", []),
        ("@ann @ann", ["ann"]),
        ("@nobody", []),
        ("@gone", []),
    ],
)
def test_people_are_mentioned_by_their_names(body: str, names: list[str]) -> None:
    for name in ("ann", "张三"):
        make_user(name)
    make_user("gone", is_active=False)
    assert [user.username for user in mentioned(body)] == names


def test_a_mention_is_new_until_seen_and_stays_seen_when_the_note_is_edited() -> None:
    author, ann = make_analyst(), make_user("ann")
    note = create(author, anchor_at(make_version(), 1, 0, 7), Text("@ann"), PUBLIC)
    assert unread(ann) == 1
    note.mentions.update(seen_at=note.created_at)
    edit(note, author, 1, Text("@ann, again"), PUBLIC)
    assert unread(ann) == 0
    edit(note, author, 2, Text("nobody"), PUBLIC)
    assert not note.mentions.exists()


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("", []),
        ("GPU, 毛利率，#Order Backlog", ["gpu", "毛利率", "order backlog"]),
        ("a,a, A ,", ["a"]),
        ("ＧＰＵ；x", ["gpu", "x"]),
        (" , ;#", []),
    ],
)
def test_tags_are_words_between_commas(text: str, tags: list[str]) -> None:
    assert parse_tags(text) == tags


def test_what_is_far_too_long_for_a_tag_is_left_as_it_is() -> None:
    # Spelling a letter with a million marks would take hours.
    endless = "a" + "\u0300\u0316" * 600_000
    assert parse_tags(f"gpu, {endless}") == ["gpu", endless]
