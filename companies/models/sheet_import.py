"""Tables that editors bring in, from the upload to the rows that they became."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from companies.models.user import User


class SheetImport(models.Model):
    """An uploaded table: checked by a worker, looked at by a person, then stored whole or not at all."""

    class State(models.TextChoices):
        """How far it has come."""

        CHECKING = "checking", _("being checked")
        REFUSED = "refused", _("has errors")
        READY = "ready", _("ready to be stored")
        STORING = "storing", _("being stored")
        STORED = "stored", _("stored")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    OPEN = (State.CHECKING, State.READY, State.STORING)

    table = models.CharField(_("table"), max_length=60, help_text=_("What its rows are, such as companies.figure."))
    file_name = models.CharField(_("file name"), max_length=200)
    # Kept until the rows are stored or given up, so that any worker on any machine can read it.
    content = models.BinaryField(_("file"), null=True, editable=False)
    reason = models.CharField(_("reason"), max_length=300, help_text=_("Why; it goes into the history of each row."))
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.CHECKING)
    problem = models.TextField(_("problem"), blank=True, help_text=_("Why the file as a whole could not be used."))
    rows = models.PositiveIntegerField(_("rows"), default=0)
    rows_done = models.PositiveIntegerField(_("rows done"), default=0, help_text=_("Of the step at hand."))
    report = models.JSONField(
        _("report"), default=dict, blank=True, editable=False,
        help_text=_("What would change, row by row, and each error with its row and column."),
    )  # fmt: skip
    asked_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("asked by")
    )
    asked_at = models.DateTimeField(_("asked at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    class Meta:
        """Newest first."""

        verbose_name = _("import")
        verbose_name_plural = _("imports")
        ordering = ["-asked_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["checking", "ready", "storing"], finished_at=None)
                | Q(state__in=["refused", "stored", "failed", "cancelled"], finished_at__isnull=False),
                name="sheet_import_is_open_until_finished",
            )
        ]

    def __str__(self) -> str:
        return self.file_name
