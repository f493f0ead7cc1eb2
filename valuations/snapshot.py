"""The one reader: rows in, a `CompanyValuation` for each company out.

Chart, table, tiles, exports and source panels all use `snapshot`, so they cannot disagree. It reads in a number of
queries that does not depend on the number of companies; the pure modules do the arithmetic.

A price is a fact of its own day. Market value is therefore price × shares × exchange rate, all of the day of the price,
and revenue is converted at the rate of that day too, so that a multiple is the same in every currency.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from math import ceil
from threading import Lock
from typing import TypeVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Min, Model, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from companies.models import (
    Anchor,
    Company,
    CorporateAction,
    Figure,
    FundingRound,
    Listing,
    Milestone,
    Revision,
    ShareClass,
    ShareCount,
)
from companies.models.company import OLDEST_LISTING_FIRST
from companies.stages import APPLYING
from valuations.choice import TIERS, FigureFact
from valuations.models import ExchangeDay, ExchangeYear, FxRate, Quote, RefreshOutcome, RefreshRun
from valuations.money import CurrencyMismatch, Interval, Money, NotMeaningful, hull, total
from valuations.multiples import change, price_to_sales, rd_intensity, share_of
from valuations.rates import Conversion, Rate, RateMissing, Rates
from valuations.reasons import Missing
from valuations.sessions import MARKETS, Calendar, DayKind, FreshnessState, freshness
from valuations.shares import Action, Count, CountMissing, SharesOnDay, behind_price, shares_on
from valuations.trailing import Flow, FlowMissing, RevenueBasis, flow
from valuations.visibility import DayPrices, Earlier, reveals, visible

T = TypeVar("T")
Row = TypeVar("Row", bound=Model)
CURRENCIES = ("CNY", "USD", "HKD")
HOME = ZoneInfo("Asia/Shanghai")
NVIDIA = "nvidia"
RATE_WINDOW = timedelta(days=10)  # holds a week of business days with a long weekend
FLOW_METRICS = ("revenue", "rd_expense")  # what a row of the sector is made from
SOURCE_TROUBLE = ("no_data", "bad_row", "bad_body", "bad_request", "retry", "blocked", "auth", "too_few", "abandoned")


@dataclass(frozen=True, slots=True)
class Question:
    """What a page asks: the day, the currency and the revenue basis."""

    as_of: date
    currency: str = "CNY"
    basis: RevenueBasis = RevenueBasis.TTM
    delay_minutes: int = 0  # how old a price must be for this reader to see it

    def cutoff(self, now: datetime) -> datetime | None:
        """Prices made later are not shown; None when all are. By whole minutes, so that answers can be kept."""
        if not self.delay_minutes:
            return None
        return now.replace(second=0, microsecond=0) - timedelta(minutes=self.delay_minutes)


@dataclass(frozen=True, slots=True)
class Price:
    """The last price of a listing known on the day and shown to the reader, in the listing's currency."""

    listing: Listing
    quote: Quote
    state: FreshnessState
    change: Decimal | None

    @property
    def value(self) -> Decimal:
        """Per share, in the listing's currency."""
        return self.quote.close

    @property
    def day(self) -> date:
        """Trading day of the price."""
        return self.quote.day


@dataclass(frozen=True, slots=True)
class Holding:
    """One term of a market value: a price × a number of shares × an exchange rate."""

    price: Price
    share_class: str
    shares: SharesOnDay
    conversion: Conversion

    @property
    def money(self) -> Money:
        """Value of these shares in the currency asked for."""
        local = Money.of(self.price.value * self.shares.total, self.price.listing.currency)
        return local.converted(self.conversion.factor, self.conversion.quote)


@dataclass(frozen=True, slots=True)
class RoundValue:
    """The value of an unlisted company: the post-money value of its last round, a range where sources differ."""

    rounds: tuple[FundingRound, ...]
    conversion: Conversion
    money: Money

    @property
    def day(self) -> date:
        """Day that stands for the round."""
        day = self.rounds[0].closed_on
        assert day is not None  # rounds without a date value nothing
        return day


