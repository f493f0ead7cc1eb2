"""The reader: a filing page by page, as clean text or as it was printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.cache import get_conditional_response, patch_cache_control
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from companies.filings.asked import (
    AskedPassage,
    asked_page,
    asked_passage,
    asked_version,
    chosen_version,
    filing_or_404,
)
from companies.models import CONTEXT, LONGEST_QUOTE, Figure, Filing, FilingPage, FilingVersion

TEXT, PAGE = "text", "page"
READ_AHEAD = 2  # pages after the asked one that come with it
FIGURES_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page in the reader. `text` is None until the page is reached."""

    number: int
    width: int
    height: int
    text: SafeString | None = None
    is_html: bool = False


@require_safe
@vary_on_headers("Accept-Language", "Cookie")
def reader(request: HttpRequest, pk: int) -> HttpResponse:
    """A filing: what it is, and its text or its pages from the one that is asked for.

    `?view=text|page`, `?page=`, `?version=`; `?from=` and `?to=` mark a passage of that page.
    """
    filing = filing_or_404(pk)
    versions = list(filing.versions.order_by("-number"))
    version = chosen_version(request, versions)
    view, passage = asked_view(request, version), asked_passage(request)
    sizes = list(version.pages.values_list("number", "width", "height")) if version else []
    last = max((number for number, _, _ in sizes), default=0)
    number = asked_page(request, last)
    sheets = sheets_of(version, sizes, number, passage) if version and view == TEXT else _empty_sheets(sizes)
    context: dict[str, Any] = {
        "filing": filing,
        "version": version,
        "versions": versions,
        "is_newest": version is None or version == versions[0],
        "corrections": list(filing.corrections.order_by("published_on", "pk")),
        "figures": figures_of(filing),
        "view": view,
        "view_is_chosen": request.GET.get("view") in (TEXT, PAGE),
        "sheets": sheets,
        "papers": papers_of(sizes, pages_at(request, view)) if view == PAGE else "",
        "pages_at": pages_at(request, view),
        "number": number,
        "last": last,
        "passage": passage,
        "outline": outline_of(version),
        "longest": LONGEST_QUOTE,
        "around": CONTEXT,
    }
    return render(request, "filings/reader.html", context)


