"""The admin of people: who may change whom, what stays, what is written down, and what the list answers."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings as project
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.contrib.sessions.models import Session
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from companies import roles
from companies.admin.people import traces_of
from companies.models import User
from tests.factories import (
    PASSWORD,
    make_analyst,
    make_editor,
    make_figure,
    make_invitation,
    make_known_device,
    make_note,
    make_run,
    make_staff,
    make_user,
    make_version,
)
from tests.test_admin import form_of

pytestmark = pytest.mark.django_db

HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", "django.contrib.auth.hashers.PBKDF2PasswordHasher"]
LIST = "/admin/companies/user/"


@pytest.fixture(autouse=True)
def quick_passwords(settings: Settings) -> None:
    """Signing in makes a new hash of a password that has a weak one, and a strong one takes its time."""
    settings.PASSWORD_HASHERS = HASHERS


def make_admin(username: str = "admin", **fields: Any) -> User:
    user = make_user(username, **fields)
    roles.make_roles()
    user.groups.add(Group.objects.get(name=roles.ADMIN))
    return user


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def sign_in(user: User) -> Client:
    """Somebody's own browser, signed in through the page."""
    client = Client()
    response = client.post(reverse("account_login"), {"login": user.username, "password": PASSWORD})
    assert response.status_code == 302
    return client


def url(user: User, page: str = "change") -> str:
    return reverse(f"admin:companies_user_{page}", args=[user.pk])


def change(client: Client, user: User, **changes: Any) -> dict[str, list[str]]:
    """Send the form of an account with some values changed (None: a box that is not ticked). Returns what was wrong."""
    data = {**form_of(client.get(url(user))), **changes}
    response = client.post(url(user), {name: value for name, value in data.items() if value is not None})
    return {} if response.status_code == 302 else response.context["adminform"].form.errors


def role_of(user: User) -> str:
    return roles.role_of(User.objects.get(pk=user.pk))


# --- Roles ------------------------------------------------------------------------------------------


def test_a_chosen_role_is_the_only_one() -> None:
    client, analyst = client_of(make_admin()), make_analyst()
    analyst.groups.add(Group.objects.create(name="Quiz night"))
    assert change(client, analyst, role="Editor") == {}
    assert set(analyst.groups.values_list("name", flat=True)) == {"Editor", "Quiz night"}


def test_saving_an_account_as_it_is_keeps_its_role_and_writes_nothing_of_it() -> None:
    client, analyst = client_of(make_staff()), make_analyst()
    assert change(client, analyst) == {}
    assert role_of(analyst) == "Analyst"
    assert not LogEntry.objects.exclude(change_message__in=("", "[]")).exists()


@pytest.mark.parametrize(("who", "offered"), [("admin", 4), ("editor", 3)])
def test_roles_are_offered_up_to_ones_own(who: str, offered: int) -> None:
    user = make_admin() if who == "admin" else make_editor()
    user.user_permissions.add(*Permission.objects.filter(codename__in=("change_user", "view_user", "enter_admin")))
    client, reader = client_of(user), make_user()
    roles.give_role(reader, roles.READER)
    html = client.get(url(reader)).content.decode()
    chooser = re.search(r'<select name="role".*?</select>', html, re.DOTALL)
    assert chooser is not None
    assert re.findall(r'value="(\w*)"', chooser[0]) == list(roles.ROLES[:offered])


def test_a_role_above_ones_own_is_refused() -> None:
    editor, reader = make_editor(), make_user()
    editor.user_permissions.add(*Permission.objects.filter(codename__in=("change_user", "view_user")))
    client = client_of(editor)
    assert list(change(client, reader, role="Admin")) == ["role"]
    assert list(change(client, editor, role="Admin")) == ["role"]
    assert (role_of(reader), role_of(editor)) == ("", "Editor")