@dataclass(frozen=True, slots=True)
class MarketValue:
    """What a company is worth on a day, with what it was made from."""

    money: Money
    day: date
    holdings: tuple[Holding, ...] = ()
    round: RoundValue | None = None

    @property
    def prices_other_classes(self) -> bool:
        """Whether the price of one class values the shares of all."""
        return len(self.holdings) == 1 and self.holdings[0].share_class == ShareClass.ALL


@dataclass(frozen=True, slots=True)
class Revenue:
    """Revenue (or R&D expense) on a basis, in the currency asked for."""

    money: Money
    flow: Flow
    conversion: Conversion


@dataclass(frozen=True, slots=True)
class CompanyValuation:
    """One row: numbers, or in `missing` the reason for each one that is None."""

    company: Company
    listings: tuple[Listing, ...]
    stage: str
    price: Price | None = None
    prices: tuple[Price, ...] = ()  # of every listing that has one; the first is `price`
    market_value: MarketValue | None = None
    revenue: Revenue | None = None
    price_to_sales: Interval | None = None
    rd_to_revenue: Interval | None = None
    rd_expense: Revenue | None = None
    missing: Mapping[str, Missing] = field(default_factory=dict)

    @property
    def is_listed(self) -> bool:
        """Whether it was listed on the day."""
        return self.stage == "listed"


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many of how many companies a total is made of."""

    counted: int
    of: int
    ranges: int = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """The sector taken together, without benchmarks. A multiple counts only companies with both of its numbers."""

    market_value: Money | None
    market_value_coverage: Coverage
    revenue: Money | None
    revenue_coverage: Coverage
    price_to_sales: Interval | None
    price_to_sales_coverage: Coverage
    of_nvidia: Interval | None
    nvidia: MarketValue | None
    missing: Mapping[str, Missing]


class Rows(Mapping[int, Row]):
    """Rows behind numbers, by key, read when somebody looks: to value thousands of companies takes none of them."""

    def __init__(self, rows: QuerySet[Row], keys: Iterable[int]) -> None:
        self._rows = rows
        self._keys = frozenset(keys)
        self._at_hand: dict[int, Row] = {}

    def read(self, keys: Iterable[int]) -> None:
        """Read these rows, in one query for all that are not at hand."""
        lacking = (self._keys & frozenset(keys)) - self._at_hand.keys()
        if lacking:
            self._at_hand |= {row.pk: row for row in self._rows.filter(pk__in=lacking)}

    def __getitem__(self, key: int) -> Row:
        if key not in self._at_hand:
            self.read(self._keys)
        return self._at_hand[key]

    def __iter__(self) -> Iterator[int]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All companies on a day, in a currency, on a basis."""

    question: Question
    rows: tuple[CompanyValuation, ...]
    first_day: date | None  # with nothing priced on the day: the first day that has a price
    figures: Rows[Figure]
    rates: Mapping[int, FxRate]
    counts: Rows[ShareCount]
    actions: Mapping[int, CorporateAction]
    calendar: Calendar = field(default_factory=Calendar)

    def row(self, slug: str) -> CompanyValuation | None:
        """The row of one company."""
        return next((row for row in self.rows if row.company.slug == slug), None)

    def read_sources(self, rows: Iterable[CompanyValuation]) -> None:
        """Read the figures and share counts behind some rows together; else the first look reads those of all rows."""
        figures: set[int] = set()
        counts: set[int] = set()
        for row in rows:
            for amount in (row.revenue, row.rd_expense):
                for term in amount.flow.terms if amount else ():
                    figures.add(term.choice.figure.key)
                    figures.update(other.key for other in term.choice.also)
            counts.update(
                holding.shares.count.key for holding in (row.market_value.holdings if row.market_value else ())
            )
        self.figures.read(figures)
        self.counts.read(counts)


def today() -> date:
    """The day of reading where the companies are: Shanghai's."""
    return timezone.now().astimezone(HOME).date()


def cached_snapshot(question: Question) -> Snapshot:
    """`snapshot`, kept until a fact changes or the clock changes the state of a price."""
    revision, reported = Revision.numbers()
    moment = (revision, reported, _clock(question, revision), settings.STALE_AFTER_OPEN_MINUTES)
    # Of the readers who come at once after a change, one reads the facts and the others wait for it.
    with _reading(question, *moment):
        return _snapshots_of(*moment)(question)


