"""The reader as the server answers it."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from companies.filings.links import passage_url
from companies.models import Figure, FilingPage, FilingVersion, Run
from tests.elements import Elements
from tests.factories import make_anchor, make_figure, make_filing, make_version

HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}
TEXT = "营业收入为 12.34 亿元，\n同比增长 45.6%。😀 <b>&amp; “quoted”"

pytestmark = pytest.mark.django_db


class PageTexts(HTMLParser):
    """The text of each `[data-text]`, by the number of its page, as a browser reads it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: dict[int, str] = {}
        self.marked = ""
        self._page, self._depth, self._in_mark = 0, 0, False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self._in_mark = tag == "mark"
        if "data-page" in attributes and tag == "section":
            self._page = int(attributes["data-page"] or 0)
        if "data-text" in attributes:
            self.texts[self._page] = ""
            self._depth = 1
        elif self._depth:
            self._depth += 1

    def handle_endtag(self, tag: str) -> None:
        self._depth -= bool(self._depth)
        self._in_mark = False

    def handle_data(self, data: str) -> None:
        if self._depth:
            self.texts[self._page] += data
        if self._in_mark:
            self.marked += data


def reader_url(version: FilingVersion, /, **query: object) -> str:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    return f"/filings/{version.filing_id}/?{asked}"


def html_of(client: Client, url: str, status: int = 200) -> str:
    response = client.get(url)
    assert response.status_code == status
    return response.content.decode()


# --- The text view ------------------------------------------------------------------------------


def test_the_text_of_a_page_is_in_the_markup_to_the_letter(client: Client) -> None:
    version = make_version(None, TEXT)
    assert PageTexts(html_of(client, reader_url(version, view="text"))).texts == {1: TEXT}


def test_a_web_page_keeps_its_markup_and_its_text(client: Client) -> None:
    version = make_version(None, "Revenue was 1,200.", html="<p>Revenue was <b>1,200</b>.</p>")
    html = html_of(client, reader_url(version))
    assert "<p>Revenue was <b>1,200</b>.</p></div>" in html
    assert PageTexts(html).texts == {1: "Revenue was 1,200."}


def test_a_long_document_comes_with_the_asked_page_and_the_next_two(client: Client) -> None:
    version = make_version(None, *(f"Page {number}." for number in range(1, 401)))
    html = html_of(client, reader_url(version, view="text", page=200))
    assert PageTexts(html).texts == {200: "Page 200.", 201: "Page 201.", 202: "Page 202."}
    waiting = [one for one in Elements(html).of("section") if "waiting" in (one.get("class") or "")]
    assert len(waiting) == 397
    assert waiting[0]["hx-get"] == f"/filings/{version.filing_id}/pages/1/?version=1"


def test_the_reader_asks_the_same_few_questions_however_long_the_document(
    client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    asked = []
    for pages in (1, 30):
        version = make_version(make_filing(f"of-{pages}"), *("Text." for _ in range(pages)))
        make_version(version.filing, *("Text." for _ in range(pages)))
        for number in range(pages):
            anchor = make_anchor(version, "Text")
            make_figure(source=version.filing, period=f"FY{1990 + number}", anchor=anchor)
        with django_assert_max_num_queries(12) as queries:
            html_of(client, reader_url(version, view="text"))
        asked.append(len(queries))
    assert asked[0] == asked[1]


@pytest.mark.parametrize(("asked", "shown"), [("", 1), ("2", 2), ("99", 3), ("0", 1)])
def test_a_page_beyond_the_end_is_the_last_one(client: Client, asked: str, shown: int) -> None:
    version = make_version(None, "One.", "Two.", "Three.")
    html = html_of(client, reader_url(version, view="text", page=asked))
    assert f'data-number="{shown}"' in html


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("page=two", 400),
        ("page=-1", 400),
        ("version=x", 400),
        ("view=film", 400),
        ("from=3", 400),
        ("from=5&to=5", 400),
        ("from=a&to=b", 400),
        ("page=1&from=99999&to=999999", 200),
        ("version=3", 404),
        ("page=９", 400),
        ("page=" + "9" * 5000, 400),
    ],
)
def test_an_address_that_means_nothing_is_refused(client: Client, query: str, status: int) -> None:
    version = make_version()
    assert client.get(f"/filings/{version.filing_id}/?{query}").status_code == status


