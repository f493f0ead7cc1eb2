"""Every kind of reply the sources of prices and rates are known to send, and what the ledger says of it.

The replies are made anew in the sources' formats and come over HTTP, and the whole way is taken: client, parser,
checks, database. Daily bars and the spellings that no request of ours asks for are tested with the parsers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import time_machine
from pytest_django import Settings

from tests.factories import make_company, make_listing, make_quote
from tests.payloads import (
    BLOCK_PAGE,
    NONE_MATCH,
    Trade,
    cfets_parity,
    ecb_xml,
    frankfurter_v1,
    frankfurter_v2,
    fred_observations,
    halted,
    hkma_records,
    safe_table,
    tencent_body,
    tencent_row,
)
from tests.valuations.test_refresh import refresh
from valuations.models import FxRate, HeldQuote, Quote, RefreshRun

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("calendar")]

EVENING = "2026-11-20 20:00"  # a Friday, by the clocks of Shanghai
# Exchange and stored close of the day before, by ticker.
LISTINGS = {
    "688795": ("XSHG", "590"),
    "688802": ("XSHG", "690"),
    "688999": ("XSHG", "10"),
    "300474": ("XSHE", "80"),
    "6082": ("XHKG", "50"),
    "9903": ("XHKG", "500"),
    "NVDA": ("XNAS", "200"),
}
STORED_FOR = date(2026, 11, 18)


class Reply:
    """What the server of these tests answers, whatever it is asked."""

    status = 200
    body = b""


@pytest.fixture
def reply(settings: Settings) -> Iterator[Reply]:
    """A server that always gives the same answer; every source's address points to it."""
    answer = Reply()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Be silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    settings.SOURCES_ENABLED = True
    settings.SOURCE_INTERVAL = 0.0
    settings.SOURCE_URLS = dict.fromkeys(settings.SOURCE_URLS, f"http://127.0.0.1:{server.server_address[1]}")
    yield answer
    server.shutdown()
    server.server_close()
    thread.join(5)


def clock(text: str) -> datetime:
    """Local time as a source writes it."""
    return datetime.fromisoformat(text)


