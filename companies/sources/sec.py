"""SEC EDGAR: filings of US-listed companies and the numbers they tagged in them.

The User-Agent must name a contact, and ten requests a second over all hosts are the limit; who exceeds it is shut out
for ten minutes. `data.sec.gov` has filings and facts, `www.sec.gov` the list of tickers and the documents.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

from companies.sources.announcements import (
    Announcement,
    Page,
    count,
    document_url,
    plain,
    read_rows,
    refusing_whole_reply,
    required_text,
    size_in_bytes,
    text,
    text_list,
)
from companies.sources.base import (
    BadBody,
    Blocked,
    Fetcher,
    Reply,
    as_object,
    parse_day,
    parse_json,
    parse_number,
    usable_body,
)

SLUG = "sec"
DOCUMENTS = "https://www.sec.gov/Archives/edgar/data"
MOST_BYTES = 32 * 1024 * 1024  # the facts of a large company are many times a usual reply; for `SourceClient`
SHUT_OUT_SECONDS = 600

_NEW_YORK = ZoneInfo("America/New_York")
_OPENS, _CLOSES = time(6), time(22)  # EDGAR takes filings between these, in New York
_COLUMNS = ("accessionNumber", "filingDate", "form")  # no filing is understood without these
_MORE_COLUMNS = (
    "reportDate", "acceptanceDateTime", "items", "size", "primaryDocument", "primaryDocDescription",
)  # fmt: skip
_CIK_IN_URL = re.compile(r"CIK([0-9]{10})")
_YEAR_END = re.compile(r"([0-9]{2})([0-9]{2})")
_ACCESSION = re.compile(r"[0-9]{10}-[0-9]{2}-[0-9]{6}")


@dataclass(frozen=True, slots=True)
class Registrant:
    """A company with a ticker. `cik` has ten digits, as addresses want it."""

    cik: str
    ticker: str
    name: str


@dataclass(frozen=True, slots=True)
class OlderFilings:
    """A further file of a company's filings: ask for it with `fetch_older_submissions`."""

    name: str
    filings: int | None
    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True)
class Submissions:
    """A company and its filings, newest first. A further file of older filings states nothing but the filings."""

    cik: str
    name: str
    tickers: tuple[str, ...]
    fiscal_year_end: str  # "01-31"; "" when not stated
    filings: Page[Announcement]
    older: tuple[OlderFilings, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One number tagged in a filing: `tag` of `taxonomy`, in `unit`, for the days `start` to `end`, or at `end`.

    The filing's fiscal year and period are left out on purpose: they say when the filing was made, and stand beside the
    numbers of earlier years that it repeats as well. What a number is about follows from its own days alone; values for
    three, six and nine months share their last day.
    """

    taxonomy: str
    tag: str
    unit: str
    start: date | None  # None: a state at `end`, not a flow
    end: date
    value: Decimal
    form: str
    filed_on: date
    accession: str

    @property
    def period(self) -> tuple[str, str, str, date | None, date]:
        """What the number is about: the same in every filing that repeats or corrects it."""
        return self.taxonomy, self.tag, self.unit, self.start, self.end

    @property
    def months(self) -> int | None:
        """Length of the period in whole months (fiscal years have 52 or 53 weeks); None for a state."""
        return None if self.start is None else round(((self.end - self.start).days + 1) * 12 / 365.25)


def fetch_tickers(client: Fetcher) -> Reply:
    """Ask `www.sec.gov` for all tickers."""
    return client.get("/files/company_tickers.json")


def fetch_submissions(client: Fetcher, cik: str) -> Reply:
    """Ask `data.sec.gov` for a company and its latest thousand filings or more."""
    return client.get(f"/submissions/CIK{cik.zfill(10)}.json")


def fetch_older_submissions(client: Fetcher, older: OlderFilings) -> Reply:
    """Ask `data.sec.gov` for a further file of older filings."""
    return client.get(f"/submissions/{older.name}")


def fetch_facts(client: Fetcher, cik: str) -> Reply:
    """Ask `data.sec.gov` for all numbers a company ever tagged; see `MOST_BYTES`."""
    return client.get(f"/api/xbrl/companyfacts/CIK{cik.zfill(10)}.json")


def parse_tickers(reply: Reply) -> Page[Registrant]:
    """Companies by ticker; one with several classes of shares comes several times."""
    payload = _payload(reply)
    return read_rows(payload.values(), _registrant)


def parse_submissions(reply: Reply) -> Submissions:
    """A company's filings, from its main file or from a further file of older ones."""
    payload = _payload(reply)
    filings = payload.get("filings", {"recent": payload})
    recent = filings.get("recent") if isinstance(filings, Mapping) else None
    if not isinstance(filings, Mapping) or not isinstance(recent, Mapping):
        raise BadBody("no filings")
    in_url = _CIK_IN_URL.search(reply.url)
    with refusing_whole_reply():
        cik = _ten_digits(text(payload.get("cik")) or (in_url[1] if in_url else ""))
        name, tickers = plain(payload.get("name")), text_list(payload.get("tickers"))
        year_end = _YEAR_END.fullmatch(text(payload.get("fiscalYearEnd")))
    older = filings.get("files") or []
    if not isinstance(older, list):
        raise BadBody("no list of older filings")
    rows = _zipped(recent)
    clock = _clock_of(row.get("acceptanceDateTime") for row in rows)
    recent_filings = read_rows(rows, lambda row: _filing(row, cik, name, tickers, clock), has_more=bool(older))
    further: Page[OlderFilings] = read_rows(older, _older) if older else Page(())
    return Submissions(
        cik=cik,
        name=name,
        tickers=tickers,
        fiscal_year_end=f"{year_end[1]}-{year_end[2]}" if year_end else "",
        # A further file that cannot be named is filings that are missing.
        filings=replace(recent_filings, unreadable=(*recent_filings.unreadable, *further.unreadable)),
        older=further.rows,
    )


def parse_facts(reply: Reply) -> Page[Fact]:
    """Every number as often as it was filed; see `latest_facts`."""
    taxonomies = _payload(reply).get("facts")
    if not isinstance(taxonomies, Mapping):
        raise BadBody("no facts")
    rows = [
        {**row, "taxonomy": taxonomy, "tag": tag, "unit": unit}
        for taxonomy, tags in taxonomies.items()
        for tag, about in _object(tags).items()
        for unit, rows in _object(_object(about).get("units")).items()
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, Mapping)
    ]
    return read_rows(rows, _fact)


