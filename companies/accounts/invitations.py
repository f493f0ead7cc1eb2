"""Invitations: links by which one person may make an account, once and not for ever."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation

from companies import roles
from companies.models import Invitation, User

logger = logging.getLogger(__name__)


class InvitationOverError(Exception):
    """The invitation cannot be accepted any more; `state` says why."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


def invite(email: str, role: str, inviter: User) -> tuple[Invitation, str]:
    """Make an invitation. Returns it with the token of its link, of which only the hash is kept."""
    token, now = secrets.token_urlsafe(32), timezone.now()
    invitation = Invitation.objects.create(
        email=email.lower(), role=role, token_hash=_hash(token), invited_by=inviter, invited_at=now,
        expires_at=now + timedelta(days=settings.INVITATION_DAYS),
    )  # fmt: skip
    return invitation, token


def renew(invitation: Invitation, inviter: User) -> str:
    """Give an invitation that nobody has accepted a new link and a new time; the old link stops working.

    Raises:
        InvitationOverError: It was accepted or revoked meanwhile.
    """
    token, now = secrets.token_urlsafe(32), timezone.now()
    changed = waiting().filter(pk=invitation.pk).update(
        token_hash=_hash(token), invited_by=inviter, invited_at=now,
        expires_at=now + timedelta(days=settings.INVITATION_DAYS),
    )  # fmt: skip
    if not changed:
        invitation.refresh_from_db()
        raise InvitationOverError(state_of(invitation))
    invitation.refresh_from_db()
    return token


def revoke(invitation: Invitation) -> bool:
    """Take an invitation back. Returns whether there was still something to take back."""
    return bool(waiting().filter(pk=invitation.pk).update(revoked_at=timezone.now()))


def waiting() -> QuerySet[Invitation]:
    """Invitations that were neither accepted nor revoked, expired ones among them."""
    return Invitation.objects.filter(accepted_at=None, revoked_at=None)


def invitation_of(token: str) -> Invitation | None:
    """The invitation whose link has this token; None for one that was guessed, or replaced by a newer link."""
    return Invitation.objects.filter(token_hash=_hash(token)).first()


def state_of(invitation: Invitation) -> str:
    """`open`, `accepted`, `revoked` or `expired`."""
    return states_of([invitation])[invitation.pk]


def states_of(invitations: Iterable[Invitation]) -> dict[int, str]:
    """The states of many, by their keys, in two queries. None is worth more than what its inviter may give today."""
    asked = list(invitations)
    able = User.objects.with_perm("companies.add_user").filter(pk__in={one.invited_by_id for one in asked} - {None})
    given = {user.pk: roles.roles_given_by(user) for user in able.prefetch_related("groups")}
    now = timezone.now()
    return {one.pk: _state(one, given.get(one.invited_by_id or 0, ()), now) for one in asked}


def _state(invitation: Invitation, given: Collection[str], now: datetime) -> str:
    if invitation.accepted_at:
        return "accepted"
    if invitation.revoked_at or invitation.role not in given:
        return "revoked"
    return "open" if now < invitation.expires_at else "expired"


def accept(invitation: Invitation, username: str, password: str) -> User:
    """Make the account, with the address and the role of the invitation.

    Raises:
        InvitationOverError: Somebody else was quicker with the same link, or it has ended since the page was opened.
        IntegrityError: The name or the address was taken in the same moment; the invitation stays open.
    """
    if (state := state_of(invitation)) != "open":
        raise InvitationOverError(state)
    with transaction.atomic():
        # Of two who use the link at once the database lets one through.
        now = timezone.now()
        if not waiting().filter(pk=invitation.pk, token_hash=invitation.token_hash).update(accepted_at=now):
            raise InvitationOverError("accepted")
        language = translation.get_language() or ""
        user = User.objects.create_user(username, invitation.email, password, language=language)
        roles.give_role(user, invitation.role)
        Invitation.objects.filter(pk=invitation.pk).update(account=user)
    return user


def link_of(request: HttpRequest, token: str) -> str:
    """The whole address to hand over."""
    return request.build_absolute_uri(reverse("accounts:join", args=[token]))


def send(request: HttpRequest, invitation: Invitation, token: str) -> bool:
    """Mail the link, in every language, since nobody knows yet which one is read. Returns whether it went out."""
    context = {"invitation": invitation, "link": link_of(request, token), "days": settings.INVITATION_DAYS}
    subjects, bodies = [], []
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            subjects.append(render_to_string("account/email/invitation_subject.txt", context).strip())
            bodies.append(render_to_string("account/email/invitation_message.txt", context).strip())
    subject = settings.ACCOUNT_EMAIL_SUBJECT_PREFIX + " · ".join(subjects)
    try:
        send_mail(subject, "\n\n----\n\n".join(bodies), None, [invitation.email])
    except (OSError, SMTPException):
        logger.exception("The mail with an invitation could not be sent")
        return False
    return True


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
