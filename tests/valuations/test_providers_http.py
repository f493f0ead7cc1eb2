"""The client against a real server on the loopback: every way in which a reply can fail on the wire."""

import json
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from threading import Thread

import pytest

from companies.sources.base import Blocked, Outcome, Retry, SourceError
from companies.sources.http import SourceClient
from tests.outcomes import batch_outcome
from tests.payloads import Trade
from tests.standin import Standin
from tests.upstream_samples import TRANSPORT_CASES
from valuations.providers import history_source, quote_source, rate_sources
from valuations.providers.base import Instrument

STAR = Instrument("XSHG", "688795", "CNY")
BIREN = Instrument("XHKG", "6082", "HKD")
NVIDIA = Instrument("XNAS", "NVDA", "USD")
TENCENT = quote_source("tencent")


@pytest.fixture
def standin() -> Iterator[Standin]:
    with Standin(any_code=True) as running:
        yield running


@pytest.fixture
def client(standin: Standin) -> Iterator[SourceClient]:
    with SourceClient(standin.url, user_agent="xinpan-tests", timeout=5, trust_env=False) as opened:
        yield opened


def test_a_batch_is_one_request_on_one_connection(standin: Standin, client: SourceClient) -> None:
    instruments = [STAR, BIREN, NVIDIA]
    for _ in range(2):
        rows = TENCENT.parse(TENCENT.fetch(client, instruments), instruments)
        assert batch_outcome(rows) is Outcome.OK
    assert standin.requests == [("GET", "/q=sh688795,r_hk06082,usNVDA")] * 2
    assert standin.connections == 1


def test_what_has_no_code_is_left_out_of_the_request(standin: Standin, client: SourceClient) -> None:
    typo = Instrument("XSHG", "688 795", "CNY")
    TENCENT.fetch(client, [typo, STAR])
    assert standin.requests == [("GET", "/q=sh688795")]
    with pytest.raises(SourceError, match="none of the instruments"):
        TENCENT.fetch(client, [typo])


def test_a_reply_can_prove_where_it_came_from(standin: Standin, client: SourceClient) -> None:
    reply = TENCENT.fetch(client, [STAR])
    assert (reply.url, reply.status) == (f"{standin.url}/q=sh688795", 200)
    assert reply.fetched_at.tzinfo is not None
    assert len(reply.sha256) == 64


# What happens, as the samples' manifest names it or as this project met it; the fault; what becomes of the request.
WIRE: list[tuple[str, str, Outcome, str]] = [
    ("connect_refused", "refuse", Outcome.RETRY, "connection reset"),
    ("connect_refused", "hang_up", Outcome.RETRY, "closed without an answer"),
    ("reset_mid_body", "reset_mid_body", Outcome.RETRY, "connection reset"),
    ("slow_first_byte", "slow_first_byte", Outcome.RETRY, r"no answer within 0\.8 s"),
    ("drip", "drip", Outcome.RETRY, r"no answer within 0\.8 s"),
    ("bad_length", "bad_length", Outcome.RETRY, "body ended early"),
    ("redirect_to_html", "redirect_to_html", Outcome.BAD_BODY, "web page"),
    ("redirect_to_html", "redirect_elsewhere", Outcome.BLOCKED, r"redirected to consent\.invalid"),
    ("a page instead of data", "html_200", Outcome.BAD_BODY, "web page"),
    ("half a body of the right length", "truncated", Outcome.BAD_BODY, "cut short"),
    ("an empty body", "empty", Outcome.BAD_BODY, "empty"),
    ("compression cut short", "broken_gzip", Outcome.RETRY, "body ended early"),
    ("refused", "403", Outcome.BLOCKED, "403"),
    ("too many requests", "429", Outcome.BLOCKED, "429"),
    ("refused by Sina", "456", Outcome.BLOCKED, "456"),
    ("a gateway's error", "502", Outcome.RETRY, "502"),
]


def test_every_transport_case_of_the_samples_is_tried() -> None:
    tried = {case for case, *_ in WIRE} | {"gzip_body", "http2_protocol_error", "ban_after_burst"}
    assert tried >= TRANSPORT_CASES


@pytest.mark.parametrize(("case", "variant", "outcome", "words"), WIRE)
def test_each_failure_on_the_wire_has_its_outcome_and_the_next_request_works(
    standin: Standin, case: str, variant: str, outcome: Outcome, words: str
) -> None:
    # A drip is faster than the limit: no single silence reaches it, only the whole does.
    standin.fail("/q=", variant, times=1, seconds=0.1 if variant == "drip" else None)
    timeout = 0.8 if variant in ("drip", "slow_first_byte") else 5
    with SourceClient(standin.url, user_agent="x", timeout=timeout, trust_env=False) as client:
        with pytest.raises(SourceError, match=words) as caught:
            TENCENT.parse(TENCENT.fetch(client, [STAR]), [STAR])
        assert caught.value.outcome is outcome
        [row] = TENCENT.parse(TENCENT.fetch(client, [STAR]), [STAR])
    assert row.outcome is Outcome.OK


