"""Boxes of the admin's forms: amounts as people write them, codes with a short list to choose from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from companies.recording.amount_words import amount_of, stored_words
from companies.recording.plain import digits


class AmountInput(forms.TextInput):
    """A box with the plain number that will be stored beside it, also while it is typed (static/js/admin_forms.js)."""

    currency = ""
    quiet = False  # in a table a number that is written in full is not said again

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """With the address that reads what is typed."""
        attrs = {"size": 24, "autocomplete": "off", "data-amount": reverse("figures:amount"), **(attrs or {})}
        return super().get_context(name, value, attrs)

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        """The box, and what its text stands for."""
        box = super().render(name, value, attrs, renderer)
        try:
            words = stored_words(amount_of(str(value or "")), self.currency)
        except ValidationError:
            words = ""  # what is wrong is said above the box
        if self.quiet and str(value or "") in words:
            words = ""
        return format_html('<span class="amount-box">{}<output class="amount-words">{}</output></span>', box, words)


class AmountField(forms.DecimalField):
    """An amount: 12.5亿, 1.25bn and 1,250,000,000 are the same. A stored one is shown with every digit."""

    widget = AmountInput

    def to_python(self, value: Any) -> Any:
        """The plain number."""
        if value in self.empty_values or isinstance(value, Decimal | int):
            return None if value in self.empty_values else Decimal(value)
        typed = amount_of(str(value))
        return None if typed is None else typed.value

    def prepare_value(self, value: Any) -> Any:
        """Every digit, in groups of three."""
        return digits(value) if isinstance(value, Decimal | int) else value


class CountField(AmountField):
    """A whole number, such as 4.7亿 shares."""

    def clean(self, value: Any) -> Any:
        """The plain number."""
        number = super().clean(value)
        if number is None:
            return None
        if number != number.to_integral_value():
            raise ValidationError(_("This is a whole number: give it without decimals."))
        return int(number)


class CodeInput(forms.TextInput):
    """A box for a code, with the usual ones to choose from; others may be typed.

    Args:
        known: Gives the codes with their names.
    """

    def __init__(self, known: Callable[[], Iterable[tuple[str, Any]]], attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"class": "code", "autocomplete": "off", **(attrs or {})})
        self.known = known

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        """Codes have capital letters, which the box shows whatever is typed."""
        value = super().value_from_datadict(data, files, name)
        return value.upper() if isinstance(value, str) else value

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        """The box and its list."""
        listed = f"{(attrs or {}).get('id', f'id_{name}')}-list"
        box = super().render(name, value, {**(attrs or {}), "list": listed}, renderer)
        options = format_html_join("", '<option value="{}">{}</option>', self.known())
        return format_html('{}<datalist id="{}">{}</datalist>', box, listed, options)


def currencies() -> Iterable[tuple[str, str]]:
    """Currencies that facts are stated in, with their names."""
    return (
        ("CNY", gettext("renminbi yuan")),
        ("HKD", gettext("Hong Kong dollar")),
        ("USD", gettext("US dollar")),
        ("EUR", gettext("euro")),
        ("JPY", gettext("Japanese yen")),
        ("TWD", gettext("New Taiwan dollar")),
    )


def exchanges() -> Iterable[tuple[str, str]]:
    """Exchanges by their market identifier codes."""
    return (
        ("XSHG", gettext("Shanghai Stock Exchange")),
        ("XSHE", gettext("Shenzhen Stock Exchange")),
        ("XHKG", gettext("Hong Kong Exchanges")),
        ("XNAS", gettext("Nasdaq")),
        ("XNYS", gettext("New York Stock Exchange")),
    )
