"""Anchors: making them from a selection, and checking them when the text has changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from companies.filings.matching import Found, Pages, Place, Quote, declared_unit, find, has_bare_number
from companies.filings.text import normalised
from companies.models import CONTEXT, LONGEST_QUOTE, Anchor, FilingPage, FilingVersion

State, Status = Anchor.State, FilingVersion.Status
# Characters as they are sent, of which a good part may be white space and marks. Spelling them takes time by the square
# of the marks on one letter, so that no more are looked at.
MOST_SENT, MOST_SENT_BESIDE = 4 * LONGEST_QUOTE, 4 * CONTEXT


class NoSuchPassage(Exception):
    """A selection that is none: `code` for programs, `message` for people, in their language."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def anchor_at(version: FilingVersion, page_number: int, start: int, end: int, exact: str = "") -> Anchor:
    """An anchor on characters of a page, not yet saved; `keep` saves it.

    Args:
        exact: The words as the reader saw them, if known: they must be the ones that stand there.

    Raises:
        NoSuchPassage: `empty`, `long`, `no_page`, `beyond` the page, or other `words` stand there.
    """
    if end <= start or start < 0:
        raise NoSuchPassage("empty", _("Nothing is selected. Mark some words of the document first."))
    if end - start > LONGEST_QUOTE or len(exact) > MOST_SENT:
        message = _("That is too much: %(count)d characters. Mark at most %(most)d.")
        raise NoSuchPassage("long", message % {"count": max(end - start, len(exact)), "most": LONGEST_QUOTE})
    page = version.pages.filter(number=page_number).only("text").first()
    if page is None:
        raise NoSuchPassage("no_page", _("This version of the document has no page %d.") % page_number)
    if end > len(page.text):
        raise NoSuchPassage("beyond", _("The selection goes beyond the text of the page. Load the page again."))
    words = page.text[start:end]
    if not words.strip():
        raise NoSuchPassage("empty", _("Only white space is selected. Mark some words of the document."))
    if exact and _spelled(exact) != _spelled(words):
        raise NoSuchPassage("words", _("Other words stand there now. Load the page again and mark the passage anew."))
    start += len(words) - len(words.lstrip())
    end = start + len(words.strip())
    return _placed(Anchor(version=version), version, Place(page_number, start, end), page.text)


def find_passage(
    version: FilingVersion,
    exact: str,
    prefix: str = "",
    suffix: str = "",
    page: int | None = None,
    pages: Pages | None = None,
) -> Anchor:
    """An anchor on words that somebody quotes, not yet saved.

    Args:
        page: Where they stand, if that is known: on other pages they are not looked for.
        pages: Those of `pages_of`, where many passages of one version are looked for: instead of `page`.

    Raises:
        NoSuchPassage: `empty`, `long`, `none` where they do not stand, `several` where they stand more than once.
    """
    words = exact if len(exact) > MOST_SENT else normalised(exact).text.strip()
    if not words:
        raise NoSuchPassage("empty", _("Nothing is quoted. Copy some words of the document."))
    if len(words) > LONGEST_QUOTE:
        message = _("That is too much: %(count)d characters. Quote at most %(most)d.")
        raise NoSuchPassage("long", message % {"count": len(words), "most": LONGEST_QUOTE})
    pages = pages or pages_of(version, page)
    before, after = normalised(prefix[-MOST_SENT_BESIDE:]).text, normalised(suffix[:MOST_SENT_BESIDE]).text
    found = find(Quote(words, before, after), pages)
    if found.place is not None and found.reason == "several_places":
        raise NoSuchPassage("several", _("These words stand there more than once. Quote more of the sentence."))
    place = found.place
    stands = place is not None and _spelled(pages[place.page].source[place.start : place.end]) == _spelled(words)
    # Who quotes the words alone says nothing of what stands beside them, so nothing there can differ.
    if place is None or not stands or (found.reason and (prefix or suffix)):
        raise NoSuchPassage("none", _("These words do not stand in the document. Copy them from its text."))
    return _placed(Anchor(version=version), version, place, pages[place.page].source)


def pages_of(version: FilingVersion, page: int | None = None) -> Pages:
    """The text of a version, or of one page of it, in which passages are looked for."""
    rows = version.pages.filter(number=page) if page else version.pages.all()
    return Pages(dict(rows.values_list("number", "text")))


def keep(anchor: Anchor) -> Anchor:
    """Save a new anchor. One on an earlier version is looked for in the newest at once.

    So is one under which the text was read anew since the passage was marked. The new row holds its version: whoever
    stores a text waits until the anchor is there to be checked, or has stored it before we look.
    """
    with transaction.atomic():
        anchor.save()
        if not _still_stands(anchor):
            _check([anchor], anchor.version)
        newest = newest_readable(anchor.version.filing_id)
        if newest is not None and newest.number > anchor.version.number:
            _check([anchor], newest)
    return anchor


