"""Which service lists the filings of which company, and when each is due to be asked again.

The exchange where a company is listed comes first. CNINFO lists the same documents of the mainland's exchanges; it is
asked in place of an exchange that gives no usable answer (see docs/decisions/0011). The lists of applications are of no
company: each is asked once for all, and its rows are matched to companies by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db.models import Max, Q, QuerySet

from companies.models import Company
from valuations.health import Standing, remembered, standing
from valuations.models import RefreshOutcome, RefreshRun, SourceHealth

AFTER_TROUBLE = timedelta(hours=1)  # a list that failed is asked for again so soon, its service willing
MOST_AT_ONCE = 60  # questions of one run: the first look at everything is spread over several
OVERLAP = timedelta(days=14)  # asked for again each time: lists are filled late, and are checked against what we know
Result = RefreshOutcome.Result
# The service has said all it had to say on the days asked for.
_ANSWERED = Q(result__in=(Result.OK, Result.NO_DATA)) | Q(reason__in=("second_list", "unreadable_rows", "names_unsure"))


@dataclass(frozen=True, slots=True)
class FilingService:
    """A list of filings as the desk asks it.

    `mics` are the exchanges whose companies it lists; a list without is one for all, asked once. `least_pause` is for
    replies so large that nobody should ask for them as often as for others.
    """

    slug: str
    site: str
    label: str
    mics: frozenset[str] = frozenset()
    only_benchmarks: bool = False
    least_pause: timedelta = timedelta()


_NEW_YORK = frozenset({"XNAS", "XNYS"})
CNINFO = FilingService("cninfo", "cninfo", "CNINFO", frozenset({"XBSE"}))
SSE = FilingService("sse", "sse", "Shanghai Stock Exchange", frozenset({"XSHG"}))
SZSE = FilingService("szse", "szse", "Shenzhen Stock Exchange", frozenset({"XSHE"}))
HKEX = FilingService("hkex", "hkex", "HKEXnews", frozenset({"XHKG"}))
SEC = FilingService("sec", "sec", "SEC EDGAR", _NEW_YORK)
SEC_FACTS = FilingService("sec_facts", "sec", "SEC EDGAR, tagged numbers", _NEW_YORK, True, timedelta(days=1))
SSE_PROJECTS = FilingService("sse_projects", "sse", "Shanghai Stock Exchange, applications")
SZSE_PROJECTS = FilingService("szse_projects", "szse", "Shenzhen Stock Exchange, applications")
HKEX_APPLICATIONS = FilingService("hkex_applications", "hkex", "HKEXnews, applications")
# Not asked for lists, but for the number by which EDGAR knows a company.
SEC_TICKERS = FilingService("sec_tickers", "sec_www", "SEC EDGAR, tickers")

SERVICES: Mapping[str, FilingService] = {
    service.slug: service
    for service in (CNINFO, SSE, SZSE, HKEX, SEC, SEC_FACTS, SSE_PROJECTS, SZSE_PROJECTS, HKEX_APPLICATIONS)
}
# Asked when the service itself gives no usable answer.
SECOND_LISTS: Mapping[str, FilingService] = {SSE.slug: CNINFO, SZSE.slug: CNINFO}


@dataclass(frozen=True, slots=True)
class FilingQuestion:
    """A service to be asked, about a company or (None) for its whole list."""

    service: FilingService
    company: Company | None = None


def filing_questions(companies: Iterable[Company] | None = None) -> list[FilingQuestion]:
    """Everything there is to ask about some companies; about all of them, with the lists of applications, unless told.

    In two queries.
    """
    if companies is not None:
        return list(_about(Company.objects.current().filter(pk__in=[company.pk for company in companies])))
    lists = [FilingQuestion(service) for service in SERVICES.values() if not service.mics]
    return [*lists, *_about(Company.objects.current())]


def _about(companies: QuerySet[Company]) -> Iterator[FilingQuestion]:
    for company in companies.order_by("pk").prefetch_related("listings"):
        mics = {listing.mic for listing in company.listings.all() if listing.delisted_on is None}
        for service in SERVICES.values():
            if service.mics & mics and (company.is_benchmark or not service.only_benchmarks):
                yield FilingQuestion(service, company)


def filing_outcomes(run: RefreshRun, wanted: Iterable[FilingQuestion] | None = None) -> list[RefreshOutcome]:
    """The pending outcomes of a run, not yet written: one job for each question.

    Args:
        wanted: What to ask, as `due_for_filings` gives it; everything unless told.
    """
    questions = filing_questions() if wanted is None else wanted
    return [
        RefreshOutcome(
            run=run, batch=batch, company=question.company, provider=question.service.slug, queued_at=run.requested_at
        )
        for batch, question in enumerate(questions)
    ]


def due_for_filings(now: datetime) -> list[FilingQuestion]:
    """What is to be asked now, longest waiting first, not more than a run should hold.

    Every list once in `FILINGS_EVERY_SECONDS`, one that failed after an hour; none while its service rests.
    """
    healths = remembered()
    last = _last_outcomes()
    due = []
    for question in filing_questions():
        if not _is_awake(question.service, healths, now):
            continue
        done_at, result = last.get(_key(question), (None, ""))
        if done_at is None or now - done_at >= _pause(question.service, result):
            due.append((done_at, question))
    never = datetime.min.replace(tzinfo=now.tzinfo)
    due.sort(key=lambda one: one[0] or never)
    return [question for _, question in due[:MOST_AT_ONCE]]


def _key(question: FilingQuestion) -> tuple[str, int | None]:
    return question.service.slug, question.company.pk if question.company else None


def _last_outcomes() -> dict[tuple[str, int | None], tuple[datetime, str]]:
    """When each question was settled last, and how. One query."""
    settled = RefreshOutcome.objects.filter(run__kind=RefreshRun.Kind.FILINGS, done_at__isnull=False)
    return {
        (provider, company): (done_at, result)
        for provider, company, done_at, result in settled.order_by("done_at").values_list(
            "provider", "company_id", "done_at", "result"
        )
        if done_at is not None
    }


def _is_awake(service: FilingService, healths: Mapping[str, SourceHealth], now: datetime) -> bool:
    """Whether the service, or the one asked in its place, may be asked."""
    asked = [service, *filter(None, [SECOND_LISTS.get(service.slug)])]
    return any(standing(healths.get(one.site), now) is not Standing.RESTING for one in asked)


def _pause(service: FilingService, result: str) -> timedelta:
    usual = max(timedelta(seconds=settings.FILINGS_EVERY_SECONDS), service.least_pause)
    answered = (Result.OK, Result.OK_FLAG, Result.PARTIAL, Result.NO_DATA)
    return usual if result in answered else min(AFTER_TROUBLE, usual)


def asked_from(service: FilingService, company: Company | None, today: date) -> date:
    """The first day to ask for: some days before the last complete answer, or `FILINGS_YEARS` back.

    The ledger forgets after a month; whoever was not answered for so long is asked for all of it again.
    """
    asked = RefreshOutcome.objects.filter(run__kind=RefreshRun.Kind.FILINGS, provider=service.slug, company=company)
    answered: datetime | None = asked.filter(_ANSWERED).aggregate(at=Max("queued_at"))["at"]
    if answered is None:
        return today - timedelta(days=366 * int(settings.FILINGS_YEARS))
    return min(answered.date(), today) - OVERLAP
