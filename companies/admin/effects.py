"""What a change would do to market values and multiples, shown before it is saved.

The second button of a form saves it as the first would, in a transaction; the values are computed; the transaction is
taken back; the form comes back as it was filled. So the preview goes through every rule and every method that saving
goes through, and nothing of it stays: no row, no version, no revision, no job.

What a change does to values is known to `valuations` alone, which registers itself with `register_effects`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponse

if TYPE_CHECKING:  # Django's own class cannot be subscripted at run time
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin

BUTTON = "_effect"


class Effects(Protocol):
    """Who computes values."""

    @property
    def models(self) -> Collection[type[Model]]:
        """The kinds of rows that values depend on."""

    def concerned(self, row: Model) -> frozenset[int] | None:
        """The companies whose values may depend on a row; None: all."""

    def measure(self, companies: frozenset[int] | None, like: Any = None) -> Any:
        """Their values as the database is now; `like` an earlier measurement, in the same currencies."""

    def compare(self, row: Model, before: Any, after: Any) -> Any:
        """What differs, for templates/components/effect.html."""


_registered: list[Effects] = []


def register_effects(effects: Effects) -> None:
    """Name the one who computes values."""
    _registered[:] = [effects]


class Stage(StrEnum):
    """What a form is sent for."""

    SAVE = "save"
    TRY = "try"  # saved and taken back; doubts need no confirmation
    SHOW = "show"  # comes back as it was filled, whatever is in it


@dataclass(slots=True)
class Look:
    """A preview on its way."""

    effects: Effects
    concerned: frozenset[int] | None
    stage: Stage = Stage.TRY
    row: Model | None = None
    after: Any = field(default=None)

    def take(self, row: Model) -> None:
        """Measure with a row as it would be saved."""
        now = self.effects.concerned(row)
        self.concerned = None if self.concerned is None or now is None else self.concerned | now
        self.row, self.after = row, self.effects.measure(self.concerned)


class _Taken(Exception):
    """The values are measured: everything is taken back."""


def stage_of(request: HttpRequest) -> Stage:
    """What the forms of a request are sent for."""
    look: Look | None = getattr(request, "look", None)
    return look.stage if look else Stage.SAVE


class EffectAdmin(ModelAdmin):
    """An admin whose form has a second button, which shows what saving would change."""

    def effects(self) -> Effects | None:
        """Who computes values, where they depend on rows of this kind."""
        return next((one for one in _registered if self.model in one.models), None)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form, or with the second button the form and what it would change."""
        effects = self.effects()
        context = {**(extra_context or {}), "shows_effect": effects is not None}
        if effects is None or request.method != "POST" or BUTTON not in request.POST:
            return super().changeform_view(request, object_id, form_url, context)
        stored = self.get_object(request, unquote(object_id)) if object_id else None
        look = Look(effects, effects.concerned(stored) if stored else frozenset())
        request.look = look  # type: ignore[attr-defined]
        said: Any = messages.get_messages(request)
        before_try = len(said._queued_messages)
        with transaction.atomic():
            try:
                with transaction.atomic():
                    # Refused, or with mistakes: the answer says so, and nothing was stored.
                    return super().changeform_view(request, object_id, form_url, context)
            except _Taken:
                # What saving has said to the editor goes too: nothing was saved.
                del said._queued_messages[before_try:]
            before = effects.measure(look.concerned, look.after)
        assert look.row is not None  # measured, or we would not be here
        context["effect"] = effects.compare(look.row, before, look.after)
        look.stage = Stage.SHOW
        return super().changeform_view(request, object_id, form_url, context)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """A form that knows what it is sent for."""
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.stage = stage_of(request)
        return form

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """Where to go after saving; for a look, no further."""
        self._take(request, obj)
        return super().response_add(request, obj, post_url_continue)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """Where to go after saving; for a look, no further."""
        self._take(request, obj)
        return super().response_change(request, obj)

    def _take(self, request: HttpRequest, row: Model) -> None:
        if stage_of(request) is Stage.TRY:
            request.look.take(row)  # type: ignore[attr-defined]
            raise _Taken