def page_tag(question: Question) -> str:
    """Changes whenever a page that answers `question` may show something else. Costs one query."""
    revision = Revision.current()
    return f"{revision}-{_clock(question, revision)}"


def _clock(question: Question, revision: int) -> str:
    """What of the time a page depends on: five minutes of the present day, and which prices have come into view."""
    now, day = timezone.now(), today()
    five_minutes = int(now.timestamp()) // 300 if question.as_of >= day else 0
    # New York still trades on the day that Shanghai calls yesterday; prices of earlier days are old enough for all.
    if not question.delay_minutes or question.as_of < day - timedelta(days=1):
        return f"{five_minutes}"
    return f"{five_minutes}.{bisect_right(_reveals(revision, question.delay_minutes), int(now.timestamp()) // 60)}"


@lru_cache(maxsize=4)
def _reveals(revision: int, delay_minutes: int) -> tuple[int, ...]:
    """The minutes at which a stored price comes into view, as minutes since 1970 in order.

    Kept until a fact changes: a poll then asks the database nothing more, and where nothing is hidden the page stays.
    """
    delay = timedelta(minutes=delay_minutes)
    newest = Quote.objects.of_listing_until(today() + timedelta(days=1)).values("pk")[:1]
    listings = Listing.objects.annotate(newest=Subquery(newest))
    quotes = Quote.objects.filter(pk__in=listings.values("newest")).order_by()
    moments = (moment for quote in quotes for moment in reveals(day_prices(quote), delay))
    return tuple(sorted({ceil(moment.timestamp() / 60) for moment in moments}))


@lru_cache(maxsize=64)
def _reading(*key: object) -> Lock:
    """The lock of whoever reads the facts for this key."""
    return Lock()


@lru_cache(maxsize=4)
def _snapshots_of(revision: int, reported: int, clock: str, stale_after: int) -> Callable[[Question], Snapshot]:
    """`snapshot` with a memory, for one moment: four of them, since the past has another clock than the present, and
    whoever is shown prices late another one than the others.

    Snapshots of earlier moments are let go together, for nobody will ask for them again.
    """

    def of(question: Question) -> Snapshot:
        return _snapshots(question, (question.basis,), None, _reported_on(reported, question.as_of))[question.basis]

    return lru_cache(maxsize=16)(of)


@lru_cache(maxsize=4)
def _reported_on(revision: int, as_of: date) -> _Reported:
    """What all companies had reported by a day; kept while prices change, until something else does."""
    return _Reported(as_of, None)


def snapshot(question: Question, companies: QuerySet[Company] | None = None, as_if: Sequence[Figure] = ()) -> Snapshot:
    """Value companies (all unless told) from what was known on the day of the question.

    Nothing published later is used: quotes and rates count from their day, figures from their publication, share
    counts from the day they take effect.

    Args:
        as_if: Proposed figures that are taken as confirmed; those that they replace are left out then.
    """
    return snapshots(question, (question.basis,), companies, as_if)[question.basis]


def snapshots(
    question: Question,
    bases: Iterable[RevenueBasis],
    companies: QuerySet[Company] | None = None,
    as_if: Sequence[Figure] = (),
) -> dict[RevenueBasis, Snapshot]:
    """`snapshot` on several revenue bases at once, whatever that of the question; the facts are read only once."""
    found = None if companies is None else list(companies)
    ids = None if found is None else [company.pk for company in found]
    return _snapshots(question, bases, found, _Reported(question.as_of, ids, as_if))


def _snapshots(
    question: Question, bases: Iterable[RevenueBasis], companies: Sequence[Company] | None, reported: _Reported
) -> dict[RevenueBasis, Snapshot]:
    found = list(Company.objects.current()) if companies is None else companies
    facts = _Facts(question, None if companies is None else [company.pk for company in found], reported)
    first_day = None if facts.quotes else Quote.objects.aggregate(first=Min("day"))["first"]
    figures = Rows(Figure.objects.select_related("source", "anchor__version"), reported.figure_keys)
    counts = Rows(ShareCount.objects.select_related("source"), reported.count_keys)
    return {
        basis: Snapshot(
            question=replace(question, basis=basis),
            rows=tuple(facts.valuation(company, basis) for company in found),
            first_day=first_day,
            figures=figures,
            rates=facts.rate_rows,
            counts=counts,
            actions=reported.action_rows,
            calendar=reported.calendar,
        )
        for basis in bases
    }


