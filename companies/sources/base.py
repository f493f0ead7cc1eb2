"""What every source of filings, prices or rates speaks: outcomes of requests, replies, fields in them. No Django.

What goes wrong with a reply as a whole is raised as a `SourceError`; what goes wrong with one row is told in that row.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
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


class NotAsked(BadRequest):
    """No question was sent: the source has no way to put it. Nothing of the source's own doing."""


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
class Reply:
    """One HTTP reply as it came: `body` is decompressed but not decoded, `url` holds no secret."""

    url: str
    status: int
    content_type: str
    body: bytes
    fetched_at: datetime
    retry_after: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)  # of the reply, names in lower case

    @property
    def sha256(self) -> str:
        """Hash of the body, for provenance."""
        return hashlib.sha256(self.body).hexdigest()


class Fetcher(Protocol):
    """The network as sources see it; `companies.sources.http.SourceClient` is the real one."""

    def get(
        self,
        target: str,
        *,
        secret: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        site: str | None = None,
    ) -> Reply:
        """Ask for `target` (path and query, already encoded); `secret` parameters are sent but not recorded.

        `site` names another entry of the base URLs, for the few sources whose pass is given out by a second host.
        """

    def post(
        self,
        target: str,
        *,
        form: Mapping[str, str] | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Post a form, a JSON value, or nothing to `target`."""


# Words of pages that stand between us and the data, whatever their status.
_BLOCK_WORDS = (
    b"captcha",
    b"challenge",
    b"consent",
    b"verify you are human",
    b"too many requests",
    b"rate threshold",
    b"automated tool",
    b"access denied",
    *(word.encode(encoding) for word in ("验证码", "安全验证", "访问过于频繁") for encoding in ("utf-8", "gb18030")),
)
# The last two are not of HTTP: how Sina and Yahoo turn away who asks too often.
_REFUSALS = frozenset({403, 429, 456, 999})
_TEMPORARY = frozenset({408, 425})


def reply_error(reply: Reply, *, html_expected: bool = False) -> SourceError | None:
    """What is wrong with the reply as a whole, before anyone looks for data in it; None when nothing is.

    `html_expected` is for the one source whose data is an HTML table.
    """
    status = reply.status
    if status in _REFUSALS:
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
        if any(word in head for word in _BLOCK_WORDS) or _is_script_alone(reply.body):
            return Blocked("a block page instead of data")
        return BadBody("a web page instead of data")
    if b"too many requests" in head[:64]:
        return Blocked("too many requests")
    return None


def usable_body(reply: Reply, *, html_expected: bool = False) -> bytes:
    """The body of a reply in which data may be looked for. Raises what `reply_error` finds wrong with it."""
    error = reply_error(reply, html_expected=html_expected)
    if error is not None:
        raise error
    return reply.body


def _looks_like_html(body: bytes) -> bool:
    head = body[:2048].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return head.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<title")) or (
        head.startswith(b"<") and b"<html" in head
    )


_SCRIPT = re.compile(rb"<script\b.*?(?:</script\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(rb"<[^<>]*>")


def _is_script_alone(page: bytes) -> bool:
    """Whether a page is a script and no word for a reader: a firewall that waits for a browser to set its cookie."""
    text, scripts = _SCRIPT.subn(b"", page)
    return scripts > 0 and not _TAG.sub(b"", text).strip(b"\xef\xbb\xbf \t\r\n")


_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,2})?")
_BLANKS = frozenset({"", "-", "--", "---", "\u2014", "\uff0d", ".", "n/a", "n/d", "none", "null"})


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
    if text.lower() in _BLANKS:
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


_CALLBACK = re.compile(rb"(?:/\*\*/\s*)?[A-Za-z_$][\w$.]*\s*\((.*)\)\s*;?", re.DOTALL)


def parse_jsonp(body: bytes) -> object:
    """The JSON value inside `callback(...);`, or of a body that comes without the callback. Raises BadBody."""
    bare = body.removeprefix(b"\xef\xbb\xbf").strip()
    wrapped = _CALLBACK.fullmatch(bare)
    return parse_json(wrapped[1] if wrapped else bare)


def as_object(value: object, what: str = "the reply") -> Mapping[str, object]:
    """`value` as the JSON object that it should be. Raises BadBody."""
    if not isinstance(value, Mapping):
        raise BadBody(f"{what} is not an object")
    return value


def _parse_int(text: str) -> int:
    if len(text) > 40:
        raise ValueError("number too long")
    return int(text)
