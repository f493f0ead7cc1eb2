"""Documents: fetch a filing's file, then read its text, and settle what came of it.

A job does one step and queues the same batch again for the next one, so that a slow host does not take the time in
which the text is read. The first step ends when the file is stored; how far an outcome is stands in its row. A job that
runs twice, or whose worker dies, finds what is stored already: the same bytes are the same version, and its text is
written anew as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from companies.filings.anchoring import check_anchors
from companies.filings.download import Limits, Origin, Resolver, opened, resolved
from companies.filings.extraction import extract
from companies.filings.not_fetched import NotFetched
from companies.filings.store import NotStored, StorageFailed, Stored, file_is_there, most_bytes, store_version
from companies.models import Anchor, Filing, FilingKind, FilingVersion, Revision, User
from companies.sources.base import Auth, BadBody, BadRequest, Blocked, Outcome, Retry, SourceError
from valuations.asking import user_agent
from valuations.health import Report, Standing, note, remembered, standing
from valuations.ledger import FILE_IS_HERE, PASSAGES, queue_again
from valuations.models import RefreshOutcome
from valuations.spacing import waiting_for

Result, Status = RefreshOutcome.Result, FilingVersion.Status

# Services whose documents are fetched at the pace and the address of the settings, by the host they name.
SITE_OF_HOST: Mapping[str, str] = {
    "static.cninfo.com.cn": "cninfo_documents",
    "static.sse.com.cn": "sse_documents",
    "disc.static.szse.cn": "szse_documents",
    "reportdocs.static.szse.cn": "szse_project_documents",
    "www1.hkexnews.hk": "hkex",
    "www.sec.gov": "sec_www",
}
# Documents that state figures: those of filings that were found in a list are fetched without anybody asking.
KINDS_WITH_FIGURES = (
    FilingKind.PROSPECTUS,
    FilingKind.ANNUAL_REPORT,
    FilingKind.ANNUAL_RESULTS,
    FilingKind.INTERIM_REPORT,
    FilingKind.QUARTERLY_REPORT,
    FilingKind.EARNINGS_FORECAST,
    FilingKind.EXPRESS_REPORT,
)
TRIED_AGAIN_AFTER = timedelta(days=1)
# A file whose text nobody reads, as when it came while the queue was out of reach: asked for so often, and so long.
READ_AGAIN_AFTER, READ_AGAIN_UNTIL = timedelta(hours=1), timedelta(days=3)
_RESULTS: Mapping[str, str] = {
    Status.READY: Result.OK,
    Status.NO_TEXT: Result.OK_FLAG,
    Status.ENCRYPTED: Result.PARTIAL,
    Status.TOO_LONG: Result.PARTIAL,
    Status.TOO_SLOW: Result.PARTIAL,
    Status.TOO_BIG: Result.PARTIAL,
    Status.BROKEN: Result.BAD_BODY,
}
_PASSING = (Result.RETRY, Result.BLOCKED, Result.ABANDONED, Result.CANCELLED)


@dataclass(frozen=True, slots=True)
class Ending:
    """What came of a document, for the ledger."""

    result: str
    reason: str = ""
    detail: str = ""


def run_document_batch(pending: RefreshOutcome) -> None:
    """Do the next step for the filing of a pending outcome."""
    filing = pending.filing
    if filing is None:
        return
    if pending.reason == PASSAGES:
        _look_for_passages(pending, filing)
    elif pending.reason == FILE_IS_HERE:
        _read(pending, filing)
    else:
        _fetch(pending, filing)


def wanted_documents(filings: Iterable[Filing]) -> list[Filing]:
    """Those of some filings whose documents are fetched without anybody asking: newest first, not too many at once.

    They state figures, their file is not here, and it was not asked for in vain: after a passing failure not for a day,
    after any other not as long as the ledger remembers.
    """
    tried = RefreshOutcome.objects.filter(filing=OuterRef("pk")).filter(
        ~Q(result__in=_PASSING) | Q(done_at__gt=timezone.now() - TRIED_AGAIN_AFTER)
    )
    found = Filing.objects.filter(
        ~Q(url=""), pk__in=[filing.pk for filing in filings], versions=None, kind__in=KINDS_WITH_FIGURES
    )
    return list(found.filter(~Exists(tried)).order_by("-published_on", "pk")[: settings.DOCUMENTS_PER_RUN])


def unread_documents(now: datetime) -> list[Filing]:
    """Filings with a new file whose text waits and that no job will read, the longest waiting first.

    Not those that somebody has cancelled; where reading was tried lately, after a pause.
    """
    asked = RefreshOutcome.objects.filter(filing=OuterRef("pk")).filter(
        Q(result__in=(Result.PENDING, Result.CANCELLED)) | Q(done_at__gt=now - READ_AGAIN_AFTER)
    )
    new = FilingVersion.objects.filter(status=Status.WAITING, received_at__gt=now - READ_AGAIN_UNTIL)
    found = Filing.objects.filter(pk__in=new.values("filing")).filter(~Exists(asked))
    return list(found.order_by("pk")[: settings.DOCUMENTS_PER_RUN])


# --- The file ---------------------------------------------------------------------------------------


def _fetch(pending: RefreshOutcome, filing: Filing) -> None:
    """First step: the file of a filing, as its address gives it now."""
    if not settings.SOURCES_ENABLED:
        _end(pending, filing, Ending(Result.BAD_REQUEST, "sources_off"))
        return
    try:
        stored = fetched(filing, user=pending.run.requested_by)
    except NotFetched as error:
        _end(pending, filing, Ending(error.outcome, error.code, error.detail))
    except StorageFailed as error:
        _end(pending, filing, Ending(Result.RETRY, error.code))
    except NotStored as error:
        _end(pending, filing, Ending(Result.BAD_BODY, error.code))
    except SourceRests as error:
        _end(pending, filing, Ending(Result.RETRY, "sources_rest", str(error)))
    else:
        if stored.version.status in (Status.READY, Status.NO_TEXT):
            _end(pending, filing, Ending(Result.OK, "same_file"))
        else:
            _go_on(pending, stored=int(stored.created))


class SourceRests(Exception):
    """The service turned us away lately and is left alone for now."""


def fetched(filing: Filing, *, user: User | None = None, resolver: Resolver = resolved) -> Stored:
    """Fetch a filing's document and store it: other bytes than before are a new version.

    Raises:
        NotFetched: It did not come.
        NotStored: What came is no document, or could not be written.
        SourceRests: It was not asked for.
    """
    site = _site_of(filing.url)
    asked_at = timezone.now()
    if site is not None:
        health = remembered().get(site)
        if standing(health, asked_at) is Standing.RESTING:
            assert health is not None  # it rests
            raise SourceRests(f"left alone until {health.rests_until:%Y-%m-%d %H:%M} UTC, {health.last_detail}")
    try:
        with opened(
            _address(filing.url, site),
            limits=Limits(settings.DOCUMENT_TIMEOUT, most_bytes()),
            user_agent=user_agent(),
            trusted=_trusted(site),
            resolver=resolver,
            wait=_wait,
        ) as body:
            stored = store_version(filing, body, url=filing.url, user=user)
    except NotFetched as error:
        if site is not None:
            note([Report(site, asked_at, _as_source_error(error))])
        raise
    if site is not None:
        note([Report(site, asked_at)])
    return stored


def _site_of(url: str) -> str | None:
    """The service whose document an address is of."""
    try:
        return SITE_OF_HOST.get(urlsplit(url).hostname or "")
    except ValueError:
        return None  # no address at all, which fetching says


def _trusted(site: str | None) -> list[Origin]:
    """What the operator has named for a service may be anywhere, in our own network too; for no other document."""
    return [Origin.of(str(settings.SOURCE_URLS[site]))] if site else []


def _address(url: str, site: str | None) -> str:
    """Where a service's document is asked for: the settings may name a mirror of the service."""
    if site is None:
        return url
    parts = urlsplit(url)
    base = str(settings.SOURCE_URLS[site]).rstrip("/")
    rest = parts._replace(scheme="", netloc="", fragment="").geturl()
    return f"{base}{rest}"


