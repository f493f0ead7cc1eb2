"""What a table would change: every row compared with what is stored, and everything that is wrong, at once.

Nothing is written here. The number of queries does not depend on the number of rows.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import ForeignKey, Model
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from import_export.resources import Diff

from companies.rule_words import RULES
from companies.rules import Known, Problem, Weight, problems
from companies.sheets.conditions import broken
from companies.sheets.reading import Line, Mistake, Sheet
from companies.sheets.resources import Key, SheetField, SheetResource
from companies.sheets.widgets import CHUNK, Related

NEW, CHANGED, UNCHANGED = "new", "changed", "unchanged"
LARGEST_ID = 2**63 - 1
STEP = 500  # rows between two notes of the progress


@dataclass(slots=True)
class Row:
    """A row of the table: what it says, the stored row that it is about, and what would change of it."""

    line: Line
    values: dict[str, Any] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)  # words by column; the column "" is the row as a whole
    instance: Any = None
    kind: str = NEW
    cells: list[tuple[str, str, str]] = field(default_factory=list)  # column, old text, new text
    said: list[Problem] = field(default_factory=list)  # to be confirmed, or only to be known

    def complain(self, column: str, words: str) -> None:
        """Keep what is wrong with a cell; of several reasons the first."""
        self.wrong.setdefault(column, words)


@dataclass(slots=True)
class Checked:
    """A table that has been compared with what is stored."""

    resource: SheetResource
    rows: list[Row]
    mistakes: list[Mistake]
    remarks: list[str]
    places: dict[str, str]  # letters of the columns

    @property
    def key(self) -> Sequence[str]:
        """The columns that tell rows apart."""
        return self.resource.key

    @property
    def doubts(self) -> Iterator[tuple[Row, Problem]]:
        """What somebody has to confirm."""
        return ((row, one) for row in self.rows for one in row.said if one.weight is Weight.CONFIRM)

    def of_kind(self, kind: str) -> list[Row]:
        """Rows that are new, changed or unchanged."""
        return [row for row in self.rows if row.kind == kind]

    def digest(self) -> str:
        """The same for two checks that found the same."""
        found = [
            [row.line.row, row.kind, row.instance.pk if row.instance else None, row.cells, [p.key for p in row.said]]
            for row in self.rows
        ]
        text = json.dumps([found, [[m.row, m.column, m.words] for m in self.mistakes]])
        return hashlib.sha256(text.encode()).hexdigest()


def check_sheet(resource: SheetResource, sheet: Sheet, progress: Callable[[int], None] = lambda rows: None) -> Checked:
    """Compare a table with what is stored.

    Args:
        resource: Fresh: what its columns name is kept in it.
        progress: Told how many rows are done, now and then.
    """
    remarks = [*sheet.remarks]
    places = {name: at for at, name in enumerate(sheet.places)}

    def in_order(mistake: Mistake) -> tuple[int, int]:
        return mistake.row, places.get(mistake.column, -1)

    mistakes = sorted([*sheet.mistakes, *_header_mistakes(resource, sheet, remarks)], key=in_order)
    if any(mistake.row == sheet.header_row for mistake in mistakes):
        # Of a table whose columns are not understood no row can be.
        return Checked(resource, [], mistakes, remarks, sheet.places)
    fields = [column for column in resource.columns if column.column_name in sheet.places]
    unread = {(mistake.row, mistake.column) for mistake in mistakes}
    _load_related(fields, sheet)
    rows = [_read(line, resource, fields, unread) for line in sheet.lines]
    _find_stored(resource, rows)
    known = _known(resource, rows)
    order = sorted((row for row in rows if row.instance is not None), key=lambda row: resource.order(row.values))
    for done, row in enumerate(order, 1):
        _compare(resource, fields, row, known)
        if done % STEP == 0:
            progress(done)
    mistakes += [Mistake(row.line.row, column, words) for row in rows for column, words in row.wrong.items() if words]
    mistakes.sort(key=in_order)
    return Checked(resource, rows, mistakes, remarks, sheet.places)


def _header_mistakes(resource: SheetResource, sheet: Sheet, remarks: list[str]) -> Iterator[Mistake]:
    known = [column.column_name for column in resource.columns]
    required = resource.required()
    for name in sheet.places:
        if name not in known:
            words = _("There is no such column. The columns are: %(columns)s.") % {"columns": ", ".join(known)}
            yield Mistake(sheet.header_row, name, words)
    for name in known:
        if name in required and name not in sheet.places:
            yield Mistake(sheet.header_row, name, _("This column is missing."))
    absent = [name for name in known if name not in sheet.places and name not in required and name != "id"]
    if absent:
        words = _("Not in the table, and left as they are in rows that exist: %(columns)s.")
        remarks.append(words % {"columns": ", ".join(absent)})


def _load_related(fields: Sequence[SheetField], sheet: Sheet) -> None:
    for column in fields:
        if isinstance(column.widget, Related):
            column.widget.load(line.cells[column.column_name] for line in sheet.lines)


def _read(line: Line, resource: SheetResource, fields: Sequence[SheetField], unread: set[tuple[int, str]]) -> Row:
    """The values of a row's cells."""
    row = Row(line)
    for column in fields:
        name, text = column.column_name, line.cells[column.column_name]
        if (line.row, name) in unread:
            row.complain(name, "")  # why has been said already
            continue
        try:
            value = column.clean(line.cells)
        except ValueError as error:
            row.complain(name, str(error))
            continue
        if not text.strip() and name in resource.key and value in (None, "") and not column.may_be_empty:
            value = column.fallback if column.has_fallback else None
        if not text.strip() and column.is_required(resource.derived):
            row.complain(name, _("This cell must not be empty."))
        row.values[name] = value
    return row


