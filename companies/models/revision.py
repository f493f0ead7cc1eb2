"""A counter that tells cached pages that something they show has changed."""

from __future__ import annotations

from django.db import connections, models, router
from django.db.models import F
from django.utils.translation import gettext_lazy as _


class Revision(models.Model):
    """How often anything that a page shows has changed: one row, two numbers.

    Whoever stores quotes, rates, figures or companies calls `bump` in the same transaction, so a page that still
    carries the number of its reading is known to be unchanged without looking at the facts. Prices change every minute
    and what companies report a few times a year, so that the latter has a number of its own.
    """

    SINGLE = 1

    number = models.PositiveBigIntegerField(_("number"), default=0, help_text=_("Goes up by one with every change."))
    reported = models.PositiveBigIntegerField(
        _("number of what is reported"), default=0,
        help_text=_("Goes up with every change but those of prices, exchange rates and refreshes."),
    )  # fmt: skip

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
        return cls.numbers()[0]

    @classmethod
    def numbers(cls) -> tuple[int, int]:
        """The number now, and that of what is reported; zeros before the first change."""
        # Every request asks, and a poll asks nothing else: putting this together anew would take most of its time.
        with connections[router.db_for_read(cls)].cursor() as cursor:
            cursor.execute(f"SELECT number, reported FROM {cls._meta.db_table} WHERE id = %s", [cls.SINGLE])
            row = cursor.fetchone()
        return (row[0], row[1]) if row else (0, 0)

    @classmethod
    def bump(cls, *, reported: bool = True) -> None:
        """Say that facts changed. Call it inside the transaction that changes them.

        Args:
            reported: Something else than prices, exchange rates or the ledger has changed.
        """
        more = int(reported)
        changed = cls.objects.filter(pk=cls.SINGLE).update(number=F("number") + 1, reported=F("reported") + more)
        if not changed:
            Revision.objects.bulk_create([Revision(pk=cls.SINGLE, number=1, reported=more)], ignore_conflicts=True)
