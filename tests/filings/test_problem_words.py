"""What kept a file from being read is stored in English and shown in the language of whoever looks."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.utils import translation

from companies.filings.extraction import _damage
from companies.filings.problem_words import problem_in_words

READERS = ("child", "extraction", "html", "pdf")


def sentences() -> Iterator[str]:
    """What the reader of a file can say, with 7 for every value."""
    for name in READERS:
        tree = ast.parse((settings.BASE_DIR / f"companies/filings/{name}.py").read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Unreadable":
                yield from text(node.args[1])
            elif isinstance(node, ast.keyword) and node.arg == "problem":
                yield from text(node.value)
            elif isinstance(node, ast.Tuple) and len(node.elts) == 2:  # a status and its problem
                yield from text(node.elts[1])


def text(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "7" for part in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
        yield node.value


@pytest.mark.parametrize("sentence", sorted(set(sentences())))
def test_everything_that_the_reader_of_a_file_says_has_its_chinese(sentence: str) -> None:
    with translation.override("zh-hans"):
        words = problem_in_words(sentence)
    assert not any(letter.islower() for letter in words)
    assert words.count("7") == sentence.count("7")


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        ("It has 3,412 pages; at most 3,000 are read.", "共3,412页；最多读取3,000页。"),
        ("It could not be read again: It opens only with a password.", "未能重新读取：文件须用密码打开。"),
        (_damage(["page 2 is damaged"]), "有部分内容无法读取：第2页损坏。"),
        (
            _damage([*(f"page {number} is damaged" for number in (2, 3, 5, 8)), "the text of page 13 is damaged"]),
            "有部分内容无法读取：第2页损坏、第3页损坏、第5页损坏，另有2处。",
        ),
        ("Reading it failed: ValueError: 5 is not 6", "读取失败：ValueError: 5 is not 6"),
        ("left alone until 2026-03-02", "left alone until 2026-03-02"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_problem_is_told_in_chinese_with_its_numbers(problem: str, words: str) -> None:
    with translation.override("zh-hans"):
        assert problem_in_words(problem) == words


def test_a_problem_is_told_in_english_as_it_is_stored() -> None:
    problem = _damage(["page 2 is damaged", "the text of page 13 is damaged"])
    assert problem_in_words(problem) == problem == (
        "Some of it could not be read: page 2 is damaged, the text of page 13 is damaged."
    )  # fmt: skip
