"""System checks of our settings: a mistake in them is said at start-up, with what to do."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

from valuations.providers import QUOTE_SOURCES, RATE_SOURCES


def sources_are_known(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Every name in QUOTE_SOURCES and RATE_SOURCES is a source we have, and each has an address."""
    problems: list[CheckMessage] = []
    for setting, known in (("QUOTE_SOURCES", QUOTE_SOURCES), ("RATE_SOURCES", RATE_SOURCES)):
        for name in getattr(settings, setting):
            if name not in known:
                problems.append(
                    Error(f"{setting} names “{name}”.", hint=f"Known are: {', '.join(known)}.", id="valuations.E001")
                )
    for site, url in settings.SOURCE_URLS.items():
        if not url.startswith(("http://", "https://")):
            problems.append(
                Error(f"The address of {site} is “{url}”.", hint="Start it with https://.", id="valuations.E002")
            )
    return problems
