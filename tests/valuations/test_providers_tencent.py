"""Tencent's quote page. The builder's default row: 688795 at 600.60 on Friday 2026-11-20."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from companies.sources.base import BadBody, Outcome, Reply
from tests.outcomes import batch_outcome
from tests.payloads import BLOCK_PAGE, NONE_MATCH, Trade, halted, tencent_body, tencent_row
from valuations.providers.base import Instrument
from valuations.providers.tencent import TencentQuotes, parse_quotes, tencent_code

STAR = Instrument("XSHG", "688795", "CNY")
CHINEXT = Instrument("XSHE", "300474", "CNY")
BIREN = Instrument("XHKG", "6082", "HKD")
NVIDIA = Instrument("XNAS", "NVDA", "USD")


def local(text: str) -> datetime:
    return datetime.fromisoformat(text)


STAR_ROW = Trade()
CHINEXT_ROW = Trade("sz300474", "80.80", "80.00", "80.10", "81.50", "79.60", 10_000_000, shares=522_000_000)
BIREN_ROW = Trade(
    "r_hk06082",
    "50.500",
    "49.500",
    "49.800",
    "51.200",
    "49.400",
    40_000_000,
    local("2026-11-20 16:08:11"),
    2_400_000_000,
)
NVIDIA_ROW = Trade(
    "usNVDA",
    "202.02",
    "200.00",
    "200.50",
    "203.30",
    "199.10",
    150_000_000,
    local("2026-11-20 16:00:02"),
    24_300_000_000,
)


def test_one_reply_serves_four_exchanges() -> None:
    instruments = [STAR, CHINEXT, BIREN, NVIDIA]
    rows = parse_quotes(tencent_body(STAR_ROW, CHINEXT_ROW, BIREN_ROW, NVIDIA_ROW), instruments)
    assert [row.instrument for row in rows] == instruments
    assert batch_outcome(rows) is Outcome.OK
    star, chinext, biren, nvidia = (row.quote for row in rows)
    assert star is not None
    assert chinext is not None
    assert biren is not None
    assert nvidia is not None
    assert (star.price, star.previous_close, star.open) == (Decimal("600.60"), Decimal("590.00"), Decimal("592.00"))
    assert (star.high, star.low, star.currency) == (Decimal("612.00"), Decimal("588.88"), "CNY")
    assert [quote.volume for quote in (star, chinext, biren, nvidia)] == [
        5_000_000,
        10_000_000,
        40_000_000,
        150_000_000,
    ]
    assert star.market_cap == Decimal("282282000000")  # 600.60 × 470 m
    assert biren.market_cap == Decimal("121200000000")  # 50.5 × 2.4 bn
    assert [quote.total_shares for quote in (star, biren, nvidia)] == [470_000_000, 2_400_000_000, None]
    # 15:50:49 in Shanghai, 16:08:11 in Hong Kong, 16:00:02 in New York (winter time).
    assert star.at == datetime(2026, 11, 20, 7, 50, 49, tzinfo=UTC)
    assert biren.at == datetime(2026, 11, 20, 8, 8, 11, tzinfo=UTC)
    assert nvidia.at == datetime(2026, 11, 20, 21, 0, 2, tzinfo=UTC)
    assert {quote.day for quote in (star, chinext, biren, nvidia)} == {date(2026, 11, 20)}
    assert not any(quote.delayed for quote in (star, chinext, biren, nvidia))


@pytest.mark.parametrize(
    ("instrument", "code"),
    [
        (STAR, "sh688795"),
        (CHINEXT, "sz300474"),
        (Instrument("XHKG", "0600", "HKD"), "r_hk00600"),
        (Instrument("XHKG", "09903", "HKD"), "r_hk09903"),
        (Instrument("XNYS", "brk.b", "USD"), "usBRK.B"),
    ],
)
def test_codes_carry_the_exchange_and_five_digits_in_hong_kong(instrument: Instrument, code: str) -> None:
    assert tencent_code(instrument) == code


@pytest.mark.parametrize("instrument", [Instrument("XLON", "ARM", "GBP"), Instrument("XNAS", "A,sh600000", "USD")])
def test_what_cannot_be_a_code_is_never_sent(instrument: Instrument) -> None:
    with pytest.raises(ValueError, match="no code"):
        tencent_code(instrument)


def test_a_mistyped_listing_does_not_lose_its_batch() -> None:
    typo = Instrument("XSHG", "688 795", "CNY")
    rows = parse_quotes(tencent_body(STAR_ROW), [typo, STAR])
    assert [(row.outcome, row.reason) for row in rows] == [(Outcome.NO_DATA, "no_code"), (Outcome.OK, "")]


HOLDS: list[tuple[str, Instrument, Trade]] = [
    ("suspended", CHINEXT, halted("sz300474", local("2026-11-20 16:14:03"))),
    ("suspended", CHINEXT, halted("sz300474", local("2026-11-20 16:14:03"), price="80.00")),
    ("suspended", CHINEXT, halted("sz300474", local("2026-11-20 10:00:00"), price="80.00")),
    ("auction", STAR, halted("sh688795", local("2026-11-23 09:22:33"), price="593.00", previous_close="600.60")),
    ("before_open", STAR, halted("sh688795", local("2026-11-23 09:00:11"), previous_close="600.60")),
    ("no_trade", BIREN, halted("r_hk06082", local("2026-11-20 10:00:00"), price="80.00")),
    ("auction", BIREN, halted("r_hk06082", local("2026-11-20 09:10:00"), price="80.00")),
    ("before_open", NVIDIA, halted("usNVDA", local("2026-11-20 09:10:00"), price="80.00")),
]


@pytest.mark.parametrize(("reason", "instrument", "row"), HOLDS)
def test_a_row_without_trades_gives_no_price_and_says_why(reason: str, instrument: Instrument, row: Trade) -> None:
    [found] = parse_quotes(tencent_body(row), [instrument])
    assert (found.outcome, found.quote, found.reason) == (Outcome.HOLD, None, reason)


def test_a_zero_price_with_trades_is_held_as_wrong() -> None:
    [row] = parse_quotes(tencent_body(replace(STAR_ROW, price="0.00")), [STAR])
    assert (row.outcome, row.reason) == (Outcome.HOLD, "zero_price")


BAD_ROWS: list[tuple[str, str]] = [
    ("short_row", tencent_row(STAR_ROW, fields=37)),
    ("blank_price", tencent_row(STAR_ROW).replace("~600.60~", "~~", 1)),
    ("blank_price", tencent_row(STAR_ROW).replace("~600.60~", "~--~", 1)),
    ("bad_number", tencent_row(STAR_ROW).replace("~600.60~", "~6OO.6~", 1)),
    ("bad_number", tencent_row(STAR_ROW).replace("~600.60~", "~NaN~", 1)),
    ("bad_time", tencent_row(STAR_ROW).replace("20261120155049", "")),
    ("bad_time", tencent_row(STAR_ROW).replace("20261120155049", "20261320155049")),
    ("symbol_mismatch", tencent_row(replace(STAR_ROW, symbol="688802"))),
    ("not_a_share", tencent_row(replace(STAR_ROW, kind="ZS"))),
]


@pytest.mark.parametrize(("reason", "bad"), BAD_ROWS)
def test_one_bad_row_is_refused_and_the_others_are_kept(reason: str, bad: str) -> None:
    rows = parse_quotes(tencent_body(bad, CHINEXT_ROW), [STAR, CHINEXT])
    assert [(row.outcome, row.reason) for row in rows] == [(Outcome.BAD_ROW, reason), (Outcome.OK, "")]
    assert batch_outcome(rows) is Outcome.PARTIAL


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (tencent_body(CHINEXT_ROW, NONE_MATCH), "unknown_symbol"),
        (tencent_body(CHINEXT_ROW, 'v_sh688795="";\n'), "unknown_symbol"),
        (tencent_body(CHINEXT_ROW), "not_in_reply"),
    ],
)
def test_a_missing_code_is_named_and_the_others_are_kept(body: bytes, reason: str) -> None:
    rows = parse_quotes(body, [STAR, CHINEXT])
    assert [(row.outcome, row.reason) for row in rows] == [(Outcome.NO_DATA, reason), (Outcome.OK, "")]
    assert "sh688795" in rows[0].detail


def test_one_unknown_code_alone_is_no_failure_of_the_source() -> None:
    assert batch_outcome(parse_quotes(NONE_MATCH.encode(), [STAR])) is Outcome.NO_DATA


@pytest.mark.parametrize(
    "body",
    [
        tencent_body(STAR_ROW)[:150],
        tencent_body(CHINEXT_ROW, STAR_ROW)[:-40],
        b"Kinsoku jikou desu!",
        b"v_",
        b"var a = 1;",
    ],
)
def test_a_cut_or_foreign_body_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(BadBody):
        parse_quotes(body, [STAR, CHINEXT])


def test_a_page_with_status_200_is_refused_as_a_whole() -> None:
    reply = Reply("https://source.test/q=sh688795", 200, "text/html", BLOCK_PAGE, datetime(2026, 11, 20, tzinfo=UTC))
    with pytest.raises(BadBody, match="web page"):
        TencentQuotes().parse(reply, [STAR])


@pytest.mark.parametrize("fields", [87, 88, 120])
def test_the_number_of_fields_may_grow(fields: int) -> None:
    [row] = parse_quotes(tencent_row(STAR_ROW, fields=fields).encode("gbk"), [STAR])
    assert row.quote is not None
    assert (row.quote.price, row.quote.total_shares, row.quote.currency) == (Decimal("600.60"), 470_000_000, "CNY")


@pytest.mark.parametrize("encoding", ["gbk", "gb18030", "utf-8", "utf-8-sig"])
def test_names_decode_in_whatever_encoding_is_sent(encoding: str) -> None:
    [row] = parse_quotes(tencent_body(STAR_ROW, encoding=encoding), [STAR])
    assert row.outcome is Outcome.OK


def test_a_broken_name_costs_its_own_row_at_most() -> None:
    body = tencent_body(replace(STAR_ROW, name="XX"), CHINEXT_ROW).replace(b"~XX~", b"~\xc4~")
    rows = parse_quotes(body, [STAR, CHINEXT])
    assert rows[0].outcome in (Outcome.OK, Outcome.BAD_ROW)
    assert rows[1].outcome is Outcome.OK


def test_blank_fields_are_unknown_and_never_zero() -> None:
    [row] = parse_quotes(tencent_body(replace(STAR_ROW, shares=None, currency="", previous_close="0.00")), [STAR])
    assert row.quote is not None
    assert row.outcome is Outcome.OK
    assert (row.quote.market_cap, row.quote.total_shares, row.quote.currency) == (None, None, None)
    assert row.quote.previous_close is None


def test_a_foreign_currency_is_reported_as_stated() -> None:
    [row] = parse_quotes(tencent_body(replace(BIREN_ROW, currency="USD")), [BIREN])
    assert row.quote is not None
    assert row.quote.currency == "USD"


def test_the_plain_hong_kong_code_is_marked_as_delayed_and_used_only_alone() -> None:
    late = replace(BIREN_ROW, code="hk06082", price="50.100")
    [alone] = parse_quotes(tencent_body(late), [BIREN])
    [both] = parse_quotes(tencent_body(late, BIREN_ROW), [BIREN])
    assert alone.quote is not None
    assert both.quote is not None
    assert (alone.quote.price, alone.quote.delayed) == (Decimal("50.100"), True)
    assert (both.quote.price, both.quote.delayed) == (Decimal("50.500"), False)


@pytest.mark.parametrize("lots", [False, True])
@pytest.mark.parametrize(("instrument", "row"), [(STAR, STAR_ROW), (CHINEXT, CHINEXT_ROW)])
def test_shares_and_lots_are_told_apart_by_the_turnover(instrument: Instrument, row: Trade, lots: bool) -> None:
    [found] = parse_quotes(tencent_body(replace(row, lots=lots)), [instrument])
    assert found.quote is not None
    assert found.quote.volume == row.volume


@pytest.mark.parametrize("symbol", ["NVDA", "NVDA.OQ", "NVDA.N", "nvda.oq"])
def test_the_suffix_of_an_american_code_does_not_matter(symbol: str) -> None:
    [row] = parse_quotes(tencent_body(replace(NVIDIA_ROW, symbol=symbol)), [NVIDIA])
    assert row.outcome is Outcome.OK


def test_a_hong_kong_ticker_may_be_written_with_four_or_five_digits() -> None:
    row = replace(BIREN_ROW, code="r_hk00600")
    for ticker in ("0600", "600", "00600"):
        [found] = parse_quotes(tencent_body(row), [Instrument("XHKG", ticker, "HKD")])
        assert found.outcome is Outcome.OK


@pytest.mark.parametrize("blank", ["", "-", "--", "None", "n/a", "0.00"])
def test_a_repeated_close_without_range_and_volume_is_no_trade_however_blanks_are_written(blank: str) -> None:
    fields = tencent_row(STAR_ROW).split("~")
    for place in (5, 6, 33, 34, 36, 37, 57):
        fields[place] = blank
    fields[3], fields[35] = "590.00", f"590.00/{blank}/{blank}"
    [row] = parse_quotes("~".join(fields).encode("gbk"), [STAR])
    assert (row.outcome, row.reason, row.quote) == (Outcome.HOLD, "suspended", None)


def test_a_range_filled_with_the_close_before_is_no_trade_when_nothing_was_sold() -> None:
    idle = replace(BIREN_ROW, price="49.500", open="49.500", high="49.500", low="49.500", volume=0)
    [row] = parse_quotes(tencent_body(idle), [BIREN])
    assert (row.outcome, row.quote) == (Outcome.HOLD, None)
    # One lot sold at the close before is a trade.
    [row] = parse_quotes(tencent_body(replace(idle, volume=200)), [BIREN])
    assert row.outcome is Outcome.OK
