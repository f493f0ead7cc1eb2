"""When exchanges trade, and what does not fit what we know of it."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from companies.models import User

MIC = RegexValidator(r"^[A-Z]{4}$", _("A market identifier code (ISO 10383) such as XSHG."))


class ExchangeDay(models.Model):
    """A day on which an exchange differs from its ordinary week."""

    class Kind(models.TextChoices):
        """How the day differs."""

        CLOSED = "closed", _("closed")
        HALF = "half", _("half day")
        LATE = "late", _("late opening")
        OPEN = "open", _("open (extra session)")

    mic = models.CharField(_("exchange"), max_length=4, validators=[MIC])
    day = models.DateField(_("day"))
    kind = models.CharField(_("kind"), max_length=6, choices=Kind)
    opens = models.TimeField(
        _("opens"), null=True, blank=True, help_text=_("Local time, where it differs from every other such day.")
    )
    closes = models.TimeField(
        _("closes"), null=True, blank=True, help_text=_("Local time, where it differs from every other such day.")
    )
    note = models.CharField(_("note"), max_length=120, blank=True)
    source = models.CharField(_("source"), max_length=300, help_text=_("Notice or data set that says so."))

    history = HistoricalRecords()

    class Meta:
        """One entry per exchange and day."""

        verbose_name = _("exchange day")
        verbose_name_plural = _("exchange days")
        ordering = ["mic", "day"]
        constraints = [
            models.UniqueConstraint(fields=["mic", "day"], name="exchange_day_once"),
            models.CheckConstraint(condition=~Q(source=""), name="exchange_day_has_a_source"),
            models.CheckConstraint(
                condition=~Q(kind="closed") | Q(opens=None, closes=None), name="exchange_day_closed_has_no_hours"
            ),
            models.CheckConstraint(
                condition=~Q(kind="late") | Q(opens__isnull=False), name="exchange_day_late_says_when_it_opens"
            ),
            models.CheckConstraint(
                condition=Q(opens=None) | Q(closes=None) | Q(opens__lt=F("closes")),
                name="exchange_day_closes_after_it_opens",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mic} {self.day}, {self.get_kind_display()}"


class ExchangeYear(models.Model):
    """A year whose calendar an exchange has published. Weekdays of other years are "not known", never assumed open."""

    mic = models.CharField(_("exchange"), max_length=4, validators=[MIC])
    year = models.PositiveSmallIntegerField(_("year"))
    source = models.CharField(_("source"), max_length=300, help_text=_("Notice or data set that says so."))

    history = HistoricalRecords()

    class Meta:
        """One entry per exchange and year."""

        verbose_name = _("published exchange year")
        verbose_name_plural = _("published exchange years")
        ordering = ["mic", "year"]
        constraints = [
            models.UniqueConstraint(fields=["mic", "year"], name="exchange_year_once"),
            models.CheckConstraint(condition=~Q(source=""), name="exchange_year_has_a_source"),
        ]

    def __str__(self) -> str:
        return f"{self.mic} {self.year}"


class CalendarWarning(models.Model):
    """Something that the calendar and the prices disagree about, for someone to look at."""

    class Kind(models.TextChoices):
        """What does not fit."""

        NO_QUOTES = "no_quotes", _("a session without any price from any source")
        CLOSED_BUT_TRADED = "closed_but_traded", _("prices on a day entered as closed")
        UNKNOWN_BUT_TRADED = "unknown_but_traded", _("prices on a day not entered")
        YEAR_MISSING = "year_missing", _("the calendar of the coming weeks is not entered")

    mic = models.CharField(_("exchange"), max_length=4, validators=[MIC])
    day = models.DateField(_("day"))
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    detail = models.CharField(_("detail"), max_length=300, blank=True)
    found_at = models.DateTimeField(_("found at"))
    settled_at = models.DateTimeField(
        _("settled at"), null=True, blank=True, help_text=_("Empty: still to be seen to.")
    )
    settled_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("settled by"),
        help_text=_("Empty for a warning that went away by itself."),
    )  # fmt: skip

    class Meta:
        """Newest first; said once."""

        verbose_name = _("calendar warning")
        verbose_name_plural = _("calendar warnings")
        ordering = ["-day", "mic"]
        constraints = [models.UniqueConstraint(fields=["mic", "day", "kind"], name="calendar_warning_once")]

    def __str__(self) -> str:
        return f"{self.mic} {self.day}, {self.get_kind_display()}"
