"""Daily bars: which days to ask for, which bars to believe, what they do to rows that are stored. Pure.

What is covered of a listing's past is one span without holes. It grows at both ends, and no further than its sources
can be believed; so whatever interrupts a backfill, the next one knows where to go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from math import prod

from valuations.checks import SAME_PRICE, close_bounds
from valuations.columns import CASH, PRICE, RATIO, holds_volume
from valuations.providers.base import DailyBar, ShareEvent
from valuations.sessions import Calendar, DayKind
from valuations.shares import Action

SAME_EVENT = timedelta(days=5)  # sources differ by days over when a share went ex
RECENT = timedelta(days=5)  # so long a bar may be late before its day counts as one without trade
LONG_GAP = 20  # sessions: a share may be suspended for longer, and an answer may be cut
_DAY = timedelta(days=1)


# --- Which days to ask for ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """Calendar days from `first` to `last`, both included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"{self.last} is before {self.first}")

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def __str__(self) -> str:
        return f"{self.first} – {self.last}"


def span_or_none(first: date, last: date) -> Span | None:
    """The days from `first` to `last`, None when there are none."""
    return Span(first, last) if first <= last else None


def pieces(span: Span, most_days: int) -> Iterator[Span]:
    """`span` in parts of at most `most_days`, oldest first."""
    first = span.first
    while first <= span.last:
        last = min(span.last, first + timedelta(days=most_days - 1))
        yield Span(first, last)
        first = last + _DAY


def spans_to_ask(covered: Span | None, wanted: Span, most_days: int) -> list[Span]:
    """What is wanted and not covered, in the order in which to ask so that what is covered stays in one piece.

    What is newer than the covered days comes first, from them onwards; then what is older, from them backwards. With
    nothing covered the newest days come first, since readers look at those.
    """
    newer: list[Span] = []
    older: Span | None = wanted
    if covered is not None:
        onwards = span_or_none(covered.last + _DAY, wanted.last)
        newer = list(pieces(onwards, most_days)) if onwards else []
        older = span_or_none(wanted.first, covered.first - _DAY)
    return newer + (list(_backwards(older, most_days)) if older else [])


def _backwards(span: Span, most_days: int) -> Iterator[Span]:
    last = span.last
    while last >= span.first:
        first = max(span.first, last - timedelta(days=most_days - 1))
        yield Span(first, last)
        last = first - _DAY


# --- Which bars to believe ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Close:
    """A closing price and its day."""

    day: date
    close: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class BarContext:
    """What is known of a listing when bars of it arrive.

    Args:
        actions: Corporate actions of its class of shares that are stored already.
        beside: The close next to the bars on the covered side; None when nothing is covered or stored there.
        believed: Closes of the bars' days that somebody else states.
        discarded: Closes that somebody has looked at and does not believe.
        backwards: The bars are older than what is covered, so they are believed from their newest on.
    """

    mic: str
    calendar: Calendar
    board: str = ""
    listed_on: date | None = None
    actions: Sequence[Action] = ()
    beside: Close | None = None
    believed: Mapping[date, Decimal] = field(default_factory=dict)
    discarded: frozenset[Close] = frozenset()
    backwards: bool = False


