"""Guessing passwords: per account, per address, and never locking the owner out for good."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from companies.accounts.throttle import Limit, TooManyAttemptsError, network_of, take
from companies.models import KnownDevice
from tests.accounts.people import confirm, guess, is_signed_in, link_in_mail, session_cookie, sign_in, with_cookie
from tests.factories import make_user

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def test_the_sixth_guess_within_five_minutes_is_not_looked_at(client: Client, clock: time_machine.Traveller) -> None:
    make_user("ada")
    assert guess(client, "ada", 6) == [200] * 5 + [429]
    response = sign_in(client, "ada")  # the right password, too
    assert response.status_code == 429
    assert response["Retry-After"] == "300"
    assert "Try again in 5 minutes." in response.content.decode()
    assert not is_signed_in(client)


def test_the_account_is_open_again_when_the_page_says_so(client: Client, clock: time_machine.Traveller) -> None:
    make_user("ada")
    guess(client, "ada", 5)
    clock.move_to(NOW + timedelta(seconds=299))
    assert sign_in(client, "ada")["Retry-After"] == "1"
    clock.move_to(NOW + timedelta(seconds=301))
    assert sign_in(client, "ada").status_code == 302


@pytest.mark.parametrize("login", ["ADA", "ada@example.org", "Ada@Example.org", " ada", "ａｄａ"])
def test_all_spellings_of_an_account_are_counted_together(client: Client, login: str) -> None:
    make_user("ada")
    guess(client, "ada", 5)
    assert guess(client, login, 1) == [429]


def test_an_account_that_is_not_there_is_counted_like_one_that_is(client: Client) -> None:
    assert guess(client, "nobody", 6) == [200] * 5 + [429]


def test_no_more_than_fifty_guesses_a_day(clock: time_machine.Traveller) -> None:
    make_user("ada")
    answers = []
    for number in range(60):
        clock.move_to(NOW + timedelta(minutes=2 * number))
        answers += guess(Client(REMOTE_ADDR=f"192.0.2.{number}"), "ada", 1)
    assert answers.count(200) == 50
    assert answers[50:] == [429] * 10


def test_one_address_tries_twenty_passwords_in_five_minutes_over_all_accounts(client: Client) -> None:
    answers = [guess(client, f"user-{number}", 1)[0] for number in range(21)]
    assert answers == [200] * 20 + [429]
    assert guess(Client(REMOTE_ADDR="192.0.2.9"), "user-99", 1) == [200]


def test_an_attacker_cannot_choose_an_address(client: Client) -> None:
    answers = [
        guess(client, f"user-{n}", 1, headers={"X-Forwarded-For": f"192.0.2.{n}"})[0] for n in range(21)
    ]  # fmt: skip
    assert answers[-1] == 429


def test_behind_a_proxy_the_address_is_the_last_that_it_added(client: Client, settings: Settings) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    answers = [
        guess(client, f"user-{n}", 1, headers={"X-Forwarded-For": f"203.0.113.{n}, 192.0.2.1"})[0] for n in range(21)
    ]  # fmt: skip
    assert answers[-1] == 429
    assert guess(client, "user-99", 1, headers={"X-Forwarded-For": "192.0.2.2"}) == [200]


def test_addresses_of_one_network_count_as_one() -> None:
    assert network_of("2001:db8:1:2:3:4:5:6") == network_of("2001:db8:1:2::1") == "2001:db8:1:2::"
    assert network_of("192.0.2.1") != network_of("192.0.2.2")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1")
    assert network_of("::ffff:192.0.2.1") != network_of("::ffff:192.0.2.2")


def test_the_owner_signs_in_from_a_known_device_while_the_account_is_under_attack(client: Client) -> None:
    make_user("ada")
    sign_in(client, "ada")
    client.post(reverse("account_logout"))
    attacker = Client()  # even from the same address
    guess(attacker, "ada", 30)
    guess(attacker, "eve", 30)
    assert sign_in(client, "ada").status_code == 302
    assert is_signed_in(client)
    assert sign_in(attacker, "ada").status_code == 429


def test_a_known_device_may_not_guess_for_ever_either(client: Client) -> None:
    make_user("ada")
    sign_in(client, "ada")
    client.post(reverse("account_logout"))
    assert guess(client, "ada", 11) == [200] * 10 + [429]


def test_a_device_is_known_to_its_own_account_alone(client: Client) -> None:
    make_user("eve")
    make_user("ada")
    sign_in(client, "eve")
    client.post(reverse("account_logout"))
    assert guess(client, "ada", 6) == [200] * 5 + [429]


def test_a_made_up_device_is_not_known(client: Client) -> None:
    user = make_user("ada")
    sign_in(client, "ada")
    assert KnownDevice.objects.filter(user=user).count() == 1
    attacker = Client()
    attacker.cookies["device"] = client.cookies["device"].value.replace(":", "x:", 1)
    assert guess(attacker, "ada", 6) == [200] * 5 + [429]


def test_a_new_password_by_mail_lets_the_owner_in_from_a_new_device_under_attack(client: Client) -> None:
    make_user("ada")
    guess(Client(), "ada", 30)
    client.post(reverse("account_reset_password"), {"email": "ada@example.org"})
    form = client.get(link_in_mail(), follow=True)
    new = {"password1": "an entirely new one", "password2": "an entirely new one"}
    client.post(form.redirect_chain[-1][0], new)
    guess(Client(), "ada", 30)
    assert sign_in(client, "ada", "an entirely new one").status_code == 302


def test_asking_for_the_address_of_somebody_else_brings_no_more_guesses(client: Client) -> None:
    eve = make_user("eve")  # before ada: the first that is found must not be taken
    make_user("ada")
    EmailAddress.objects.create(user=eve, email="ada@example.org", primary=False, verified=False)
    guess(Client(), "ada", 5)
    client.post(reverse("account_reset_password"), {"email": "eve@example.org"})
    form = client.get(link_in_mail(), follow=True)
    new = {"password1": "an entirely new one", "password2": "an entirely new one"}
    client.post(form.redirect_chain[-1][0], new)
    assert guess(client, "ada@example.org", 1) == [429]
    assert sign_in(client, "eve", "an entirely new one").status_code == 302


def test_signing_in_does_not_use_attempts_up(client: Client) -> None:
    make_user("ada")
    for _ in range(12):
        assert sign_in(Client(), "ada").status_code == 302


def test_a_success_does_not_forgive_the_failures_before_it(client: Client) -> None:
    make_user("ada")
    guess(client, "ada", 4)
    assert sign_in(Client(), "ada").status_code == 302
    assert guess(client, "ada", 2) == [200, 429]


def test_a_stolen_session_cannot_guess_the_password_either(client: Client) -> None:
    make_user("ada")
    sign_in(client, "ada")
    thief = with_cookie(session_cookie(client))
    assert [confirm(thief, f"wrong {n}").status_code for n in range(6)] == [200] * 5 + [429]
    data = {"oldpassword": "wrong", "password1": "an entirely new one", "password2": "an entirely new one"}
    answers = [thief.post(reverse("account_change_password"), data).status_code for _ in range(6)]
    assert answers == [200] * 5 + [429]
    assert confirm(client).status_code == 302  # the owner is held up by none of it


def test_a_mailbox_is_not_flooded_with_links(client: Client) -> None:
    make_user("ada")
    answers = [client.post(reverse("account_reset_password"), {"email": "ada@example.org"}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [302] * 3 + [429]
    assert "Wait ten minutes" in answers[-1].content.decode()
    assert answers[-1]["Retry-After"] == "600"


def test_attempts_are_forgotten_by_nobody_who_asks_for_much_else() -> None:
    take([Limit("mine", 1, 300)], "ada")
    for number in range(400):
        cache.set(f"other-{number}", True)
    with pytest.raises(TooManyAttemptsError):
        take([Limit("mine", 1, 300)], "ada")


@pytest.mark.django_db(transaction=True)
def test_of_guesses_at_the_same_moment_no_more_get_through() -> None:
    cache.clear()
    limit = Limit("together", 5, 300)

    def attempt(number: int) -> bool:
        try:
            take([limit], "ada")
        except TooManyAttemptsError:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as threads:
        assert 1 <= sum(threads.map(attempt, range(24))) <= 5
    cache.clear()


def test_the_table_of_counts_is_made_by_migrating() -> None:
    assert "shared_cache" in connection.introspection.table_names()
