"""Versions of rows in words: what each field said, and what became another one between two versions.

Related rows of all versions are read together, in one query for each model, whatever the number of versions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _

from companies.history import CREATED, DELETED, FOUND, links_of, version_model

NOTHING = "—"
Address = Callable[[models.Model], str]


@dataclass(frozen=True, slots=True)
class Word:
    """A value in words, and where to look at the row that it names."""

    text: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field with what it said in two versions."""

    name: str
    label: str
    before: tuple[Word, ...]
    after: tuple[Word, ...]


def kind_in_words(kind: str) -> str:
    """What a version says happened."""
    return {CREATED: _("created"), DELETED: _("deleted"), FOUND: _("as it was found")}.get(kind, _("changed"))


class Wording:
    """The words for some versions of rows of one model."""

    def __init__(self, model: type[models.Model], versions: Iterable[Any], address: Address = lambda row: "") -> None:
        """Read what the versions refer to.

        Args:
            address: Where the reader may look at a related row; empty for a row that they may not see.
        """
        history = version_model(model)
        self.model, self.address = model, address
        self.fields = [field for field in history.tracked_fields if not field.primary_key]
        self.many = list(history._history_m2m_fields)
        shown = list(versions)
        self._links = links_of(model, shown) if self.many else {}
        self._related = self._read(shown)

    def changes(self, before: Any | None, after: Any) -> list[FieldChange]:
        """The fields in which two versions differ; of a first version, those that say something."""
        return [
            FieldChange(field.name, str(field.verbose_name), self.words(before, field), self.words(after, field))
            for field in (*self.fields, *self.many)
            if self._value(before, field) != self._value(after, field)
        ]

    def words(self, version: Any | None, field: Any) -> tuple[Word, ...]:
        """What a version says in a field; several words where a row is related to many."""
        value = self._value(version, field)
        if field in self.many:
            return tuple(sorted((self._name(field, key) for key in value), key=lambda word: word.text))
        if value in (None, ""):
            return ()
        return (self._name(field, value) if field.is_relation else Word(value_in_words(field, value)),)

    def missing(self, version: Any) -> list[Any]:
        """The fields in which a version names a row that is not there any more."""
        related = [field for field in (*self.fields, *self.many) if field.is_relation]
        return [
            field
            for field in related
            if len(self.there(version, field)) < len(list(_keys(self._value(version, field))))
        ]

    def there(self, version: Any, field: Any) -> list[Any]:
        """The keys of the related rows of a version that are still there."""
        return [key for key in _keys(self._value(version, field)) if (field.related_model, key) in self._related]

    def _value(self, version: Any | None, field: Any) -> Any:
        if field in self.many:
            links = () if version is None else self._links[version.history_id].get(field.name, ())
            return frozenset(getattr(link, f"{field.m2m_reverse_field_name()}_id") for link in links)
        if version is None:
            return None
        value = getattr(version, field.attname)
        # Texts and lists that say nothing are as good as none.
        return None if value in ("", []) else value

    def _read(self, versions: Sequence[Any]) -> dict[tuple[Any, Any], models.Model]:
        """The related rows of all versions that are still there."""
        wanted: dict[Any, set[Any]] = defaultdict(set)
        for field in (*self.fields, *self.many):
            if field.is_relation:
                for version in versions:
                    wanted[field.related_model].update(_keys(self._value(version, field)))
        return {
            (model, key): row
            for model, keys in wanted.items()
            if keys
            for key, row in model._base_manager.in_bulk(keys).items()
        }

    def _name(self, field: Any, key: Any) -> Word:
        row = self._related.get((field.related_model, key))
        if row is None:
            words = _("no. %(key)s, which has been deleted")
            return Word(words % {"key": key})
        return Word(str(row), self.address(row))


def value_in_words(field: Any, value: Any) -> str:
    """A value of a field that names no other row: labels, whole numbers with all digits, days as year-month-day."""
    if field.choices and not isinstance(value, bool):
        return str(dict(field.flatchoices).get(value, value))
    match value:
        case bool():
            return _("yes") if value else _("no")
        case Decimal():
            text = f"{value:,f}"
            return text.rstrip("0").rstrip(".") if "." in text else text
        case int():
            # A year is written without commas, a number of shares with them.
            return f"{value:,}" if isinstance(field, models.BigIntegerField) else str(value)
        case datetime():
            return timezone.localtime(value).strftime("%Y-%m-%d %H:%M:%S")
        case date():
            return value.isoformat()
        case time():
            return value.strftime("%H:%M")
        case list():
            return ", ".join(map(str, value))
    return str(value)


def _keys(value: Any) -> Iterator[Any]:
    """The keys of related rows: one, several or none."""
    if isinstance(value, frozenset):
        yield from value
    elif value is not None:
        yield value
