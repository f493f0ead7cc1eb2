"""Passages and the figures they state, in words and as links."""

from __future__ import annotations

from django import template
from django.utils.translation import gettext as _

from companies.filings.links import passage_url as address_of
from companies.models import Anchor, Figure
from companies.recording.amounts import Amount
from companies.recording.forms import sign_words, unit_words
from companies.recording.plain import plain_words
from companies.recording.reading import is_stated

register = template.Library()


@register.filter
def passage_url(anchor: Anchor) -> str:
    """Where a passage is read."""
    return address_of(anchor)


@register.filter
def plain_figure(figure: Figure) -> str:
    """The stored number with every digit: `645,000,000 to 720,000,000 CNY`."""
    words = plain_words(figure.low, figure.high, figure.currency)
    return f"{words}%" if figure.metric.endswith("_pct") else words


@register.filter
def cut_out(passage: str, amount: Amount) -> str:
    """The words of a passage that state an amount."""
    return passage[amount.start : amount.end]


@register.filter
def amount_words(amount: Amount) -> str:
    """What was understood of an amount, as far as it is not plain from its words."""
    said = [unit_words(amount.unit), sign_words(amount.sign), _("a change") if amount.is_change else ""]
    return " · ".join(part for part in said if part)


@register.filter
def states_its_number(figure: Figure) -> bool:
    """Whether the passage of a figure states its number; True where there is no passage to ask."""
    return not figure.passage or is_stated(figure)
