"""The Chinese catalogue: whole, in the project's own words, set as Chinese is, and all that a Chinese reader sees."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from babel.messages import Catalog
from django.conf import settings
from django.template.loader import render_to_string
from django.test import Client
from django.utils import translation

from companies.models import Basis, Company, Known
from config.messages import (
    KEYWORDS,
    ROOT,
    SOURCE_FOLDERS,
    catalogue_paths,
    catalogue_problems,
    extracted,
    forms,
    read_catalogue,
)
from tests.factories import (
    DAY,
    NOON,
    make_action,
    make_anchor,
    make_company,
    make_exchange_year,
    make_figure,
    make_filing,
    make_health,
    make_held,
    make_listing,
    make_milestone,
    make_note,
    make_outcome,
    make_quote,
    make_reply,
    make_reported_quote,
    make_round,
    make_run,
    make_share_count,
    make_staff,
    make_user,
    make_version,
    make_warning,
)
from tests.money import interval, money
from valuations.explain import FIELDS
from valuations.ledger import NOT_IN_TIME
from valuations.models import CalendarWarning, RefreshOutcome
from valuations.providers import history_source, quote_source, rate_sources
from valuations.reasons import Missing
from valuations.source_words import source_in_words
from valuations.templatetags import numbers

CHINESE = {"Accept-Language": "zh-CN"}
HANZI = r"[\u4e00-\u9fff]"
MARKS = "，。；：！？（）、“”"
Result = RefreshOutcome.Result


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    """The Chinese catalogue as it is written, whatever has been compiled."""
    return read_catalogue(catalogue_paths()[0])


def pairs(catalogue: Catalog) -> list[tuple[str, str]]:
    """Every English text with its Chinese one."""
    return [(forms(message.id)[0], text) for message in catalogue if message.id for text in forms(message.string)]


# --- The catalogue ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", catalogue_paths(), ids=lambda path: path.parent.parent.name)
def test_every_string_of_the_code_is_translated_with_its_own_placeholders(path: Path) -> None:
    assert list(catalogue_problems(path, extracted())) == []


def test_no_string_hides_in_an_f_string_where_extraction_does_not_look() -> None:
    hidden = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for folder in SOURCE_FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        for written in ast.walk(ast.parse(path.read_text()))
        if isinstance(written, ast.JoinedStr)
        for call in ast.walk(written)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in KEYWORDS
    ]
    assert hidden == []


def test_strings_that_are_marked_for_later_are_found() -> None:
    assert NOT_IN_TIME in extracted()


# The project's words. Those that occur inside longer texts are looked for there as well.
TERMS = {
    "market value": "市值",
    "price to sales": "市销率",
    "held quote": "暂扣报价",
    "guidance": "业绩预告",
    "express report": "业绩快报",
    "prospectus": "招股说明书",
    "passage": "原文",
    "share class": "股份类别",
    "order backlog": "在手订单",
    "offer price": "发行价",
    "winning rate": "中签率",
    "lock-up": "限售",
    "tutoring": "上市辅导",
    "listing committee": "上市委",
    "registration": "注册",
    "inquiry": "问询",
    "accepted": "受理",
    "placing": "配售",
    "net profit attributable to shareholders": "归母净利润",
    "r&d expense": "研发费用",
    "revenue": "营业收入",
    "trailing 12 months": "滚动十二个月",
    "ttm": "滚动十二个月",
    "claimed": "说法",
}
# A ratio has its own Chinese name; the code of a period and a class of any kind are not the terms.
OTHER_WORDS = {
    "R&D ÷ revenue",
    "R&amp;D ÷ revenue, %(basis)s",
    "FY2025, 2026H1, 2025Q3, 2025Q1-Q3, FY2027Q2 (fiscal quarter), TTM-2025-09-30, or a day.",
    "FY2025, 2026H1, 2025Q3, 2025Q1-Q3, TTM-2025-09-30, or a day such as 2025-12-31.",
    "sum over the share classes of price × shares × exchange rate",
    "listed in several share classes, and the shares of each class are not known",
}


@pytest.mark.parametrize(("english", "chinese"), TERMS.items())
def test_a_term_is_translated_the_same_wherever_it_occurs(catalogue: Catalog, english: str, chinese: str) -> None:
    found = [(text, said) for text, said in pairs(catalogue) if english in text.lower() and text not in OTHER_WORDS]
    assert found
    assert [pair for pair in found if chinese not in pair[1]] == []


@pytest.mark.parametrize(
    ("fault", "pattern"),
    [
        ("a half-width mark beside Chinese", rf"{HANZI}[,;:!?()]|[,;:!?(]{HANZI}|{HANZI}\.(?!\w)"),
        ("a space at a full-width mark", rf"\s[{MARKS}]|[{MARKS}]\s"),
        ("a space between Chinese and letters or digits", rf"{HANZI} [A-Za-z0-9]|[A-Za-z0-9] {HANZI}"),
        ("a space between Chinese and a value", rf"{HANZI} %\(|\)s {HANZI}"),
        ("three dots", r"\.\.\."),
    ],
)
def test_chinese_is_set_as_chinese(catalogue: Catalog, fault: str, pattern: str) -> None:
    assert [said for _text, said in pairs(catalogue) if re.search(pattern, said)] == [], fault


def test_a_sentence_stays_a_sentence(catalogue: Catalog) -> None:
    for text, said in pairs(catalogue):
        if re.search(r"[a-z]{2}\.$", text) and " " in text:
            assert said.endswith("。"), text


# --- What a Chinese reader sees -----------------------------------------------------------------------

SPOKEN = (
    "title", "aria-label", "placeholder", "alt", "data-words", "data-failed", "data-offline", "data-unsigned",
    "data-discard", "data-selected", "data-copied", "data-saved", "data-place", "data-same-place", "data-last",
    "data-moved", "data-writing", "data-hidden", "data-refused-pages", "data-refused-long", "data-refused-empty",
    "data-none",
)  # fmt: skip
# Two English words in a row; names of things (Acme Chips) have a capital.
ENGLISH = re.compile(r"\b[A-Za-z][a-z]+,? [a-z]{2,}\b")


class Seen(HTMLParser):
    """Text and spoken attributes of a page; the charts' JSON apart."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.charts: list[Any] = []
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        self.texts += [value for name, value in attrs if name in SPOKEN and value]

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.charts += [json.loads(data)]
        elif text := " ".join(data.split()):
            self.texts.append(text)