class _Reported:
    """What companies had reported by a day, grouped by company; prices and exchange rates aside.

    It does not change while prices do, so that it is worth keeping, and with it the flows that were made from it.
    """

    def __init__(self, as_of: date, companies: Sequence[int] | None, as_if: Sequence[Figure] = ()) -> None:
        self.as_of = as_of
        of_companies = Q() if companies is None else Q(company__in=companies)

        # Plain values: a model instance for each of thousands of figures would take most of the time of a snapshot.
        self.counts: dict[int, dict[str, list[Count]]] = defaultdict(lambda: defaultdict(list))
        self.count_keys: list[int] = []
        for company, share_class, *values in (
            ShareCount.objects.filter(of_companies)
            .order_by("pk")
            .values_list("company_id", "share_class", *COUNT_FIELDS)
        ):
            count = _count(*values)
            self.counts[company][share_class].append(count)
            self.count_keys.append(count.key)
        self.action_rows = {
            row.pk: row
            # Dividends leave the number of shares as it is, and there are many.
            for row in CorporateAction.objects.filter(of_companies)
            .exclude(kind=CorporateAction.Kind.DIVIDEND)
            .select_related("source")
        }
        self.actions: dict[int, list[tuple[str, Action]]] = defaultdict(list)
        for row in self.action_rows.values():
            self.actions[row.company_id].append(
                (row.share_class, Action(row.ex_day, row.ratio, row.new_shares, row.kind, row.pk))
            )

        self.figures: dict[tuple[int, str], list[FigureFact]] = defaultdict(list)
        # Left out until somebody has looked at their passage: they may be why a number is missing.
        self.in_review: dict[tuple[int, str], list[FigureFact]] = defaultdict(list)
        self.figure_keys: list[int] = []
        replaced = {figure.replaces_id for figure in as_if}
        for company, metric, anchor_state, *values in (
            Figure.objects.confirmed_on(as_of)
            .filter(of_companies, metric__in=FLOW_METRICS)
            .order_by()
            .values_list("company_id", "metric", "anchor__state", *FIGURE_FIELDS)
        ):
            figure = FigureFact(*values)
            if anchor_state == Anchor.State.NEEDS_REVIEW:
                self.in_review[company, metric].append(figure)
            elif figure.key not in replaced:
                self._add(company, metric, figure)
        for proposed in as_if:
            if proposed.metric in FLOW_METRICS and proposed.known_on <= as_of:
                self._add(proposed.company_id, proposed.metric, figure_fact(proposed))

        self.rounds: dict[int, list[FundingRound]] = defaultdict(list)
        for funding in FundingRound.objects.filter(
            of_companies, kind=FundingRound.Kind.ROUND, closed_on__lte=as_of, known_on__lte=as_of
        ).select_related("source"):
            if funding.post_money_low is not None or funding.post_money_high is not None:
                self.rounds[funding.company_id].append(funding)
        self.applying = set(
            Milestone.objects.filter(of_companies, kind__in=APPLYING, day__lte=as_of, known_on__lte=as_of).values_list(
                "company_id", flat=True
            )
        )
        self.calendar = read_calendar()
        self._flows: dict[tuple[int, str, RevenueBasis], Flow | Missing] = {}

    def _add(self, company: int, metric: str, figure: FigureFact) -> None:
        self.figures[company, metric].append(figure)
        self.figure_keys.append(figure.key)

    def flow(self, company: int, metric: str, basis: RevenueBasis) -> Flow | Missing:
        """Revenue or R&D expense of a company on a basis, in the currency it was stated in."""
        key = (company, metric, basis)
        if key not in self._flows:
            try:
                self._flows[key] = flow(self.figures.get((company, metric), []), basis, self.as_of)
            except FlowMissing as lacking:
                waiting = self._waiting(company, metric, basis)
                self._flows[key] = waiting or Missing(lacking.code, {"period": lacking.period})
        return self._flows[key]

    def _waiting(self, company: int, metric: str, basis: RevenueBasis) -> Missing | None:
        """Whether an amount is lacking only because passages of its figures need review."""
        in_review = self.in_review.get((company, metric), [])
        if not in_review:
            return None
        try:
            found = flow([*self.figures.get((company, metric), []), *in_review], basis, self.as_of)
        except FlowMissing:
            return None
        keys = {figure.key for figure in in_review}
        periods = [term.choice.figure.period for term in found.terms if term.choice.figure.key in keys]
        return Missing("needs_review", {"period": periods[0]}) if periods else None


