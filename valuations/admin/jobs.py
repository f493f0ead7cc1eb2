"""Actions of the admin that begin a job: what is chosen is asked for now, and its page in the ledger says what comes.

An action never waits for the job. Of two at once the second joins the first, as everywhere (`valuations.ledger`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from companies.models import Company, Filing, Listing, User
from companies.roles import may_bring_in, may_operate, may_place
from valuations.filing_coverage import filing_questions
from valuations.ledger import RunAlreadyOpen, request_documents, request_run
from valuations.models import RefreshOutcome, RefreshRun

if TYPE_CHECKING:  # Django's own class cannot be subscripted at run time
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin

LARGE = 20  # with more rows than this an action asks before it begins
MOST = 500  # rows of one action: Django refuses forms with more than a thousand fields
Kind, Trigger = RefreshRun.Kind, RefreshRun.Trigger


class AskingAdmin(ModelAdmin):
    """An admin whose actions ask before they do something large."""

    own_actions: ClassVar[list[str]] = []  # beside those of the admin that it is mixed into

    def __init__(self, model: type[Model], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        self.actions = [*self.own_actions, *(self.actions or ())]

    def too_many(self, request: HttpRequest, count: int, most: int = 0) -> bool:
        """Whether more rows are chosen than one action takes (`MOST` unless told); says so."""
        most = most or MOST
        if count > most:
            said = _("%(n)s rows are chosen; choose at most %(most)s at a time. Nothing was done.")
            messages.error(request, said % {"n": count, "most": most})
        return count > most

    def ask(
        self,
        request: HttpRequest,
        chosen: QuerySet[Any],
        rows: Sequence[Any],
        *,
        title: str,
        button: str,
        template: str = "admin/ask.html",
        status: int = 200,
        **context: Any,
    ) -> TemplateResponse:
        """The page that asks whether an action is meant. Its form names each of the rows that were chosen once more.

        Args:
            chosen: The rows of this table; only these will be meant, whatever is added to it meanwhile.
            rows: What the action is about, to be shown.
        """
        return TemplateResponse(
            request,
            template,
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": title,
                "button": button,
                "rows": rows,
                "keys": list(chosen.order_by().values_list("pk", flat=True)),
                "action": request.POST["action"],
                "checkbox": ACTION_CHECKBOX_NAME,
                **context,
            },
            status=status,
        )


class JobAdmin(AskingAdmin):
    """An admin with actions that begin jobs."""

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Whether someone may start refreshes."""
        return may_operate(request.user)

    def has_read_permission(self, request: HttpRequest) -> bool:
        """Whether someone may have documents read, as on the pages of filings."""
        return may_bring_in(request.user)

    def has_place_permission(self, request: HttpRequest) -> bool:
        """Whether someone may decide about passages, and so have them looked for."""
        return may_place(request.user)

    def begin(
        self,
        request: HttpRequest,
        chosen: QuerySet[Any],
        about: QuerySet[Any],
        start: Callable[[list[Any], User], RefreshRun],
    ) -> HttpResponse | None:
        """Begin a job, or ask first where it is a large one.

        Args:
            chosen: The rows of this table that were chosen.
            about: What the job is about: these rows, those of them that can be asked for, or what belongs to them.
            start: Begins it; may raise `RunAlreadyOpen`.
        """
        if self.too_many(request, max(chosen.count(), about.count())):
            return None
        rows = list(about)
        if len(rows) > LARGE and "sure" not in request.POST:
            action = self.get_actions(request)[request.POST["action"]]
            assert action is not None  # Django has just found it
            return self.ask(request, chosen, rows, title=str(action[2]), button=_("Begin"))
        left_out = chosen.count() - len(rows) if about.model is chosen.model else 0
        if left_out > 0:
            said = ngettext(
                "%(n)s of the chosen rows is left out: there is nothing to ask for it.",
                "%(n)s of the chosen rows are left out: there is nothing to ask for them.",
                left_out,
            )
            messages.info(request, said % {"n": left_out})
        if not rows:
            messages.warning(request, _("Nothing was begun."))
            return None
        assert isinstance(request.user, User)  # the admin lets nobody else in
        began_at = timezone.now()
        try:
            run = start(rows, request.user)
        except RunAlreadyOpen as already:
            self._report(request, already.run, joined=True)
        else:
            # Who asks for documents that are asked for already is given the run that does so.
            self._report(request, run, joined=run.requested_at < began_at)
        return None

    def _report(self, request: HttpRequest, run: RefreshRun, *, joined: bool) -> None:
        """Say what became of it, with a link to its page."""
        link = format_html(
            '<a href="{}">{}</a>', reverse("valuations:refresh", args=[run.pk]), _("See what comes of it")
        )
        if joined:
            said = _("Such a job is under way already (%(kind)s); nothing new was begun. Try again when it is done.")
            messages.warning(request, format_html("{} {}", said % {"kind": run.get_kind_display()}, link))
        elif run.problem:
            messages.error(request, format_html("{} {}", _(run.problem), link))
        else:
            n = RefreshOutcome.objects.filter(run=run).count()
            said = ngettext(
                "The job is queued (%(kind)s, %(n)s question).", "The job is queued (%(kind)s, %(n)s questions).", n
            )
            messages.success(request, format_html("{} {}", said % {"kind": run.get_kind_display(), "n": n}, link))


