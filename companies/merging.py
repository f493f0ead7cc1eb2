"""Making one company of two entries of the same: what would move, what is there twice, what contradicts.

Every row that names the merged company names the one that stays afterwards. Rows that both have are joined: the one of
the merged company goes. Where the two contradict each other nothing is done: an editor has to say first which is right.
The merged company is archived, and leads to the one that stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from companies.dependants import dependants, naming
from companies.history import changing, is_traced
from companies.models import Annotation, Company, Revision, User

# Who entered a row and when is not part of what it says.
_CIRCUMSTANCES = frozenset({"created_at", "entered_by", "decided_by", "decided_at", "decision", "fetched_at"})
# Of rows of which there can be only one, neither is what they rest on.
_GROUNDS = _CIRCUMSTANCES | {"note", "source", "provider"}


class CannotMerge(Exception):
    """Nothing was changed; `plan.problems` say why."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(" ".join(plan.problems))
        self.plan = plan


@dataclass(slots=True)
class Part:
    """What becomes of the rows of one model."""

    model: type[models.Model]
    moved: list[Any] = field(default_factory=list)  # they change their company
    joined: list[Any] = field(default_factory=list)  # the one that stays has the same
    contradicting: list[tuple[Any, Any]] = field(default_factory=list)  # with the row that says otherwise
    uncounted: int = 0  # rows without versions, which move too

    @property
    def name(self) -> str:
        """What the rows are called."""
        return str(self.model._meta.verbose_name_plural)

    @property
    def moving(self) -> int:
        """How many rows move."""
        return len(self.moved) + self.uncounted


@dataclass(slots=True)
class Plan:
    """What merging would do, and why it cannot be done, where it cannot."""

    kept: Company
    merged: Company
    parts: list[Part] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: int = 0  # on the filings that move

    @property
    def is_done(self) -> bool:
        """Whether it has been done before."""
        return self.merged.merged_into_id == self.kept.pk


def plan_of(kept: Company, merged: Company) -> Plan:
    """What merging would do; nothing is written. As many queries however many rows there are."""
    plan = Plan(kept, merged)
    plan.problems += _refusals(kept, merged)
    if plan.is_done:
        return plan
    for relation in naming(Company):
        if relation.related_model is not Company:
            plan.parts.append(_part(relation, kept, merged))
    plan.notes = Annotation.objects.filter(filing__company=merged, deleted_at=None).count()
    for part in plan.parts:
        plan.problems += [_contradiction(part, one, other) for one, other in part.contradicting]
    figures = any(part.moving for part in plan.parts if part.model.__name__ == "Figure")
    if figures and kept.fiscal_year_end != merged.fiscal_year_end:
        words = _("Their fiscal years end on different days (%(one)s and %(other)s): correct the wrong one first.")
        plan.problems.append(words % {"one": kept.fiscal_year_end, "other": merged.fiscal_year_end})
    return plan


def merge(kept: Company, merged: Company, user: User, reason: str) -> Plan:
    """Make one company of two, all or nothing. Done a second time it changes nothing.

    Returns:
        What was done.

    Raises:
        CannotMerge: Rows of the two contradict each other, or one of them is archived.
    """
    with transaction.atomic():
        locked = Company.objects.select_for_update().order_by("pk").in_bulk([kept.pk, merged.pk])
        kept, merged = locked[kept.pk], locked[merged.pk]
        plan = plan_of(kept, merged)
        if plan.problems:
            raise CannotMerge(plan)
        if plan.is_done:
            return plan
        earlier = list(Company.objects.filter(merged_into=merged))
        rows = [row for part in plan.parts for row in (*part.moved, *part.joined)]
        with changing([kept, merged, *earlier, *rows], user, reason):
            for part in plan.parts:
                _move(part, kept, merged)
            kept.aliases = _names_of_both(kept, merged)
            kept.save(update_fields=["aliases", "search_keys"])
            Company.objects.filter(merged_into=merged).update(merged_into=kept)
            Company.objects.filter(pk=merged.pk).update(archived_at=timezone.now(), merged_into=kept)
        Revision.bump()
    return plan


