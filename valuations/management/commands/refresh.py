"""`manage.py refresh quotes|rates|history`: ask the sources by hand, through the queue like everybody else."""

import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from companies.models import Listing
from valuations.asking import ask
from valuations.history import tried
from valuations.ledger import RunAlreadyOpen, request_run, time_limit, watched_listings
from valuations.models import RefreshRun
from valuations.rate_refresh import judged_rates
from valuations.refresh import judged
from valuations.snapshot import SOURCE_TROUBLE

LOOK_EVERY = 0.2  # seconds


class Command(BaseCommand):
    """The ledger (`/refreshes/`) shows the run like any other."""

    help = "Refresh prices, exchange rates or daily history."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("kind", choices=RefreshRun.Kind.values, help="What to refresh.")
        parser.add_argument(
            "--listing", action="append", metavar="MIC:TICKER", help="Only this listing (XSHG:688256); may be repeated."
        )
        parser.add_argument("--years", type=int, help="With history --dry-run: look so far back (HISTORY_YEARS).")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--wait", action="store_true", help="Wait for the workers and say what came of it.")
        how.add_argument("--dry-run", action="store_true", help="Ask and check here and now, and store nothing.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Queue a run, or try one without storing anything."""
        kind = RefreshRun.Kind(options["kind"])
        if options["years"] is not None and not (kind == RefreshRun.Kind.HISTORY and options["dry_run"]):
            raise CommandError("--years is for history --dry-run; what is stored goes back HISTORY_YEARS.")
        listings = self._listings(kind, options["listing"])
        if options["dry_run"]:
            self._try(kind, listings, options["years"])
            return
        try:
            run = request_run(kind, RefreshRun.Trigger.COMMAND, listings=listings)
            self.stdout.write(f"Run {run.pk}: {run.outcomes.count()} questions queued.")
        except RunAlreadyOpen as already:
            run = already.run
            self.stdout.write(f"Run {run.pk} is under way already; this is it.")
        if options["wait"] and not run.problem:
            self._wait(run)
        if run.problem:
            raise CommandError(run.problem)

    def _listings(self, kind: RefreshRun.Kind, names: list[str] | None) -> list[Listing] | None:
        """The listings named by exchange and ticker; None when all watched ones are meant."""
        if names is None:
            return None
        if kind == RefreshRun.Kind.RATES:
            raise CommandError("Exchange rates are of no listing.")
        found: list[Listing] = []
        for name in names:
            mic, _, ticker = name.partition(":")
            listing = Listing.objects.filter(mic=mic.upper(), ticker=ticker.upper()).first()
            if listing is None:
                raise CommandError(f"No listing {name}. Write it as XSHG:688256.")
            found.append(listing)
        return found

    def _wait(self, run: RefreshRun) -> None:
        """Return when the run is closed, having said what came of it."""
        limit = time_limit(run.kind)
        deadline = time.monotonic() + limit
        while run.finished_at is None:
            if time.monotonic() > deadline:
                raise CommandError(f"Run {run.pk} was not done within {limit} s. Does a worker run?")
            time.sleep(LOOK_EVERY)
            run.refresh_from_db()
        outcomes = run.outcomes.select_related("listing")
        for outcome in outcomes.exclude(result="ok"):
            self._tell(str(outcome.listing or outcome.provider), outcome.result, outcome.reason, outcome.detail)
        if not run.problem:
            self._sum_up(outcome.result for outcome in outcomes)

    def _try(self, kind: RefreshRun.Kind, named: list[Listing] | None, years: int | None) -> None:
        """Fetch, parse and check in this process; the database is only read."""
        if not settings.SOURCES_ENABLED:
            raise CommandError("Sources are switched off (SOURCES_ENABLED).")
        results: list[str] = []
        listings = list(watched_listings()) if named is None else named
        if kind == RefreshRun.Kind.RATES:
            for slug in settings.RATE_SOURCES:
                of_rates = judged_rates(slug)
                found = ", ".join(f"{rate.base}/{rate.quote} {rate.day} {rate.rate:f}" for rate in of_rates.rows)
                self._tell(slug, of_rates.result, of_rates.reason, of_rates.detail, found)
                results.append(of_rates.result)
        elif kind == RefreshRun.Kind.HISTORY:
            for listing in listings:
                of_bars = tried(listing, years)
                self._tell(str(listing), of_bars.result, of_bars.reason, of_bars.detail)
                results.append(of_bars.result)
        else:
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
