"""Names of the sources that are asked, in the reader's language. Sources say their own in English."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from valuations.providers import HISTORY_SOURCES, QUOTE_SOURCES, RATE_SOURCES

WORDS: Mapping[str, str | Promise] = {
    "CFETS central parity": pgettext_lazy("provider", "CFETS central parity"),
    "Eastmoney": pgettext_lazy("provider", "Eastmoney"),
    "Eastmoney (delayed)": pgettext_lazy("provider", "Eastmoney (delayed)"),
    "Eastmoney daily bars": pgettext_lazy("provider", "Eastmoney daily bars"),
    "European Central Bank": pgettext_lazy("provider", "European Central Bank"),
    "Frankfurter (ECB)": pgettext_lazy("provider", "Frankfurter (ECB)"),
    "Hong Kong Monetary Authority": pgettext_lazy("provider", "Hong Kong Monetary Authority"),
    "SAFE central parity": pgettext_lazy("provider", "SAFE central parity"),
    "Sina": pgettext_lazy("provider", "Sina"),
    "Tencent": pgettext_lazy("provider", "Tencent"),
    "Tencent daily bars": pgettext_lazy("provider", "Tencent daily bars"),
    "Yahoo": pgettext_lazy("provider", "Yahoo"),
    "Yahoo (with market value)": pgettext_lazy("provider", "Yahoo (with market value)"),
    "Yahoo daily bars": pgettext_lazy("provider", "Yahoo daily bars"),
}


def source_in_words(label: str) -> str:
    """The name of a source in the reader's language; a plug-in's own as it is."""
    return str(WORDS.get(label, label))


def provider_in_words(slug: str) -> str:
    """The name of the source that a row names as its provider; a plug-in's, or "starter", as it is."""
    source = QUOTE_SOURCES.get(slug) or HISTORY_SOURCES.get(slug) or RATE_SOURCES.get(slug)
    return slug if source is None else source_in_words(source.label)
