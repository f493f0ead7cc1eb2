"""Daily history: ask for the bars that a listing lacks, check and store them, span by span.

1. `valuations.coverage` says which listings lack daily bars; the plan starts a run with one job for each of them.
2. A job asks for the newest days first. What it believes of a span is stored in one transaction together with how far
   the listing is covered by then, so a job that dies, is cancelled or delivered twice loses and doubles nothing.
3. A move beyond the venue's limit and days that a source left out are put to a second source.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from django.db import transaction
from django.utils import timezone

from companies.models import CorporateAction, Listing, Revision, ShareClass
from companies.sources.base import BadBody, NoData, Outcome, SourceError
from companies.sources.http import SourceClient
from valuations.asking import Desk, instrument_of
from valuations.bars import (
    BarContext,
    Checked,
    Close,
    Doubt,
    Span,
    answered,
    awaited_from,
    checked,
    first_long_gap,
    gaps,
    new_events,
    pieces,
    spans_to_ask,
    together,
    up_to,
)
from valuations.coverage import history_sources_for, wanted_span
from valuations.models import BarCoverage, HeldQuote, Quote, RefreshOutcome
from valuations.providers.base import DailyBar, HistorySource, Instrument, ParsedQuote, ShareEvent
from valuations.sessions import MARKETS, Calendar
from valuations.shares import Action
from valuations.snapshot import read_calendar
from valuations.storage import SourcedBar, quote_payload, store_bars, store_held

Result = RefreshOutcome.Result
AROUND = timedelta(days=20)  # holds the close beside a span, over the longest closure of an exchange
_DAY = timedelta(days=1)


def run_history_batch(pending: RefreshOutcome) -> None:
    """Fill in what a listing lacks of daily bars, and settle its outcome unless somebody else has."""
    listing = pending.listing
    if listing is not None:
        _settle(pending, _Backfill(pending, listing).run())


@dataclass(frozen=True, slots=True)
class BarsAnswer:
    """The bars that one source gave for a span; none when it says that it has none."""

    source: HistorySource
    fetched_at: datetime
    bars: tuple[DailyBar, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """What is believed of the answers for a span: the bars that may be stored, and where each is from."""

    found: Checked
    answers: Sequence[BarsAnswer]
    sources: Mapping[date, BarsAnswer]

    def sourced(self) -> list[SourcedBar]:
        """The bars with their sources, as the storage takes them."""
        return [
            SourcedBar(bar, self.sources[bar.day].source.slug, self.sources[bar.day].fetched_at)
            for bar in self.found.bars
        ]

    def told_by(self, event: ShareEvent) -> BarsAnswer:
        """The answer that an event is from; not every source tells what happened on an ex-day."""
        return next(answer for answer in self.answers if any(event in bar.events for bar in answer.bars))


@dataclass(frozen=True, slots=True)
class Excuse:
    """Why there is no answer at all: the outcome and reason for the ledger, and what each source had to say."""

    outcome: Outcome
    reason: str
    details: tuple[str, ...] = ()


class _Ending(StrEnum):
    """Why a backfill went no further."""

    DONE = "done"
    GONE = "gone"  # cancelled, or settled by another worker
    NO_BARS = "no_bars"
    GAP = "gap"  # many days without a bar, on the word of one source
    DOUBT = "doubt"
    TROUBLE = "trouble"


@dataclass(slots=True)
class _Report:
    """What a backfill has to say at its end."""

    ending: _Ending = _Ending.DONE
    excuse: Excuse | None = None  # when it ended in trouble
    sources: list[str] = field(default_factory=list)  # slugs of those whose bars were stored
    covered: Span | None = None


class Inquiry:
    """One job's questions for the bars of one listing."""

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self.instrument: Instrument = instrument_of(listing)
        self.sources = history_sources_for(listing.mic)
        self.desk = Desk()
        self.may_try = True  # sources whose rest is over are tried once in a job
        self.spoke: set[str] = set()  # slugs of sources that have given bars in this job: they know the share
        self.troubles: list[tuple[Outcome, str]] = []

    def answers(self, span: Span) -> Iterator[BarsAnswer]:
        """What the sources say of a span, one after the other, each asked when its answer is wanted."""
        self.troubles = []
        for source in self._in_turn():
            if self.desk.is_late:
                self.troubles.append((Outcome.RETRY, "no time was left to ask"))
                return
            try:
                answer = self._ask(source, span)
            except SourceError as error:
                self.troubles.append((error.outcome, f"{source.label}: {error}"))
                continue
            if answer.bars:
                self.spoke.add(source.slug)
            yield answer

    def _in_turn(self) -> Iterator[HistorySource]:
        """Sources whose rest is over first, once in a job, then those that are well."""
        tried = []
        if self.may_try:
            self.may_try = False
            for source in self.desk.trials(self.sources):
                tried.append(source.slug)
                yield source
        yield from self.desk.willing(source for source in self.sources if source.slug not in tried)

    def excuse(self) -> Excuse:
        """Why no source answered the last question."""
        if not self.sources:
            return Excuse(Outcome.NO_DATA, "no_source", ("no source covers this exchange",))
        if self.troubles:
            return Excuse(self.troubles[-1][0], "source_failed", self.missed())
        return Excuse(Outcome.RETRY, "sources_rest", self.missed())

    def missed(self) -> tuple[str, ...]:
        """Which sources failed over the last question, or else which were not asked since they rest, and why."""
        failed = tuple(text for _, text in self.troubles)
        return failed or tuple(text for source in self.sources if (text := self.desk.resting(source)))

    def is_known(self, judged: Judged) -> bool:
        """Whether a source that answered has shown that it knows the share. Otherwise its silence says nothing."""
        return any(answer.source.slug in self.spoke for answer in judged.answers)

    def is_confirmed(self, judged: Judged) -> bool:
        """Whether there was no trade on days without a bar, for all that can be known.

        A second source has to say so too, unless no other one covers the exchange. It has to know the share if the
        first one gives bars of other days, since that answer may be cut. Where the first says properly that it has none
        at all, it is enough that the second one does not contradict.
        """
        if len(self.sources) == 1:
            return True
        heard = [answer for answer in judged.answers if answer.source.slug in self.spoke or not judged.found.bars]
        return len(heard) > 1

    def _ask(self, source: HistorySource, span: Span) -> BarsAnswer:
        """All bars of a span from one source, in as many requests as it needs. Raises SourceError."""

        def question(client: SourceClient) -> BarsAnswer:
            bars: list[DailyBar] = []
            fetched_at = timezone.now()
            for piece in pieces(span, source.max_days):
                reply = source.fetch(client, self.instrument, piece.first, piece.last)
                fetched_at = reply.fetched_at
                try:
                    bars += source.parse(reply, self.instrument, piece.first, piece.last)
                except NoData:
                    continue
            if any(bar.adjustment for bar in bars):
                raise BadBody("the prices are adjusted for later corporate actions")
            return BarsAnswer(source, fetched_at, tuple(bars))

        return self.desk.ask(source, question)

    def judged(self, span: Span, context: BarContext) -> Judged | None:
        """What is to be believed of a span, by one source or, in doubt, by two; None when no source answered."""
        answers = self.answers(span)
        first = next(answers, None)
        if first is None:
            return None
        judged = _judged([first], context)
        if judged.found.doubt is None and _is_whole(judged.found.bars, span, context):
            return judged
        second = next(answers, None)
        if second is None:
            return judged
        both = _judged([first, second], context)
        if both.found.doubt is not None:
            # The first may be wrong where the second is not; each may also confirm the other.
            other = _judged([second, first], context)
            return both if other.found.doubt is not None else other
        return both


