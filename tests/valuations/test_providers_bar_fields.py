"""Bars out of the fields of a reply."""

from datetime import date
from decimal import Decimal

import pytest

from companies.sources.base import BadBody
from valuations.providers.bar_fields import daily_bar
from valuations.providers.base import DailyBar

FIELDS: dict[str, object] = {
    "day": "2026-11-20",
    "open": "80.1",
    "close": "80.8",
    "high": "81.5",
    "low": "79.6",
    "volume": "500",
}


def test_a_bar_is_made_of_texts() -> None:
    assert daily_bar(FIELDS) == DailyBar(
        date(2026, 11, 20), Decimal("80.1"), Decimal("80.8"), Decimal("81.5"), Decimal("79.6"), volume=500
    )


@pytest.mark.parametrize("name", ["open", "close", "high", "low"])
@pytest.mark.parametrize("value", [None, "", "0", "-1", "N/D"])
def test_a_day_without_a_price_has_no_bar(name: str, value: object) -> None:
    assert daily_bar({**FIELDS, name: value}) is None


@pytest.mark.parametrize(
    ("amount", "unit", "shares"),
    # At about 80 a share 40,000 are 500 shares, 4,000,000 are 500 lots; without turnover the documented unit counts.
    [("40000", 100, 500), ("4000000", 1, 50_000), (None, 100, 50_000), (None, 1, 500)],
)
def test_what_the_volume_counts_follows_from_the_turnover(amount: str | None, unit: int, shares: int) -> None:
    bar = daily_bar({**FIELDS, "amount": amount}, unit=unit)
    assert bar is not None
    assert bar.volume == shares


@pytest.mark.parametrize(("day", "close"), [("20261120", "80.8"), ("2026-11-20", "8O.8"), ("2026-11-20", "NaN")])
def test_an_unreadable_field_spoils_the_reply(day: str, close: str) -> None:
    with pytest.raises(BadBody, match="unreadable bar"):
        daily_bar({**FIELDS, "day": day, "close": close})
