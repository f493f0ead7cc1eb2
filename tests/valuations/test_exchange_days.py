"""Exchange days: the data, the admin, and what does not fit the prices. The day is Friday, 2026-11-20."""

import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from django.utils import translation
from pytest_django import DjangoAssertNumQueries, Settings

from companies.models import Listing, User
from tests.factories import (
    make_coverage,
    make_exchange_day,
    make_exchange_year,
    make_held,
    make_listing,
    make_outcome,
    make_quote,
    make_run,
    make_staff,
    make_user,
    make_warning,
)
from valuations.admin.exchange_days import DayLine, parse_days
from valuations.calendar_words import advice_in_words, warning_in_words
from valuations.exchange_watch import Evidence, find_warnings, open_warnings, question_spell, settle, watch_calendar
from valuations.models import CalendarWarning, ExchangeDay, ExchangeYear, HeldQuote, Quote
from valuations.sessions import MARKETS, Calendar, DayKind
from valuations.snapshot import read_calendar
from valuations.starter_facts import TABLES

FRIDAY = date(2026, 11, 20)
SATURDAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)  # 17:00 in Shanghai, two hours after the close
ASKED = datetime(2026, 11, 20, 7, 5, tzinfo=UTC)
Kind = CalendarWarning.Kind


# --- The data -------------------------------------------------------------------------------------

# What release 4.13.2 of exchange_calendars does not have. Nothing else may differ.
UNKNOWN_TO_THE_PACKAGE = {
    ("XHKG", date(2020, 8, 19)): "13:30-16:00",
    ("XHKG", date(2021, 6, 28)): "13:30-16:00",
    ("XHKG", date(2022, 8, 25)): "13:00-16:00",
    ("XHKG", date(2022, 11, 2)): "09:30-12:00 13:00-13:55",
    ("XHKG", date(2023, 9, 1)): "",
    ("XHKG", date(2023, 9, 8)): "",
    ("XHKG", date(2023, 10, 9)): "14:00-16:00",
}


def our_calendar() -> Calendar:
    """The calendar of the project's own files."""

    def rows(name: str) -> list[dict[str, str]]:
        directory = next(table.default_directory for table in TABLES if table.name == name)
        with Path(directory, f"{name}.csv").open(encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def clock(text: str) -> time | None:
        return time.fromisoformat(text) if text else None

    days = {(row["mic"], date.fromisoformat(row["day"])): row for row in rows("exchange_days")}
    years: dict[str, set[int]] = {}
    for row in rows("exchange_years"):
        years.setdefault(row["mic"], set()).add(int(row["year"]))
    return Calendar(
        {place: DayKind(row["kind"]) for place, row in days.items()},
        {mic: frozenset(known) for mic, known in years.items()},
        {place: (clock(row["opens"]), clock(row["closes"])) for place, row in days.items()},
    )


def spelled(calendar: Calendar, mic: str, day: date) -> str:
    return " ".join(f"{opens:%H:%M}-{closes:%H:%M}" for opens, closes in calendar.hours(mic, day))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("mic", "name", "last_year"),
    [
        ("XSHG", "XSHG", 2026),
        ("XSHE", "XSHG", 2026),
        ("XHKG", "XHKG", 2027),
        ("XNAS", "XNAS", 2027),
        ("XNYS", "XNYS", 2027),
        ("XASE", "XASE", 2027),
    ],
)
def test_every_day_has_the_hours_that_exchange_calendars_gives_it(mic: str, name: str, last_year: int) -> None:
    import exchange_calendars

    theirs = exchange_calendars.get_calendar(name, start="2020-01-01", end=f"{last_year}-12-31")
    schedule = {}
    for session, *ends in theirs.schedule[["open", "break_start", "break_end", "close"]].itertuples():
        at = [f"{end.tz_convert(theirs.tz):%H:%M}" for end in ends if str(end) != "NaT"]  # no break
        schedule[session.date()] = " ".join(map("-".join, zip(at[::2], at[1::2], strict=True)))
    ours = our_calendar()
    assert ours.known_years[mic] == frozenset(range(2020, last_year + 1))

    days = map(date.fromordinal, range(date(2020, 1, 1).toordinal(), date(last_year + 1, 1, 1).toordinal()))
    differences = {(mic, day): hours for day in days if (hours := spelled(ours, mic, day)) != schedule.get(day, "")}

    assert differences == {place: hours for place, hours in UNKNOWN_TO_THE_PACKAGE.items() if place[0] == mic}


