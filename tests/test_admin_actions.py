"""Actions of the admin: what each begins, what it says, and that twice is once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as project
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from companies.models import Anchor, Company, Figure, Filing, FilingVersion, Listing
from tests.factories import (
    DAY,
    NOON,
    make_anchor,
    make_company,
    make_editor,
    make_figure,
    make_filing,
    make_listing,
    make_quote,
    make_run,
    make_share_count,
    make_user,
    make_version,
)
from valuations.admin.jobs import LARGE, MOST
from valuations.models import RefreshOutcome, RefreshRun
from valuations.refresh import run_batch

pytestmark = pytest.mark.django_db
Jobs = list[tuple[int, int]]


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Jobs:
    """The jobs that were queued, as run and batch; nobody does them but the test."""
    settings.SOURCES_ENABLED = True
    settings.QUOTE_SOURCES = ["tencent"]
    settings.HISTORY_SOURCES = ["tencent_history"]
    jobs: Jobs = []

    def queue(run: RefreshRun, batches: Any) -> bool:
        jobs.extend((run.pk, batch) for batch in batches)
        return True

    monkeypatch.setattr("valuations.ledger.queue_again", queue)
    monkeypatch.setattr("valuations.document_refresh.queue_again", queue)
    return jobs


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(make_editor())
    return client


@pytest.fixture
def act(client: Client, django_capture_on_commit_callbacks: Any) -> Callable[..., str]:
    """Choose rows of a list and an action; returns the page that comes of it, as text."""

    def acted(action: str, *rows: models.Model, by: Client = client, **data: Any) -> str:
        model = type(rows[0])
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        chosen = {"action": action, "_selected_action": [row.pk for row in rows], **data}
        with django_capture_on_commit_callbacks(execute=True):
            response = by.post(url, chosen, follow=True)
        assert response.status_code in (200, 422)
        return response.content.decode()

    return acted


def client_with(*rights: str) -> Client:
    user = make_user("looker")
    user.user_permissions.set(Permission.objects.filter(codename__in=("enter_admin", *rights)))
    client = Client()
    client.force_login(user)
    return client


def asked(run: RefreshRun) -> set[Any]:
    rows = RefreshOutcome.objects.filter(run=run).select_related("listing", "company", "filing")
    return {row.listing or row.filing or row.company for row in rows}


# --- Prices and lists -------------------------------------------------------------------------------


@pytest.mark.parametrize(("action", "kind"), [("refresh_prices", "quotes"), ("backfill", "history")])
def test_the_chosen_listings_are_asked_for_and_no_others(
    act: Callable[..., str], queued: Jobs, action: str, kind: str
) -> None:
    chosen, _other = make_listing(ticker="688001"), make_listing(ticker="688002")
    html = act(action, chosen)
    run = RefreshRun.objects.get()
    assert (run.kind, run.trigger, run.requested_by.username) == (kind, "staff", "editor")  # type: ignore[union-attr]
    assert asked(run) == {chosen}
    assert queued == [(run.pk, 0)]
    assert "The job is queued" in html
    assert f'href="{reverse("valuations:refresh", args=[run.pk])}"' in html


@pytest.mark.parametrize(("action", "kind"), [("refresh_prices", "quotes"), ("backfill", "history")])
def test_all_listings_of_the_chosen_companies_are_asked_for(
    act: Callable[..., str], queued: Jobs, action: str, kind: str
) -> None:
    company = make_company("both")
    listings = {make_listing(company, "688001"), make_listing(company, "06082", mic="XHKG")}
    make_listing(make_company("other"), "688002")
    act(action, company)
    run = RefreshRun.objects.get(kind=kind)
    assert asked(run) == listings


def test_the_lists_of_filings_of_the_chosen_companies_are_asked_for(act: Callable[..., str], queued: Jobs) -> None:
    company = make_listing(make_company("one"), "688001").company
    make_listing(make_company("other"), "688002")
    act("find_filings", company)
    run = RefreshRun.objects.get(kind="filings")
    assert {(row.company, row.provider) for row in run.outcomes.select_related("company")} == {(company, "sse")}


def test_an_action_done_twice_begins_one_job(act: Callable[..., str], queued: Jobs) -> None:
    listing = make_listing()
    act("refresh_prices", listing)
    html = act("refresh_prices", listing)
    assert RefreshRun.objects.count() == 1
    assert len(queued) == 1
    assert "under way already" in html
    assert reverse("valuations:refresh", args=[RefreshRun.objects.get().pk]) in html


@pytest.mark.django_db(transaction=True)  # jobs are queued once the run is committed
def test_a_queue_that_is_down_is_said_and_leaves_no_open_run(
    act: Callable[..., str], queued: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("valuations.ledger.queue_again", lambda run, batches: False)
    html = act("refresh_prices", make_listing())
    assert "The queue (Redis) cannot be reached, so nothing was asked." in html
    assert "The job is queued" not in html
    assert RefreshRun.objects.get().finished_at is not None


def test_sources_that_are_switched_off_are_said(act: Callable[..., str], queued: Jobs, settings: Settings) -> None:
    settings.SOURCES_ENABLED = False
    assert "Sources are switched off (SOURCES_ENABLED)." in act("refresh_prices", make_listing())


def test_a_listing_that_is_not_traded_any_more_is_left_out_and_counted(act: Callable[..., str], queued: Jobs) -> None:
    traded, gone = make_listing(ticker="688001"), make_listing(ticker="688002", delisted_on=DAY)
    html = act("refresh_prices", traded, gone)
    assert asked(RefreshRun.objects.get()) == {traded}
    assert "1 of the chosen rows is left out" in html


def test_with_nothing_left_to_ask_for_nothing_begins(act: Callable[..., str], queued: Jobs) -> None:
    html = act("refresh_prices", make_listing(ticker="688002", delisted_on=DAY))
    assert "Nothing was begun." in html
    assert not RefreshRun.objects.exists()


def test_something_large_is_asked_about_first(act: Callable[..., str], queued: Jobs) -> None:
    company = make_company("large")
    listings = [make_listing(company, f"6880{n:02}") for n in range(LARGE + 1)]
    html = act("refresh_prices", *listings)
    assert f"This is about {LARGE + 1} rows" in html
    assert not RefreshRun.objects.exists()
    act("refresh_prices", *listings, sure="yes")
    assert asked(RefreshRun.objects.get()) == set(listings)


def test_the_question_about_companies_names_them_again_and_not_their_listings(
    act: Callable[..., str], queued: Jobs
) -> None:
    company = make_company("large")
    for n in range(LARGE + 1):
        make_listing(company, f"6880{n:02}")
    html = act("refresh_prices", company)
    assert html.count('name="_selected_action"') == 1
    assert f'name="_selected_action" value="{company.pk}"' in html


def test_more_rows_than_a_form_can_name_are_refused(
    act: Callable[..., str], queued: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("valuations.admin.jobs.MOST", 1)
    html = act("refresh_prices", make_listing(ticker="688001"), make_listing(ticker="688002"))
    assert "2 rows are chosen; choose at most 1 at a time. Nothing was done." in html
    assert not RefreshRun.objects.exists()


def test_the_question_about_the_most_rows_fits_into_one_form() -> None:
    assert MOST < project.DATA_UPLOAD_MAX_NUMBER_FIELDS


@pytest.mark.parametrize("action", ["refresh_prices", "backfill"])
def test_who_may_only_look_has_no_job_to_begin(act: Callable[..., str], queued: Jobs, action: str) -> None:
    html = act(action, make_listing(), by=client_with("view_listing", "change_listing"))
    assert not RefreshRun.objects.exists()
    assert f'value="{action}"' not in html


# --- Documents --------------------------------------------------------------------------------------


def test_the_text_of_chosen_filings_is_read_again(act: Callable[..., str], queued: Jobs) -> None:
    with_file, without = make_filing("with"), make_filing("without")
    make_version(with_file)
    html = act("read_again", with_file, without)
    outcome = RefreshOutcome.objects.get()
    assert (outcome.filing, outcome.reason) == (with_file, "file_is_here")
    assert "1 of the chosen rows is left out" in html


def test_two_versions_of_a_filing_are_one_document_to_read(act: Callable[..., str], queued: Jobs) -> None:
    filing = make_filing()
    act("read_again", make_version(filing), make_version(filing))
    assert RefreshOutcome.objects.get().filing == filing


def test_reading_twice_joins_the_job_that_is_under_way(act: Callable[..., str], queued: Jobs) -> None:
    version = make_version()
    act("read_again", version)
    assert "under way already" in act("read_again", version)
    assert RefreshRun.objects.count() == 1


def anchor_gone_astray() -> tuple[Filing, Anchor]:
    """An anchor whose words stand some characters further on than it says."""
    filing = make_filing()
    version = make_version(filing, "In short: revenue was 1,200 million yuan.")
    return filing, make_anchor(version, "revenue was 1,200 million yuan", start=0, end=30)


def test_recomputing_puts_an_anchor_where_its_words_stand(act: Callable[..., str], queued: Jobs) -> None:
    filing, anchor = anchor_gone_astray()
    act("recompute_anchors", filing)
    run_batch(*queued[0])
    anchor.refresh_from_db()
    assert (anchor.start, anchor.end, anchor.state) == (10, 40, "moved")
    outcome = RefreshOutcome.objects.get()
    assert (outcome.result, outcome.reason) == ("ok", "")
    assert RefreshRun.objects.get().finished_at is not None


def test_recomputing_leaves_the_text_as_it_is(act: Callable[..., str], queued: Jobs) -> None:
    filing, _anchor = anchor_gone_astray()
    before = FilingVersion.objects.values().get()
    act("recompute_anchors", filing)
    run_batch(*queued[0])
    assert FilingVersion.objects.values().get() == before


def test_an_anchor_whose_words_are_gone_waits_for_review_and_the_ledger_says_so(
    act: Callable[..., str], queued: Jobs
) -> None:
    filing, anchor = anchor_gone_astray()
    filing.versions.get().pages.update(text="Nothing of the kind.")
    act("recompute_anchors", filing)
    run_batch(*queued[0])
    anchor.refresh_from_db()
    assert (anchor.state, anchor.reason) == ("needs_review", "gone")
    outcome = RefreshOutcome.objects.get()
    assert (outcome.result, outcome.reason) == ("ok_flag", "passages_wait")


def test_recomputing_twice_changes_nothing_the_second_time(act: Callable[..., str], queued: Jobs) -> None:
    filing, anchor = anchor_gone_astray()
    for time in range(2):
        act("recompute_anchors", filing)
        run_batch(*queued[time])
    anchor.refresh_from_db()
    assert (anchor.start, anchor.end, anchor.state) == (10, 40, "exact")


def test_a_text_that_waits_is_read_before_passages_are_looked_for_in_it(act: Callable[..., str], queued: Jobs) -> None:
    filing, anchor = anchor_gone_astray()
    make_version(filing, status="waiting", extraction=0, extracted_at=None, page_count=None)
    act("recompute_anchors", filing)
    run_batch(*queued[0])
    anchor.refresh_from_db()
    assert anchor.state == "exact"  # nobody has looked yet
    outcome = RefreshOutcome.objects.get()
    assert (outcome.result, outcome.reason) == ("pending", "file_is_here")


# --- Proposed figures -------------------------------------------------------------------------------


def proposals(*companies: Company) -> list[Figure]:
    return [make_figure(company, "2000", status="proposed", source=make_filing(company.slug)) for company in companies]


def states(figures: list[Figure]) -> list[str]:
    return [Figure.objects.get(pk=figure.pk).status for figure in figures]


def test_confirming_shows_first_what_changes(act: Callable[..., str]) -> None:
    company = make_company("one")
    make_quote(make_listing(company), "100", day=DAY)
    make_share_count(company, 200)
    figures = proposals(company)
    html = act("approve", *figures)
    assert states(figures) == ["proposed"]
    # 100 yuan × 200 shares ÷ 2,000 yuan of revenue
    assert "10×" in html
    assert "CNY 2,000" in html
    assert "What changes on the sector page" in html


def test_confirmed_figures_carry_the_name_and_the_reason_of_who_confirmed_them(act: Callable[..., str]) -> None:
    figures = proposals(make_company("one"), make_company("two"))
    html = act("approve", *figures, sure="yes", reason="Read in both reports.")
    assert states(figures) == ["confirmed", "confirmed"]
    figure = Figure.objects.get(pk=figures[0].pk)
    assert (figure.decided_by.username, figure.decision) == ("editor", "Read in both reports.")  # type: ignore[union-attr]
    assert "2 figures are confirmed." in html
    assert LogEntry.objects.filter(object_id=str(figure.pk)).get().change_message == "confirmed. Read in both reports."


def test_who_rejects_has_to_say_why(act: Callable[..., str]) -> None:
    figures = proposals(make_company("one"))
    assert 'name="reason"' in act("reject", *figures)
    html = act("reject", *figures, sure="yes", reason=" ")
    assert "Say why it is rejected" in html
    assert states(figures) == ["proposed"]
    act("reject", *figures, sure="yes", reason="Another company.")
    assert states(figures) == ["rejected"]


def test_a_figure_that_cannot_be_confirmed_is_named_and_keeps_none_of_the_others(act: Callable[..., str]) -> None:
    good, example, stray = proposals(make_company("good"), make_company("example"), make_company("stray"))
    Filing.objects.filter(pk=example.source_id).update(is_example=True)
    version = make_version(stray.source)
    anchor = make_anchor(version, "Revenue", state="needs_review", reason="gone", candidate_version=version)
    Figure.objects.filter(pk=stray.pk).update(anchor=anchor)
    page = act("approve", good, example, stray)
    assert "an invented example: it can only be rejected" in page
    assert "its passage needs review" in page
    html = act("approve", good, example, stray, sure="yes")
    assert states([good, example, stray]) == ["confirmed", "proposed", "proposed"]
    assert "1 figure is confirmed." in html
    assert "Example, revenue FY2025: Its document is an invented example" in html
    assert "Stray, revenue FY2025: Its passage needs review first." in html


def test_a_figure_that_was_decided_about_meanwhile_stays_as_it_was_decided(act: Callable[..., str]) -> None:
    [figure] = proposals(make_company("one"))
    Figure.objects.filter(pk=figure.pk).update(status="rejected", decided_by=make_user(), decided_at=NOON)
    assert "Somebody else has decided about this figure meanwhile." in act("approve", figure, sure="yes")
    assert states([figure]) == ["rejected"]


def test_figures_that_do_not_wait_are_left_out_of_the_question(act: Callable[..., str]) -> None:
    [waiting] = proposals(make_company("one"))
    confirmed = make_figure(make_company("two"))
    html = act("approve", waiting, confirmed)
    assert "1 chosen figure does not wait for a decision and is left out." in html
    assert html.count('name="_selected_action"') == 1
    assert "None of the chosen figures waits for a decision." in act("approve", confirmed)


def test_a_contradiction_is_said_before_it_is_confirmed(act: Callable[..., str]) -> None:
    company = make_company("one")
    make_figure(company, "1000")
    assert "a confirmed figure states another number" in act("approve", *proposals(company))


@pytest.mark.parametrize("action", ["approve", "reject"])
def test_who_may_not_decide_decides_nothing(act: Callable[..., str], action: str) -> None:
    figures = proposals(make_company("one"))
    act(action, *figures, sure="yes", reason="Why not.", by=client_with("view_figure", "add_figure"))
    assert states(figures) == ["proposed"]


def test_the_question_takes_as_many_queries_for_many_figures_as_for_one(act: Callable[..., str]) -> None:
    counts = []
    for names in (["one"], ["two", "three", "four"]):
        figures = proposals(*(make_company(name) for name in names))
        for figure in figures:
            make_quote(make_listing(figure.company, f"68{figure.pk:04}"), day=DAY)
        with CaptureQueriesContext(connection) as queries:
            act("approve", *figures)
        counts.append(len(queries))
    assert counts[0] == counts[1]


# --- Every action -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "actions"),
    [
        (Company, {"refresh_prices", "backfill", "find_filings"}),
        (Listing, {"refresh_prices", "backfill"}),
        (Filing, {"read_again", "recompute_anchors"}),
        (FilingVersion, {"read_again", "recompute_anchors"}),
        (Figure, {"approve", "reject"}),
    ],
)
def test_an_editor_finds_the_actions_in_the_list(client: Client, model: type[models.Model], actions: set[str]) -> None:
    make_version(make_filing(company=make_company()))
    make_listing()
    make_figure()
    make_run(finished_at=NOON)
    url = reverse(f"admin:companies_{model._meta.model_name}_changelist")
    html = client.get(url).content.decode()
    assert {action for action in actions if f'<option value="{action}"' in html} == actions
