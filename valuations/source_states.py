"""How the sources stand that an instance asks, in the words of a page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.conf import settings

from valuations.health import Standing, remembered, standing
from valuations.models import RefreshRun, SourceHealth
from valuations.providers import history_source, quote_source, rate_sources
from valuations.source_words import source_in_words

Kind = RefreshRun.Kind


class Source(Protocol):
    """What a page tells of a source."""

    site: str
    label: str


@dataclass(frozen=True, slots=True)
class SourceState:
    """One host: what it is asked for, and whether it answers. `health` is None for one that was never asked."""

    label: str
    kinds: tuple[str, ...]
    standing: Standing
    health: SourceHealth | None


def source_states(now: datetime) -> list[SourceState]:
    """The hosts in the order in which the settings name them. One query."""
    healths = remembered()
    labels: dict[str, str] = {}
    kinds: dict[str, dict[str, None]] = {}  # keys only: a set that keeps its order
    for kind, sources in _configured():
        for source in sources:
            labels.setdefault(source.site, source_in_words(source.label))
            kinds.setdefault(source.site, {})[str(kind.label)] = None
    return [
        SourceState(label, tuple(kinds[site]), standing(healths.get(site), now), healths.get(site))
        for site, label in labels.items()
    ]


def _configured() -> Iterable[tuple[RefreshRun.Kind, Iterable[Source]]]:
    rates = rate_sources()
    yield Kind.QUOTES, [quote_source(slug) for slug in settings.QUOTE_SOURCES]
    yield Kind.RATES, [rates[slug] for slug in settings.RATE_SOURCES]
    yield Kind.HISTORY, [history_source(slug) for slug in settings.HISTORY_SOURCES]
