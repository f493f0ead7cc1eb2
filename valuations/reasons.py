"""Why a number is missing, in words a reader understands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

WORDS: Mapping[str, str | Promise] = {
    "unlisted": _("not listed"),
    "delisted": _("no longer listed"),
    "open_at_both_ends": _("one source gives only a least, another only a most"),
    "no_listing_on_day": _("not listed on this day"),
    "no_quote": _("no price known on or before this day"),
    "no_round": _("not listed, and no funding round with a stated value is known"),
    "no_shares": _("number of shares not known"),
    "shares_since": _("number of shares known only from %(since)s on: a corporate action lies before it"),
    "classes_unknown": _("listed in several share classes, and the shares of each class are not known"),
    "no_rate": _("no %(base)s/%(quote)s rate within a week before %(day)s"),
    "nothing_reported": _("no revenue known on this day"),
    "needs_review": _("left out until someone looks: the passage that states %(period)s was not found again"),
    "nothing_filed": _("no reported revenue, only claims or expectations"),
    "no_fiscal_year": _("no revenue of a whole fiscal year known"),
    "only_expected": _("the fiscal year is only expected, not reported"),
    "no_guidance": _("the company has given no guidance"),
    "guidance_overtaken": _("guidance for %(period)s was overtaken by the report"),
    "guidance_expired": _("guidance for %(period)s is out of date: the report on it is due"),
    "trailing_lacks": _("twelve months cannot be put together: %(period)s is not known"),
    "trailing_too_old": _("last twelve months known end with %(period)s, over fifteen months ago"),
    "no_value": _("no market value"),
    "no_revenue": _("no revenue"),
    "not_positive": _("revenue is zero, negative or open at that end"),
    "part_of_year": _("%(period)s is not twelve months"),
    "no_rd": _("no R&D expense known for the same period"),
    "nothing_to_compare": _("no price of the session before to compare with"),
    "few_prices": _("fewer than two prices from %(since)s on"),
    "not_stated": _("no figure known on this day"),
    "no_members": _("no company has this number"),
    "no_benchmark": _("NVIDIA's market value is not known on this day"),
}


@dataclass(frozen=True, slots=True)
class Missing:
    """A number that cannot be had. `str()` says why in the reader's language."""

    code: str
    details: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return str(WORDS[self.code]) % {name: _in_words(value) for name, value in self.details.items()}


def _in_words(value: Any) -> str:
    """A day or a period the way the reader's language writes it; a currency or anything else as it is."""
    # Imported here: the filters need the reasons.
    from valuations.templatetags.numbers import day, period

    return day(value) if isinstance(value, date) else period(str(value))
