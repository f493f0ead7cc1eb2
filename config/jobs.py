"""Handing jobs to the workers."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

log = logging.getLogger(__name__)

PATIENCE = 2  # seconds for Redis to take a job: a person waits for the answer


def hand_over(task: str, jobs: Iterable[Sequence[Any]], queue: str, expires: int | None = None) -> bool:
    """Hand jobs of one kind to the workers; returns whether the queue took them all.

    Args:
        task: Full name of the task.
        jobs: The arguments of each job.
        expires: Seconds after which nobody needs to begin the job any more.
    """
    # Imported here: only who queues a job needs Celery, reading pages does not.
    from kombu.exceptions import OperationalError
    from redis.exceptions import RedisError

    from config.celery import app

    # A connection of its own: one from the pool may be a leftover of a Redis that has been restarted since.
    patience = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE, "max_retries": 0}
    try:
        with app.connection_for_write(connect_timeout=PATIENCE, transport_options=patience) as connection:
            producer = app.amqp.Producer(connection, auto_declare=False)
            for arguments in jobs:
                app.send_task(
                    task, args=list(arguments), queue=queue, producer=producer, retry=False, expires=expires
                )  # fmt: skip
    except (OperationalError, RedisError, OSError) as error:
        log.warning("%s: queue cannot be reached: %s", task, error)
        return False
    return True
