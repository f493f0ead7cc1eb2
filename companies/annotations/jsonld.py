"""Notes as W3C Web Annotations in JSON-LD, out and in. Pure. See docs/notes.md for the format."""

from __future__ import annotations

import json
import json.scanner
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

ANNOTATIONS = "http://www.w3.org/ns/anno.jsonld"
# What the W3C's model has no words for.
OURS = {
    "xinpan": "urn:xinpan:notes#",
    "visibility": "xinpan:visibility",
    "group": "xinpan:group",
    "resolved": {"@id": "xinpan:resolved", "@type": "http://www.w3.org/2001/XMLSchema#dateTime"},
    "sha256": "xinpan:sha256",
}
PAGE_FRAGMENT = "http://tools.ietf.org/rfc/rfc3778"  # "page=3" of a PDF, as the W3C's model names it
VISIBILITIES = ("personal", "group", "public")
MOST_NOTES = 5_000
LARGEST_NUMBER = 2**31 - 1
_PAGE = re.compile(r"page=(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Passage:
    """Words of one page of a document, and the file in which they stand."""

    exact: str
    prefix: str = ""
    suffix: str = ""
    page: int | None = None  # from 1
    start: int | None = None  # in characters of the page's normalised text
    end: int | None = None
    sha256: str = ""
    media_type: str = ""
    title: str = ""
    address: str = ""  # of the document


@dataclass(frozen=True, slots=True)
class Note:
    """A note, apart from any database. It has a passage, or the identifier of the note it answers."""

    uid: UUID
    body: str
    tags: tuple[str, ...]
    visibility: str
    group: str
    author: str
    created: datetime
    modified: datetime
    resolved: datetime | None = None
    passage: Passage | None = None
    parent: UUID | None = None
    line: int = 0  # of the file it was read from


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """What is wrong, as a short code, on which line, and with which part of the annotation."""

    line: int
    code: str
    about: str = ""


class Refused(Exception):
    """The file is not one of notes, or something in it is wrong: `problems`, in the order of the file."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(", ".join(f"{one.line}: {one.code} {one.about}" for one in problems[:10]))
        self.problems = problems


# --- Out --------------------------------------------------------------------------------------------


def collection(notes: Iterable[Note], address: str, label: str) -> dict[str, Any]:
    """An AnnotationCollection with one page that holds all notes.

    Args:
        address: Where this list of notes is found.
    """
    items = [annotation(note) for note in notes]
    return {
        "@context": [ANNOTATIONS, OURS],
        "id": address,
        "type": "AnnotationCollection",
        "label": label,
        "total": len(items),
        "first": {"id": f"{address}#page-1", "type": "AnnotationPage", "startIndex": 0, "items": items},
    }


def annotation(note: Note) -> dict[str, Any]:
    """One note as a Web Annotation."""
    motivation = "replying" if note.parent else "commenting" if note.body else "highlighting"
    bodies: list[dict[str, str]] = []
    if note.body:
        bodies.append({"type": "TextualBody", "value": note.body, "format": "text/markdown", "purpose": motivation})
    bodies += [{"type": "TextualBody", "value": tag, "purpose": "tagging"} for tag in note.tags]
    found: dict[str, Any] = {
        "id": note.uid.urn,
        "type": "Annotation",
        "motivation": motivation,
        "creator": {"type": "Person", "name": note.author},
        "created": _instant(note.created),
        "modified": _instant(note.modified),
        "body": bodies,
        "target": note.parent.urn if note.parent else _target(note.passage),
        "visibility": note.visibility,
    }
    if note.group:
        found["group"] = note.group
    if note.resolved:
        found["resolved"] = _instant(note.resolved)
    return found


def _target(passage: Passage | None) -> dict[str, Any]:
    assert passage is not None  # a note that answers none stands on a passage
    source = {"id": passage.address, "type": "Text", "format": passage.media_type, "title": passage.title}
    place: dict[str, Any] = {
        "type": "FragmentSelector",
        "value": f"page={passage.page}",
        "refinedBy": {"type": "TextPositionSelector", "start": passage.start, "end": passage.end},
    }
    if passage.media_type == "application/pdf":
        place["conformsTo"] = PAGE_FRAGMENT
    quote = {"type": "TextQuoteSelector", "exact": passage.exact, "prefix": passage.prefix, "suffix": passage.suffix}
    return {"type": "SpecificResource", "source": {**source, "sha256": passage.sha256}, "selector": [quote, place]}


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


# --- In ---------------------------------------------------------------------------------------------


class _Wrong(Exception):
    """What is wrong with one annotation."""

    def __init__(self, code: str, about: str = "") -> None:
        super().__init__(code, about)
        self.code, self.about = code, about


def parse(text: str) -> list[Note]:
    """The notes of a file: a collection, a page of one, a list of annotations, or one.

    Raises:
        Refused: With every annotation that cannot be read, and the line on which it begins.
    """
    value, lines = _read(text)
    items = _items(value)
    if len(items) > MOST_NOTES:
        raise Refused(Problem(1, "too_many", str(len(items))))
    notes: list[Note] = []
    problems: list[Problem] = []
    for item in items:
        line = lines.get(id(item), 1)
        try:
            notes.append(_note(item, line))
        except _Wrong as wrong:
            problems.append(Problem(line, wrong.code, wrong.about))
    first_lines: dict[UUID, int] = {}
    for note in notes:
        if note.uid in first_lines:
            problems.append(Problem(note.line, "twice", str(first_lines[note.uid])))
        first_lines.setdefault(note.uid, note.line)
    if problems:
        raise Refused(*sorted(problems))
    return notes


class _Decoder(json.JSONDecoder):
    """Remembers on which line each object begins, by its identity."""

    def __init__(self) -> None:
        super().__init__(parse_constant=_refuse_constant)
        self.places: dict[int, int] = {}
        parse_object = json.decoder.JSONObject  # type: ignore[attr-defined]  # not in the stubs

        def parse_and_remember(text_and_end: tuple[str, int], *args: Any) -> tuple[Any, int]:
            value, end = parse_object(text_and_end, *args)
            self.places[id(value)] = text_and_end[1]
            return value, end

        self.parse_object = parse_and_remember
        self.scan_once = json.scanner.py_make_scanner(self)  # type: ignore[attr-defined]  # the one in C remembers nothing


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _read(text: str) -> tuple[Any, dict[int, int]]:
    decoder = _Decoder()
    try:
        value = decoder.decode(text)
    except json.JSONDecodeError as problem:
        raise Refused(Problem(problem.lineno, "not_json", problem.msg)) from problem
    except ValueError as problem:
        raise Refused(Problem(1, "not_json", str(problem))) from problem
    except RecursionError as problem:
        raise Refused(Problem(1, "too_deep")) from problem
    lines: dict[int, int] = {}
    line, at = 1, 0
    for key, place in sorted(decoder.places.items(), key=lambda pair: pair[1]):
        line += text.count("\n", at, place)
        at = place
        lines[key] = line
    return value, lines


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict):
        if value.get("type") == "AnnotationCollection":
            value = value.get("first")
        if isinstance(value, dict) and value.get("type") == "AnnotationPage":
            value = value.get("items")
        elif isinstance(value, dict) and value.get("type") == "Annotation":
            value = [value]
    if not isinstance(value, list):
        raise Refused(Problem(1, "no_annotations"))
    return value


def _note(item: Any, line: int) -> Note:
    if not isinstance(item, dict) or item.get("type") != "Annotation":
        raise _Wrong("not_annotation")
    target = item.get("target")
    if isinstance(target, list) and len(target) == 1:
        target = target[0]
    parent = _uid(target, "target") if isinstance(target, str) else None
    created = _moment(item.get("created"), "created")
    body, tags = _bodies(item.get("body", []))
    visibility = item.get("visibility", "personal")
    if visibility not in VISIBILITIES:
        raise _Wrong("visibility", ", ".join(VISIBILITIES))
    group = _words(item.get("group", ""), "group")
    if (visibility == "group") != bool(group):
        raise _Wrong("group")
    creator = item.get("creator", "")
    return Note(
        uid=_uid(item.get("id"), "id"),
        body=body,
        tags=tags,
        visibility=visibility,
        group=group,
        author=_words(creator.get("name", "") if isinstance(creator, dict) else creator, "creator"),
        created=created,
        modified=_moment(item["modified"], "modified") if "modified" in item else created,
        resolved=_moment(item["resolved"], "resolved") if "resolved" in item else None,
        passage=None if parent else _passage(target),
        parent=parent,
        line=line,
    )


def _uid(value: Any, name: str) -> UUID:
    text = _words(value, name)
    try:
        return UUID(text.removeprefix("urn:uuid:")) if text.startswith("urn:uuid:") else UUID("")
    except ValueError as problem:
        raise _Wrong("not_a_uuid", name) from problem


def _moment(value: Any, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(_words(value, name))
    except ValueError as problem:
        raise _Wrong("not_a_time", name) from problem
    if moment.tzinfo is None:
        raise _Wrong("no_time_zone", name)
    try:
        return moment.astimezone(UTC)
    except OverflowError as problem:
        raise _Wrong("not_a_time", name) from problem


def _bodies(value: Any) -> tuple[str, tuple[str, ...]]:
    bodies = value if isinstance(value, list) else [value]
    texts: list[str] = []
    tags: list[str] = []
    for body in bodies:
        if isinstance(body, str):
            texts.append(_words(body, "body"))
        elif isinstance(body, dict) and body.get("type") == "TextualBody":
            (tags if body.get("purpose") == "tagging" else texts).append(_words(body.get("value"), "body"))
        else:
            raise _Wrong("not_a_body")
    return "\n\n".join(text for text in texts if text), tuple(tags)


def _passage(target: Any) -> Passage:
    if not isinstance(target, dict):
        raise _Wrong("no_target")
    source, selectors = target.get("source", {}), target.get("selector", [])
    source = {"id": source} if isinstance(source, str) else source
    selectors = [selectors] if isinstance(selectors, dict) else selectors
    if not isinstance(source, dict) or not isinstance(selectors, list):
        raise _Wrong("no_target")
    by_type = {str(one.get("type")): one for one in selectors if isinstance(one, dict)}
    quote = by_type.get("TextQuoteSelector")
    if quote is None:
        raise _Wrong("no_quote")
    page, start, end = _place(by_type.get("FragmentSelector"))
    exact = _words(quote.get("exact"), "exact")
    if not exact.strip():
        raise _Wrong("no_quote")
    return Passage(
        exact=exact,
        prefix=_words(quote.get("prefix", ""), "prefix"),
        suffix=_words(quote.get("suffix", ""), "suffix"),
        page=page,
        start=start,
        end=end,
        sha256=_words(source.get("sha256", ""), "sha256"),
        media_type=_words(source.get("format", ""), "format"),
        title=_words(source.get("title", ""), "title"),
        address=_words(source.get("id", ""), "source"),
    )


def _place(fragment: Any) -> tuple[int | None, int | None, int | None]:
    """Page, start and end; None for what is not said, since the quote alone can do."""
    if not isinstance(fragment, dict):
        return None, None, None
    found = _PAGE.fullmatch(str(fragment.get("value", "")))
    position = fragment.get("refinedBy")
    if found is None or not isinstance(position, dict) or position.get("type") != "TextPositionSelector":
        return int(found[1]) if found else None, None, None
    ends = position.get("start"), position.get("end")
    if not all(type(end) is int and 0 <= end <= LARGEST_NUMBER for end in ends):
        raise _Wrong("not_a_position")
    return int(found[1]), ends[0], ends[1]


def _words(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise _Wrong("missing", name)
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise _Wrong("characters", name)
    return value
