"""Rules of the database asked of rows that are not stored yet, in Python: a query for each would be thousands."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

from django.db.models import CheckConstraint, F, Model, Q

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "exact": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "startswith": str.startswith,
    "in": lambda value, values: value in values,
}


def broken(row: Model) -> Iterator[CheckConstraint]:
    """The rules of its table that a row breaks, in their order."""
    for constraint in row._meta.constraints:
        # What is not known, because a value is empty, breaks no rule: as databases have it.
        if isinstance(constraint, CheckConstraint) and _holds(constraint.condition, row) is False:
            yield constraint


def _holds(condition: Any, row: Model) -> bool | None:
    """Whether a condition is true of a row; None where that is not known."""
    if not isinstance(condition, Q):
        lookup, expected = condition
        return _compares(lookup, expected, row)
    found = [_holds(child, row) for child in condition.children]
    decisive = condition.connector == Q.OR
    if decisive in found:
        answer: bool | None = decisive
    else:
        answer = None if None in found else not decisive
    return answer if answer is None or not condition.negated else not answer


def _compares(lookup: str, expected: Any, row: Model) -> bool | None:
    name, _, how = lookup.partition("__")
    value = _value(row, name)
    if isinstance(expected, F):
        expected = _value(row, expected.name)
        if expected is None:
            return None
    if how == "isnull" or (expected is None and not how):
        return (value is None) is (expected is not False)
    if value is None:
        return None
    return _COMPARISONS[how or "exact"](value, expected)


def _value(row: Model, name: str) -> Any:
    field = row._meta.pk if name == "pk" else row._meta.get_field(name)
    return getattr(row, field.attname)  # type: ignore[union-attr]
