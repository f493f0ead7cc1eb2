"""Notes as people write and read them beside a document."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from companies.filings.extraction import extract
from companies.filings.store import store_version
from companies.models import Annotation, FilingVersion, User
from tests.documents import html, pdf
from tests.e2e.conftest import Watched
from tests.factories import PASSWORD, make_analyst, make_filing, make_group, make_note, make_version

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WEB_PAGE = html("<h1>公告</h1><p>公司本期营业收入为<b>12.34亿元</b>，<br>同比增长<b>56%</b>。</p><p>End of it.</p>")
PAPER = pdf(["公告\n公司本期营业收入为**12.34亿元**，\n同比增长**56%**。"])
FIRST, LAST = "收入为", "增长56%"  # from the middle of a line, over bold words, to the next line

# The place of a character, by the words it begins or ends, and what the highlights of a name stand on.
CHARACTER = """([page, words, atEnd]) => {
  const element = document.querySelector(`#page-${page} [data-text]`);
  let at = element.textContent.indexOf(words) + (atEnd ? words.length - 1 : 0);
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  while (walker.nextNode() && at >= walker.currentNode.length) at -= walker.currentNode.length;
  const range = document.createRange();
  range.setStart(walker.currentNode, at);
  range.setEnd(walker.currentNode, at + 1);
  range.startContainer.parentElement.scrollIntoView({ block: "center" });
  const { left, right, top, bottom } = range.getBoundingClientRect();
  return { left, right, middle: (top + bottom) / 2 };
}"""
MARKED = "(name) => Array.from(CSS.highlights.get(name) ?? [], (range) => range.toString())"
SELECT = """([words, length]) => {
  const element = document.querySelector("[data-text]");
  const node = document.createTreeWalker(element, NodeFilter.SHOW_TEXT).nextNode();
  const start = node.data.indexOf(words);
  getSelection().setBaseAndExtent(node, start, node, start + length);
}"""


@pytest.fixture
def site(live_server: LiveServer, settings: Settings, tmp_path: Path) -> str:
    """The address of a server without any facts, whose documents are forgotten after the test."""
    settings.DOCUMENT_DIR = tmp_path
    address: str = live_server.url
    return address


@pytest.fixture
def visitor(browser: Browser, site: str) -> Iterator[Callable[..., BrowserContext]]:
    """Opens a fresh browser, signed in as somebody or as nobody."""
    opened: list[BrowserContext] = []

    def visit(user: User | None = None, **options: Any) -> BrowserContext:
        context = browser.new_context(**{"locale": "en-GB", "viewport": {"width": 1280, "height": 900}, **options})
        context.set_default_timeout(30_000)
        opened.append(context)
        if user:
            sign_in(context, site, user)
        return context

    yield visit
    for context in opened:
        context.close()


def sign_in(context: BrowserContext, site: str, user: User) -> None:
    client = Client()
    client.force_login(user)
    name = project.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": site}])


def read_document(content: bytes, filing: Any = None) -> FilingVersion:
    """A stored document whose text has been read."""
    version = store_version(filing or make_filing(), content).version
    assert extract(version.pk) == "ready"
    version.refresh_from_db()
    return version


def reader(site: str, version: FilingVersion, query: str = "", *, view: str = "text") -> str:
    return f"{site}/filings/{version.filing_id}/?view={view}&{query}"


def drag(page: Page, first: str, last: str, number: int = 1) -> None:
    """Select with the mouse, from the beginning of some words to the end of others."""
    page.locator(f"#page-{number} [data-text]").wait_for()
    end = page.evaluate(CHARACTER, [number, last, True])
    start = page.evaluate(CHARACTER, [number, first, False])
    end = page.evaluate(CHARACTER, [number, last, True])
    start = page.evaluate(CHARACTER, [number, first, False])
    page.mouse.move(start["left"] + 1, start["middle"])
    page.mouse.down()
    page.mouse.move(end["right"] - 1, end["middle"], steps=8)
    page.mouse.up()


def act(page: Page, name: str) -> None:
    page.get_by_role("toolbar").get_by_role("button", name=name, exact=True).click()


def body(page: Page) -> Locator:
    return page.locator("#composer textarea[name=body]")


def threads(page: Page) -> Locator:
    return page.locator("#threads article.thread")


def marked(page: Page, name: str, expected: list[str]) -> None:
    """Wait until the marks of a name stand on these words."""
    for _ in range(100):
        if page.evaluate(MARKED, name) == expected:
            return
        page.wait_for_timeout(50)
    assert page.evaluate(MARKED, name) == expected


def write(page: Page, text: str, *, visible_to: str = "personal") -> None:
    """Write a note on what is selected, and save it."""
    act(page, "Note")
    body(page).fill(text)
    page.locator("#composer select[name=visible_to]").select_option(visible_to)
    page.get_by_role("button", name="Save note").click()
    expect(threads(page).filter(has_text=text)).to_be_visible()


def drafts(page: Page) -> list[str]:
    kept: list[str] = page.evaluate("Object.keys(localStorage)")
    return kept


# --- The same words, wherever they are read ---


@pytest.mark.parametrize(
    ("content", "view", "views"),
    [(WEB_PAGE, "text", ["text"]), (PAPER, "text", ["text", "page"]), (PAPER, "page", ["page", "text"])],
    ids=["web page", "text of a PDF", "page of a PDF"],
)
def test_a_note_over_lines_and_bold_words_stands_on_them_in_every_view_browser_and_extraction(
    visitor: Callable[..., BrowserContext], site: str, content: bytes, view: str, views: list[str]
) -> None:
    version = read_document(content)
    text = version.pages.get().text
    words = text[text.index(FIRST) : text.index(LAST) + len(LAST)]
    assert "\n" in words
    page = visitor(make_analyst()).new_page()
    watched = Watched(page)
    page.goto(reader(site, version, view=view))
    drag(page, FIRST, LAST)
    write(page, "Strong growth.", visible_to="public")
    marked(page, "mine", [words])
    page.reload()
    marked(page, "mine", [words])

    note = Annotation.objects.get()
    assert note.anchor is not None
    assert (note.anchor.exact, note.anchor.page, note.anchor.start) == (words, 1, text.index(FIRST))
    stranger = visitor().new_page()
    for again in (False, True):
        if again:
            assert extract(version.pk) == "ready"
        for shown in views:
            stranger.goto(reader(site, version, f"note={note.uid}", view=shown))
            marked(stranger, "notes", [words])
            marked(stranger, "target", [words])
            expect(threads(stranger)).to_have_attribute("aria-current", "true")
    assert watched.said == []


def test_a_changed_digit_in_a_new_version_needs_review_and_is_not_marked(
    visitor: Callable[..., BrowserContext], site: str
) -> None:
    version, analyst = read_document(PAPER), make_analyst()
    make_note(analyst, version, "12.34亿元", "Compare.")
    newer = read_document(pdf(["公告\n公司本期营业收入为**12.43亿元**，\n同比增长**56%**。"]), version.filing)
    page = visitor(analyst).new_page()
    page.goto(reader(site, newer))
    expect(threads(page)).to_contain_text("needs review", ignore_case=True)
    expect(threads(page)).to_contain_text("12.34亿元")
    marked(page, "mine", [])


def test_letters_beyond_the_first_plane_count_as_one_character(
    visitor: Callable[..., BrowserContext], site: str
) -> None:
    text = "𠮷林😀收入12亿元👨‍👩‍👧结束"
    version = make_version(None, text)
    page = visitor(make_analyst()).new_page()
    page.goto(reader(site, version))
    drag(page, "😀", "12亿元")
    write(page, "Counted.")
    marked(page, "mine", ["😀收入12亿元"])
    note = Annotation.objects.get()
    assert note.anchor is not None
    assert (note.anchor.start, note.anchor.end) == (2, 9)


@pytest.mark.parametrize(
    ("words", "length", "said"),
    [("Long", 100_000, "at most 5,000 characters"), ("    ", 4, "Nothing is selected")],
)
def test_a_selection_that_cannot_be_noted_is_refused_with_words(
    visitor: Callable[..., BrowserContext], site: str, words: str, length: int, said: str
) -> None:
    version = make_version(None, "Before.    Long" + "x" * 100_000)
    page = visitor(make_analyst()).new_page()
    page.goto(reader(site, version))
    page.evaluate(SELECT, [words, length])
    expect(page.locator("#notes-said")).to_contain_text(said)
    expect(page.get_by_role("toolbar")).to_be_hidden()


# --- Writing ---


def test_markdown_is_shown_and_scripts_in_it_are_not_run(visitor: Callable[..., BrowserContext], site: str) -> None:
    page = visitor(make_analyst()).new_page()
    watched = Watched(page)
    page.goto(reader(site, make_version(None, "Revenue was 12 million yuan.")))
    title = page.title()
    drag(page, "Revenue", "million")
    act(page, "Note")
    body(page).fill(
        "<script>document.title = 'ran'</script> <img src=x onerror=\"document.title='ran'\"> "
        "[click](javascript:alert(1)) and **strong** words"
    )
    page.get_by_role("button", name="Save note").click()
    expect(threads(page).locator("strong")).to_have_text("strong")
    assert threads(page).locator("script, img, a[href^='javascript']").count() == 0
    assert page.title() == title
    assert watched.said == []


def test_a_highlight_is_saved_at_once_and_has_no_text(visitor: Callable[..., BrowserContext], site: str) -> None:
    page = visitor(make_analyst()).new_page()
    page.goto(reader(site, make_version(None, "Revenue was 12 million yuan.")))
    drag(page, "Revenue", "million")
    act(page, "Highlight")
    marked(page, "mine", ["Revenue was 12 million"])
    assert Annotation.objects.get().body == ""


def test_a_note_is_written_by_keys_alone(visitor: Callable[..., BrowserContext], site: str) -> None:
    page = visitor(make_analyst()).new_page()
    watched = Watched(page)
    page.goto(reader(site, make_version(None, "Revenue was 12 million yuan.")))
    page.locator("[data-text]").focus()
    page.keyboard.press("Enter")
    for _ in "Revenue":
        page.keyboard.press("Shift+ArrowRight")
    expect(page.get_by_role("toolbar")).to_be_visible()
    page.keyboard.press("t")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(body(page)).to_be_focused()
    page.keyboard.type("By keys.")
    page.keyboard.press("Control+Enter")
    expect(threads(page)).to_contain_text("By keys.")
    expect(threads(page)).to_be_focused()
    marked(page, "mine", ["Revenue"])
    assert watched.said == []


def test_escape_takes_the_toolbar_away(visitor: Callable[..., BrowserContext], site: str) -> None:
    page = visitor(make_analyst()).new_page()
    page.goto(reader(site, make_version(None, "Revenue was 12 million yuan.")))
    drag(page, "Revenue", "million")
    expect(page.get_by_role("toolbar")).to_be_visible()
    page.keyboard.press("t")
    page.keyboard.press("Escape")
    expect(page.get_by_role("toolbar")).to_be_hidden()


def test_a_link_to_a_passage_is_copied_and_leads_to_it(visitor: Callable[..., BrowserContext], site: str) -> None:
    context = visitor(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(reader(site, read_document(WEB_PAGE)))
    drag(page, "12", "亿元")
    expect(page.get_by_role("toolbar").get_by_role("button")).to_have_text(["Copy link"])  # not signed in
    act(page, "Copy link")
    expect(page.locator("#notes-said")).to_have_text("Link copied.")
    link = page.evaluate("navigator.clipboard.readText()")
    page.goto("about:blank")
    page.goto(link)
    marked(page, "target", ["12.34亿元"])


def test_a_figure_is_recorded_from_the_passage(visitor: Callable[..., BrowserContext], site: str) -> None:
    page = visitor(make_analyst()).new_page()
    page.goto(reader(site, make_version(None, "Revenue was 12 million yuan.")))
    drag(page, "12", "million")
    act(page, "Record a figure")
    expect(page.locator("#record form")).to_be_visible()
    expect(page.locator("#record")).to_contain_text("12 million")


# --- Reading ---


def test_marks_and_threads_lead_to_each_other(visitor: Callable[..., BrowserContext], site: str) -> None:
    analyst, version = make_analyst(), make_version(None, "Revenue was 12 million yuan. Profit was 3 million yuan.")
    make_note(analyst, version, "12 million", "First.")
    make_note(analyst, version, "12 million", "Second.")
    make_note(analyst, version, "3 million", "Third.")
    page = visitor(analyst).new_page()
    watched = Watched(page)
    page.goto(reader(site, version))
    marked(page, "mine", ["12 million", "12 million", "3 million"])
    place = page.evaluate(CHARACTER, [1, "12 million", False])
    for text in ("First.", "Second.", "First."):
        page.mouse.click((place["left"] + place["right"]) / 2, place["middle"])
        expect(page.locator("#threads [aria-current]")).to_contain_text(text)
    page.keyboard.press("n")
    page.keyboard.press("n")
    expect(threads(page).filter(has_text="Third.")).to_be_focused()
    marked(page, "target", ["3 million"])
    page.keyboard.press("p")
    expect(threads(page).filter(has_text="Second.")).to_be_focused()
    threads(page).filter(has_text="Third.").locator("[data-passage]").click()
    expect(page.locator("[data-text]")).to_be_focused()
    marked(page, "target", ["3 million"])
    assert watched.said == []


def test_notes_of_a_group_are_not_there_for_others(visitor: Callable[..., BrowserContext], site: str) -> None:
    author, member, other = make_analyst(), make_analyst("member"), make_analyst("other")
    desk = make_group("Desk", author, member)
    make_group("Other desk", other)
    version = make_version(None, "Revenue was 12 million yuan.")
    note = make_note(author, version, "12 million", "Among us.", visibility="group", group=desk)
    for user, seen in ((member, True), (other, False), (None, False)):
        page = visitor(user).new_page()
        page.goto(reader(site, version, f"note={note.uid}"))
        marked(page, "notes", ["12 million"] if seen else [])
        assert ("Among us." in page.content()) is seen
        expect(threads(page)).to_have_count(1 if seen else 0)


def test_who_saves_second_is_shown_both_texts(visitor: Callable[..., BrowserContext], site: str) -> None:
    analyst, version = make_analyst(), make_version(None, "Revenue was 12 million yuan.")
    note = make_note(analyst, version, "12 million", "As it was.")
    context = visitor(analyst)
    tabs = [context.new_page(), context.new_page()]
    for tab in tabs:
        tab.goto(reader(site, version))
        threads(tab).get_by_role("link", name="Edit").click()
        expect(tab.locator(".note-form.edit textarea[name=body]")).to_have_value("As it was.")
    for tab, text in zip(tabs, ("By the first.", "By the second."), strict=True):
        tab.locator(".note-form.edit textarea[name=body]").fill(text)
        tab.locator(".note-form.edit button.primary").click()
    expect(tabs[0].locator(f"#said-{note.uid} .body")).to_have_text("By the first.")
    form = tabs[1].locator(".note-form.edit")
    expect(form.locator(".theirs")).to_contain_text("By the first.")
    expect(form.locator("textarea[name=body]")).to_have_value("By the second.")
    note.refresh_from_db()
    assert note.body == "By the first."
    form.locator("textarea[name=body]").fill("Both.")
    form.locator("button.primary").click()
    expect(tabs[1].locator(f"#said-{note.uid} .body")).to_have_text("Both.")


# --- Nothing typed is lost ---


def test_a_draft_comes_back_after_a_reload_and_goes_when_it_was_saved(
    visitor: Callable[..., BrowserContext], site: str
) -> None:
    page = visitor(make_analyst()).new_page()
    watched = Watched(page)
    page.goto(reader(site, make_version(None, "Revenue was 12 million yuan.")))
    drag(page, "12", "million")
    act(page, "Note")
    body(page).fill("Half a thought")
    page.reload()
    expect(body(page)).to_have_value("Half a thought")
    expect(page.locator("#composer [data-quote]")).to_have_text("12 million")
    expect(page.locator("#composer .restored")).to_be_visible()
    page.get_by_role("button", name="Save note").click()
    expect(threads(page)).to_contain_text("Half a thought")
    expect(body(page)).to_have_value("")
    assert drafts(page) == []
    page.reload()
    expect(page.locator("#composer .restored")).to_have_count(0)
    assert watched.said == []


def test_a_note_sent_without_a_connection_is_kept_and_sent_again(
    visitor: Callable[..., BrowserContext], site: str
) -> None:
    context = visitor(make_analyst())
    page = context.new_page()
    page.goto(reader(site, make_version(None, "Revenue was 12 million yuan.")))
    drag(page, "12", "million")
    act(page, "Note")
    body(page).fill("On a train")
    context.set_offline(True)
    page.get_by_role("button", name="Save note").click()
    expect(page.locator("#composer .unsent")).to_contain_text("cannot be reached")
    expect(body(page)).to_have_value("On a train")
    context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    expect(threads(page)).to_contain_text("On a train")
    assert Annotation.objects.count() == 1
    assert drafts(page) == []


def test_a_note_outlives_the_login_and_is_saved_after_signing_in_again(
    visitor: Callable[..., BrowserContext], site: str
) -> None:
    analyst = make_analyst()
    context = visitor(analyst)
    page = context.new_page()
    page.goto(reader(site, make_version(None, "Revenue was 12 million yuan.")))
    drag(page, "12", "million")
    act(page, "Note")
    body(page).fill("After lunch")
    context.clear_cookies(name=project.SESSION_COOKIE_NAME)
    page.get_by_role("button", name="Save note").click()
    expect(page.locator("#composer .unsent")).to_contain_text("you were signed out")
    expect(body(page)).to_have_value("After lunch")
    assert Annotation.objects.count() == 0
    with context.expect_page() as opened:
        page.locator("#composer .unsent").get_by_role("link", name="Sign in").click()
    login = opened.value
    login.locator("#id_login").fill(analyst.username)
    login.locator("#id_password").fill(PASSWORD)
    login.get_by_role("button", name="Sign in").click()
    expect(login.get_by_text("Your account:")).to_be_attached()
    page.bring_to_front()
    page.get_by_role("button", name="Try again").click()  # with the token of before: a new one came with the login
    expect(threads(page)).to_contain_text("After lunch")
    note = Annotation.objects.get()
    assert (note.author, note.body, drafts(page)) == (analyst, "After lunch", [])
    assert note.anchor is not None
    assert note.anchor.exact == "12 million"


def test_a_reply_that_was_typed_comes_back_with_its_thread(visitor: Callable[..., BrowserContext], site: str) -> None:
    analyst, version = make_analyst(), make_version(None, "Revenue was 12 million yuan.")
    make_note(analyst, version, "12 million")
    page = visitor(analyst).new_page()
    page.goto(reader(site, version))
    page.locator(".reply-place summary").click()
    page.locator(".reply-place textarea[name=body]").fill("I think so too")
    page.reload()
    expect(page.locator(".reply-place textarea[name=body]")).to_have_value("I think so too")
    page.locator(".reply-place button.primary").click()
    expect(page.locator(".replies")).to_contain_text("I think so too")
    expect(page.locator(".reply-place .restored")).to_have_count(0)
    assert drafts(page) == []


def test_drafts_are_for_who_typed_them_and_go_with_signing_out(
    visitor: Callable[..., BrowserContext], site: str
) -> None:
    first, second, version = make_analyst(), make_analyst("second"), make_version(None, "Revenue was 12 million yuan.")
    context = visitor(first)
    page = context.new_page()
    page.goto(reader(site, version))
    drag(page, "12", "million")
    act(page, "Note")
    body(page).fill("Nobody's business")
    sign_in(context, site, second)  # the first one's login ended without signing out
    page.goto(reader(site, version))
    expect(page.locator("#composer .restored")).to_have_count(0)
    assert "Nobody's business" not in page.content()
    sign_in(context, site, first)
    page.goto(reader(site, version))
    expect(body(page)).to_have_value("Nobody's business")
    page.locator(".account-menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    assert drafts(page) == []


# --- Small screens and fingers ---


def test_on_a_telephone_a_finger_selects_and_the_note_is_written_in_a_sheet(
    visitor: Callable[..., BrowserContext], site: str
) -> None:
    context = visitor(make_analyst(), viewport={"width": 380, "height": 760}, has_touch=True, is_mobile=True)
    page = context.new_page()
    watched = Watched(page)
    page.goto(reader(site, make_version(None, "Revenue was 12 million yuan.")))
    page.evaluate(SELECT, ["12 million", 10])  # what dragging the handles does
    bar = page.get_by_role("toolbar")
    expect(bar).to_be_visible()
    box = bar.bounding_box()
    assert box is not None
    assert (box["x"], round(box["y"] + box["height"]), box["width"]) == (0, 760, 380)
    bar.get_by_role("button", name="Note", exact=True).tap()
    expect(body(page)).to_be_in_viewport()
    body(page).fill("By hand.")
    page.get_by_role("button", name="Save note").tap()
    expect(threads(page)).to_be_in_viewport()
    marked(page, "mine", ["12 million"])
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 380
    assert watched.said == []


def test_a_draft_is_stored_under_the_name_of_the_reader(visitor: Callable[..., BrowserContext], site: str) -> None:
    analyst, version = make_analyst(), make_version(None, "Revenue was 12 million yuan.")
    page = visitor(analyst).new_page()
    page.goto(reader(site, version))
    drag(page, "12", "million")
    act(page, "Note")
    body(page).fill("Mine")
    key = f"draft:{analyst.pk}:add-{version.filing_id}"
    assert drafts(page) == [key]
    assert json.loads(page.evaluate("(key) => localStorage.getItem(key)", key))["fields"]["body"] == "Mine"
