"""Polite spacing of requests to a source, shared by all workers through Redis."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import sleep
from typing import cast

from redis.exceptions import RedisError

from valuations.queueing import redis_client

log = logging.getLogger(__name__)

PATIENCE = 5  # seconds for Redis to answer

# Books the next free moment of a source: all workers share one queue, whichever machine they run on.
_BOOK = """
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
local free = tonumber(redis.call('GET', KEYS[1]) or '0')
local mine = math.max(ms, free)
redis.call('SET', KEYS[1], mine + ARGV[1], 'PX', mine - ms + ARGV[1] + 1000)
return mine - ms
"""


def waiting_for(site: str, interval: float) -> Callable[[], None]:
    """A function that returns when it is this worker's turn to ask `site`: one request every `interval` seconds.

    Without Redis nobody knows of the others' requests; then every request waits the whole interval, so that a job in
    hand is finished instead of lost.
    """

    def wait() -> None:
        if interval > 0:
            sleep(_seconds_until_turn(site, interval))

    return wait


def _seconds_until_turn(site: str, interval: float) -> float:
    client = redis_client(PATIENCE)
    try:
        return cast(int, client.eval(_BOOK, 1, f"xinpan:next:{site}", str(int(interval * 1000)))) / 1000
    except (RedisError, OSError) as error:
        log.warning("%s: spacing without Redis: %s", site, error)
        return interval
    finally:
        client.close()
