"""From rows of official lists to filings: kinds, periods, corrections, and the same document in two lists."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from companies.filings.announced import store_announced
from companies.filings.applications import Applicant, Names, Step, name_key, steps_of_application, steps_of_project
from companies.filings.discovered import bare_title, filing_from, kind_of, period_end_of, slug_of, without_twins
from companies.filings.tagged import period_of, tagged_figures
from companies.models import Company, Filing, Metric, Milestone
from companies.sources.announcements import Announcement
from companies.sources.hkex import Application
from companies.sources.projects import Stage, Status, StatusChange
from companies.sources.sec import Fact
from tests.factories import make_company, make_filing, make_listing

DAY = date(2026, 8, 28)


def row(title: str, source: str = "sse", **fields: Any) -> Announcement:
    """A row of a list, of `DAY`."""
    language = fields.pop("language", "en" if title.isascii() else "zh")
    values = {"key": fields.pop("key", title), "published_on": DAY, "company": "摩尔线程"}
    return Announcement(source=source, title=title, language=language, **{**values, **fields})


# --- Kinds and periods ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("摩尔线程：2025年年度报告", "annual_report"),
        ("摩尔线程2025年年度报告摘要", "annual_report"),
        ("2025年年度报告（更正后）", "annual_report"),
        ("摩尔线程智能科技（北京）股份有限公司2025年年度报告（修订稿）", "annual_report"),
        ("关于2025年年度报告的更正公告", "annual_report"),
        ("关于披露2025年年度报告的提示性公告", "exchange_announcement"),
        ("关于2025年年度报告信息披露监管问询函的回复公告", "exchange_announcement"),
        ("关于召开2025年年度业绩说明会的公告", "exchange_announcement"),
        ("董事会关于2025年年度报告的说明", "other"),
        ("2026年半年度报告", "interim_report"),
        ("2026年第一季度报告", "quarterly_report"),
        ("2026年第三季度报告", "quarterly_report"),
        ("2025年年度业绩预告", "earnings_forecast"),
        ("2025年年度业绩预增公告", "earnings_forecast"),
        ("2025年年度业绩预告更正公告", "earnings_forecast"),
        ("2025年度业绩快报公告", "express_report"),
        ("首次公开发行股票并在科创板上市招股说明书", "prospectus"),
        ("首次公开发行股票并在科创板上市招股意向书", "prospectus"),
        ("聆讯后资料集", "prospectus"),
        ("首次公开发行股票科创板上市公告书", "listing_announcement"),
        ("首次公开发行股票发行结果公告", "issue_result"),
        ("中信证券关于摩尔线程限售股上市流通的核查意见", "sponsor_opinion"),
        ("中信证券关于摩尔线程2025年度持续督导跟踪报告", "exchange_announcement"),
        ("2025年度向特定对象发行A股股票预案", "private_placement"),
        ("关于签订重大合同的公告", "exchange_announcement"),
        ("公司章程", "other"),
    ],
)
def test_titles_of_the_mainland_give_the_kind(title: str, kind: str) -> None:
    assert kind_of(row(title)) == kind


@pytest.mark.parametrize(
    ("source", "title", "kinds", "kind"),
    [
        ("hkex", "ANNUAL RESULTS", ("Announcements and Notices - [Final Results]",), "annual_results"),
        ("hkex", "2025 REPORT", ("Financial Statements/ESG Information - [Annual Report]",), "annual_report"),
        ("hkex", "X", ("Financial Statements/ESG Information - [Interim/Half-Year Report]",), "interim_report"),
        ("hkex", "截至六月三十日止", ("公告及通告 - [中期業績]",), "interim_report"),
        ("hkex", "X", ("Announcements and Notices - [Quarterly Results]",), "quarterly_report"),
        ("hkex", "X", ("Announcements and Notices - [Profit Warning]",), "earnings_forecast"),
        ("hkex", "X", ("Announcements and Notices - [Allotment Results]",), "allotment_result"),
        ("hkex", "GLOBAL OFFERING", ("Listing Documents - [Offer for Subscription]",), "prospectus"),
        ("hkex", "Application Proof (1st submission)", (), "prospectus"),
        ("hkex", "Monthly Return", ("Monthly Returns",), "other"),
        ("sec", "10-K", ("10-K",), "annual_report"),
        ("sec", "10-Q/A", ("10-Q/A",), "quarterly_report"),
        ("sec", "CURRENT REPORT", ("8-K", "2.02"), "exchange_announcement"),
        ("sec", "20-F", ("20-F",), "annual_report"),
        ("sec", "DEF 14A", ("DEF 14A",), "other"),
        ("sse", "招股书", ("I0011",), "prospectus"),
        ("sse", "8-1 发行人的回复", ("I3010",), "other"),
        ("sse", "发行保荐书", ("I0051",), "sponsor_opinion"),
        ("sse", "2025年报", ("年报",), "annual_report"),
    ],
)
def test_codes_and_headlines_of_services_give_the_kind(
    source: str, title: str, kinds: tuple[str, ...], kind: str
) -> None:
    assert kind_of(row(title, source, kinds=kinds)) == kind


def test_an_attachment_is_not_what_it_is_attached_to() -> None:
    assert kind_of(row("审计说明", kinds=("年报",), is_attachment=True)) == "other"


@pytest.mark.parametrize(
    ("announcement", "day"),
    [
        (row("摩尔线程：2025年年度报告"), date(2025, 12, 31)),
        (row("2025年度业绩快报公告"), date(2025, 12, 31)),
        (row("2026年半年度业绩预告"), date(2026, 6, 30)),
        (row("2026年第一季度报告"), date(2026, 3, 31)),
        (row("2026年前三季度业绩预告"), date(2026, 9, 30)),
        (row("关于签订2026年年度合同的公告"), None),
        (row("ANNUAL RESULTS FOR THE YEAR ENDED 31 DECEMBER 2025", "hkex"), date(2025, 12, 31)),
        (row("INTERIM RESULTS FOR THE SIX MONTHS ENDED 31 JUNE 2026", "hkex"), None),
        (row("10-Q", "sec", kinds=("10-Q",), period_end=date(2026, 7, 26)), date(2026, 7, 26)),
        (row("8-K", "sec", kinds=("8-K",), period_end=date(2026, 7, 26)), None),
    ],
)
def test_the_last_day_reported_on_comes_from_title_or_service(announcement: Announcement, day: date | None) -> None:
    assert period_end_of(announcement) == day


@pytest.mark.django_db
def test_slugs_differ_by_language_and_key_and_fit_their_field() -> None:
    company = make_company("a" * 50)
    rows = [row("T", "hkex", key="1", language="en"), row("T", "hkex", key="1", language="zh"), row("T", key="k" * 300)]
    slugs = [slug_of(one, company, kind_of(one)) for one in rows]
    assert len(set(slugs)) == 3
    for one in rows:
        filing_from(one, company).full_clean(exclude=["url"], validate_constraints=True)


# --- The same document, or a correction of it -------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "bare"),
    [
        ("摩尔线程：2026年第三季度报告", "2026年第三季度报告"),
        ("摩尔线程2026年第三季度报告", "2026年第三季度报告"),
        ("摩尔线程智能科技（北京）股份有限公司 2026 年第三季度报告", "2026年第三季度报告"),
        ("寒武纪:2026年第三季度报告", "2026年第三季度报告"),
        ("Annual  Report 2025", "annual report 2025"),
        ("摩尔线程", "摩尔线程"),
    ],
)
def test_bare_titles_leave_the_company_out(title: str, bare: str) -> None:
    assert bare_title(title, ["摩尔线程"]) == bare


def linked(*announcements: Announcement) -> dict[str, str]:
    """What each stored document corrects, by title."""
    company = Company.objects.filter(slug="acme").first() or make_company("acme", name_zh="摩尔线程")
    store_announced(announcements, company)
    corrections = Filing.objects.filter(corrects__isnull=False).select_related("corrects")
    return {one.title: one.corrects.title for one in corrections if one.corrects}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("correction", "original"),
    [
        ("摩尔线程：2025年年度报告（更正后）", "2025年年度报告"),
        ("2025年年度报告（修订稿）", "摩尔线程：2025年年度报告"),
        ("2025年年度报告(更新后)", "2025年年度报告（已取消）"),
        ("关于2025年年度报告的更正公告", "2025年年度报告"),
        ("2025年年度业绩预告更正公告", "2025年年度业绩预告"),
    ],
)
def test_a_correction_is_linked_to_the_one_document_it_means(correction: str, original: str) -> None:
    assert linked(row(original), row(correction)) == {correction: original}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "others",
    [
        [row("2024年年度报告")],
        [row("2025年半年度报告")],
        [row("2025年年度报告", key="a"), row("2025年年度报告", key="b")],
        [row("2025年年度报告", published_on=date(2026, 8, 29))],
        [row("2025年年度报告摘要")],
        [],
    ],
)
def test_a_correction_is_linked_to_nothing_where_it_is_not_certain_what_it_means(others: list[Announcement]) -> None:
    assert linked(*others, row("2025年年度报告（更正后）")) == {}


@pytest.mark.django_db
def test_a_correction_that_came_first_is_linked_when_the_original_is_found() -> None:
    assert linked(row("2025年年度报告（更正后）")) == {}
    assert linked(row("2025年年度报告")) == {"2025年年度报告（更正后）": "2025年年度报告"}


@pytest.mark.django_db
def test_amended_forms_correct_the_form_of_their_period() -> None:
    def form(name: str, key: str, end: date | None) -> Announcement:
        return row(f"{name} {key}", "sec", key=key, kinds=(name,), period_end=end)

    year, before = date(2026, 1, 25), date(2025, 1, 26)
    rows = [form("10-K", "a", year), form("10-K", "b", before), form("10-K/A", "c", year), form("8-K/A", "d", None)]
    assert linked(*rows) == {"10-K/A c": "10-K a"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("other", "is_twin"),
    [
        (row("2026年第三季度报告", "cninfo"), True),
        (row("2026年第三季度报告", "cninfo", published_on=date(2026, 8, 29)), True),
        (row("2026年第三季度报告", "cninfo", published_on=date(2026, 8, 30)), False),
        (row("2026年第三季度报告", "cninfo", language="en"), False),
        (row("2026年第三季度报告", "sse", key="another"), False),
        (row("2026年第三季度报告（更正后）", "cninfo"), False),
    ],
)
def test_the_same_title_within_a_day_in_another_mainland_list_is_the_same_document(
    other: Announcement, is_twin: bool
) -> None:
    company = make_company("acme", name_zh="摩尔线程")
    store_announced([row("摩尔线程：2026年第三季度报告")], company)
    assert (without_twins([other], Filing.objects.all(), ["摩尔线程"]) == []) is is_twin


@pytest.mark.django_db
def test_two_documents_of_one_title_stay_two_beside_one_of_another_list() -> None:
    company = make_company("acme", name_zh="摩尔线程")
    store_announced([row("关于签订合同的公告")], company)
    twice = [row("关于签订合同的公告", "cninfo", key="1"), row("关于签订合同的公告", "cninfo", key="2")]
    assert len(store_announced(twice, company)) == 1


@pytest.mark.django_db
def test_a_document_of_another_company_or_brought_in_by_hand_is_left_alone() -> None:
    make_filing("by-hand", company=make_company("other"), title="2026年第三季度报告", url="https://x.example/1.pdf")
    company = make_company("acme")
    stored = store_announced([row("2026年第三季度报告", url="https://x.example/1.pdf")], company)
    assert [one.company for one in stored] == [company]


# --- Applications -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("沐曦集成电路（上海）股份有限公司", "沐曦集成电路(上海)股份有限公司"),
        ("Biren Technology  Co., Ltd. - H shares", "BIREN TECHNOLOGY CO., LTD."),
        ("样例 智算", "样例智算"),
    ],
)
def test_names_differ_by_more_than_brackets_spaces_and_width(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.django_db
def test_the_ticker_says_whose_an_application_is_whatever_its_name() -> None:
    company = make_company("acme")
    make_listing(company, "688001")
    names = Names(Company.objects.prefetch_related("listings"), ("XSHG",))
    assert names.company_of(Applicant(("另一个名字",), "688001")) == company
    elsewhere = Names(Company.objects.prefetch_related("listings"), ("XSHE",))
    assert elsewhere.company_of(Applicant(("另一个名字",), "688001")) is None


def change(stage: Stage, day: date | None = DAY, code: str = "x") -> StatusChange:
    return StatusChange("1", Status(stage, code), day)


def test_stages_become_milestones_and_those_without_a_kind_of_their_own_are_told_in_words() -> None:
    kinds = Milestone.Kind
    changes = [
        change(Stage.ACCEPTED), change(Stage.ACCEPTED), change(Stage.INQUIRED, None), change(Stage.PAUSED),
        change(Stage.REGISTRATION_EFFECTIVE), change(Stage.UNKNOWN, code="77-9"),
    ]  # fmt: skip
    assert steps_of_project(changes) == [
        Step(kinds.APPLICATION_ACCEPTED, DAY),
        Step(kinds.OTHER, DAY, "Review paused (中止)"),
        Step(kinds.REGISTRATION_APPROVED, DAY),
        Step(kinds.OTHER, DAY, "Stage: 77-9"),
    ]


def test_every_stage_has_a_milestone_or_words() -> None:
    for stage in Stage:
        (step,) = steps_of_project([change(stage, code="code")])
        assert step.kind != Milestone.Kind.OTHER or step.detail


def test_a_pack_published_after_the_hearing_says_that_it_was_passed() -> None:
    pack = row("PHIP (1st submission)", "hkex", key="p", published_on=date(2026, 12, 18))
    application = Application(
        key="1", applicant="X", status="A", state="active", posted_on=DAY, is_past_hearing=True, documents=(pack,)
    )
    assert [(one.kind, one.day) for one in steps_of_application(application)] == [
        ("application_accepted", DAY), ("hearing_passed", date(2026, 12, 18)),
    ]  # fmt: skip


# --- Tagged numbers ---------------------------------------------------------------------------------


def fact(start: str | None, end: str, value: int = 1, **fields: Any) -> Fact:
    values: dict[str, Any] = {
        "taxonomy": "us-gaap", "tag": "Revenues", "unit": "USD", "form": "10-K", "filed_on": date(2026, 2, 25),
        "accession": "0001045810-26-000001",
    }  # fmt: skip
    begin = None if start is None else date.fromisoformat(start)
    return Fact(start=begin, end=date.fromisoformat(end), value=Decimal(value), **{**values, **fields})


@pytest.mark.parametrize(
    ("start", "end", "fiscal_year_end", "label"),
    [
        ("2025-01-27", "2026-01-25", "01-31", "FY2026"),
        ("2026-04-27", "2026-07-26", "01-31", "FY2027Q2"),
        ("2025-10-27", "2026-01-25", "01-31", "FY2026Q4"),
        ("2026-01-26", "2026-07-26", "01-31", ""),
        ("2024-12-29", "2025-12-27", "12-31", "FY2025"),
        ("2025-06-29", "2025-09-27", "12-31", "2025Q3"),
        ("2025-09-28", "2025-12-27", "12-31", "2025Q4"),
        ("2025-05-01", "2025-07-31", "12-31", ""),
        (None, "2025-12-27", "12-31", ""),
    ],
)
def test_periods_are_labelled_as_the_companys_other_figures_are(
    start: str | None, end: str, fiscal_year_end: str, label: str
) -> None:
    assert period_of(fact(start, end), fiscal_year_end) == label


def test_a_correction_replaces_what_it_corrects_and_is_known_since_it_was_filed() -> None:
    first = fact("2025-01-01", "2025-12-31", 10)
    repeated = fact("2025-01-01", "2025-12-31", 12, filed_on=date(2026, 6, 1), accession="0-26-3", form="10-K/A")
    corrected = fact("2025-01-01", "2025-12-31", 12, filed_on=date(2026, 4, 1), accession="0-26-2", form="10-K/A")
    (figure,) = tagged_figures([first, repeated, corrected])
    assert (figure.fact.value, figure.fact.filed_on, figure.period) == (Decimal(12), date(2026, 4, 1), "FY2025")


def test_the_first_tag_is_believed_and_the_next_fills_what_it_lacks() -> None:
    other = "RevenueFromContractWithCustomerExcludingAssessedTax"
    figures = tagged_figures(
        [
            fact("2025-01-01", "2025-12-31", 10),
            fact("2025-01-01", "2025-12-31", 11, tag=other),
            fact("2024-01-01", "2024-12-31", 9, tag=other),
        ]
    )
    assert [(one.period, one.fact.value) for one in figures] == [("FY2024", Decimal(9)), ("FY2025", Decimal(10))]


def test_only_dollars_of_periodic_reports_and_of_three_years_are_taken() -> None:
    figures = tagged_figures(
        [
            fact("2025-01-01", "2025-12-31", 10),
            fact("2023-01-01", "2023-12-31", 8),
            fact("2022-01-01", "2022-12-31", 7),
            fact("2024-01-01", "2024-12-31", 9, unit="CNY"),
            fact("2024-01-01", "2024-12-31", 9, form="8-K"),
            fact("2024-01-01", "2024-12-31", 9, taxonomy="dei"),
            fact("2024-01-01", "2024-12-31", 5, tag="NetIncomeLoss"),
        ]
    )
    assert [(one.metric, one.period) for one in figures] == [
        (Metric.REVENUE, "FY2023"), (Metric.NET_PROFIT, "FY2024"), (Metric.REVENUE, "FY2025"),
    ]  # fmt: skip
