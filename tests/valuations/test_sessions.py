"""Exchange hours and freshness. The week used: Monday 2026-11-23 to Friday 2026-11-27; every clock time is local."""

from datetime import date, datetime, time
from decimal import Decimal

import pytest

from valuations.sessions import MARKETS, Calendar, DayKind, FreshnessState, Phase, freshness, spells_between

HOLIDAY = date(2026, 10, 1)
HALF_DAY = date(2026, 12, 24)
MAKE_UP_SATURDAY = date(2026, 10, 10)
STORM = date(2026, 9, 7)  # Hong Kong opens at 13:30
EARLY_STORM = date(2026, 9, 8)  # … and closes at 13:55
NEVER_OPEN = date(2026, 9, 9)  # … and is to open after it has closed, which is a mistake
CALENDAR = Calendar(
    {
        ("XSHG", HOLIDAY): DayKind.CLOSED,
        ("XHKG", HALF_DAY): DayKind.HALF,
        ("XNAS", HALF_DAY): DayKind.HALF,
        ("XSHE", MAKE_UP_SATURDAY): DayKind.OPEN,
        ("XHKG", STORM): DayKind.LATE,
        ("XHKG", EARLY_STORM): DayKind.HALF,
        ("XHKG", NEVER_OPEN): DayKind.LATE,
    },
    {mic: frozenset({2025, 2026}) for mic in MARKETS},
    {
        ("XHKG", STORM): (time(13, 30), None),
        ("XHKG", EARLY_STORM): (None, time(13, 55)),
        ("XHKG", NEVER_OPEN): (time(17), None),
    },
)


def local(mic: str, text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=MARKETS[mic].zone)


@pytest.mark.parametrize(
    ("mic", "day", "kind"),
    [
        ("XSHG", "2026-11-20", DayKind.OPEN),
        ("XSHG", "2026-11-21", DayKind.CLOSED),
        ("XSHG", "2026-10-01", DayKind.CLOSED),
        ("XHKG", "2026-12-24", DayKind.HALF),
        ("XSHE", "2026-10-10", DayKind.OPEN),
        ("XSHG", "2027-01-04", DayKind.UNKNOWN),
        ("XSHG", "2027-01-03", DayKind.CLOSED),
        ("XLON", "2026-11-20", DayKind.UNKNOWN),
        ("XHKG", "2026-09-07", DayKind.LATE),
    ],
)
def test_a_weekday_is_open_only_in_a_year_that_somebody_entered(mic: str, day: str, kind: DayKind) -> None:
    assert CALENDAR.kind(mic, date.fromisoformat(day)) is kind


@pytest.mark.parametrize(
    ("mic", "at", "phase"),
    [
        ("XSHG", "2026-11-20 09:29:59", Phase.BEFORE_OPEN),
        ("XSHG", "2026-11-20 09:30:00", Phase.OPEN),
        ("XSHG", "2026-11-20 11:30:00", Phase.LUNCH),
        ("XSHG", "2026-11-20 13:00:00", Phase.OPEN),
        ("XSHG", "2026-11-20 15:00:00", Phase.AFTER_CLOSE),
        ("XSHG", "2026-11-21 10:00:00", Phase.CLOSED),
        ("XSHG", "2026-10-01 10:00:00", Phase.HOLIDAY),
        ("XSHG", "2027-01-04 10:00:00", Phase.UNKNOWN),
        ("XHKG", "2026-11-20 12:30:00", Phase.LUNCH),
        ("XHKG", "2026-11-20 15:59:59", Phase.OPEN),
        ("XHKG", "2026-11-20 16:00:00", Phase.CLOSING_AUCTION),
        ("XHKG", "2026-11-20 16:10:00", Phase.AFTER_CLOSE),
        ("XHKG", "2026-12-24 12:05:00", Phase.CLOSING_AUCTION),
        ("XHKG", "2026-12-24 12:30:00", Phase.AFTER_CLOSE),
        ("XHKG", "2026-09-07 09:30:00", Phase.BEFORE_OPEN),
        ("XHKG", "2026-09-07 13:29:59", Phase.BEFORE_OPEN),
        ("XHKG", "2026-09-07 13:30:00", Phase.OPEN),
        ("XHKG", "2026-09-08 12:30:00", Phase.LUNCH),
        ("XHKG", "2026-09-08 13:54:59", Phase.OPEN),
        ("XHKG", "2026-09-08 14:05:00", Phase.AFTER_CLOSE),
        ("XHKG", "2026-09-09 14:05:00", Phase.UNKNOWN),
        # The closing auction of Shanghai is the end of its session; trade at the closing price after it is no session.
        ("XSHG", "2026-11-20 14:58:00", Phase.OPEN),
        ("XSHG", "2026-11-20 15:10:00", Phase.AFTER_CLOSE),
        ("XNAS", "2026-11-20 12:30:00", Phase.OPEN),
        ("XNAS", "2026-12-24 13:00:00", Phase.AFTER_CLOSE),
    ],
)
def test_phase_follows_the_exchange_through_lunch_half_days_and_holidays(mic: str, at: str, phase: Phase) -> None:
    assert CALENDAR.phase(mic, local(mic, at)) is phase


