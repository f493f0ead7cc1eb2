"""Tables in and out: export of what a list shows, import with a look at every row before it is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin

if TYPE_CHECKING:  # Django's own class cannot be subscripted at run time
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


class SheetAdmin(ModelAdmin):
    """An admin whose list can be exported, and takes tables."""
