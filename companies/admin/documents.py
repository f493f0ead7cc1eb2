"""The admin of the files of filings, their text, and the anchors in it."""

from typing import Any

from django.contrib import admin
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from companies.admin.base import ReadOnlyAdmin
from companies.admin.lists import MineFilter, NewestFilter, PageColumns
from companies.filings.links import passage_url
from companies.filings.problem_words import problem_in_words
from companies.models import Anchor, FilingPage, FilingVersion


@admin.register(FilingVersion)
class FilingVersionAdmin(PageColumns, ReadOnlyAdmin):
    """Files, and what came of reading their text."""

    list_display = ["filing", "number", "media_type", "status", "page_count", "megabytes", "received_at"]
    list_filter = ["status", NewestFilter, "media_type", MineFilter]
    list_select_related = ["filing"]
    date_hierarchy = "received_at"
    search_fields = ["filing__title", "filing__title_original", "filing__company__search_keys", "sha256"]
    readonly_fields = ["said"]
    fieldsets = [
        (None, {"fields": ["filing", ("number", "media_type"), ("status", "page_count"), "said"]}),
        (_("How it came here"), {"fields": ["file_name", "url", ("received_at", "received_by"), "size", "sha256"]}),
        (_("Its text"), {"fields": [("extractor", "extraction"), "extracted_at", "outline"]}),
    ]

    def view_on_site(self, version: FilingVersion) -> str:
        """The reader, at this version."""
        return f"{reverse('filings:reader', args=[version.filing_id])}?version={version.number}"

    @admin.display(description=_("size"), ordering="size")
    def megabytes(self, version: FilingVersion) -> str:
        """In the unit that fits."""
        return filesizeformat(version.size)

    @admin.display(description=_("problem"))
    def said(self, version: FilingVersion) -> str:
        """What the reader of the file said."""
        return problem_in_words(version.problem)


@admin.register(FilingPage)
class FilingPageAdmin(PageColumns, ReadOnlyAdmin):
    """Pages, as their text was read."""

    list_display = ["version", "number"]
    list_select_related = ["version__filing"]
    search_fields = ["version__filing__title", "version__filing__title_original"]
    exclude = ["html"]


@admin.register(Anchor)
class AnchorAdmin(PageColumns, ReadOnlyAdmin):
    """Passages of figures; those of notes are shown with their notes, to whoever may see them."""

    list_display = ["words", "version", "page", "state", "checked_at"]
    list_filter = ["state"]
    list_select_related = ["version__filing"]
    date_hierarchy = "checked_at"
    search_fields = ["exact", "version__filing__title", "version__filing__title_original"]

    def view_on_site(self, anchor: Anchor) -> str:
        """The passage in the reader."""
        return passage_url(anchor)

    @admin.display(description=_("passage"), ordering="exact")
    def words(self, anchor: Anchor) -> str:
        """Its first words."""
        return Truncator(anchor.exact).chars(80)

    def get_queryset(self, request: Any) -> Any:
        """Those that no note stands on: what somebody marked for themselves is nobody else's to see."""
        return super().get_queryset(request).filter(annotation=None)
