"""`manage.py index_filings`: make the index of the search anew."""

from typing import Any

from django.core.management.base import BaseCommand

from companies.filings.search import empty_index, index_version
from companies.models import FilingVersion


class Command(BaseCommand):
    """Index every version that has text."""

    help = "Make the index of the pages of all filings anew. While it runs, the search finds what is done already."

    def handle(self, *args: Any, **options: Any) -> None:
        """Version by version, so that it can be interrupted: a second run begins from the beginning."""
        empty_index()
        count = 0
        for version in FilingVersion.objects.filter(status=FilingVersion.Status.READY).order_by("pk").iterator():
            index_version(version)
            count += 1
        self.stdout.write(f"{count} versions of filings can be searched.")
