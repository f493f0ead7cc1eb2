"""Yahoo's charts and quotes: prices, bars turned back into those of their day, and the word that opens the door."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
import time_machine

from companies.sources.base import Auth, BadBody, BadRequest, Blocked, NoData, Outcome, Reply, SourceError
from tests.payloads import BLOCK_PAGE
from valuations.providers.base import DailyBar, Instrument, QuoteRow
from valuations.providers.yahoo import YahooChart, exact_price, yahoo_symbol
from valuations.providers.yahoo_history import YahooHistory
from valuations.providers.yahoo_quote import YahooQuotes, parse_crumb

STAR = Instrument("XSHG", "688795", "CNY")
CHINEXT = Instrument("XSHE", "300474", "CNY")
BIREN = Instrument("XHKG", "06082", "HKD")
NVIDIA = Instrument("XNAS", "NVDA", "USD")
NOON = datetime(2026, 11, 21, 4, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")
NOT_FOUND = {"chart": {"result": None, "error": {"code": "Not Found", "description": "symbol may be delisted"}}}
CONSENT = b"<!DOCTYPE html><html><body><form class='consent-form'></form></body></html>"

Day = tuple[str, object, object, object, object, object]
"""Date, open, high, low, close, volume."""


def opening(day: str) -> int:
    return int(datetime.combine(date.fromisoformat(day), time(9, 30), NEW_YORK).timestamp())


def reply(content: object, status: int = 200, url: str = "http://source.test/v8/finance/chart/NVDA") -> Reply:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Reply(url, status, "application/json", body, NOON)


def chart(*days: Day, meta: Mapping[str, object] | None = None, **events: Mapping[str, object]) -> object:
    """A chart of NVDA: 202.02 at the close of Friday 2026-11-20, chart of the `days` given."""
    stated = {
        "currency": "USD", "symbol": "NVDA", "regularMarketPrice": 202.02, "regularMarketTime": 1795208400,
        "regularMarketDayHigh": 203.3, "regularMarketDayLow": 199.1, "regularMarketVolume": 150000000,
        "chartPreviousClose": 150.0,
    }  # fmt: skip
    columns = {
        name: [day[place] for day in days]
        for place, name in enumerate(("open", "high", "low", "close", "volume"), start=1)
    }
    result = {
        "meta": stated | dict(meta or {}),
        "timestamp": [opening(day[0]) for day in days],
        "events": {kind: {str(n): entry for n, entry in enumerate(told.values())} for kind, told in events.items()},
        "indicators": {"quote": [columns]},
    }
    return {"chart": {"result": [result], "error": None}}


def ill_made(times: object, opens: object) -> object:
    """A chart whose days or opening prices are given as they are."""
    result = {"meta": {"symbol": "NVDA"}, "timestamp": times, "indicators": {"quote": [{"open": opens}]}}
    return {"chart": {"result": [result], "error": None}}


def split(day: str, new: object, old: object) -> dict[str, object]:
    return {"date": opening(day), "numerator": new, "denominator": old, "splitRatio": f"{new}:{old}"}


def dividend(day: str, amount: object) -> dict[str, object]:
    return {"date": opening(day), "amount": amount}


THURSDAY: Day = ("2026-11-19", 201.0, 202.5, 200.0, 201.5, 140000003)
FRIDAY: Day = ("2026-11-20", 200.5, 203.3, 199.1, 202.02, 150000000)


def price(content: object, instrument: Instrument = NVIDIA) -> QuoteRow:
    [row] = YahooChart().parse(reply(content), [instrument])
    return row


def bars(content: object, instrument: Instrument = NVIDIA, *span: date) -> list[DailyBar]:
    return YahooHistory().parse(reply(content), instrument, *span)


# --- The latest price ---------------------------------------------------------------------------


def test_the_price_is_that_of_meta_and_the_previous_close_that_of_the_day_before() -> None:
    row = price(chart(THURSDAY, FRIDAY))
    assert row.outcome is Outcome.OK
    assert row.quote is not None
    # 150.0 would be the close before the whole chart.
    assert (row.quote.price, row.quote.previous_close, row.quote.open, row.quote.high, row.quote.low) == tuple(
        Decimal(text) for text in ("202.02", "201.5", "200.5", "203.3", "199.1")
    )
    assert (row.quote.at, row.quote.day) == (datetime(2026, 11, 20, 21, tzinfo=UTC), date(2026, 11, 20))
    assert (row.quote.volume, row.quote.currency, row.quote.market_cap) == (150_000_000, "USD", None)


@pytest.mark.parametrize(
    ("stated", "exact"),
    [("600.5999755859375", "600.6"), ("121.79000091552734", "121.79"), ("0.0123400000855326", "0.01234"),
     ("743210.5", "743210.5"), ("50.505", "50.505"), ("590", "590")],
)  # fmt: skip
def test_the_noise_of_single_precision_is_taken_off(stated: str, exact: str) -> None:
    assert exact_price(Decimal(stated)) == Decimal(exact)


@pytest.mark.parametrize("nothing", [None, 0, Decimal("-1"), "", "abc"])
def test_what_is_not_a_price_is_unknown(nothing: object) -> None:
    assert exact_price(nothing) is None


@pytest.mark.parametrize(
    ("instrument", "symbol"),
    [(STAR, "688795.SS"), (CHINEXT, "300474.SZ"), (BIREN, "6082.HK"), (Instrument("XHKG", "00700", "HKD"), "0700.HK"),
     (Instrument("XHKG", "80700", "HKD"), "80700.HK"), (NVIDIA, "NVDA"), (Instrument("XNYS", "BRK.B", "USD"), "BRK-B")],
)  # fmt: skip
def test_symbols_end_in_the_exchange_and_have_four_digits_in_hong_kong(instrument: Instrument, symbol: str) -> None:
    assert yahoo_symbol(instrument) == symbol


def test_hong_kong_is_late_and_its_day_is_its_own() -> None:
    meta = {"symbol": "6082.HK", "currency": "HKD", "regularMarketTime": 1795162088}
    row = price(chart(meta=meta), BIREN)
    assert row.quote is not None
    assert (row.quote.delayed, row.quote.day, row.quote.currency) == (True, date(2026, 11, 20), "HKD")
    assert row.quote.previous_close is None


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (NOT_FOUND, 404),
        (NOT_FOUND, 200),
        (chart(meta={"regularMarketPrice": None, "regularMarketTime": None}), 200),
    ],
)
def test_an_unknown_symbol_is_told_in_its_row(content: object, status: int) -> None:
    [row] = YahooChart().parse(reply(content, status), [NVIDIA])
    assert (row.outcome, row.reason) == (Outcome.NO_DATA, "unknown_symbol")


@pytest.mark.parametrize(
    ("reason", "meta"),
    [
        ("symbol_mismatch", {"symbol": "AMD"}),
        ("blank_price", {"regularMarketPrice": None}),
        ("bad_time", {"regularMarketTime": None}),
        ("bad_time", {"regularMarketTime": 1795208400000}),
    ],
)
def test_a_price_that_cannot_be_believed_is_refused(reason: str, meta: Mapping[str, object]) -> None:
    row = price(chart(THURSDAY, FRIDAY, meta=meta))
    assert (row.outcome, row.reason) == (Outcome.BAD_ROW, reason)


@pytest.mark.parametrize(
    ("content", "status", "error"),
    [
        ({"chart": {"result": None, "error": {"code": "Unprocessable Entity"}}}, 422, BadRequest),
        (b"Edge: Too Many Requests", 429, Blocked),
        (b"Edge: Too Many Requests", 200, Blocked),
        (CONSENT, 200, Blocked),
        (BLOCK_PAGE, 200, BadBody),
        (BLOCK_PAGE, 404, BadBody),
        ({"chart": {"result": None, "error": {"code": "Internal", "description": "?"}}}, 200, BadBody),
        ({"chart": {"result": None, "error": None}}, 200, BadBody),
        ({"finance": {}}, 200, BadBody),
        (b'{"chart":{"result":[{"meta":{"symbol":"NV', 200, BadBody),
    ],
)
def test_an_answer_without_a_chart_is_a_failure_of_the_source(
    content: object, status: int, error: type[SourceError]
) -> None:
    with pytest.raises(error):
        YahooChart().parse(reply(content, status), [NVIDIA])
    with pytest.raises(error):
        YahooHistory().parse(reply(content, status), NVIDIA)


# --- Daily bars ---------------------------------------------------------------------------------


def test_prices_before_a_split_are_those_that_were_paid() -> None:
    content = chart(
        ("2026-11-17", 199.0, 200.5, 198.0, 199.5, 1400),
        ("2026-11-18", 200.0, 201.5, 199.0, 200.5, 1500),
        splits={"a": split("2026-11-18", 10.0, 1.0)},
    )
    before, after = bars(content)
    # Ten shares for one: ten times the price, a tenth of the volume.
    assert [before.open, before.high, before.low, before.close] == [Decimal(paid) for paid in (1990, 2005, 1980, 1995)]
    assert before.volume == 140
    assert (after.close, after.volume) == (Decimal("200.5"), 1500)
    assert [(event.kind, event.ex_day, event.ratio) for event in after.events] == [
        ("split", date(2026, 11, 18), Decimal(10))
    ]
    assert before.events == ()


def test_a_split_after_the_days_asked_for_counts_too() -> None:
    content = chart(THURSDAY, FRIDAY, splits={"a": split("2026-11-20", 4, 1)})
    [bar] = bars(content, NVIDIA, date(2026, 11, 18), date(2026, 11, 19))
    assert (bar.close, bar.events) == (Decimal(806), ())


def test_several_splits_multiply_and_a_consolidation_divides() -> None:
    content = chart(
        ("2026-11-16", 10.0, 10.0, 10.0, 10.0, 600),
        ("2026-11-18", 10.0, 10.0, 10.0, 10.0, 600),
        ("2026-11-20", 10.0, 10.0, 10.0, 10.0, 600),
        splits={"a": split("2026-11-18", 3, 1), "b": split("2026-11-20", 1, 2)},
    )
    # 3 for 1, then 1 for 2: one share of the 16th became one and a half.
    assert [(bar.close, bar.volume) for bar in bars(content)] == [
        (Decimal(15), 400), (Decimal(5), 1200), (Decimal(10), 600),
    ]  # fmt: skip


def test_what_yahoo_calls_a_split_on_the_mainland_is_a_bonus_issue_and_prices_are_whole_cents() -> None:
    # 600.60 yuan before 10-for-4.9, told as 403.08724.
    content = chart(
        ("2026-11-17", 403.08724, 403.08724, 403.08724, 403.08724, 1490),
        ("2026-11-18", 405.0, 405.0, 405.0, 405.0, 1490),
        meta={"symbol": "300474.SZ", "currency": "CNY"},
        splits={"a": split("2026-11-18", 1.49, 1)},
    )
    before, after = bars(content, CHINEXT)
    assert (before.close, before.volume) == (Decimal("600.60"), 1000)
    assert [(event.kind, event.ratio) for event in after.events] == [("bonus", Decimal("1.49"))]


def test_a_dividend_before_a_split_is_per_share_of_its_day() -> None:
    content = chart(
        THURSDAY, FRIDAY, dividends={"a": dividend("2026-11-19", 0.01)}, splits={"a": split("2026-11-20", 10, 1)}
    )
    first, _ = bars(content)
    assert [(event.kind, event.cash) for event in first.events] == [("dividend", Decimal("0.10"))]


def test_an_ex_day_without_a_bar_is_told_with_the_next_one() -> None:
    empty: Day = ("2026-11-19", None, None, None, None, None)
    [bar] = bars(chart(empty, FRIDAY, dividends={"a": dividend("2026-11-19", 0.5)}))
    assert [(event.kind, event.ex_day) for event in bar.events] == [("dividend", date(2026, 11, 19))]


def test_days_without_a_price_are_left_out_and_the_newest_of_a_day_counts() -> None:
    empty: Day = ("2026-11-18", None, None, None, None, None)
    earlier: Day = ("2026-11-20", 200.5, 201.0, 200.0, 200.8, 1)
    found = bars(chart(empty, THURSDAY, earlier, FRIDAY))
    assert [(bar.day.day, bar.close) for bar in found] == [(19, Decimal("201.5")), (20, Decimal("202.02"))]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (NOT_FOUND, 404),
        ({"chart": {"result": None, "error": {"code": "Bad Request", "description": "Data doesn't exist for …"}}}, 400),
        (chart(meta={"regularMarketPrice": None}), 200),
        (chart(), 200),
    ],
)
def test_no_bars_are_no_data(content: object, status: int) -> None:
    with pytest.raises(NoData):
        YahooHistory().parse(reply(content, status), NVIDIA)


@pytest.mark.parametrize(
    "content",
    [
        chart(FRIDAY, meta={"symbol": "AMD"}),
        chart(FRIDAY, splits={"a": split("2026-11-20", 0, 1)}),
        chart(THURSDAY, FRIDAY, splits={"a": split("2026-11-20", 10**29, 1)}),
        chart(FRIDAY, dividends={"a": dividend("2026-11-20", "much")}),
        ill_made(["x"], [1.5]),
        ill_made([1], [1.5, 2.5]),
        ill_made([1], "no"),
        ill_made("no", [1.5]),
    ],
)
def test_unreadable_bars_are_refused(content: object) -> None:
    with pytest.raises(BadBody):
        bars(content)


class Client:
    """Notes what is asked, and answers from a list."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.asked: list[tuple[str | None, str, str]] = []

    def get(
        self,
        target: str,
        *,
        secret: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        site: str | None = None,
    ) -> Reply:
        self.asked.append((site, target, (secret or {}).get("crumb", "")))
        return self.replies.pop(0)

    def post(
        self,
        target: str,
        *,
        form: Mapping[str, str] | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        raise AssertionError("nothing is posted")


@time_machine.travel("2026-11-21T04:00:00Z", tick=False)
def test_bars_are_always_asked_until_now() -> None:
    client = Client(reply(b""))
    YahooHistory().fetch(client, NVIDIA, date(2026, 6, 1), date(2026, 6, 30))
    [(_, target, _)] = client.asked
    # Midnight of 1 June in New York (04:00 UTC), and a day from now.
    assert "period1=1780286400&period2=1795320000" in target


# --- Quotes with a crumb ------------------------------------------------------------------------

COOKIE = reply(b"", 404)
CRUMB = reply(b"Ab/d.fGhIjK")
INVALID = reply({"finance": {"result": None, "error": {"code": "Unauthorized", "description": "Invalid Crumb"}}}, 401)


def quotes(*rows: Mapping[str, object]) -> Reply:
    return reply({"quoteResponse": {"result": list(rows), "error": None}})


def stated(**fields: object) -> dict[str, object]:
    row: dict[str, object] = {
        "symbol": "688795.SS", "currency": "CNY", "regularMarketPrice": 600.6, "regularMarketTime": 1795158000,
        "regularMarketPreviousClose": 590.0, "regularMarketVolume": 5000000, "marketCap": 282282000000,
        "sharesOutstanding": 470000000, "exchangeDataDelayedBy": 0,
    }  # fmt: skip
    return row | fields


def test_a_quote_states_market_value_and_shares() -> None:
    [row] = YahooQuotes().parse(quotes(stated()), [STAR])
    assert row.quote is not None
    assert (row.quote.price, row.quote.previous_close) == (Decimal("600.6"), Decimal(590))
    assert row.quote.market_cap == Decimal(282_282_000_000)
    assert (row.quote.total_shares, row.quote.volume) == (470_000_000, 5_000_000)
    assert (row.quote.at, row.quote.day) == (datetime(2026, 11, 20, 7, tzinfo=UTC), date(2026, 11, 20))


@pytest.mark.parametrize(
    ("instrument", "fields", "shares"),
    [
        # H shares only, while the market value is that of all: 600.6 times 470 m.
        (BIREN, {"symbol": "6082.HK", "sharesOutstanding": 130000000}, None),
        (BIREN, {"symbol": "6082.HK"}, None),
        # One class of several.
        (STAR, {"sharesOutstanding": 400000000}, None),
        (STAR, {"marketCap": None}, None),
        # Shares that were issued since: half a per cent.
        (STAR, {"sharesOutstanding": 472000000}, 472_000_000),
    ],
)
def test_shares_are_stated_only_where_they_make_up_the_market_value(
    instrument: Instrument, fields: Mapping[str, object], shares: int | None
) -> None:
    [row] = YahooQuotes().parse(quotes(stated(**fields)), [instrument])
    assert row.quote is not None
    assert row.quote.total_shares == shares


def test_a_symbol_that_is_not_answered_is_named_and_the_others_are_kept() -> None:
    strange = Instrument("XNAS", "A,B", "USD")
    rows = YahooQuotes().parse(
        quotes(stated(), stated(symbol="6082.HK", regularMarketPrice=None)), [NVIDIA, STAR, BIREN, strange]
    )
    assert [(row.outcome, row.reason) for row in rows] == [
        (Outcome.NO_DATA, "unknown_symbol"),
        (Outcome.OK, ""),
        (Outcome.BAD_ROW, "blank_price"),
        (Outcome.NO_DATA, "no_code"),
    ]


def test_a_delay_is_told() -> None:
    [row] = YahooQuotes().parse(quotes(stated(exchangeDataDelayedBy=15)), [STAR])
    assert row.quote is not None
    assert row.quote.delayed


def test_a_cookie_and_a_crumb_open_the_door() -> None:
    client = Client(COOKIE, CRUMB, quotes(stated()))
    source = YahooQuotes()
    [row] = source.parse(source.fetch(client, [STAR]), [STAR])
    assert row.outcome is Outcome.OK
    assert client.asked == [
        ("yahoo_cookie", "/", ""),
        (None, "/v1/test/getcrumb", ""),
        (None, "/v7/finance/quote?symbols=688795.SS", "Ab/d.fGhIjK"),
    ]


def test_a_crumb_that_is_not_accepted_is_replaced_once() -> None:
    source = YahooQuotes()
    client = Client(COOKIE, CRUMB, INVALID, COOKIE, reply(b"Second.Crumb"), quotes(stated()))
    [row] = source.parse(source.fetch(client, [STAR]), [STAR])
    assert row.outcome is Outcome.OK
    client = Client(COOKIE, CRUMB, INVALID, COOKIE, CRUMB, INVALID)
    with pytest.raises(Auth):
        source.parse(source.fetch(client, [STAR]), [STAR])
    assert client.replies == []


@pytest.mark.parametrize(
    "answer",
    [
        reply(b"Too Many Requests", 429),
        reply(b"Too Many Requests", 200),
        reply(b"Please wait a moment", 200),
        reply(b"x" * 21, 200),
        reply(b"<b>no</b>", 200),
        reply(CONSENT, 200),
    ],
)
def test_a_message_is_never_used_as_a_crumb(answer: Reply) -> None:
    with pytest.raises(Blocked):
        parse_crumb(answer)
    client = Client(COOKIE, answer)
    with pytest.raises(Blocked):
        YahooQuotes().fetch(client, [STAR])
    assert len(client.asked) == 2


def test_a_refused_cookie_ends_the_attempt() -> None:
    client = Client(reply(b"Edge: Too Many Requests", 429))
    with pytest.raises(Blocked):
        YahooQuotes().fetch(client, [STAR])


@pytest.mark.parametrize("currency", ["CNY", "GBp"])
def test_bars_in_another_currency_than_the_listing_s_are_refused(currency: str) -> None:
    with pytest.raises(BadBody, match=f"prices in {currency} instead of USD"):
        bars(chart(FRIDAY, meta={"currency": currency}))
    assert bars(chart(FRIDAY, meta={"currency": None}))  # not stated: nothing to contradict


def test_a_split_may_be_told_by_its_ratio_alone() -> None:
    told = {"date": opening("2026-11-20"), "splitRatio": "10:1"}
    before, after = bars(chart(THURSDAY, FRIDAY, splits={"a": told}))
    assert (before.close, before.volume) == (Decimal("2015.00"), 14_000_000)
    assert [event.ratio for event in after.events] == [Decimal(10)]


def test_a_dividend_told_in_another_currency_is_left_out() -> None:
    foreign = dividend("2026-11-20", 0.3) | {"currency": "CNY"}
    own = dividend("2026-11-20", 0.01) | {"currency": "USD"}
    [bar] = bars(chart(FRIDAY, dividends={"a": foreign, "b": own}))
    assert [event.cash for event in bar.events] == [Decimal("0.01")]
