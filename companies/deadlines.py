"""By when a report must be public at the latest: the day from which an undated statement of it counts. Pure.

A page that repeats a figure without a date of its own cannot be placed in time, but the report it repeats can: the law
says by when it must be out. No page of an earlier day may use the figure.

Rules followed, in months or days after the end of the period unless said otherwise:

* Mainland China (Shanghai, Shenzhen): annual report within four months, half-year report within two months, reports of
  the first and third quarter within one month (CSRC, Administrative Measures for Information Disclosure by Listed
  Companies, article on periodic reports; SSE and SZSE listing rules, chapter on periodic reports). Earnings forecast of
  a year within one month; a company that cannot publish its annual report within two months gives an express report by
  then (SSE STAR Market Listing Rules, chapter 6). The fiscal year is the calendar year (Accounting Law, article 11).
* Hong Kong: annual results within three months, annual report within four, interim results within two (HKEX Main Board
  Listing Rules 13.46 and 13.49). An interim report repeats its results and counts with them. There are no reports of
  quarters.
* United States: Form 10-K within 60 days of the end of the year and Form 10-Q within 40 days of the end of the quarter,
  for large accelerated filers (SEC, 17 CFR 249.310 and 249.308a).

A company that is not listed has no deadline of its own. Its figures count from the mainland deadline, and figures of
periods before it was listed from its first day of trading if that is later: the prospectus must be out by then.
"""

from __future__ import annotations

from datetime import date, timedelta

from companies.periods import CALENDAR_YEAR, month_end

HONG_KONG = "XHKG"
UNITED_STATES = ("XNAS", "XNYS")

# Papers of a listing: they must be out before the first day of trading.
LISTING_PAPERS = ("prospectus", "offering_arrangement", "issue_result", "allotment_result", "listing_announcement")
LOOKING_AHEAD = ("guidance", "forecast")
# A 52/53-week period may end a few days into the next month.
_WITHIN_THE_PERIOD = timedelta(days=10)


def statutory_deadline(
    reported_in: str,
    period_end: date,
    months: int | None,
    venue: str,
    *,
    basis: str = "actual",
    listed_on: date | None = None,
    fiscal_year_end: str = CALENDAR_YEAR,
) -> date:
    """The latest day by which a report of that kind on that period must be public.

    Papers of a listing are due on the first day of trading. A forecast is due when the earnings forecast of its period
    is, whoever repeats it. Everything else, pages and news included, is due with the periodic report of its period. A
    stock on one day is due with the report on the quarter (Hong Kong: half-year) that holds the day.

    Args:
        reported_in: Kind of report, a value of `FilingKind`.
        period_end: Last day of the period, or the day of a stock.
        months: Length of the period; None for a stock on one day.
        venue: MIC of the exchange on which the company was listed first; empty when it is not listed.
        basis: Basis of the figure, a value of `Basis`.
        listed_on: First day of trading, when known.
        fiscal_year_end: Month and day.

    Source: docs/formulas.md, "Known when".
    """
    if reported_in in LISTING_PAPERS and listed_on is not None:
        return listed_on
    # No fiscal calendar of weeks is exact to the day, so flows are placed by a day safely inside their period.
    inside = period_end if months is None else period_end - _WITHIN_THE_PERIOD
    quarter, quarter_end = _fiscal_quarter(inside, fiscal_year_end)
    if venue in UNITED_STATES:
        # No forecast must be made, and it is worthless from the day of the report itself.
        from_day = quarter_end if months is None else period_end
        deadline = from_day + timedelta(days=60 if quarter == 4 else 40)
    elif reported_in == "earnings_forecast" or basis in LOOKING_AHEAD:
        deadline = _months_after(quarter_end, 1)
    elif reported_in == "express_report":
        deadline = _months_after(quarter_end, 2)
    elif venue == HONG_KONG:
        deadline = _hong_kong(reported_in, quarter, quarter_end)
    else:
        deadline = _months_after(quarter_end, (1, 2, 1, 4)[quarter - 1])
    return deadline if listed_on is None else max(deadline, listed_on)


def _hong_kong(reported_in: str, quarter: int, quarter_end: date) -> date:
    half_year_end = quarter_end if quarter in (2, 4) else _months_after(quarter_end, 3)
    if quarter <= 2:
        return _months_after(half_year_end, 2)
    return _months_after(half_year_end, 4 if reported_in == "annual_report" else 3)


def _fiscal_quarter(day: date, fiscal_year_end: str) -> tuple[int, date]:
    """Number and last day of the fiscal quarter that holds the day, counted in whole months."""
    last_month = int(fiscal_year_end[:2])
    place = (day.month - last_month - 1) % 12
    return place // 3 + 1, _months_after(month_end(day.year, day.month), 2 - place % 3)


def _months_after(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return month_end(year, month + 1)