def _wait(host: str) -> None:
    """Wait for our turn at a host, be it a service's or any other: one request at a time, so far apart."""
    waiting_for(SITE_OF_HOST.get(host, host), settings.SOURCE_INTERVAL)()


def _as_source_error(error: NotFetched) -> SourceError | None:
    """What a failure says of the service: a document that is not there says nothing."""
    kinds: Mapping[Outcome, type[SourceError]] = {
        Outcome.BLOCKED: Blocked,
        Outcome.AUTH: Auth,
        Outcome.RETRY: Retry,
        Outcome.BAD_BODY: BadBody,
        Outcome.BAD_REQUEST: BadRequest,
    }
    kind = kinds.get(error.outcome)
    return None if kind is None else kind(f"{error.code}: {error.detail}", error.retry_after)


# --- Its text ---------------------------------------------------------------------------------------


def _read(pending: RefreshOutcome, filing: Filing) -> None:
    """Second step: the text of the oldest file that waits for it; where none does, that of the newest once more."""
    version = _waiting(filing).first() or filing.versions.order_by("number").last()
    if version is None:
        _end(pending, filing, Ending(Result.NO_DATA, "no_file"))
        return
    if not file_is_there(version):
        _give_up(version, "the file is missing")
        _end(pending, filing, Ending(Result.BAD_BODY, "file_missing", version.path.name))
        return
    status = extract(version.pk)
    version.refresh_from_db(fields=["problem"])
    reason = "" if status == Status.READY else str(status)
    _end(pending, filing, Ending(_RESULTS[status], reason, version.problem))