def _refusals(kept: Company, merged: Company) -> Iterator[str]:
    """Why two companies are not to be merged at all."""
    if kept.pk == merged.pk:
        yield _("Choose two different companies.")
    elif kept.archived_at is not None:
        yield _("%(company)s is archived: restore it first, or let the other one stay.") % {"company": kept}
    elif merged.archived_at is not None and merged.merged_into_id is None:
        yield _("%(company)s is archived: restore it first.") % {"company": merged}
    elif merged.merged_into_id not in (None, kept.pk):
        yield _("%(company)s has been merged into another company already.") % {"company": merged}


def _part(relation: Any, kept: Company, merged: Company) -> Part:
    model, name = relation.related_model, relation.field.name
    part = Part(model)
    if not is_traced(model):
        part.uncounted = model._base_manager.filter(**{name: merged}).count()
        return part
    rows = model._base_manager.filter(**{f"{name}__in": (kept.pk, merged.pk)}).order_by("pk")
    of_kept = [row for row in rows if getattr(row, relation.field.attname) == kept.pk]
    of_merged = [row for row in rows if getattr(row, relation.field.attname) == merged.pk]
    for row in of_merged:
        _place(part, row, of_kept, relation.field.name)
    if part.joined:
        needed = {key for one in dependants(model, [row.pk for row in part.joined]) for key in one.counts}
        part.moved += [row for row in part.joined if row.pk in needed]
        part.joined = [row for row in part.joined if row.pk not in needed]
    return part


def _place(part: Part, row: Any, others: list[Any], company: str) -> None:
    """Say what becomes of a row of the merged company."""
    keys = _unique_keys(part.model, company)
    rival = next((one for one in others for key in keys if _said(one, key) == _said(row, key)), None)
    if rival is not None:
        facts = [name for name in _facts(part.model, company) if name not in _GROUNDS]
        if _said(rival, facts) == _said(row, facts):
            part.joined.append(row)
        else:
            part.contradicting.append((row, rival))
    elif any(_said(one, _facts(part.model, company)) == _said(row, _facts(part.model, company)) for one in others):
        part.joined.append(row)
    else:
        part.moved.append(row)


def _unique_keys(model: type[models.Model], company: str) -> list[list[str]]:
    """The fields by which a company has a row only once."""
    return [
        [name for name in constraint.fields if name != company]
        for constraint in model._meta.constraints
        if isinstance(constraint, models.UniqueConstraint) and company in constraint.fields
    ]


def _facts(model: type[models.Model], company: str) -> list[str]:
    """The fields of what a row says."""
    return [
        one.name
        for one in model._meta.concrete_fields
        if not one.primary_key and one.name != company and one.name not in _CIRCUMSTANCES
    ]


def _said(row: Any, names: list[str]) -> tuple[Any, ...]:
    return tuple(getattr(row, row._meta.get_field(name).attname) for name in names)


def _contradiction(part: Part, row: Any, other: Any) -> str:
    words = _("The %(rows)s contradict each other: “%(one)s” and “%(other)s”. Correct or delete the wrong one first.")
    return words % {"rows": part.name, "one": row, "other": other}


def _move(part: Part, kept: Company, merged: Company) -> None:
    rows = part.model._base_manager
    if part.joined:
        rows.filter(pk__in=[row.pk for row in part.joined]).delete()
    [name] = [one.name for one in part.model._meta.concrete_fields if one.related_model is Company]
    rows.filter(**{name: merged}).update(**{name: kept})


def _names_of_both(kept: Company, merged: Company) -> list[str]:
    """The other names of the one that stays: what the merged one was called is found there from now on."""
    own = {kept.name_en, kept.name_zh, ""}
    names = [*kept.aliases, merged.name_en, merged.name_zh, *merged.aliases]
    return [name for name in dict.fromkeys(names) if name not in own]