class _Facts:
    """Everything read for one snapshot: what is reported, and the prices and exchange rates of its day."""

    def __init__(self, question: Question, companies: Sequence[int] | None, reported: _Reported) -> None:
        self.question = question
        self.reported = reported
        as_of = question.as_of
        of_companies = Q() if companies is None else Q(company__in=companies)

        self.now = timezone.now()
        self.cutoff = question.cutoff(self.now)
        last_result = (
            RefreshOutcome.objects.filter(
                listing=OuterRef("pk"), run__kind=RefreshRun.Kind.QUOTES, done_at__isnull=False
            )
            .order_by("-done_at")
            .values("result")[:1]
        )
        self.listings: dict[int, list[Listing]] = defaultdict(list)
        until = Quote.objects.of_listing_until(as_of).old_enough(self.cutoff).values("pk")
        listings = (
            Listing.objects.filter(of_companies)
            .order_by(*OLDEST_LISTING_FIRST)
            .annotate(last_result=Subquery(last_result), quote_pk=Subquery(until[:1]), before_pk=Subquery(until[1:2]))
        )
        for listing in listings:
            self.listings[listing.company_id].append(listing)
        last = [listing.quote_pk for listing in listings if listing.quote_pk]
        self.quotes = {
            quote.listing_id: as_seen(quote, self.cutoff)
            for quote in Quote.objects.filter(pk__in=last).select_related("source").order_by()
        }
        before = Quote.objects.filter(pk__in=[listing.before_pk for listing in listings if listing.before_pk])
        self.before = {
            listing: (day, close) for listing, day, close in before.order_by().values_list("listing_id", "day", "close")
        }

        days = {quote.day for quote in self.quotes.values()} | {as_of}
        days |= {
            funding.closed_on for rounds in self.reported.rounds.values() for funding in rounds if funding.closed_on
        }
        self.rate_rows = {row.pk: row for row in _rates_around(days, as_of)}
        self.rates = Rates(
            (Rate(row.base, row.quote, row.day, row.rate, row.provider, row.pk) for row in self.rate_rows.values()),
            settings.RATE_SOURCES,
        )

    def valuation(self, company: Company, basis: RevenueBasis) -> CompanyValuation:
        """One company's row."""
        as_of = self.question.as_of
        listings = tuple(
            listing
            for listing in self.listings[company.pk]
            if (listing.listed_on is None or listing.listed_on <= as_of)
            and (listing.delisted_on is None or listing.delisted_on > as_of)
        )
        missing: dict[str, Missing] = {}
        stage = self._stage(company, listings)
        prices = [price for price in map(self._price, listings) if price is not None]
        price = prices[0] if prices else None
        if price is None:
            missing["price"] = Missing("no_quote" if listings else "delisted" if stage == "delisted" else "unlisted")
        elif price.change is None:
            missing["change"] = Missing("nothing_to_compare")
        value = _kept(
            self._listed_value(company, listings, prices) if listings else self._round_value(company),
            "market_value",
            missing,
        )
        on = value.day if value is not None else as_of
        revenue = _kept(self._flow(company, "revenue", basis, on), "revenue", missing)
        rd_expense = self._flow(company, "rd_expense", basis, on)
        intensity = _kept(_intensity(rd_expense, revenue), "rd_to_revenue", missing)
        return CompanyValuation(
            company=company,
            listings=listings,
            stage=stage,
            price=price,
            prices=tuple(prices),
            market_value=value,
            revenue=revenue,
            price_to_sales=_kept(_multiple(value, revenue), "price_to_sales", missing),
            rd_to_revenue=intensity,
            rd_expense=None if intensity is None or isinstance(rd_expense, Missing) else rd_expense,
            missing=missing,
        )

    def _stage(self, company: Company, listings: Sequence[Listing]) -> str:
        if listings:
            return "listed"
        if any(
            listing.delisted_on is not None and listing.delisted_on <= self.question.as_of
            for listing in self.listings[company.pk]
        ):
            return "delisted"
        return "applying" if company.pk in self.reported.applying else "private"

    def _price(self, listing: Listing) -> Price | None:
        quote = self.quotes.get(listing.pk)
        if quote is None:
            return None
        as_of = self.question.as_of
        live = as_of >= self.now.astimezone(HOME).date()
        state = FreshnessState.STALE
        if listing.mic in MARKETS:  # an exchange whose hours we do not know cannot be called live
            state = freshness(
                mic=listing.mic,
                day=quote.day,
                last_at=quote.last_at,
                final=quote.final,
                # Whoever is shown prices late is told so while the exchange is open.
                delayed=quote.delayed or bool(self.cutoff),
                suspended=quote.suspended,
                now=self.now if live else _end_of_day(listing.mic, as_of),
                calendar=self.reported.calendar,
                failed=live and getattr(listing, "last_result", None) in SOURCE_TROUBLE,
                # Late on purpose is not stale: what is shown may be twice the delay old (valuations.visibility).
                limit_minutes=settings.STALE_AFTER_OPEN_MINUTES + 2 * self.question.delay_minutes,
            )
        return Price(listing, quote, state, self._change(listing, quote))

    def _change(self, listing: Listing, quote: Quote) -> Decimal | None:
        """Change from the session before; None when the quote before is of an older day."""
        day, close = self.before.get(listing.pk, (None, None))
        if day is None or close is None or day != self.reported.calendar.previous_session(listing.mic, quote.day):
            return None
        for share_class, action in self.reported.actions[listing.company_id]:
            if share_class in (ShareClass.ALL, listing.share_class) and action.ex_day == quote.day:
                close /= action.ratio  # a bonus issue between the two days is not a fall of the price
        return change(quote.close, close)

    def _listed_value(
        self, company: Company, listings: Sequence[Listing], prices: Sequence[Price]
    ) -> MarketValue | Missing:
        classes = {listing.share_class for listing in listings}
        # A class listed at two places is one class: its first listing values it.
        by_class: dict[str, Price] = {}
        for price in prices:
            by_class.setdefault(price.listing.share_class, price)
        if len(by_class) < len(classes):
            return Missing("no_quote")
        try:
            held = tuple(self._holding(company, price, alone=len(classes) == 1) for price in by_class.values())
        except CountMissing as lacking:
            if len(classes) > 1:
                return Missing("classes_unknown")
            return Missing("shares_since", {"since": lacking.since}) if lacking.since else Missing("no_shares")
        except RateMissing as lacking:
            return _no_rate(lacking)
        money = total((holding.money for holding in held), self.question.currency)
        return MarketValue(money, min(holding.price.day for holding in held), held)

    def _holding(self, company: Company, price: Price, *, alone: bool) -> Holding:
        listing = price.listing
        share_class, counts, actions = behind_price(
            listing.share_class, self.reported.counts[company.pk], self.reported.actions[company.pk], alone=alone
        )
        shares = shares_on(price.day, counts, actions, listing.listed_on)
        conversion = self.rates.conversion(listing.currency, self.question.currency, price.day)
        return Holding(price, share_class, shares, conversion)

    def _round_value(self, company: Company) -> MarketValue | Missing:
        rounds = self.reported.rounds[company.pk]
        if not rounds:
            return Missing("no_round")
        last = max(funding.closed_on for funding in rounds if funding.closed_on)
        of_last = tuple(funding for funding in rounds if funding.closed_on == last)
        try:
            conversion = self.rates.conversion(of_last[0].currency, self.question.currency, last)
            values = [
                Interval(funding.post_money_low, funding.post_money_high).times(
                    self.rates.conversion(funding.currency, self.question.currency, last).factor
                )
                for funding in of_last
            ]
            money = Money(hull(values), self.question.currency)
        except RateMissing as lacking:
            return _no_rate(lacking)
        except NotMeaningful:
            return Missing("open_at_both_ends")
        return MarketValue(money, last, round=RoundValue(of_last, conversion, money))

    def _flow(self, company: Company, metric: str, basis: RevenueBasis, on: date) -> Revenue | Missing:
        amount = self.reported.flow(company.pk, metric, basis)
        if isinstance(amount, Missing):
            return amount
        try:
            conversion = self.rates.conversion(amount.money.currency, self.question.currency, on)
        except RateMissing as lacking:
            return _no_rate(lacking)
        if not conversion.legs:
            return Revenue(amount.money, amount, conversion)
        return Revenue(_converted(amount.money, conversion), amount, conversion)


