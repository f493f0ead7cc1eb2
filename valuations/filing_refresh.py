"""Lists of filings: ask the service of an outcome, store what is new, and settle the outcome.

A job may run twice or die half-way: everything is stored in one transaction, which settles the outcome first, so that
of two workers with one job the second finds nothing left to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from companies.filings.announced import store_announced
from companies.filings.applications import (
    APPLICATION,
    Names,
    Step,
    applicant_of,
    group_of,
    status_page,
    steps_of_application,
    steps_of_project,
    store_steps,
    venue_of,
)
from companies.filings.tagged import propose_figures, tagged_figures
from companies.models import Company, Filing, Listing, Revision
from companies.sources.announcements import Announcement, Page
from companies.sources.base import NoData, SourceError
from companies.sources.hkex import Application
from companies.sources.projects import Project
from valuations.asking import Desk
from valuations.document_refresh import wanted_documents
from valuations.filing_coverage import (
    HKEX_APPLICATIONS,
    SEC_FACTS,
    SECOND_LISTS,
    SERVICES,
    SSE_PROJECTS,
    SZSE_PROJECTS,
    FilingService,
    asked_from,
)
from valuations.filing_lists import (
    Details,
    cik_of,
    hkex_applications,
    listed,
    sse_details,
    sse_projects,
    szse_details,
    szse_projects,
    tagged_facts,
)
from valuations.ledger import request_documents
from valuations.models import RefreshOutcome, RefreshRun

ENOUGH_TO_COMPARE = 3  # so many filings known of the days asked for, before a list is called too short
_EAST = timedelta(hours=8)  # the day begins there before ours does
_HINTS_TOLD = 5
Result = RefreshOutcome.Result


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a question. `store` writes it down and returns how many rows are new; call it in a transaction.

    `companies` are those whose documents may have come.
    """

    result: str
    reason: str = ""
    detail: str = ""
    store: Callable[[], int] | None = None
    companies: tuple[Company, ...] = ()


def run_filings_batch(pending: RefreshOutcome) -> None:
    """Ask what a pending outcome asks, store what is new and settle the outcome."""
    found = _found(pending)
    with transaction.atomic():
        settled = RefreshOutcome.objects.filter(pk=pending.pk, result=Result.PENDING).update(
            result=found.result, reason=found.reason, detail=found.detail[:500], done_at=timezone.now()
        )
        if settled and found.store is not None and (stored := found.store()):
            RefreshOutcome.objects.filter(pk=pending.pk).update(stored=stored)
            Revision.bump()
    if settled and found.companies:
        _ask_for_documents(found.companies)


def _ask_for_documents(companies: Sequence[Company]) -> None:
    """Have the documents fetched that state figures."""
    wanted = wanted_documents(Filing.objects.filter(company__in=companies).exclude(service=""))
    if wanted:
        request_documents(wanted, RefreshRun.Trigger.PLAN)


def _found(pending: RefreshOutcome) -> Found:
    service, company = SERVICES.get(pending.provider), pending.company
    if service is None:
        return Found(Result.BAD_REQUEST, "no_source", pending.provider)
    if not settings.SOURCES_ENABLED:
        return Found(Result.BAD_REQUEST, "sources_off")
    desk, today = Desk(), (timezone.now() + _EAST).date()
    try:
        if company is None:
            return _applications(desk, service, today)
        if service is SEC_FACTS:
            return _facts(desk, company)
        return _filings(desk, service, company, today)
    except _Resting as resting:
        return Found(Result.RETRY, "sources_rest", str(resting))
    except NoData as error:
        return Found(Result.NO_DATA, "nothing_listed", str(error))
    except SourceError as error:
        return Found(error.outcome, "source_failed", f"{service.label}: {error}")


class _Resting(Exception):
    """A service is left alone for now, after failures."""


def _make_sure_we_may_ask(desk: Desk, service: FilingService) -> None:
    if not desk.may_ask(service) and next(desk.trials([service]), None) is None:
        raise _Resting(desk.resting(service))


# --- Lists of one company ---------------------------------------------------------------------------