def chart_texts(chart: dict[str, Any]) -> Iterator[str]:
    """What is written on a chart: titles, hover texts, names of lines."""
    layout = chart["layout"]
    yield layout["xaxis"]["title"]["text"]
    yield layout["yaxis"]["title"]["text"]
    yield from (text for text in layout["meta"].values() if isinstance(text, str))
    for trace in chart["data"]:
        yield trace.get("name", "")
        yield trace["meta"].get("label", "")
        yield from trace.get("hovertext", [])
        yield from trace.get("text", [])


def english_of(html: str) -> list[str]:
    """Texts of a page that are English sentences, or parts of them."""
    seen = Seen(html)
    texts = [*seen.texts, *(text for chart in seen.charts for text in chart_texts(chart))]
    return [text for text in texts if ENGLISH.search(text)]


@pytest.fixture
def facts() -> Company:
    """Facts in Chinese of a listed company, of one on its way to a listing, and of one of which little is known."""
    filing = make_filing(title_original="2025年年度报告", publisher="上交所")
    make_exchange_year()
    company = make_company(
        "acme", name_en="Acme Chips", name_zh="顶点芯片", city="Shanghai", founded="2020-06", founders="张三",
        products="图形处理器", parent="某集团", segment_note="图形芯片", note="一则备注", source=filing,
    )  # fmt: skip
    listing = make_listing(company, board="STAR", source=filing)
    for back in range(3):
        make_quote(
            listing, str(200 - back), day=DAY.replace(day=2 - back) if back < 2 else DAY.replace(month=2, day=27)
        )
    make_reported_quote(listing, close="201", market_value="900000000", shares=1)
    make_share_count(company, 4_000_000, note="")
    make_action(company, "1.25", ex_day=DAY.replace(day=1))
    make_figure(company, "8_000_000", "10_000_000", passage="营业收入约八百万至一千万元")
    make_figure(company, "9_000_000", known_by=Known.MONTH, source=make_filing("news", title="报道", tier="media"))
    make_figure(company, "7_000_000", period="FY2024", known_by=Known.INFERRED, basis=Basis.CLAIMED)
    make_figure(company, "1_000_000", metric="rd_expense")
    make_figure(company, "114.28", metric="offer_price", listing=listing, period="2025-12-05")
    make_figure(company, "115", metric="offer_price", listing=listing, period="2025-12-05", basis=Basis.CLAIMED)
    make_figure(company, "5", known_on=DAY.replace(year=2030), metric="employees", currency="")
    make_milestone(company, venue="XSHG STAR", detail="已受理")
    unlisted = make_company("beta", name_en="Beta Chips", name_zh="贝塔芯片", segment="ai_asic")
    make_round(unlisted, "500000000", label="B轮", investors="某基金")
    make_round(unlisted, "600000000", label="榜单", kind="mark")
    make_figure(unlisted, "8_000_000", None)
    make_milestone(unlisted)
    make_company("gamma", name_en="Gamma Chips", name_zh="伽马芯片", segment="other")
    make_company("nvidia", name_en="NVIDIA", name_zh="英伟达", segment="benchmark")
    return company


