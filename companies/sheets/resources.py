"""The columns of each table, and what a row of it means. Names of columns are those of the fields, and stay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from datetime import datetime
from typing import Any, cast

from django.db import models
from django.utils.translation import gettext as _
from import_export.fields import Field
from import_export.resources import ModelResource

from companies.models import (
    Company,
    CorporateAction,
    Figure,
    Filing,
    FundingRound,
    Listing,
    Milestone,
    ShareCount,
    User,
)
from companies.periods import NotAPeriod, Period, parse_period
from companies.sheets.widgets import Related, Several, Text, as_typed, widget_for

Complaint = tuple[str, str]  # the field, and what to do
Key = tuple[Any, ...]


class SheetField(Field):  # type: ignore[misc]  # the library has no types
    """A column. An empty cell is an empty value; where there is none, the default, and an existing row stays."""

    def __init__(self, model_field: models.Field[Any, Any], default: Any) -> None:
        super().__init__(attribute=model_field.name, column_name=model_field.name, widget=widget_for(model_field))
        self.model_field = model_field
        has_empty = isinstance(self.widget, Text | Several)
        self.may_be_empty = bool(model_field.null or (model_field.blank and has_empty))
        self.fallback = default

    @property
    def has_fallback(self) -> bool:
        """Whether an empty cell of a new row stands for something."""
        return self.fallback is not models.NOT_PROVIDED

    @property
    def nothing(self) -> Any:
        """What an empty cell is where it stands for nothing."""
        return "" if isinstance(self.widget, Text) else None

    def is_required(self, derived: Sequence[str]) -> bool:
        """Whether a new row cannot do without it."""
        follows = self.attribute in derived or self.model_field.primary_key or self.model_field.blank
        return not (self.may_be_empty or follows or self.has_fallback)

    def put(self, instance: models.Model, value: Any, *, is_empty: bool) -> None:
        """Give a row the value of a cell."""
        if is_empty and not self.may_be_empty and self.has_fallback:
            return  # as it is stored, or the fallback of a new row
        if isinstance(self.widget, Text):
            value = as_typed(value)
            if as_typed(getattr(instance, self.attribute)) == value:
                return  # a stored text keeps the white space around it
        setattr(instance, self.attribute, value)


class SheetResource(ModelResource):  # type: ignore[misc]
    """A table: `Meta.fields` are its columns in order, `Meta.import_id_fields` the key that people know rows by."""

    derived: Sequence[str] = ()  # columns that follow from others where they are empty
    sourced = "source"  # the field that names where a row comes from
    is_unique = True  # the database has each key once; otherwise rows may be told apart by a column `id`

    @classmethod
    def field_from_django_field(cls, field_name: str, django_field: Any, readonly: bool) -> SheetField:
        """A column of a field, with our own ways to read and write it."""
        default = django_field.get_default() if django_field.has_default() else models.NOT_PROVIDED
        return SheetField(django_field, default)

    @property
    def columns(self) -> list[SheetField]:
        """The columns, in order."""
        return cast(list[SheetField], self.get_import_fields())

    @property
    def key(self) -> Sequence[str]:
        """The columns that tell rows apart."""
        return cast(Sequence[str], self._meta.import_id_fields)

    @property
    def model(self) -> type[Any]:
        """What its rows are."""
        return cast(type[Any], self._meta.model)

    def init_instance(self, row: Any = None) -> Any:
        """A new row, with what empty cells and absent columns stand for."""
        made = self.model()
        for column in self.columns:
            if column.has_fallback:
                setattr(made, column.attribute, copy(column.fallback))
        return made

    def required(self) -> list[str]:
        """The columns that a table must have."""
        return [field.column_name for field in self.columns if field.is_required(self.derived)]

    def related(self) -> list[str]:
        """The fields that name other rows."""
        return [field.attribute for field in self.columns if isinstance(field.widget, Related)]

    def exported(self, rows: models.QuerySet[Any]) -> models.QuerySet[Any]:
        """Rows with what their columns name."""
        return rows.select_related(*self.related())

    def stored(self, keys: Iterable[Mapping[str, Any]]) -> models.QuerySet[Any]:
        """Rows that may have one of the keys, in one query: by the first part of the key, and by day where it has one.

        Args:
            keys: Their parts by field.
        """
        first = self.key[0]
        condition = models.Q(**{f"{first}__in": {key[first] for key in keys if key.get(first)}})
        if "day" in self.key and (days := [key["day"] for key in keys if key.get("day")]):
            condition &= models.Q(day__range=(min(days), max(days)))
        rows: models.QuerySet[Any] = self.model._default_manager.filter(condition)
        return self.exported(rows).order_by("pk")

    def key_of(self, values: Mapping[str, Any] | models.Model) -> Key:
        """The key of a row that is stored, or of the values of one that is not."""

        def part(name: str) -> Any:
            if isinstance(values, models.Model):
                value = getattr(values, self.model._meta.get_field(name).attname)
            else:
                value = values.get(name)
            value = value.pk if isinstance(value, models.Model) else value
            return as_typed(value) if isinstance(value, str) else value

        return tuple(part(name) for name in self.key)

    def order(self, values: Mapping[str, Any]) -> Any:
        """In which order rows are compared with what is known; unless told, that of the table.

        Args:
            values: Of the row's cells, by column.
        """
        return ()

    def remember(self, row: Any) -> None:
        """Keep what a row was before its cells are taken over, for `complete`."""

    def complete(self, row: Any, given: Mapping[str, Any]) -> Iterable[Complaint]:
        """Fill in what follows from a row's other fields, and say what is wrong beyond single cells.

        Args:
            row: With the values of its cells.
            given: The values of the cells that are not empty.
        """
        return ()

    def prepare(self, row: Any, user: User, now: datetime, reason: str) -> None:
        """Note on a new row who brought it in."""

    def follow(self, rows: Iterable[Any]) -> Sequence[str]:
        """Bring fields that are no columns in step with changed rows; returns their names."""
        return ()


class CompanyResource(SheetResource):
    """Companies, by their slug."""

    class Meta:
        """Columns."""

        model = Company
        import_id_fields = ("slug",)
        fields = (
            "slug", "name_en", "name_zh", "aliases", "segment", "segment_note", "founded", "city", "parent",
            "founders", "products", "website", "fiscal_year_end", "note", "source",
        )  # fmt: skip

    def prepare(self, row: Company, user: User, now: datetime, reason: str) -> None:
        """Make the keys that searches look into."""
        self.follow([row])

    def follow(self, rows: Iterable[Company]) -> Sequence[str]:
        """Keep the keys that searches look into in step with the names."""
        for row in rows:
            row.search_keys = row.derived_search_keys()
        return ["search_keys"]


class ListingResource(SheetResource):
    """Listings, by exchange and ticker."""

    class Meta:
        """Columns."""

        model = Listing
        import_id_fields = ("mic", "ticker")
        fields = (
            "mic", "ticker", "company", "board", "share_class", "currency", "listed_on", "delisted_on", "watched",
            "source",
        )  # fmt: skip


class ShareCountResource(SheetResource):
    """Share counts, by company, class, day and source."""

    class Meta:
        """Columns."""

        model = ShareCount
        import_id_fields = ("company", "share_class", "valid_from", "source")
        fields = ("company", "share_class", "valid_from", "total", "method", "source", "note")

    def order(self, values: Mapping[str, Any]) -> Any:
        """Each count is compared with the one before it."""
        return values["valid_from"]


class CorporateActionResource(SheetResource):
    """Corporate actions, by company, class, kind and day."""

    class Meta:
        """Columns."""

        model = CorporateAction
        import_id_fields = ("company", "share_class", "kind", "ex_day")
        fields = (
            "company", "share_class", "kind", "ex_day", "ratio", "new_shares", "cash", "currency", "provider",
            "fetched_at", "source", "note",
        )  # fmt: skip

    sourced = ""  # by the rule of the database: a filing, or a provider and the time


class FundingRoundResource(SheetResource):
    """Funding rounds, by company, label, kind and source."""

    class Meta:
        """Columns."""

        model = FundingRound
        import_id_fields = ("company", "label", "kind", "source")
        fields = (
            "id", "company", "label", "kind", "closed_on", "precision", "currency", "amount", "post_money_low",
            "post_money_high", "investors", "known_on", "source", "note",
        )  # fmt: skip

    is_unique = False


class MilestoneResource(SheetResource):
    """Milestones, by company, venue, kind, day and source."""

    class Meta:
        """Columns."""

        model = Milestone
        import_id_fields = ("company", "venue", "kind", "day", "source")
        fields = ("id", "company", "venue", "kind", "day", "precision", "detail", "known_on", "source")

    is_unique = False


class FilingResource(SheetResource):
    """Filings, by their slug. They are sources themselves."""

    class Meta:
        """Columns."""

        model = Filing
        import_id_fields = ("slug",)
        fields = (
            "slug", "company", "kind", "tier", "title", "title_original", "publisher", "language", "published_on",
            "published_precision", "url", "seen_title", "seen_url", "seen_on", "period_end", "corrects",
        )  # fmt: skip

    sourced = ""

    def prepare(self, row: Filing, user: User, now: datetime, reason: str) -> None:
        """Note who brought it in."""
        row.added_by, row.added_at = user, now


class FigureResource(SheetResource):
    """Figures, by what they are of and their source; new ones are proposed unless the table says otherwise."""

    class Meta:
        """Columns."""

        model = Figure
        import_id_fields = ("company", "listing", "metric", "period", "basis", "source")
        fields = (
            "id", "company", "listing", "metric", "period", "period_start", "period_end", "low", "high", "currency",
            "basis", "reported_in", "known_on", "known_by", "source", "passage", "note", "status",
        )  # fmt: skip

    derived = ("period_start", "period_end")
    is_unique = False

    @classmethod
    def field_from_django_field(cls, field_name: str, django_field: Any, readonly: bool) -> SheetField:
        """Without a status a new figure waits for somebody to decide about it."""
        if field_name == "status":
            return SheetField(django_field, Figure.Status.PROPOSED.value)
        return super().field_from_django_field(field_name, django_field, readonly)

    def remember(self, row: Any) -> None:
        """Keep its status and its days."""
        self._was = row.status, Period(row.period_start, row.period_end) if row.period_end else None

    def complete(self, row: Any, given: Mapping[str, Any]) -> Iterable[Complaint]:
        """Fill in the days of the period; refuse listings of others, and decisions."""
        if row.company_id is not None and row.period:
            yield from self._days(row, given)
        if row.listing is not None and row.company_id not in (None, row.listing.company_id):
            yield "listing", _("This listing belongs to another company.")
        was = self._was[0]
        if row.pk is None and row.status not in (Figure.Status.PROPOSED, Figure.Status.CONFIRMED):
            yield "status", _("A new figure is proposed or confirmed.")
        elif row.pk is not None and row.status != was:
            words = _("The figure is %(status)s. That is decided on its own page: leave the cell empty.")
            yield "status", words % {"status": Figure.Status(was).label}

    def _days(self, row: Any, given: Mapping[str, Any]) -> Iterable[Complaint]:
        try:
            named = parse_period(row.period, row.company.fiscal_year_end)
        except NotAPeriod:
            yield "period", _("This names no period that exists.")
            return
        if "period_end" not in given and "period_start" not in given:
            stored = self._was[1]
            # A year of 52 or 53 weeks has days of its own.
            days = stored if stored is not None and named.agrees_with(stored) else named
            row.period_start, row.period_end = days.start, days.end
        elif "period_end" not in given:
            yield "period_end", _("Give the last day too, or leave both empty.")
        elif not named.agrees_with(Period(row.period_start, row.period_end)):
            words = _("The label stands for %(start)s to %(end)s. Correct the days, or leave them empty.")
            yield "period_end", words % {"start": named.start or "—", "end": named.end}

    def prepare(self, row: Figure, user: User, now: datetime, reason: str) -> None:
        """Note who entered it, and that it was decided about where it is confirmed."""
        row.entered_by = user
        if row.status == Figure.Status.CONFIRMED:
            row.decided_by, row.decided_at, row.decision = user, now, reason
