"""Finding a passage again in a text that may have changed. Pure.

A passage counts as found only where the same words stand; that a line breaks elsewhere is no difference. What stands
beside the words decides between several places, and a figure's unit or sign that stands beside the marked words has to
be the same too. In doubt the answer is the nearest place and a reason, for a person to look at.

Source: docs/anchors.md.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import takewhile

# Two places of the same words are told apart by what stands beside them, in characters that agree.
CLEAR_MARGIN = 12
# Words and what stands beside them together have to be this many characters to be believed elsewhere than before.
ENOUGH = 24
LONG_QUOTE = 40  # characters of a passage that nobody writes twice by chance
_GRAM = 3

_WORD = re.compile(r"[0-9A-Za-z]")
_INK = re.compile(r"\S")
_SPACE = re.compile(r"\s+")
_UNIT = (
    r"[%‰$¥€£]|亿|億|万|萬|千|百|十|兆|元|人民币|人民幣|港|美|日|欧|歐|股|"
    r"(?i:RMB|CNY|HKD|USD|EUR|JPY|HK|US|trillion|billion|million|thousand|percent|tn|bn|mn|m|k)(?![a-z])"
)
_PART = rf"[0-9.,+\-()]|{_UNIT}"  # of a number as it is written, its sign and unit included
_ENDS_WITH_A_NUMBER = re.compile(rf"(?:(?:{_PART})\s?)+$")
_BEGINS_WITH_A_NUMBER = re.compile(rf"^(?:\s?(?:{_PART}))+")
_NUMBER_ALONE = re.compile(rf"(?:{_PART}|[\s~至到]|to\b|and\b)+")
_BARE_NUMBER = re.compile(rf"[0-9][0-9.,]*(?![0-9.,])(?!\s?(?:{_UNIT}))")
# What a table or a page says of all its numbers: 单位:人民币万元, (in thousands of RMB), RMB'000.
_DECLARED = re.compile(
    rf"[单單]位\s?(?:为|為|是|:)?\s?(?:{_UNIT})+"
    r"|(?i:\b(?:in|of)\s(?:(?:RMB|CNY|HK\$|US\$|HKD|USD|EUR|thousand|million|billion)s?(?:\sof\s|\s)?)+)"
    r"|(?i:(?:RMB|CNY|HK\$|US\$|HKD|USD|EUR|\$)\s?(?:'000|in (?:thousand|million|billion)s?))"
)
_FIGURES = re.compile(rf"[-+(]?[0-9](?:[0-9.,]*[0-9])?|{_UNIT}")


@dataclass(frozen=True, slots=True)
class Quote:
    """A passage as it was marked: its words, and a little of what stands before and after them."""

    exact: str
    prefix: str = ""
    suffix: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Characters `start` to `end` of the text of a page."""

    page: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Found:
    """Where a passage stands. With a `reason` that is not certain: `place` is the nearest one, or None."""

    place: Place | None
    reason: str = ""


