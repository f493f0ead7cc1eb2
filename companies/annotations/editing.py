"""Writing notes: each function is one change, whole or not at all. Who may do it is for the caller to know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from companies.annotations.mentions import store_mentions
from companies.annotations.permissions import head_of
from companies.filings.anchoring import keep
from companies.models import (
    Anchor,
    Annotation,
    AnnotationRevision,
    AnnotationTag,
    NoteGroup,
    User,
    Visibility,
)

KEPT_AFTER_DELETION = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Audience:
    """Who may see a note: its author alone, a group, or everybody."""

    visibility: Visibility = Visibility.PERSONAL
    group: NoteGroup | None = None

    @classmethod
    def of(cls, note: Annotation) -> Self:
        """Who sees a note, or its thread where it is a reply."""
        head = head_of(note)
        return cls(Visibility(head.visibility), head.group)

    def is_within(self, visibility: str, group_id: int | None) -> bool:
        """Whether nobody but the author is in this audience that is not in the other one."""
        if self.visibility == Visibility.PERSONAL or visibility == Visibility.PUBLIC:
            return True
        return self.visibility == visibility and self.group is not None and self.group.pk == group_id


@dataclass(frozen=True, slots=True)
class Text:
    """What a note says: Markdown and tags."""

    body: str
    tags: Sequence[str] = ()


class EditConflict(Exception):
    """The note has been changed since its text was loaded: `theirs` is the note as it is, `yours` is what was sent."""

    def __init__(self, theirs: Annotation, yours: Text) -> None:
        super().__init__(f"revision {theirs.revision} came first")
        self.theirs, self.yours = theirs, yours


class WouldExpose(Exception):
    """More people would read the replies of others than those have written for."""


class Gone(Exception):
    """The note was deleted meanwhile, or is not shared any more."""


class MoreReaders(Exception):
    """More people see the thread than when the reply was begun: `audience`."""

    def __init__(self, audience: Audience) -> None:
        super().__init__(audience.visibility)
        self.audience = audience


@transaction.atomic
def create(author: User, anchor: Anchor, text: Text, audience: Audience, uid: UUID | None = None) -> Annotation:
    """A note on a passage; without a body it is a highlight.

    Args:
        anchor: As `anchor_at` and `find_passage` give it, not yet saved.
        uid: Known beforehand, as when notes are imported.
    """
    filing = anchor.version.filing
    return _store(Annotation(filing=filing, anchor=keep(anchor)), author, text, audience, uid)


@transaction.atomic
def reply(
    author: User, head: Annotation, text: Text, *, seen: Audience | None = None, uid: UUID | None = None
) -> Annotation:
    """An answer in a thread, for those who see the thread.

    Args:
        seen: Who saw the thread when the author began to write.

    Raises:
        Gone: The author may not see the thread any more.
        MoreReaders: More people see it now than `seen`.
    """
    # Locked, so that the thread is not shared with more people at the same moment.
    if not Annotation.objects.select_for_update().filter(pk=head.pk).exists():
        raise Gone
    now = Annotation.objects.visible_to(author).filter(parent=None, pk=head.pk).select_related("group").first()
    if now is None:
        raise Gone
    audience = Audience.of(now)
    if seen is not None and not audience.is_within(seen.visibility, seen.group.pk if seen.group else None):
        raise MoreReaders(audience)
    return _store(Annotation(filing_id=now.filing_id, parent=now), author, text, audience, uid)


def _store(note: Annotation, author: User, text: Text, audience: Audience, uid: UUID | None) -> Annotation:
    note.author, note.body = author, text.body
    note.visibility, note.group = audience.visibility, audience.group
    note.created_at = note.changed_at = timezone.now()
    if uid is not None:
        note.uid = uid
    note.save(force_insert=True)
    _keep_text(note, text, author)
    return note


@transaction.atomic
def edit(note: Annotation, by: User, revision: int, text: Text, audience: Audience | None = None) -> Annotation:
    """Change what a note says and who sees it, unless somebody was faster.

    Args:
        revision: The one that `by` has read and changed.
        audience: None for replies, which are seen by whoever sees the thread.

    Raises:
        EditConflict: The note has another revision by now.
        Gone: The note was deleted.
        WouldExpose: Others have replied to fewer people.
    """
    Annotation.objects.select_for_update().filter(pk=note.pk).first()
    theirs = Annotation.objects.filter(pk=note.pk).select_related("parent__group", "group").first()
    if theirs is None or theirs.deleted_at is not None:
        raise Gone
    if theirs.parent is not None or audience is None:
        audience = Audience.of(theirs)
    elif exposes(theirs, audience):
        raise WouldExpose
    changed = Annotation.objects.filter(pk=note.pk, revision=revision, deleted_at=None).update(
        body=text.body,
        visibility=audience.visibility,
        group=audience.group,
        revision=F("revision") + 1,
        changed_at=timezone.now(),
    )
    if not changed:
        raise EditConflict(theirs, text)
    theirs.refresh_from_db()
    theirs.tags.all().delete()
    _keep_text(theirs, text, by)
    return theirs


def exposes(head: Annotation, audience: Audience) -> bool:
    """Whether others would find their replies read by more people than they were written for."""
    replies = head.replies.exclude(author=head.author_id).values_list("visibility", "group")
    return any(not audience.is_within(visibility, group) for visibility, group in replies.distinct())


def _keep_text(note: Annotation, text: Text, by: User) -> None:
    tags = sorted(set(text.tags))
    AnnotationTag.objects.bulk_create(AnnotationTag(annotation=note, name=name) for name in tags)
    AnnotationRevision.objects.create(
        annotation=note, number=note.revision, body=note.body, tags=tags, visibility=note.visibility,
        group=note.group, edited_by=by, edited_at=note.changed_at,
    )  # fmt: skip
    store_mentions(note)


def delete(note: Annotation, by: User) -> bool:
    """Hide a note, and its replies with it, until somebody restores it. False if it was deleted already."""
    changed = Annotation.objects.filter(pk=note.pk, deleted_at=None)
    return bool(changed.update(deleted_at=timezone.now(), deleted_by=by))


def restore(note: Annotation) -> bool:
    """Show a deleted note again, with its replies. False if it was not deleted."""
    changed = Annotation.objects.filter(pk=note.pk, deleted_at__isnull=False)
    return bool(changed.update(deleted_at=None, deleted_by=None))


def resolve(head: Annotation, by: User) -> bool:
    """Say that a thread is settled. False if it was already."""
    changed = Annotation.objects.filter(pk=head.pk, resolved_at=None)
    return bool(changed.update(resolved_at=timezone.now(), resolved_by=by))


def reopen(head: Annotation) -> bool:
    """Say that a thread is not settled after all. False if it was open."""
    changed = Annotation.objects.filter(pk=head.pk, resolved_at__isnull=False)
    return bool(changed.update(resolved_at=None, resolved_by=None))


@transaction.atomic
def forget_deleted(now: datetime) -> int:
    """Remove for good what was deleted thirty days ago or earlier, with its replies. Returns how many notes."""
    old = Annotation.objects.filter(deleted_at__lte=now - KEPT_AFTER_DELETION)
    anchors = list(old.filter(anchor__isnull=False).values_list("anchor", flat=True))
    _rows, by_model = old.delete()
    Anchor.objects.filter(pk__in=anchors).delete()
    return by_model.get(Annotation._meta.label, 0)
