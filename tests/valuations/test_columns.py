"""What can be stored of a number is what the columns of the models hold."""

from decimal import Decimal

import pytest
from django.db import models

from companies.models import CorporateAction
from valuations.columns import CASH, PRICE, RATE, RATIO, Column, holds_volume
from valuations.models import FxRate, Quote


@pytest.mark.parametrize(
    ("column", "model", "name"),
    [
        (PRICE, Quote, "close"),
        (PRICE, Quote, "high"),
        (RATE, FxRate, "rate"),
        (RATIO, CorporateAction, "ratio"),
        (CASH, CorporateAction, "cash"),
    ],
)
def test_a_column_has_the_digits_of_its_field(column: Column, model: type[models.Model], name: str) -> None:
    field = model._meta.get_field(name)
    assert isinstance(field, models.DecimalField)
    assert (column.digits, column.places) == (field.max_digits, field.decimal_places)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("0.000001", True),
        ("0.0000009", False),  # rounded it might be zero
        ("99999999999999", True),
        ("99999999999999.9999999", False),  # rounded it has fifteen digits before the point
        ("0", False),
        ("-1", False),
    ],
)
def test_a_price_is_held_when_rounding_keeps_it_within_the_column(number: str, *, expected: bool) -> None:
    assert PRICE.holds(Decimal(number)) is expected


@pytest.mark.parametrize(("shares", "expected"), [(0, True), (-1, False), (2**63 - 1, True), (2**63, False)])
def test_a_volume_is_held_when_it_fits_eight_bytes(shares: int, *, expected: bool) -> None:
    assert holds_volume(shares) is expected
