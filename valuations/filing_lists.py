"""Asking the official lists: one function for each way in which a service wants to be asked. Stores nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date

from companies.filings.applications import group_of
from companies.filings.discovered import FORMS_OF_OWNERS
from companies.models import Company, Filing, Listing
from companies.sources import cninfo, hkex, sec, sse, szse
from companies.sources.announcements import Announcement, Page, read_pages
from companies.sources.base import BadBody, NoData, NotAsked
from companies.sources.hkex import Application
from companies.sources.http import SourceClient
from companies.sources.projects import Project, StatusChange
from companies.sources.sec import Fact
from valuations.asking import Desk
from valuations.filing_coverage import CNINFO, HKEX, SEC, SEC_FACTS, SEC_TICKERS, SSE, SZSE, FilingService

MOST_PAGES = 30  # of one list, about one company, in one job
MOST_PROJECT_PAGES = 20  # of the applications changed last
_CIK_IN_URL = re.compile(r"/edgar/data/([0-9]{1,10})/")

List = Callable[[SourceClient, Listing, date, date], Page[Announcement]]


def listed(
    desk: Desk, service: FilingService, company: Company, listings: Collection[Listing], start: date, end: date
) -> Page[Announcement]:
    """What a service lists of a company from `start` to `end`; SEC EDGAR gives its latest thousand filings or more.

    Raises:
        SourceError: There is no usable answer; NoData: it says that there is nothing.
    """
    if service is SEC:
        return _sec_list(desk, company, listings)
    pages = []
    for listing in listings:
        try:
            pages.append(_listed_of(desk, service, listing, start, end))
        except NoData:
            continue
    return _joined(pages)


def _listed_of(desk: Desk, service: FilingService, listing: Listing, start: date, end: date) -> Page[Announcement]:
    ask = _LISTS[service.slug]
    return desk.ask(service, lambda client: _only_about({listing.ticker}, ask(client, listing, start, end)))


def _only_about(tickers: Collection[str], page: Page[Announcement]) -> Page[Announcement]:
    """The rows that name one of the tickers, or none at all: documents of others must not become the company's.

    Raises:
        BadBody: All of them name others: this is the answer to another question.
    """
    wanted = {_bare(ticker) for ticker in tickers}
    rows = tuple(row for row in page.rows if not row.tickers or wanted & {_bare(ticker) for ticker in row.tickers})
    strangers = len(page.rows) - len(rows)
    if strangers and not rows:
        raise BadBody("all rows are about other companies")
    told = (f"rows about other companies: {strangers}",) if strangers else ()
    return replace(page, rows=rows, unreadable=(*page.unreadable, *told))


def _bare(ticker: str) -> str:
    return ticker.upper().lstrip("0")


def _joined(pages: Iterable[Page[Announcement]]) -> Page[Announcement]:
    """Several lists as one. Raises NoData when there is none."""
    found = list(pages)
    if not found:
        raise NoData("nothing is listed")
    return Page(
        tuple(row for page in found for row in page.rows),
        has_more=any(page.has_more for page in found),
        unreadable=tuple(reason for page in found for reason in page.unreadable),
    )


@contextmanager
def _known_by_its_ticker() -> Iterator[None]:
    """That a service does not know a ticker is not the same as a list without documents."""
    try:
        yield
    except NoData as error:
        raise NotAsked(f"the ticker is not known there: {error}") from error


def _identity(announcement: Announcement) -> tuple[str, str, str]:
    return announcement.identity


def _sse_list(client: SourceClient, listing: Listing, start: date, end: date) -> Page[Announcement]:
    def ask(page: int) -> Page[Announcement]:
        return sse.parse_bulletins(sse.fetch_bulletins(client, listing.ticker, start, end, page=page))

    return read_pages(ask, _identity, most_pages=MOST_PAGES)


def _szse_list(client: SourceClient, listing: Listing, start: date, end: date) -> Page[Announcement]:
    def ask(page: int) -> Page[Announcement]:
        return szse.parse_announcements(szse.fetch_announcements(client, listing.ticker, start, end, page=page), page)

    return read_pages(ask, _identity, most_pages=MOST_PAGES)


def _cninfo_list(client: SourceClient, listing: Listing, start: date, end: date) -> Page[Announcement]:
    with _known_by_its_ticker():
        securities = cninfo.parse_org_ids(cninfo.fetch_org_ids(client, listing.ticker)).rows
        org_id = cninfo.org_id_of(securities, listing.ticker)

    def ask(page: int) -> Page[Announcement]:
        return cninfo.parse_announcements(
            cninfo.fetch_announcements(client, listing.ticker, org_id, start, end, page=page)
        )

    return read_pages(ask, _identity, most_pages=MOST_PAGES)


def _hkex_list(client: SourceClient, listing: Listing, start: date, end: date) -> Page[Announcement]:
    market = "GEM" if "GEM" in listing.board else "SEHK"
    with _known_by_its_ticker():
        stocks = hkex.parse_stock_ids(hkex.fetch_stock_ids(client, listing.ticker, market=market)).rows
        stock_id = hkex.stock_id_of(stocks, listing.ticker)
    pages = []
    for language in ("en", "zh"):
        try:
            pages.append(_hkex_titles(client, stock_id, start, end, language, market))
        except NoData:
            continue
    return _joined(pages)


def _hkex_titles(
    client: SourceClient, stock_id: str, start: date, end: date, language: str, market: str
) -> Page[Announcement]:
    """All documents in a language. The search has no pages: of a list that was cut the whole is asked for."""

    def ask(row_range: int) -> Page[Announcement]:
        reply = hkex.fetch_titles(client, stock_id, start, end, language=language, row_range=row_range, market=market)
        return hkex.parse_titles(reply)

    page = ask(hkex.ROW_RANGE)
    return ask(page.total) if page.has_more and page.total and page.total > len(page.rows) else page


def _sec_list(desk: Desk, company: Company, listings: Collection[Listing]) -> Page[Announcement]:
    cik = cik_of(desk, company, listings)
    tickers = {listing.ticker for listing in listings}
    page = desk.ask(
        SEC, lambda client: _only_about(tickers, sec.parse_submissions(sec.fetch_submissions(client, cik)).filings)
    )
    rows = tuple(row for row in page.rows if row.kinds[0].removesuffix("/A") not in FORMS_OF_OWNERS)
    # Older filings lie in further files, which nobody asks for: they are not missing.
    return replace(page, rows=rows, has_more=False)


_LISTS: Mapping[str, List] = {
    SSE.slug: _sse_list,
    SZSE.slug: _szse_list,
    CNINFO.slug: _cninfo_list,
    HKEX.slug: _hkex_list,
}


# --- The SEC's numbers ------------------------------------------------------------------------------


def tagged_facts(desk: Desk, cik: str) -> Page[Fact]:
    """Every number that a company has tagged. Raises SourceError."""
    return desk.ask(SEC_FACTS, lambda client: sec.parse_facts(sec.fetch_facts(client, cik)), max_bytes=sec.MOST_BYTES)


def cik_of(desk: Desk, company: Company, listings: Iterable[Listing]) -> str:
    """The number by which EDGAR knows a company: of a filing that is here, else looked up by ticker.

    Raises:
        SourceError: The list of tickers cannot be had, or (NotAsked) does not have this one.
    """
    filings = Filing.objects.filter(company=company, service=sec.SLUG).order_by("-pk")
    for url in filings.values_list("url", flat=True)[:1]:
        if match := _CIK_IN_URL.search(url):
            return match[1].zfill(10)
    if not desk.may_ask(SEC_TICKERS) and next(desk.trials([SEC_TICKERS]), None) is None:
        raise NotAsked(desk.resting(SEC_TICKERS))
    tickers = {listing.ticker for listing in listings}
    page = desk.ask(SEC_TICKERS, lambda client: sec.parse_tickers(sec.fetch_tickers(client)))
    ciks = {registrant.cik for registrant in page.rows if registrant.ticker in tickers}
    if len(ciks) != 1:
        raise NotAsked(f"{len(ciks)} companies with the ticker {', '.join(sorted(tickers))}")
    return ciks.pop()


# --- Applications to list ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Details:
    """Steps and documents of one application on the mainland."""

    steps: tuple[StatusChange, ...]
    documents: tuple[Announcement, ...]
    unreadable: tuple[str, ...] = ()


def sse_projects(client: SourceClient) -> Page[Project]:
    """Applications in Shanghai, those that have changed last."""
    return _projects(lambda page: sse.parse_projects(sse.fetch_projects(client, page=page)))


def szse_projects(client: SourceClient) -> Page[Project]:
    """Applications in Shenzhen."""
    return _projects(lambda page: szse.parse_projects(szse.fetch_projects(client, page=page), page))


def _projects(ask: Callable[[int], Page[Project]]) -> Page[Project]:
    # Those beyond the last page asked for are not missing: nobody wants applications that old.
    return replace(read_pages(ask, lambda project: project.key, most_pages=MOST_PROJECT_PAGES), has_more=False)


def sse_details(client: SourceClient, project: Project) -> Details:
    """Steps and documents of an application in Shanghai, from the older list of documents where the new has none."""
    steps = sse.parse_timeline(sse.fetch_timeline(client, project.key))
    try:
        documents = sse.parse_project_files(sse.fetch_project_files(client, project.key))
    except NoData:
        try:
            documents = sse.parse_project_files(sse.fetch_older_project_files(client, project.key))
        except NoData:
            documents = Page(())
    return _details(project, steps, documents)


def szse_details(client: SourceClient, project: Project) -> Details:
    """Steps and documents of an application in Shenzhen."""
    found = szse.parse_project(szse.fetch_project(client, project.key))
    return _details(project, found.steps, found.documents)


def _details(project: Project, steps: Page[StatusChange], documents: Page[Announcement]) -> Details:
    of_project = tuple(replace(one, group=group_of(project.key), company=project.name) for one in documents.rows)
    return Details(steps.rows, of_project, (*steps.unreadable, *documents.unreadable))


def hkex_applications(client: SourceClient) -> Page[Application]:
    """Applications to list on Hong Kong's main board, from all of its lists; the documents are the English ones.

    Raises:
        SourceError: One of the lists gives no usable answer.
    """
    found: dict[str, Application] = {}
    unreadable: list[str] = []
    for name in hkex.APPLICATION_LISTS:
        try:
            page = hkex.parse_applications(hkex.fetch_applications(client, name))
        except NoData:
            continue
        unreadable += page.unreadable
        for application in page.rows:
            before = found.get(application.key)
            # An application may stand in two lists, each with some of its documents.
            documents = {one.key: one for one in (*(before.documents if before else ()), *application.documents)}
            grouped = tuple(replace(one, group=group_of(application.key)) for one in documents.values())
            found[application.key] = replace(application, documents=grouped)
    if not found:
        raise BadBody("no application in any list")
    return Page(tuple(found.values()), unreadable=tuple(unreadable))