@pytest.mark.parametrize(
    ("variant", "outcome"), [("403", Outcome.BLOCKED), ("456", Outcome.BLOCKED), ("empty", Outcome.BAD_BODY)]
)
def test_a_ban_after_a_burst_is_noticed_at_its_first_reply(
    standin: Standin, client: SourceClient, variant: str, outcome: Outcome
) -> None:
    standin.fail("/q=", variant, after=20)
    for _ in range(20):
        [row] = TENCENT.parse(TENCENT.fetch(client, [STAR]), [STAR])
        assert row.outcome is Outcome.OK
    for _ in range(2):
        with pytest.raises(SourceError) as caught:
            TENCENT.parse(TENCENT.fetch(client, [STAR]), [STAR])
        assert caught.value.outcome is outcome


def test_many_requests_go_one_after_the_other_over_one_connection(standin: Standin, client: SourceClient) -> None:
    """Tencent breaks off an HTTP/2 connection after about a dozen streams; there are no streams here."""
    history = history_source("tencent_history")
    for _ in range(30):
        bars = history.parse(history.fetch(client, STAR, date(2026, 11, 16), date(2026, 11, 20)), STAR)
        assert len(bars) == 5
    assert (standin.count("/appstock/"), standin.connections) == (30, 1)


def test_http_2_is_not_even_offered() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        hello = b""

        def overhear() -> None:
            nonlocal hello
            connection, _ = listener.accept()
            with connection:
                hello = connection.recv(65536)

        thread = Thread(target=overhear)
        thread.start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        with SourceClient(url, user_agent="x", timeout=5, trust_env=False) as client, pytest.raises(Retry):
            client.get("/")
        thread.join(5)
    # The first words of a secure connection name the protocols, each after its length.
    assert b"\x08http/1.1" in hello
    assert b"\x02h2" not in hello


@pytest.mark.parametrize(
    ("variant", "outcome", "reason"),
    [
        ("zero_price", Outcome.HOLD, "zero_price"),
        ("bad_row", Outcome.BAD_ROW, "bad_number"),
        ("short_row", Outcome.BAD_ROW, "short_row"),
    ],
)
def test_one_spoilt_row_leaves_the_rest_of_the_batch(
    standin: Standin, client: SourceClient, variant: str, outcome: Outcome, reason: str
) -> None:
    standin.fail("/q=", variant, code="r_hk06082")
    instruments = [STAR, BIREN, NVIDIA]
    rows = TENCENT.parse(TENCENT.fetch(client, instruments), instruments)
    assert [row.outcome for row in rows] == [Outcome.OK, outcome, Outcome.OK]
    assert rows[1].reason == reason


@pytest.mark.parametrize("variant", ["ok", "gzip"])
def test_a_reply_larger_than_allowed_is_refused(standin: Standin, variant: str) -> None:
    if variant != "ok":
        standin.fail("/q=", variant)
    with (
        SourceClient(standin.url, user_agent="x", trust_env=False, max_bytes=200) as client,
        pytest.raises(SourceError, match="larger than 200 bytes") as caught,
    ):
        client.get("/q=sh688795")
    assert caught.value.outcome is Outcome.BAD_BODY


def test_nobody_listening_is_a_refused_connection(standin: Standin) -> None:
    standin.stop()
    with (
        SourceClient(standin.url, user_agent="x", trust_env=False) as client,
        pytest.raises(Retry, match="connection refused"),
    ):
        client.get("/q=sh688795")


def test_a_question_that_is_posted_is_never_carried_to_another_host(standin: Standin, client: SourceClient) -> None:
    standin.fail("/", "redirect_elsewhere")
    with pytest.raises(Blocked, match=r"redirected to consent\.invalid"):
        client.post("/ags/ms/cm-u-bk-ccpr/CcprHisNew")


def test_the_caller_spaces_the_requests(standin: Standin) -> None:
    waits: list[int] = []
    with SourceClient(standin.url, user_agent="x", trust_env=False, wait=lambda: waits.append(1)) as client:
        client.get("/q=sh688795")
        client.post("/ags/ms/cm-u-bk-ccpr/CcprHisNew?startDate=2026-11-20&endDate=2026-11-20")
    assert len(waits) == 2


