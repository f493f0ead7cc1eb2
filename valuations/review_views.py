"""Pages for those who decide about proposed figures: the queue, and one figure with what it would change."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe
from django.views.decorators.vary import vary_on_headers

from companies.models import Company, Figure, Metric, User
from companies.recording.reading import visible_to
from companies.roles import may_decide
from config.access import required
from config.htmx import page_or_partial
from config.paging import page_of
from valuations.figure_review import CannotDecide, decide, preview, proposed, with_rivals

PER_PAGE = 20
Status = Figure.Status
PROBLEMS = {
    "decided": _("Somebody else has decided about this figure meanwhile. Nothing was changed."),
    "replaced": _(
        "The figure that this one puts right is not confirmed any more. Nothing was changed. Reject this one, and let "
        "it be proposed anew."
    ),
    "needs_review": _("Its passage needs review first. Nothing was changed."),
    "example": _("Its document is an invented example and states no facts. It can only be rejected."),
}


class DecisionForm(forms.Form):
    """Confirm or reject, and why."""

    decision = forms.ChoiceField(choices=[("confirm", _("confirm")), ("reject", _("reject"))])
    reason = forms.CharField(
        label=_("Reason"), max_length=300, required=False, help_text=_("Needed to reject; shown on the figure’s page.")
    )

    def clean(self) -> dict[str, Any]:
        """Who rejects says why."""
        data = super().clean() or self.cleaned_data
        if data.get("decision") == "reject" and not data.get("reason", "").strip():
            self.add_error("reason", _("Say why it is rejected: the one who proposed it will read it."))
        return data


editors_only = required(may_decide, back="valuations:proposed")


@require_safe
@editors_only
@vary_on_headers("HX-Request-Type", "Accept-Language", "Cookie")
def proposed_list(request: HttpRequest) -> HttpResponse:
    """Figures that wait for a decision, oldest first, narrowed by `?company=` and `?metric=`."""
    company, metric = request.GET.get("company", ""), request.GET.get("metric", "")
    if "\0" in company + metric:
        raise BadRequest("nothing is called so")
    page = page_of(request, proposed(company, metric), PER_PAGE)
    context = {
        "page": page,
        "waiting": with_rivals(page),
        "company": company,
        "metric": metric,
        "companies": Company.objects.current().filter(figures__status=Status.PROPOSED).distinct().order_by("name_en"),
        "metrics": Metric.choices,
    }
    return render(request, page_or_partial(request, "valuations/proposed.html", "queue"), context)


@require_http_methods(["GET", "HEAD", "POST"])
@editors_only
@vary_on_headers("Accept-Language", "Cookie")
def decide_view(request: HttpRequest, pk: int) -> HttpResponse:
    """A proposed figure and what it would change; POST confirms or rejects it."""
    related = ("company", "source", "anchor__version", "entered_by", "replaces__source")
    figure = get_object_or_404(visible_to(request.user).select_related(*related), pk=pk)
    form = DecisionForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        return _decided(request, figure, form)
    if figure.status != Status.PROPOSED:
        messages.info(request, _("This figure has been decided about."))
        return redirect("figures:figure", pk=pk)
    return _decision_page(request, figure, form, 422 if request.method == "POST" else 200)


def _decided(request: HttpRequest, figure: Figure, form: DecisionForm) -> HttpResponse:
    assert isinstance(request.user, User)
    confirms = form.cleaned_data["decision"] == "confirm"
    status = Status.CONFIRMED if confirms else Status.REJECTED
    try:
        decide(figure, status, request.user, form.cleaned_data["reason"].strip())
    except CannotDecide as problem:
        messages.error(request, PROBLEMS[problem.code])
        if problem.code == "decided":
            return redirect("figures:figure", pk=figure.pk)
        return _decision_page(request, figure, form, 409)
    if confirms:
        messages.success(request, _("The figure is confirmed. Pages use it from now on."))
    else:
        messages.success(request, _("The figure is rejected. Pages do not use it."))
    return redirect("figures:figure", pk=figure.pk)


def _decision_page(request: HttpRequest, figure: Figure, form: DecisionForm, status: int) -> HttpResponse:
    [waiting] = with_rivals([figure])
    context = {"figure": figure, "anchor": figure.anchor, "waiting": waiting, "preview": preview(figure), "form": form}
    return render(request, "valuations/proposed_decide.html", context, status=status)
