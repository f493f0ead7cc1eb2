"""Deciding about proposed figures: the preview, the decision, and what the pages show then."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from companies.models import Anchor, Company, Figure, Revision, User
from tests.factories import (
    make_analyst,
    make_anchor,
    make_company,
    make_editor,
    make_figure,
    make_filing,
    make_listing,
    make_quote,
    make_share_count,
    make_user,
    make_version,
)
from valuations.figure_review import CannotDecide, decide, preview, proposed, with_rivals
from valuations.money import Interval
from valuations.snapshot import CompanyValuation, Question, snapshots, today
from valuations.trailing import RevenueBasis

pytestmark = pytest.mark.django_db
SENTENCE = "Revenue of 2025 was 2,000 yuan"
FY = RevenueBasis.FY


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def a_company() -> Company:
    """A listed company worth 100,000,000 with a price of today; the last fiscal year was 2025."""
    company = make_company()
    listing = make_listing(company)
    make_share_count(company, 1_000_000)
    make_quote(listing, "100", day=today() - timedelta(days=1))
    return company


def a_proposal(company: Company, low: str = "2000", **fields: Any) -> Figure:
    """Revenue of 2025, taken from a passage."""
    filing = fields.pop("filing", None) or make_filing(f"filing-{Figure.objects.count()}", company=company)
    version = make_version(filing, f"{SENTENCE}.")
    values: dict[str, Any] = {
        "status": "proposed", "source": filing, "passage": SENTENCE, "anchor": make_anchor(version, SENTENCE),
        "known_on": today() - timedelta(days=1),
    }  # fmt: skip
    return make_figure(company, low, **{**values, **fields})


def numbers(row: CompanyValuation) -> tuple[Decimal | None, Interval | None, str]:
    """What a row shows: revenue, price to sales, and why the former is missing."""
    return row.revenue.money.low if row.revenue else None, row.price_to_sales, str(row.missing.get("revenue", ""))


def shown(company: Company, basis: RevenueBasis = FY) -> tuple[Decimal | None, Interval | None, str]:
    """The numbers of the company's row, from the database."""
    question = Question(as_of=today())
    return numbers(snapshots(question, [basis], Company.objects.filter(pk=company.pk))[basis].rows[0])


def needs_review(figure: Figure) -> None:
    Anchor.objects.filter(figures=figure).update(
        state=Anchor.State.NEEDS_REVIEW, candidate_version=figure.anchor and figure.anchor.version, reason="changed"
    )


# --- The preview ------------------------------------------------------------------------------------


def test_the_preview_is_what_is_shown_once_the_figure_is_confirmed() -> None:
    company = a_company()
    make_figure(company, "1000", known_on=today() - timedelta(days=300))
    figure = a_proposal(company)
    found = preview(figure)
    assert Figure.objects.get(pk=figure.pk).status == "proposed"
    expected = {change.basis: numbers(change.after) for change in found.changes}
    before = {basis: shown(company, basis) for basis in RevenueBasis}
    decide(figure, Figure.Status.CONFIRMED, make_editor())
    after = {basis: shown(company, basis) for basis in RevenueBasis}
    assert after == expected
    assert after[FY] != before[FY]
    assert after[FY][0] == 2000


def test_the_preview_leaves_out_the_figure_that_is_put_right() -> None:
    company = a_company()
    wrong = make_figure(company, "1000", known_on=today())
    [fy] = [change for change in preview(a_proposal(company, replaces=wrong)).changes if change.basis is FY]
    assert fy.use == "shown"
    assert fy.after.revenue is not None
    assert fy.after.revenue.flow.terms[0].choice.also == ()


@pytest.mark.parametrize(
    ("existing", "proposal", "use"),
    [
        ({}, {}, "shown"),
        ({"basis": "actual"}, {"basis": "preliminary"}, "basis"),
        ({"tier": "official"}, {"tier": "media"}, "tier"),
        ({"known_on": 0}, {}, "newer"),
        ({}, {"known_on": 5}, "later"),
        ({}, {"period": "2025Q3", "period_start": date(2025, 7, 1), "period_end": date(2025, 9, 30)}, "unused"),
    ],
)
def test_the_preview_says_how_the_row_uses_the_figure(
    existing: dict[str, Any], proposal: dict[str, Any], use: str
) -> None:
    company = a_company()
    for fields in (existing, proposal):
        if "known_on" in fields:
            fields["known_on"] = today() + timedelta(days=fields["known_on"])
    source = make_filing("old", tier=existing.pop("tier", "official"))
    make_figure(company, "1000", **{"known_on": today() - timedelta(days=300), "source": source, **existing})
    filing = make_filing("new", company=company, tier=proposal.pop("tier", "official"))
    [fy] = [change for change in preview(a_proposal(company, filing=filing, **proposal)).changes if change.basis is FY]
    assert fy.use == use
    assert fy.differs is (use == "shown")