@pytest.mark.parametrize(
    ("opens", "closes", "spells"),
    [
        (None, None, "09:30-12:00 13:00-16:00"),
        ("10:00", None, "10:00-12:00 13:00-16:00"),
        ("12:30", None, "12:30-16:00"),
        ("13:30", None, "13:30-16:00"),
        ("09:00", None, "09:00-12:00 13:00-16:00"),
        (None, "13:55", "09:30-12:00 13:00-13:55"),
        (None, "13:00", "09:30-13:00"),
        (None, "17:00", "09:30-12:00 13:00-17:00"),
        ("14:00", "15:00", "14:00-15:00"),
        ("18:00", "20:00", "18:00-20:00"),
        ("16:00", None, ""),
        (None, "09:30", ""),
    ],
)
def test_hours_of_their_own_move_the_first_opening_and_the_last_closing(
    opens: str | None, closes: str | None, spells: str
) -> None:
    at = [None if text is None else time.fromisoformat(text) for text in (opens, closes)]
    found = spells_between(MARKETS["XHKG"].sessions, *at)
    assert " ".join(f"{a:%H:%M}-{b:%H:%M}" for a, b in found) == spells


def test_a_day_whose_hours_leave_no_time_to_trade_has_no_opening_and_no_close() -> None:
    assert CALENDAR.is_session("XHKG", NEVER_OPEN)
    assert CALENDAR.opens_at("XHKG", NEVER_OPEN) is CALENDAR.settles_at("XHKG", NEVER_OPEN) is None
    assert CALENDAR.finished_session("XHKG", local("XHKG", "2026-09-09 18:00")) == EARLY_STORM


def test_phase_is_judged_in_the_zone_of_the_exchange() -> None:
    # 22:45 in Shanghai on this Friday is 09:45 in New York.
    assert CALENDAR.phase("XNAS", local("XSHG", "2026-11-20 22:45:00")) is Phase.OPEN


@pytest.mark.parametrize(
    ("mic", "since", "until", "minutes"),
    [
        ("XSHG", "2026-11-20 10:00", "2026-11-20 10:20", 20),
        ("XSHG", "2026-11-20 11:20", "2026-11-20 13:10", 20),
        ("XSHG", "2026-11-20 14:50", "2026-11-23 09:40", 20),
        ("XSHG", "2026-11-20 00:00", "2026-11-21 00:00", 240),
        ("XSHG", "2026-09-30 14:30", "2026-10-02 09:30", 30),
        ("XHKG", "2026-12-24 09:00", "2026-12-24 18:00", 150),
        ("XNAS", "2026-12-24 09:00", "2026-12-24 18:00", 210),
        # From 13:30 to 16:00; from 09:30 to 12:00 and from 13:00 to 13:55.
        ("XHKG", "2026-09-07 09:00", "2026-09-07 18:00", 150),
        ("XHKG", "2026-09-08 09:00", "2026-09-08 18:00", 205),
        ("XHKG", "2026-09-07 15:30", "2026-09-08 10:00", 60),
        ("XSHG", "2027-01-04 09:00", "2027-01-04 18:00", 0),
        ("XSHG", "2026-11-20 10:20", "2026-11-20 10:00", 0),
    ],
)
def test_open_minutes_count_only_while_the_exchange_is_open(mic: str, since: str, until: str, minutes: int) -> None:
    assert CALENDAR.open_minutes(mic, local(mic, since), local(mic, until)) == minutes


def test_open_minutes_survive_the_change_to_winter_time() -> None:
    # New York set its clocks back on Sunday 2026-11-01: 30 minutes on Friday, 30 on Monday.
    since, until = local("XNAS", "2026-10-30 15:30"), local("XNAS", "2026-11-02 10:00")
    assert CALENDAR.open_minutes("XNAS", since, until) == 60


