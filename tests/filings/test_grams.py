"""What a text is found by."""

import re

import pytest

from companies.filings.grams import grams_of, pattern_of, terms_of


@pytest.mark.parametrize(
    ("text", "grams"),
    [
        ("营收增", {"营", "收", "增", "营收", "收增"}),
        ("营\n收", {"营", "收", "营收"}),  # a line of a page breaks anywhere
        ("营。收", {"营", "收"}),
        ("GPU", {"g", "gp", "gpu"}),
        ("semiconductor", {"semiconductor"[:end] for end in range(1, 14)}),
        ("1,200.50", {"1", "12", "120", "1200", "5", "50"}),
        ("AI芯片", {"a", "ai", "芯", "片", "芯片"}),
        ("𠮷野", {"𠮷", "野", "𠮷野"}),
        ("— 。、 😀", set()),
        ("", set()),
    ],
)
def test_a_text_has_the_beginnings_of_its_words_and_pairs_of_its_characters(text: str, grams: set[str]) -> None:
    assert grams_of(text) == grams


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        ("营收", ["营收"]),
        ("  营收   净利 营收 ", ["营收", "净利"]),
        ('"net profit" 营收', ["net profit", "营收"]),
        ("“net  profit”", ["net profit"]),
        ('"not closed', ["not closed"]),
        ("GPU", ["gpu"]),
        ("， 。", []),
        ('""', []),
        ("", []),
    ],
)
def test_a_query_has_the_words_and_phrases_that_were_typed(query: str, texts: list[str]) -> None:
    assert [term.text for term in terms_of(query)] == texts


@pytest.mark.parametrize(
    ("query", "text", "found"),
    [
        ("营收", "本期营收增长", ["营收"]),
        ("营收", "本期营\n收增长", ["营\n收"]),
        ("营收", "营业收入", []),
        ("rev", "Revenue grew; prerevenue", ["Rev"]),
        ("venue", "Revenue", []),
        ("1200", "1,200 and 1200 and 11200", ["1,200", "1200"]),
        ("1,200", "1,200 and 1200", ["1,200"]),
        ("200", "1,200 and 200 and 2,024,200", ["200"]),
        ("2025", "2024,2025", ["2025"]),
        ("60亿", "60 亿元, 160亿", ["60 亿"]),
        ("h100芯片", "H100 芯片", ["H100 芯片"]),
        ('"net profit"', "net\nprofit, net loss", ["net\nprofit"]),
        ("营业收入 收入", "营业收入和收入", ["营业收入", "收入"]),
        ("c++", "C++ code", ["C++"]),
    ],
)
def test_a_word_is_found_again_where_it_stands(query: str, text: str, found: list[str]) -> None:
    assert [match[0] for match in pattern_of(terms_of(query)).finditer(text)] == found


TEXTS = [
    "公司2025年度实现营业收入1,200.50万元，同比增长12.3%。\n其中 AI芯片收入占\n比 60 %，",
    "Net profit attributable to shareholders was RMB1,234 million (2024: RMB987 million), H100-class GPUs.",
    "寒武纪（688256）在手订单60 亿元；𠮷野家",
]


@pytest.mark.parametrize("text", TEXTS)
def test_whatever_stands_in_a_text_can_be_found_by_its_grams(text: str) -> None:
    grams = grams_of(text)
    words = [word for word in re.split(r"\s+", text) if terms_of(word)]
    for word in words:
        for end in range(1, len(word) + 1):
            for term in terms_of(word[:end].replace('"', "")):
                assert term.grams <= grams, word[:end]
                assert re.search(term.pattern, text, re.IGNORECASE), word[:end]


@pytest.mark.parametrize(
    ("query", "certain"),
    [
        ("营收", True),
        ("营", True),
        ("GPU", True),
        ("营业收入", False),
        ("semiconductors", True),
        ("internationalization", False),
        ("60亿", False),
        ("1,2", False),
    ],
)
def test_one_gram_is_certain_and_several_have_to_be_read(query: str, certain: bool) -> None:
    (term,) = terms_of(query)
    assert term.is_its_gram is certain
