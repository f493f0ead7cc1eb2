"""Finding filings by their words, and keeping the index in step."""

from datetime import date
from unittest.mock import patch

import pytest
from django.core.management import call_command
from pytest_django import DjangoAssertNumQueries

from companies.filings import search
from companies.filings.search import BadQuery, index_version, matches_in, parsed, passages_of, unindex_version
from companies.models import Filing, FilingPage, FilingVersion, SearchPart
from tests.factories import make_company, make_filing, make_version

pytestmark = pytest.mark.django_db


def indexed(slug: str, *pages: str, **fields: object) -> FilingVersion:
    """A filing whose pages can be found."""
    version = make_version(make_filing(slug, **{"title": "Document", "url": "", **fields}), *pages)
    index_version(version)
    return version


def found(query: str) -> list[str]:
    """The slugs that a search finds, in its order."""
    return slugs(search.found_filings(parsed(query), Filing.objects.all()))


def slugs(those: search.Found) -> list[str]:
    """The slugs of filings that were found, in their order."""
    filings = Filing.objects.in_bulk(those.filings)
    return [filings[key].slug for key in those.filings]


@pytest.mark.parametrize(
    ("query", "slugs"),
    [
        ("营收", ["a"]),
        ("收", ["b", "a"]),
        ("营业收入", ["b"]),
        ("业收入", ["b"]),
        ("收入营业", []),
        ("NVIDIA", ["b"]),
        ("nvid", ["b"]),
        ("vidia", []),
        ("1200.5", ["b"]),
        ("1,200.50万元", ["b"]),
        ("营收 毛利", ["a"]),
        ("营收 第二页", []),  # on two pages
        ('"gross margin"', ["a"]),
        ('"margin gross"', []),
        ("margin gross", ["a"]),
        ("ＧＲＯＳＳ", ["a"]),
        ("and or not near", []),
    ],
)
def test_a_filing_is_found_by_the_words_on_one_of_its_pages(query: str, slugs: list[str]) -> None:
    indexed("a", "本期营\n收与毛利率 gross\nmargin", "第二页", published_on=date(2026, 1, 1))
    indexed("b", "营业收入1,200.50万元，NVIDIA", published_on=date(2026, 2, 1))
    assert found(query) == slugs


@pytest.mark.parametrize("query", ["mthreads", "摩尔线程", "招股说明书", "moore", "PROSPECTUS", "书 摩尔", "mexc"])
def test_a_filing_is_found_by_its_title_its_slug_and_the_names_of_its_company(query: str) -> None:
    company = make_company("mthreads", name_en="Moore Threads", name_zh="摩尔线程")
    make_filing("mt-prospectus", company=company, title="Prospectus", title_original="招股说明书")
    make_filing("other")
    assert found(query) == ["mt-prospectus"]


def test_newest_filings_come_first_and_undated_ones_last_in_either_order() -> None:
    indexed("old", "营收", published_on=date(2020, 1, 1))
    indexed("undated", "营收", published_on=None, published_precision="")
    indexed("new", "营收", published_on=date(2026, 1, 1))
    assert found("营收") == ["new", "old", "undated"]
    oldest = search.found_filings(parsed("营收"), Filing.objects.all(), "oldest")
    assert slugs(oldest) == ["old", "new", "undated"]


def test_only_the_newest_version_with_text_is_found() -> None:
    filing = make_filing()
    first = make_version(filing, "旧版营收")
    index_version(first)
    second = make_version(filing, "新版毛利")
    index_version(second)
    index_version(first)  # read again later than the second one
    assert found("旧版") == []
    assert found("新版") == ["annual-report"]
    index_version(make_version(filing, "坏了", status="broken"))
    assert found("新版") == ["annual-report"]
    assert found("坏了") == []


