"""Sources of prices, daily bars and exchange rates: one file each behind the protocols of `base`.

Only `companies.sources.http` touches the network; importing this package does not import it.
"""

from valuations.providers.base import HistorySource, QuoteSource, RateSource
from valuations.providers.cfets import CfetsParity
from valuations.providers.eastmoney import EastmoneyQuotes
from valuations.providers.eastmoney_history import EastmoneyHistory
from valuations.providers.ecb import EcbReference
from valuations.providers.frankfurter import Frankfurter
from valuations.providers.fred import FredSeries
from valuations.providers.hkma import HkmaDaily
from valuations.providers.plugins import plugin_history_source, plugin_quote_source
from valuations.providers.safe import SafeParity
from valuations.providers.sina import SinaQuotes
from valuations.providers.tencent import TencentQuotes
from valuations.providers.tencent_history import TencentHistory
from valuations.providers.yahoo import YahooChart
from valuations.providers.yahoo_history import YahooHistory
from valuations.providers.yahoo_quote import YahooQuotes


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


def _quote_sources() -> tuple[QuoteSource, ...]:
    eastmoney, eastmoney_delay = EastmoneyQuotes(), EastmoneyQuotes(delayed=True)
    return (TencentQuotes(), SinaQuotes(), eastmoney, eastmoney_delay, YahooChart(), YahooQuotes())


def _history_sources() -> tuple[HistorySource, ...]:
    return (TencentHistory(), EastmoneyHistory(), YahooHistory())


QUOTE_SOURCES: dict[str, QuoteSource] = {source.slug: source for source in _quote_sources()}
HISTORY_SOURCES: dict[str, HistorySource] = {source.slug: source for source in _history_sources()}
RATE_SOURCES: dict[str, RateSource] = rate_sources()


def quote_source(slug: str) -> QuoteSource:
    """The source of prices with this name, built in or a plug-in's. Raises KeyError for a name nobody has."""
    return QUOTE_SOURCES[slug] if slug in QUOTE_SOURCES else plugin_quote_source(slug)


def history_source(slug: str) -> HistorySource:
    """The source of daily bars with this name, built in or a plug-in's. Raises KeyError for a name nobody has."""
    return HISTORY_SOURCES[slug] if slug in HISTORY_SOURCES else plugin_history_source(slug)
