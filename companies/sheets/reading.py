"""Uploaded tables as texts: the bytes of a CSV or XLSX file in, cells out, each with its place. Knows no model."""

from __future__ import annotations

import csv
import io
import logging
import re
import warnings
import zipfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from companies.sheets.cells import unescaped

log = logging.getLogger(__name__)

MOST_BYTES = 10 * 2**20
MOST_UNPACKED = 64 * 2**20  # of everything in an XLSX, which is a zip
MOST_PARTS = 2000
MOST_ROWS = 20_000
MOST_COLUMNS = 100
LONGEST_CELL = 32_767  # as Excel has it
LAST_ROW = 1_048_576  # of any sheet of Excel
EXCEL_DIGITS = 15  # what Excel keeps and shows of a number
NAMED = 10  # rows or sheets named in a remark

ZIP, OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Unreadable(Exception):
    """The file as a whole cannot be used. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with a cell, or with a row (`column` is empty then). Rows count as table programmes do, from 1."""

    row: int
    column: str
    words: str


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table: its texts by column. An empty cell is an empty text."""

    row: int
    cells: dict[str, str]


@dataclass(slots=True)
class Sheet:
    """A table as it was uploaded. `places` are the letters of its columns."""

    places: dict[str, str]
    lines: list[Line] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    header_row: int = 1


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that was read: its text, or what is wrong with it."""

    text: str = ""
    wrong: str = ""

    def __bool__(self) -> bool:
        return bool(self.text or self.wrong)


Rows = Iterator[tuple[int, Sequence[Cell]]]


