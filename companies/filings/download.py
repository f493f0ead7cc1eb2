"""Fetching the document behind an address that a person typed or a service stated.

The address decides where our server connects to, so it is not believed: the scheme and the port must be the web's own,
every address that the host's name stands for must be a public one, and the connection is made to the very address that
was looked at, since a name may stand for another one a moment later. Redirects are followed by the same rules. Proxies
of the environment are left aside: they would look the name up themselves.

Origins that the operator has named in the settings (a mirror, a relay, a stand-in) may be anywhere.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from time import monotonic
from typing import Any

import httpcore
import httpx

from companies.filings.not_fetched import NotFetched

_PORTS = {"http": 80, "https": 443}
_MOST_REDIRECTS = 5
_CHUNK = 64 * 1024
_ACCEPTED = "application/pdf,text/html,application/xhtml+xml;q=0.9,*/*;q=0.5"
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
# Public by their number, but they lead elsewhere: to relays, to an IPv4 address written inside, or (168.63.129.16) to
# the platform that a machine in Azure runs on.
_MISLEADING = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",
        "192.88.99.0/24",
        "100.64.0.0/10",
        "2001::/23",
        "2002::/16",
        "3fff::/20",
        "168.63.129.16/32",
    )
)

Resolver = Callable[[str, int], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a document is taken, and how long its host may take."""

    seconds: float  # from the first look at the name to the last byte, redirects included
    most_bytes: int  # as it comes, and again when it is decompressed


@dataclass(frozen=True, slots=True)
class Origin:
    """A scheme, host and port that the operator has named, and the path below which it is used."""

    scheme: str
    host: str
    port: int
    path: str = ""

    @classmethod
    def of(cls, address: str) -> Origin:
        """The origin of an address of the settings."""
        url = httpx.URL(address)
        return cls(url.scheme, _host(url), _port(url), url.path.rstrip("/"))


class Body:
    """A document on its way: read it like a file, once, from its beginning to its end."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._left = b""

    def read(self, size: int, /) -> bytes:
        """At most `size` more bytes; none at the end.

        Raises:
            NotFetched: it broke off, or is too large or too slow.
        """
        while not self._left:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._left = chunk
        taken, self._left = self._left[:size], self._left[size:]
        return taken


def resolved(host: str, port: int) -> list[str]:
    """The addresses a host's name stands for, as this machine looks it up.

    Raises:
        NotFetched: none is known.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotFetched("host_unknown", f"{host}: {error}") from error
    return list(dict.fromkeys(str(address[4][0]) for address in found))


