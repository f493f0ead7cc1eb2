"""Deciding about proposed figures: what one would change on the sector page, and the decision itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils import timezone

from companies.history import changing
from companies.models import Anchor, Company, Figure, Revision, User
from valuations.choice import BASES, TIERS, FigureFact
from valuations.snapshot import FLOW_METRICS, CompanyValuation, Question, snapshots, today
from valuations.trailing import RevenueBasis

Status = Figure.Status
FIELDS = ("revenue", "price_to_sales", "rd_to_revenue")


class CannotDecide(Exception):
    """A decision that is not taken; `code` says why, `figure` is the figure as it is now."""

    def __init__(self, code: str, figure: Figure) -> None:
        super().__init__(code)
        self.code, self.figure = code, figure


# --- What would change ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """The row of the company on one revenue basis, before and after."""

    basis: RevenueBasis
    before: CompanyValuation
    after: CompanyValuation
    use: str = ""  # how the row uses the figure then, see `use`
    instead: FigureFact | None = None  # the figure that is shown where this one is not

    @property
    def differs(self) -> bool:
        """Whether any number of the row is another one."""
        return any(shown(self.before, name) != shown(self.after, name) for name in FIELDS)


@dataclass(frozen=True, slots=True)
class Preview:
    """What the sector page shows of a company now, and would show with a proposed figure."""

    figure: Figure
    changes: tuple[Change, ...]

    @property
    def concerns_the_sector(self) -> bool:
        """Whether the sector page is made from figures of this kind at all."""
        return self.figure.metric in FLOW_METRICS

    @property
    def differs(self) -> bool:
        """Whether the sector page changes on any basis."""
        return any(change.differs for change in self.changes)


def preview(figure: Figure, currency: str = "CNY") -> Preview:
    """The rows of the figure's company today, without the figure and with it. Nothing is written."""
    question = Question(as_of=today(), currency=currency)
    company = Company.objects.filter(pk=figure.company_id)
    before = snapshots(question, RevenueBasis, company)
    after = snapshots(question, RevenueBasis, company, as_if=(figure,))
    return Preview(
        figure, tuple(_change(figure, basis, before[basis].rows[0], after[basis].rows[0]) for basis in RevenueBasis)
    )


def preview_together(figures: Sequence[Figure], currency: str = "CNY") -> list[Change]:
    """The rows that are others once all of several proposed figures are confirmed, by company and basis.

    Nothing is written. The number of queries does not depend on how many figures they are.
    """
    question = Question(as_of=today(), currency=currency)
    companies = Company.objects.filter(pk__in={figure.company_id for figure in figures}).order_by("name_en")
    before = snapshots(question, RevenueBasis, companies)
    after = snapshots(question, RevenueBasis, companies, as_if=figures)
    changes = [
        Change(basis, old, new)
        for basis in RevenueBasis
        for old, new in zip(before[basis].rows, after[basis].rows, strict=True)
    ]
    changes.sort(key=lambda change: change.before.company.name_en)  # keeps the order of the bases
    return [change for change in changes if change.differs]


def _change(figure: Figure, basis: RevenueBasis, before: CompanyValuation, after: CompanyValuation) -> Change:
    return Change(basis, before, after, *use(figure, after))


def use(figure: Figure, row: CompanyValuation) -> tuple[str, FigureFact | None]:
    """How a row uses a figure: `shown`, or why not: `later`, `basis`, `tier` or `newer` of another one, `unused`.

    With the figure that is shown in its place, where there is one.
    """
    if figure.known_on > today():
        return "later", None
    amount = row.revenue if figure.metric == "revenue" else row.rd_expense
    for term in amount.flow.terms if amount else ():
        chosen = term.choice.figure
        if chosen.key == figure.pk:
            return "shown", None
        if any(other.key == figure.pk for other in term.choice.also):
            return _why_after(figure, chosen), chosen
    return "unused", None


