"""Bringing in notes from a file: first what would happen, then all of it or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from companies.annotations.editing import Audience, Text, create, reply
from companies.annotations.jsonld import Note, Passage, Problem, Refused
from companies.annotations.tags import MOST_TAGS, parse_tags
from companies.filings.anchoring import NoSuchPassage, anchor_at, find_passage, pages_of
from companies.filings.matching import Pages
from companies.models import (
    LONGEST_BODY,
    LONGEST_TAG,
    Anchor,
    Annotation,
    AnnotationRevision,
    FilingVersion,
    NoteGroup,
    User,
    Visibility,
)

# An imported note is called by a name made of the importer and the file's own name for it: the same file twice adds
# nothing, and nobody finds out by importing whether a name is that of a note which they may not see.
NAMES = UUID("6f3f7a52-6c1e-4e53-9a0e-8f3a0f6d2b11")


@dataclass(frozen=True, slots=True)
class Planned:
    """A note that will be added: where it stands, or what it answers (by its identifier here)."""

    note: Note
    uid: UUID
    audience: Audience
    anchor: Anchor | None = None
    parent: UUID | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What importing a file would do."""

    new: Sequence[Planned] = ()
    here: Sequence[Note] = ()  # the importer sees them already
    different: Sequence[Note] = ()  # the importer's own, that say something else here: they stay as they are
    unplaced: Sequence[tuple[Note, str]] = ()  # their passage, or the note they answer, is not here, and why
    personal: Sequence[Note] = ()  # of `new`: for a group which the importer is not in

    @property
    def replies(self) -> int:
        """How many of the new notes are replies."""
        return sum(one.parent is not None for one in self.new)


def plan_import(notes: Sequence[Note], user: User) -> Plan:
    """What would happen if `user` imported these notes. They will be the author of all.

    Raises:
        Refused: A note is longer than notes may be, or answers one that is neither in the file nor here.
    """
    _refuse_what_no_form_takes(notes, user)
    groups = {group.name: group for group in NoteGroup.objects.filter(members=user)}
    known = _known(notes, user)
    new: list[Planned] = []
    here: list[Note] = []
    different: list[Note] = []
    personal: list[Note] = []
    unplaced: list[tuple[Note, str]] = []
    problems: list[Problem] = []
    uids = {note.uid: known[note.uid].uid if note.uid in known else _name(user, note.uid) for note in notes}
    placed: dict[UUID, Audience] = {}  # heads that are here or will be, by their identifier in the file
    heads = [note for note in notes if note.parent is None]
    anchors = _anchors([note for note in heads if note.uid not in known])
    for note in heads:
        if (existing := known.get(note.uid)) is not None:
            (here if _same(existing, note, user) else different).append(note)
            if existing.deleted_at is None and existing.parent_id is None:
                placed[note.uid] = Audience.of(existing)
            continue
        anchor = anchors[note.uid]
        if isinstance(anchor, str):
            unplaced.append((note, anchor))
            continue
        audience = _audience(note, groups)
        if audience.visibility != note.visibility:
            personal.append(note)
        placed[note.uid] = audience
        new.append(Planned(note, uids[note.uid], audience, anchor=anchor))
    in_file = {note.uid for note in heads}
    parents = _parents(notes, in_file, user)
    for note in notes:
        if note.parent is None:
            continue
        if (existing := known.get(note.uid)) is not None:
            (here if _same(existing, note, user) else different).append(note)
        elif note.parent in placed:
            new.append(Planned(note, uids[note.uid], placed[note.parent], parent=uids[note.parent]))
        elif note.parent in in_file:
            unplaced.append((note, _("the note that it answers has no place here")))
        elif note.parent in parents:
            parent = parents[note.parent]
            new.append(Planned(note, uids[note.uid], Audience.of(parent), parent=parent.uid))
        else:
            problems.append(Problem(note.line, "no_parent"))
    if problems:
        raise Refused(*problems)
    return Plan(new, here, different, sorted(unplaced, key=lambda pair: pair[0].line), personal)


@transaction.atomic
def store_import(plan: Plan, user: User) -> int:
    """Add the new notes of a plan, all or none. Returns how many."""
    heads: dict[UUID, Annotation] = {}
    for one in plan.new:
        text = _text(one.note, user)
        if one.anchor is not None:
            note = create(user, one.anchor, text, one.audience, one.uid)
            heads[one.uid] = note
        else:
            assert one.parent is not None  # without a passage it is a reply
            parent = heads.get(one.parent) or Annotation.objects.get(uid=one.parent)
            note = reply(user, parent, text, uid=one.uid)
        _keep_times(note, one.note, user)
    return len(plan.new)


def _keep_times(note: Annotation, told: Note, user: User) -> None:
    now = timezone.now()
    created, changed = min(told.created, now), min(max(told.created, told.modified), now)
    resolved = min(told.resolved, now) if told.resolved and told.parent is None else None
    Annotation.objects.filter(pk=note.pk).update(
        created_at=created, changed_at=changed, resolved_at=resolved, resolved_by=user if resolved else None
    )
    AnnotationRevision.objects.filter(annotation=note).update(edited_at=changed)


def _refuse_what_no_form_takes(notes: Sequence[Note], user: User) -> None:
    problems = []
    for note in notes:
        text = _text(note, user)
        if len(text.body) > LONGEST_BODY:
            problems.append(Problem(note.line, "too_long", str(LONGEST_BODY)))
        if len(text.tags) > MOST_TAGS or any(len(tag) > LONGEST_TAG for tag in text.tags):
            problems.append(Problem(note.line, "tags"))
        if note.parent is not None and not text.body:
            problems.append(Problem(note.line, "empty_reply"))
    if problems:
        raise Refused(*problems)


