"""The sample replies of `tests/data/upstream_samples`, and a loopback server that gives them out one at a time.

`manifest.json` says of every file how the service is asked for it, with which status, type and headers it answers, and
the one word that a correct client ends with.
"""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from companies.sources.base import Outcome

FOLDER = Path(__file__).parent / "data" / "upstream_samples"


@dataclass(frozen=True, slots=True)
class Sample:
    """One file of the collection: the request it answers, the reply, and what must become of it."""

    file: str
    method: str
    url: str
    status: int
    content_type: str
    required: Mapping[str, str]
    headers: Mapping[str, str]
    outcome: Outcome
    size: int
    sha256: str  # its first sixteen digits

    @property
    def path(self) -> str:
        """What is asked for, without its query."""
        return urlsplit(self.url).path or "/"

    @property
    def body(self) -> bytes:
        """The file, byte for byte."""
        return (FOLDER / self.file).read_bytes()


def _sample(entry: Mapping[str, Any]) -> Sample:
    method, url, *_ = entry["request"].split(" ")
    return Sample(
        file=entry["file"],
        method=method,
        url=url,
        status=entry["status"],
        content_type=entry["content_type"],
        required=entry["required_request_headers"],
        headers=entry["response_headers"],
        outcome=Outcome(entry["outcome"]),
        size=entry["bytes"],
        sha256=entry["sha256"],
    )


MANIFEST: Mapping[str, Any] = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
SAMPLES: Mapping[str, Sample] = {entry["file"]: _sample(entry) for entry in MANIFEST["samples"]}
TRANSPORT_CASES = frozenset(case["name"] for case in MANIFEST["transport_cases"])


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    method: str
    target: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def path(self) -> str:
        """The target without its query."""
        return urlsplit(self.target).path


@dataclass(slots=True)
class _Script:
    """What the server says: the sample, and what stands beside it at paths of their own (with a cookie)."""

    sample: Sample | None = None
    beside: Mapping[str, Sample] = field(default_factory=dict)
    compressed: bool = False
    cut: int | None = None
    asked: list[Asked] = field(default_factory=list)


class SampleServer:
    """Gives out the sample that was put up last, whatever the path; refuses whoever lacks a header it wants."""

    def __init__(self) -> None:
        self.script = _Script()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.samples = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Base address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def asked(self) -> list[Asked]:
        """What was asked since the sample was put up, oldest first."""
        return list(self.script.asked)

    def put_up(
        self,
        sample: Sample,
        *,
        beside: Mapping[str, Sample] | None = None,
        compressed: bool = False,
        cut: int | None = None,
    ) -> None:
        """Answer with `sample` from now on, or with its first `cut` bytes as if they were all.

        `beside` has other samples by the start of their path.
        """
        self.script = _Script(sample, beside or {}, compressed, cut)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    samples: SampleServer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave in one packet: without this every reply waits for a delayed acknowledgement.
    wbufsize = 1 << 16
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        """Answer with the sample."""
        script = self.server.samples.script
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        script.asked.append(asked)
        elsewhere = next((start for start in script.beside if asked.path.startswith(start)), None)
        sample = script.sample if elsewhere is None else script.beside[elsewhere]
        if sample is None or not _may_ask(sample, asked):
            self._send(403, {"Content-Type": "text/plain"}, b"Forbidden")
            return
        headers, content = {"Content-Type": sample.content_type, **sample.headers}, sample.body
        if elsewhere is not None:
            headers["Set-Cookie"] = "A3=d=SYNTHETIC; Path=/"
        else:
            content = content[: script.cut]
        if script.compressed and "gzip" in asked.headers.get("accept-encoding", ""):
            headers["Content-Encoding"], content = "gzip", gzip.compress(content)
        self._send(sample.status, headers, content)

    do_POST = do_GET

    def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Be silent; `asked` tells what was asked."""


def _may_ask(sample: Sample, asked: Asked) -> bool:
    """Whether the request has the headers that the service wants, in the sense in which it wants them."""
    for name, wanted in sample.required.items():
        given = asked.headers.get(name.lower(), "")
        # The sample names somebody else to write to; of a cookie it gives the name only.
        fits = "@" in given if name == "User-Agent" else given.startswith(wanted.removesuffix("...").rstrip("/"))
        if not fits:
            return False
    return True
