"""How a view answers htmx: the whole page, or the one partial that is swapped."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class HtmxRequest(HttpRequest):
    """A request with django-htmx's details attached."""

    htmx: HtmxDetails


def page_or_partial(request: HttpRequest, template: str, partial: str) -> str:
    """Name the partial when htmx swaps a fragment. Boosted links and Back ask for the full page."""
    swaps = request.headers.get("HX-Request-Type") == "partial"
    return f"{template}#{partial}" if swaps else template
