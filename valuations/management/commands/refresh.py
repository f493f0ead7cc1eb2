"""`manage.py refresh quotes|rates`: ask the sources by hand, through the queue like everybody else."""

import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from valuations.ledger import RunAlreadyOpen, request_run, watched_listings
from valuations.models import RefreshRun
from valuations.refresh import ask, judged, judged_rates
from valuations.snapshot import SOURCE_TROUBLE

LOOK_EVERY = 0.2  # seconds


class Command(BaseCommand):
    """The ledger (`/refreshes/`) shows the run like any other."""

    help = "Refresh prices or exchange rates."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("kind", choices=RefreshRun.Kind.values, help="What to refresh.")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--wait", action="store_true", help="Wait for the workers and say what came of it.")
        how.add_argument("--dry-run", action="store_true", help="Ask and check here and now, and store nothing.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Queue a run, or try one without storing anything."""
        kind = RefreshRun.Kind(options["kind"])
        if options["dry_run"]:
            self._try(kind)
            return
        try:
            run = request_run(kind, RefreshRun.Trigger.COMMAND)
            self.stdout.write(f"Run {run.pk}: {run.outcomes.count()} questions queued.")
        except RunAlreadyOpen as already:
            run = already.run
            self.stdout.write(f"Run {run.pk} is under way already; this is it.")
        if options["wait"] and not run.problem:
            self._wait(run)
        if run.problem:
            raise CommandError(run.problem)

    def _wait(self, run: RefreshRun) -> None:
        """Return when the run is closed, having said what came of it."""
        deadline = time.monotonic() + settings.RUN_TIME_LIMIT
        while run.finished_at is None:
            if time.monotonic() > deadline:
                raise CommandError(f"Run {run.pk} was not done within {settings.RUN_TIME_LIMIT} s. Does a worker run?")
            time.sleep(LOOK_EVERY)
            run.refresh_from_db()
        outcomes = run.outcomes.select_related("listing")
        for outcome in outcomes.exclude(result="ok"):
            self._tell(str(outcome.listing or outcome.provider), outcome.result, outcome.reason, outcome.detail)
        if not run.problem:
            self._sum_up(outcome.result for outcome in outcomes)

    def _try(self, kind: RefreshRun.Kind) -> None:
        """Fetch, parse and check in this process; the database is only read."""
        if not settings.SOURCES_ENABLED:
            raise CommandError("Sources are switched off (SOURCES_ENABLED).")
        results: list[str] = []
        if kind == RefreshRun.Kind.RATES:
            for slug in settings.RATE_SOURCES:
                of_rates = judged_rates(slug)
                found = ", ".join(f"{rate.base}/{rate.quote} {rate.day} {rate.rate:f}" for rate in of_rates.rows)
                self._tell(slug, of_rates.result, of_rates.reason, of_rates.detail, found)
                results.append(of_rates.result)
        else:
            listings = list(watched_listings())
            for start in range(0, len(listings), settings.QUOTE_BATCH_SIZE):
                batch = listings[start : start + settings.QUOTE_BATCH_SIZE]
                for of_price in judged(batch, ask(batch)):
                    quote = of_price.quote
                    found = f"{quote.close:f} {of_price.listing.currency} {quote.day}" if quote else ""
                    self._tell(str(of_price.listing), of_price.result, of_price.reason, of_price.detail, found)
                    results.append(of_price.result)
        self._sum_up(iter(results))
        self.stdout.write("Dry run: nothing was stored.")

    def _tell(self, what: str, result: str, *more: str) -> None:
        self.stdout.write("  ".join(part for part in (f"{what:<16}", f"{result:<10}", *more) if part).rstrip())

    def _sum_up(self, results: Iterator[str]) -> None:
        counts = Counter(str(result) for result in results)
        self.stdout.write(
            ", ".join(f"{result}: {count}" for result, count in sorted(counts.items())) or "Nothing asked."
        )
        if counts and set(counts) <= set(SOURCE_TROUBLE):
            raise CommandError("No source gave anything.")
