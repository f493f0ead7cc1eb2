"""When the sources of exchange rates publish. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dateutil.easter import easter

from valuations.sessions import Calendar, DayKind

_DAY = timedelta(days=1)
_SEARCH_DAYS = 20  # longer than any closure


@dataclass(frozen=True, slots=True)
class Publication:
    """A rate for each business day, out at a fixed time of that day. `is_open` says which days those are."""

    zone: str
    at: time
    is_open: Callable[[date, Calendar], bool]

    def moment(self, day: date) -> datetime:
        """When the rate of a day is out."""
        return datetime.combine(day, self.at, ZoneInfo(self.zone))


def is_mainland_day(day: date, calendar: Calendar) -> bool:
    """Whether the interbank market of the mainland is open, as far as the calendar of Shanghai tells.

    A weekday of a year nobody has entered may be one: asking in vain costs little.
    """
    return calendar.kind("XSHG", day) is not DayKind.CLOSED


def is_target_day(day: date, calendar: Calendar) -> bool:
    """Whether the euro's payment system is open, on whose days the ECB publishes.

    Source: ECB, TARGET closing days: weekends, 1 January, Good Friday, Easter Monday, 1 May, 25 and 26 December.
    """
    if day.weekday() >= 5 or (day.month, day.day) in ((1, 1), (5, 1), (12, 25), (12, 26)):
        return False
    return day - easter(day.year) not in (timedelta(days=-2), timedelta(days=1))


_MAINLAND = Publication("Asia/Shanghai", time(9, 15), is_mainland_day)
_EURO = Publication("Europe/Berlin", time(16), is_target_day)
# Sources that are not here publish weekly or monthly.
PUBLICATIONS = {"cfets": _MAINLAND, "safe": _MAINLAND, "ecb": _EURO, "frankfurter": _EURO}


def last_publication(source: str, now: datetime, calendar: Calendar) -> datetime | None:
    """When the newest daily rates of a source came out; None for a source that does not publish every day."""
    publication = PUBLICATIONS.get(source)
    if publication is None:
        return None
    day = now.astimezone(ZoneInfo(publication.zone)).date()
    for _ in range(_SEARCH_DAYS):
        if publication.is_open(day, calendar) and publication.moment(day) <= now:
            return publication.moment(day)
        day -= _DAY
    return None
