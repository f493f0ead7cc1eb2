"""The admin of exchange days, and of what does not fit them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, time, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.db.models import Count, OuterRef, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from companies.admin import FactAdmin, FactForm, ReadOnlyAdmin
from companies.admin.lists import MineFilter, PageColumns
from companies.admin.reasons import reason_of
from companies.history import created
from companies.models import User
from valuations.calendar_words import exchange_in_words, warning_in_words
from valuations.exchange_watch import settle
from valuations.models import CalendarWarning, ExchangeDay, ExchangeYear
from valuations.sessions import MARKETS, spells_between

if TYPE_CHECKING:
    QuerySet = models.QuerySet[Any]
else:
    QuerySet = models.QuerySet

Kind = ExchangeDay.Kind


FIRST_YEAR, LAST_YEAR = 1990, 2100  # Shanghai's exchange opened in December 1990


class ExchangeForm(FactForm):
    """Something of one of the exchanges whose hours we know."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "mic" in self.fields:  # not where it is only looked at
            entered = self.instance.mic  # an exchange of an earlier version, perhaps
            choices = {mic: f"{exchange_in_words(mic)} ({mic})" for mic in sorted({*MARKETS, entered} - {""})}
            self.fields["mic"] = forms.ChoiceField(
                label=self.fields["mic"].label, choices=[("", "---------"), *choices.items()]
            )

    def clean(self) -> dict[str, Any] | None:
        """Refuse years that nobody means."""
        super().clean()
        year = self.cleaned_data.get("year") or getattr(self.cleaned_data.get("day"), "year", None)
        if year is not None and not FIRST_YEAR <= year <= LAST_YEAR:
            name = "year" if "year" in self.cleaned_data else "day"
            words = _("Give a year from %(first)s to %(last)s.") % {"first": FIRST_YEAR, "last": LAST_YEAR}
            self.add_error(name, ValidationError(words))
        return self.cleaned_data


class ExchangeDayForm(ExchangeForm):
    """A day that differs."""

    def clean(self) -> dict[str, Any] | None:
        """Refuse hours at which the exchange never trades."""
        super().clean()
        data = self.cleaned_data
        market = MARKETS.get(data.get("mic") or "")
        opens, closes = data.get("opens"), data.get("closes")
        if market and not spells_between(market.sessions, opens, closes):
            raise ValidationError(_("These hours leave no time to trade."))
        return data


@admin.register(ExchangeDay)
class ExchangeDayAdmin(PageColumns, FactAdmin):
    """Closed days, half days, late openings and extra sessions."""

    form = ExchangeDayForm
    list_display = ["exchange", "day", "kind", "opens", "closes", "note", "source"]
    list_display_links = ["exchange", "day"]
    list_filter = ["mic", "kind", MineFilter]
    date_hierarchy = "day"
    search_fields = ["note", "source"]

    @admin.display(description=gettext_lazy("exchange"), ordering="mic")
    def exchange(self, day: ExchangeDay) -> str:
        """Its name and its code."""
        return f"{exchange_in_words(day.mic)} ({day.mic})"


# --- Years ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DayLine:
    """A day as it is written in the form of a year."""

    day: date
    kind: str
    opens: time | None = None
    closes: time | None = None
    note: str = ""


_LINE = re.compile(
    r"(?P<first>\d{4}-\d{2}-\d{2})(?:\.\.(?P<last>\d{4}-\d{2}-\d{2}))?\s+(?P<kind>[a-z]+)"
    r"(?:\s+(?P<opens>\d{1,2}:\d{2})?-(?P<closes>\d{1,2}:\d{2})?(?=\s|$))?(?:\s+(?P<note>.*))?"
)


def parse_days(text: str, year: int) -> list[DayLine]:
    """The days of a year, one or a span to a line: `2027-02-08..2027-02-12 closed Spring Festival`.

    After the kind there may be hours, `13:30-` or `-13:55` or both ends. Weekends within a span of closed days are left
    out: they are closed anyway.

    Raises:
        ValueError: A line cannot be read, or is of another year. The message is that line.
    """
    found: list[DayLine] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        match = _LINE.fullmatch(line)
        if match is None or match["kind"] not in Kind.values:
            raise ValueError(line)
        try:
            first = date.fromisoformat(match["first"])
            last = date.fromisoformat(match["last"] or match["first"])
            opens, closes = (_clock(match[name]) for name in ("opens", "closes"))
        except ValueError:
            raise ValueError(line) from None
        if not first <= last or {first.year, last.year} != {year}:
            raise ValueError(line)
        for day in _days(first, last):
            if day.weekday() < 5 or match["kind"] != Kind.CLOSED:
                found.append(DayLine(day, match["kind"], opens, closes, (match["note"] or "")[:120]))
    return found


def _clock(text: str | None) -> time | None:
    return None if text is None else time.fromisoformat(text.zfill(5))


