"""Invitations: the only way to an account."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from companies import roles
from companies.accounts.invitations import InvitationOverError, accept, invite
from companies.models import Invitation, User
from tests.accounts.people import is_signed_in
from tests.factories import make_analyst, make_editor, make_staff, make_user

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
NEW = "an entirely new one"
CHOSEN = {"username": "ada", "password1": NEW, "password2": NEW}
PAGE = "/accounts/invitations/"
pytestmark = pytest.mark.django_db


def make_admin(username: str = "boss") -> User:
    roles.make_roles()
    user = make_user(username)
    roles.give_role(user, roles.ADMIN)
    return user


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def link(email: str = "ada@example.org", role: str = roles.ANALYST, inviter: User | None = None) -> str:
    """The address of a fresh invitation."""
    _invitation, token = invite(email, role, inviter or make_admin())
    return reverse("accounts:join", args=[token])


def html(response: Any) -> str:
    return str(response.content.decode())


# --- To invite ------------------------------------------------------------------------------------------


def test_an_invitation_is_mailed_and_its_link_shown_once() -> None:
    boss = client_of(make_admin())
    made = boss.post(PAGE, {"email": "Ada@example.org", "role": "Analyst"})
    assert made.status_code == 201
    found = re.search(r'value="(http://testserver/accounts/join/[^"]+)"', html(made))
    assert found
    (letter,) = mail.outbox
    assert letter.to == ["ada@example.org"]
    assert letter.body.count(found[1]) == 2  # once in each language
    token = found[1].rstrip("/").rpartition("/")[2]
    assert token not in html(boss.get(PAGE))
    assert token not in str(Invitation.objects.values().get())


def test_nobody_invites_to_a_role_above_their_own() -> None:
    clerk = make_user("clerk")
    roles.make_roles()
    roles.give_role(clerk, roles.EDITOR)
    clerk.user_permissions.add(*roles._permissions_of(roles.ADMIN))
    answer = client_of(clerk).post(PAGE, {"email": "ada@example.org", "role": "Admin"})
    assert answer.status_code == 400
    assert not Invitation.objects.exists()
    assert client_of(clerk).post(PAGE, {"email": "ada@example.org", "role": "Editor"}).status_code == 201


@pytest.mark.parametrize("make", [make_user, make_analyst, make_editor])
def test_who_may_not_invite_does_neither_see_nor_do_it(make: Any) -> None:
    invitation, _token = invite("ada@example.org", roles.READER, make_admin())
    client = client_of(make("eve"))
    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, {"email": "x@example.org", "role": "Reader"}).status_code == 403
    for name in ("invitation_resend", "invitation_revoke"):
        assert client.post(reverse(f"accounts:{name}", args=[invitation.pk])).status_code == 403
    assert Client().get(PAGE).status_code == 302
    invitation.refresh_from_db()
    assert invitation.revoked_at is None


def test_nobody_touches_an_invitation_to_a_role_above_their_own() -> None:
    invitation, _token = invite("ada@example.org", roles.ADMIN, make_admin())
    clerk = make_editor("clerk")
    clerk.user_permissions.add(*roles._permissions_of(roles.ADMIN))
    assert client_of(clerk).post(reverse("accounts:invitation_revoke", args=[invitation.pk])).status_code == 403


@pytest.mark.parametrize(("email", "said"), [
    ("eve@example.org", "There is an account with this address already."),
    ("EVE@example.org", "There is an account with this address already."),
    ("asked@example.org", "This address is invited already."),
    ("nonsense", "Enter a valid email address."),
])  # fmt: skip
def test_whom_there_is_nothing_to_invite_to_is_refused(email: str, said: str) -> None:
    make_user("eve")
    admin = make_admin()
    invite("asked@example.org", roles.READER, admin)
    answer = client_of(admin).post(PAGE, {"email": email, "role": "Reader"})
    assert answer.status_code == 400
    assert said in html(answer)
    assert Invitation.objects.count() == 1


def test_the_list_says_what_became_of_each() -> None:
    admin = make_admin()
    with time_machine.travel(NOW, tick=False):
        for name in ("open", "taken", "back"):
            invite(f"{name}@example.org", roles.READER, admin)
    with time_machine.travel(NOW - timedelta(days=8), tick=False):
        invite("late@example.org", roles.READER, admin)
    Invitation.objects.filter(email="back@example.org").update(revoked_at=NOW)
    Invitation.objects.filter(email="taken@example.org").update(accepted_at=NOW)
    with time_machine.travel(NOW, tick=False):
        page = " ".join(html(client_of(admin).get(PAGE)).split())
    for email, state in (("open", "open until 9 Mar 2026"), ("taken", "taken up 2 Mar"), ("back", "revoked"),
                         ("late", "expired")):  # fmt: skip
        assert re.search(rf"{email}@example.org.*?{state}", page), email


def test_the_list_asks_the_same_however_many_there_are(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    admin = make_staff("boss")
    client = client_of(admin)
    for count in (2, 10):
        for number in range(count):
            invite(f"{count}-{number}@example.org", roles.READER, make_admin(f"boss-{count}-{number}"))
        with django_assert_num_queries(7):
            client.get(PAGE)


def test_a_mail_that_cannot_be_sent_leaves_the_link_to_hand_over(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    made = client_of(make_admin()).post(PAGE, {"email": "ada@example.org", "role": "Reader"})
    assert "The mail could not be sent." in html(made)
    assert "/accounts/join/" in html(made)


# --- To accept ------------------------------------------------------------------------------------------


def test_accepting_makes_an_account_with_the_address_and_the_role(client: Client) -> None:
    address = link(role=roles.ANALYST)
    assert "ada@example.org, with the role Analyst" in html(client.get(address))
    assert client.post(address, CHOSEN).status_code == 302
    user = User.objects.get(username="ada")
    assert (user.email, roles.role_of(user)) == ("ada@example.org", roles.ANALYST)
    assert not user.is_staff
    assert not user.is_superuser
    assert EmailAddress.objects.get(user=user).verified
    assert is_signed_in(client)
    assert Invitation.objects.get().account == user
    assert mail.outbox == []  # nobody is warned of the device that made the account


@pytest.mark.parametrize(("chosen", "said"), [
    ({"username": "Boss"}, "already exists"),
    ({"username": "a@b"}, "leave out the @"),
    ({"username": "a b"}, "Enter a valid username"),
    ({"username": ""}, "This field is required"),
    ({"username": "x" * 151}, "at most 150 characters"),
    ({"password2": "another one entirely"}, "didn’t match"),
    ({"password1": "12345678", "password2": "12345678"}, "entirely numeric"),
    ({"password1": "ada@example.org", "password2": "ada@example.org"}, "too similar to the email address"),
])  # fmt: skip
def test_what_is_chosen_badly_is_explained_and_makes_nothing(client: Client, chosen: dict[str, str], said: str) -> None:
    address = link()
    answer = client.post(address, {**CHOSEN, **chosen})
    assert answer.status_code == 400
    assert said in html(answer).replace("&#x27;", "’")
    assert User.objects.count() == 1
    assert Invitation.objects.get().accepted_at is None


def test_a_used_link_says_so(client: Client) -> None:
    address = link()
    client.post(address, CHOSEN)
    for answer in (Client().get(address), Client().post(address, {**CHOSEN, "username": "eve"})):
        assert answer.status_code == 410
        assert "This invitation was used" in html(answer)
    assert User.objects.count() == 2


def test_an_expired_link_says_so(client: Client, settings: Settings) -> None:
    settings.INVITATION_DAYS = 3
    with time_machine.travel(NOW, tick=False) as clock:
        address = link()
        clock.move_to(NOW + timedelta(days=3, seconds=-1))
        assert client.get(address).status_code == 200
        clock.move_to(NOW + timedelta(days=3))
        for answer in (client.get(address), client.post(address, CHOSEN)):
            assert answer.status_code == 410
            assert "This invitation has expired" in html(answer)
    assert not User.objects.filter(username="ada").exists()


def test_a_revoked_link_says_so(client: Client) -> None:
    admin = make_admin()
    address = link(inviter=admin)
    client_of(admin).post(reverse("accounts:invitation_revoke", args=[Invitation.objects.get().pk]))
    for answer in (client.get(address), client.post(address, CHOSEN)):
        assert answer.status_code == 410
        assert "This invitation was revoked" in html(answer)


def test_a_guessed_link_says_so(client: Client) -> None:
    link()
    for answer in (client.get("/accounts/join/guessed/"), client.post("/accounts/join/guessed/", CHOSEN)):
        assert answer.status_code == 404
        assert "There is no such invitation" in html(answer)


def test_a_link_that_was_sent_again_takes_the_place_of_the_old_one(client: Client) -> None:
    admin = make_admin()
    old = link(inviter=admin)
    made = client_of(admin).post(reverse("accounts:invitation_resend", args=[Invitation.objects.get().pk]))
    found = re.search(r"/accounts/join/[^\"]+", html(made))
    assert found
    assert client.get(old).status_code == 404
    assert client.post(found[0], CHOSEN).status_code == 302


def test_an_accepted_invitation_is_neither_sent_again_nor_revoked(client: Client) -> None:
    admin = make_admin()
    client.post(link(inviter=admin), CHOSEN)
    for name in ("invitation_resend", "invitation_revoke"):
        client_of(admin).post(reverse(f"accounts:{name}", args=[Invitation.objects.get().pk]))
    assert Invitation.objects.get().revoked_at is None
    assert mail.outbox == []


@pytest.mark.parametrize("change", ["closed", "demoted", "gone"])
def test_an_invitation_is_worth_no_more_than_its_inviter_is_today(client: Client, change: str) -> None:
    admin = make_admin()
    address = link(role=roles.EDITOR, inviter=admin)
    if change == "closed":
        admin.is_active = False
        admin.save()
    elif change == "demoted":
        roles.give_role(admin, roles.READER)
    else:
        admin.delete()
    assert client.post(address, CHOSEN).status_code == 410
    assert not User.objects.filter(username="ada").exists()


def test_who_is_signed_in_makes_no_second_account_by_mistake() -> None:
    admin = make_admin()
    address = link(inviter=admin)
    client = client_of(admin)
    assert "You are signed in as boss." in html(client.get(address))
    client.post(address, CHOSEN)
    assert not User.objects.filter(username="ada").exists()


def test_a_closed_site_still_opens_the_link(client: Client, settings: Settings) -> None:
    settings.REQUIRE_LOGIN = True
    assert client.get(link()).status_code == 200
    assert client.get(reverse("account_signup")).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_two_people_with_one_link_at_once_make_one_account() -> None:
    admin = make_admin()
    invitation, _token = invite("ada@example.org", roles.READER, admin)

    def take(number: int) -> bool:
        try:
            accept(Invitation.objects.get(pk=invitation.pk), f"ada-{number}", NEW)
        except InvitationOverError:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(take, range(4))) == 1
    assert User.objects.filter(username__startswith="ada").count() == 1