def test_the_years_that_nobody_has_published_are_not_known() -> None:
    calendar = our_calendar()
    assert set(calendar.known_years) == set(MARKETS)
    assert calendar.kind("XSHG", date(2027, 1, 4)) is DayKind.UNKNOWN
    assert calendar.kind("XHKG", date(2028, 1, 3)) is DayKind.UNKNOWN


def test_every_day_is_worth_a_row_and_says_where_it_is_from() -> None:
    directory = next(table.default_directory for table in TABLES if table.name == "exchange_days")
    with Path(directory, "exchange_days.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["mic"], row["day"]) for row in rows] == sorted({(row["mic"], row["day"]) for row in rows})
    assert all(row["source"] for row in rows)
    assert not [row for row in rows if date.fromisoformat(row["day"]).weekday() > 4]


@pytest.mark.django_db
def test_the_calendar_is_read_with_the_hours_of_its_days() -> None:
    make_exchange_year("XHKG", 2026)
    make_exchange_day("XHKG", date(2026, 9, 7), kind="late", opens=time(13, 30))
    make_exchange_day("XHKG", date(2026, 9, 8), kind="half", closes=time(13, 55))
    make_exchange_day("XHKG", date(2026, 12, 24), kind="half")

    calendar = read_calendar()

    assert spelled(calendar, "XHKG", date(2026, 9, 7)) == "13:30-16:00"
    assert spelled(calendar, "XHKG", date(2026, 9, 8)) == "09:30-12:00 13:00-13:55"
    assert spelled(calendar, "XHKG", date(2026, 12, 24)) == "09:30-12:00"


# --- What does not fit ----------------------------------------------------------------------------


def evidence(**given: object) -> Evidence:
    values: dict[str, object] = {
        "calendar": Calendar({("XSHG", date(2026, 11, 18)): DayKind.CLOSED}, {"XSHG": frozenset({2026})}),
        "now": NOW,
        "mics": frozenset({"XSHG"}),
        "traded": {},
        "asked": frozenset(),
    }
    return Evidence(**{**values, **given})  # type: ignore[arg-type]


def test_a_session_that_was_asked_about_and_has_no_price_does_not_fit() -> None:
    asked = frozenset({("XSHG", FRIDAY)})
    assert find_warnings(evidence(asked=asked)) == {("XSHG", FRIDAY, Kind.NO_QUOTES): ""}
    assert find_warnings(evidence(asked=asked, traded={("XSHG", FRIDAY): 1})) == {}
    assert find_warnings(evidence()) == {}


def test_a_session_without_a_price_does_not_fit_until_it_has_one_or_is_no_session() -> None:
    earlier = date(2026, 11, 17)
    said = frozenset({("XSHG", earlier, Kind.NO_QUOTES)})
    assert find_warnings(evidence(open=said)) == {("XSHG", earlier, Kind.NO_QUOTES): ""}
    assert find_warnings(evidence(open=said, traded={("XSHG", earlier): 3})) == {}
    closed = Calendar({("XSHG", earlier): DayKind.CLOSED}, {"XSHG": frozenset({2026})})
    assert find_warnings(evidence(open=said, calendar=closed)) == {}
    assert find_warnings(evidence(open=said, mics=frozenset())) == {}


def test_prices_of_a_closed_day_do_not_fit_whether_a_holiday_or_a_weekend() -> None:
    traded = {("XSHG", date(2026, 11, 18)): 2, ("XSHG", date(2026, 11, 15)): 1, ("XSHG", FRIDAY): 5}
    assert find_warnings(evidence(traded=traded)) == {
        ("XSHG", date(2026, 11, 15), Kind.CLOSED_BUT_TRADED): "1",
        ("XSHG", date(2026, 11, 18), Kind.CLOSED_BUT_TRADED): "2",
    }


def test_prices_of_a_year_not_entered_are_said_once_for_the_year() -> None:
    monday, tuesday = date(2027, 1, 4), date(2027, 1, 5)
    now = datetime(2027, 1, 5, 9, 0, tzinfo=UTC)
    year = {("XSHG", date(2027, 1, 1), Kind.YEAR_MISSING): "2027"}
    traded = {("XSHG", monday): 2, ("XSHG", tuesday): 3}
    said = frozenset({("XSHG", tuesday, Kind.UNKNOWN_BUT_TRADED)})

    assert find_warnings(evidence(now=now, traded=traded)) == year | {("XSHG", monday, Kind.UNKNOWN_BUT_TRADED): "2"}
    assert find_warnings(evidence(now=now, traded=traded, open=said)) == year | {
        ("XSHG", tuesday, Kind.UNKNOWN_BUT_TRADED): "3"
    }
    assert find_warnings(evidence(now=now, traded=traded, dismissed=frozenset({("XSHG", 2027)}))) == year


@pytest.mark.parametrize(
    ("now", "years"),
    [
        ("2026-12-01T12:00+08:00", []),  # thirty days on is 31 December
        ("2026-12-02T00:00+08:00", [2027]),
        ("2027-02-01T12:00+08:00", [2027]),
        ("2027-12-02T12:00+08:00", [2027, 2028]),
    ],
)
def test_a_year_is_missing_once_the_coming_month_reaches_into_it(now: str, years: list[int]) -> None:
    found = find_warnings(evidence(now=datetime.fromisoformat(now)))
    assert sorted(found) == [("XSHG", date(year, 1, 1), Kind.YEAR_MISSING) for year in years]


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-20T15:59+08:00", None),  # the close was less than an hour ago
        ("2026-11-20T17:00+08:00", "2026-11-20T17:00+08:00"),
        ("2026-11-22T12:00+08:00", "2026-11-22T12:00+08:00"),
        ("2026-11-23T10:00+08:00", "2026-11-23T00:00+08:00"),  # by now it is Monday's prices that are asked for
    ],
)
def test_a_question_is_about_a_session_until_the_next_day_that_may_be_one(now: str, until: str | None) -> None:
    spell = question_spell("XSHG", FRIDAY, evidence().calendar, datetime.fromisoformat(now))
    closed = datetime.fromisoformat("2026-11-20T15:00+08:00")
    assert spell == (None if until is None else (closed, datetime.fromisoformat(until)))


