"""Doubts about rows that are about to be stored: put to somebody once, and confirmed for just their numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext

from companies.rules import Problem

# The box that names the doubts somebody has confirmed, by their keys.
CHECKED = "_checked"


def linked(problem: Problem) -> str:
    """The words of a problem, with a link to the row that they are about."""
    if problem.other is None or problem.other.pk is None:
        return problem.words
    options = problem.other._meta
    url = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[problem.other.pk])
    link = gettext("Open that one")
    return format_html('{} <a href="{}" target="_blank" rel="noopener">{}</a>', problem.words, url, link)


def doubts_in(forms: Iterable[Any]) -> dict[str, Any]:
    """What templates/admin/doubts.html needs about forms that have been checked; a `FactForm` has doubts."""
    found = [(form, doubt) for form in forms for doubt in getattr(form, "doubts", ())]
    return {
        "doubts": [linked(doubt) for _form, doubt in found],
        "doubt_keys": " ".join(sorted({doubt.key for _form, doubt in found})),
        "doubts_confirmed": all(doubt.key in form.confirmed for form, doubt in found),
    }
