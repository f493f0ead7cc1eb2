"""The versions of rows: what each was before and after every change, who changed it, when and why.

The library writes a version whenever one row is saved or deleted. What it does not see, changes of many rows at once,
is written down here, with the person and the reason. Where jobs have changed a row meanwhile, a version of its own says
how it was found, so that nobody is said to have changed what a job did.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db import models, transaction
from django.db.models import Max
from django.utils import timezone
from simple_history.models import HistoricalRecords

from companies.models import User

CREATED, CHANGED, DELETED = "+", "~", "-"
FOUND = "="  # how a row was when somebody came to change it; not a change

# Models whose changes need a reason: values of companies and calendars hang on them.
ASKED = frozenset({"Figure", "ShareCount", "Listing", "ExchangeDay", "ExchangeYear"})
LONGEST_REASON = 300

Rows = models.Model | Iterable[models.Model]


def is_traced(model: type[models.Model]) -> bool:
    """Whether versions of the model's rows are kept."""
    return hasattr(model._meta, "simple_history_manager_attribute")


def versions_of(model: type[models.Model]) -> models.QuerySet[Any]:
    """All versions of a model's rows, newest first."""
    versions: models.QuerySet[Any] = version_model(model)._default_manager.order_by("-history_id")
    return versions


@cache  # the library makes a manager, with its class, whenever it is asked: for each row that would be most of the time
def version_model(model: type[models.Model]) -> Any:
    """The model of the versions of a model's rows."""
    return getattr(model, model._meta.simple_history_manager_attribute).model  # type: ignore[attr-defined]


def asks_why(model: type[models.Model]) -> bool:
    """Whether a change of the model's rows needs a reason."""
    return model.__name__ in ASKED


@contextmanager
def changing(rows: Rows, user: User | None, reason: str = "") -> Iterator[None]:
    """Whatever happens to `rows` in this block leaves one version of each row that is another one afterwards, or gone.

    Rows that stay as they are leave none. What the block itself wrote of them, by saving, is replaced by that version.

    Args:
        rows: Saved rows, of one or of several models whose versions are kept. They are locked until the end.
        user: Who changes them; None for the program.
        reason: Why, as the person gave it.
    """
    with transaction.atomic():
        held = [_Held(model, keys) for model, keys in _by_model(rows).items()]
        yield
        for one in held:
            one.store(user, reason)


def created(rows: Rows, user: User | None, reason: str = "") -> None:
    """Write the first versions of rows that were made many at once, with their keys."""
    for model, keys in _by_model(rows).items():
        _write(model, [(state, CREATED) for state in _states(model, keys).values()], user, reason)


@dataclass(frozen=True, slots=True)
class State:
    """A row with its relations to many others, as the database has it."""

    row: Any
    related: dict[str, Sequence[Any]]  # rows of the table between, by field

    def values(self) -> tuple[Any, ...]:
        """What makes two states the same."""
        model: type[models.Model] = type(self.row)
        fields = version_model(model).tracked_fields
        return (*(getattr(self.row, field.attname) for field in fields), _targets(type(self.row), self.related))


class _Held:
    """Rows of one model, locked, and what they were."""

    def __init__(self, model: type[models.Model], keys: Sequence[Any]) -> None:
        self.model, self.keys = model, keys
        self.before = _states(model, keys, lock=True)
        self.known = newest_versions(model, keys)
        self.newest = self._versions().aggregate(newest=Max("history_id"))["newest"] or 0

    def _versions(self) -> models.QuerySet[Any]:
        return versions_of(self.model).filter(**{f"{self.model._meta.pk.attname}__in": self.keys})

    def store(self, user: User | None, reason: str) -> None:
        """Write the versions of what is another one than before, in place of those that were written meanwhile."""
        after = _states(self.model, self.keys)
        changed = {
            key: state
            for key, state in self.before.items()
            if key not in after or after[key].values() != state.values()
        }
        _forget(self.model, self._versions().filter(history_id__gt=self.newest))
        found = [(state, FOUND) for key, state in changed.items() if self.known.get(key) != state.values()]
        _write(self.model, found, None, "")
        now = [(after.get(key, state), CHANGED if key in after else DELETED) for key, state in changed.items()]
        _write(self.model, now, user, reason)


