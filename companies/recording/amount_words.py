"""What is said to somebody who types an amount: how to write it, and what will be stored of it."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from companies.recording.plain import digits
from companies.recording.typed import NotAnAmount, Typed, typed_amount

PROBLEMS = {
    "several": _("Write one amount here: 12.5亿, 1.25bn or 1,250,000,000."),
    "percent": _("Write the number without a percent sign."),
    "open": _("Write one amount. For “more than” leave the high empty, for “at most” the low."),
    "unclear": _(
        "This may be read in several ways, or not at all. Write 1,250,000,000 or 1250000000.5, or 12.5亿, 1.25bn, "
        "500 million; no comma before decimals."
    ),
}


def amount_of(text: str) -> Typed | None:
    """What somebody typed as an amount; None where it is nothing.

    Raises:
        ValidationError: With words that say how to write it.
    """
    try:
        return typed_amount(text)
    except NotAnAmount as problem:
        raise ValidationError(PROBLEMS[problem.code], code=problem.code) from None


def other_currency(typed: Typed | None, currency: str) -> str:
    """What to say where an amount names another currency than its row; empty where it does not."""
    if typed is None or not typed.currency or not currency or typed.currency == currency:
        return ""
    words = gettext("You wrote %(written)s here, and the currency is %(currency)s. Correct one of them.")
    return words % {"written": typed.currency, "currency": currency}


def stored_words(typed: Typed | None, currency: str = "") -> str:
    """What will be stored of an amount: `= 1,250,000,000 CNY`; empty where there is none."""
    return "" if typed is None else f"= {digits(typed.value)} {currency or typed.currency}".strip()