def _why_after(figure: Figure, chosen: FigureFact) -> str:
    if BASES.index(chosen.basis) != BASES.index(figure.basis):
        return "basis"
    return "tier" if TIERS.index(chosen.tier) != TIERS.index(figure.source.tier) else "newer"


def shown(row: CompanyValuation, name: str) -> object:
    """A number of a row as it can be compared: its amount, or why there is none."""
    if name == "market_value":
        return row.market_value and (row.market_value.money, row.market_value.day)
    if name == "revenue":
        return (row.revenue.money, row.revenue.flow.period, row.revenue.flow.basis) if row.revenue else None
    return getattr(row, name)


# --- The queue --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Waiting:
    """A proposed figure, and the confirmed ones that state the same thing."""

    figure: Figure
    rivals: Sequence[Figure]

    @property
    def conflicts(self) -> bool:
        """Whether a confirmed figure of the same basis states another number."""
        mine = (self.figure.low, self.figure.high, self.figure.currency)
        return any((one.low, one.high, one.currency) != mine for one in self.rivals if one.basis == self.figure.basis)


def proposed(company: str = "", metric: str = "") -> Any:
    """Figures that wait for a decision, oldest first. Those of archived companies wait until these are restored."""
    waiting = Figure.objects.filter(status=Status.PROPOSED, company__archived_at=None)
    if company:
        waiting = waiting.filter(company__slug=company)
    if metric:
        waiting = waiting.filter(metric=metric)
    related = ("company", "source", "anchor__version", "entered_by", "replaces")
    return waiting.select_related(*related).order_by("created_at", "pk")


def with_rivals(figures: Iterable[Figure]) -> list[Waiting]:
    """Proposed figures with the confirmed ones of the same company, metric and period, in one query for all."""
    figures = list(figures)
    same = Q(pk__in=[])
    for figure in figures:
        same |= Q(company=figure.company_id, metric=figure.metric, period=figure.period)
    rivals: dict[tuple[int, str, str], list[Figure]] = defaultdict(list)
    for one in Figure.objects.filter(same, status=Status.CONFIRMED).select_related("source").order_by("known_on", "pk"):
        rivals[one.company_id, one.metric, one.period].append(one)
    return [Waiting(figure, rivals[figure.company_id, figure.metric, figure.period]) for figure in figures]


# --- The decision -----------------------------------------------------------------------------------


def decide(figure: Figure, status: Figure.Status, editor: User, reason: str = "") -> None:
    """Confirm or reject a proposed figure. A confirmed one supersedes the figure that it replaces.

    Raises:
        CannotDecide: `decided` by somebody else meanwhile; `needs_review` or `example`: it must not be confirmed;
            `replaced` when the figure that it puts right is not confirmed any more.
    """
    replaced = [] if figure.replaces is None or status != Status.CONFIRMED else [figure.replaces]
    with changing([figure, *replaced], editor, reason):
        if status == Status.CONFIRMED:
            _check(figure)
        waiting = Figure.objects.filter(pk=figure.pk, status=Status.PROPOSED)
        if not waiting.update(status=status, decided_by=editor, decided_at=timezone.now(), decision=reason):
            raise CannotDecide("decided", Figure.objects.select_related("decided_by").get(pk=figure.pk))
        if status == Status.CONFIRMED and figure.replaces_id is not None:
            wrong = Figure.objects.filter(pk=figure.replaces_id, status=Status.CONFIRMED)
            if not wrong.update(status=Status.SUPERSEDED):
                raise CannotDecide("replaced", figure)
        Revision.bump()


def _check(figure: Figure) -> None:
    """Refuse what must not reach the pages."""
    if figure.source.is_example:
        raise CannotDecide("example", figure)
    if Anchor.objects.filter(figures=figure, state=Anchor.State.NEEDS_REVIEW).exists():
        raise CannotDecide("needs_review", figure)
