"""Cells of tables that leave as files. Programmes for tables take some texts for formulas, and run them."""

from __future__ import annotations

import unicodedata
from typing import TypeVar

Value = TypeVar("Value")
FORMULA_SIGNS = frozenset("=+-@")
BREAKS = frozenset("\t\r\n")  # a cell that begins so may become the one beside or below it


def escaped(value: Value) -> Value | str:
    """The cell for a value: an apostrophe before a text that would count as a formula. Numbers and days stay.

    `unescaped` takes the apostrophe away again, and no other.
    """
    return f"'{value}" if isinstance(value, str) and _is_risky(value.lstrip("'")) else value


def unescaped(text: str) -> str:
    """The text that a cell stands for."""
    return text[1:] if text.startswith("'") and _is_risky(text.lstrip("'")) else text


def _is_risky(text: str) -> bool:
    first = unicodedata.normalize("NFKC", text.lstrip()[:1])  # some programmes read wide signs too
    return text[:1] in BREAKS or first[:1] in FORMULA_SIGNS
