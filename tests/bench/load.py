"""A small HTTP/1.1 client over kept-open connections. It does little, so that it takes little from what it measures."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.bench.report import Spread

TIMEOUT = 60.0  # seconds without a byte before a measurement is given up


@dataclass(frozen=True, slots=True)
class Answer:
    """One reply: its status, its headers with names in lower case, its body as sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """One kept-open connection to a server on loopback."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = self._connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._socket.close()

    def _connect(self) -> socket.socket:
        opened = socket.create_connection(("127.0.0.1", self._port), timeout=TIMEOUT)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened

    def exchange(self, request: bytes) -> Answer:
        """Send a prepared request and read the whole reply."""
        self._socket.sendall(request)
        received = bytearray()
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._receive()
        first, *lines = received[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(first.split(" ", 2)[1])
        if "content-length" not in headers and status not in (204, 304):
            raise RuntimeError(f"a reply without its length: {first}")
        length = int(headers.get("content-length", 0)) if status not in (204, 304) else 0
        while len(received) < end + 4 + length:
            received += self._receive()
        if headers.get("connection", "").lower() == "close":
            self._socket.close()
            self._socket = self._connect()
        return Answer(status, headers, bytes(received[end + 4 :]))

    def _receive(self) -> bytes:
        chunk = self._socket.recv(1 << 18)
        if not chunk:
            raise RuntimeError("the server closed the connection in the middle of a reply")
        return chunk


def request(path: str, headers: Mapping[str, str] | None = None) -> bytes:
    """A GET as a browser would send it, ready to be sent many times."""
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: text/html", "Accept-Language: en"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def get(port: int, path: str, headers: Mapping[str, str] | None = None) -> Answer:
    """One answer over a connection of its own."""
    with Connection(port) as connection:
        return connection.exchange(request(path, headers))


def latency(port: int, wanted: bytes, *, count: int, status: int = 200) -> Spread:
    """Milliseconds from the request to the last byte of the reply, one request at a time."""
    samples: list[float] = []
    with Connection(port) as connection:
        for _ in range(count):
            began = time.perf_counter()
            answer = connection.exchange(wanted)
            samples.append((time.perf_counter() - began) * 1000)
            if answer.status != status:
                raise RuntimeError(f"status {answer.status} instead of {status}")
    return Spread(tuple(samples))


@dataclass(frozen=True, slots=True)
class Throughput:
    """What several connections got out of a server in a while."""

    per_second: float
    latency: Spread  # milliseconds, as each connection saw it
    client_ms: float  # processor time that the client itself took for one request


def throughput(port: int, wanted: bytes, *, connections: int, seconds: float) -> Throughput:
    """Ask over several connections at once, each as soon as it has its answer."""
    samples: list[float] = []
    problems: list[BaseException] = []
    until = time.perf_counter() + seconds

    def ask() -> None:
        mine: list[float] = []
        try:
            with Connection(port) as connection:
                while (began := time.perf_counter()) < until:
                    if connection.exchange(wanted).status != 200:
                        raise RuntimeError("a request failed under load")
                    mine.append((time.perf_counter() - began) * 1000)
        except BaseException as problem:
            problems.append(problem)
        samples.extend(mine)

    threads = [threading.Thread(target=ask) for _ in range(connections)]
    cpu, began = time.process_time(), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took, cost = time.perf_counter() - began, time.process_time() - cpu
    if problems:
        raise problems[0]
    return Throughput(len(samples) / took, Spread(tuple(samples)), cost * 1000 / len(samples))