THEN = f"?as_of={DAY}"
PAGES = [
    "/", f"/{THEN}&basis=fy", f"/{THEN}&basis=guidance&scale=linear&benchmarks=on&currency=HKD",
    f"/{THEN}&segment=chip_ip", "/?as_of=1999-01-04", f"/companies/acme/{THEN}&basis=fy",
    *(f"/companies/{slug}/{name}/source/{THEN}&basis=fy" for slug in ("acme", "beta") for name in FIELDS),
    f"/companies/acme/{THEN}&prices=raw", "/companies/acme/", f"/companies/beta/{THEN}&basis=fy", "/companies/gamma/",
    "/companies/", "/companies/?q=acme", "/companies/?q=nothing", f"/companies/?q={'x' * 200}", "/refreshes/",
    "/refreshes/?page=9", "/accounts/login/", "/compare/", "/compare/?find=nothing", f"/compare/{THEN}&c=acme&c=beta",
    "/compare/?c=acme&c=gamma&find=beta", "/compare/?c=nobody",
]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path[:60])
def test_no_english_sentence_is_left_on_a_page(facts: Company, path: str) -> None:
    html = Client().get(path, headers=CHINESE).content.decode()
    assert 'lang="zh-Hans"' in html
    assert english_of(html) == []


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", f"/companies/acme/{THEN}&basis=fy", "/companies/", "/refreshes/"])
def test_the_same_look_finds_the_sentences_of_the_english_page(facts: Company, path: str) -> None:
    assert len(english_of(Client().get(path).content.decode())) > 3


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "status"), [("/nothing/", 404), ("/?as_of=2026-13-01&basis=x&page=0", 400), ("/?as_of=2999-01-01", 400)]
)
def test_a_refusal_is_in_chinese(path: str, status: int) -> None:
    answer = Client().get(path, headers=CHINESE)
    assert answer.status_code == status
    assert english_of(answer.content.decode()) == []


@pytest.mark.django_db
def test_a_right_that_is_lacking_is_said_in_chinese() -> None:
    client = Client()
    client.force_login(make_user())
    answer = client.post("/refreshes/now/", headers=CHINESE)
    assert answer.status_code == 403
    assert english_of(answer.content.decode()) == []


@pytest.mark.django_db
def test_a_wrong_password_is_said_in_chinese() -> None:
    answer = Client().post("/accounts/login/", {"username": "nobody", "password": "x"}, headers=CHINESE)
    assert "用户名" in answer.content.decode()
    assert english_of(answer.content.decode()) == []