def is_public(address: str) -> bool:
    """Whether an IP address is one that anybody on the internet can ask, and leads nowhere else."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if ip.version == 6 and ip not in _GLOBAL_UNICAST:
        return False  # also IPv4 addresses written as IPv6 ones, in whichever way
    if any(ip in network for network in _MISLEADING if network.version == ip.version):
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def check_address(address: str, trusted: Collection[Origin] = ()) -> httpx.URL:
    """The address, if it may be asked as far as it can be told without looking its host's name up.

    Raises:
        NotFetched: it is no web address, or one of a kind that is never fetched.
    """
    if not address.isprintable() or any(letter in address for letter in " \\"):
        raise NotFetched("address_unreadable")
    try:
        url = httpx.URL(address)
        host = _host(url)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise NotFetched("address_unreadable", str(error)) from error
    if url.scheme not in _PORTS:
        raise NotFetched("address_scheme" if url.scheme else "address_unreadable")
    if url.userinfo:
        raise NotFetched("address_login")
    if not host or "%" in host:
        raise NotFetched("address_unreadable")
    if _is_trusted(url, trusted):
        return url
    if _port(url) != _PORTS[url.scheme]:
        raise NotFetched("address_port")
    with_number = _as_ip(host)
    if _is_this_machine(host) or (with_number is not None and not is_public(with_number)):
        raise NotFetched("address_not_public", host)
    return url


@contextmanager
def opened(
    address: str,
    *,
    limits: Limits,
    user_agent: str,
    trusted: Collection[Origin] = (),
    resolver: Resolver = resolved,
    wait: Callable[[str], None] = lambda host: None,
) -> Iterator[Body]:
    """The document behind an address, to be read within the `with`.

    Args:
        trusted: Origins that need not be public.
        resolver: Looks a host's name up.
        wait: Called with the host before every request, for the spacing between requests.

    Raises:
        NotFetched: no document came, be it at once or while it is read.
    """
    url = check_address(address, trusted)
    # Waiting for one's turn at a busy host is not the host's slowness.
    wait(_host(url))
    clock = _Clock(monotonic() + limits.seconds)
    for _attempt in range(_MOST_REDIRECTS + 1):
        with _asked(url, user_agent, clock, trusted, resolver) as response:
            location = _location(response)
            if location is None:
                _check_status(response)
                yield Body(_decoded(_raw(response, limits.most_bytes), _header(response, "Content-Encoding"), limits))
                return
        url = check_address(_joined(url, location), trusted)
        wait(_host(url))
    raise NotFetched("redirected_too_often")


# --- Addresses --------------------------------------------------------------------------------------


def _host(url: httpx.URL) -> str:
    """The host as it is looked up: letters of other scripts in their ASCII form, no brackets."""
    return url.raw_host.decode("ascii").lower()


def _port(url: httpx.URL) -> int:
    return _PORTS.get(url.scheme, 0) if url.port is None else url.port


def _is_this_machine(host: str) -> bool:
    name = host.rstrip(".")
    return name == "localhost" or name.endswith(".localhost")


def _as_ip(host: str) -> str | None:
    """The number that a host is written as, in any way that the system would take: 127.1 and 0x7f.1 are ones."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


def _is_trusted(url: httpx.URL, trusted: Collection[Origin]) -> bool:
    path = url.path
    if any(step.partition(";")[0] == ".." for step in path.replace("\\", "/").split("/")):
        return False  # would leave the path that was named, at least for some servers
    return any(
        (url.scheme, _host(url), _port(url)) == (origin.scheme, origin.host, origin.port)
        and (path == origin.path or path.startswith(f"{origin.path}/"))
        for origin in trusted
    )


def _joined(url: httpx.URL, location: str) -> str:
    try:
        return str(url.join(location))
    except (httpx.InvalidURL, UnicodeError) as error:
        raise NotFetched("address_unreadable", f"redirected to {location[:80]!r}") from error


# --- The connection -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Clock:
    """When the time for a document is over."""

    ends_at: float

    def left(self) -> float:
        """Seconds that are left. Raises NotFetched when there are none."""
        left = self.ends_at - monotonic()
        if left <= 0:
            raise NotFetched("host_too_slow")
        return left


class _Connections(httpcore.SyncBackend):
    """Connects to the addresses that were looked at, and to no others."""

    def __init__(self, clock: _Clock, is_trusted: bool, resolver: Resolver) -> None:
        self._clock = clock
        self._is_trusted = is_trusted
        self._resolver = resolver

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the first of the host's addresses that takes one."""
        addresses = list(self._resolver(host, port))
        if not addresses:
            raise NotFetched("host_unknown", host)
        if not self._is_trusted and not all(is_public(address) for address in addresses):
            raise NotFetched("address_not_public", host)
        for address in addresses[:-1]:
            try:
                return self._connect(address, port)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return self._connect(addresses[-1], port)

    def _connect(self, address: str, port: int) -> httpcore.NetworkStream:
        return _Stream(super().connect_tcp(address, port, timeout=self._clock.left()), self._clock)


