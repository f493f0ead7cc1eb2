"""The compare page's content: companies side by side, and their prices since a common day. No HTTP, no HTML.

It reads in a number of queries that does not depend on the number of companies.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from companies.models import Basis, Company, CorporateAction, Figure, Listing, Metric, ShareClass
from companies.search import found_companies
from valuations.compare_state import CompareState
from valuations.models import Quote
from valuations.profile import OFFER_METRICS, Stated, stated
from valuations.reasons import Missing
from valuations.rebase import base_day, rebased
from valuations.sector import sector
from valuations.shares import Action, adjustment
from valuations.snapshot import CompanyValuation, Price, Snapshot, snapshots
from valuations.state import State
from valuations.trailing import RevenueBasis

MATCHES_SHOWN = 8
SUGGESTIONS = 8
# Revenue stands above the reported figures, on the basis that the reader chose.
REPORTED_METRICS = tuple(metric for metric in Metric.values if metric != Metric.REVENUE)
FIRM = (Basis.ACTUAL, Basis.PRELIMINARY)
LONGEST_YEAR = timedelta(days=53 * 7)  # fiscal years of some end on a weekday, not on a date


class UnknownCompanies(LookupError):
    """Some of the companies asked for do not exist."""

    def __init__(self, slugs: Sequence[str]) -> None:
        super().__init__(", ".join(slugs))
        self.slugs = tuple(slugs)


@dataclass(frozen=True, slots=True)
class Member:
    """One column: a company valued on the basis chosen and on every other, and its newest reported figures."""

    row: CompanyValuation
    on_basis: Mapping[RevenueBasis, CompanyValuation]
    reported: Mapping[str, Stated]

    @property
    def company(self) -> Company:
        """Whose column it is."""
        return self.row.company


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One reported metric, for each member in their order; None where nothing is stated."""

    metric: str
    cells: tuple[Stated | None, ...]

    @property
    def periods_differ(self) -> bool:
        """Whether the numbers beside each other are of different periods. Everybody's offer has a day of its own."""
        return self.metric not in OFFER_METRICS and len({cell.period for cell in self.cells if cell}) > 1


@dataclass(frozen=True, slots=True)
class Course:
    """The price of one listing since the base day, which is 100; oldest first."""

    member: Member
    listing: Listing
    points: tuple[tuple[date, Decimal], ...]

    @property
    def last(self) -> Decimal:
        """Where it stands at the end of the period."""
        return self.points[-1][1]


