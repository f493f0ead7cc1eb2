"""The devices that somebody has signed in from: others are told by mail, and nobody's guessing locks these out."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _

from companies.models import KnownDevice, User

COOKIE = f"{settings.COOKIE_PREFIX}device"
SALT = "companies.accounts.devices"
KEPT_FOR = timedelta(days=400)  # browsers keep no cookie for longer


def key_hash_of(request: HttpRequest) -> str:
    """The hash of the key that the browser keeps; empty where it has none that we signed."""
    key = _key_of(request)
    return _hash(key) if key else ""


def _key_of(request: HttpRequest) -> str:
    return request.get_signed_cookie(COOKIE, default="", salt=SALT, max_age=KEPT_FOR) or ""


def known_device(request: HttpRequest, user_id: int) -> KnownDevice | None:
    """The device that asks, if this account has signed in from it before."""
    hashed = key_hash_of(request)
    return KnownDevice.objects.filter(user_id=user_id, key_hash=hashed).first() if hashed else None


def remember(request: HttpRequest, response: HttpResponseBase, user: User) -> bool:
    """Note that somebody signs in from this device, and let it keep its key. Returns whether it is a new one."""
    now, key = timezone.now(), _key_of(request) or secrets.token_urlsafe(32)
    KnownDevice.objects.filter(user=user, last_seen_at__lt=now - KEPT_FOR).delete()
    seen = {"last_seen_at": now, "user_agent": request.headers.get("User-Agent", "")[:300]}
    _device, is_new = KnownDevice.objects.update_or_create(
        user=user, key_hash=_hash(key), defaults=seen, create_defaults={**seen, "first_seen_at": now}
    )
    response.set_signed_cookie(
        COOKIE, key, salt=SALT, max_age=KEPT_FOR, secure=settings.SESSION_COOKIE_SECURE, httponly=True, samesite="Lax"
    )
    return is_new


def forget_others(request: HttpRequest, user: User, **kwargs: Any) -> None:
    """After a new password only the device that set it stays known. Receives the signals of new passwords."""
    KnownDevice.objects.filter(user=user).exclude(key_hash=key_hash_of(request)).delete()


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


# Later ones call themselves by the names of earlier ones too, so the order matters.
BROWSERS = {
    "Edg": "Edge", "OPR": "Opera", "MicroMessenger": "WeChat", "Firefox": "Firefox", "FxiOS": "Firefox",
    "CriOS": "Chrome", "Chrome": "Chrome", "Safari": "Safari",
}  # fmt: skip
SYSTEMS = {
    "iPhone": "iPhone", "iPad": "iPad", "Android": "Android", "Windows": "Windows", "CrOS": "ChromeOS",
    "Mac OS X": "macOS", "Linux": "Linux",
}  # fmt: skip


def device_name(user_agent: str) -> str:
    """What people call a device: `Firefox on Windows`; the browser's own words where we do not know it."""
    browser = next((name for mark, name in BROWSERS.items() if re.search(rf"{mark}\w*/", user_agent)), "")
    system = next((name for mark, name in SYSTEMS.items() if mark in user_agent), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or user_agent[:60] or _("unknown device")
