"""Which of several sources of one figure is shown. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from valuations.money import Money

# Firmest first. Of two figures of one period the firmer one is shown.
BASES = ("actual", "preliminary", "guidance", "forecast", "claimed")
# Nearest to the company's own words first.
TIERS = ("official", "mirror", "media", "data_site", "secondary")


@dataclass(frozen=True, slots=True)
class FigureFact:
    """One figure as a source gives it. `key` finds its row again."""

    key: int
    period: str
    start: date | None
    end: date
    low: Decimal | None
    high: Decimal | None
    currency: str
    basis: str
    reported_in: str
    tier: str
    known_on: date

    @property
    def money(self) -> Money:
        """The figure as a range of money."""
        return Money.between(self.low, self.high, self.currency)

    @property
    def months(self) -> int:
        """Length of its period in whole months; 0 for a stock on one day."""
        return 0 if self.start is None else round((self.end - self.start).days / 30.4)

    @property
    def is_fiscal_year(self) -> bool:
        """Whether it is of a whole fiscal year."""
        return self.period.startswith("FY") and len(self.period) == len("FY2025")


@dataclass(frozen=True, slots=True)
class Choice:
    """The figure shown, and what other sources say of the same period."""

    figure: FigureFact
    also: tuple[FigureFact, ...]


def choice(figures: Iterable[FigureFact]) -> Choice:
    """Choose among figures of one metric and one period.

    The firmest basis first. A company's newer guidance replaces its older one: of several kinds of report the one that
    appeared last counts. Within that: official before mirror before media before data site before secondary, then the
    newer page, then a closed range before an open one.

    Raises:
        ValueError: There is no figure.

    Source: docs/formulas.md, "Choice among sources".
    """
    ranked = sorted(figures, key=_rank)
    if not ranked:
        raise ValueError("no figure to choose from")
    firmest = [figure for figure in ranked if figure.basis == ranked[0].basis]
    if firmest[0].basis == "guidance":
        firmest = _newest_statement(firmest)
    best = firmest[0]
    return Choice(best, tuple(figure for figure in ranked if figure is not best))


def _rank(figure: FigureFact) -> tuple[int, int, int, bool, int]:
    return (
        BASES.index(figure.basis),
        TIERS.index(figure.tier),
        -figure.known_on.toordinal(),
        figure.low is None or figure.high is None,
        figure.key,
    )


def _newest_statement(ranked: Sequence[FigureFact]) -> list[FigureFact]:
    first_seen: dict[str, date] = {}
    for figure in ranked:
        seen = first_seen.get(figure.reported_in, figure.known_on)
        first_seen[figure.reported_in] = min(seen, figure.known_on)
    newest = max(first_seen.values())
    return [figure for figure in ranked if first_seen[figure.reported_in] == newest]
