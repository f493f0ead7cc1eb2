"""Tables that leave: rows of a list as CSV, line by line, or as XLSX. What would count as a formula is escaped."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from typing import IO, Any

from django.db.models import QuerySet

from companies.sheets.cells import escaped
from companies.sheets.reading import CONTROL, EXCEL_DIGITS, LONGEST_CELL
from companies.sheets.tables import resource_of

CHUNK = 1000  # rows read at a time
MOST_ROWS = {"csv": 200_000, "xlsx": 20_000}  # an XLSX is made while somebody waits
BYTE_ORDER_MARK = "\ufeff"  # without it Excel takes UTF-8 for something else


def csv_lines(rows: QuerySet[Any]) -> Iterator[str]:
    """The lines of a CSV file, as they are read."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    out.write(BYTE_ORDER_MARK)
    for cells in _cells(rows):
        writer.writerow([f"{cell:f}" if isinstance(cell, Decimal) else cell for cell in cells])
        if out.tell() > 2**16:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()


def xlsx_file(rows: QuerySet[Any]) -> IO[bytes]:
    """An XLSX file, on disk, at its beginning."""
    # Imported here: no page but those of exports needs it.
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet(rows.model._meta.model_name)
    sheet.freeze_panes = "A2"
    for cells in _cells(rows):
        sheet.append([_xlsx_value(cell) for cell in cells])
    file = tempfile.TemporaryFile()  # noqa: SIM115  # the answer closes it
    book.save(file)
    file.seek(0)
    return file


def _cells(rows: QuerySet[Any]) -> Iterator[list[Any]]:
    resource = resource_of(rows.model)
    columns = resource.columns
    yield [column.column_name for column in columns]
    for row in resource.exported(rows).iterator(chunk_size=CHUNK):
        yield [escaped(column.export(row, force_native_type=True)) for column in columns]


def _xlsx_value(cell: Any) -> Any:
    if isinstance(cell, str):
        return CONTROL.sub("", cell)[:LONGEST_CELL] or None
    if isinstance(cell, int | Decimal):
        # Excel forgets what is beyond its digits; as a text they stay.
        digits = len(Decimal(cell).normalize().as_tuple().digits)
        return cell if digits <= EXCEL_DIGITS else f"{cell:f}" if isinstance(cell, Decimal) else str(cell)
    return cell
