"""What the starter facts put into the database, so that a second load leaves editors' work alone."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class StarterRecord(models.Model):
    """One row of a starter file, as it was loaded.

    `digest` is of the values loaded. When the database row no longer gives that digest an editor changed it, and the
    loader keeps the editor's version; when the row is gone an editor removed it, and the loader does not bring it back.
    """

    table = models.CharField(_("table"), max_length=60, help_text=_("Name of the starter file without `.csv`."))
    key = models.CharField(_("key"), max_length=200, help_text=_("Key of the row inside the file."))
    object_id = models.PositiveBigIntegerField(_("object id"), help_text=_("Primary key of the row it became."))
    digest = models.CharField(_("digest"), max_length=64, help_text=_("SHA-256 of the values loaded."))

    class Meta:
        """One record per row of a file."""

        verbose_name = _("starter record")
        verbose_name_plural = _("starter records")
        constraints = [models.UniqueConstraint(fields=["table", "key"], name="starter_row_is_recorded_once")]

    def __str__(self) -> str:
        return f"{self.table}: {self.key}"
