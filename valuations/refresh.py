"""Refreshing prices: fetch, check and store one batch of a run, and settle its outcomes.

A job may run twice or die half-way: everything is stored in one transaction, and outcomes are settled only while they
are pending, so nothing is stored twice and the ledger tells what happened.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from companies.models import CorporateAction, Listing, Revision, ShareClass, ShareCount
from companies.sources.base import Outcome
from valuations.asking import Answer, Desk, ask, instrument_of
from valuations.checks import SAME_PRICE, QuoteContext, check_quote
from valuations.document_refresh import run_document_batch
from valuations.filing_refresh import run_filings_batch
from valuations.history import run_history_batch
from valuations.ledger import close_if_done, pending_outcomes
from valuations.models import FxRate, HeldQuote, Quote, RefreshOutcome, RefreshRun
from valuations.providers.base import Instrument, ParsedQuote
from valuations.rate_refresh import run_rates_batch
from valuations.rates import Rate, RateMissing, Rates
from valuations.sessions import Phase
from valuations.shares import Action, Count, CountMissing, shares_on
from valuations.snapshot import RATE_WINDOW, read_calendar, share_count
from valuations.storage import (
    latest_quotes,
    misfit,
    quote_payload,
    quote_row,
    store_held,
    store_quotes,
    store_suspended,
    told_time,
)

WORTH_A_SECOND_OPINION = frozenset({"beyond_limit", "future_time", "older_than_stored"})
CLASSES_COMPARED_FOR = timedelta(days=10)
Result = RefreshOutcome.Result


def run_batch(run_id: int, batch: int) -> None:
    """Fetch, check and store one batch of a run. Running it again, or in two workers at once, changes nothing."""
    related = ("run__requested_by", "listing", "company", "filing")
    pending = list(pending_outcomes(run_id, batch).select_related(*related).order_by("pk"))
    if pending:
        match pending[0].run.kind:
            case RefreshRun.Kind.QUOTES:
                _refresh_quotes(pending)
            case RefreshRun.Kind.RATES:
                run_rates_batch(pending[0])
            case RefreshRun.Kind.HISTORY:
                run_history_batch(pending[0])
            case RefreshRun.Kind.FILINGS:
                run_filings_batch(pending[0])
            case RefreshRun.Kind.DOCUMENTS:
                run_document_batch(pending[0])
    # Also without anything to do: the worker before us may have died between its last two steps.
    close_if_done(run_id)


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
    second_opinion: Mapping[str, object] | None = None
    wants_second: bool = False  # nothing becomes of it before another source was asked


def _refresh_quotes(pending: Sequence[RefreshOutcome]) -> None:
    """Ask for the listings of a batch, and store and settle them; for prices in doubt ask another source first."""
    desk = Desk()
    answers = ask([outcome.listing for outcome in pending if outcome.listing is not None], desk=desk)
    doubtful = _store_and_settle(pending, answers, None)
    if doubtful:
        listings = [outcome.listing for outcome in doubtful if outcome.listing is not None]
        told_by = {answers[instrument_of(listing)].provider for listing in listings}
        _store_and_settle(doubtful, answers, ask(listings, leave_out=told_by, desk=desk))


def _store_and_settle(
    outcomes: Sequence[RefreshOutcome],
    answers: Mapping[Instrument, Answer],
    seconds: Mapping[Instrument, Answer] | None,
) -> list[RefreshOutcome]:
    """In one transaction: judge, store and settle what is still pending. Returns those that want a second opinion.

    Args:
        seconds: What other sources say; None while they have not been asked.
    """
    with transaction.atomic():
        # Locked, so that a job delivered twice settles each outcome once.
        still = RefreshOutcome.objects.select_for_update(of=("self",)).order_by("pk").select_related("listing")
        open_outcomes = {
            outcome.listing_id: outcome
            for outcome in still.filter(pk__in=[outcome.pk for outcome in outcomes], result=Result.PENDING)
        }
        listings = [outcome.listing for outcome in open_outcomes.values() if outcome.listing is not None]
        if not listings:
            return []
        judgements = judged(listings, answers, seconds)
        doubtful = [open_outcomes.pop(judgement.listing.pk) for judgement in judgements if judgement.wants_second]
        judgements = [judgement for judgement in judgements if not judgement.wants_second]
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
            Revision.bump(reported=False)
    return doubtful


_SETTLED = ("result", "reason", "detail", "provider", "stored", "done_at")


def _settle(outcomes: Sequence[RefreshOutcome]) -> None:
    """Write what has become of outcomes, in two queries.

    Nearly all outcomes of a batch read alike, and one plain update of those costs a fraction of a bulk update.
    """
    if not outcomes:
        return
    alike: dict[tuple[object, ...], list[RefreshOutcome]] = {}
    for outcome in outcomes:
        alike.setdefault(tuple(getattr(outcome, name) for name in _SETTLED), []).append(outcome)
    values, most = max(alike.items(), key=lambda group: len(group[1]))
    RefreshOutcome.objects.filter(pk__in=[outcome.pk for outcome in most]).update(
        **dict(zip(_SETTLED, values, strict=True))
    )
    others = [outcome for group in alike.values() if group is not most for outcome in group]
    RefreshOutcome.objects.bulk_update(others, _SETTLED, batch_size=500)


def _held(outcome: RefreshOutcome, judgement: Judgement, parsed: ParsedQuote, now: datetime) -> HeldQuote:
    return HeldQuote(
        outcome=outcome,
        listing=judgement.listing,
        day=parsed.day,
        reason=judgement.reason,
        detail=judgement.detail[:500],
        payload=quote_payload(parsed),
        second_opinion=judgement.second_opinion,
        held_at=now,
    )


def judged(
    listings: Sequence[Listing],
    answers: Mapping[Instrument, Answer],
    seconds: Mapping[Instrument, Answer] | None = None,
) -> list[Judgement]:
    """What is to become of each listing, given the answers. Reads in a constant number of queries, stores nothing.

    Args:
        seconds: What other sources say of prices in doubt; None when they have not been asked.
    """
    contexts = _Contexts(listings)
    return [_judgement(listing, answers[instrument_of(listing)], seconds, contexts) for listing in listings]


def _judgement(
    listing: Listing, answer: Answer, seconds: Mapping[Instrument, Answer] | None, contexts: _Contexts
) -> Judgement:
    row, quote = answer.row, answer.row.quote
    about = partial(Judgement, listing, provider=answer.provider)
    if quote is None:
        return about(row.outcome, row.reason, row.detail, suspended=row.reason == "suspended")
    if problem := misfit(quote):
        return about(Result.BAD_ROW, "misfit", problem)
    if row.outcome not in (Outcome.OK, Outcome.OK_FLAG):
        return about(row.outcome, row.reason, row.detail, held=quote)
    verdict = check_quote(quote, contexts.of(listing, quote.day))
    if verdict.store:
        stored = quote_row(listing, quote, answer.provider, answer.fetched_at, contexts.calendar)
        judgement = about(verdict.outcome, verdict.reason, verdict.detail, quote=stored)
        if not contexts.is_standing_still(listing, quote):
            return judgement
        if seconds is None:
            return replace(judgement, wants_second=True)
        return _or_newer(judgement, quote, seconds.get(instrument_of(listing)), contexts)
    if verdict.outcome is Outcome.OK:
        return about(verdict.outcome, verdict.reason, verdict.detail)
    doubted = about(verdict.outcome, verdict.reason, verdict.detail, held=quote)
    if verdict.reason not in WORTH_A_SECOND_OPINION:
        return doubted
    if seconds is None:
        return replace(doubted, wants_second=True)
    second = seconds.get(instrument_of(listing))
    return doubted if second is None else _with_second_opinion(doubted, quote, second, contexts)


def _usable(answer: Answer) -> ParsedQuote | None:
    """The price of an answer, None where it has none that could be stored."""
    quote = answer.row.quote
    return None if quote is None or answer.row.outcome not in (Outcome.OK, Outcome.OK_FLAG) or misfit(quote) else quote


def _or_newer(judgement: Judgement, first: ParsedQuote, second: Answer | None, contexts: _Contexts) -> Judgement:
    """A price whose clock stands still in the middle of a session, or that of another source whose clock goes on."""
    quote = None if second is None else _usable(second)
    if second is None or quote is None or quote.at <= first.at:
        return judgement
    if not check_quote(quote, contexts.of(judgement.listing, quote.day)).store:
        return judgement
    return replace(
        judgement,
        result=Result.OK_FLAG,
        reason="second_source",
        detail=f"{judgement.provider}: of {first.at.isoformat()}; {second.provider}: of {quote.at.isoformat()}",
        provider=second.provider,
        quote=quote_row(judgement.listing, quote, second.provider, second.fetched_at, contexts.calendar),
    )


def _with_second_opinion(doubted: Judgement, first: ParsedQuote, second: Answer, contexts: _Contexts) -> Judgement:
    """A price beyond the venue's limit, after another source was asked.

    A second price that passes the checks is stored, and the first one put aside. A second source that says the same
    shows that the price is real, but not why: without the corporate action the share count would not follow, so that
    the price still waits for someone who knows.
    """
    quote = _usable(second)
    if quote is None:
        told = f"{second.provider or 'no other source'}: {second.row.detail or second.row.reason}"
        return replace(doubted, detail=f"{doubted.detail}; {told}")
    opinion = {"provider": second.provider, **quote_payload(quote)}
    # That two say the same settles nothing about the limit; of a wrong clock it says nothing at all.
    agrees = doubted.reason == "beyond_limit" and abs(quote.price / first.price - 1) <= SAME_PRICE
    told = f"{second.provider} says {quote.price}"
    verdict = check_quote(quote, contexts.of(doubted.listing, quote.day))
    if agrees or not verdict.store:
        return replace(
            doubted,
            reason="beyond_limit_confirmed" if agrees else doubted.reason,
            detail=f"{doubted.detail}; {told}",
            second_opinion=opinion,
        )
    return replace(
        doubted,
        result=Result.OK_FLAG,
        reason="second_source",
        detail=f"{doubted.provider}: {doubted.detail}; {told}",
        provider=second.provider,
        quote=quote_row(doubted.listing, quote, second.provider, second.fetched_at, contexts.calendar),
        second_opinion=opinion,
    )


class _Contexts:
    """What we know of the listings of a batch, read in six queries, and two more where a company has two classes."""

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

        self.others = self._other_classes(companies)
        self.rates = self._rates() if self.others else Rates([], settings.RATE_SOURCES)

    def _other_classes(self, companies: Collection[int]) -> dict[int, list[tuple[Listing, Quote]]]:
        """The newest prices of companies that have both A and H shares listed, by company."""
        listings = Listing.objects.filter(
            company__in=companies, delisted_on=None, share_class__in=(ShareClass.A, ShareClass.H)
        )
        both = listings.values("company").annotate(n=models.Count("share_class", distinct=True)).filter(n=2)
        found: dict[int, list[tuple[Listing, Quote]]] = {}
        siblings = {one.pk: one for one in listings.filter(company__in=both.values("company"))}
        for quote in latest_quotes(siblings) if siblings else ():
            sibling = siblings[quote.listing_id]
            found.setdefault(sibling.company_id, []).append((sibling, quote))
        return found

    def _rates(self) -> Rates:
        newest = FxRate.objects.filter(span=FxRate.Span.DAY, day__gte=self.now.date() - RATE_WINDOW)
        rows = newest.values_list("base", "quote", "day", "rate", "provider", "pk")
        return Rates((Rate(*row) for row in rows), settings.RATE_SOURCES)

    def _other_class_price(self, listing: Listing, day: date) -> Decimal | None:
        """The price of the H share for an A share and the other way round, in its currency; None when there is none.

        An old one, or one of a share that does not trade, says nothing of today.
        """
        if listing.share_class not in (ShareClass.A, ShareClass.H):
            return None
        for sibling, quote in self.others.get(listing.company_id, []):
            if sibling.share_class == listing.share_class or quote.suspended or day - quote.day > CLASSES_COMPARED_FOR:
                continue
            try:
                return quote.close * self.rates.conversion(sibling.currency, listing.currency, day).factor
            except RateMissing:
                continue
        return None

    def is_standing_still(self, listing: Listing, quote: ParsedQuote) -> bool:
        """Whether a price has missed so much of the running session that another source may know more."""
        if self.calendar.phase(listing.mic, self.now) is not Phase.OPEN:
            return False
        missed = self.calendar.open_minutes(listing.mic, quote.at, self.now)
        return missed > int(settings.STALE_AFTER_OPEN_MINUTES)

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
            stored_is_bar=bool(stored and stored.final and stored.provider in settings.HISTORY_SOURCES),
            shares=shares,
            corporate_action_between=bool(between),
            action_ratio=ratio if between else None,
            other_class_price=self._other_class_price(listing, day),
            calendar=self.calendar,
            now=self.now,
        )
