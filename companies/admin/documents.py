"""The admin of the files of filings, their text, and the anchors in it."""

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from companies.admin.base import ReadOnlyAdmin
from companies.filings.problem_words import problem_in_words
from companies.models import Anchor, FilingPage, FilingVersion


@admin.register(FilingVersion)
class FilingVersionAdmin(ReadOnlyAdmin):
    """Files, and what came of reading their text."""

    list_display = ["filing", "number", "media_type", "status", "page_count", "size", "received_at"]
    list_filter = ["status", "media_type"]
    list_select_related = ["filing"]
    search_fields = ["filing__title", "filing__title_original", "sha256"]
    exclude = ["problem"]
    readonly_fields = ["said"]

    @admin.display(description=_("problem"))
    def said(self, version: FilingVersion) -> str:
        """What the reader of the file said."""
        return problem_in_words(version.problem)


@admin.register(FilingPage)
class FilingPageAdmin(ReadOnlyAdmin):
    """Pages, as their text was read."""

    list_display = ["version", "number"]
    list_select_related = ["version__filing"]
    exclude = ["html"]


@admin.register(Anchor)
class AnchorAdmin(ReadOnlyAdmin):
    """Passages of figures; those of notes are shown with their notes, to whoever may see them."""

    list_display = ["exact", "version", "page", "state", "checked_at"]
    list_filter = ["state"]
    list_select_related = ["version__filing"]

    def get_queryset(self, request: Any) -> Any:
        """Those that no note stands on: what somebody marked for themselves is nobody else's to see."""
        return super().get_queryset(request).filter(annotation=None)
