"""Texts in tables: no formula leaves, and what was escaped comes back as it was."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from companies.sheets.cells import escaped, unescaped


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@A1", "\tx", "\r=1", "\n", " =1", "＝1", "＠A1", "'=1", "''-1"])
def test_a_formula_is_escaped_and_comes_back(text: str) -> None:
    assert escaped(text) == f"'{text}"
    assert unescaped(f"'{text}") == text


@pytest.mark.parametrize("text", ["", "Acme", "1-2", "'tis", "'", "摩尔线程", "a=b"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert escaped(text) == unescaped(text) == text


@pytest.mark.parametrize("value", [-1, Decimal("-1.5"), date(2026, 1, 1), None])
def test_numbers_and_days_stay_what_they_are(value: Any) -> None:
    assert escaped(value) is value
