"""Sina's quote page: what a row says in each market, and what its odd rows and refusals mean."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from companies.sources.base import BadBody, BadRequest, Blocked, Outcome, Reply, Retry, SourceError
from tests.outcomes import batch_outcome
from tests.payloads import BLOCK_PAGE, Trade
from tests.standin_pages import sina_row
from valuations.providers.base import Instrument
from valuations.providers.sina import SinaQuotes, parse_quotes, sina_code

STAR = Instrument("XSHG", "688795", "CNY")
CHINEXT = Instrument("XSHE", "300474", "CNY")
BIREN = Instrument("XHKG", "6082", "HKD")
NVIDIA = Instrument("XNAS", "NVDA", "USD")


def local(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-20T{clock}")


STAR_ROW = Trade()
CHINEXT_ROW = Trade(
    "sz300474", "80.80", "80.00", "80.10", "81.50", "79.60", volume=10_000_000, at=local("15:00:03")
)  # fmt: skip
BIREN_ROW = Trade(
    "r_hk06082", "50.500", "49.500", "49.800", "51.200", "49.400", volume=40_000_000, at=local("16:08")
)  # fmt: skip
NVIDIA_ROW = Trade(
    "usNVDA", "202.02", "200.00", "200.50", "203.30", "199.10", volume=150_000_000, shares=24_300_000_000,
    at=local("16:00"),
)  # fmt: skip


def body(*rows: tuple[str, Trade | None], encoding: str = "gb18030") -> bytes:
    return "".join(sina_row(code, trade) for code, trade in rows).encode(encoding)


def reply(status: int, content: bytes = b"", retry_after: int | None = None) -> Reply:
    return Reply("http://source.test/list=x", status, "", content, datetime(2026, 11, 20, 9, tzinfo=UTC), retry_after)


def american(told_at: str, regular: str) -> bytes:
    """A row of New York with its own clock (Beijing time) and the time of the last regular trade as given."""
    fields = sina_row("gb_nvda", NVIDIA_ROW).split('"')[1].split(",")
    fields[3], fields[25] = told_at, regular
    return f'var hq_str_gb_nvda="{",".join(fields)}";\n'.encode()


def test_one_reply_serves_four_exchanges() -> None:
    rows = parse_quotes(
        body(("sh688795", STAR_ROW), ("sz300474", CHINEXT_ROW), ("rt_hk06082", BIREN_ROW), ("gb_nvda", NVIDIA_ROW)),
        [STAR, CHINEXT, BIREN, NVIDIA],
    )
    assert batch_outcome(rows) is Outcome.OK
    star, chinext, biren, nvidia = (row.quote for row in rows)
    assert star is not None
    assert (star.price, star.previous_close, star.open, star.high, star.low) == tuple(
        Decimal(text) for text in ("600.60", "590", "592", "612", "588.88")
    )
    assert (star.at, star.day) == (datetime(2026, 11, 20, 7, 50, 49, tzinfo=UTC), date(2026, 11, 20))
    assert (star.volume, star.currency, star.market_cap, star.delayed) == (5_000_000, None, None, False)
    assert chinext is not None
    assert chinext.volume == 10_000_000
    assert biren is not None
    assert (biren.price, biren.volume, biren.at) == (
        Decimal("50.5"), 40_000_000, datetime(2026, 11, 20, 8, 8, tzinfo=UTC),
    )  # fmt: skip
    assert nvidia is not None
    # 202.02 times 24.3 bn shares.
    assert (nvidia.price, nvidia.market_cap, nvidia.total_shares) == (
        Decimal("202.02"), Decimal(4_909_086_000_000), 24_300_000_000,
    )  # fmt: skip
    assert (nvidia.at, nvidia.day) == (datetime(2026, 11, 20, 21, tzinfo=UTC), date(2026, 11, 20))


@pytest.mark.parametrize(
    ("instrument", "code"),
    [
        (STAR, "sh688795"),
        (CHINEXT, "sz300474"),
        (BIREN, "rt_hk06082"),
        (Instrument("XHKG", "09903", "HKD"), "rt_hk09903"),
        (NVIDIA, "gb_nvda"),
        (Instrument("XNYS", "BRK.B", "USD"), "gb_brk$b"),
    ],
)
def test_codes_carry_the_market_before_the_ticker(instrument: Instrument, code: str) -> None:
    assert sina_code(instrument) == code


def test_what_cannot_be_a_code_is_never_sent_and_does_not_lose_its_batch() -> None:
    strange = Instrument("XNAS", "A,sh600000", "USD")
    with pytest.raises(BadRequest):
        SinaQuotes().fetch(None, [strange])  # type: ignore[arg-type]
    rows = parse_quotes(body(("sh688795", STAR_ROW)), [strange, STAR])
    assert [(row.outcome, row.reason) for row in rows] == [(Outcome.NO_DATA, "no_code"), (Outcome.OK, "")]


@pytest.mark.parametrize(
    ("reason", "clock"),
    [("before_open", "09:10:00"), ("auction", "09:22:28"), ("suspended", "10:30:00"), ("suspended", "15:34:59")],
)
@pytest.mark.parametrize("price", ["0.000", "590.000"])
def test_a_row_without_trades_gives_no_price_and_says_why(reason: str, clock: str, price: str) -> None:
    at = datetime.fromisoformat(f"2026-11-23T{clock}")
    trade = replace(STAR_ROW, price=price, open="0.000", high="0.000", low="0.000", volume=0, at=at)
    [row] = parse_quotes(body(("sh688795", trade)), [STAR])
    assert (row.outcome, row.reason, row.quote) == (Outcome.HOLD, reason, None)
    assert row.detail.endswith("590.00 before")


def test_a_thin_share_of_hong_kong_may_wait_for_its_first_trade() -> None:
    trade = replace(BIREN_ROW, price="0.000", open="0.000", high="0.000", low="0.000", volume=0,
                    at=local("10:30"))  # fmt: skip
    [row] = parse_quotes(body(("rt_hk06082", trade)), [BIREN])
    assert (row.outcome, row.reason) == (Outcome.HOLD, "no_trade")


def test_an_unknown_code_is_named_and_the_others_are_kept() -> None:
    other = Instrument("XSHG", "688999", "CNY")
    missing = Instrument("XSHG", "688802", "CNY")
    rows = parse_quotes(body(("sh688999", None), ("sh688795", STAR_ROW)), [other, STAR, missing])
    assert [(row.outcome, row.reason) for row in rows] == [
        (Outcome.NO_DATA, "unknown_symbol"),
        (Outcome.OK, ""),
        (Outcome.NO_DATA, "not_in_reply"),
    ]
    assert batch_outcome(rows) is Outcome.PARTIAL


def test_the_plain_hong_kong_code_is_marked_as_delayed() -> None:
    [row] = parse_quotes(body(("hk06082", BIREN_ROW)), [BIREN])
    assert row.quote is not None
    assert row.quote.delayed


@pytest.mark.parametrize(
    ("told_at", "regular", "moment"),
    [
        # In session the row's clock and the last trade agree to the minute.
        ("2026-11-20 23:30:45", "Nov 20 10:30AM EST", "2026-11-20 15:30:45"),
        ("2026-11-20 23:31:10", "Nov 20 10:30AM EST", "2026-11-20 15:30:59"),
        # After the close only the extended hours go on, until the next morning in Beijing.
        ("2026-11-21 08:59:00", "Nov 20 04:00PM EST", "2026-11-20 21:00:00"),
        # Before the next opening: Monday 05:00 in New York, the price is Friday's.
        ("2026-11-23 18:00:00", "Nov 20 04:00PM EST", "2026-11-20 21:00:00"),
        ("2026-11-23 18:00:00", "--", "2026-11-20 21:00:00"),
        ("2026-11-21 08:59:00", "--", "2026-11-20 21:00:00"),
        # In summer New York is an hour earlier; the year turns over.
        ("2026-07-02 04:15:00", "Jul 01 04:00PM EDT", "2026-07-01 20:00:00"),
        ("2027-01-01 05:15:00", "Dec 31 04:00PM EST", "2026-12-31 21:00:00"),
        ("2027-01-04 18:00:00", "Dec 31 04:00PM EST", "2026-12-31 21:00:00"),
    ],
)
def test_an_american_price_is_as_old_as_its_last_regular_trade(told_at: str, regular: str, moment: str) -> None:
    [row] = parse_quotes(american(told_at, regular), [NVIDIA])
    assert row.quote is not None
    assert row.quote.at == datetime.fromisoformat(f"{moment}+00:00")
    # Never evening in New York: the day is the same by both clocks.
    assert row.quote.day == row.quote.at.date()


def test_an_american_row_without_trades_is_judged_by_its_own_clock() -> None:
    quiet = replace(NVIDIA_ROW, open="0.00", high="0.00", low="0.00", volume=0)
    fields = sina_row("gb_nvda", quiet).split('"')[1].split(",")
    fields[3] = "2026-11-23 18:00:00"  # 05:00 in New York; the last regular trade was on Friday
    [row] = parse_quotes(f'var hq_str_gb_nvda="{",".join(fields)}";'.encode(), [NVIDIA])
    assert (row.outcome, row.reason) == (Outcome.HOLD, "before_open")


@pytest.mark.parametrize(
    ("reason", "place", "value"),
    [("blank_price", 3, ""), ("bad_number", 3, "10x"), ("bad_time", 30, "20261120"), ("bad_time", 31, "25:00:00")],
)
def test_one_bad_row_is_refused_and_the_others_are_kept(reason: str, place: int, value: str) -> None:
    fields = sina_row("sh688795", STAR_ROW).split('"')[1].split(",")
    fields[place] = value
    content = f'var hq_str_sh688795="{",".join(fields)}";\n'.encode() + body(("sz300474", CHINEXT_ROW))
    rows = parse_quotes(content, [STAR, CHINEXT])
    assert [(row.outcome, row.reason) for row in rows] == [(Outcome.BAD_ROW, reason), (Outcome.OK, "")]


def test_a_short_row_is_refused_and_a_longer_one_is_read() -> None:
    fields = sina_row("sh688795", STAR_ROW).split('"')[1].split(",")
    short = f'var hq_str_sh688795="{",".join(fields[:31])}";'.encode()
    long = f'var hq_str_sh688795="{",".join([*fields, "D|400|240240.00", "", "x"])}";'.encode()
    assert [parse_quotes(each, [STAR])[0].reason for each in (short, long)] == ["short_row", ""]


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "utf-8-sig"])
def test_names_decode_in_whatever_encoding_is_sent(encoding: str) -> None:
    [row] = parse_quotes(body(("sh688795", STAR_ROW), encoding=encoding), [STAR])
    assert row.outcome is Outcome.OK


@pytest.mark.parametrize("content", [b'var hq_str_sh688795="1,2', b"{}", b"var hq_str_"])
def test_a_cut_or_foreign_body_is_refused_as_a_whole(content: bytes) -> None:
    with pytest.raises(BadBody):
        SinaQuotes().parse(reply(200, content), [STAR])


@pytest.mark.parametrize(
    ("answer", "error", "pause"),
    [
        (reply(200, b"Kinsoku jikou desu!"), Blocked, 3600),
        (reply(403, b"Kinsoku jikou desu!"), Blocked, 3600),
        (reply(456, BLOCK_PAGE), Blocked, 3600),
        (reply(456, BLOCK_PAGE, retry_after=7200), Blocked, 7200),
        (reply(456, BLOCK_PAGE, retry_after=60), Blocked, 3600),
        (reply(502, BLOCK_PAGE), Retry, None),
    ],
)
def test_a_refusal_asks_for_an_hour_at_least(answer: Reply, error: type[SourceError], pause: int | None) -> None:
    with pytest.raises(error) as caught:
        SinaQuotes().parse(answer, [STAR])
    assert caught.value.retry_after == pause


@pytest.mark.parametrize("blank", ["", "-", "--"])
def test_a_halted_share_whose_fields_are_blank_instead_of_zero_has_no_price(blank: str) -> None:
    fields = sina_row("sh688795", STAR_ROW).split(",")
    fields[3] = fields[2]
    for place in (1, 4, 5, 8, 9):
        fields[place] = blank
    [row] = parse_quotes(",".join(fields).encode("gb18030"), [STAR])
    assert (row.outcome, row.reason, row.quote) == (Outcome.HOLD, "suspended", None)
