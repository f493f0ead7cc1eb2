"""Lists of filings, through the real HTTP client: what is stored, what is linked, what the ledger says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
import time_machine
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from pytest_django import Settings

from companies.models import Company, Figure, Filing, FilingKind, Metric, Milestone, Revision
from tests.factories import (
    make_company,
    make_figure,
    make_filing,
    make_health,
    make_listing,
    make_milestone,
    make_outcome,
    make_run,
    make_staff,
    some_filing,
)
from tests.filing_services import FilingServices, by_field
from tests.upstream_samples import FOLDER
from valuations.filing_coverage import MOST_AT_ONCE, SSE, asked_from, due_for_filings, filing_questions
from valuations.filing_refresh import run_filings_batch
from valuations.models import RefreshOutcome, RefreshRun, SourceHealth
from valuations.reason_words import WORDS

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("services_on")]

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
SSE_LIST, SZSE_LIST = "/security/stock/queryCompanyBulletinNew.do", "/api/disc/announcement/annList"
CNINFO_IDS, CNINFO_LIST = "/new/information/topSearch/detailOfQuery", "/new/hisAnnouncement/query"
HKEX_IDS, HKEX_LIST = "/search/prefix.do", "/search/titleSearchServlet.do"
SEC_TICKERS, SEC_LIST, SEC_FACTS = "/files/company_tickers.json", "/submissions/", "/api/xbrl/companyfacts/"
SSE_PROJECTS, SZSE_PROJECTS = "/commonSoaQuery.do", "/api/ras/projectrends/query"
HKEX_APPLICATIONS = "/ncms/json/eds/"
Result = RefreshOutcome.Result


@pytest.fixture
def services_on(settings: Settings) -> Iterator[None]:
    settings.SOURCES_ENABLED = True
    settings.SOURCE_INTERVAL = 0.0
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> FilingServices:
    """All lists answer with their samples."""
    network = FilingServices().installed(monkeypatch)
    network.answer(SSE_LIST, "filings/sse_bulletin_new.jsonp")
    network.answer(SZSE_LIST, "filings/szse_annlist.json")
    network.answer(CNINFO_IDS, "filings/cninfo_detailOfQuery.json")
    network.answer(CNINFO_LIST, "filings/cninfo_query_page1.json", "filings/cninfo_query_page2.json")
    network.answer(HKEX_IDS, "filings/hkex_prefix.jsonp")
    network.answer(
        HKEX_LIST, by_field("lang", EN="filings/hkex_title_search.json", ZH="filings/hkex_title_search_null.json")
    )
    network.answer(SEC_TICKERS, "filings/sec_company_tickers.json")
    network.answer(SEC_LIST, "filings/sec_submissions_CIK0001045810.json")
    network.answer(SEC_FACTS, "filings/sec_companyfacts_CIK0001045810.json")
    return network


@pytest.fixture
def moore_threads() -> Company:
    company = make_company("moore-threads", name_zh="摩尔线程")
    make_listing(company, "688795")
    return company


@pytest.fixture
def nvidia() -> Company:
    company = make_company("nvidia", segment="benchmark", fiscal_year_end="01-31")
    make_listing(company, "NVDA", mic="XNAS")
    return company


def ask(provider: str, company: Company | None = None) -> RefreshOutcome:
    """A whole question: pending outcome, batch, what it became."""
    RefreshRun.objects.filter(kind="filings", finished_at=None).update(finished_at=NOW + timedelta(days=1))
    outcome = make_outcome(make_run(kind="filings"), company=company, provider=provider, queued_at=datetime.now(UTC))
    run_filings_batch(outcome)
    outcome.refresh_from_db()
    assert outcome.reason == "" or outcome.reason in WORDS
    return outcome


def bulletins() -> Any:
    """The sample of Shanghai's list, to be changed."""
    text = (FOLDER / "filings/sse_bulletin_new.jsonp").read_text(encoding="utf-8")
    content = json.loads(text[text.index("(") + 1 : text.rindex(")")])
    return content | {"pageHelp": content["pageHelp"] | {"data": content["result"]}}


def jsonp(content: Any) -> Callable[[httpx.Request], httpx.Response]:
    return lambda request: httpx.Response(200, text=f"callback({json.dumps(content)})")


def told(outcome: RefreshOutcome) -> tuple[str, str, int]:
    return outcome.result, outcome.reason, outcome.stored