def _filings(desk: Desk, service: FilingService, company: Company, today: date) -> Found:
    """What a service lists of a company; where it fails, what the service asked in its place lists."""
    listings = _listings(company, service)
    if not listings:
        return Found(Result.NO_DATA, "no_listing")
    start = asked_from(service, company, today)
    troubles: list[tuple[FilingService, Exception]] = []
    for one in filter(None, (service, SECOND_LISTS.get(service.slug))):
        try:
            page = _asked(desk, one, company, listings, start, today)
        except (SourceError, _Resting) as trouble:
            troubles.append((one, trouble))
            continue
        told = (
            Found(Result.OK_FLAG, "second_list", _in_words(troubles))
            if troubles
            else _compared(service, company, page, start, today)
        )
        return _told(page, told, company)
    return _not_had(troubles)


def _not_had(troubles: Sequence[tuple[FilingService, Exception]]) -> Found:
    """Why no list could be had; the kind of trouble is that of the exchange."""
    first = troubles[0][1]
    if isinstance(first, SourceError):
        return Found(first.outcome, "source_failed", _in_words(troubles))
    return Found(Result.RETRY, "sources_rest", _in_words(troubles))


def _in_words(troubles: Sequence[tuple[FilingService, Exception]]) -> str:
    return "; ".join(
        str(trouble) if isinstance(trouble, _Resting) else f"{service.label}: {trouble}"
        for service, trouble in troubles
    )


def _listings(company: Company, service: FilingService) -> list[Listing]:
    return list(company.listings.filter(mic__in=service.mics, delisted_on=None))


def _asked(
    desk: Desk, service: FilingService, company: Company, listings: Sequence[Listing], start: date, end: date
) -> Page[Announcement]:
    """The list of a service; an empty one where it properly says that there is nothing."""
    _make_sure_we_may_ask(desk, service)
    try:
        return listed(desk, service, company, listings, start, end)
    except NoData:
        return Page(())


def _compared(service: FilingService, company: Company, page: Page[Announcement], start: date, end: date) -> Found:
    """The list beside what it held before: lists only grow, so that one that lacks most of it is not whole."""
    known = set(
        Filing.objects.filter(company=company, service=service.slug, published_on__range=(start, end))
        .exclude(service_group__startswith=f"{APPLICATION} ")
        .values_list("service_key", "language")
    )
    missing = known - {(row.key, row.language) for row in page.rows}
    if len(known) >= ENOUGH_TO_COMPARE and len(missing) * 2 > len(known):
        return Found(
            Result.OK_FLAG, "fewer_than_before", f"{len(missing)} of {len(known)} since {start} are not listed"
        )
    return Found(Result.OK) if page.rows else Found(Result.NO_DATA, "nothing_listed")


def _told(page: Page[Announcement], told: Found, company: Company) -> Found:
    """A list that is known to lack rows is told so before anything else."""

    def store() -> int:
        return len(store_announced(page.rows, company))

    told = replace(told, store=store, companies=(company,))
    if page.has_more:
        return replace(told, result=Result.PARTIAL, reason="rows_missing")
    if page.unreadable and told.result != Result.OK_FLAG:
        return replace(told, result=Result.PARTIAL, reason="unreadable_rows", detail="; ".join(page.unreadable))
    return told


# --- Numbers that a company has tagged --------------------------------------------------------------


def _facts(desk: Desk, company: Company) -> Found:
    """Figures to propose, from the numbers that a company has tagged at the SEC."""
    _make_sure_we_may_ask(desk, SEC_FACTS)
    cik = cik_of(desk, company, _listings(company, SEC_FACTS))
    page = tagged_facts(desk, cik)
    figures = tagged_figures(page.rows, company.fiscal_year_end)

    def store() -> int:
        return propose_figures(company, cik, figures)

    if page.unreadable:
        return Found(Result.PARTIAL, "unreadable_rows", "; ".join(page.unreadable), store)
    return Found(Result.OK, store=store)


# --- Applications to list ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Case:
    """An application of a company of ours: what is to be stored of it."""

    company: Company
    source: str
    key: str
    name: str
    venue: str
    steps: Sequence[Step]
    documents: Sequence[Announcement]
    first_day: date

    def store(self) -> int:
        """Returns how many documents and steps are new."""
        stored = len(store_announced(self.documents, self.company))
        page = status_page(self.company, self.source, self.key, self.name, self.first_day)
        return stored + store_steps(self.company, self.venue, self.steps, page)


