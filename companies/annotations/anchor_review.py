"""Anchors that wait for a person: whose they are to decide, and what can be decided."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from companies.filings.anchoring import accept, find_passage
from companies.filings.matching import Place, changes, differs_in_numbers
from companies.models import CONTEXT, Anchor, Figure, FilingPage, Revision, User
from companies.roles import may_place

State = Anchor.State

REASONS: dict[str, Promise] = {
    "gone": _("The words are not in the new version."),
    "words_differ": _("The words differ."),
    "numbers_differ": _("Digits, a sign or a unit differ."),
    "several_places": _("The words stand in several places."),
    "context_differs": _("The words stand in another context."),
    "no_text": _("The new version has no text."),
}


class NumbersDiffer(Exception):
    """The words of a figure's passage state another number now: the figure cannot follow them."""


class AlreadyDecided(Exception):
    """The anchor does not wait for a decision any more."""


def anchors_of(user: User | AnonymousUser) -> QuerySet[Anchor]:
    """Anchors that `user` may decide about: those of their own notes, and of figures if they may place anchors."""
    if not user.is_authenticated:
        return Anchor.objects.none()
    mine = Q(annotation__author=user.pk, annotation__deleted_at=None)
    of_figure = Q(Exists(Figure.objects.filter(anchor=OuterRef("pk"))))
    return Anchor.objects.filter(mine | of_figure if may_place(user) else mine)


def anchors_to_review(user: User | AnonymousUser) -> QuerySet[Anchor]:
    """Anchors that wait, and that `user` may decide about, the longest waiting first."""
    return (
        anchors_of(user)
        .filter(state=State.NEEDS_REVIEW)
        .select_related("version__filing__company", "candidate_version", "annotation")
        .prefetch_related("figures")
        .order_by("checked_at", "pk")
    )


@dataclass(frozen=True, slots=True)
class Side:
    """A passage with what stands beside it."""

    prefix: str
    suffix: str


@dataclass(frozen=True, slots=True)
class Case:
    """One anchor to decide about: the old passage and the nearest new one, side by side.

    `pieces` are those of `changes`; empty when there is nothing near. `may_accept` is False for a figure whose number
    is another one there. `seen` names what is shown, so that nobody accepts another passage than they saw.
    """

    anchor: Anchor
    reason: Promise | str
    pieces: list[tuple[str, str]]
    new: Side | None
    may_accept: bool

    @property
    def seen(self) -> str:
        """The name of the candidate, see `accept_candidate`."""
        return candidate_name(self.anchor)


def candidate_name(anchor: Anchor) -> str:
    """Tells the candidate of an anchor from any later one, be it by another place or by another reading of the text."""
    version = anchor.candidate_version
    read = version.extraction if version else None
    place = (anchor.candidate_version_id, read, anchor.candidate_page, anchor.candidate_start, anchor.candidate_end)
    return "-".join(str(part) for part in place)


def cases(anchors: list[Anchor]) -> list[Case]:
    """The anchors with their candidates' words. The number of queries does not depend on how many they are."""
    wanted = {(one.candidate_version_id, one.candidate_page) for one in anchors if one.candidate_page}
    rows = FilingPage.objects.filter(
        version__in={version for version, _page in wanted}, number__in={page for _version, page in wanted}
    ).values_list("version", "number", "text")
    texts: dict[tuple[int | None, int | None], str] = {(version, number): text for version, number, text in rows}
    return [_case(anchor, texts.get((anchor.candidate_version_id, anchor.candidate_page), "")) for anchor in anchors]


def _case(anchor: Anchor, text: str) -> Case:
    reason = REASONS.get(anchor.reason, anchor.reason)
    start, end = anchor.candidate_start, anchor.candidate_end
    if start is None or end is None or not text:
        return Case(anchor, reason, [], None, may_accept=False)
    new = Side(text[max(0, start - CONTEXT) : start], text[end : end + CONTEXT])
    return Case(anchor, reason, changes(anchor.exact, text[start:end]), new, may_accept=_may_follow(anchor, text))


def _may_follow(anchor: Anchor, text: str) -> bool:
    """Whether the candidate may become the place: always for a note, for a figure if it states the same number."""
    if not anchor.figures.all():
        return True
    words = text[anchor.candidate_start : anchor.candidate_end]
    return anchor.reason != "numbers_differ" and not differs_in_numbers(anchor.exact, words)


def accept_candidate(anchor: Anchor, user: User, seen: str) -> None:
    """The passage is where the check thought: the anchor moves there.

    Args:
        seen: The candidate as it was shown, by its `candidate_name`.

    Raises:
        AlreadyDecided: somebody was faster, there is no candidate, or the text was read anew and it is another one.
        NumbersDiffer: it belongs to a figure, and another number stands there.
    """
    with transaction.atomic():
        waiting = _waiting(anchor)
        version, page = waiting.candidate_version, waiting.candidate_page
        if version is None or page is None or waiting.candidate_start is None or waiting.candidate_end is None:
            raise AlreadyDecided
        if candidate_name(waiting) != seen:
            raise AlreadyDecided
        text = version.pages.get(number=page).text
        if not _may_follow(waiting, text):
            raise NumbersDiffer
        place = Place(page, waiting.candidate_start, waiting.candidate_end)
        _store(accept(waiting, version, place), user, State.MOVED)


def put_where_quoted(anchor: Anchor, user: User, exact: str, page: int | None = None) -> None:
    """The passage stands where these words stand in the version to be looked at.

    Raises:
        AlreadyDecided: somebody was faster.
        NoSuchPassage: the words do not stand there, or more than once.
        NumbersDiffer: the anchor belongs to a figure, and these words state another number.
    """
    with transaction.atomic():
        waiting = _waiting(anchor)
        version = waiting.candidate_version or waiting.version
        found = find_passage(version, exact, page=page)
        if waiting.figures.all() and differs_in_numbers(waiting.exact, found.exact):
            raise NumbersDiffer
        _store(accept(waiting, version, Place(found.page, found.start, found.end)), user, State.MOVED)


def keep_with_earlier(anchor: Anchor, user: User) -> None:
    """The passage is no more in the new version; it stays true of the earlier one.

    Raises:
        AlreadyDecided: somebody was faster.
    """
    with transaction.atomic():
        _store(_waiting(anchor), user, State.EARLIER)


def supersede_figures(anchor: Anchor, user: User) -> None:
    """The document says something else now: its figures are superseded, and the anchor stays with the earlier version.

    Raises:
        AlreadyDecided: somebody was faster, or no figure stands on it.
    """
    with transaction.atomic():
        waiting = _waiting(anchor)
        changed = waiting.figures.filter(status=Figure.Status.CONFIRMED).update(
            status=Figure.Status.SUPERSEDED, decided_by=user, decided_at=timezone.now()
        )
        if not changed:
            raise AlreadyDecided
        _store(waiting, user, State.EARLIER)


def _waiting(anchor: Anchor) -> Anchor:
    """The anchor as it stands now, held until the decision is stored."""
    waiting = (
        Anchor.objects.select_for_update(of=("self",))
        .select_related("version", "candidate_version")
        .filter(pk=anchor.pk, state=State.NEEDS_REVIEW)
        .first()
    )
    if waiting is None:
        raise AlreadyDecided
    return waiting


def _store(anchor: Anchor, user: User, state: Anchor.State) -> None:
    anchor.state, anchor.reason = state, ""
    anchor.candidate_version = None
    anchor.candidate_page = anchor.candidate_start = anchor.candidate_end = None
    anchor.decided_by, anchor.decided_at = user, timezone.now()
    anchor.save()
    Revision.bump()