def test_sessions_are_found_across_weekends_and_holidays() -> None:
    assert CALENDAR.last_session("XSHG", date(2026, 11, 22)) == date(2026, 11, 20)
    assert CALENDAR.last_session("XSHG", date(2026, 11, 20)) == date(2026, 11, 20)
    assert CALENDAR.previous_session("XSHG", date(2026, 10, 2)) == date(2026, 9, 30)
    assert CALENDAR.sessions_between("XSHG", date(2026, 9, 30), date(2026, 10, 5)) == (
        date(2026, 10, 2),
        date(2026, 10, 5),
    )
    assert CALENDAR.last_session("XSHG", date(2027, 1, 5)) == date(2026, 12, 31)
    assert CALENDAR.last_session("XSHG", date(2031, 1, 5)) is None
    assert CALENDAR.possible_sessions("XSHG", date(2026, 12, 30), date(2027, 1, 5)) == 4


@pytest.mark.parametrize(
    ("mic", "now", "finished"),
    [
        ("XSHG", "2026-11-20 14:59", "2026-11-19"),
        ("XSHG", "2026-11-20 15:00", "2026-11-20"),
        ("XHKG", "2026-11-20 16:09", "2026-11-19"),
        ("XHKG", "2026-11-20 16:10", "2026-11-20"),
        ("XHKG", "2026-12-24 12:10", "2026-12-24"),
        ("XHKG", "2026-09-07 12:00", "2026-09-04"),
        ("XHKG", "2026-09-07 16:10", "2026-09-07"),
        ("XHKG", "2026-09-08 14:05", "2026-09-08"),
        ("XSHG", "2026-11-23 08:00", "2026-11-20"),
    ],
)
def test_a_session_is_finished_once_its_closing_price_is_made(mic: str, now: str, finished: str) -> None:
    assert CALENDAR.finished_session(mic, local(mic, now)) == date.fromisoformat(finished)


@pytest.mark.parametrize(
    ("mic", "board", "age", "limit"),
    [
        ("XSHG", "STAR (growth tier)", None, "0.2"),
        ("XSHG", "STAR", 5, "0.2"),
        ("XSHG", "STAR", 4, None),
        ("XSHE", "ChiNext", 300, "0.2"),
        ("XSHE", "Main Board", 300, "0.1"),
        ("XSHG", "", None, "0.1"),
        ("XHKG", "Main Board (Ch. 18C)", 0, None),
        ("XHKG", "Main Board (Ch. 18C)", 1, "0.5"),
        ("XNAS", "", None, "0.5"),
    ],
)
def test_daily_limit_depends_on_board_and_age(mic: str, board: str, age: int | None, limit: str | None) -> None:
    assert MARKETS[mic].daily_limit(board, age) == (None if limit is None else Decimal(limit))


STATES: list[tuple[str, str, str | None, dict[str, bool], FreshnessState]] = [
    # now, day of the price, its time, what else is known, state
    ("2026-11-20 10:30", "2026-11-20", "10:28", {}, FreshnessState.LIVE),
    ("2026-11-20 10:30", "2026-11-20", "10:10", {}, FreshnessState.LIVE),
    ("2026-11-20 10:30", "2026-11-20", "10:09", {}, FreshnessState.STALE),
    ("2026-11-20 10:30", "2026-11-20", "10:09", {"failed": True}, FreshnessState.FAILED),
    ("2026-11-20 10:30", "2026-11-20", "10:28", {"failed": True}, FreshnessState.LIVE),
    ("2026-11-20 10:30", "2026-11-20", "10:12", {"delayed": True}, FreshnessState.DELAYED),
    ("2026-11-20 10:30", "2026-11-20", "09:50", {"delayed": True}, FreshnessState.STALE),
    ("2026-11-20 10:30", "2026-11-20", "10:09", {"suspended": True}, FreshnessState.SUSPENDED),
    ("2026-11-20 10:30", "2026-06-01", None, {"suspended": True}, FreshnessState.SUSPENDED),
    ("2026-11-20 12:10", "2026-11-20", "11:30", {}, FreshnessState.LUNCH_BREAK),
    ("2026-11-20 12:10", "2026-11-20", "11:01", {}, FreshnessState.STALE),
    ("2026-11-20 13:05", "2026-11-20", "11:29", {}, FreshnessState.LIVE),
    ("2026-11-20 15:30", "2026-11-20", "15:00", {}, FreshnessState.CLOSED),
    ("2026-11-20 15:30", "2026-11-20", "14:00", {}, FreshnessState.STALE),
    ("2026-11-20 15:30", "2026-11-20", "14:00", {"final": True}, FreshnessState.CLOSED),
    ("2026-11-20 15:30", "2026-11-20", None, {}, FreshnessState.CLOSED),
    ("2026-11-20 15:30", "2026-11-19", "15:00", {}, FreshnessState.STALE),
    ("2026-11-22 12:00", "2026-11-20", "15:00", {}, FreshnessState.CLOSED),
    ("2026-11-22 12:00", "2026-11-19", "15:00", {}, FreshnessState.STALE),
    ("2026-11-23 08:00", "2026-11-20", "15:00", {}, FreshnessState.CLOSED),
    ("2026-11-23 09:45", "2026-11-20", "15:00", {}, FreshnessState.CLOSED),
    ("2026-11-23 09:51", "2026-11-20", "15:00", {}, FreshnessState.STALE),
    ("2026-10-01 11:00", "2026-09-30", "15:00", {}, FreshnessState.HOLIDAY),
    ("2026-10-01 11:00", "2026-09-29", "15:00", {}, FreshnessState.STALE),
    ("2027-01-05 11:00", "2026-12-31", "15:00", {}, FreshnessState.CLOSED),
    ("2027-01-05 11:00", "2027-01-05", "10:55", {}, FreshnessState.LIVE),
    ("2027-01-11 11:00", "2026-12-31", "15:00", {}, FreshnessState.STALE),
]