@dataclass(frozen=True, slots=True)
class History:
    """The prices of all members since the first day by which all that are drawn had one."""

    base: date | None
    courses: tuple[Course, ...]
    not_drawn: tuple[tuple[Member, Missing], ...]

    def newest(self, count: int) -> list[tuple[date, tuple[Decimal | None, ...]]]:
        """The newest days with a price of any course, newest first, each with the value of every course that day."""
        values = [dict(course.points) for course in self.courses]
        days = sorted({day for points in values for day in points}, reverse=True)[:count]
        return [(day, tuple(points.get(day) for points in values)) for day in days]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the compare page, its chart and its exports show for one state."""

    state: CompareState
    snapshot: Snapshot
    members: tuple[Member, ...]
    metrics: tuple[MetricRow, ...]
    history: History

    @property
    def multiples(self) -> list[tuple[RevenueBasis, list[CompanyValuation]]]:
        """Every revenue basis with the members valued on it."""
        return [(basis, [member.on_basis[basis] for member in self.members]) for basis in RevenueBasis]


def comparison(state: CompareState) -> Comparison:
    """The companies of a state side by side, in the order of the address.

    Raises:
        UnknownCompanies: Some of them do not exist, or are archived.
    """
    question = state.question
    chosen = Company.objects.current().filter(slug__in=state.c)
    found = snapshots(question, RevenueBasis, chosen)
    lacking = [slug for slug in state.c if found[question.basis].row(slug) is None]
    if lacking:
        raise UnknownCompanies(lacking)
    rows = {row.company.slug: row for row in found[question.basis].rows}
    figures = _reported([rows[slug] for slug in state.c], question.as_of)
    members = tuple(
        Member(
            row=rows[slug],
            on_basis={basis: row for basis, each in found.items() if (row := each.row(slug)) is not None},
            reported=figures[rows[slug].company.pk],
        )
        for slug in state.c
    )
    return Comparison(
        state=state,
        snapshot=found[question.basis],
        members=members,
        metrics=tuple(_metric_rows(members)),
        history=_history(members, found[question.basis].actions.values(), state.since, question.as_of),
    )


def newest_reported(row: CompanyValuation, metric: str, day: date) -> Stated | None:
    """What is known on `day` of the newest period of one metric of a company, with every source that states it."""
    return _reported([row], day)[row.company.pk].get(metric)


def suggestions(state: CompareState) -> list[Company]:
    """Companies to begin with: the listed members of the sector with the highest market values."""
    rows = sector(State(state.basis, state.currency, state.as_of, state.delay_minutes)).rows
    return [row.company for row in rows if row.price is not None][:SUGGESTIONS]


def matches(state: CompareState) -> list[Company]:
    """Companies that what was typed may mean, the best first, without those chosen already."""
    if not state.find:
        return []
    return list(found_companies(state.find).exclude(slug__in=state.c)[:MATCHES_SHOWN])


def _reported(rows: Iterable[CompanyValuation], day: date) -> dict[int, dict[str, Stated]]:
    """By company and metric: the newest figure known on a day."""
    listings = {row.company.pk: _headline(row) for row in rows}
    by_company: dict[int, list[Figure]] = defaultdict(list)
    known = Figure.objects.known_on(day).filter(company__in=listings, metric__in=REPORTED_METRICS)
    for figure in known.select_related("source", "anchor__version"):
        if _belongs(figure, listings[figure.company_id]):
            by_company[figure.company_id].append(figure)
    return {pk: _newest_of_each(by_company[pk]) for pk in listings}


def _headline(row: CompanyValuation) -> Listing | None:
    """The listing whose price is shown; where there is none, the oldest."""
    if row.price:
        return row.price.listing
    return row.listings[0] if row.listings else None


def _belongs(figure: Figure, listing: Listing | None) -> bool:
    """Whether a figure is of the company as a whole, or of this listing."""
    return figure.listing_id is None or (listing is not None and figure.listing_id == listing.pk)


def _newest_of_each(figures: Iterable[Figure]) -> dict[str, Stated]:
    by_metric: dict[str, list[Stated]] = defaultdict(list)
    for each in stated(figures, REPORTED_METRICS):
        by_metric[each.metric].append(each)
    return {metric: newest for metric, periods in by_metric.items() if (newest := _newest(periods)) is not None}


def _newest(periods: Sequence[Stated]) -> Stated | None:
    """The newest period that was reported; where nothing was, the newest that is expected or claimed.

    A sum of several years stands beside nothing that others report: it is only taken where there is no shorter period.
    """
    return min(periods, key=lambda each: (_is_of_years(each), not _is_firm(each)), default=None)


def _is_of_years(each: Stated) -> bool:
    figure = each.statements[0].figure
    return figure.period_start is not None and figure.period_end - figure.period_start > LONGEST_YEAR


def _is_firm(each: Stated) -> bool:
    return each.statements[0].figure.basis in FIRM


def _metric_rows(members: Sequence[Member]) -> Iterable[MetricRow]:
    for metric in REPORTED_METRICS:
        cells = tuple(member.reported.get(metric) for member in members)
        if any(cells):
            yield MetricRow(metric, cells)


def _history(members: Sequence[Member], actions: Iterable[CorporateAction], since: date | None, until: date) -> History:
    """The rebased prices of the listings whose prices the page shows, in their own currencies."""
    prices = {member.company.pk: member.row.price for member in members if member.row.price}
    closes = _closes(prices.values(), since)
    adjusting = [action for action in actions if action.ex_day <= until]
    series = {pk: _adjusted(price, closes[price.listing.pk], adjusting) for pk, price in prices.items()}
    lines = [points for points in series.values() if len(points) > 1]
    base = base_day(lines) if lines else None
    courses: list[Course] = []
    not_drawn: list[tuple[Member, Missing]] = []
    for member in members:
        price, points = member.row.price, series.get(member.company.pk, [])
        if price is None:
            not_drawn.append((member, member.row.missing["price"]))
        elif base is None or len(points) < 2 or points[-1][0] <= base:
            not_drawn.append((member, Missing("few_prices", {"since": base or since or price.day})))
        else:
            courses.append(Course(member, price.listing, tuple(rebased(points, base))))
    return History(base, tuple(courses), tuple(not_drawn))


def _closes(prices: Iterable[Price], since: date | None) -> dict[int, list[tuple[date, Decimal]]]:
    """Closes by listing from `since` on, oldest first, each ending with the price that is shown.

    What is stored of the day of that price, or of later ones, is left out: a reader may not be meant to see it yet.
    """
    last = {price.listing.pk: price for price in prices}
    quotes = Quote.objects.filter(listing__in=last)
    if since is not None:
        quotes = quotes.filter(day__gte=since)
    found: dict[int, list[tuple[date, Decimal]]] = defaultdict(list)
    for listing, day, close in quotes.order_by("day").values_list("listing_id", "day", "close"):
        if day < last[listing].day:
            found[listing].append((day, close))
    for pk, price in last.items():
        if since is None or price.day >= since:
            found[pk].append((price.day, price.value))
    return found


def _adjusted(
    price: Price, closes: Sequence[tuple[date, Decimal]], actions: Iterable[CorporateAction]
) -> list[tuple[date, Decimal]]:
    """The closes as they compare with the last one: bonus issues and splits since are taken out."""
    listing = price.listing
    own = [
        Action(row.ex_day, row.ratio, row.new_shares, row.kind)
        for row in actions
        if row.company_id == listing.company_id and row.share_class in (ShareClass.ALL, listing.share_class)
    ]
    return [(day, close * adjustment(day, own)) for day, close in closes]
