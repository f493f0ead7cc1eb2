"""Names of the sources that are asked, in the reader's language. Sources say their own in English."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from valuations.filing_coverage import SERVICES
from valuations.providers import HISTORY_SOURCES, QUOTE_SOURCES, RATE_SOURCES

WORDS: Mapping[str, str | Promise] = {
    "CFETS central parity": pgettext_lazy("provider", "CFETS central parity"),
    "CNINFO": pgettext_lazy("provider", "CNINFO"),
    "Eastmoney": pgettext_lazy("provider", "Eastmoney"),
    "Eastmoney (delayed)": pgettext_lazy("provider", "Eastmoney (delayed)"),
    "Eastmoney daily bars": pgettext_lazy("provider", "Eastmoney daily bars"),
    "European Central Bank": pgettext_lazy("provider", "European Central Bank"),
    "Frankfurter (ECB)": pgettext_lazy("provider", "Frankfurter (ECB)"),
    "Hong Kong Monetary Authority": pgettext_lazy("provider", "Hong Kong Monetary Authority"),
    "SAFE central parity": pgettext_lazy("provider", "SAFE central parity"),
    "HKEXnews": pgettext_lazy("provider", "HKEXnews"),
    "HKEXnews, applications": pgettext_lazy("provider", "HKEXnews, applications"),
    "SEC EDGAR": pgettext_lazy("provider", "SEC EDGAR"),
    "SEC EDGAR, tagged numbers": pgettext_lazy("provider", "SEC EDGAR, tagged numbers"),
    "Shanghai Stock Exchange": pgettext_lazy("provider", "Shanghai Stock Exchange"),
    "Shanghai Stock Exchange, applications": pgettext_lazy("provider", "Shanghai Stock Exchange, applications"),
    "Shenzhen Stock Exchange": pgettext_lazy("provider", "Shenzhen Stock Exchange"),
    "Shenzhen Stock Exchange, applications": pgettext_lazy("provider", "Shenzhen Stock Exchange, applications"),
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
    if slug == "upload":
        return str(pgettext_lazy("provider", "upload"))
    source = QUOTE_SOURCES.get(slug) or HISTORY_SOURCES.get(slug) or RATE_SOURCES.get(slug) or SERVICES.get(slug)
    return slug if source is None else source_in_words(source.label)