def test_a_version_that_is_deleted_or_has_no_text_any_more_brings_back_the_one_before() -> None:
    filing = make_filing()
    first, second, third = (make_version(filing, f"共同 {words}") for words in ("旧版", "新版", "末版"))
    for version in (first, second, third):
        index_version(version)
    third.delete()
    assert (found("末版"), found("新版")) == ([], ["annual-report"])
    second.status = FilingVersion.Status.NO_TEXT
    second.save()
    assert (found("新版"), found("旧版")) == ([], ["annual-report"])
    (passage,) = passages_of([filing.pk], parsed("共同"))[filing.pk]
    assert "version=1&" in passage.url


def test_a_text_that_is_read_anew_replaces_what_was_found() -> None:
    version = indexed("a", "营收", "毛利")
    FilingPage.objects.filter(version=version).delete()
    FilingPage.objects.create(version=version, number=1, text="净利")
    index_version(version)
    index_version(version)
    assert (found("营收"), found("毛利"), found("净利")) == ([], [], ["a"])
    assert SearchPart.objects.count() == 1


def test_a_page_whose_text_is_replaced_in_place_is_not_found_by_its_old_words() -> None:
    version = indexed("a", "营收")
    version.pages.update(text="净利")
    index_version(version)
    assert (found("营收"), found("净利")) == ([], ["a"])


def test_words_on_different_pages_of_a_part_are_not_on_one() -> None:
    indexed("apart", "营收", "毛利", "营业", "业收", "收入")
    indexed("whole", "净利", *["x"] * 20, "营收 毛利", "营业收入")
    assert found("营收 毛利") == ["whole"]
    assert found("营业收入") == ["whole"]
    assert found('营收 "毛利"') == ["whole"]


def test_a_long_document_is_found_by_the_words_of_each_page() -> None:
    version = indexed("long", *(f"第{number}页" for number in range(100, 131)))
    assert SearchPart.objects.count() == 4
    for page, number in enumerate(range(100, 131), start=1):
        (passage,) = passages_of([version.filing.pk], parsed(f"第{number}页"))[version.filing.pk]
        assert passage.page == page


def test_deleted_filings_and_versions_are_not_found() -> None:
    version, other = indexed("a", "营收"), indexed("b", "营收")
    version.filing.delete()
    assert found("营收") == ["b"]
    other.delete()
    assert found("营收") == []
    assert SearchPart.objects.count() == 0


def test_a_version_can_be_taken_out() -> None:
    version = indexed("a", "营收")
    unindex_version(version)
    unindex_version(version)
    assert found("营收") == []


def test_the_whole_index_can_be_made_anew() -> None:
    first = make_version(make_filing("a"), "营收")
    make_version(first.filing, "毛利")
    make_version(make_filing("b"), "营收", status="no_text")
    call_command("index_filings", verbosity=0)
    call_command("index_filings", verbosity=0)
    assert (found("营收"), found("毛利")) == ([], ["a"])
    assert SearchPart.objects.count() == 2


@pytest.mark.parametrize("query", ["，。", "()", '""', "-", " 🙂 "])
def test_a_search_without_letters_is_refused(query: str) -> None:
    with pytest.raises(BadQuery) as refused:
        parsed(query)
    assert refused.value.code == "empty"


def test_a_search_of_too_many_words_is_refused() -> None:
    with pytest.raises(BadQuery) as refused:
        parsed(" ".join(f"w{n}" for n in range(11)))
    assert refused.value.code == "long"


@pytest.mark.parametrize(
    "query",
    ["a\\", "a%", "a_b", "a' OR '1", 'x" OR "y', "a*", "*a", "(a)", "AND", "营*收", "\0a", "\ud800a"],
)
def test_signs_of_query_languages_mean_nothing(query: str) -> None:
    indexed("q1", "营收")
    assert found(query) == []


def test_pages_that_have_the_grams_but_not_the_words_are_left_out() -> None:
    indexed("apart", "营业和业收和收入")
    indexed("whole", "营业收入")
    assert found("营业收入") == ["whole"]