def _look_for_passages(pending: RefreshOutcome, filing: Filing) -> None:
    """Only step: look for every passage of a filing once more in its newest text, which stays as it is.

    While that text waits to be read there is nothing to look in: it is read first, and its passages with it.
    """
    with transaction.atomic():
        # All versions, as whoever stores a text locks them: no passage is marked meanwhile.
        newest = max(filing.versions.select_for_update().order_by("pk"), key=lambda one: one.number, default=None)
        if newest is None:
            ending = Ending(Result.NO_DATA, "no_file")
        else:
            in_doubt = newest.status != Status.WAITING and check_anchors(newest)[Anchor.State.NEEDS_REVIEW]
            ending = Ending(Result.OK_FLAG, "passages_wait") if in_doubt else Ending(Result.OK)
            Revision.bump()
    _end(pending, filing, ending)


def _give_up(version: FilingVersion, problem: str) -> None:
    """A file that cannot be read must not wait for ever; the pages of one that could once stay."""
    FilingVersion.objects.filter(pk=version.pk, status=Status.WAITING).update(status=Status.BROKEN, problem=problem)


def _waiting(filing: Filing) -> QuerySet[FilingVersion]:
    return filing.versions.filter(status=Status.WAITING).order_by("number")


# --- What the ledger says ---------------------------------------------------------------------------


def _go_on(pending: RefreshOutcome, stored: int) -> None:
    """The file is here: queue the batch again for its text. Of two workers with the same job one does."""
    changed = RefreshOutcome.objects.filter(pk=pending.pk, result=Result.PENDING, reason="").update(
        reason=FILE_IS_HERE, stored=stored, queued_at=timezone.now()
    )
    if changed:
        # Should the queue be out of reach, the plan finds the batch and queues it.
        queue_again(pending.run, [pending.batch])


def _end(pending: RefreshOutcome, filing: Filing, ending: Ending) -> None:
    """Settle a pending outcome; where another file has come meanwhile, read that first."""
    with transaction.atomic():
        # Whoever stores a file or asks for a document locks its filing too, so that none falls between two chairs.
        Filing.objects.select_for_update().filter(pk=filing.pk).first()
        pending_still = RefreshOutcome.objects.filter(pk=pending.pk, result=Result.PENDING)
        now, detail = timezone.now(), ending.detail[:500]
        goes_on = _waiting(filing).exists()
        if goes_on:
            pending_still.update(reason=FILE_IS_HERE, detail=detail, queued_at=now)
        else:
            pending_still.update(result=ending.result, reason=ending.reason, detail=detail, done_at=now)
    if goes_on:
        queue_again(pending.run, [pending.batch])
