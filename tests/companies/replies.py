"""Replies of filing services as their parsers get them, and a network that only writes down what it is asked."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

from companies.sources.base import Reply

BLOCKED_PAGE = b"<!DOCTYPE html><html><head><title>403 Forbidden</title></head><body>Forbidden</body></html>"
CHALLENGE_PAGE = b'<html><script>\nvar arg1="0A";document.cookie="pass="+arg1;location.reload();\n</script></html>'


def reply(content: object, status: int = 200, url: str = "https://service.test/list") -> Reply:
    """A reply whose body is `content`: bytes as they are, text in UTF-8, anything else as JSON."""
    match content:
        case bytes():
            body = content
        case str():
            body = content.encode()
        case _:
            body = json.dumps(content, ensure_ascii=False).encode()
    return Reply(url, status, "", body, datetime(2026, 11, 23, 4, tzinfo=UTC))


def jsonp(content: object, status: int = 200, callback: str = "jsonpCallback8") -> Reply:
    """A reply of JSON inside a callback."""
    return reply(f"{callback}({json.dumps(content, ensure_ascii=False)})", status)


@dataclass
class Asked:
    """One request as it was made: `query` decoded, `sent` the form or the JSON value."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    sent: object = None


@dataclass
class Recorder:
    """A network that answers everything with an empty object and remembers the requests."""

    asked: list[Asked] = field(default_factory=list)

    def get(
        self,
        target: str,
        *,
        secret: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        site: str | None = None,
    ) -> Reply:
        """Write down a GET."""
        return self._note("GET", target, headers)

    def post(
        self,
        target: str,
        *,
        form: Mapping[str, str] | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Write down a POST."""
        return self._note("POST", target, headers, form or json)

    def _note(self, method: str, target: str, headers: Mapping[str, str] | None, sent: object = None) -> Reply:
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.asked.append(Asked(method, parts.path, query, headers or {}, sent))
        return reply({})
