"""The admin of exchange days, and of what does not fit them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db import models

from companies.admin import FactAdmin, ReadOnlyAdmin
from valuations.models import CalendarWarning, ExchangeDay, ExchangeYear

if TYPE_CHECKING:
    QuerySet = models.QuerySet[Any]
    InlineFormSet = forms.BaseInlineFormSet[Any, Any, Any]
else:
    QuerySet, InlineFormSet = models.QuerySet, forms.BaseInlineFormSet


@admin.register(ExchangeDay)
class ExchangeDayAdmin(FactAdmin):
    """Closed days, half days and extra sessions."""

    list_display = ["mic", "day", "kind", "note", "source"]
    list_display_links = ["mic", "day"]
    list_filter = ["mic", "kind"]
    date_hierarchy = "day"
    search_fields = ["note", "source"]


@admin.register(ExchangeYear)
class ExchangeYearAdmin(FactAdmin):
    """Years whose calendar an exchange has published."""

    list_display = ["mic", "year", "source"]
    list_display_links = ["mic", "year"]
    list_filter = ["mic"]
    search_fields = ["source"]


@admin.register(CalendarWarning)
class CalendarWarningAdmin(ReadOnlyAdmin):
    """What the calendar and the prices disagree about."""

    list_display = ["mic", "day", "kind", "detail", "found_at", "settled_at", "settled_by"]
    list_display_links = ["mic", "day"]
    list_filter = ["mic", "kind", ("settled_at", admin.EmptyFieldListFilter)]
    list_select_related = ["settled_by"]
    date_hierarchy = "day"
    search_fields = ["mic", "detail"]
