"""The list of companies and its search."""

from datetime import date

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from companies.search import TickerWord, found_companies, ticker_word, words_of
from tests.factories import DAY, make_company, make_listing, make_milestone

pytestmark = pytest.mark.django_db
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


def page(client: Client, **query: str) -> str:
    response = client.get("/companies/", query)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("  Moore   Threads ", ["moore", "threads"]),
        ("摩尔　线程", ["摩尔", "线程"]),  # the space of a Chinese keyboard
        ("６８８７９５", ["688795"]),  # its digits
        ("ＮＶＤＡ nvda", ["nvda"]),
    ],
)
def test_a_search_is_its_different_words_in_plain_lower_case(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("word", "code", "mics"),
    [
        ("688795", "688795", ()),
        ("688795.sh", "688795", ("XSHG",)),
        ("688795.ss", "688795", ("XSHG",)),
        ("sh688795", "688795", ("XSHG",)),
        ("xshg:688795", "688795", ("XSHG",)),
        ("300474.sz", "300474", ("XSHE",)),
        ("6082", "6082", ()),
        ("06082", "6082", ()),
        ("6082.hk", "6082", ("XHKG",)),
        ("hk06082", "6082", ("XHKG",)),
        ("nvda", "nvda", ()),
        ("nvda.o", "nvda", ("XNAS",)),
        ("nasdaq:nvda", "nvda", ("XNAS",)),
        ("000", "0", ()),
    ],
)
def test_a_word_is_read_as_a_ticker_with_or_without_its_exchange(word: str, code: str, mics: tuple[str, ...]) -> None:
    assert ticker_word(word) == TickerWord(code, mics)


@pytest.mark.parametrize("word", ["摩尔线程", "1234567", "threads", "t-head", "688795.xx", "%", ""])
def test_a_word_that_cannot_be_a_ticker_is_none(word: str) -> None:
    assert ticker_word(word) is None


def test_what_begins_with_the_word_comes_before_what_holds_it() -> None:
    for name in ("Neo Core", "Corewise", "Core"):
        make_company(name.lower().replace(" ", "-"), name_en=name)
    make_listing(make_company("aaa", name_en="Encored"), ticker="CORED", mic="XNAS")
    found = [(company.slug, company.rank) for company in found_companies("core")]  # type: ignore[attr-defined]
    assert found == [("core", 0), ("corewise", 1), ("aaa", 1), ("neo-core", 2)]


def test_a_delisted_ticker_still_finds_its_company() -> None:
    make_listing(make_company(), ticker="600001", delisted_on=date(2025, 1, 2))
    assert [company.slug for company in found_companies("600001")] == ["acme"]
    assert "600001" not in page(Client())


@pytest.mark.parametrize(
    ("headers", "whole_page"), [({}, True), (PARTIAL, False), ({**PARTIAL, "HX-Request-Type": "full"}, True)]
)
def test_htmx_gets_the_rows_only(headers: dict[str, str], whole_page: bool) -> None:
    make_company()
    response = Client().get("/companies/", {"q": "acme"}, headers=headers)
    html = response.content.decode()
    assert ("<html" in html) is whole_page
    assert 'id="rows"' in html
    assert "HX-Request-Type" in response["Vary"]


def test_the_number_of_queries_does_not_depend_on_the_number_of_companies() -> None:
    counts = []
    for n in range(2):
        company = make_company(f"acme-{n}")
        make_listing(company, ticker=f"68800{n}")
        make_listing(company, ticker=f"600{n}", mic="XHKG")
        make_milestone(company)
        with CaptureQueriesContext(connection) as queries:
            page(Client())
        counts.append(len(queries))
    assert counts == [3, 3]  # how many, which, their listings


def test_a_single_exact_hit_is_marked_and_nobody_is_sent_away() -> None:
    make_company("core", name_en="Core")
    make_company("corewise", name_en="Corewise")
    assert page(Client(), q="core").count('class="hit"') == 1
    assert 'class="hit"' not in page(Client(), q="cor")
    assert 'class="hit"' not in page(Client())


def test_two_companies_of_one_name_are_both_shown_and_neither_is_the_hit() -> None:
    make_company("core-1", name_en="Core")
    make_company("core-2", name_en="Core")
    html = page(Client(), q="core")
    assert "2 companies match" in html
    assert 'class="hit"' not in html


def test_a_company_on_its_way_to_a_listing_is_applying() -> None:
    make_milestone(make_company("on-its-way"), day=DAY)
    assert "applying for a listing" in page(Client())


def test_nothing_found_is_said_with_a_way_back() -> None:
    html = page(Client(), q="nothing like it")
    assert "0 companies match “nothing like it”" in html
    assert 'href="/companies/"' in html


def test_what_was_typed_is_shown_as_text() -> None:
    html = page(Client(), q="<script>x")
    assert "<script>x" not in html
    assert "&lt;script&gt;x" in html


@pytest.mark.parametrize("text", ["x" * 10_000, "a\x00b"])
@pytest.mark.parametrize("headers", [{}, PARTIAL])
def test_a_search_that_nobody_can_mean_is_refused(text: str, headers: dict[str, str]) -> None:
    response = Client().get("/companies/", {"q": text}, headers=headers)
    assert response.status_code == 400
    assert 'id="problems"' in response.content.decode()


def test_pages_follow_and_keep_the_search(settings: Settings) -> None:
    settings.ROWS_PER_PAGE = 2
    for n in range(3):
        make_company(f"acme-{n}")
    html = page(Client(), q="acme")
    assert "Page 1 of 2" in html
    assert 'href="?q=acme&amp;page=2"' in html
    assert "Acme 2" in page(Client(), q="acme", page="2")
    assert "Page 2 of 2" in page(Client(), q="acme", page="9")
