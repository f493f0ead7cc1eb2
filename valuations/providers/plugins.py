"""Sources that other packages bring, found by entry points. Looked for only when a configured name is not built in.

A package offers a source under the group `xinpan.quote_sources` or `xinpan.history_sources`: the entry's name is the
source's slug, its value a class or a function that gives the source when called without arguments. docs/sources.md has
an example.
"""

import logging
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from companies.sources.base import BadRequest, Fetcher, Reply
from valuations.providers.base import HistorySource, QuoteSource

log = logging.getLogger(__name__)

QUOTE_GROUP = "xinpan.quote_sources"
HISTORY_GROUP = "xinpan.history_sources"
# The number that goes with each group: how much may be asked for at once.
_LIMITS = {QUOTE_GROUP: "batch_size", HISTORY_GROUP: "max_days"}
# Where the project's own plug-ins lie, by the slugs they bring.
OWN_PLUGINS = {
    slug: folder
    for folder, slugs in {
        "plugins/keyed": (
            "twelvedata",
            "twelvedata_history",
            "alphavantage",
            "alphavantage_history",
            "tushare",
            "tushare_history",
            "stooq",
            "stooq_history",
        ),
        "plugins/yfinance": ("yfinance", "yfinance_history"),
        "plugins/akshare": ("akshare_history",),
    }.items()
    for slug in slugs
}


class BrokenPlugin(Exception):
    """A plug-in is installed but cannot be used; the message says why, in English."""


class UnusableSource:
    """Stands in for a source whose plug-in is broken: it covers no exchange, so it is never asked."""

    site = ""
    base_url = ""
    mics: frozenset[str] = frozenset()
    batch_size = 1
    max_days = 1

    def __init__(self, slug: str, reason: str) -> None:
        self.slug = self.label = slug
        self.reason = reason

    def fetch(self, client: Fetcher, *what: object) -> Reply:
        """Refuse."""
        raise BadRequest(self.reason)

    def parse(self, reply: Reply, *what: object) -> list[Any]:
        """Refuse."""
        raise BadRequest(self.reason)


def plugin_quote_source(slug: str) -> QuoteSource:
    """The source of prices that a plug-in brings under this name. Raises KeyError when none does."""
    return cast(QuoteSource, _usable(QUOTE_GROUP, slug))


def plugin_history_source(slug: str) -> HistorySource:
    """The source of daily bars that a plug-in brings under this name. Raises KeyError when none does."""
    return cast(HistorySource, _usable(HISTORY_GROUP, slug))


@cache
def _usable(group: str, slug: str) -> object:
    """The source, or what stands in for a broken one: a page or a job must not fail over a setting."""
    try:
        return load(group, slug)
    except BrokenPlugin as problem:
        log.error("%s", problem)
        return UnusableSource(slug, str(problem))


def installed(group: str) -> list[str]:
    """Names of all sources of a group that plug-ins bring, without loading any of them."""
    return sorted(entry_points(group=group).names)


def load(group: str, slug: str) -> object:
    """Import a plug-in and make its source.

    Raises:
        KeyError: no installed package brings this name.
        BrokenPlugin: one does, but it cannot be imported, or what it gives is not a source of this group.
    """
    found = list(entry_points(group=group, name=slug))
    if not found:
        raise KeyError(slug)
    if len(found) > 1:
        raise BrokenPlugin(f"“{slug}” is brought by several packages: {', '.join(map(_package, found))}")
    try:
        source = found[0].load()()
    except Exception as error:
        # Whatever a foreign package does wrong while it is imported, we want its name in the message.
        raise BrokenPlugin(f"“{slug}” of {_package(found[0])} fails: {type(error).__name__}: {error}") from error
    if problem := _misfit(source, group, slug):
        raise BrokenPlugin(f"“{slug}” of {_package(found[0])} is no source: {problem}")
    return source


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.value


def _misfit(source: Any, group: str, slug: str) -> str:
    """What keeps an object from being a source of `group`; "" when nothing does."""
    if getattr(source, "slug", None) != slug:
        return f"its slug is {getattr(source, 'slug', None)!r}"
    for name in ("site", "label"):
        if not (isinstance(getattr(source, name, None), str) and getattr(source, name)):
            return f"{name} is not a text"
    if not str(getattr(source, "base_url", "")).startswith(("http://", "https://")):
        return "base_url is not an address"
    if not isinstance(getattr(source, "mics", None), frozenset):
        return "mics is not a frozenset"
    limit = getattr(source, _LIMITS[group], None)
    if not (isinstance(limit, int) and limit > 0):
        return f"{_LIMITS[group]} is not a positive number"
    return next((f"it has no {name}()" for name in ("fetch", "parse") if not callable(getattr(source, name, None))), "")
