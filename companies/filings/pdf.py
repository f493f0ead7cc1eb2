"""The text of PDFs, page by page, and where on the page it stands. No Django: the child process."""

from __future__ import annotations

import ctypes
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium
from pypdfium2.version import PYPDFIUM_INFO

from companies.filings.reading import (
    BROKEN,
    ENCRYPTED,
    LONGEST_TITLE,
    MOST_ENTRIES,
    MOST_LEVELS,
    TOO_BIG,
    TOO_LONG,
    Entry,
    PageRead,
    Unreadable,
)
from companies.filings.text import normalised

PROGRAM = f"pypdfium2 {PYPDFIUM_INFO.version}"
MOST_ON_A_PAGE = 100_000  # characters; a dense page of a filing has five thousand
_LARGEST_SIDE = 100_000.0  # points; beyond that a page, or a place on it, is nonsense

Box = tuple[float, float, float, float]  # left, bottom, right, top, in points on the page as it is shown


class PdfText:
    """An open PDF."""

    def __init__(self, path: Path, *, most_pages: int) -> None:
        """Open the file.

        Raises:
            Unreadable: it needs a password, is no PDF, or has more pages than allowed.
        """
        try:
            self._document = pypdfium2.PdfDocument(path)
        except pypdfium2.PdfiumError as problem:
            if getattr(problem, "err_code", None) == pdfium.FPDF_ERR_PASSWORD:
                raise Unreadable(ENCRYPTED, "It opens only with a password.") from None
            raise Unreadable(BROKEN, "It is damaged or incomplete: no page can be found in it.") from None
        self.page_count = len(self._document)
        if not self.page_count:
            raise Unreadable(BROKEN, "It has no pages.")
        if self.page_count > most_pages:
            raise Unreadable(TOO_LONG, f"It has {self.page_count:,} pages; at most {most_pages:,} are read.")

    def pages(self) -> Iterator[PageRead]:
        """The pages in order. One that cannot be read has no size, no text and a problem.

        Raises:
            Unreadable: a page holds more characters than any page does, or no page can be read.
        """
        readable = False
        for index in range(self.page_count):
            try:
                page = self._document[index]
            except pypdfium2.PdfiumError:
                yield PageRead("", problem=f"page {index + 1} is damaged")
                continue
            readable = True
            with closing(page):
                yield _page_read(page, index + 1)
        if not readable:
            raise Unreadable(BROKEN, "It is damaged: none of its pages can be read.")

    def outline(self) -> list[Entry]:
        """The bookmarks that lead to a page of this document."""
        entries: list[Entry] = []
        for bookmark in islice(self._document.get_toc(max_depth=MOST_LEVELS), MOST_ENTRIES):
            target = bookmark.get_dest()
            index = None if target is None else target.get_index()
            title = normalised(bookmark.get_title()).text.replace("\n", " ").strip()[:LONGEST_TITLE]
            if title and index is not None and 0 <= index < self.page_count:
                entries.append(Entry(title, index + 1, bookmark.level))
        return entries


def _page_read(page: pypdfium2.PdfPage, number: int) -> PageRead:
    shown = _Shown.of(page)
    try:
        text_page = page.get_textpage()
    except pypdfium2.PdfiumError:
        return PageRead("", width=shown.width, height=shown.height, problem=f"the text of page {number} is damaged")
    with closing(text_page):
        if text_page.count_chars() > MOST_ON_A_PAGE:
            raise Unreadable(TOO_BIG, f"Page {number} holds more than {MOST_ON_A_PAGE:,} characters.")
        raw, boxes = _characters(text_page, shown)
    plain = normalised(raw)
    return PageRead(
        text=plain.text,
        raw="" if raw == plain.text else raw,
        width=shown.width,
        height=shown.height,
        runs=_runs(raw, plain.origins, boxes),
    )


