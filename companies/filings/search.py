"""Finding filings by the words on their pages, and the passages where the words stand.

What is found of a filing is the newest of its versions that has text. The index (`SearchPart` and what its migration
adds to it) gives the parts of documents that have all grams of a search: some pages that follow each other. Where that
is not certain, and for the passages that are shown, these pages are read.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any, Literal, NamedTuple

from django.db import connection, transaction
from django.db.models import BooleanField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet
from django.db.models.expressions import OrderBy, RawSQL
from django.urls import reverse

from companies.filings.grams import Term, grams_of, pattern_of, terms_of
from companies.filings.text import normalised
from companies.models import Filing, FilingVersion, SearchPart

LONGEST_QUERY = 100
MOST_TERMS = 10
MOST_PASSAGES = 3  # of one filing in a list
MOST_UNSURE = 60  # filings, the first ones, of which pages are read where the index alone is not certain
MOST_READ = 600  # pages that are read to see whether the grams on them make up the terms, and again for passages
PARTS_AT_ONCE = 20  # of so many filings
PAGES_TOGETHER = 10  # in a part. Fewer: common words take longer; more: more is read to be certain
READ_AT_ONCE = 200
BETWEEN_PAGES = "\n.\n"  # no gram goes across it
MOST_MATCHES = 500  # within one document
BEFORE, AFTER = 30, 90  # characters of a snippet before and after the beginning of its match

Sort = Literal["newest", "oldest"]
ORDERS: dict[Sort, Sequence[OrderBy]] = {
    "newest": (F("published_on").desc(nulls_last=True), F("pk").desc()),
    "oldest": (F("published_on").asc(nulls_last=True), F("pk").asc()),
}


# --- Keeping the index ------------------------------------------------------------------------------


def index_version(version: FilingVersion) -> None:
    """Let the text of a version be found, as long as it is the newest of its filing that has one.

    To be called in the transaction that finishes the text. Doing it again changes nothing.
    """
    with transaction.atomic():
        unindex_version(version)
        pages = version.pages.order_by("number").values_list("number", "text").iterator(chunk_size=READ_AT_ONCE)
        for _part, together in groupby(pages, key=lambda page: (page[0] - 1) // PAGES_TOGETHER):
            numbers, texts = zip(*together, strict=True)
            if grams := grams_of(BETWEEN_PAGES.join(texts)):
                add_part(version, numbers[0], numbers[-1], grams)


def unindex_version(version: FilingVersion) -> None:
    """Take the text of a version out of what is found. A version that is deleted takes itself out."""
    SearchPart.objects.filter(version=version).delete()


def add_part(version: FilingVersion, first: int, last: int, grams: Iterable[str]) -> None:
    """Let the pages from `first` to `last` be found by the grams that they have."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "INSERT INTO companies_searchpart (version_id, first, last, grams) VALUES (%s, %s, %s, %s::integer[])",
                [version.pk, first, last, _question(grams)],
            )
        else:
            part = SearchPart.objects.create(version=version, first=first, last=last)
            cursor.execute(
                "INSERT INTO companies_searchgrams (rowid, grams) VALUES (%s, %s)", [part.pk, " ".join(grams)]
            )


def empty_index() -> None:
    """Take everything out: on SQLite also what deleted pages have left behind."""
    SearchPart.objects.all().delete()
    if connection.vendor != "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO companies_searchgrams (companies_searchgrams) VALUES ('delete-all')")


def _question(grams: Iterable[str]) -> str:
    """Grams as the database is asked for them.

    For PostgreSQL, which is given them like this too, an array of checksums of 32 bits with a sign, which a few grams
    share with another; for FTS5 an expression (quoted, since AND and OR are grams as well).
    """
    if connection.vendor == "postgresql":
        checksums = (zlib.crc32(gram.encode()) for gram in grams)
        return f"{{{','.join(str(number - 2**32 if number >= 2**31 else number) for number in checksums)}}}"
    return " AND ".join(f'"{gram}"' for gram in sorted(grams))


# --- Finding filings --------------------------------------------------------------------------------


class BadQuery(Exception):
    """A search that cannot be answered. `code`: `empty`, it has no letter and no digit; `long`, too many words."""

    def __init__(self, code: Literal["empty", "long"]) -> None:
        super().__init__(code)
        self.code = code


