"""What people write beside a passage, for themselves, their group or everybody."""

from __future__ import annotations

import uuid
from typing import Self

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from simple_history.models import HistoricalRecords

from companies.models.anchor import Anchor
from companies.models.filing import Filing
from companies.models.user import User

LONGEST_BODY = 20_000
LONGEST_TAG = 40


class Visibility(models.TextChoices):
    """Who may see a note."""

    PERSONAL = "personal", _("only me")
    GROUP = "group", _("my group")
    PUBLIC = "public", _("everybody")


class NoteGroup(models.Model):
    """People who share notes. Admins keep the list of members."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    members = models.ManyToManyField(User, related_name="note_groups", blank=True, verbose_name=_("members"))

    # Who may see the group's notes is a matter of record.
    history = HistoricalRecords(m2m_fields=[members])

    class Meta:
        """By name."""

        verbose_name = _("group of readers")
        verbose_name_plural = _("groups of readers")
        ordering = ["name"]
        constraints = [models.CheckConstraint(condition=~Q(name=""), name="note_group_has_a_name")]

    def __str__(self) -> str:
        return self.name


def shared_with(user: User | AnonymousUser, prefix: str = "") -> Q:
    """What of the notes, or of their revisions, is shared with somebody: what everybody sees, and their groups' own.

    Args:
        prefix: The path to the note from the rows that are filtered: "parent__", say.
    """
    shared = Q(**{f"{prefix}visibility": Visibility.PUBLIC})
    if user.is_authenticated:
        groups = NoteGroup.objects.filter(members=user.pk)
        shared |= Q(**{f"{prefix}visibility": Visibility.GROUP, f"{prefix}group__in": groups})
    return shared


class AnnotationQuerySet(models.QuerySet["Annotation"]):
    """Questions about notes. Whatever shows a note starts with `visible_to`."""

    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Notes that `user` may see: their own, and those that are shared with them.

        Replies are shared as the note at the head of their thread is. Staff see no more than others. Deleted notes are
        not among them.
        """
        reply = Q(parent__isnull=False, parent__deleted_at=None)
        allowed = Q(parent=None) & shared_with(user) | reply & shared_with(user, "parent__")
        if user.is_authenticated:
            allowed |= Q(author=user.pk) | reply & Q(parent__author=user.pk)
        return self.filter(allowed, deleted_at=None)


class Annotation(models.Model):
    """A note on a passage, or a reply to one. A reply belongs to the note at the head of its thread."""

    uid = models.UUIDField(_("identifier"), unique=True, default=uuid.uuid4, editable=False)
    filing = models.ForeignKey(Filing, on_delete=models.CASCADE, related_name="annotations", verbose_name=_("filing"))
    anchor = models.OneToOneField(
        Anchor, on_delete=models.PROTECT, null=True, blank=True, related_name="annotation", verbose_name=_("passage"),
        help_text=_("Empty for replies: they belong to the passage of their thread."),
    )  # fmt: skip
    parent = models.ForeignKey(
        "self", on_delete=models.CASCADE, null=True, blank=True, related_name="replies", verbose_name=_("in reply to")
    )
    author = models.ForeignKey(User, on_delete=models.CASCADE, related_name="annotations", verbose_name=_("author"))
    body = models.TextField(
        pgettext_lazy("annotation", "note"),
        blank=True,
        max_length=LONGEST_BODY,
        help_text=_("Markdown. Empty: a highlight."),
    )
    visibility = models.CharField(
        _("visible to"), max_length=8, choices=Visibility, default=Visibility.PERSONAL,
        help_text=_("Replies are seen by whoever sees the note at the head of the thread."),
    )  # fmt: skip
    group = models.ForeignKey(
        NoteGroup, on_delete=models.PROTECT, null=True, blank=True, related_name="annotations", verbose_name=_("group")
    )
    revision = models.PositiveIntegerField(
        _("revision"), default=1, help_text=_("Goes up with every change; who changes an older one is told.")
    )
    created_at = models.DateTimeField(_("written at"))
    changed_at = models.DateTimeField(_("changed at"))
    resolved_at = models.DateTimeField(_("resolved at"), null=True, blank=True)
    resolved_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("resolved by")
    )
    deleted_at = models.DateTimeField(_("deleted at"), null=True, blank=True)
    deleted_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("deleted by")
    )

    objects = AnnotationQuerySet.as_manager()

    class Meta:
        """Oldest first."""

        verbose_name = pgettext_lazy("annotation", "note")
        verbose_name_plural = _("notes")
        ordering = ["created_at", "pk"]
        indexes = [
            models.Index(fields=["filing", "created_at"], name="annotation_by_filing"),
            models.Index(fields=["author", "-changed_at"], name="annotation_by_author"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(parent=None, anchor__isnull=False) | Q(parent__isnull=False, anchor=None),
                name="annotation_has_a_passage_or_a_parent",
            ),
            models.CheckConstraint(condition=~Q(parent=F("id")), name="annotation_does_not_answer_itself"),
            models.CheckConstraint(
                condition=Q(visibility__in=Visibility.values), name="annotation_visibility_is_known"
            ),
            models.CheckConstraint(
                condition=Q(visibility="group", group__isnull=False) | ~Q(visibility="group") & Q(group=None),
                name="annotation_group_goes_with_its_visibility",
            ),
            models.CheckConstraint(
                condition=Q(parent=None) | ~Q(body=""), name="annotation_that_replies_says_something"
            ),
        ]

    def __str__(self) -> str:
        # Never the text: the admin lists what would be deleted with a user or a filing to whoever deletes it.
        return str(self.uid)


