"""Our settings about sources: where each answers, and system checks that say a mistake at start-up, with what to do."""

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

from valuations.providers import HISTORY_SOURCES, QUOTE_SOURCES, RATE_SOURCES
from valuations.providers.plugins import (
    HISTORY_GROUP,
    OWN_PLUGINS,
    QUOTE_GROUP,
    BrokenPlugin,
    installed,
    load,
    plugin_history_source,
    plugin_quote_source,
)

_BUILT_IN: dict[str, Mapping[str, object]] = {
    "QUOTE_SOURCES": QUOTE_SOURCES,
    "HISTORY_SOURCES": HISTORY_SOURCES,
    "RATE_SOURCES": RATE_SOURCES,
}
LEAST_SECONDS = 60  # between two questions for the same price
_PLUGIN_GROUPS = {"QUOTE_SOURCES": QUOTE_GROUP, "HISTORY_SOURCES": HISTORY_GROUP}


def base_url(site: str) -> str:
    """Where a site answers: as the settings say, or for a site of a plug-in the environment or the plug-in itself.

    Raises:
        KeyError: neither the settings nor the plug-ins they name know the site.
    """
    if site in settings.SOURCE_URLS:
        return str(settings.SOURCE_URLS[site])
    return {source.site: _address(source) for source in _plugin_sources()}[site]


def _plugin_sources() -> Iterator[Any]:
    """Every plug-in source that the settings name."""
    for setting, find in (("QUOTE_SOURCES", plugin_quote_source), ("HISTORY_SOURCES", plugin_history_source)):
        for slug in getattr(settings, setting):
            if slug not in _BUILT_IN[setting]:
                yield find(slug)


def _address(source: Any) -> str:
    """Where a plug-in's source answers: TWELVEDATA_URL for the site twelvedata, else what the plug-in says."""
    return os.environ.get(f"{source.site.upper()}_URL") or source.base_url


def sources_are_known(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Every name in QUOTE_SOURCES, HISTORY_SOURCES and RATE_SOURCES is a source we have, and each has an address."""
    problems: list[CheckMessage] = []
    addresses = dict(settings.SOURCE_URLS)
    for setting, built_in in _BUILT_IN.items():
        group = _PLUGIN_GROUPS.get(setting)
        for name in getattr(settings, setting):
            if name in built_in:
                continue
            if group is None or name not in installed(group):
                hint = _where_from(name, [*built_in, *(installed(group) if group else [])])
                problems.append(Error(f"{setting} names “{name}”.", hint=hint, id="valuations.E001"))
                continue
            try:
                source: Any = load(group, name)
            except BrokenPlugin as problem:
                hint = f"Repair or remove the package, or take the name out of {setting}."
                problems.append(Error(f"{setting}: {problem}", hint=hint, id="valuations.E003"))
            else:
                addresses[source.site] = _address(source)
    for site, url in addresses.items():
        if not url.startswith(("http://", "https://")):
            problems.append(
                Error(f"The address of {site} is “{url}”.", hint="Start it with https://.", id="valuations.E002")
            )
    return problems


def prices_are_not_asked_for_every_second(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Free sources are asked about the same price once a minute at most."""
    if settings.QUOTE_EVERY_SECONDS >= LEAST_SECONDS:
        return []
    return [
        Error(
            f"QUOTE_EVERY_SECONDS is {settings.QUOTE_EVERY_SECONDS}.",
            hint=f"Set it to {LEAST_SECONDS} or more: sources turn away who asks more often.",
            id="valuations.E004",
        )
    ]


def _where_from(name: str, known: Iterable[str]) -> str:
    """What to do about a source that nobody brings."""
    hint = f"Known are: {', '.join(known)}."
    if name in OWN_PLUGINS:
        return f"Install its plug-in: .venv/bin/pip install ./{OWN_PLUGINS[name]}. {hint}"
    return hint