@pytest.mark.parametrize("above", ["superuser", "admin"])
def test_accounts_above_ones_own_role_are_seen_and_left_alone(above: str) -> None:
    editor = make_editor()
    editor.user_permissions.add(
        *Permission.objects.filter(codename__in=("change_user", "view_user", "delete_user", "add_user"))
    )
    other = make_staff() if above == "superuser" else make_admin()
    client = client_of(editor)
    html = client.get(url(other)).content.decode()
    assert 'name="role"' not in html
    assert 'name="email"' not in html
    assert client.post(url(other), {"username": "mine", "email": "x@example.org"}).status_code == 403
    assert client.post(url(other, "delete"), {"post": "yes"}).status_code == 403
    password = f"/admin/companies/user/{other.pk}/password/"
    assert client.post(password, {"password1": "new words 1", "password2": "new words 1"}).status_code == 403
    assert User.objects.get(pk=other.pk).check_password(PASSWORD)


def test_an_admin_gives_no_right_beyond_the_roles() -> None:
    client, reader, admin = client_of(make_admin()), make_user(), User.objects.get(username="admin")
    for user in (reader, admin):
        html = client.get(url(user)).content.decode()
        for name in ("is_superuser", "is_staff", "user_permissions", "groups"):
            assert f'name="{name}"' not in html
        chosen = Permission.objects.get(codename="delete_company").pk
        group = Group.objects.create(name=f"Others of {user}").pk
        change(client, user, is_superuser="on", is_staff="on", user_permissions=[chosen], groups=[group], role="Admin")
        after = User.objects.get(pk=user.pk)
        assert (after.is_superuser, after.is_staff, after.user_permissions.count()) == (False, False, 0)
        assert after.groups.count() == 1


def test_superusers_give_single_rights_beside_the_role() -> None:
    client, analyst = client_of(make_staff()), make_analyst()
    right, group = Permission.objects.get(codename="delete_company"), Group.objects.create(name="Quiz night")
    assert change(client, analyst, user_permissions=[right.pk], groups=[group.pk], is_staff="on") == {}
    assert role_of(analyst) == "Analyst"
    assert set(analyst.groups.values_list("name", flat=True)) == {"Analyst", "Quiz night"}
    assert analyst.user_permissions.get() == right


def test_a_role_is_no_other_group() -> None:
    client, analyst = client_of(make_staff()), make_analyst()
    admin = Group.objects.get(name="Admin")
    assert list(change(client, analyst, groups=[admin.pk])) == ["groups"]


def test_a_new_account_has_the_role_that_was_chosen_otherwise_a_readers() -> None:
    client = client_of(make_admin())
    data = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    for name, role in (("ada", {"role": "Editor"}), ("grace", {})):
        new = {"username": name, "email": f"{name}@example.org", **data, **role}
        assert client.post("/admin/companies/user/add/", new).status_code == 302
    assert role_of(User.objects.get(username="ada")) == "Editor"
    assert role_of(User.objects.get(username="grace")) == "Reader"


# --- The last administrator -------------------------------------------------------------------------


def test_the_last_administrator_gives_up_neither_role_nor_account() -> None:
    admin = make_admin()
    client = client_of(admin)
    assert list(change(client, admin, role="Reader")) == ["role"]
    assert role_of(admin) == "Admin"
    make_admin("second")
    assert change(client, admin, role="Reader") == {}
    assert role_of(admin) == "Reader"


def test_the_last_superuser_stays_one() -> None:
    staff = make_staff()
    make_admin()  # admins make no superusers
    client = client_of(staff)
    assert list(change(client, staff, is_superuser=None)) == ["is_superuser"]
    assert User.objects.get(pk=staff.pk).is_superuser
    make_staff("second")
    assert change(client, staff, is_superuser=None) == {}


def test_an_administrator_who_is_closed_does_not_count() -> None:
    admin = make_admin()
    make_admin("closed", is_active=False)
    assert list(change(client_of(admin), admin, role="Editor")) == ["role"]


def test_nobody_closes_their_own_account() -> None:
    admin = make_admin()
    make_admin("second")
    assert list(change(client_of(admin), admin, is_active=None)) == ["is_active"]
    assert User.objects.get(pk=admin.pk).is_active


def test_neither_the_last_administrator_nor_ones_own_account_is_deleted() -> None:
    staff, admin = make_staff(), make_admin()
    assert client_of(staff).post(url(staff, "delete"), {"post": "yes"}).status_code == 403
    assert client_of(admin).post(url(admin, "delete"), {"post": "yes"}).status_code == 403
    assert User.objects.count() == 2


