"""Does the calendar fit the prices? Finds what does not, and settles what does again.

A wrong calendar is quiet: on a day entered as closed nobody asks and prices are held back, on a day not entered nobody
knows that a price is missing. So the two are compared once an hour, and what does not fit is a row that pages show.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q, QuerySet, Subquery

from companies.models import Listing, User
from valuations.models import BarCoverage, CalendarWarning, HeldQuote, Quote, RefreshOutcome, RefreshRun
from valuations.sessions import MARKETS, Calendar, DayKind, local_day
from valuations.snapshot import read_calendar

log = logging.getLogger(__name__)

LOOK_BACK = timedelta(days=14)  # how long ago a day may lie on which prices are looked for
LOOK_AHEAD = timedelta(days=30)  # how far ahead the calendar should be entered
GRACE = timedelta(hours=1)  # after the close: until then the sources may not have been asked, or be late
_DAY = timedelta(days=1)

Kind = CalendarWarning.Kind
Result = RefreshOutcome.Result
# Reasons for which a price was held back that put its day in doubt too.
DAY_IN_DOUBT = ("price_not_positive", "wrong_currency", "future_time", "older_than_stored")
NOT_ASKED = (Result.PENDING, Result.ABANDONED, Result.CANCELLED)

Place = tuple[str, date]  # an exchange and one of its days
Key = tuple[str, date, str]  # the same, and the kind of warning


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the prices say.

    Args:
        calendar: The exchange days as entered.
        now: Aware.
        mics: Exchanges of which listings are watched.
        traded: How many listings have a price, stored or held back, by exchange and day.
        asked: Finished sessions that the sources were asked about, whether or not a price came.
        open: Warnings that nobody has settled.
        dismissed: Exchanges and years of which a person has settled that they trade without a calendar.
    """

    calendar: Calendar
    now: datetime
    mics: frozenset[str]
    traded: Mapping[Place, int]
    asked: frozenset[Place]
    open: frozenset[Key] = frozenset()
    dismissed: frozenset[tuple[str, int]] = frozenset()


def watch_calendar(now: datetime) -> list[CalendarWarning]:
    """Compare the calendar with the prices; returns the warnings that were not there before.

    A warning is said once. One that is no longer true is settled; if it becomes true again it is open again, unless a
    person had settled it. The number of queries depends neither on the listings nor on the days.
    """
    said = {_key(warning): warning for warning in CalendarWarning.objects.all()}
    open_now = frozenset(key for key, warning in said.items() if warning.settled_at is None)
    dismissed = frozenset(
        (mic, day.year)
        for (mic, day, kind), warning in said.items()
        if kind == Kind.UNKNOWN_BUT_TRADED and warning.settled_by_id is not None
    )
    found = find_warnings(_read_evidence(now, open_now, dismissed))
    new = [
        CalendarWarning(mic=mic, day=day, kind=kind, detail=detail, found_at=now)
        for (mic, day, kind), detail in found.items()
        if (mic, day, kind) not in said
    ]
    again = [said[key] for key in found if key in said and _settled_by_itself(said[key])]
    over = [said[key].pk for key in open_now - found.keys()]
    grown = [said[key] for key in open_now & found.keys() if said[key].detail != found[key]]
    if new or again or over or grown:
        with transaction.atomic():
            # Two jobs at the same moment find the same: the second one's rows are there already.
            CalendarWarning.objects.bulk_create(new, ignore_conflicts=True)
            CalendarWarning.objects.filter(pk__in=over, settled_at=None).update(settled_at=now)
            CalendarWarning.objects.filter(pk__in=[warning.pk for warning in again], settled_by=None).update(
                settled_at=None, found_at=now
            )
            for warning in (*again, *grown):
                warning.detail = found[_key(warning)]
            CalendarWarning.objects.bulk_update([*again, *grown], ["detail"])
    for warning in (*new, *again):
        log.warning("calendar: %s", warning)
    return [*new, *again]


def open_warnings() -> QuerySet[CalendarWarning]:
    """Warnings that nobody has settled, newest first."""
    return CalendarWarning.objects.filter(settled_at=None)


def settle(warnings: QuerySet[CalendarWarning], user: User, now: datetime) -> int:
    """Close open warnings in somebody's name, for good; returns how many. Those settled before stay as they were."""
    return warnings.filter(settled_at=None).update(settled_at=now, settled_by=user)


# --- What does not fit: pure ----------------------------------------------------------------------


def find_warnings(evidence: Evidence) -> dict[Key, str]:
    """Everything that does not fit, with its detail: a year, or the number of listings that have a price."""
    found: dict[Key, str] = {}
    for mic in sorted(evidence.mics):
        found |= _sessions_without_prices(mic, evidence)
        found |= _prices_without_session(mic, evidence)
        found |= _years_missing(mic, evidence)
    return found


def _sessions_without_prices(mic: str, evidence: Evidence) -> dict[Key, str]:
    asked = {day for where, day in evidence.asked if where == mic}
    before = {day for where, day, kind in evidence.open if where == mic and kind == Kind.NO_QUOTES}
    return {
        (mic, day, Kind.NO_QUOTES): ""
        for day in asked | before
        if (mic, day) not in evidence.traded and evidence.calendar.is_session(mic, day)
    }


