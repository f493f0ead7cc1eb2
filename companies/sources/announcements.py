"""What every service of official documents gives: announcements in pages, their dates, titles and addresses. No Django.

A service's module asks with `fetch_…(client, …) -> Reply` and reads with a pure `parse_…(reply)`, which raises
SourceError when the reply as a whole is unusable. A row that cannot be read is named in its `Page`, the others are
kept.
"""

import html
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Generic, TypeVar
from urllib.parse import quote, urljoin, urlsplit
from zoneinfo import ZoneInfo

from companies.sources.base import BadBody, NoData, Outcome, parse_number

Row = TypeVar("Row")

BEIJING = ZoneInfo("Asia/Shanghai")
HONG_KONG = ZoneInfo("Asia/Hong_Kong")


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """One document as an official service lists it.

    `kinds` are the service's own codes or words for the kind of document, kept as they come. `size` is in bytes and
    only as exact as the service states it.
    """

    source: str  # the service: cninfo, sse, szse, hkex, sec
    key: str  # the service's own and lasting name of the document
    title: str  # plain text
    published_on: date  # by the calendar of the service's place
    published_at: datetime | None = None  # aware, UTC; None when only the day is stated
    url: str = ""  # absolute; "" when the service names no document
    language: str  # of the document: zh or en
    tickers: tuple[str, ...] = ()  # as the exchange writes them
    company: str = ""
    kinds: tuple[str, ...] = ()
    period_end: date | None = None  # last day of the period reported on, where stated
    is_attachment: bool = False
    group: str = ""  # shared by a document and its attachments
    size: int | None = None

    @property
    def identity(self) -> tuple[str, str, str]:
        """The same for the same document however often it is listed; a version in another language is another one."""
        return self.source, self.key, self.language


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One page of a list, or a whole list from a service without pages."""

    rows: tuple[Row, ...]
    total: int | None = None  # rows on all pages, as the service states it
    has_more: bool = False
    unreadable: tuple[str, ...] = ()  # what is wrong with each row left out

    @property
    def outcome(self) -> Outcome:
        """`ok`, or `partial` when rows were left out."""
        return Outcome.PARTIAL if self.unreadable else Outcome.OK


def read_rows(
    rows: Iterable[object],
    read: Callable[[Mapping[str, object]], Row],
    *,
    total: int | None = None,
    has_more: bool = False,
) -> Page[Row]:
    """The rows as `read` understands them. `read` raises ValueError for a row that it does not.

    Raises:
        NoData: there are no rows.
        BadBody: not one row can be read: the service has changed its shape.
    """
    readable: list[Row] = []
    unreadable: list[str] = []
    for number, row in enumerate(rows, start=1):
        try:
            if not isinstance(row, Mapping):
                raise ValueError("not an object")
            readable.append(read(row))
        except ValueError as error:
            unreadable.append(f"row {number}: {str(error)[:120]}")
    if unreadable and not readable:
        raise BadBody(f"no readable row; {unreadable[0]}")
    if not readable:
        raise NoData("the list is empty")
    return Page(tuple(readable), total, has_more, tuple(unreadable))


@contextmanager
def refusing_whole_reply() -> Iterator[None]:
    """For fields that stand beside the rows: one that cannot be read makes the reply a bad body."""
    try:
        yield
    except ValueError as error:
        raise BadBody(f"unreadable: {error}") from error


def read_pages(ask: Callable[[int], Page[Row]], identity: Callable[[Row], Hashable], *, most_pages: int) -> Page[Row]:
    """All rows of a list in pages, each once, in the order given.

    Stops when the service says that it was the last page, when its total is reached, and when a page brings nothing
    new: some services repeat their last page for ever. `has_more` of the result says that rows are known to be missing.

    Args:
        ask: The page with a number, from 1. Its SourceErrors pass through, but NoData after the first page is the end.
        identity: By which a row is known again.
        most_pages: Not more requests than this.
    """
    rows: dict[Hashable, Row] = {}
    unreadable: list[str] = []
    total: int | None = None
    stopped_early = True
    for number in range(1, most_pages + 1):
        try:
            page = ask(number)
        except NoData:
            if number == 1:
                raise
            stopped_early = False
            break
        known = len(rows)
        for row in page.rows:
            rows.setdefault(identity(row), row)
        unreadable += [f"page {number}, {reason}" for reason in page.unreadable]
        total = page.total if page.total is not None else total
        is_whole = total is not None and len(rows) + len(unreadable) >= total
        if not page.has_more or is_whole or len(rows) == known:
            stopped_early = False
            break
    is_short = total is not None and len(rows) + len(unreadable) < total
    return Page(tuple(rows.values()), total, stopped_early or is_short, tuple(unreadable))


_MARKUP = re.compile(r"</?(?:em|b|i|u|strong|font|span|p|a|sub|sup)\b[^<>]*>", re.IGNORECASE)
_LINE_BREAK = re.compile(r"<br\b[^<>]*>", re.IGNORECASE)
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b\ufeff\ud800-\udfff]")
_HAN = re.compile("[\u3400-\u9fff]")


def text(value: object) -> str:
    """A field as one line of text; "" for null. Raises ValueError for a list or an object."""
    if value is None:
        return ""
    if not isinstance(value, str | int | Decimal):
        raise ValueError(f"not a text: {str(value)[:40]!r}")
    return _UNPRINTABLE.sub("", " ".join(str(value).split()))


def required_text(row: Mapping[str, object], name: str) -> str:
    """A field that must not be blank. Raises ValueError."""
    value = text(row.get(name))
    if not value:
        raise ValueError(f"no {name}")
    return value


def plain(value: object) -> str:
    """A field without the marks of a search (`<em>`), line breaks and HTML entities. Raises ValueError as `text`."""
    without_tags = _MARKUP.sub("", _LINE_BREAK.sub(" ", text(value)))
    return text(html.unescape(without_tags))


def required_title(*candidates: object) -> str:
    """The first title that is not blank, as plain text. Raises ValueError when there is none."""
    title = next(filter(None, map(plain, candidates)), "")
    if not title:
        raise ValueError("no title")
    return title


def text_list(value: object) -> tuple[str, ...]:
    """The texts of a list, or the one text of a field that should have been a list; blanks are left out."""
    values = value if isinstance(value, list) else [value]
    return tuple(filter(None, map(text, values)))


def language_of(title: str) -> str:
    """zh for a title with Chinese characters, otherwise en."""
    return "zh" if _HAN.search(title) else "en"


def count(value: object) -> int | None:
    """A whole number that is not negative, None when it is missing. Raises ValueError."""
    number = parse_number(value)
    if number is None:
        return None
    if number < 0 or number != number.to_integral_value():
        raise ValueError(f"not a count: {str(value)[:40]!r}")
    return int(number)


def size_in_bytes(value: object, unit: int = 1) -> int | None:
    """The size of a file stated in units of so many bytes; None where it says nothing sensible, as nobody needs it."""
    try:
        number = parse_number(value)
    except ValueError:
        return None
    return int(number * unit) if number is not None and number > 0 else None


def is_true(value: object) -> bool:
    """Whether a field says yes: some services write their booleans as text."""
    return str(value).lower() in ("true", "1")


_DAY = r"(?P<year>(?:19|20)[0-9]{2})[-/]?(?P<month>[0-9]{2})[-/]?(?P<day>[0-9]{2})"
_DAY_FIRST = r"(?P<day>[0-9]{2})/(?P<month>[0-9]{2})/(?P<year>(?:19|20)[0-9]{2})"
_TIME = r"(?:[ T]?(?P<hour>[0-9]{2}):?(?P<minute>[0-9]{2})(?::?(?P<second>[0-9]{2}))?(?:\.[0-9]+)?)?"
_MOMENTS = tuple(re.compile(day + _TIME) for day in (_DAY, _DAY_FIRST))


def parse_moment(value: object, zone: ZoneInfo) -> tuple[date, datetime | None]:
    """The local day of a time stamp written in `zone`, and the moment in UTC.

    Understands 2026-11-18, 20261118191852, 18/11/2026 22:15 and what lies between. Midnight is how services write that
    they know the day only: no moment then. Raises ValueError for anything else.
    """
    written = text(value)
    match = next((found for form in _MOMENTS if (found := form.fullmatch(written))), None)
    if match is None:
        raise ValueError(f"not a date: {written[:40]!r}")
    parts = {name: int(number) for name, number in match.groupdict(default="0").items()}
    day = date(parts["year"], parts["month"], parts["day"])
    return _day_or_moment(datetime.combine(day, time(parts["hour"], parts["minute"], parts["second"]), zone))


_EPOCH = re.compile(r"[0-9]{9,10}(?P<milliseconds>[0-9]{3})?")


def parse_epoch(stamp: object, zone: ZoneInfo) -> tuple[date, datetime | None]:
    """As `parse_moment`, of milliseconds or seconds since 1970, told apart by their digits. Raises ValueError."""
    written = text(stamp)
    if not written:
        raise ValueError("no time stamp")
    match = _EPOCH.fullmatch(written)
    if match is None:
        return parse_moment(stamp, zone)
    return _day_or_moment(datetime.fromtimestamp(int(written) // (1000 if match["milliseconds"] else 1), zone))


def _day_or_moment(local: datetime) -> tuple[date, datetime | None]:
    return local.date(), None if local.time() == time() else local.astimezone(UTC)


def optional_moment(value: object, zone: ZoneInfo) -> tuple[date | None, datetime | None]:
    """As `parse_moment`, but a blank time stamp is unknown. Raises ValueError."""
    return parse_moment(value, zone) if text(value) else (None, None)


def optional_day(value: object, zone: ZoneInfo) -> date | None:
    """The local day of a time stamp, None for a blank one. Raises ValueError."""
    return optional_moment(value, zone)[0]


_WITH_HOST = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//")


def document_url(base: str, path: object, *, within: str) -> str:
    """The absolute address of a document whose `path` a service states relative to `base`; "" for a blank path.

    Args:
        base: Where the service keeps its documents, "https://static.sse.com.cn/stock".
        path: "/disclosure/….pdf", "finalpage/….PDF", or a whole address.
        within: The service's domain, "sse.com.cn": whatever a reply says, we do not fetch from elsewhere.

    Raises:
        ValueError: the address leads out of `within`, or is none.
    """
    stated = text(path)
    if not stated:
        return ""
    url = urljoin(base, stated) if _WITH_HOST.match(stated) else f"{base}/{stated.lstrip('/')}"
    parts = urlsplit(quote(url, safe="/:?&=%#+,;@!$'()*~[]"))
    host = parts.hostname or ""
    is_ours = host == within or host.endswith(f".{within}")
    if parts.scheme not in ("http", "https") or not is_ours or ".." in parts.path.split("/"):
        raise ValueError(f"an address outside {within}: {stated[:80]!r}")
    return parts.geturl()
