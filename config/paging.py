"""Long lists in pages: `?page=2`."""

from typing import Any

from django.core.exceptions import BadRequest
from django.core.paginator import Page, Paginator
from django.http import HttpRequest


def page_of(request: HttpRequest, rows: Any, size: int) -> Page[Any]:
    """The page of `rows` that the address asks for; the last one when there are fewer, since lists grow shorter too.

    Raises:
        BadRequest: The address does not ask for a page by its number.
    """
    asked = request.GET.get("page") or "1"
    if not (asked.isascii() and asked.isdigit() and len(asked) < 10 and int(asked)):
        raise BadRequest("page is not a number above zero")
    return Paginator(rows, size).get_page(asked)
