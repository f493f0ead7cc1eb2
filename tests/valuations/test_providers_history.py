"""Tencent's daily bars: the shapes that have been seen, and what each of them means."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from companies.sources.base import BadBody, NoData, Outcome, Reply, SourceError
from tests.payloads import Bar, tencent_bars
from valuations.providers.base import DailyBar, Instrument
from valuations.providers.tencent_history import TencentHistory, parse_bars

STAR = Instrument("XSHG", "688795", "CNY")
CHINEXT = Instrument("XSHE", "300474", "CNY")
BIREN = Instrument("XHKG", "6082", "HKD")
NVIDIA = Instrument("XNAS", "NVDA", "USD")

# Date, open, close, high, low, volume: the close stands before the high.
THURSDAY = ("2026-11-19", "584.000", "590.000", "596.000", "583.000", "4400000.000")
FRIDAY = ("2026-11-20", "592.000", "600.600", "612.000", "588.880", "5000000.000")


def test_the_close_stands_before_the_high() -> None:
    [bar] = parse_bars(tencent_bars("sh688795", [FRIDAY]), STAR)
    assert bar == DailyBar(
        day=date(2026, 11, 20),
        open=Decimal("592"),
        close=Decimal("600.6"),
        high=Decimal("612"),
        low=Decimal("588.88"),
        volume=5_000_000,
    )


def test_eleven_columns_state_the_turnover_and_so_the_unit_of_the_volume() -> None:
    # 100,000 lots of 100 at 80.80 on average are 808 m yuan.
    row: Bar = (
        "2026-11-20",
        "80.100",
        "80.800",
        "81.500",
        "79.600",
        "100000.000",
        {},
        "2.63",
        "80800.0000",
        "0.00",
        "0.00",
    )
    [bar] = parse_bars(tencent_bars("sz300474", [row]), CHINEXT)
    assert (bar.volume, bar.amount, bar.events) == (10_000_000, Decimal(808_000_000), ())


def test_an_ex_right_day_tells_what_it_brings() -> None:
    event = {"nd": "2025", "cqr": "2026-06-10", "FHcontent": "10派1元转增1股"}
    rows = [("2026-06-10", "80.5", "81.0", "82.0", "80.0", "150000.000", event)]
    [bar] = parse_bars(tencent_bars("sz300474", rows), CHINEXT)
    # One new share for ten, 0.10 yuan for each.
    assert [(event.kind, event.ratio, event.cash) for event in bar.events] == [
        ("bonus", Decimal("1.1"), None),
        ("dividend", Decimal(1), Decimal("0.1")),
    ]
    assert bar.volume == 15_000_000


@pytest.mark.parametrize(("key", "adjustment"), [("day", ""), ("qfqday", "qfq"), ("hfqday", "hfq")])
def test_adjusted_bars_say_that_they_are(key: str, adjustment: str) -> None:
    [bar] = parse_bars(tencent_bars("hk06082", [FRIDAY], key), BIREN)
    assert bar.adjustment == adjustment


def test_bars_come_out_in_order_and_only_for_the_days_asked() -> None:
    body = tencent_bars("sh688795", [FRIDAY, THURSDAY, ("2026-11-18", "1", "1", "1", "1", "1")])
    bars = parse_bars(body, STAR, date(2026, 11, 19), date(2026, 11, 20))
    assert [bar.day.day for bar in bars] == [19, 20]


def test_a_day_without_a_price_is_left_out() -> None:
    halted = ("2026-11-19", "0.000", "0.000", "0.000", "0.000", "0.000")
    assert len(parse_bars(tencent_bars("sh688795", [halted, FRIDAY]), STAR)) == 1


def test_an_assignment_around_the_json_is_taken_off() -> None:
    body = b"kline_dayqfq=" + tencent_bars("sh688795", [FRIDAY]) + b";"
    assert len(parse_bars(body, STAR)) == 1


def test_a_sparse_american_answer_asks_for_the_suffix() -> None:
    assert outcome(tencent_bars("usNVDA", [FRIDAY]), NVIDIA) is Outcome.TOO_FEW
    assert len(parse_bars(tencent_bars("usNVDA.OQ", [FRIDAY]), NVIDIA)) == 1
    one_day = date(2026, 11, 20)
    assert len(parse_bars(tencent_bars("usNVDA", [FRIDAY]), NVIDIA, one_day, one_day)) == 1


def outcome(body: bytes, instrument: Instrument = STAR) -> Outcome:
    try:
        parse_bars(body, instrument)
    except SourceError as error:
        return error.outcome
    return Outcome.OK


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"code":0,"msg":"","data":{}}', Outcome.NO_DATA),
        (b'{"code":0,"msg":"","data":[]}', Outcome.NO_DATA),
        (b'v_pv_none_match="1";', Outcome.NO_DATA),
        (tencent_bars("sh688795", []), Outcome.NO_DATA),
        (b'{"code":0,"msg":"param error","data":[]}', Outcome.BAD_BODY),
        (b'{"code":1,"msg":"bad params"}', Outcome.BAD_BODY),
        (b'{"code":0,"msg":"","data":null}', Outcome.BAD_BODY),
        (tencent_bars("sh688802", [FRIDAY]), Outcome.BAD_BODY),
        (tencent_bars("sh688795", [FRIDAY[:5]]), Outcome.BAD_BODY),
        (tencent_bars("sh688795", [("2026-11-20", "a", "1", "1", "1", "1")]), Outcome.BAD_BODY),
        (tencent_bars("sh688795", [FRIDAY])[:-30], Outcome.BAD_BODY),
        (b"[]", Outcome.BAD_BODY),
    ],
)
def test_answers_without_bars_are_told_apart(body: bytes, expected: Outcome) -> None:
    assert outcome(body) is expected


def test_days_outside_the_answer_are_no_data() -> None:
    with pytest.raises(NoData):
        parse_bars(tencent_bars("sh688795", [FRIDAY]), STAR, date(2026, 12, 1), date(2026, 12, 2))


def test_a_page_in_place_of_bars_is_a_bad_body() -> None:
    reply = Reply("https://source.test/", 200, "text/html", b"<html></html>", datetime(2026, 11, 20, tzinfo=UTC))
    with pytest.raises(BadBody):
        TencentHistory().parse(reply, STAR)


@pytest.mark.parametrize(
    ("volume", "stated", "amount", "shares"),
    [
        ("100000.000", "80800.00", 808_000_000, 10_000_000),  # lots, tens of thousands of yuan
        ("100000.000", "808000000.00", 808_000_000, 10_000_000),  # lots, yuan
        ("10000000", "80800.00", 808_000_000, 10_000_000),  # shares
        ("10000000", "808000000.00", 808_000_000, 10_000_000),
        ("100000.000", "9.00", None, 10_000_000),  # fits nothing: the unit of the volume is the documented one
    ],
)
def test_the_prices_of_the_day_tell_the_unit_of_the_turnover(
    volume: str, stated: str, amount: int | None, shares: int
) -> None:
    row: Bar = ("2026-11-20", "80.100", "80.800", "81.500", "79.600", volume, {}, "2.63", stated)
    [bar] = parse_bars(tencent_bars("sz300474", [row]), CHINEXT)
    assert (bar.amount, bar.volume) == (None if amount is None else Decimal(amount), shares)
