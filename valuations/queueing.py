"""Handing jobs to the workers, and counting those that wait. Prices go before daily history."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.conf import settings

from config.jobs import PATIENCE, hand_over

if TYPE_CHECKING:
    from redis import Redis

log = logging.getLogger(__name__)

BATCH_TASK = "valuations.tasks.refresh_batch"


def queue_of(kind: str) -> str:
    """The queue of a kind of run: a backfill of hours must keep neither a price waiting nor who wants to read."""
    return {
        "history": settings.HISTORY_QUEUE,
        "filings": settings.HISTORY_QUEUE,
        "documents": settings.DOCUMENT_QUEUE,
    }.get(kind, settings.CELERY_TASK_DEFAULT_QUEUE)


def queue_batches(run_id: int, kind: str, batches: Iterable[int], expires: int) -> bool:
    """Hand batches of a run to the workers; returns whether the queue took them all.

    Args:
        expires: Seconds after which nobody needs to begin the job any more: the run is closed by then.
    """
    return hand_over(BATCH_TASK, ((run_id, batch) for batch in batches), queue_of(kind), expires)


def jobs_waiting(kind: str) -> int | None:
    """How many jobs wait in the queue of a kind of run; None when the queue cannot be reached."""
    from redis.exceptions import RedisError

    client = redis_client(PATIENCE)
    try:
        return client.llen(queue_of(kind))
    except (RedisError, OSError) as error:
        log.warning("queue cannot be reached: %s", error)
        return None
    finally:
        client.close()


def redis_client(patience: float) -> Redis:
    """A connection to the broker's Redis that gives up after `patience` seconds."""
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    # Celery and redis-py write the address of a socket differently.
    address = settings.REDIS_URL.replace("redis+socket://", "unix://", 1)
    # One try: redis-py would otherwise go on for seconds, and there is a way to do without.
    return Redis.from_url(
        address, socket_timeout=patience, socket_connect_timeout=patience, retry=Retry(NoBackoff(), 0)
    )
