"""Numbers of the compare page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from companies.models import Basis, Company
from valuations.compare import Member, MetricRow
from valuations.compare_state import CompareState
from valuations.profile import Stated
from valuations.reasons import Missing
from valuations.templatetags.numbers import basis_word, dash, period
from valuations.templatetags.pages import figure_value

register = template.Library()


@register.filter
def index(value: Decimal | None) -> str:
    """A rebased price: `103.4`, `1,250.0`; nothing for a day without one."""
    return "" if value is None else f"{value.quantize(Decimal('0.1'), ROUND_HALF_UP):,f}"


@register.simple_tag
def query_with(state: CompareState, slug: str) -> str:
    """The query string of the page with one more company."""
    return f"?{state.with_company(slug)}"


@register.simple_tag
def query_without(state: CompareState, slug: str) -> str:
    """The query string of the page with one company less; empty for the page without any choice."""
    query = state.without_company(slug)
    return f"?{query}" if query else ""


@register.filter
def with_members(row: MetricRow, members: Sequence[Member]) -> Iterator[tuple[Member, Stated | None]]:
    """Each member with what it states of the metric of a row."""
    return zip(members, row.cells, strict=True)


@register.simple_tag
def reported_number(company: Company, metric: str, stated: Stated | None, query: str) -> SafeString:
    """A reported figure as the link that opens its source, with its period below; a dash where there is none."""
    path = reverse("valuations:reported_source", args=[company.slug, metric]) + query
    if stated is None:
        return format_html('<a class="src none" href="{}">{}</a>', path, dash(Missing("not_stated")))
    figure = stated.statements[0].figure
    basis = "" if figure.basis == Basis.ACTUAL else f" · {basis_word(figure.basis)}"
    said = format_html("<small>{}{}</small>", period(stated.period), basis)
    if not stated.agrees:
        said += format_html('<small class="look">{}</small>', _("sources differ"))
    return format_html('<a class="src" href="{}">{}</a>{}', path, figure_value(figure), said)