def _is_whole(bars: Sequence[DailyBar], span: Span, context: BarContext) -> bool:
    """Whether every known session has its bar, and no stretch of unknown days is so long that it must hold sessions."""
    if gaps(bars, span, context.mic, context.calendar):
        return False
    return first_long_gap(bars, span, context.mic, context.calendar, backwards=context.backwards) is None


def _judged(answers: Sequence[BarsAnswer], context: BarContext) -> Judged:
    """Check the bars of the first source, completed and confirmed by those of the second."""
    first, *others = answers
    sources = {bar.day: first for bar in first.bars}
    bars: Iterable[DailyBar] = first.bars
    for other in others:
        bars = together(bars, other.bars)
        sources = {bar.day: other for bar in other.bars} | sources
        stated = {bar.day: bar.close for bar in other.bars if sources[bar.day] is not other}
        context = replace(context, believed=stated | dict(context.believed))
    return Judged(checked(bars, context), answers, sources)


class _Backfill:
    """One job: all that a listing lacks."""

    def __init__(self, pending: RefreshOutcome, listing: Listing) -> None:
        self.pending = pending
        self.listing = listing
        self.calendar = read_calendar()
        self.inquiry = Inquiry(listing)
        self.report = _Report()

    def run(self) -> _Report:
        """Ask span by span until nothing is lacking or nothing more can be had."""
        wanted = wanted_span(self.listing, timezone.now(), self.calendar)
        while wanted is not None and self.report.ending is not _Ending.GONE:
            before = covered_span(self.listing)
            span = next_span(self.listing, before, wanted, self.calendar)
            if span is None:
                break
            after = self._fill(span, before, is_newest=span.last == wanted.last)
            if self.report.ending is _Ending.TROUBLE:
                break
            # Beyond where believing ended there is nothing to ask for; the other end may still be open.
            wanted = _narrowed(wanted, span, after)
        self.report.covered = covered_span(self.listing)
        return self.report

    def _fill(self, span: Span, before: Span | None, *, is_newest: bool) -> Span | None:
        """Ask for one span and store what is believed; returns what is covered then."""
        rows = list(Quote.objects.filter(listing=self.listing, day__range=(span.first - AROUND, span.last + AROUND)))
        context = bar_context(self.listing, span, before, rows, self.calendar)
        judged = self.inquiry.judged(span, context)
        if judged is None:
            self.report.ending, self.report.excuse = _Ending.TROUBLE, self.inquiry.excuse()
            return before
        if not judged.found.bars and (before is None or not self.inquiry.is_known(judged)):
            # Nobody has shown that the source knows the share: silence does not say that there was no trade.
            if self.inquiry.missed():
                self.report.ending, self.report.excuse = _Ending.TROUBLE, self.inquiry.excuse()
            return self._store(judged, None, None, before)
        late_from = None
        if is_newest:
            late_from = awaited_from(judged.found.bars, span, self.listing.mic, self.calendar)
        part = answered(span, judged.found, backwards=context.backwards, late_from=late_from)
        gap = None if part is None else self._unconfirmed_gap(judged, part, context)
        if part is not None and gap is not None:
            part = up_to(gap, part, backwards=context.backwards)
        return self._store(judged, part, gap, before)

    def _unconfirmed_gap(self, judged: Judged, part: Span, context: BarContext) -> Span | None:
        if self.inquiry.is_confirmed(judged):
            return None
        return first_long_gap(judged.found.bars, part, context.mic, context.calendar, backwards=context.backwards)

    def _store(self, judged: Judged, part: Span | None, gap: Span | None, before: Span | None) -> Span | None:
        """Store what is believed, and that `part` is covered now; `gap` is where covering had to end."""
        found = judged.found
        with transaction.atomic():
            # Locked: a job delivered twice, or cancelled by now, stores nothing more.
            outcome = (
                RefreshOutcome.objects.select_for_update(of=("self",))
                .filter(pk=self.pending.pk, result=Result.PENDING, run__finished_at=None)
                .first()
            )
            if outcome is None:
                self.report.ending = _Ending.GONE
                return before
            now_covered = covered_span(self.listing)
            if now_covered != before:
                return now_covered  # another worker with this job was faster; go on from there
            stored = store_bars(self.listing, judged.sourced())
            actions = _store_events(self.listing, judged)
            after = before
            if part is not None:
                after = _grown(before, part)
                provider = judged.sources[found.bars[-1].day].source.slug if found.bars else outcome.provider
                BarCoverage.objects.update_or_create(
                    listing=self.listing,
                    defaults={
                        "first_day": after.first,
                        "last_day": after.last,
                        "provider": provider,
                        "asked_at": timezone.now(),
                    },
                )
            outcome.stored += stored.written
            missing = gaps(found.bars, part, self.listing.mic, self.calendar) if part else []
            remarks = _remarks(found, stored.differing, missing)
            if gap is not None:
                remarks.append(("gaps_unconfirmed", "; ".join((f"no bars of {gap}", *self.inquiry.missed()))))
            _note_down(outcome, remarks)
            # An outcome has one held quote; a doubt at the other end is told, and put aside by the next job.
            if found.doubt is not None and not HeldQuote.objects.filter(outcome=outcome).exists():
                outcome.provider = judged.sources[found.doubt.bar.day].source.slug
                store_held([_held(outcome, self.listing, found.doubt, self.calendar)])
            outcome.save(update_fields=["stored", "reason", "detail", "provider"])
            if stored.written or actions:
                Revision.bump(reported=bool(actions))
        self._note(judged, part, gap)
        return after

    def _note(self, judged: Judged, part: Span | None, gap: Span | None) -> None:
        for bar in judged.found.bars:
            slug = judged.sources[bar.day].source.slug
            if slug not in self.report.sources:
                self.report.sources.append(slug)
        if judged.found.doubt is not None:
            self.report.ending = _Ending.DOUBT
        elif gap is not None and self.report.ending is not _Ending.DOUBT:
            self.report.ending = _Ending.GAP
        elif part is None and self.report.ending is _Ending.DONE:
            self.report.ending = _Ending.NO_BARS


