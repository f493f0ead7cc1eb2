"""`manage.py load_examples`: the example documents, to open and to annotate."""

from typing import Any

from django.core.management.base import BaseCommand

from companies.filings.examples import run_load_examples
from companies.filings.store import StorageFailed


class Command(BaseCommand):
    """Bring the example documents in. Running it again changes nothing."""

    help = "Load the example documents, which are invented and say so. Those that are there are left alone."

    def handle(self, *args: Any, **options: Any) -> None:
        """Load them, and name those that are new."""
        try:
            loaded = run_load_examples()
        except (StorageFailed, OSError) as problem:
            # No reason not to start: all else works without them.
            self.stderr.write(f"The example documents could not be stored: {problem}")
            return
        if options["verbosity"]:
            for filing in loaded:
                self.stdout.write(f"Example document: {filing.title}")
