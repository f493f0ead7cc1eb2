"""Daily bars: which days to ask for, which bars to believe, what they do to what is stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from valuations.bars import (
    BarContext,
    Close,
    Fate,
    Span,
    StoredDay,
    answered,
    awaited_from,
    checked,
    fate,
    first_long_gap,
    gaps,
    new_events,
    pieces,
    spans_to_ask,
    together,
    up_to,
)
from valuations.providers.base import DailyBar, ShareEvent
from valuations.sessions import Calendar, DayKind
from valuations.shares import Action

MONDAY = date(2026, 3, 2)
# 2026 is known; Thursday the 5th of March is a holiday.
CALENDAR = Calendar({("XSHG", date(2026, 3, 5)): DayKind.CLOSED}, {"XSHG": frozenset({2026})})
STAR = BarContext(mic="XSHG", board="STAR", calendar=CALENDAR)


def day(text: str) -> date:
    """A day of 2026 written month-day."""
    return date.fromisoformat(f"2026-{text}")


def span(text: str) -> Span:
    """`03-02..03-06`, in 2026."""
    first, last = text.split("..")
    return Span(day(first), day(last))


def bar(when: str, close: str, *events: ShareEvent) -> DailyBar:
    """A bar whose four prices are the same."""
    price = Decimal(close)
    return DailyBar(day(when), price, price, price, price, 1000, events=events)


def bars(text: str) -> list[DailyBar]:
    """`03-02 100, 03-03 101`."""
    return [bar(when, close) for when, close in (one.split() for one in text.split(","))]


def told(found: list[DailyBar] | tuple[DailyBar, ...]) -> str:
    """The inverse of `bars`."""
    return ", ".join(f"{one.day:%m-%d} {one.close}" for one in found)


# --- Which days to ask for ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("covered", "wanted", "asked"),
    [
        (None, "03-01..03-10", "03-07..03-10 03-03..03-06 03-01..03-02"),
        ("03-01..03-10", "03-01..03-10", ""),
        ("03-01..03-10", "03-05..03-08", ""),
        ("03-01..03-06", "03-01..03-07", "03-07..03-07"),
        ("02-10..03-06", "03-01..03-12", "03-07..03-10 03-11..03-12"),
        ("03-08..03-10", "03-01..03-10", "03-04..03-07 03-01..03-03"),
        ("03-08..03-09", "03-05..03-11", "03-10..03-11 03-05..03-07"),
    ],
)
def test_newer_days_are_asked_for_onwards_then_older_ones_backwards(
    covered: str | None, wanted: str, asked: str
) -> None:
    spans = spans_to_ask(span(covered) if covered else None, span(wanted), 4)
    assert " ".join(f"{one.first:%m-%d}..{one.last:%m-%d}" for one in spans) == asked


def test_every_answered_span_touches_what_is_covered_already() -> None:
    covered: Span | None = span("05-20..05-29")
    wanted = span("02-01..07-15")
    while spans := spans_to_ask(covered, wanted, 9):
        one = spans[0]
        assert covered is not None
        assert one.first == covered.last + timedelta(days=1) or one.last == covered.first - timedelta(days=1)
        assert (one.last - one.first).days < 9
        covered = Span(min(covered.first, one.first), max(covered.last, one.last))
    assert covered == wanted


def test_pieces_of_a_span_are_its_days_oldest_first() -> None:
    parts = list(pieces(span("03-01..03-10"), 4))
    assert parts == [span("03-01..03-04"), span("03-05..03-08"), span("03-09..03-10")]


def test_a_span_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="2026-03-01 is before 2026-03-02"):
        span("03-02..03-01")


# --- Which bars to believe ------------------------------------------------------------------------

BONUS = ShareEvent("bonus", day("03-03"), Decimal("1.49"))
CASH = ShareEvent("dividend", day("03-03"), cash=Decimal(20))


@pytest.mark.parametrize(
    ("given", "beside", "kept", "doubtful"),
    [
        ("03-02 100, 03-03 119, 03-04 100", None, "03-02 100, 03-03 119, 03-04 100", ""),
        ("03-02 100, 03-03 120.01", None, "03-02 100, 03-03 120.01", ""),  # the limit, rounded to the tick
        ("03-02 100, 03-03 121, 03-04 122", None, "03-02 100", "03-03 121"),
        ("03-02 100, 03-03 79, 03-04 80", None, "03-02 100", "03-03 79"),
        ("03-02 100, 03-06 172", None, "03-02 100, 03-06 172", ""),  # three sessions, 1.2 ** 3 = 1.728
        ("03-02 100, 03-06 173", None, "03-02 100", "03-06 173"),
        ("03-02 130", "02-27 100", "", "03-02 130"),
    ],
)
def test_onwards_believing_ends_before_a_move_beyond_the_limit(
    given: str, beside: str | None, kept: str, doubtful: str
) -> None:
    close = None if beside is None else Close(day(beside.split()[0]), Decimal(beside.split()[1]))
    found = checked(bars(given), replace(STAR, beside=close))
    assert told(found.bars) == kept
    assert (told([found.doubt.bar]) if found.doubt else "") == doubtful


def test_backwards_the_newer_side_of_such_a_move_is_believed() -> None:
    found = checked(bars("03-02 100, 03-03 130, 03-04 131"), replace(STAR, backwards=True))
    assert told(found.bars) == "03-03 130, 03-04 131"
    assert found.doubt is not None
    assert told([found.doubt.bar]) == "03-02 100"
    assert found.doubt.detail == "130 on 2026-03-03 after 100 on 2026-03-02"


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(
    ("before", "ex_day"),
    [
        ("149", bar("03-03", "100", BONUS)),
        ("149", bar("03-03", "81", BONUS)),  # 149 ÷ 1.49 = 100, and 19 % down
        ("100", bar("03-03", "64.5", CASH)),  # 100 − 20 = 80, and 19.4 % down
        ("169", bar("03-03", "119", CASH, BONUS)),  # (169 − 20) ÷ 1.49 = 100, and 19 % up
        ("169", bar("03-03", "119", BONUS, CASH)),
    ],
)
def test_what_happened_on_the_ex_day_is_taken_out_first(before: str, ex_day: DailyBar, *, backwards: bool) -> None:
    found = checked([bar("03-02", before), ex_day], replace(STAR, backwards=backwards))
    assert found.doubt is None
    assert len(found.bars) == 2


def test_an_action_that_is_stored_explains_a_move_too() -> None:
    action = Action(day("03-03"), Decimal("1.49"), 0, "bonus")
    given = bars("03-02 149, 03-03 100")
    assert checked(given, replace(STAR, actions=(action,))).doubt is None
    assert checked(given, replace(STAR, actions=(replace(action, ex_day=day("03-04")),))).doubt is not None


def test_a_move_that_somebody_else_states_too_is_believed_and_told() -> None:
    given = bars("03-02 100, 03-03 130")
    found = checked(given, replace(STAR, believed={day("03-03"): Decimal("130.9")}))
    assert (told(found.bars), found.confirmed) == ("03-02 100, 03-03 130", (day("03-03"),))
    assert checked(given, replace(STAR, believed={day("03-03"): Decimal("104")})).doubt is not None


def test_in_its_first_five_sessions_a_share_may_move_as_it_likes() -> None:
    given = bars("03-02 100, 03-03 250, 03-04 90")
    assert checked(given, replace(STAR, listed_on=MONDAY)).doubt is None
    assert checked(given, replace(STAR, listed_on=day("01-05"))).doubt is not None


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (bar("03-05", "100"), "closed_day"),
        (bar("03-07", "100"), "closed_day"),
        (replace(bar("03-04", "100"), low=Decimal(101)), "misfit"),
        (replace(bar("03-04", "100"), high=Decimal(99)), "misfit"),
        (replace(bar("03-04", "100"), low=Decimal(0)), "misfit"),
        (replace(bar("03-04", "100"), volume=-1), "misfit"),
        (bar("03-04", "0.0000001"), "misfit"),
        (bar("03-04", "333"), "discarded"),
    ],
)
def test_a_bar_that_cannot_be_right_is_refused_and_the_others_stay(odd: DailyBar, reason: str) -> None:
    context = replace(STAR, discarded=frozenset({Close(day("03-04"), Decimal(333))}))
    found = checked([*bars("03-02 100, 03-03 101"), odd], context)
    assert (told(found.bars), found.refused) == ("03-02 100, 03-03 101", ((odd.day, reason),))


def test_a_day_that_nobody_entered_into_the_calendar_is_not_refused() -> None:
    old = replace(bar("03-04", "100"), day=date(2016, 3, 4))
    assert checked([old], STAR).bars == (old,)


def test_a_second_source_fills_in_days_and_events_but_changes_no_price() -> None:
    first = bars("03-02 149, 03-03 100")
    second = [bar("03-03", "100.5", BONUS), bar("03-04", "101")]
    found = together(first, second)
    assert told(found) == "03-02 149, 03-03 100, 03-04 101"
    assert found[1].events == (BONUS,)


# --- How far that covers --------------------------------------------------------------------------


def test_gaps_are_known_sessions_without_a_bar() -> None:
    assert gaps(bars("03-02 100, 03-06 101"), span("03-01..03-08"), "XSHG", CALENDAR) == [day("03-03"), day("03-04")]


@pytest.mark.parametrize(
    ("given", "asked", "backwards", "gap", "covered"),
    [
        ("04-01 100, 04-29 100", "04-01..04-30", False, None, None),  # 19 sessions lack a bar
        ("04-01 100, 04-30 100", "04-01..04-30", False, None, None),  # 20
        ("04-01 100, 05-01 100", "04-01..05-01", False, "04-02..04-30", "04-01..04-01"),  # 21
        ("04-01 100, 05-01 100", "04-01..05-01", True, "04-02..04-30", "05-01..05-01"),
        ("04-01 100, 05-01 100, 06-01 100", "03-30..06-02", False, "04-02..04-30", "03-30..04-01"),
        ("04-01 100, 05-01 100, 06-02 100", "03-30..06-02", True, "05-02..06-01", "06-02..06-02"),
        ("04-01 100", "04-01..05-31", False, "04-02..05-31", "04-01..04-01"),
        ("05-29 100", "04-01..05-31", True, "04-01..05-28", "05-29..05-31"),
        ("", "04-01..05-31", True, "04-01..05-31", None),
        (
            "03-02 100, 05-29 100",
            "05-01..05-31",
            False,
            None,
            None,
        ),  # the first bar is of another time
    ],
)
def test_the_first_long_gap_is_seen_from_what_is_covered(
    given: str, asked: str, gap: str | None, covered: str | None, *, backwards: bool
) -> None:
    part = span(asked)
    found = first_long_gap(bars(given) if given else [], part, "XSHG", CALENDAR, backwards=backwards)
    assert found == (span(gap) if gap else None)
    if found is not None:
        assert up_to(found, part, backwards=backwards) == (span(covered) if covered else None)


def test_days_that_nobody_entered_into_the_calendar_make_a_long_gap_too() -> None:
    spring = Span(date(2016, 3, 1), date(2016, 4, 1))
    assert first_long_gap([], spring, "XSHG", CALENDAR, backwards=False) == spring


@pytest.mark.parametrize(
    ("given", "asked", "awaited"),
    [
        ("03-04 100, 03-06 100", "03-01..03-08", None),  # a weekend follows
        ("03-03 100", "03-01..03-04", "03-04"),
        ("03-03 100", "03-01..03-08", "03-04"),
        ("03-03 100", "03-01..03-09", None),  # five days without trade: suspended
        ("03-04 100", "03-01..03-06", "03-06"),  # after the holiday
        ("", "03-06..03-06", "03-06"),
    ],
)
def test_a_bar_may_be_some_days_late(given: str, asked: str, awaited: str | None) -> None:
    found = bars(given) if given else []
    assert awaited_from(found, span(asked), "XSHG", CALENDAR) == (day(awaited) if awaited else None)


@pytest.mark.parametrize(
    ("given", "backwards", "late_from", "covered"),
    [
        ("03-02 100, 03-03 101", False, None, "03-01..03-04"),
        ("03-02 100, 03-03 130", False, None, "03-01..03-02"),
        ("03-02 100, 03-03 130", True, None, "03-03..03-04"),
        ("03-02 100, 03-03 101", True, "03-04", "03-01..03-03"),
        ("", False, "03-01", None),
    ],
)
def test_covered_is_what_was_answered_and_believed(
    given: str, *, backwards: bool, late_from: str | None, covered: str | None
) -> None:
    found = checked(bars(given) if given else [], replace(STAR, backwards=backwards))
    part = answered(span("03-01..03-04"), found, backwards=backwards, late_from=day(late_from) if late_from else None)
    assert part == (span(covered) if covered else None)


# --- What bars do to what is stored ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("stored", "becomes"),
    [
        (None, Fate.WRITE),
        (StoredDay(Decimal(90), sourced=False, daily=True), Fate.WRITE),
        (StoredDay(Decimal(90), sourced=True, daily=False), Fate.REPLACE),
        (StoredDay(Decimal("100.9"), sourced=True, daily=True), Fate.KEEP),
        (StoredDay(Decimal("101.2"), sourced=True, daily=True), Fate.DIFFER),
        (StoredDay(Decimal("99.0"), sourced=True, daily=True), Fate.DIFFER),
    ],
)
def test_a_bar_beats_live_prices_and_single_pages_but_no_daily_row_of_a_source(
    stored: StoredDay | None, becomes: Fate
) -> None:
    assert fate(bar("03-02", "100"), stored) is becomes


@pytest.mark.parametrize(
    ("kind", "ex_day", "is_new"),
    [
        ("bonus", "03-03", False),
        ("bonus", "03-08", False),
        ("bonus", "02-26", False),
        ("bonus", "03-09", True),
        ("split", "03-04", False),  # what one source calls a bonus issue is a split to another
        ("dividend", "03-03", True),
    ],
)
def test_an_event_within_five_days_of_a_stored_one_of_its_kind_is_that_one(
    kind: str, ex_day: str, *, is_new: bool
) -> None:
    stored = BONUS
    event = ShareEvent(kind, day(ex_day), Decimal("1.49"))
    if kind == "dividend":
        event = replace(event, ratio=Decimal(1), cash=Decimal("0.5"))
    assert new_events([event], [stored]) == ([event] if is_new else [])


@pytest.mark.parametrize(
    "event",
    [
        ShareEvent("bonus", MONDAY, Decimal(1)),
        ShareEvent("split", MONDAY, Decimal(0)),
        ShareEvent("split", MONDAY, Decimal(10) ** 8),
        ShareEvent("dividend", MONDAY),
        ShareEvent("dividend", MONDAY, cash=Decimal(0)),
        ShareEvent("rights", MONDAY, Decimal("1.2")),
    ],
)
def test_an_event_that_says_nothing_is_left_out(event: ShareEvent) -> None:
    assert new_events([event], []) == []


@pytest.mark.parametrize(
    ("ex_day", "cash", "is_new"),
    [
        ("03-05", "20", False),
        ("03-05", "20.2", False),  # rounded otherwise
        ("03-05", "5", True),  # a special dividend after the regular one
        ("03-03", "5", False),  # of one day there is one
        ("03-09", "20", True),
    ],
)
def test_a_dividend_of_another_amount_and_day_is_another_one(ex_day: str, cash: str, *, is_new: bool) -> None:
    event = ShareEvent("dividend", day(ex_day), cash=Decimal(cash))
    assert new_events([event], [CASH]) == ([event] if is_new else [])
    assert new_events([CASH, event], []) == ([CASH, event] if is_new else [CASH])


def test_two_sources_that_tell_the_same_event_give_one() -> None:
    assert new_events([BONUS, replace(BONUS, kind="split")], []) == [BONUS]
