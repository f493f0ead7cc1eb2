"""The stand-in tells one market in the words of every source, and fails where and when it is told to."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import time_machine

from companies.sources.base import BadBody, Blocked, Outcome
from companies.sources.http import SourceClient
from tests.payloads import Trade, halted
from tests.standin import Standin
from tests.upstream_reading import BIREN, JINGJIA, MOORE, NVIDIA
from valuations.providers.base import DailyBar, HistorySource, Instrument, ParsedQuote, QuoteSource
from valuations.providers.eastmoney import EastmoneyQuotes
from valuations.providers.eastmoney_history import EastmoneyHistory
from valuations.providers.sina import SinaQuotes
from valuations.providers.tencent import TencentQuotes
from valuations.providers.tencent_history import TencentHistory
from valuations.providers.yahoo import YahooChart
from valuations.providers.yahoo_history import YahooHistory

FRIDAY_EVENING = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)  # after the close of New York
QUOTES: list[QuoteSource] = [TencentQuotes(), SinaQuotes(), EastmoneyQuotes(), YahooChart()]
HISTORIES: list[HistorySource] = [TencentHistory(), EastmoneyHistory(), YahooHistory()]
CODES = {"688795": "sh688795", "300474": "sz300474", "6082": "r_hk06082", "NVDA": "usNVDA"}


@pytest.fixture
def standin() -> Iterator[Standin]:
    with time_machine.travel(FRIDAY_EVENING, tick=False), Standin(any_code=True) as running:
        yield running


def quote(standin: Standin, source: QuoteSource, instrument: Instrument) -> ParsedQuote:
    with SourceClient(standin.at(source.slug), user_agent="x", trust_env=False) as client:
        [row] = source.parse(source.fetch(client, [instrument]), [instrument])
    assert row.outcome is Outcome.OK, row
    assert row.quote is not None
    return row.quote


def bars(standin: Standin, source: HistorySource, instrument: Instrument, start: date, end: date) -> list[DailyBar]:
    with SourceClient(standin.at(source.slug), user_agent="x", trust_env=False) as client:
        return source.parse(source.fetch(client, instrument, start, end), instrument, start, end)


@pytest.mark.parametrize("source", QUOTES, ids=lambda source: source.slug)
@pytest.mark.parametrize("instrument", [MOORE, JINGJIA, BIREN, NVIDIA], ids=lambda instrument: instrument.ticker)
def test_every_source_tells_the_trade_that_was_set(
    standin: Standin, source: QuoteSource, instrument: Instrument
) -> None:
    standin.set_quote(
        Trade(CODES[instrument.ticker], "60.50", "59.00", "59.20", "61.00", "58.80", 1_234_500), own_time=False
    )
    told = quote(standin, source, instrument)
    assert (told.price, told.previous_close, told.volume) == (Decimal("60.50"), Decimal("59.00"), 1_234_500)
    assert (told.day, told.high, told.low) == (date(2026, 11, 20), Decimal("61.00"), Decimal("58.80"))


@pytest.mark.parametrize("source", QUOTES[:3], ids=lambda source: source.slug)
def test_a_halted_share_is_halted_in_every_source_that_tells(standin: Standin, source: QuoteSource) -> None:
    standin.set_quote(halted("sz300474", datetime.fromisoformat("2026-11-20 15:00:03")))
    with SourceClient(standin.at(source.slug), user_agent="x", trust_env=False) as client:
        [row] = source.parse(source.fetch(client, [JINGJIA]), [JINGJIA])
    assert (row.outcome, row.reason) == (Outcome.HOLD, "suspended")


@pytest.mark.parametrize("instrument", [MOORE, JINGJIA, BIREN, NVIDIA], ids=lambda instrument: instrument.ticker)
def test_a_code_that_nobody_set_has_one_price_and_one_history(standin: Standin, instrument: Instrument) -> None:
    told = [quote(standin, source, instrument) for source in QUOTES]
    prices = {(each.price, each.previous_close) for each in told}
    assert len(prices) == 1
    start, end = date(2026, 11, 9), date(2026, 11, 20)
    histories = [bars(standin, source, instrument, start, end) for source in HISTORIES]
    rows = {tuple((bar.day, bar.open, bar.close, bar.high, bar.low, bar.volume) for bar in each) for each in histories}
    assert len(rows) == 1
    assert len(histories[0]) == 10
    assert prices == {(histories[0][-1].close, histories[0][-2].close)}


def test_ten_years_of_bars_skip_weekends_and_closed_days(standin: Standin) -> None:
    standin.control({"closed_days": [["sh", "2026-10-01"], ["sz", "2026-10-02"]]})
    start, end = date(2016, 11, 21), date(2026, 11, 20)
    told = bars(standin, EastmoneyHistory(), MOORE, start, end)
    days = {bar.day for bar in told}
    # 2016-11-21 is a Monday: 521 weeks and five days, of which one is closed in Shanghai.
    assert len(told) == len(days) == 522 * 5 - 1
    assert date(2026, 10, 1) not in days
    assert date(2026, 10, 2) in days
    assert all(bar.low <= bar.open <= bar.high and bar.low <= bar.close <= bar.high for bar in told)


def test_the_history_of_a_code_is_the_same_whenever_it_is_asked(standin: Standin) -> None:
    start, end = date(2026, 11, 2), date(2026, 11, 6)
    first = bars(standin, TencentHistory(), MOORE, start, end)
    standin.control({"now": "2027-03-01T12:00:00+08:00"})
    assert bars(standin, TencentHistory(), MOORE, start, end) == first


def test_no_bar_is_told_before_its_day_has_traded(standin: Standin) -> None:
    standin.control({"now": "2026-11-20T08:00:00+08:00"})
    told = bars(standin, TencentHistory(), MOORE, date(2026, 11, 16), date(2026, 11, 20))
    assert told[-1].day == date(2026, 11, 19)


def test_a_source_with_its_own_address_fails_alone(standin: Standin) -> None:
    standin.fail("/@eastmoney_delay/", "html_200")
    late = EastmoneyQuotes(delayed=True)
    with pytest.raises(BadBody):
        quote(standin, late, MOORE)
    assert quote(standin, EastmoneyQuotes(), MOORE).price == quote(standin, SinaQuotes(), MOORE).price
    assert (standin.count("/@eastmoney_delay/"), standin.count("/api/qt/")) == (1, 2)


def test_every_second_reply_can_be_garbage(standin: Standin) -> None:
    standin.fail("/list=", "html_200", every=2)
    for _ in range(2):
        quote(standin, SinaQuotes(), MOORE)
        with pytest.raises(BadBody):
            quote(standin, SinaQuotes(), MOORE)


def test_a_source_can_ban_after_a_burst(standin: Standin) -> None:
    standin.fail("/list=", "456", after=3)
    for _ in range(3):
        quote(standin, SinaQuotes(), MOORE)
    with pytest.raises(Blocked):
        quote(standin, SinaQuotes(), MOORE)


@pytest.mark.parametrize("source", QUOTES, ids=lambda source: source.slug)
def test_the_clock_of_one_source_can_be_wrong(standin: Standin, source: QuoteSource) -> None:
    right = quote(standin, source, MOORE).at
    standin.fail(f"/@{source.slug}/", "clock_offset", seconds=3600)
    assert (quote(standin, source, MOORE).at - right).total_seconds() == 3600
    other = next(other for other in QUOTES if other is not source)
    assert (quote(standin, other, MOORE).at - right).total_seconds() < 60


def test_the_standin_refuses_a_fault_that_it_does_not_know(standin: Standin) -> None:
    with pytest.raises(ValueError, match="no such variant"):
        standin.fail("/q=", "rain")
    with pytest.raises(ValueError, match="at least 1"):
        standin.fail("/q=", "403", every=0)
