"""Recording a figure from a passage, and the permanent page of each figure."""

from __future__ import annotations

import re
from typing import Any

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest, PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe
from django.views.decorators.vary import vary_on_headers

from companies.filings.anchoring import NoSuchPassage, anchor_at, find_passage
from companies.filings.links import passage_url
from companies.models import Anchor, Figure, Filing, FilingVersion, User
from companies.recording.amount_words import amount_of, other_currency, stored_words
from companies.recording.amounts import heading_before
from companies.recording.forms import Passage, RecordForm, amount_values, first_values, period_labels
from companies.recording.plain import plain_words
from companies.recording.proposing import propose
from companies.recording.reading import figure_page, visible_to
from companies.roles import may_decide, may_enter_admin, may_propose
from config.access import required
from config.htmx import page_or_partial

LONGEST_NUMBER = 9  # digits of a number in an address
ENDS_IN_A_NUMBER, GOES_ON = re.compile(r"[0-9][.,]?$"), re.compile(r"[.,]?[0-9]")


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request-Type", "Accept-Language", "Cookie")
def record(request: HttpRequest) -> HttpResponse:
    """A passage and the figure it states: the form, filled from the digits, and where it is sent.

    `filing`, `version` (its number), `page`, `from` and `to` name the passage; without the last two it is asked for.
    """
    if not request.user.is_authenticated:
        return _sign_in(request)
    if not may_propose(request.user):
        raise PermissionDenied
    asked = request.POST if request.method == "POST" else request.GET
    version = _version(asked.get("filing"), asked.get("version"))
    try:
        passage = _passage(version, asked)
    except NoSuchPassage as problem:
        quote = asked.get("quote", "")
        context = {"version": version, "filing": version.filing, "problem": problem.message, "quote": quote}
        return _form_page(request, "passage", context, 422 if problem.message else 200)
    if request.method == "POST":
        return _recorded(request, version, passage)
    form = RecordForm(passage, initial=first_values(passage))
    return _form_page(request, "record", _form_context(version, passage, form))


def _recorded(request: HttpRequest, version: FilingVersion, passage: Passage) -> HttpResponse:
    """What is done with the form: another number is taken from the passage, it is only looked at, or it is stored."""
    assert isinstance(request.user, User)
    if "amount" in request.POST:
        return _form_page(request, "record", _form_context(version, passage, _with_amount(request, passage)))
    form = RecordForm(passage, request.POST)
    is_valid = form.is_valid()
    if "look" in request.POST:
        return _form_page(request, "stored", _form_context(version, passage, form))
    if not is_valid:
        return _form_page(request, "record", _form_context(version, passage, form), 422)
    figure = form.figure(request.user)
    if version.filing.is_example:
        return _form_page(request, "example", {"figure": figure, "version": version, "passage": passage})
    proposed = propose(figure, passage.anchor)
    if request.headers.get("HX-Request-Type") == "partial":
        context = {"figure": proposed.figure, "may_decide": may_decide(request.user)}
        return render(request, "figures/record.html#proposed", context)
    messages.success(request, _("The figure is proposed. An editor decides whether it is confirmed."))
    return redirect("figures:figure", pk=proposed.figure.pk)


def _with_amount(request: HttpRequest, passage: Passage) -> RecordForm:
    """The form with another number of the passage, and everything else as it was typed."""
    chosen = request.POST["amount"]
    if not (chosen.isascii() and chosen.isdigit() and len(chosen) < LONGEST_NUMBER):
        raise BadRequest("amount is not a number")
    if int(chosen) >= len(passage.amounts):
        raise BadRequest("the passage has no such amount")
    typed = {name: request.POST.get(name, "") for name in RecordForm.base_fields}
    return RecordForm(passage, initial={**typed, **amount_values(passage.amounts[int(chosen)])})


def _form_context(version: FilingVersion, passage: Passage, form: RecordForm) -> dict[str, Any]:
    return {
        "filing": version.filing,
        "version": version,
        "passage": passage,
        "anchor": passage.anchor,
        "form": form,
        "periods": period_labels(passage),
        "back": passage_url(passage.anchor),
    }


