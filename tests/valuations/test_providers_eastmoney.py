"""Eastmoney's quotes and daily bars: one meaning in several shapes."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from companies.sources.base import BadBody, BadRequest, Blocked, NoData, Outcome, Reply, Retry, SourceError
from tests.outcomes import batch_outcome
from tests.payloads import BLOCK_PAGE, Trade
from tests.standin_pages import eastmoney_bars, eastmoney_list
from valuations.providers.base import DailyBar, Instrument, QuoteRow
from valuations.providers.eastmoney import EastmoneyQuotes, eastmoney_id
from valuations.providers.eastmoney_history import EastmoneyHistory

STAR = Instrument("XSHG", "688795", "CNY")
CHINEXT = Instrument("XSHE", "300474", "CNY")
BIREN = Instrument("XHKG", "6082", "HKD")
NVIDIA = Instrument("XNAS", "NVDA", "USD")

LISTED = "http://source.test/api/qt/ulist.np/get?secids=x"
SATURDAY = datetime(2026, 11, 21, 4, tzinfo=UTC)  # noon in Shanghai, Friday night in New York
CLOSE = 1795158000  # 2026-11-20 15:00 in Shanghai


def reply(body: bytes, url: str = LISTED, status: int = 200) -> Reply:
    return Reply(url, status, "application/json", body, SATURDAY)


def answer(data: object, rc: int = 0) -> bytes:
    return json.dumps({"rc": rc, "data": data}, ensure_ascii=False).encode()


def listed(**fields: object) -> dict[str, object]:
    """A share of Shanghai in a list, its prices as they are: 600.60 after 590."""
    share: dict[str, object] = {
        "f2": 600.6, "f5": 50000, "f6": 3003000000.0, "f12": "688795", "f13": 1, "f15": 612.0, "f16": 588.88,
        "f17": 592.0, "f18": 590.0, "f20": 282282000000, "f124": CLOSE,
    }  # fmt: skip
    return share | fields


def single(**fields: object) -> dict[str, object]:
    """The same share asked for alone, where whole numbers are scaled by f59."""
    share: dict[str, object] = {
        "f43": 60060, "f44": 61200, "f45": 58888, "f46": 59200, "f47": 50000, "f48": 3003000000.0, "f57": "688795",
        "f59": 2, "f60": 59000, "f84": 470000000.0, "f86": CLOSE, "f107": 1, "f116": 282282000000.0,
    }  # fmt: skip
    return share | fields


def read(data: object, instrument: Instrument = STAR, url: str = LISTED) -> QuoteRow:
    [row] = EastmoneyQuotes().parse(reply(answer(data), url), [instrument])
    return row


def test_one_reply_serves_four_exchanges() -> None:
    trades = [
        Trade(),
        Trade("sz300474", "80.80", "80.00", "80.10", "81.50", "79.60", volume=10_000_000, shares=522_000_000),
        Trade("r_hk06082", "50.500", "49.500", "49.800", "51.200", "49.400", volume=40_000_000, shares=2_400_000_000),
        Trade("usNVDA", "202.02", "200.00", "200.50", "203.30", "199.10", volume=150_000_000, shares=None),
    ]
    instruments = [STAR, CHINEXT, BIREN, NVIDIA]
    rows = EastmoneyQuotes().parse(reply(eastmoney_list(trades)), instruments)
    assert batch_outcome(rows) is Outcome.OK
    quotes = [row.quote for row in rows if row.quote is not None]
    assert [quote.price for quote in quotes] == [Decimal(text) for text in ("600.60", "80.80", "50.5", "202.02")]
    assert [quote.volume for quote in quotes] == [5_000_000, 10_000_000, 40_000_000, 150_000_000]
    assert quotes[0].market_cap == Decimal("600.60") * 470_000_000
    assert (quotes[0].at, quotes[0].day) == (datetime(2026, 11, 20, 7, 50, 49, tzinfo=UTC), date(2026, 11, 20))
    assert quotes[3].market_cap is None


@pytest.mark.parametrize(
    "data",
    [
        {"total": 1, "diff": [listed()]},
        {"total": 1, "diff": {"0": listed()}},
        {"total": 2, "diff": [listed(f12="600795", f2=1.5), listed()]},
        # Whole numbers with the scale of each row.
        {"diff": [listed(f1=2, f2=60060, f15=61200, f16=58888, f17=59200, f18=59000)]},
        # Whole prices that are not scaled, because one of them has a fraction, or is written with one.
        {"diff": [listed(f1=2, f15=612, f17=592, f18=590)]},
        single(),
        single(f43=600.6, f44=612.0, f45=588.88, f46=592.0, f60=590.0),
    ],
)
def test_the_same_price_is_read_from_every_shape(data: object) -> None:
    row = read(data)
    assert row.outcome is Outcome.OK
    assert row.quote is not None
    assert (row.quote.price, row.quote.high, row.quote.low, row.quote.open, row.quote.previous_close) == tuple(
        Decimal(text) for text in ("600.6", "612", "588.88", "592", "590")
    )
    assert (row.quote.volume, row.quote.amount, row.quote.market_cap) == (
        5_000_000, Decimal(3_003_000_000), Decimal(282_282_000_000),
    )  # fmt: skip
    assert row.quote.at == datetime(2026, 11, 20, 7, tzinfo=UTC)


def test_a_single_share_states_the_shares_of_all_classes() -> None:
    row = read(single())
    assert row.quote is not None
    assert row.quote.total_shares == 470_000_000


def test_a_call_around_the_answer_does_not_matter() -> None:
    [row] = EastmoneyQuotes().parse(reply(b"jQuery112_17(" + answer(single()) + b");"), [STAR])
    assert row.quote is not None
    assert row.quote.price == Decimal("600.6")


@pytest.mark.parametrize(
    ("fields", "url", "price"),
    [
        # Three places in Hong Kong and New York.
        ({"f1": 3, "f2": 50500}, LISTED, "50.5"),
        # A round price is not scaled when prices were asked for, nor when it is written as one.
        ({"f1": 2, "f2": 50}, LISTED + "&fltt=2", "50"),
        ({"f1": 2, "f2": 50.0}, LISTED, "50"),
        ({"f1": 2, "f2": "50.00"}, LISTED, "50"),
        ({"f1": 2, "f2": 5000}, LISTED + "&fltt=1", "50"),
    ],
)
def test_scaled_prices_are_told_from_plain_ones(fields: dict[str, object], url: str, price: str) -> None:
    row = read({"diff": [{"f12": "688795", "f13": 1, "f124": CLOSE, **fields}]}, url=url)
    assert row.quote is not None
    assert row.quote.price == Decimal(price)


def test_whole_numbers_without_their_scale_are_refused() -> None:
    row = read({"diff": [{"f2": 60060, "f12": "688795", "f13": 1, "f124": CLOSE}]})
    assert (row.outcome, row.reason) == (Outcome.BAD_ROW, "bad_number")


DASHES = dict.fromkeys(("f2", "f5", "f6", "f15", "f16", "f17"), "-")


@pytest.mark.parametrize(
    ("fields", "clock", "reason"),
    [
        (DASHES, "15:00", "suspended"),
        (DASHES, "10:00", "suspended"),
        (DASHES, "09:20", "auction"),
        (DASHES, "09:00", "before_open"),
        ({"f2": 590.0, "f5": 0, "f6": 0, "f15": 0, "f16": 0, "f17": 0}, "15:00", "suspended"),
    ],
)
def test_a_share_that_does_not_trade_is_held_with_its_previous_close(
    fields: dict[str, object], clock: str, reason: str
) -> None:
    at = datetime.fromisoformat(f"2026-11-20T{clock}:00+08:00")
    row = read({"diff": [listed(**fields, f124=int(at.timestamp()))]})
    assert (row.outcome, row.reason, row.quote) == (Outcome.HOLD, reason, None)
    assert "590.0 before" in row.detail


def test_a_suspended_share_does_not_spoil_its_list() -> None:
    data = {"diff": [listed(), listed(**DASHES, f12="688999")]}
    rows = EastmoneyQuotes().parse(reply(answer(data)), [STAR, Instrument("XSHG", "688999", "CNY")])
    assert [row.outcome for row in rows] == [Outcome.OK, Outcome.HOLD]
    assert batch_outcome(rows) is Outcome.OK


@pytest.mark.parametrize(
    ("instrument", "market", "code", "stamp", "moment"),
    [
        (STAR, 1, "688795", None, "2026-11-20T07:00"),
        (BIREN, 116, "06082", None, "2026-11-20T08:00"),
        (NVIDIA, 105, "NVDA", None, "2026-11-20T21:00"),
        # 05:00 in New York on Friday: the price is Thursday's.
        (NVIDIA, 105, "NVDA", 1795168800, "2026-11-19T21:00"),
    ],
)
def test_a_price_without_a_time_of_its_own_is_no_newer_than_the_last_hours(
    instrument: Instrument, market: int, code: str, stamp: int | None, moment: str
) -> None:
    share = {"f1": 2, "f2": 5050, "f12": code, "f13": market} | ({} if stamp is None else {"f124": stamp})
    row = read({"diff": [share]}, instrument)
    assert row.quote is not None
    assert row.quote.at == datetime.fromisoformat(f"{moment}+00:00")
    assert row.quote.day == row.quote.at.date()


@pytest.mark.parametrize(
    ("instrument", "market", "code", "known"),
    [
        (STAR, 0, "688795", False),  # the same digits on the other exchange
        (STAR, 1, "688796", False),
        (STAR, None, "688795", True),
        (BIREN, 116, "06082", True),
        (BIREN, 128, "06082", True),
        (NVIDIA, 106, "NVDA", True),  # moved to New York: still the same share
        (NVIDIA, 116, "NVDA", False),
        (Instrument("XNYS", "BRK.B", "USD"), 106, "BRK_B", True),
        (Instrument("XLON", "ARM", "GBP"), None, "ARM", False),
    ],
)
def test_a_row_is_of_the_share_asked_for_or_of_none(
    instrument: Instrument, market: int | None, code: str, known: bool
) -> None:
    row = read({"diff": [listed(f12=code, f13=market)]}, instrument)
    assert (row.reason not in ("not_in_reply", "no_code")) is known


@pytest.mark.parametrize(
    ("instrument", "name"),
    [(STAR, "1.688795"), (CHINEXT, "0.300474"), (BIREN, "116.06082"), (NVIDIA, "105.NVDA"),
     (Instrument("XNYS", "BRK.B", "USD"), "106.BRK_B"), (Instrument("XASE", "SIM", "USD"), "107.SIM")],
)  # fmt: skip
def test_names_begin_with_the_number_of_the_exchange(instrument: Instrument, name: str) -> None:
    assert eastmoney_id(instrument) == name


def test_what_cannot_be_a_code_is_never_sent() -> None:
    with pytest.raises(BadRequest):
        EastmoneyQuotes().fetch(None, [Instrument("XLON", "ARM", "GBP")])  # type: ignore[arg-type]


def test_the_second_host_is_marked_as_delayed() -> None:
    late = EastmoneyQuotes(delayed=True)
    [row] = late.parse(reply(answer({"diff": [listed()]})), [STAR])
    assert late.site == late.slug == "eastmoney_delay"
    assert row.quote is not None
    assert row.quote.delayed


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (answer(None), 200, BadBody),
        (answer(None, rc=102), 200, BadBody),
        (answer({"diff": []}, rc=102), 200, BadBody),
        (answer({"diff": "no"}), 200, BadBody),
        (b'{"rc":0,"data":{"diff":[{"f2":60', 200, BadBody),
        (b"[]", 200, BadBody),
        (BLOCK_PAGE, 200, BadBody),
        (BLOCK_PAGE, 502, Retry),
        (BLOCK_PAGE, 403, Blocked),
    ],
)
def test_an_answer_without_data_is_a_failure_of_the_source(body: bytes, status: int, error: type[SourceError]) -> None:
    with pytest.raises(error):
        EastmoneyQuotes().parse(reply(body, status=status), [STAR])


@pytest.mark.parametrize(
    ("reason", "fields"),
    [("bad_number", {"f2": "abc"}), ("bad_time", {"f124": 1795161249000}), ("zero_price", {"f2": 0})],
)
def test_one_bad_row_is_refused_and_the_others_are_kept(reason: str, fields: Mapping[str, object]) -> None:
    data = {"diff": [listed(f12="688802", f2=700.7, f16=690), listed(**fields)]}
    other = Instrument("XSHG", "688802", "CNY")
    rows = EastmoneyQuotes().parse(reply(answer(data)), [STAR, other])
    assert [(row.outcome is Outcome.OK, row.reason) for row in rows] == [(False, reason), (True, "")]


# --- Daily bars ---------------------------------------------------------------------------------

BARS = "http://source.test/api/qt/stock/kline/get?secid=1.688795&fqt=0"
THURSDAY = ("2026-11-19", "584.00", "590.00", "596.00", "583.00", "4400000")
FRIDAY = ("2026-11-20", "592.00", "600.60", "612.00", "588.88", "5000000")


def test_the_close_stands_before_the_high_and_lots_become_shares() -> None:
    [bar] = EastmoneyHistory().parse(reply(eastmoney_bars("sh688795", [FRIDAY]), BARS), STAR)
    assert bar == DailyBar(
        day=date(2026, 11, 20),
        open=Decimal(592),
        close=Decimal("600.6"),
        high=Decimal(612),
        low=Decimal("588.88"),
        volume=5_000_000,
        amount=Decimal("3002200000"),  # the middle of the range, 600.44, for each share
    )


def test_bars_are_sorted_by_day_and_cut_to_the_days_asked_for() -> None:
    body = eastmoney_bars("sh688795", [FRIDAY, THURSDAY])
    assert [bar.day.day for bar in EastmoneyHistory().parse(reply(body, BARS), STAR)] == [19, 20]
    [bar] = EastmoneyHistory().parse(reply(body, BARS), STAR, date(2026, 11, 20), date(2026, 11, 25))
    assert bar.day.day == 20


def test_adjusted_bars_are_told_by_the_question() -> None:
    [bar] = EastmoneyHistory().parse(reply(eastmoney_bars("sh688795", [FRIDAY]), BARS.replace("fqt=0", "fqt=1")), STAR)
    assert bar.adjustment == "qfq"


@pytest.mark.parametrize("body", [answer(None, rc=100), answer(None), answer({"code": "688795", "klines": []})])
def test_no_bars_are_no_data(body: bytes) -> None:
    with pytest.raises(NoData):
        EastmoneyHistory().parse(reply(body, BARS), STAR)


@pytest.mark.parametrize(
    "body",
    [
        answer({"code": "688796", "klines": []}),
        answer({"code": "688795"}),
        answer({"code": "688795", "klines": ["2026-11-20,592.00,600.60"]}),
        answer({"code": "688795", "klines": ["20.11.2026,592,600,612,588,50000"]}),
        answer({"code": "688795", "klines": ["2026-11-20,592,abc,612,588,50000"]}),
    ],
)
def test_unreadable_bars_are_refused(body: bytes) -> None:
    with pytest.raises(BadBody):
        EastmoneyHistory().parse(reply(body, BARS), STAR)


def test_a_day_without_a_price_is_left_out() -> None:
    body = answer({"code": "688795", "klines": ["2026-11-19,-,-,-,-,-", "2026-11-20,592,600.6,612,588.88,50000"]})
    assert [bar.day.day for bar in EastmoneyHistory().parse(reply(body, BARS), STAR)] == [20]


def test_a_zero_written_as_a_fraction_does_not_unscale_the_prices_beside_it() -> None:
    row = read({"diff": [listed(f1=2, f2=60060, f15=0.0, f16=0.0, f17=59200, f18=59000)]})
    assert row.quote is not None
    assert (row.quote.price, row.quote.previous_close, row.quote.high) == (Decimal("600.60"), Decimal(590), None)


@pytest.mark.parametrize("stamp", ["-", None, 0, 0.0])
def test_a_price_without_a_stamp_is_as_new_as_the_last_hours_of_trade(stamp: object) -> None:
    row = read({"diff": [listed(f124=stamp)]})
    assert row.quote is not None
    assert row.quote.at == datetime(2026, 11, 20, 7, tzinfo=UTC)  # asked on Saturday


def test_bars_of_an_index_with_the_code_of_the_share_are_refused() -> None:
    lines = ["2026-11-20,11.20,11.30,11.40,11.10,500000"]
    share = Instrument("XSHE", "000001", "CNY")
    answers = {market: answer({"code": "000001", "market": market, "klines": lines}) for market in (0, 1)}
    [bar] = EastmoneyHistory().parse(reply(answers[0]), share)
    assert bar.close == Decimal("11.30")
    with pytest.raises(BadBody, match=r"about 1\.000001 instead of 0\.000001"):
        EastmoneyHistory().parse(reply(answers[1]), share)