def test_when_too_many_pages_have_the_grams_the_newest_are_read_and_that_is_said() -> None:
    for n in range(4):
        indexed(f"f{n}", "营业收入", published_on=date(2026, 1, 1 + n))
    every = Filing.objects.all()
    with patch.object(search, "MOST_UNSURE", 2):
        few = search.found_filings(parsed("营业收入"), every)
        oldest = search.found_filings(parsed("营业收入"), every, "oldest")
    assert slugs(few) == ["f3", "f2"]
    assert slugs(oldest) == ["f0", "f1"]
    assert not few.complete
    assert search.found_filings(parsed("营业收入"), every).complete


def test_a_title_is_found_although_the_pages_are_too_many_to_read() -> None:
    for n in range(4):
        indexed(f"f{n}", "营业收入", published_on=date(2026, 1, 2 + n))
    make_filing("titled", title="营业收入", published_on=date(2026, 1, 1))
    with patch.object(search, "MOST_UNSURE", 2):
        few = search.found_filings(parsed("营业收入"), Filing.objects.all())
    assert (slugs(few), few.complete) == (["f3", "f2", "titled"], False)


def test_a_document_that_is_too_long_to_read_to_its_end_is_left_out_and_that_is_said() -> None:
    indexed("long", *["营业和业收和收入"] * 30, "营业收入")
    with patch.object(search, "MOST_READ", 20):
        few = search.found_filings(parsed("营业收入"), Filing.objects.all())
    assert (few.filings, few.complete) == ([], False)
    assert found("营业收入") == ["long"]


def test_passages_are_the_first_match_on_the_first_three_pages_that_have_all_words() -> None:
    version = indexed("a", "毛利", "前面营收与毛利", "营收", "毛利 营收", "x", "营收毛利", "营收毛利")
    passages = passages_of([version.filing.pk], parsed("营收 毛利"))[version.filing.pk]
    assert [(at.page, at.start, at.end, at.exact) for at in passages] == [
        (2, 2, 4, "营收"),
        (4, 0, 2, "毛利"),
        (6, 0, 2, "营收"),
    ]
    assert passages[0].before == "前面"
    assert passages[0].after == "与毛利"
    assert passages[0].url.endswith("?version=1&page=2&from=2&to=4#passage")


def test_a_passage_counts_in_code_points_of_the_page_and_shows_one_line() -> None:
    version = indexed("a", "🙂" * 50 + "\n本期营\n收增长" + "。" * 200)
    (passage,) = passages_of([version.filing.pk], parsed("营收"))[version.filing.pk]
    assert version.pages.get().text[passage.start : passage.end] == "营\n收"
    assert passage.exact == "营 收"
    assert passage.snippet.startswith("…")
    assert passage.snippet.endswith("…")
    assert "\n" not in passage.snippet


def test_passages_of_any_number_of_filings_take_three_queries(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    filings = [indexed(f"f{n}", "营业收入", "营业收入").filing.pk for n in range(5)]
    with django_assert_num_queries(3):
        assert all(len(of_one) == 2 for of_one in passages_of(filings, parsed("营业收入")).values())


def test_matches_in_a_document_are_all_its_places_by_page() -> None:
    version = make_version(make_filing(), "营收、营\n收", "x", "毛利")
    found_there = matches_in(version, parsed("营收 毛利"))
    assert [(at.page, at.start, at.end) for at in found_there.passages] == [(1, 0, 2), (1, 3, 6), (3, 0, 2)]
    assert not found_there.more


def test_matches_in_a_document_are_five_hundred_at_most() -> None:
    version = make_version(make_filing(), "营收" * 501)
    found_there = matches_in(version, parsed("营收"))
    assert (len(found_there.passages), found_there.more) == (500, True)
    exactly = make_version(make_filing("b"), "营收" * 500)
    assert not matches_in(exactly, parsed("营收")).more