def titles() -> dict[str, str]:
    """Kind by title."""
    return dict(Filing.objects.exclude(service="").values_list("title", "kind"))


# --- Lists of one company ---------------------------------------------------------------------------


def test_shanghai_lists_become_filings_with_kind_day_group_and_address(
    network: FilingServices, moore_threads: Company
) -> None:
    before = Revision.current()
    assert told(ask("sse", moore_threads)) == ("ok", "", 3)
    assert Revision.current() == before + 1
    report, notice, opinion = Filing.objects.order_by("published_on", "-title")
    if notice.kind == "sponsor_opinion":
        notice, opinion = opinion, notice
    assert (report.kind, report.title, report.company, report.language) == (
        "quarterly_report", "摩尔线程：2026年第三季度报告", moore_threads, "zh",
    )  # fmt: skip
    assert (report.published_on, report.published_precision, report.period_end) == (
        date(2026, 10, 30), "day", date(2026, 9, 30),
    )  # fmt: skip
    assert report.url == (
        "https://static.sse.com.cn/disclosure/listedinfo/announcement/c/new/2026-10-30/688795_20261030_AB12.pdf"
    )
    assert (report.service, report.tier, report.publisher) == ("sse", "official", "SSE")
    assert report.service_kinds == ["第三季度季报"]
    assert (notice.kind, opinion.kind) == ("exchange_announcement", "sponsor_opinion")
    assert notice.service_group == opinion.service_group == "9000000000000002"


def test_the_first_question_goes_three_years_back_and_the_next_overlaps_the_last(
    network: FilingServices, moore_threads: Company
) -> None:
    ask("sse", moore_threads)
    with time_machine.travel(NOW + timedelta(days=3), tick=False):
        ask("sse", moore_threads)
    first, second = (one.fields for one in network.asked)
    assert (first["START_DATE"], first["END_DATE"]) == ("2023-11-21", "2026-11-23")
    assert (second["START_DATE"], second["END_DATE"]) == ("2026-11-09", "2026-11-26")


@pytest.mark.parametrize("result", ["retry", "bad_body", "ok_flag"])
def test_after_an_incomplete_answer_the_days_before_are_asked_for_again(moore_threads: Company, result: str) -> None:
    reason = "fewer_than_before" if result == "ok_flag" else ""
    make_outcome(make_run(kind="filings"), company=moore_threads, provider="sse", result=result, reason=reason)
    assert asked_from(SSE, moore_threads, NOW.date()) == NOW.date() - timedelta(days=366 * 3)


def test_listing_everything_twice_stores_nothing_new(network: FilingServices, moore_threads: Company) -> None:
    ask("sse", moore_threads)
    before = list(Filing.objects.order_by("pk").values())
    number = Revision.current()
    assert told(ask("sse", moore_threads)) == ("ok", "", 0)
    assert list(Filing.objects.order_by("pk").values()) == before
    assert Revision.current() == number


def test_a_job_delivered_twice_settles_and_stores_once(network: FilingServices, moore_threads: Company) -> None:
    outcome = make_outcome(make_run(kind="filings"), company=moore_threads, provider="sse")
    run_filings_batch(outcome)
    Filing.objects.all().delete()
    run_filings_batch(outcome)  # as the second worker knows it: still pending
    assert not Filing.objects.exists()


