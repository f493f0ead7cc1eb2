"""The admin of notes: groups of readers, and what the reader of the admin may see of notes anyway."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from companies.admin.base import ReadOnlyAdmin
from companies.admin.tracing import TracedAdmin, TracedForm
from companies.annotations.reading import revisions_seen
from companies.models import Annotation, AnnotationMention, AnnotationRevision, AnnotationTag, NoteGroup


@admin.register(NoteGroup)
class NoteGroupAdmin(TracedAdmin):
    """Groups of readers and their members. Who is taken out sees nothing of the group from then on."""

    form = TracedForm
    list_display = ["name"]
    search_fields = ["name"]
    filter_horizontal = ["members"]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Groups are deleted one by one, each with its reason why not."""
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Refuse to delete a group that has notes, without showing them: Django would list them all."""
        group = self.get_object(request, object_id)
        count = Annotation.objects.filter(group=group).count() if group else 0
        if group is None or not count or not self.has_delete_permission(request, group):
            return super().delete_view(request, object_id, extra_context)
        return self._refuse(request, group, count)

    def _refuse(self, request: HttpRequest, group: NoteGroup, count: int) -> HttpResponse:
        said = ngettext(
            "%(group)s cannot be deleted: %(count)d note belongs to it, deleted ones of the last thirty days included.",
            "%(group)s cannot be deleted: %(count)d notes belong to it, deleted ones of the last thirty days included.",
            count,
        )
        advice = _("Take its members out instead, or ask the authors to share their notes in another way.")
        self.message_user(request, f"{said % {'group': group, 'count': count}} {advice}", messages.ERROR)
        return redirect(reverse("admin:companies_notegroup_change", args=[group.pk]))


class NotesAdmin(ReadOnlyAdmin):
    """Rows of notes, of which nobody sees more here than on the pages."""

    def get_queryset(self, request: HttpRequest) -> Any:
        """Those of the notes that the reader may see."""
        notes = Annotation.objects.visible_to(request.user)
        rows = super().get_queryset(request)
        return rows.filter(pk__in=notes) if self.model is Annotation else rows.filter(annotation__in=notes)


@admin.register(AnnotationRevision)
class AnnotationRevisionAdmin(ReadOnlyAdmin):
    """Earlier texts of notes, as far as the reader could see them then."""

    list_display = ["annotation", "number", "edited_at"]
    list_select_related = ["annotation"]

    def get_queryset(self, request: HttpRequest) -> Any:
        """Those that the reader sees on the pages of history, and no others."""
        return super().get_queryset(request).filter(pk__in=revisions_seen(request.user))


@admin.register(Annotation)
class AnnotationAdmin(NotesAdmin):
    """Notes."""

    list_display = ["words", "author", "filing", "visibility", "changed_at"]
    list_filter = ["visibility"]
    list_select_related = ["author", "filing"]
    list_per_page = 50
    date_hierarchy = "changed_at"
    search_fields = ["body", "author__username", "filing__title", "filing__title_original"]

    def view_on_site(self, note: Annotation) -> str:
        """The note beside its passage."""
        return reverse("notes:note", args=[note.uid])

    @admin.display(description=gettext_lazy("note"), ordering="body")
    def words(self, note: Annotation) -> str:
        """Its first words."""
        return Truncator(note.body).chars(80) or str(note.uid)


@admin.register(AnnotationTag)
class AnnotationTagAdmin(NotesAdmin):
    """Their tags."""

    list_display = ["name", "annotation"]
    list_select_related = ["annotation"]
    search_fields = ["name"]


@admin.register(AnnotationMention)
class AnnotationMentionAdmin(NotesAdmin):
    """Whom they call."""

    list_display = ["user", "annotation", "seen_at"]
    list_select_related = ["annotation", "user"]
