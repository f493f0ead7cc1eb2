"""The people who sign in, and how they like to read."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _


class User(AbstractUser):
    """A reader, analyst, editor or operator. What they may do comes from groups."""

    class Colours(models.TextChoices):
        """Which colour means up."""

        BY_LANGUAGE = "by_language", _("by language (Chinese: red up)")
        RED_UP = "red_up", _("red up, green down")
        GREEN_UP = "green_up", _("green up, red down")

    class Theme(models.TextChoices):
        """Light or dark pages."""

        SYSTEM = "system", _("as the system")
        LIGHT = "light", _("light")
        DARK = "dark", _("dark")

    class Units(models.TextChoices):
        """How large amounts are written."""

        BY_LANGUAGE = "by_language", _("by language")
        WESTERN = "western", _("bn, tn")
        CHINESE = "chinese", _("亿, 万亿")

    email = models.EmailField(_("email address"), unique=True, help_text=_("One account per address."))
    language = models.CharField(
        _("language"), max_length=10, blank=True, help_text=_("Empty: what the browser asks for.")
    )
    time_zone = models.CharField(
        _("time zone"), max_length=50, blank=True, help_text=_("IANA name. Empty: the instance's time zone.")
    )
    direction_colours = models.CharField(
        _("direction colours"), max_length=12, choices=Colours, default=Colours.BY_LANGUAGE
    )
    theme = models.CharField(_("theme"), max_length=10, choices=Theme, default=Theme.SYSTEM)
    units = models.CharField(_("units"), max_length=12, choices=Units, default=Units.BY_LANGUAGE)
    currency = models.CharField(_("currency"), max_length=3, default="CNY", help_text=_("ISO 4217."))
    basis = models.CharField(_("revenue basis"), max_length=10, default="ttm")

    class Meta:
        """People."""

        verbose_name = _("user")
        verbose_name_plural = _("users")
        permissions = [("enter_admin", _("Can enter the admin"))]
