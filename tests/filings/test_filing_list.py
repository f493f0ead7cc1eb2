"""The list of filings, its data, and finding within one of them."""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from companies.filings.search import index_version
from companies.models import Filing, FilingVersion
from tests.factories import make_analyst, make_company, make_filing, make_version

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}
JSON = {"Accept": "application/json"}


def indexed(slug: str, *pages: str, **fields: Any) -> FilingVersion:
    """A filing whose pages can be found."""
    version = make_version(make_filing(slug, title=slug, **fields), *pages)
    index_version(version)
    return version


def slugs(client: Client, query: str = "") -> list[str]:
    """What the list shows, by the titles, which are the slugs."""
    answer = client.get(f"/filings/{query}")
    assert answer.status_code == 200, answer.content.decode()
    return re.findall(r'<h2><a href="/filings/\d+/"[^>]*>([^<]*)</a>', answer.content.decode())


def test_without_a_search_all_filings_are_listed_newest_first(client: Client) -> None:
    make_filing("older", title="older", published_on=date(2025, 1, 1))
    make_filing("newer", title="newer", published_on=date(2026, 1, 1))
    assert slugs(client) == ["newer", "older"]
    assert slugs(client, "?sort=oldest") == ["older", "newer"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?company=acme", ["report"]),
        ("?kind=prospectus", ["draft"]),
        ("?language=zh", ["draft"]),
        ("?from=2026-01-02", ["draft"]),
        ("?to=2026-01-01", ["report"]),
        ("?from=2026-01-01&to=2026-01-01", ["report"]),
        ("?with_document=1", ["draft"]),
        ("?q=营收", ["draft"]),
        ("?q=营收&company=acme", []),
        ("?q=acme&to=2026-01-01", ["report"]),
        ("?q=&company=&kind=&language=&from=&to=&sort=", ["draft", "report"]),
    ],
)
def test_filters_in_the_address_narrow_the_list(client: Client, query: str, expected: list[str]) -> None:
    make_filing("report", title="report", company=make_company("acme"), published_on=date(2026, 1, 1))
    indexed("draft", "营收", kind="prospectus", language="zh", published_on=date(2026, 2, 1))
    assert slugs(client, query) == expected


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("?from=2026-13-01", "Write a date"),
        ("?to=yesterday", "Write a date"),
        ("?from=2026-02-01&to=2026-01-01", "The first day is after the last."),
        ("?kind=novel", "There is no kind of filing called “novel”."),
        ("?company=nobody", "There is no company “nobody”."),
        ("?company=%3Cb%3E", "slug"),
        ("?sort=best", "best"),
        ("?q=%EF%BC%8C", "Search for a letter"),
        ("?q=" + "x" * 101, "Search for at most 100 characters."),
        ("?q=" + "+".join(f"w{n}" for n in range(11)), "Search for at most 10 words."),
        ("?page=x", ""),
    ],
)
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_what_cannot_be_asked_is_refused_in_words_and_nothing_typed_is_lost(
    client: Client, query: str, words: str, headers: dict[str, str]
) -> None:
    answer = client.get(f"/filings/{query}", headers=headers)
    html = answer.content.decode()
    assert answer.status_code == 400
    assert words in html
    assert "<b>" not in html.partition('id="problems"')[2]
    if "2026-13-01" in query and not headers:
        assert 'value="2026-13-01"' in html
    assert client.get(f"/filings/list.json{query}").status_code == (200 if "page" in query else 400)
    assert client.get(f"/filings/list.csv{query}").status_code == (200 if "page" in query else 400)


def test_passages_are_marked_link_to_their_place_and_execute_nothing(client: Client) -> None:
    version = indexed("a", "<script>alert(1)</script> 本期营\n收 & <b>增长</b>")
    html = client.get("/filings/?q=营收").content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; 本期<mark>营 收</mark> &amp; &lt;b&gt;增长" in html
    text = version.pages.get().text
    start = text.index("营")
    assert (
        f'href="/filings/{version.filing.pk}/?version=1&amp;page=1&amp;from={start}&amp;to={start + 3}#passage"' in html
    )
    assert "<script>alert" not in html


def test_a_row_says_what_the_filing_is_and_how_much_of_it_is_there(client: Client) -> None:
    indexed("stored", "营收", "毛利", language="zh", publisher="SSE", is_example=True)
    make_filing("linked", title="linked", published_on=None, published_precision="")
    make_version(make_filing("scanned", title="scanned"), status="no_text")
    html = client.get("/filings/").content.decode()
    rows = {
        slug: next(row for row in html.split("<li>") if f">{slug}</a>" in row)
        for slug in ("stored", "linked", "scanned")
    }
    assert all(word in rows["stored"] for word in ("2 pages", "Chinese", "SSE", "official document", "example", "PDF"))
    assert all(word in rows["linked"] for word in ("link only", "not dated", "https://exchange.example/linked.pdf"))
    assert "no text in this document" in rows["scanned"]
    assert "example" not in rows["scanned"].replace("exchange.example", "")


def test_the_search_gives_htmx_the_rows_only(client: Client) -> None:
    indexed("a", "营收")
    html = client.get("/filings/?q=营收", headers=HTMX).content.decode()
    assert "<html" not in html
    assert 'id="rows"' in html
    assert "<html" in client.get("/filings/?q=营收").content.decode()