@pytest.fixture
def listing(calendar: None, settings: Settings) -> Listing:
    """A watched listing in Shanghai, of which nothing is held yet; sources are asked."""
    settings.SOURCES_ENABLED = True
    return make_listing()


def ask(listing: Listing, done_at: datetime = ASKED, result: str = "no_data") -> None:
    make_outcome(make_run(requested_at=done_at, finished_at=done_at), listing, result=result, done_at=done_at)


def raised(now: datetime = NOW) -> list[tuple[str, date, str]]:
    return [(warning.mic, warning.day, warning.kind) for warning in watch_calendar(now)]


def still_open() -> list[tuple[str, date, str]]:
    return list(open_warnings().values_list("mic", "day", "kind"))


def test_a_session_without_any_price_is_warned_of_once_and_settles_when_one_comes(listing: Listing) -> None:
    assert raised() == []
    ask(listing)
    assert raised() == [("XSHG", FRIDAY, "no_quotes")]
    assert raised(NOW + timedelta(hours=1)) == []
    assert still_open() == [("XSHG", FRIDAY, "no_quotes")]

    make_quote(listing, day=FRIDAY)
    assert raised(NOW + timedelta(hours=2)) == []

    settled = CalendarWarning.objects.get()
    assert (settled.settled_at, settled.settled_by) == (NOW + timedelta(hours=2), None)