# --- The stored rows ----------------------------------------------------------------------------------


def _find_stored(resource: SheetResource, rows: Sequence[Row]) -> None:
    """Give each row the stored row that it is about, or a new one; rows whose key is not understood get none."""
    readable = [row for row in rows if not any(name in row.wrong for name in (*resource.key, "id"))]
    for row in readable:
        for column in resource.columns:
            if column.column_name in resource.key and column.column_name not in row.values:
                row.values[column.column_name] = column.fallback if column.has_fallback else column.nothing
    by_key: dict[Key, list[Any]] = defaultdict(list)
    for one in resource.stored([row.values for row in readable]):
        by_key[resource.key_of(one)].append(one)
    taken: dict[Any, int] = {}
    _take_by_id(resource, readable, taken)
    groups: dict[Key, list[Row]] = defaultdict(list)
    for row in readable:
        if row.instance is None and not row.wrong.keys() & {"id"}:
            groups[resource.key_of(row.values)].append(row)
    for key, group in groups.items():
        candidates = [one for one in by_key.get(key, ()) if one.pk not in taken]
        if resource.is_unique:
            _assign_one(resource, group, candidates)
        else:
            _assign_several(resource, group, candidates)


def _take_by_id(resource: SheetResource, rows: Sequence[Row], taken: dict[Any, int]) -> None:
    numbers = sorted({number for row in rows if 0 < (number := row.values.get("id") or 0) <= LARGEST_ID})
    found: dict[int, Any] = {}
    for at in range(0, len(numbers), CHUNK):
        stored = resource.model._default_manager.filter(pk__in=numbers[at : at + CHUNK])
        found |= {one.pk: one for one in resource.exported(stored)}
    for row in rows:
        number = row.values.get("id")
        if not number:
            continue
        if number not in found:
            row.complain("id", _("There is no row with this id. Leave the cell empty for a new row."))
        elif number in taken:
            row.complain("id", _("Row %(row)s has this id too.") % {"row": taken[number]})
        else:
            row.instance, taken[number] = found[number], row.line.row


def _assign_one(resource: SheetResource, group: Sequence[Row], candidates: Sequence[Any]) -> None:
    first, *others = group
    first.instance = candidates[0] if candidates else resource.init_instance()
    for row in others:
        row.complain(resource.key[-1], _("Row %(row)s is about the same already.") % {"row": first.line.row})


def _assign_several(resource: SheetResource, group: Sequence[Row], candidates: Sequence[Any]) -> None:
    """Rows of one key that the database may have several times: first those that are stored just so."""
    free = list(candidates)
    for row in group:
        same = next((one for one in free if _says_the_same(resource, one, row)), None)
        if same is not None:
            row.instance = same
            free.remove(same)
    left = [row for row in group if row.instance is None]
    if len(left) == len(free) == 1:
        left[0].instance = free[0]
        return
    for row in left:
        if free:
            ids = ", ".join(str(one.pk) for one in free)
            words = _("Several rows are stored of this: give the id of the one that is meant (%(ids)s).")
            row.complain(resource.key[-1], words % {"ids": ids})
        else:
            row.instance = resource.init_instance()


