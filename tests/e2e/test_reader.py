"""The reader as somebody meets it who reads, selects and comes back."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Locator, Page, expect
from pytest_django import Settings

from companies.filings.pdf import PdfText
from companies.models import FilingPage, FilingVersion, Run
from tests.documents import pdf, scanned_pdf
from tests.factories import make_filing, make_version

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LINES = (
    "某某科技股份有限公司2025年年度报告",
    "公司2025年实现营业收入**12.34亿元**，同比增长45.6%，",
    "归属于上市公司股东的净利润为**−1.5亿元**。",
    "Research and development took 3,456 million yuan.",
)
# Keeps what the reader tells, so that a test can ask for it. Set up before any script of the page.
LISTEN = """
window.heard = [];
for (const name of ["passage:selected", "passage:cleared", "passage:refused", "passage:clicked", "page:ready"]) {
  document.addEventListener(name, ({ detail }) => {
    window.heard.push([name, detail]);
    document.documentElement.dataset.heard = window.heard.map(([said]) => said).join(" ");
  });
}
"""
SHOW = """
(passage) => document.dispatchEvent(
  new CustomEvent("passages:show", { detail: { name: "figures", passages: [passage] } }))
"""
# The words under the highlights of one name.
MARKED = "(name) => Array.from(CSS.highlights.get(name) ?? [], (range) => range.toString())"


@pytest.fixture
def document(site: str, settings: Settings, tmp_path: Path) -> FilingVersion:
    """A Chinese report of twelve pages with words in bold."""
    settings.DOCUMENT_DIR = tmp_path
    pages = [[f"第{number}页", *LINES] for number in range(1, 13)]
    return stored(pdf(pages, outline=[("经营情况", 7, 0)]))


def stored(content: bytes) -> FilingVersion:
    """A version with the text that its own file has, and where that stands."""
    version = make_version(
        make_filing("report", language="zh"), sha256=hashlib.sha256(content).hexdigest(), size=len(content)
    )
    version.path.parent.mkdir(parents=True, exist_ok=True)
    version.path.write_bytes(content)
    version.pages.all().delete()
    text = PdfText(version.path, most_pages=500)
    for number, read in enumerate(text.pages(), 1):
        page = FilingPage(version=version, number=number, text=read.text, width=read.width, height=read.height)
        page.set_runs([Run(*run) for run in read.runs]).save()
    version.outline = [{"title": entry.title, "page": entry.page, "level": entry.level} for entry in text.outline()]
    has_text = version.pages.exclude(text="").exists()
    version.page_count, version.extracted_at = text.page_count, timezone.now()
    version.status = FilingVersion.Status.READY if has_text else FilingVersion.Status.NO_TEXT
    version.save()
    return version


def opened(page: Page, site: str, version: FilingVersion, query: str) -> None:
    """Open the reader and wait for the page that is asked for."""
    page.add_init_script(LISTEN)
    page.goto(f"{site}/filings/{version.filing_id}/?{query}")
    text_of(page, 1 if "page=" not in query else int(query.split("page=")[1].split("&")[0].split("#")[0])).wait_for()


def text_of(page: Page, number: int) -> Locator:
    return page.locator(f"#page-{number} [data-text]")


def heard(page: Page, name: str) -> list[dict[str, Any]]:
    """What the reader has told under this name, once it has."""
    page.locator(f"html[data-heard~='{name}']").wait_for(state="attached")
    return [detail for said, detail in page.evaluate("window.heard") if said == name]


def point(page: Page, number: int, words: str, *, end: bool = False) -> tuple[float, float]:
    """A point just inside the first or the last letter of these words, where they stand on the screen."""
    x, y = page.evaluate(
        """([number, words, end]) => {
          const element = document.querySelector(`#page-${number} [data-text]`);
          const at = element.textContent.indexOf(words) + (end ? words.length - 1 : 0);
          const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
          let before = 0;
          while (walker.nextNode() && before + walker.currentNode.length <= at) before += walker.currentNode.length;
          const range = document.createRange();
          range.setStart(walker.currentNode, at - before);
          range.setEnd(walker.currentNode, at - before + 1);
          const { left, right, top, bottom } = range.getBoundingClientRect();
          return [end ? right - 1 : left + 1, (top + bottom) / 2];
        }""",
        [number, words, end],
    )
    return x, y


def drag(page: Page, number: int, first: str, last: str) -> None:
    """Select with the mouse from before the first words to behind the last ones."""
    page.mouse.move(*point(page, number, first))
    page.mouse.down()
    page.mouse.move(*point(page, number, last), steps=4)
    page.mouse.move(*point(page, number, last, end=True), steps=4)
    page.mouse.up()


@pytest.mark.parametrize("view", ["text", "page"])
def test_a_selection_across_bold_words_and_a_line_break_is_told_to_the_letter(
    page: Page, site: str, document: FilingVersion, view: str
) -> None:
    opened(page, site, document, f"view={view}")
    drag(page, 1, "营业收入", "净利润")
    told = heard(page, "passage:selected")[-1]
    text = document.pages.get(number=1).text
    assert told["exact"] == text[told["start"] : told["end"]]
    assert told["exact"].startswith("营业收入12.34亿元,同比增长45.6%,\n归属于")
    assert told["exact"].endswith("净利润")
    assert told["prefix"] == text[max(0, told["start"] - 64) : told["start"]]
    assert told["suffix"] == text[told["end"] : told["end"] + 64]
    assert (told["filing"], told["version"], told["page"]) == (document.filing_id, 1, 1)


@pytest.mark.parametrize("view", ["text", "page"])
def test_a_permalink_opens_at_its_words_in_a_browser_that_was_never_here(
    page: Page, site: str, document: FilingVersion, view: str
) -> None:
    text = document.pages.get(number=9).text
    start = text.index("亿元")
    query = f"view={view}&version=1&page=9&from={start}&to={start + 20}#passage"
    opened(page, site, document, query)
    focused = "#passage:focus" if view == "text" else "#page-9 [data-text]:focus"
    page.locator(focused).wait_for()
    assert page.evaluate(MARKED, "target") == [text[start : start + 20]]
    top = page.evaluate("[...CSS.highlights.get('target')][0].getBoundingClientRect().top")
    assert 0 < top < 900
    expect(page.locator("#page-number")).to_have_value("9")


def test_a_mark_on_paper_ends_with_its_words_and_goes_on_over_the_blanks_between_them(
    page: Page, site: str, settings: Settings, tmp_path: Path
) -> None:
    settings.DOCUMENT_DIR = tmp_path
    opened(page, site, stored(pdf(["预计 2025 年度营业收入亿元，同比增长"])), "view=page")
    page.locator("#page-1[data-done]").wait_for()
    boxes = page.evaluate(
        """() => {
          const found = {};
          for (const span of document.querySelectorAll("#page-1 [data-text] > span"))
            for (const [at, letter] of Array.from(span.firstChild.data).entries()) {
              const range = document.createRange();
              range.setStart(span.firstChild, at);
              range.setEnd(span.firstChild, at + 1);
              const { left, right } = range.getBoundingClientRect();
              found[letter] ??= [left, right];
            }
          return found;
        }"""
    )
    letter, comma = boxes["元"], boxes[","]
    assert comma[1] - comma[0] == pytest.approx(letter[1] - letter[0], rel=0.02)  # as wide as it is printed
    assert letter[1] == pytest.approx(comma[0], abs=0.5)
    assert boxes[" "] == pytest.approx([boxes["计"][1], boxes["2"][0]], abs=0.5)


def test_the_search_for_companies_does_not_repeat_what_was_looked_for_in_filings(page: Page, site: str) -> None:
    page.goto(f"{site}/filings/?q=营业收入")
    expect(page.locator("#find")).to_have_value("营业收入")
    expect(page.locator("#search")).to_have_value("")


@pytest.mark.parametrize("view", ["text", "page"])
def test_the_text_of_every_page_is_the_same_in_both_views(
    page: Page, site: str, document: FilingVersion, view: str
) -> None:
    opened(page, site, document, f"view={view}&page=5")
    assert text_of(page, 5).text_content() == document.pages.get(number=5).text


@pytest.mark.parametrize("view", ["text", "page"])
def test_notes_are_marked_at_their_words_when_their_page_comes_and_a_click_tells_which(
    page: Page, site: str, document: FilingVersion, view: str
) -> None:
    text = document.pages.get(number=8).text
    start = text.index("净利润")
    opened(page, site, document, f"view={view}")
    passage = {"id": "note-7", "page": 8, "start": start, "end": start + 3}
    page.evaluate(SHOW, passage)
    assert page.evaluate(MARKED, "figures") == []  # the page is not there yet
    page.keyboard.press("g")
    page.locator("#page-number").fill("8")
    page.keyboard.press("Enter")
    text_of(page, 8).wait_for()
    page.wait_for_timeout(100)
    assert page.evaluate(MARKED, "figures") == ["净利润"]
    page.mouse.click(*point(page, 8, "利"))
    assert heard(page, "passage:clicked")[-1] == {"ids": ["note-7"]}


def test_a_selection_over_two_pages_is_refused(page: Page, site: str, document: FilingVersion) -> None:
    opened(page, site, document, "view=text")
    page.evaluate(
        """() => {
          const [first, second] = document.querySelectorAll("[data-text]");
          getSelection().setBaseAndExtent(first.firstChild, 2, second.firstChild, 4);
        }"""
    )
    assert heard(page, "passage:refused") == [{"reason": "pages"}]


def test_the_caret_selects_by_keys(page: Page, site: str, document: FilingVersion) -> None:
    opened(page, site, document, "view=text")
    text_of(page, 1).focus()
    page.keyboard.press("Enter")
    assert page.evaluate(MARKED, "caret") == ["第"]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Home")
    for _ in range(4):
        page.keyboard.press("Shift+ArrowRight")
    assert heard(page, "passage:selected")[-1]["exact"] == "某某科技"
    page.keyboard.press("Escape")
    assert heard(page, "passage:cleared") == [{}]


def test_letters_beyond_the_first_plane_count_as_one(page: Page, site: str, settings: Settings) -> None:
    text = "😀😀 growth of 𠮷野家 was 5%."
    version = make_version(make_filing("emoji"), text)
    opened(page, site, version, "view=text")
    page.evaluate(
        "() => { const node = document.querySelector('[data-text]').firstChild; const at = node.data.indexOf('𠮷');"
        " getSelection().setBaseAndExtent(node, at, node, at + 4); }"
    )
    told = heard(page, "passage:selected")[-1]
    assert text[told["start"] : told["end"]] == told["exact"] == "𠮷野家"


def test_pages_come_as_they_are_reached_and_go_when_they_are_far(
    page: Page, site: str, document: FilingVersion
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    opened(page, site, document, "view=page")
    page.locator("#page-1[data-done]").wait_for()
    assert not [url for url in asked if "/pages/9.json" in url]
    page.locator(".outline summary").click()
    page.get_by_role("link", name="经营情况").click()
    page.locator("#page-7[data-done] canvas").wait_for()
    expect(page.locator("#page-number")).to_have_value("7")
    expect(page.locator("#page-1 canvas")).to_have_count(0)
    page.keyboard.press("k")
    expect(page.locator("#page-number")).to_have_value("6")


def test_finding_goes_from_match_to_match(page: Page, site: str, document: FilingVersion) -> None:
    opened(page, site, document, "view=text")
    page.keyboard.press("f")
    page.keyboard.type("净利润")
    page.keyboard.press("Enter")
    expect(page.locator("#found-count")).to_have_text("1 / 12")
    assert page.evaluate(MARKED, "found-now") == ["净利润"]
    page.keyboard.press("Enter")
    expect(page.locator("#found-count")).to_have_text("2 / 12")
    page.locator("#page-2").focus()
    page.keyboard.press("p")
    expect(page.locator("#found-count")).to_have_text("1 / 12")


def test_a_page_turns_from_paper_to_text_and_stays_the_same_page(
    page: Page, site: str, document: FilingVersion
) -> None:
    opened(page, site, document, "view=page&page=6")
    page.keyboard.press("j")
    expect(page.locator("#page-number")).to_have_value("7")
    page.keyboard.press("v")
    page.locator("#document[data-view=text]").wait_for()
    expect(page.locator("#page-number")).to_have_value("7")
    assert text_of(page, 7).text_content() == document.pages.get(number=7).text


def test_a_scanned_page_is_drawn(page: Page, site: str, settings: Settings, tmp_path: Path) -> None:
    settings.DOCUMENT_DIR = tmp_path
    version = stored(scanned_pdf(2))
    page.goto(f"{site}/filings/{version.filing_id}/")
    page.locator("#page-1[data-done] canvas").wait_for()
    assert page.locator("[data-text]").count() == 0
    expect(page.get_by_text("No text in this document").first).to_be_visible()


@pytest.mark.parametrize("view", ["text", "page"])
def test_a_phone_shows_the_document_and_the_notes_below_it(
    page: Page, site: str, document: FilingVersion, view: str
) -> None:
    page.set_viewport_size({"width": 380, "height": 800})
    opened(page, site, document, f"view={view}")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 380
    notes = page.locator("#notes")
    expect(notes).to_be_hidden()
    page.get_by_role("button", name="Notes", exact=True).click()
    expect(notes).to_be_visible()


def test_without_scripts_a_pdf_is_read_as_text_page_by_page(
    browser: Browser, site: str, document: FilingVersion
) -> None:
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    page.goto(f"{site}/filings/{document.filing_id}/?page=3&from=0&to=3")
    expect(page.locator("#passage")).to_have_text("第3页")
    assert "view=text" in page.url
    page.get_by_role("link", name="Next page").click()
    assert text_of(page, 4).text_content() == document.pages.get(number=4).text
    context.close()


def test_a_number_in_a_table_of_a_web_page_keeps_its_digits_in_one_line_on_a_telephone(page: Page, site: str) -> None:
    row = "<tr><td>Research and development 研发费用</td><td>(438,200)</td><td>1,402,600</td><td>143.29%</td></tr>"
    version = make_version(make_filing("web"), "(438,200) 1,402,600 143.29%", html=f"<table>{row}</table>")
    page.set_viewport_size({"width": 380, "height": 800})
    page.goto(f"{site}/filings/{version.filing_id}/?view=text")
    for number in ("(438,200)", "1,402,600", "143.29%"):
        lines = page.get_by_role("cell", name=number).evaluate(
            "(cell) => { const words = document.createRange(); words.selectNodeContents(cell);"
            " return words.getClientRects().length }"
        )
        assert lines == 1, number
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 380