def read_sheet(content: bytes, known: Collection[str]) -> Sheet:
    """The table of a file, told by its bytes and not by its name.

    Args:
        known: Names that columns may have; the separator of a CSV file is the one that gives most of them.

    Raises:
        Unreadable: It is no table, damaged, or larger than the limits above.
    """
    if not content:
        raise Unreadable(_("The file is empty."))
    if len(content) > MOST_BYTES:
        words = _("The file is larger than %(most)s MB. Divide it.")
        raise Unreadable(words % {"most": MOST_BYTES // 2**20})
    if content.startswith(OLD_EXCEL):
        raise Unreadable(_("This is an old Excel file, or one with a password. Save it as XLSX without one."))
    return _xlsx(content) if content.startswith(ZIP) else _csv(content, known)


def is_small(content: bytes) -> bool:
    """Whether a file can be read while somebody waits for the answer, whatever it holds."""
    if len(content) > 64 * 2**10:
        return False
    if not content.startswith(ZIP):
        return True
    try:
        return sum(part.file_size for part in zipfile.ZipFile(io.BytesIO(content)).infolist()) <= 2**20
    except zipfile.BadZipFile:
        return True


def letter(index: int) -> str:
    """The letter of a column, counted from zero: A, B … Z, AA."""
    text = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        text = chr(65 + rest) + text
    return text


# --- CSV --------------------------------------------------------------------------------------------


def _csv(content: bytes, known: Collection[str]) -> Sheet:
    is_binary = b"\x00" in content and not content.startswith(BYTE_ORDER_MARKS)
    text, remarks = ("\x00", []) if is_binary else _decoded(content)
    if CONTROL.search(text):
        raise Unreadable(_("This is neither a CSV nor an XLSX file: it holds characters that no text has."))
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(",;\t", key=lambda sign: sum(name in known for name in map(_name, first.split(sign))))
    sheet = _assembled(_csv_rows(text, separator), exact=True)
    sheet.remarks[:0] = remarks
    return sheet


def _decoded(content: bytes) -> tuple[str, list[str]]:
    if content.startswith(BYTE_ORDER_MARKS):
        encodings = {"utf-16": ""}
    else:
        words = _("The file is not UTF-8; it was read as GB18030. Look at the Chinese names before you store it.")
        encodings = {"utf-8-sig": "", "gb18030": words}
    for encoding, remark in encodings.items():
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return text, [remark] if remark else []
    line = _first_broken_line(content)
    words = _("Line %(line)s is neither UTF-8 nor GB18030 text. Save the file as “CSV UTF-8”.")
    raise Unreadable(words % {"line": line})


def _first_broken_line(content: bytes) -> int:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return content.count(b"\n", 0, error.start) + 1
    return 1


def _csv_rows(text: str, separator: str) -> Rows:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    row, begun = 0, 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            words = _(
                "The row that begins in line %(line)s cannot be read: a quotation mark is not closed, stands inside a "
                "cell without being doubled, or the cell is far too long."
            )
            raise Unreadable(words % {"line": begun}) from None
        row, begun = row + 1, reader.line_num + 1
        yield row, [Cell(unescaped(text)) for text in cells]


# --- XLSX -------------------------------------------------------------------------------------------


def _xlsx(content: bytes) -> Sheet:
    _refuse_bombs(content)
    # Imported here: no page but those of imports needs it.
    from openpyxl import load_workbook
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and extensions that it does not keep
            book = load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
            sheets = [sheet for sheet in book.worksheets if isinstance(sheet, ReadOnlyWorksheet)]
            if not sheets:
                raise Unreadable(_("The file has no sheet with a table."))
            sheet = _assembled(_xlsx_rows(sheets[0]), exact=False)
            _add_merged_and_hidden(sheets[0], sheet)
    except Unreadable:
        raise
    except Exception as error:  # the library lets through whatever a damaged or hostile file provokes
        log.info("XLSX file cannot be read: %r", error)
        raise Unreadable(_("The XLSX file is damaged. Save it anew, or as CSV.")) from None
    if len(sheets) > 1:
        words = _("The file has %(count)s sheets; the first one, “%(name)s”, was read.")
        sheet.remarks.append(words % {"count": len(sheets), "name": sheets[0].title})
    return sheet


def _refuse_bombs(content: bytes) -> None:
    try:
        parts = zipfile.ZipFile(io.BytesIO(content)).infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise Unreadable(_("The XLSX file is damaged. Save it anew, or as CSV.")) from None
    if "xl/workbook.xml" not in {part.filename for part in parts}:
        raise Unreadable(_("This is a zip archive, but no XLSX file."))
    if any(part.flag_bits & 1 for part in parts):
        raise Unreadable(_("The file is encrypted. Save it without a password."))
    # No more than this is unpacked of a part, whatever it holds.
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED:
        raise Unreadable(_("The XLSX file is far too large when it is unpacked. Divide it, or save it as CSV."))


def _xlsx_rows(sheet: Any) -> Rows:
    sheet.reset_dimensions()  # what a file says of its size may be wrong
    for row, cells in enumerate(sheet.iter_rows(), 1):
        if row > LAST_ROW:
            raise Unreadable(_("The XLSX file is damaged. Save it anew, or as CSV."))
        if len(cells) > MOST_COLUMNS:
            raise Unreadable(_too_many_columns())
        yield row, [_xlsx_cell(cell) for cell in cells]


def _xlsx_cell(cell: Any) -> Cell:
    value = cell.value
    if value is None:
        return Cell()
    match cell.data_type:
        case "f":
            return Cell(wrong=_("This is a formula. Copy the cell and paste its value."))
        case "e":
            return Cell(wrong=_("This cell shows an error: %(error)s.") % {"error": value})
    if isinstance(value, bool):
        return Cell("yes" if value else "no")
    if isinstance(value, int | float):
        return _number(value, is_percent="%" in cell.number_format)
    if isinstance(value, datetime | date):
        # "2025-12" typed into Excel becomes its first day: whoever meant the month would store a day.
        shown = re.sub(r"\"[^\"]*\"|\\.|\[[^\]]*\]", "", cell.number_format.lower())
        if "d" not in shown:
            return Cell(wrong=_("The table programme made a day of this. Format the cell as text and type it again."))
        has_time = isinstance(value, datetime) and value.time() != time()
        return Cell(str(value) if has_time else f"{value:%Y-%m-%d}")
    if isinstance(value, time):
        return Cell(value.isoformat("seconds" if value.second else "minutes"))
    return Cell(unescaped(str(value)))


def _number(value: float, *, is_percent: bool) -> Cell:
    """The number that the sheet shows: its binary form has digits that nobody typed."""
    try:
        # A whole number beyond fifteen digits is none that Excel wrote; it is kept as it is.
        exact = Decimal(value) if isinstance(value, int) else Decimal(f"{value:.{EXCEL_DIGITS}g}")
        text = f"{exact * 100 if is_percent else exact:f}"
    except ArithmeticError:
        return Cell(wrong=_("This is no number."))
    if not exact.is_finite() or len(text) > LONGEST_CELL:
        return Cell(wrong=_("This is no number."))
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return Cell(f"{text}%" if is_percent else text)


def _add_merged_and_hidden(source: Any, sheet: Sheet) -> None:
    """Refuse merged cells, whose value stands in the first one only, and say which rows are hidden."""
    from openpyxl.xml.functions import iterparse

    names = {place: name for name, place in sheet.places.items()}
    hidden: list[int] = []
    with source._get_source() as xml:
        for _event, element in iterparse(xml):
            tag = element.tag.rpartition("}")[2]
            if tag == "row" and element.get("hidden") in ("1", "true") and (element.get("r") or "").isdigit():
                hidden.append(int(element.get("r")))
            elif tag == "mergeCell":
                area = element.get("ref") or ""
                match = re.match(r"([A-Z]{1,3})([0-9]{1,7})", area)
                words = _("The cells %(area)s are merged. Separate them, and fill in each.") % {"area": area}
                if match is not None:
                    sheet.mistakes.append(Mistake(int(match[2]), names.get(match[1], ""), words))
            if tag in ("row", "mergeCell", "c"):
                element.clear()
    read = {line.row for line in sheet.lines}
    hidden = [row for row in hidden if row in read]
    if hidden:
        rows = ", ".join(map(str, hidden[:NAMED])) + (" …" if len(hidden) > NAMED else "")
        sheet.remarks.append(_("Some rows are hidden in the sheet; they were read too: %(rows)s.") % {"rows": rows})


# --- Both -------------------------------------------------------------------------------------------


def _assembled(rows: Rows, *, exact: bool) -> Sheet:
    """The table of rows, of which the first that is not empty names the columns.

    Args:
        exact: A row with fewer cells than the header lacks some; otherwise the last ones are empty.
    """
    sheet: Sheet | None = None
    names: list[str] = []
    for row, cells in rows:
        if len(cells) > MOST_COLUMNS:
            raise Unreadable(_too_many_columns())
        if not any(cell.text.strip() or cell.wrong for cell in cells):
            continue
        if sheet is None:
            names = [_name(cell.text) for cell in cells]
            sheet = _headed(row, names)
        elif len(sheet.lines) >= MOST_ROWS:
            raise Unreadable(_("The table has more than %(most)s rows. Divide it.") % {"most": f"{MOST_ROWS:,}"})
        else:
            _add_line(sheet, names, row, cells, exact=exact)
    if sheet is None:
        raise Unreadable(_("The table is empty: its first row names the columns."))
    if not sheet.lines and not sheet.mistakes:
        raise Unreadable(_("The table has no rows under the names of its columns."))
    return sheet


def _headed(row: int, names: Sequence[str]) -> Sheet:
    sheet = Sheet({name: letter(names.index(name)) for name in names if name}, header_row=row)
    for name in dict.fromkeys(name for name in names if name and names.count(name) > 1):
        places = ", ".join(letter(index) for index, other in enumerate(names) if other == name)
        words = _("The column is there more than once: %(places)s.") % {"places": places}
        sheet.mistakes.append(Mistake(row, name, words))
    return sheet


def _add_line(sheet: Sheet, names: Sequence[str], row: int, cells: Sequence[Cell], *, exact: bool) -> None:
    if exact and len(cells) < len(names):
        words = _("The row has %(cells)s cells, the header %(names)s.") % {"cells": len(cells), "names": len(names)}
        sheet.mistakes.append(Mistake(row, "", words))
        return
    texts: dict[str, str] = {}
    for index, cell in enumerate(cells):
        name = names[index] if index < len(names) else ""
        wrong = cell.wrong
        if not name and cell:
            wrong = _("The cell %(place)s%(row)s belongs to no column.") % {"place": letter(index), "row": row}
        elif len(cell.text) > LONGEST_CELL:
            wrong = _("This text is too long.")
        elif CONTROL.search(cell.text):
            wrong = _("This holds a character that no text has.")
        if wrong:
            sheet.mistakes.append(Mistake(row, name, wrong))
        if name:
            texts.setdefault(name, "" if wrong else cell.text)
    sheet.lines.append(Line(row, {name: texts.get(name, "") for name in names if name}))


def _name(text: str) -> str:
    return text.strip().strip('"').strip().lower()


def _too_many_columns() -> str:
    return _("The table has more than %(most)s columns.") % {"most": MOST_COLUMNS}
