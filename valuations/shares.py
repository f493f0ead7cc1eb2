"""How many shares there were on a day. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

ALL = "all"  # counts and actions of all share classes together


class CountMissing(LookupError):
    """No share count holds on the day. `since` is the first day with one, if there is any."""

    def __init__(self, since: date | None) -> None:
        super().__init__(f"share count known since {since}" if since else "no share count known")
        self.since = since


@dataclass(frozen=True, slots=True)
class Count:
    """Shares of a class from a day on. `rank` orders sources of one day, lowest first; `key` finds the row again."""

    total: int
    valid_from: date
    rank: tuple[int, ...] = ()
    key: int = 0


@dataclass(frozen=True, slots=True)
class Action:
    """A corporate action: on `ex_day` the count is multiplied by `ratio` and `new_shares` are added.

    A cash dividend has ratio 1 and adds none: it is an action, but nothing here follows from it.
    """

    ex_day: date
    ratio: Decimal
    new_shares: int
    kind: str
    key: int = 0

    @property
    def changes_count(self) -> bool:
        """Whether there are more or fewer shares after it."""
        return self.ratio != 1 or self.new_shares != 0


@dataclass(frozen=True, slots=True)
class SharesOnDay:
    """A share count on a day, with what it was made from."""

    total: int
    count: Count
    actions: tuple[Action, ...]
    reached_back: bool


def shares_on(
    day: date, counts: Iterable[Count], actions: Iterable[Action], listed_on: date | None = None
) -> SharesOnDay:
    """The number of shares on a day.

    The last count on or before the day holds, carried over the corporate actions since. Before the first count, that
    count reaches back to the first day of trading, unless a corporate action lies between.

    Args:
        day: The day asked for.
        counts: Known counts of the class, in any order.
        actions: Corporate actions of the class, in any order; those that leave the count as it is are passed over.
        listed_on: First day of trading; None lets the first count reach back without a limit.

    Raises:
        CountMissing: Nothing is known for that day.

    Source: docs/formulas.md, "Shares on a day".
    """
    by_age = sorted(counts, key=lambda count: (count.valid_from, [-place for place in count.rank]))
    in_order = sorted((action for action in actions if action.changes_count), key=lambda action: action.ex_day)
    if not by_age:
        raise CountMissing(None)
    known = [count for count in by_age if count.valid_from <= day]
    if known:
        count = known[-1]
        since = tuple(action for action in in_order if count.valid_from < action.ex_day <= day)
        total = Decimal(count.total)
        for action in since:
            total = total * action.ratio + action.new_shares
        return SharesOnDay(int(total.to_integral_value(ROUND_HALF_EVEN)), count, since, reached_back=False)
    earliest = by_age[0].valid_from
    first = [count for count in by_age if count.valid_from == earliest][-1]
    too_early = listed_on is not None and day < listed_on
    if too_early or any(day < action.ex_day <= earliest for action in in_order):
        blocking = [action.ex_day for action in in_order if action.ex_day <= earliest]
        raise CountMissing(max([*blocking, *([listed_on] if listed_on else [])], default=earliest))
    return SharesOnDay(first.total, first, (), reached_back=True)


def behind_price(
    share_class: str,
    counts: Mapping[str, Sequence[Count]],
    actions: Iterable[tuple[str, Action]],
    *,
    alone: bool,
) -> tuple[str, Sequence[Count], list[Action]]:
    """Which shares a price of a class is multiplied with: their class, its counts, and what happened to them.

    Args:
        share_class: Of the listing that has the price.
        counts, actions: Of the company, by share class.
        alone: No other class is listed, so the price values the shares of all.

    Raises:
        CountMissing: There is no count of the class, nor one of all classes that may stand for it.

    Source: docs/formulas.md, "Market value".
    """
    wanted = (ALL, share_class) if alone else (share_class,)
    counted = next((name for name in wanted if counts.get(name)), None)
    if counted is None:
        raise CountMissing(None)
    return counted, counts[counted], [action for name, action in actions if name in (ALL, share_class)]


def adjustment(day: date, actions: Iterable[Action]) -> Decimal:
    """What an unadjusted price of a day is multiplied by to compare with prices of today.

    A bonus of 4.9 for 10 that went ex later gives 1 ÷ 1.49. Placings do not adjust prices.

    Source: docs/formulas.md, "Adjusted price".
    """
    factor = Decimal(1)
    for action in actions:
        if action.ex_day > day:
            factor /= action.ratio
    return factor
