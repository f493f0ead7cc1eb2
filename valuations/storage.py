"""Storing quotes and rates: the one way in, for workers and for the admin. Writing twice changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from companies.models import Listing, Revision, User
from valuations.checks import is_final
from valuations.models import FxRate, HeldQuote, Quote
from valuations.providers.base import ParsedQuote, ParsedRate
from valuations.sessions import Calendar
from valuations.snapshot import read_calendar

# What the columns of prices, rates and volumes hold.
_PRICE_STEP, _PRICE_LIMIT = Decimal("0.000001"), Decimal(10) ** 14
_RATE_STEP, _RATE_LIMIT = Decimal("0.0000000001"), Decimal(10) ** 10
_MOST_SHARES = 2**63 - 1


def store_quotes(quotes: Sequence[Quote]) -> bool:
    """Write quotes, one per listing and day; returns whether a page would show anything else than before."""
    if not quotes:
        return False
    before = {
        (quote.listing_id, quote.day): _shown(quote)
        for quote in Quote.objects.filter(
            listing__in={quote.listing_id for quote in quotes}, day__in={quote.day for quote in quotes}
        )
    }
    Quote.objects.bulk_create(
        quotes,
        update_conflicts=True,
        unique_fields=["listing", "day"],
        update_fields=[
            "open", "high", "low", "close", "volume", "last_at", "final", "delayed", "suspended", "provider",
            "fetched_at", "source",
        ],
        batch_size=500,
    )  # fmt: skip
    return any(before.get((quote.listing_id, quote.day)) != _shown(quote) for quote in quotes)


def _shown(quote: Quote) -> tuple[Any, ...]:
    return (quote.close, quote.last_at, quote.final, quote.delayed, quote.suspended, quote.provider)


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
    """Put quotes aside for someone to look at, except those that wait there already, word for word."""
    if not held:
        return
    of_listings = HeldQuote.objects.filter(
        listing__in={quote.listing_id for quote in held}, resolution=HeldQuote.Resolution.WAITING
    )
    waiting = {(listing, _text(payload)) for listing, payload in of_listings.values_list("listing", "payload")}
    HeldQuote.objects.bulk_create(quote for quote in held if (quote.listing_id, _text(quote.payload)) not in waiting)


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
        if price is not None and price > 0 and not _fits(price, _PRICE_STEP, _PRICE_LIMIT):
            return f"{name} {price} cannot be stored"
    if parsed.low is not None and parsed.high is not None and parsed.low > parsed.high:
        return f"low {parsed.low} above high {parsed.high}"
    if parsed.volume is not None and not 0 <= parsed.volume <= _MOST_SHARES:
        return f"volume {parsed.volume} cannot be stored"
    return ""


def rate_misfit(parsed: ParsedRate) -> str:
    """The same for an exchange rate."""
    if parsed.rate > 0 and not _fits(parsed.rate, _RATE_STEP, _RATE_LIMIT):
        return f"{parsed.base}/{parsed.quote} {parsed.rate} cannot be stored"
    return ""


def _fits(number: Decimal, step: Decimal, limit: Decimal) -> bool:
    return step <= number <= limit - 1


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
    news = [rate for key, rate in given.items() if before.get(key) != rate.rate.quantize(_RATE_STEP)]
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


def resolve_held(held: HeldQuote, resolution: HeldQuote.Resolution, user: User) -> bool:
    """Release a held quote (it becomes the price of its day) or discard it. Returns False when someone was faster.

    Raises:
        ValueError: It cannot become a price: zero or less, or a newer price of that day is stored. Nothing is changed.
    """
    with transaction.atomic():
        changed = HeldQuote.objects.filter(pk=held.pk, resolution=HeldQuote.Resolution.WAITING).update(
            resolution=resolution, resolved_at=timezone.now(), resolved_by=user
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
            if store_quotes([quote]):
                Revision.bump()
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
