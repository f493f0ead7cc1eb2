"""Where the document of a filing stands, in the words of the reader's page."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from companies.filings.store import file_is_there
from companies.models import Filing, FilingVersion
from valuations.ledger import FILE_IS_HERE, PASSAGES
from valuations.models import RefreshOutcome, RefreshRun
from valuations.reason_words import reason_in_words

Result, Status = RefreshOutcome.Result, FilingVersion.Status


@dataclass(frozen=True, slots=True)
class DocumentState:
    """What there is to say about a document, "" when it can simply be read, and what can be done.

    `pages` are those that can be read by now.
    """

    text: str = ""
    is_waiting: bool = False  # something is under way: ask again soon
    needs_a_look: bool = False
    pages: int = 0


def document_state(filing: Filing, version: FilingVersion | None) -> DocumentState:
    """Where the document of a filing stands, as far as it matters to who reads this version. Two queries, or three."""
    outcomes = RefreshOutcome.objects.filter(filing=filing, run__kind=RefreshRun.Kind.DOCUMENTS)
    pending = outcomes.filter(result=Result.PENDING).first()
    last = outcomes.filter(done_at__isnull=False).order_by("-done_at").first() if pending is None else None
    if version is None:
        return _without_file(filing, pending, last)
    if version.status == Status.WAITING:
        return _unread(version, pending, last)
    if not file_is_there(version):
        return DocumentState(_("The stored file is gone. Fetch or upload it again."), needs_a_look=True)
    if pending is not None:
        words = {
            FILE_IS_HERE: _("The text is being read once more."),
            PASSAGES: _("Its passages are being looked for once more."),
        }
        return DocumentState(
            words.get(pending.reason, _("The document is being fetched once more.")),
            is_waiting=True,
            pages=version.page_count or 0,
        )
    if version.status != Status.READY:
        return DocumentState(_sentence(str(version.get_status_display()).capitalize()), needs_a_look=True)
    if last is not None and _is_failure(last) and (last.done_at or last.queued_at) > version.received_at:
        return DocumentState(
            _("The last try to fetch it once more failed: %(reason)s") % {"reason": _reason(last)}, needs_a_look=True
        )
    return DocumentState()


def _without_file(filing: Filing, pending: RefreshOutcome | None, last: RefreshOutcome | None) -> DocumentState:
    if pending is not None:
        return DocumentState(_("The document is being fetched."), is_waiting=True)
    if last is not None:
        return DocumentState(
            _("The document was not fetched: %(reason)s") % {"reason": _reason(last)}, needs_a_look=True
        )
    if filing.url:
        return DocumentState(_("The document has not been fetched yet."))
    return DocumentState()


def _unread(version: FilingVersion, pending: RefreshOutcome | None, last: RefreshOutcome | None) -> DocumentState:
    pages = version.pages.count()
    if pending is not None:
        return DocumentState(_("The text is being read."), is_waiting=True, pages=pages)
    if last is None:
        return DocumentState(_("The text has not been read yet."), needs_a_look=True, pages=pages)
    return DocumentState(
        _("The text was not read: %(reason)s") % {"reason": _reason(last)}, needs_a_look=True, pages=pages
    )


def _is_failure(outcome: RefreshOutcome) -> bool:
    return outcome.result not in (Result.OK, Result.OK_FLAG, Result.PARTIAL, Result.CANCELLED)


def _reason(outcome: RefreshOutcome) -> str:
    """Why it ended so, as the end of a sentence."""
    return _sentence(reason_in_words(outcome.reason) or outcome.get_result_display())


def _sentence(words: str) -> str:
    return _("%(words)s.") % {"words": words.rstrip(".。")}