def _text(note: Note, user: User) -> Text:
    """What the note will say here. The note is the importer's; the words of others keep their author's name."""
    body = note.body.replace("\r\n", "\n").replace("\r", "\n").rstrip()
    if body and note.author and note.author != user.get_username():
        # In no language: the same file read by somebody with another one is still the same.
        body = f"{body}\n\n— {note.author}, {note.created.date().isoformat()}"
    tags = list(dict.fromkeys(tag for written in note.tags for tag in parse_tags(written)))
    return Text(body, tuple(tags))


def _name(user: User, uid: UUID) -> UUID:
    return uuid5(NAMES, f"{user.pk} {uid}")


def _known(notes: Sequence[Note], user: User) -> dict[UUID, Annotation]:
    """The notes of the file that are here, as far as `user` sees them or has deleted them, by the file's identifier."""
    by_name = {_name(user, note.uid): note.uid for note in notes}
    by_name |= {note.uid: note.uid for note in notes}
    seen = Annotation.objects.visible_to(user) | Annotation.objects.filter(author=user)
    rows = seen.filter(uid__in=by_name).select_related("parent__group", "group", "anchor").prefetch_related("tags")
    return {by_name[row.uid]: row for row in rows.distinct()}


def _parents(notes: Sequence[Note], in_file: set[UUID], user: User) -> dict[UUID, Annotation]:
    """Notes here that replies of the file answer and that are not in the file themselves."""
    asked = {note.parent for note in notes if note.parent is not None} - in_file
    by_name = {_name(user, uid): uid for uid in asked} | {uid: uid for uid in asked}
    rows = Annotation.objects.visible_to(user).filter(uid__in=by_name, parent=None).select_related("group")
    return {by_name[row.uid]: row for row in rows}


def _same(existing: Annotation, note: Note, user: User) -> bool:
    if existing.author_id != user.pk:
        return True  # somebody else's, which is theirs to change
    text = _text(note, user)
    return (existing.body, sorted(tag.name for tag in existing.tags.all())) in (
        (text.body, sorted(text.tags)),
        (note.body, sorted(note.tags)),
    )


def _audience(note: Note, groups: Mapping[str, NoteGroup]) -> Audience:
    if note.visibility == Visibility.GROUP:
        group = groups.get(note.group)
        return Audience(Visibility.GROUP, group) if group else Audience()
    return Audience(Visibility(note.visibility))


def _anchors(notes: Sequence[Note]) -> dict[UUID, Anchor | str]:
    """Where the passages of notes stand, or why nowhere. The text of each document is made ready only once."""
    by_version: dict[FilingVersion | None, list[Note]] = {}
    for note in notes:
        by_version.setdefault(_version(note.passage), []).append(note)
    found: dict[UUID, Anchor | str] = {note.uid: _("the document is not here") for note in by_version.pop(None, [])}
    for version, of_version in by_version.items():
        assert version is not None  # those without one are told already
        pages = pages_of(version)
        found |= {note.uid: _anchor(note.passage, version, pages) for note in of_version}
    return found


def _version(passage: Passage | None) -> FilingVersion | None:
    """The file that a passage was marked in, else the newest version of that filing, if one is here."""
    assert passage is not None  # a note that answers none stands on a passage
    versions = FilingVersion.objects.select_related("filing").order_by("filing", "-number")
    version = versions.filter(sha256=passage.sha256).first() if passage.sha256 else None
    if version is None and passage.address:
        version = versions.filter(filing__url=passage.address).first()
    return version


def _anchor(passage: Passage | None, version: FilingVersion, pages: Pages) -> Anchor | str:
    """The passage at its place in the file it was marked in, else by its words; or why not."""
    assert passage is not None  # a note that answers none stands on a passage
    page, start, end = passage.page, passage.start, passage.end
    if version.sha256 == passage.sha256 and page is not None and start is not None and end is not None:
        try:
            return anchor_at(version, page, start, end, passage.exact)
        except NoSuchPassage:
            pass  # the text has been read anew since
    try:
        return find_passage(version, passage.exact, passage.prefix, passage.suffix, pages=pages)
    except NoSuchPassage as problem:
        return problem.message


def in_words(problem: Problem) -> str:
    """What is wrong with a file, in the reader's language."""
    words = {
        "not_json": _("This is not JSON: %(about)s."),
        "too_deep": _("This is nested too deep."),
        "too_many": _("%(about)s notes are too many at a time."),
        "no_annotations": _("Here are no annotations: expected an AnnotationCollection, an AnnotationPage or a list."),
        "twice": _("The same id as on line %(about)s."),
        "not_annotation": _("This is not an Annotation."),
        "visibility": _("visibility is one of: %(about)s."),
        "group": _("A note for a group names the group, and no other note does."),
        "not_a_uuid": _("%(about)s is not of the form urn:uuid:…"),
        "not_a_time": _("%(about)s is not a time such as 2026-03-02T04:00:00Z."),
        "no_time_zone": _("%(about)s does not say its time zone."),
        "not_a_body": _("body is not a TextualBody."),
        "no_target": _("target is neither a passage nor the id of a note."),
        "no_quote": _("target quotes nothing: it needs a TextQuoteSelector."),
        "not_a_position": _("start and end of a TextPositionSelector are whole numbers."),
        "missing": _("%(about)s is missing, or not a text."),
        "characters": _("%(about)s has characters that cannot be stored."),
        "too_long": _("The note is longer than %(about)s characters."),
        "tags": _("There are too many tags, or one is too long."),
        "empty_reply": _("A reply says something."),
        "no_parent": _("It answers a note that is neither in the file nor among those you may see."),
    }
    return words[problem.code] % {"about": problem.about}