def test_accounts_are_not_deleted_by_the_dozen() -> None:
    client, reader = client_of(make_staff()), make_user()
    client.post(LIST, {"action": "delete_selected", "_selected_action": [reader.pk], "post": "yes"})
    assert User.objects.filter(pk=reader.pk).exists()


# --- What stays -------------------------------------------------------------------------------------


def make_traces(user: User) -> None:
    make_note(user, make_version(), "1,200")
    make_run(requested_by=user)
    figure = make_figure()
    figure._history_user = user  # type: ignore[attr-defined]
    figure.save()


def test_an_account_with_traces_is_kept_and_the_page_says_which() -> None:
    client, analyst = client_of(make_staff()), make_analyst()
    make_traces(analyst)
    html = client.get(url(analyst, "delete")).content.decode()
    for line in ("Notes: 1", "Refresh runs: 1", "Changes of data: 1"):
        assert f"<li>{line}</li>" in html
    response = client.post(url(analyst, "delete"), {"post": "yes"})
    assert response.status_code == 409
    assert User.objects.filter(pk=analyst.pk).exists()


def test_a_kept_account_is_closed_instead_and_signed_out() -> None:
    client, analyst = client_of(make_staff()), make_analyst()
    make_traces(analyst)
    own = sign_in(analyst)
    assert client.post(url(analyst, "delete"), {"close": "1"}).status_code == 302
    assert not User.objects.get(pk=analyst.pk).is_active
    assert own.get("/accounts/profile/").status_code == 302
    assert "Active: True → False" in LogEntry.objects.get(object_id=str(analyst.pk)).get_change_message()


def test_what_belongs_to_an_account_alone_goes_with_it() -> None:
    client, reader = client_of(make_staff()), make_user()
    sign_in(reader)
    make_known_device(reader)
    make_invitation(account=reader, accepted_at=timezone.now())
    Authenticator.objects.create(user=reader, type="totp", data={})
    assert traces_of(reader) == []
    assert client.post(url(reader, "delete"), {"post": "yes"}).status_code == 302
    assert not User.objects.filter(pk=reader.pk).exists()


def test_every_row_that_names_an_account_is_a_trace_or_a_belonging() -> None:
    """A new model that names people must be decided about: by itself it is a trace."""
    reader = make_user()
    make_invitation(invited_by=reader)
    assert [n for _words, n in traces_of(reader)] == [1]


# --- What is written down ---------------------------------------------------------------------------


def test_a_change_is_written_down_from_what_to_what() -> None:
    client, analyst = client_of(make_staff()), make_analyst()
    right = Permission.objects.get(codename="delete_company")
    change(client, analyst, role="Editor", email="new@example.org", is_active=None, user_permissions=[right.pk])
    said = LogEntry.objects.get(object_id=str(analyst.pk)).get_change_message()
    for part in (
        "Role: Analyst → Editor",
        "analyst@example.org → new@example.org",
        "Active: True → False",
        f"— → {right}",
    ):
        assert part in said


def test_the_role_of_a_new_account_is_written_down_and_no_password() -> None:
    client = client_of(make_admin())
    data = {"username": "ada", "email": "ada@example.org", "role": "Editor", "usable_password": "true"}
    client.post("/admin/companies/user/add/", {**data, "password1": PASSWORD, "password2": PASSWORD})
    entry = LogEntry.objects.get()
    assert "Role: Editor" in entry.get_change_message()
    assert PASSWORD not in entry.change_message


def test_a_new_password_is_written_down_without_itself() -> None:
    client, reader = client_of(make_admin()), make_user()
    new = "quite another sentence"
    data = {"usable_password": "true", "password1": new, "password2": new}
    assert client.post(f"/admin/companies/user/{reader.pk}/password/", data).status_code == 302
    assert User.objects.get(pk=reader.pk).check_password(new)
    entry = LogEntry.objects.get()
    assert entry.get_change_message() == "Changed password."
    assert new not in entry.change_message


def test_no_page_shows_a_whole_hash_of_a_password() -> None:
    client, reader = client_of(make_staff()), make_user()
    for address in (url(reader), LIST, url(reader, "history")):
        assert reader.password not in client.get(address).content.decode()
        assert reader.password.rsplit("$", 1)[1] not in client.get(address).content.decode()


