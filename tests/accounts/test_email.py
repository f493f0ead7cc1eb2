"""The address of an account, and how it changes."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.urls import reverse

from companies.models import User
from tests.accounts.people import confirm, is_signed_in, link_in_mail, sign_in
from tests.factories import make_user

pytestmark = pytest.mark.django_db
PAGE = "/accounts/email/"


@pytest.fixture
def ada(client: Client) -> User:
    user = make_user("ada")
    sign_in(client, "ada")
    mail.outbox.clear()
    return user


def ask(client: Client, email: str) -> None:
    """Ask for another address, having said again who it is."""
    confirm(client)
    client.post(PAGE, {"action_add": "1", "email": email})


def test_an_account_has_its_address_from_the_first(ada: User) -> None:
    (address,) = EmailAddress.objects.filter(user=ada)
    assert (address.email, address.verified, address.primary) == ("ada@example.org", True, True)


def test_a_stolen_session_does_not_change_the_address(client: Client, ada: User) -> None:
    answer = client.post(PAGE, {"action_add": "1", "email": "thief@example.org"})
    assert answer["Location"].startswith(reverse("account_reauthenticate"))
    assert mail.outbox == []


def test_a_new_address_counts_once_it_is_confirmed_and_the_old_one_is_told(client: Client, ada: User) -> None:
    ask(client, "new@example.org")
    assert [letter.to for letter in mail.outbox] == [["new@example.org"]]
    assert "on its way to new@example.org" in client.get(PAGE).content.decode()
    ada.refresh_from_db()
    assert ada.email == "ada@example.org"
    link = link_in_mail()
    assert "new@example.org becomes the address of the account ada" in client.get(link).content.decode()
    assert client.post(link)["Location"] == PAGE
    ada.refresh_from_db()
    assert ada.email == "new@example.org"
    assert EmailAddress.objects.filter(user=ada).values_list("email", "verified", "primary").get() == (
        "new@example.org", True, True,
    )  # fmt: skip
    assert mail.outbox[-1].to == ["ada@example.org"]
    assert "from ada@example.org to new@example.org" in mail.outbox[-1].body
    assert sign_in(Client(), "ada@example.org").status_code == 200
    assert sign_in(Client(), "new@example.org").status_code == 302


def test_a_change_is_taken_back(client: Client, ada: User) -> None:
    ask(client, "new@example.org")
    client.post(PAGE, {"action_remove": "1", "email": "new@example.org"})
    assert EmailAddress.objects.filter(user=ada).values_list("email", flat=True).get() == "ada@example.org"


def test_the_address_of_an_account_cannot_be_removed(client: Client, ada: User) -> None:
    confirm(client)
    client.post(PAGE, {"action_remove": "1", "email": "ada@example.org"})
    ada.refresh_from_db()
    assert ada.email == "ada@example.org"
    assert EmailAddress.objects.filter(user=ada).exists()


@pytest.mark.parametrize("has_row", [True, False])
def test_nobody_takes_the_address_of_somebody_else_nor_learns_that_there_is_one(
    client: Client, ada: User, has_row: bool
) -> None:
    eve = make_user("eve")
    if not has_row:
        EmailAddress.objects.filter(user=eve).delete()
    ask(client, "eve@example.org")
    assert "on its way to eve@example.org" in client.get(PAGE).content.decode()
    client.post(link_in_mail())
    ada.refresh_from_db()
    assert ada.email == "ada@example.org"
    assert sign_in(Client(), "eve@example.org").status_code == 302


def test_a_broken_link_says_so(client: Client) -> None:
    page = client.get(reverse("account_confirm_email", args=["guessed"]))
    assert "This link no longer works" in page.content.decode()


def test_the_page_opens_for_an_account_that_allauth_never_heard_of(client: Client, ada: User) -> None:
    EmailAddress.objects.filter(user=ada).delete()
    assert client.get(PAGE).status_code == 200
    assert is_signed_in(client)
