"""The starter facts: files in, rows out. Everything is checked first, then loaded all or nothing, as often as needed.

A file is a table (`companies/starter/`, `valuations/starter/`, or any other directory of the same shape). Each row has
a `StarterRecord` of what was loaded. A later load updates rows that still are as they were loaded, and leaves alone
what somebody has changed, removed or entered before.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction

from companies.deadlines import statutory_deadline
from companies.models import (
    Company,
    CorporateAction,
    Figure,
    Filing,
    FundingRound,
    Known,
    Listing,
    Milestone,
    Revision,
    ShareCount,
    StarterRecord,
)
from companies.models.figure import MONEY_METRICS
from companies.periods import NotAPeriod, Period, parse_last_day, parse_period
from valuations.models import ExchangeDay, ExchangeYear, FxRate, Quote, ReportedQuote

PROVIDER = "starter"
FIRST_YEAR, LAST_YEAR = 1900, 2100
# SQLite keeps decimals as floating point: more digits would come back changed and look like somebody's edit.
MOST_DIGITS = 15
LONGEST_KEY = 200
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
# Derived, or set by the database: no sign that somebody edited the row.
NOT_FACTS = frozenset({"id", "created_at", "search_keys"})

Item = TypeVar("Item")
Values = dict[str, Any]
Complain = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why the files were refused, and where. `line` 0 and `column` "" mean the file as a whole."""

    file: str
    line: int
    column: str
    message: str

    def __str__(self) -> str:
        line = f", line {self.line}" if self.line else ""
        column = f", column {self.column}" if self.column else ""
        return f"{self.file}{line}{column}: {self.message}"


class StarterProblems(Exception):
    """The files cannot be loaded. `problems` holds every reason, in the order of the files."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(f"{len(problems)} problem(s) in the starter files")
        self.problems = list(problems)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file. References hold the key of the row they mean."""

    line: int
    key: str
    values: Values


Facts = dict[str, dict[str, Row]]


@dataclass(frozen=True)
class Table:
    """How a file becomes rows of a model.

    `key` names the columns that identify a row; it is unique in the database too, unless it is `id`, which only the
    file knows. `references` says in which table a column is looked up. `partial` columns take a day, a month or a year,
    and name the field (if any) that keeps the precision. `constants` are the same for every row. `required` columns
    must be filled although the model allows an empty one; `derived` ones may be empty, because `check` fills them.
    """

    name: str
    model: type[models.Model]
    columns: tuple[str, ...]
    key: tuple[str, ...]
    references: Mapping[str, str] = field(default_factory=dict)
    partial: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    derived: tuple[str, ...] = ()
    check: Callable[[Values, Facts, Complain], None] = lambda values, facts, complain: None

    @property
    def file(self) -> str:
        """Name of the file."""
        return f"{self.name}.csv"

    @property
    def default_directory(self) -> Path:
        """Where the project's own file lies."""
        return Path(settings.BASE_DIR) / self.model._meta.app_label / "starter"

    @cached_property
    def fields(self) -> Mapping[str, models.Field[Any, Any]]:
        """The model's field of each column; the file's own `id` has none."""
        return {name: self.model._meta.get_field(name) for name in self.columns if name != "id"}  # type: ignore[misc]

    @cached_property
    def defaults(self) -> Mapping[str, Any]:
        """Value that each database column has when nobody set it."""
        return {f.attname: f.get_default() for f in self.model._meta.concrete_fields if f.attname not in NOT_FACTS}