def test_a_worker_that_dies_while_storing_leaves_nothing_behind_and_the_job_can_be_done_again(
    network: FilingServices, moore_threads: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = make_outcome(make_run(kind="filings"), company=moore_threads, provider="sse")

    def die() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(Revision, "bump", die)  # the last step of the transaction
        with pytest.raises(KeyboardInterrupt):
            run_filings_batch(outcome)
    outcome.refresh_from_db()
    assert outcome.result == "pending"
    assert not Filing.objects.exists()
    run_filings_batch(outcome)
    outcome.refresh_from_db()
    assert told(outcome) == ("ok", "", 3)


def test_shenzhen_and_hong_kong_and_the_sec_are_read_as_well(network: FilingServices, nvidia: Company) -> None:
    jingjia, biren = make_company("jingjia-micro", name_zh="景嘉微"), make_company("biren")
    make_listing(jingjia, "300474", mic="XSHE")
    make_listing(biren, "6082", mic="XHKG")
    assert told(ask("szse", jingjia)) == ("ok", "", 2)
    assert told(ask("hkex", biren)) == ("ok", "", 2)
    assert told(ask("sec", nvidia)) == ("ok", "", 2)
    assert titles() == {
        "景嘉微：2026年第三季度报告": "quarterly_report",
        "景嘉微：关于签订重大合同的公告": "exchange_announcement",
        "INTERIM RESULTS ANNOUNCEMENT FOR THE SIX MONTHS ENDED 30 JUNE 2026": "interim_report",
        "PLACING OF NEW H SHARES UNDER GENERAL MANDATE & CLARIFICATION": "placing_announcement",
        "8-K": "exchange_announcement",
        "10-Q": "quarterly_report",
    }
    results = Filing.objects.get(service_key="11990001")
    assert (results.period_end, results.published_at) == (date(2026, 6, 30), datetime(2026, 8, 28, 14, 15, tzinfo=UTC))
    assert Filing.objects.get(title="10-Q").period_end == date(2026, 7, 26)
    assert Filing.objects.get(title="8-K").period_end is None


def test_hong_kong_is_asked_again_for_as_many_rows_as_it_has(network: FilingServices) -> None:
    biren = make_company("biren")
    make_listing(biren, "6082", mic="XHKG")
    whole = json.loads((FOLDER / "filings/hkex_title_search.json").read_bytes())
    cut = whole | {"result": json.dumps(json.loads(whole["result"])[:1]), "hasNextRow": True}
    network.answer(HKEX_LIST, cut, whole, "filings/hkex_title_search_null.json")
    assert told(ask("hkex", biren)) == ("ok", "", 2)
    assert [one.fields["rowRange"] for one in network.asked if one.path == HKEX_LIST] == ["100", "2", "100"]


def test_a_ticker_that_the_service_does_not_know_is_told_and_is_no_failure_of_the_service(
    network: FilingServices,
) -> None:
    company = make_company("axera")
    make_listing(company, "0600", mic="XHKG")
    outcome = ask("hkex", company)
    assert told(outcome) == ("bad_request", "source_failed", 0)
    assert "ticker is not known there" in outcome.detail
    assert not SourceHealth.objects.filter(failures__gt=0).exists()


def test_a_reply_about_another_company_is_no_answer(network: FilingServices) -> None:
    company = make_company("cambricon")
    make_listing(company, "688256")
    outcome = ask("sse", company)
    assert told(outcome) == ("bad_body", "source_failed", 0)
    assert "Shanghai Stock Exchange: all rows are about other companies" in outcome.detail
    assert not Filing.objects.exists()


def test_rows_about_another_company_are_left_out_and_told(network: FilingServices, moore_threads: Company) -> None:
    content = bulletins()
    content["result"][0][0]["SECURITY_CODE"] = "688256"
    network.answer(SSE_LIST, jsonp(content))
    outcome = ask("sse", moore_threads)
    assert (told(outcome), outcome.detail) == (("partial", "unreadable_rows", 2), "rows about other companies: 1")


# --- An exchange that fails, and CNINFO in its place ------------------------------------------------


def test_cninfo_is_asked_only_when_the_exchange_gives_no_usable_answer(
    network: FilingServices, moore_threads: Company
) -> None:
    ask("sse", moore_threads)
    assert set(network.paths()) == {SSE_LIST}
    network.answer(SSE_LIST, "filings/sse_busy.jsonp")
    outcome = ask("sse", moore_threads)
    assert (outcome.result, outcome.reason) == ("ok_flag", "second_list")
    assert "Shanghai Stock Exchange: the exchange answers" in outcome.detail


def test_both_pages_of_cninfo_are_stored_and_the_correction_is_linked_to_what_it_corrects(
    network: FilingServices, moore_threads: Company
) -> None:
    network.answer(SSE_LIST, "filings/sse_busy.jsonp")
    assert told(ask("sse", moore_threads)) == ("ok_flag", "second_list", 4)
    original, corrected = (Filing.objects.get(title=t) for t in ("2026年半年度报告", "2026年半年度报告（更正后）"))
    assert corrected.corrects == original
    assert (original.corrects, corrected.kind, corrected.period_end) == (None, "interim_report", date(2026, 6, 30))


def test_readers_do_not_see_a_document_twice_when_the_exchange_lists_it_after_cninfo_did(
    network: FilingServices, moore_threads: Company
) -> None:
    network.answer(SSE_LIST, "filings/sse_busy.jsonp")
    ask("sse", moore_threads)
    network.answer(SSE_LIST, "filings/sse_bulletin_new.jsonp")
    ask("sse", moore_threads)
    reports = Filing.objects.filter(kind=FilingKind.QUARTERLY_REPORT)
    assert [(one.service, one.service_key) for one in reports] == [("cninfo", "1225900001")]
    assert Filing.objects.filter(kind=FilingKind.SPONSOR_OPINION, service="sse").count() == 1


def test_a_failed_channel_of_cninfo_is_not_an_empty_list(network: FilingServices, moore_threads: Company) -> None:
    network.answer(SSE_LIST, "filings/sse_busy.jsonp")
    network.answer(CNINFO_LIST, "filings/cninfo_query_null_channel.json")
    outcome = ask("sse", moore_threads)
    assert told(outcome) == ("retry", "source_failed", 0)
    assert "CNINFO: no list of announcements" in outcome.detail
    assert set(SourceHealth.objects.filter(failures__gt=0).values_list("site", flat=True)) == {"sse", "cninfo"}


def test_a_resting_service_is_not_asked(network: FilingServices, nvidia: Company) -> None:
    make_health("sec", failures=3, rests_until=NOW + timedelta(hours=1), last_result="blocked", last_detail="403")
    assert told(ask("sec", nvidia)) == ("retry", "sources_rest", 0)
    assert SEC_LIST not in network.paths()


def test_a_list_that_lacks_most_of_what_it_held_is_told_and_nothing_is_deleted(
    network: FilingServices, moore_threads: Company
) -> None:
    ask("sse", moore_threads)
    for number in range(4):
        make_filing(
            f"f{number}", company=moore_threads, service="sse", service_key=f"k{number}", language="zh",
            published_on=date(2026, 11, 19),
        )  # fmt: skip
    outcome = ask("sse", moore_threads)
    assert told(outcome) == ("ok_flag", "fewer_than_before", 0)
    assert outcome.detail == "4 of 6 since 2026-11-09 are not listed"
    assert Filing.objects.count() == 7


def test_an_empty_list_is_no_data_and_after_many_filings_an_alarm(
    network: FilingServices, moore_threads: Company
) -> None:
    empty = "filings/sse_ipo_list_empty.jsonp"
    network.answer(SSE_LIST, empty)
    assert told(ask("sse", moore_threads)) == ("no_data", "nothing_listed", 0)
    for number in range(3):
        make_filing(
            f"f{number}", company=moore_threads, service="sse", service_key=f"k{number}", language="zh",
            published_on=date(2026, 11, 19),
        )  # fmt: skip
    assert told(ask("sse", moore_threads)) == ("ok_flag", "fewer_than_before", 0)


def test_rows_that_cannot_be_read_are_told_and_the_others_stored(
    network: FilingServices, moore_threads: Company
) -> None:
    content = bulletins()
    content["result"][0][0]["SSEDATE"] = "soon"
    network.answer(SSE_LIST, jsonp(content))
    outcome = ask("sse", moore_threads)
    assert told(outcome) == ("partial", "unreadable_rows", 2)
    assert "not a date" in outcome.detail


# --- What is known already --------------------------------------------------------------------------


def test_a_title_that_the_service_changes_is_followed_unless_somebody_has_edited_it(
    network: FilingServices, moore_threads: Company
) -> None:
    ask("sse", moore_threads)
    followed, edited = Filing.objects.order_by("pk")[:2]
    Filing.objects.update(title="Old title")
    LogEntry.objects.create(
        user=make_staff(), content_type=ContentType.objects.get_for_model(Filing), object_id=str(edited.pk),
        object_repr="x", action_flag=CHANGE,
    )  # fmt: skip
    ask("sse", moore_threads)
    assert Filing.objects.get(pk=followed.pk).title == followed.title
    assert Filing.objects.get(pk=edited.pk).title == "Old title"


def test_a_filing_known_by_its_address_alone_becomes_the_listed_one(
    network: FilingServices, moore_threads: Company
) -> None:
    url = "https://static.sse.com.cn/disclosure/listedinfo/announcement/c/new/2026-10-30/688795_20261030_AB12.pdf"
    known = make_filing("q3", company=moore_threads, title="Third quarter of 2026", url=url, kind="quarterly_report")
    assert told(ask("sse", moore_threads))[2] == 2
    known.refresh_from_db()
    assert (known.service, known.language, known.title) == ("sse", "zh", "Third quarter of 2026")
    assert Filing.objects.filter(url=url).count() == 1


def test_documents_that_state_figures_are_asked_for_after_the_list(
    network: FilingServices, moore_threads: Company
) -> None:
    ask("sse", moore_threads)
    (document,) = RefreshOutcome.objects.filter(run__kind="documents").select_related("filing")
    assert document.filing is not None
    assert document.filing.kind == "quarterly_report"
    ask("sse", moore_threads)
    assert RefreshOutcome.objects.filter(run__kind="documents").count() == 1


# --- Applications -----------------------------------------------------------------------------------


@pytest.fixture
def applications(network: FilingServices) -> FilingServices:
    network.answer(
        SSE_PROJECTS,
        by_field(
            "sqlId",
            SH_XM_LB="filings/sse_ipo_list_sh_xm_lb.jsonp",
            GP_GPZCZ_XMDTZTTLB="filings/sse_ipo_timeline_xmdtzttlb.jsonp",
            GP_COMMON_FILE_SEARCH="filings/sse_common_file_search.jsonp",
            GP_GPZCZ_SHXXPL="filings/sse_ipo_files_gp_gpzcz_shxxpl.jsonp",
        ),
    )
    network.answer(SZSE_PROJECTS, "filings/szse_projectrends.json")
    network.answer("/api/ras/projectrends/details", "filings/szse_projectrends_details.json")
    network.answer(HKEX_APPLICATIONS, "filings/hkex_appactive_sehk_e.json")
    return network


def steps(company: Company) -> list[tuple[str, str, str]]:
    return [(m.kind, str(m.day), m.venue) for m in Milestone.objects.filter(company=company).order_by("day")]


def test_the_steps_of_an_application_in_shanghai_become_milestones_and_its_documents_filings(
    applications: FilingServices,
) -> None:
    company = make_company("sample-graphics", name_zh="样例图形")
    assert told(ask("sse_projects")) == ("ok", "", 5)
    assert steps(company) == [
        ("application_accepted", "2026-06-16", "XSHG STAR"),
        ("inquiry_issued", "2026-07-10", "XSHG STAR"),
        ("committee_passed", "2026-10-20", "XSHG STAR"),
    ]
    milestone = Milestone.objects.get(kind="committee_passed")
    page = milestone.source
    assert (milestone.known_on, page.kind, page.service_key) == (date(2026, 10, 20), "page", "application 3002")
    assert page.title == "Application to list: 样例图形科技股份有限公司"
    prospectus = Filing.objects.get(kind="prospectus")
    assert (prospectus.company, prospectus.service_group) == (company, "application 3002")


def test_documents_of_an_applicant_that_is_not_listed_are_asked_for(applications: FilingServices) -> None:
    make_company("sample-graphics", name_zh="样例图形")
    ask("sse_projects")
    (document,) = RefreshOutcome.objects.filter(run__kind="documents").select_related("filing")
    assert document.filing is not None
    assert document.filing.kind == "prospectus"


def test_asking_for_applications_twice_tells_each_step_once(applications: FilingServices) -> None:
    company = make_company("sample-graphics", name_zh="样例图形")
    ask("sse_projects")
    assert told(ask("sse_projects")) == ("ok", "", 0)
    assert len(steps(company)) == 3
    assert Filing.objects.filter(kind="page").count() == 1


def details_asked(network: FilingServices) -> int:
    return sum(one.fields.get("sqlId") == "GP_GPZCZ_XMDTZTTLB" for one in network.asked)


def test_the_steps_of_an_application_are_asked_for_again_only_when_it_has_changed(applications: FilingServices) -> None:
    make_company("sample-graphics", name_zh="样例图形")
    ask("sse_projects")
    with time_machine.travel(NOW + timedelta(days=20), tick=False):  # the list says: changed on 2026-11-18
        ask("sse_projects")
        assert details_asked(applications) == 2  # two weeks before the last answer are asked for again
        ask("sse_projects")
    assert details_asked(applications) == 2


def test_an_application_that_has_not_changed_is_found_when_its_company_is_added(applications: FilingServices) -> None:
    ask("sse_projects")
    later = make_company("added-later", name_zh="样例图形")
    with time_machine.travel(NOW + timedelta(days=40), tick=False):
        ask("sse_projects")
    assert len(steps(later)) == 3


@pytest.mark.parametrize(
    ("day", "precision", "new"),
    [
        (date(2026, 10, 19), "day", 2),
        (date(2026, 10, 18), "day", 3),
        (date(2026, 10, 31), "month", 2),
        (date(2026, 9, 30), "month", 3),
        (date(2026, 12, 31), "year", 2),
    ],
)
def test_a_step_that_an_editor_has_told_is_not_told_again(
    applications: FilingServices, day: date, precision: str, new: int
) -> None:
    company = make_company("sample-graphics", name_zh="样例图形")
    make_milestone(company, kind="committee_passed", day=day, precision=precision)
    ask("sse_projects")
    assert Milestone.objects.exclude(source=some_filing()).count() == new


def test_shenzhen_and_hong_kong_tell_their_steps_too(applications: FilingServices) -> None:
    chips = make_company("sample-chips", name_zh="样例芯片")
    hong_kong = make_company("sample-chip-technology", name_en="Sample Chip Technology Co., Ltd.")
    assert told(ask("szse_projects")) == ("ok", "", 4)
    assert told(ask("hkex_applications")) == ("ok", "", 2)
    assert steps(chips) == [
        ("application_accepted", "2026-06-30", "XSHE ChiNext"),
        ("inquiry_issued", "2026-07-20", "XSHE ChiNext"),
    ]
    assert steps(hong_kong) == [("application_accepted", "2026-11-18", "XHKG Main Board")]
    assert Filing.objects.filter(company=hong_kong, kind="prospectus").count() == 1


def test_an_applicant_whose_name_only_contains_a_companys_is_told_and_not_guessed(
    applications: FilingServices,
) -> None:
    company = make_company("sample-graphics", name_zh="样例图形科技")
    outcome = ask("sse_projects")
    assert told(outcome) == ("ok_flag", "names_unsure", 0)
    assert "样例图形科技股份有限公司: Sample Graphics?" in outcome.detail
    assert not Milestone.objects.exists()
    company.aliases = ["样例图形科技股份有限公司"]
    company.save()
    assert ask("sse_projects").result == "ok"
    assert len(steps(company)) == 3


def test_two_companies_of_one_name_are_neither_the_applicant(applications: FilingServices) -> None:
    make_company("one", name_zh="样例图形")
    make_company("two", aliases=["样例图形"])
    outcome = ask("sse_projects")
    assert (outcome.result, outcome.stored) == ("ok_flag", 0)
    assert "One, Two?" in outcome.detail


def test_an_application_whose_details_fail_is_told_and_asked_for_again(applications: FilingServices) -> None:
    make_company("sample-graphics", name_zh="样例图形")
    applications.answer(
        SSE_PROJECTS,
        by_field("sqlId", SH_XM_LB="filings/sse_ipo_list_sh_xm_lb.jsonp", GP_GPZCZ_XMDTZTTLB="filings/sse_busy.jsonp"),
    )
    outcome = ask("sse_projects")
    assert told(outcome) == ("partial", "rows_missing", 0)
    assert "样例图形科技股份有限公司" in outcome.detail


# --- Numbers tagged at the SEC ----------------------------------------------------------------------


def figures(**fields: Any) -> dict[tuple[str, str], Figure]:
    return {(one.metric, one.period): one for one in Figure.objects.filter(**fields)}


def test_tagged_numbers_are_proposed_by_the_companys_own_fiscal_year(network: FilingServices, nvidia: Company) -> None:
    assert told(ask("sec_facts", nvidia)) == ("ok", "", 4)
    found = figures(status="proposed")
    assert {key: one.low for key, one in found.items()} == {
        ("revenue", "FY2025"): Decimal(130_000_000_000),
        ("revenue", "FY2026"): Decimal(200_000_000_000),
        ("revenue", "FY2027Q2"): Decimal(80_000_000_000),
        ("net_profit_attributable", "FY2027Q2"): Decimal(40_000_000_000),
    }
    year = found["revenue", "FY2026"]
    assert (year.high, year.currency, year.basis, year.reported_in) == (year.low, "USD", "actual", "annual_report")
    assert (year.period_start, year.period_end) == (date(2025, 1, 27), date(2026, 1, 25))
    # The 10-K/A of April repeats it: it was known in February.
    assert (year.known_on, year.source.service_key) == (date(2026, 2, 25), "0001045810-26-800001")
    assert year.source.url.startswith("https://www.sec.gov/Archives/edgar/data/1045810/000104581026800001/")
    assert not Figure.objects.known_on(NOW.date()).exists()


def test_asking_for_tagged_numbers_again_proposes_nothing(network: FilingServices, nvidia: Company) -> None:
    ask("sec_facts", nvidia)
    assert told(ask("sec_facts", nvidia)) == ("ok", "", 0)
    assert Figure.objects.count() == 4


@pytest.mark.parametrize("status", ["confirmed", "rejected", "superseded", "proposed"])
def test_a_number_that_is_there_is_not_proposed_whatever_became_of_it(
    network: FilingServices, nvidia: Company, status: str
) -> None:
    make_figure(nvidia, "200000000000", period="FY2026", currency="USD", status=status)
    assert ask("sec_facts", nvidia).stored == 3


def test_a_number_that_differs_from_a_confirmed_one_says_so(network: FilingServices, nvidia: Company) -> None:
    make_figure(nvidia, "199900000000", period="FY2026", currency="USD")
    ask("sec_facts", nvidia)
    proposed = Figure.objects.get(metric=Metric.REVENUE, period="FY2026", status="proposed")
    assert proposed.note == "us-gaap:Revenues; differs from the confirmed 199,900,000,000 USD"


def test_a_filing_made_for_a_number_is_the_one_that_the_list_brings(network: FilingServices, nvidia: Company) -> None:
    ask("sec_facts", nvidia)
    source = Filing.objects.get(service_key="0001045810-26-900001")
    ask("sec", nvidia)
    source.refresh_from_db()
    assert source.url.endswith("/nvda-20260726.htm")
    assert Filing.objects.filter(service_key="0001045810-26-900001").count() == 1


# --- What is due ------------------------------------------------------------------------------------


def due() -> list[str]:
    return sorted(f"{q.service.slug}:{q.company.slug if q.company else ''}" for q in due_for_filings(NOW))


def test_every_list_is_due_at_first_and_only_benchmarks_for_their_numbers(
    moore_threads: Company, nvidia: Company
) -> None:
    us_company = make_company("us-company")
    make_listing(us_company, "USCO", mic="XNYS")
    make_company("unlisted")
    assert due() == [
        "hkex_applications:", "sec:nvidia", "sec:us-company", "sec_facts:nvidia", "sse:moore-threads",
        "sse_projects:", "szse_projects:",
    ]  # fmt: skip
    assert len(filing_questions([moore_threads])) == 1


@pytest.mark.parametrize(
    ("result", "hours", "is_due"),
    [("ok", 5, False), ("ok", 6, True), ("no_data", 5, False), ("retry", 0.9, False), ("retry", 1, True)],
)
def test_a_list_is_due_again_after_six_hours_and_one_that_failed_after_one(
    moore_threads: Company, result: str, hours: float, is_due: bool
) -> None:
    done = NOW - timedelta(hours=hours)
    make_outcome(make_run(kind="filings"), company=moore_threads, provider="sse", result=result, done_at=done)
    assert ("sse:moore-threads" in due()) is is_due


def test_nothing_is_due_of_a_resting_service_unless_another_can_be_asked_in_its_place(
    moore_threads: Company, nvidia: Company
) -> None:
    for site in ("sec", "sse"):
        make_health(site, failures=3, rests_until=NOW + timedelta(hours=1))
    assert due() == ["hkex_applications:", "sse:moore-threads", "szse_projects:"]
    make_health("cninfo", failures=3, rests_until=NOW + timedelta(hours=1))
    assert "sse:moore-threads" not in due()


def test_a_delisted_share_is_not_asked_about(moore_threads: Company) -> None:
    moore_threads.listings.update(delisted_on=date(2026, 11, 1))
    assert not [one for one in due() if "moore" in one]


def test_a_run_is_bounded_and_those_that_waited_longest_come_first(django_assert_num_queries: Any) -> None:
    for number in range(MOST_AT_ONCE + 5):
        company = make_company(f"c{number}")
        make_listing(company, f"{600000 + number}")
    run = make_run(kind="filings")
    for company in Company.objects.all()[:4]:
        make_outcome(run, company=company, provider="sse", result="ok", done_at=NOW - timedelta(days=1))
    with django_assert_num_queries(4):
        found = due_for_filings(NOW)
    assert len(found) == MOST_AT_ONCE
    assert not {q.company for q in found} & set(Company.objects.all()[:4])