def test_a_warning_that_went_away_by_itself_comes_back_and_one_that_a_person_settled_does_not(listing: Listing) -> None:
    make_quote(listing, day=date(2026, 11, 19))
    ask(listing)
    watch_calendar(NOW)
    storm = make_exchange_day("XSHG", FRIDAY)
    watch_calendar(NOW + timedelta(hours=1))
    assert still_open() == []

    storm.delete()
    assert raised(NOW + timedelta(hours=2)) == [("XSHG", FRIDAY, "no_quotes")]
    warning = CalendarWarning.objects.get()
    assert (warning.settled_at, warning.found_at) == (None, NOW + timedelta(hours=2))

    user = make_user()
    assert settle(open_warnings(), user, NOW) == 1
    assert raised(NOW + timedelta(hours=3)) == []
    assert settle(CalendarWarning.objects.all(), make_user("other"), NOW) == 0
    assert CalendarWarning.objects.get().settled_by == user


@pytest.mark.parametrize("result", ["pending", "abandoned", "cancelled"])
def test_nothing_is_missing_where_no_source_was_asked(listing: Listing, result: str) -> None:
    if result == "pending":
        make_outcome(listing=listing)
    else:
        ask(listing, result=result)
    assert raised() == []


def test_nothing_is_missing_while_sources_are_off_or_the_listing_is_suspended_or_not_watched(
    listing: Listing, settings: Settings
) -> None:
    ask(listing)
    settings.SOURCES_ENABLED = False
    assert raised() == []
    settings.SOURCES_ENABLED = True
    before = make_quote(listing, day=date(2026, 11, 12), suspended=True)
    assert raised() == []
    Quote.objects.filter(pk=before.pk).update(suspended=False)
    Listing.objects.update(watched=False)
    assert raised() == []
    Listing.objects.update(watched=True)
    assert raised() == [("XSHG", FRIDAY, "no_quotes")]


def test_bars_that_cover_a_session_without_having_it_are_an_answer_too(listing: Listing) -> None:
    make_coverage(listing, date(2026, 1, 5), FRIDAY)
    assert raised() == [("XSHG", FRIDAY, "no_quotes")]


def test_a_machine_that_slept_through_a_session_does_not_miss_it_because_it_asked_on_the_next(listing: Listing) -> None:
    monday = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
    ask(listing, monday)
    make_quote(listing, day=date(2026, 11, 23))
    assert raised(monday + timedelta(minutes=5)) == []


def test_prices_stored_for_a_closed_day_are_warned_of_until_the_calendar_is_corrected(listing: Listing) -> None:
    make_exchange_year("XSHG", 2027)
    make_quote(listing, day=FRIDAY)
    wednesday = make_exchange_day("XSHG", date(2026, 11, 18))
    make_quote(listing, day=wednesday.day)
    assert raised() == [("XSHG", wednesday.day, "closed_but_traded")]
    make_quote(make_listing(listing.company, ticker="688002"), day=wednesday.day)
    assert raised() == []
    assert CalendarWarning.objects.get().detail == "2"
    # It stays for longer than one looks back, and goes with the correction.
    assert raised(NOW + timedelta(days=29)) == []
    assert still_open() == [("XSHG", wednesday.day, "closed_but_traded")]
    wednesday.delete()
    watch_calendar(NOW + timedelta(days=29))
    assert still_open() == []


def test_prices_held_back_because_of_the_day_are_warned_of_until_they_are_discarded(listing: Listing) -> None:
    make_quote(listing, day=FRIDAY)
    held = make_held(
        make_outcome(make_run(finished_at=ASKED, requested_at=ASKED), listing, result="hold"),
        day=SATURDAY,
        reason="closed_day",
    )
    saturday = NOW + timedelta(days=1)
    assert raised(saturday) == [("XSHG", SATURDAY, "closed_but_traded")]
    HeldQuote.objects.filter(pk=held.pk).update(resolution="discarded", resolved_at=saturday)
    watch_calendar(saturday)
    assert still_open() == []