def _says_the_same(resource: SheetResource, stored: Any, row: Row) -> bool:
    texts = {column.column_name: column.export(stored) for column in resource.columns}
    return all(
        texts[name] == column.widget.render(value)
        for column in resource.columns
        if (name := column.column_name) in row.values and (value := row.values[name]) not in (None, "")
    )


def _known(resource: SheetResource, rows: Sequence[Row]) -> Known:
    """What rules compare with: everything of the companies that the rows are about."""
    companies = {
        company.pk
        for row in rows
        if row.instance is not None
        for company in (row.values.get("company"), getattr(row.instance, "company", None) if row.instance.pk else None)
        if company is not None
    }
    return Known.of(companies if "company" in resource.key else ())


# --- Comparing ------------------------------------------------------------------------------------------


def _compare(resource: SheetResource, fields: Sequence[SheetField], row: Row, known: Known) -> None:
    """Give a row's instance the values of its cells, and keep what changes and what is wrong."""
    instance = row.instance
    is_new = instance.pk is None
    diff = Diff(resource, instance, is_new)
    resource.remember(instance)
    given = {}
    for column in fields:
        name = column.column_name
        if name in row.wrong or name == "id":
            continue
        is_empty = not row.line.cells[name].strip()
        column.put(instance, row.values[name], is_empty=is_empty)
        if not is_empty:
            given[name] = row.values[name]
    complaints = list(resource.complete(instance, given))
    diff.compare_with(resource, instance)
    names = [column.column_name for column in resource.columns]
    row.cells = [
        (name, "" if is_new else old, new)
        for name, old, new in zip(names, diff.left, diff.right, strict=True)
        if (new if is_new else old != new) and name != "id"
    ]
    row.kind = NEW if is_new else CHANGED if row.cells else UNCHANGED
    for name, words in complaints:
        row.complain(name, words)
    if row.kind == UNCHANGED:
        return
    _validate(resource, row)
    if not row.wrong:
        _ask_rules(row, known)


def _validate(resource: SheetResource, row: Row) -> None:
    """What a form would say, without a query."""
    instance: Model = row.instance
    fields = instance._meta.concrete_fields
    # Related rows have been looked up; asking for each again would be a query for each.
    left_out = {one.name for one in fields if isinstance(one, ForeignKey) or one.name in row.wrong}
    left_out |= set(resource.derived if row.wrong else ())  # what they follow from may be what is wrong
    empty = [one for one in fields if isinstance(one, ForeignKey) and one.name not in row.wrong and not one.null]
    for one in empty:
        if getattr(instance, one.attname) is None:
            row.complain(one.name, _("This cell must not be empty."))
    try:
        instance.clean_fields(exclude=left_out)
    except ValidationError as error:
        for name, words in error.message_dict.items():
            row.complain(name, " ".join(words))
    if resource.sourced and not getattr(instance, resource.model._meta.get_field(resource.sourced).attname):
        row.complain(resource.sourced, _("Name the filing that says so: every row has a source."))
    if not row.wrong:
        for constraint in broken(instance):
            name, words = RULES.get(constraint.name, ("", constraint.get_violation_error_message()))
            row.complain(name, str(words))


def _ask_rules(row: Row, known: Known) -> None:
    for problem in problems(row.instance, known):
        if problem.weight is Weight.REFUSE:
            row.complain(problem.field, problem.words)
        else:
            row.said.append(problem)
    known.put(row.instance)


def columns_of(resource: SheetResource) -> Iterable[tuple[str, str, bool, bool]]:
    """Name, meaning, whether a new row needs it, and whether it belongs to the key: for help and documentation."""
    required = resource.required()
    stop = pgettext("between a name and what it means", ". ")
    for column in resource.columns:
        described = column.model_field
        meaning = stop.join(str(words) for words in (described.verbose_name, described.help_text) if words)
        meaning = meaning.rstrip(". ").strip()
        yield column.column_name, meaning, column.column_name in required, column.column_name in resource.key
