"""What a change would do to market values and multiples, shown before it is saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin

if TYPE_CHECKING:  # Django's own class cannot be subscripted at run time
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


class EffectAdmin(ModelAdmin):
    """An admin whose form has a second button, which shows what saving would change."""