@pytest.mark.parametrize(("reason", "is_missing"), [("beyond_limit", False), ("wrong_currency", True)])
def test_a_session_whose_prices_were_all_held_back_has_prices_unless_they_are_of_something_else(
    listing: Listing, reason: str, is_missing: bool
) -> None:
    run = make_run(finished_at=ASKED, requested_at=ASKED)
    make_held(make_outcome(run, listing, result="hold", done_at=ASKED), day=FRIDAY, reason=reason)
    assert bool(raised()) is is_missing


def test_trade_in_a_year_not_entered_is_warned_of_until_it_is_entered(listing: Listing) -> None:
    monday = date(2027, 1, 4)
    make_quote(listing, day=monday)
    now = datetime(2027, 1, 4, 9, 0, tzinfo=UTC)
    assert sorted(raised(now)) == [
        ("XSHG", date(2027, 1, 1), "year_missing"),
        ("XSHG", monday, "unknown_but_traded"),
    ]
    make_quote(listing, day=date(2027, 1, 5))
    assert raised(now + timedelta(days=1)) == []
    make_exchange_year("XSHG", 2027)
    watch_calendar(now + timedelta(days=1, hours=1))
    assert still_open() == []


def test_settled_by_a_person_trade_of_that_year_is_not_warned_of_again(listing: Listing) -> None:
    make_quote(listing, day=date(2027, 1, 4))
    watch_calendar(datetime(2027, 1, 4, 9, 0, tzinfo=UTC))
    settle(open_warnings(), make_user(), NOW)
    make_quote(listing, day=date(2027, 1, 5))
    assert raised(datetime(2027, 1, 5, 9, 0, tzinfo=UTC)) == []


def test_the_watch_takes_as_many_queries_for_many_listings_and_days_as_for_one(
    listing: Listing, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ask(listing)
    watch_calendar(NOW)
    with django_assert_num_queries(8):
        watch_calendar(NOW)
    for n, mic in enumerate(("XSHE", "XHKG", "XNAS", "XSHG")):
        other = make_listing(listing.company, mic=mic, ticker=f"60000{n}")
        ask(other)
        make_quote(other, day=date(2026, 11, 15))
    assert len(watch_calendar(NOW)) > 3
    with django_assert_num_queries(8):
        watch_calendar(NOW)


# --- In words -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "day", "detail", "words"),
    [
        ("no_quotes", FRIDAY, "", "Shanghai should have traded on 20 Nov 2026, but no source gave a price."),
        (
            "closed_but_traded", FRIDAY, "1",
            "Shanghai is entered as closed on 20 Nov 2026, but 1 listing has a price of that day.",
        ),
        (
            "closed_but_traded", FRIDAY, "12",
            "Shanghai is entered as closed on 20 Nov 2026, but 12 listings have a price of that day.",
        ),
        (
            "unknown_but_traded", date(2027, 1, 4), "1",
            "Shanghai traded on 4 Jan 2027, but its calendar for 2027 is not entered.",
        ),
        ("year_missing", date(2027, 1, 1), "2027", "The calendar of Shanghai for 2027 is not entered."),
    ],
)  # fmt: skip
def test_a_warning_is_a_sentence_and_says_what_to_do(kind: str, day: date, detail: str, words: str) -> None:
    warning = CalendarWarning(mic="XSHG", day=day, kind=kind, detail=detail)
    with translation.override("en"):
        assert warning_in_words(warning) == words
        assert advice_in_words(warning)


@pytest.mark.django_db
@pytest.mark.parametrize("may_look", [True, False])
def test_everybody_sees_the_open_warnings_and_who_settles_them_what_to_do(may_look: bool) -> None:
    make_warning(day=FRIDAY)
    make_warning(day=SATURDAY, settled_at=NOW)
    with translation.override("en"):
        context = {"warnings": list(open_warnings()), "may_look": may_look}
        html = render_to_string("components/calendar_warnings.html", context)
    assert html.count("<li>") == 1
    assert "Shanghai should have traded on 20 Nov 2026" in html
    assert ("enter the day as closed" in html) is may_look
    assert (reverse("admin:valuations_calendarwarning_changelist") in html) is may_look


