"""Documents and pages that state facts: the source of every stored number."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from simple_history.models import HistoricalRecords


def web_address(field: str) -> models.Q:
    """For a constraint: the field is empty or an address that may become a link on a page."""
    return (
        models.Q(**{field: ""})
        | models.Q(**{f"{field}__startswith": "https://"})
        | models.Q(**{f"{field}__startswith": "http://"})
    )


class Tier(models.TextChoices):
    """How near a source is to the company's own words, nearest first."""

    OFFICIAL = "official", _("official document")
    MIRROR = "mirror", _("copy of an official document")
    MEDIA = "media", _("media")
    DATA_SITE = "data_site", _("data site")
    SECONDARY = "secondary", _("secondary (digest, repost, blog)")


class FilingKind(models.TextChoices):
    """What kind of document it is."""

    PROSPECTUS = "prospectus", _("prospectus")
    OFFERING_ARRANGEMENT = "offering_arrangement", _("offering arrangement")
    ISSUE_RESULT = "issue_result", _("issue result")
    ALLOTMENT_RESULT = "allotment_result", _("allotment result")
    LISTING_ANNOUNCEMENT = "listing_announcement", _("listing announcement")
    ANNUAL_REPORT = "annual_report", _("annual report")
    ANNUAL_RESULTS = "annual_results", _("annual results announcement")
    INTERIM_REPORT = "interim_report", _("interim report")
    QUARTERLY_REPORT = "quarterly_report", _("quarterly report")
    EARNINGS_FORECAST = "earnings_forecast", _("earnings forecast")
    EXPRESS_REPORT = "express_report", _("express report")
    EXCHANGE_ANNOUNCEMENT = "exchange_announcement", _("exchange announcement")
    PRIVATE_PLACEMENT = "private_placement", _("private placement")
    PLACING_ANNOUNCEMENT = "placing_announcement", _("placing announcement")
    SPONSOR_OPINION = "sponsor_opinion", _("sponsor's opinion")
    RESEARCH_REPORT = "research_report", _("research report")
    NEWS = "news", _("news")
    MEDIA = "media", _("media article")
    DATA_SITE = "data_site", _("data site")
    PAGE = "page", _("web page")
    OTHER = "other", _("other document")


class Filing(models.Model):
    """An official document, or the page through which a fact is known."""

    slug = models.SlugField(_("slug"), max_length=120, unique=True, allow_unicode=True)
    company = models.ForeignKey(
        "companies.Company", on_delete=models.CASCADE, null=True, blank=True, related_name="filings",
        verbose_name=_("company"), help_text=_("Empty when the document is about several companies or about none."),
    )  # fmt: skip
    kind = models.CharField(_("kind"), max_length=30, choices=FilingKind)
    tier = models.CharField(
        _("tier"), max_length=10, choices=Tier,
        help_text=_("How near the text that was read is to the company's own words."),
    )  # fmt: skip
    title = models.CharField(_("title"), max_length=400, help_text=_("As printed, or in our own words in English."))
    title_original = models.CharField(_("original title"), max_length=400, blank=True)
    publisher = models.CharField(_("publisher"), max_length=120, blank=True)
    language = models.CharField(_("language"), max_length=10, blank=True, help_text=_("ISO 639-1."))
    published_on = models.DateField(
        _("published on"), null=True, blank=True,
        help_text=_("Day of publication; the last day of the month where only the month is known. Empty: not dated."),
    )  # fmt: skip
    published_precision = models.CharField(
        _("precision of the date"), max_length=5, blank=True,
        choices=[("day", pgettext_lazy("precision", "day")), ("month", _("month")), ("year", _("year"))],
    )  # fmt: skip
    url = models.URLField(_("address"), max_length=1000, blank=True)
    seen_title = models.CharField(
        _("seen through"), max_length=400, blank=True,
        help_text=_("Title of the page through which the document is known, when it was not read itself."),
    )  # fmt: skip
    seen_url = models.URLField(_("address of that page"), max_length=1000, blank=True)
    seen_on = models.DateField(_("date of that page"), null=True, blank=True)
    # How a service lists it, so that it is known again.
    service = models.CharField(
        _("listed by"),
        max_length=20,
        blank=True,
        help_text=_("The service: cninfo, sse, szse, hkex, sec. Empty: none."),
    )
    service_key = models.CharField(
        _("its name there"), max_length=300, blank=True, help_text=_("The service's own and lasting name of it.")
    )
    service_kinds = models.JSONField(
        _("its kinds there"), default=list, blank=True, help_text=_("The service's own codes or words for the kind.")
    )
    service_group = models.CharField(
        _("belongs with"), max_length=300, blank=True, help_text=_("Shared by a document and its attachments.")
    )
    published_at = models.DateTimeField(
        _("published at"), null=True, blank=True, help_text=_("UTC. Empty: only the day is stated.")
    )
    period_end = models.DateField(
        _("last day reported on"), null=True, blank=True, help_text=_("Of the period that it reports on, where stated.")
    )
    corrects = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="corrections",
        verbose_name=_("corrects"), help_text=_("The earlier document that this one corrects."),
    )  # fmt: skip
    is_example = models.BooleanField(
        _("example"), default=False, help_text=_("Invented, to try things out: never a source of facts.")
    )
    added_by = models.ForeignKey(
        "companies.User", on_delete=models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("brought in by"),
    )  # fmt: skip
    added_at = models.DateTimeField(_("brought in at"), null=True, blank=True)

    history = HistoricalRecords()

    class Meta:
        """Newest first; a day needs its precision."""

        verbose_name = _("filing")
        verbose_name_plural = _("filings")
        ordering = ["-published_on", "slug"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(published_on=None, published_precision="")
                | models.Q(published_on__isnull=False, published_precision__in=["day", "month", "year"]),
                name="filing_date_has_a_precision",
            ),
            models.CheckConstraint(condition=~models.Q(title=""), name="filing_has_a_title"),
            models.CheckConstraint(condition=web_address("url"), name="filing_url_is_a_web_address"),
            models.CheckConstraint(condition=web_address("seen_url"), name="filing_seen_url_is_a_web_address"),
            models.UniqueConstraint(
                fields=["service", "service_key", "language"],
                condition=~models.Q(service=""),
                name="filing_once_per_service",
            ),
            models.CheckConstraint(
                condition=models.Q(service="", service_key="") | ~models.Q(service="") & ~models.Q(service_key=""),
                name="filing_service_has_a_key",
            ),
            models.CheckConstraint(condition=~models.Q(corrects=models.F("id")), name="filing_does_not_correct_itself"),
        ]

    def __str__(self) -> str:
        return self.title_original or self.title

    @property
    def link(self) -> str:
        """Where to read it: the document itself, or the page through which it is known."""
        return self.url or self.seen_url

    @property
    def publisher_name(self) -> str:
        """The publisher, or the host of the page when none is stated."""
        return self.publisher or urlsplit(self.link).hostname or ""