class _Stream(httpcore.NetworkStream):
    """A connection that ends when the time is over, however often a byte drips in."""

    def __init__(self, stream: httpcore.NetworkStream, clock: _Clock) -> None:
        self._stream = stream
        self._clock = clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """The next bytes."""
        return self._stream.read(max_bytes, timeout=self._clock.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes."""
        self._stream.write(buffer, timeout=self._clock.left())

    def close(self) -> None:
        """Hang up."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """The same connection, encrypted."""
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, self._clock.left()), self._clock)

    def get_extra_info(self, info: str) -> Any:
        """What is known of the connection."""
        return self._stream.get_extra_info(info)


@lru_cache
def _trust() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


@contextmanager
def _asked(
    url: httpx.URL, user_agent: str, clock: _Clock, trusted: Collection[Origin], resolver: Resolver
) -> Iterator[httpcore.Response]:
    """The reply to one request, its body not yet read."""
    backend = _Connections(clock, _is_trusted(url, trusted), resolver)
    target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
    headers = [
        ("Host", url.netloc.decode("ascii")),
        ("User-Agent", user_agent),
        ("Accept", _ACCEPTED),
        ("Accept-Encoding", "gzip"),
        ("Connection", "close"),
    ]
    with (
        _in_our_words(),
        httpcore.ConnectionPool(ssl_context=_trust(), max_connections=1, network_backend=backend) as pool,
        pool.stream("GET", target, headers=headers) as response,
    ):
        yield response


@contextmanager
def _in_our_words() -> Iterator[None]:
    """What goes wrong on the wire, as `NotFetched`."""
    try:
        yield
    except (httpcore.TimeoutException, TimeoutError) as error:
        raise NotFetched("host_too_slow") from error
    except httpcore.RemoteProtocolError as error:
        raise NotFetched("cut_short" if "body" in str(error) else "unreachable", str(error)) from error
    except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError) as error:
        raise NotFetched("unreachable", f"{type(error).__name__}: {error}") from error


# --- The reply ----------------------------------------------------------------------------------------


def _header(response: httpcore.Response, name: str) -> str:
    found = (value for key, value in response.headers if key.lower() == name.lower().encode())
    return next(found, b"").decode("latin-1").strip()


def _location(response: httpcore.Response) -> str | None:
    """Where a reply sends us on, None when it does not."""
    return (_header(response, "Location") or None) if response.status in (301, 302, 303, 307, 308) else None


def _check_status(response: httpcore.Response) -> None:
    status = response.status
    if status == 200:
        return
    if status in (404, 410):
        code = "document_gone"
    elif status in (403, 429, 456):
        code = "document_refused"
    elif status in (401, 407):
        code = "document_login"
    elif status >= 500 or status in (408, 425):
        code = "host_failed"
    else:
        code = "odd_status"
    pause = _header(response, "Retry-After")
    # Its other form, a date, is not worth a parser.
    retry_after = int(pause) if pause.isascii() and pause.isdigit() and len(pause) < 8 else None
    raise NotFetched(code, f"status {status}", retry_after)


def _raw(response: httpcore.Response, most_bytes: int) -> Iterator[bytes]:
    """The body as it comes."""
    stated = _header(response, "Content-Length")
    if stated.isascii() and stated.isdigit() and int(stated[:20]) > most_bytes:
        raise NotFetched("file_too_large", f"{stated[:20]} bytes")
    size = 0
    with _in_our_words():
        for chunk in response.iter_stream():
            size += len(chunk)
            if size > most_bytes:
                raise NotFetched("file_too_large", f"more than {most_bytes} bytes")
            yield chunk


def _decoded(chunks: Iterator[bytes], encoding: str, limits: Limits) -> Iterator[bytes]:
    """The body without its compression, in pieces, so that a small reply cannot unfold into a huge one."""
    match encoding.lower():
        case "" | "identity":
            yield from chunks
            return
        case "gzip" | "x-gzip":
            decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)
        case _:
            raise NotFetched("compressed_oddly", encoding[:20])
    size = 0
    for chunk in chunks:
        left = chunk
        while left and not decoder.eof:
            try:
                piece = decoder.decompress(left, _CHUNK)
            except zlib.error as error:
                raise NotFetched("compressed_oddly", str(error)) from error
            left = decoder.unconsumed_tail
            size += len(piece)
            if size > limits.most_bytes:
                raise NotFetched("file_too_large", f"more than {limits.most_bytes} bytes when decompressed")
            if piece:
                yield piece
    if not decoder.eof:
        raise NotFetched("cut_short")
