"""Storing what official lists announce: each document once, however often and by whomever it is listed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q
from django.utils import timezone

from companies.filings.discovered import (
    MAINLAND,
    corrected_by,
    filing_from,
    is_correction,
    without_twins,
)
from companies.models import Company, Filing, StarterRecord
from companies.sources.announcements import Announcement

# What a service may state anew of a document that nobody has edited.
_RESTATED = ("title", "url")
# What a service adds to a filing that was known before by its address alone.
_ADOPTED = ("service", "service_key", "service_kinds", "service_group", "published_at", "period_end")
_IN_ONE_QUERY = 400  # SQLite takes so many values and no fewer


def store_announced(announcements: Iterable[Announcement], company: Company | None) -> list[Filing]:
    """Store what is new of a company and return that. Call it in a transaction.

    What is stored already stays, also when it is no longer listed; its title and address follow the service unless
    somebody has edited the filing. A filing of the company without a service but with the address of an announcement
    is that document. Corrections are linked to what they correct where that is certain.
    """
    rows = {one.identity: one for one in announcements}
    known = _known(rows)
    for identity, filing in known.items():
        _restate(filing, rows[identity], company)
    unknown = [one for identity, one in rows.items() if identity not in known]
    if company is not None and unknown:
        unknown = without_twins(_not_adopted(unknown, company), _mainland_filings(company, unknown), names_of(company))
    now = timezone.now()
    fresh = [filing_from(one, company) for one in unknown]
    for filing in fresh:
        filing.added_at = now
    Filing.objects.bulk_create(fresh, ignore_conflicts=True, batch_size=200)
    # Another worker may have stored one of them at this moment: what stands there is what counts.
    stored = list(_known({(one.source, one.key, one.language): one for one in unknown}).values())
    if company is not None and stored:
        _link_corrections(stored, company)
    return stored


def names_of(company: Company) -> list[str]:
    """Names under which the company's documents may be titled."""
    return [name for name in (company.name_zh, company.name_en, *company.aliases) if name]


def _known(rows: dict[tuple[str, str, str], Announcement]) -> dict[tuple[str, str, str], Filing]:
    """Stored filings by their identity."""
    found: dict[tuple[str, str, str], Filing] = {}
    for service in {identity[0] for identity in rows}:
        keys = [key for source, key, _ in rows if source == service]
        for start in range(0, len(keys), _IN_ONE_QUERY):
            part = Filing.objects.filter(service=service, service_key__in=keys[start : start + _IN_ONE_QUERY])
            found |= {(one.service, one.service_key, one.language): one for one in part}
    return {identity: filing for identity, filing in found.items() if identity in rows}


def _restate(filing: Filing, announcement: Announcement, company: Company | None) -> None:
    """Let title and address follow the service, and a filing without a company find it."""
    stated = filing_from(announcement, company)
    changed = [name for name in _RESTATED if getattr(stated, name) and getattr(filing, name) != getattr(stated, name)]
    if filing.company_id is None and company is not None:
        changed.append("company")
    if not changed or _is_edited(filing):
        return
    for name in changed:
        setattr(filing, name, getattr(stated, name))
    filing.save(update_fields=changed)


def _is_edited(filing: Filing) -> bool:
    """Whether somebody has brought it in, changed it by hand, or worded it for the starter facts."""
    if filing.added_by_id is not None:
        return True
    if StarterRecord.objects.filter(table="filings", object_id=filing.pk).exists():
        return True
    kind = ContentType.objects.get_for_model(Filing)
    return LogEntry.objects.filter(content_type=kind, object_id=str(filing.pk)).exists()


def _not_adopted(announcements: Sequence[Announcement], company: Company) -> list[Announcement]:
    """Announcements that no filing known by its address alone stands for; those that do learn how they are listed."""
    urls = [one.url for one in announcements if one.url]
    nameless: dict[str, list[Filing]] = {}
    for start in range(0, len(urls), _IN_ONE_QUERY):
        some = Filing.objects.filter(company=company, service="", url__in=urls[start : start + _IN_ONE_QUERY])
        for filing in some:
            nameless.setdefault(filing.url, []).append(filing)
    rest = []
    for announcement in announcements:
        filings = nameless.pop(announcement.url, []) if announcement.url else []
        if len(filings) != 1 or (filings[0].language or announcement.language) != announcement.language:
            rest.append(announcement)
            continue
        filing, stated = filings[0], filing_from(announcement, company)
        filing.language = announcement.language
        for name in _ADOPTED:
            setattr(filing, name, getattr(stated, name))
        filing.save(update_fields=[*_ADOPTED, "language"])
    return rest


def _mainland_filings(company: Company, announcements: Sequence[Announcement]) -> list[Filing]:
    """Filings that could be the same documents, as another mainland service lists them."""
    if not any(one.source in MAINLAND for one in announcements):
        return []
    first = min(one.published_on for one in announcements)
    since = date.fromordinal(first.toordinal() - 1)
    return list(Filing.objects.filter(company=company, service__in=MAINLAND, published_on__gte=since))


def _link_corrections(fresh: Sequence[Filing], company: Company) -> None:
    """Link what corrects another document to it; also where the corrected one was found after its correction."""
    names = names_of(company)
    kinds = {filing.kind for filing in fresh}
    all_of_kind = list(Filing.objects.filter(Q(kind__in=kinds) & ~Q(service=""), company=company))
    for filing in all_of_kind:
        if filing.corrects_id is None and is_correction(filing, names):
            filing.corrects = corrected_by(filing, all_of_kind, names)
            if filing.corrects is not None:
                filing.save(update_fields=["corrects"])
