"""Documents behind the addresses that services state: whether what came is the document. No Django."""

from companies.sources.base import BadBody, NoData, Reply, TooFew, usable_body

MOST_BYTES = 128 * 1024 * 1024  # a prospectus with its pictures; for `SourceClient`

_PDF = b"%PDF-"
_PDF_MAY_BEGIN_WITHIN = 1024  # some writers put a few bytes before it; readers allow for that


def check_pdf(reply: Reply, *, stated_size: int | None = None) -> bytes:
    """The body of a reply that is a PDF document, whatever its address and content type say.

    Args:
        stated_size: Bytes, as the list of documents gives them: rounded, so only a much smaller file is refused.

    Raises:
        NoData: the document is not there.
        BadBody: something else came; it must not be stored as the document.
        TooFew: less than half of the document came.
        SourceError: refused in one of the other ways.
    """
    if reply.status == 404:
        raise NoData("the document is not there (status 404)")
    body = usable_body(reply)
    if _PDF not in body[:_PDF_MAY_BEGIN_WITHIN]:
        raise BadBody("not a PDF document")
    if stated_size is not None and len(body) < stated_size // 2:
        raise TooFew(f"{len(body)} bytes of a document said to have {stated_size}")
    return body
