"""Pages on which people decide where a passage stands now."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from companies.annotations.anchor_review import (
    AlreadyDecided,
    NumbersDiffer,
    accept_candidate,
    anchors_of,
    anchors_to_review,
    cases,
    keep_with_earlier,
    put_where_quoted,
    supersede_figures,
)
from companies.filings.anchoring import NoSuchPassage
from companies.models import User
from config.paging import page_of

CASES_PER_PAGE = 20


class DecisionForm(forms.Form):
    """What somebody decides about an anchor.

    `seen` is the passage that was shown, for `accept`; `exact` are the words as they stand now, for `quoted`.
    """

    decision = forms.ChoiceField(
        choices=[
            ("accept", gettext_lazy("It is this passage")),
            ("quoted", gettext_lazy("It is the passage that I quote")),
            ("earlier", gettext_lazy("It is only in the earlier version")),
            ("superseded", gettext_lazy("The document says something else now")),
        ]
    )
    seen = forms.CharField(required=False, max_length=100)
    exact = forms.CharField(required=False, strip=True)
    page = forms.IntegerField(required=False, min_value=1, max_value=1_000_000)


@require_safe
@login_required
def anchor_list(request: HttpRequest) -> HttpResponse:
    """Passages that a person has to look at, the old and the new one side by side."""
    page = page_of(request, anchors_to_review(request.user), CASES_PER_PAGE)
    return render(request, "notes/anchors.html", {"page": page, "cases": cases(list(page))})


@require_POST
@login_required
def anchor_decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Settle one anchor and go on with the others."""
    anchor = get_object_or_404(anchors_of(request.user), pk=pk)
    user = request.user
    assert isinstance(user, User)
    form = DecisionForm(request.POST)
    if not form.is_valid():
        return _again(request, pk, _("Choose one of the decisions, and a page by its number."), status=400)
    try:
        match form.cleaned_data["decision"]:
            case "accept":
                accept_candidate(anchor, user, form.cleaned_data["seen"])
            case "quoted":
                put_where_quoted(anchor, user, form.cleaned_data["exact"], form.cleaned_data["page"])
            case "earlier":
                keep_with_earlier(anchor, user)
            case "superseded":
                supersede_figures(anchor, user)
    except NoSuchPassage as refused:
        return _again(request, pk, refused.message, status=422)
    except NumbersDiffer:
        problem = _("Another number stands there. Record the figure anew from those words.")
        return _again(request, pk, problem, status=422)
    except AlreadyDecided:
        problem = _("That has been decided meanwhile, or there is nothing to be decided so.")
        return _again(request, pk, problem, status=409)
    messages.success(request, _("Decided."))
    return redirect("notes:anchors")


def _again(request: HttpRequest, pk: int, problem: str, status: int) -> HttpResponse:
    """The list once more, with what was wrong and the words that were typed."""
    page = page_of(request, anchors_to_review(request.user), CASES_PER_PAGE)
    typed = {"pk": pk, "exact": request.POST.get("exact", "")}
    context = {"page": page, "cases": cases(list(page)), "problem": problem, "typed": typed}
    return render(request, "notes/anchors.html", context, status=status)
