"""The trace of every change: before and after, who, when and why; comparing, reverting, and what cannot be deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin

if TYPE_CHECKING:  # Django's own classes cannot be subscripted at run time
    ModelAdmin = admin.ModelAdmin[Any]
    ModelForm = forms.ModelForm[Any]
else:
    ModelAdmin, ModelForm = admin.ModelAdmin, forms.ModelForm


class TracedForm(ModelForm):
    """A form that asks why, where that is asked for."""


class TracedAdmin(ModelAdmin):
    """An admin that writes down what was before, and shows it."""