def test_a_passage_is_marked_where_the_permalink_says(client: Client) -> None:
    version = make_version(None, "First page.", TEXT)
    anchor = make_anchor(version, "45.6%。😀")
    html = html_of(client, passage_url(anchor).replace("?", "?view=text&"))
    page = PageTexts(html)
    assert page.marked == "45.6%。😀"
    assert page.texts[2] == TEXT
    assert '<mark id="passage" tabindex="-1">' in html


def test_a_passage_that_is_not_there_marks_nothing(client: Client) -> None:
    version = make_version(None, "Short.")
    html = html_of(client, reader_url(version, view="text", **{"from": 3, "to": 300}))
    assert 'id="passage"' not in html
    assert PageTexts(html).texts == {1: "Short."}


# --- The page view ------------------------------------------------------------------------------


def test_a_pdf_opens_as_it_was_printed_and_without_scripts_as_text(client: Client) -> None:
    version = make_version(None, TEXT, "Two.")
    html = html_of(client, reader_url(version, page=2, **{"from": 0, "to": 3}))
    assert 'data-view="page"' in html
    assert PageTexts(html).texts == {}
    assert html.count('viewBox="0 0 5950 8420"') == 2
    refresh = next(one for one in Elements(html).of("meta") if one.get("http-equiv") == "refresh")
    assert refresh["content"] == "0; url=?page=2&from=0&to=3&view=text#passage"


def test_a_view_that_was_chosen_is_not_left(client: Client) -> None:
    html = html_of(client, reader_url(make_version(), view="page"))
    assert 'http-equiv="refresh"' not in html
    assert "Drawing pages needs a script." in html


def test_a_scanned_document_shows_its_pages_and_says_that_it_has_no_text(client: Client) -> None:
    version = make_version(None, "", "", status="no_text")
    html = html_of(client, reader_url(version))
    assert 'data-view="page"' in html
    assert "No text in this document" in html
    assert 'id="page-2"' in html


@pytest.mark.parametrize("status", ["encrypted", "broken", "too_long", "too_slow", "too_big"])
def test_a_document_that_cannot_be_read_says_why_and_can_be_downloaded(client: Client, status: str) -> None:
    version = make_version(status=status, page_count=None)
    version.pages.all().delete()
    html = html_of(client, reader_url(version))
    assert f"<h2>{version.get_status_display().capitalize()}</h2>" in html
    assert f'href="/filings/{version.filing_id}/file/?version=1"' in html
    assert 'id="document"' not in html


def test_a_blank_page_says_so(client: Client) -> None:
    html = html_of(client, reader_url(make_version(None, "Text.", ""), view="text"))
    assert html.count("No text on this page.") == 1


# --- What is told of the filing -------------------------------------------------------------------


def test_a_filing_known_by_its_link_shows_the_link_and_what_was_drawn_from_it(client: Client) -> None:
    filing = make_filing("seen", url="", seen_url="https://news.example/1", seen_title="News")
    make_figure(source=filing, low="1200000000", passage="Revenue was 1.2 billion yuan.")
    make_figure(source=filing, low="77", period="FY2024", status=Figure.Status.PROPOSED)
    html = html_of(client, f"/filings/{filing.pk}/")
    assert "Known by its link only" in html
    assert 'href="https://news.example/1"' in html
    assert "Revenue was 1.2 billion yuan." in html
    assert "FY2024" not in html
    assert "js/reader.js" not in html


