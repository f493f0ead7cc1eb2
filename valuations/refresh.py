"""Refreshing prices and rates: fetch, check and store one batch of a run, and settle its outcomes.

A job may run twice or die half-way: everything is stored in one transaction, and outcomes are settled only while they
are pending, so nothing is stored twice and the ledger tells what happened.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from companies.models import CorporateAction, Listing, Revision, ShareClass, ShareCount
from companies.sources.base import Blocked, Outcome, SourceError
from companies.sources.http import SourceClient
from valuations.checks import QuoteContext, Verdict, check_quote, check_rate
from valuations.ledger import close_if_done, pending_outcomes
from valuations.models import FxRate, HeldQuote, Quote, RefreshOutcome, RefreshRun
from valuations.providers import quote_source, rate_sources
from valuations.providers.base import Instrument, ParsedQuote, ParsedRate, QuoteRow, QuoteSource, RateSource
from valuations.shares import Action, Count, CountMissing, shares_on
from valuations.snapshot import read_calendar, share_count
from valuations.spacing import waiting_for
from valuations.storage import (
    latest_quotes,
    misfit,
    quote_payload,
    quote_row,
    rate_misfit,
    store_held,
    store_quotes,
    store_rates,
    store_suspended,
    told_time,
)

log = logging.getLogger(__name__)

CURRENCIES = frozenset({"CNY", "USD", "HKD", "EUR"})
RATES_BACK = timedelta(days=10)  # the first look back of a source of rates
Result = RefreshOutcome.Result


def run_batch(run_id: int, batch: int) -> None:
    """Fetch, check and store one batch of a run. Running it again, or in two workers at once, changes nothing."""
    pending = list(pending_outcomes(run_id, batch).select_related("run", "listing").order_by("pk"))
    if pending and pending[0].run.kind == RefreshRun.Kind.RATES:
        _refresh_rates(pending[0])
    elif pending:
        _refresh_quotes(pending)
    # Also without anything to do: the worker before us may have died between its last two steps.
    close_if_done(run_id)


def source_client(site: str) -> SourceClient:
    """A client for a source: its address, who we are, how long we wait and how often we ask."""
    contact = f" ({settings.SOURCE_CONTACT})" if settings.SOURCE_CONTACT else ""
    return SourceClient(
        settings.SOURCE_URLS[site],
        user_agent=f"Xinpan/{settings.VERSION}{contact}",
        timeout=settings.SOURCE_TIMEOUT,
        wait=waiting_for(site, settings.SOURCE_INTERVAL),
    )


# --- Prices ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sources said about one instrument. `provider` is the source whose row this is, "" when none answered."""

    row: QuoteRow
    provider: str
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class Judgement:
    """What becomes of one listing: `quote` is to be stored, `held` put aside for someone to look at."""

    listing: Listing
    result: str
    reason: str = ""
    detail: str = ""
    provider: str = ""
    quote: Quote | None = None
    held: ParsedQuote | None = None
    suspended: bool = False


def _refresh_quotes(pending: Sequence[RefreshOutcome]) -> None:
    """Ask for the listings of a batch, then store and settle in one transaction what is still pending."""
    asked = [outcome.listing for outcome in pending if outcome.listing is not None]
    answers = ask(asked, resting=_blocking(pending[0].run_id))
    with transaction.atomic():
        # Locked, so that a job delivered twice settles each outcome once.
        still = RefreshOutcome.objects.select_for_update().order_by("pk")
        open_outcomes = {
            outcome.listing_id: outcome
            for outcome in still.filter(pk__in=[outcome.pk for outcome in pending], result=Result.PENDING)
        }
        if not open_outcomes:
            return
        judgements = judged([listing for listing in asked if listing.pk in open_outcomes], answers)
        now = timezone.now()
        held: list[HeldQuote] = []
        for judgement in judgements:
            outcome = open_outcomes[judgement.listing.pk]
            outcome.result, outcome.reason, outcome.detail = judgement.result, judgement.reason, judgement.detail[:500]
            outcome.provider = judgement.provider or outcome.provider
            outcome.stored = int(judgement.quote is not None)
            outcome.done_at = now
            if judgement.held is not None:
                held.append(_held(outcome, judgement, judgement.held, now))
        changed = store_quotes([judgement.quote for judgement in judgements if judgement.quote is not None])
        changed |= store_suspended([judgement.listing.pk for judgement in judgements if judgement.suspended])
        _settle(list(open_outcomes.values()))
        store_held(held)
        if changed:
            Revision.bump()


_SETTLED = ("result", "reason", "detail", "provider", "stored", "done_at")


def _settle(outcomes: Sequence[RefreshOutcome]) -> None:
    """Write what has become of outcomes, in two queries.

    Nearly all outcomes of a batch read alike, and one plain update of those costs a fraction of a bulk update.
    """
    alike: dict[tuple[object, ...], list[RefreshOutcome]] = {}
    for outcome in outcomes:
        alike.setdefault(tuple(getattr(outcome, name) for name in _SETTLED), []).append(outcome)
    values, most = max(alike.items(), key=lambda group: len(group[1]))
    RefreshOutcome.objects.filter(pk__in=[outcome.pk for outcome in most]).update(
        **dict(zip(_SETTLED, values, strict=True))
    )
    others = [outcome for group in alike.values() if group is not most for outcome in group]
    RefreshOutcome.objects.bulk_update(others, _SETTLED, batch_size=500)