@dataclass(slots=True)
class TableReport:
    """What became of the rows of one file."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    edited: int = 0
    removed: int = 0
    entered: int = 0
    gone: int = 0

    def __str__(self) -> str:
        words = {
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "changed here since, kept": self.edited,
            "removed here since, not brought back": self.removed,
            "already here from elsewhere, kept": self.entered,
            "no longer in the file, left alone": self.gone,
        }
        return "; ".join(f"{count} {word}" for word, count in words.items() if count) or "empty"


@dataclass(slots=True)
class LoadReport:
    """What a load did, by table."""

    tables: dict[str, TableReport]

    @property
    def changed(self) -> bool:
        """Whether the database was changed."""
        return any(table.created or table.updated for table in self.tables.values())


# --- Checks beyond one cell ---------------------------------------------------------------------


def _check_company(values: Values, facts: Facts, complain: Complain) -> None:
    try:
        parse_period("FY2000", values["fiscal_year_end"])
    except NotAPeriod:
        complain("fiscal_year_end", f'"{values["fiscal_year_end"]}" is not a month and a day')


def _check_share_count(values: Values, facts: Facts, complain: Complain) -> None:
    if values["total"] <= 0:
        complain("total", "must be above zero")


def _check_corporate_action(values: Values, facts: Facts, complain: Complain) -> None:
    placing = values["kind"] == CorporateAction.Kind.PLACING
    if placing and values["ratio"] != 1:
        complain("ratio", "must be 1 for a placing")
    elif values["ratio"] <= 0:
        complain("ratio", "must be above zero")
    if placing and values["new_shares"] <= 0:
        complain("new_shares", "must be above zero for a placing")
    elif not placing and values["new_shares"]:
        complain("new_shares", "must be 0 unless it is a placing")


def _check_range(values: Values, low: str, high: str, complain: Complain) -> None:
    if values[low] is not None and values[high] is not None and values[low] > values[high]:
        complain(low, f"{values[low]} is above {high} ({values[high]})")


def _check_funding_round(values: Values, facts: Facts, complain: Complain) -> None:
    _check_range(values, "post_money_low", "post_money_high", complain)


def _check_figure(values: Values, facts: Facts, complain: Complain) -> None:
    _check_range(values, "low", "high", complain)
    if values["low"] is None and values["high"] is None:
        complain("low", "low and high are both empty")
    if values["metric"] in MONEY_METRICS and not values["currency"]:
        complain("currency", "is empty, but the metric is an amount of money")
    if values["currency"] and not re.fullmatch("[A-Z]{3}", values["currency"]):
        complain("currency", f'"{values["currency"]}" is not an ISO 4217 code')
    company = facts["companies"].get(values["company"])
    listing = facts["listings"].get(values["listing"] or "")
    if listing is not None and listing.values["company"] != values["company"]:
        complain("listing", f'{listing.key} is a listing of "{listing.values["company"]}"')
    if company is None:
        return
    fiscal_year_end = company.values["fiscal_year_end"]
    try:
        period = _figure_period(values, fiscal_year_end)
    except NotAPeriod as problem:
        complain("period", str(problem))
        return
    except ValueError as problem:
        complain("period_start", str(problem))
        return
    values["period_start"], values["period_end"] = period.start, period.end
    _know_figure(values, period, fiscal_year_end, _first_listing(values["company"], facts))


def _figure_period(values: Values, fiscal_year_end: str) -> Period:
    """The period as its label says it; days that the row states itself may differ by the week of a 52/53-week year."""
    labelled = parse_period(values["period"], fiscal_year_end)
    start, end = values["period_start"], values["period_end"]
    if start is None and end is None:
        return labelled
    if end is None or (start is None) is not (labelled.start is None):
        raise ValueError(f'give both days of "{values["period"]}", or none')
    stated = Period(start, end)
    if not labelled.agrees_with(stated):
        days = f"{labelled.start} to {labelled.end}" if labelled.start else str(labelled.end)
        raise ValueError(f'{start} to {end} is not "{values["period"]}", which is about {days}')
    if start is not None and start > end:
        raise ValueError("the period ends before it starts")
    return stated


def _know_figure(values: Values, period: Period, fiscal_year_end: str, listing: Row | None) -> None:
    """From which day the figure counts: as stated, from the end of the month, or from the statutory deadline."""
    precision = values["known_by"]
    if precision:
        values["known_by"] = Known.STATED if precision == "day" else Known.MONTH
        return
    values["known_by"] = Known.INFERRED
    values["known_on"] = statutory_deadline(
        values["reported_in"],
        period.end,
        period.months,
        listing.values["mic"] if listing else "",
        basis=values["basis"],
        listed_on=listing.values["listed_on"] if listing else None,
        fiscal_year_end=fiscal_year_end,
    )


def _first_listing(company: str, facts: Facts) -> Row | None:
    listings = [row for row in facts["listings"].values() if row.values["company"] == company]
    return min(listings, key=lambda row: (row.values["listed_on"] or date.max, row.key), default=None)


def _check_quote(values: Values, facts: Facts, complain: Complain) -> None:
    prices = {name: values[name] for name in ("open", "high", "low", "close") if values[name] is not None}
    for name, price in prices.items():
        if price <= 0:
            complain(name, "must be above zero")
    _check_range(values, "low", "high", complain)
    for name in ("open", "close"):
        for bound, outside in (("low", Decimal.__lt__), ("high", Decimal.__gt__)):
            if name in prices and bound in prices and outside(prices[name], prices[bound]):
                complain(name, f"{prices[name]} is outside the day's {bound} ({prices[bound]})")
    listing = facts["listings"].get(values["listing"])
    listed_on = listing.values["listed_on"] if listing else None
    if listed_on is not None and values["day"] < listed_on:
        complain("day", f"{values['day']} is before the first day of trading, {listed_on}")


def _check_reported_quote(values: Values, facts: Facts, complain: Complain) -> None:
    said = [values[name] for name in ("close", "market_value", "shares") if values[name] is not None]
    if not said:
        complain("close", "close, market_value and shares are all empty")
    if any(number <= 0 for number in said):
        complain("close", "close, market_value and shares must be above zero")


def _check_fx_rate(values: Values, facts: Facts, complain: Complain) -> None:
    if values["rate"] <= 0:
        complain("rate", "must be above zero")
    if values["base"] == values["quote"]:
        complain("quote", "is the same currency as base")


def _check_exchange_day(values: Values, facts: Facts, complain: Complain) -> None:
    opens, closes = values["opens"], values["closes"]
    if values["kind"] == ExchangeDay.Kind.CLOSED and (opens or closes):
        complain("opens" if opens else "closes", "must be empty for a closed day")
    if values["kind"] == ExchangeDay.Kind.LATE and opens is None:
        complain("opens", "is empty, but the day opens late")
    if opens is not None and closes is not None and opens >= closes:
        complain("closes", f"{closes:%H:%M} is not after opens ({opens:%H:%M})")


def _check_exchange_year(values: Values, facts: Facts, complain: Complain) -> None:
    # SQLite would take any year.
    if not FIRST_YEAR <= values["year"] <= LAST_YEAR:
        complain("year", f"{values['year']} is not between {FIRST_YEAR} and {LAST_YEAR}")


# --- The files ----------------------------------------------------------------------------------

TABLES = (
    Table(
        "companies", Company,
        ("slug", "name_en", "name_zh", "aliases", "segment", "segment_note", "founded", "city", "parent", "founders",
         "products", "website", "fiscal_year_end", "note", "source"),
        key=("slug",), references={"source": "filings"}, check=_check_company,
    ),
    Table(
        "filings", Filing,
        ("slug", "company", "kind", "tier", "title", "title_original", "publisher", "language", "published_on", "url",
         "seen_title", "seen_url", "seen_on"),
        key=("slug",), references={"company": "companies"}, partial={"published_on": "published_precision"},
    ),
    Table(
        "listings", Listing,
        ("mic", "ticker", "company", "board", "share_class", "currency", "listed_on", "source"),
        key=("mic", "ticker"), references={"company": "companies", "source": "filings"},
    ),
    Table(
        "share_counts", ShareCount,
        ("company", "share_class", "valid_from", "total", "method", "source", "note"),
        key=("company", "share_class", "valid_from", "source"),
        references={"company": "companies", "source": "filings"}, check=_check_share_count,
    ),
    Table(
        "corporate_actions", CorporateAction,
        ("company", "share_class", "kind", "ex_day", "ratio", "new_shares", "source", "note"),
        key=("company", "share_class", "kind", "ex_day"),
        references={"company": "companies", "source": "filings"}, check=_check_corporate_action,
    ),
    Table(
        "figures", Figure,
        ("id", "company", "listing", "metric", "period", "period_start", "period_end", "low", "high", "currency",
         "basis", "reported_in", "known_on", "source", "note"),
        key=("id",), references={"company": "companies", "listing": "listings", "source": "filings"},
        partial={"known_on": "known_by"}, derived=("period_end", "known_on"), check=_check_figure,
    ),
    Table(
        "funding_rounds", FundingRound,
        ("id", "company", "label", "kind", "closed_on", "currency", "amount", "post_money_low", "post_money_high",
         "investors", "known_on", "source", "note"),
        key=("id",), references={"company": "companies", "source": "filings"},
        partial={"closed_on": "precision", "known_on": ""}, check=_check_funding_round,
    ),
    Table(
        "milestones", Milestone,
        ("id", "company", "venue", "kind", "day", "detail", "known_on", "source"),
        key=("id",), references={"company": "companies", "source": "filings"},
        partial={"day": "precision", "known_on": ""},
    ),
    Table(
        "quotes", Quote,
        ("listing", "day", "open", "high", "low", "close", "volume", "final", "source"),
        key=("listing", "day"), references={"listing": "listings", "source": "filings"},
        constants={"provider": PROVIDER}, required=("source",), check=_check_quote,
    ),
    Table(
        "reported_quotes", ReportedQuote,
        ("listing", "day", "close", "market_value", "shares", "source"),
        key=("listing", "day", "source"), references={"listing": "listings", "source": "filings"},
        check=_check_reported_quote,
    ),
    Table(
        "fx_rates", FxRate,
        ("base", "quote", "day", "span", "rate", "provider", "source"),
        key=("base", "quote", "day", "span", "provider"), references={"source": "filings"}, required=("source",),
        check=_check_fx_rate,
    ),
    Table(
        "exchange_days", ExchangeDay,
        ("mic", "day", "kind", "opens", "closes", "note", "source"),
        key=("mic", "day"), check=_check_exchange_day,
    ),
    Table("exchange_years", ExchangeYear, ("mic", "year", "source"), key=("mic", "year"), check=_check_exchange_year),
)  # fmt: skip


# --- Reading ------------------------------------------------------------------------------------


def parse_facts(directory: Path | None = None) -> Facts:
    """All rows of all files, by table and key, checked as far as they can be without a database.

    Args:
        directory: Where the files lie, all in one place; None for the project's own.

    Raises:
        StarterProblems: With everything that is wrong, not only the first.
    """
    facts: Facts = {}
    named: dict[str, frozenset[str] | None] = {}
    problems: list[Problem] = []
    for table in TABLES:
        path = (directory or table.default_directory) / table.file
        rows, keys = _parse_file(table, path, problems)
        facts[table.name], named[table.name] = rows, keys
    for table in TABLES:
        for row in facts[table.name].values():
            _check_row(table, row, facts, named, problems)
    if problems:
        order = [table.file for table in TABLES]
        raise StarterProblems(sorted(problems, key=lambda problem: (order.index(problem.file), problem.line)))
    return facts


def _parse_file(table: Table, path: Path, problems: list[Problem]) -> tuple[dict[str, Row], frozenset[str] | None]:
    try:
        # Spreadsheets like to put a byte order mark in front.
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        problems.append(Problem(table.file, 0, "", f"is missing in {path.parent}"))
    except OSError as error:
        problems.append(Problem(table.file, 0, "", f"cannot be read: {error.strerror}"))
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        problems.append(Problem(table.file, line, "", "is not UTF-8 text"))
    else:
        return parse_table(table, text, problems)
    return {}, None


def parse_table(table: Table, text: str, problems: list[Problem]) -> tuple[dict[str, Row], frozenset[str] | None]:
    """The rows of one file by key, and all keys that it names.

    A row that cannot be read is added to `problems` and left out, but its key is named all the same, so that one
    mistake is not reported again for every row that refers to it. None: the file could not be read as a whole.
    """
    rows: dict[str, Row] = {}
    named: set[str] = set()
    before = len(problems)
    for line, cells in _records(table, text, problems):
        values, wrong = _parse_cells(table, cells)
        named.add(_key(table, cells))
        problems.extend(Problem(table.file, line, column, message) for column, message in wrong)
        if wrong:
            continue
        key = _key(table, cells if table.key == ("id",) else values)
        if key in rows:
            message = f"{key} is already in line {rows[key].line}"
        elif len(key) > LONGEST_KEY:
            message = f"is longer than {LONGEST_KEY} characters together with the other columns of the key"
        else:
            rows[key] = Row(line, key, values)
            continue
        problems.append(Problem(table.file, line, table.key[0], message))
    unreadable = not named and len(problems) > before
    return rows, None if unreadable else frozenset(named)


def _records(table: Table, text: str, problems: list[Problem]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells of each row that has the right number of cells; blank lines are skipped."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            problems.append(Problem(table.file, line, "", f"cannot be read as CSV: {error}"))
            break
        first, line = line, reader.line_num + 1
        cells = [cell.strip() for cell in cells]
        if not any(cells):
            continue
        if header is None:
            header = cells
            wrong = _header_problems(table, header)
            problems.extend(Problem(table.file, first, column, message) for column, message in wrong)
            if wrong:
                return
        elif len(cells) != len(header):
            problems.append(Problem(table.file, first, "", f"has {len(cells)} cells, the header {len(header)}"))
        else:
            yield first, dict(zip(header, cells, strict=True))
    if header is None:
        problems.append(Problem(table.file, 0, "", f"is empty; its first line must be {','.join(table.columns)}"))


def _header_problems(table: Table, header: Sequence[str]) -> list[tuple[str, str]]:
    twice = [column for column, count in Counter(header).items() if count > 1]
    return [
        *((column, "is not a column of this file") for column in dict.fromkeys(header) if column not in table.columns),
        *((column, "is missing") for column in table.columns if column not in header),
        *((column, "is there twice") for column in twice if column in table.columns),
    ]


def _key(table: Table, values: Mapping[str, Any]) -> str:
    joint = ":" if table.name == "listings" else "|"
    return joint.join(str(values[column]) for column in table.key)


def _parse_cells(table: Table, cells: Mapping[str, str]) -> tuple[Values, list[tuple[str, str]]]:
    values: Values = dict(table.constants)
    wrong: list[tuple[str, str]] = []
    for column, text in cells.items():
        try:
            if column == "id":
                if not text:
                    raise ValueError("is empty")
                continue
            values[column] = _value(table, column, text)
            if precision := table.partial.get(column):
                values[precision] = {4: "year", 7: "month", 10: "day"}.get(len(text), "")
        except ValueError as error:
            wrong.append((column, str(error)))
        except ValidationError as error:
            wrong.append((column, f"{_quoted(text)}: {' '.join(error.messages)}"))
    return values, wrong


def _value(table: Table, column: str, text: str) -> Any:
    """What a cell means to its field. A ValueError or ValidationError says why it cannot be."""
    if CONTROL.search(text):
        raise ValueError("contains a control character")
    target = table.fields[column]
    if not text:
        return _empty_value(table, column, target)
    if column in table.references:
        return text
    value = _typed(target, text, partial=column in table.partial)
    if target.choices and value not in dict(target.flatchoices):
        raise ValueError(f"{_quoted(text)} is not one of {', '.join(str(key) for key, _ in target.flatchoices)}")
    target.run_validators(value)
    return value


def _empty_value(table: Table, column: str, target: models.Field[Any, Any]) -> Any:
    if column in table.derived:
        return None
    if column in table.required or not (target.null or target.blank or target.has_default()):
        raise ValueError("is empty")
    return None if target.null else target.get_default()


def _typed(target: models.Field[Any, Any], text: str, *, partial: bool) -> Any:
    if isinstance(target, models.DecimalField):
        return _number(text)
    if isinstance(target, models.IntegerField):
        if not re.fullmatch(r"-?[0-9]{1,25}", text):
            raise ValueError(f"{_quoted(text)} is not a whole number")
        return int(text)
    if isinstance(target, models.DateField):
        return _day(text, partial=partial)
    if isinstance(target, models.TimeField):
        return _clock(text)
    if isinstance(target, models.BooleanField):
        if text not in ("yes", "no"):
            raise ValueError(f"{_quoted(text)} is neither yes nor no")
        return text == "yes"
    if isinstance(target, models.JSONField):
        return [part.strip() for part in text.split("|") if part.strip()]
    return text


def _number(text: str) -> Decimal:
    if not re.fullmatch(r"-?[0-9]{1,40}(\.[0-9]{1,20})?", text):
        raise ValueError(f"{_quoted(text)} is not a number")
    number = Decimal(text) or Decimal(0)  # -0 is 0
    if len(number.normalize().as_tuple().digits) > MOST_DIGITS:
        raise ValueError(f"{_quoted(text)} has more than {MOST_DIGITS} significant digits")
    return number


def _day(text: str, *, partial: bool) -> date:
    form = r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?" if partial else r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    try:
        if not re.fullmatch(form, text):
            raise ValueError
        day = parse_last_day(text)
    except ValueError:
        raise ValueError(f"{_quoted(text)} is not a {'day, month or year' if partial else 'date'}") from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(f"{_quoted(text)} is not between {FIRST_YEAR} and {LAST_YEAR}")
    return day


def _clock(text: str) -> time:
    try:
        if not re.fullmatch(r"[0-9]{2}:[0-9]{2}", text):
            raise ValueError
        return time.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{_quoted(text)} is not a time of day such as 13:30") from None


def _quoted(text: str) -> str:
    return f'"{text if len(text) <= 60 else text[:57] + "…"}"'


def _check_row(
    table: Table, row: Row, facts: Facts, named: Mapping[str, frozenset[str] | None], problems: list[Problem]
) -> None:
    def complain(column: str, message: str) -> None:
        problems.append(Problem(table.file, row.line, column, message))

    for column, target in table.references.items():
        wanted, keys = row.values[column], named[target]
        if wanted and keys is not None and wanted not in keys:
            complain(column, f"{_quoted(wanted)} is not in {target}.csv")
    table.check(row.values, facts, complain)


# --- Storing ------------------------------------------------------------------------------------


def run_load(directory: Path | None = None, *, dry_run: bool = False) -> LoadReport:
    """Read, check and load all files, or change nothing.

    Raises:
        StarterProblems: The files are wrong.
        django.db.Error: The database refused a row; nothing was loaded.
    """
    facts = parse_facts(directory)
    with transaction.atomic():
        report = store_facts(facts)
        if report.changed:
            Revision.bump()
        if dry_run:
            transaction.set_rollback(True)
    return report


def store_facts(facts: Facts) -> LoadReport:
    """Bring the database up to date with checked rows. Call it inside a transaction."""
    keys: dict[str, dict[str, int]] = {table.name: {} for table in TABLES}
    # A company names a filing and a filing its company: new companies come first, without their source.
    fresh = _create_companies(TABLES[0], facts["companies"].values(), keys["companies"])
    reports: dict[str, TableReport] = {}
    for table in (TABLES[1], TABLES[0], *TABLES[2:]):
        reports[table.name] = _store_table(table, facts[table.name], keys, fresh if table is TABLES[0] else frozenset())
    return LoadReport({table.name: reports[table.name] for table in TABLES})


def _create_companies(table: Table, rows: Iterable[Row], keys: dict[str, int]) -> frozenset[str]:
    """Create the companies that were never here, and learn the primary keys of the others. Returns the created ones."""
    recorded = dict(StarterRecord.objects.filter(table=table.name).values_list("key", "object_id"))
    here = set(Company.objects.values_list("pk", flat=True))
    entered = dict(Company.objects.values_list("slug", "pk"))
    missing: list[Row] = []
    for row in rows:
        if row.key in recorded:
            if recorded[row.key] in here:
                keys[row.key] = recorded[row.key]
        elif row.key in entered:
            keys[row.key] = entered[row.key]
        else:
            missing.append(row)
    created = Company.objects.bulk_create(
        Company(**{column: value for column, value in row.values.items() if column != "source"}) for row in missing
    )
    keys.update((company.slug, company.pk) for company in created)
    return frozenset(row.key for row in missing)


@dataclass(slots=True)
class _Plan:
    """What is to be done to one table."""

    report: TableReport = field(default_factory=TableReport)
    create: list[tuple[str, Values]] = field(default_factory=list)
    update: list[tuple[int, Values]] = field(default_factory=list)
    new_records: list[StarterRecord] = field(default_factory=list)
    changed_records: list[StarterRecord] = field(default_factory=list)


def _store_table(
    table: Table, rows: Mapping[str, Row], keys: dict[str, dict[str, int]], fresh: frozenset[str]
) -> TableReport:
    plan = _plan(table, rows, keys, fresh)
    for (key, fields), pk in zip(plan.create, _create(table, [fields for _, fields in plan.create]), strict=True):
        keys[table.name][key] = pk
        plan.new_records.append(StarterRecord(table=table.name, key=key, object_id=pk, digest=_digest(table, fields)))
    _update(table, plan.update)
    StarterRecord.objects.bulk_create(plan.new_records, batch_size=500)
    StarterRecord.objects.bulk_update(plan.changed_records, ["digest"], batch_size=500)
    return plan.report


def _plan(table: Table, rows: Mapping[str, Row], keys: dict[str, dict[str, int]], fresh: frozenset[str]) -> _Plan:
    """Decide for every row, and learn the primary keys of those that are in the database."""
    plan = _Plan()
    report, known = plan.report, keys[table.name]
    records = {record.key: record for record in StarterRecord.objects.filter(table=table.name)}
    report.gone = len(records.keys() - rows.keys())
    here = _rows_here(table, [record.object_id for record in records.values()])
    heirs = dict(Company.objects.filter(merged_into__isnull=False).values_list("pk", "merged_into_id"))
    resolved = {key: _resolved(table, row.values, keys, heirs) for key, row in rows.items()}
    new = [fields for key, fields in resolved.items() if fields and key not in records and key not in fresh]
    entered = _rows_entered(table, new)
    for key, fields in resolved.items():
        if (record := records.get(key)) is not None:
            if record.object_id in here:
                known[key] = record.object_id
                _plan_recorded(table, plan, record, fields, here[record.object_id])
            else:
                report.removed += 1
        elif fields is None:
            report.removed += 1
        elif key in fresh:
            report.created += 1
            plan.update.append((known[key], fields))
            digest = _digest(table, fields)
            plan.new_records.append(StarterRecord(table=table.name, key=key, object_id=known[key], digest=digest))
        elif (pk := entered.get(_natural_key(table, fields))) is not None:
            report.entered += 1
            known[key] = pk
        else:
            report.created += 1
            plan.create.append((key, fields))
    return plan


def _plan_recorded(table: Table, plan: _Plan, record: StarterRecord, fields: Values | None, here: Values) -> None:
    """Decide for a row that was loaded before. `fields` None: what it refers to was removed."""
    digest, digest_here = _digest(table, fields) if fields else "", _digest(table, here)
    if fields is None or digest_here not in (digest, record.digest):
        plan.report.edited += 1
        return
    if digest_here == digest:
        plan.report.unchanged += 1
    else:
        plan.report.updated += 1
        plan.update.append((record.object_id, fields))
    if record.digest != digest:
        record.digest = digest
        plan.changed_records.append(record)


def _resolved(
    table: Table, values: Values, keys: Mapping[str, Mapping[str, int]], heirs: Mapping[int, int]
) -> Values | None:
    """Values by database column. None: a row that it refers to was removed by somebody.

    Args:
        heirs: The companies that stand for merged ones, by primary keys: what is stated about these goes there.
    """
    fields: Values = {}
    for name, value in values.items():
        if name not in table.references:
            fields[name] = value
        elif not value:
            fields[f"{name}_id"] = None
        elif value in keys[table.references[name]]:
            key = keys[table.references[name]][value]
            fields[f"{name}_id"] = heirs.get(key, key) if table.references[name] == "companies" else key
        else:
            return None
    return fields


def _rows_here(table: Table, pks: Sequence[int]) -> dict[int, Values]:
    """The rows of these primary keys that are still in the database."""
    manager = table.model._default_manager
    found: dict[int, Values] = {}
    for chunk in _chunks(pks):
        for values in manager.filter(pk__in=chunk).values():
            found[values["id"]] = values
    return found


def _rows_entered(table: Table, rows: Sequence[Values]) -> dict[tuple[Any, ...], int]:
    """Primary keys of rows that have the same unique key as one of these, but did not come from a starter file."""
    if table.key == ("id",):
        return {}
    names = [table.fields[column].attname for column in table.key]
    found: dict[tuple[Any, ...], int] = {}
    for chunk in _chunks(rows):
        wanted = {f"{name}__in": {fields[name] for fields in chunk} for name in names}
        for pk, *natural in table.model._default_manager.filter(**wanted).values_list("pk", *names):
            found[tuple(natural)] = pk
    return found


def _natural_key(table: Table, fields: Values) -> tuple[Any, ...]:
    return () if table.key == ("id",) else tuple(fields[table.fields[column].attname] for column in table.key)


def _create(table: Table, rows: Sequence[Values]) -> list[int]:
    created = table.model._default_manager.bulk_create([table.model(**fields) for fields in rows], batch_size=500)
    return [row.pk for row in created]


def _update(table: Table, rows: Sequence[tuple[int, Values]]) -> None:
    if not rows:
        return
    changed = [table.model(pk=pk, **fields) for pk, fields in rows]
    names = [table.model._meta.get_field(name.removesuffix("_id")).name for name in rows[0][1]]
    if table.model is Company:
        names.append("search_keys")
        for company in changed:
            company.search_keys = company.derived_search_keys()  # type: ignore[attr-defined]
    table.model._default_manager.bulk_update(changed, names, batch_size=200)


def _chunks(items: Sequence[Item], size: int = 500) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _digest(table: Table, values: Values) -> str:
    """What the row says, as a short text: equal digests, equal facts.

    Empty values and defaults are left out, so that a column added to the model later does not look like an edit.
    """
    said = {
        name: _canonical(values[name])
        for name, default in table.defaults.items()
        if name in values and values[name] not in (None, "", []) and values[name] != default
    }
    return sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _canonical(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return value if isinstance(value, bool | int | list) else str(value)
