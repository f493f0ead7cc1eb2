"""Storing quotes and rates: the one way in, for workers and for the admin. Writing twice changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from companies.history import LONGEST_REASON, changing, created
from companies.models import Listing, Revision, User
from valuations.bars import Fate, StoredDay, fate
from valuations.checks import is_final
from valuations.columns import PRICE, RATE, holds_volume
from valuations.models import FxRate, HeldQuote, Quote, ReportedQuote
from valuations.providers.base import DailyBar, ParsedQuote, ParsedRate
from valuations.sessions import Calendar
from valuations.snapshot import day_prices, read_calendar
from valuations.visibility import shift


def store_quotes(quotes: Sequence[Quote]) -> bool:
    """Write quotes, one per listing and day; returns whether a page would show anything else than before.

    What the rows keep of earlier prices of the day moves on (`valuations.visibility`).
    """
    if not quotes:
        return False
    before = {
        (quote.listing_id, quote.day): quote
        for quote in Quote.objects.filter(
            listing__in={quote.listing_id for quote in quotes}, day__in={quote.day for quote in quotes}
        )
    }
    for quote in quotes:
        _keep_earlier(quote, before.get((quote.listing_id, quote.day)))
    Quote.objects.bulk_create(
        quotes,
        update_conflicts=True,
        unique_fields=["listing", "day"],
        update_fields=[
            "open", "high", "low", "close", "volume", "last_at", "final", "delayed", "suspended", "provider",
            "fetched_at", "source", "public_close", "public_at", "coming_close", "coming_at",
        ],
        batch_size=500,
    )  # fmt: skip
    return any(_shown(before.get((quote.listing_id, quote.day))) != _shown(quote) for quote in quotes)


def _keep_earlier(quote: Quote, stored: Quote | None) -> None:
    """Put the earlier prices of its day into a quote that is about to be written over the one stored."""
    earlier = shift(
        None if stored is None else day_prices(stored).earlier,
        quote.close,
        quote.last_at,
        timedelta(minutes=settings.PUBLIC_DELAY_MINUTES),
    )
    quote.public_close, quote.public_at = earlier.public_close, earlier.public_at
    quote.coming_close, quote.coming_at = earlier.coming_close, earlier.coming_at


def _shown(quote: Quote | None) -> tuple[Any, ...]:
    if quote is None:
        return ()
    return (quote.close, quote.last_at, quote.final, quote.delayed, quote.suspended, quote.provider)


@dataclass(frozen=True, slots=True)
class SourcedBar:
    """A daily bar with its source."""

    bar: DailyBar
    provider: str
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class StoredBars:
    """What became of bars: how many rows are new or different, and the days on which a stored source says otherwise."""

    written: int
    differing: tuple[date, ...] = ()


# What a bar sets. The earlier prices of its day stay as they are, whether it is suspended now too.
_OF_A_BAR = (
    "open", "high", "low", "close", "volume", "last_at", "final", "delayed", "provider", "fetched_at", "source",
)  # fmt: skip


def store_bars(listing: Listing, bars: Sequence[SourcedBar]) -> StoredBars:
    """Make bars the final rows of their days, except where the daily row of a named source stays (`bars.fate`).

    What a single page said of such a day stays as also reported. Call it in a transaction.
    """
    if not bars:
        return StoredBars(0)
    days = [sourced.bar.day for sourced in bars]
    in_place = Quote.objects.filter(listing=listing, day__range=(min(days), max(days)))
    before = {quote.day: quote for quote in in_place}
    rows: list[Quote] = []
    replaced: list[Quote] = []
    differing: list[date] = []
    for sourced in bars:
        stored = before.get(sourced.bar.day)
        match fate(sourced.bar, None if stored is None else _stored_day(stored)):
            case Fate.KEEP:
                continue
            case Fate.DIFFER:
                differing.append(sourced.bar.day)
                continue
            case Fate.REPLACE if stored is not None:
                replaced.append(stored)
        row = _bar_row(listing, sourced, stored)
        if stored is None or _told(row) != _told(stored):
            rows.append(row)
    _report_also(listing, replaced)
    Quote.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["listing", "day"], update_fields=_OF_A_BAR, batch_size=500
    )
    return StoredBars(len(rows), tuple(differing))


def _stored_day(quote: Quote) -> StoredDay:
    daily = None not in (quote.open, quote.high, quote.low)
    return StoredDay(quote.close, sourced=quote.source_id is not None, daily=daily)


def _bar_row(listing: Listing, sourced: SourcedBar, stored: Quote | None) -> Quote:
    bar = sourced.bar
    return Quote(
        listing=listing,
        day=bar.day,
        open=bar.open.quantize(PRICE.step),
        high=bar.high.quantize(PRICE.step),
        low=bar.low.quantize(PRICE.step),
        close=bar.close.quantize(PRICE.step),
        volume=bar.volume,
        # The moment of the close, where somebody saw it; a bar knows its day only.
        last_at=stored.last_at if stored is not None and stored.final else None,
        final=True,
        provider=sourced.provider,
        fetched_at=sourced.fetched_at,
    )


def _told(quote: Quote) -> tuple[Any, ...]:
    prices = (quote.open, quote.high, quote.low, quote.close)
    return (*prices, quote.volume, quote.last_at, quote.final, quote.delayed, quote.provider, quote.source_id)


def _report_also(listing: Listing, quotes: Sequence[Quote]) -> None:
    """Keep what pages say of days whose rows are about to be replaced."""
    for quote in quotes:
        reported, created = ReportedQuote.objects.get_or_create(
            listing=listing, day=quote.day, source_id=quote.source_id, defaults={"close": quote.close}
        )
        if not created and reported.close is None:
            reported.close = quote.close
            reported.save(update_fields=["close"])


def latest_quotes(listings: Collection[int]) -> QuerySet[Quote]:
    """The newest quote of each of these listings."""
    newest = Quote.objects.filter(listing=OuterRef("pk")).order_by("-day").values("pk")[:1]
    found = Listing.objects.filter(pk__in=listings).annotate(quote_id=Subquery(newest))
    return Quote.objects.filter(pk__in=found.values("quote_id"))


def store_suspended(listings: Collection[int]) -> bool:
    """Mark the newest quote of listings that do not trade; returns whether any was not marked before."""
    if not listings:
        return False
    moving = list(latest_quotes(listings).filter(suspended=False).values_list("pk", flat=True))
    return bool(moving and Quote.objects.filter(pk__in=moving).update(suspended=True))


def store_held(held: Sequence[HeldQuote]) -> None:
    """Put quotes aside for someone to look at.

    Of one listing, day, reason and source only the newest waits: a source that goes on saying the same would bury the
    others. What somebody has discarded is not brought up again for as long as the source says nothing else.
    """
    if not held:
        return
    known = HeldQuote.objects.filter(
        listing__in={quote.listing_id for quote in held}, day__in={quote.day for quote in held}
    ).select_related("outcome")
    waiting = {_matter(quote): quote for quote in known.filter(resolution=HeldQuote.Resolution.WAITING)}
    discarded = {
        (*_matter(quote), _text(quote.payload)) for quote in known.filter(resolution=HeldQuote.Resolution.DISCARDED)
    }
    new: list[HeldQuote] = []
    newer: list[HeldQuote] = []
    for quote in held:
        before = waiting.get(_matter(quote))
        if before is None:
            if (*_matter(quote), _text(quote.payload)) not in discarded:
                new.append(quote)
        elif before.payload != quote.payload:
            before.payload, before.detail = quote.payload, quote.detail
            before.second_opinion, before.held_at = quote.second_opinion, quote.held_at
            newer.append(before)
    HeldQuote.objects.bulk_create(new)
    HeldQuote.objects.bulk_update(newer, ["payload", "detail", "second_opinion", "held_at"], batch_size=500)


def _matter(quote: HeldQuote) -> tuple[Any, ...]:
    return quote.listing_id, quote.day, quote.reason, quote.outcome.provider


def _text(payload: Mapping[str, Any]) -> str:
    return repr(sorted(payload.items()))


def quote_row(listing: Listing, parsed: ParsedQuote, provider: str, fetched_at: datetime, calendar: Calendar) -> Quote:
    """The row of a parsed quote, not yet written."""
    return Quote(
        listing=listing,
        day=parsed.day,
        open=parsed.open,
        high=parsed.high,
        low=parsed.low,
        close=parsed.price,
        volume=parsed.volume,
        last_at=parsed.at,
        final=is_final(listing.mic, parsed.at, calendar),
        delayed=parsed.delayed,
        provider=provider,
        fetched_at=fetched_at,
    )


def misfit(parsed: ParsedQuote) -> str:
    """Why the database would refuse a quote, in English; "" when it would not. Zero and less is for the checks."""
    for name, price in (("price", parsed.price), ("open", parsed.open), ("high", parsed.high), ("low", parsed.low)):
        if price is not None and price > 0 and not PRICE.holds(price):
            return f"{name} {price} cannot be stored"
    if parsed.low is not None and parsed.high is not None and parsed.low > parsed.high:
        return f"low {parsed.low} above high {parsed.high}"
    if parsed.volume is not None and not holds_volume(parsed.volume):
        return f"volume {parsed.volume} cannot be stored"
    return ""


def rate_misfit(parsed: ParsedRate) -> str:
    """The same for an exchange rate."""
    if parsed.rate > 0 and not RATE.holds(parsed.rate):
        return f"{parsed.base}/{parsed.quote} {parsed.rate} cannot be stored"
    return ""


def store_rates(rates: Sequence[FxRate]) -> bool:
    """Write rates that are new or different, one per pair, day and provider; returns whether there was any.

    A rate that is stored already keeps its row as it is, with the source it was first taken from.
    """
    given = {_rate_key(rate): rate for rate in rates}
    before = {
        _rate_key(rate): rate.rate
        for rate in FxRate.objects.filter(
            day__in={rate.day for rate in rates}, provider__in={rate.provider for rate in rates}
        )
    }
    news = [rate for key, rate in given.items() if before.get(key) != rate.rate.quantize(RATE.step)]
    FxRate.objects.bulk_create(
        news,
        update_conflicts=True,
        unique_fields=["base", "quote", "day", "span", "provider"],
        update_fields=["rate", "fetched_at", "source"],
        batch_size=500,
    )
    return bool(news)


def _rate_key(rate: FxRate) -> tuple[str, str, date, str, str]:
    return (rate.base, rate.quote, rate.day, rate.span, rate.provider)


def quote_payload(parsed: ParsedQuote) -> dict[str, Any]:
    """A parsed quote as JSON: decimals and times as text."""
    return {
        name: None if value is None else value if isinstance(value, (bool, int)) else str(value)
        for name, value in (
            ("price", parsed.price),
            ("at", parsed.at.isoformat()),
            ("day", parsed.day),
            ("previous_close", parsed.previous_close),
            ("open", parsed.open),
            ("high", parsed.high),
            ("low", parsed.low),
            ("volume", parsed.volume),
            ("currency", parsed.currency),
            ("delayed", parsed.delayed),
            ("market_cap", parsed.market_cap),
            ("total_shares", parsed.total_shares),
        )
    }


def resolve_held(held: HeldQuote, resolution: HeldQuote.Resolution, user: User, note: str = "") -> bool:
    """Release a held quote (it becomes the price of its day) or discard it. Returns False when someone was faster.

    Raises:
        ValueError: It cannot become a price: zero or less, or a newer price of that day is stored. Nothing is changed.
    """
    with transaction.atomic():
        changed = HeldQuote.objects.filter(pk=held.pk, resolution=HeldQuote.Resolution.WAITING).update(
            resolution=resolution, resolved_at=timezone.now(), resolved_by=user, resolution_note=note[:300]
        )
        if not changed:
            return False
        if resolution == HeldQuote.Resolution.RELEASED:
            parsed, calendar = quote_from_payload(held.payload), read_calendar()
            stored = Quote.objects.select_for_update().filter(listing=held.listing, day=parsed.day).first()
            told_at = None if stored is None else told_time(stored, held.listing.mic, calendar)
            if told_at is not None and told_at > parsed.at:
                raise ValueError(_("a newer price of that day is stored"))
            quote = quote_row(held.listing, parsed, held.outcome.provider, held.held_at, calendar)
            reason = note[:LONGEST_REASON] or _("A held quote was released.")
            with changing([] if stored is None else stored, user, reason):
                is_new = store_quotes([quote])
            if stored is None:
                created(Quote.objects.get(listing=held.listing, day=parsed.day), user, reason)
            if is_new:
                Revision.bump(reported=False)
    return True


def told_time(quote: Quote, mic: str, calendar: Calendar) -> datetime | None:
    """The moment a stored price is of: its time stamp; for a daily close without one, the end of the session."""
    if quote.last_at is not None or not quote.final:
        return quote.last_at
    return calendar.closes_at(mic, quote.day)


def quote_from_payload(payload: Mapping[str, Any]) -> ParsedQuote:
    """The inverse of `quote_payload`."""

    def number(name: str) -> Decimal | None:
        return None if payload.get(name) is None else Decimal(str(payload[name]))

    price = number("price")
    if price is None or price <= 0:
        raise ValueError(_("a price of zero or less cannot be released"))
    return ParsedQuote(
        price=price,
        at=datetime.fromisoformat(payload["at"]).astimezone(UTC),
        day=date.fromisoformat(payload["day"]),
        previous_close=number("previous_close"),
        open=number("open"),
        high=number("high"),
        low=number("low"),
        volume=payload.get("volume"),
        currency=payload.get("currency"),
        delayed=bool(payload.get("delayed")),
        market_cap=number("market_cap"),
        total_shares=payload.get("total_shares"),
    )
