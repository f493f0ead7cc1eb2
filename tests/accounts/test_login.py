"""Signing in and out, and what nobody learns by trying."""

from __future__ import annotations

from io import StringIO

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from companies.models import User
from tests.accounts.people import is_signed_in, session_cookie, sign_in, with_cookie
from tests.factories import PASSWORD, make_staff, make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("login", ["ada", "ADA", " ada ", "ada@example.org", "Ada@Example.ORG"])
def test_name_and_address_sign_in(client: Client, login: str) -> None:
    make_user("ada")
    assert sign_in(client, login).status_code == 302
    assert is_signed_in(client)


def test_an_address_signs_in_that_only_the_user_row_knows(client: Client) -> None:
    user = make_user("ada")
    EmailAddress.objects.filter(user=user).delete()
    sign_in(client, "ada@example.org")
    assert is_signed_in(client)


def test_an_address_written_in_capitals_signs_in(client: Client) -> None:
    make_user("ada", email="Ada@Example.org")
    sign_in(client, "ada@example.org")
    assert is_signed_in(client)


def test_an_address_that_an_operator_replaced_signs_in_no_more(client: Client) -> None:
    user = make_user("ada")
    user.email = "new@example.org"
    user.save()
    assert sign_in(client, "ada@example.org").status_code == 200
    sign_in(client, "new@example.org")
    assert is_signed_in(client)


def test_signing_out_ends_the_session(client: Client) -> None:
    make_user("ada")
    sign_in(client, "ada")
    stolen = session_cookie(client)
    assert client.get(reverse("account_logout")).status_code == 200
    client.post(reverse("account_logout"))
    assert not is_signed_in(client)
    assert not is_signed_in(with_cookie(stolen))


def test_a_session_that_an_attacker_prepared_is_not_the_one_that_is_signed_in(client: Client) -> None:
    make_user("ada")
    client.get(reverse("account_login"))
    session = client.session
    session["planted"] = True
    session.save()
    planted = session_cookie(client)
    sign_in(client, "ada")
    assert session_cookie(client) != planted
    assert is_signed_in(client)
    assert not is_signed_in(with_cookie(planted))


def test_the_cookie_ends_with_the_browser_unless_the_reader_stays(client: Client) -> None:
    make_user("ada")
    assert sign_in(client, "ada").cookies["sessionid"]["max-age"] == ""
    stays = {"login": "ada", "password": PASSWORD, "remember": "on"}
    assert Client().post(reverse("account_login"), stays).cookies["sessionid"]["max-age"] > 24 * 3600


@pytest.mark.parametrize("path", ["/admin/login/", "/admin/login/?next=/admin/"])
def test_the_admin_has_no_sign_in_of_its_own(client: Client, path: str) -> None:
    make_staff("ada")
    for response in (client.get(path), client.post(path, {"username": "ada", "password": PASSWORD})):
        assert response.status_code == 302
        assert response["Location"].startswith(reverse("account_login"))
    assert not is_signed_in(client)


def test_the_first_administrator_signs_in_by_the_printed_address(client: Client) -> None:
    call_command("ensure_admin", stdout=StringIO())
    User.objects.update(password=make_user("other").password)
    sign_in(client, "admin@localhost")
    assert is_signed_in(client)
    assert EmailAddress.objects.get(email="admin@localhost").verified


# --- What nobody learns ---------------------------------------------------------------------------------


@pytest.mark.parametrize("login", ["ada", "ada@example.org", "closed", "without", "nobody", "nobody@example.org"])
def test_a_wrong_password_says_the_same_and_takes_as_long_whether_the_account_exists(
    client: Client, hashes: list[int], login: str
) -> None:
    make_user("ada")
    make_user("closed", is_active=False)
    make_user("without", password="!")
    hashes.clear()
    response = sign_in(client, login, "wrong")
    assert response.status_code == 200
    assert "The name or address and the password do not belong together." in response.content.decode()
    assert len(hashes) == 1


@pytest.mark.parametrize("email", ["ada@example.org", "nobody@example.org"])
def test_a_reset_says_the_same_whether_the_account_exists(client: Client, email: str) -> None:
    make_user("ada")
    response = client.post(reverse("account_reset_password"), {"email": email}, follow=True)
    assert "If it belongs to an account" in response.content.decode()
    assert email not in response.content.decode()
    (letter,) = mail.outbox  # one mail either way, so that it takes as long
    assert letter.to == [email]
    assert ("/password/reset/key/" in letter.body) is (email == "ada@example.org")


@pytest.mark.parametrize("email", ["ada@example.org", "nobody@example.org"])
def test_signing_up_is_closed_and_says_so(client: Client, email: str) -> None:
    make_user("ada")
    data = {"email": email, "username": "eve", "password1": PASSWORD, "password2": PASSWORD}
    for response in (client.get(reverse("account_signup")), client.post(reverse("account_signup"), data)):
        assert response.status_code == 200
        assert "Sign-up is closed" in response.content.decode()
    assert User.objects.count() == 1
    assert mail.outbox == []


def test_a_closed_account_is_told_so_only_with_its_password(client: Client) -> None:
    make_user("ada", is_active=False)
    response = client.post(reverse("account_login"), {"login": "ada", "password": PASSWORD}, follow=True)
    assert "This account is closed" in response.content.decode()
    assert not is_signed_in(client)