def covered_span(listing: Listing) -> Span | None:
    """The days of a listing whose bars were asked for and answered."""
    row = BarCoverage.objects.filter(listing=listing).values_list("first_day", "last_day").first()
    return None if row is None else Span(*row)


def next_span(listing: Listing, covered: Span | None, wanted: Span, calendar: Calendar) -> Span | None:
    """The days to ask for next, None when no day that may have been a session is lacking."""
    most_days = max((source.max_days for source in history_sources_for(listing.mic)[:1]), default=1)
    return next(
        (
            span
            for span in spans_to_ask(covered, wanted, most_days)
            if calendar.possible_sessions(listing.mic, span.first - _DAY, span.last)
        ),
        None,
    )


def bar_context(
    listing: Listing, span: Span, covered: Span | None, rows: Iterable[Quote], calendar: Calendar
) -> BarContext:
    """What the bars of a span are checked against; `rows` are the stored quotes in and around it."""
    backwards = covered is None or span.last < covered.first
    beside = None
    if covered is not None:
        known = [row for row in rows if row.day in covered]
        nearest = (min if backwards else max)(known, key=lambda row: row.day, default=None)
        beside = Close(nearest.day, nearest.close) if nearest else None
    return BarContext(
        mic=listing.mic,
        calendar=calendar,
        board=listing.board,
        listed_on=listing.listed_on,
        actions=[Action(row.ex_day, row.ratio, row.new_shares, row.kind) for row in _actions(listing)],
        beside=beside,
        believed={row.day: row.close for row in rows if row.day in span},
        discarded=_discarded(listing, span),
        backwards=backwards,
    )


