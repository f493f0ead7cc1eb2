"""One company of two entries of the same: what moves, what is joined, what is refused, and where addresses lead."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from companies.history import versions_of
from companies.merging import CannotMerge, merge, plan_of
from companies.models import (
    Annotation,
    Company,
    CorporateAction,
    Figure,
    Filing,
    FundingRound,
    Listing,
    Milestone,
    Revision,
    ShareCount,
    User,
)
from companies.search import found_companies
from companies.sheets.importing import begin
from tests.factories import (
    DAY,
    make_action,
    make_company,
    make_figure,
    make_filing,
    make_listing,
    make_milestone,
    make_note,
    make_outcome,
    make_round,
    make_run,
    make_share_count,
    make_staff,
    make_user,
    make_version,
    some_filing,
)
from tests.versions import latest
from valuations.models import RefreshOutcome

pytestmark = pytest.mark.django_db
WHY = "Both are the same company."
MOVED = (Listing, ShareCount, CorporateAction, FundingRound, Milestone, Filing, Figure)


@pytest.fixture
def staff() -> User:
    return make_staff()


@pytest.fixture
def client(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


def two() -> tuple[Company, Company]:
    kept = make_company("acme", name_en="Acme", name_zh="顶点")
    return kept, make_company("acme-chips", name_en="Acme Chips", name_zh="顶点芯片", aliases=["AC"])


def with_rows(company: Company) -> None:
    """One row of everything that names a company."""
    report = make_filing(f"{company.slug}-report", company=company)
    listing = make_listing(company, ticker="688777")
    make_share_count(company, source=report)
    make_action(company, source=report)
    make_round(company, source=report)
    make_milestone(company, source=report)
    make_figure(company, listing=listing, source=report)
    make_note(make_user("author"), make_version(report), "1,200")
    make_outcome(make_run(), None, company=company, provider="cninfo")


def test_everything_of_the_merged_company_goes_to_the_one_that_stays(staff: User) -> None:
    kept, merged = two()
    with_rows(merged)
    before = Revision.current()
    merge(kept, merged, staff, WHY)
    for model in (*MOVED, RefreshOutcome):
        assert [row.company for row in model._default_manager.all()] == [kept], model
    assert Annotation.objects.get().filing.company == kept
    merged.refresh_from_db()
    assert merged.archived_at is not None
    assert merged.merged_into == kept
    assert Revision.current() > before
    traced: tuple[Any, ...] = (*MOVED, Company)
    for model in traced:
        last = latest(model)
        assert (last.history_type, last.history_user, last.history_change_reason) == ("~", staff, WHY), model


def test_the_merged_names_find_the_company_that_stays(staff: User) -> None:
    kept, merged = two()
    merge(kept, merged, staff, WHY)
    kept.refresh_from_db()
    assert kept.aliases == ["Acme Chips", "顶点芯片", "AC"]
    for text in ("acme chips", "dingdianxinpian", "顶点芯片", "ac"):
        assert kept in found_companies(text), text
    assert merged not in found_companies("acme")


def test_rows_that_both_have_are_joined(staff: User) -> None:
    kept, merged = two()
    for company in (kept, merged):
        make_share_count(company, 1000)
        make_action(company)
        make_milestone(company)
        make_round(company)
        make_figure(company, "500")
    plan = merge(kept, merged, staff, WHY)
    assert {part.model: len(part.joined) for part in plan.parts if part.joined} == {
        ShareCount: 1, CorporateAction: 1, Milestone: 1, FundingRound: 1, Figure: 1,
    }  # fmt: skip
    for model in (ShareCount, CorporateAction, Milestone, FundingRound, Figure):
        assert [row.company for row in model._default_manager.all()] == [kept], model
        assert latest(model).history_type == "-"


def test_a_figure_that_another_one_replaces_moves_rather_than_being_joined(staff: User) -> None:
    kept, merged = two()
    make_figure(kept, "500", status="superseded")
    old = make_figure(merged, "500", status="superseded")
    new = make_figure(merged, "600", replaces=old)
    merge(kept, merged, staff, WHY)
    new.refresh_from_db()
    assert new.replaces == old
    assert Figure.objects.filter(company=kept).count() == 3


@pytest.mark.parametrize("contradiction", ["count", "action", "year"])
def test_contradicting_rows_are_refused_with_words_and_nothing_changes(
    client: Client, staff: User, contradiction: str
) -> None:
    kept, merged = two()
    words = {"count": "1,000 all classes together", "action": "bonus issue", "year": "fiscal years"}[contradiction]
    if contradiction == "count":
        make_share_count(kept, 1000)
        make_share_count(merged, 2000)
    elif contradiction == "action":
        make_action(kept, "1.5")
        make_action(merged, "1.4")
    else:
        Company.objects.filter(pk=merged.pk).update(fiscal_year_end="06-30")
    make_figure(merged)
    make_milestone(merged)
    before = Revision.current()
    with pytest.raises(CannotMerge, match=words):
        merge(kept, merged, staff, WHY)
    response = client.post(url(), {"a": kept.pk, "b": merged.pk, "keep": "a", "change_reason": WHY})
    assert response.status_code == 422
    assert words in response.content.decode()
    merged.refresh_from_db()
    assert merged.archived_at is None
    assert Figure.objects.get().company == Milestone.objects.get().company == merged
    assert Revision.current() == before


def test_merging_twice_changes_nothing_the_second_time(staff: User) -> None:
    kept, merged = two()
    with_rows(merged)
    merge(kept, merged, staff, WHY)
    before = (Revision.current(), versions_of(Company).count(), Company.objects.get(pk=merged.pk).archived_at)
    assert merge(kept, merged, staff, WHY).is_done
    assert before == (
        Revision.current(), versions_of(Company).count(), Company.objects.get(pk=merged.pk).archived_at,
    )  # fmt: skip


def test_what_was_merged_into_the_merged_one_leads_to_the_one_that_stays(staff: User) -> None:
    kept, merged = two()
    first = make_company("first")
    merge(merged, first, staff, WHY)
    merge(kept, merged, staff, WHY)
    first.refresh_from_db()
    assert first.merged_into == kept


def test_archived_companies_and_one_with_itself_are_not_merged(staff: User) -> None:
    kept, merged = two()
    archived = make_company("archived", archived_at=merged.history.first().history_date)
    for one, other in ((archived, merged), (kept, archived), (kept, kept)):
        with pytest.raises(CannotMerge):
            merge(one, other, staff, WHY)
    merge(kept, merged, staff, WHY)
    with pytest.raises(CannotMerge, match="another company already"):
        merge(make_company("third"), merged, staff, WHY)


# --- Pages ------------------------------------------------------------------------------------------


def url() -> str:
    return reverse("admin:companies_company_merge")


def test_two_companies_chosen_in_the_list_are_shown_and_merged(client: Client) -> None:
    kept, merged = two()
    with_rows(merged)
    data: dict[str, Any] = {"action": "merge_chosen", "_selected_action": [kept.pk, merged.pk]}
    page = client.post(reverse("admin:companies_company_changelist"), data, follow=True)
    shown = {part.model: part.moving for part in page.context["plan"].parts}
    assert {model: shown[model] for model in (*MOVED, RefreshOutcome)} == dict.fromkeys((*MOVED, RefreshOutcome), 1)
    assert page.context["plan"].notes == 1
    done = client.post(url(), {"a": kept.pk, "b": merged.pk, "keep": "a", "change_reason": WHY}, follow=True)
    assert "Acme Chips 顶点芯片 is merged into Acme 顶点." in done.content.decode()
    assert Figure.objects.get().company == kept


def test_either_of_the_two_may_stay(client: Client) -> None:
    one, other = two()
    client.post(url(), {"a": one.pk, "b": other.pk, "keep": "b", "change_reason": WHY})
    one.refresh_from_db()
    assert one.merged_into == other


def test_merging_needs_a_reason_and_the_right(client: Client) -> None:
    one, other = two()
    data = {"a": one.pk, "b": other.pk, "keep": "a"}
    assert client.post(url(), data).status_code == 422
    clerk = Client()
    clerk.force_login(make_user("clerk", is_staff=True))
    assert clerk.post(url(), {**data, "change_reason": WHY}).status_code == 403
    assert not Company.objects.exclude(merged_into=None).exists()


@pytest.mark.parametrize("query", ["", "a=1", "a=x&b=y", "a=1&b=999999", "a=%00&b=1"])
def test_an_odd_address_leads_back_to_the_list(client: Client, query: str) -> None:
    make_company()
    assert client.get(f"{url()}?{query}").status_code == 302


def test_one_or_three_chosen_companies_are_not_merged(client: Client) -> None:
    companies = [*two(), make_company("third")]
    for chosen in (companies[:1], companies):
        data = {"action": "merge_chosen", "_selected_action": [one.pk for one in chosen]}
        page = client.post(reverse("admin:companies_company_changelist"), data, follow=True)
        assert "Choose exactly two companies to merge." in page.content.decode()


def test_addresses_of_the_merged_company_lead_to_the_one_that_stays(client: Client, staff: User) -> None:
    kept, merged = two()
    make_filing("report", company=merged, title="Report of both")
    merge(kept, merged, staff, WHY)
    page = client.get("/companies/acme-chips/?currency=USD")
    assert (page.status_code, page["Location"]) == (302, "/companies/acme/?currency=USD")
    source = client.get("/companies/acme-chips/price/source/")
    assert source["Location"] == "/companies/acme/price/source/"
    stated = client.get("/companies/acme-chips/figures/rd_expense/source/")
    assert stated["Location"] == "/companies/acme/figures/rd_expense/source/"
    compared = client.get("/compare/?c=acme-chips&c=acme")
    assert compared["Location"].startswith("/compare/?")
    assert "acme-chips" not in compared["Location"]
    assert "Report of both" in client.get("/filings/?company=acme-chips").content.decode()


def test_a_merged_company_is_not_restored(client: Client, staff: User) -> None:
    kept, merged = two()
    merge(kept, merged, staff, WHY)
    restore = reverse("admin:companies_company_restore")
    page = client.post(restore, {"ids": [merged.pk], "change_reason": WHY}, follow=True)
    assert "have been merged into another one" in page.content.decode() or "has been merged" in page.content.decode()
    merged.refresh_from_db()
    assert merged.archived_at is not None


def test_merging_takes_as_many_queries_for_many_rows_as_for_few(staff: User) -> None:
    counts = []
    Revision.bump()
    for n in (1, 5):
        kept, merged = make_company(f"kept-{n}"), make_company(f"merged-{n}")
        for i in range(n):
            make_figure(merged, str(i + 1), period=f"FY201{i}")
            make_milestone(merged, day=DAY + timedelta(days=i))
        with CaptureQueriesContext(connection) as queries:
            merge(kept, merged, staff, WHY)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_starter_facts_of_the_merged_company_go_to_the_one_that_stays(staff: User) -> None:
    call_command("load_starter", verbosity=0)
    first, *_ = Figure.objects.order_by("pk")
    merged, kept = first.company, make_company("kept", fiscal_year_end=first.company.fiscal_year_end)
    figures = Figure.objects.count()
    merge(kept, merged, staff, WHY)
    call_command("load_starter", verbosity=0)
    assert Figure.objects.count() == figures
    assert not Figure.objects.filter(company=merged).exists()
    assert not Milestone.objects.filter(company=merged).exists()


def test_a_plan_writes_nothing(staff: User) -> None:
    kept, merged = two()
    with_rows(merged)
    before = Revision.current()
    plan = plan_of(kept, merged)
    assert plan.problems == []
    assert Figure.objects.get().company == merged
    assert Figure.objects.get().low == Decimal(1000)
    assert some_filing().figures.count() == 0
    assert Revision.current() == before


# --- What would lead back to the merged company -------------------------------------------------------------


def test_a_row_is_not_reverted_to_the_company_that_was_merged(client: Client, staff: User) -> None:
    """It would leave the pages of both."""
    kept, merged = two()
    figure = make_figure(merged)
    merge(kept, merged, staff, WHY)
    before = versions_of(Figure).filter(id=figure.pk).order_by("history_id").first()
    url = reverse("admin:companies_figure_revert", args=[figure.pk, before.history_id])
    response = client.post(url, {"change_reason": "The amount was right."})
    assert response.status_code == 422
    [problem] = response.context["problems"]
    assert problem.startswith("Company: Acme Chips 顶点芯片 has been merged into Acme 顶点: choose that one")
    figure.refresh_from_db()
    assert figure.company == kept


def test_nothing_is_entered_or_imported_for_a_merged_company(client: Client, staff: User) -> None:
    kept, merged = two()
    merge(kept, merged, staff, WHY)
    source = make_filing()
    data = {
        "company": merged.pk, "kind": "application_accepted", "venue": "SSE STAR", "day": DAY, "precision": "day",
        "known_on": DAY, "source": source.pk,
    }  # fmt: skip
    response = client.post(reverse("admin:companies_milestone_add"), data)
    assert "has been merged into Acme" in response.content.decode()
    header = "company,kind,venue,day,precision,known_on,source"
    line = f"acme-chips,application_accepted,SSE STAR,{DAY},day,{DAY},{source.slug}"
    made = begin("companies.milestone", "milestones.csv", f"{header}\n{line}\n".encode(), WHY, staff)
    made.refresh_from_db()
    assert made.state == "refused"
    [mistake] = made.report["mistakes"]
    assert (mistake["row"], mistake["column"]) == (2, "company")
    assert not Milestone.objects.exists()
