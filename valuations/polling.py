"""How long an open page waits before it asks for news: briefly while prices move, rarely while they rest. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from valuations.sessions import MARKETS, Calendar

# How long after the end of a session its closing price may still arrive.
SETTLING = timedelta(minutes=20)


def poll_after(
    mics: Iterable[str], now: datetime, calendar: Calendar, *, delay: timedelta, moving: int, resting: int
) -> int:
    """Seconds until the next question.

    Args:
        mics: The exchanges whose prices the page shows.
        delay: How much later than others this reader sees a price; so much longer prices arrive after the close.
        moving: Seconds while one of the exchanges is in session, or its close may still come.
        resting: Seconds otherwise. An opening within that time is waited for and no longer.
    """
    waits = [resting]
    for mic in set(mics) & MARKETS.keys():
        zone = MARKETS[mic].zone
        for day in {now.astimezone(zone).date(), (now - SETTLING - delay).astimezone(zone).date()}:
            for opens, closes in calendar.hours(mic, day):
                if opens <= now < closes + SETTLING + delay:
                    return moving
                if opens > now:
                    waits.append(int((opens - now).total_seconds()) + 1)
    return max(1, min(waits))