def _prices_without_session(mic: str, evidence: Evidence) -> dict[Key, str]:
    """Every closed day with prices; of a year that is not entered only one day, since the others say no more."""
    found: dict[Key, str] = {}
    unknown: dict[int, date] = {}
    said = {day.year: day for where, day, kind in evidence.open if where == mic and kind == Kind.UNKNOWN_BUT_TRADED}
    for day in sorted(day for where, day in evidence.traded if where == mic):
        match evidence.calendar.kind(mic, day):
            case DayKind.CLOSED:
                found[mic, day, Kind.CLOSED_BUT_TRADED] = str(evidence.traded[mic, day])
            case DayKind.UNKNOWN if day == said.get(day.year, day) and (mic, day.year) not in evidence.dismissed:
                unknown.setdefault(day.year, day)
    for day in unknown.values():
        found[mic, day, Kind.UNKNOWN_BUT_TRADED] = str(evidence.traded[mic, day])
    return found


def _years_missing(mic: str, evidence: Evidence) -> dict[Key, str]:
    """Years of today and of the coming weeks that are not entered; the warning's day is the first of January."""
    today = local_day(evidence.now, mic)
    years = {today.year, (today + LOOK_AHEAD).year} - evidence.calendar.known_years.get(mic, frozenset())
    return {(mic, date(year, 1, 1), Kind.YEAR_MISSING): str(year) for year in years}


def question_spell(mic: str, day: date, calendar: Calendar, now: datetime) -> tuple[datetime, datetime] | None:
    """When a question to the sources was a question about the session of `day`; None while that is not over.

    From an hour after the close until the next day that may be a session begins: then sources tell of that one.
    """
    market, settles = MARKETS[mic], calendar.settles_at(mic, day)
    if settles is None or now < settles + GRACE:
        return None
    following = day + _DAY
    while calendar.kind(mic, following) is DayKind.CLOSED and following - day < LOOK_BACK:
        following += _DAY
    return settles, min(now, datetime.combine(following, time(), market.zone))


# --- Reading --------------------------------------------------------------------------------------


def _read_evidence(now: datetime, open_now: frozenset[Key], dismissed: frozenset[tuple[str, int]]) -> Evidence:
    calendar = read_calendar()
    trading = _trading_mics(now)
    mics = frozenset(trading)
    finished = {(mic, day) for mic in mics if trading[mic] and (day := calendar.finished_session(mic, now)) is not None}
    places = finished | {(mic, day) for mic, day, _kind in open_now}
    for mic in mics:
        today = local_day(now, mic)
        window = (today - _DAY * back for back in range(LOOK_BACK.days))
        places |= {(mic, day) for day in window if not calendar.is_session(mic, day)}
    places = {place for place in places if place[0] in mics}
    return Evidence(
        calendar=calendar,
        now=now,
        mics=mics,
        traded=_traded(places),
        asked=_asked(finished, calendar, now) if settings.SOURCES_ENABLED else frozenset(),
        open=open_now,
        dismissed=dismissed,
    )


def _trading_mics(now: datetime) -> dict[str, bool]:
    """Exchanges with watched listings, and whether one of them is not suspended, so that a price can be expected."""
    newest = Quote.objects.of_listing_until((now + _DAY).date())
    watched = Listing.objects.filter(
        Q(listed_on=None) | Q(listed_on__lt=(now - _DAY).date()),
        Q(delisted_on=None) | Q(delisted_on__gt=(now + _DAY).date()),
        watched=True,
        company__archived_at=None,
        mic__in=MARKETS,
    )
    found: dict[str, bool] = {}
    suspended = watched.annotate(suspended=Subquery(newest.values("suspended")[:1])).order_by()
    for mic, halted in suspended.values_list("mic", "suspended"):
        found[mic] = found.get(mic, False) or not halted
    return found


def _traded(places: Iterable[Place]) -> dict[Place, int]:
    """How many listings have a price on these days, stored or held back."""
    wanted = set(places)
    if not wanted:
        return {}
    on = {"listing__mic__in": {mic for mic, _ in wanted}, "day__in": {day for _, day in wanted}}
    held = HeldQuote.objects.filter(**on).exclude(
        Q(resolution=HeldQuote.Resolution.DISCARDED) | Q(reason__in=DAY_IN_DOUBT)
    )
    found: dict[Place, int] = {}
    for rows in (Quote.objects.filter(**on), held):
        counted: QuerySet[Any, Any] = rows.order_by().values_list("listing__mic", "day")
        for mic, day, listings in counted.annotate(n=Count("listing", distinct=True)):
            if (mic, day) in wanted:
                found[mic, day] = max(listings, found.get((mic, day), 0))
    return found


def _asked(finished: Iterable[Place], calendar: Calendar, now: datetime) -> frozenset[Place]:
    """Sessions that a source was asked about when they were over, for the last price or for the bar of that day."""
    spells = {place: spell for place in finished if (spell := question_spell(*place, calendar, now)) is not None}
    if not spells:
        return frozenset()
    questions, bars = Q(), Q()
    for (mic, day), (since, until) in spells.items():
        questions |= Q(listing__mic=mic, done_at__gte=since, done_at__lt=until)
        bars |= Q(listing__mic=mic, first_day__lte=day, last_day__gte=day)
    outcomes = RefreshOutcome.objects.filter(questions, run__kind=RefreshRun.Kind.QUOTES).exclude(result__in=NOT_ASKED)
    mics = {
        *outcomes.order_by().values_list("listing__mic", flat=True).distinct(),
        *BarCoverage.objects.filter(bars).order_by().values_list("listing__mic", flat=True).distinct(),
    }
    return frozenset(place for place in spells if place[0] in mics)


def _settled_by_itself(warning: CalendarWarning) -> bool:
    return warning.settled_at is not None and warning.settled_by_id is None


def _key(warning: CalendarWarning) -> Key:
    return warning.mic, warning.day, warning.kind
