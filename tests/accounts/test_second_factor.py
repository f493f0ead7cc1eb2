"""Apps, keys and recovery codes; and that staff do nothing without one where the setting says so."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from companies import roles
from companies.models import Company, Filing, User
from tests.accounts.people import app_code, confirm, give_app, give_codes, is_signed_in, sign_in
from tests.factories import NOON, make_analyst, make_company, make_editor, make_figure, make_staff, make_user
from tests.routes import routes
from tests.worlds import make_world, rows_of_admin

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    """Codes of apps change every half minute; here they do not."""
    with time_machine.travel(NOON, tick=False):
        yield


HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


def html(response: Any) -> str:
    return str(response.content.decode())


def signed_in(user: User) -> Client:
    client = Client()
    sign_in(client, user.username)
    return client


# --- To have one ----------------------------------------------------------------------------------------


def test_an_app_is_set_up_by_its_code_and_brings_recovery_codes() -> None:
    client = signed_in(make_user("ada"))
    assert client.get(reverse("mfa_activate_totp"))["Location"].startswith(reverse("account_reauthenticate"))
    confirm(client)
    page = html(client.get(reverse("mfa_activate_totp")))
    secret = re.search(r'<code class="secret">([A-Z2-7]{32})</code>', page)
    picture = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert secret
    assert picture
    assert b"<svg" in base64.b64decode(picture[1])
    wrong = client.post(reverse("mfa_activate_totp"), {"code": "000000"})
    assert "Incorrect code." in html(wrong)
    mail.outbox.clear()
    done = client.post(reverse("mfa_activate_totp"), {"code": app_code(secret[1])}, follow=True)
    assert done.request["PATH_INFO"] == reverse("mfa_view_recovery_codes")
    codes = re.findall(r"<code>(\d{8})</code>", html(done))
    assert len(codes) == 10
    assert client.get(reverse("mfa_download_recovery_codes")).content.decode().split() == codes


def test_signing_in_then_asks_for_the_code(client: Client) -> None:
    user = make_user("ada")
    give_app(user)
    assert sign_in(client, "ada")["Location"] == reverse("mfa_authenticate")
    assert not is_signed_in(client)
    assert "Incorrect code." in html(client.post(reverse("mfa_authenticate"), {"code": "000000"}))
    assert not is_signed_in(client)
    client.post(reverse("mfa_authenticate"), {"code": app_code()})
    assert is_signed_in(client)


def test_a_code_works_once() -> None:
    give_app(make_user("ada"))
    code = app_code()
    for works in (True, False):
        client = signed_in(User.objects.get())
        client.post(reverse("mfa_authenticate"), {"code": code})
        assert is_signed_in(client) is works


def test_a_recovery_code_takes_its_place_once() -> None:
    user = make_user("ada")
    give_app(user)
    code = give_codes(user)[0]
    for works in (True, False):
        client = signed_in(user)
        client.post(reverse("mfa_authenticate"), {"code": code})
        assert is_signed_in(client) is works


def test_codes_cannot_be_guessed(client: Client) -> None:
    give_app(make_user("ada"))
    sign_in(client, "ada")
    for _ in range(5):
        client.post(reverse("mfa_authenticate"), {"code": "000000"})
    refused = client.post(reverse("mfa_authenticate"), {"code": app_code()})
    assert "Too many failed login attempts" in html(refused)
    assert not is_signed_in(client)


def test_a_private_site_lets_people_give_their_second_factor(client: Client, settings: Settings) -> None:
    settings.REQUIRE_LOGIN = True
    give_app(make_user("ada"))
    sign_in(client, "ada")
    assert client.get(reverse("mfa_authenticate")).status_code == 200
    client.post(reverse("mfa_authenticate"), {"code": app_code()})
    assert is_signed_in(client)


def with_app(user: User) -> Client:
    """Signed in with a second factor."""
    give_app(user)
    give_codes(user)
    client = signed_in(user)
    client.post(reverse("mfa_authenticate"), {"code": app_code()})
    return client


@pytest.mark.parametrize(("method", "name"), [
    ("get", "mfa_activate_totp"), ("post", "mfa_activate_totp"), ("get", "mfa_deactivate_totp"),
    ("post", "mfa_deactivate_totp"), ("get", "mfa_view_recovery_codes"), ("get", "mfa_download_recovery_codes"),
    ("get", "mfa_generate_recovery_codes"), ("post", "mfa_generate_recovery_codes"), ("get", "mfa_add_webauthn"),
    ("post", "mfa_add_webauthn"),
])  # fmt: skip
def test_what_touches_a_factor_asks_again_who_it_is(method: str, name: str) -> None:
    client = with_app(make_user("ada"))
    answer = getattr(client, method)(reverse(name))
    wanted = (reverse("mfa_reauthenticate"), reverse("mfa_deactivate_totp"))
    assert answer.status_code == 302
    assert answer["Location"].startswith(wanted)


def test_a_password_alone_does_not_take_a_second_factor_away() -> None:
    client = with_app(make_user("ada"))
    assert confirm(client)["Location"].startswith(reverse("mfa_reauthenticate"))
    client.post(reverse("mfa_deactivate_totp"))
    assert Authenticator.objects.filter(type="totp").exists()


def test_who_gives_a_recovery_code_removes_the_app_and_is_told() -> None:
    user = make_user("ada")
    client = with_app(user)
    code = Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()[0]
    client.post(reverse("mfa_reauthenticate"), {"code": code})
    mail.outbox.clear()
    assert client.post(reverse("mfa_deactivate_totp")).status_code == 302
    assert not Authenticator.objects.exists()
    assert [letter.subject for letter in mail.outbox] == ["[Xinpan] The authenticator app was removed"]


def test_new_recovery_codes_end_the_old_ones() -> None:
    user = make_user("ada")
    client = with_app(user)
    old = Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()
    client.post(reverse("mfa_reauthenticate"), {"code": old[0]})
    client.post(reverse("mfa_generate_recovery_codes"))
    new = Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()
    assert len(new) == 10
    assert not set(new) & set(old)


# --- To need one ----------------------------------------------------------------------------------------


@pytest.fixture
def required(settings: Settings) -> None:
    settings.STAFF_SECOND_FACTOR = True


@pytest.mark.usefixtures("required")
@pytest.mark.parametrize(("make", "headers"), [(make_editor, {}), (make_editor, HTMX), (make_staff, {})])
def test_staff_without_a_factor_come_nowhere_that_needs_one(make: Any, headers: dict[str, str]) -> None:
    user = make()
    rows = make_world(user)
    client = signed_in(user)
    before = (Company.objects.count(), Filing.objects.count())
    own = ("account_", "mfa_", "usersessions_", "set_language", "accounts:session_end", "accounts:sign_out_everywhere")
    passed = []
    for route in routes():
        path = route.path({**rows, **rows_of_admin(route)})
        methods = ["get", "post", "delete"] if route.name.startswith("admin:") else ["post"]
        for method in methods:
            if not route.name.startswith(own):
                answer = getattr(client, method)(path, headers=headers)
                where = answer.headers.get("HX-Redirect" if headers else "Location", "")
                if where != reverse("mfa_index"):
                    passed.append((route.name, method, answer.status_code, where))
    assert passed == []
    assert before == (Company.objects.count(), Filing.objects.count())


@pytest.mark.django_db(transaction=True)  # what is set up counts once it is committed
@pytest.mark.usefixtures("required")
def test_they_are_told_why_and_may_read_and_set_one_up() -> None:
    client = signed_in(make_editor())
    page = client.get("/admin/", follow=True)
    assert page.request["PATH_INFO"] == reverse("mfa_index")
    assert "Set up a second factor first: your role needs one for what you asked." in html(page)
    assert client.get("/").status_code == 200
    confirm(client)
    secret = re.search(r'class="secret">(\w+)<', html(client.get(reverse("mfa_activate_totp"))))
    assert secret
    client.post(reverse("mfa_activate_totp"), {"code": app_code(secret[1])})
    assert client.get("/admin/").status_code == 200
    cache.clear()


@pytest.mark.usefixtures("required")
def test_who_signed_in_with_the_factor_goes_on() -> None:
    client = with_app(make_editor())
    assert client.get("/admin/").status_code == 200
    figure = make_figure(make_company(), status="proposed")
    assert client.post(reverse("valuations:decide", args=[figure.pk])).status_code != 302


def test_a_session_from_before_it_was_required_is_caught(settings: Settings) -> None:
    settings.STAFF_SECOND_FACTOR = False
    client = signed_in(make_editor())
    assert client.get("/admin/").status_code == 200
    settings.STAFF_SECOND_FACTOR = True
    assert client.get("/admin/")["Location"] == reverse("mfa_index")


@pytest.mark.usefixtures("required")
def test_a_session_from_before_the_factor_was_set_up_elsewhere_gives_it_first() -> None:
    user = make_editor()
    client = signed_in(user)
    give_app(user)
    answer = client.get("/admin/companies/company/")
    assert answer["Location"] == f"{reverse('mfa_reauthenticate')}?next=%2Fadmin%2Fcompanies%2Fcompany%2F"
    assert client.post("/admin/companies/company/add/")["Location"] == reverse("mfa_reauthenticate")
    done = client.post(answer["Location"], {"code": app_code(), "next": "/admin/companies/company/"})
    assert done["Location"] == "/admin/companies/company/"
    assert client.get("/admin/companies/company/").status_code == 200


@pytest.mark.usefixtures("required")
def test_a_factor_that_is_taken_away_is_missed_at_once() -> None:
    client = with_app(make_editor())
    Authenticator.objects.all().delete()
    assert client.get("/admin/")["Location"] == reverse("mfa_index")


@pytest.mark.usefixtures("required")
def test_recovery_codes_alone_are_no_factor() -> None:
    user = make_editor()
    give_codes(user)
    assert signed_in(user).get("/admin/")["Location"] == reverse("mfa_index")


@pytest.mark.usefixtures("required")
def test_staff_keep_their_last_factor() -> None:
    client = with_app(make_editor())
    code = Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()[0]
    client.post(reverse("mfa_reauthenticate"), {"code": code})
    answer = client.post(reverse("mfa_deactivate_totp"))
    assert "You cannot deactivate two-factor authentication." in html(answer)
    assert Authenticator.objects.filter(type="totp").exists()


@pytest.mark.usefixtures("required")
def test_people_who_may_not_enter_the_admin_need_none() -> None:
    figure_page = reverse("figures:record")
    client = signed_in(make_analyst())
    assert client.post(figure_page).get("Location", "") != reverse("mfa_index")


def test_who_gets_a_role_that_needs_one_is_asked_with_the_next_request(settings: Settings) -> None:
    settings.STAFF_SECOND_FACTOR = True
    user = make_analyst()
    client = signed_in(user)
    assert client.get("/admin/").status_code != 200
    roles.give_role(user, roles.EDITOR)
    assert client.get("/admin/")["Location"] == reverse("mfa_index")


def test_without_the_setting_nobody_needs_one() -> None:
    assert signed_in(make_staff()).get("/admin/").status_code == 200
