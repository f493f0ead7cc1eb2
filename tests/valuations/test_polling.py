"""How long an open page waits. The week used: Monday 2026-11-23 to Friday 2026-11-27; clock times are UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from valuations.polling import poll_after
from valuations.sessions import Calendar

CALENDAR = Calendar({}, {mic: frozenset({2026}) for mic in ("XSHG", "XHKG", "XNAS")})


@pytest.mark.parametrize(
    ("mics", "now", "seconds"),
    [
        (["XSHG"], "23 01:30", 15),  # 09:30 in Shanghai
        (["XSHG"], "23 03:29", 15),
        (["XSHG"], "23 03:49", 15),  # 11:49: the last prices of the morning may still come
        (["XSHG"], "23 03:50", 300),  # lunch
        (["XSHG"], "23 07:19", 15),  # 15:19
        (["XSHG"], "23 07:20", 300),  # the evening
        (["XSHG"], "23 01:28", 121),  # two minutes before the opening, and a second so as not to be early
        (["XSHG"], "23 04:57", 181),  # three minutes before the afternoon
        (["XSHG"], "22 03:00", 300),  # Sunday
        (["XSHG", "XNAS"], "23 15:00", 15),  # evening in Shanghai, morning in New York
        (["XSHG", "XNAS"], "23 22:00", 300),
        (["XLON"], "23 10:00", 300),  # hours we do not know
        ([], "23 02:00", 300),
    ],
)
def test_a_page_asks_often_only_while_one_of_its_exchanges_moves(mics: list[str], now: str, seconds: int) -> None:
    moment = datetime.strptime(f"2026-11-{now} +0000", "%Y-%m-%d %H:%M %z")
    assert poll_after(mics, moment, CALENDAR, delay=timedelta(), moving=15, resting=300) == seconds


def test_who_sees_prices_late_asks_longer_after_the_close() -> None:
    late = datetime(2026, 11, 23, 7, 34, tzinfo=UTC)  # 15:34 in Shanghai
    wait = {"moving": 15, "resting": 300}
    assert poll_after(["XSHG"], late, CALENDAR, delay=timedelta(minutes=15), **wait) == 15
    assert poll_after(["XSHG"], late + timedelta(minutes=1), CALENDAR, delay=timedelta(minutes=15), **wait) == 300
