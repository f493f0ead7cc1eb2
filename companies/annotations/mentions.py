"""Who is called by name in a note: `@username`. They are told only of notes which they may see."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from companies.annotations.markdown import spoken_texts
from companies.models import Annotation, AnnotationMention, User

MOST_MENTIONS = 50
LONGEST_NAME = 150
# Not in addresses (a@b.example) and paths (/@a); Chinese needs no space before it.
_CALLED = re.compile(r"(?<![A-Za-z0-9_.+/@-])@(\w[\w.+-]*)")


def store_mentions(note: Annotation) -> None:
    """Keep who is called in the note as it is now. Who has seen it before stays so."""
    people = {user.pk for user in mentioned(note.body)} - {note.author_id}
    note.mentions.exclude(user__in=people).delete()
    AnnotationMention.objects.bulk_create(
        [AnnotationMention(annotation=note, user_id=pk) for pk in sorted(people)], ignore_conflicts=True
    )


def mentioned(body: str) -> list[User]:
    """People whose names stand in a text after an @: for each the longest name that somebody has."""
    calls = [call for text in spoken_texts(body) for call in _CALLED.findall(text)][:MOST_MENTIONS]
    if not calls:
        return []
    possible = {name for call in calls for name in _names(call)}
    people = {user.username: user for user in User.objects.filter(username__in=possible, is_active=True)}
    found = (next((people[name] for name in _names(call) if name in people), None) for call in calls)
    return list(dict.fromkeys(user for user in found if user is not None))


def _names(call: str) -> list[str]:
    """What a call may mean, longest first: a name ends where a sentence ends, or before a Chinese word."""
    call = call[:LONGEST_NAME]
    ends = (end for end in range(len(call), 0, -1))
    return [call[:end] for end in ends if end == len(call) or not call[end].isascii() or call[end] in ".+-"]


def people_called(note: Annotation) -> dict[str, str]:
    """The address for each person that a note calls: their notes. `mentions__user` should be at hand."""
    return {
        mention.user.username: f"{reverse('notes:list')}?{urlencode({'author': mention.user.username})}"
        for mention in note.mentions.all()
    }


def unseen(user: User | AnonymousUser) -> QuerySet[AnnotationMention]:
    """Mentions of somebody, in notes which they may see now, that they have not seen."""
    if not user.is_authenticated:
        return AnnotationMention.objects.none()
    return AnnotationMention.objects.filter(
        user=user.pk, seen_at=None, annotation__in=Annotation.objects.visible_to(user)
    )


def unread(user: User | AnonymousUser) -> int:
    """How many notes call somebody who has not looked yet. One query; none for those who are not signed in."""
    return unseen(user).count() if user.is_authenticated else 0


def mark_seen(user: User, notes: Iterable[Annotation] | None = None) -> int:
    """Somebody has seen the notes that call them: these, or all. Returns how many were new to them."""
    rows = unseen(user)
    if notes is not None:
        rows = rows.filter(annotation__in=[note.pk for note in notes])
    pks = list(rows.values_list("pk", flat=True))
    return AnnotationMention.objects.filter(pk__in=pks).update(seen_at=timezone.now())