def _blocking(run_id: int) -> frozenset[str]:
    """Sources that have turned us away in this run: the batches that follow leave them alone."""
    blocked = RefreshOutcome.objects.filter(run=run_id, result=Result.BLOCKED)
    return frozenset(blocked.values_list("provider", flat=True).distinct())


def _held(outcome: RefreshOutcome, judgement: Judgement, parsed: ParsedQuote, now: datetime) -> HeldQuote:
    return HeldQuote(
        outcome=outcome,
        listing=judgement.listing,
        day=parsed.day,
        reason=judgement.reason,
        detail=judgement.detail[:500],
        payload=quote_payload(parsed),
        held_at=now,
    )


def ask(listings: Iterable[Listing], *, resting: Collection[str] = ()) -> dict[Instrument, Answer]:
    """Ask the sources in their order, each for what those before it left open. Network only, no database.

    Args:
        resting: Sources that are not to be asked.
    """
    waiting = [_instrument(listing) for listing in listings]
    troubles: dict[Instrument, list[tuple[Outcome, str]]] = {}
    answers: dict[Instrument, Answer] = {}
    for source in (quote_source(slug) for slug in settings.QUOTE_SOURCES):
        mine = [instrument for instrument in waiting if instrument.mic in source.mics and instrument not in answers]
        for start in range(0, len(mine), source.batch_size):
            part = mine[start : start + source.batch_size]
            try:
                answers |= _asked(source, part, resting)
            except SourceError as error:
                log.info("%s: %s", source.slug, error)
                for instrument in part:
                    troubles.setdefault(instrument, []).append((error.outcome, f"{source.label}: {error}"))
    now = timezone.now()
    for instrument in waiting:
        if instrument not in answers:
            told = troubles.get(instrument, [(Outcome.NO_DATA, "no source covers this exchange")])
            reason = "source_failed" if instrument in troubles else "no_source"
            row = QuoteRow(instrument, told[-1][0], None, reason, "; ".join(text for _, text in told))
            answers[instrument] = Answer(row, "", now)
    return answers


def _asked(
    source: QuoteSource, instruments: Sequence[Instrument], resting: Collection[str]
) -> dict[Instrument, Answer]:
    """The answers of one source. Raises SourceError when there are none."""
    if source.slug in resting:
        raise Blocked("left alone, it has turned us away in this run")
    with source_client(source.site) as client:
        reply = source.fetch(client, instruments)
    return {row.instrument: Answer(row, source.slug, reply.fetched_at) for row in source.parse(reply, instruments)}


def _instrument(listing: Listing) -> Instrument:
    return Instrument(listing.mic, listing.ticker, listing.currency)


def judged(listings: Sequence[Listing], answers: Mapping[Instrument, Answer]) -> list[Judgement]:
    """What is to become of each listing, given the answers. Reads in a constant number of queries, stores nothing."""
    contexts = _Contexts(listings)
    return [_judgement(listing, answers[_instrument(listing)], contexts) for listing in listings]


def _judgement(listing: Listing, answer: Answer, contexts: _Contexts) -> Judgement:
    row, quote = answer.row, answer.row.quote

    def judgement(result: str, reason: str, detail: str, **what: Quote | ParsedQuote | bool | None) -> Judgement:
        return Judgement(listing, result, reason, detail, answer.provider, **what)  # type: ignore[arg-type]

    if quote is None:
        return judgement(row.outcome, row.reason, row.detail, suspended=row.reason == "suspended")
    if problem := misfit(quote):
        return judgement(Result.BAD_ROW, "misfit", problem)
    if row.outcome not in (Outcome.OK, Outcome.OK_FLAG):
        return judgement(row.outcome, row.reason, row.detail, held=quote)
    verdict = check_quote(quote, contexts.of(listing, quote.day))
    if not verdict.store:
        return judgement(verdict.outcome, verdict.reason, verdict.detail, held=quote)
    stored = quote_row(listing, quote, answer.provider, answer.fetched_at, contexts.calendar)
    return judgement(verdict.outcome, verdict.reason, verdict.detail, quote=stored)


