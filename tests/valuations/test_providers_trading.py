"""What the sources of prices share: why a row shows no trade, how old a price can be, in what unit a volume is."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from valuations.providers.trading import last_chance_to_trade, shares_traded, utc_time


@pytest.mark.parametrize(
    ("mic", "asked_at", "moment"),
    [
        ("XSHG", "2026-11-20 10:30", "2026-11-20 10:30"),  # Friday
        ("XSHG", "2026-11-20 20:00", "2026-11-20 15:00"),
        ("XSHG", "2026-11-21 12:00", "2026-11-20 15:00"),
        ("XSHG", "2026-11-23 08:00", "2026-11-20 15:00"),
        ("XSHG", "2026-11-24 09:29", "2026-11-23 15:00"),
        ("XHKG", "2026-11-22 10:30", "2026-11-20 16:00"),
        ("XNAS", "2026-11-20 04:30", "2026-11-19 16:00"),
        ("XNAS", "2026-11-20 19:30", "2026-11-20 16:00"),
    ],
)
def test_a_price_is_no_newer_than_the_last_regular_hours(mic: str, asked_at: str, moment: str) -> None:
    zone = last_chance_to_trade(mic, datetime(2026, 11, 20, tzinfo=UTC)).tzinfo
    at = datetime.fromisoformat(asked_at).replace(tzinfo=zone)
    assert last_chance_to_trade(mic, at.astimezone(UTC)) == datetime.fromisoformat(moment).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("volume", "amount", "documented", "shares"),
    [
        ("50000", "3003000000", 1, 5_000_000),  # 60,060 for one: lots of a hundred at 600.60
        ("5000000", "3003000000", 100, 5_000_000),
        ("50000", None, 100, 5_000_000),
        ("50000", "1", 100, None),  # a turnover that fits neither
        ("0", "0", 100, 0),
        (None, "3003000000", 100, None),
        ("-1", None, 1, None),
    ],
)
def test_the_turnover_tells_the_unit_of_the_volume(
    volume: str | None, amount: str | None, documented: int, shares: int | None
) -> None:
    stated = None if volume is None else Decimal(volume)
    turnover = None if amount is None else Decimal(amount)
    assert shares_traded(stated, turnover, Decimal("588.88"), Decimal(612), documented=documented) == shares


@pytest.mark.parametrize("seconds", [None, "", "-", 0, -5, 1795161249000, "today"])
def test_what_is_no_time_is_refused(seconds: object) -> None:
    with pytest.raises(ValueError, match="no"):
        utc_time(seconds)