def parsed(query: str) -> list[Term]:
    """The terms of what was typed; none when nothing was.

    Raises:
        BadQuery: There is nothing in it to find, or too much.
    """
    terms = terms_of(normalised(query).text)
    if query.strip() and not terms:
        raise BadQuery("empty")
    if len(terms) > MOST_TERMS:
        raise BadQuery("long")
    return terms


@dataclass(frozen=True, slots=True)
class Found:
    """Keys of filings in their order: those that have all terms on one page or all in their heading.

    Not `complete`: so many pages have the grams that only those of the first filings were read.
    """

    filings: Sequence[int] | QuerySet[Filing, int]
    complete: bool = True


def found_filings(terms: Sequence[Term], filings: QuerySet[Filing], sort: Sort = "newest") -> Found:
    """Those of `filings` that have all terms, in the order of `sort`."""
    heading = in_heading(terms)
    with_grams = _newest_with_text().filter(pk__in=_versions_with(terms)).values("filing")
    candidates = filings.filter(Q(pk__in=with_grams) | heading).order_by(*ORDERS[sort])
    if _certain(terms):
        return Found(list(candidates.values_list("pk", flat=True)))
    rows = list(candidates.values_list("pk", ExpressionWrapper(heading, output_field=BooleanField())))
    unsure = [filing for filing, headed in rows if not headed]
    read = _pages_with(terms, unsure[:MOST_UNSURE], enough=1)
    keys = [filing for filing, headed in rows if headed or read.found.get(filing)]
    return Found(keys, read.complete and len(unsure) <= MOST_UNSURE)


def in_heading(terms: Iterable[Term]) -> Q:
    """Filings that have all terms in a title, a name of the company or the slug."""
    heading = Q()
    for term in terms:
        heading &= (
            Q(title__icontains=term.text)
            | Q(title_original__icontains=term.text)
            | Q(slug__icontains=term.text)
            | Q(company__search_keys__contains=term.text)
        )
    return heading


def _certain(terms: Sequence[Term]) -> bool:
    """Whether the index alone tells who has the terms."""
    return len(terms) == 1 and terms[0].is_its_gram


def _newest_with_text() -> QuerySet[FilingVersion]:
    """Of each filing the version in which it is found."""
    ready = FilingVersion.objects.filter(status=FilingVersion.Status.READY)
    newer = ready.filter(filing=OuterRef("filing"), number__gt=OuterRef("number"))
    return ready.filter(~Exists(newer))


def _versions_with(terms: Iterable[Term]) -> RawSQL:
    """Versions that have a part with all grams of the terms."""
    return RawSQL(_VERSIONS[connection.vendor], [_question(_grams(terms))])


_HITS = """
    companies_searchgrams CROSS JOIN companies_searchpart AS part ON part.id = companies_searchgrams.rowid
    WHERE companies_searchgrams MATCH %s
"""
_VERSIONS = {
    "postgresql": "SELECT * FROM companies_searchversions(%s::integer[])",
    "sqlite": f"SELECT DISTINCT part.version_id FROM {_HITS}",
}


def _grams(terms: Iterable[Term]) -> frozenset[str]:
    return frozenset[str]().union(*(term.grams for term in terms))


class Part(NamedTuple):
    """A part of the version of a filing with that number and key, by the numbers of its pages."""

    filing: int
    version: int
    key: int
    first: int
    last: int


class Page(NamedTuple):
    """A page that was read, of the version of a filing with that number."""

    filing: int
    version: int
    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Read:
    """Pages that have all terms, by filing. `complete`: no part was left unread that had to be read."""

    found: dict[int, list[Page]]
    complete: bool


def _pages_with(terms: Sequence[Term], filings: Sequence[int], enough: int) -> Read:
    """Of each of the filings at most `enough` pages, the first that have all terms, as far as `MOST_READ` tell.

    In rounds: of each filing one part more until it has enough, the first filings first.
    """
    unread = _parts_with(terms, filings)
    found: dict[int, list[Page]] = {filing: [] for filing in filings}
    patterns = [re.compile(term.pattern, re.IGNORECASE) for term in terms]
    read = 0
    while unread and read < MOST_READ:
        for page in _pages_of([parts.pop(0) for parts in islice(unread.values(), PARTS_AT_ONCE)]):
            read += 1
            if len(found[page.filing]) < enough and all(pattern.search(page.text) for pattern in patterns):
                found[page.filing].append(page)
        unread = {filing: parts for filing, parts in unread.items() if parts and len(found[filing]) < enough}
    return Read(found, complete=not unread)


