"""How people get in: invitations, and the devices that they have signed in from."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from companies.models.user import User


class Invitation(models.Model):
    """A link by which one person may make an account, once and not for ever."""

    email = models.EmailField(_("email address"), help_text=_("Of the person invited; the account gets it."))
    role = models.CharField(_("role"), max_length=20, help_text=_("Name of the group that the account joins."))
    # The link itself is shown and mailed once: whoever reads the database cannot use it.
    token_hash = models.CharField(_("hash of the link"), max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("invited by")
    )
    invited_at = models.DateTimeField(_("invited at"))
    expires_at = models.DateTimeField(_("expires at"))
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)
    accepted_at = models.DateTimeField(_("taken up at"), null=True, blank=True)
    account = models.OneToOneField(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="invitation", verbose_name=_("account")
    )

    class Meta:
        """Newest first."""

        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        ordering = ["-invited_at"]
        constraints = [
            models.CheckConstraint(condition=Q(expires_at__gt=F("invited_at")), name="invitation_expires_later"),
            models.CheckConstraint(
                condition=Q(revoked_at=None) | Q(accepted_at=None), name="invitation_is_revoked_or_accepted"
            ),
        ]

    def __str__(self) -> str:
        return self.email


class KnownDevice(models.Model):
    """A browser from which somebody has signed in before; the first time from another one is told by mail."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="known_devices", verbose_name=_("user"))
    key_hash = models.CharField(_("hash of its key"), max_length=64, editable=False)
    user_agent = models.CharField(_("browser"), max_length=300, blank=True)
    first_seen_at = models.DateTimeField(_("first seen at"))
    last_seen_at = models.DateTimeField(_("last seen at"))

    class Meta:
        """Last seen first."""

        verbose_name = _("known device")
        verbose_name_plural = _("known devices")
        ordering = ["-last_seen_at"]
        constraints = [models.UniqueConstraint(fields=["user", "key_hash"], name="known_device_once_per_user")]

    def __str__(self) -> str:
        return self.user_agent
