"""Prices of listings and exchange rates, each of its day and from its source."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Self

from django.db import models
from django.db.models import F, OuterRef, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from simple_history.models import HistoricalRecords

from companies.models import Filing, Listing
from companies.models.company import CURRENCY


class QuoteQuerySet(models.QuerySet["Quote"]):
    """Questions that pages ask of quotes."""

    def of_listing_until(self, day: date) -> Self:
        """Quotes of the listing of an outer query up to `day`, newest first; for a `Subquery` over listings.

        Asked listing by listing this is one index look-up each, however long the history is. As a condition on quotes
        ("whose key is among the newest") it makes PostgreSQL read the whole history.
        """
        return self.filter(listing=OuterRef("pk"), day__lte=day).order_by("-day")

    def old_enough(self, cutoff: datetime | None) -> Self:
        """Quotes with a price made at `cutoff` or before: those of which `valuations.visibility.visible` shows one."""
        if cutoff is None:
            return self
        untimed = Q(fetched_at=None) | Q(fetched_at__lte=cutoff) | Q(day__lt=cutoff.astimezone(UTC).date())
        return self.filter(
            Q(last_at__lte=cutoff) | Q(coming_at__lte=cutoff) | Q(public_at__lte=cutoff) | Q(last_at=None) & untimed
        )


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
    # Two earlier prices of the day, for readers who may only see prices of a certain age (PUBLIC_DELAY_MINUTES).
    public_close = models.DecimalField(
        _("earlier price"), max_digits=20, decimal_places=6, null=True, blank=True, editable=False
    )
    public_at = models.DateTimeField(_("time of the earlier price"), null=True, blank=True, editable=False)
    coming_close = models.DecimalField(
        _("price in between"), max_digits=20, decimal_places=6, null=True, blank=True, editable=False
    )
    coming_at = models.DateTimeField(_("time of the price in between"), null=True, blank=True, editable=False)

    objects = QuoteQuerySet.as_manager()
    history = HistoricalRecords()

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
            models.CheckConstraint(
                condition=Q(public_close=None, public_at=None) | Q(public_close__gt=0, public_at__isnull=False),
                name="quote_earlier_price_has_a_time",
            ),
            models.CheckConstraint(
                condition=Q(coming_close=None, coming_at=None) | Q(coming_close__gt=0, coming_at__isnull=False),
                name="quote_price_in_between_has_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{Decimal(self.close).normalize():f}, {self.day}"


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

    history = HistoricalRecords()

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
        said = self.close or self.market_value or self.shares or 0
        return f"{Decimal(said).normalize():f}, {self.day}"


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

    history = HistoricalRecords()

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
        return f"{self.base}/{self.quote} {self.day} {Decimal(self.rate).normalize():f}"


class BarCoverage(models.Model):
    """The days of a listing whose daily bars were asked for and answered: a day in it without a quote had no trade."""

    listing = models.OneToOneField(
        Listing, on_delete=models.CASCADE, related_name="bar_coverage", verbose_name=_("listing")
    )
    first_day = models.DateField(_("first day"))
    last_day = models.DateField(_("last day"))
    provider = models.CharField(_("provider"), max_length=30, help_text=_("Source that answered last."))
    asked_at = models.DateTimeField(_("asked at"))

    class Meta:
        """One span for each listing."""

        verbose_name = _("covered days")
        verbose_name_plural = _("covered days")
        ordering = ["listing"]
        constraints = [
            models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="bar_coverage_ends_after_it_begins")
        ]

    def __str__(self) -> str:
        return f"{self.first_day} – {self.last_day}"
