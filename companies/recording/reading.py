"""Figures as people may see them, and what their pages show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet

from companies.history import versions_of
from companies.models import Anchor, Figure, User
from companies.recording.amounts import states_plain
from companies.roles import may_decide, may_propose

Status = Figure.Status
PUBLIC = (Status.CONFIRMED, Status.SUPERSEDED)
LONGEST_CHAIN = 50


def visible_to(user: User | AnonymousUser) -> QuerySet[Figure]:
    """Figures that somebody may see: confirmed ones and what they replaced; others for those who work on figures."""
    if may_propose(user) or may_decide(user):
        return Figure.objects.all()
    own = Q(entered_by=user) if isinstance(user, User) else Q()
    return Figure.objects.filter(Q(status__in=PUBLIC) | own) if own else Figure.objects.filter(status__in=PUBLIC)


@dataclass(frozen=True, slots=True)
class Corrected:
    """What a figure said before it was corrected: the last version that said so, and when that ended."""

    version: Any
    until: datetime


@dataclass(frozen=True, slots=True)
class FigurePage:
    """A figure with everything its page says of it."""

    figure: Figure
    replaced_by: Figure | None
    earlier: Sequence[Figure]  # what it replaces, and what that replaced
    others: Sequence[Figure]  # of the same company, metric and period
    corrected: Sequence[Corrected] = ()  # what it said itself before somebody corrected it, newest first

    @property
    def needs_review(self) -> bool:
        """Whether its passage was not found for certain in the newest text."""
        anchor = self.figure.anchor
        return anchor is not None and anchor.state == Anchor.State.NEEDS_REVIEW

    @property
    def is_stated(self) -> bool:
        """Whether its passage states its numbers."""
        return is_stated(self.figure)


def figure_page(figure: Figure, user: User | AnonymousUser) -> FigurePage:
    """What the page of a figure says to somebody."""
    same = visible_to(user).filter(company=figure.company_id, metric=figure.metric, period=figure.period)
    family = {one.pk: one for one in same.exclude(pk=figure.pk).select_related("source", "anchor__version")}
    earlier: list[Figure] = []
    at = figure
    while at.replaces_id in family and len(earlier) < LONGEST_CHAIN:
        at = family.pop(at.replaces_id)
        earlier.append(at)
    newer = next((one for one in family.values() if one.replaces_id == figure.pk and one.status in PUBLIC), None)
    others = [one for one in family.values() if one is not newer and one.status != Status.REJECTED]
    return FigurePage(figure, newer, earlier, others, corrected_values(figure))


def corrected_values(figure: Figure) -> list[Corrected]:
    """What a figure said at other times, newest first: only what everybody could read then."""
    found: list[Corrected] = []
    newer: Any = figure
    for version in versions_of(Figure).filter(id=figure.pk, status__in=PUBLIC):
        if _value(version) != _value(newer) and newer is not figure:
            found.append(Corrected(version, newer.history_date))
        newer = version
    return found


def _value(one: Any) -> tuple[Any, ...]:
    return one.low, one.high, one.currency


def is_stated(figure: Figure) -> bool:
    """Whether the words of a figure's passage state each of its ends."""
    return all(states_plain(figure.passage, end, figure.currency) for end in ends(figure))


def ends(figure: Figure) -> tuple[Decimal, ...]:
    """The one or two numbers of a figure."""
    return tuple({end for end in (figure.low, figure.high) if end is not None})
