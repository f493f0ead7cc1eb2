"""What was measured, held against its bar, and printed as one table."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """Samples of one quantity, taken one after another once everything was warm."""

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle sample."""
        return median(self.samples)

    @property
    def p95(self) -> float:
        """At least 95 % of the samples are no larger."""
        return sorted(self.samples)[max(0, math.ceil(len(self.samples) * 0.95) - 1)]

    def text(self, unit: str, digits: int = 1) -> str:
        """Median, smallest, 95th percentile (of few samples: largest), and how many there are."""
        if len(self.samples) < 20:
            spread = f"{min(self.samples):.{digits}f}–{max(self.samples):.{digits}f}"
        else:
            spread = f"{min(self.samples):.{digits}f} to p95 {self.p95:.{digits}f}"
        return f"{self.median:.{digits}f} {unit} ({spread}, n={len(self.samples)})"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `reached` is None for a figure without a bar of its own."""

    what: str
    measured: str
    bar: str = ""
    reached: bool | None = None


@dataclass(slots=True)
class Table:
    """The lines measured so far; each is printed as soon as it is known, the whole at the end."""

    rows: list[Row] = field(default_factory=list)

    def add(self, what: str, measured: str, bar: str = "", reached: bool | None = None) -> None:
        """Note one line."""
        self.rows.append(Row(what, measured, bar, reached))
        print(f"    {what}: {measured}", flush=True)

    def at_most(self, what: str, spread: Spread, bar: float, unit: str, digits: int = 1) -> None:
        """Note a spread whose median must not exceed the bar."""
        self.add(what, spread.text(unit, digits), f"≤ {bar:g} {unit}", spread.median <= bar)

    def skip(self, what: str, why: str) -> None:
        """Note that something could not be measured here, which is not the same as reaching its bar."""
        self.add(what, f"not measured: {why}", "", None)

    @property
    def missed(self) -> Sequence[Row]:
        """Lines whose bar was not reached."""
        return [row for row in self.rows if row.reached is False]

    def text(self) -> str:
        """All lines as one table."""
        lines = [("what", "measured", "bar", "reached")]
        lines += [
            (row.what, row.measured, row.bar, {True: "yes", False: "NO", None: ""}[row.reached]) for row in self.rows
        ]
        widths = [max(_width(line[column]) for line in lines) for column in range(4)]
        lines.insert(1, tuple("-" * width for width in widths))  # type: ignore[arg-type]
        return "\n".join(
            " · ".join(cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )


def _width(text: str) -> int:
    """Columns a terminal needs for a text: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