class AnnotationTag(models.Model):
    """One word that notes are found by."""

    annotation = models.ForeignKey(
        Annotation, on_delete=models.CASCADE, related_name="tags", verbose_name=pgettext_lazy("annotation", "note")
    )
    name = models.CharField(_("tag"), max_length=LONGEST_TAG, help_text=_("In lower case."))

    class Meta:
        """By name."""

        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        ordering = ["name"]
        indexes = [models.Index(fields=["name"], name="annotation_tag_by_name")]
        constraints = [
            models.UniqueConstraint(fields=["annotation", "name"], name="annotation_tag_once"),
            models.CheckConstraint(condition=~Q(name=""), name="annotation_tag_is_a_word"),
        ]

    def __str__(self) -> str:
        return str(self.pk)  # not the word, see `Annotation`


class AnnotationMention(models.Model):
    """Somebody a note calls by name. They are told only if they may see the note, which is asked each time."""

    annotation = models.ForeignKey(
        Annotation, on_delete=models.CASCADE, related_name="mentions", verbose_name=pgettext_lazy("annotation", "note")
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="mentions", verbose_name=_("person"))
    seen_at = models.DateTimeField(_("seen at"), null=True, blank=True)

    class Meta:
        """Each person once."""

        verbose_name = _("mention")
        verbose_name_plural = _("mentions")
        constraints = [models.UniqueConstraint(fields=["annotation", "user"], name="annotation_mentions_once")]

    def __str__(self) -> str:
        return str(self.user)


class AnnotationRevision(models.Model):
    """What a note said and who could see it, at each of its revisions, the present one included.

    A revision is shown to whoever may see the note now *and* could see it then: what was personal stays so.
    """

    annotation = models.ForeignKey(
        Annotation, on_delete=models.CASCADE, related_name="revisions", verbose_name=pgettext_lazy("annotation", "note")
    )
    number = models.PositiveIntegerField(_("revision"))
    body = models.TextField(pgettext_lazy("annotation", "note"), blank=True)
    tags = models.JSONField(_("tags"), default=list)
    visibility = models.CharField(_("visible to"), max_length=8, choices=Visibility)
    group = models.ForeignKey(
        NoteGroup, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("group")
    )
    edited_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("edited by")
    )
    edited_at = models.DateTimeField(_("edited at"))

    class Meta:
        """Newest first."""

        verbose_name = _("revision of a note")
        verbose_name_plural = _("revisions of notes")
        ordering = ["annotation", "-number"]
        constraints = [models.UniqueConstraint(fields=["annotation", "number"], name="annotation_revision_once")]

    def __str__(self) -> str:
        return f"{self.annotation}, {self.number}"