def _form_page(request: HttpRequest, partial: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    template = page_or_partial(request, "figures/record.html", partial)
    return render(request, template, {"partial": partial, **context}, status=status)


def _sign_in(request: HttpRequest) -> HttpResponse:
    if request.headers.get("HX-Request-Type") == "partial":
        return render(request, "figures/record.html#sign_in", {"next": _reader_of(request)})
    return redirect_to_login(request.get_full_path() if request.method == "GET" else _reader_of(request))


def _reader_of(request: HttpRequest) -> str:
    """Where the reader goes back to after signing in."""
    asked = request.POST if request.method == "POST" else request.GET
    filing = _number(asked.get("filing"))
    return reverse("filings:reader", args=[filing]) if filing else reverse("filings:list")


@require_safe
@required(lambda user: may_propose(user) or may_enter_admin(user), back="filings:list")
@vary_on_headers("Accept-Language", "Cookie")
def amount(request: HttpRequest) -> JsonResponse:
    """What will be stored of the amount `text` in a `currency`, while it is typed; or what is wrong with it."""
    currency = request.GET.get("currency", "").upper()
    try:
        typed = amount_of(request.GET.get("text", ""))
    except ValidationError as problem:
        return JsonResponse({"words": "", "problem": problem.message})
    return JsonResponse({"words": stored_words(typed, currency), "problem": other_currency(typed, currency)})


# --- The passage ------------------------------------------------------------------------------------


def _version(filing: str | None, version: str | None) -> FilingVersion:
    """The version that an address names; the newest when it names none."""
    pk, number = _number(filing), _number(version)
    if pk is None:
        raise Http404("no filing is named")
    found = get_object_or_404(Filing.objects.select_related("company"), pk=pk)
    versions = found.versions.all() if number is None else found.versions.filter(number=number)
    chosen = versions.order_by("-number").first()
    if chosen is None:
        raise Http404("no such version")
    chosen.filing = found
    return chosen


def _passage(version: FilingVersion, asked: Any) -> Passage:
    """The passage that is named by its place, or quoted.

    Raises:
        NoSuchPassage: There is none, with the reason; without one when none is named yet.
    """
    page, start, end = (_number(asked.get(name)) for name in ("page", "from", "to"))
    quote = asked.get("quote", "")
    if quote:
        anchor = find_passage(version, quote, page=page)
    elif page is None or start is None or end is None:
        raise NoSuchPassage("unnamed", "")
    else:
        anchor = anchor_at(version, page, start, end)
    if _cuts_a_number(anchor):
        raise NoSuchPassage("cut", _("The selection cuts a number in two. Select the whole of it."))
    text = version.pages.values_list("text", flat=True).get(number=anchor.page)
    return Passage.of(version.filing, anchor, heading_before(text, anchor.start))


def _cuts_a_number(anchor: Anchor) -> bool:
    """Whether a number goes on beyond an end of the passage: half of 6,450 is another number, not this one."""
    edges = ((anchor.prefix, anchor.exact), (anchor.exact, anchor.suffix))
    return any(ENDS_IN_A_NUMBER.search(left) and GOES_ON.match(right) for left, right in edges)


def _number(text: str | None) -> int | None:
    """A whole number of an address; None when there is none, or something else."""
    if not text or not (text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER):
        return None
    return int(text)


# --- The page of a figure ---------------------------------------------------------------------------


@require_safe
@vary_on_headers("Accept-Language", "Cookie")
def figure(request: HttpRequest, pk: int) -> HttpResponse:
    """One figure for good: its value, where it is stated, who entered and confirmed it, and what it was before."""
    found = _visible(request, pk)
    context = {
        "shown": figure_page(found, request.user),
        "figure": found,
        "anchor": found.anchor,
        "plain": plain_words(found.low, found.high, found.currency),
        "may_decide": may_decide(request.user),
    }
    return render(request, "figures/figure.html", context)


@require_safe
@vary_on_headers("Cookie")
def figure_json(request: HttpRequest, pk: int) -> JsonResponse:
    """The same figure for programs. Amounts are texts, so that no digit is lost."""
    found = _visible(request, pk)
    shown = figure_page(found, request.user)
    data = {
        **_as_data(request, found),
        "replaced_by": shown.replaced_by and _address(request, shown.replaced_by),
        "earlier": [_as_data(request, one) for one in shown.earlier],
        "also_reported": [_as_data(request, one) for one in shown.others],
    }
    return JsonResponse(data, json_dumps_params={"ensure_ascii": False})


def _visible(request: HttpRequest, pk: int) -> Figure:
    related = ("company", "listing", "source__company", "anchor__version", "entered_by", "decided_by")
    return get_object_or_404(visible_to(request.user).select_related(*related), pk=pk)


def _as_data(request: HttpRequest, one: Figure) -> dict[str, Any]:
    anchor = one.anchor
    return {
        "id": one.pk,
        "url": _address(request, one),
        "company": one.company.slug,
        "metric": one.metric,
        "period": one.period,
        "period_start": one.period_start,
        "period_end": one.period_end,
        "low": None if one.low is None else f"{one.low:f}",
        "high": None if one.high is None else f"{one.high:f}",
        "currency": one.currency,
        "basis": one.basis,
        "known_on": one.known_on,
        "known_by": one.known_by,
        "status": one.status,
        "reported_in": one.reported_in,
        "source": {
            "title": str(one.source),
            "publisher": one.source.publisher_name,
            "tier": one.source.tier,
            "url": one.source.link,
            "published_on": one.source.published_on,
        },
        "passage": one.passage,
        "note": one.note,
        "place": _place(request, anchor) if anchor else None,
    }


def _place(request: HttpRequest, anchor: Anchor) -> dict[str, Any]:
    return {
        "url": request.build_absolute_uri(passage_url(anchor)),
        "version": anchor.version.number,
        "page": anchor.page,
        "start": anchor.start,
        "end": anchor.end,
        "state": anchor.state,
    }


def _address(request: HttpRequest, one: Figure) -> str:
    return request.build_absolute_uri(reverse("figures:figure", args=[one.pk]))