def _still_stands(anchor: Anchor) -> bool:
    page = anchor.version.pages.filter(number=anchor.page).only("text").first()
    return page is not None and page.text[anchor.start : anchor.end] == anchor.exact


def newest_readable(filing_id: int) -> FilingVersion | None:
    """The newest version of a filing whose text can be read."""
    return FilingVersion.objects.filter(filing=filing_id, status=Status.READY).order_by("-number").first()


def check_anchors(version: FilingVersion) -> Counter[str]:
    """Look for every passage of a filing in a version that has just been read. Returns how many are in each state.

    Where the newest version was read, all anchors of the filing are looked for in it; where an earlier one was read
    again, those that stand in it. A newest version without text puts all of them up for review: nobody knows.
    Call it in the transaction that stores the text, with all versions of the filing locked, so that no anchor is made
    meanwhile.
    """
    anchors = Anchor.objects.filter(version__filing=version.filing_id).select_related("version")
    newest = FilingVersion.objects.filter(filing=version.filing_id).order_by("-number").first()
    if newest != version:
        anchors = anchors.filter(version=version)
    # What a person has left with an earlier version stays there, but for that version's own text being read again.
    return _check([one for one in anchors if one.state != State.EARLIER or one.version_id == version.pk], version)


def _check(anchors: Iterable[Anchor], version: FilingVersion) -> Counter[str]:
    anchors = list(anchors)
    counts: Counter[str] = Counter()
    if not anchors:
        return counts
    texts = dict(FilingPage.objects.filter(version=version).values_list("number", "text"))
    pages, earlier = Pages(texts), _earlier_texts(anchors, version)
    for anchor in anchors:
        was, quote = Place(anchor.page, anchor.start, anchor.end), Quote(anchor.exact, anchor.prefix, anchor.suffix)
        found = find(quote, pages, was)
        before = earlier.get(anchor.version_id, {}) if has_bare_number(quote) else {}
        if before and found.place and not found.reason:
            is_same = declared_unit(before, was) == declared_unit(texts, found.place)
            found = found if is_same else Found(found.place, "numbers_differ")  # in what they are counted
        if not any(texts.values()):
            found = Found(None, "no_text")
        settle(anchor, version, found, texts)
        counts[anchor.state] += 1
    Anchor.objects.bulk_update(anchors, CHECKED, batch_size=500)
    return counts


def _earlier_texts(anchors: Iterable[Anchor], version: FilingVersion) -> dict[int, dict[int, str]]:
    """The pages of the other versions in which anchors stand, by version and number."""
    texts: dict[int, dict[int, str]] = {one.version_id: {} for one in anchors if one.version_id != version.pk}
    if texts:
        for key, number, text in FilingPage.objects.filter(version__in=texts).values_list("version", "number", "text"):
            texts[key][number] = text
    return texts


CHECKED = [
    "version", "page", "start", "end", "exact", "prefix", "suffix", "state", "checked_at", "reason",
    "candidate_version", "candidate_page", "candidate_start", "candidate_end",
]  # fmt: skip


def settle(anchor: Anchor, version: FilingVersion, found: Found, texts: dict[int, str]) -> None:
    """Write what was found into an anchor, without saving it. One that is in doubt stays where it was last certain."""
    anchor.checked_at = timezone.now()
    anchor.reason = found.reason
    place = found.place
    if place is not None and not found.reason:
        stayed = (anchor.page, anchor.start, anchor.end) == (place.page, place.start, place.end)
        kept = State.EARLIER if anchor.state == State.EARLIER else State.EXACT
        _placed(anchor, version, place, texts[place.page])
        anchor.state = kept if stayed else State.MOVED
        return
    anchor.state = State.NEEDS_REVIEW
    anchor.candidate_version = version
    anchor.candidate_page, anchor.candidate_start, anchor.candidate_end = (
        (place.page, place.start, place.end) if place else (None, None, None)
    )


def _placed(anchor: Anchor, version: FilingVersion, place: Place, text: str) -> Anchor:
    """Put an anchor on a place, with the words and what stands beside them as they are there."""
    anchor.version = version
    anchor.page, anchor.start, anchor.end = place.page, place.start, place.end
    anchor.exact = text[place.start : place.end]
    anchor.prefix = text[max(0, place.start - CONTEXT) : place.start]
    anchor.suffix = text[place.end : place.end + CONTEXT]
    anchor.state, anchor.reason, anchor.checked_at = State.EXACT, "", timezone.now()
    anchor.candidate_version = None
    anchor.candidate_page = anchor.candidate_start = anchor.candidate_end = None
    return anchor


def accept(anchor: Anchor, version: FilingVersion, place: Place) -> Anchor:
    """Put an anchor where a person says that its passage stands now, without saving it."""
    text = version.pages.get(number=place.page).text
    return _placed(anchor, version, place, text)


def _spelled(text: str) -> str:
    """For comparing: browsers give spaces and line breaks of a selection in ways of their own."""
    return "".join(normalised(text).text.split())
