"""May this price be stored? The acceptance rules for quotes and exchange rates. Pure.

A price that breaks a rule is held back: the last good one stays, and a person may release the held one.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from companies.sources.base import Outcome
from valuations.providers.base import ParsedQuote, ParsedRate
from valuations.sessions import MARKETS, Calendar, DayKind

# Two sources mean the same price when they differ by no more: they round, and are asked seconds apart.
SAME_PRICE = Decimal("0.01")
_CLOCK_TOLERANCE = timedelta(minutes=2)
_TICK = Decimal("0.01")
_CAP_FLAG = Decimal("0.01")
_CAP_HOLD = Decimal("0.05")
_RATE_MOVE = Decimal("0.10")
# A shares have cost 0.7 to 6 times the H shares of the same company; a wrong unit or currency lies far outside of this.
_A_TO_H = (Decimal("0.5"), Decimal(10))
# Beyond this many sessions the compounded bound says nothing any more.
_MOST_SESSIONS = 60
# After this many calendar days no listing is within its first five sessions.
_YOUNG_DAYS = 60


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with a price: `store` it or not, the outcome to record, a short `reason`, `detail` in English.

    `flags` are doubts about a price that is stored all the same; `reason` is then the first of them.
    """

    outcome: Outcome
    store: bool
    reason: str = ""
    detail: str = ""
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteContext:
    """What we know about the listing when a quote arrives.

    Args:
        currency: The listing's own.
        stored_close, stored_day, stored_at: The newest price we hold; `stored_at` is None for a daily row.
        shares: Our own count over all share classes on the quote's day; None when it is not known.
        corporate_action_between: An ex-day lies after `stored_day`, up to the quote's day.
        action_ratio: New shares for one old share over those ex-days (1.49 for 10-for-4.9); None when not known.
        stored_is_bar: The newest price is the day's final bar from a source of daily history.
        other_class_price: Of the company's other listed class (A for an H share, H for an A share), in this currency.
    """

    mic: str
    currency: str
    calendar: Calendar
    now: datetime
    board: str = ""
    listed_on: date | None = None
    stored_close: Decimal | None = None
    stored_day: date | None = None
    stored_at: datetime | None = None
    shares: int | None = None
    corporate_action_between: bool = False
    action_ratio: Decimal | None = None
    other_class_price: Decimal | None = None
    stored_is_bar: bool = False


def is_final(mic: str, at: datetime, calendar: Calendar) -> bool:
    """Whether a price of this moment is the closing price of its day.

    On a day that nobody has entered into the calendar the ordinary closing time is taken.
    """
    market = MARKETS[mic]
    local = at.astimezone(market.zone)
    closes = calendar.closes_at(mic, local.date())
    if closes is None:
        if calendar.kind(mic, local.date()) is DayKind.CLOSED:
            return False
        closes = datetime.combine(local.date(), market.sessions[-1][1], market.zone)
    return at >= closes + timedelta(minutes=market.closing_minutes)


def check_quote(quote: ParsedQuote, context: QuoteContext) -> Verdict:
    """Judge one quote by what we know of its listing.

    Reasons of a hold: price_not_positive, wrong_currency, future_time, older_than_stored, closed_day, beyond_limit,
    classes_apart, market_value_differs. Flags: cap_mismatch, market_value_off. A price of a day before the last
    finished session is `stale`: it is stored under its own day, since nothing newer is held.
    """
    if _is_the_same_again(quote, context):
        return Verdict(Outcome.OK, False, "not_newer", f"{quote.at.isoformat()}; a newer one is stored")
    problem = (
        _identity_problem(quote, context)
        or _time_problem(quote, context)
        or _move_problem(quote, context)
        or _class_problem(quote, context)
    )
    if problem:
        return _hold(*problem)
    if context.stored_is_bar and quote.day == context.stored_day:
        return Verdict(Outcome.OK, False, "bar_stored", f"the bar of {quote.day} is final")
    value_problem, flag, detail = _value_problem(quote, context)
    if value_problem:
        return _hold(value_problem, detail)
    flags = (flag,) if flag else ()
    finished = context.calendar.finished_session(context.mic, context.now)
    if finished is not None and quote.day < finished:
        return Verdict(Outcome.STALE, True, "stale", f"of {quote.day}; the exchange traded on {finished}", flags)
    if flag:
        return Verdict(Outcome.OK_FLAG, True, flag, detail, flags)
    return Verdict(Outcome.OK, True)