def _by_model(rows: Rows) -> dict[type[models.Model], list[Any]]:
    """The keys of rows by their model."""
    found: dict[type[models.Model], list[Any]] = defaultdict(list)
    for row in [rows] if isinstance(rows, models.Model) else rows:
        found[type(row)].append(row.pk)
    return found


def _states(model: type[models.Model], keys: Sequence[Any], *, lock: bool = False) -> dict[Any, State]:
    """The rows as the database has them now, by key; those that are gone are left out."""
    rows = model._base_manager.filter(pk__in=keys).order_by("pk")
    found = {row.pk: State(row, defaultdict(list)) for row in (rows.select_for_update() if lock else rows)}
    for field in version_model(model)._history_m2m_fields:
        source = field.m2m_field_name()
        between = field.remote_field.through._base_manager.filter(**{f"{source}__in": keys}).order_by("pk")
        for link in between:
            if (key := getattr(link, f"{source}_id")) in found:
                found[key].related[field.name].append(link)  # type: ignore[attr-defined]
    return found


def _targets(model: type[models.Model], related: dict[str, Sequence[Any]]) -> tuple[frozenset[Any], ...]:
    """Whom a row is related to, by field."""
    return tuple(
        frozenset(getattr(link, f"{field.m2m_reverse_field_name()}_id") for link in related.get(field.name, ()))
        for field in version_model(model)._history_m2m_fields
    )


def newest_versions(model: type[models.Model], keys: Sequence[Any]) -> dict[Any, tuple[Any, ...]]:
    """What the newest version of each row says, as `State.values` gives it; none for deleted rows."""
    history = version_model(model)
    key = model._meta.pk.attname
    of_rows = history._default_manager.filter(**{f"{key}__in": keys}).order_by()
    newest = of_rows.values(key).annotate(newest=Max("history_id")).values("newest")
    versions = list(history._default_manager.filter(history_id__in=newest).exclude(history_type=DELETED))
    links = links_of(model, versions)
    return {
        getattr(one, key): (
            *(getattr(one, field.attname) for field in history.tracked_fields),
            _targets(model, links[one.history_id]),
        )
        for one in versions
    }


def links_of(model: type[models.Model], versions: Sequence[Any]) -> dict[int | None, dict[str, Sequence[Any]]]:
    """The relations of versions to many other rows: rows of the table between, by version and field."""
    found: dict[int | None, dict[str, Any]] = {one.history_id: defaultdict(list) for one in versions}
    for field in version_model(model)._history_m2m_fields:
        between = HistoricalRecords.m2m_models[field]
        for link in between._default_manager.filter(history__in=[number for number in found if number is not None]):
            found[link.history_id][field.name].append(link)
    for one in versions:
        if one.history_id is None:
            key = getattr(one, model._meta.pk.attname)
            found[None] = _states(model, [key])[key].related
    return found


def present(row: models.Model) -> Any:
    """A row as it is, in the shape of a version, not saved; it has no number."""
    history = version_model(type(row))
    return history(**{field.attname: getattr(row, field.attname) for field in history.tracked_fields})


def _write(model: type[models.Model], states: Sequence[tuple[State, str]], user: User | None, reason: str) -> None:
    """Write a version of each state, with the kind of change that led to it."""
    if not states:
        return
    history = version_model(model)
    now = timezone.now()
    versions = history._default_manager.bulk_create(
        [
            history(
                **{field.attname: getattr(state.row, field.attname) for field in history.tracked_fields},
                history_type=kind,
                history_date=now,
                history_user=user,
                history_change_reason=reason or None,
            )
            for state, kind in states
        ],
        batch_size=500,
    )
    for field in history._history_m2m_fields:
        between = HistoricalRecords.m2m_models[field]
        between._default_manager.bulk_create(
            between(history=version, **{one.attname: getattr(link, one.attname) for one in link._meta.fields})
            for version, (state, _kind) in zip(versions, states, strict=True)
            for link in state.related.get(field.name, ())
        )


def _forget(model: type[models.Model], versions: models.QuerySet[Any]) -> None:
    """Drop versions that the block at hand wrote itself."""
    for field in version_model(model)._history_m2m_fields:
        HistoricalRecords.m2m_models[field]._default_manager.filter(history__in=versions.values("pk")).delete()
    versions.order_by().delete()