# --- Preferences ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"), [("language", "xx"), ("time_zone", "Mars/Base"), ("currency", "DOGE"), ("basis", "hope")]
)
def test_a_preference_that_there_is_not_is_refused(name: str, value: str) -> None:
    client, reader = client_of(make_staff()), make_user()
    assert list(change(client, reader, **{name: value})) == [name]


# --- Actions ----------------------------------------------------------------------------------------


def act(client: Client, action: str, *users: User) -> str:
    data = {"action": action, "_selected_action": [user.pk for user in users]}
    response = client.post(LIST, data, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_signing_out_everywhere_ends_every_session_and_is_written_down() -> None:
    reader, other = make_user(), make_user("other")
    browsers, untouched = [sign_in(reader), sign_in(reader)], sign_in(other)
    assert "2 sessions were ended." in act(client_of(make_admin()), "sign_out_everywhere", reader)
    for browser in browsers:
        assert browser.get("/accounts/profile/").status_code == 302
    assert untouched.get("/accounts/profile/").status_code == 200
    assert LogEntry.objects.get().change_message == "Signed out everywhere (2)."


def test_whoever_signs_themselves_out_everywhere_stays_here() -> None:
    admin = make_admin()
    here, there = sign_in(admin), sign_in(admin)
    assert "1 session was ended." in act(here, "sign_out_everywhere", admin)
    assert here.get("/accounts/profile/").status_code == 200
    assert there.get("/accounts/profile/").status_code == 302


@pytest.mark.parametrize("action", ["sign_out_everywhere", "send_password_reset"])
def test_actions_leave_accounts_above_ones_own_role_alone(action: str) -> None:
    staff, reader = make_staff(), make_user()
    browser, client = sign_in(staff), client_of(make_admin())
    mail.outbox.clear()  # a new device is told by mail
    html = act(client, action, staff, reader)
    assert "Left alone: staff stands above your own role." in html
    assert browser.get("/accounts/profile/").status_code == 200
    assert [entry.object_id for entry in LogEntry.objects.all()] == [str(reader.pk)]
    assert all(message.to == [reader.email] for message in mail.outbox)


def test_a_link_to_set_a_new_password_is_mailed_and_works() -> None:
    reader = make_user()
    assert "1 mail was sent." in act(client_of(make_admin()), "send_password_reset", reader)
    (message,) = mail.outbox
    assert message.to == [reader.email]
    found = re.search(r"http://testserver(/accounts/password/reset/key/\S+)", str(message.body))
    assert found is not None
    browser = Client()
    form = browser.get(found[1], follow=True)
    new = "quite another sentence"
    browser.post(form.redirect_chain[-1][0], {"password1": new, "password2": new})
    assert User.objects.get(pk=reader.pk).check_password(new)


def test_a_closed_account_gets_no_mail() -> None:
    reader = make_user(is_active=False)
    assert "No mail to reader" in act(client_of(make_admin()), "send_password_reset", reader)
    assert mail.outbox == []
    assert not LogEntry.objects.exists()


def test_whoever_may_only_look_at_people_has_no_actions() -> None:
    editor, reader = make_editor(), make_user()
    editor.user_permissions.add(Permission.objects.get(codename="view_user"))
    browser = sign_in(reader)
    act(client_of(editor), "sign_out_everywhere", reader)
    assert browser.get("/accounts/profile/").status_code == 200


# --- The list ---------------------------------------------------------------------------------------


def names(client: Client, query: str) -> set[str]:
    response = client.get(f"{LIST}?{query}")
    assert response.status_code == 200
    return {user.username for user in response.context["cl"].result_list}


def test_the_list_tells_role_second_factor_and_open_sessions() -> None:
    staff, analyst = make_staff(), make_analyst()
    sign_in(analyst)
    sign_in(analyst)
    expired = Session.objects.first()
    assert expired is not None
    Session.objects.filter(pk=expired.pk).update(expire_date=timezone.now() - timedelta(days=1))
    assert UserSession.objects.filter(user=analyst).count() == 2
    Authenticator.objects.create(user=analyst, type="totp", data={})
    Authenticator.objects.create(user=staff, type="recovery_codes", data={})
    rows = {user.username: user for user in client_of(staff).get(LIST).context["cl"].result_list}
    assert (rows["analyst"].sessions, rows["analyst"].with_second_factor) == (1, True)
    assert (rows["staff"].sessions, rows["staff"].with_second_factor) == (0, False)
    html = client_of(staff).get(LIST).content.decode()
    assert '<td class="field-role">Analyst</td>' in html
    assert '<td class="field-role">Superuser</td>' in html
    assert '<td class="field-open_sessions">1</td>' in html


def test_people_are_found_by_role_activity_second_factor_and_words() -> None:
    client = client_of(make_staff())
    analyst, editor = make_analyst(), make_editor()
    make_user("gone", is_active=False, first_name="Grace")
    Authenticator.objects.create(user=editor, type="webauthn", data={})
    assert names(client, "role=Analyst") == {"analyst"}
    assert names(client, "role=superuser") == {"staff"}
    assert names(client, "role=none") == {"gone"}
    assert names(client, "is_active__exact=0") == {"gone"}
    assert names(client, "second_factor=yes") == {"editor"}
    assert names(client, "second_factor=no") == {"staff", "analyst", "gone"}
    assert names(client, "q=grace") == {"gone"}
    assert names(client, f"q={analyst.email}") == {"analyst"}
    assert client.get(f"{LIST}?role=nonsense").status_code == 200


def test_a_list_of_many_people_takes_as_many_queries_as_one_of_few() -> None:
    client, counts = client_of(make_admin()), []
    for n in range(1, 7):
        user = make_analyst(f"analyst-{n}")
        sign_in(user)
        Authenticator.objects.create(user=user, type="totp", data={})
        if n in (1, 6):
            with CaptureQueriesContext(connection) as queries:
                assert client.get(LIST).status_code == 200
            counts.append(len(queries))
    assert counts[0] == counts[1]


# --- Invitations and devices ------------------------------------------------------------------------


def test_invitations_and_devices_are_only_looked_at_and_show_no_hash() -> None:
    staff = make_staff()
    client, invitation, device = client_of(staff), make_invitation(), make_known_device(staff)
    for row, model, hashed in ((invitation, "invitation", invitation.token_hash), (device, "knowndevice", "0" * 64)):
        for page in (reverse(f"admin:companies_{model}_changelist"), f"/admin/companies/{model}/{row.pk}/change/"):
            html = client.get(page).content.decode()
            assert hashed not in html
            assert 'name="_save"' not in html
    assert project.SESSION_COOKIE_NAME in client.cookies


# --- Groups ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", roles.ROLES)
def test_the_groups_of_the_roles_keep_their_names_and_stay(role: str) -> None:
    """People, invitations and new accounts find them by name."""
    client = Client()
    client.force_login(make_admin())
    group = Group.objects.get(name=role)
    kept = [str(one.pk) for one in group.permissions.all()]
    url = reverse("admin:auth_group_change", args=[group.pk])
    assert client.post(url, {"name": "Somebody", "permissions": kept[:-1]}).status_code == 302
    assert client.post(reverse("admin:auth_group_delete", args=[group.pk]), {"post": "yes"}).status_code == 403
    data = {"action": "delete_selected", "_selected_action": [group.pk], "post": "yes"}
    assert client.post(reverse("admin:auth_group_changelist"), data).status_code == 403
    group.refresh_from_db()
    assert (group.name, group.permissions.count()) == (role, max(0, len(kept) - 1))


def test_other_groups_are_renamed_and_deleted() -> None:
    client = Client()
    client.force_login(make_admin())
    group = Group.objects.create(name="Night shift")
    url = reverse("admin:auth_group_change", args=[group.pk])
    assert client.post(url, {"name": "Day shift", "permissions": []}).status_code == 302
    assert Group.objects.get(pk=group.pk).name == "Day shift"
    assert client.post(reverse("admin:auth_group_delete", args=[group.pk]), {"post": "yes"}).status_code == 302
    assert not Group.objects.filter(pk=group.pk).exists()