def _applications(desk: Desk, service: FilingService, today: date) -> Found:
    """Applications of companies of ours: their documents, and their steps as milestones."""
    _make_sure_we_may_ask(desk, service)
    if service is HKEX_APPLICATIONS:
        page = desk.ask(service, hkex_applications)
        names = Names(Company.objects.current().prefetch_related("listings"), ("XHKG",))
        cases = [_hong_kong_case(company, one) for one in page.rows if (company := names.company_of(applicant_of(one)))]
        active = [one for one in page.rows if one.state == "active"]
        return _cases_found(cases, page.unreadable, [], _hints(names, active))
    return _mainland_applications(desk, service, asked_from(service, None, today))


def _mainland_applications(desk: Desk, service: FilingService, since: date) -> Found:
    projects, details, mic = {
        SSE_PROJECTS.slug: (sse_projects, sse_details, "XSHG"),
        SZSE_PROJECTS.slug: (szse_projects, szse_details, "XSHE"),
    }[service.slug]
    page = desk.ask(service, projects)
    names = Names(Company.objects.current().prefetch_related("listings"), (mic,))
    known = _known_applications()
    cases, troubles = [], []
    for project in page.rows:
        company = names.company_of(applicant_of(project))
        is_unchanged = project.updated_on is not None and project.updated_on < since
        if company is None or (is_unchanged and (project.source, group_of(project.key)) in known):
            continue
        if desk.is_late:
            troubles.append(f"{project.name}: no time was left to ask")
            continue
        try:
            found = desk.ask(service, partial(details, project=project))
        except NoData:
            continue  # so for some that were terminated
        except SourceError as error:
            troubles.append(f"{project.name}: {error}")
            continue
        cases.append(_mainland_case(company, project, found))
    return _cases_found(cases, page.unreadable, troubles, _hints(names, page.rows))


def _known_applications() -> set[tuple[str, str]]:
    """Service and key of the applications whose steps have been read before."""
    pages = Filing.objects.filter(service_key__startswith=f"{APPLICATION} ")
    return set(pages.values_list("service", "service_key"))


def _mainland_case(company: Company, project: Project, details: Details) -> _Case:
    steps = steps_of_project(details.steps)
    days = [step.day for step in steps] + [one for one in (project.accepted_on, project.updated_on) if one]
    return _Case(
        company, project.source, project.key, project.name, venue_of(project), steps, details.documents,
        min(days, default=timezone.now().date()),
    )  # fmt: skip


def _hong_kong_case(company: Company, application: Application) -> _Case:
    steps = steps_of_application(application)
    days = [step.day for step in steps] + [one.published_on for one in application.documents]
    return _Case(
        company, "hkex", application.key, application.applicant, "XHKG Main Board", steps, application.documents,
        min(days, default=timezone.now().date()),
    )  # fmt: skip


def _hints(names: Names, applications: Sequence[Project] | Sequence[Application]) -> list[str]:
    """Applicants that may be a company of ours: an editor who knows gives the company that name."""
    found = []
    for one in applications:
        applicant = applicant_of(one)
        if names.company_of(applicant) is None and (companies := names.hints(applicant)):
            found.append(f"{applicant.names[0]}: {', '.join(company.name_en for company in companies)}?")
    return found


def _cases_found(
    cases: Sequence[_Case], unreadable: Sequence[str], troubles: Sequence[str], hints: Sequence[str]
) -> Found:
    def store() -> int:
        return sum(case.store() for case in cases)

    found = Found(Result.OK, store=store, companies=tuple(dict.fromkeys(case.company for case in cases)))
    if troubles:
        return replace(found, result=Result.PARTIAL, reason="rows_missing", detail="; ".join(troubles))
    if unreadable:
        return replace(found, result=Result.PARTIAL, reason="unreadable_rows", detail="; ".join(unreadable))
    if hints:
        more = f"; {len(hints) - _HINTS_TOLD} more" if len(hints) > _HINTS_TOLD else ""
        detail = "; ".join(hints[:_HINTS_TOLD]) + more
        return replace(found, result=Result.OK_FLAG, reason="names_unsure", detail=detail)
    return found
