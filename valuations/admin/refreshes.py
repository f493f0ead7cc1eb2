"""The admin of refreshes, of the quotes that were held back, and of the health of sources."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db import DatabaseError, models
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext, pgettext_lazy

from companies.admin import ReadOnlyAdmin
from companies.admin.lists import MineFilter, PageColumns
from companies.models import User
from valuations.admin.desk import failing_runs
from valuations.models import HeldQuote, Quote, RefreshOutcome, RefreshRun, SourceHealth
from valuations.reason_words import reason_in_words
from valuations.storage import resolve_held
from valuations.templatetags.numbers import MISSING
from valuations.templatetags.pages import result_word

if TYPE_CHECKING:
    QuerySet = models.QuerySet[Any]
    InlineFormSet = forms.BaseInlineFormSet[Any, Any, Any]
else:
    QuerySet, InlineFormSet = models.QuerySet, forms.BaseInlineFormSet

# What a held quote and the stored ones are compared by, in the payload's words.
COMPARED = ("price", "open", "high", "low", "volume")
Resolution = HeldQuote.Resolution


class StateFilter(admin.SimpleListFilter):
    """Runs that are open, and those that failed with nothing having made it good since."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Open and failed."""
        return [("open", gettext_lazy("under way")), ("failed", gettext_lazy("failed, not made good"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """As the first page counts them."""
        if self.value() == "open":
            return queryset.filter(finished_at=None)
        if self.value() == "failed":
            return queryset.filter(pk__in=failing_runs(timezone.now()).values("pk"))
        return queryset


@admin.register(RefreshRun)
class RefreshRunAdmin(PageColumns, ReadOnlyAdmin):
    """Refresh runs; their outcomes are on the run's own page."""

    list_display = ["requested_at", "kind", "trigger", "requested_by", "finished_at", "came_of_it", "outcomes_page"]
    list_filter = [StateFilter, "kind", "trigger", MineFilter]
    list_select_related = ["requested_by"]
    date_hierarchy = "requested_at"
    readonly_fields = ["outcomes_page"]

    def view_on_site(self, run: RefreshRun) -> str:
        """Its page in the ledger."""
        return reverse("valuations:refresh", args=[run.pk])

    @admin.display(description=gettext_lazy("result"))
    def came_of_it(self, run: RefreshRun) -> str:
        """Why it failed as a whole, or how many outcomes of each kind it has."""
        if run.problem:
            return _(run.problem)
        comma = pgettext("between items of a list", ", ")
        return comma.join(f"{result_word(result)}: {count}" for result, count in run.results.items()) or MISSING

    @admin.display(description=gettext_lazy("outcomes"))
    def outcomes_page(self, run: RefreshRun) -> SafeString:
        """A link to what became of each listing."""
        return format_html('<a href="{}">{}</a>', reverse("valuations:refresh", args=[run.pk]), _("outcomes"))


@admin.register(RefreshOutcome)
class RefreshOutcomeAdmin(PageColumns, ReadOnlyAdmin):
    """What became of each listing, source, list of filings or document in each run."""

    list_display = [
        "run", "listing", "company", "filing", "provider", "result", "reason_words", "stored", "done_at"
    ]  # fmt: skip
    list_display_links = ["run", "listing"]
    list_filter = ["result", "provider", "run__kind"]
    date_hierarchy = "queued_at"
    list_select_related = ["run", "listing", "company", "filing"]
    search_fields = [
        "listing__ticker", "listing__company__search_keys", "company__search_keys", "filing__title",
        "filing__title_original", "reason", "detail",
    ]  # fmt: skip
    readonly_fields = ["reason_words"]

    @admin.display(description=gettext_lazy("reason in words"), ordering="reason")
    def reason_words(self, outcome: RefreshOutcome) -> str:
        """The reason as readers see it."""
        return reason_in_words(outcome.reason)


@admin.register(SourceHealth)
class SourceHealthAdmin(PageColumns, ReadOnlyAdmin):
    """How each source has fared."""

    list_display = ["site", "failures", "rests_until", "last_result", "last_detail", "last_ok_at", "last_failure_at"]
    search_fields = ["site", "last_detail"]


# --- Quotes held back -----------------------------------------------------------------------------


class ReasonFilter(admin.AllValuesFieldListFilter):
    """The reasons that there are, as readers see them."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        """In words."""
        for choice in super().choices(changelist):
            yield {**choice, "display": reason_in_words(str(choice["display"]))}


@admin.register(HeldQuote)
class HeldQuoteAdmin(PageColumns, ReadOnlyAdmin):
    """Quotes that were not believed: compare them with what is stored, then release or discard them.

    Nobody edits one; who may change held quotes may decide about them.
    """

    change_form_template = "admin/valuations/heldquote/change_form.html"
    list_display = [
        "listing", "day", "held_price", "stored_price", "difference", "reason_words", "held_at", "resolution",
        "resolved_by",
    ]  # fmt: skip
    list_display_links = ["listing", "day"]
    list_filter = ["resolution", ("reason", ReasonFilter), "listing__mic", MineFilter]
    list_select_related = ["listing__company", "outcome", "resolved_by"]
    date_hierarchy = "held_at"
    search_fields = ["listing__ticker", "listing__company__search_keys", "detail"]
    actions = ["release", "discard"]
    fields = readonly_fields = (
        "listing", "day", "comparison", "reason_words", "detail", "payload", "second_opinion", "held_at", "outcome",
        "resolution", "resolved_at", "resolved_by", "resolution_note",
    )  # fmt: skip

    def view_on_site(self, held: HeldQuote) -> str:
        """The listing's price, with its last attempts."""
        return reverse("valuations:listing_prices", args=[held.listing_id])

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """With the price of the same day, or the one before it, that is stored now."""
        stored = Quote.objects.filter(listing=OuterRef("listing"), day__lte=OuterRef("day")).order_by("-day")
        held: QuerySet = super().get_queryset(request)
        compared: QuerySet = held.annotate(
            stored_close=Subquery(stored.values("close")[:1]), stored_day=Subquery(stored.values("day")[:1])
        )
        return compared

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Whether someone may release and discard."""
        return request.user.has_perm("valuations.change_heldquote")

    @admin.display(description=gettext_lazy("held price"))
    def held_price(self, held: HeldQuote) -> str:
        """The price that was not believed, in the listing's currency."""
        return f"{held.payload.get('price') or '—'} {held.listing.currency}"

    @admin.display(description=gettext_lazy("stored price"))
    def stored_price(self, held: Any) -> str:
        """The price of the day, or the last one before it, with its day."""
        return "—" if held.stored_close is None else f"{_plain(held.stored_close)} ({held.stored_day})"

    @admin.display(description=gettext_lazy("difference"))
    def difference(self, held: Any) -> str:
        """How far the held price lies from the stored one."""
        return _difference(held.payload.get("price"), held.stored_close)

    @admin.display(description=gettext_lazy("reason in words"), ordering="reason")
    def reason_words(self, held: HeldQuote) -> str:
        """The reason as readers see it."""
        return reason_in_words(held.reason)

    @admin.display(description=gettext_lazy("comparison"))
    def comparison(self, held: HeldQuote) -> SafeString:
        """The held quote beside what another source said, and the stored ones of its day and of the day before."""
        opinion = held.second_opinion or {}
        stored = Quote.objects.filter(listing=held.listing, day__lte=held.day).order_by("-day")[:2]
        head = format_html_join("", '<th scope="col">{} {}</th>', ((quote.day, quote.provider) for quote in stored))
        rows = format_html_join(
            "",
            '<tr><th scope="row">{}</th><td>{}</td>{}{}</tr>',
            (
                (
                    _FIELD_WORDS[name],
                    held.payload.get(name) or "—",
                    format_html("<td>{}</td>", opinion.get(name) or "—") if opinion else "",
                    format_html_join("", "<td>{}</td>", _beside(name, held, list(stored))),
                )
                for name in COMPARED
            ),
        )
        return format_html(
            '<table><thead><tr><th></th><th scope="col">{}</th>{}{}</tr></thead><tbody>{}</tbody></table>',
            _("held"),
            format_html('<th scope="col">{} {}</th>', _("second opinion"), opinion["provider"]) if opinion else "",
            head, rows,
        )  # fmt: skip

    @admin.action(description=gettext_lazy("Release: store it as the price of its day"), permissions=["decide"])
    def release(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Believe the chosen quotes."""
        self._resolve(request, queryset, Resolution.RELEASED)

    @admin.action(description=gettext_lazy("Discard: leave the stored price as it is"), permissions=["decide"])
    def discard(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Do not believe the chosen quotes."""
        self._resolve(request, queryset, Resolution.DISCARDED)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The comparison, and the two buttons below it."""
        held = self.get_object(request, object_id)
        decisions: dict[str, Callable[[HttpRequest, QuerySet], None]] = {
            "_release": self.release,
            "_discard": self.discard,
        }
        decision = next((name for name in decisions if name in request.POST), None)
        if decision and held is not None and self.has_decide_permission(request):
            decisions[decision](request, self.get_queryset(request).filter(pk=held.pk))
            return HttpResponseRedirect(reverse("admin:valuations_heldquote_changelist"))
        waiting = held is not None and held.resolution == Resolution.WAITING
        context = {"may_decide": waiting and self.has_decide_permission(request), **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)

    def _resolve(self, request: HttpRequest, queryset: QuerySet, resolution: Resolution) -> None:
        assert isinstance(request.user, User)  # the admin lets nobody else in
        note = request.POST.get("resolution_note", "").strip()
        done = late = 0
        for held in queryset.select_related("listing", "outcome"):
            try:
                resolved = resolve_held(held, resolution, request.user, note)
            except (KeyError, InvalidOperation, DatabaseError):
                self._not_released(request, held, _("its payload cannot be stored"))
                continue
            except ValueError as problem:
                self._not_released(request, held, str(problem))
                continue
            if resolved:
                done += 1
                self.log_change(request, held, f"{_said(resolution, 1)} {note}".strip())
            else:
                late += 1
        if done:
            messages.success(request, _said(resolution, done))
        if late:
            text = ngettext(
                "%(n)s had been decided about before; it stays as it was.",
                "%(n)s had been decided about before; they stay as they were.",
                late,
            )
            messages.warning(request, text % {"n": late})

    def _not_released(self, request: HttpRequest, held: HeldQuote, problem: str) -> None:
        messages.error(
            request, _("%(held)s was not released: %(problem)s") % {"held": _named(held), "problem": problem}
        )


_FIELD_WORDS = {
    "price": gettext_lazy("price"),
    "open": gettext_lazy("open"),
    "high": pgettext_lazy("price", "high"),
    "low": pgettext_lazy("price", "low"),
    "volume": gettext_lazy("volume"),
}


def _said(resolution: Resolution, n: int) -> str:
    if resolution == Resolution.RELEASED:
        return ngettext("%(n)s held quote was released.", "%(n)s held quotes were released.", n) % {"n": n}
    return ngettext("%(n)s held quote was discarded.", "%(n)s held quotes were discarded.", n) % {"n": n}


def _named(held: HeldQuote) -> str:
    return f"{held.listing} {held.day}"


def _beside(name: str, held: HeldQuote, stored: list[Quote]) -> list[tuple[str]]:
    """A field of the stored quotes; prices with how far the held one lies from them."""
    cells = []
    for quote in stored:
        value = getattr(quote, "close" if name == "price" else name)
        gap = _difference(held.payload.get(name), value) if name == "price" else ""
        cells.append((f"{'—' if value is None else _plain(value)} {gap}".strip(),))
    return cells


def _difference(price: Any, stored: Decimal | None) -> str:
    """The held price against a stored one in percent; nothing when either is missing or cannot be read."""
    try:
        held = Decimal(str(price))
    except InvalidOperation:
        return ""
    if stored is None or not stored or not held.is_finite():
        return ""
    return f"{(held / stored - 1) * 100:+.2f}%"


def _plain(value: Decimal | int) -> str:
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)