def test_a_figure_that_the_sector_page_does_not_use_says_so() -> None:
    figure = a_proposal(a_company(), metric="order_backlog")
    assert not preview(figure).concerns_the_sector
    html = signed_in(make_editor()).get(f"/figures/{figure.pk}/decide/").content.decode()
    assert "appears on the company’s page" in html


# --- The decision -----------------------------------------------------------------------------------


def test_a_confirmed_figure_supersedes_the_one_it_replaces_and_says_who_and_why() -> None:
    company = a_company()
    wrong = make_figure(company, "1000")
    figure = a_proposal(company, replaces=wrong)
    editor, revision = make_editor(), Revision.current()
    response = signed_in(editor).post(f"/figures/{figure.pk}/decide/", {"decision": "confirm", "reason": "Seen."})
    assert response["Location"] == f"/figures/{figure.pk}/"
    figure.refresh_from_db()
    wrong.refresh_from_db()
    assert (figure.status, figure.decided_by, figure.decision) == ("confirmed", editor, "Seen.")
    assert figure.decided_at is not None
    assert wrong.status == "superseded"
    assert Revision.current() > revision


def test_a_rejected_figure_needs_its_reason_and_stays_out() -> None:
    company = a_company()
    figure = a_proposal(company)
    client = signed_in(make_editor())
    refused = client.post(f"/figures/{figure.pk}/decide/", {"decision": "reject", "reason": " "})
    assert refused.status_code == 422
    assert Figure.objects.get(pk=figure.pk).status == "proposed"
    client.post(f"/figures/{figure.pk}/decide/", {"decision": "reject", "reason": "Another year."})
    figure.refresh_from_db()
    assert (figure.status, figure.decision) == ("rejected", "Another year.")
    assert shown(company)[0] is None


def test_the_second_editor_is_told_and_changes_nothing() -> None:
    figure = a_proposal(a_company())
    first, second = make_editor("first"), make_editor("second")
    signed_in(first).post(f"/figures/{figure.pk}/decide/", {"decision": "confirm"})
    revision = Revision.current()
    response = signed_in(second).post(
        f"/figures/{figure.pk}/decide/", {"decision": "reject", "reason": "No."}, follow=True
    )
    assert "Somebody else has decided" in response.content.decode()
    figure.refresh_from_db()
    assert (figure.status, figure.decided_by) == ("confirmed", first)
    assert Revision.current() == revision


def test_a_figure_sent_twice_is_decided_once() -> None:
    figure = a_proposal(a_company())
    editor = make_editor()
    decide(figure, Figure.Status.CONFIRMED, editor)
    with pytest.raises(CannotDecide) as told:
        decide(figure, Figure.Status.CONFIRMED, editor)
    assert told.value.code == "decided"


def test_what_was_put_right_by_another_figure_is_not_superseded_again() -> None:
    company = a_company()
    wrong = make_figure(company, "1000")
    first, second = a_proposal(company, replaces=wrong), a_proposal(company, "3000", replaces=wrong)
    client = signed_in(make_editor())
    client.post(f"/figures/{first.pk}/decide/", {"decision": "confirm"})
    response = client.post(f"/figures/{second.pk}/decide/", {"decision": "confirm"})
    assert response.status_code == 409
    second.refresh_from_db()
    assert second.status == "proposed"


def test_a_figure_in_doubt_or_of_an_example_is_not_confirmed() -> None:
    company = a_company()
    client = signed_in(make_editor())
    doubtful = a_proposal(company)
    needs_review(doubtful)
    example = a_proposal(company, filing=make_filing("example", is_example=True))
    for figure in (doubtful, example):
        assert client.post(f"/figures/{figure.pk}/decide/", {"decision": "confirm"}).status_code == 409
        figure.refresh_from_db()
        assert figure.status == "proposed"
    rejected = client.post(f"/figures/{example.pk}/decide/", {"decision": "reject", "reason": "Invented."})
    assert rejected.status_code == 302


