"""What the admin shows of second factors, sessions and addresses, and takes away."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.test import Client
from django.urls import reverse

from companies import roles
from companies.models import User
from tests.accounts.people import SECRET, give_app, give_codes, is_signed_in, sign_in
from tests.factories import make_staff, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(client: Client) -> User:
    roles.make_roles()
    user = make_user("boss")
    roles.give_role(user, roles.ADMIN)
    client.force_login(user)
    return user


def pages_of(client: Client, row: Authenticator | EmailAddress | UserSession) -> str:
    base = f"admin:{row._meta.app_label}_{row._meta.model_name}"
    paths = [reverse(f"{base}_changelist"), reverse(f"{base}_change", args=[row.pk])]
    return "".join(client.get(path).content.decode() for path in paths)


def test_no_secret_of_a_second_factor_is_shown(client: Client, boss: User) -> None:
    user = make_user("ada")
    give_app(user)
    give_codes(user)
    for factor in Authenticator.objects.all():
        page = pages_of(client, factor)
        assert "ada" in page
        assert SECRET not in page
        assert str(factor.data.get("seed", SECRET)) not in page


def delete(client: Client, row: Authenticator | UserSession) -> int:
    path = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_delete", args=[row.pk])
    return client.post(path, {"post": "yes", "reason": "Lost"}).status_code


def test_a_lost_factor_is_taken_away(client: Client, boss: User) -> None:
    give_app(make_user("ada"))
    assert delete(client, Authenticator.objects.get()) == 302
    assert not Authenticator.objects.exists()


def test_taking_a_session_away_signs_it_out(client: Client, boss: User) -> None:
    make_user("ada")
    other = Client()
    sign_in(other, "ada")
    assert delete(client, UserSession.objects.get(user__username="ada")) == 302
    assert not is_signed_in(other)


def test_nothing_is_taken_away_from_who_stands_above(client: Client, boss: User) -> None:
    root = make_staff("root")
    give_app(root)
    assert delete(client, Authenticator.objects.get()) == 403
    assert Authenticator.objects.exists()


def test_nobody_gives_an_account_an_address_of_their_own(client: Client, boss: User) -> None:
    root = make_staff("root")
    data = {"user": root.pk, "email": "thief@example.org", "verified": "on", "primary": "on"}
    assert client.post(reverse("admin:account_emailaddress_add"), data).status_code == 403
    row = EmailAddress.objects.get(user=root)
    assert client.post(reverse("admin:account_emailaddress_change", args=[row.pk]), data).status_code == 403
    row.refresh_from_db()
    assert row.email == "root@example.org"
