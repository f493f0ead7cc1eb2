"""Notes as somebody may see them: threads of a filing, lists, earlier texts. Everything starts with `visible_to`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, QuerySet
from django.utils.functional import cached_property
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from companies.annotations import permissions
from companies.annotations.editing import Audience
from companies.annotations.markdown import render
from companies.annotations.mentions import people_called
from companies.archiving import heirs_of
from companies.models import (
    Anchor,
    Annotation,
    AnnotationRevision,
    AnnotationTag,
    Filing,
    FilingVersion,
    NoteGroup,
    User,
    Visibility,
    shared_with,
)

Reader = User | AnonymousUser
MOST_TAGS_OFFERED = 100


@dataclass(frozen=True)
class ShownNote:
    """A note with all that a page says of it to one reader."""

    note: Annotation
    reader: Reader

    @cached_property
    def html(self) -> SafeString:
        """The text as it is shown; `render` lets nothing through that a page may not hold."""
        return mark_safe(render(self.note.body, people_called(self.note)))

    @property
    def head(self) -> Annotation | None:
        """The note at the head of the thread; None where the reader may not see that, only their own reply."""
        if self.note.parent_id is None:
            return self.note
        return self.note.parent if self.note.head_is_seen else None  # type: ignore[attr-defined]

    @property
    def anchor(self) -> Anchor | None:
        """The passage of the thread, where the reader may see it."""
        return self.head.anchor if self.head else None

    @property
    def audience(self) -> str:
        """Who sees it, in words: the group by its name. Of a reply to a hidden note: for whom it was written."""
        shared = self.head or self.note
        return shared.group.name if shared.group else str(Visibility(shared.visibility).label)

    @property
    def is_mine(self) -> bool:
        """Whether the reader wrote it."""
        return permissions.may_edit(self.reader, self.note)

    @property
    def is_resolved(self) -> bool:
        """Whether its thread is settled."""
        return self.head is not None and self.head.resolved_at is not None

    @property
    def may_delete(self) -> bool:
        """Whether the reader may delete it."""
        return self.note.deleted_at is None and permissions.may_delete(self.reader, self.note)

    @property
    def may_restore(self) -> bool:
        """Whether the reader may take its deletion back."""
        return permissions.may_restore(self.reader, self.note)

    @property
    def may_resolve(self) -> bool:
        """Whether the reader may say that its thread is settled."""
        return permissions.may_resolve(self.reader, self.note)

    @property
    def may_reply(self) -> bool:
        """Whether the reader may answer."""
        return permissions.may_reply(self.reader, self.note)


@dataclass(frozen=True)
class Thread:
    """A note on a passage and its replies, as far as one reader sees them.

    `head` is None for the author of a reply who may not see the note it answers any more: then the reply is alone.
    """

    head: ShownNote | None
    replies: Sequence[ShownNote] = ()

    @property
    def notes(self) -> list[ShownNote]:
        """The note and its replies."""
        return [self.head, *self.replies] if self.head else list(self.replies)


@dataclass(frozen=True)
class Threads:
    """The threads of a filing beside one version of it: those with a place there, in doubt, and on other versions."""

    here: Sequence[Thread] = ()
    review: Sequence[Thread] = ()
    other: Sequence[tuple[int, Sequence[Thread]]] = ()
    hidden: int = 0  # of what the reader may see, by the filters that are set

    def __bool__(self) -> bool:
        return bool(self.here or self.review or self.other)


def seen_heads(reader: Reader) -> QuerySet[Annotation]:
    """The heads of threads that a reader may see."""
    return Annotation.objects.visible_to(reader).filter(parent=None)


def with_what_is_shown(notes: QuerySet[Annotation], reader: Reader) -> QuerySet[Annotation]:
    """Notes with everything a page needs of them, in a constant number of queries."""
    head = seen_heads(reader).filter(pk=OuterRef("parent"))
    return notes.annotate(head_is_seen=Exists(head)).select_related(
        "author", "group", "filing__company", "anchor__version", "parent__group", "parent__author",
        "parent__anchor__version", "deleted_by", "resolved_by",
    ).prefetch_related("tags", "mentions__user")  # fmt: skip


def with_replies(heads: QuerySet[Annotation], reader: Reader) -> QuerySet[Annotation]:
    """Heads of threads with the replies that a reader sees, oldest first."""
    replies = with_what_is_shown(Annotation.objects.visible_to(reader), reader).order_by("created_at", "pk")
    return with_what_is_shown(heads, reader).prefetch_related(Prefetch("replies", replies, to_attr="shown_replies"))


def thread_from(head: Annotation, reader: Reader) -> Thread:
    """A thread whose head has come from `with_replies`."""
    return Thread(ShownNote(head, reader), [ShownNote(reply, reader) for reply in head.shown_replies])  # type: ignore[attr-defined]


def thread_of(note: Annotation, reader: Reader) -> Thread:
    """The thread of a note which the reader may see; without its head where only that is hidden from them."""
    head = with_replies(seen_heads(reader).filter(pk=note.parent_id or note.pk), reader).first()
    return thread_from(head, reader) if head else Thread(None, [ShownNote(note, reader)])


def of_thread(reader: Reader, **what: Any) -> Q:
    """Notes whose thread is so, as far as the reader may see its head: of a hidden one nothing can be asked."""
    return Q(parent=None, **what) | Q(parent__in=seen_heads(reader).filter(**what))


OF_WHOM: dict[str, Callable[[Reader], Q]] = {
    "": lambda _reader: Q(),
    "mine": lambda reader: Q(author=reader.pk) if reader.is_authenticated else Q(pk=None),
    "groups": lambda reader: of_thread(reader, visibility=Visibility.GROUP),
    "mentions": lambda reader: Q(mentions__user=reader.pk) if reader.is_authenticated else Q(pk=None),
}


def threads_of(
    filing: Filing, reader: Reader, shown: FilingVersion | None, *, whose: str = "", only_open: bool = False
) -> Threads:
    """The threads of a filing that a reader may see, in the order of their places."""
    heads = seen_heads(reader).filter(filing=filing)
    chosen = heads.filter(OF_WHOM[whose](reader))
    if only_open:
        chosen = chosen.filter(resolved_at=None)
    rows = with_replies(chosen, reader).order_by("anchor__page", "anchor__start", "created_at", "pk")
    here, review = [], []
    other: dict[int, list[Thread]] = {}
    for head in rows:
        anchor = head.anchor
        assert anchor is not None  # heads have one: a constraint
        thread = thread_from(head, reader)
        if shown is not None and anchor.version_id == shown.pk:
            here.append(thread)
        elif anchor.state == Anchor.State.NEEDS_REVIEW:
            review.append(thread)
        else:
            other.setdefault(anchor.version.number, []).append(thread)
    hidden = heads.count() - len(rows) if whose or only_open else 0
    return Threads(here, review, sorted(other.items(), reverse=True), hidden)


@dataclass(frozen=True)
class Choice:
    """What a list of notes is narrowed to; empty is everything."""

    whose: str = ""
    filing: int | None = None
    company: str = ""
    tag: str = ""
    author: str = ""
    q: str = ""
    resolved: str = ""
    visibility: str = ""
    state: str = ""
    deleted: bool = False


def chosen_notes(reader: Reader, choice: Choice) -> QuerySet[Annotation]:
    """The notes and replies that a reader may see and asks for, last changed first."""
    notes: QuerySet[Annotation] = deleted_by(reader) if choice.deleted else Annotation.objects.visible_to(reader)
    notes = notes.filter(OF_WHOM[choice.whose](reader))
    if choice.filing is not None:
        notes = notes.filter(filing=choice.filing)
    if choice.company:
        notes = notes.filter(filing__company__slug=heirs_of([choice.company]).get(choice.company, choice.company))
    if choice.tag:
        notes = notes.filter(pk__in=AnnotationTag.objects.filter(name=choice.tag).values("annotation"))
    if choice.author:
        notes = notes.filter(author__username=choice.author)
    if choice.q:
        words = Q(body__icontains=choice.q) | Q(anchor__exact__icontains=choice.q)
        tagged = AnnotationTag.objects.filter(name__icontains=choice.q).values("annotation")
        notes = notes.filter(words | Q(pk__in=tagged))
    if choice.resolved:
        notes = notes.filter(of_thread(reader, resolved_at__isnull=choice.resolved == "no"))
    if choice.visibility:
        notes = notes.filter(of_thread(reader, visibility=choice.visibility))
    if choice.state:
        notes = notes.filter(anchor__state=choice.state)
    return with_what_is_shown(notes, reader).order_by("-changed_at", "-pk")


def deleted_by(reader: Reader) -> QuerySet[Annotation]:
    """What somebody deleted, and what was deleted of theirs."""
    if not reader.is_authenticated:
        return Annotation.objects.none()
    return Annotation.objects.filter(Q(author=reader.pk) | Q(deleted_by=reader.pk), deleted_at__isnull=False)


def tags_seen(reader: Reader) -> list[str]:
    """The tags of the notes that a reader may see, most used first."""
    rows = AnnotationTag.objects.filter(annotation__in=Annotation.objects.visible_to(reader)).values("name")
    names = rows.annotate(n=Count("pk")).order_by("-n", "name").values_list("name", flat=True)
    return list(names[:MOST_TAGS_OFFERED])


@dataclass(frozen=True)
class ShownRevision:
    """What a note said at one of its revisions, as it is shown."""

    revision: AnnotationRevision

    @property
    def html(self) -> SafeString:
        """The text; `render` lets nothing through that a page may not hold."""
        return mark_safe(render(self.revision.body))

    @property
    def audience(self) -> str:
        """Who saw it, in words."""
        if self.revision.visibility == Visibility.GROUP:
            return self.revision.group.name if self.revision.group else _("a group that is gone")
        return str(Visibility(self.revision.visibility).label)


def visible_revisions(note: Annotation, reader: Reader) -> QuerySet[AnnotationRevision]:
    """The texts of a note, newest first, that a reader may see now and could see then. The author sees all.

    The present text is among them: whoever sees the note sees it.
    """
    return revisions_seen(reader).filter(annotation=note).select_related("edited_by", "group").order_by("-number")


def revisions_seen(reader: Reader) -> QuerySet[AnnotationRevision]:
    """The texts of all notes that a reader may see now and could see then."""
    rows = AnnotationRevision.objects.filter(annotation__in=Annotation.objects.visible_to(reader))
    then = Q(number=F("annotation__revision")) | shared_with(reader)
    return rows.filter(then | Q(annotation__author=reader.pk) if reader.is_authenticated else then)


def groups_of(reader: Reader) -> QuerySet[NoteGroup]:
    """The groups whose notes somebody reads and writes."""
    return NoteGroup.objects.filter(members=reader.pk) if reader.is_authenticated else NoteGroup.objects.none()


def audience_from(value: str, reader: Reader) -> Audience | None:
    """The audience that a form names: `personal`, `public`, or the number of a group of the reader's. None: no such."""
    if value in (Visibility.PERSONAL, Visibility.PUBLIC):
        return Audience(Visibility(value))
    group = next((group for group in groups_of(reader) if str(group.pk) == value), None)
    return Audience(Visibility.GROUP, group) if group else None


def audience_value(audience: Audience) -> str:
    """How a form names an audience."""
    return str(audience.group.pk) if audience.group else str(audience.visibility)
