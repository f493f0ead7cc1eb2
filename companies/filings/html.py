"""Web pages as text in pages of our own, with markup that can do no harm. No Django: the child process.

What is stored is written here, tag by tag, from a short list: nothing of the original markup passes through but the
addresses of links, and the spans of table cells. The text of the markup, as a browser counts it, is exactly the text
of the page.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterator
from html import escape, unescape
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import nh3

from companies.filings.reading import (
    LONGEST_TITLE,
    MOST_CHARACTERS,
    MOST_ENTRIES,
    TOO_BIG,
    TOO_LONG,
    Entry,
    PageRead,
    Unreadable,
)
from companies.filings.text import normalised

PROGRAM = f"nh3 {version('nh3')}"
PAGE = 3_000  # characters; a page ends at the first block after that, or
LONGEST_PAGE = 10_000  # in the middle of a block
HEADING_AFTER = 1_500  # a heading begins a new page when so much is on this one
DEEPEST = 60  # levels of markup that are kept; what is nested more deeply loses its boxes, not its text

_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_CELLS = ("td", "th")
_ROWS = ("tr", "thead", "tbody", "tfoot")
_TABLE_PARTS = (*_ROWS, *_CELLS, "caption")
_INLINE = ("b", "strong", "i", "em", "u", "sub", "sup", "code", "a")
# Written as div.
_BOXES = (
    "section", "article", "header", "footer", "main", "aside", "nav", "figure", "figcaption", "address", "details",
    "summary", "center", "fieldset", "legend",
)  # fmt: skip
_BLOCKS = frozenset(
    [
        *("p", "div", "blockquote", "pre", "ul", "ol", "li", "dl", "dt", "dd", "table"),
        *_HEADINGS,
        *_TABLE_PARTS,
        *_BOXES,
    ]
)
_TAGS = {*_BLOCKS, *_INLINE, "br", "hr"}
# Of these not even the text is kept. ix:header holds the hidden facts of inline XBRL; the text of other ix: tags stays.
_DROPPED = {
    "script", "style", "head", "title", "template", "noscript", "iframe", "object", "embed", "applet", "svg", "math",
    "select", "textarea", "button", "audio", "video", "canvas", "noframes", "xmp", "ix:header", "ix:hidden",
}  # fmt: skip
_TOKEN = re.compile(r"<(/?)([a-z0-9]+)([^>]*)>|([^<]+)")
_ATTRIBUTE = re.compile(r'([a-z]+)="([^"]*)"')
_WHITESPACE = re.compile(r"[ \t\n\r\f\xa0\u3000]+")
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


class HtmlText:
    """A web page, cut into pages."""

    def __init__(self, path: Path, *, most_pages: int) -> None:
        """Read the file, and find its pages.

        Raises:
            Unreadable: it holds more pages or characters than allowed.
        """
        writer = _Writer(most_pages)
        for token in _TOKEN.finditer(_cleaned(decoded(path.read_bytes()))):
            closing, tag, attributes, text = token.groups()
            if text is not None:
                writer.text(unescape(text))
            elif closing:
                writer.close(tag)
            else:
                writer.open(tag, attributes)
        writer.end_page()
        self._pages = writer.pages or [PageRead("")]
        self._outline = writer.outline
        self.page_count = len(self._pages)

    def pages(self) -> Iterator[PageRead]:
        """The pages in order."""
        yield from self._pages

    def outline(self) -> list[Entry]:
        """The headings; the outermost kind that occurs has level 0."""
        top = min((entry.level for entry in self._outline), default=0)
        return [Entry(entry.title, entry.page, entry.level - top) for entry in self._outline]


# --- Bytes to characters ----------------------------------------------------------------------------

_DECLARED = re.compile(rb"""<(?:meta|\?xml)[^>]{0,500}?(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_MARKS = [(codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")]
# As browsers read these names: what calls itself GB2312 or GBK is in truth GB18030.
_ENCODINGS = {
    "gb2312": "gb18030", "gbk": "gb18030", "gb18030": "gb18030", "x-gbk": "gb18030", "gb_2312-80": "gb18030",
    "big5": "big5hkscs", "big5-hkscs": "big5hkscs", "shift_jis": "cp932", "euc-kr": "cp949", "iso-8859-1": "cp1252",
    "latin1": "cp1252", "us-ascii": "cp1252", "ascii": "cp1252", "windows-1252": "cp1252",
}  # fmt: skip


def decoded(content: bytes) -> str:
    """The characters of a web page: by its byte order mark, by what it declares, else UTF-8 or GB18030."""
    for mark, encoding in [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ]:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace")
    declared = _DECLARED.search(content[:4096])
    name = declared[1].decode("ascii", "replace").lower() if declared else ""
    for encoding in (_ENCODINGS.get(name, "utf-8"), "utf-8", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode(_ENCODINGS.get(name, "utf-8"), "replace")


# --- Markup to markup -------------------------------------------------------------------------------


def _cleaned(markup: str) -> str:
    """Well-formed markup of the tags above, in which neither text nor attributes hold `<` or `>`."""
    return nh3.clean(
        markup,
        tags=_TAGS,
        clean_content_tags=_DROPPED,
        attributes={"a": {"href"}, "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan"}},
        attribute_filter=_kept,
        link_rel=None,
        strip_comments=True,
    )


def _kept(tag: str, name: str, value: str) -> str | None:
    """The value of an attribute that may stay. None: it goes."""
    if name == "href":
        return value if _is_web_address(value) else None
    return value if value.isascii() and value.isdigit() and 1 < int(value[:4]) <= 1000 else None


def _is_web_address(value: str) -> bool:
    """Whether it names a page elsewhere; an address relative to the original would lead into our own site."""
    if any(sign in value for sign in "<>\"'") or not value.isprintable():
        return False
    try:
        address = urlsplit(value)
    except ValueError:
        return False
    return address.scheme in ("http", "https") and bool(address.hostname)


class _Writer:
    """Writes pages from tokens. Tags are written once there is text for them, so nothing empty is kept but cells.

    Between two texts stands what the markup between them means: a space within a line and between cells, a line break
    between blocks and rows. It is written before the tags, where a browser keeps it whatever the parent.
    """

    def __init__(self, most_pages: int) -> None:
        self.pages: list[PageRead] = []
        self.outline: list[Entry] = []
        self._most_pages = most_pages
        self._stack: list[tuple[str, str]] = []  # open tags that are kept: their name, and how they are written
        self._too_deep = 0  # so many more are open, which are not kept
        self._within: Counter[str] = Counter()  # how many of each are open, kept or not
        self._written = 0  # so many of the stack are open in the markup of this page
        self._markup: list[str] = []
        self._texts: list[str] = []
        self._length = 0
        self._total = 0
        self._between = ""
        self._cell_has_text = self._row_has_text = True
        self._heading: list[str] | None = None
        self._heading_page = 1

    def open(self, tag: str, attributes: str) -> None:
        """A tag begins."""
        if tag in ("br", "hr"):
            if tag == "br":
                self._write_tags()
                self._markup.append("<br>")
            self._between = "\n"
            return
        if tag in _BLOCKS:
            if self._length >= (HEADING_AFTER if tag in _HEADINGS else PAGE):
                self.end_page()
            self._divide(tag)
        self._push(tag, attributes)
        if tag in _CELLS:
            self._write_tags()
            self._cell_has_text = False
        elif tag == "tr":
            self._row_has_text = False
        elif tag in _HEADINGS:
            self._heading, self._heading_page = [], len(self.pages) + 1

    def close(self, tag: str) -> None:
        """A tag ends: the markup is well-formed, so it is the last that began."""
        self._within[tag] -= 1
        if self._too_deep:
            self._too_deep -= 1
        else:
            self._stack.pop()
            if self._written > len(self._stack):
                self._written -= 1
                self._markup.append(f"</{_written_as(tag)}>")
        if tag in _HEADINGS:
            self._end_heading(int(tag[1]))
        if tag in _CELLS:
            self._cell_has_text = True
            if self._row_has_text:
                self._between = " "
        elif tag in _BLOCKS:
            self._divide(tag)

    def text(self, text: str) -> None:
        """Text between two tags."""
        if not self._within["pre"]:
            text = _WHITESPACE.sub(" ", text)
        if self._within["sup"] or self._within["sub"]:
            text = text.translate(_RAISED if self._within["sup"] else _LOWERED)
        plain = normalised(text).text
        words = plain.strip("\n")
        self._space(text[:1], plain[:1])
        if words:
            self._write_in_pages(words)
            self._space(text[-1:], plain[-1:])

    def end_page(self) -> None:
        """What was written is a page; what follows begins the next one, within the same tags."""
        while self._written:
            self._written -= 1
            self._markup.append(f"</{_written_as(self._stack[self._written][0])}>")
        if self._length:
            if len(self.pages) >= self._most_pages:
                raise Unreadable(TOO_LONG, f"Its text is longer than {self._most_pages:,} pages.")
            self.pages.append(PageRead("".join(self._texts), html="".join(self._markup)))
        self._markup, self._texts, self._length, self._between = [], [], 0, ""

    def _push(self, tag: str, attributes: str) -> None:
        """Remember an open tag. Parts of a table that is kept are kept: text of a table outside of cells would move."""
        self._within[tag] += 1
        if self._too_deep or (len(self._stack) >= DEEPEST and tag not in _TABLE_PARTS):
            self._too_deep += 1
        else:
            self._stack.append((tag, f"<{_written_as(tag)}{_attributes(tag, attributes)}>"))

    def _space(self, original: str, plain: str) -> None:
        """Note the white space with which a text begins or ends."""
        if plain == "\n":
            self._between = "\n"
        elif original.isspace() and not self._between:
            self._between = " "

    def _divide(self, tag: str) -> None:
        """A block begins or ends: a line does, too. Rows are lines, so what a cell begins with does not count."""
        if tag not in _CELLS and (self._cell_has_text or tag in _TABLE_PARTS):
            self._between = "\n"

    def _write_in_pages(self, words: str) -> None:
        """Write words; many at once are cut where a sentence ends."""
        while self._length + len(words) > LONGEST_PAGE:
            room = LONGEST_PAGE - self._length
            cut = _last_break(words, room) or (0 if self._length else room)
            if cut > 0:
                self._write(words[:cut].rstrip())
            words = words[max(cut, 0) :].lstrip()
            self.end_page()
        if words:
            self._write(words)

    def _write(self, words: str) -> None:
        between = self._between if self._length else ""
        self._between = ""
        if between:
            self._markup.append(between)
            self._texts.append(between)
        self._write_tags()
        self._markup.append(escape(words, quote=False))
        self._texts.append(words)
        self._length += len(between) + len(words)
        self._total += len(words)
        if self._total > MOST_CHARACTERS:
            raise Unreadable(TOO_BIG, f"It holds more than {MOST_CHARACTERS:,} characters.")
        self._cell_has_text = self._row_has_text = True
        if self._heading is not None:
            self._heading.append(between + words)

    def _write_tags(self) -> None:
        """Write the tags that are open in the original and not yet here."""
        self._markup += [written for _, written in self._stack[self._written :]]
        self._written = len(self._stack)

    def _end_heading(self, rank: int) -> None:
        title = " ".join("".join(self._heading or []).split())[:LONGEST_TITLE]
        self._heading = None
        if title and len(self.outline) < MOST_ENTRIES:
            self.outline.append(Entry(title, self._heading_page, rank - 1))


def _last_break(words: str, room: int) -> int:
    """How many characters to take, at most `room`, so that a sentence or at least a word is whole. 0: impossible."""
    for signs in ("。\n", "!?;", " "):
        if last := max(words.rfind(sign, 0, room) for sign in signs) + 1:
            return last
    return 0


def _written_as(tag: str) -> str:
    return "div" if tag in _BOXES else tag


def _attributes(tag: str, attributes: str) -> str:
    """The attributes of a tag as they are written: those that `_kept` let pass."""
    if tag not in ("a", *_CELLS) or not attributes:
        return ""
    pairs = [(name, escape(unescape(value))) for name, value in _ATTRIBUTE.findall(attributes)]
    kept = "".join(f' {name}="{value}"' for name, value in pairs)
    return f'{kept} rel="noopener nofollow"' if tag == "a" else kept