@dataclass(frozen=True, slots=True)
class _Shown:
    """How places on a page become places on the page as it is shown: cropped and turned."""

    left: float
    bottom: float
    across: float  # size of the visible part before it is turned
    up: float
    turns: int  # quarter turns clockwise

    @classmethod
    def of(cls, page: pypdfium2.PdfPage) -> _Shown:
        left, bottom, right, top = page.get_bbox()
        across, up = right - left, top - bottom
        if not (0 < across < _LARGEST_SIDE and 0 < up < _LARGEST_SIDE):
            left = bottom = across = up = 0.0
        return cls(left, bottom, across, up, page.get_rotation() // 90 % 4)

    @property
    def width(self) -> int:
        return round(10 * (self.up if self.turns % 2 else self.across))

    @property
    def height(self) -> int:
        return round(10 * (self.across if self.turns % 2 else self.up))

    def box(self, left: float, bottom: float, right: float, top: float) -> Box | None:
        """The part of a box that is shown. None: nothing of it."""
        # Half a million times for a prospectus: comparing is much faster than min and max.
        left, bottom, right, top = left - self.left, bottom - self.bottom, right - self.left, top - self.bottom
        if left < 0.0:
            left = 0.0
        if bottom < 0.0:
            bottom = 0.0
        if right > self.across:
            right = self.across
        if top > self.up:
            top = self.up
        if not (left < right and bottom < top):
            return None
        if self.turns == 1:
            return bottom, self.across - right, top, self.across - left
        if self.turns == 2:
            return self.across - right, self.up - top, self.across - left, self.up - bottom
        if self.turns == 3:
            return self.up - top, left, self.up - bottom, right
        return left, bottom, right, top


def _characters(text_page: pypdfium2.PdfTextPage, shown: _Shown) -> tuple[str, list[Box | None]]:
    """The characters in reading order, one for each code point, and where each stands; of spaces nothing is known."""
    signs: list[str] = []
    boxes: list[Box | None] = []
    rectangle = pdfium.FS_RECTF()
    pointer, page = ctypes.byref(rectangle), text_page.raw
    unicode_of, box_of, shown_box = pdfium.FPDFText_GetUnicode, pdfium.FPDFText_GetLooseCharBox, shown.box
    for index in range(text_page.count_chars()):
        code = unicode_of(page, index)
        if 0xDC00 <= code <= 0xDFFF and signs and "\ud800" <= signs[-1] <= "\udbff":
            signs[-1] = chr(0x10000 + ((ord(signs[-1]) - 0xD800) << 10) + code - 0xDC00)
            continue
        sign = chr(code) if code <= 0x10FFFF else "\ufffd"
        signs.append(sign)
        # The loose box is as high as the line, whatever the sign: marks then look even.
        if sign.isspace() or not box_of(page, index, pointer):
            boxes.append(None)
        else:
            boxes.append(shown_box(rectangle.left, rectangle.bottom, rectangle.right, rectangle.top))
    return "".join(signs), boxes


def _runs(raw: str, origins: tuple[int, ...], boxes: list[Box | None]) -> list[list[int]]:
    """Neighbouring characters of one line, all wide (Chinese) or all narrow, as one box each.

    Narrow ones differ in width, so a run of them is one word at most: no character is far from its even share.
    """
    runs: list[_Run] = []
    run, last_origin = None, -1
    for at, origin in enumerate(origins):
        box = boxes[origin]
        if box is None:
            continue
        sign = raw[origin]
        wide = sign > "\u10ff" and unicodedata.east_asian_width(sign) in "WF"
        if run is not None and run.end == at and run.wide is wide and (origin == last_origin or run.is_before(box)):
            run.add(box)
        else:
            run = _Run(at, wide, box)
            runs.append(run)
        last_origin = origin
    return [run.row() for run in runs]


class _Run:
    """A run that grows."""

    __slots__ = ("bottom", "end", "left", "right", "start", "top", "wide")

    def __init__(self, start: int, wide: bool, box: Box) -> None:
        self.start, self.end, self.wide = start, start + 1, wide
        self.left, self.bottom, self.right, self.top = box

    def is_before(self, box: Box) -> bool:
        """Whether the box stands on the line of the run, right after it."""
        left, bottom, right, top = box
        height = top - bottom
        if bottom != self.bottom or top != self.top:
            height = min(height, self.top - self.bottom)
            if 2 * (min(top, self.top) - max(bottom, self.bottom)) <= height:
                return False
        return right >= self.right and -height <= left - self.right <= height

    def add(self, box: Box) -> None:
        """Take the next character in."""
        _, bottom, right, top = box
        self.end += 1
        if bottom < self.bottom:
            self.bottom = bottom
        if right > self.right:
            self.right = right
        if top > self.top:
            self.top = top

    def row(self) -> list[int]:
        """As `PageRead` has it."""
        edges = (self.left, self.bottom, self.right, self.top)
        return [self.start, self.end, *(round(10 * edge) for edge in edges)]
