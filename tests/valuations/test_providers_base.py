"""What every source shares: judging a reply before parsing, reading numbers, one word for a batch."""

import pickle
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from companies.sources.base import BadBody, Blocked, Outcome, Reply, parse_json, parse_number, reply_error
from tests import payloads
from tests.outcomes import batch_outcome
from valuations.providers import HISTORY_SOURCES, QUOTE_SOURCES, RATE_SOURCES
from valuations.providers.base import Instrument, QuoteRow


def reply(status: int, body: bytes = b"{}", retry_after: int | None = None) -> Reply:
    return Reply("https://source.test/", status, "text/html", body, datetime(2026, 11, 20, tzinfo=UTC), retry_after)


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, b'{"a":1}', None),
        (200, b'<?xml version="1.0"?><a/>', None),
        (200, b"", Outcome.BAD_BODY),
        (200, b" \r\n", Outcome.BAD_BODY),
        (200, payloads.BLOCK_PAGE, Outcome.BAD_BODY),
        (200, b"<!-- 1 --><html><body>hello</body></html>", Outcome.BAD_BODY),
        (200, b"<html><body>please solve this captcha</body></html>", Outcome.BLOCKED),
        (200, b"Too Many Requests\n", Outcome.BLOCKED),
        (204, b"x", Outcome.BAD_BODY),
        (302, b"", Outcome.BLOCKED),
        (400, b'{"error_message":"Bad Request"}', Outcome.BAD_REQUEST),
        (400, b'{"error_message":"The value for variable api_key is not registered."}', Outcome.AUTH),
        (401, b"", Outcome.AUTH),
        (403, b"", Outcome.BLOCKED),
        (404, b'{"message":"not found"}', Outcome.NO_DATA),
        (404, payloads.BLOCK_PAGE, Outcome.BAD_BODY),
        (408, b"", Outcome.RETRY),
        (422, b'{"message":"invalid date"}', Outcome.BAD_REQUEST),
        (429, b"", Outcome.BLOCKED),
        (456, payloads.BLOCK_PAGE, Outcome.BLOCKED),
        (999, payloads.BLOCK_PAGE, Outcome.BLOCKED),
        (500, b"", Outcome.RETRY),
        (502, payloads.BLOCK_PAGE, Outcome.RETRY),
        (503, b'{"status":503}', Outcome.RETRY),
    ],
)
def test_status_and_first_bytes_decide_before_anything_is_parsed(
    status: int, body: bytes, outcome: Outcome | None
) -> None:
    error = reply_error(reply(status, body))
    assert (None if error is None else error.outcome) == outcome


def test_a_refusal_keeps_the_pause_that_the_source_asks_for() -> None:
    error = reply_error(reply(429, retry_after=120))
    assert error is not None
    assert error.retry_after == 120


def test_every_source_refuses_a_page_in_place_of_data() -> None:
    page = reply(403, payloads.BLOCK_PAGE)
    star = Instrument("XSHG", "688795", "CNY")
    for quotes in QUOTE_SOURCES.values():
        with pytest.raises(Blocked):
            quotes.parse(page, [star])
    for history in HISTORY_SOURCES.values():
        with pytest.raises(Blocked):
            history.parse(page, star)
    for rates in RATE_SOURCES.values():
        with pytest.raises(Blocked):
            rates.parse(page)
        with pytest.raises(BadBody):
            rates.parse(reply(200, payloads.BLOCK_PAGE))


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("600.60", "600.60"),
        ("-1.5", "-1.5"),
        ("40000000.0", "40000000.0"),
        ("1.5E+7", "15000000"),
        (" 7.8\u00a0", "7.8"),
        (12, "12"),
        (Decimal("0.1"), "0.1"),
    ],
)
def test_numbers_are_read_exactly(value: object, number: str) -> None:
    assert parse_number(value) == Decimal(number)


@pytest.mark.parametrize("value", ["", " ", "-", "--", "---", "—", "－", ".", "N/D", "n/a", "None", "NULL", None])
def test_a_blank_is_unknown_and_never_zero(value: object) -> None:
    assert parse_number(value) is None


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "1,000", "abc", "１２", "1e999", True, 0.1, Decimal("NaN"), "9" * 99]
)
def test_what_is_not_a_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="not a number"):
        parse_number(value)


@pytest.mark.parametrize("body", [b"{", b"[NaN]", b"\xff\xfe", b"[" * 100_000, b"[" + b"9" * 5000 + b"]"])
def test_json_that_cannot_be_trusted_is_a_bad_body(body: bytes) -> None:
    with pytest.raises(BadBody):
        parse_json(body)


def test_json_fractions_never_pass_through_binary() -> None:
    assert parse_json(b"[0.1, 2]") == [Decimal("0.1"), 2]


@pytest.mark.parametrize(
    ("outcomes", "whole"),
    [
        ("ok ok", "ok"),
        ("ok ok_flag", "ok_flag"),
        ("ok no_data", "partial"),
        ("ok_flag bad_row", "partial"),
        ("ok hold", "ok"),
        ("ok_flag hold", "ok_flag"),
        ("ok hold no_data", "partial"),
        ("hold", "hold"),
        ("no_data", "no_data"),
        ("bad_row", "bad_row"),
        ("stale", "stale"),
        ("hold no_data", "hold"),
        ("bad_row no_data", "bad_row"),
        ("", "no_data"),
    ],
)
def test_a_batch_is_named_after_its_rows(outcomes: str, whole: str) -> None:
    star = Instrument("XSHG", "688795", "CNY")
    rows = [QuoteRow(star, Outcome(word), None) for word in outcomes.split()]
    assert batch_outcome(rows) is Outcome(whole)


def test_an_error_survives_the_way_to_another_process() -> None:
    error = pickle.loads(pickle.dumps(Blocked("refused", 120)))
    assert (error.reason, error.retry_after, str(error)) == ("refused", 120, "refused")
