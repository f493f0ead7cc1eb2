"""What the lists of the admin have in common: columns that ask once for a whole page, and filters."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from companies.days import today
from companies.history import is_traced, versions_of
from companies.models import Company, Figure, FilingVersion, Listing, Metric, ShareCount
from companies.recording.plain import digits
from companies.stages import STAGES, stage_on

if TYPE_CHECKING:  # Django's own class cannot be subscripted at run time
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin

NOTHING = "—"


class PageColumns(ModelAdmin):
    """An admin whose list looks up what its columns show once for all rows of a page."""

    list_per_page = 50

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The page, with what its columns need."""
        changelist = super().get_changelist_instance(request)
        self.look_up(request, list(changelist.result_list))
        return changelist

    def look_up(self, request: HttpRequest, rows: list[Any]) -> None:
        """Put what the columns show on the rows of a page, in a number of queries that does not depend on them."""


def count_link(count: int, url: str, *, look: bool = False) -> SafeString | str:
    """A number that leads to what it counts; a dash for none."""
    if not count:
        return NOTHING
    return format_html('<a href="{}"{}>{}</a>', url, SafeString(' class="look"') if look else "", count)


def company_page(row: Any) -> str:
    """The page of the company that a row belongs to."""
    return reverse("valuations:company", args=[row.company.slug])


def digits_of(model: type[Model], field: str) -> Any:
    """A column with a number of each row in full, without the zeros that its field fills it up with."""
    described: Any = model._meta.get_field(field)

    @admin.display(description=described.verbose_name, ordering=field)
    def column(row: Any) -> str:
        return digits(getattr(row, field)) or NOTHING

    column.__name__ = field  # by which the style sheet knows the column
    return column


# --- Filters ----------------------------------------------------------------------------------------


class Filter(admin.SimpleListFilter):
    """A filter whose choices are in `choices_of`: value, label, and what the rows must meet."""

    choices_of: ClassVar[list[tuple[str, str | Promise, Callable[[HttpRequest], Q | Exists]]]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The choices in words."""
        return [(value, label) for value, label, _condition in self.choices_of]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows that meet the chosen condition; all of them without one. A choice that is not there meets none."""
        if self.value() is None:
            return queryset
        conditions = [condition for value, _label, condition in self.choices_of if value == self.value()]
        return queryset.filter(conditions[0](request)) if conditions else queryset.none()


class StageFilter(admin.SimpleListFilter):
    """Where a company stands on its way to a listing."""

    title = _("stage")
    parameter_name = "stage"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The stages."""
        return list(STAGES.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Companies of one stage."""
        if self.value() is None:
            return queryset
        of_stage: QuerySet[Any] = queryset.alias(_stage=stage_on(today())).filter(_stage=self.value())
        return of_stage


def lacks_shares() -> Q:
    """Of companies: listed somewhere, and nobody knows how many shares there are."""
    listed = Exists(Listing.objects.filter(company=OuterRef("pk")))
    return Q(listed) & ~Q(Exists(ShareCount.objects.filter(company=OuterRef("pk"))))


def lacks_revenue() -> Q:
    """Of companies: no confirmed revenue of any period."""
    revenue = Figure.objects.filter(company=OuterRef("pk"), metric=Metric.REVENUE, status=Figure.Status.CONFIRMED)
    return ~Q(Exists(revenue))


class MissingFilter(Filter):
    """Companies that lack something without which a number cannot be computed, or cannot be believed."""

    title = _("missing")
    parameter_name = "missing"
    choices_of: ClassVar = [
        ("shares", _("share count"), lambda request: lacks_shares()),
        ("revenue", _("revenue"), lambda request: lacks_revenue()),
        ("source", _("source"), lambda request: Q(source=None)),
        ("chinese", _("Chinese name"), lambda request: Q(name_zh="")),
    ]


class ArchivedFilter(Filter):
    """Companies on the lists, and those that are archived."""

    title = _("archived")
    parameter_name = "archived"
    choices_of: ClassVar = [
        ("no", _("no"), lambda request: Q(archived_at=None)),
        ("yes", _("yes"), lambda request: Q(archived_at__isnull=False)),
    ]


class ConflictFilter(admin.SimpleListFilter):
    """Figures that sources state differently; of companies, those that have such figures."""

    title = _("sources")
    parameter_name = "conflict"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """One choice: to see the conflicts."""
        return [("yes", _("contradict each other"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Rows with a conflict."""
        if self.value() != "yes":
            return queryset
        contradicted = Figure.objects.contradicted()
        if queryset.model is Company:
            return queryset.filter(Exists(contradicted.filter(company=OuterRef("pk"))))
        return queryset.filter(pk__in=contradicted.values("pk"))


class MineFilter(admin.SimpleListFilter):
    """What the reader of the list has entered, decided or changed."""

    title = _("mine")
    parameter_name = "mine"
    PEOPLE = ("entered_by", "decided_by", "added_by", "received_by", "requested_by", "resolved_by", "settled_by")

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """One choice."""
        return [("yes", _("entered or changed by me"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Rows that bear the reader's name, or whose history does."""
        if self.value() != "yes":
            return queryset
        model: type[Model] = queryset.model
        names = {field.name for field in model._meta.get_fields()}
        mine = Q(pk__in=[])
        for name in (name for name in self.PEOPLE if name in names):
            mine |= Q(**{name: request.user.pk})
        if is_traced(model):
            mine |= Q(pk__in=versions_of(model).filter(history_user=request.user.pk).order_by().values("id"))
        return queryset.filter(mine)


class NewestFilter(Filter):
    """Files that are the newest of their filing."""

    title = _("version")
    parameter_name = "newest"
    choices_of: ClassVar = [("yes", _("newest"), lambda request: is_newest_version())]


def is_newest_version() -> Q:
    """Of files: whether no later one of the same filing has come."""
    later = FilingVersion.objects.filter(filing=OuterRef("filing"), number__gt=OuterRef("number"))
    return ~Q(Exists(later))
