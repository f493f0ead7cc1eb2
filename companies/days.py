"""Which day it is for whoever reads this instance."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone


def today() -> date:
    """The day where the instance shows its times, whatever time zone a reader has chosen: facts and lists follow it."""
    return timezone.localdate(timezone=ZoneInfo(settings.DISPLAY_TIME_ZONE))