def _discarded(listing: Listing, span: Span) -> frozenset[Close]:
    """Closes that somebody has looked at and does not believe."""
    held = HeldQuote.objects.filter(
        listing=listing, day__range=(span.first, span.last), resolution=HeldQuote.Resolution.DISCARDED
    )
    return frozenset(Close(day, Decimal(str(payload["price"]))) for day, payload in held.values_list("day", "payload"))


def _actions(listing: Listing) -> Iterable[CorporateAction]:
    of_class = (ShareClass.ALL, listing.share_class)
    return CorporateAction.objects.filter(company=listing.company_id, share_class__in=of_class)


def _grown(covered: Span | None, part: Span) -> Span:
    return part if covered is None else Span(min(covered.first, part.first), max(covered.last, part.last))


def _narrowed(wanted: Span, asked: Span, covered: Span | None) -> Span | None:
    """What there is still to want once `asked` was asked for: nothing beyond it where it was not answered."""
    if covered is None:
        return None
    first = covered.first if asked.first < covered.first else wanted.first
    last = covered.last if asked.last > covered.last else wanted.last
    return Span(min(first, last), last)


def _store_events(listing: Listing, judged: Judged) -> int:
    """Store what happened on ex-days, unless it is stored already. Returns how many actions are new."""
    events = [event for bar in judged.found.bars for event in bar.events]
    if not events:
        return 0
    stored = (ShareEvent(row.kind, row.ex_day, row.ratio, row.cash) for row in _actions(listing))
    news = new_events(events, stored)
    classes = set(Listing.objects.filter(company=listing.company_id).values_list("share_class", flat=True))
    share_class = listing.share_class if len(classes) > 1 else ShareClass.ALL
    CorporateAction.objects.bulk_create(
        [_action(listing, share_class, event, judged.told_by(event)) for event in news],
        ignore_conflicts=True,
    )
    return len(news)


