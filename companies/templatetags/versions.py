"""Parts of the pages that show versions and ask for reasons."""

from __future__ import annotations

from typing import Any

from django import template

from companies.admin.reasons import REASON
from companies.history import LONGEST_REASON, asks_why

register = template.Library()


@register.inclusion_tag("admin/why.html")
def why(opts: Any) -> dict[str, Any]:
    """The field that asks why on a page that deletes rows of a model."""
    return {"name": REASON, "longest": LONGEST_REASON, "required": asks_why(opts.model)}
