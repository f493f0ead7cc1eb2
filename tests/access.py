"""Who gets what from which address: the table in access.txt, and what the project really answers.

`python -m tests.access` prints the table as the project answers now. It is for reviewing a change of the table, line by
line, with `diff`; what it prints is what is, and not what should be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # as a command this module is read before Django is set up
    from tests.routes import Route
    from tests.worlds import World

FILE = Path(__file__).with_name("access.txt")
# People with an account, from the least to the most.
SIGNED_IN = ("reader", "analyst", "editor", "admin", "superuser")
# What a line tells: what somebody gets who did not sign in, on an open instance and on a closed one; and the others.
COLUMNS = ("anonymous", "closed", *SIGNED_IN)
METHODS = ("GET", "POST")
NOBODY = "nobody"
# Columns of the table of models that stand for several pages; any other page has a column by its own name.
SEEING = {"changelist": "see", "history": "see"}
# Take forms alone: lines of their own.
FORMS = frozenset({"again", "cancel", "store"})
# Only leads to another page: whoever may enter the admin gets it.
LEADING = "redirect"


@dataclass(frozen=True)
class Table:
    """What access.txt says: of addresses by name and method, and of the admin's pages by model and kind of page."""

    lines: dict[tuple[str, str], tuple[str, ...]]
    models: dict[str, dict[str, str]]

    def expected(self, route: Route, method: str) -> tuple[str, ...] | None:
        """What each of COLUMNS gets; None where the table says nothing of the address."""
        kind = column(route, method)
        if kind == LEADING and route.model in self.models:
            return by_least("editor")
        if kind in self.models.get(route.model, {}):
            return by_least(self.models[route.model][kind])
        if not any(name == route.name for name, _ in self.lines):
            return None
        return self.lines.get((route.name, method), ("-",) * len(COLUMNS))


def column(route: Route, method: str) -> str:
    """The column of the table of models that a page of the admin belongs to; empty for other addresses."""
    if not route.model or route.page in FORMS:
        return ""
    if route.page == "change":
        return "see" if method == "GET" else "change"
    return SEEING.get(route.page, route.page)


def by_least(role: str) -> tuple[str, ...]:
    """What each of COLUMNS gets from a page of the admin that one role, and those above it, may open."""
    first = SIGNED_IN.index(role) if role in SIGNED_IN else len(SIGNED_IN)
    return ("sign-in", "sign-in", *("yes" if n >= first else "no" for n in range(len(SIGNED_IN))))


def least(said: tuple[str, ...]) -> str:
    """The role from which on people get a page; all that is said where no single role tells it."""
    role = SIGNED_IN[said.index("yes") - 2] if "yes" in said else NOBODY
    return role if by_least(role) == said else "/".join(said)


def read_table(text: str) -> Table:
    """Read the table: a line that begins with `route` or `model` is the heading of what follows it.

    Raises:
        ValueError: A line has other columns than its heading, or something stands in the table twice.
    """
    lines: dict[tuple[str, str], tuple[str, ...]] = {}
    models: dict[str, dict[str, str]] = {}
    heading: list[str] = []
    for line in text.splitlines():
        cells = line.split()
        if not cells or cells[0].startswith("#"):
            continue
        if cells[0] in ("route", "model"):
            heading = cells
        elif len(cells) != len(heading) or tuple(cells[:2]) in lines or cells[0] in models:
            raise ValueError(f"not a line of the table, or one too many: {line}")
        elif heading[0] == "route":
            lines[cells[0], cells[1]] = tuple(cells[2:])
        else:
            models[cells[0]] = {name: who for name, who in zip(heading[1:], cells[1:], strict=True) if who != "-"}
    return Table(lines, models)


# --- What the project answers -----------------------------------------------------------------------


def outcome(response: Any) -> str:
    """What an answer means to who asked: yes, sign-in, no, 404 or 405; the status where it is an error of ours.

    A form that was read and found wanting counts as yes: the person may send it.
    """
    where = response.get("Location", "")
    if response.status_code == 401 or where.startswith(("/accounts/login/?next=", "/admin/login/?next=")):
        return "sign-in"
    if response.status_code in (404, 405) or response.status_code >= 500:
        return str(response.status_code)
    return "no" if response.status_code == 403 else "yes"


def observed(world: World, route: Route, method: str, people: Iterable[str]) -> Iterator[str]:
    """What an address answers to people, one after the other. Nothing that asking changes stays."""
    for person in people:
        yield outcome(world.ask(person, route, method))


def line_of(route: Route, method: str, said: Iterable[str]) -> str:
    """A line of the table."""
    return f"{route.name:40} {method:6} " + "".join(f"{word:10}" for word in said).rstrip()


def main() -> None:
    """Print the table as the project answers now."""
    import os

    import tests.plugin  # noqa: F401  # a database and a key of its own, away from anybody's data

    os.environ.update(DATABASE_URL="sqlite://:memory:", DJANGO_SETTINGS_MODULE="config.settings")
    import django

    django.setup()
    from django.core.management import call_command
    from django.test.utils import override_settings, setup_test_environment

    setup_test_environment()
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    plain = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    import logging

    logging.disable(logging.CRITICAL)
    from tests.worlds import World

    with override_settings(STORAGES=plain):
        print(*table_of(World()), sep="\n")


def table_of(world: World) -> Iterator[str]:
    """The lines of the table as the project answers now."""
    from django.test.utils import override_settings

    from tests.routes import routes

    models: dict[str, dict[str, str]] = {}
    yield f"{'route':40} {'method':6} " + "".join(f"{name:10}" for name in COLUMNS).rstrip()
    for route in routes():
        for method in METHODS:
            with override_settings(REQUIRE_LOGIN=True):
                closed = list(observed(world, route, method, ["anonymous"]))
            said = (*observed(world, route, method, ["anonymous"]), *closed, *observed(world, route, method, SIGNED_IN))
            kind = column(route, method)
            if kind == LEADING:
                continue
            if kind:
                words = models.setdefault(route.model, {}).setdefault(kind, least(said))
                if words != least(said):
                    yield f"# {route.name} {method} differs from other pages to {kind}: {least(said)}"
            elif {"yes", "404", "500"} & set(said) or method == "GET":
                yield line_of(route, method, said)
    kinds = list(dict.fromkeys(kind for row in models.values() for kind in row))
    yield ""
    yield f"{'model':40} " + "".join(f"{kind:12}" for kind in kinds).rstrip()
    for model, row in models.items():
        yield f"{model:40} " + "".join(f"{row.get(kind, '-'):12}" for kind in kinds).rstrip()


if __name__ == "__main__":
    main()
