"""What several sources of prices need to judge a row: whether the share traded, and in what unit its volume is."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from companies.sources.base import BadBody, Outcome, parse_day, parse_number
from valuations.providers.base import DailyBar, Instrument, ParsedQuote, QuoteRow
from valuations.sessions import MARKETS

US_MICS = frozenset({"XNAS", "XNYS", "XASE"})
_DAY = timedelta(days=1)
_LATEST_SECONDS = Decimal(10) ** 10  # in the year 2286; anything larger is in milliseconds, or nonsense


def judged_row(instrument: Instrument, quote: ParsedQuote, name: str, *, told_at: datetime | None = None) -> QuoteRow:
    """The row of a quote that was read: `ok`, or `hold` where it shows no trade, or a price of zero in spite of trades.

    Args:
        quote: With price 0 and volume 0 where the source has none.
        name: What the source calls the share, for the detail.
        told_at: The clock of the row where that is not the time of the price.
    """
    told_at = told_at or quote.at
    if _shows_no_trade(quote):
        detail = f"{name}: no trade at {told_at.isoformat()}"
        if quote.previous_close is not None:
            detail += f", {quote.previous_close} before"
        return QuoteRow(instrument, Outcome.HOLD, None, why_no_trade(instrument.mic, told_at), detail)
    if quote.price == 0:
        # Unlike a halted share this row reports trades: the price itself is wrong.
        return QuoteRow(instrument, Outcome.HOLD, quote, "zero_price", f"{name}: price 0 with trades")
    return QuoteRow(instrument, Outcome.OK, quote)


def _shows_no_trade(quote: ParsedQuote) -> bool:
    """Whether a row only repeats the close before: nothing traded, or nothing is said of trades and of their range.

    Some sources fill the day's range of a share that did not trade with that close instead of zeros.
    """
    is_repeated = quote.price == quote.previous_close
    day_range = {price for price in (quote.open, quote.high, quote.low) if price is not None}
    if not day_range:
        return 0 in (quote.price, quote.volume) or (quote.volume is None and is_repeated)
    return quote.volume == 0 and is_repeated and day_range == {quote.price}


def why_no_trade(mic: str, at: datetime) -> str:
    """Why a row shows no trade, judged by its own clock: auction, before_open, suspended or no_trade."""
    market = MARKETS[mic]
    clock = at.astimezone(market.zone).time()
    if clock < market.sessions[0][0]:
        return "auction" if market.auction_from is not None and clock >= market.auction_from else "before_open"
    # On the mainland every share trades in every minute unless halted; elsewhere a thin one may wait for hours.
    return "suspended" if market.is_mainland or clock >= market.sessions[-1][1] else "no_trade"


def last_chance_to_trade(mic: str, at: datetime) -> datetime:
    """The newest moment up to `at` within regular hours on a weekday, in the exchange's zone.

    For rows that do not say when their price was made: it cannot be newer than this. Holidays are not known here; a
    price dated on one is held back by the checks.
    """
    market = MARKETS[mic]
    local = at.astimezone(market.zone)
    opens, closes = market.sessions[0][0], market.sessions[-1][1]
    if local.weekday() < 5 and local.time() >= opens:
        return min(local, datetime.combine(local.date(), closes, market.zone))
    day = local.date() - _DAY
    while day.weekday() >= 5:
        day -= _DAY
    return datetime.combine(day, closes, market.zone)


def mainland_lot(instrument: Instrument) -> int:
    """Shares in one unit of volume where a source counts lots on the mainland: 100; elsewhere 1."""
    return 100 if MARKETS[instrument.mic].is_mainland else 1


def shares_traded(
    volume: Decimal | None, amount: Decimal | None, low: Decimal, high: Decimal, *, documented: int
) -> int | None:
    """Shares in a stated volume, whose unit (one share or a lot of 100) follows from the turnover.

    Turnover divided by volume is the average price paid, or a hundred times that when the volume counts lots. A volume
    that fits neither is not known. Only where no turnover is stated the unit is the `documented` one.
    """
    if volume is None or volume < 0:
        return None
    if amount is None or volume == 0:
        return int(volume * documented)
    for unit in (1, 100):
        # Generous bounds: the two candidates are a factor of a hundred apart.
        if low / 3 <= amount / (volume * unit) <= high * 3:
            return int(volume * unit)
    return None


def bar_of_columns(columns: Sequence[object]) -> tuple[DailyBar, Decimal | None] | None:
    """A bar written as date, open, close, high, low, volume, with its volume as stated, in whatever unit.

    None for a day without a price (a halted share kept in the list). Raises BadBody for anything unreadable.
    """
    if len(columns) < 6:
        raise BadBody("a bar of fewer than six columns")
    try:
        day = parse_day(columns[0])
        opening, close, high, low, volume = (parse_number(value) for value in columns[1:6])
    except ValueError as error:
        raise BadBody(f"unreadable bar: {error}") from error
    if opening is None or close is None or high is None or low is None or min(opening, close, high, low) <= 0:
        return None
    return DailyBar(day, opening, close, high, low), volume


def optional_number(value: object) -> Decimal | None:
    """A number that we can do without: unreadable is unknown, like blank, never zero."""
    try:
        return parse_number(value)
    except ValueError:
        return None


def positive_number(value: object) -> Decimal | None:
    """The same for a number that means something only above zero: 0.00 stands for "none yet"."""
    number = optional_number(value)
    return number if number is not None and number > 0 else None


def utc_time(seconds: object) -> datetime:
    """The moment of a Unix time in whole seconds. Raises ValueError when there is none."""
    number = parse_number(seconds)
    if number is None or not 0 < number < _LATEST_SECONDS:
        raise ValueError(f"no time: {str(seconds)[:30]!r}")
    return datetime.fromtimestamp(int(number), UTC)
