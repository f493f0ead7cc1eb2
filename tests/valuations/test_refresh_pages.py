"""The pages of the ledger of refreshes."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from companies.models import User
from tests.factories import (
    NOON,
    make_company,
    make_filing,
    make_health,
    make_held,
    make_listing,
    make_outcome,
    make_run,
    make_staff,
    make_user,
    some_listing,
)
from valuations.checks import check_quote, check_rate
from valuations.ledger import cancel_run, pending_outcomes
from valuations.models import HeldQuote, RefreshOutcome, RefreshRun
from valuations.providers.base import QuoteRow
from valuations.reason_words import WORDS, reason_in_words
from valuations.tally import RunTally

pytestmark = pytest.mark.django_db
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}
Result = RefreshOutcome.Result


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page(path: str = "/refreshes/", client: Client | None = None, headers: dict[str, str] | None = None) -> str:
    response = (client or Client()).get(path, headers=headers or {})
    assert response.status_code == 200
    return response.content.decode()


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def finished(**fields: object) -> RefreshRun:
    return make_run(finished_at=NOON + timedelta(seconds=4), **fields)


# --- Words ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", [QuoteRow, check_quote, check_rate])
def test_every_reason_that_the_code_documents_has_words(told: object) -> None:
    codes = re.findall(r"(?:Reasons of a hold|short code|Flags): ([a-z_, \n]+)", str(told.__doc__))
    named = {code.strip() for part in codes for code in part.replace("\n", " ").split(",") if code.strip()}
    assert named
    assert {code for code in named if code not in WORDS and " " not in code} == set()


def test_an_unknown_reason_is_shown_as_it_is() -> None:
    assert reason_in_words("solar_flare") == "solar_flare"
    assert reason_in_words("") == ""


# --- The list ---------------------------------------------------------------------------------------


def test_a_run_tells_what_came_of_it_in_words() -> None:
    run = finished(trigger="staff", requested_by=make_staff("ada"))
    for n, result in enumerate((Result.OK, Result.OK, Result.HOLD)):
        make_outcome(run, make_listing(ticker=f"68800{n}"), result=result)
    said = text(page())
    assert "2 Mar 2026 12:00 CST prices by hand finished 4.0 s stored 2 held back 1" in said
    assert "ada" not in said  # who asked is for staff
    assert "ada" in text(page(client=signed_in(make_staff())))


def test_an_open_run_shows_its_progress_and_the_page_asks_again() -> None:
    run = make_run()
    make_outcome(run, make_listing(ticker="688001"), result=Result.OK)
    make_outcome(run, make_listing(ticker="688002"))
    html = page()
    assert '<progress aria-label="under way" value="1" max="2">' in html
    assert 'hx-trigger="every 3s"' in html
    assert "1 of 2" in text(html)


def test_a_page_without_an_open_run_does_not_ask_again() -> None:
    finished()
    assert "hx-trigger" not in page()


def test_why_a_run_could_not_be_done_is_shown() -> None:
    finished(problem="The queue (Redis) cannot be reached, so nothing was asked.")
    said = text(page())
    assert "not done" in said
    assert "The queue (Redis) cannot be reached, so nothing was asked." in said


def test_an_empty_ledger_says_so() -> None:
    assert "No refresh has run yet." in text(page())


def test_the_reader_is_told_when_sources_are_switched_off(settings: Settings) -> None:
    settings.SOURCES_ENABLED = False
    assert "Sources are switched off" in text(page())
    settings.SOURCES_ENABLED = True
    assert "Sources are switched off" not in text(page())


def test_only_staff_can_ask_for_a_refresh_and_see_what_waits() -> None:
    make_held()
    for client in (Client(), signed_in(make_user())):
        html = page(client=client)
        assert "/refreshes/now/" not in html
        assert "waits for a decision" not in html
    html = page(client=signed_in(make_staff()))
    assert '<form class="controls" action="/refreshes/now/" method="post">' in html
    assert "csrfmiddlewaretoken" in html
    assert "1 held quote waits for a decision" in text(html)
    HeldQuote.objects.update(resolution="discarded", resolved_at=NOON)
    assert "waits for a decision" not in page(client=signed_in(make_staff("other")))


@pytest.mark.parametrize(
    ("headers", "whole_page"), [({}, True), (PARTIAL, False), ({**PARTIAL, "HX-Request-Type": "full"}, True)]
)
@pytest.mark.parametrize(("path", "partial"), [("/refreshes/", "runs"), ("/refreshes/{}/", "outcomes")])
def test_htmx_gets_the_part_that_changes_only(
    path: str, partial: str, headers: dict[str, str], whole_page: bool
) -> None:
    run = make_run()
    html = page(path.format(run.pk), headers=headers)
    assert ("<html" in html) is whole_page
    assert f'id="{partial}"' in html


def test_the_number_of_queries_does_not_depend_on_the_number_of_runs_and_outcomes() -> None:
    listings = [make_listing(make_company(f"acme-{n}"), ticker=f"68800{n}") for n in range(4)]
    counts = []
    for n in (1, 4):
        run = finished()
        for listing in listings[:n]:
            make_held(make_outcome(run, listing, result=Result.HOLD, reason="beyond_limit"))
        with CaptureQueriesContext(connection) as queries:
            page()
            page(f"/refreshes/{run.pk}/")
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_tally_counts_what_is_asked_and_what_is_done() -> None:
    tally = RunTally(make_run(), {Result.OK: 5, Result.PENDING: 2, Result.HOLD: 1})
    assert (tally.asked, tally.done, tally.is_open) == (8, 6, True)
    assert [(count.result, count.n, count.needs_a_look) for count in tally.counts] == [
        ("pending", 2, False),
        ("ok", 5, False),
        ("hold", 1, True),
    ]


# --- One run ----------------------------------------------------------------------------------------


def test_an_outcome_tells_listing_source_result_and_reason_in_words() -> None:
    run = finished()
    make_outcome(run, some_listing(), result=Result.OK, stored=1)
    make_outcome(
        run, make_listing(ticker="688002"), result=Result.BAD_ROW, reason="short_row", detail="3 fields, 40 are needed"
    )
    said = text(page(f"/refreshes/{run.pk}/"))
    assert "Acme XSHG:688001 Tencent stored — 1 2 Mar 2026 12:00 CST" in said
    assert "XSHG:688002 Tencent unreadable row the row has too few fields 3 fields, 40 are needed 0" in said


def test_an_outcome_of_rates_has_no_listing() -> None:
    run = finished(kind="rates")
    make_outcome(run, None, provider="cfets", result=Result.RETRY, reason="source_failed", detail="server error 502")
    said = text(page(f"/refreshes/{run.pk}/"))
    assert "Exchange rates CFETS central parity source did not answer the source gave no usable reply" in said
    assert "server error 502" in said


def test_a_held_quote_is_marked_and_leads_staff_to_it() -> None:
    held = make_held()
    path = f"/refreshes/{held.outcome.run_id}/"
    link = f'<a href="/admin/valuations/heldquote/{held.pk}/change/">held quote: waiting</a>'
    assert "held quote: waiting" in page(path)
    assert link not in page(path)
    assert link in page(path, signed_in(make_staff()))


def test_outcomes_are_narrowed_by_result() -> None:
    run = finished()
    make_outcome(run, make_listing(ticker="688001"), result=Result.OK)
    make_outcome(run, make_listing(ticker="688002"), result=Result.HOLD, reason="wrong_currency")
    html = page(f"/refreshes/{run.pk}/?result=hold")
    assert "688002" in html
    assert "688001" not in html
    assert f'<a href="/refreshes/{run.pk}/?result=ok">stored</a> <b class="tabular">1</b>' in html


@pytest.mark.parametrize("path", ["?result=nonsense", "?result=%00", f"?result={'x' * 10_000}"])
def test_a_result_that_does_not_exist_is_refused(path: str) -> None:
    assert Client().get(f"/refreshes/{finished().pk}/{path}").status_code == 400


@pytest.mark.parametrize("pk", ["1", "99999999999999999999999999"])
def test_a_run_that_does_not_exist_is_not_found(pk: str) -> None:
    assert Client().get(f"/refreshes/{pk}/").status_code == 404


def test_a_page_after_the_last_gives_the_last() -> None:
    finished()
    assert "prices" in text(page("/refreshes/?page=999"))


@pytest.mark.parametrize("number", ["0", "-1", "x", "%00", "１", "9" * 900])
@pytest.mark.parametrize("path", ["/refreshes/", "/companies/"])
def test_a_page_that_is_no_number_is_refused(path: str, number: str) -> None:
    assert Client().get(f"{path}?page={number}").status_code == 400


def test_nothing_inline_on_either_page() -> None:
    held = make_held()
    for path in ("/refreshes/", f"/refreshes/{held.outcome.run_id}/"):
        html = page(path, signed_in(make_staff(f"staff{len(path)}")))
        assert " style=" not in html
        assert not re.search(r"\son[a-z]+=", html)


# --- Progress, and cancelling -----------------------------------------------------------------------


def test_an_open_run_tells_how_far_it_is_and_how_long_it_will_take() -> None:
    """12 of 50 listings took 24 s, so that the other 38 take 76 s."""
    run = make_run(kind=RefreshRun.Kind.HISTORY)
    company = make_company()
    for number in range(50):
        listing = make_listing(company, f"688{number:03}")
        done = {"result": Result.OK, "stored": 100} if number < 12 else {}
        make_outcome(run, listing, batch=number, **done)
    with time_machine.travel(NOON + timedelta(seconds=24), tick=False):
        for path in ("/refreshes/", f"/refreshes/{run.pk}/"):
            html = page(path)
            assert '<progress aria-label="under way" value="12" max="50">' in html
            assert "12 of 50 · 1200 rows stored · about 76 s left" in text(html)


def test_the_time_left_is_not_guessed_before_anything_is_done() -> None:
    make_outcome(make_run(), some_listing())
    assert "left" not in text(page()).replace("left alone", "")


def test_staff_cancel_an_open_run_and_what_is_stored_stays() -> None:
    staff = make_staff()
    run = make_run(kind=RefreshRun.Kind.HISTORY)
    company = make_company()
    make_outcome(run, make_listing(company, "688001"), result=Result.OK, stored=3)
    make_outcome(run, make_listing(company, "688002"), batch=1)
    client = signed_in(staff)
    assert f'action="/refreshes/{run.pk}/cancel/"' in page(client=client)
    response = client.post(f"/refreshes/{run.pk}/cancel/", follow=True)
    assert "The refresh is cancelled. What it had stored stays." in text(response.content.decode())
    run.refresh_from_db()
    assert (run.cancelled_by, run.problem, run.results) == (staff, "Cancelled.", {"ok": 1, "cancelled": 1})
    assert list(run.outcomes.order_by("batch").values_list("result", "reason")) == [
        ("ok", ""),
        ("cancelled", "cancelled"),
    ]
    # Once more changes nothing.
    response = client.post(f"/refreshes/{run.pk}/cancel/", follow=True)
    assert "The refresh was over already." in text(response.content.decode())
    assert f'action="/refreshes/{run.pk}/cancel/"' not in page(client=client)


def test_only_staff_cancel_and_only_by_a_form() -> None:
    run = make_run()
    make_outcome(run, some_listing())
    assert "/cancel/" not in page()
    for client in (Client(), signed_in(make_user())):
        assert client.post(f"/refreshes/{run.pk}/cancel/").status_code in (302, 403)
    assert signed_in(make_staff()).get(f"/refreshes/{run.pk}/cancel/").status_code == 405
    run.refresh_from_db()
    assert run.finished_at is None


def test_a_job_of_a_cancelled_run_finds_nothing_to_do() -> None:
    run = make_run()
    make_outcome(run, some_listing())
    cancel_run(run.pk, make_staff())
    assert not pending_outcomes(run.pk, 0).exists()


# --- Sources ----------------------------------------------------------------------------------------


def test_the_page_tells_how_each_source_stands(settings: Settings) -> None:
    settings.QUOTE_SOURCES = ["tencent", "sina", "eastmoney"]
    settings.HISTORY_SOURCES = ["tencent_history"]
    settings.RATE_SOURCES = ["cfets", "ecb"]
    make_health("tencent", last_ok_at=NOON)
    make_health(
        "sina",
        failures=2,
        rests_until=NOON + timedelta(hours=2),
        last_failure_at=NOON,
        last_result="blocked",
        last_detail="refused with status 456",
    )
    make_health(
        "cfets", failures=3, rests_until=NOON - timedelta(minutes=1), last_failure_at=NOON - timedelta(minutes=2)
    )
    make_health("ecb", failures=1, last_failure_at=NOON, last_result="retry", last_detail="server error 502")
    with time_machine.travel(NOON, tick=False):
        html = page()
    rows = {cells[0]: cells[1:] for cells in rows_of(html[html.index("Sources, in the order") :])}
    assert rows["Tencent"][:2] == ["prices", "answers"]
    assert rows["Sina"][1] == "left alone until 2 Mar 2026 14:00 CST"
    assert "source blocks us: refused with status 456" in rows["Sina"][3]
    assert rows["Eastmoney"][1] == "not asked yet"
    assert rows["CFETS central parity"][1] == "to be tried with one listing"
    assert rows["European Central Bank"][1] == "1 failure"


def rows_of(html: str) -> list[list[str]]:
    """The cells of a table's rows as a reader sees them."""
    rows = re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)
    return [[text(cell).strip() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)] for row in rows]


