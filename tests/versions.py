"""Short questions about the versions of rows."""

from __future__ import annotations

from typing import Any

from django.db import models

from companies.history import versions_of


def kinds(model: type[models.Model], key: int) -> list[str]:
    """The kinds of a row's versions, oldest first."""
    found = versions_of(model).filter(**{"id": key}).order_by("history_id")
    return [one.history_type for one in found]


def latest(model: type[models.Model], key: int | None = None) -> Any:
    """The newest version of a row, or of all rows of a model."""
    found = versions_of(model)
    return (found if key is None else found.filter(**{"id": key})).first()