def check_rate(rate: ParsedRate, last_stored: Decimal | None, *, now: datetime) -> Verdict:
    """Judge one exchange rate; `last_stored` is the newest stored rate of the same pair, if there is one.

    Reasons of a hold: rate_not_positive, same_currency, future_day, beyond_limit. Flags: the source's own. Days without
    trade are fine: some sources publish for the last day of a month whatever it is.
    """
    if rate.rate <= 0:
        return _hold("rate_not_positive", f"{rate.rate}")
    if rate.base == rate.quote:
        return _hold("same_currency", rate.base)
    # A date has no zone: it is in the future only when it has not begun anywhere on Earth (UTC+14).
    if rate.day > (now.astimezone(MARKETS["XSHG"].zone) + timedelta(hours=6)).date():
        return _hold("future_day", f"{rate.day}")
    if last_stored is not None and abs(rate.rate / last_stored - 1) > _RATE_MOVE:
        return _hold("beyond_limit", f"{rate.base}/{rate.quote} {rate.rate} after {last_stored}")
    if rate.flag:
        return Verdict(Outcome.OK_FLAG, True, rate.flag, "", (rate.flag,))
    return Verdict(Outcome.OK, True)


Problem = tuple[str, str] | None


def _hold(reason: str, detail: str) -> Verdict:
    return Verdict(Outcome.HOLD, False, reason, detail)


def _is_the_same_again(quote: ParsedQuote, context: QuoteContext) -> bool:
    """Whether a price is rightly a little older than the stored one: of a late source, or of clocks that differ."""
    if context.stored_at is None or quote.day != context.stored_day or quote.at >= context.stored_at:
        return False
    return quote.price > 0 and (quote.delayed or context.stored_at - quote.at <= _CLOCK_TOLERANCE)


def _identity_problem(quote: ParsedQuote, context: QuoteContext) -> Problem:
    if quote.price <= 0:
        return "price_not_positive", f"{quote.price}"
    if quote.currency is not None and quote.currency != context.currency:
        return "wrong_currency", f"{quote.currency} instead of {context.currency}"
    return None


def _time_problem(quote: ParsedQuote, context: QuoteContext) -> Problem:
    if quote.at > context.now + _CLOCK_TOLERANCE:
        return "future_time", f"{quote.at.isoformat()}"
    if context.stored_at is not None and quote.at < context.stored_at:
        return "older_than_stored", f"{quote.at.isoformat()} before {context.stored_at.isoformat()}"
    if context.stored_day is not None and quote.day < context.stored_day:
        return "older_than_stored", f"{quote.day} before {context.stored_day}"
    if context.calendar.kind(context.mic, quote.day) is DayKind.CLOSED:
        return "closed_day", f"{quote.day}"
    return None


def _move_problem(quote: ParsedQuote, context: QuoteContext) -> Problem:
    limit = _limit_on(quote.day, context)
    if limit is None:
        return None
    previous = quote.previous_close
    # Limit prices are rounded to the tick, so the last tick may lie a little beyond the percentage.
    if previous is not None and previous > 0 and abs(quote.price - previous) > previous * limit + _TICK:
        return "beyond_limit", f"{quote.price} after a previous close of {previous}, limit {limit:%}"
    bounds = _stored_bounds(quote.day, limit, context)
    if bounds is not None and not bounds[0] - _TICK <= quote.price <= bounds[1] + _TICK:
        return "beyond_limit", f"{quote.price} after {context.stored_close} stored for {context.stored_day}"
    return None


