"""The ledger of the jobs that ask the sources, what was not believed, and how the sources fare."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from companies.models import Company, Filing, Listing, User


class RefreshRun(models.Model):
    """One round of asking the sources: what was asked, and what came of it."""

    class Kind(models.TextChoices):
        """What is refreshed."""

        QUOTES = "quotes", _("prices")
        RATES = "rates", _("exchange rates")
        HISTORY = "history", _("daily history")
        FILINGS = "filings", _("lists of filings")
        DOCUMENTS = "documents", _("documents")

    class Trigger(models.TextChoices):
        """Who asked."""

        PLAN = "plan", _("plan")
        STAFF = "staff", _("by hand")
        COMMAND = "command", _("command line")

    kind = models.CharField(_("kind"), max_length=9, choices=Kind)
    trigger = models.CharField(_("trigger"), max_length=8, choices=Trigger, default=Trigger.PLAN)
    requested_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("requested by")
    )
    requested_at = models.DateTimeField(_("requested at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    problem = models.TextField(_("problem"), blank=True, help_text=_("Why the run as a whole could not be done."))
    cancelled_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("cancelled by")
    )
    results = models.JSONField(
        _("results"), default=dict, blank=True, editable=False,
        help_text=_("Outcomes by result when it was closed; they stay when old outcomes are removed."),
    )  # fmt: skip

    class Meta:
        """Newest first; one open run of a kind at a time."""

        verbose_name = _("refresh run")
        verbose_name_plural = _("refresh runs")
        ordering = ["-requested_at"]
        permissions = [("operate_refreshrun", _("Can start and cancel refreshes"))]
        constraints = [
            # Two beats or two clicks give one run: the second insert is refused by the database. Documents are asked
            # for one by one, by people who wait for them; there `outcome_document_asked_once` refuses.
            models.UniqueConstraint(
                fields=["kind"],
                condition=Q(finished_at=None) & ~Q(kind="documents"),
                name="refresh_run_one_open_per_kind",
            ),
            models.CheckConstraint(
                condition=Q(finished_at=None) | Q(finished_at__gte=F("requested_at")),
                name="refresh_run_ends_after_it_begins",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.requested_at:%Y-%m-%d %H:%M}"


class RefreshOutcome(models.Model):
    """What became of one thing that a run asked for. It is written before the job is queued.

    Of prices and daily history that is a listing, of rates a source, of lists of filings a service and mostly a
    company, of documents a filing.
    """

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
        CANCELLED = "cancelled", _("cancelled")

    run = models.ForeignKey(RefreshRun, on_delete=models.CASCADE, related_name="outcomes", verbose_name=_("run"))
    batch = models.PositiveIntegerField(_("batch"), help_text=_("Listings of one batch are asked for in one request."))
    listing = models.ForeignKey(
        Listing, on_delete=models.CASCADE, null=True, blank=True, related_name="outcomes", verbose_name=_("listing")
    )
    company = models.ForeignKey(
        Company, on_delete=models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("company"),
        help_text=_("Whose filings were asked for."),
    )  # fmt: skip
    filing = models.ForeignKey(
        Filing, on_delete=models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("filing"),
        help_text=_("Whose document was fetched or read."),
    )  # fmt: skip
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
            models.UniqueConstraint(
                fields=["filing"],
                condition=Q(filing__isnull=False, result="pending"),
                name="outcome_document_asked_once",
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
    second_opinion = models.JSONField(
        _("second opinion"), null=True, blank=True,
        help_text=_("What another source said when it was asked about the same listing."),
    )  # fmt: skip
    held_at = models.DateTimeField(_("held at"))
    resolution = models.CharField(_("resolution"), max_length=10, choices=Resolution, default=Resolution.WAITING)
    resolved_at = models.DateTimeField(_("resolved at"), null=True, blank=True)
    resolved_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("resolved by")
    )
    resolution_note = models.CharField(
        _("why"), max_length=300, blank=True, help_text=_("Why it was released or discarded.")
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
        return f"{self.listing}, {self.day}"


class SourceHealth(models.Model):
    """What is remembered of one source: whether it answered lately, and until when it is left alone."""

    site = models.CharField(_("source"), max_length=40, unique=True, help_text=_("The host: an entry of SOURCE_URLS."))
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    rests_until = models.DateTimeField(
        _("rests until"), null=True, blank=True, help_text=_("UTC. Afterwards it is tried with one listing.")
    )
    last_result = models.CharField(_("last result"), max_length=12, choices=RefreshOutcome.Result, blank=True)
    last_detail = models.CharField(_("last detail"), max_length=300, blank=True)
    last_ok_at = models.DateTimeField(_("last usable answer"), null=True, blank=True)
    last_failure_at = models.DateTimeField(_("last failure"), null=True, blank=True)

    class Meta:
        """One row for each source."""

        verbose_name = _("health of a source")
        verbose_name_plural = _("health of sources")
        ordering = ["site"]
        constraints = [
            models.CheckConstraint(
                condition=Q(rests_until=None) | Q(failures__gt=0), name="source_rests_only_after_failures"
            )
        ]

    def __str__(self) -> str:
        return self.site
