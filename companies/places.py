"""Cities and boards in the reader's language. Facts are stored in English; names that are not here stay as stored."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

WORDS: Mapping[str, str | Promise] = {
    "Beijing": pgettext_lazy("place", "Beijing"),
    "Changsha": pgettext_lazy("place", "Changsha"),
    "Chongqing": pgettext_lazy("place", "Chongqing"),
    "Hangzhou": pgettext_lazy("place", "Hangzhou"),
    "Santa Clara": pgettext_lazy("place", "Santa Clara"),
    "Shanghai": pgettext_lazy("place", "Shanghai"),
    "Shenzhen": pgettext_lazy("place", "Shenzhen"),
    "Tianjin": pgettext_lazy("place", "Tianjin"),
    # Boards of a listing
    "STAR": pgettext_lazy("place", "STAR"),
    "STAR (growth tier)": pgettext_lazy("place", "STAR (growth tier)"),
    "ChiNext": pgettext_lazy("place", "ChiNext"),
    "Main Board": pgettext_lazy("place", "Main Board"),
    "Main Board (Ch. 18C)": pgettext_lazy("place", "Main Board (Ch. 18C)"),
    # Venues of a milestone
    "XSHG STAR": pgettext_lazy("place", "XSHG STAR"),
    "XSHE ChiNext": pgettext_lazy("place", "XSHE ChiNext"),
    "XHKG Main Board": pgettext_lazy("place", "XHKG Main Board"),
}


def place_in_words(name: str) -> str:
    """The name of a city or board in the reader's language."""
    return str(WORDS.get(name, name))