@dataclass(frozen=True)
class Case:
    """A reply, and by ticker the result, the reason and the price that is stored, if any."""

    name: str
    body: bytes
    expected: dict[str, tuple[str, str, str | None]]
    now: str = EVENING
    has_price: bool = True
    says: dict[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


MOORE = Trade()
METAX = Trade("sh688802", "700.70", "690.00", "690.00", "705.00", "688.00", 2_000_000, shares=400_000_000)
JINGJIA = Trade("sz300474", "80.80", "80.00", "80.00", "81.00", "79.00", 10_000_000, shares=522_000_000)
BIREN = Trade(
    "r_hk06082",
    "50.500",
    "50.000",
    "50.000",
    "51.000",
    "49.000",
    3_000_000,
    clock("2026-11-20 16:08:11"),
    2_400_000_000,
)
ILUVATAR = Trade(
    "r_hk09903",
    "505.000",
    "500.000",
    "500.000",
    "510.000",
    "495.000",
    500_000,
    clock("2026-11-20 16:08:11"),
    254_000_000,
)
NVIDIA = Trade(
    "usNVDA", "202.02", "200.00", "200.00", "203.00", "199.00", 10_000_000, clock("2026-11-19 16:00:02"), 24_300_000_000
)
OK_MOORE = ("ok", "", "600.60")
SESSION_OVER = clock("2026-11-20 15:50:49")
MONDAY = "2026-11-23 "

PRICES = [
    Case(
        "batch_ok",
        tencent_body(MOORE, METAX, JINGJIA, BIREN, ILUVATAR, NVIDIA),
        {
            "688795": OK_MOORE,
            "688802": ("ok", "", "700.70"),
            "300474": ("ok", "", "80.80"),
            "6082": ("ok", "", "50.500"),
            "9903": ("ok", "", "505.000"),
            "NVDA": ("ok", "", "202.02"),
        },
    ),
    Case(
        "hk_plain_delayed",
        tencent_row(BIREN).replace("v_r_hk", "v_hk").replace("50.500", "50.100").encode("gbk"),
        {"6082": ("ok", "", "50.100")},
        says={"delayed": True},
    ),
    Case("suspended_zero", tencent_body(halted("sz300474", SESSION_OVER)), {"300474": ("hold", "suspended", None)}),
    Case(
        "suspended_keeps_prev",
        tencent_body(halted("sz300474", SESSION_OVER, price="80.00")),
        {"300474": ("hold", "suspended", None)},
    ),
    Case(
        "call_auction",
        tencent_body(halted("sh688795", clock(MONDAY + "09:22:00"), "606.00", "600.60")),
        {"688795": ("hold", "auction", None)},
        now=MONDAY + "09:22",
    ),
    Case(
        "preopen_all_zero",
        tencent_body(halted("sh688795", clock(MONDAY + "09:05:00"), "0.00", "600.60")),
        {"688795": ("hold", "before_open", None)},
        now=MONDAY + "09:05",
    ),
    Case("none_match", NONE_MATCH.encode(), {"688999": ("no_data", "unknown_symbol", None)}),
    Case(
        "partial_batch",
        tencent_body(MOORE, NVIDIA),
        {"688795": OK_MOORE, "688999": ("no_data", "not_in_reply", None), "NVDA": ("ok", "", "202.02")},
    ),
    Case(
        "empty_value",
        tencent_body('v_sh688999="";\n', METAX),
        {"688999": ("no_data", "unknown_symbol", None), "688802": ("ok", "", "700.70")},
    ),
    Case("truncated", tencent_body(MOORE)[:150], {"688795": ("bad_body", "source_failed", None)}),
    Case("short_row", tencent_row(MOORE, fields=33).encode("gbk"), {"688795": ("bad_row", "short_row", None)}),
    Case(
        "blank_fields",
        tencent_body(Trade(shares=None, currency="", open="")),
        {"688795": OK_MOORE},
        says={"open": None, "close": Decimal("600.60")},
    ),
    Case("one_field_less", tencent_row(MOORE, fields=87).encode("gbk"), {"688795": OK_MOORE}),
    Case(
        "stale_timestamp",
        tencent_body(Trade(at=clock("2026-11-13 15:00:03"))),
        {"688795": ("stale", "stale", "600.60")},
        has_price=False,
        says={"day": date(2026, 11, 13)},
    ),
    Case(
        "stale_timestamp_after_a_newer_price",
        tencent_body(Trade(at=clock("2026-11-13 15:00:03"))),
        {"688795": ("hold", "older_than_stored", None)},
    ),
    Case(
        "utf8_variant", tencent_body(MOORE, BIREN, encoding="utf-8"), {"688795": OK_MOORE, "6082": ("ok", "", "50.500")}
    ),
    Case("wrong_cap", tencent_body(Trade(cap="28228.20")), {"688795": ("ok_flag", "cap_mismatch", "600.60")}),
    Case("html_200", BLOCK_PAGE, {"688795": ("bad_body", "source_failed", None)}),
    Case(
        "one_bad_row",
        tencent_row(MOORE).replace("~600.60~", "~n/a~", 1).encode("gbk") + tencent_body(METAX),
        {"688795": ("bad_row", "bad_number", None), "688802": ("ok", "", "700.70")},
    ),
    Case("wrong_symbol", tencent_body(Trade(symbol="000001")), {"688795": ("bad_row", "symbol_mismatch", None)}),
    Case("an_index", tencent_body(Trade(kind="ZS")), {"688795": ("bad_row", "not_a_share", None)}),
]


@pytest.mark.parametrize("case", PRICES, ids=str)
def test_every_reply_with_prices_ends_in_its_outcome(reply: Reply, case: Case) -> None:
    reply.body = case.body
    for ticker in case.expected:
        mic, close = LISTINGS[ticker]
        listing = make_listing(make_company(f"of-{ticker.lower()}"), ticker, mic=mic, board="STAR")
        if case.has_price:
            make_quote(listing, close, day=STORED_FOR)
    with time_machine.travel(datetime.fromisoformat(f"{case.now}+08:00")):
        run = refresh()
    for ticker, (result, reason, price) in case.expected.items():
        outcome = run.outcomes.get(listing__ticker=ticker)
        assert (ticker, outcome.result, outcome.reason) == (ticker, result, reason)
        stored = Quote.objects.filter(listing__ticker=ticker, provider="tencent").first()
        assert (stored.close if stored else None) == (Decimal(price) if price else None)
        assert outcome.stored == (price is not None)
        assert HeldQuote.objects.filter(outcome=outcome).exists() is (reason == "older_than_stored")
        for name, value in case.says.items():
            assert getattr(stored, name) == value
    # What was stored before is as it was.
    kept = set(Quote.objects.filter(provider="starter").values_list("listing__ticker", "day", "close"))
    assert kept == {(t, STORED_FOR, Decimal(LISTINGS[t][1])) for t in case.expected if case.has_price}
    assert run.finished_at is not None


FRIDAY, SATURDAY = date(2026, 11, 20), date(2026, 11, 21)
USD = {"USD/CNY": "6.8"}
VALUES = ("6.8000", "7.8200", "3.8900", "---", "4.8000")  # of payloads.CFETS_PAIRS; no HKD on this day


@dataclass(frozen=True)
class RatesCase:
    """A reply of one source, the result, and the rates stored: by pair, all of them for `day`."""

    name: str
    source: str
    body: bytes
    result: str
    rates: dict[str, str] = field(default_factory=dict)
    status: int = 200
    day: date = FRIDAY
    now: str = EVENING

    def __str__(self) -> str:
        return self.name


def message(status: int, text: str) -> bytes:
    """An error as Frankfurter words it."""
    return f'{{"status":{status},"message":"{text}"}}'.encode()


RATES = [
    RatesCase(
        "frankfurter_v1_latest",
        "frankfurter",
        frankfurter_v1({"2026-11-20": {"CNY": "6.8", "HKD": "7.8"}}),
        "ok",
        {"USD/CNY": "6.8", "USD/HKD": "7.8"},
    ),
    RatesCase(
        "frankfurter_v1_weekend_earlier_date",
        "frankfurter",
        frankfurter_v1({"2026-11-20": {"CNY": "6.8"}}),
        "ok",
        USD,
        now="2026-11-22 20:00",
    ),
    RatesCase("frankfurter_v1_404", "frankfurter", b'{"message":"not found"}', "no_data", status=404),
    RatesCase("frankfurter_v1_422", "frankfurter", b'{"message":"invalid date"}', "bad_request", status=422),
    RatesCase(
        "frankfurter_v2_rates",
        "frankfurter",
        frankfurter_v2(("2026-11-20", "USD", "CNY", "6.8"), ("2026-11-20", "USD", "USD", "1")),
        "ok",
        USD,
    ),
    RatesCase(
        "frankfurter_v2_expand_providers",
        "frankfurter",
        frankfurter_v2(("2026-11-20", "USD", "CNY", "6.8"), providers=True),
        "ok",
        USD,
    ),
    RatesCase("frankfurter_v2_422", "frankfurter", message(422, "invalid date"), "bad_request", status=422),
    RatesCase("frankfurter_v2_404", "frankfurter", message(404, "not found"), "no_data", status=404),
    RatesCase("frankfurter_v2_503", "frankfurter", message(503, "try later"), "retry", status=503),
    RatesCase("cfets_ok", "cfets", cfets_parity({"2026-11-20": VALUES}), "ok", {"USD/CNY": "6.8", "EUR/CNY": "7.82"}),
    RatesCase("cfets_refused_span", "cfets", cfets_parity({}, refusal="查询时间范围不能超过一年"), "bad_request"),
    RatesCase("cfets_html", "cfets", BLOCK_PAGE, "bad_body"),
    RatesCase(
        "ecb",
        "ecb",
        ecb_xml({"2026-11-20": {"USD": "1.15", "CNY": "7.82"}}),
        "ok",
        {"EUR/USD": "1.15", "EUR/CNY": "7.82"},
    ),
    RatesCase("fred", "fred", fred_observations(("2026-11-19", "."), ("2026-11-20", "6.8")), "ok", USD),
    RatesCase("fred_hkd", "fred_hkd", fred_observations(("2026-11-20", "7.8")), "ok", {"USD/HKD": "7.8"}),
    RatesCase(
        "fred_400_bad_key",
        "fred",
        b'{"error_code":400,"error_message":"The value for api_key is bad."}',
        "auth",
        status=400,
    ),
    RatesCase(
        "hkma",
        "hkma",
        hkma_records('{"end_of_day":"2026-10-30","usd":7.8,"cny":1.147,"gbp":null}'),
        "ok",
        {"USD/HKD": "7.8", "CNY/HKD": "1.147"},
        day=date(2026, 10, 30),
    ),
    RatesCase(
        "safe",
        "safe",
        safe_table(["日期", "美元", "港元"], ["2026-11-20", "680.00", "87.18"]),
        "ok",
        {"USD/CNY": "6.8", "HKD/CNY": "0.8718"},
    ),
]


@pytest.mark.parametrize("case", RATES, ids=str)
def test_every_reply_with_rates_ends_in_its_outcome(reply: Reply, settings: Settings, case: RatesCase) -> None:
    assert refresh_rates(reply, settings, case) == case.result
    assert {(f"{r.base}/{r.quote}", r.day): r.rate for r in FxRate.objects.all()} == {
        (pair, case.day): Decimal(rate) for pair, rate in case.rates.items()
    }


def refresh_rates(reply: Reply, settings: Settings, case: RatesCase) -> str:
    """The word that the ledger has for a reply of a source of rates."""
    reply.body, reply.status = case.body, case.status
    settings.RATE_SOURCES = [case.source]
    settings.FRED_API_KEY = "a key"
    with time_machine.travel(datetime.fromisoformat(f"{case.now}+08:00")):
        [outcome] = refresh(RefreshRun.Kind.RATES).outcomes.all()
    assert outcome.stored == FxRate.objects.count()
    return outcome.result


def test_a_range_of_days_is_stored_day_by_day(reply: Reply, settings: Settings) -> None:
    days = {f"2026-11-{day}": {"CNY": f"6.{day}"} for day in range(16, 21)}
    assert refresh_rates(reply, settings, RatesCase("range", "frankfurter", frankfurter_v1(days), "ok")) == "ok"
    assert dict(FxRate.objects.values_list("day", "rate")) == {
        date(2026, 11, day): Decimal(f"6.{day}") for day in range(16, 21)
    }


def test_rows_of_different_days_keep_their_own_and_are_remarked(reply: Reply, settings: Settings) -> None:
    body = frankfurter_v2(("2026-11-20", "USD", "CNY", "6.8"), ("2026-11-21", "USD", "HKD", "7.8"))
    assert refresh_rates(reply, settings, RatesCase("mixed", "frankfurter", body, "ok_flag")) == "ok_flag"
    assert set(FxRate.objects.values_list("quote", "day")) == {("CNY", FRIDAY), ("HKD", SATURDAY)}
