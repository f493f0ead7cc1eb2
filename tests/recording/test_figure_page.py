"""The permanent page of a figure, and its JSON."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from companies.models import Anchor, Figure, User
from tests.factories import (
    make_analyst,
    make_anchor,
    make_company,
    make_editor,
    make_figure,
    make_filing,
    make_user,
    make_version,
)

pytestmark = pytest.mark.django_db
SENTENCE = "Revenue was 1,200 million yuan"


def signed_in(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def recorded(**fields: Any) -> Figure:
    """A figure with the place of its sentence."""
    version = make_version(make_filing("report", company=make_company()), f"{SENTENCE}.")
    values: dict[str, Any] = {"source": version.filing, "passage": SENTENCE, "anchor": make_anchor(version, SENTENCE)}
    low, high = fields.pop("low", "1200000000"), fields.pop("high", "")
    return make_figure(version.filing.company, low, high, **{**values, **fields})


def test_a_figure_shows_its_value_its_sentence_and_who_stands_for_it() -> None:
    analyst, editor = make_analyst(), make_editor()
    figure = recorded(entered_by=analyst, decided_by=editor, decided_at=timezone.now(), decision="Checked twice.")
    html = Client().get(f"/figures/{figure.pk}/").content.decode()
    assert "1,200,000,000 CNY" in html
    assert f"<mark>{SENTENCE}</mark>" in html
    assert f"/filings/{figure.source_id}/?version=1&amp;page=1&amp;from=0&amp;to={len(SENTENCE)}#passage" in html
    assert "analyst" in html
    assert "editor" in html
    assert "Checked twice." in html


def test_a_starter_figure_says_that_its_sentence_is_not_marked() -> None:
    figure = make_figure()
    html = Client().get(f"/figures/{figure.pk}/").content.decode()
    assert "not marked in a stored document" in html
    assert figure.source.url in html


def test_a_figure_whose_passage_needs_review_says_that_it_left_the_chart() -> None:
    figure = recorded()
    assert figure.anchor is not None
    Anchor.objects.filter(pk=figure.anchor.pk).update(
        state=Anchor.State.NEEDS_REVIEW, candidate_version=figure.anchor.version, reason="changed"
    )
    assert "left the chart until someone looks" in Client().get(f"/figures/{figure.pk}/").content.decode()


def test_a_number_that_its_passage_does_not_state_is_marked() -> None:
    figure = recorded(passage=SENTENCE, low="1300000000")
    assert "does not state this number" in Client().get(f"/figures/{figure.pk}/").content.decode()


READERS = {"anonymous": None, "reader": make_user, "analyst": make_analyst, "editor": make_editor}
SEEN = {
    "confirmed": {"anonymous", "reader", "analyst", "editor", "author"},
    "superseded": {"anonymous", "reader", "analyst", "editor", "author"},
    "proposed": {"analyst", "editor", "author"},
    "rejected": {"analyst", "editor", "author"},
}


@pytest.mark.parametrize("status", SEEN)
@pytest.mark.parametrize("reader", [*READERS, "author"])
def test_only_those_who_work_on_figures_see_what_is_not_confirmed(status: str, reader: str) -> None:
    author = make_user("author")  # may have lost the right to propose since
    figure = recorded(status=status, entered_by=author)
    maker = READERS.get(reader)
    client = signed_in(author if reader == "author" else maker() if maker else None)
    expected = 200 if reader in SEEN[status] else 404
    for path in (f"/figures/{figure.pk}/", f"/figures/{figure.pk}.json"):
        assert client.get(path).status_code == expected


def test_what_one_may_not_see_is_in_no_list_of_another_figure() -> None:
    figure = recorded()
    make_figure(figure.company, "777", status="proposed")
    rejected = make_figure(figure.company, "888", status="rejected")
    make_figure(figure.company, "999")
    public = Client().get(f"/figures/{figure.pk}/").content.decode()
    assert "999" in public
    assert "777" not in public
    insider = signed_in(make_analyst()).get(f"/figures/{figure.pk}/").content.decode()
    assert "777" in insider
    assert f"/figures/{rejected.pk}/" not in insider
    data = Client().get(f"/figures/{figure.pk}.json").json()
    assert [one["low"] for one in data["also_reported"]] == ["999.0000"]


def test_earlier_values_follow_one_another() -> None:
    first = recorded(status="superseded")
    second = make_figure(first.company, "1300000000", status="superseded", replaces=first)
    third = make_figure(first.company, "1400000000", replaces=second)
    data = Client().get(f"/figures/{third.pk}.json").json()
    assert [one["id"] for one in data["earlier"]] == [second.pk, first.pk]
    assert data["replaced_by"] is None
    older = Client().get(f"/figures/{first.pk}/").content.decode()
    assert f'href="/figures/{second.pk}/"' in older
    assert "Superseded" in older


def test_figures_that_replace_one_another_in_a_circle_end() -> None:
    first = recorded()
    second = make_figure(first.company, replaces=first)
    Figure.objects.filter(pk=first.pk).update(replaces=second)
    assert Client().get(f"/figures/{first.pk}/").status_code == 200


def test_the_json_keeps_every_digit_and_the_place() -> None:
    figure = recorded(low="1200000000.25", high=None)
    data = Client().get(f"/figures/{figure.pk}.json").json()
    assert (data["low"], data["high"], data["currency"]) == ("1200000000.2500", None, "CNY")
    assert (data["place"]["page"], data["place"]["start"], data["place"]["end"]) == (1, 0, len(SENTENCE))
    assert data["url"].endswith(f"/figures/{figure.pk}/")
    assert data["passage"] == SENTENCE


def test_the_page_asks_as_often_for_many_figures_as_for_one(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    figure = recorded()
    Client().get(f"/figures/{figure.pk}/")
    with django_assert_num_queries(3):
        Client().get(f"/figures/{figure.pk}/")
    for value in range(10):
        make_figure(figure.company, f"{value + 1}")
    with django_assert_num_queries(3):
        Client().get(f"/figures/{figure.pk}/")
