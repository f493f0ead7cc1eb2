"""Deciding about several proposed figures at once: what they change together, then each one's decision by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from companies.models import Figure, User
from companies.roles import may_decide
from valuations.admin.jobs import AskingAdmin
from valuations.figure_review import CannotDecide, decide, preview_together, with_rivals
from valuations.review_views import PROBLEMS, DecisionForm
from valuations.templatetags.numbers import metric_word, name, period

MOST_AT_ONCE = 100  # figures that somebody can look through before confirming them
Status = Figure.Status


class DecidingAdmin(AskingAdmin):
    """An admin of figures with the two decisions as actions."""

    own_actions: ClassVar = ["approve", "reject"]

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Whether someone may confirm and reject proposed figures."""
        return may_decide(request.user)

    @admin.action(description=gettext_lazy("Confirm proposed figures"), permissions=["decide"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Show what the chosen figures change together, then confirm those that can be."""
        return self._decide(request, queryset, "confirm", _("Confirm these figures"))

    @admin.action(description=gettext_lazy("Reject proposed figures"), permissions=["decide"])
    def reject(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Ask for the reason, then reject."""
        return self._decide(request, queryset, "reject", _("Reject these figures"))

    def _decide(self, request: HttpRequest, queryset: QuerySet[Any], decision: str, title: str) -> HttpResponse | None:
        if self.too_many(request, queryset.count(), MOST_AT_ONCE):
            return None
        related = ("company", "source", "anchor", "entered_by", "replaces")
        figures = list(queryset.select_related(*related).order_by("company__name_en", "metric", "period_end", "pk"))
        sure = "sure" in request.POST
        form = DecisionForm({"decision": decision, "reason": request.POST.get("reason", "")} if sure else None)
        if sure and form.is_valid():
            self._decided(request, figures, decision, form.cleaned_data["reason"].strip())
            return None
        waiting = [figure for figure in figures if figure.status == Status.PROPOSED]
        if not waiting:
            messages.warning(request, _("None of the chosen figures waits for a decision. Nothing was changed."))
            return None
        return self.ask(
            request,
            queryset.filter(pk__in=[figure.pk for figure in waiting]),
            waiting,
            title=title,
            button=title,
            template="admin/decide.html",
            form=form,
            waiting=with_rivals(waiting),
            changes=preview_together(waiting) if decision == "confirm" else [],
            decision=decision,
            decided=len(figures) - len(waiting),
            status=422 if sure else 200,
        )

    def _decided(self, request: HttpRequest, figures: Sequence[Figure], decision: str, reason: str) -> None:
        """Decide about each by itself: what cannot be done to one keeps none of the others."""
        assert isinstance(request.user, User)  # the admin lets nobody else in
        status = Status.CONFIRMED if decision == "confirm" else Status.REJECTED
        done, colon = 0, pgettext("between a name and what it says", ": ")
        for figure in figures:
            try:
                decide(figure, status, request.user, reason)
            except CannotDecide as problem:
                messages.error(request, f"{_named(figure)}{colon}{PROBLEMS[problem.code]}")
            else:
                self.log_change(request, figure, f"{status.label}. {reason}".strip())
                done += 1
        if done:
            messages.success(request, _said(status, done))


def _named(figure: Figure) -> str:
    comma = pgettext("between two facts", ", ")
    return f"{name(figure.company)}{comma}{metric_word(figure.metric)} {period(figure.period)}"


def _said(status: Figure.Status, n: int) -> str:
    if status == Status.CONFIRMED:
        said = ngettext("%(n)s figure is confirmed.", "%(n)s figures are confirmed.", n)
    else:
        said = ngettext("%(n)s figure is rejected.", "%(n)s figures are rejected.", n)
    return said % {"n": n}