@pytest.mark.django_db
@pytest.mark.parametrize("staff", [False, True])
def test_the_ledger_is_in_chinese(facts: Company, staff: bool) -> None:
    run = make_run(finished_at=NOON, problem=NOT_IN_TIME)
    for number, result in enumerate(Result.values):
        listing = make_listing(facts, f"68810{number:02}"[:6] + chr(65 + number))
        outcome = make_outcome(run, listing, result=result, reason="beyond_limit", detail=NOT_IN_TIME)
        if result == Result.HOLD:
            make_held(outcome)
    make_run(kind="rates")
    for site, failures in (("tencent", 0), ("sina", 1), ("eastmoney", 3)):
        make_health(site, failures=failures, rests_until=NOON if failures == 3 else None, last_failure_at=NOON)
    for kind in CalendarWarning.Kind:
        make_warning(kind=kind, detail="2")
    client = Client()
    if staff:
        client.force_login(make_staff())
    for path in ("/refreshes/", f"/refreshes/{run.pk}/", f"/refreshes/{run.pk}/?result=hold"):
        html = client.get(path, headers=CHINESE).content.decode()
        assert english_of(html) == []
        assert "未能按时完成" in html


@pytest.mark.django_db
@pytest.mark.parametrize("staff", [False, True])
def test_the_freshness_of_a_listing_is_told_in_chinese(facts: Company, staff: bool) -> None:
    listing = facts.listings.get()
    make_held(make_outcome(make_run(finished_at=NOON), listing, result=Result.HOLD, reason="beyond_limit"))
    run = make_run(requested_at=NOON)
    make_outcome(run, listing, result=Result.OK_FLAG, reason="second_source")
    client = Client()
    if staff:
        client.force_login(make_staff())
    for query in ("", f"?run={run.pk}"):
        assert english_of(client.get(f"/listings/{listing.pk}/prices/{query}", headers=CHINESE).content.decode()) == []


@pytest.fixture
def documents(facts: Company) -> dict[str, int]:
    """Documents in Chinese with notes, a proposed figure and a passage to look at; the numbers in their addresses."""
    reader = make_user("wang")
    filing = make_filing("report", company=facts, title="年度报告", publisher="上交所", language="zh")
    version = make_version(filing, "预计营业收入6.45亿元至7.20亿元，同比增长。", "第二页没有数字。")
    newer = make_version(filing, "预计营业收入6.55亿元至7.20亿元，同比增长。", "第二页没有数字。")
    note = make_note(reader, newer, "同比增长", "注意口径", visibility="public")
    make_reply(reader, note, "同意")
    figure = make_figure(
        facts, "645_000_000", "720_000_000", period="FY2026", status="proposed", source=filing, note="",
        anchor=make_anchor(version, "营业收入6.45亿元至7.20亿元"), passage="营业收入6.45亿元至7.20亿元",
    )  # fmt: skip
    lost = make_figure(facts, "1_000_000", metric="rd_expense", source=filing, period="FY2024")
    lost.anchor = make_anchor(
        version, "预计", state="needs_review", reason="words_differ", candidate_version=newer, candidate_page=1,
        candidate_start=0, candidate_end=2,
    )  # fmt: skip
    lost.save()
    locked = make_version(make_filing("locked", title="加密的报告"), "", status="encrypted")
    link = make_filing("link", title="链接", url="https://www.sse.com.cn/a.pdf")
    run = make_run(kind="documents", finished_at=NOON)
    make_outcome(
        run, filing=filing, provider="upload", result=Result.BAD_BODY, reason="too_long",
        detail="It has 3,412 pages; at most 3,000 are read.",
    )  # fmt: skip
    return {
        "filing": filing.pk, "locked": locked.filing_id, "link": link.pk, "figure": figure.pk, "lost": lost.pk,
        "run": run.pk,
    }  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("staff", [False, True])
@pytest.mark.parametrize(
    "path",
    [
        "/filings/", "/filings/?q=营业收入", "/filings/?q=nothing", "/filings/?from=x", "/filings/{filing}/",
        "/filings/{filing}/?view=text&version=1", "/filings/{locked}/", "/filings/{link}/",
        "/filings/{filing}/find/?q=增长", "/filings/add/", "/filings/{filing}/add/", "/notes/",
        "/notes/?whose=mine&deleted=on", "/notes/of/{filing}/", "/notes/import/", "/notes/anchors/",
        "/figures/{figure}/", "/figures/{lost}/", "/figures/record/?filing={filing}",
        "/figures/record/?filing={filing}&version=2&page=1&from=2&to=23", "/figures/proposed/",
        "/figures/{figure}/decide/", "/refreshes/{run}/",
    ],
)  # fmt: skip
def test_documents_notes_and_figures_are_shown_in_chinese(documents: dict[str, int], path: str, staff: bool) -> None:
    client = Client()
    if staff:
        client.force_login(make_staff())
    answer = client.get(path.format(**documents), headers=CHINESE)
    assert answer.status_code in ((200, 400) if staff else (200, 302, 400, 403, 404))
    assert english_of(answer.content.decode()) == []


