"""Who gets what: every person, every address of the project, every method, against the table in access.txt."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.access import COLUMNS, FILE, METHODS, SIGNED_IN, by_least, column, line_of, observed, outcome, read_table
from tests.routes import Route, routes
from tests.worlds import World

pytestmark = pytest.mark.django_db

TABLE = read_table(FILE.read_text())
OWN = [route for route in routes() if not route.model]  # all but the pages of the admin about one model
OTHER_METHODS = ("PUT", "PATCH", "DELETE", "BREW")
# Deleting what others depend on, or what has rows nobody deletes, is refused to those who may delete, too.
REFUSABLE = ("delete",)
HTMX = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": "main"}


@pytest.fixture(autouse=True)
def no_log() -> Iterator[None]:
    """Being refused is no news here, and telling of it thousands of times takes its time."""
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


def told(route: Route, method: str, who: str) -> str:
    """What the table says somebody gets; anything for addresses that are not in it, which is another test's matter."""
    said = TABLE.expected(route, method)
    return said[COLUMNS.index(who)] if said else ""


def is_as_told(got: str, want: str) -> bool:
    """Whether somebody gets what the table says; where it says nothing of a method, nobody gets anything."""
    return got in ("405", "no", "sign-in") if want == "-" else got == want


def differences(world: World, person: str, column_of: str, asked: list[tuple[Route, str]]) -> list[str]:
    """Where somebody gets something else than the table says."""
    found = []
    for route, method in asked:
        want = told(route, method, column_of)
        [got] = observed(world, route, method, [person])
        refused = route.page in REFUSABLE and method == "POST" and (want, got) == ("yes", "no")
        if want and not is_as_told(got, want) and not refused:
            found.append(f"{route.name} {method}: {got}, and not {want}")
    return found


def asked_by(person: str) -> list[tuple[Route, str]]:
    """The addresses and methods that somebody is sent to: all of them, but for forms of the admin.

    Those are sent by the highest that the table refuses and the lowest that it lets through: each role has every
    permission of the one below it (tests/companies/test_roles.py).
    """
    found = []
    for route in routes():
        for method in METHODS:
            said = TABLE.expected(route, method) or ()
            at = COLUMNS.index(person)
            around = (said[at - 1 : at + 2] if at > 2 else said[at : at + 2]) if person in SIGNED_IN else ()
            if not (route.model and method == "POST" and len(around) > 1 and len(set(around)) == 1):
                found.append((route, method))
    return found


def test_every_address_is_in_the_table(world: World, settings: Settings) -> None:
    missing = []
    for route in routes():
        for method in METHODS:
            if TABLE.expected(route, method) is None:
                settings.REQUIRE_LOGIN = True
                closed = list(observed(world, route, method, ["anonymous"]))
                settings.REQUIRE_LOGIN = False
                said = [
                    *observed(world, route, method, ["anonymous"]),
                    *closed,
                    *observed(world, route, method, SIGNED_IN),
                ]
                missing.append(line_of(route, method, said))
    assert not missing, "\n".join(["not in tests/access.txt; if this is how it should be, add:", *missing])


def test_no_address_in_the_table_is_gone() -> None:
    names, kinds = {route.name for route in routes()}, {(route.model, column(route, "GET")) for route in routes()}
    kinds |= {(route.model, column(route, "POST")) for route in routes()}
    assert [name for name, _ in TABLE.lines if name not in names] == []
    assert [(model, kind) for model, row in TABLE.models.items() for kind in row if (model, kind) not in kinds] == []


@pytest.mark.parametrize("person", ["anonymous", *SIGNED_IN])
def test_people_get_what_the_table_says(world: World, person: str) -> None:
    assert differences(world, person, person, asked_by(person)) == []


def test_a_closed_instance_shows_nobody_anything_but_the_way_in(world: World, settings: Settings) -> None:
    settings.REQUIRE_LOGIN = True
    assert differences(world, "anonymous", "closed", asked_by("anonymous")) == []
    assert differences(world, "reader", "reader", [(route, method) for route in OWN for method in METHODS]) == []


def test_a_closed_instance_is_open_at_the_way_in_alone() -> None:
    """The one list to read before an address is opened to the world."""
    way_in = {name for (name, _), said in TABLE.lines.items() if said[1] != "sign-in"}
    assert way_in == {
        "account_confirm_email", "account_confirm_login_code", "account_email_verification_sent", "account_inactive",
        "account_login", "account_logout", "account_reset_password", "account_reset_password_done",
        "account_reset_password_from_key", "account_reset_password_from_key_done", "account_signup", "accounts:join",
        "favicon", "mfa_authenticate", "set_language",
    }  # fmt: skip


def test_a_closed_account_is_as_good_as_none(world: World) -> None:
    asked = [(route, method) for route in routes() for method in METHODS if not route.model or route.page == "change"]
    assert differences(world, "inactive", "anonymous", asked) == []


@pytest.mark.parametrize("person", ["anonymous", "reader"])
def test_parts_of_pages_are_given_to_whom_the_page_is_given(world: World, person: str) -> None:
    for route in OWN:
        for method in METHODS:
            want = told(route, method, person)
            got = outcome(world.ask(person, route, method, headers=HTMX))
            # Recording a figure says beside the passage that one has to sign in.
            assert is_as_told(got, want) or (route.name == "figures:record" and got == "yes"), (
                route.name,
                method,
                got,
                want,
            )


@pytest.mark.parametrize("person", ["anonymous", "reader", "superuser"])
def test_no_other_method_opens_what_reading_and_sending_do_not(world: World, person: str) -> None:
    # The door of the admin is the same one for all its pages.
    for route in routes() if person == "anonymous" else OWN:
        may = {told(route, method, person) for method in METHODS}
        for method in OTHER_METHODS:
            got = outcome(world.ask(person, route, method))
            assert got in ("405", "no", "sign-in", "404") or "yes" in may, (route.name, method, got)


def test_asking_for_the_headers_alone_is_asking(world: World) -> None:
    for route in OWN:
        for person in ("anonymous", "analyst"):
            want = told(route, "GET", person)
            got = outcome(world.ask(person, route, "HEAD"))
            assert is_as_told(got, want), (route.name, person, got, want)


def test_who_may_more_gets_more_except_what_is_anothers_own() -> None:
    odd = [key for key, said in TABLE.lines.items() if sorted(said[2:], key="yes".__eq__) != list(said[2:])]
    assert {name for name, _ in odd} == {"notes:edit", "notes:restore"}  # the analyst's own


def test_the_table_is_read_as_it_is_written() -> None:
    table = read_table("route method a\n# no line\npage GET yes\n\nmodel see add\napp.row editor -\n")
    assert (table.lines, table.models) == ({("page", "GET"): ("yes",)}, {"app.row": {"see": "editor"}})
    assert by_least("admin") == ("sign-in", "sign-in", "no", "no", "no", "yes", "yes")
    assert set(by_least("nobody")) == {"sign-in", "no"}
    with pytest.raises(ValueError, match="one too many"):
        read_table("route method a\npage GET yes\npage GET no\n")
    with pytest.raises(ValueError, match="not a line"):
        read_table("route method a\npage GET\n")
