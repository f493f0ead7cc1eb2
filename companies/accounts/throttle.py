"""How often a password may be guessed: per account and per address, and per device for those whom we know.

An attacker may use up what an account or an address allows; the owner still signs in from a device that signed in
before, whose attempts are counted apart, or sets a new password by mail. Nothing is locked for longer than the window
of its limit. Counts lie in the cache that all web processes share.
"""

from __future__ import annotations

import hashlib
import ipaddress
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from django.core.cache import cache


@dataclass(frozen=True)
class Limit:
    """So many failed attempts within so many seconds."""

    name: str
    attempts: int
    seconds: int

    def slots(self, key: str) -> list[str]:
        """What each attempt occupies for the time of the window. Keys of the cache must not show who they are about."""
        digest = hashlib.sha256(key.encode()).hexdigest()
        return [f"throttle:{self.name}:{digest}:{number}" for number in range(self.attempts)]


ADDRESS = (Limit("address", 20, 5 * 60),)
ACCOUNT = (Limit("account", 5, 5 * 60), Limit("account-day", 50, 24 * 3600))
DEVICE = (Limit("device", 10, 5 * 60), Limit("device-day", 50, 24 * 3600))


class TooManyAttemptsError(Exception):
    """No attempt is left; `seconds` says when there is one again."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = max(1, round(seconds))


def take(limits: Sequence[Limit], key: str) -> list[str]:
    """Use up one attempt of each limit. Returns the slots taken, for `give_back`.

    Raises:
        TooManyAttemptsError: One of them has none left; nothing is used up then.
    """
    taken: list[str] = []
    for limit in limits:
        try:
            taken.append(_take_one(limit, key))
        except TooManyAttemptsError:
            give_back(taken)
            raise
    return taken


def _take_one(limit: Limit, key: str) -> str:
    slots = limit.slots(key)
    until = cache.get_many(slots)
    for slot in slots:
        # Of two who see the same free slot, `add` lets only one have it.
        if slot not in until and cache.add(slot, time.time() + limit.seconds, limit.seconds):
            return slot
    until = until or cache.get_many(slots)
    raise TooManyAttemptsError(min(until.values(), default=time.time() + 1) - time.time())


def give_back(slots: Sequence[str]) -> None:
    """An attempt that succeeded does not count."""
    cache.delete_many(slots)


def clear(limits: Sequence[Limit], key: str) -> None:
    """Forget all attempts."""
    for limit in limits:
        cache.delete_many(limit.slots(key))


def as_login(text: str) -> str:
    """What was typed as a name or address, so that spellings which find the same account count as one."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def network_of(address: str) -> str:
    """The address to count by: of IPv6 the first half, since the second is its owner's to choose.

    A server that listens on both calls an IPv4 address `::ffff:192.0.2.1`; all of those share their first half.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((parsed, 64), strict=False).network_address)
    return address
