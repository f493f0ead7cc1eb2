"""FRED of the Federal Reserve Bank of St. Louis: noon rates of New York, one series per request, published weekly.

Needs a key. `"."` stands for a day without a rate.
"""

from datetime import date
from urllib.parse import parse_qs, urlsplit

from companies.sources.base import (
    Auth,
    BadBody,
    Fetcher,
    NoData,
    Reply,
    as_object,
    parse_day,
    parse_json,
    parse_number,
    usable_body,
)
from valuations.providers.base import ParsedRate

# Units of the second currency for one of the first.
SERIES = {"DEXCHUS": ("USD", "CNY"), "DEXHKUS": ("USD", "HKD"), "DEXUSEU": ("EUR", "USD")}


class FredSeries:
    """One series of FRED as a rate source."""

    site = "fred"
    max_days = 3660

    def __init__(self, slug: str = "fred", series: str = "DEXCHUS", api_key: str = "") -> None:
        self.slug = slug
        self.series = series
        self.api_key = api_key
        self.label = f"FRED {series}"

    def fetch(self, client: Fetcher, start: date, end: date) -> Reply:
        """Ask for `start` to `end`, both included. Raises Auth at once when there is no key."""
        if not self.api_key:
            raise Auth("FRED needs a key")
        return client.get(
            f"/fred/series/observations?series_id={self.series}&file_type=json"
            f"&observation_start={start}&observation_end={end}",
            secret={"api_key": self.api_key},
        )

    def parse(self, reply: Reply) -> list[ParsedRate]:
        """The rates of the series that the request named; a reply does not say it itself."""
        body = usable_body(reply)
        asked = parse_qs(urlsplit(reply.url).query).get("series_id", [self.series])[0]
        return parse_observations(body, asked)


def parse_observations(body: bytes, series: str) -> list[ParsedRate]:
    """Rates of a known series, days without one left out. Raises BadBody, NoData."""
    if series not in SERIES:
        raise BadBody(f"unknown series {series[:20]}")
    base, quote = SERIES[series]
    observations = as_object(parse_json(body)).get("observations")
    if not isinstance(observations, list):
        raise BadBody("no observations")
    try:
        rates = [
            ParsedRate(base, quote, parse_day(row["date"]), number)
            for row in observations
            if (number := parse_number(row["value"])) is not None
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise BadBody(f"unreadable observation: {error}") from error
    if not rates:
        raise NoData("no rates for these days")
    return rates
