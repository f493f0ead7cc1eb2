"""Tests see neither other machines nor a developer's own data."""

import socket

import pytest
from django.conf import settings


def test_no_test_connects_to_another_machine() -> None:
    with socket.socket() as client, pytest.raises(RuntimeError, match="only this machine is allowed"):
        client.connect(("192.0.2.1", 80))


def test_no_test_asks_for_the_address_of_another_machine() -> None:
    with pytest.raises(RuntimeError, match="only this machine is allowed"):
        socket.getaddrinfo("example.org", 80)


def test_tests_have_a_data_directory_of_their_own() -> None:
    assert not settings.DATA_DIR.is_relative_to(settings.BASE_DIR)
