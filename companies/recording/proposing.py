"""Storing a figure that somebody took from a passage, for an editor to decide about."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from companies.filings.anchoring import keep
from companies.models import Anchor, Figure, Filing

# Two proposals that agree in all of these are one that was sent twice.
SAME = (
    "company", "metric", "period", "low", "high", "currency", "basis", "reported_in", "known_on", "source", "passage",
    "note", "entered_by", "replaces",
)  # fmt: skip


class ExampleFiling(Exception):
    """An invented document states no facts."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposed figure, and whether it is a new one."""

    figure: Figure
    created: bool


def propose(figure: Figure, anchor: Anchor) -> Proposed:
    """Store a figure with the place of its passage. Sent twice, it is stored once.

    Args:
        figure: Not saved, as `RecordForm.figure` gives it.
        anchor: Not saved, as `anchor_at` gives it.

    Raises:
        ExampleFiling: The filing is an example.
    """
    if figure.source.is_example:
        raise ExampleFiling
    with transaction.atomic():
        # Of two requests at once the second waits here, and then finds the figure of the first.
        Filing.objects.select_for_update().get(pk=figure.source_id)
        same = {name: getattr(figure, name) for name in SAME}
        earlier = Figure.objects.filter(status=Figure.Status.PROPOSED, **same).first()
        if earlier is not None:
            return Proposed(earlier, created=False)
        figure.anchor = keep(anchor)
        figure._history_user = figure.entered_by  # type: ignore[attr-defined]  # who has proposed it, in its history
        figure.save()
    return Proposed(figure, created=True)