def test_whoever_confirms_an_own_figure_is_told_that_it_shows() -> None:
    editor = make_editor()
    figure = a_proposal(a_company(), entered_by=editor)
    client = signed_in(editor)
    assert "You entered this figure yourself" in client.get(f"/figures/{figure.pk}/decide/").content.decode()
    page = client.post(f"/figures/{figure.pk}/decide/", {"decision": "confirm"}, follow=True).content.decode()
    assert "by the one who entered it" in page


@pytest.mark.parametrize(("maker", "status"), [(None, 302), (make_user, 403), (make_analyst, 403), (make_editor, 200)])
def test_only_those_who_may_decide_see_the_queue_and_the_preview(maker: Any, status: int) -> None:
    figure = a_proposal(a_company())
    client = signed_in(maker()) if maker else Client()
    for path in ("/figures/proposed/", f"/figures/{figure.pk}/decide/"):
        assert client.get(path).status_code == status
    if status != 200:
        assert client.post(f"/figures/{figure.pk}/decide/", {"decision": "confirm"}).status_code == status
        assert Figure.objects.get(pk=figure.pk).status == "proposed"


# --- The queue --------------------------------------------------------------------------------------


def test_the_queue_shows_the_oldest_first_and_what_is_confirmed_already() -> None:
    company = a_company()
    make_figure(company, "1000")
    first, second = a_proposal(company), a_proposal(company, "1000")
    confirmed = with_rivals(proposed())
    assert [item.figure for item in confirmed] == [first, second]
    assert [item.conflicts for item in confirmed] == [True, False]
    assert list(proposed(company="other")) == []
    assert list(proposed(metric="cash")) == []


def test_the_queue_asks_as_often_for_many_figures_as_for_one(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    company = a_company()
    a_proposal(company)
    client = signed_in(make_editor())
    client.get("/figures/proposed/")
    with django_assert_num_queries(9):
        client.get("/figures/proposed/")
    for value in range(8):
        a_proposal(company, f"{value + 1}")
    with django_assert_num_queries(9):
        client.get("/figures/proposed/")


# --- What needs review leaves -----------------------------------------------------------------------


def test_a_figure_in_doubt_leaves_chart_table_and_json_and_comes_back() -> None:
    company = a_company()
    figure = a_proposal(company, status="confirmed")
    assert shown(company)[0] == 2000
    needs_review(figure)
    Revision.bump()
    revenue, multiple, missing = shown(company)
    assert (revenue, multiple) == (None, None)
    assert "was not found again" in missing
    row = next(row for row in Client().get("/sector.json?basis=fy").json()["rows"] if row["slug"] == company.slug)
    assert row["revenue"] is None
    table = Client().get("/?basis=fy").content.decode()
    assert "was not found again" in table
    page = Client().get(f"/companies/{company.slug}/").content.decode()
    assert "Left out until someone looks" in page
    assert f"/figures/{figure.pk}/" in page
    Anchor.objects.filter(figures=figure).update(state=Anchor.State.MOVED, candidate_version=None, reason="")
    Revision.bump()
    assert shown(company)[0] == 2000


def test_another_reason_for_a_missing_number_stays_that_reason() -> None:
    company = a_company()
    needs_review(a_proposal(company, status="confirmed"))
    assert shown(company, RevenueBasis.GUIDANCE)[2] == "no revenue known on this day"


# --- Links ------------------------------------------------------------------------------------------


def test_a_source_panel_leads_to_the_figure_and_to_its_sentence() -> None:
    company = a_company()
    revenue = a_proposal(company, status="confirmed")
    expense = a_proposal(company, status="confirmed", metric="rd_expense")
    for path, figure in (
        (f"/companies/{company.slug}/revenue/source/?basis=fy", revenue),
        (f"/companies/{company.slug}/figures/rd_expense/source/", expense),
        (f"/companies/{company.slug}/", revenue),
        (f"/companies/{company.slug}/", expense),
    ):
        html = Client().get(path).content.decode()
        assert f'href="/figures/{figure.pk}/"' in html
        address = f"/filings/{figure.source_id}/?version=1&amp;page=1&amp;from=0&amp;to={len(SENTENCE)}#passage"
        assert f'href="{address}"' in html
