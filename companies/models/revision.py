"""A counter that tells cached pages that something they show has changed."""

from __future__ import annotations

from django.db import connections, models, router
from django.db.models import F
from django.utils.translation import gettext_lazy as _


class Revision(models.Model):
    """How often anything that a page shows has changed: one row, one number.

    Whoever stores quotes, rates, figures or companies calls `bump` in the same transaction, so a page that still
    carries the number of its reading is known to be unchanged without looking at the facts.
    """

    SINGLE = 1

    number = models.PositiveBigIntegerField(_("number"), default=0, help_text=_("Goes up by one with every change."))

    class Meta:
        """One row only."""

        verbose_name = _("revision")
        verbose_name_plural = _("revisions")
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="revision_has_one_row")]

    def __str__(self) -> str:
        return str(self.number)

    @classmethod
    def current(cls) -> int:
        """The number now; 0 before the first change."""
        # Every request asks, and a poll asks nothing else: putting this together anew would take most of its time.
        with connections[router.db_for_read(cls)].cursor() as cursor:
            cursor.execute(f"SELECT number FROM {cls._meta.db_table} WHERE id = %s", [cls.SINGLE])
            row = cursor.fetchone()
        return row[0] if row else 0

    @classmethod
    def bump(cls) -> None:
        """Say that facts changed. Call it inside the transaction that changes them."""
        if not cls.objects.filter(pk=cls.SINGLE).update(number=F("number") + 1):
            Revision.objects.bulk_create([Revision(pk=cls.SINGLE, number=1)], ignore_conflicts=True)
