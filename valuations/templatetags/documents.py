"""The state of a filing's document, for the page that shows the filing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.template.context import RequestContext

from companies.models import Filing, FilingVersion
from companies.roles import may_bring_in
from valuations.document_state import document_state as state_of

register = template.Library()


@register.inclusion_tag("components/document_state.html", takes_context=True)
def document_state(
    context: RequestContext, filing: Filing, version: FilingVersion | None, is_over: bool = False
) -> Mapping[str, Any]:
    """Where the document stands, and the buttons of who may bring one in.

    `is_over`: the page has waited for something, and that is over.
    """
    user = context["user"]
    return {
        "filing": filing,
        "version": version,
        "state": state_of(filing, version),
        "is_over": is_over,
        "may_bring_in": may_bring_in(user),
        "csrf_token": context.get("csrf_token", ""),
        "request": context["request"],
    }