@require_safe
@vary_on_headers("HX-Request-Type", "Accept-Language")
def page(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """One page of the text view, for the reader to put where the page is reached."""
    if request.headers.get("HX-Request-Type") != "partial":
        query = request.GET.copy()
        query["view"], query["page"] = TEXT, str(number)
        return redirect(f"{reverse('filings:reader', args=[pk])}?{query.urlencode()}#page-{number}")
    version = _version_or_404(request, pk)
    etag = etag_of(version, number, get_language() or "")
    if unchanged := get_conditional_response(request, etag=etag):
        return unchanged
    found = get_object_or_404(FilingPage.objects.defer("raw", "packed_runs"), version=version, number=number)
    context = {
        "version": version, "filing": version.filing, "sheet": sheet_of(found), "pages_at": pages_at(request, TEXT),
    }  # fmt: skip
    return _kept(render(request, "filings/reader.html#page", context), etag)


@require_safe
def page_data(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """The text of a page and where it stands on the paper: `{text, width, height, runs: [[s, e, l, b, r, t], …]}`.

    `s` and `e` count in `text`, in code points. The box is in tenths of a point from the lower left corner.
    """
    version = _version_or_404(request, pk)
    etag = etag_of(version, number, "json")
    if unchanged := get_conditional_response(request, etag=etag):
        return unchanged
    found = get_object_or_404(FilingPage.objects.defer("raw", "html"), version=version, number=number)
    runs = [[run.start, run.end, run.left, run.bottom, run.right, run.top] for run in found.runs]
    data = {"text": found.text, "width": found.width, "height": found.height, "runs": runs}
    return _kept(JsonResponse(data, json_dumps_params={"ensure_ascii": False, "separators": (",", ":")}), etag)


# --- What is shown ------------------------------------------------------------------------------


def asked_view(request: HttpRequest, version: FilingVersion | None) -> str:
    """Text or page. Unless chosen, a PDF opens as it was printed; a web page is text only."""
    view = request.GET.get("view", "")
    if view not in ("", TEXT, PAGE):
        raise BadRequest("view is neither text nor page")
    if version is None or not version.is_pdf:
        return TEXT
    return view or PAGE


def pages_at(request: HttpRequest, view: str) -> str:
    """The address of a page of this view but for the number at its end: put together once, not for each of hundreds."""
    query = request.GET.copy()
    for name in ("page", "from", "to"):
        query.pop(name, None)
    if view == TEXT:
        query["view"] = TEXT
    return f"?{query.urlencode()}&page=" if query else "?page="


A4 = (5950, 8420)  # tenths of a point
# Not in the template, which takes many times as long for hundreds of them.
_PAPER = (
    '<section class="page drawn" id="page-{0}" data-page="{0}" data-width="{1}" data-height="{2}" tabindex="-1"><h2>'
    '<a data-page-link="{0}" href="{3}{0}#page-{0}">{4}</a></h2><div class="paper"><svg viewBox="0 0 {5} {6}" '
    'aria-hidden="true"></svg></div></section>\n'
)


def papers_of(sizes: Sequence[tuple[int, int, int]], address: str) -> SafeString:
    """A sheet of paper for each page, for a script to draw on."""
    label = _("p. %(number)s")
    rows = (
        (number, width, height, address, label % {"number": number}, width or A4[0], height or A4[1])
        for number, width, height in sizes
    )
    return format_html_join("", _PAPER, rows)


def sheets_of(
    version: FilingVersion, sizes: Sequence[tuple[int, int, int]], number: int, passage: AskedPassage | None
) -> list[Sheet]:
    """All pages; only the asked one and its neighbours have their text."""
    near = version.pages.filter(number__range=(number, number + READ_AHEAD)).defer("raw", "packed_runs")
    texts = {found.number: sheet_of(found, passage if found.number == number else None) for found in near}
    return [texts.get(at) or Sheet(at, width, height) for at, width, height in sizes]


def _empty_sheets(sizes: Sequence[tuple[int, int, int]]) -> list[Sheet]:
    return [Sheet(*size) for size in sizes]


def sheet_of(found: FilingPage, passage: AskedPassage | None = None) -> Sheet:
    """A page with its text. Whatever markup is in it, its text is exactly that of the page."""
    # The markup was cleaned when it was stored (companies.filings.html): no scripts, forms, styles, remote pictures.
    text = mark_safe(found.html) if found.html else marked(found.text, passage)
    return Sheet(found.number, found.width, found.height, text, bool(found.html))


def marked(text: str, passage: AskedPassage | None) -> SafeString:
    """Plain text for a page, with the passage in a `<mark>`. One that lies beyond the text is left out."""
    if passage is None or passage.end > len(text):
        return format_html("{}", text)
    before, within, after = text[: passage.start], text[passage.start : passage.end], text[passage.end :]
    return format_html('{}<mark id="passage" tabindex="-1">{}</mark>{}', before, within, after)


def outline_of(version: FilingVersion | None) -> list[dict[str, Any]]:
    """The entries of the outline that lead to a page; deep ones are shown at the fourth level."""
    entries = version.outline if version else []
    return [{**entry, "level": min(entry["level"], 3)} for entry in entries if entry.get("page")]


def figures_of(filing: Filing) -> list[Figure]:
    """Confirmed figures for which the filing is the source, those marked in the text in its order first."""
    figures = Figure.objects.filter(source=filing, status=Figure.Status.CONFIRMED)
    ordered = figures.select_related("company", "anchor__version").order_by("anchor__page", "anchor__start", "pk")
    return list(ordered[:FIGURES_SHOWN])


# --- Keeping --------------------------------------------------------------------------------------


def etag_of(version: FilingVersion, number: int, form: str) -> str:
    """Changes when the page would: another version, the text read anew, more pages of it there, another release."""
    state = f"{version.pk}.{version.extraction}.{version.status}.{number}.{form}.{settings.VERSION}"
    return f'"{state}"'


def _version_or_404(request: HttpRequest, pk: int) -> FilingVersion:
    version = asked_version(request, filing_or_404(pk))
    if version is None:
        raise Http404("the filing has no document")
    return version


def _kept(response: HttpResponse, etag: str) -> HttpResponse:
    """The browser keeps it and asks each time whether it still holds: a text can be read anew at any time."""
    response["ETag"] = etag
    patch_cache_control(response, private=True, no_cache=True)
    return response
