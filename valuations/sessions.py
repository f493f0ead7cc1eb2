"""When each exchange trades: hours, lunch, half days, holidays, and how fresh a price is by that clock. Pure.

A weekday of a year whose calendar nobody has entered is `unknown`: never taken for open, never for a holiday.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

Hours = tuple[tuple[time, time], ...]


class DayKind(StrEnum):
    """What an exchange does on one day. `late` is a day that opens later than others: a storm, as a rule."""

    OPEN = "open"
    HALF = "half"
    LATE = "late"
    CLOSED = "closed"
    UNKNOWN = "unknown"


class Phase(StrEnum):
    """Where an exchange is in its day. `closed` is a weekend, `holiday` a weekday on which it does not trade.

    `closing_auction` is the time after continuous trading in which the closing price is made (Hong Kong). Where that
    auction is the end of the session itself, as on the mainland, it is `open`.
    """

    OPEN = "open"
    LUNCH = "lunch"
    BEFORE_OPEN = "before_open"
    CLOSING_AUCTION = "closing_auction"
    AFTER_CLOSE = "after_close"
    CLOSED = "closed"
    HOLIDAY = "holiday"
    UNKNOWN = "unknown"


class FreshnessState(StrEnum):
    """The word shown beside a price."""

    LIVE = "live"
    DELAYED = "delayed"
    LUNCH_BREAK = "lunch_break"
    CLOSED = "closed"
    HOLIDAY = "holiday"
    SUSPENDED = "suspended"
    STALE = "stale"
    FAILED = "failed"


@lru_cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@dataclass(frozen=True, slots=True)
class Market:
    """One exchange: its zone, its currency, its hours in local time.

    `auction_from`: when the opening auction starts to show indicative prices. `closing_minutes`: how long after the end
    of continuous trading the closing price is made at the earliest, `settle_minutes`: at the latest.
    """

    mic: str
    tz: str
    currency: str
    sessions: Hours
    half_sessions: Hours
    auction_from: time | None = None
    closing_minutes: int = 0
    settle_minutes: int = 0

    @property
    def zone(self) -> ZoneInfo:
        """The exchange's time zone."""
        return _zone(self.tz)

    @property
    def is_mainland(self) -> bool:
        """Shanghai and Shenzhen, whose rules set a daily limit."""
        return self.mic in ("XSHG", "XSHE")

    def daily_limit(self, board: str, days_since_listing: int | None) -> Decimal | None:
        """Largest move in one day as a fraction of the previous close, or None where no bound applies.

        Args:
            board: As the listing names it ("STAR", "ChiNext", "Main Board").
            days_since_listing: Sessions since the first one: 0 on the first day; None when it is long ago or not known.

        Hong Kong and New York have no limit; half the price is a bound on what we believe without a second look.
        """
        age = 10_000 if days_since_listing is None else days_since_listing
        if not self.is_mainland:
            return None if age < 1 else Decimal("0.5")
        if age < 5:
            return None
        wide = any(word in board.casefold() for word in ("star", "chinext", "科创", "创业"))
        return Decimal("0.2") if wide else Decimal("0.1")


# The closing auction (from 14:57) is the end of the session. STAR and ChiNext trade at the closing price until 15:30:
# that moves no price, but a source may stamp one with the time of such a trade.
_MAINLAND: Hours = ((time(9, 30), time(11, 30)), (time(13), time(15)))
_NEW_YORK: Hours = ((time(9, 30), time(16)),)
_NEW_YORK_HALF: Hours = ((time(9, 30), time(13)),)

MARKETS: dict[str, Market] = {
    market.mic: market
    for market in (
        Market("XSHG", "Asia/Shanghai", "CNY", _MAINLAND, _MAINLAND[:1], auction_from=time(9, 15)),
        Market("XSHE", "Asia/Shanghai", "CNY", _MAINLAND, _MAINLAND[:1], auction_from=time(9, 15)),
        Market(
            "XHKG",
            "Asia/Hong_Kong",
            "HKD",
            ((time(9, 30), time(12)), (time(13), time(16))),
            ((time(9, 30), time(12)),),
            auction_from=time(9),
            # The closing auction ends at a random moment between 16:08 and 16:10.
            closing_minutes=8,
            settle_minutes=10,
        ),
        Market("XNAS", "America/New_York", "USD", _NEW_YORK, _NEW_YORK_HALF),
        Market("XNYS", "America/New_York", "USD", _NEW_YORK, _NEW_YORK_HALF),
        Market("XASE", "America/New_York", "USD", _NEW_YORK, _NEW_YORK_HALF),
    )
}