def test_nothing_is_said_where_there_is_no_warning() -> None:
    assert render_to_string("components/calendar_warnings.html", {"warnings": [], "may_look": True}).strip() == ""


# --- The admin ------------------------------------------------------------------------------------


@pytest.fixture
def staff(client: Client, db: None) -> Iterator[User]:
    """Somebody signed in to the admin, in English."""
    user = make_staff()
    client.force_login(user)
    with translation.override("en"):
        yield user


def test_staff_settle_a_warning_in_their_own_name(client: Client, staff: User) -> None:
    warning = make_warning(day=FRIDAY)
    url = reverse("admin:valuations_calendarwarning_changelist")
    assert "Shanghai should have traded on 20 Nov 2026" in client.get(url).content.decode()

    answer = client.post(url, {"action": "settle", "_selected_action": [warning.pk]}, follow=True)

    assert "1 warning was settled." in answer.content.decode()
    warning.refresh_from_db()
    assert warning.settled_by == staff
    assert warning.settled_at is not None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kind": "closed", "opens": "09:30"}, "A closed day has no hours."),
        ({"kind": "late"}, "Say when it opens."),
        ({"kind": "half", "opens": "13:00", "closes": "12:00"}, "It closes before it opens."),
        ({"kind": "late", "opens": "16:00"}, "These hours leave no time to trade."),
    ],
)
def test_a_day_that_cannot_be_is_refused_in_words(
    client: Client, staff: User, given: dict[str, str], words: str
) -> None:
    form = {"mic": "XHKG", "day": "2026-09-07", "opens": "", "closes": "", "note": "", "source": "A notice", **given}
    answer = client.post(reverse("admin:valuations_exchangeday_add"), form)
    assert words in answer.content.decode()
    assert not ExchangeDay.objects.exists()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"mic": "XSGH"}, "XSGH is not one of the available choices"),
        ({"year": "1800"}, "Give a year from 1990 to 2100."),
        ({"year": "9223372036854775807"}, "Give a year from 1990 to 2100."),
    ],
)
def test_a_year_of_no_exchange_or_no_time_is_refused(
    client: Client, staff: User, given: dict[str, str], words: str
) -> None:
    form = {"mic": "XSHG", "year": "2027", "source": "A notice", "days": "", **given}
    answer = client.post(reverse("admin:valuations_exchangeyear_add"), form)
    assert words in answer.content.decode()
    assert not ExchangeYear.objects.exists()


def test_a_year_is_entered_with_its_days_in_one_form(client: Client, staff: User) -> None:
    days = "2027-02-08..2027-02-16 closed Spring Festival\n\n2027-02-05 half\n2027-08-19 late 13:30- Typhoon"
    form = {"mic": "XHKG", "year": "2027", "source": "Notice of 22 December", "days": days}

    answer = client.post(reverse("admin:valuations_exchangeyear_add"), form)

    assert answer.status_code == 302, answer.content.decode()
    assert ExchangeYear.objects.get().year == 2027
    entered = list(ExchangeDay.objects.order_by("day").values_list("day", "kind", "opens", "note", "source"))
    assert entered[0] == (date(2027, 2, 5), "half", None, "", "Notice of 22 December")
    assert entered[-1] == (date(2027, 8, 19), "late", time(13, 30), "Typhoon", "Notice of 22 December")
    # The span holds seven weekdays; 13 and 14 February are a weekend.
    assert [day.day for day, kind, *_ in entered if kind == "closed"] == [8, 9, 10, 11, 12, 15, 16]
    listed = client.get(reverse("admin:valuations_exchangeyear_changelist")).content.decode()
    assert "mic=XHKG&amp;day__year=2027" in listed
    url = reverse("admin:valuations_exchangeday_changelist") + "?mic=XHKG&day__year=2027"
    assert "9 exchange days" in client.get(url).content.decode()


