"""The list of filings, and finding in them: `/filings/`, its data, and the places within one document."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from companies.filings.asked import asked_version, filing_or_404
from companies.filings.grams import Term
from companies.filings.search import (
    LONGEST_QUERY,
    MOST_TERMS,
    ORDERS,
    BadQuery,
    Found,
    Passage,
    Sort,
    found_filings,
    matches_in,
    parsed,
    passages_of,
)
from companies.models import Company, Filing, FilingKind, FilingVersion
from companies.roles import may_bring_in
from companies.sheets.cells import escaped
from config.htmx import page_or_partial
from config.paging import page_of

FOUND_PER_PAGE = 20
CSV_HEADER = (
    "slug", "title", "title_original", "company", "kind", "tier", "publisher", "language", "published_on",
    "published_precision", "example", "version", "type", "pages", "text", "address", "reader",
)  # fmt: skip
LANGUAGES = {"zh": _("Chinese"), "en": _("English")}
PROBLEMS = {
    "empty": _("Search for a letter, a digit or a Chinese character at least."),
    "long": _("Search for at most {most} words."),
}


class QueryField(forms.CharField):
    """What a reader types to find words; cleaned to its terms."""

    default_error_messages = {"max_length": _("Search for at most %(limit_value)d characters.")}

    def __init__(self) -> None:
        super().__init__(label=_("Words in filings"), max_length=LONGEST_QUERY, required=False)

    def clean(self, value: Any) -> list[Term]:
        """The terms; none for an empty field."""
        try:
            return parsed(super().clean(value))
        except BadQuery as problem:
            message = str(PROBLEMS[problem.code])
            raise forms.ValidationError(message.format(most=MOST_TERMS), code=problem.code) from problem


class FilingsForm(forms.Form):
    """What the address of the list may ask for."""

    q = QueryField()
    company = forms.SlugField(required=False)
    kind = forms.ChoiceField(
        choices=[("", _("all")), *FilingKind.choices], required=False,
        error_messages={"invalid_choice": _("There is no kind of filing called “%(value)s”.")},
    )  # fmt: skip
    language = forms.RegexField(r"^[a-z]{2,3}(-[A-Za-z]+)?$", required=False)
    with_document = forms.BooleanField(required=False)
    sort = forms.ChoiceField(choices=[("newest", _("newest first")), ("oldest", _("oldest first"))], required=False)

    def __init__(self, data: Mapping[str, Any]) -> None:
        super().__init__(data)
        # `from` is a word of Python's own, so these two cannot be written as the others are.
        for name in ("from", "to"):
            self.fields[name] = forms.DateField(
                required=False,
                error_messages={"invalid": _("Write a date as year-month-day, for example 2026-03-31.")},
            )

    def clean_company(self) -> Company | None:
        """The company, by its slug."""
        slug = self.cleaned_data["company"]
        company = Company.objects.select_related("merged_into").filter(slug=slug).first() if slug else None
        if slug and company is None:
            raise forms.ValidationError(gettext("There is no company “%(slug)s”."), params={"slug": slug})
        return company.standing if company else None

    def clean(self) -> dict[str, Any]:
        """The days enclose something."""
        cleaned: dict[str, Any] = super().clean() or {}
        first, last = cleaned.get("from"), cleaned.get("to")
        if first and last and first > last:
            self.add_error("from", gettext("The first day is after the last."))
        return cleaned

    @property
    def problems(self) -> list[str]:
        """What is wrong, once each, for people."""
        return list(dict.fromkeys(str(error) for errors in self.errors.values() for error in errors))

    @property
    def terms(self) -> list[Term]:
        """The words to find; none: all filings."""
        terms: list[Term] = self.cleaned_data["q"]
        return terms

    @property
    def order(self) -> Sort:
        """The order of the list."""
        return "oldest" if self.cleaned_data["sort"] == "oldest" else "newest"

    def filings(self) -> QuerySet[Filing]:
        """The filings that the filters leave, whatever their words."""
        asked = self.cleaned_data
        conditions = {
            "company": asked["company"], "kind": asked["kind"], "language": asked["language"],
            "published_on__gte": asked["from"], "published_on__lte": asked["to"],
        }  # fmt: skip
        filings = Filing.objects.filter(**{name: value for name, value in conditions.items() if value})
        if not asked["company"]:
            filings = filings.filter(company__archived_at=None)
        if asked["with_document"]:
            filings = filings.filter(Exists(FilingVersion.objects.filter(filing=OuterRef("pk"))))
        return filings

    def found(self) -> Found:
        """The filings that are asked for, in their order."""
        filings, terms, order = self.filings(), self.terms, self.order
        if terms:
            return found_filings(terms, filings, order)
        return Found(filings.order_by(*ORDERS[order]).values_list("pk", flat=True))


@dataclass(frozen=True, slots=True)
class Row:
    """One filing of the list: its newest version, if it has a document, and where the words stand in it."""

    filing: Filing
    version: FilingVersion | None
    passages: list[Passage]

    @property
    def language(self) -> str:
        """The language in words, or its code."""
        return str(LANGUAGES.get(self.filing.language, self.filing.language))


@require_safe
@vary_on_headers("HX-Request-Type", "Accept-Language", "Cookie")
def filing_list(request: HttpRequest) -> HttpResponse:
    """All filings, narrowed by their words and by what they are. The form swaps #rows."""
    form = FilingsForm(request.GET)
    refused = not form.is_valid()
    found = Found([]) if refused else form.found()
    terms = [] if refused else form.terms
    page = page_of(request, found.filings, FOUND_PER_PAGE if terms else settings.ROWS_PER_PAGE)
    context: dict[str, Any] = {
        "form": form,
        "asked": request.GET,
        "problems": form.problems,
        "page": page,
        "rows": rows_of(page, terms),
        "terms": terms,
        "complete": found.complete,
        "company": None if refused else form.cleaned_data["company"],
        "companies": Company.objects.current().filter(Exists(Filing.objects.filter(company=OuterRef("pk")))),
        "kinds": FilingKind.choices,
        "languages": languages(),
        "may_bring_in": may_bring_in(request.user),
    }
    template = page_or_partial(request, "filings/list.html", "rows")
    return render(request, template, context, status=400 if refused else 200)