def latest_facts(facts: Iterable[Fact]) -> list[Fact]:
    """Of each number the version filed last: a correction replaces what it corrects, in the order first filed."""
    latest: dict[object, Fact] = {}
    for fact in sorted(facts, key=lambda fact: (fact.filed_on, fact.accession)):
        latest[fact.period] = fact
    return list(latest.values())


def _payload(reply: Reply) -> Mapping[str, object]:
    try:
        return as_object(parse_json(usable_body(reply)))
    except Blocked as error:
        # The page names no pause; the rules do, and asking earlier begins it anew.
        raise Blocked(error.reason, error.retry_after or SHUT_OUT_SECONDS) from error


def _registrant(row: Mapping[str, object]) -> Registrant:
    return Registrant(_ten_digits(required_text(row, "cik_str")), required_text(row, "ticker"), plain(row.get("title")))


def _ten_digits(cik: str) -> str:
    if not re.fullmatch(r"[0-9]{1,10}", cik):
        raise ValueError(f"not the number of a company: {cik[:20]!r}")
    return cik.zfill(10)


def _zipped(columns: Mapping[str, object]) -> list[dict[str, object]]:
    """One object per filing of lists that hold one field each. Raises BadBody when the lists do not fit together."""
    # Only those that are read here: a column that is new may be of any kind.
    lists = {name: values for name in _COLUMNS + _MORE_COLUMNS if isinstance(values := columns.get(name), list)}
    missing = [name for name in _COLUMNS if name not in lists]
    if missing:
        raise BadBody(f"no column {missing[0]}")
    if len({len(values) for values in lists.values()}) != 1:
        raise BadBody("columns of different lengths")
    return [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]


def _filing(row: Mapping[str, object], cik: str, company: str, tickers: tuple[str, ...], clock: tzinfo) -> Announcement:
    accession = required_text(row, "accessionNumber")
    if not _ACCESSION.fullmatch(accession):
        raise ValueError(f"not an accession number: {accession[:30]!r}")
    form = required_text(row, "form")
    period_end = text(row.get("reportDate"))
    # A folder's name has neither the zeros of the company's number nor dashes; with zeros one is sent around.
    folder = f"{int(cik)}/{accession.replace('-', '')}"
    document = text(row.get("primaryDocument")) or f"{accession}-index.htm"
    return Announcement(
        source=SLUG,
        key=accession,
        title=plain(row.get("primaryDocDescription")) or form,
        published_on=parse_day(row.get("filingDate")),
        # After 17:30 in New York the day of filing is the next one.
        published_at=_moment(row.get("acceptanceDateTime"), clock),
        url=document_url(f"{DOCUMENTS}/{folder}", document, within="sec.gov"),
        language="en",
        tickers=tickers,
        company=company,
        kinds=(form, *filter(None, text(row.get("items")).split(","))),
        period_end=parse_day(period_end) if period_end else None,
        size=size_in_bytes(row.get("size")),
    )


def _clock_of(stamps: Iterable[object]) -> tzinfo:
    """By which clock a company's times of acceptance are written: all end in "Z", but for some it is New York's.

    That reading is right by which EDGAR was open most often.
    """
    written = [moment for stamp in stamps if (moment := _written(stamp)) is not None]

    def out_of_hours(clock: tzinfo) -> int:
        there = (moment.replace(tzinfo=clock).astimezone(_NEW_YORK).time() for moment in written)
        return sum(not _OPENS <= hour <= _CLOSES for hour in there)

    return _NEW_YORK if out_of_hours(_NEW_YORK) < out_of_hours(UTC) else UTC


def _written(stamp: object) -> datetime | None:
    """The time as it is written, without its zone; None for anything else."""
    try:
        moment = datetime.fromisoformat(str(stamp)).replace(tzinfo=None)
    except ValueError:
        return None
    return moment if 1990 <= moment.year < 2100 else None


def _moment(stamp: object, clock: tzinfo) -> datetime | None:
    moment = _written(stamp)
    return None if moment is None else moment.replace(tzinfo=clock).astimezone(UTC)


def _older(row: Mapping[str, object]) -> OlderFilings:
    name = required_text(row, "name")
    if not re.fullmatch(r"[\w.-]+\.json", name):
        raise ValueError(f"not the name of a file: {name[:40]!r}")
    return OlderFilings(
        name, count(row.get("filingCount")), parse_day(row.get("filingFrom")), parse_day(row.get("filingTo"))
    )


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _fact(row: Mapping[str, object]) -> Fact:
    value = parse_number(row.get("val"))
    if value is None:
        raise ValueError("no value")
    return Fact(
        taxonomy=required_text(row, "taxonomy"),
        tag=required_text(row, "tag"),
        unit=required_text(row, "unit"),
        start=parse_day(row["start"]) if row.get("start") else None,
        end=parse_day(row.get("end")),
        value=value,
        form=required_text(row, "form"),
        filed_on=parse_day(row.get("filed")),
        accession=required_text(row, "accn"),
    )
