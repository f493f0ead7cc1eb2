"""What the search knows of the pages."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from companies.models.document import FilingVersion


class SearchPart(models.Model):
    """Pages of a version that follow each other, as they can be found. Made and read by `companies.filings.search`.

    On PostgreSQL a column of the table that the model does not know has its grams; on SQLite they are in an FTS5 index
    under the row's number, and count as long as the row is there: the number is never given again.
    """

    version = models.ForeignKey(FilingVersion, on_delete=models.CASCADE, related_name="+", verbose_name=_("version"))
    first = models.PositiveIntegerField(_("first page"))
    last = models.PositiveIntegerField(_("last page"))

    class Meta:
        """Filled in the order of the pages."""

        verbose_name = _("part in the search")
        verbose_name_plural = _("parts in the search")

    def __str__(self) -> str:
        return f"{self.version}, pp. {self.first}-{self.last}"
