"""Addresses that outlive a visit: of a filing's page and of a passage in it."""

from __future__ import annotations

from urllib.parse import urlencode

from django.urls import reverse

from companies.models import Anchor


def passage_url(anchor: Anchor) -> str:
    """Where a passage is read, in the version in which it stands.

    The version is part of the address, so that it shows the same words when a newer one has come. `anchor.version` is
    read: have it at hand.
    """
    query = {"version": anchor.version.number, "page": anchor.page, "from": anchor.start, "to": anchor.end}
    return f"{reverse('filings:reader', args=[anchor.version.filing_id])}?{urlencode(query)}#passage"
