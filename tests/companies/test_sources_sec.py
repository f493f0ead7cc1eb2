"""SEC EDGAR: columns that must be zipped, numbers that filings repeat, and being shut out."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from companies.sources.base import Outcome, SourceError
from companies.sources.sec import (
    SHUT_OUT_SECONDS,
    OlderFilings,
    fetch_facts,
    fetch_older_submissions,
    fetch_submissions,
    fetch_tickers,
    latest_facts,
    parse_facts,
    parse_submissions,
    parse_tickers,
)
from tests.companies.replies import BLOCKED_PAGE, Recorder, reply

UNDECLARED = (
    b"<!DOCTYPE html><html><head><title>SEC.gov | Your Request Originates from an Undeclared Automated Tool</title>"
)
NO_SUCH_KEY = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code></Error>'


def test_numbers_of_companies_have_ten_digits() -> None:
    content = {"0": {"cik_str": 2488, "ticker": "SMPL", "title": "SAMPLE &amp; CO"}, "1": {"cik_str": None}}
    page = parse_tickers(reply(content))
    (found,) = page.rows
    assert (found.cik, found.ticker, found.name) == ("0000002488", "SMPL", "SAMPLE & CO")
    assert page.outcome is Outcome.PARTIAL


COLUMNS = {
    "accessionNumber": ["0000002488-26-000002", "0000950170-26-000001"],
    "filingDate": ["2026-11-19", "2026-08-26"],
    "reportDate": ["2026-11-18", ""],
    "acceptanceDateTime": ["2026-11-18T23:20:05.000Z", "2026-08-26T20:31:11.000Z"],
    "form": ["8-K", "10-Q/A"],
    "items": ["2.02,9.01", ""],
    "size": [700001, 0],
    "primaryDocument": ["smpl-20261118.htm", ""],
    "primaryDocDescription": ["CURRENT REPORT", ""],
}
OLDER: dict[str, Any] = {
    "name": "CIK0000002488-submissions-001.json",
    "filingCount": 1200,
    "filingFrom": "1998-03-06",
    "filingTo": "2015-03-12",
}


def company(columns: Any = None, **changes: Any) -> dict[str, Any]:
    stated = {
        "cik": "0000002488",
        "name": "SAMPLE CO",
        "tickers": ["SMPL"],
        "fiscalYearEnd": "0131",
        "filings": {"recent": COLUMNS if columns is None else columns, "files": [OLDER]},
    }
    return stated | changes


def test_filings_are_zipped_from_columns() -> None:
    found = parse_submissions(reply(company()))
    assert (found.cik, found.name, found.tickers, found.fiscal_year_end) == (
        "0000002488",
        "SAMPLE CO",
        ("SMPL",),
        "01-31",
    )
    report, correction = found.filings.rows
    assert (report.key, report.title, report.kinds) == (
        "0000002488-26-000002",
        "CURRENT REPORT",
        ("8-K", "2.02", "9.01"),
    )
    # Taken in the evening, filed on the next day.
    assert (report.published_on, report.published_at) == (
        date(2026, 11, 19),
        datetime(2026, 11, 18, 23, 20, 5, tzinfo=UTC),
    )
    assert (report.period_end, report.size, report.language) == (date(2026, 11, 18), 700001, "en")
    assert report.url == "https://www.sec.gov/Archives/edgar/data/2488/000000248826000002/smpl-20261118.htm"
    assert (correction.title, correction.kinds, correction.period_end) == ("10-Q/A", ("10-Q/A",), None)
    # Without a document the index of the filing; the number of the filing may be that of an agent.
    assert correction.url == (
        "https://www.sec.gov/Archives/edgar/data/2488/000095017026000001/0000950170-26-000001-index.htm"
    )


@pytest.mark.parametrize("more", [{"isNew": []}, {"isNew": [1, 2, 3]}, {"isNew": "yes"}, {"isNew": None}])
def test_a_column_that_is_new_costs_no_filing(more: dict[str, object]) -> None:
    assert parse_submissions(reply(company(COLUMNS | more))).filings == parse_submissions(reply(company())).filings


@pytest.mark.parametrize(
    ("stamps", "first"),
    [
        # 07:30 read as UTC is half past three at night in New York, when EDGAR is closed: it is New York's clock.
        (["2026-04-30T16:21:59.000Z", "2026-04-29T07:30:32.000Z"], datetime(2026, 4, 30, 20, 21, 59, tzinfo=UTC)),
        # 23:20 is no hour of EDGAR by New York's clock: it is UTC.
        (["2026-04-30T16:21:59.000Z", "2026-04-29T23:20:05.000Z"], datetime(2026, 4, 30, 16, 21, 59, tzinfo=UTC)),
        (["2026-04-30T16:21:59.000Z", "2026-04-29T15:00:00.000Z"], datetime(2026, 4, 30, 16, 21, 59, tzinfo=UTC)),
        (["", "2026-04-29T23:20:05.000Z"], None),
        (["soon", "0001-01-01T00:00:00.000Z"], None),
    ],
)
def test_times_are_utc_unless_edgar_was_closed_then(stamps: list[str], first: datetime | None) -> None:
    found = parse_submissions(reply(company(COLUMNS | {"acceptanceDateTime": stamps})))
    assert found.filings.rows[0].published_at == first


def test_older_filings_are_further_files_that_hold_columns_only() -> None:
    newest = parse_submissions(reply(company()))
    older = OlderFilings(OLDER["name"], 1200, date(1998, 3, 6), date(2015, 3, 12))
    assert (newest.older, newest.filings.has_more) == ((older,), True)
    further = parse_submissions(reply(COLUMNS, url=f"https://data.sec.gov/submissions/{older.name}"))
    assert (further.cik, len(further.filings.rows), further.older) == ("0000002488", 2, ())
    assert "/data/2488/" in further.filings.rows[0].url
    assert further.filings.has_more is False


def test_columns_nobody_needs_may_be_missing_and_unknown_ones_may_come() -> None:
    few = {name: COLUMNS[name] for name in ("accessionNumber", "filingDate", "form")} | {"newColumn": [1, 2]}
    report = parse_submissions(reply(company(few))).filings.rows[0]
    assert (report.published_at, report.size, report.period_end, report.title) == (None, None, None, "8-K")


@pytest.mark.parametrize(
    ("content", "status", "outcome"),
    [
        (company(COLUMNS | {"form": ["8-K"]}), 200, Outcome.BAD_BODY),
        (company({name: values for name, values in COLUMNS.items() if name != "form"}), 200, Outcome.BAD_BODY),
        (company({name: [] for name in COLUMNS}), 200, Outcome.NO_DATA),
        (company(filings=None), 200, Outcome.BAD_BODY),
        (company(cik=None), 200, Outcome.BAD_BODY),
        (company(cik="12345678901"), 200, Outcome.BAD_BODY),
        (company(COLUMNS | {"accessionNumber": ["../x", "y"]}), 200, Outcome.BAD_BODY),
        ([], 200, Outcome.BAD_BODY),
        (NO_SUCH_KEY, 404, Outcome.NO_DATA),
        (BLOCKED_PAGE, 404, Outcome.BAD_BODY),
        (b"", 503, Outcome.RETRY),
    ],
)
def test_submissions_that_give_nothing_say_why(content: object, status: int, outcome: Outcome) -> None:
    with pytest.raises(SourceError) as caught:
        parse_submissions(reply(content, status))
    assert caught.value.outcome is outcome


@pytest.mark.parametrize(("body", "status"), [(UNDECLARED, 403), (UNDECLARED, 200), (BLOCKED_PAGE, 403), (b"", 429)])
def test_who_is_shut_out_waits_ten_minutes(body: bytes, status: int) -> None:
    for parse in (parse_tickers, parse_submissions, parse_facts):
        with pytest.raises(SourceError) as caught:
            parse(reply(body, status))
        assert (caught.value.outcome, caught.value.retry_after) == (Outcome.BLOCKED, SHUT_OUT_SECONDS)


def fact(start: str | None, end: str, value: object, filed: str, form: str = "10-Q", accession: str = "a") -> Any:
    days = {"end": end} if start is None else {"start": start, "end": end}
    # The filing's own year and period, whatever year the number is about.
    return days | {"val": value, "accn": accession, "fy": 2027, "fp": "Q2", "form": form, "filed": filed}


def facts(unit: str, *rows: Any, tag: str = "Revenues") -> dict[str, Any]:
    return {"cik": 2488, "facts": {"us-gaap": {tag: {"label": "", "units": {unit: list(rows)}}}}}


def test_a_fact_is_about_its_own_days_not_about_the_filing() -> None:
    half, quarter = (
        fact("2026-01-26", "2026-07-26", 150, "2026-08-26"),
        fact("2026-04-27", "2026-07-26", 80, "2026-08-26"),
    )
    year = fact("2024-01-29", "2025-01-26", 130, "2026-08-26")
    found = parse_facts(reply(facts("USD", half, quarter, year))).rows
    assert [(each.months, int(each.value)) for each in found] == [(6, 150), (3, 80), (12, 130)]
    assert len({each.period for each in found}) == 3
    assert (found[0].taxonomy, found[0].tag, found[0].unit, found[0].form) == ("us-gaap", "Revenues", "USD", "10-Q")
    assert (found[0].filed_on, found[0].accession) == (date(2026, 8, 26), "a")


def test_nine_months_and_years_of_53_weeks_are_told_by_their_length() -> None:
    rows = fact("2026-01-26", "2026-10-25", 1, "2026-11-18"), fact("2022-01-31", "2023-02-05", 1, "2023-02-24")
    assert [each.months for each in parse_facts(reply(facts("USD", *rows))).rows] == [9, 12]


def test_the_last_correction_of_a_number_counts() -> None:
    year = ("2025-01-27", "2026-01-25")
    rows = (
        fact(*year, 190, "2026-04-01", "10-K/A", "b"),
        fact(*year, 200, "2026-02-25", "10-K", "a"),
        fact("2024-01-29", "2025-01-26", 130, "2026-02-25", "10-K", "a"),
    )
    latest = latest_facts(parse_facts(reply(facts("USD", *rows))).rows)
    assert [(int(each.value), each.form) for each in latest] == [(190, "10-K/A"), (130, "10-K")]


def test_a_state_has_no_length_and_fractions_stay_exact() -> None:
    (shares,) = parse_facts(reply(facts("shares", fact(None, "2026-08-21", 24300000000, "2026-08-26")))).rows
    assert (shares.start, shares.months, shares.value) == (None, None, Decimal(24300000000))
    body = b'{"facts":{"us-gaap":{"EarningsPerShareBasic":{"units":{"USD/shares":[{"start":"2026-04-27",'
    body += b'"end":"2026-07-26","val":0.1,"accn":"a","form":"10-Q","filed":"2026-08-26"}]}}}}}'
    (earnings,) = parse_facts(reply(body)).rows
    assert earnings.value == Decimal("0.1")


def test_a_fact_without_a_value_or_a_day_is_left_out() -> None:
    rows = [
        fact(None, "2026-08-21", None, "2026-08-26"),
        fact(None, "", 1, "2026-08-26"),
        fact(None, "2026-08-21", 2, "2026-08-26"),
    ]
    page = parse_facts(reply(facts("USD", *rows)))
    assert ([int(each.value) for each in page.rows], len(page.unreadable), page.outcome) == ([2], 2, Outcome.PARTIAL)


@pytest.mark.parametrize(
    ("content", "outcome"),
    [({"facts": {}}, Outcome.NO_DATA), ({"facts": {"dei": {}}}, Outcome.NO_DATA), ({"cik": 1}, Outcome.BAD_BODY)],
)
def test_a_company_without_facts_says_so(content: object, outcome: Outcome) -> None:
    with pytest.raises(SourceError) as caught:
        parse_facts(reply(content))
    assert caught.value.outcome is outcome


def test_addresses_have_ten_digits() -> None:
    network = Recorder()
    fetch_tickers(network)
    fetch_submissions(network, "2488")
    fetch_older_submissions(network, OlderFilings(OLDER["name"], 1, date(1998, 3, 6), date(2015, 3, 12)))
    fetch_facts(network, "0000002488")
    assert [asked.path for asked in network.asked] == [
        "/files/company_tickers.json",
        "/submissions/CIK0000002488.json",
        "/submissions/CIK0000002488-submissions-001.json",
        "/api/xbrl/companyfacts/CIK0000002488.json",
    ]


def test_the_name_of_a_further_file_cannot_lead_elsewhere() -> None:
    filings = {"recent": COLUMNS, "files": [OLDER, OLDER | {"name": "../../private.json"}]}
    found = parse_submissions(reply(company(filings=filings)))
    assert [older.name for older in found.older] == [OLDER["name"]]
    assert found.filings.outcome is Outcome.PARTIAL