@dataclass(frozen=True, slots=True)
class Doubt:
    """A bar that nobody should see before somebody has looked at it, and why."""

    bar: DailyBar
    detail: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What is left of bars after the checks, oldest first.

    `refused` are bars that cannot be right, each with the reason: closed_day, misfit, discarded. `doubt` is the bar at
    which believing ended: it and all beyond it, seen from what is covered, are left out. `confirmed` are days of a move
    beyond the limit that was believed because somebody else states the same close.
    """

    bars: tuple[DailyBar, ...]
    refused: tuple[tuple[date, str], ...] = ()
    doubt: Doubt | None = None
    confirmed: tuple[date, ...] = ()


def checked(bars: Iterable[DailyBar], context: BarContext) -> Checked:
    """Judge unadjusted bars by the calendar, by themselves, and by the venue's limit from one day to the next.

    A close may be further from the one before than the limit allows when a corporate action lies between, or when
    somebody else states it too.

    Source: docs/formulas.md, "Daily bars".
    """
    sound: list[DailyBar] = []
    refused: list[tuple[date, str]] = []
    for bar in sorted(bars, key=lambda bar: bar.day):
        problem = _problem(bar, context)
        if problem:
            refused.append((bar.day, problem))
        else:
            sound.append(bar)
    kept: list[DailyBar] = []
    confirmed: list[date] = []
    doubt: Doubt | None = None
    beside = context.beside
    for bar in reversed(sound) if context.backwards else sound:
        problem = _jump(bar, beside, kept[-1] if kept else None, context) if beside else ""
        if problem and not _agrees(bar.close, context.believed.get(bar.day)):
            doubt = Doubt(bar, problem)
            break
        if problem:
            confirmed.append(bar.day)
        kept.append(bar)
        beside = Close(bar.day, bar.close)
    kept.sort(key=lambda bar: bar.day)
    return Checked(tuple(kept), tuple(refused), doubt, tuple(sorted(confirmed)))


def _problem(bar: DailyBar, context: BarContext) -> str:
    """Why a bar cannot be right; "" when it may be."""
    if context.calendar.kind(context.mic, bar.day) is DayKind.CLOSED:
        return "closed_day"
    prices = (bar.open, bar.high, bar.low, bar.close)
    if not all(map(PRICE.holds, prices)):
        return "misfit"
    if not (bar.low <= bar.open <= bar.high and bar.low <= bar.close <= bar.high):
        return "misfit"
    if bar.volume is not None and not holds_volume(bar.volume):
        return "misfit"
    return "discarded" if Close(bar.day, bar.close) in context.discarded else ""


def _jump(bar: DailyBar, beside: Close, neighbour: DailyBar | None, context: BarContext) -> str:
    """How a bar is further from its believed neighbour than the limit allows, in English; "" when it is not."""
    mine = Close(bar.day, bar.close)
    earlier, later = (mine, beside) if context.backwards else (beside, mine)
    newer = neighbour if context.backwards else bar
    for base in _without_actions(earlier, later, newer.events if newer else (), context.actions):
        bounds = close_bounds(
            later.day,
            base,
            earlier.day,
            mic=context.mic,
            board=context.board,
            listed_on=context.listed_on,
            calendar=context.calendar,
        )
        if bounds is None or bounds[0] <= later.close <= bounds[1]:
            return ""
    return f"{later.close} on {later.day} after {earlier.close} on {earlier.day}"


def _without_actions(
    earlier: Close, later: Close, events: Iterable[ShareEvent], actions: Iterable[Action]
) -> Iterator[Decimal]:
    """The earlier close with what happened before the later one taken out: as the source says, then as we know."""
    stated = list(filter(_says_something, events))
    # Whatever is paid is paid per share held before.
    yield (earlier.close - sum(event.cash or 0 for event in stated)) / prod(event.ratio for event in stated)
    yield earlier.close / prod(action.ratio for action in actions if earlier.day < action.ex_day <= later.day)


def _agrees(close: Decimal, other: Decimal | None) -> bool:
    return other is not None and abs(close - other) <= other * SAME_PRICE


def together(first: Iterable[DailyBar], second: Iterable[DailyBar]) -> list[DailyBar]:
    """Bars of two sources, oldest first: those of the first, and where it has none, those of the second.

    What happened on an ex-day is taken from either, since not every source tells.
    """
    others = {bar.day: bar for bar in second}
    found = dict(others)
    for bar in first:
        other = others.get(bar.day)
        found[bar.day] = replace(bar, events=other.events) if other and other.events and not bar.events else bar
    return [found[day] for day in sorted(found)]


def gaps(bars: Iterable[DailyBar], span: Span, mic: str, calendar: Calendar) -> list[date]:
    """Known sessions of a span without a bar, oldest first."""
    there = {bar.day for bar in bars}
    return [day for day in calendar.sessions_between(mic, span.first - _DAY, span.last) if day not in there]


def first_long_gap(
    bars: Iterable[DailyBar], part: Span, mic: str, calendar: Calendar, *, backwards: bool
) -> Span | None:
    """The first stretch of `part`, seen from what is covered, in which more than `LONG_GAP` sessions may lack a bar.

    Args:
        bars: Oldest first.
        backwards: `part` is older than what is covered, or nothing is.
    """
    days = [part.first - _DAY, *(bar.day for bar in bars if bar.day in part), part.last + _DAY]
    for before, after in reversed(list(pairwise(days))) if backwards else pairwise(days):
        if calendar.possible_sessions(mic, before, after - _DAY) > LONG_GAP:
            return Span(before + _DAY, after - _DAY)
    return None


def up_to(gap: Span, part: Span, *, backwards: bool) -> Span | None:
    """What of `part` lies between the covered days and a gap in it, None when that is nothing."""
    return span_or_none(gap.last + _DAY, part.last) if backwards else span_or_none(part.first, gap.first - _DAY)


def answered(span: Span, found: Checked, *, backwards: bool, late_from: date | None) -> Span | None:
    """The part of a span that is covered once the believed bars are stored; None when that is nothing.

    Args:
        backwards: The span is older than what is covered, or nothing is.
        late_from: The first of the newest days whose bar may still come; None when none is awaited.
    """
    first, last = span.first, span.last
    if found.doubt is not None and backwards:
        first = found.doubt.bar.day + _DAY
    elif found.doubt is not None:
        last = found.doubt.bar.day - _DAY
    if late_from is not None:
        last = min(last, late_from - _DAY)
    return span_or_none(first, last)


def awaited_from(bars: Sequence[DailyBar], span: Span, mic: str, calendar: Calendar) -> date | None:
    """The first of the days at the end of a span that may have been sessions and lack a bar, while that is recent.

    After `RECENT` days such a day counts as one without trade: the share was suspended.
    """
    day = bars[-1].day + _DAY if bars else span.first
    while day <= span.last and calendar.kind(mic, day) is DayKind.CLOSED:
        day += _DAY
    return day if day <= span.last < day + RECENT else None


# --- What bars do to what is stored ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredDay:
    """What is stored of a listing and a day: its close, and whether a page or file said so, and what kind of page."""

    close: Decimal
    sourced: bool
    daily: bool


class Fate(StrEnum):
    """What a bar does to the row of its day."""

    WRITE = "write"  # it becomes the row
    REPLACE = "replace"  # it becomes the row; what the page said stays as also reported
    KEEP = "keep"  # the row stays: a daily row of a named source
    DIFFER = "differ"  # as keep, and the two do not agree


def fate(bar: DailyBar, stored: StoredDay | None) -> Fate:
    """A daily-history row beats a live price and a single page, but not the daily row of a named source.

    Source: docs/formulas.md, "Daily bars".
    """
    if stored is None or not stored.sourced:
        return Fate.WRITE
    if not stored.daily:
        return Fate.REPLACE
    return Fate.KEEP if _agrees(bar.close, stored.close) else Fate.DIFFER


_CHANGES_COUNT = frozenset({"bonus", "split"})


def new_events(events: Iterable[ShareEvent], stored: Iterable[ShareEvent]) -> list[ShareEvent]:
    """Events that are not stored yet, and can be.

    One is stored when one of its kind lies within five days. A bonus issue and a split are one kind here: some sources
    call every change of the count a split. Two cash dividends of different amounts, the regular and a special one, are
    two when they are paid to the holders of different days.
    """
    known = list(stored)
    found: list[ShareEvent] = []
    for event in sorted(events, key=lambda event: event.ex_day):
        if _says_something(event) and not any(_is_the_same(event, other) for other in known):
            found.append(event)
            known.append(event)
    return found


def _is_the_same(event: ShareEvent, other: ShareEvent) -> bool:
    if _family(event.kind) != _family(other.kind) or abs(event.ex_day - other.ex_day) > SAME_EVENT:
        return False
    return event.ex_day == other.ex_day or event.cash is None or _agrees(event.cash, other.cash)


def _family(kind: str) -> str:
    return "count" if kind in _CHANGES_COUNT else kind


def _says_something(event: ShareEvent) -> bool:
    if event.kind == "dividend":
        return event.cash is not None and CASH.holds(event.cash)
    return event.kind in _CHANGES_COUNT and event.ratio != 1 and RATIO.holds(event.ratio)