def _action(listing: Listing, share_class: str, event: ShareEvent, answer: BarsAnswer) -> CorporateAction:
    pays = event.kind == CorporateAction.Kind.DIVIDEND
    return CorporateAction(
        company_id=listing.company_id,
        share_class=share_class,
        kind=event.kind,
        ex_day=event.ex_day,
        ratio=1 if pays else event.ratio,
        cash=event.cash if pays else None,
        currency=listing.currency if pays else "",
        note=event.text[:300],
        provider=answer.source.slug,
        fetched_at=answer.fetched_at,
    )


def _held(outcome: RefreshOutcome, listing: Listing, doubt: Doubt, calendar: Calendar) -> HeldQuote:
    """The bar at which believing ended, for someone to look at: released, it is believed the next time."""
    bar, market = doubt.bar, MARKETS[listing.mic]
    at = calendar.closes_at(listing.mic, bar.day) or datetime.combine(bar.day, market.sessions[-1][1], market.zone)
    parsed = ParsedQuote(
        price=bar.close,
        at=at,
        day=bar.day,
        open=bar.open,
        high=bar.high,
        low=bar.low,
        volume=bar.volume,
        amount=bar.amount,
        currency=listing.currency,
    )
    return HeldQuote(
        outcome=outcome,
        listing=listing,
        day=bar.day,
        reason="beyond_limit",
        detail=doubt.detail[:500],
        payload=quote_payload(parsed),
        held_at=timezone.now(),
    )


# --- Trying without storing -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tried:
    """What would come of the next question for a listing's bars."""

    result: str
    reason: str = ""
    detail: str = ""


