"""Sources of prices, daily bars and exchange rates: one file each behind the protocols of `base`.

Only `http` touches the network; importing this package does not import it.
"""

from valuations.providers.base import HistorySource, QuoteSource, RateSource
from valuations.providers.cfets import CfetsParity
from valuations.providers.ecb import EcbReference
from valuations.providers.frankfurter import Frankfurter
from valuations.providers.fred import FredSeries
from valuations.providers.hkma import HkmaDaily
from valuations.providers.safe import SafeParity
from valuations.providers.tencent import TencentQuotes
from valuations.providers.tencent_history import TencentHistory


def rate_sources(*, fred_api_key: str = "") -> dict[str, RateSource]:
    """All sources of exchange rates by slug; those of FRED refuse to ask without a key."""
    sources: tuple[RateSource, ...] = (
        CfetsParity(),
        Frankfurter(),
        EcbReference(),
        FredSeries("fred", "DEXCHUS", fred_api_key),
        FredSeries("fred_hkd", "DEXHKUS", fred_api_key),
        HkmaDaily(),
        SafeParity(),
    )
    return {source.slug: source for source in sources}


QUOTE_SOURCES: dict[str, QuoteSource] = {source.slug: source for source in (TencentQuotes(),)}
HISTORY_SOURCES: dict[str, HistorySource] = {source.slug: source for source in (TencentHistory(),)}
RATE_SOURCES: dict[str, RateSource] = rate_sources()


def quote_source(slug: str) -> QuoteSource:
    """The source of prices with this name. Raises KeyError for a name nobody has."""
    return QUOTE_SOURCES[slug]


def history_source(slug: str) -> HistorySource:
    """The source of daily bars with this name. Raises KeyError for a name nobody has."""
    return HISTORY_SOURCES[slug]
