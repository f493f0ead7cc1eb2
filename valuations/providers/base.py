"""What every source speaks: requests' outcomes, replies, and the plain values parsed from them. No network, no Django.

A source is two steps: `fetch` asks and gives back the raw `Reply`, `parse` turns a reply into values and is pure. What
goes wrong with the whole reply is raised as a `SourceError`; what goes wrong with one row is told in that row.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar, Protocol


class Outcome(StrEnum):
    """What became of a request, a reply or one row of it."""

    OK = "ok"  # parse and store
    OK_FLAG = "ok_flag"  # store what is sound, raise a data-quality flag
    PARTIAL = "partial"  # store the good rows, name the others
    HOLD = "hold"  # the channel is fine, but there is no price to store: keep the last one and its time
    STALE = "stale"  # parsed, but older than the calendar allows
    NO_DATA = "no_data"  # the source says it has nothing; not a failure of the channel
    BAD_ROW = "bad_row"  # reject this row only
    BAD_BODY = "bad_body"  # reject the whole reply; counts as a failure; try the next source
    BAD_REQUEST = "bad_request"  # our request is wrong; do not repeat it unchanged
    RETRY = "retry"  # temporary; try again later
    BLOCKED = "blocked"  # back off for long
    AUTH = "auth"  # key missing, wrong or expired
    TOO_FEW = "too_few"  # plausible but incomplete


class SourceError(Exception):
    """A source gave no usable reply: `reason` in plain English, `retry_after` in seconds if the source said so."""

    outcome: ClassVar[Outcome] = Outcome.RETRY

    def __init__(self, reason: str, retry_after: int | None = None) -> None:
        super().__init__(reason, retry_after)
        self.reason = reason
        self.retry_after = retry_after

    def __str__(self) -> str:
        return self.reason


class BadBody(SourceError):
    """The reply is not what this source sends: a page instead of data, a cut body, an unknown shape."""

    outcome = Outcome.BAD_BODY


class BadRequest(SourceError):
    """The source refuses the question itself."""

    outcome = Outcome.BAD_REQUEST


class Retry(SourceError):
    """A passing failure: transport, time-out, server error."""

    outcome = Outcome.RETRY


class Blocked(SourceError):
    """The source does not want us for a while."""

    outcome = Outcome.BLOCKED


class Auth(SourceError):
    """The key is missing or not accepted."""

    outcome = Outcome.AUTH


class NoData(SourceError):
    """The source answered properly that it has nothing."""

    outcome = Outcome.NO_DATA


class TooFew(SourceError):
    """The reply is well formed but holds much less than was asked for."""

    outcome = Outcome.TOO_FEW


@dataclass(frozen=True, slots=True)
class Instrument:
    """What we ask for: a ticker as its exchange writes it ("0600", "688795", "NVDA"), and the listing's currency."""

    mic: str
    ticker: str
    currency: str


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP reply as it came: `body` is decompressed but not decoded, `url` holds no secret."""

    url: str
    status: int
    content_type: str
    body: bytes
    fetched_at: datetime
    retry_after: int | None = None

    @property
    def sha256(self) -> str:
        """Hash of the body, for provenance."""
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedQuote:
    """One price as the source stated it. Prices per share in `currency`; None means that the source did not say."""

    price: Decimal
    at: datetime  # aware, UTC
    day: date  # the exchange's own day of `at`
    previous_close: Decimal | None = None
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    volume: int | None = None  # shares, never lots
    amount: Decimal | None = None  # turnover, units of the currency
    currency: str | None = None
    delayed: bool = False
    market_cap: Decimal | None = None  # units of the currency, not hundreds of millions
    total_shares: int | None = None  # all share classes, as the source counts them


@dataclass(frozen=True, slots=True)
class QuoteRow:
    """What a reply says about one instrument. Only `OK` rows carry a price that may be stored after the checks.

    `reason` is a short code: suspended, no_trade, auction, before_open, zero_price, unknown_symbol, not_in_reply,
    no_code, short_row, blank_price, bad_number, bad_time, symbol_mismatch, not_a_share. `detail` says more, in English.
    """

    instrument: Instrument
    outcome: Outcome
    quote: ParsedQuote | None
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class DailyBar:
    """One trading day. `volume` in shares, `amount` in units of the currency, `event` the text of an ex-right day.

    `adjustment` is "" for the prices that were really paid; "qfq" or "hfq" bars are adjusted and must not be stored.
    """

    day: date
    open: Decimal
    close: Decimal
    high: Decimal
    low: Decimal
    volume: int | None = None
    amount: Decimal | None = None
    event: str = ""
    adjustment: str = ""


@dataclass(frozen=True, slots=True)
class ParsedRate:
    """On `day`, one unit of `base` is worth `rate` units of `quote`. `flag` is a short code, "" when all is well."""

    base: str
    quote: str
    day: date
    rate: Decimal
    flag: str = ""


class Fetcher(Protocol):
    """The network as sources see it; `valuations.providers.http.SourceClient` is the real one."""

    def get(self, target: str, *, secret: Mapping[str, str] | None = None) -> Reply:
        """Ask for `target` (path and query, already encoded); `secret` parameters are sent but not recorded."""

    def post(self, target: str, *, form: Mapping[str, str] | None = None) -> Reply:
        """Post a form (or nothing) to `target`."""


class QuoteSource(Protocol):
    """Latest prices of several instruments in one request. `site` names the entry of the base URLs to use."""

    slug: str
    site: str
    label: str
    mics: frozenset[str]
    batch_size: int

    def fetch(self, client: Fetcher, instruments: Sequence[Instrument]) -> Reply:
        """Ask once for all `instruments` (at most `batch_size`)."""

    def parse(self, reply: Reply, instruments: Sequence[Instrument]) -> list[QuoteRow]:
        """One row per instrument, in the order asked. Raises SourceError when the reply as a whole is unusable."""


class HistorySource(Protocol):
    """Daily bars of one instrument, at most `max_days` calendar days in one request."""

    slug: str
    site: str
    label: str
    mics: frozenset[str]
    max_days: int

    def fetch(self, client: Fetcher, instrument: Instrument, start: date, end: date) -> Reply:
        """Ask for the unadjusted bars of `start` to `end`, both included."""

    def parse(
        self, reply: Reply, instrument: Instrument, start: date | None = None, end: date | None = None
    ) -> list[DailyBar]:
        """Bars oldest first, only those inside the given days. Raises SourceError."""


class RateSource(Protocol):
    """Exchange rates by day, at most `max_days` calendar days in one request."""

    slug: str
    site: str
    label: str
    max_days: int

    def fetch(self, client: Fetcher, start: date, end: date) -> Reply:
        """Ask for the rates of `start` to `end`, both included."""

    def parse(self, reply: Reply) -> list[ParsedRate]:
        """The rates stated, each under the day the source gives. Raises SourceError."""


_STORED = frozenset({Outcome.OK, Outcome.OK_FLAG})


def batch_outcome(rows: Iterable[Outcome | QuoteRow]) -> Outcome:
    """One word for a whole batch: that of its rows when they agree, `partial` when only some could be stored.

    When nothing could be stored the most telling outcome wins: hold, then stale, then bad_row, then no_data.
    """
    outcomes = {row if isinstance(row, Outcome) else row.outcome for row in rows}
    if not outcomes:
        return Outcome.NO_DATA
    if len(outcomes) == 1:
        return outcomes.pop()
    if outcomes <= _STORED:
        return Outcome.OK_FLAG
    if outcomes & _STORED:
        return Outcome.PARTIAL
    for outcome in (Outcome.HOLD, Outcome.STALE, Outcome.BAD_ROW):
        if outcome in outcomes:
            return outcome
    return Outcome.NO_DATA


def rates_outcome(rates: Sequence[ParsedRate]) -> Outcome:
    """`ok`, or `ok_flag` when a rate carries a flag; `no_data` when there is none."""
    if not rates:
        return Outcome.NO_DATA
    return Outcome.OK_FLAG if any(rate.flag for rate in rates) else Outcome.OK


# Words of pages that stand between us and the data, whatever their status.
_BLOCK_WORDS = (b"captcha", b"challenge", b"consent", b"verify you are human", b"too many requests", b"rate threshold")
_TEMPORARY = frozenset({408, 425})


def reply_error(reply: Reply, *, html_expected: bool = False) -> SourceError | None:
    """What is wrong with the reply as a whole, before anyone looks for data in it; None when nothing is.

    `html_expected` is for the one source whose data is an HTML table.
    """
    status = reply.status
    if status in (403, 429, 456):
        return Blocked(f"refused with status {status}", reply.retry_after)
    if status == 401 or (status == 400 and b"api_key" in reply.body):
        return Auth(f"the key was not accepted (status {status})")
    if status >= 500 or status in _TEMPORARY:
        return Retry(f"server error {status}", reply.retry_after)
    if 300 <= status < 400:
        return Blocked(f"redirected (status {status})")
    is_page = _looks_like_html(reply.body)
    if status == 404:
        # A service says "not found" in its own format; a page means that the address itself is gone.
        return BadBody("a web page with status 404") if is_page else NoData("the source has nothing there (status 404)")
    if status >= 400:
        return BadRequest(f"the request was refused (status {status})")
    if status != 200:
        return BadBody(f"unexpected status {status}")
    if not reply.body.strip():
        return BadBody("empty body")
    head = reply.body[:4096].lower()
    if not html_expected and is_page:
        if any(word in head for word in _BLOCK_WORDS):
            return Blocked("a block page instead of data")
        return BadBody("a web page instead of data")
    if head.startswith(b"too many requests"):
        return Blocked("too many requests")
    return None


def _looks_like_html(body: bytes) -> bool:
    head = body[:2048].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return head.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<title")) or (
        head.startswith(b"<") and b"<html" in head
    )


_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,2})?")
_BLANKS = frozenset({"", "-", "--", "---", ".", "N/A", "N/D", "None", "null"})


def parse_number(value: object) -> Decimal | None:
    """The number in a field of a reply, or None when the field says that there is none (blank, dashes, null).

    Raises:
        ValueError: the field holds something else, NaN and infinity included.
    """
    if value is None:
        return None
    if isinstance(value, bool | float):
        raise ValueError(f"not a number: {value!r}")
    if isinstance(value, int | Decimal):
        number = Decimal(value)
        if not number.is_finite():
            raise ValueError(f"not a number: {value!r}")
        return number
    text = str(value).strip(" \t\r\n\u00a0")
    if text in _BLANKS:
        return None
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"not a number: {text[:40]!r}")
    return Decimal(text)


def parse_day(value: object) -> date:
    """A date written YYYY-MM-DD. Raises ValueError for anything else."""
    text = str(value).strip(" \t\r\n\u00a0")
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError(f"not a date: {text[:40]!r}")
    return date.fromisoformat(text)


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not a number")


def parse_json(body: bytes) -> object:
    """The JSON value of a body, its fractions as Decimal. Raises BadBody."""
    try:
        value: object = json.loads(
            body.decode("utf-8-sig"), parse_float=Decimal, parse_constant=_refuse_constant, parse_int=_parse_int
        )
    except (ValueError, RecursionError) as error:
        raise BadBody(f"not readable as JSON: {str(error)[:80]}") from error
    return value


def _parse_int(text: str) -> int:
    if len(text) > 40:
        raise ValueError("number too long")
    return int(text)
