"""Refreshing exchange rates: one source for each outcome of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from companies.models import Revision
from companies.sources.base import Outcome, SourceError
from companies.sources.http import SourceClient
from valuations.asking import Desk
from valuations.checks import Verdict, check_rate
from valuations.models import FxRate, RefreshOutcome
from valuations.providers import rate_sources
from valuations.providers.base import ParsedRate, RateSource
from valuations.storage import rate_misfit, store_rates

CURRENCIES = frozenset({"CNY", "USD", "HKD", "EUR"})
RATES_BACK = timedelta(days=10)  # the first look back of a source of rates
Result = RefreshOutcome.Result


@dataclass(frozen=True, slots=True)
class RatesJudgement:
    """What becomes of the reply of one source of rates: `rows` are to be stored."""

    result: str
    reason: str = ""
    detail: str = ""
    rows: tuple[FxRate, ...] = ()


def run_rates_batch(pending: RefreshOutcome) -> None:
    """Ask the source of a pending outcome, store what it says and settle the outcome."""
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
            Revision.bump(reported=False)


def judged_rates(slug: str) -> RatesJudgement:
    """Ask one source for the rates since its newest stored day, and check them. Stores nothing."""
    source = rate_sources(fred_api_key=settings.FRED_API_KEY)[slug]
    desk = Desk()
    if not desk.may_ask(source) and next(desk.trials([source]), None) is None:
        return RatesJudgement(Result.RETRY, "sources_rest", desk.resting(source))
    start, today = _span(source)

    def question(client: SourceClient) -> tuple[list[ParsedRate], datetime]:
        reply = source.fetch(client, start, today)
        return source.parse(reply), reply.fetched_at

    try:
        stated, fetched_at = desk.ask(source, question)
    except SourceError as error:
        return RatesJudgement(error.outcome, "source_failed", f"{source.label}: {error}")
    rates = [rate for rate in stated if {rate.base, rate.quote} <= CURRENCIES and rate.base != rate.quote]
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


def _span(source: RateSource) -> tuple[date, date]:
    """The days to ask for: from the newest stored one until today, as many as one request may span."""
    today = timezone.now().date()
    newest = FxRate.objects.filter(provider=source.slug, span=FxRate.Span.DAY).aggregate(day=Max("day"))["day"]
    start = max(newest or today - RATES_BACK, today - timedelta(days=source.max_days - 1))
    return min(start, today), today


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
