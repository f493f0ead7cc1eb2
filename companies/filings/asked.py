"""Which filing, version, page and passage an address asks for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404

from companies.models import Filing, FilingVersion


@dataclass(frozen=True, slots=True)
class AskedPassage:
    """Characters of a page from `start` up to, not including, `end`."""

    start: int
    end: int


def filing_or_404(pk: int) -> Filing:
    """The filing with its company and the filing it corrects at hand."""
    return get_object_or_404(Filing.objects.select_related("company", "corrects"), pk=pk)


def asked_version(request: HttpRequest, filing: Filing) -> FilingVersion | None:
    """The version that `?version=` names, or the newest; None when the filing has no document at all."""
    return chosen_version(request, filing.versions.all())


def chosen_version(request: HttpRequest, versions: Iterable[FilingVersion]) -> FilingVersion | None:
    """Of these versions the one that `?version=` names, or the newest.

    Raises:
        Http404: There is no version of that number.
        BadRequest: `?version=` is not a number.
    """
    found = list(versions)
    number = asked_number(request, "version")
    if number is None:
        return max(found, key=lambda version: version.number, default=None)
    for version in found:
        if version.number == number:
            return version
    raise Http404("no such version of this filing")


def asked_page(request: HttpRequest, last: int) -> int:
    """The page of `?page=`, which is the last one when there are fewer: people guess where a chapter begins."""
    return min(max(1, asked_number(request, "page") or 1), max(1, last))


def asked_passage(request: HttpRequest) -> AskedPassage | None:
    """The passage of `?from=` and `?to=`; None when none is asked for.

    Raises:
        BadRequest: One of them is missing, or they enclose nothing.
    """
    start, end = asked_number(request, "from"), asked_number(request, "to")
    if start is None and end is None:
        return None
    if start is None or end is None or start >= end:
        raise BadRequest("from and to do not enclose a passage")
    return AskedPassage(start, end)


def asked_number(request: HttpRequest, name: str) -> int | None:
    """A whole number of the address, or None when it is not there.

    Raises:
        BadRequest: It is something else.
    """
    text = request.GET.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadRequest(f"{name} is not a number")
    return int(text)