class Squeezed:
    """A text without the white space that says nothing: none beside Chinese, one space between words and numbers."""

    def __init__(self, text: str) -> None:
        kept: list[str] = []
        origins: list[int] = []
        for at, character in enumerate(text):
            if not character.isspace():
                kept.append(character)
                origins.append(at)
            elif kept and kept[-1] != " " and _WORD.match(kept[-1]) and _goes_on_with_a_word(text, at):
                kept.append(" ")
                origins.append(at)
        self.source = text
        self.text = "".join(kept)
        self._origins = origins

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The span of the source behind a span of the squeezed text that is not empty."""
        return self._origins[start], self._origins[end - 1] + 1


def _goes_on_with_a_word(text: str, at: int) -> bool:
    found = _INK.search(text, at)
    return found is not None and _WORD.match(found[0]) is not None


class Pages:
    """The pages of a document in which passages are looked for."""

    def __init__(self, texts: Mapping[int, str]) -> None:
        self._texts = texts
        self._squeezed: dict[int, Squeezed] = {}
        self._grams: dict[int, frozenset[str]] = {}

    def __getitem__(self, page: int) -> Squeezed:
        if page not in self._squeezed:
            self._squeezed[page] = Squeezed(self._texts[page])
        return self._squeezed[page]

    def grams(self, page: int) -> frozenset[str]:
        """The groups of characters that occur on a page: what a passage shares with it at most."""
        if page not in self._grams:
            self._grams[page] = frozenset(_grams(self[page].text))
        return self._grams[page]

    @property
    def numbers(self) -> Sequence[int]:
        """The numbers of the pages, in order."""
        return sorted(self._texts)


@dataclass(frozen=True, slots=True)
class _Match:
    """One place where the words stand, and how much of what stands beside them agrees."""

    page: int
    start: int  # in the squeezed text
    end: int
    before: int
    after: int
    same_number: bool

    @property
    def context(self) -> int:
        return self.before + self.after


def find(quote: Quote, pages: Pages, was: Place | None = None) -> Found:
    """Where a passage stands now.

    Args:
        was: Where it stood before; there it is believed with less beside it that agrees.

    Reasons: `gone` (nothing like it), `words_differ`, `numbers_differ` (digits, a sign or a unit), `several_places`,
    `context_differs` (few words, and others beside them).
    """
    words = Squeezed(quote.exact).text
    if not words:
        return Found(None, "gone")
    matches = _matches(quote, words, pages)
    if not matches:
        return _nearest(quote, words, pages, was)
    ranked = sorted(matches, key=lambda match: (match.context, _stayed(match, pages, was)), reverse=True)
    best = ranked[0]
    place = _place(best, pages)
    if not best.same_number:
        return Found(place, "numbers_differ")
    available = len(Squeezed(quote.prefix).text) + len(Squeezed(quote.suffix).text)
    if len(ranked) > 1 and best.context - ranked[1].context < min(CLEAR_MARGIN, max(1, available)):
        return Found(place, "several_places")
    if _NUMBER_ALONE.fullmatch(words) and best.before < min(CLEAR_MARGIN, _ink(quote.prefix)):
        # What a number is about, and whether it is a loss, say the words before it.
        return Found(place, "context_differs")
    stayed = was is not None and place == was
    if not stayed and len(words) < LONG_QUOTE and len(words) + best.context < min(ENOUGH, len(words) + available):
        return Found(place, "context_differs")
    return Found(place)


def has_bare_number(quote: Quote) -> bool:
    """Whether a number of the passage has no unit of its own, so that one said elsewhere counts for it."""
    words = Squeezed(quote.exact).text
    after = Squeezed(quote.suffix).text[:32]
    return any(number.start() < len(words) for number in _BARE_NUMBER.finditer(words + after))


def declared_unit(texts: Mapping[int, str], place: Place) -> str:
    """The unit that was last declared for the numbers at a place, on its page or one before it; empty where none was.

    Args:
        texts: The pages of the document, by their numbers.
    """
    for page in sorted((number for number in texts if number <= place.page), reverse=True):
        text = texts[page][: place.start] if page == place.page else texts[page]
        if declared := _DECLARED.findall(text.replace("：", ":")):
            return _SPACE.sub("", declared[-1]).lower()
    return ""


def differs_in_numbers(one: str, other: str) -> bool:
    """Whether two texts differ in digits, signs or units, in the order in which they stand there."""
    return _numbers(one) != _numbers(other)


def _numbers(text: str) -> list[str]:
    return _FIGURES.findall(Squeezed(text).text)


def _matches(quote: Quote, words: str, pages: Pages) -> list[_Match]:
    prefix, suffix = Squeezed(quote.prefix).text, Squeezed(quote.suffix).text
    found = []
    for page in pages.numbers:
        text = pages[page].text
        start = text.find(words)
        while start >= 0:
            end = start + len(words)
            found.append(
                _Match(
                    page, start, end,
                    before=_agreement(prefix[::-1], text[max(0, start - len(prefix) - 1) : start][::-1]),
                    after=_agreement(suffix, text[end : end + len(suffix) + 1]),
                    same_number=_same_number(quote, words, text, start, end),
                )
            )  # fmt: skip
            start = text.find(words, start + 1)
    return found


def _agreement(one: str, other: str) -> int:
    """How many characters are the same from the beginning on; a space between words does not count as a difference."""
    pairs = zip(one.replace(" ", ""), other.replace(" ", ""), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _ink(text: str) -> int:
    """How many characters of a text are no white space."""
    return len(_SPACE.sub("", text))


def _same_number(quote: Quote, words: str, text: str, start: int, end: int) -> bool:
    """Whether the digits, signs and units that touch the passage are those that touched it when it was marked."""
    before, after = Squeezed(quote.prefix[-32:]).text, Squeezed(quote.suffix[:32]).text
    return _touching(before, words, after) == _touching(text[max(0, start - 32) : start], words, text[end : end + 32])


def _touching(before: str, words: str, after: str) -> tuple[str, str]:
    """What of a number stands before and after words that begin or end within it."""
    left = _ENDS_WITH_A_NUMBER.search(before) if _BEGINS_WITH_A_NUMBER.match(words) else None
    right = _BEGINS_WITH_A_NUMBER.match(after) if _ENDS_WITH_A_NUMBER.search(words) else None
    # Before the words a point is of their number; behind them it may as well end the sentence.
    return _bare(left), _bare(right).rstrip(".,")


def _bare(found: re.Match[str] | None) -> str:
    return _SPACE.sub("", found[0]) if found else ""


def _place(match: _Match, pages: Pages) -> Place:
    return Place(match.page, *pages[match.page].original(match.start, match.end))


def _stayed(match: _Match, pages: Pages, was: Place | None) -> bool:
    return was is not None and match.page == was.page and _place(match, pages) == was


# --- What is left where the words are gone ---------------------------------------------------------


def _nearest(quote: Quote, words: str, pages: Pages, was: Place | None) -> Found:
    """The place that is most like the passage: between what stood beside it, else where most of its words are."""
    between = _between(quote, words, pages)
    place = between or _most_alike(words, pages, was)
    if place is None:
        return Found(None, "gone")
    now = pages[place.page].source[place.start : place.end]
    return Found(place, "numbers_differ" if differs_in_numbers(words, now) else "words_differ")


def _between(quote: Quote, words: str, pages: Pages) -> Place | None:
    """What stands between the ends of the kept prefix and suffix, when that is about as long and there is one such."""
    before, after = Squeezed(quote.prefix).text[-12:], Squeezed(quote.suffix).text[:12]
    if len(before) < 6 or len(after) < 6:
        return None
    found = []
    for page in pages.numbers:
        text = pages[page].text
        at = text.find(before)
        while at >= 0:
            start = at + len(before)
            end = text.find(after, start + 1, start + 2 * len(words) + 40 + len(after))
            if end > start:
                found.append(Place(page, *pages[page].original(start, end)))
            at = text.find(before, at + 1)
    return found[0] if len(found) == 1 else None


def _most_alike(words: str, pages: Pages, was: Place | None) -> Place | None:
    """The stretch as long as the passage with most of its groups of characters, if it has at least half of them."""
    wanted = Counter(_grams(words))
    enough = (sum(wanted.values()) + 1) // 2
    best: tuple[int, bool, Place] | None = None
    for page in pages.numbers:
        occurring = pages.grams(page)
        if not wanted or sum(count for gram, count in wanted.items() if gram in occurring) < enough:
            continue  # most pages: looking closer takes long
        text = pages[page].text
        shared, start = _densest(_grams(text), wanted, max(1, len(words) - _GRAM + 1))
        if shared >= enough:
            place = Place(page, *pages[page].original(start, min(len(text), start + len(words))))
            rated = (shared, was is not None and was.page == page, place)
            if best is None or rated[:2] > best[:2]:
                best = rated
    return best[2] if best else None


def _grams(text: str) -> list[str]:
    return [text[at : at + _GRAM] for at in range(len(text) - _GRAM + 1)]


def _densest(grams: Sequence[str], wanted: Mapping[str, int], width: int) -> tuple[int, int]:
    """How many wanted groups the best window of `width` groups has, and where it begins."""
    within: Counter[str] = Counter()
    shared = best = start = 0
    for at, gram in enumerate(grams):
        if gram in wanted:
            within[gram] += 1
            shared += within[gram] <= wanted[gram]
        if at >= width:
            gone = grams[at - width]
            if gone in wanted:
                shared -= within[gone] <= wanted[gone]
                within[gone] -= 1
        if shared > best:
            best, start = shared, max(0, at - width + 1)
    return best, start


def changes(one: str, other: str) -> list[tuple[str, str]]:
    """Two texts side by side: pieces ("same", text), ("gone", text of the first), ("new", text of the second)."""
    pieces: list[tuple[str, str]] = []
    for tag, from_one, to_one, from_other, to_other in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if tag == "equal":
            pieces.append(("same", one[from_one:to_one]))
            continue
        if to_one > from_one:
            pieces.append(("gone", one[from_one:to_one]))
        if to_other > from_other:
            pieces.append(("new", other[from_other:to_other]))
    return pieces
