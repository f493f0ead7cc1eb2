"""What all tests of accounts share."""

from __future__ import annotations

from typing import ClassVar

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from pytest_django import Settings


class QuickHasher(PBKDF2PasswordHasher):
    """Django's own, once instead of a million times; it counts how often."""

    iterations = 1
    hashed: ClassVar[list[int]] = []

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        """One more."""
        self.hashed.append(1)
        return super().encode(password, salt, 1)


@pytest.fixture(autouse=True)
def hashes(settings: Settings) -> list[int]:
    """As long as passwords were hashed often: what a sign-in takes its time for."""
    settings.PASSWORD_HASHERS = [f"{__name__}.QuickHasher"]
    QuickHasher.hashed.clear()
    return QuickHasher.hashed
