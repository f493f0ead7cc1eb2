"""Eastmoney's quotes: latest prices of Shanghai, Shenzhen, Hong Kong and New York in one request.

`GET /api/qt/ulist.np/get?secids=1.688795,116.06082,105.NVDA&fields=...` answers JSON with one object per share. The
service says the same in several shapes (lists and single shares, wrapped in a call or not); all of them are read here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

from companies.sources.base import BadBody, Fetcher, Outcome, Reply, as_object, parse_jsonp, parse_number, usable_body
from valuations.providers.base import Instrument, ParsedQuote, QuoteRow
from valuations.providers.codes import code_or_none, codes_of, of_exchange, unanswered
from valuations.providers.trading import (
    US_MICS,
    judged_row,
    last_chance_to_trade,
    mainland_lot,
    optional_number,
    positive_number,
    shares_traded,
    utc_time,
)
from valuations.sessions import MARKETS

# The number of each exchange before the code; the second one of Hong Kong stands in lists.
_MARKETS = {"XSHG": (1,), "XSHE": (0,), "XHKG": (116, 128), "XNAS": (105,), "XNYS": (106,), "XASE": (107,)}
_AMERICAN = (105, 106, 107)
# Without fltt=2 prices are whole numbers, scaled by ten to the power of f1: exact, and certain to be told apart.
_ASKED = "f1,f2,f5,f6,f12,f13,f15,f16,f17,f18,f20,f124"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    """What the fields are called: numbers with an f, other ones in lists than where a single share is asked for."""

    decimals: str
    price: str
    volume: str
    amount: str
    code: str
    market: str
    high: str
    low: str
    open: str
    previous_close: str
    market_cap: str
    time: str
    shares: str = ""

    @property
    def prices(self) -> tuple[str, ...]:
        """The fields that are scaled together."""
        return self.price, self.high, self.low, self.open, self.previous_close


_LISTED = _Names(
    decimals="f1",
    price="f2",
    volume="f5",
    amount="f6",
    code="f12",
    market="f13",
    high="f15",
    low="f16",
    open="f17",
    previous_close="f18",
    market_cap="f20",
    time="f124",
)
_SINGLE = _Names(
    decimals="f59",
    price="f43",
    volume="f47",
    amount="f48",
    code="f57",
    market="f107",
    high="f44",
    low="f45",
    open="f46",
    previous_close="f60",
    market_cap="f116",
    time="f86",
    shares="f84",
)


def eastmoney_id(instrument: Instrument) -> str:
    """The service's name of an instrument: 1.688795, 116.06082 (five digits), 105.NVDA.

    Raises:
        ValueError: another exchange, or a ticker that cannot be one.
    """
    market, *_ = of_exchange(_MARKETS, instrument)
    return f"{market}.{_code(instrument)}"


def _code(instrument: Instrument) -> str:
    # Classes of American shares are written with an underscore: BRK_B.
    return instrument.ticker.zfill(5) if instrument.mic == "XHKG" else instrument.ticker.upper().replace(".", "_")


class EastmoneyQuotes:
    """The quote source; see the module. `delayed` is that of the second host, about fifteen minutes late."""

    mics = frozenset(_MARKETS)
    batch_size = 100

    def __init__(self, *, delayed: bool = False) -> None:
        self.slug = self.site = "eastmoney_delay" if delayed else "eastmoney"
        self.label = "Eastmoney (delayed)" if delayed else "Eastmoney"
        self._delayed = delayed

    def fetch(self, client: Fetcher, instruments: Sequence[Instrument]) -> Reply:
        """Ask once for all `instruments` that have a code here. Raises BadRequest when none has."""
        ids = ",".join(codes_of(eastmoney_id, instruments))
        return client.get(f"/api/qt/ulist.np/get?secids={ids}&fields={_ASKED}")

    def parse(self, reply: Reply, instruments: Sequence[Instrument]) -> list[QuoteRow]:
        """One row per instrument, in the order asked."""
        shares, names = _shares(as_object(parse_jsonp(usable_body(reply))))
        in_decimals = parse_qs(urlsplit(reply.url).query).get("fltt") == ["2"]
        rows = []
        for instrument in instruments:
            name = code_or_none(eastmoney_id, instrument)
            about = (each for each in shares if is_about(instrument, each.get(names.code), each.get(names.market)))
            found = None if name is None else next(about, None)
            if found is None:
                rows.append(unanswered(instrument, name))
            else:
                rows.append(_row(instrument, found, names, reply.fetched_at, in_decimals, self._delayed))
        return rows


def _shares(answer: Mapping[str, object]) -> tuple[list[Mapping[str, object]], _Names]:
    """What is said of each share, and what the fields are called there.

    Raises BadBody when nothing is said at all: that is how the service answers whoever asks too often.
    """
    data = answer.get("data")
    if answer.get("rc") not in (0, None) or not isinstance(data, Mapping):
        raise BadBody(f"no data (rc {str(answer.get('rc'))[:10]})")
    if "diff" not in data:
        return [data], _SINGLE
    listed = data["diff"] or []
    shares = list(listed.values()) if isinstance(listed, Mapping) else listed
    if not isinstance(shares, list) or not all(isinstance(share, Mapping) for share in shares):
        raise BadBody("not a list of shares")
    return shares, _LISTED


def is_about(instrument: Instrument, stated_code: object, stated_market: object) -> bool:
    """Whether a code and a market as the service states them are the instrument's.

    A market that is not stated is taken for the right one; an index of Shanghai bears the code of a share of Shenzhen.
    """
    markets = _AMERICAN if instrument.mic in US_MICS else _MARKETS[instrument.mic]
    market = optional_number(stated_market)
    if market is not None and market not in markets:
        return False
    return str(stated_code or "").strip().upper() in (_code(instrument), instrument.ticker.upper())


def _row(
    instrument: Instrument,
    share: Mapping[str, object],
    names: _Names,
    fetched_at: datetime,
    in_decimals: bool,
    delayed: bool,
) -> QuoteRow:
    code = str(share[names.code])

    def bad(reason: str, detail: str) -> QuoteRow:
        return QuoteRow(instrument, Outcome.BAD_ROW, None, reason, f"{code}: {detail}")

    try:
        stated = parse_number(share.get(names.price))
        places = _places(share, names, in_decimals)
    except ValueError as error:
        return bad("bad_number", str(error))
    if stated is None and names.price not in share:
        return bad("blank_price", "no last price")
    try:
        at = _time_of_price(share.get(names.time), fetched_at, instrument.mic)
    except ValueError as error:
        return bad("bad_time", str(error))

    def price_of(name: str) -> Decimal | None:
        number = positive_number(share.get(name))
        return None if number is None else number.scaleb(-places)

    # A share that does not trade has dashes in place of its price and its volume.
    price = Decimal(0) if stated is None else stated.scaleb(-places)
    volume = Decimal(0) if stated is None else optional_number(share.get(names.volume))
    low, high, amount = price_of(names.low), price_of(names.high), positive_number(share.get(names.amount))
    total_shares = positive_number(share.get(names.shares))
    quote = ParsedQuote(
        price=price,
        at=at.astimezone(UTC),
        day=at.date(),
        previous_close=price_of(names.previous_close),
        open=price_of(names.open),
        high=high,
        low=low,
        volume=shares_traded(volume, amount, low or price, high or price, documented=mainland_lot(instrument)),
        amount=amount,
        delayed=delayed,
        market_cap=positive_number(share.get(names.market_cap)),
        total_shares=None if total_shares is None else int(total_shares),
    )
    return judged_row(instrument, quote, code)


def _places(share: Mapping[str, object], names: _Names, in_decimals: bool) -> int:
    """How many decimal places the prices of a share have been moved by: 0 when they are written as prices.

    A fraction shows prices as they are; whole numbers are scaled unless prices were asked for (`in_decimals`).
    Raises ValueError when the scale of whole numbers is not stated: a factor of a hundred is not to be guessed.
    """
    # A zero tells nothing, however it is written.
    prices = [share[name] for name in names.prices if positive_number(share.get(name)) is not None]
    if not prices or in_decimals or any("." in str(price) for price in prices):
        return 0
    places = optional_number(share.get(names.decimals))
    if places is None or places not in range(10):
        raise ValueError("whole numbers without their scale")
    return int(places)


def _time_of_price(stated: object, fetched_at: datetime, mic: str) -> datetime:
    """When the price was made, in the exchange's zone.

    American stamps run on before the opening and after the close, with the price of regular hours beside them; a price
    without a stamp is at most as new as the reply.
    """
    if optional_number(stated) in (None, 0):
        return last_chance_to_trade(mic, fetched_at)
    at = utc_time(stated).astimezone(MARKETS[mic].zone)
    return last_chance_to_trade(mic, at) if mic in US_MICS else at