def test_every_source_that_is_shipped_has_a_chinese_name() -> None:
    labels = [
        *(quote_source(slug).label for slug in settings.QUOTE_SOURCES),
        *(history_source(slug).label for slug in settings.HISTORY_SOURCES),
        *(source.label for source in rate_sources().values() if not source.label.startswith("FRED")),
    ]
    with translation.override("zh-hans"):
        assert [label for label in labels if not re.search(HANZI, source_in_words(label))] == []


@pytest.mark.parametrize("template", ["400.html", "500.html"])
def test_pages_that_stand_alone_speak_the_language_of_the_request(template: str) -> None:
    with translation.override("zh-hans"):
        html = render_to_string(template)
    assert re.search('<html [^>]*lang="zh-hans"', html, re.IGNORECASE)
    assert english_of(html) == []


@pytest.mark.django_db
def test_the_sector_page_uses_the_words_of_the_trade(facts: Company) -> None:
    html = Client().get(f"/{THEN}&basis=fy", headers=CHINESE).content.decode()
    for word in (
        "市值",
        "营业收入",
        "市销率",
        "研发费用率",
        "上一财年",
        "滚动十二个月",
        "业绩预告",
        "对数",
        "线性",
        "人民币",
    ):
        assert word in html, word
    assert "已收盘 · 3月2日" in html
    assert re.search(r"覆盖3家公司中的\d家", html)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path",
    [
        "/admin/", "/admin/companies/company/", "/admin/companies/figure/add/", "/admin/companies/filing/add/",
        "/admin/valuations/quote/", "/admin/valuations/heldquote/", "/admin/valuations/refreshoutcome/",
        "/admin/companies/corporateaction/add/", "/admin/valuations/exchangeday/add/",
        "/admin/valuations/exchangeyear/add/", "/admin/valuations/calendarwarning/", "/admin/valuations/sourcehealth/",
    ],
)  # fmt: skip
def test_the_admin_is_in_chinese(path: str) -> None:
    make_held()
    client = Client()
    client.force_login(make_staff())
    html = client.get(path, headers=CHINESE).content.decode()
    words = [label for label in re.findall(r"<label[^>]*>([^<]+)</label>", html) if ENGLISH.search(label)]
    helps = [text for text in re.findall(r'<div class="help"[^>]*>\s*<div>([^<]+)', html) if ENGLISH.search(text)]
    heads = [text for text in re.findall(r'<div class="text">.*?>([^<]+)</', html) if ENGLISH.search(text)]
    assert words + helps + heads == []


# --- Numbers, days and marks --------------------------------------------------------------------------


def test_values_inside_sentences_are_written_the_chinese_way() -> None:
    with translation.override("zh-hans"):
        assert (
            str(Missing("no_rate", {"base": "USD", "quote": "CNY", "day": DAY}))
            == "2026年3月2日前一周内没有USD/CNY汇率"
        )
        assert str(Missing("trailing_lacks", {"period": "2025H1"})) == "无法凑成十二个月：缺少2025年上半年数据"
        assert numbers.multiple(interval("117..124")) == "117–124倍"
        assert numbers.exact(money("1009.01 CNY")) == "1,009.01元"
        assert numbers.share_price(Decimal("24.76"), "HKD") == "24.76港元"
        assert numbers.moment(NOON) == "2026年3月2日 12:00（北京时间）"
        assert numbers.then("一句。", "两句。") == "一句。两句。"
        assert numbers.place("Shanghai") == "上海"
        assert numbers.place("Somewhere") == "Somewhere"
    with translation.override("en"):
        assert str(Missing("trailing_lacks", {"period": "2025H1"})).endswith("H1 2025 is not known")
        assert numbers.then("One.", "Two.") == "One. Two."
        assert numbers.place("Shanghai") == "Shanghai"
