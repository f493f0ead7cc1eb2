"""The menu of whoever is signed in: what they may do, and no link that would be refused."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from companies.models import User
from tests.worlds import make_people

pytestmark = pytest.mark.django_db

NOTES, REVIEW, ADMIN = "/notes/?whose=mine", "/figures/proposed/", "/admin/"


def page(user: User | None) -> str:
    client = Client()
    if user:
        client.force_login(user)
    return client.get("/companies/").content.decode()


def menu(html: str) -> str:
    found = re.search(r'<details class="account-menu".*?</details>', html, re.DOTALL)
    return found[0] if found else ""


@pytest.mark.parametrize(
    ("person", "links"),
    [
        ("reader", {NOTES}),
        ("analyst", {NOTES}),
        ("editor", {NOTES, REVIEW, ADMIN}),
        ("admin", {NOTES, REVIEW, ADMIN}),
        ("superuser", {NOTES, REVIEW, ADMIN}),
    ],
)
def test_the_menu_offers_what_its_reader_may_do(person: str, links: set[str]) -> None:
    user = make_people()[person]
    assert user is not None
    shown = menu(page(user))
    found = set(re.findall(r'href="([^"]+)"', shown)) - {"/accounts/profile/", "/accounts/invitations/"}
    assert found == links
    client = Client()
    client.force_login(user)
    for link in {*links, "/accounts/profile/"}:
        assert client.get(link).status_code == 200


def test_somebody_who_is_staff_by_name_alone_is_not_offered_the_admin() -> None:
    user = User.objects.create(username="formerly", is_staff=True)
    assert ADMIN not in menu(page(user))


def test_the_menu_opens_and_signs_out_without_a_script() -> None:
    user = make_people()["reader"]
    shown = menu(page(user))
    assert shown.index("<summary>") < shown.index("<ul>")
    assert re.search(r'<form class="account" action="/accounts/logout/" method="post"', shown)
    assert "csrfmiddlewaretoken" in shown


def test_the_menu_is_named_after_its_reader() -> None:
    user = User.objects.create(username="ada", first_name="Ada", last_name="<b>L</b>")
    shown = menu(page(user))
    assert 'Your account: </span><span class="who">Ada &lt;b&gt;L&lt;/b&gt;</span>' in shown
    User.objects.update(first_name="", last_name="")
    assert '<span class="who">ada</span>' in menu(page(User.objects.get()))


def test_readers_without_an_account_are_offered_to_sign_in_and_the_skip_link_comes_first() -> None:
    html = page(None)
    assert menu(html) == ""
    assert 'href="/accounts/login/?next=/companies/"' in html
    assert html.index('class="skip"') < html.index("<header")
