"""The profile: what people say of themselves is saved, takes effect at once, and changes nothing about their rights."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from companies.models import User
from tests.factories import make_user

pytestmark = pytest.mark.django_db

PROFILE = "/accounts/profile/"
CHOSEN = {
    "first_name": "Ada", "last_name": "L", "language": "zh-hans", "time_zone": "Europe/Berlin", "units": "western",
    "currency": "USD", "basis": "fy", "direction_colours": "green_up", "theme": "dark",
}  # fmt: skip


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(make_user())
    return client


def saved() -> dict[str, Any]:
    user = User.objects.get()
    return {name: getattr(user, name) for name in CHOSEN}


def test_every_preference_of_the_model_is_saved(client: Client) -> None:
    response = client.post(PROFILE, CHOSEN)
    assert (response.status_code, response["Location"]) == (302, PROFILE)
    assert saved() == CHOSEN


def test_what_is_saved_takes_effect_with_the_page_that_says_so(client: Client) -> None:
    client.cookies.load({"theme": "light", "direction_colours": "red_up", "django_language": "en"})
    html = client.post(PROFILE, CHOSEN, follow=True).content.decode()
    assert '<html lang="zh-Hans" data-theme="dark" data-up="green">' in html
    assert "Ada" in html
    assert 'class="messages"' in html


def test_the_form_shows_what_is_saved(client: Client) -> None:
    client.post(PROFILE, CHOSEN)
    html = client.get(PROFILE).content.decode()
    for value in ("zh-hans", "Europe/Berlin", "western", "USD", "fy", "green_up", "dark"):
        assert f'<option value="{value}" selected>' in html
    assert 'value="Ada"' in html


def test_it_is_saved_without_a_script_and_names_every_field(client: Client) -> None:
    html = client.get(PROFILE).content.decode()
    assert f'method="post" action="{PROFILE}"' in html
    for name in CHOSEN:
        assert f'for="id_{name}"' in html


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("language", "xx"),
        ("time_zone", "Mars/Base"),
        ("units", "dozens"),
        ("currency", "DOGE"),
        ("currency", ""),
        ("basis", "hope"),
        ("direction_colours", "blue_up"),
        ("theme", "pink"),
        ("first_name", "x" * 151),
        ("first_name", "\0"),
    ],
)
def test_a_value_that_there_is_not_is_refused_beside_its_field_and_saves_nothing(
    client: Client, name: str, value: str
) -> None:
    before = saved()
    response = client.post(PROFILE, {**CHOSEN, name: value})
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [name]
    assert f'id="id_{name}_error"' in response.content.decode()
    assert saved() == before


def test_a_refused_form_does_not_call_its_reader_by_another_name(client: Client) -> None:
    html = client.post(PROFILE, {**CHOSEN, "theme": "pink"}).content.decode()
    assert '<html lang="en"' in html
    assert "Ada" not in html.split('id="main"')[0]


def test_nobody_gives_themselves_rights_or_another_address(client: Client) -> None:
    before = User.objects.get()
    extra = {"is_superuser": "on", "is_staff": "on", "groups": "1", "email": "x@example.org", "username": "root"}
    assert client.post(PROFILE, {**CHOSEN, **extra}).status_code == 302
    after = User.objects.get()
    for name in ("is_superuser", "is_staff", "email", "username", "password"):
        assert getattr(after, name) == getattr(before, name)
    assert not after.groups.exists()


def test_only_what_was_changed_is_written(client: Client) -> None:
    """Two open pages, or a sign-in meanwhile, do not undo each other."""
    plain = {**CHOSEN, "language": "", "time_zone": "", "units": "by_language", "currency": "CNY", "basis": "ttm"}
    with CaptureQueriesContext(connection) as queries:
        client.post(PROFILE, plain | {"direction_colours": "by_language", "theme": "system"})
    written = next(
        query["sql"] for query in queries if query["sql"].startswith("UPDATE") and "first_name" in query["sql"]
    )
    assert "password" not in written
    assert "theme" not in written


def test_the_profile_belongs_to_people_who_signed_in() -> None:
    response = Client().get(PROFILE)
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))
    assert Client().post(PROFILE, CHOSEN).status_code == 302


def test_it_leads_to_password_addresses_second_factor_and_sessions(client: Client) -> None:
    html = client.get(PROFILE).content.decode()
    for name in ("account_change_password", "account_email", "mfa_index", "usersessions_list"):
        assert f'href="{reverse(name)}"' in html


def test_the_zone_of_the_instance_is_offered_by_its_name(client: Client, settings: Settings) -> None:
    settings.DISPLAY_TIME_ZONE = "Europe/Berlin"
    assert "As this instance (Europe/Berlin)" in client.get(PROFILE).content.decode()


def test_the_profile_is_kept_by_no_cache(client: Client) -> None:
    assert "no-store" in client.get(PROFILE)["Cache-Control"]
