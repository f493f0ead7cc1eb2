"""Every address the project has, read from its own URL configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.urls import URLPattern, URLResolver, get_resolver

APPS = frozenset(config.label for config in apps.get_app_configs())


@dataclass(frozen=True)
class Route:
    """One address: its name with its namespaces, its pattern, and the model it is about in the admin."""

    name: str
    pattern: str
    page: str = ""  # of the admin: "changelist", "add" …
    model: str = ""  # of the admin: "companies.figure"

    def __str__(self) -> str:
        return self.name

    def path(self, rows: dict[str, Any]) -> str:
        """The address of a row that is there.

        Args:
            rows: What arguments stand for, by `argument`, `namespace:argument` or `name:argument`; the closest counts.
        """

        def value(match: re.Match[str]) -> str:
            argument = match["name"]
            space = self.name.partition(":")[0]
            keys = (f"{self.name}:{argument}", f"{self.model}:{argument}", f"{space}:{argument}", argument)
            return str(next(rows[key] for key in keys if key in rows))

        return "/" + re.sub(r"<(?:\w+:)?(?P<name>\w+)>", value, self.pattern)


def routes() -> list[Route]:
    """All routes there are, each once, by name."""
    found = {route.name: route for route in _walk(get_resolver().url_patterns)}
    return [found[name] for name in sorted(found)]


def _walk(patterns: list[Any], space: str = "", before: str = "") -> Iterator[Route]:
    for one in patterns:
        pattern = before + _plain(one)
        if isinstance(one, URLResolver):
            yield from _walk(one.url_patterns, f"{space}{one.namespace}:" if one.namespace else space, pattern)
        else:
            yield _route(one, space, pattern)


def _route(one: URLPattern, space: str, pattern: str) -> Route:
    name = f"{space}{one.name or getattr(one.callback, '__name__', '')}"
    if space == "admin:" and (model := re.match(r"admin/(\w+)/(\w+)/", pattern)) and model[1] in APPS:
        page = (one.name or "redirect").removeprefix(f"{model[1]}_{model[2]}_")
        return Route(f"admin:{model[1]}_{model[2]}_{page}", pattern, page, f"{model[1]}.{model[2]}")
    return Route(name, pattern)


def _plain(one: URLPattern | URLResolver) -> str:
    """A pattern in the way of `path()`: groups of regular expressions become `<name>`."""
    text = str(one.pattern)
    text = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"<\1>", text)
    return re.sub(r"[\^$]|\\(?=[./-])|\\Z", "", text) if text[:1] == "^" or "(?" in str(one.pattern) else text