def _kept(found: T | Missing, name: str, missing: dict[str, Missing]) -> T | None:
    """The number, or None with its reason noted under `name`."""
    if isinstance(found, Missing):
        missing[name] = found
        return None
    return found


def _converted(money: Money, conversion: Conversion) -> Money:
    return money.converted(conversion.factor, conversion.quote)


def _no_rate(lacking: RateMissing) -> Missing:
    return Missing("no_rate", {"base": lacking.base, "quote": lacking.quote, "day": lacking.day})


def _multiple(value: MarketValue | None, revenue: Revenue | None) -> Interval | Missing:
    if value is None or revenue is None:
        return Missing("no_value" if value is None else "no_revenue")
    if not revenue.flow.covers_a_year:
        return Missing("part_of_year", {"period": revenue.flow.period})
    try:
        return price_to_sales(value.money, revenue.money)
    except NotMeaningful:
        return Missing("not_positive")


def _intensity(rd_expense: Revenue | Missing, revenue: Revenue | None) -> Interval | Missing:
    if revenue is None:
        return Missing("no_revenue")
    if isinstance(rd_expense, Missing) or not rd_expense.flow.same_period(revenue.flow):
        return Missing("no_rd")
    try:
        return rd_intensity(rd_expense.money, revenue.money)
    except (NotMeaningful, CurrencyMismatch):
        return Missing("not_positive")


