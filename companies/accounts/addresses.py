"""The address of an account, which allauth keeps in a table of its own beside the user."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress

from companies.models import User


def keep_address(instance: User, raw: bool = False, update_fields: frozenset[str] | None = None, **kwargs: Any) -> None:
    """Let allauth know the address of a user, however it came there. Receives `post_save` of users.

    It counts as verified: only an operator, an invitation or the confirmation of a change puts it there. Others that
    the account had no longer sign it in.
    """
    if raw or not instance.email or (update_fields is not None and "email" not in update_fields):
        return
    email = instance.email.lower()
    if EmailAddress.objects.filter(user=instance, email=email, primary=True).exists():
        return
    EmailAddress.objects.filter(user=instance).delete()
    taken = EmailAddress.objects.filter(email=email, verified=True).exists()
    EmailAddress.objects.create(user=instance, email=email, primary=True, verified=not taken)