def rows_of(keys: Iterable[int], terms: list[Term]) -> list[Row]:
    """Rows of filings, in the order of their keys, with the passages that have the terms."""
    wanted = list(keys)
    versions = FilingVersion.objects.order_by("-number").defer("outline")
    filings = Filing.objects.select_related("company").prefetch_related(Prefetch("versions", versions))
    at_hand = filings.in_bulk(wanted)
    passages = passages_of(wanted, terms)
    shown = [at_hand[key] for key in wanted if key in at_hand]  # one may have been deleted meanwhile
    return [Row(filing, next(iter(filing.versions.all()), None), passages.get(filing.pk, [])) for filing in shown]


def languages() -> list[tuple[str, str]]:
    """The languages that filings are in, with their names."""
    codes = Filing.objects.exclude(language="").order_by("language").values_list("language", flat=True).distinct()
    return [(code, str(LANGUAGES.get(code, code))) for code in codes]


# --- As data ----------------------------------------------------------------------------------------


@require_safe
def filing_list_json(request: HttpRequest) -> HttpResponse:
    """All rows of the list, whatever the page; the same query string."""
    form = FilingsForm(request.GET)
    if not form.is_valid():
        return JsonResponse({"errors": form.errors}, status=400)
    found = form.found()
    records = [record_of(request, row) for row in rows_of(found.filings, [])]
    answer = {"complete": found.complete, "filings": records}
    return JsonResponse(answer, json_dumps_params={"ensure_ascii": False})


@require_safe
def filing_list_csv(request: HttpRequest) -> HttpResponse:
    """The same rows as a spreadsheet; the byte order mark lets every spreadsheet see that it is UTF-8."""
    form = FilingsForm(request.GET)
    if not form.is_valid():
        return HttpResponse("\n".join(form.problems), status=400, content_type="text/plain; charset=utf-8")
    out = io.StringIO("\ufeff", newline="")
    out.seek(0, io.SEEK_END)
    writer = csv.DictWriter(out, CSV_HEADER, lineterminator="\r\n")
    writer.writeheader()
    for row in rows_of(form.found().filings, []):
        writer.writerow({name: escaped(value) for name, value in record_of(request, row).items()})
    return HttpResponse(
        out.getvalue(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="xinpan-filings.csv"'},
    )


def record_of(request: HttpRequest, row: Row) -> dict[str, Any]:
    """A row as data, by the names of `CSV_HEADER`."""
    filing, version = row.filing, row.version
    return {
        "slug": filing.slug,
        "title": filing.title,
        "title_original": filing.title_original,
        "company": filing.company.slug if filing.company else None,
        "kind": filing.kind,
        "tier": filing.tier,
        "publisher": filing.publisher,
        "language": filing.language,
        "published_on": filing.published_on.isoformat() if filing.published_on else None,
        "published_precision": filing.published_precision,
        "example": filing.is_example,
        "version": version.number if version else None,
        "type": version.media_type if version else None,
        "pages": version.page_count if version else None,
        "text": version.status if version else None,
        "address": filing.link,
        "reader": request.build_absolute_uri(reverse("filings:reader", args=[filing.pk])),
    }


# --- Within one document ----------------------------------------------------------------------------


class FindForm(forms.Form):
    """What is looked for in one document."""

    q = QueryField()


@require_safe
@vary_on_headers("Accept", "HX-Request-Type", "Accept-Language", "Cookie")
def find(request: HttpRequest, pk: int) -> HttpResponse:
    """Every place in a filing where one of the words stands, by page: as a page, or as JSON for who accepts it first.

    JSON: `{"matches": [{"page", "start", "end", "snippet", "url"}, …], "total", "more"}`; `start` and `end` count in
    the text of the page, in code points. `more`: there are further ones after the first `MOST_MATCHES`.
    """
    filing = filing_or_404(pk)
    version = asked_version(request, filing)
    form = FindForm(request.GET)
    refused = not form.is_valid()
    problems = [str(error) for error in form.errors.get("q", [])]
    found = matches_in(version, [] if refused else form.cleaned_data["q"])
    status = 400 if refused else 200
    if request.get_preferred_type(["text/html", "application/json"]) == "application/json":
        if refused:
            return JsonResponse({"errors": problems}, status=status)
        matches = [
            {"page": at.page, "start": at.start, "end": at.end, "snippet": at.snippet, "url": at.url}
            for at in found.passages
        ]
        answer = {"matches": matches, "total": len(matches), "more": found.more}
        return JsonResponse(answer, json_dumps_params={"ensure_ascii": False})
    context = {
        "filing": filing,
        "version": version,
        "query": request.GET.get("q", "").strip(),
        "problems": problems,
        "found": found,
    }
    template = page_or_partial(request, "filings/find.html", "matches")
    return render(request, template, context, status=status)