def _stored_bounds(day: date, limit: Decimal, context: QuoteContext) -> tuple[Decimal, Decimal] | None:
    """Lowest and highest believable price on `day`, given the stored close; None when nothing can be said."""
    if context.stored_close is None or context.stored_day is None or context.stored_close <= 0:
        return None
    base = context.stored_close
    if context.corporate_action_between:
        if context.action_ratio is None or context.action_ratio <= 0:
            return None
        base /= context.action_ratio
    if context.stored_day == day:
        # Both prices lie within the limit of the same previous close, at its two ends at worst.
        return base * (1 - limit) / (1 + limit), base * (1 + limit) / (1 - limit)
    return close_bounds(
        day,
        base,
        context.stored_day,
        mic=context.mic,
        board=context.board,
        listed_on=context.listed_on,
        calendar=context.calendar,
    )


def close_bounds(
    day: date, close: Decimal, since: date, *, mic: str, board: str, listed_on: date | None, calendar: Calendar
) -> tuple[Decimal, Decimal] | None:
    """Lowest and highest price on `day` that the daily limits allow after a close of the earlier day `since`.

    Corporate actions in between have to be taken out of `close` before. None where no limit applied on the way, or
    where so many sessions lie between that the limits say nothing any more.
    """
    limit = _daily_limit(day, mic, board, listed_on, calendar)
    if limit is None or (day - since).days > 2 * _MOST_SESSIONS:
        return None
    if _daily_limit(since + timedelta(days=1), mic, board, listed_on, calendar) is None:
        return None
    sessions = max(1, calendar.possible_sessions(mic, since, day))
    if sessions > _MOST_SESSIONS:
        return None
    # Every session rounds its limit to the tick, hence one tick for each.
    return close * (1 - limit) ** sessions - _TICK * sessions, close * (1 + limit) ** sessions + _TICK * sessions


def _limit_on(day: date, context: QuoteContext) -> Decimal | None:
    return _daily_limit(day, context.mic, context.board, context.listed_on, context.calendar)


def _daily_limit(day: date, mic: str, board: str, listed_on: date | None, calendar: Calendar) -> Decimal | None:
    age: int | None = None
    if listed_on is not None and (day - listed_on).days <= _YOUNG_DAYS:
        age = calendar.possible_sessions(mic, listed_on, day)
    return MARKETS[mic].daily_limit(board, age)


def _class_problem(quote: ParsedQuote, context: QuoteContext) -> Problem:
    """A and H shares of a company carry the same rights, so that their prices cannot lie just anywhere."""
    other = context.other_class_price
    if other is None or other <= 0:
        return None
    ratio = quote.price / other if MARKETS[context.mic].is_mainland else other / quote.price
    if _A_TO_H[0] <= ratio <= _A_TO_H[1]:
        return None
    return "classes_apart", f"the A share would cost {ratio:.2f} times the H share"


def _value_problem(quote: ParsedQuote, context: QuoteContext) -> tuple[str, str, str]:
    """(reason to hold, flag, detail); the first two are "" when the market values agree or cannot be compared."""
    cap = quote.market_cap
    if cap is None or cap <= 0:
        return "", "", ""
    if quote.total_shares is not None and quote.total_shares > 0:
        own = quote.price * quote.total_shares
        if abs(cap / own - 1) > _CAP_FLAG:
            # The source contradicts itself: its price agrees with nothing less than its shares, so the cap is at fault.
            return "", "cap_mismatch", f"the source says {cap}, its price times its shares is {own}"
    if context.shares is None or context.shares <= 0:
        return "", "", ""
    ours = quote.price * context.shares
    detail = f"ours {ours}, the source's {cap}"
    difference = abs(ours / cap - 1)
    if difference > _CAP_HOLD:
        return "market_value_differs", "", detail
    if difference > _CAP_FLAG:
        return "", "market_value_off", detail
    return "", "", ""
