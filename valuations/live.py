"""What a page with prices needs to stay current: a tag that says whether it changed, and when to ask again."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import get_language

from companies.preferences import preferences
from valuations.polling import poll_after
from valuations.snapshot import Snapshot, page_tag
from valuations.state import Reading


def answer_tag(request: HttpRequest, state: Reading, *also: object) -> str:
    """Equal for two requests whose answers are equal. `also`: what the answer depends on besides reader and state."""
    user = request.user
    told = [
        *(get_language(), preferences(), user.pk if user.is_authenticated else ""),
        *(state.delay_minutes, state.own, state.query(), state.day),
    ]
    reader = " ".join(str(value) for value in (*told, *also))
    return f"{page_tag(state.question)}-{sha256(reader.encode()).hexdigest()[:16]}"


def poll_seconds(state: Reading, snapshot: Snapshot) -> int:
    """Seconds after which an open page asks again; 0 for a page of a past day, which never changes."""
    if state.as_of is not None or not settings.POLL_SECONDS:
        return 0
    return poll_after(
        {listing.mic for row in snapshot.rows for listing in row.listings},
        timezone.now(),
        snapshot.calendar,
        delay=timedelta(minutes=state.delay_minutes),
        moving=settings.POLL_SECONDS,
        resting=max(settings.POLL_SECONDS, settings.POLL_REST_SECONDS),
    )