def totals(rows: Iterable[CompanyValuation], question: Question, benchmark: CompanyValuation | None) -> Totals:
    """The sector taken together. Benchmarks among `rows` are left out; `benchmark` is NVIDIA's row."""
    members = [row for row in rows if not row.company.is_benchmark]
    missing: dict[str, Missing] = {}
    values = [row.market_value.money for row in members if row.market_value]
    revenues = [row.revenue.money for row in members if row.revenue and row.revenue.flow.covers_a_year]
    both = [
        (row.market_value.money, row.revenue.money)
        for row in members
        if row.market_value and row.revenue and row.price_to_sales
    ]

    def added(name: str, amounts: Sequence[Money]) -> Money | None:
        try:
            return total(amounts, question.currency)
        except NotMeaningful:
            missing[name] = Missing("open_at_both_ends" if amounts else "no_members")
            return None

    value, revenue = added("market_value", values), added("revenue", revenues)
    multiple = None
    if both:
        try:
            multiple = price_to_sales(
                total((pair[0] for pair in both), question.currency),
                total((pair[1] for pair in both), question.currency),
            )
        except NotMeaningful:
            missing["price_to_sales"] = Missing("not_positive")
    else:
        missing["price_to_sales"] = Missing("no_members")
    nvidia = benchmark.market_value if benchmark else None
    of_nvidia = share_of(value, nvidia.money) if value and nvidia else None
    if of_nvidia is None:
        missing["of_nvidia"] = Missing("no_benchmark" if nvidia is None else "no_members")
    return Totals(
        market_value=value,
        market_value_coverage=_coverage(values, members),
        revenue=revenue,
        revenue_coverage=_coverage(revenues, members),
        price_to_sales=multiple,
        price_to_sales_coverage=Coverage(len(both), len(members)),
        of_nvidia=of_nvidia,
        nvidia=nvidia,
        missing=missing,
    )


def _coverage(amounts: Sequence[Money], members: Sequence[CompanyValuation]) -> Coverage:
    return Coverage(len(amounts), len(members), sum(not money.amount.is_point for money in amounts))