def test_a_secret_is_sent_and_not_kept(standin: Standin, client: SourceClient) -> None:
    source = rate_sources(fred_api_key="hidden")["fred"]
    reply = source.fetch(client, date(2026, 11, 16), date(2026, 11, 20))
    assert "api_key=hidden" in standin.requests[0][1]
    assert "hidden" not in reply.url
    assert "series_id=DEXCHUS" in reply.url


def test_daily_bars_are_asked_for_with_plain_commas_and_the_suffix(standin: Standin, client: SourceClient) -> None:
    source = history_source("tencent_history")
    start, end = date(2026, 11, 16), date(2026, 11, 20)
    bars = source.parse(source.fetch(client, NVIDIA, start, end), NVIDIA, start, end)
    assert [bar.day.day for bar in bars] == [16, 17, 18, 19, 20]
    assert standin.requests[-1][1] == ("/appstock/app/newfqkline/get?param=usNVDA.OQ,day,2026-11-16,2026-11-20,640,bfq")
    with pytest.raises(ValueError, match="span"):
        source.fetch(client, NVIDIA, date(2020, 1, 1), end)


@pytest.mark.parametrize(("slug", "base"), [("cfets", "USD"), ("frankfurter", "USD"), ("ecb", "EUR")])
def test_the_default_sources_of_rates_work_over_the_wire(client: SourceClient, slug: str, base: str) -> None:
    source = rate_sources()[slug]
    rates = source.parse(source.fetch(client, date(2026, 11, 16), date(2026, 11, 20)))
    friday = {rate.quote: rate.rate for rate in rates if rate.day == date(2026, 11, 20) and rate.base == base}
    assert friday["CNY"] == {"USD": Decimal("6.8"), "EUR": Decimal("7.82")}[base]


@pytest.mark.parametrize("slug", ["cfets", "frankfurter", "ecb", "fred", "hkma", "safe"])
def test_every_source_of_rates_refuses_a_span_that_it_cannot_answer(client: SourceClient, slug: str) -> None:
    source = rate_sources(fred_api_key="k")[slug]
    if slug != "fred":
        with pytest.raises(ValueError, match="span"):
            source.fetch(client, date(2020, 1, 1), date(2026, 11, 20))
    assert source.fetch(client, date(2026, 11, 16), date(2026, 11, 20)).status in (200, 404)


def test_the_standin_can_be_steered_from_another_process(standin: Standin, client: SourceClient) -> None:
    order = {
        "quotes": [{"code": "sh688795", "price": "700.00", "at": "2026-11-20T15:00:03"}],
        "fail": [{"path": "/q=", "variant": "502", "times": 1}],
    }
    post(standin.url, order)
    assert client.get("/q=sh688795").status == 502
    [row] = TENCENT.parse(TENCENT.fetch(client, [STAR]), [STAR])
    assert row.quote is not None
    assert (row.quote.price, row.quote.day) == (Decimal("700.00"), date(2026, 11, 20))
    assert standin.count("/q=") == 2
    post(standin.url, {"reset": True})
    assert standin.count() == 0


def post(url: str, order: object) -> None:
    request = urllib.request.Request(f"{url}/_control", json.dumps(order).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=5) as response:
        assert response.status == 200


@pytest.mark.parametrize(
    ("now", "stamp"),
    [
        ("2026-11-20T10:15:30+08:00", "2026-11-20 10:15:00"),
        ("2026-11-20T20:00:00+08:00", "2026-11-20 15:00:03"),
        ("2026-11-22T12:00:00+08:00", "2026-11-20 15:00:03"),
        ("2026-11-23T08:00:00+08:00", "2026-11-20 15:00:03"),
    ],
)
def test_the_standin_stamps_quotes_like_an_exchange(standin: Standin, now: str, stamp: str) -> None:
    standin.control({"now": now})
    assert standin.stamp("sh").replace(tzinfo=None) == datetime.fromisoformat(stamp)


def test_the_standin_runs_from_a_shell() -> None:
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", "tests.standin", "--port", "0", "--any-code"]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            with SourceClient(url, user_agent="x", trust_env=False) as client:
                assert client.get("/q=sh688795,usNVDA").body.count(b"v_") == 2
        finally:
            process.terminate()


def test_a_trade_of_another_day_can_be_set(standin: Standin, client: SourceClient) -> None:
    standin.set_quote(Trade(price="650.00", at=datetime.fromisoformat("2026-11-19 15:00:03")))
    [row] = TENCENT.parse(TENCENT.fetch(client, [STAR]), [STAR])
    assert row.quote is not None
    assert (row.quote.price, row.quote.day) == (Decimal("650.00"), date(2026, 11, 19))
