"""A document is what its bytes say, not what its address or its content type say."""

import pytest

from companies.sources.base import Outcome, SourceError
from companies.sources.documents import check_pdf
from tests.companies.replies import BLOCKED_PAGE, CHALLENGE_PAGE, reply

PDF = b"%PDF-1.7\n" + b"0" * 5_000 + b"\n%%EOF\n"


@pytest.mark.parametrize("body", [PDF, b"\xef\xbb\xbf\r\n" + PDF, b"\x00" * 1000 + PDF])
def test_a_pdf_is_known_by_its_first_bytes(body: bytes) -> None:
    assert check_pdf(reply(body)) == body


@pytest.mark.parametrize("stated_size", [None, 5_016, 6_144, 10_000, 100])
def test_a_stated_size_is_only_a_rough_one(stated_size: int | None) -> None:
    assert check_pdf(reply(PDF), stated_size=stated_size) == PDF


@pytest.mark.parametrize(
    ("body", "status", "outcome"),
    [
        ("<!DOCTYPE html><html><body>404 文件不存在</body></html>".encode(), 200, Outcome.BAD_BODY),
        (b"<html><body>about %PDF-1.7</body></html>", 200, Outcome.BAD_BODY),
        (b"PK\x03\x04 a spreadsheet", 200, Outcome.BAD_BODY),
        (b'{"error":"no such file"}', 200, Outcome.BAD_BODY),
        (b"x" * 2_000 + PDF, 200, Outcome.BAD_BODY),
        (b"", 200, Outcome.BAD_BODY),
        (CHALLENGE_PAGE, 200, Outcome.BLOCKED),
        (BLOCKED_PAGE, 403, Outcome.BLOCKED),
        (BLOCKED_PAGE, 404, Outcome.NO_DATA),
        (PDF, 404, Outcome.NO_DATA),
        (b"", 502, Outcome.RETRY),
    ],
)
def test_anything_else_is_never_taken_for_the_document(body: bytes, status: int, outcome: Outcome) -> None:
    with pytest.raises(SourceError) as caught:
        check_pdf(reply(body, status))
    assert caught.value.outcome is outcome


def test_a_fraction_of_the_document_is_too_little() -> None:
    with pytest.raises(SourceError, match="5016 bytes of a document said to have 20480") as caught:
        check_pdf(reply(PDF), stated_size=20_480)
    assert caught.value.outcome is Outcome.TOO_FEW
