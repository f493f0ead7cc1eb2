"""Reporting periods as filings name them: labels in, first and last day out. Pure."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

CALENDAR_YEAR = "12-31"
# A 52- or 53-week year ends on a weekday near the nominal day, so its periods start and end up to a week away.
WEEK_YEAR_TOLERANCE = timedelta(days=7)
DAYS_PER_MONTH = 365.25 / 12

_FISCAL = re.compile(r"FY(\d{4})(?:Q([1-4]))?", re.ASCII)
_SPAN = re.compile(r"(FY\d{4})-(FY\d{4}|\d{4}Q[1-4])", re.ASCII)
_TTM = re.compile(r"TTM-(\d{4}-\d{2}-\d{2})", re.ASCII)
_PART = re.compile(r"(\d{4})(Q1-Q3|Q[1-4]|H[12])", re.ASCII)
_STOCK = re.compile(r"\d{4}(?:-\d{2}){0,2}", re.ASCII)
_FIRST_AND_LAST_MONTH = {
    "Q1": (1, 3), "Q2": (4, 6), "Q3": (7, 9), "Q4": (10, 12), "H1": (1, 6), "H2": (7, 12), "Q1-Q3": (1, 9),
}  # fmt: skip


class NotAPeriod(ValueError):
    """The text names no period."""


@dataclass(frozen=True, slots=True)
class Period:
    """First and last day of a flow such as revenue; a stock such as cash has a last day only."""

    start: date | None
    end: date

    @property
    def months(self) -> int | None:
        """Length in whole months, by rounding days: 364 days are 12 months. None for a stock on one day."""
        if self.start is None:
            return None
        return round(((self.end - self.start).days + 1) / DAYS_PER_MONTH)

    def agrees_with(self, other: Period) -> bool:
        """Whether both name the same period, give or take the week of a 52/53-week year."""
        if (self.start is None) is not (other.start is None):
            return False
        starts_near = self.start is None or other.start is None or abs(self.start - other.start) <= WEEK_YEAR_TOLERANCE
        return starts_near and abs(self.end - other.end) <= WEEK_YEAR_TOLERANCE


def parse_period(label: str, fiscal_year_end: str = CALENDAR_YEAR) -> Period:
    """The days that a period label stands for.

    Args:
        label: `FY2025` or `FY2027Q2` (fiscal), `2025Q3`, `2026H1`, `2025Q1-Q3` (calendar), `TTM-2025-09-30`,
            `FY2022-FY2024`, `FY2022-2025Q1` (spans), or a stock on `2025-12-17`, at the end of `2025-12` or of `2025`.
        fiscal_year_end: Month and day, `12-31` for a calendar year. FY2026 is the year that ends in 2026. A company
            with a 52/53-week year states the days themselves; the label then gives them to within a week.

    Raises:
        NotAPeriod: The label is none of these, or names a day that does not exist.
    """
    try:
        return _period(label, fiscal_year_end)
    except ValueError as problem:
        raise NotAPeriod(f'"{label}" is not a period') from problem


def parse_last_day(text: str) -> date:
    """The last day of a day, month or year written `2025-12-17`, `2025-12` or `2025`.

    Raises:
        ValueError: It is none of these.
    """
    if not _STOCK.fullmatch(text):
        raise ValueError(f'"{text}" is not a date')
    year, *rest = (int(part) for part in text.split("-"))
    if len(rest) == 2:
        return date(year, *rest)
    return month_end(year, rest[0] if rest else 12)


def month_end(year: int, month: int) -> date:
    """The last day of a month.

    Raises:
        ValueError: There is no such month.
    """
    date(year, month, 1)  # says what is wrong; `monthrange` raises errors of its own kind
    return date(year, month, monthrange(year, month)[1])


def _period(label: str, fiscal_year_end: str) -> Period:
    if match := _FISCAL.fullmatch(label):
        return _fiscal(int(match[1]), int(match[2]) if match[2] else None, fiscal_year_end)
    if match := _PART.fullmatch(label):
        first, last = _FIRST_AND_LAST_MONTH[match[2]]
        return Period(date(int(match[1]), first, 1), month_end(int(match[1]), last))
    if match := _TTM.fullmatch(label):
        end = date.fromisoformat(match[1])
        return Period(_months_before(end, 12) + timedelta(days=1), end)
    if match := _SPAN.fullmatch(label):
        start, end = _period(match[1], fiscal_year_end).start, _period(match[2], fiscal_year_end).end
        if start is None or start > end:
            raise ValueError("a span ends after it starts")
        return Period(start, end)
    return Period(None, parse_last_day(label))


def _fiscal(year: int, quarter: int | None, fiscal_year_end: str) -> Period:
    month, day = (int(part) for part in fiscal_year_end.split("-"))
    if day > monthrange(2024, month)[1]:
        raise ValueError("no such day")
    year_end = date(year, month, min(day, monthrange(year, month)[1]))
    if quarter is None:
        return Period(_months_before(year_end, 12) + timedelta(days=1), year_end)
    end = _months_before(year_end, 12 - 3 * quarter)
    return Period(_months_before(end, 3) + timedelta(days=1), end)


def _months_before(day: date, months: int) -> date:
    """The same day some months earlier; the last day of a month stays the last day of its month."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    if day == month_end(day.year, day.month):
        return month_end(year, month + 1)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
