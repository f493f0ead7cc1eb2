"""Dated steps of a company's life: funding rounds and the way to a listing."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from simple_history.models import HistoricalRecords

from companies.models.company import CURRENCY, Company
from companies.models.figure import of_usable_size
from companies.models.filing import Filing


class Precision(models.TextChoices):
    """How precisely a date is known. The last day of the month or year stands for it."""

    DAY = "day", pgettext_lazy("precision", "day")
    MONTH = "month", _("month")
    YEAR = "year", _("year")


class FundingRound(models.Model):
    """A round of an unlisted company, or a value somebody put on it outside a round."""

    class Kind(models.TextChoices):
        """Only rounds value a company on the chart; the rest is shown beside them."""

        ROUND = "round", _("funding round")
        MARK = "mark", _("valuation by an investor or a list")
        TARGET = "target", _("reported target")
        ESTIMATE = "estimate", _("analyst's estimate")
        CUMULATIVE = "cumulative", _("sum of rounds")

    company = models.ForeignKey(
        Company, on_delete=models.CASCADE, related_name="funding_rounds", verbose_name=_("company")
    )
    label = models.CharField(_("round"), max_length=120)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind, default=Kind.ROUND)
    closed_on = models.DateField(_("date"), null=True, blank=True, help_text=_("Empty: not known."))
    precision = models.CharField(_("precision"), max_length=5, choices=Precision, blank=True)
    currency = models.CharField(_("currency"), max_length=3, validators=[CURRENCY], help_text=_("ISO 4217."))
    amount = models.DecimalField(
        _("raised"), max_digits=26, decimal_places=4, null=True, blank=True, help_text=_("In units of the currency.")
    )
    post_money_low = models.DecimalField(
        _("post-money value, low"), max_digits=26, decimal_places=4, null=True, blank=True, help_text=_("In units.")
    )
    post_money_high = models.DecimalField(
        _("post-money value, high"), max_digits=26, decimal_places=4, null=True, blank=True, help_text=_("In units.")
    )
    investors = models.CharField(_("investors"), max_length=400, blank=True)
    note = models.CharField(_("note"), max_length=400, blank=True)
    known_on = models.DateField(_("known on"), null=True, blank=True, help_text=_("Empty: not known, never used."))
    source = models.ForeignKey(Filing, on_delete=models.PROTECT, related_name="+", verbose_name=_("source"))

    history = HistoricalRecords()

    class Meta:
        """Newest first."""

        verbose_name = _("funding round")
        verbose_name_plural = _("funding rounds")
        ordering = ["company", "-closed_on"]
        constraints = [
            models.CheckConstraint(
                condition=Q(closed_on=None, precision="") | Q(closed_on__isnull=False) & ~Q(precision=""),
                name="funding_round_date_has_a_precision",
            ),
            models.CheckConstraint(
                condition=Q(post_money_low=None)
                | Q(post_money_high=None)
                | Q(post_money_low__lte=models.F("post_money_high")),
                name="funding_round_low_is_at_most_high",
            ),
            models.CheckConstraint(
                condition=of_usable_size("amount", "post_money_low", "post_money_high"),
                name="funding_round_is_of_usable_size",
            ),
        ]

    def __str__(self) -> str:
        return self.label


class Milestone(models.Model):
    """A dated step towards a listing, or after it."""

    class Kind(models.TextChoices):
        """Steps of the STAR Market and of Hong Kong."""

        TUTORING_FILED = "tutoring_filed", _("tutoring filed")
        TUTORING_COMPLETED = "tutoring_completed", _("tutoring completed")
        CONFIDENTIAL_FILING = "confidential_filing", _("confidential filing")
        APPLICATION_ACCEPTED = "application_accepted", _("application accepted")
        INQUIRY_ISSUED = "inquiry_issued", _("inquiry issued")
        COMMITTEE_PASSED = "committee_passed", _("listing committee passed")
        HEARING_PASSED = "hearing_passed", _("hearing passed")
        REGISTRATION_APPROVED = "registration_approved", _("registration approved")
        PRICED = "priced", _("priced")
        OFFERING_OPENED = "offering_opened", _("offering opened")
        ALLOTMENT_RESULT = "allotment_result", _("allotment result")
        LISTED = "listed", _("listed")
        PRIVATE_PLACEMENT = "private_placement", _("placing")
        LOCKUP_EXPIRY = "lockup_expiry", _("lock-up expiry")
        OTHER = "other", _("other")

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="milestones", verbose_name=_("company"))
    venue = models.CharField(_("venue"), max_length=60, blank=True)
    kind = models.CharField(_("kind"), max_length=30, choices=Kind)
    day = models.DateField(_("date"))
    precision = models.CharField(_("precision"), max_length=5, choices=Precision, default=Precision.DAY)
    detail = models.CharField(_("detail"), max_length=500, blank=True)
    known_on = models.DateField(_("known on"), help_text=_("Publication, or the step's own day when not dated."))
    source = models.ForeignKey(Filing, on_delete=models.PROTECT, related_name="+", verbose_name=_("source"))

    history = HistoricalRecords()

    class Meta:
        """In order of time."""

        verbose_name = _("milestone")
        verbose_name_plural = _("milestones")
        ordering = ["company", "day"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.day}"
