"""The first administrator of a new instance."""

import re
from io import StringIO

import pytest
from django.core.management import call_command

from companies.models import User


def printed() -> str:
    """What the command prints when it is run now."""
    out = StringIO()
    call_command("ensure_admin", stdout=out, stderr=out)
    return out.getvalue()


@pytest.mark.django_db
def test_the_first_run_prints_a_password_that_works() -> None:
    password = re.search(r"Password: +(\S+)", printed())
    assert password is not None
    admin = User.objects.get(is_superuser=True)
    assert admin.username == "admin"
    assert admin.check_password(password[1])


@pytest.mark.django_db
def test_a_second_run_prints_and_changes_nothing() -> None:
    printed()
    before = User.objects.values_list("pk", "password").get()
    assert printed() == ""
    assert User.objects.values_list("pk", "password").get() == before


@pytest.mark.django_db
def test_nobody_who_has_the_name_already_becomes_administrator() -> None:
    User.objects.create_user("admin", "someone@example.org", "their own")
    assert "createsuperuser" in printed()
    assert not User.objects.filter(is_superuser=True).exists()
