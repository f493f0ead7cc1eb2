"""An amount of a company on a basis: last fiscal year, trailing twelve months or guidance. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from valuations.choice import Choice, FigureFact, choice
from valuations.money import CurrencyMismatch, Money, NotMeaningful

REPORTED = ("actual", "preliminary")
# A trailing year that ended longer ago is not shown as trailing: by then the next annual report is due everywhere.
MAX_TRAILING_AGE = timedelta(days=456)
# After the end of its period guidance lives until the annual report is due: on 30 April in Shanghai and Shenzhen.
MAX_GUIDANCE_AGE = timedelta(days=122)
# Fiscal years of 52 or 53 weeks move the end of a quarter by up to a week.
SLACK = timedelta(days=8)
LONGEST_CHAIN = 4


class RevenueBasis(StrEnum):
    """Which revenue a market value is held against."""

    FY = "fy"
    TTM = "ttm"
    GUIDANCE = "guidance"


class FlowMissing(LookupError):
    """There is no amount on this basis. `code` says why, `period` which period is lacking."""

    def __init__(self, code: str, period: str = "") -> None:
        super().__init__(f"{code} {period}".strip())
        self.code, self.period = code, period


@dataclass(frozen=True, slots=True)
class Term:
    """A figure that was added (+1) or taken away (-1)."""

    sign: int
    choice: Choice


@dataclass(frozen=True, slots=True)
class Flow:
    """An amount over a period, with the figures it was made from.

    `basis` is the weakest basis among them. `newer_period` names a later period that is known but could not be used.
    """

    money: Money
    period: str
    start: date | None
    end: date
    basis: str
    terms: tuple[Term, ...]
    newer_period: str = ""

    @property
    def is_derived(self) -> bool:
        """Whether it was computed from several figures."""
        return len(self.terms) > 1

    def same_period(self, other: Flow) -> bool:
        """Whether both are of the same days."""
        return (self.start, self.end) == (other.start, other.end)

    @property
    def covers_a_year(self) -> bool:
        """Whether its period is twelve months long, so that a multiple of it means something."""
        return self.start is not None and 350 <= (self.end - self.start).days <= 380


def flow(figures: Iterable[FigureFact], basis: RevenueBasis, as_of: date) -> Flow:
    """The amount of one metric of one company on a basis, from what was known on a day.

    Args:
        figures: Of one metric of one company, all known on `as_of`.
        basis: Which of the three.
        as_of: The day of reading.

    Raises:
        FlowMissing: There is none, with the reason.

    Source: docs/formulas.md, "Revenue bases".
    """
    known = list(figures)
    if not known:
        raise FlowMissing("nothing_reported")
    if basis is RevenueBasis.FY:
        return last_fiscal_year(known)
    if basis is RevenueBasis.TTM:
        return trailing_twelve_months(known, as_of)
    return guidance(known, as_of)


def last_fiscal_year(figures: Sequence[FigureFact]) -> Flow:
    """The newest fiscal year that was reported; a year merely claimed only where nothing was ever reported.

    Raises:
        FlowMissing: No fiscal year is known.
    """
    years = [figure for figure in figures if figure.is_fiscal_year]
    admitted = [f for f in years if f.basis in REPORTED] or [f for f in years if f.basis == "claimed"]
    if not admitted:
        raise FlowMissing("only_expected" if years else "no_fiscal_year")
    end = max(figure.end for figure in admitted)
    return _single(choice(figure for figure in admitted if figure.end == end), years)


def guidance(figures: Sequence[FigureFact], as_of: date) -> Flow:
    """The company's own range for the newest year that it has not reported yet; part of a year if that is all.

    Raises:
        FlowMissing: There is none, the year has been reported since, or its report has been due for long.
    """
    given = [figure for figure in figures if figure.basis == "guidance" and figure.start is not None]
    reported = [figure for figure in figures if figure.basis in REPORTED]
    if not given:
        raise FlowMissing("no_guidance")
    last_year = max((figure.end for figure in reported if figure.is_fiscal_year), default=date.min)
    last_end = max((figure.end for figure in reported), default=date.min)
    whole = [figure for figure in given if figure.is_fiscal_year and figure.end > last_year]
    parts = [figure for figure in given if not figure.is_fiscal_year and figure.end > last_end]
    open_ones = whole or parts
    if not open_ones:
        raise FlowMissing("guidance_overtaken", max(given, key=_end).period)
    newest = max(open_ones, key=_end)
    if as_of - newest.end > MAX_GUIDANCE_AGE:
        raise FlowMissing("guidance_expired", newest.period)
    return _single(choice(figure for figure in open_ones if figure.period == newest.period), figures)


def trailing_twelve_months(figures: Sequence[FigureFact], as_of: date) -> Flow:
    """The twelve months to the newest period end for which every input is known.

    Last fiscal year + this year to date - last year to date; the fiscal year itself when nothing newer is known; else
    periods that follow one another through twelve months; else a trailing figure that a source reports.

    Raises:
        FlowMissing: No twelve months that ended within fifteen months before `as_of` can be put together.
    """
    reported = [figure for figure in figures if figure.basis in REPORTED and figure.start is not None]
    if not reported:
        raise FlowMissing("nothing_filed")
    chosen = _chosen_by_period(reported)
    ends = sorted({figure.end for figure in reported if figure.months <= 12}, reverse=True)
    lacking = ""
    for end in ends:
        if as_of - end > MAX_TRAILING_AGE:
            break
        try:
            terms = _trailing_terms(chosen, end)
            money = _sum(terms)
        except FlowMissing as missing:
            lacking = lacking or missing.period
        except (CurrencyMismatch, NotMeaningful):
            lacking = lacking or f"{end}"
        else:
            newer = "" if end == ends[0] else max(reported, key=_end).period
            single = terms[0].choice.figure
            return Flow(
                money=money,
                period=single.period if len(terms) == 1 and single.is_fiscal_year else f"TTM-{end}",
                start=min(term.choice.figure.start or end for term in terms) if len(terms) == 1 else _year_before(end),
                end=end,
                basis=max((term.choice.figure.basis for term in terms), key=REPORTED.index),
                terms=terms,
                newer_period=newer,
            )
    raise FlowMissing("trailing_lacks" if lacking else "trailing_too_old", lacking or max(reported, key=_end).period)


def _trailing_terms(chosen: Mapping[tuple[date, date], Choice], end: date) -> tuple[Term, ...]:
    years = sorted(
        (pair for pair, picked in chosen.items() if picked.figure.is_fiscal_year and pair[1] <= end), key=lambda p: p[1]
    )
    lacking = ""
    if years:
        last_year = chosen[years[-1]]
        if years[-1][1] == end:
            return (Term(1, last_year),)
        if end - years[-1][1] < timedelta(days=360):
            this_year = _chain(chosen, years[-1][1] + timedelta(days=1), end)
            if this_year:
                before = _chain(chosen, years[-1][0], _year_before(end) - timedelta(days=1))
                if before:
                    added = [Term(1, last_year), *(Term(1, picked) for picked in this_year)]
                    return (*added, *(Term(-1, picked) for picked in before))
                lacking = _a_year_earlier(this_year[-1].figure.period)
    whole = _chain(chosen, _year_before(end), end)
    if whole:
        return tuple(Term(1, picked) for picked in whole)
    raise FlowMissing("trailing_lacks", lacking or _year_label(chosen, end))


def _chain(chosen: Mapping[tuple[date, date], Choice], start: date, end: date) -> list[Choice] | None:
    """The fewest periods that follow one another from `start` to `end` (give or take a week); None if they do not."""
    return _links(chosen, start, end, LONGEST_CHAIN)


def _links(chosen: Mapping[tuple[date, date], Choice], start: date, end: date, left: int) -> list[Choice] | None:
    best: list[Choice] | None = None
    for (first, last), picked in chosen.items():
        if abs(first - start) > SLACK or last > end + SLACK:
            continue
        rest: list[Choice] | None = []
        if abs(last - end) > SLACK:
            rest = _links(chosen, last + timedelta(days=1), end, left - 1) if left > 1 else None
        if rest is not None and (best is None or len(rest) + 1 < len(best)):
            best = [picked, *rest]
    return best


def _chosen_by_period(figures: Iterable[FigureFact]) -> dict[tuple[date, date], Choice]:
    periods: dict[tuple[date, date], list[FigureFact]] = {}
    for figure in figures:
        if figure.start is not None:
            periods.setdefault((figure.start, figure.end), []).append(figure)
    # A fiscal year and a trailing year may share their days: what the company calls its year goes first.
    return {pair: choice([f for f in found if f.is_fiscal_year] or found) for pair, found in periods.items()}


def _single(picked: Choice, related: Sequence[FigureFact]) -> Flow:
    figure = picked.figure
    same_period = tuple(other for other in related if other.period == figure.period and other is not figure)
    return Flow(
        money=figure.money,
        period=figure.period,
        start=figure.start,
        end=figure.end,
        basis=figure.basis,
        terms=(Term(1, Choice(figure, same_period)),),
    )


def _sum(terms: Sequence[Term]) -> Money:
    result = terms[0].choice.figure.money
    for term in terms[1:]:
        amount = term.choice.figure.money
        result = result + amount if term.sign > 0 else result - amount
    return result


def _year_before(end: date) -> date:
    """First day of the twelve months that end on `end`."""
    try:
        return end.replace(year=end.year - 1) + timedelta(days=1)
    except ValueError:  # 29 February
        return end.replace(year=end.year - 1, day=28) + timedelta(days=1)


def _year_label(chosen: Mapping[tuple[date, date], Choice], end: date) -> str:
    """The fiscal year that a period ending on `end` comes after: FY2024 for 2025Q1-Q3, FY2026 for FY2027Q2."""
    period = next(picked.figure.period for (_, last), picked in chosen.items() if last == end)
    return f"FY{_a_year_earlier(period).removeprefix('FY').removeprefix('TTM-')[:4]}"


def _a_year_earlier(period: str) -> str:
    """2026H1 gives 2025H1, FY2027Q2 gives FY2026Q2."""
    digits = "".join(character for character in period if character.isdigit())[:4]
    return period.replace(digits, str(int(digits) - 1)) if digits else period


def _end(figure: FigureFact) -> date:
    return figure.end