# What of a row the pure functions take, in the order in which `FigureFact` and `_count` take it.
FIGURE_FIELDS = (
    "pk", "period", "period_start", "period_end", "low", "high", "currency", "basis", "reported_in", "source__tier",
    "known_on",
)  # fmt: skip
COUNT_FIELDS = ("total", "valid_from", "method", "source__tier", "source__published_on", "pk")


def figure_fact(figure: Figure) -> FigureFact:
    """A figure's row as the pure modules take it."""
    return FigureFact(
        key=figure.pk,
        period=figure.period,
        start=figure.period_start,
        end=figure.period_end,
        low=figure.low,
        high=figure.high,
        currency=figure.currency,
        basis=figure.basis,
        reported_in=figure.reported_in,
        tier=figure.source.tier,
        known_on=figure.known_on,
    )


def share_count(row: ShareCount) -> Count:
    """A reported count as the pure functions take it: reported before implied, then by tier, then the newer source."""
    return _count(row.total, row.valid_from, row.method, row.source.tier, row.source.published_on, row.pk)


def _count(total: int, valid_from: date, method: str, tier: str, published_on: date | None, key: int) -> Count:
    rank = (method != ShareCount.Method.REPORTED, TIERS.index(tier), -(published_on or date.min).toordinal())
    return Count(total, valid_from, rank, key)


def read_calendar() -> Calendar:
    """The exchange days at hand."""
    exceptions: dict[tuple[str, date], DayKind] = {}
    clock: dict[tuple[str, date], tuple[time | None, time | None]] = {}
    for mic, day, kind, opens, closes in ExchangeDay.objects.values_list("mic", "day", "kind", "opens", "closes"):
        exceptions[mic, day] = DayKind(kind)
        if opens is not None or closes is not None:
            clock[mic, day] = opens, closes
    years: dict[str, set[int]] = defaultdict(set)
    for mic, year in ExchangeYear.objects.values_list("mic", "year"):
        years[mic].add(year)
    return Calendar(exceptions, {mic: frozenset(known) for mic, known in years.items()}, clock)


def day_prices(quote: Quote) -> DayPrices:
    """What a row keeps of the prices of its day, as the pure functions take it."""
    # A last price that was corrected under its old time is corrected wherever it is kept.
    coming_close = quote.close if quote.coming_at and quote.coming_at == quote.last_at else quote.coming_close
    return DayPrices(
        day=quote.day,
        close=quote.close,
        last_at=quote.last_at,
        fetched_at=quote.fetched_at,
        earlier=Earlier(quote.public_close, quote.public_at, coming_close, quote.coming_at),
    )


def as_seen(quote: Quote, cutoff: datetime | None) -> Quote:
    """The row as a reader may see it who is shown prices made at `cutoff` or before: itself, or a copy never saved.

    The copy carries an earlier price of the day. High, low and volume of the day would tell the later ones, so it has
    none. A row without such a price is not to be asked for (`QuoteQuerySet.old_enough`).
    """
    shown = visible(day_prices(quote), cutoff)
    if shown is None:
        raise ValueError(f"no price of {quote} is old enough")
    close, at = shown
    if at == quote.last_at:
        return quote
    seen = copy(quote)
    seen.close, seen.last_at, seen.final = close, at, False
    seen.open = seen.high = seen.low = seen.volume = seen.fetched_at = None
    return seen


def _end_of_day(mic: str, day: date) -> datetime:
    market = MARKETS.get(mic)
    return datetime.combine(day, time(23, 59), tzinfo=market.zone if market else HOME)


def _rates_around(days: Iterable[date], as_of: date) -> Iterable[FxRate]:
    """Daily rates that a conversion on one of the days may use, in one query."""
    windows: list[tuple[date, date]] = []
    for day in sorted(days):
        start = day - RATE_WINDOW
        if windows and start <= windows[-1][1]:
            windows[-1] = (windows[-1][0], day)
        else:
            windows.append((start, day))
    within = Q()
    for start, end in windows:
        within |= Q(day__gte=start, day__lte=end)
    return FxRate.objects.filter(within, span=FxRate.Span.DAY, day__lte=as_of).select_related("source")