def _parts_with(terms: Iterable[Term], filings: Sequence[int]) -> dict[int, list[Part]]:
    """By filing, in the order given: the parts that have all grams; filings without any are left out."""
    newest = _newest_with_text().filter(filing__in=filings).values_list("pk", "filing", "number")
    versions = {key: (filing, number) for key, filing, number in newest}
    if not versions:
        return {}
    values: list[Any] = [_question(_grams(terms))]
    if connection.vendor == "postgresql":
        values.append(list(versions))
        sql = "SELECT version_id, first, last FROM companies_searchparts(%s::integer[], %s) ORDER BY first"
    else:
        values += versions
        several = ", ".join(["%s"] * len(versions))
        sql = f"""
            SELECT part.version_id, part.first, part.last FROM {_HITS} AND part.version_id IN ({several})
            ORDER BY part.first
        """
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        parts: dict[int, list[Part]] = {filing: [] for filing in filings}
        for key, first, last in cursor.fetchall():
            part = Part(*versions[key], key, first, last)
            parts[part.filing].append(part)
    return {filing: of_one for filing, of_one in parts.items() if of_one}


def _pages_of(parts: Sequence[Part]) -> list[Page]:
    """The pages of parts, in order. In plain SQL: to write so many conditions takes the ORM longer than the answer."""
    of_part = "version_id = %s AND number BETWEEN %s AND %s"
    anywhere = " OR ".join([of_part] * len(parts))
    versions = {part.key: (part.filing, part.version) for part in parts}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT version_id, number, text FROM companies_filingpage WHERE {anywhere} ORDER BY version_id, number",
            [value for part in parts for value in part[2:]],
        )
        return [Page(*versions[key], number, text) for key, number, text in cursor.fetchall()]


# --- Showing where the words stand ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Passage:
    """A place on a page where a term stands, in characters of the page's text, with some text around it."""

    page: int
    start: int
    end: int
    before: str
    exact: str
    after: str
    url: str

    @property
    def snippet(self) -> str:
        """The text around it in one line."""
        return f"{self.before}{self.exact}{self.after}"


def passages_of(filings: Sequence[int], terms: Sequence[Term]) -> dict[int, list[Passage]]:
    """By the keys of the filings: the first match on each of the first pages that have all terms."""
    if not filings or not terms:
        return {}
    anywhere = pattern_of(terms)
    pages = _pages_with(terms, filings, MOST_PASSAGES).found
    return {
        filing: [passage_of(page, *match.span()) for page in of_one if (match := anywhere.search(page.text))]
        for filing, of_one in pages.items()
    }


def passage_of(page: Page, start: int, end: int) -> Passage:
    """A place on a page with the text around it."""
    text = page.text
    query = f"version={page.version}&page={page.number}&from={start}&to={end}"
    return Passage(
        page=page.number,
        start=start,
        end=end,
        before=_line(("…" if start > BEFORE else "") + text[max(0, start - BEFORE) : start]),
        exact=_line(text[start:end]),
        after=_line(text[end : end + AFTER] + ("…" if end + AFTER < len(text) else "")),
        url=f"{reverse('filings:reader', args=[page.filing])}?{query}#passage",
    )


def _line(text: str) -> str:
    return _BREAKS.sub(" ", text)


_BREAKS = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Matches:
    """Places in one document, in its order: the first `MOST_MATCHES`, and whether there are more."""

    passages: Sequence[Passage]
    more: bool


def matches_in(version: FilingVersion | None, terms: Sequence[Term]) -> Matches:
    """Every place of any of the terms in a version, in its order."""
    passages: list[Passage] = []
    if version is None or not terms:
        return Matches(passages, more=False)
    pattern = pattern_of(terms)
    pages = version.pages.order_by("number").values_list("number", "text")
    for row in pages.iterator(chunk_size=READ_AT_ONCE):
        page = Page(version.filing_id, version.number, *row)
        for match in pattern.finditer(page.text):
            if len(passages) == MOST_MATCHES:
                return Matches(passages, more=True)
            passages.append(passage_of(page, *match.span()))
    return Matches(passages, more=False)