# --- Prices -----------------------------------------------------------------------------------------


def _traded(listings: QuerySet[Listing]) -> QuerySet[Listing]:
    """Those of some listings that have a price to ask for."""
    today = timezone.now().date()
    return listings.filter(Q(delisted_on=None) | Q(delisted_on__gt=today), company__archived_at=None)


def _ask_prices(listings: list[Listing], user: User) -> RefreshRun:
    return request_run(Kind.QUOTES, Trigger.STAFF, user, listings=listings)


def _ask_history(listings: list[Listing], user: User) -> RefreshRun:
    return request_run(Kind.HISTORY, Trigger.STAFF, user, listings=listings)


class ListingJobs(JobAdmin):
    """Jobs about listings."""

    own_actions: ClassVar = ["refresh_prices", "backfill"]

    @admin.action(description=gettext_lazy("Refresh prices now"), permissions=["operate"])
    def refresh_prices(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Ask the sources for the prices of the chosen listings."""
        return self.begin(request, queryset, _traded(queryset), _ask_prices)

    @admin.action(description=gettext_lazy("Fetch daily history"), permissions=["operate"])
    def backfill(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Fetch the days of the chosen listings that are not here yet."""
        return self.begin(request, queryset, queryset, _ask_history)


class CompanyJobs(JobAdmin):
    """Jobs about companies: their listings, and the lists of their filings."""

    own_actions: ClassVar = ["refresh_prices", "backfill", "find_filings"]

    @admin.action(description=gettext_lazy("Refresh prices now"), permissions=["operate"])
    def refresh_prices(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Ask the sources for the prices of all listings of the chosen companies."""
        return self.begin(request, queryset, _traded(_listings_of(queryset)), _ask_prices)

    @admin.action(description=gettext_lazy("Fetch daily history"), permissions=["operate"])
    def backfill(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Fetch the days of their listings that are not here yet."""
        return self.begin(request, queryset, _listings_of(queryset), _ask_history)

    @admin.action(description=gettext_lazy("Find filings"), permissions=["operate"])
    def find_filings(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Ask the exchanges' lists for new filings of the chosen companies."""
        return self.begin(request, queryset, queryset.filter(archived_at=None), _ask_filings)


def _listings_of(companies: QuerySet[Company]) -> QuerySet[Listing]:
    return Listing.objects.filter(company__in=companies.order_by().values("pk")).select_related("company")


def _ask_filings(companies: list[Company], user: User) -> RefreshRun:
    return request_run(Kind.FILINGS, Trigger.STAFF, user, questions=filing_questions(companies))


# --- Documents --------------------------------------------------------------------------------------


def _read(filings: list[Filing], user: User) -> RefreshRun:
    return request_documents(filings, Trigger.STAFF, user, only_read=True)


def _find_passages(filings: list[Filing], user: User) -> RefreshRun:
    return request_documents(filings, Trigger.STAFF, user, only_passages=True)


class DocumentJobs(JobAdmin):
    """Jobs about the documents of filings."""

    own_actions: ClassVar = ["read_again", "recompute_anchors"]

    def filings_of(self, queryset: QuerySet[Any]) -> QuerySet[Filing]:
        """The filings that the chosen rows stand for, those that have a file."""
        raise NotImplementedError

    @admin.action(description=gettext_lazy("Read the newest file again"), permissions=["read"])
    def read_again(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Read the text of the newest files anew; passages are looked for in it."""
        return self.begin(request, queryset, self.filings_of(queryset), _read)

    @admin.action(description=gettext_lazy("Recompute anchors: look for their passages again"), permissions=["place"])
    def recompute_anchors(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Look for the passages of the chosen filings in the text as it is."""
        return self.begin(request, queryset, self.filings_of(queryset), _find_passages)


class FilingJobs(DocumentJobs):
    """Jobs about filings."""

    def filings_of(self, queryset: QuerySet[Any]) -> QuerySet[Filing]:
        """Those with a file."""
        return Filing.objects.filter(pk__in=queryset.order_by().values("pk"), versions__isnull=False).distinct()


class VersionJobs(DocumentJobs):
    """Jobs about the filings of files."""

    def filings_of(self, queryset: QuerySet[Any]) -> QuerySet[Filing]:
        """Each filing once."""
        return Filing.objects.filter(pk__in=queryset.order_by().values("filing"))
