"""What a change of stored facts does to the values of companies: measured before and after, and compared.

`companies.admin.effects` makes the change and takes it back; here is what it asks in between. Nothing is kept and
nothing that is kept is asked: a kept snapshot would be one of the change, and stay when the change is taken back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from django.db.models import Model
from django.utils.translation import gettext as _

from companies.models import (
    Company,
    CorporateAction,
    Figure,
    Filing,
    FundingRound,
    Listing,
    ShareCount,
)
from companies.models.company import OLDEST_LISTING_FIRST
from valuations.figure_review import shown, use
from valuations.models import FxRate, Quote
from valuations.snapshot import CURRENCIES, FLOW_METRICS, CompanyValuation, Question, snapshots, today
from valuations.trailing import RevenueBasis

SHOWN = 20  # companies; a rate may concern all of them
HOME = CURRENCIES[0]
models = (Company, Listing, ShareCount, CorporateAction, FundingRound, Figure, Filing, Quote, FxRate)
Rows = Mapping[RevenueBasis, CompanyValuation]


@dataclass(frozen=True, slots=True)
class Measured:
    """The rows of companies on a day, on every revenue basis, each in the currency of its company."""

    as_of: date
    rows: Mapping[int, Rows]
    currencies: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Line:
    """One number before and after. A company that is not there yet, or not any more, has no row."""

    field: str  # market_value, revenue, price_to_sales
    basis: RevenueBasis | None  # market value has none
    before: CompanyValuation | None
    after: CompanyValuation | None

    @property
    def differs(self) -> bool:
        """Whether it is another number, or another reason for none."""
        return _told(self.before, self.field) != _told(self.after, self.field)


@dataclass(frozen=True, slots=True)
class CompanyEffect:
    """The numbers of one company."""

    company: Company
    currency: str
    lines: tuple[Line, ...]

    @property
    def differs(self) -> bool:
        """Whether any of them changes."""
        return any(line.differs for line in self.lines)


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change does: to whom, and why to nobody."""

    as_of: date
    companies: tuple[CompanyEffect, ...]
    more: int = 0  # companies whose numbers change too
    why: tuple[str, ...] = field(default=())

    @property
    def differs(self) -> bool:
        """Whether any number changes."""
        return any(company.differs for company in self.companies)


# --- What companies.admin.effects asks ----------------------------------------------------------------


def concerned(row: Model) -> frozenset[int] | None:
    """The companies whose values may depend on a row; None: all."""
    match row:
        case Company():
            return frozenset([row.pk])
        case Quote():
            return frozenset([row.listing.company_id])
        case Filing():
            sources = (Figure, ShareCount, CorporateAction, FundingRound)
            return frozenset(
                company
                for model in sources
                for company in model._default_manager.filter(source=row.pk).values_list("company", flat=True)
            )
        case FxRate():
            return None
    return frozenset([row.company_id])  # type: ignore[attr-defined]


def measure(companies: frozenset[int] | None, like: Measured | None = None) -> Measured:
    """The values of companies today, as the database is now.

    Args:
        companies: Their keys; None for all, who are then measured in one currency.
        like: What was measured before, so that both are in the same currencies.
    """
    wanted = Company.objects.all() if companies is None else Company.objects.filter(pk__in=companies)
    currencies = _currencies(companies) if like is None else like.currencies
    by_currency: dict[str, list[int]] = defaultdict(list)
    for pk in wanted.values_list("pk", flat=True):
        by_currency[currencies.get(pk, HOME)].append(pk)
    rows: dict[int, dict[RevenueBasis, CompanyValuation]] = defaultdict(dict)
    day = today()
    for currency, keys in by_currency.items():
        found = snapshots(Question(as_of=day, currency=currency), RevenueBasis, wanted.filter(pk__in=keys))
        for basis, snapshot in found.items():
            for row in snapshot.rows:
                rows[row.company.pk][basis] = row
    return Measured(day, rows, currencies)


def compare(row: Model, before: Measured, after: Measured) -> Effect:
    """What differs between two measurements; where nothing does, why."""
    keys = dict.fromkeys([*after.rows, *before.rows])
    effects = [_of_company(pk, before, after) for pk in keys]
    if isinstance(row, FxRate):
        effects = [effect for effect in effects if effect.differs]
    effects.sort(key=lambda effect: not effect.differs)
    changed = sum(effect.differs for effect in effects)
    why = () if changed else tuple(_why(row, after))
    return Effect(after.as_of, tuple(effects[:SHOWN]), max(0, changed - SHOWN), why)


