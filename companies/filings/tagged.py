"""Figures from the numbers that companies tag in their filings at the SEC: proposed, never confirmed.

Only whole fiscal years and single quarters that end as the company's own do. What equals a figure that is there,
whatever became of it, is not proposed again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from companies.models import Basis, Company, Figure, Filing, FilingKind, Known, Metric, Tier
from companies.periods import CALENDAR_YEAR, WEEK_YEAR_TOLERANCE, NotAPeriod, Period, parse_period
from companies.sources.sec import DOCUMENTS, SLUG, Fact, latest_facts

FISCAL_YEARS_BACK = 3
# Tags by metric, the one that is believed first in front: companies have changed from one to the other.
TAGS: Mapping[Metric, Sequence[str]] = {
    Metric.REVENUE: ("Revenues", "RevenueFromContractWithCustomerExcludingAssessedTax", "SalesRevenueNet"),
    Metric.NET_PROFIT: ("NetIncomeLoss",),
    Metric.RD_EXPENSE: ("ResearchAndDevelopmentExpense",),
}
_FORMS: Mapping[str, FilingKind] = {"10-K": FilingKind.ANNUAL_REPORT, "10-Q": FilingKind.QUARTERLY_REPORT}
_YEAR = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class TaggedFigure:
    """A number as a company tagged it, for one of its periods. `fact` is of the filing that stated it first so."""

    metric: Metric
    period: str
    fact: Fact


def tagged_figures(facts: Iterable[Fact], fiscal_year_end: str = CALENDAR_YEAR) -> list[TaggedFigure]:
    """What can be proposed from a company's facts: the last fiscal years and the quarters since, newest value each.

    Of a value that later filings repeat, the first filing that states it; of one that was corrected, the correction.
    """
    usable = [
        fact
        for fact in facts
        if fact.taxonomy == "us-gaap" and fact.unit == "USD" and fact.form.removesuffix("/A") in _FORMS
    ]
    found: dict[tuple[Metric, str], TaggedFigure] = {}
    for metric, tags in TAGS.items():
        for tag in tags:
            of_tag = [fact for fact in usable if fact.tag == tag]
            for latest in latest_facts(of_tag):
                period = period_of(latest, fiscal_year_end)
                if period:
                    first = _first_stating(latest, of_tag)
                    found.setdefault((metric, period), TaggedFigure(metric, period, first))
    years = [one.fact.end for one in found.values() if one.fact.months == 12]
    since = max(years, default=date.min)
    since = since - FISCAL_YEARS_BACK * _YEAR + WEEK_YEAR_TOLERANCE if years else since
    recent = [one for one in found.values() if one.fact.end > since]
    return sorted(recent, key=lambda one: (one.fact.end, one.metric, one.period))


def period_of(fact: Fact, fiscal_year_end: str = CALENDAR_YEAR) -> str:
    """The label of a fact's days as the company's other figures have it; "" for half years, nine months and states.

    Quarters are those of the calendar where the fiscal year is (2025Q3), else of the fiscal year (FY2027Q2).
    """
    if fact.start is None or fact.months not in (3, 12):
        return ""
    prefix = "" if fiscal_year_end == CALENDAR_YEAR else "FY"
    years = range(fact.end.year - 1, fact.end.year + 2)
    labels = (
        [f"FY{year}" for year in years]
        if fact.months == 12
        else [f"{prefix}{year}Q{quarter}" for year in years for quarter in range(1, 5)]
    )
    days = Period(fact.start, fact.end)
    return next((label for label in labels if _names(label, fiscal_year_end, days)), "")


def _names(label: str, fiscal_year_end: str, days: Period) -> bool:
    try:
        return parse_period(label, fiscal_year_end).agrees_with(days)
    except NotAPeriod:
        return False


def _first_stating(latest: Fact, facts: Iterable[Fact]) -> Fact:
    same = [fact for fact in facts if fact.period == latest.period and fact.value == latest.value]
    return min(same, key=lambda fact: (fact.filed_on, fact.accession))


def propose_figures(company: Company, cik: str, tagged: Sequence[TaggedFigure]) -> int:
    """Propose what is not there yet; returns how many. Call it in a transaction."""
    if not tagged:
        return 0
    there = list(Figure.objects.filter(company=company, metric__in={one.metric for one in tagged}, basis=Basis.ACTUAL))
    fresh = []
    for one in tagged:
        same_period = [figure for figure in there if (figure.metric, figure.period) == (one.metric, one.period)]
        if any(_states(figure, one) for figure in same_period):
            continue
        fresh.append(_proposed(company, cik, one, same_period))
    Figure.objects.bulk_create(fresh)
    return len(fresh)


def _states(figure: Figure, one: TaggedFigure) -> bool:
    return figure.low == figure.high == one.fact.value and figure.currency == one.fact.unit


def _proposed(company: Company, cik: str, one: TaggedFigure, same_period: Iterable[Figure]) -> Figure:
    others = [figure for figure in same_period if figure.status == Figure.Status.CONFIRMED]
    differs = "; ".join(f"differs from the confirmed {_plain(figure)}" for figure in others)
    fact = one.fact
    return Figure(
        company=company,
        metric=one.metric,
        period=one.period,
        period_start=fact.start,
        period_end=fact.end,
        low=fact.value,
        high=fact.value,
        currency=fact.unit,
        basis=Basis.ACTUAL,
        reported_in=_FORMS[fact.form.removesuffix("/A")],
        known_on=fact.filed_on,
        known_by=Known.STATED,
        source=filing_of_accession(company, cik, fact),
        note="; ".join(filter(None, [f"{fact.taxonomy}:{fact.tag}", differs]))[:500],
        status=Figure.Status.PROPOSED,
    )


def _plain(figure: Figure) -> str:
    ends = [f"{end.normalize():,f}" for end in (figure.low, figure.high) if end is not None]
    return f"{' to '.join(dict.fromkeys(ends))} {figure.currency}".strip()


def filing_of_accession(company: Company, cik: str, fact: Fact) -> Filing:
    """The filing in which a fact was tagged, made if the list of filings has not brought it yet."""
    folder = f"{int(cik)}/{fact.accession.replace('-', '')}"
    filing, _ = Filing.objects.get_or_create(
        service=SLUG,
        service_key=fact.accession,
        language="en",
        defaults={
            "slug": f"{company.slug}-sec-{fact.accession}",
            "company": company,
            "kind": _FORMS[fact.form.removesuffix("/A")],
            "tier": Tier.OFFICIAL,
            "title": fact.form,
            "publisher": "SEC",
            "published_on": fact.filed_on,
            "published_precision": "day",
            "url": f"{DOCUMENTS}/{folder}/{fact.accession}-index.htm",
            "service_kinds": [fact.form],
        },
    )
    return filing
