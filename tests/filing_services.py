"""The services of filings as one network that answers from the samples, in place of httpx's own.

    network = FilingServices().installed(monkeypatch)
    network.answer("/commonSoaQuery.do", "filings/sse_busy.jsonp")

Requests go through the real client up to the last step, the transport; nothing leaves the process.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qs

import httpx
import pytest

from tests.upstream_samples import FOLDER, SAMPLES

Answer = Callable[[httpx.Request], httpx.Response]


@dataclass(slots=True)
class Asked:
    """One request as it came; `fields` are those of the query and of the form."""

    host: str
    path: str
    fields: dict[str, str]
    headers: httpx.Headers


@dataclass(slots=True)
class FilingServices:
    """What each path answers: a sample's name, a JSON value, or a function. Paths that nobody named are not there."""

    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def installed(self, monkeypatch: pytest.MonkeyPatch) -> Self:
        """Answer in place of the network for the rest of the test."""
        monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda _, request: self.handle(request))
        return self

    def handle(self, request: httpx.Request) -> httpx.Response:
        """One request, answered by the longest path that it begins with."""
        body = request.read().decode()
        form = body if "form-urlencoded" in request.headers.get("Content-Type", "") else ""
        fields = {name: values[-1] for name, values in parse_qs(f"{request.url.query.decode()}&{form}").items()}
        self.asked.append(Asked(request.url.host, request.url.path, fields, request.headers))
        known = [path for path in self.answers if request.url.path.startswith(path)]
        if not known:
            return httpx.Response(404, text="not here")
        answer = self.answers[max(known, key=len)](request)
        # As it would come from a connection: not read yet.
        return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(answer.content))

    def answer(self, path: str, *answers: object) -> Self:
        """Give these answers to what begins with `path`, one after the other, the last one for ever."""
        left = [_as_answer(one) for one in answers]

        def next_one(request: httpx.Request) -> httpx.Response:
            return (left.pop(0) if len(left) > 1 else left[0])(request)

        self.answers[path] = next_one
        return self

    def paths(self) -> list[str]:
        """The paths asked for, in order."""
        return [one.path for one in self.asked]


def _as_answer(answer: object) -> Answer:
    if callable(answer):
        return answer
    if isinstance(answer, str):
        sample = SAMPLES[answer]
        body = (FOLDER / answer).read_bytes()
        return lambda request: httpx.Response(
            sample.status, content=body, headers={"Content-Type": sample.content_type}
        )
    body = json.dumps(answer, ensure_ascii=False).encode()
    return lambda request: httpx.Response(200, content=body, headers={"Content-Type": "application/json"})


def by_field(name: str, **answers: object) -> Answer:
    """Answers by the value of a field of the query or the form."""
    ready = {value: _as_answer(answer) for value, answer in answers.items()}

    def choose(request: httpx.Request) -> httpx.Response:
        sent = parse_qs(f"{request.url.query.decode()}&{request.content.decode()}")
        value = sent.get(name, [""])[-1]
        return ready[value](request) if value in ready else httpx.Response(404, text="not here")

    return choose
