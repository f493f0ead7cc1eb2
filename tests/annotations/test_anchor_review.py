"""Passages that could not be found again: who decides about them, and what follows."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from companies.annotations.anchor_review import candidate_name
from companies.filings.anchoring import check_anchors
from companies.models import Anchor, Figure, FilingPage, FilingVersion, Revision, User
from tests.factories import (
    make_analyst,
    make_anchor,
    make_editor,
    make_figure,
    make_note,
    make_staff,
    make_user,
    make_version,
)

pytestmark = pytest.mark.django_db
State = Anchor.State

PAGE = "公司预计2025年度营业收入为6.45亿元至7.20亿元。公司在手订单充足。"
RANGE = "6.45亿元至7.20亿元"
QUEUE = "/notes/anchors/"


def waiting_figure(now: str = PAGE.replace("7.20", "7.30")) -> Figure:
    """A figure whose passage reads otherwise in the second version."""
    anchor = make_anchor(make_version(None, PAGE), RANGE)
    figure = make_figure(anchor=anchor, source=anchor.version.filing)
    check_anchors(make_version(anchor.version.filing, now))
    return figure


def decide(user: User, anchor: Anchor, **data: Any) -> Any:
    client = Client()
    client.force_login(user)
    seen = candidate_name(Anchor.objects.get(pk=anchor.pk))
    return client.post(reverse("notes:anchor", args=[anchor.pk]), {"seen": seen, **data})


def queue(user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.get(QUEUE).content.decode()


def test_the_old_and_the_new_passage_stand_side_by_side() -> None:
    waiting_figure()
    page = queue(make_editor())
    assert "6.45亿元至7.<del>2</del>0亿元" in page
    assert "6.45亿元至7.<ins>3</ins>0亿元" in page
    assert "Digits, a sign or a unit differ." in page


def test_a_figure_never_follows_another_number() -> None:
    anchor = waiting_figure().anchor
    assert anchor is not None
    assert decide(make_editor(), anchor, decision="accept").status_code == 422
    response = decide(make_editor("other"), anchor, decision="quoted", exact="6.45亿元至7.30亿元")
    assert response.status_code == 422
    assert "6.45亿元至7.30亿元</textarea>" in response.content.decode()
    anchor.refresh_from_db()
    assert anchor.state == State.NEEDS_REVIEW


def test_a_figure_leaves_the_pages_until_somebody_decides_and_then_returns() -> None:
    figure = waiting_figure()
    assert figure.anchor is not None
    assert not Figure.objects.known_on(figure.known_on).exists()
    before = Revision.current()
    assert decide(make_editor(), figure.anchor, decision="earlier").status_code == 302
    assert Figure.objects.known_on(figure.known_on).get() == figure
    assert Revision.current() == before + 1


def test_a_document_that_says_something_else_supersedes_its_figure() -> None:
    figure = waiting_figure()
    assert figure.anchor is not None
    editor = make_editor()
    decide(editor, figure.anchor, decision="superseded")
    figure.refresh_from_db()
    assert (figure.status, figure.decided_by) == (Figure.Status.SUPERSEDED, editor)
    assert decide(editor, figure.anchor, decision="earlier").status_code == 409


def test_words_that_changed_without_the_number_can_be_accepted() -> None:
    anchor = make_anchor(make_version(None, PAGE), "营业收入为6.45亿元至7.20亿元")
    make_figure(anchor=anchor, source=anchor.version.filing)
    check_anchors(make_version(anchor.version.filing, PAGE.replace("收入为", "收入是")))
    editor = make_editor()
    assert decide(editor, anchor, decision="accept").status_code == 302
    anchor.refresh_from_db()
    assert (anchor.state, anchor.exact, anchor.decided_by) == (State.MOVED, "营业收入是6.45亿元至7.20亿元", editor)


def test_nobody_accepts_another_passage_than_the_one_that_was_shown() -> None:
    anchor = make_anchor(make_version(None, PAGE), "营业收入为6.45亿元至7.20亿元")
    make_figure(anchor=anchor, source=anchor.version.filing)
    newest = make_version(anchor.version.filing, PAGE.replace("收入为", "收入是"))
    check_anchors(newest)
    editor = make_editor()
    anchor.refresh_from_db()
    shown = candidate_name(anchor)
    assert f'name="seen" value="{shown}"' in queue(editor)
    # While the editor looks at it, the text is read anew: other words stand at that place now.
    FilingPage.objects.filter(version=newest).update(text=PAGE.replace("收入为", "成本是"))
    FilingVersion.objects.filter(pk=newest.pk).update(extraction=2)
    check_anchors(newest)
    assert decide(editor, anchor, decision="accept", seen=shown).status_code == 409
    assert decide(editor, anchor, decision="accept", seen="").status_code == 409
    anchor.refresh_from_db()
    assert (anchor.state, anchor.exact) == (State.NEEDS_REVIEW, "营业收入为6.45亿元至7.20亿元")


def test_the_author_of_a_note_says_where_its_passage_stands_now() -> None:
    author = make_analyst()
    note = make_note(author, make_version(None, PAGE), "公司在手订单充足")
    check_anchors(make_version(note.filing, "目录", "本公司手持订单饱满。"))
    assert note.anchor is not None
    refused = decide(author, note.anchor, decision="quoted", exact="没有")
    assert (refused.status_code, "没有</textarea>" in refused.content.decode()) == (422, True)
    assert decide(author, note.anchor, decision="quoted", exact="手持订单饱满").status_code == 302
    note.anchor.refresh_from_db()
    assert (note.anchor.page, note.anchor.exact, note.anchor.state) == (2, "手持订单饱满", State.MOVED)


def test_nobody_sees_or_decides_about_the_passage_of_another_ones_note() -> None:
    note = make_note(make_analyst(), make_version(None, PAGE), RANGE, visibility="public")
    check_anchors(make_version(note.filing, "别的"))
    assert note.anchor is not None
    for user in (make_analyst("other"), make_editor(), make_staff(), make_user()):
        assert RANGE not in queue(user)
        assert decide(user, note.anchor, decision="earlier").status_code == 404


def test_figures_are_for_editors_alone() -> None:
    anchor = waiting_figure().anchor
    assert anchor is not None
    for user in (make_analyst(), make_user()):
        assert "No passage waits for you." in queue(user)
        assert decide(user, anchor, decision="earlier").status_code == 404
    assert Client().get(QUEUE).status_code == 302
    assert Client().post(reverse("notes:anchor", args=[anchor.pk])).status_code == 302


@pytest.mark.parametrize("data", [{}, {"decision": "maybe"}, {"decision": "quoted", "page": "x"}])
def test_a_decision_that_is_none_changes_nothing(data: dict[str, str]) -> None:
    anchor = waiting_figure().anchor
    assert anchor is not None
    assert decide(make_editor(), anchor, **data).status_code == 400
    assert Anchor.objects.get().state == State.NEEDS_REVIEW


def test_the_queue_asks_as_often_for_many_as_for_one(client: Client, django_assert_num_queries: Any) -> None:
    version = make_version(None, PAGE)
    for _ in range(5):
        make_figure(anchor=make_anchor(version, RANGE), source=version.filing)
    check_anchors(make_version(version.filing, PAGE.replace("7.20", "7.30")))
    client.force_login(make_editor())
    client.get(QUEUE)
    with django_assert_num_queries(9):
        assert client.get(QUEUE).content.decode().count("<article") == 5