class _Contexts:
    """What we know of the listings of a batch, read in five queries."""

    def __init__(self, listings: Sequence[Listing]) -> None:
        self.calendar = read_calendar()
        self.now = timezone.now()
        self.stored = {quote.listing_id: quote for quote in latest_quotes([listing.pk for listing in listings])}
        companies = {listing.company_id for listing in listings}
        self.counts: dict[int, list[Count]] = {}
        of_all_classes = ShareCount.objects.filter(company__in=companies, share_class=ShareClass.ALL)
        for row in of_all_classes.select_related("source"):
            self.counts.setdefault(row.company_id, []).append(share_count(row))
        self.actions: dict[int, list[tuple[str, Action]]] = {}
        for action in CorporateAction.objects.filter(company__in=companies):
            self.actions.setdefault(action.company_id, []).append(
                (action.share_class, Action(action.ex_day, action.ratio, action.new_shares, action.kind, action.pk))
            )

    def of(self, listing: Listing, day: date) -> QuoteContext:
        """What a quote of this listing and day is checked against."""
        stored = self.stored.get(listing.pk)
        actions = [
            action
            for share_class, action in self.actions.get(listing.company_id, [])
            if share_class in (ShareClass.ALL, listing.share_class)
        ]
        between = [action for action in actions if stored and stored.day < action.ex_day <= day]
        ratio = Decimal(1)
        for action in between:
            ratio *= action.ratio
        try:
            shares = shares_on(day, self.counts.get(listing.company_id, []), actions, listing.listed_on).total
        except CountMissing:
            shares = None
        return QuoteContext(
            mic=listing.mic,
            board=listing.board,
            currency=listing.currency,
            listed_on=listing.listed_on,
            stored_close=stored.close if stored else None,
            stored_day=stored.day if stored else None,
            stored_at=told_time(stored, listing.mic, self.calendar) if stored else None,
            shares=shares,
            corporate_action_between=bool(between),
            action_ratio=ratio if between else None,
            calendar=self.calendar,
            now=self.now,
        )


# --- Exchange rates -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RatesJudgement:
    """What becomes of the reply of one source of rates: `rows` are to be stored."""

    result: str
    reason: str = ""
    detail: str = ""
    rows: tuple[FxRate, ...] = ()


def _refresh_rates(pending: RefreshOutcome) -> None:
    judgement = judged_rates(pending.provider)
    with transaction.atomic():
        # Settling first: of two workers with this job the second one waits here, and then has nothing to store.
        settled = RefreshOutcome.objects.filter(pk=pending.pk, result=Result.PENDING).update(
            result=judgement.result,
            reason=judgement.reason,
            detail=judgement.detail[:500],
            stored=len(judgement.rows),
            done_at=timezone.now(),
        )
        if settled and store_rates(judgement.rows):
            Revision.bump()


def judged_rates(slug: str) -> RatesJudgement:
    """Ask one source for the rates since its newest stored day, and check them. Stores nothing."""
    source = rate_sources(fred_api_key=settings.FRED_API_KEY)[slug]
    try:
        rates, fetched_at = _fetch_rates(source)
    except SourceError as error:
        log.info("%s: %s", source.slug, error)
        return RatesJudgement(error.outcome, "source_failed", f"{source.label}: {error}")
    last = _last_rates(source.slug)
    now = timezone.now()
    verdicts = [(rate, _rate_verdict(rate, last.get((rate.base, rate.quote)), now)) for rate in rates]
    rows = tuple(
        FxRate(
            base=rate.base, quote=rate.quote, day=rate.day, rate=rate.rate, provider=source.slug, fetched_at=fetched_at
        )
        for rate, verdict in verdicts
        if verdict.store
    )
    return _rates_judgement([verdict for _, verdict in verdicts], rows)


def _rate_verdict(rate: ParsedRate, last: Decimal | None, now: datetime) -> Verdict:
    if problem := rate_misfit(rate):
        return Verdict(Outcome.BAD_ROW, False, "misfit", problem)
    return check_rate(rate, last, now=now)


def _fetch_rates(source: RateSource) -> tuple[list[ParsedRate], datetime]:
    today = timezone.now().date()
    newest = FxRate.objects.filter(provider=source.slug, span=FxRate.Span.DAY).aggregate(day=Max("day"))["day"]
    start = max(newest or today - RATES_BACK, today - timedelta(days=source.max_days - 1))
    with source_client(source.site) as client:
        reply = source.fetch(client, min(start, today), today)
    rates = [rate for rate in source.parse(reply) if {rate.base, rate.quote} <= CURRENCIES and rate.base != rate.quote]
    return rates, reply.fetched_at


def _last_rates(provider: str) -> Mapping[tuple[str, str], Decimal]:
    found: dict[tuple[str, str], Decimal] = {}
    since = timezone.now().date() - timedelta(days=60)
    rows = FxRate.objects.filter(provider=provider, span=FxRate.Span.DAY, day__gte=since).order_by("day")
    for base, quote, rate in rows.values_list("base", "quote", "rate"):
        found[base, quote] = rate
    return found


def _rates_judgement(verdicts: Sequence[Verdict], rows: tuple[FxRate, ...]) -> RatesJudgement:
    """One word for the whole reply; the first refusal, else the first remark, gives the reason."""
    if not verdicts:
        return RatesJudgement(Result.NO_DATA, "no_rates")
    refused = next((verdict for verdict in verdicts if not verdict.store), None)
    if refused is not None:
        return RatesJudgement(Result.PARTIAL if rows else refused.outcome, refused.reason, refused.detail, rows)
    flagged = next((verdict for verdict in verdicts if verdict.reason), None)
    if flagged is not None:
        return RatesJudgement(Result.OK_FLAG, flagged.reason, flagged.detail, rows)
    return RatesJudgement(Result.OK, rows=rows)
