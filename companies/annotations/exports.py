"""Notes as files: exactly those of a list, as somebody sees them, as JSON-LD, Markdown and CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from companies.annotations import jsonld
from companies.annotations.reading import ShownNote
from companies.filings.links import passage_url
from companies.models import Visibility
from companies.sheets.cells import escaped

Absolute = Callable[[str], str]  # the address of a page of ours as other machines know it

CSV_HEADER = (
    "id", "filing", "company", "page", "passage", "note", "tags", "visible_to", "group", "author", "created",
    "modified", "resolved", "state", "in_reply_to", "link",
)  # fmt: skip


def in_order(notes: Iterable[ShownNote]) -> list[ShownNote]:
    """Notes by filing and place, replies after the note they answer."""

    def key(shown: ShownNote) -> tuple[Any, ...]:
        note, anchor = shown.note, shown.anchor
        place = (anchor.page, anchor.start) if anchor else (0, 0)
        return (note.filing_id, *place, note.parent_id or note.pk, note.parent_id is not None, note.created_at, note.pk)

    return sorted(notes, key=key)


def notes_jsonld(notes: Sequence[ShownNote], address: str, absolute: Absolute) -> dict[str, Any]:
    """The notes as a collection of Web Annotations.

    Args:
        address: Of the list.
    """
    return jsonld.collection([_value(shown, absolute) for shown in in_order(notes)], address, _("Notes"))


def _value(shown: ShownNote, absolute: Absolute) -> jsonld.Note:
    note, head = shown.note, shown.head or shown.note
    passage = None
    if note.anchor is not None:
        anchor, version, filing = note.anchor, note.anchor.version, note.filing
        passage = jsonld.Passage(
            exact=anchor.exact, prefix=anchor.prefix, suffix=anchor.suffix, page=anchor.page, start=anchor.start,
            end=anchor.end, sha256=version.sha256, media_type=version.media_type, title=str(filing),
            address=filing.url or absolute(reverse("filings:reader", args=[filing.pk])),
        )  # fmt: skip
    return jsonld.Note(
        uid=note.uid,
        body=note.body,
        tags=tuple(tag.name for tag in note.tags.all()),
        visibility=str(head.visibility),
        group=head.group.name if head.visibility == Visibility.GROUP and head.group else "",
        author=note.author.get_username(),
        created=note.created_at,
        modified=note.changed_at,
        resolved=note.resolved_at,
        passage=passage,
        parent=note.parent.uid if note.parent else None,
    )


def notes_csv(notes: Sequence[ShownNote], absolute: Absolute) -> str:
    """One line for each note. A programme for tables takes nothing in it for a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(CSV_HEADER)
    for shown in in_order(notes):
        note, head, anchor = shown.note, shown.head or shown.note, shown.anchor
        row = (
            note.uid,
            note.filing,
            note.filing.company or "",
            anchor.page if anchor else "",
            anchor.exact if anchor else "",
            note.body,
            ", ".join(tag.name for tag in note.tags.all()),
            head.visibility,
            head.group or "",
            note.author.get_username(),
            note.created_at.isoformat(),
            note.changed_at.isoformat(),
            note.resolved_at.isoformat() if note.resolved_at else "",
            anchor.state if anchor else "",
            note.parent.uid if note.parent else "",
            absolute(reverse("notes:note", args=[note.uid])),
        )
        writer.writerow([escaped(str(cell)) for cell in row])
    return out.getvalue()


def notes_markdown(notes: Sequence[ShownNote], absolute: Absolute) -> str:
    """The notes by filing, each under the passage it stands on, with a link to that."""
    parts = ["# " + _("Notes")]
    for filing, of_filing in groupby(in_order(notes), key=lambda shown: shown.note.filing):
        parts.append(f"## {_plain(str(filing))}")
        parts += [_block(shown, absolute) for shown in of_filing]
    return "\n\n".join(parts) + "\n"


def _block(shown: ShownNote, absolute: Absolute) -> str:
    note, anchor = shown.note, shown.note.anchor
    lines = []
    if anchor is not None:
        where = _("page %(page)d") % {"page": anchor.page}
        lines += [_quoted(_plain(anchor.exact)), f"[{where}]({absolute(passage_url(anchor))})"]
    said = [f"**{_plain(note.author.get_username())}**", note.created_at.date().isoformat(), _plain(shown.audience)]
    said += [f"#{_plain(tag.name)}" for tag in note.tags.all()]
    if note.resolved_at is not None:
        said.append(_("resolved"))
    lines.append(" · ".join(said))
    if note.body:
        lines.append(note.body)
    text = "\n\n".join(lines)
    return _quoted(text) if note.parent_id else text


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def _plain(text: str) -> str:
    """Words of a document, which mean nothing in Markdown."""
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", text)
