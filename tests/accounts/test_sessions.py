"""Where somebody is signed in, and how that ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from allauth.usersessions.models import UserSession
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from companies.models import User
from tests.accounts.people import FIREFOX, is_signed_in, link_in_mail, session_cookie, sign_in, with_cookie
from tests.factories import PASSWORD, make_user

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
NEW = "an entirely new one"
pytestmark = pytest.mark.django_db


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def ada() -> User:
    return make_user("ada")


def signed_in(user: User, **extra: Any) -> Client:
    client = Client(**extra)
    sign_in(client, user.username)
    return client


# --- A stolen cookie ------------------------------------------------------------------------------------


def test_a_cookie_stolen_before_a_change_of_the_password_is_worthless_after(ada: User) -> None:
    own, other = signed_in(ada), signed_in(ada)
    thief = with_cookie(session_cookie(own))
    assert is_signed_in(thief)
    data = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    assert own.post(reverse("account_change_password"), data).status_code == 302
    assert is_signed_in(own)
    assert not is_signed_in(thief)
    assert not is_signed_in(other)


def test_a_cookie_stolen_before_a_reset_of_the_password_is_worthless_after(ada: User, client: Client) -> None:
    thief = with_cookie(session_cookie(signed_in(ada)))
    client.post(reverse("account_reset_password"), {"email": ada.email})
    form = client.get(link_in_mail(), follow=True).redirect_chain[-1][0]
    client.post(form, {"password1": NEW, "password2": NEW})
    assert not is_signed_in(thief)
    assert sign_in(client, "ada", NEW).status_code == 302


def test_a_link_for_a_new_password_works_once_and_for_an_hour(ada: User, client: Client) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        for wait, works in ((timedelta(minutes=59), True), (timedelta(minutes=61), False)):
            clock.move_to(NOW + 10 * wait)
            client.post(reverse("account_reset_password"), {"email": ada.email})
            clock.move_to(NOW + 11 * wait)
            page = client.get(link_in_mail(), follow=True)
            assert ("This link no longer works" not in page.content.decode()) is works
            if works:
                client.post(page.redirect_chain[-1][0], {"password1": NEW, "password2": NEW})
                used = Client().get(link_in_mail(-2), follow=True)
                assert "This link no longer works" in used.content.decode()


def test_the_owner_is_told_of_a_new_password(ada: User) -> None:
    own = signed_in(ada)
    mail.outbox.clear()
    own.post(reverse("account_change_password"), {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW})
    (letter,) = mail.outbox
    assert letter.subject == "[Xinpan] Your password was changed"
    assert "All other sessions have ended." in letter.body


def test_closing_an_account_ends_its_sessions_for_good(ada: User) -> None:
    own = signed_in(ada)
    ada.is_active = False
    ada.save()
    assert not is_signed_in(own)
    ada.is_active = True
    ada.save()
    assert not is_signed_in(own)


# --- The list -------------------------------------------------------------------------------------------


def test_the_list_names_device_address_and_when(ada: User, clock: time_machine.Traveller) -> None:
    signed_in(ada, HTTP_USER_AGENT=FIREFOX, REMOTE_ADDR="192.0.2.7")
    clock.move_to(NOW + timedelta(minutes=30))
    page = signed_in(ada).get(reverse("usersessions_list")).content.decode()
    assert "Firefox on Windows" in page
    assert "192.0.2.7" in page
    assert "2 Mar 2026 12:00 CST" in page
    assert page.count("this one") == 1


def test_one_session_is_ended_and_the_others_stay(ada: User) -> None:
    own, other = signed_in(ada), signed_in(ada)
    row = UserSession.objects.get(session_key=session_cookie(other))
    assert own.post(reverse("accounts:session_end", args=[row.pk])).status_code == 302
    assert is_signed_in(own)
    assert not is_signed_in(other)


def test_ending_the_session_that_asks_signs_out(ada: User) -> None:
    own = signed_in(ada)
    row = UserSession.objects.get(session_key=session_cookie(own))
    assert own.post(reverse("accounts:session_end", args=[row.pk]))["Location"] == reverse("account_login")
    assert not is_signed_in(own)
    assert not UserSession.objects.exists()


def test_nobody_ends_the_session_of_somebody_else(ada: User) -> None:
    own, eve = signed_in(ada), signed_in(make_user("eve"))
    row = UserSession.objects.get(session_key=session_cookie(own))
    assert eve.post(reverse("accounts:session_end", args=[row.pk])).status_code == 404
    assert is_signed_in(own)


def test_signing_out_everywhere_else_keeps_this_session_alone(ada: User) -> None:
    own, other = signed_in(ada), signed_in(ada)
    own.post(reverse("usersessions_list"))
    assert is_signed_in(own)
    assert not is_signed_in(other)


def test_signing_out_everywhere_leaves_no_session(ada: User) -> None:
    own, other, eve = signed_in(ada), signed_in(ada), signed_in(make_user("eve"))
    own.post(reverse("accounts:sign_out_everywhere"))
    assert not is_signed_in(own)
    assert not is_signed_in(other)
    assert is_signed_in(eve)


# --- When it was last seen --------------------------------------------------------------------------------


def queries_of(client: Client) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as asked:
        client.get(reverse("companies:list"))
    return [query["sql"] for query in asked]


def test_being_seen_is_noted_every_five_minutes_and_not_in_between(ada: User, clock: time_machine.Traveller) -> None:
    own = signed_in(ada)
    first = queries_of(own)
    assert not [sql for sql in first if "usersession" in sql or sql.startswith(("UPDATE", "INSERT"))]
    clock.move_to(NOW + timedelta(minutes=4, seconds=59))
    assert len(queries_of(own)) == len(first)
    assert UserSession.objects.get().last_seen_at == NOW
    clock.move_to(NOW + timedelta(minutes=5))
    own.get(reverse("companies:list"), REMOTE_ADDR="192.0.2.8")
    seen = UserSession.objects.get()
    assert (seen.last_seen_at, seen.ip) == (NOW + timedelta(minutes=5), "192.0.2.8")
    assert len(queries_of(own)) == len(first)