def test_details_that_were_removed_are_told(client: Client) -> None:
    run = finished(results={"ok": 40})
    html = text(page(f"/refreshes/{run.pk}/"))
    assert "stored 40" in html
    assert "only the counts are kept" in html


@pytest.mark.parametrize(("language", "words"), [("en", "This form is too old"), ("zh-hans", "此表单已过期")])
def test_a_form_without_a_valid_token_gets_a_page_of_ours(language: str, words: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_staff())
    response = client.post("/refreshes/now/", {"kind": "quotes"}, headers={"Accept-Language": language})
    assert response.status_code == 403
    html = response.content.decode()
    assert words in html
    assert " style=" not in html
    assert "<style" not in html
    assert not RefreshRun.objects.exists()


# --- Filings ----------------------------------------------------------------------------------------


def test_a_run_of_lists_names_the_companies_and_the_lists_of_all() -> None:
    run = finished(kind="filings")
    make_outcome(run, company=make_company("moore"), provider="sse", result=Result.OK, stored=3)
    make_outcome(run, provider="hkex_applications", result=Result.NO_DATA)
    html = page(f"/refreshes/{run.pk}/")
    assert "/companies/moore/" in html
    assert "Applications to list" in text(html)
    assert "lists of filings" in text(page())


def test_a_run_of_documents_links_to_the_filings_and_says_why_one_did_not_come() -> None:
    run = finished(kind="documents")
    filing = make_filing(title="Annual report of Moore")
    make_outcome(run, filing=filing, provider="upload", result=Result.BAD_REQUEST, reason="address_not_public")
    html = page(f"/refreshes/{run.pk}/")
    assert f'<a href="/filings/{filing.pk}/">Annual report of Moore</a>' in html
    assert "not public" in text(html)


@pytest.mark.parametrize("kind", ["listing", "company", "filing"])
def test_a_run_takes_as_many_queries_for_thirty_outcomes_as_for_two(kind: str) -> None:
    run = finished(kind="filings")

    def add(n: int) -> None:
        company = make_company(f"company-{n}")
        match kind:
            case "listing":
                make_outcome(run, make_listing(company, f"6880{n:02}"), result=Result.OK)
            case "company":
                make_outcome(run, result=Result.OK, company=company)
            case _:
                make_outcome(run, result=Result.OK, filing=make_filing(f"filing-{n}", company=company))

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            page(f"/refreshes/{run.pk}/")
        return len(captured)

    for n in range(2):
        add(n)
    few = queries()
    for n in range(2, 30):
        add(n)
    assert queries() == few


def test_staff_ask_for_lists_of_filings_but_not_for_all_documents_at_once(settings: Settings) -> None:
    settings.SOURCES_ENABLED = True
    staff = signed_in(make_staff())
    assert staff.post("/refreshes/now/", {"kind": "filings"}).status_code == 302
    assert RefreshRun.objects.get().kind == "filings"
    assert staff.post("/refreshes/now/", {"kind": "documents"}).status_code == 400
