"""Which tables can be imported and exported. What reads and writes them is loaded once it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db.models import Model
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from companies.sheets.resources import SheetResource

# The resource of each model, by its label. Its module needs import-export, which ordinary pages do without.
_resources: dict[str, str] = {
    f"companies.{name.lower()}": f"companies.sheets.resources.{name}Resource"
    for name in (
        "Company", "Listing", "ShareCount", "CorporateAction", "FundingRound", "Milestone", "Filing", "Figure",
    )
}  # fmt: skip


def register(label: str, resource: str) -> None:
    """Say that a model's rows can be imported and exported.

    Args:
        label: Of the model: `valuations.quote`.
        resource: Path of the class that reads and writes its rows.
    """
    _resources[label] = resource


def labels() -> list[str]:
    """The labels of all models that can be imported."""
    return list(_resources)


def has_table(model: type[Model]) -> bool:
    """Whether rows of a model can be imported and exported."""
    return model._meta.label_lower in _resources


def resource_of(model: type[Model]) -> SheetResource:
    """A fresh resource of a model that has one."""
    made: SheetResource = import_string(_resources[model._meta.label_lower])()
    return made


def model_of(label: str) -> type[Any]:
    """The model of a label.

    Raises:
        LookupError: It has no table.
    """
    if label not in _resources:
        raise LookupError(label)
    return apps.get_model(label)