def test_nothing_found_says_so(client: Client) -> None:
    assert "No filing that was chosen has all of these words" in client.get("/filings/?q=营收").content.decode()
    assert "There is no filing like this." in client.get("/filings/").content.decode()


def test_long_lists_have_pages_and_keep_the_search(client: Client) -> None:
    for n in range(21):
        indexed(f"f{n:02}", "营收", published_on=date(2026, 1, 1 + n))
    html = client.get("/filings/?q=营收").content.decode()
    assert "Found in 21 filings" in html
    assert "page=2" in html
    assert slugs(client, "?q=营收&page=2") == ["f00"]
    assert slugs(client, "?q=营收&page=9") == ["f00"]


@pytest.mark.parametrize("query", ["", "?q=营收", "?q=营业收入&company=acme"])
def test_a_list_takes_as_many_queries_for_twenty_filings_as_for_two(
    client: Client, query: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    company = make_company("acme")
    for n in range(2):
        indexed(f"a{n}", "营收 营业收入", "营收 营业收入", company=company, language="zh")
    expected = {"": 6, "?q=营收": 8, "?q=营业收入&company=acme": 12}[query]
    with django_assert_num_queries(expected):
        client.get(f"/filings/{query}")
    for n in range(18):
        indexed(f"b{n}", "营收 营业收入", "营收 营业收入", company=company, language="en")
    with django_assert_num_queries(expected):
        assert len(slugs(client, query)) == 20


def test_only_who_may_bring_filings_in_is_shown_how(client: Client) -> None:
    assert "Add a filing" not in client.get("/filings/").content.decode()
    client.force_login(make_analyst())
    assert "Add a filing" in client.get("/filings/").content.decode()


def test_the_data_are_all_rows_of_the_same_address(client: Client) -> None:
    version = indexed("a", "营收", company=make_company("acme"), title_original="=报告")
    make_filing("b")
    answer = client.get("/filings/list.json?q=营收").json()
    assert answer["complete"] is True
    (record,) = answer["filings"]
    assert (record["slug"], record["company"], record["pages"], record["text"]) == ("a", "acme", 1, "ready")
    assert record["reader"].endswith(f"/filings/{version.filing.pk}/")
    assert record["title_original"] == "=报告"
    answer_csv = client.get("/filings/list.csv?sort=oldest")
    assert answer_csv.content.startswith(b"\xef\xbb\xbf")
    lines = list(csv.DictReader(io.StringIO(answer_csv.content.decode("utf-8-sig"))))
    assert [line["slug"] for line in lines] == ["a", "b"]
    assert lines[0]["title_original"] == "'=报告"
    assert lines[1]["pages"] == ""


def test_places_in_a_document_are_given_as_data_in_code_points(client: Client) -> None:
    version = make_version(make_filing(), "🙂营收 营\n收", "毛利")
    answer = client.get(f"/filings/{version.filing.pk}/find/?q=营收", headers=JSON).json()
    assert [(at["page"], at["start"], at["end"]) for at in answer["matches"]] == [(1, 1, 3), (1, 4, 7)]
    assert (answer["total"], answer["more"]) == (2, False)
    assert client.get(f"/filings/{version.filing.pk}/find/?q=", headers=JSON).json()["matches"] == []


def test_places_in_a_document_are_a_page_too(client: Client) -> None:
    version = make_version(make_filing(), "<i>营收</i>")
    html = client.get(f"/filings/{version.filing.pk}/find/?q=营收").content.decode()
    assert "1 place" in html
    assert "&lt;i&gt;<mark>营收</mark>&lt;/i&gt;" in html
    swapped = client.get(f"/filings/{version.filing.pk}/find/?q=营收", headers=HTMX).content.decode()
    assert "<html" not in swapped
    assert 'id="matches"' in swapped


def test_places_are_those_of_the_version_that_is_asked_for(client: Client) -> None:
    first = make_version(make_filing(), "旧版")
    make_version(first.filing, "新版")
    address = f"/filings/{first.filing.pk}/find/?q=旧版"
    assert client.get(address, headers=JSON).json()["total"] == 0
    assert client.get(f"{address}&version=1", headers=JSON).json()["total"] == 1
    assert client.get(f"{address}&version=3", headers=JSON).status_code == 404
    assert client.get(f"{address}&version=x", headers=JSON).status_code == 400


def test_finding_in_a_document_refuses_what_it_cannot_find(client: Client) -> None:
    filing = make_version(make_filing(), "旧版").filing
    for query in ("，", "x" * 101):
        assert client.get(f"/filings/{filing.pk}/find/", {"q": query}, headers=JSON).status_code == 400
        answer = client.get(f"/filings/{filing.pk}/find/", {"q": query})
        assert answer.status_code == 400
        assert 'id="problems"' in answer.content.decode()
    assert client.get("/filings/999999/find/?q=x").status_code == 404
    link = Filing.objects.create(slug="l", title="l", kind="news", tier="media")
    assert "known by its link only" in client.get(f"/filings/{link.pk}/find/?q=x").content.decode()
