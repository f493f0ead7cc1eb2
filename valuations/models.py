"""Quotes, rates, exchange days, and the ledger of the jobs that fetch them."""

from __future__ import annotations

from datetime import date
from typing import Self

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, OuterRef, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from companies.models import Filing, Listing, User
from companies.models.company import CURRENCY

MIC = RegexValidator(r"^[A-Z]{4}$", _("A market identifier code (ISO 10383) such as XSHG."))


class QuoteQuerySet(models.QuerySet["Quote"]):
    """Questions that pages ask of quotes."""

    def of_listing_until(self, day: date) -> Self:
        """Quotes of the listing of an outer query up to `day`, newest first; for a `Subquery` over listings.

        Asked listing by listing this is one index look-up each, however long the history is. As a condition on quotes
        ("whose key is among the newest") it makes PostgreSQL read the whole history.
        """
        return self.filter(listing=OuterRef("pk"), day__lte=day).order_by("-day")


class Quote(models.Model):
    """Price of one listing on one trading day, as its source gave it (not adjusted for corporate actions)."""

    listing = models.ForeignKey(Listing, on_delete=models.CASCADE, related_name="quotes", verbose_name=_("listing"))
    day = models.DateField(_("day"), help_text=_("Trading day in the exchange's own calendar."))
    open = models.DecimalField(_("open"), max_digits=20, decimal_places=6, null=True, blank=True)
    high = models.DecimalField(pgettext_lazy("price", "high"), max_digits=20, decimal_places=6, null=True, blank=True)
    low = models.DecimalField(pgettext_lazy("price", "low"), max_digits=20, decimal_places=6, null=True, blank=True)
    close = models.DecimalField(
        _("close"), max_digits=20, decimal_places=6,
        help_text=_("Last price of the day per share, in the listing's currency."),
    )  # fmt: skip
    volume = models.PositiveBigIntegerField(_("volume"), null=True, blank=True, help_text=_("Shares, not lots."))
    last_at = models.DateTimeField(
        _("time of the last price"),
        null=True,
        blank=True,
        help_text=_("UTC. Empty where the source gives the day only."),
    )
    final = models.BooleanField(_("final"), default=False, help_text=_("The day is over: this is its close."))
    delayed = models.BooleanField(_("delayed"), default=False, help_text=_("The source says it is behind the market."))
    suspended = models.BooleanField(_("suspended"), default=False, help_text=_("Trading was halted when last asked."))
    provider = models.CharField(_("provider"), max_length=30, help_text=_("Source that gave it: tencent, starter …"))
    fetched_at = models.DateTimeField(_("fetched at"), null=True, blank=True, help_text=_("UTC."))
    source = models.ForeignKey(
        Filing, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("source"),
        help_text=_("The page or file it comes from, where it was not fetched from the provider."),
    )  # fmt: skip

    objects = QuoteQuerySet.as_manager()

    class Meta:
        """One row per listing and day; prices are positive; where it comes from is known."""

        verbose_name = _("quote")
        verbose_name_plural = _("quotes")
        ordering = ["listing", "-day"]
        constraints = [
            models.UniqueConstraint(fields=["listing", "day"], name="quote_once_per_day"),
            models.CheckConstraint(condition=Q(close__gt=0), name="quote_close_is_positive"),
            models.CheckConstraint(
                condition=(Q(open=None) | Q(open__gt=0))
                & (Q(high=None) | Q(high__gt=0))
                & (Q(low=None) | Q(low__gt=0)),
                name="quote_open_high_low_are_positive",
            ),
            models.CheckConstraint(
                condition=Q(high=None) | Q(low=None) | Q(low__lte=F("high")), name="quote_low_is_at_most_high"
            ),
            models.CheckConstraint(
                condition=~Q(provider="") & (Q(source__isnull=False) | Q(fetched_at__isnull=False)),
                name="quote_has_a_source",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.close}, {self.day}"


class ReportedQuote(models.Model):
    """What another source says of a listing on a day: shown as "also reported", never used for a valuation."""

    listing = models.ForeignKey(
        Listing, on_delete=models.CASCADE, related_name="reported_quotes", verbose_name=_("listing")
    )
    day = models.DateField(_("day"))
    close = models.DecimalField(_("price"), max_digits=20, decimal_places=6, null=True, blank=True)
    market_value = models.DecimalField(
        _("market value"), max_digits=26, decimal_places=2, null=True, blank=True,
        help_text=_("As the source states it, in units of the listing's currency."),
    )  # fmt: skip
    shares = models.PositiveBigIntegerField(_("shares"), null=True, blank=True, help_text=_("As the source states it."))
    source = models.ForeignKey(Filing, on_delete=models.PROTECT, related_name="+", verbose_name=_("source"))

    class Meta:
        """A source says one thing per day."""

        verbose_name = _("reported quote")
        verbose_name_plural = _("reported quotes")
        ordering = ["listing", "-day"]
        constraints = [
            models.UniqueConstraint(fields=["listing", "day", "source"], name="reported_quote_once_per_source"),
            models.CheckConstraint(
                condition=Q(close__isnull=False) | Q(market_value__isnull=False) | Q(shares__isnull=False),
                name="reported_quote_says_something",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.close or self.market_value or self.shares}, {self.day}"


class FxRate(models.Model):
    """An exchange rate of a day (or the average of a month or year, which no conversion uses)."""

    class Span(models.TextChoices):
        """What the rate is of."""

        DAY = "day", pgettext_lazy("precision", "day")
        MONTH = "month", _("average of the month")
        YEAR = "year", _("average of the year")

    base = models.CharField(_("base"), max_length=3, validators=[CURRENCY])
    quote = models.CharField(_("quote"), max_length=3, validators=[CURRENCY])
    day = models.DateField(_("day"), help_text=_("For an average: the last day of its month or year."))
    span = models.CharField(_("span"), max_length=5, choices=Span, default=Span.DAY)
    rate = models.DecimalField(
        _("rate"), max_digits=20, decimal_places=10, help_text=_("Units of the quote currency for one of the base.")
    )
    provider = models.CharField(_("provider"), max_length=30, help_text=_("Source that gave it: cfets, ecb, starter …"))
    fetched_at = models.DateTimeField(_("fetched at"), null=True, blank=True, help_text=_("UTC."))
    source = models.ForeignKey(
        Filing, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("source")
    )

    class Meta:
        """Appended by day, never overwritten by a later day."""

        verbose_name = _("exchange rate")
        verbose_name_plural = _("exchange rates")
        ordering = ["-day", "base", "quote"]
        indexes = [models.Index(fields=["span", "day"], name="fx_rate_by_span_and_day")]
        constraints = [
            models.UniqueConstraint(
                fields=["base", "quote", "day", "span", "provider"], name="fx_rate_once_per_day_and_provider"
            ),
            models.CheckConstraint(condition=Q(rate__gt=0), name="fx_rate_is_positive"),
            models.CheckConstraint(condition=~Q(base=F("quote")), name="fx_rate_is_between_two_currencies"),
            models.CheckConstraint(
                condition=~Q(provider="") & (Q(source__isnull=False) | Q(fetched_at__isnull=False)),
                name="fx_rate_has_a_source",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.base}/{self.quote} {self.day} {self.rate}"


class ExchangeDay(models.Model):
    """A day on which an exchange differs from its ordinary week."""

    class Kind(models.TextChoices):
        """How the day differs."""

        CLOSED = "closed", _("closed")
        HALF = "half", _("half day")
        OPEN = "open", _("open (extra session)")

    mic = models.CharField(_("exchange"), max_length=4, validators=[MIC])
    day = models.DateField(_("day"))
    kind = models.CharField(_("kind"), max_length=6, choices=Kind)
    note = models.CharField(_("note"), max_length=120, blank=True)
    source = models.CharField(_("source"), max_length=300, help_text=_("Notice or data set that says so."))

    class Meta:
        """One entry per exchange and day."""

        verbose_name = _("exchange day")
        verbose_name_plural = _("exchange days")
        ordering = ["mic", "day"]
        constraints = [
            models.UniqueConstraint(fields=["mic", "day"], name="exchange_day_once"),
            models.CheckConstraint(condition=~Q(source=""), name="exchange_day_has_a_source"),
        ]

    def __str__(self) -> str:
        return f"{self.mic} {self.day} {self.kind}"


class ExchangeYear(models.Model):
    """A year whose calendar an exchange has published. Weekdays of other years are "not known", never assumed open."""

    mic = models.CharField(_("exchange"), max_length=4, validators=[MIC])
    year = models.PositiveSmallIntegerField(_("year"))
    source = models.CharField(_("source"), max_length=300, help_text=_("Notice or data set that says so."))

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


class RefreshRun(models.Model):
    """One round of asking the sources: what was asked, and what came of it."""

    class Kind(models.TextChoices):
        """What is refreshed."""

        QUOTES = "quotes", _("prices")
        RATES = "rates", _("exchange rates")

    class Trigger(models.TextChoices):
        """Who asked."""

        PLAN = "plan", _("plan")
        STAFF = "staff", _("by hand")
        COMMAND = "command", _("command line")

    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    trigger = models.CharField(_("trigger"), max_length=8, choices=Trigger, default=Trigger.PLAN)
    requested_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("requested by")
    )
    requested_at = models.DateTimeField(_("requested at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    problem = models.TextField(_("problem"), blank=True, help_text=_("Why the run as a whole could not be done."))

    class Meta:
        """Newest first; one open run of a kind at a time."""

        verbose_name = _("refresh run")
        verbose_name_plural = _("refresh runs")
        ordering = ["-requested_at"]
        constraints = [
            # Two beats or two clicks give one run: the second insert is refused by the database.
            models.UniqueConstraint(
                fields=["kind"], condition=Q(finished_at=None), name="refresh_run_one_open_per_kind"
            ),
            models.CheckConstraint(
                condition=Q(finished_at=None) | Q(finished_at__gte=F("requested_at")),
                name="refresh_run_ends_after_it_begins",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.requested_at:%Y-%m-%d %H:%M}"


class RefreshOutcome(models.Model):
    """What became of one listing, or of one source of rates, in a run. It is written before the job is queued."""

    class Result(models.TextChoices):
        """The words of the ledger."""

        PENDING = "pending", _("waiting")
        OK = "ok", _("stored")
        OK_FLAG = "ok_flag", _("stored, with a remark")
        PARTIAL = "partial", _("partly stored")
        HOLD = "hold", _("held back")
        STALE = "stale", _("stored, but old")
        NO_DATA = "no_data", _("source has nothing")
        BAD_ROW = "bad_row", _("unreadable row")
        BAD_BODY = "bad_body", _("unreadable reply")
        BAD_REQUEST = "bad_request", _("source refused our question")
        RETRY = "retry", _("source did not answer")
        BLOCKED = "blocked", _("source blocks us")
        AUTH = "auth", _("key missing or refused")
        TOO_FEW = "too_few", _("incomplete reply")
        ABANDONED = "abandoned", _("given up: not done in time")

    run = models.ForeignKey(RefreshRun, on_delete=models.CASCADE, related_name="outcomes", verbose_name=_("run"))
    batch = models.PositiveIntegerField(_("batch"), help_text=_("Listings of one batch are asked for in one request."))
    listing = models.ForeignKey(
        Listing, on_delete=models.CASCADE, null=True, blank=True, related_name="outcomes", verbose_name=_("listing")
    )
    provider = models.CharField(_("provider"), max_length=30, help_text=_("The source asked (first)."))
    result = models.CharField(_("result"), max_length=12, choices=Result, default=Result.PENDING)
    reason = models.CharField(_("reason"), max_length=60, blank=True, help_text=_("Short code of the reason."))
    detail = models.CharField(_("detail"), max_length=500, blank=True)
    stored = models.PositiveIntegerField(_("rows stored"), default=0)
    queued_at = models.DateTimeField(_("queued at"))
    done_at = models.DateTimeField(_("done at"), null=True, blank=True)

    class Meta:
        """In order of the batches."""

        verbose_name = _("refresh outcome")
        verbose_name_plural = _("refresh outcomes")
        ordering = ["run", "batch", "pk"]
        indexes = [
            models.Index(fields=["listing", "-done_at"], name="outcome_by_listing_and_time"),
            models.Index(fields=["run", "batch"], condition=Q(result="pending"), name="outcome_pending"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "listing"], condition=Q(listing__isnull=False), name="outcome_once_per_listing"
            ),
            models.CheckConstraint(
                condition=Q(result="pending", done_at=None) | ~Q(result="pending") & Q(done_at__isnull=False),
                name="outcome_is_pending_until_done",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider}: {self.get_result_display()}"


class HeldQuote(models.Model):
    """A quote that was not believed. It is shown to nobody until someone releases it."""

    class Resolution(models.TextChoices):
        """What became of it."""

        WAITING = "waiting", _("waiting")
        RELEASED = "released", _("released")
        DISCARDED = "discarded", _("discarded")

    outcome = models.OneToOneField(
        RefreshOutcome, on_delete=models.CASCADE, related_name="held_quote", verbose_name=_("outcome")
    )
    listing = models.ForeignKey(
        Listing, on_delete=models.CASCADE, related_name="held_quotes", verbose_name=_("listing")
    )
    day = models.DateField(_("day"))
    reason = models.CharField(_("reason"), max_length=60)
    detail = models.CharField(_("detail"), max_length=500, blank=True)
    payload = models.JSONField(_("payload"), help_text=_("The quote as parsed; decimals as text."))
    held_at = models.DateTimeField(_("held at"))
    resolution = models.CharField(_("resolution"), max_length=10, choices=Resolution, default=Resolution.WAITING)
    resolved_at = models.DateTimeField(_("resolved at"), null=True, blank=True)
    resolved_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("resolved by")
    )

    class Meta:
        """Newest first."""

        verbose_name = _("held quote")
        verbose_name_plural = _("held quotes")
        ordering = ["-held_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(resolution="waiting", resolved_at=None)
                | ~Q(resolution="waiting") & Q(resolved_at__isnull=False),
                name="held_quote_is_waiting_until_resolved",
            )
        ]

    def __str__(self) -> str:
        return f"{self.day}, {self.reason}"