@pytest.mark.parametrize(("now", "day", "at", "known", "state"), STATES)
def test_freshness_is_told_by_the_clock_of_the_exchange(
    now: str, day: str, at: str | None, known: dict[str, bool], state: FreshnessState
) -> None:
    last_at = None if at is None else local("XSHG", f"{day} {at}")
    found = freshness(
        mic="XSHG",
        day=date.fromisoformat(day),
        last_at=last_at,
        now=local("XSHG", now),
        calendar=CALENDAR,
        final=known.get("final", False),
        delayed=known.get("delayed", False),
        suspended=known.get("suspended", False),
        failed=known.get("failed", False),
    )
    assert found is state


def test_freshness_without_any_price_is_stale_or_failed() -> None:
    now = local("XSHG", "2026-11-20 10:30")
    nothing = {"mic": "XSHG", "day": None, "last_at": None}
    assert freshness(**nothing, now=now, calendar=CALENDAR) is FreshnessState.STALE  # type: ignore[arg-type]
    assert freshness(**nothing, now=now, calendar=CALENDAR, failed=True) is FreshnessState.FAILED  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("now", "day", "at", "final", "state"),
    [
        # The closing price is made between 16:08 and 16:10: until then the last one is not it.
        ("16:05", "2026-11-20", "15:59", False, FreshnessState.LIVE),
        ("16:09", "2026-11-20", "16:08", True, FreshnessState.CLOSED),
        ("16:09", "2026-11-20", "15:30", False, FreshnessState.STALE),
        ("16:09", "2026-11-19", "16:08", True, FreshnessState.STALE),
        ("16:09", "2026-11-20", None, False, FreshnessState.STALE),
        ("16:10", "2026-11-20", None, False, FreshnessState.CLOSED),
        ("16:10", "2026-11-20", "15:59", False, FreshnessState.CLOSED),
    ],
)
def test_freshness_in_hong_kong_waits_for_the_closing_auction(
    now: str, day: str, at: str | None, final: bool, state: FreshnessState
) -> None:
    found = freshness(
        mic="XHKG",
        day=date.fromisoformat(day),
        last_at=None if at is None else local("XHKG", f"{day} {at}"),
        now=local("XHKG", f"2026-11-20 {now}"),
        calendar=CALENDAR,
        final=final,
    )
    assert found is state


@pytest.mark.parametrize(
    ("now", "state"),
    [
        ("2026-09-07 11:00", FreshnessState.CLOSED),
        ("2026-09-07 13:49", FreshnessState.CLOSED),
        ("2026-09-07 13:51", FreshnessState.STALE),
    ],
)
def test_a_price_of_the_day_before_does_not_age_until_a_late_opening(now: str, state: FreshnessState) -> None:
    found = freshness(
        mic="XHKG",
        day=date(2026, 9, 4),
        last_at=local("XHKG", "2026-09-04 16:08"),
        now=local("XHKG", now),
        calendar=CALENDAR,
        final=True,
    )
    assert found is state
