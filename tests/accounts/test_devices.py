"""Mail about devices that are new, in the language of who gets it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from companies.accounts.devices import device_name
from companies.models import KnownDevice
from tests.accounts.people import FIREFOX, is_signed_in, sign_in
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1"
EDGE = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0"


def test_a_new_device_is_told_of_once(client: Client) -> None:
    make_user("ada")
    for _ in range(3):
        sign_in(client, "ada", headers={"User-Agent": FIREFOX})
        client.post(reverse("account_logout"))
    (letter,) = mail.outbox
    assert letter.to == ["ada@example.org"]
    assert letter.subject == "[Xinpan] A new device has signed in"
    assert "your account ada from a device that was not used for it before: Firefox on Windows." in letter.body
    assert "address 127.0.0.1" in letter.body


def test_another_device_is_told_of_too(client: Client) -> None:
    make_user("ada")
    sign_in(client, "ada")
    sign_in(Client(), "ada")
    assert len(mail.outbox) == 2


def test_two_people_on_one_device_are_each_told_of_it(client: Client) -> None:
    for name in ("ada", "eve"):
        make_user(name)
        sign_in(client, name)
        client.post(reverse("account_logout"))
    assert [letter.to for letter in mail.outbox] == [["ada@example.org"], ["eve@example.org"]]
    assert KnownDevice.objects.values("key_hash").distinct().count() == 1


def test_the_mail_is_in_the_language_and_the_time_of_the_account(client: Client) -> None:
    make_user("ada", language="zh-hans", time_zone="Asia/Shanghai")
    make_user("eve", language="en", time_zone="UTC")
    sign_in(client, "ada", headers={"Accept-Language": "en"})
    client.post(reverse("account_logout"))
    sign_in(client, "eve", headers={"Accept-Language": "zh-hans"})
    chinese, english = mail.outbox
    assert "北京时间" in chinese.body
    assert "A new device" in english.subject
    assert re.search(r"- time \d+ \w+ \d{4} \d\d:\d\d UTC", english.body)


@pytest.mark.parametrize("zone", ["Atlantis/Nowhere", "../etc", "/"])
def test_a_time_zone_that_is_none_keeps_nobody_from_signing_in(client: Client, zone: str) -> None:
    make_user("ada", time_zone=zone)
    sign_in(client, "ada")
    assert len(mail.outbox) == 1


def test_the_key_of_a_device_is_kept_from_scripts_and_only_its_hash_by_us(client: Client) -> None:
    make_user("ada")
    cookie = sign_in(client, "ada").cookies["device"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert int(cookie["max-age"]) == 400 * 24 * 3600
    assert KnownDevice.objects.get().key_hash not in cookie.value


def test_a_new_password_makes_the_other_devices_prove_themselves_again(client: Client) -> None:
    make_user("ada")
    other = Client()
    sign_in(other, "ada")
    sign_in(client, "ada")
    new = "an entirely new one"
    client.post(reverse("account_change_password"), {"oldpassword": PASSWORD, "password1": new, "password2": new})
    assert KnownDevice.objects.count() == 1
    mail.outbox.clear()
    sign_in(other, "ada", new)
    assert [letter.subject for letter in mail.outbox] == ["[Xinpan] A new device has signed in"]


def test_devices_that_have_not_been_seen_for_long_are_forgotten(client: Client) -> None:
    user = make_user("ada")
    long_ago = timezone.now() - timedelta(days=401)
    KnownDevice.objects.create(user=user, key_hash="0" * 64, first_seen_at=long_ago, last_seen_at=long_ago)
    sign_in(client, "ada")
    assert KnownDevice.objects.filter(key_hash="0" * 64).count() == 0


def test_a_mail_server_that_is_down_keeps_nobody_from_signing_in(client: Client, settings: object) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"  # type: ignore[attr-defined]
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1  # type: ignore[attr-defined]
    make_user("ada")
    sign_in(client, "ada")
    assert is_signed_in(client)


@pytest.mark.parametrize(("said", "name"), [
    (FIREFOX, "Firefox on Windows"), (SAFARI, "Safari on iPhone"), (EDGE, "Edge on macOS"),
    ("curl/8.5.0", "curl/8.5.0"), ("", "unknown device"),
])  # fmt: skip
def test_devices_are_called_what_people_call_them(said: str, name: str) -> None:
    assert device_name(said) == name
