"""Fetching documents: what is refused, and that nothing is asked which should not be."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpcore
import pytest

from companies.filings.download import Limits, Origin, check_address, is_public, opened, resolved
from companies.filings.not_fetched import NotFetched

PDF = b"%PDF-1.7\n" + b"x" * 5000
PUBLIC = "93.184.216.34"
Answer = Callable[[BaseHTTPRequestHandler], None]


class Host:
    """A web server on this machine whose answers a test writes."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.asked.append((self.path, dict(self.headers.items())))
                host.answers[self.path](self)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def gives(self, path: str, body: bytes, status: int = 200, **headers: str) -> None:
        """Answer with this."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            for name, value in headers.items():
                handler.send_header(name.replace("_", "-"), value)
            if "Content_Length" not in headers:
                handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        self.answers[path] = answer

    def sends_on(self, path: str, target: str, status: int = 302) -> None:
        """Redirect."""
        self.gives(path, b"", status, Location=target)


@pytest.fixture
def host() -> Iterator[Host]:
    running = Host()
    yield running
    running.server.shutdown()
    running.server.server_close()


def fetched(address: str, *, seconds: float = 5, most: int = 100_000, **more: Any) -> bytes:
    """The whole document."""
    with opened(address, limits=Limits(seconds, most), user_agent="Xinpan/test", **more) as body:
        parts = iter(lambda: body.read(1000), b"")
        return b"".join(parts)


def refused(address: str, **more: Any) -> NotFetched:
    with pytest.raises(NotFetched) as error:
        fetched(address, **more)
    assert str(error.value)
    return error.value


def trusted(host: Host) -> list[Origin]:
    return [Origin.of(host.url)]


# --- What is never asked ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("http://localhost/a.pdf", "address_not_public"),
        ("http://LOCALHOST/a.pdf", "address_not_public"),
        ("http://localhost./a.pdf", "address_not_public"),
        ("http://a.localhost/a.pdf", "address_not_public"),
        ("http://127.0.0.1/", "address_not_public"),
        ("http://127.1/", "address_not_public"),
        ("http://127.255.255.254/", "address_not_public"),
        ("http://2130706433/", "address_not_public"),
        ("http://017700000001/", "address_not_public"),
        ("http://0177.0.0.1/", "address_unreadable"),
        ("http://0x7f.0.0.1/", "address_not_public"),
        ("http://0x7f000001/", "address_not_public"),
        ("http://0/", "address_not_public"),
        ("http://0.0.0.0/", "address_not_public"),
        ("http://[::1]/", "address_not_public"),
        ("http://[::]/", "address_not_public"),
        ("http://[::ffff:127.0.0.1]/", "address_not_public"),
        ("http://[::ffff:7f00:1]/", "address_not_public"),
        ("http://[::ffff:93.184.216.34]/", "address_not_public"),
        ("http://[::127.0.0.1]/", "address_not_public"),
        ("http://[64:ff9b::7f00:1]/", "address_not_public"),
        ("http://[64:ff9b:1::a00:1]/", "address_not_public"),
        ("http://[2002:7f00:1::]/", "address_not_public"),
        ("http://[2001:0:1::1]/", "address_not_public"),
        ("http://[fe80::1]/", "address_not_public"),
        ("http://[fec0::1]/", "address_not_public"),
        ("http://[fc00::1]/", "address_not_public"),
        ("http://[fd00:ec2::254]/", "address_not_public"),
        ("http://[ff02::1]/", "address_not_public"),
        ("http://169.254.169.254/latest/meta-data/", "address_not_public"),
        ("http://10.1.2.3/", "address_not_public"),
        ("http://172.16.0.1/", "address_not_public"),
        ("http://192.168.1.1/", "address_not_public"),
        ("http://100.64.0.1/", "address_not_public"),
        ("http://100.100.100.200/", "address_not_public"),
        ("http://192.0.0.192/", "address_not_public"),
        ("http://168.63.129.16/machine/", "address_not_public"),
        ("http://198.18.0.1/", "address_not_public"),
        ("http://224.0.1.1/", "address_not_public"),
        ("http://240.0.0.1/", "address_not_public"),
        ("http://255.255.255.255/", "address_not_public"),
        ("https://93.184.216.34:8443/", "address_port"),
        ("http://93.184.216.34:22/", "address_port"),
        ("http://93.184.216.34:0/", "address_port"),
        ("http://93.184.216.34:443/", "address_port"),
        ("file:///etc/passwd", "address_scheme"),
        ("gopher://93.184.216.34/", "address_scheme"),
        ("ftp://93.184.216.34/a.pdf", "address_scheme"),
        ("javascript:alert(1)", "address_scheme"),
        ("data:application/pdf,%25PDF-", "address_scheme"),
        ("http://user:word@93.184.216.34/", "address_login"),
        ("http://93.184.216.34%2f@127.0.0.1/", "address_login"),
        ("http://93.184.216.34%40127.0.0.1/", "address_unreadable"),
        ("http://%6cocalhost/", "address_unreadable"),
        ("http://93.184.216.34\\@127.0.0.1/", "address_unreadable"),
        ("http://93.184.216.34 /", "address_unreadable"),
        ("http://93.184.216.34/\r\nHost: other", "address_unreadable"),
        ("http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", "address_unreadable"),
        ("http://１２７.0.0.1/", "address_unreadable"),
        ("http://[fe80::1%25eth0]/", "address_unreadable"),
        ("http:///a.pdf", "address_unreadable"),
        ("//93.184.216.34/a.pdf", "address_unreadable"),
        ("www.example.org/a.pdf", "address_unreadable"),
        ("", "address_unreadable"),
    ],
)
def test_an_address_into_our_own_network_or_of_an_odd_form_is_not_asked(
    address: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        raise AssertionError("connected")

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", never)
    assert refused(address).code == code


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "240e::1"])
def test_addresses_that_anybody_can_ask_are_public(address: str) -> None:
    assert is_public(address)


def test_a_host_in_another_script_is_asked_in_its_ascii_form() -> None:
    assert check_address("https://例子.中国/年报.pdf").raw_host == b"xn--fsqu00a.xn--fiqs8s"


def test_one_private_address_among_those_of_a_host_is_enough_to_refuse_it() -> None:
    assert refused("http://a.example/", resolver=lambda host, port: [PUBLIC, "10.0.0.1"]).code == "address_not_public"


def test_a_host_without_an_address_is_not_known() -> None:
    assert refused("http://a.example/", resolver=lambda host, port: []).code == "host_unknown"


def test_a_name_that_cannot_be_looked_up_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: Any, **kwargs: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    with pytest.raises(NotFetched) as error:
        resolved("no-such-name.invalid", 80)
    assert (error.value.code, error.value.outcome) == ("host_unknown", "retry")


def test_the_connection_goes_to_the_address_that_was_checked_although_the_name_changes_its_meaning(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([[PUBLIC], ["127.0.0.1"], ["127.0.0.1"]])
    connected: list[tuple[str, int]] = []
    port = host.server.server_port
    real = httpcore.SyncBackend.connect_tcp

    def connect(self: Any, address: str, at: int, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        connected.append((address, at))
        return real(self, "127.0.0.1", port, *args, **kwargs)

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    host.gives("/a.pdf", PDF)
    host.sends_on("/again", "http://a.example/a.pdf")
    assert fetched("http://a.example/a.pdf", resolver=lambda name, at: next(answers)) == PDF
    assert connected == [(PUBLIC, 80)]
    assert host.asked[0][1]["Host"] == "a.example"
    # The name stands for this machine by now.
    assert refused("http://a.example/again", resolver=lambda name, at: next(answers)).code == "address_not_public"
    assert len(connected) == 1


# --- Redirects --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("http://169.254.169.254/latest/meta-data/", "address_not_public"),
        ("http://localhost/", "address_not_public"),
        ("http://[::1]/", "address_not_public"),
        ("//127.1/", "address_not_public"),
        ("http://2130706433/", "address_not_public"),
        ("file:///etc/passwd", "address_scheme"),
        ("gopher://127.0.0.1/", "address_scheme"),
        ("http://user:word@93.184.216.34/", "address_login"),
        ("http://93.184.216.34:8080/", "address_port"),
        ("http://exa mple/", "address_unreadable"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_held_to_the_same_rules(host: Host, target: str, code: str, status: int) -> None:
    host.sends_on("/a.pdf", target, status)
    assert refused(f"{host.url}/a.pdf", trusted=trusted(host)).code == code


def test_a_redirect_is_followed_to_the_document(host: Host) -> None:
    host.sends_on("/a.pdf", "/b/c.pdf")
    host.gives("/b/c.pdf", PDF)
    assert fetched(f"{host.url}/a.pdf", trusted=trusted(host)) == PDF


def test_redirects_in_a_circle_end(host: Host) -> None:
    host.sends_on("/a", "/b")
    host.sends_on("/b", "/a")
    assert refused(f"{host.url}/a", trusted=trusted(host)).code == "redirected_too_often"
    assert len(host.asked) == 6


# --- Origins of the operator ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "address", "is_trusted"),
    [
        ("http://127.0.0.1:9", "http://127.0.0.1:9/a.pdf", True),
        ("http://127.0.0.1:9/mirror/", "http://127.0.0.1:9/mirror/a.pdf", True),
        ("http://127.0.0.1:9/mirror", "http://127.0.0.1:9/admin/", False),
        ("http://127.0.0.1:9/mirror", "http://127.0.0.1:9/mirrors/a.pdf", False),
        ("http://127.0.0.1:9/mirror", "http://127.0.0.1:9/mirror/../admin/", False),
        ("http://127.0.0.1:9/mirror", "http://127.0.0.1:9/mirror/%2e%2e/admin/", False),
        ("http://127.0.0.1:9/mirror", "http://127.0.0.1:9/mirror/..;a/admin/", False),
        ("http://127.0.0.1:9/mirror", "http://127.0.0.1:9/mirror/..%5cadmin/", False),
        ("http://127.0.0.1:9/mirror", "http://127.0.0.1:9/mirror/..%2fadmin/", False),
        ("http://127.0.0.1:9", "http://127.0.0.1:10/a.pdf", False),
        ("http://127.0.0.1:9", "https://127.0.0.1:9/a.pdf", False),
        ("http://127.0.0.1:9", "http://127.1:9/a.pdf", False),
    ],
)
def test_only_what_the_operator_has_named_may_lie_in_our_own_network(
    origin: str, address: str, is_trusted: bool
) -> None:
    if is_trusted:
        assert check_address(address, [Origin.of(origin)]).scheme == "http"
    else:
        with pytest.raises(NotFetched):
            check_address(address, [Origin.of(origin)])


# --- Limits -----------------------------------------------------------------------------------------


def test_a_document_comes_whole_and_says_who_asks(host: Host) -> None:
    waited: list[str] = []
    host.gives("/a.pdf", PDF)
    assert fetched(f"{host.url}/a.pdf", trusted=trusted(host), wait=waited.append) == PDF
    assert host.asked[0][1]["User-Agent"] == "Xinpan/test"
    assert waited == ["127.0.0.1"]


def test_proxies_of_the_environment_are_left_aside(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:1")
    host.gives("/a.pdf", PDF)
    assert fetched(f"{host.url}/a.pdf", trusted=trusted(host)) == PDF


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"x", {"Content_Length": str(10**9)}),
        (b"x" * 200_000, {"Content_Length": ""}),  # ends when the host hangs up
        (gzip.compress(b"\0" * 5_000_000), {"Content_Encoding": "gzip"}),
    ],
)
def test_no_more_is_taken_than_a_document_may_have(host: Host, body: bytes, headers: dict[str, str]) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        for name, value in headers.items():
            if value:
                handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        try:
            handler.wfile.write(body)
        except OSError:
            return

    host.answers["/a.pdf"] = answer
    assert refused(f"{host.url}/a.pdf", trusted=trusted(host)).code == "file_too_large"


def test_a_compressed_document_is_decompressed(host: Host) -> None:
    host.gives("/a.html", gzip.compress(b"<html>" + b"a" * 90_000), Content_Encoding="gzip")
    assert fetched(f"{host.url}/a.html", trusted=trusted(host)) == b"<html>" + b"a" * 90_000


@pytest.mark.parametrize(
    ("body", "encoding", "code"),
    [
        (b"no gzip at all", "gzip", "compressed_oddly"),
        (gzip.compress(PDF)[:20], "gzip", "cut_short"),
        (PDF, "br", "compressed_oddly"),
    ],
)
def test_odd_compression_is_refused(host: Host, body: bytes, encoding: str, code: str) -> None:
    host.gives("/a.pdf", body, Content_Encoding=encoding)
    assert refused(f"{host.url}/a.pdf", trusted=trusted(host)).code == code


@pytest.mark.parametrize("drips", ["head", "body"])
def test_a_host_that_drips_byte_by_byte_is_left_when_the_time_is_over(host: Host, drips: str) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        try:
            if drips == "body":
                handler.send_response(200)
                handler.end_headers()
            for _ in range(200):
                handler.wfile.write(b"x")
                handler.wfile.flush()
                time.sleep(0.05)
        except OSError:
            return

    host.answers["/a.pdf"] = answer
    begun = time.monotonic()
    error = refused(f"{host.url}/a.pdf", trusted=trusted(host), seconds=0.3)
    assert (error.code, error.outcome) == ("host_too_slow", "retry")
    assert time.monotonic() - begun < 8  # dripping to the end takes ten seconds


def test_a_document_that_breaks_off_is_no_document(host: Host) -> None:
    host.gives("/a.pdf", PDF, Content_Length="9999")
    assert refused(f"{host.url}/a.pdf", trusted=trusted(host)).code == "cut_short"


def test_a_closed_door_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    assert refused(f"{address}/a.pdf", trusted=[Origin.of(address)]).code == "unreachable"


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (404, "document_gone", "no_data"),
        (410, "document_gone", "no_data"),
        (403, "document_refused", "blocked"),
        (429, "document_refused", "blocked"),
        (401, "document_login", "auth"),
        (500, "host_failed", "retry"),
        (503, "host_failed", "retry"),
        (204, "odd_status", "bad_body"),
        (418, "odd_status", "bad_body"),
    ],
)
def test_a_status_other_than_200_is_no_document(host: Host, status: int, code: str, outcome: str) -> None:
    host.gives("/a.pdf", b"", status, Retry_After="7")
    error = refused(f"{host.url}/a.pdf", trusted=trusted(host))
    assert (error.code, error.outcome, error.retry_after) == (code, outcome, 7)
