"""Why a document was not fetched, in words. Pages show them without loading what fetches."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from companies.sources.base import Outcome

# Why a document was not fetched, by the code that the ledger keeps.
WORDS: Mapping[str, str | Promise] = {
    "address_unreadable": _("This is no web address. It begins with https:// or http:// and names a host."),
    "address_scheme": _("Only addresses that begin with https:// or http:// are fetched."),
    "address_port": _("Only the usual ports of the web, 80 and 443, are asked."),
    "address_login": _("The address carries a user name or password. Give one without."),
    "address_not_public": _("The address leads into a network that is not public, so it is not fetched."),
    "host_unknown": _("The host of the address is not known. Is it spelled right?"),
    "redirected_too_often": _("The address sends its visitors around without end."),
    "unreachable": _("The host did not answer properly."),
    "host_too_slow": _("The host was too slow."),
    "cut_short": _("The document broke off before its end."),
    "compressed_oddly": _("The reply is compressed in a way that cannot be read."),
    "file_too_large": _("The file is larger than documents may be here (DOCUMENT_MAX_MB)."),
    "document_gone": _("There is no document at this address (any more)."),
    "document_refused": _("The host does not give the document to us."),
    "document_login": _("The host wants a login for this document."),
    "host_failed": _("The host has a problem of its own at the moment."),
    "odd_status": _("The host answered, but with neither the document nor an error that is known."),
}
_OUTCOMES = {
    "host_unknown": Outcome.RETRY,
    "unreachable": Outcome.RETRY,
    "host_too_slow": Outcome.RETRY,
    "cut_short": Outcome.RETRY,
    "host_failed": Outcome.RETRY,
    "document_gone": Outcome.NO_DATA,
    "document_refused": Outcome.BLOCKED,
    "document_login": Outcome.AUTH,
    "redirected_too_often": Outcome.BAD_BODY,
    "compressed_oddly": Outcome.BAD_BODY,
    "file_too_large": Outcome.BAD_BODY,
    "odd_status": Outcome.BAD_BODY,
}


class NotFetched(Exception):
    """No document came; `code` says why, `detail` adds in plain English what the ledger should know."""

    def __init__(self, code: str, detail: str = "", retry_after: int | None = None) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.retry_after = retry_after  # seconds, if the host said so

    def __str__(self) -> str:
        return str(WORDS[self.code])

    @property
    def outcome(self) -> Outcome:
        """The word of the ledger. An address that is refused by our own rules is a bad request."""
        return _OUTCOMES.get(self.code, Outcome.BAD_REQUEST)
