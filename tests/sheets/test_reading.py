"""Files as people and attackers send them: read cell by cell, or refused with a reason."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime, time
from typing import Any

import pytest
from openpyxl import Workbook

from companies.sheets import reading
from companies.sheets.reading import Sheet, Unreadable, is_small, read_sheet

KNOWN = ("company", "low", "known_on", "note")


def texts(sheet: Sheet) -> list[list[str]]:
    return [list(line.cells.values()) for line in sheet.lines]


def workbook(*rows: Any, **formats: str) -> Workbook:
    """A workbook of one sheet; `formats` are number formats by cell."""
    book = Workbook()
    for row in rows:
        book.active.append(row)
    for place, form in formats.items():
        book.active[place].number_format = form
    return book


def xlsx(book: Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def repacked(content: bytes, **parts: bytes) -> bytes:
    """A zip with other contents of some parts."""
    out = io.BytesIO()
    source = zipfile.ZipFile(io.BytesIO(content))
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, parts.get(name, source.read(name)))
    return out.getvalue()


# --- CSV --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        "company,low\n摩尔,5\n".encode(),
        "\ufeffcompany,low\r\n摩尔,5\r\n".encode(),
        "company;low\n摩尔;5\n".encode(),
        "company\tlow\n摩尔\t5".encode(),
        "company\tlow\n摩尔\t5".encode("utf-16"),
        "company,low\n摩尔,5\n".encode("gb18030"),
        '"Company" , "LOW"\n"摩尔","5"\n'.replace(" , ", ",").replace('"LOW"', '"LOW "').encode(),
        "\n\ncompany,low\n\n摩尔,5\n,\n".encode(),
    ],
    ids=["utf-8", "mark", "semicolons", "tabs", "utf-16", "gb18030", "capitals", "blank-rows"],
)
def test_tables_of_all_programmes_are_read(content: bytes) -> None:
    assert texts(read_sheet(content, KNOWN)) == [["摩尔", "5"]]


def test_rows_are_counted_as_table_programmes_do() -> None:
    sheet = read_sheet(b'company,note\n\nacme,"one\ntwo"\nbeta,\n', KNOWN)
    assert [line.row for line in sheet.lines] == [3, 4]


def test_what_an_export_escaped_is_what_it_was() -> None:
    sheet = read_sheet(b"company,note\nacme,'=1+1\nbeta,'plain\n", KNOWN)
    assert texts(sheet) == [["acme", "=1+1"], ["beta", "'plain"]]


def test_another_encoding_than_utf_8_is_mentioned() -> None:
    sheet = read_sheet("company,low\n摩尔,5\n".encode("gb18030"), KNOWN)
    assert "GB18030" in sheet.remarks[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file is empty."),
        (b"\n\n , \n", "The table is empty"),
        (b"company,low\n", "no rows under the names"),
        (b"MZ\x90\x00\x03\x00\x00\x00", "neither a CSV nor an XLSX"),
        (b"\x7fELF\x02\x01\x01\x00", "neither a CSV nor an XLSX"),
        (b"company,low\nac\x00me,5\n", "neither a CSV nor an XLSX"),
        (b"company,low\nacme,5\nbeta,\xff\xff\n", "Line 3 is neither UTF-8 nor GB18030"),
        (b'company,low\nacme,"5\nbeta,6\n', "The row that begins in line 2 cannot be read: a quotation mark"),
        (b'company,low\nacme,5\n"beta"x,6\n', "The row that begins in line 3"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\nstream\x00\x01", "neither"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel file, or one with a password"),
        (b"PK\x03\x04 no zip", "The XLSX file is damaged."),
        (b",".join(b"a" for _ in range(1_000_000)) + b"\n1\n", "more than 100 columns"),
        (b"company,low\n" + b"acme,5\n" * 20_001, "more than 20,000 rows"),
        (b"x" * (10 * 2**20 + 1), "larger than 10 MB"),
        (b'company,low\n"' + b"x" * 200_000 + b'",5\n', "far too long"),
    ],
    ids=[
        "nothing", "blanks", "header-only", "exe", "elf", "nul", "encoding", "quote", "quote-inside", "pdf", "xls",
        "zip", "columns", "rows", "size", "cell",
    ],
)  # fmt: skip
def test_what_is_no_table_is_refused_with_the_reason(content: bytes, words: str) -> None:
    with pytest.raises(Unreadable, match=words.replace("(", r"\(")):
        read_sheet(content, KNOWN)


@pytest.mark.parametrize(
    ("content", "place", "words"),
    [
        (b"company,low\nacme\n", (2, ""), "The row has 1 cells, the header 2."),
        (b"company,low\nacme,5,6\n", (2, ""), "The cell C2 belongs to no column."),
        (b"company,low,low\nacme,5,6\n", (1, "low"), "more than once: B, C"),
        (b"company,,low\nacme,5,6\n", (2, ""), "The cell B2 belongs to no column."),
        (b"company,note\nacme," + b"x" * 40_000 + b"\n", (2, "note"), "too long"),
    ],
)
def test_a_row_that_does_not_fit_its_header_is_named(content: bytes, place: tuple[int, str], words: str) -> None:
    found = read_sheet(content, KNOWN).mistakes
    assert [(one.row, one.column) for one in found] == [place]
    assert words in found[0].words


# --- XLSX -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (1234.1, "General", "1234.1"),
        (0.1 + 0.2, "General", "0.3"),
        (1234.0999999999999, "0.0", "1234.1"),
        (1e15, "General", "1000000000000000"),
        (1e-7, "General", "0.0000001"),
        (1250000000, "General", "1250000000"),
        (-5.5, "0.00", "-5.5"),
        (0.352, "0.0%", "35.2%"),
        (True, "General", "yes"),
        (datetime.fromisoformat("2025-12-17"), "yyyy-mm-dd", "2025-12-17"),
        (date(2025, 12, 17), "d.m.yy", "2025-12-17"),
        (datetime.fromisoformat("2025-12-17T09:30"), "yyyy-mm-dd h:mm", "2025-12-17 09:30:00"),
        (time(13, 30), "h:mm", "13:30"),
        ("12.5亿", "General", "12.5亿"),
        ("'=1+1", "General", "=1+1"),
        (None, "General", ""),
    ],
)
def test_a_cell_is_what_the_sheet_shows(value: Any, form: str, text: str) -> None:
    content = xlsx(workbook(["company", "low"], ["acme", value], B2=form))
    sheet = read_sheet(content, KNOWN)
    assert sheet.mistakes == []
    assert texts(sheet) == [["acme", text]]


def test_digits_that_excel_wrote_for_a_binary_number_are_not_taken_for_typed_ones() -> None:
    book = xlsx(workbook(["company", "low"], ["acme", 7]))
    cells = zipfile.ZipFile(io.BytesIO(book)).read("xl/worksheets/sheet1.xml")
    content = repacked(book, **{"xl/worksheets/sheet1.xml": cells.replace(b"<v>7</v>", b"<v>1234.0999999999999</v>")})
    assert texts(read_sheet(content, KNOWN)) == [["acme", "1234.1"]]


@pytest.mark.parametrize(
    ("value", "form", "words"),
    [
        ("=1+1", "General", "This is a formula."),
        ("=HYPERLINK(A1)", "General", "This is a formula."),
        ("#N/A", "General", "This cell shows an error: #N/A."),
        (datetime.fromisoformat("2025-12-01"), "yyyy-mm", "The table programme made a day of this."),
        (datetime.fromisoformat("2025-12-01"), "mmm-yy", "The table programme made a day of this."),
    ],
)
def test_a_cell_without_a_value_of_its_own_is_refused(value: Any, form: str, words: str) -> None:
    found = read_sheet(xlsx(workbook(["company", "low"], ["acme", value], B2=form)), KNOWN).mistakes
    assert [(one.row, one.column) for one in found] == [(2, "low")]
    assert words in found[0].words


def test_merged_cells_are_refused() -> None:
    book = workbook(["company", "low"], ["acme", 5], [None, 6])
    book.active.merge_cells("A2:A3")
    found = read_sheet(xlsx(book), KNOWN).mistakes
    assert [(one.row, one.column) for one in found] == [(2, "company")]
    assert "A2:A3" in found[0].words


def test_hidden_rows_are_read_and_mentioned() -> None:
    book = workbook(["company", "low"], ["acme", 5], ["beta", 6])
    book.active.row_dimensions[3].hidden = True
    sheet = read_sheet(xlsx(book), KNOWN)
    assert texts(sheet) == [["acme", "5"], ["beta", "6"]]
    assert any("hidden" in remark and "3" in remark for remark in sheet.remarks)


def test_of_several_sheets_the_first_is_read_and_named() -> None:
    book = workbook(["company", "low"], ["acme", 5])
    book.active.title = "Figures"
    book.create_sheet("Scrap").append(["nothing"])
    sheet = read_sheet(xlsx(book), KNOWN)
    assert texts(sheet) == [["acme", "5"]]
    assert any("2 sheets" in remark and "Figures" in remark for remark in sheet.remarks)


def test_blank_rows_and_short_rows_are_no_mistakes() -> None:
    book = workbook([], ["company", "low"], ["acme"], [], ["beta", 6])
    sheet = read_sheet(xlsx(book), KNOWN)
    assert [line.row for line in sheet.lines] == [3, 5]
    assert texts(sheet) == [["acme", ""], ["beta", "6"]]


def test_a_sheet_that_lies_about_its_size_is_read_whole() -> None:
    book = xlsx(workbook(["company", "low"], ["acme", 5]))
    cells = zipfile.ZipFile(io.BytesIO(book)).read("xl/worksheets/sheet1.xml")
    content = repacked(book, **{"xl/worksheets/sheet1.xml": cells.replace(b'ref="A1:B2"', b'ref="A1:A1"')})
    assert b'ref="A1:A1"' in zipfile.ZipFile(io.BytesIO(content)).read("xl/worksheets/sheet1.xml")
    assert texts(read_sheet(content, KNOWN)) == [["acme", "5"]]


def test_a_zip_that_unpacks_to_far_more_is_refused_before_it_is_unpacked() -> None:
    bomb = repacked(xlsx(workbook(["company"])), **{"xl/worksheets/sheet1.xml": b" " * (65 * 2**20)})
    assert len(bomb) < 2**20
    assert not is_small(bomb)
    with pytest.raises(Unreadable, match="far too large when it is unpacked"):
        read_sheet(bomb, KNOWN)


def test_entities_are_not_expanded() -> None:
    book = xlsx(workbook(["company", "low"], ["acme", 5]))
    cells = zipfile.ZipFile(io.BytesIO(book)).read("xl/worksheets/sheet1.xml")
    laughs = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>' + cells
    with pytest.raises(Unreadable, match="damaged"):
        read_sheet(repacked(book, **{"xl/worksheets/sheet1.xml": laughs}), KNOWN)


@pytest.mark.parametrize(
    "part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/styles.xml", "[Content_Types].xml"]
)
def test_a_damaged_part_is_said(part: str) -> None:
    book = xlsx(workbook(["company", "low"], ["acme", 5]))
    with pytest.raises(Unreadable, match="damaged"):
        read_sheet(repacked(book, **{part: b"<no"}), KNOWN)


def test_another_kind_of_zip_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("report.docx", "x")
    with pytest.raises(Unreadable, match="no XLSX file"):
        read_sheet(out.getvalue(), KNOWN)


def test_a_column_far_to_the_right_is_refused() -> None:
    book = workbook(["company", "low"], ["acme", 5])
    book.active["XFD2"] = "far"
    with pytest.raises(Unreadable, match="more than 100 columns"):
        read_sheet(xlsx(book), KNOWN)


def test_a_row_far_below_is_still_read() -> None:
    book = workbook(["company", "low"])
    book.active["A200000"] = "far"
    sheet = read_sheet(xlsx(book), KNOWN)
    assert [line.row for line in sheet.lines] == [200_000]


@pytest.mark.parametrize(("index", "name"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")])
def test_columns_have_the_letters_of_table_programmes(index: int, name: str) -> None:
    assert reading.letter(index) == name
