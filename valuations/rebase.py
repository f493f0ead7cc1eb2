"""Prices of several shares on one scale. Pure: values in, values out."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

START = Decimal(100)  # what every line is on the base day
Points = Sequence[tuple[date, Decimal]]  # oldest first, one per day


def base_day(series: Iterable[Points]) -> date:
    """The first day by which every series has a value; a series without any has no say.

    Raises:
        ValueError: No series has a value.

    Source: docs/formulas.md, "Rebased price".
    """
    return max(points[0][0] for points in series if points)


def rebased(points: Points, base: date) -> list[tuple[date, Decimal]]:
    """The series from `base` on, as if it had been 100 on that day.

    An exchange that is closed on the base day counts with its last value before.

    Raises:
        ValueError: The series has no value on or before `base`.

    Source: docs/formulas.md, "Rebased price".
    """
    after = bisect_right(points, base, key=lambda point: point[0])
    if not after:
        raise ValueError(f"no value on or before {base}")
    divisor = points[after - 1][1]
    return [(base, START), *((day, START * value / divisor) for day, value in points[after:])]