def _days(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


class ExchangeYearForm(ExchangeForm):
    """A published year, with the days on which the exchange differs from its ordinary week."""

    days = forms.CharField(
        label=gettext_lazy("Days to enter"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 12, "placeholder": "2027-02-08..2027-02-12 closed Spring Festival"}),
        help_text=gettext_lazy(
            "One day or span to a line: the day, then closed, half, late or open, then a note. Hours where they are "
            "not the usual ones: “2027-08-19 late 13:30- Typhoon”. Weekends are closed without being entered. Days "
            "that are there already stay as they are."
        ),
    )

    def clean(self) -> dict[str, Any] | None:
        """Read the days, and refuse those that contradict one that is there."""
        super().clean()
        data = self.cleaned_data
        self.new_days: list[ExchangeDay] = []
        if data.get("days") and data.get("mic") and data.get("year"):
            try:
                lines = parse_days(data["days"], data["year"])
            except ValueError as unread:
                self.add_error("days", ValidationError(_("Cannot be read: %(line)s") % {"line": unread}))
            else:
                self._take(lines, data["mic"], data.get("source", ""))
        return data

    def _take(self, lines: list[DayLine], mic: str, source: str) -> None:
        there = {day.day: day for day in ExchangeDay.objects.filter(mic=mic, day__in=[line.day for line in lines])}
        for line in lines:
            entered = there.get(line.day)
            if entered is None:
                there[line.day] = entered = ExchangeDay(mic=mic, source=source, **asdict(line))
                self.new_days.append(entered)
                try:
                    entered.full_clean()
                except ValidationError as problem:
                    self.add_error("days", ValidationError(f"{line.day}: {' '.join(problem.messages)}"))
            elif (entered.kind, entered.opens, entered.closes) != (line.kind, line.opens, line.closes):
                said = {"day": line.day, "kind": entered.get_kind_display()}
                self.add_error("days", ValidationError(_("%(day)s is entered as “%(kind)s” already.") % said))


@admin.register(ExchangeYear)
class ExchangeYearAdmin(PageColumns, FactAdmin):
    """Years whose calendar an exchange has published."""

    form = ExchangeYearForm
    list_display = ["exchange", "year", "days_entered", "source"]
    list_display_links = ["exchange", "year"]
    list_filter = ["mic", "year", MineFilter]
    search_fields = ["source"]
    readonly_fields = ["days_entered"]
    fieldsets = [
        (
            None,
            {
                "fields": ["mic", "year", "source", "days_entered", "days"],
                "description": gettext_lazy(
                    "Shanghai and Shenzhen publish the next year's closures about 22 December, Hong Kong and New York "
                    "a year ahead or more. Enter all days of the notice before you save: from then on every other "
                    "weekday of the year counts as a session."
                ),
            },
        )
    ]

    def has_enter_permission(self, request: HttpRequest) -> bool:
        """Whether someone may add exchange days, here as on their own page."""
        return request.user.has_perm("valuations.add_exchangeday")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Without the box for days where nobody may fill it in."""
        if self.has_enter_permission(request) and self.has_change_permission(request, obj):
            return self.fieldsets
        return [(None, {"fields": ["mic", "year", "source", "days_entered"]})]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """With the number of days that differ."""
        days = (
            ExchangeDay.objects.filter(mic=OuterRef("mic"), day__year=OuterRef("year"))
            .order_by()
            .values("mic")
            .annotate(n=Count("pk"))
        )
        years: QuerySet = super().get_queryset(request).annotate(days_that_differ=Subquery(days.values("n")))
        return years

    @admin.display(description=gettext_lazy("exchange"), ordering="mic")
    def exchange(self, year: ExchangeYear) -> str:
        """Its name and its code."""
        return f"{exchange_in_words(year.mic)} ({year.mic})"

    @admin.display(description=gettext_lazy("days that differ"))
    def days_entered(self, year: Any) -> SafeString | str:
        """How many days are entered, with a link to them."""
        if year.pk is None:
            return "—"
        url = f"{reverse('admin:valuations_exchangeday_changelist')}?mic={year.mic}&day__year={year.year}"
        return format_html('<a href="{}">{}</a>', url, year.days_that_differ or 0)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The year with its new days, or neither: the admin saves in one transaction."""
        if form.new_days and not self.has_enter_permission(request):
            raise PermissionDenied
        super().save_model(request, obj, form, change)
        created(ExchangeDay.objects.bulk_create(form.new_days), request.user, reason_of(request))  # type: ignore[arg-type]


# --- Warnings -------------------------------------------------------------------------------------


@admin.register(CalendarWarning)
class CalendarWarningAdmin(PageColumns, ReadOnlyAdmin):
    """What the calendar and the prices disagree about. Who may change warnings may settle them."""

    list_display = ["in_words", "day", "found_at", "settled_at", "settled_by"]
    list_filter = [("settled_at", admin.EmptyFieldListFilter), "mic", "kind", MineFilter]
    list_select_related = ["settled_by"]
    date_hierarchy = "day"
    actions = ["settle"]

    def has_settle_permission(self, request: HttpRequest) -> bool:
        """Whether someone may say that a warning has been seen to."""
        return request.user.has_perm("valuations.change_calendarwarning")

    @admin.display(description=pgettext_lazy("calendar", "warning"))
    def in_words(self, warning: CalendarWarning) -> str:
        """The warning as a sentence."""
        return warning_in_words(warning)

    @admin.action(description=gettext_lazy("Settle: seen to, do not warn of it again"), permissions=["settle"])
    def settle(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Close the chosen warnings in the name of whoever asks."""
        assert isinstance(request.user, User)  # the admin lets nobody else in
        n = settle(queryset, request.user, timezone.now())
        messages.success(request, ngettext("%(n)s warning was settled.", "%(n)s warnings were settled.", n) % {"n": n})