def tried(listing: Listing, years: int | None = None) -> Tried:
    """Ask for the days that a listing lacks first, and check what comes. Stores nothing.

    Args:
        years: How far back to want days; as far as the settings say unless told.
    """
    calendar = read_calendar()
    covered, wanted = covered_span(listing), wanted_span(listing, timezone.now(), calendar, years=years)
    span = None if wanted is None else next_span(listing, covered, wanted, calendar)
    if span is None:
        return Tried(Result.OK, detail="nothing is lacking")
    inquiry = Inquiry(listing)
    rows = Quote.objects.filter(listing=listing, day__range=(span.first - AROUND, span.last + AROUND))
    judged = inquiry.judged(span, bar_context(listing, span, covered, list(rows), calendar))
    if judged is None or (not inquiry.is_known(judged) and inquiry.missed()):
        excuse = inquiry.excuse()
        return Tried(excuse.outcome, excuse.reason, "; ".join(excuse.details))
    found = judged.found
    sources = sorted({judged.sources[bar.day].source.slug for bar in found.bars})
    detail = f"{len(found.bars)} days of {span}; {', '.join(sources)}"
    if found.doubt is not None:
        return Tried(Result.HOLD, "beyond_limit", f"{detail}; {found.doubt.detail}")
    if not found.bars:
        return Tried(Result.NO_DATA, "no_bars", f"none of {span}")
    return Tried(Result.OK_FLAG if found.refused else Result.OK, found.refused[0][1] if found.refused else "", detail)


# --- What the ledger says -------------------------------------------------------------------------


def _remarks(found: Checked, differing: Sequence[date], without_trade: Sequence[date]) -> list[tuple[str, str]]:
    """What was odd about a span: the code of each oddity, "" for none, and the words for the ledger."""
    remarks: list[tuple[str, str]] = []
    if found.doubt is not None:
        remarks.append(("beyond_limit", found.doubt.detail))
    for code in sorted({reason for _, reason in found.refused}):
        days = [day for day, reason in found.refused if reason == code]
        remarks.append((code, f"{_times(days)} refused ({code})"))
    if differing:
        remarks.append(("bar_differs", f"{_times(differing)} more than 1 % from the stored source, which stays"))
    if found.confirmed:
        remarks.append(("beyond_limit_confirmed", f"{_times(found.confirmed)} beyond the limit, but stated twice"))
    if without_trade:
        remarks.append(("", f"{_times(without_trade)} without trade"))
    return remarks


def _note_down(outcome: RefreshOutcome, remarks: Iterable[tuple[str, str]]) -> None:
    """The first oddity of a job gives its reason, all of them its detail."""
    for code, text in remarks:
        outcome.reason = outcome.reason or code
        outcome.detail = "; ".join(part for part in (outcome.detail, text) if part)[:500]


def _times(days: Sequence[date]) -> str:
    return f"{days[0]}" if len(days) == 1 else f"{len(days)} days from {days[0]}"


def _settle(pending: RefreshOutcome, report: _Report) -> None:
    """Say what came of a job, unless the outcome was settled by somebody else meanwhile."""
    if report.ending is _Ending.GONE:
        return
    with transaction.atomic():
        outcome = RefreshOutcome.objects.select_for_update().filter(pk=pending.pk, result=Result.PENDING).first()
        if outcome is None:
            return
        outcome.result, outcome.reason = _verdict(outcome, report)
        covered = f"covered {report.covered}" if report.covered else ""
        excuses = report.excuse.details if report.excuse else ()
        said = [f"{outcome.stored} days stored", covered, ", ".join(report.sources), *excuses, outcome.detail]
        outcome.detail = "; ".join(part for part in said if part)[:500]
        if report.sources and not HeldQuote.objects.filter(outcome=outcome).exists():
            outcome.provider = report.sources[0]
        outcome.done_at = timezone.now()
        outcome.save(update_fields=["result", "reason", "detail", "provider", "done_at"])


def _verdict(outcome: RefreshOutcome, report: _Report) -> tuple[str, str]:
    """The result of a whole job, and its reason."""
    if report.excuse is not None:
        return Result.PARTIAL if outcome.stored else Result(report.excuse.outcome), report.excuse.reason
    match report.ending:
        case _Ending.DOUBT:
            return Result.PARTIAL if outcome.stored else Result.HOLD, "beyond_limit"
        case _Ending.GAP:
            return Result.PARTIAL, "gaps_unconfirmed"
        case _Ending.NO_BARS if not report.sources:
            return Result.NO_DATA, "no_bars"
    return (Result.OK_FLAG, outcome.reason) if outcome.reason else (Result.OK, "")
