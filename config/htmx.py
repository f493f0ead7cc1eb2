"""How a view answers htmx: the whole page, or the one partial that is swapped."""

from django.http import HttpRequest


def page_or_partial(request: HttpRequest, template: str, partial: str) -> str:
    """Name the partial when htmx swaps a fragment. Boosted links and Back ask for the full page."""
    swaps = request.headers.get("HX-Request-Type") == "partial"
    return f"{template}#{partial}" if swaps else template