def test_corrections_lead_to_each_other(client: Client) -> None:
    first = make_filing("first", title="First report")
    second = make_filing("second", title="Second report", corrects=first)
    assert f'Corrected by <a href="/filings/{second.pk}/">Second report</a>' in html_of(client, f"/filings/{first.pk}/")
    assert f'Corrects <a href="/filings/{first.pk}/">First report</a>' in html_of(client, f"/filings/{second.pk}/")


def test_an_earlier_version_says_that_there_is_a_newer_one(client: Client) -> None:
    version = make_version(None, "Old words.")
    make_version(version.filing, "New words.")
    newest, earlier = (html_of(client, reader_url(version, view="text", version=one)) for one in ("", 1))
    assert "New words." in newest
    assert "Read the newest" not in newest
    assert "Old words." in earlier
    assert "Read the newest" in earlier


def test_a_figure_is_marked_only_in_the_version_in_which_it_was_found(client: Client) -> None:
    version = make_version(None, "Revenue was 12.")
    make_figure(source=version.filing, anchor=make_anchor(version, "12"))
    make_version(version.filing, "Other words.")
    assert "data-figure=" in html_of(client, reader_url(version, version=1))
    assert "data-figure=" not in html_of(client, reader_url(version))


@pytest.mark.parametrize("path", ["", "pages/1/", "pages/1.json"])
def test_a_private_instance_asks_readers_to_sign_in(client: Client, path: str, settings: Settings) -> None:
    settings.REQUIRE_LOGIN = True
    response = client.get(f"/filings/{make_version().filing_id}/{path}")
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")


def test_a_filing_that_does_not_exist_is_not_found(client: Client) -> None:
    assert client.get("/filings/999999/").status_code == 404


# --- Single pages ---------------------------------------------------------------------------------


def test_a_page_comes_alone_for_the_reader_and_in_it_for_everybody_else(client: Client) -> None:
    version = make_version(None, "One.", "Two.")
    url = f"/filings/{version.filing_id}/pages/2/"
    fragment = client.get(url, headers=HTMX).content.decode()
    assert fragment.startswith("<section")
    assert PageTexts(fragment).texts == {2: "Two."}
    alone = client.get(f"{url}?version=1")
    assert alone.status_code == 302
    assert alone["Location"] == f"/filings/{version.filing_id}/?version=1&view=text&page=2#page-2"


def test_the_data_of_a_page_say_where_its_text_stands(client: Client) -> None:
    version = make_version(None, TEXT)
    version.pages.get().set_runs([Run(0, 4, 500, 7800, 924, 7906)]).save()
    data = client.get(f"/filings/{version.filing_id}/pages/1.json").json()
    assert data == {"text": TEXT, "width": 5950, "height": 8420, "runs": [[0, 4, 500, 7800, 924, 7906]]}


@pytest.mark.parametrize(("path", "headers"), [("pages/1/", HTMX), ("pages/1.json", {})])
def test_a_page_is_sent_again_only_when_its_text_was_read_anew(
    client: Client, path: str, headers: dict[str, str], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    version = make_version()
    url = f"/filings/{version.filing_id}/{path}"
    with django_assert_num_queries(3):
        first = client.get(url, headers=headers)
    assert first.status_code == 200
    again = {**headers, "If-None-Match": first["ETag"]}
    with django_assert_num_queries(2):
        assert client.get(url, headers=again).status_code == 304
    FilingPage.objects.update(text="Read anew.")
    FilingVersion.objects.update(extraction=2)
    assert client.get(url, headers=again).status_code == 200


@pytest.mark.parametrize("path", ["pages/2/", "pages/2.json", "pages/1.json?version=9", "pages/0/"])
def test_pages_that_do_not_exist_are_not_found(client: Client, path: str) -> None:
    assert client.get(f"/filings/{make_version().filing_id}/{path}", headers=HTMX).status_code == 404


@pytest.mark.parametrize("path", ["", "pages/1/", "pages/1.json", "file/"])
def test_nothing_of_the_reader_can_be_posted_to(client: Client, path: str) -> None:
    assert client.post(f"/filings/{make_version().filing_id}/{path}").status_code == 405
