"""The admin of what was reported: facts, documents, notes."""

from companies.admin import documents, notes
from companies.admin.facts import (
    RULES,
    FactAdmin,
    FactForm,
    FactInline,
    FactOptions,
    KnownSelect,
    ListingAdmin,
    ReadOnlyAdmin,
)

__all__ = [
    "RULES",
    "FactAdmin",
    "FactForm",
    "FactInline",
    "FactOptions",
    "KnownSelect",
    "ListingAdmin",
    "ReadOnlyAdmin",
    "documents",
    "notes",
]
