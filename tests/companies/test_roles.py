"""The roles: made by migration, grown from what earlier versions made, and left alone where somebody changed them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise, product

import pytest
from django.apps import apps
from django.conf import settings as project
from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.core.management import call_command

from companies import roles
from companies.models import User
from companies.roles import ADMIN, ANALYST, EDITOR, PERMISSIONS, READER, ROLES, make_roles
from tests.factories import make_staff, make_user

FORMER_ANALYST = ("add_annotation", "propose_figure", "add_filing")
FORMER_EDITOR = (*FORMER_ANALYST, "change_figure", "change_filing", "change_anchor")


def names_of(group: str) -> set[str]:
    """The permissions of a group: `companies.add_figure`."""
    rows = Permission.objects.filter(group__name=group).values_list("content_type__app_label", "codename")
    return {f"{app}.{code}" for app, code in rows}


def migrated() -> None:
    """What happens at the end of `migrate`."""
    make_roles(apps.get_app_config("companies"))


def before_this_version(editors: tuple[str, ...] = FORMER_EDITOR) -> None:
    """A database as version 0.1.0 left it: two groups, and none of the permissions that came later."""
    Group.objects.all().delete()
    Permission.objects.filter(codename__in=("enter_admin", "operate_refreshrun")).delete()
    Permission.objects.filter(content_type__model__startswith="historical").delete()
    for name, codes in ((ANALYST, FORMER_ANALYST), (EDITOR, editors)):
        group = Group.objects.create(name=name)
        group.permissions.set(Permission.objects.filter(content_type__app_label="companies", codename__in=codes))


@pytest.mark.django_db
def test_migrating_makes_four_groups_with_what_their_roles_are_for() -> None:
    assert set(Group.objects.values_list("name", flat=True)) >= set(ROLES)
    assert {name: names_of(name) for name in PERMISSIONS} == {name: set(codes) for name, codes in PERMISSIONS.items()}


@pytest.mark.django_db
def test_each_role_may_what_the_one_before_it_may() -> None:
    for less, more in pairwise(ROLES):
        assert names_of(less) < names_of(more), (less, more)


@pytest.mark.django_db
def test_an_admin_has_every_permission_of_the_project_and_editors_no_right_over_people() -> None:
    every = Permission.objects.filter(content_type__app_label__in=roles.APPLICATIONS_OF_ADMINS)
    assert len(names_of(ADMIN)) == every.count()
    people = re.compile(r"^(auth|account|mfa|usersessions|admin)\.|_(user|invitation|knowndevice)$")
    assert [name for name in names_of(EDITOR) if people.search(name)] == []
    assert [name for name in names_of(EDITOR) if ".delete_" in name] == []


@pytest.mark.django_db
def test_groups_that_nobody_changed_grow_with_the_version() -> None:
    before_this_version()
    migrated()
    assert {name: names_of(name) for name in PERMISSIONS} == {name: set(codes) for name, codes in PERMISSIONS.items()}
    assert "companies.add_user" in names_of(ADMIN)


@pytest.mark.django_db
def test_groups_that_somebody_changed_stay_as_they_are() -> None:
    before_this_version(editors=(*FORMER_EDITOR, "delete_figure"))
    migrated()
    assert names_of(EDITOR) == {f"companies.{code}" for code in (*FORMER_EDITOR, "delete_figure")}
    Group.objects.get(name=READER).permissions.add(Permission.objects.get(codename="add_annotation"))
    Group.objects.get(name=ADMIN).permissions.remove(Permission.objects.get(codename="delete_company"))
    migrated()
    assert names_of(READER) == {"companies.add_annotation"}
    assert "companies.delete_company" not in names_of(ADMIN)


@pytest.mark.django_db
def test_migrating_again_changes_nothing_and_leaves_other_groups_and_members_alone() -> None:
    group = Group.objects.create(name="Interns")
    group.permissions.add(Permission.objects.get(codename="add_annotation"))
    member = make_user()
    member.groups.add(Group.objects.get(name=EDITOR), group)
    before = {name: names_of(name) for name in (*ROLES, "Interns")}
    migrated()
    assert {name: names_of(name) for name in before} == before
    assert roles.role_of(member) == EDITOR


@pytest.mark.django_db
def test_admins_get_the_permissions_of_a_later_version() -> None:
    Permission.objects.filter(codename="operate_refreshrun").delete()
    Permission.objects.filter(codename="enter_admin").delete()
    migrated()
    assert {"valuations.operate_refreshrun", "companies.enter_admin"} <= names_of(ADMIN)


@pytest.mark.django_db
def test_who_was_staff_before_still_enters_and_operates_and_nobody_becomes_it_by_being_called_staff() -> None:
    before_this_version()
    former = make_user("former", is_staff=True)
    other = make_user("other")
    migrated()
    later = make_user("later", is_staff=True)
    migrated()

    def may(user: User) -> tuple[bool, bool]:
        fresh = User.objects.get(pk=user.pk)  # permissions are kept with a user once they were asked for
        return roles.may_enter_admin(fresh), roles.may_operate(fresh)

    assert may(former) == (True, True)
    assert may(other) == may(later) == (False, False)


@pytest.mark.django_db
def test_nobody_may_anything_without_a_role_and_superusers_may_everything() -> None:
    questions = [one for name, one in vars(roles).items() if name.startswith("may_") and name != "may_manage"]
    assert len(questions) >= 9
    closed = make_user("closed", is_active=False, is_superuser=True)
    for may in questions:
        assert [may(user) for user in (AnonymousUser(), make_reader(), closed)] == [False] * 3, may.__name__
        assert may(User.objects.filter(username="boss").first() or make_staff("boss")), may.__name__


def make_reader() -> User:
    """Somebody with the least role."""
    user = User.objects.filter(username="reader").first() or make_user("reader")
    roles.give_role(user, READER)
    return user


@pytest.mark.django_db
def test_a_role_takes_the_place_of_the_one_before_and_other_groups_stay() -> None:
    user = make_user()
    user.groups.add(Group.objects.create(name="Interns"))
    for role in ROLES:
        roles.give_role(user, role)
        assert set(user.groups.values_list("name", flat=True)) == {"Interns", role}
        assert roles.role_of(user) == role


@pytest.mark.django_db
def test_people_give_and_manage_roles_up_to_their_own() -> None:
    people = {}
    for role in ROLES:
        people[role] = make_user(role.lower())
        roles.give_role(people[role], role)
    boss = make_staff("boss")
    assert roles.roles_given_by(people[EDITOR]) == (READER, ANALYST, EDITOR)
    assert roles.roles_given_by(make_user("nobody")) == ()
    assert roles.roles_given_by(boss) == ROLES
    assert roles.may_manage(people[ADMIN], people[ADMIN])
    assert not roles.may_manage(people[EDITOR], people[ADMIN])
    assert not roles.may_manage(people[ADMIN], boss)
    assert roles.may_manage(boss, people[ADMIN])


@pytest.mark.django_db
def test_the_last_who_could_manage_accounts_is_known_as_such() -> None:
    User.objects.all().delete()
    admin, other = make_user("admin"), make_user("other")
    for user in (admin, other):
        roles.give_role(user, ADMIN)
    assert not roles.is_last_administrator(admin)
    other.is_active = False
    other.save(update_fields=["is_active"])
    assert roles.is_last_administrator(admin)
    boss = make_staff("boss")
    assert not roles.is_last_administrator(admin)
    assert roles.is_last_administrator(boss)


def written(cell: str) -> Iterator[str]:
    """The permissions that a cell of docs/roles.md names: `app.{add,view}_{row,other}` are four."""
    for name in re.findall(r"`([^`]+)`", cell):
        parts = [part.split(",") for part in re.split(r"\{([^}]+)\}", name)]
        yield from map("".join, product(*parts))


@pytest.mark.django_db
def test_the_table_for_people_says_what_the_roles_may() -> None:
    rows = re.findall(r"^\|(.+)\|$", (project.BASE_DIR / "docs" / "roles.md").read_text(), re.MULTILINE)[2:]
    has = {role: names_of(role) for role in ROLES}
    told = set()
    for row in rows:
        who, *marks, permissions = [cell.strip() for cell in row.split(" | ")]
        for permission in written(permissions):
            assert ["yes" if permission in has[role] else "no" for role in ROLES] == marks, (who, permission)
            told.add(permission)
    assert has[EDITOR] <= told


@pytest.fixture
def migrations_undone(transactional_db: None) -> Iterator[None]:
    """Whatever a test does to the tables, they are those of this version afterwards."""
    yield
    call_command("migrate", verbosity=0)


@pytest.mark.usefixtures("migrations_undone")
def test_going_back_to_the_former_version_and_up_again_keeps_groups_and_their_members() -> None:
    member = make_user()
    member.groups.add(Group.objects.get(name=EDITOR))
    call_command("migrate", "valuations", "0003", verbosity=0)
    call_command("migrate", "companies", "0006", verbosity=0)
    call_command("migrate", verbosity=0)
    assert names_of(EDITOR) == set(PERMISSIONS[EDITOR])
    assert list(member.groups.values_list("name", flat=True)) == [EDITOR]


def test_no_code_and_no_page_asks_whether_somebody_is_staff() -> None:
    """The one word of Django that would let people past their roles."""
    allowed = {"companies/roles.py", "config/admin_site.py", "companies/admin/people.py"}
    found = {
        str(path.relative_to(project.BASE_DIR))
        for folder in ("companies", "valuations", "config", "templates")
        for kind in ("*.py", "*.html")
        for path in (project.BASE_DIR / folder).rglob(kind)
        if "migrations" not in path.parts and re.search(r"\bis_staff\b", path.read_text())
    }
    assert found <= allowed
