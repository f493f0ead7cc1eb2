"""What a text is found by, and how a word of a search is found again in a text. Pure.

Chinese has no spaces, and its commonest words have two characters. So a text is indexed by its grams: at each Chinese
character the beginnings of one and of two characters of what follows, at each other word or number its beginnings of up
to `LONGEST_BEGINNING` characters. A word of a search is on a page only if all its grams are; where it is one gram, also
the other way round. White space between Chinese characters counts for nothing: lines of a page break anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

# Han with its iteration marks, kana and hangul: written without spaces, or with words that take endings.
CJK = "々-〇぀-ヿ㐀-䶿一-鿿가-힣豈-﫿\U00020000-\U0003ffff"
LONGEST_BEGINNING = 16

_LETTER = rf"[^\W_{CJK}]"
_SPACE_BETWEEN_CJK = re.compile(rf"(?<=[{CJK}])\s+(?=[{CJK}])")
# A run of Chinese; a number with its thousands separators; any other word.
_RUN = re.compile(rf"(?P<cjk>[{CJK}]+)|(?P<number>\d{{1,3}}(?:,\d{{3}})+)(?!{_LETTER})|(?P<word>{_LETTER}+)")
_IS_CJK = re.compile(f"[{CJK}]")
_QUERY_WORD = re.compile(r'"([^"]*)"?|([^\s"]+)')
_QUOTES = str.maketrans("“”„«»「」『』", '"' * 9)


@dataclass(frozen=True, slots=True)
class Term:
    """A word of a search, or the words between its quotes."""

    text: str

    @property
    def grams(self) -> frozenset[str]:
        """The least that a page must have in its grams to have the term."""
        found: set[str] = set()
        for run in _runs(self.text):
            if not _IS_CJK.match(run):
                found.add(run[:LONGEST_BEGINNING])
            elif len(run) == 1:
                found.add(run)
            else:
                found.update(run[at : at + 2] for at in range(len(run) - 1))
        return frozenset(found)

    @property
    def is_its_gram(self) -> bool:
        """Whether a page that has the grams surely has the term."""
        (gram, *others) = self.grams
        return not others and gram == _joined(self.text)

    @property
    def pattern(self) -> str:
        """A regular expression of it, for `re.IGNORECASE`."""
        pieces: list[str] = []
        before = ""
        for character in self.text:
            if character.isspace():
                pieces.append(r"\s+")
            else:
                pieces.append(_between(before, character) + re.escape(character))
            before = character
        return pieces[0] + _start(self.text[0]) + "".join(pieces[1:])


def grams_of(text: str) -> set[str]:
    """All grams of a normalised text; they have no ASCII but letters and digits, and are in lower case."""
    found: set[str] = set()
    for run in _runs(text):
        if _IS_CJK.match(run):
            found.update(run)
            found.update(map("".join, pairwise(run)))
        else:
            found.update(run[:end] for end in range(1, min(len(run), LONGEST_BEGINNING) + 1))
    return found


def terms_of(query: str) -> list[Term]:
    """The terms of a normalised query, each once; what has neither letters nor digits is left out."""
    texts = (" ".join((quoted or word).split()) for quoted, word in _QUERY_WORD.findall(query.translate(_QUOTES)))
    terms = (Term(text.lower()) for text in dict.fromkeys(texts))
    return [term for term in terms if term.grams]


def pattern_of(terms: Iterable[Term]) -> re.Pattern[str]:
    """Finds every place of any of the terms, the longer ones first where several begin."""
    longest_first = sorted(terms, key=lambda term: -len(term.text))
    return re.compile("|".join(f"(?:{term.pattern})" for term in longest_first), re.IGNORECASE)


def _joined(text: str) -> str:
    return _SPACE_BETWEEN_CJK.sub("", text).lower()


def _runs(text: str) -> list[str]:
    return [found[0].replace(",", "") for found in _RUN.finditer(_joined(text))]


def _start(character: str) -> str:
    """A word that is not Chinese is found from its beginning on, a number not within a longer one.

    To be said after the first character: the places that begin with others, nearly all, are then passed over quickly.
    """
    if _IS_CJK.match(character) or not character.isalnum():
        return ""
    within_number = rf"(?!(?<=\d,{character})\d{{2}}(?!\d))"
    return rf"(?<!{_LETTER}{character})" + (within_number if character.isdigit() else "")


def _between(before: str, character: str) -> str:
    """What may stand in a text between two neighbours of a term."""
    if not before or before.isspace():
        return ""
    if _IS_CJK.match(before) or _IS_CJK.match(character):
        return r"\s*"
    return ",?" if before.isdigit() and character.isdigit() else ""
