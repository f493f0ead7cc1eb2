"""The question why: one field for everything that a page changes."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from companies.history import LONGEST_REASON

REASON = "change_reason"
SAY_WHY = gettext_lazy("Say why: it is kept in the history.")


def reason_of(request: HttpRequest) -> str:
    """Why, as the person typed it."""
    return request.POST.get(REASON, "").replace("\0", "").strip()[:LONGEST_REASON]


def reason_field(*, required: bool = False, asked: bool = False) -> forms.CharField:
    """The field that asks why.

    Args:
        required: The form does nothing without it.
        asked: A change needs it; a form that is saved as it is does not.
    """
    asks = gettext_lazy("Needed when something here changes; it is kept in the history.")
    return forms.CharField(
        label=gettext_lazy("Why"),
        max_length=LONGEST_REASON,
        required=required,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text=asks if asked else gettext_lazy("The reason of this change; it is kept in the history."),
        error_messages={"required": SAY_WHY},
    )


class ReasonForm(forms.Form):
    """A page that does one thing, and asks why."""

    change_reason = reason_field(required=True)