def _currencies(companies: frozenset[int] | None) -> dict[int, str]:
    """The currency of each company: that of its first listing, where pages offer it."""
    if companies is None:
        return {}
    listings = Listing.objects.filter(company__in=companies).order_by(*OLDEST_LISTING_FIRST)
    found: dict[int, str] = {}
    for company, currency in listings.values_list("company_id", "currency"):
        found.setdefault(company, currency if currency in CURRENCIES else HOME)
    return found


def _of_company(pk: int, before: Measured, after: Measured) -> CompanyEffect:
    was, becomes = before.rows.get(pk, {}), after.rows.get(pk, {})
    company = next(iter((becomes or was).values())).company
    first = next(iter(RevenueBasis))
    lines = [Line("market_value", None, was.get(first), becomes.get(first))]
    for basis in RevenueBasis:
        lines += [Line(name, basis, was.get(basis), becomes.get(basis)) for name in ("revenue", "price_to_sales")]
    return CompanyEffect(company, after.currencies.get(pk, HOME), tuple(lines))


def _told(row: CompanyValuation | None, name: str) -> object:
    return None if row is None else (shown(row, name), row.missing.get(name))


# --- Why nothing changes ------------------------------------------------------------------------------


def _why(row: Model, after: Measured) -> Iterator[str]:
    """Reasons why a row moves no number of today, the first ones first; none where nothing particular is known."""
    match row:
        case Figure():
            yield from _why_figure(row, after)
        case ShareCount():
            if row.valid_from > after.as_of:
                yield _("It takes effect on %(day)s only.") % {"day": row.valid_from}
            elif _is_unlisted(row.company_id, after):
                yield _("The company has no share price: share counts value listed companies.")
            else:
                yield _("On the day of the price another count holds, or this one says the same.")
        case CorporateAction():
            if row.ex_day > after.as_of:
                yield _("It takes effect on %(day)s only.") % {"day": row.ex_day}
            elif row.kind == CorporateAction.Kind.DIVIDEND:
                yield _("A cash dividend leaves the number of shares as it is.")
            else:
                yield _("The share count in force is of a later day, or there is none.")
        case FundingRound():
            yield from _why_round(row, after)
        case Quote():
            if Quote.objects.filter(listing=row.listing_id, day__gt=row.day, day__lte=after.as_of).exists():
                yield _("A newer price of this listing is stored: that one counts today.")
            elif row.day > after.as_of:
                yield _("Its day has not come yet.")
        case FxRate():
            if row.span != FxRate.Span.DAY:
                yield _("Averages convert nothing: only rates of a day do.")
            else:
                yield _("No value of today is converted with it: another rate is newer, goes first, or none is needed.")
        case Filing():
            if not after.rows:
                yield _("No figure, share count, action or round has it as its source.")


def _why_figure(row: Figure, after: Measured) -> Iterator[str]:
    if row.metric not in FLOW_METRICS:
        yield _("The sector page is made from revenue and R&D expense; this figure appears on the company’s page.")
    elif row.status != Figure.Status.CONFIRMED:
        yield _("Only confirmed figures are used: this one is %(status)s.") % {"status": row.get_status_display()}
    else:
        uses = {use(row, valuation)[0] for valuation in after.rows.get(row.company_id, {}).values()}
        words = {
            "later": _("It counts from %(day)s only.") % {"day": row.known_on},
            "basis": _("It is listed as “also reported”: a firmer figure goes before it."),
            "tier": _("It is listed as “also reported”: a source nearer to the company goes before it."),
            "newer": _("It is listed as “also reported”: another statement of it goes before it."),
        }
        yield from (text for code, text in words.items() if code in uses)
        if uses == {"unused"}:
            yield _("Today’s numbers are made from other periods.")


def _why_round(row: FundingRound, after: Measured) -> Iterator[str]:
    if row.kind != FundingRound.Kind.ROUND:
        yield _("Only funding rounds value a company; this is shown beside them.")
    elif row.known_on is None or row.closed_on is None:
        yield _("A round without its date and day of publication is never used.")
    elif max(row.known_on, row.closed_on) > after.as_of:
        yield _("It counts from %(day)s only.") % {"day": max(row.known_on, row.closed_on)}
    elif row.post_money_low is None and row.post_money_high is None:
        yield _("It has no post-money value.")
    elif not _is_unlisted(row.company_id, after):
        yield _("The company is listed: its share price values it.")
    else:
        yield _("A later round values the company.")


def _is_unlisted(company: int, after: Measured) -> bool:
    return not any(row.is_listed for row in after.rows.get(company, {}).values())


# --- Currencies ---------------------------------------------------------------------------------------


def convertible() -> Iterable[str]:
    """Currencies of which there are rates of a day."""
    pairs = FxRate.objects.filter(span=FxRate.Span.DAY).order_by().values_list("base", "quote").distinct()
    return {HOME, *(code for pair in pairs for code in pair)}
