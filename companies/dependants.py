"""What depends on a row, so that it cannot be deleted: every row of another kind, or of its own, that names it.

How the database would treat them (refuse, delete them too, forget the name) makes no difference: each would lose
something without anybody having said so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models import Count

SHOWN = 5  # rows that are named; the others are counted


@dataclass(frozen=True, slots=True)
class Dependants:
    """Rows of one model that name some rows in one field: how many name each, and a few of them."""

    model: type[models.Model]
    field: str
    counts: Counter[Any]  # by the key of the row that is named
    some: tuple[models.Model, ...]

    @property
    def total(self) -> int:
        """How many they are."""
        return self.counts.total()


def dependants(model: type[models.Model], keys: Sequence[Any]) -> list[Dependants]:
    """What depends on rows, by model; at most two queries for each model that can.

    Args:
        model: The model of the rows, all of which are about to be deleted together.
        keys: Their primary keys.
    """
    found = []
    for relation in naming(model):
        other, field = relation.related_model, relation.field
        rows = other._base_manager.filter(**{f"{field.name}__in": keys})
        if other is model:
            rows = rows.exclude(pk__in=keys)
        counts = Counter(dict(rows.order_by().values_list(field.attname).annotate(n=Count("pk"))))
        if counts:
            some = rows.select_related(*_named_in_titles(other)).order_by("-pk")[:SHOWN]
            found.append(Dependants(other, field.name, counts, tuple(some)))
    return found


def naming(model: type[models.Model]) -> list[Any]:
    """The relations of other models to a model. Versions do not count: they name what is gone, too."""
    fields: list[Any] = list(model._meta.get_fields(include_hidden=True))
    return [
        relation
        for relation in fields
        if relation.auto_created and (relation.one_to_many or relation.one_to_one)
        if not relation.related_model._meta.auto_created and relation.field.db_constraint
    ]


def _named_in_titles(model: type[models.Model]) -> list[str]:
    """The relations that a row's own title may speak of."""
    return [field.name for field in model._meta.fields if field.is_relation and not field.null]