def test_days_that_are_there_stay_and_a_contradiction_is_refused(client: Client, staff: User) -> None:
    make_exchange_day("XHKG", date(2027, 2, 5), kind="half", source="An editor")
    form = {"mic": "XHKG", "year": "2027", "source": "Notice", "days": "2027-02-05 closed"}
    url = reverse("admin:valuations_exchangeyear_add")
    assert "2027-02-05 is entered as “half day” already." in client.post(url, form).content.decode()
    assert not ExchangeYear.objects.exists()

    assert client.post(url, {**form, "days": "2027-02-05 half\n2027-02-08 closed"}).status_code == 302
    assert list(ExchangeDay.objects.values_list("day", "source")) == [
        (date(2027, 2, 5), "An editor"),
        (date(2027, 2, 8), "Notice"),
    ]


@pytest.mark.django_db
def test_who_may_not_add_exchange_days_cannot_add_them_with_a_year(client: Client) -> None:
    user = make_user()
    entering = Permission.objects.filter(codename="enter_admin")
    user.user_permissions.set(entering | Permission.objects.filter(codename__endswith="_exchangeyear"))
    client.force_login(user)
    form = {"mic": "XHKG", "year": "2027", "source": "Notice", "days": "2027-02-05 half"}
    url = reverse("admin:valuations_exchangeyear_add")
    assert 'name="days"' not in client.get(url).content.decode()
    assert client.post(url, form).status_code == 403
    assert not ExchangeYear.objects.exists()
    assert client.post(url, {**form, "days": ""}).status_code == 302

    user.user_permissions.set(entering | Permission.objects.filter(codename="view_exchangeyear"))
    seen = client.get(reverse("admin:valuations_exchangeyear_change", args=[ExchangeYear.objects.get().pk]))
    assert seen.status_code == 200


@pytest.mark.django_db
def test_who_may_only_look_at_warnings_cannot_settle_them(client: Client) -> None:
    user = make_user()
    user.user_permissions.set(Permission.objects.filter(codename__in=("enter_admin", "view_calendarwarning")))
    client.force_login(user)
    warning = make_warning()
    url = reverse("admin:valuations_calendarwarning_changelist")
    client.post(url, {"action": "settle", "_selected_action": [warning.pk]}, follow=True)
    warning.refresh_from_db()
    assert warning.settled_at is None


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("2027-01-01 closed New Year's Day", [DayLine(date(2027, 1, 1), "closed", note="New Year's Day")]),
        ("2027-01-01   closed", [DayLine(date(2027, 1, 1), "closed")]),
        ("2027-01-02 open Make-up day", [DayLine(date(2027, 1, 2), "open", note="Make-up day")]),
        ("2027-01-02..2027-01-03 closed", []),
        ("2027-01-04 half -13:55 Storm", [DayLine(date(2027, 1, 4), "half", None, time(13, 55), "Storm")]),
        ("2027-01-04 late 9:45-", [DayLine(date(2027, 1, 4), "late", time(9, 45))]),
        ("2027-01-04 open 10:00-15:00", [DayLine(date(2027, 1, 4), "open", time(10), time(15))]),
    ],
)
def test_a_line_is_a_day_or_a_span_with_hours_and_a_note(line: str, found: list[DayLine]) -> None:
    assert parse_days(line, 2027) == found


@pytest.mark.parametrize(
    "line",
    [
        "2026-12-31 closed", "2026-12-31..2027-01-01 closed", "2027-02-30 closed", "2027-01-04", "2027-01-04 shut",
        "2027-01-05..2027-01-04 closed", "2027-01-04 late 25:00-", "1 January closed",
    ],
)  # fmt: skip
def test_a_line_that_is_no_day_of_the_year_is_refused_as_it_is(line: str) -> None:
    with pytest.raises(ValueError, match="^" + line.replace(".", r"\.") + "$"):
        parse_days(f"2027-01-01 closed\n{line}", 2027)
