"""The admin of notes: groups of readers, and what is written for everybody to see."""

from typing import Any

from django.contrib import admin

from companies.admin.facts import ReadOnlyAdmin
from companies.models import Annotation, AnnotationMention, AnnotationRevision, AnnotationTag, NoteGroup


@admin.register(NoteGroup)
class NoteGroupAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Groups of readers and their members."""

    list_display = ["name"]
    search_fields = ["name"]
    filter_horizontal = ["members"]


class NotesAdmin(ReadOnlyAdmin):
    """Rows of notes, of which nobody sees more here than on the pages."""

    def get_queryset(self, request: Any) -> Any:
        """Those that the reader may see."""
        notes = Annotation.objects.visible_to(request.user)
        rows = super().get_queryset(request)
        return rows.filter(pk__in=notes) if self.model is Annotation else rows.filter(annotation__in=notes)


admin.site.register([Annotation, AnnotationTag, AnnotationMention, AnnotationRevision], NotesAdmin)
