"""The one place that talks to the network on behalf of the sources."""

import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from time import monotonic
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import httpx

from companies.sources.base import BadBody, Blocked, Reply, Retry

MOST_BYTES = 2 * 1024 * 1024
_MOST_REDIRECTS = 3


@lru_cache
def _trusted(trust_env: bool) -> ssl.SSLContext:
    """Whom we trust; read once, since the list of authorities takes longer to load than a request."""
    return httpx.create_ssl_context(trust_env=trust_env)


def _no_wait() -> None:
    """Spacing of requests when the caller wants none."""


class SourceClient:
    """Asks one source, politely and with a limit on everything.

    Args:
        base_url: Scheme and host, perhaps with a path before the source's own (a mirror).
        user_agent: Who we are; name a contact, since some sources refuse visitors without one.
        timeout: Seconds for a whole request, from the first connection to the last byte. A source that drips one byte
            a second is cut off too.
        wait: Called before every request, for the spacing between requests.
        max_bytes: Largest body, before and after decompression.
        trust_env: Whether HTTP_PROXY and its kin apply. On by default, for operators whose way out is a proxy.
        sites: Base URLs of other hosts by name, for `get(site=…)`. Cookies are kept for as long as the client lives.

    One connection over HTTP/1.1, kept open between requests: some sources break off busy HTTP/2 connections. Redirects
    are followed within the same host only; elsewhere lies a consent or captcha page.
    Not safe for several threads at once.
    """

    def __init__(
        self,
        base_url: str,
        *,
        user_agent: str,
        timeout: float = 10.0,
        wait: Callable[[], None] = _no_wait,
        max_bytes: int = MOST_BYTES,
        trust_env: bool = True,
        sites: Mapping[str, str] | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._sites = sites or {}
        self._timeout = timeout
        self._wait = wait
        self._max_bytes = max_bytes
        self._client = httpx.Client(
            headers={"User-Agent": user_agent, "Accept": "*/*", "Accept-Encoding": "gzip"},
            timeout=timeout,
            verify=_trusted(trust_env),
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            follow_redirects=False,
            trust_env=trust_env,
        )
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def get(
        self,
        target: str,
        *,
        secret: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        site: str | None = None,
    ) -> Reply:
        """Ask for `target` (path and query, already encoded). `secret` parameters are sent but not kept in the reply.

        Raises:
            Retry: no whole answer came: refused, reset, cut short, too slow.
            Blocked: sent away to another host.
            BadBody: larger than allowed, or compressed in a way we did not ask for.
        """
        base_url = self._base_url if site is None else self._sites[site].rstrip("/")
        url = httpx.URL(base_url + target)
        for _ in range(_MOST_REDIRECTS + 1):
            reply, location = self._exchange("GET", url, secret=secret, headers=headers)
            if location is None:
                return reply
            url, secret = self._redirected(url, location), None
        raise Blocked("redirected in a circle")

    def post(
        self,
        target: str,
        *,
        form: Mapping[str, str] | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Post a form, a JSON value, or nothing to `target`. Redirects are refused; otherwise as `get`."""
        url = httpx.URL(self._base_url + target)
        reply, location = self._exchange("POST", url, form=form, json=json, headers=headers)
        if location is not None:
            raise Blocked(f"redirected to {url.join(location).host[:80]}")
        return reply

    def _redirected(self, url: httpx.URL, location: str) -> httpx.URL:
        try:
            target = url.join(location)
        except httpx.InvalidURL as error:
            raise Blocked("redirected to an unreadable address") from error
        upgraded = (url.scheme, target.scheme) == ("http", "https") and url.port is None and target.port is None
        if target.host != url.host or not (upgraded or (target.scheme, target.port) == (url.scheme, url.port)):
            raise Blocked(f"redirected to {target.host[:80]}")
        return target

    def _exchange(
        self,
        method: str,
        url: httpx.URL,
        *,
        form: Mapping[str, str] | None = None,
        json: object = None,
        secret: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[Reply, str | None]:
        """One request: the reply, and where it points to if it is a redirect."""
        self._wait()
        full = url
        if secret:
            query = "&".join(part for part in (url.query.decode("ascii"), urlencode(secret)) if part)
            full = url.copy_with(query=query.encode("ascii"))
        deadline = monotonic() + self._timeout
        # httpx limits the silence between two bytes, not the whole; this ends the request whatever it is doing.
        alarm = threading.Timer(self._timeout, self._hang_up)
        alarm.daemon = True
        alarm.start()
        try:
            with self._client.stream(
                method,
                full,
                data=dict(form) if form else None,
                json=json,
                headers=dict(headers) if headers else None,
                extensions={"trace": self._watch(deadline)},
            ) as response:
                body = self._body(response)
                # A shut connection looks like the natural end of a body that did not state its length.
                if monotonic() >= deadline:
                    raise Retry(self._too_slow())
                reply = Reply(
                    url=str(url),
                    status=response.status_code,
                    content_type=response.headers.get("Content-Type", ""),
                    body=body,
                    fetched_at=datetime.now(UTC),
                    retry_after=_seconds(response.headers.get("Retry-After", "")),
                    headers={name.lower(): value for name, value in response.headers.items()},
                )
                return reply, response.headers.get("Location") if response.is_redirect else None
        except httpx.HTTPError as error:
            if monotonic() >= deadline or isinstance(error, httpx.TimeoutException):
                raise Retry(self._too_slow()) from error
            raise Retry(_plain_reason(error)) from error
        finally:
            alarm.cancel()

    def _too_slow(self) -> str:
        return f"no answer within {self._timeout:g} s"

    def _watch(self, deadline: float) -> Callable[[str, Mapping[str, Any]], None]:
        """Remember the newest connection, so that it can be hung up; one that came too late is hung up at once."""

        def trace(event: str, info: Mapping[str, Any]) -> None:
            if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
                connection = info["return_value"].get_extra_info("socket")
                if isinstance(connection, socket.socket):
                    self._sockets = [connection]
                if monotonic() >= deadline:
                    self._hang_up()

        return trace

    def _hang_up(self) -> None:
        for connection in self._sockets:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # closed already

    def _body(self, response: httpx.Response) -> bytes:
        """The body, decompressed here so that a small reply cannot unfold into a huge one."""
        raw = bytearray()
        for chunk in response.iter_raw():
            raw += chunk
            if len(raw) > self._max_bytes:
                raise BadBody(f"larger than {self._max_bytes} bytes")
        encoding = response.headers.get("Content-Encoding", "").strip().lower()
        if encoding in ("", "identity"):
            return bytes(raw)
        if encoding not in ("gzip", "x-gzip"):
            raise BadBody(f"compressed with {encoding[:20]}")
        decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            body = decoder.decompress(bytes(raw), self._max_bytes + 1)
        except zlib.error as error:
            raise Retry("broken compression") from error
        if len(body) > self._max_bytes:
            raise BadBody(f"larger than {self._max_bytes} bytes")
        if not decoder.eof:
            raise Retry("body ended early")
        return body


def _seconds(text: str) -> int | None:
    """Whole seconds of a Retry-After header; its other form, a date, is not worth a parser."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else None


def _plain_reason(error: httpx.HTTPError) -> str:
    """Why no answer came, in words for the operator."""
    cause: BaseException | None = error
    while cause is not None:
        match cause:
            case ConnectionRefusedError():
                return "connection refused"
            case ConnectionResetError() | BrokenPipeError():
                return "connection reset"
            case socket.gaierror():
                return "host name not found"
            case ssl.SSLError():
                return "no trusted connection (TLS)"
        cause = cause.__cause__ or cause.__context__
    text = str(error)
    if "without sending complete message body" in text or "incomplete chunked read" in text:
        return "body ended early"
    if "without sending a response" in text:
        return "closed without an answer"
    return f"no usable answer ({type(error).__name__})"