_DAY = timedelta(days=1)
# Longest closure ever seen is about two weeks; a search further back finds only gaps in the calendar.
_SEARCH_DAYS = 60
_WEEKDAYS_BEFORE_STALE = 5
_DELAY_MINUTES = 15


def local_day(at: datetime, mic: str) -> date:
    """The exchange's own day of a moment."""
    return at.astimezone(MARKETS[mic].zone).date()


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which days are sessions: `exceptions` to "weekdays are open" within the `known_years` of each exchange.

    `clock` has the opening and the closing of days that keep other hours than the rest of their kind, in local time;
    None in it is the usual one.
    """

    exceptions: Mapping[tuple[str, date], DayKind] = field(default_factory=dict)
    known_years: Mapping[str, frozenset[int]] = field(default_factory=dict)
    clock: Mapping[tuple[str, date], tuple[time | None, time | None]] = field(default_factory=dict)

    def kind(self, mic: str, day: date) -> DayKind:
        """What `mic` does on `day`; a weekday outside the known years is unknown."""
        exception = self.exceptions.get((mic, day))
        if exception is not None:
            return exception
        if day.weekday() >= 5:
            return DayKind.CLOSED
        return DayKind.OPEN if day.year in self.known_years.get(mic, frozenset()) else DayKind.UNKNOWN

    def is_session(self, mic: str, day: date) -> bool:
        """Known to trade on `day`, for the whole day or a part of it."""
        return self.kind(mic, day) in (DayKind.OPEN, DayKind.HALF, DayKind.LATE)

    def last_session(self, mic: str, on_or_before: date) -> date | None:
        """The newest day known to be a session, or None when none is known within two months."""
        day = on_or_before
        for _ in range(_SEARCH_DAYS):
            if self.is_session(mic, day):
                return day
            day -= _DAY
        return None

    def previous_session(self, mic: str, before: date) -> date | None:
        """The newest known session earlier than `before`."""
        return self.last_session(mic, before - _DAY)

    def sessions_between(self, mic: str, after: date, until: date) -> tuple[date, ...]:
        """Known sessions later than `after`, up to and including `until`; oldest first."""
        return tuple(day for day in _days(after, until) if self.is_session(mic, day))

    def possible_sessions(self, mic: str, after: date, until: date) -> int:
        """How many days in (`after`, `until`] may have been sessions: the known ones and the unknown weekdays."""
        return sum(self.kind(mic, day) is not DayKind.CLOSED for day in _days(after, until))

    def unknown_weekdays(self, mic: str, after: date, until: date) -> int:
        """How many days in (`after`, `until`] nobody has entered into the calendar."""
        return sum(self.kind(mic, day) is DayKind.UNKNOWN for day in _days(after, until))

    def hours(self, mic: str, day: date) -> tuple[tuple[datetime, datetime], ...]:
        """Opening spells of one day as aware datetimes; empty when it is not known to be a session."""
        market = MARKETS[mic]
        opens, closes = self.clock.get((mic, day), (None, None))
        match self.kind(mic, day):
            case DayKind.HALF if closes is None:
                usual = market.half_sessions
            case DayKind.OPEN | DayKind.HALF | DayKind.LATE:
                usual = market.sessions
            case _:
                return ()
        zone = market.zone
        spells = spells_between(usual, opens, closes)
        return tuple((datetime.combine(day, a, zone), datetime.combine(day, b, zone)) for a, b in spells)

    def opens_at(self, mic: str, day: date) -> datetime | None:
        """Start of continuous trading, or None when `day` is not a known session."""
        spells = self.hours(mic, day)
        return spells[0][0] if spells else None

    def closes_at(self, mic: str, day: date) -> datetime | None:
        """End of continuous trading, or None when `day` is not a known session."""
        spells = self.hours(mic, day)
        return spells[-1][1] if spells else None

    def settles_at(self, mic: str, day: date) -> datetime | None:
        """When the closing price is certain to be made, closing auction included."""
        closes = self.closes_at(mic, day)
        return None if closes is None else closes + timedelta(minutes=MARKETS[mic].settle_minutes)

    def finished_session(self, mic: str, now: datetime) -> date | None:
        """The newest known session whose closing price is made by `now`."""
        today = local_day(now, mic)
        settles = self.settles_at(mic, today)
        if settles is not None and now >= settles:
            return today
        return self.previous_session(mic, today)

    def open_minutes(self, mic: str, since: datetime, until: datetime) -> int:
        """Whole minutes the exchange was known to be open between two aware datetimes."""
        zone = MARKETS[mic].zone
        total = timedelta()
        for day in _days(since.astimezone(zone).date() - _DAY, until.astimezone(zone).date()):
            for opens, closes in self.hours(mic, day):
                total += max(min(closes, until) - max(opens, since), timedelta())
        return total // timedelta(minutes=1)

    def phase(self, mic: str, at: datetime) -> Phase:
        """Where `mic` is in its day at an aware datetime. The end of a spell belongs to what follows it."""
        day = local_day(at, mic)
        kind = self.kind(mic, day)
        if kind is DayKind.UNKNOWN:
            return Phase.UNKNOWN
        if kind is DayKind.CLOSED:
            return Phase.CLOSED if day.weekday() >= 5 else Phase.HOLIDAY
        spells, settles = self.hours(mic, day), self.settles_at(mic, day)
        if settles is None:
            return Phase.UNKNOWN  # hours were entered that leave no time to trade
        if at < spells[0][0]:
            return Phase.BEFORE_OPEN
        if at >= settles:
            return Phase.AFTER_CLOSE
        if at >= spells[-1][1]:
            return Phase.CLOSING_AUCTION
        return Phase.OPEN if any(opens <= at < closes for opens, closes in spells) else Phase.LUNCH


def spells_between(usual: Hours, opens: time | None, closes: time | None) -> Hours:
    """The usual spells of a day, but from `opens` and until `closes` where they are given.

    Hours that lie outside all usual spells are a spell of their own when both ends are known, and nothing otherwise.
    """
    spells = [(a, b) for a, b in usual if (opens is None or opens < b) and (closes is None or a < closes)]
    if not spells:
        return () if opens is None or closes is None else ((opens, closes),)
    if opens is not None:
        spells[0] = opens, spells[0][1]
    if closes is not None:
        spells[-1] = spells[-1][0], closes
    return tuple(spells)


def _days(after: date, until: date) -> Iterator[date]:
    day = after
    while day < until:
        day += _DAY
        yield day


def freshness(
    *,
    mic: str,
    day: date | None,
    last_at: datetime | None,
    now: datetime,
    calendar: Calendar,
    final: bool = False,
    delayed: bool = False,
    suspended: bool = False,
    failed: bool = False,
    limit_minutes: int = 20,
) -> FreshnessState:
    """The state of the price we hold, by the exchange's own clock.

    Args:
        day: Trading day of the price; None when there is no price at all.
        last_at: Its time stamp, None for a daily row without one.
        final: It is known to be the closing price of `day`.
        delayed: Its source is about fifteen minutes late; it is given that much longer.
        suspended: The source said that the share does not trade; its last price is rightly old.
        failed: The latest attempt to fetch it failed. Shown only once the price is no longer current.
        limit_minutes: How many minutes of open exchange a price may miss.
    """
    outdated = FreshnessState.FAILED if failed else FreshnessState.STALE
    if suspended:
        return FreshnessState.SUSPENDED
    if day is None:
        return outdated
    local = now.astimezone(MARKETS[mic].zone)
    limit = limit_minutes + (_DELAY_MINUTES if delayed else 0)
    moving = FreshnessState.DELAYED if delayed else FreshnessState.LIVE

    finished = calendar.finished_session(mic, now)
    if finished is not None and day < finished:
        return outdated
    if calendar.unknown_weekdays(mic, max(day, local.date() - timedelta(days=_SEARCH_DAYS)), local.date()) > (
        _WEEKDAYS_BEFORE_STALE
    ):
        return outdated

    phase = calendar.phase(mic, now)
    if phase is Phase.HOLIDAY:
        return FreshnessState.HOLIDAY
    if phase in (Phase.CLOSED, Phase.BEFORE_OPEN):
        return FreshnessState.CLOSED
    if phase is Phase.UNKNOWN:
        # Nobody said that the exchange trades today; a price of this very moment shows that it does.
        recent = last_at is not None and now - last_at <= timedelta(minutes=limit)
        return moving if recent and not final else FreshnessState.CLOSED

    is_over = day == local.date() and phase in (Phase.CLOSING_AUCTION, Phase.AFTER_CLOSE)
    # The price is the close: by its own time or, for a daily row without one, because the close is made.
    if is_over and (final or (last_at is None and day == finished)):
        return FreshnessState.CLOSED
    if day < local.date() or last_at is None:
        opened = calendar.opens_at(mic, local.date())
        missed = limit + 1 if opened is None else calendar.open_minutes(mic, opened, now)
    else:
        missed = calendar.open_minutes(mic, last_at, now)
    if missed > limit:
        return outdated
    if phase is Phase.LUNCH:
        return FreshnessState.LUNCH_BREAK
    if phase is Phase.AFTER_CLOSE or day < local.date():
        return FreshnessState.CLOSED
    return moving
