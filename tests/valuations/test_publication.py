"""When the sources of exchange rates publish."""

from datetime import UTC, date, datetime

import pytest

from valuations.publication import is_target_day, last_publication
from valuations.sessions import Calendar, DayKind

CALENDAR = Calendar({("XSHG", date(2026, 10, 1)): DayKind.CLOSED}, {"XSHG": frozenset({2026})})


@pytest.mark.parametrize(
    ("day", "open_"),
    [
        ("2026-01-01", False),
        ("2026-04-02", True),
        ("2026-04-03", False),  # Good Friday
        ("2026-04-06", False),  # Easter Monday
        ("2026-04-07", True),
        ("2026-05-01", False),
        ("2026-05-14", True),  # Ascension Day is a holiday in Frankfurt, and TARGET is open
        ("2026-11-21", False),  # Saturday
        ("2026-12-24", True),
        ("2026-12-25", False),
        ("2027-03-26", False),  # Good Friday
        ("2027-03-29", False),  # Easter Monday
    ],
)
def test_the_ecb_publishes_on_target_days(day: str, open_: bool) -> None:
    assert is_target_day(date.fromisoformat(day), CALENDAR) is open_


@pytest.mark.parametrize(
    ("source", "now", "published"),
    [
        # 09:15 in Shanghai is 01:15 UTC.
        ("cfets", "2026-11-20 01:14", "2026-11-19 01:15"),
        ("cfets", "2026-11-20 01:15", "2026-11-20 01:15"),
        ("cfets", "2026-11-22 12:00", "2026-11-20 01:15"),
        ("safe", "2026-10-01 12:00", "2026-09-30 01:15"),
        # A weekday of a year that nobody has entered may be a business day.
        ("cfets", "2027-02-08 12:00", "2027-02-08 01:15"),
        # 16:00 in Frankfurt is 15:00 UTC in winter and 14:00 in summer.
        ("ecb", "2026-11-20 14:59", "2026-11-19 15:00"),
        ("ecb", "2026-11-20 15:00", "2026-11-20 15:00"),
        ("frankfurter", "2026-07-01 14:00", "2026-07-01 14:00"),
        ("ecb", "2026-04-06 20:00", "2026-04-02 14:00"),
        ("fred", "2026-11-20 12:00", None),
        ("hkma", "2026-11-20 12:00", None),
    ],
)
def test_the_newest_daily_rates_came_out_at_the_hour_of_their_source(
    source: str, now: str, published: str | None
) -> None:
    expected = published and datetime.fromisoformat(published).replace(tzinfo=UTC)
    assert last_publication(source, datetime.fromisoformat(now).replace(tzinfo=UTC), CALENDAR) == expected
