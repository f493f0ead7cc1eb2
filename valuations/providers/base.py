"""What sources of prices and rates speak beside the words of `companies.sources.base`: instruments, quotes, bars.

A source is two steps: `fetch` asks and gives back the raw `Reply`, `parse` turns a reply into values and is pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from companies.sources.base import Fetcher, NoData, Outcome, Reply


@dataclass(frozen=True, slots=True)
class Instrument:
    """What we ask for: a ticker as its exchange writes it ("0600", "688795", "NVDA"), and the listing's currency."""

    mic: str
    ticker: str
    currency: str


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
class ShareEvent:
    """What a source says happened to the shares on an ex-day, per share held before.

    `ratio` is the number of shares after for one before (1.49 for a bonus of 4.9 for 10, 1 when only cash is paid),
    `cash` the dividend per share in the listing's currency, `text` the source's own words. A source that states a bonus
    and a dividend in one sentence gives one event of each kind.
    """

    kind: str  # "bonus", "split", "dividend"
    ex_day: date
    ratio: Decimal = Decimal(1)
    cash: Decimal | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class DailyBar:
    """One trading day. `volume` in shares, `amount` in units of the currency, `events` what happened on an ex-day.

    `adjustment` is "" for the prices that were really paid; "qfq" or "hfq" bars are adjusted and must not be stored.
    """

    day: date
    open: Decimal
    close: Decimal
    high: Decimal
    low: Decimal
    volume: int | None = None
    amount: Decimal | None = None
    events: tuple[ShareEvent, ...] = ()
    adjustment: str = ""


@dataclass(frozen=True, slots=True)
class ParsedRate:
    """On `day`, one unit of `base` is worth `rate` units of `quote`. `flag` is a short code, "" when all is well."""

    base: str
    quote: str
    day: date
    rate: Decimal
    flag: str = ""


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


def check_span(start: date, end: date, max_days: int) -> None:
    """Raise ValueError unless `start` to `end` is a span of days that a source answers in one request."""
    if not timedelta(0) <= end - start <= timedelta(days=max_days):
        raise ValueError(f"from {start} to {end} is not a span of at most {max_days} days")


def bars_between(bars: Iterable[DailyBar], start: date | None, end: date | None) -> list[DailyBar]:
    """Bars oldest first, one per day (the last given), inside `start` and `end` where given. Raises NoData for none."""
    by_day = {bar.day: bar for bar in bars if (start is None or bar.day >= start) and (end is None or bar.day <= end)}
    if not by_day:
        raise NoData("no bars for these days")
    return [by_day[day] for day in sorted(by_day)]
