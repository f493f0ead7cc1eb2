"""The file of a filing as it came, whole or in part: readers of long PDFs ask for the pieces that they need."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.cache import get_conditional_response, patch_cache_control
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from companies.filings.asked import asked_version, filing_or_404
from companies.models import FilingVersion

PIECE = 256 * 1024  # bytes
# Nothing in the file may load, run or send anything. A PDF is not sandboxed on top: Chromium's viewer, which is a
# program of the browser and no part of this site, then shows nothing. A web page is downloaded, never shown.
POLICY = {True: "default-src 'none'; frame-ancestors 'none'", False: "sandbox; default-src 'none'"}
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes from `start` up to, not including, `end`."""

    start: int
    end: int


class RangeNotThere(ValueError):
    """None of the bytes that were asked for exist."""


@require_safe
def file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The stored bytes of a version (`?version=`, default: the newest), or the one range of them that is asked for."""
    filing = filing_or_404(pk)
    version = asked_version(request, filing)
    if version is None:
        raise Http404("no document of this filing is stored")
    etag = f'"{version.sha256}"'
    unchanged = get_conditional_response(request, etag=etag)
    if isinstance(unchanged, HttpResponseNotModified):
        # Browsers take the headers of this answer for those of the file that they keep.
        unchanged["Content-Security-Policy"] = POLICY[version.is_pdf]
        return _labelled(unchanged, request, etag)
    if not version.path.is_file():
        return render(request, "filings/file_gone.html", {"filing": filing, "version": version}, status=404)
    size = version.path.stat().st_size
    try:
        span = asked_range(_range_header(request, etag), size)
    except RangeNotThere:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"})
    response = _bytes_of(version.path, span or Span(0, size), with_body=request.method != "HEAD")
    if span is not None:
        response.status_code = 206
        response["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{size}"
    response["Content-Type"] = version.media_type
    response["Content-Disposition"] = _disposition(version)
    response["Content-Security-Policy"] = POLICY[version.is_pdf]
    return _labelled(response, request, etag)


def asked_range(header: str, size: int) -> Span | None:
    """The part that a Range header asks for; None for the whole: no header, several ranges, or one we cannot read.

    Raises:
        RangeNotThere: The range begins beyond the last byte, or asks for none.
    """
    found = RANGE.fullmatch(header.strip())
    if found is None or found[1] == found[2] == "":
        return None
    if found[1] == "":
        start, end = max(0, size - int(found[2])), size
    else:
        start, end = int(found[1]), min(size, int(found[2]) + 1) if found[2] else size
        if found[2] and int(found[2]) < start:
            return None  # the standard calls this no range at all, so the header does not count
    if start >= end:
        raise RangeNotThere
    return Span(start, end)


def _range_header(request: HttpRequest, etag: str) -> str:
    """The Range header, unless it goes with another state of the file (If-Range)."""
    same = request.headers.get("If-Range", etag) == etag
    return request.headers.get("Range", "") if same else ""


def _bytes_of(path: Path, span: Span, *, with_body: bool) -> HttpResponseBase:
    response: HttpResponseBase = StreamingHttpResponse(_pieces(path, span)) if with_body else HttpResponse()
    response["Content-Length"] = str(span.end - span.start)
    return response


def _pieces(path: Path, span: Span) -> Iterator[bytes]:
    with path.open("rb") as opened:
        opened.seek(span.start)
        left = span.end - span.start
        while left and (piece := opened.read(min(PIECE, left))):
            left -= len(piece)
            yield piece


def _disposition(version: FilingVersion) -> str:
    suffix = "pdf" if version.is_pdf else "html"
    name = f"{version.filing.slug}-{version.number}.{suffix}"
    return content_disposition_header(as_attachment=not version.is_pdf, filename=name) or ""


def _labelled(response: HttpResponseBase, request: HttpRequest, etag: str) -> HttpResponseBase:
    """Say how long the answer holds: the bytes of a numbered version never change, the newest may be others soon."""
    response["ETag"] = etag
    response["Accept-Ranges"] = "bytes"
    if "version" in request.GET:
        patch_cache_control(response, private=True, max_age=31_536_000, immutable=True)
    else:
        patch_cache_control(response, private=True, no_cache=True)
    return response
