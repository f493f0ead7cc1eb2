"""What the columns of prices, rates, dividends and volumes can hold: the same numbers as in the models. Pure."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Column:
    """A column of decimals: `digits` in all, `places` of them behind the point."""

    digits: int
    places: int

    @property
    def step(self) -> Decimal:
        """The smallest number above zero that it holds."""
        return Decimal(1).scaleb(-self.places)

    def holds(self, number: Decimal) -> bool:
        """Whether a number above zero can be stored: rounding makes neither zero of it nor one digit too many."""
        return self.step <= number <= Decimal(1).scaleb(self.digits - self.places) - 1


PRICE = Column(20, 6)
RATE = Column(20, 10)
RATIO = Column(16, 8)
CASH = Column(20, 8)
_MOST_SHARES = 2**63 - 1


def holds_volume(shares: int) -> bool:
    """Whether a number of shares traded can be stored."""
    return 0 <= shares <= _MOST_SHARES
