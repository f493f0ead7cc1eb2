"""What runs inside an instance, with its settings: `python -m tests.bench.inside <function> <arguments as JSON>`.

Each function prints its result as one line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import django

django.setup()

from django.db import connection, transaction  # noqa: E402  only after the settings are read
from django.db.models import Subquery, Sum  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.utils import timezone  # noqa: E402

from companies.models import (  # noqa: E402
    Basis,
    Company,
    Figure,
    Filing,
    FilingKind,
    FilingPage,
    Known,
    Listing,
    Metric,
    Revision,
    Segment,
    ShareCount,
    Tier,
)
from tests.bench.instances import peak_megabytes  # noqa: E402
from tests.bench.pages_of_filings import fill_filings, time_searches  # noqa: E402
from valuations import snapshot as reader  # noqa: E402
from valuations.models import ExchangeDay, FxRate, Quote, RefreshOutcome, RefreshRun  # noqa: E402

# Which exchange every tenth company is listed on, with the form of its tickers.
VENUES = [
    *[("XSHG", "A", "CNY", "60{:04d}")] * 4,
    *[("XSHE", "A", "CNY", "00{:04d}")] * 3,
    *[("XHKG", "H", "HKD", "{:05d}")] * 2,
    ("XNAS", "common", "USD", "S{:04d}"),
]
# Revenue as it is reported: two years, and the halves that make a trailing year.
PERIODS = [
    ("FY2024", date(2024, 1, 1), date(2024, 12, 31), date(2025, 4, 20), FilingKind.ANNUAL_REPORT),
    ("2025H1", date(2025, 1, 1), date(2025, 6, 30), date(2025, 8, 25), FilingKind.INTERIM_REPORT),
    ("FY2025", date(2025, 1, 1), date(2025, 12, 31), date(2026, 4, 20), FilingKind.ANNUAL_REPORT),
    ("2026H1", date(2026, 1, 1), date(2026, 6, 30), date(2026, 8, 25), FilingKind.INTERIM_REPORT),
]
RATES = {("USD", "CNY"): "6.8", ("HKD", "CNY"): "0.8718", ("USD", "HKD"): "7.8"}


def fill(companies: int, days: int = 0) -> int:
    """Invented companies, each with a listing, a share count, eight figures from four reports, and `days` of quotes.

    Quotes lie in the table as they would have arrived: all listings of a day, then those of the next. Returns how many
    there are.
    """
    with transaction.atomic():
        segments = [segment for segment in Segment.values if segment != Segment.BENCHMARK]
        made = Company.objects.bulk_create(
            [
                Company(slug=f"sample-{n}", name_en=f"Sample {n:05d}", name_zh=f"样本{n}", search_keys=f"sample {n}",
                        segment=segments[n % len(segments)])
                for n in range(companies)
            ],
            batch_size=1000,
        )  # fmt: skip
        # As in life each report of each company is a document of its own.
        reports = [
            Filing(slug=f"sample-{n}-{period}", company=company, kind=kind, tier=Tier.OFFICIAL,
                   title=f"Report {period}", publisher="Sample Exchange", published_on=known_on,
                   published_precision="day",
                   url=f"https://exchange.example/{n}/{period}.pdf")
            for n, company in enumerate(made)
            for period, _start, _end, known_on, kind in PERIODS
        ]  # fmt: skip
        sources = iter(Filing.objects.bulk_create(reports, batch_size=1000))
        taken = set(Listing.objects.values_list("mic", "ticker"))
        listings, counts, figures = [], [], []
        for n, company in enumerate(made):
            mic, share_class, currency, form = VENUES[n % len(VENUES)]
            ticker = form.format(n)
            if (mic, ticker) in taken:
                ticker = form.format(9000 - n)
            listings.append(
                Listing(company=company, mic=mic, ticker=ticker, share_class=share_class, currency=currency,
                        listed_on=date(2015, 1, 5), board="Main Board")
            )  # fmt: skip
            of_company = [next(sources) for _ in PERIODS]
            counts.append(
                ShareCount(company=company, total=100_000_000 + n * 1000, valid_from=date(2015, 1, 1),
                           source=of_company[0])
            )  # fmt: skip
            for metric, share in ((Metric.REVENUE, 10_000_000), (Metric.RD_EXPENSE, 1_000_000)):
                for place, (period, start, end, known_on, kind) in enumerate(PERIODS):
                    amount = Decimal(share * (10 + place) + n)
                    figures.append(
                        Figure(company=company, metric=metric, period=period, period_start=start, period_end=end,
                               low=amount, high=amount, currency="CNY", basis=Basis.ACTUAL, reported_in=kind,
                               known_on=known_on, known_by=Known.STATED, status=Figure.Status.CONFIRMED,
                               source=of_company[place])
                    )  # fmt: skip
        Listing.objects.bulk_create(listings, batch_size=1000)
        ShareCount.objects.bulk_create(counts, batch_size=1000)
        Figure.objects.bulk_create(figures, batch_size=1000)
        now = timezone.now()
        today = reader.today()
        FxRate.objects.bulk_create(
            [
                FxRate(base=base, quote=quote, day=today - timedelta(days=back), rate=Decimal(rate), provider="cfets",
                       fetched_at=now)
                for (base, quote), rate in RATES.items()
                for back in range(30)
            ],
            ignore_conflicts=True,
        )  # fmt: skip
        Revision.bump()
    if days:
        _fill_quotes(days)
    return Quote.objects.count()


def _fill_quotes(days: int) -> None:
    """Closes of the last weekdays, by PostgreSQL itself: row by row from here would take an hour."""
    if connection.vendor != "postgresql":
        raise SystemExit("a long history is filled in on PostgreSQL only")
    calendar_days = days * 7 // 5 + 14
    keys = ["quote_once_per_day"]
    with connection.cursor() as cursor:
        # Indexes and foreign keys are checked once at the end instead of once per row.
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'valuations_quote' "
            "AND indexname NOT IN (SELECT conname FROM pg_constraint WHERE contype IN ('p', 'u'))"
        )
        indexes = cursor.fetchall()
        cursor.execute("SET session_replication_role = replica")
        for name, _ in indexes:
            cursor.execute(f'DROP INDEX "{name}"')
        for name in keys:
            cursor.execute(f'ALTER TABLE valuations_quote DROP CONSTRAINT "{name}"')
        cursor.execute(
            """
            INSERT INTO valuations_quote (listing_id, day, open, high, low, close, volume, last_at, final, delayed,
                                          suspended, provider, fetched_at, source_id)
            SELECT l.id, d.day, p.price, p.price + 1, p.price - 1, p.price, 1000000 + l.id, NULL, TRUE, FALSE,
                   FALSE, 'tencent', now(), NULL
            FROM (
                SELECT day::date AS day FROM generate_series(
                    current_date - %s::int, current_date - 1, interval '1 day') AS day
                WHERE extract(isodow FROM day) < 6 ORDER BY day DESC LIMIT %s
            ) AS d, companies_listing AS l,
            LATERAL (SELECT (20 + (l.id * 7919 + extract(doy FROM d.day)::int * 31) %% 900)::numeric AS price) AS p
            WHERE l.board = 'Main Board' AND l.listed_on = DATE '2015-01-05'
            ORDER BY d.day, l.id
            """,
            [calendar_days, days],
        )
        for name in keys:
            cursor.execute(f'ALTER TABLE valuations_quote ADD CONSTRAINT "{name}" UNIQUE (listing_id, day)')
        for _, definition in indexes:
            cursor.execute(definition)
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("VACUUM (ANALYZE) valuations_quote")
        cursor.execute("ANALYZE")


def time_snapshot(rounds: int, as_of: str | None = None) -> dict[str, Any]:
    """Milliseconds of `snapshot` and of `cached_snapshot`, and the queries of each."""
    question = reader.Question(date.fromisoformat(as_of) if as_of else reader.today())
    reader.snapshot(question)
    with CaptureQueriesContext(connection) as queries:
        found = reader.snapshot(question)
    reader.cached_snapshot(question)
    with CaptureQueriesContext(connection) as cached_queries:
        reader.cached_snapshot(question)
    return {
        "companies": len(found.rows),
        "priced": sum(row.price is not None for row in found.rows),
        "queries": len(queries),
        "database_ms": sum(float(query["time"]) for query in queries.captured_queries) * 1000,
        "cached_queries": len(cached_queries),
        "uncached": _milliseconds(lambda: reader.snapshot(question), rounds),
        "priced_anew": _milliseconds(lambda: _after_a_price(question), rounds),
        "cached": _milliseconds(lambda: reader.cached_snapshot(question), rounds * 20),
    }


def _after_a_price(question: reader.Question) -> None:
    Revision.bump(reported=False)
    reader.cached_snapshot(question)


def read_latest_quotes(rounds: int) -> dict[str, Any]:
    """The query whose cost could grow with the history: milliseconds, and the blocks that PostgreSQL touches for it."""
    newest = Subquery(Quote.objects.of_listing_until(reader.today()).values("close")[:1])
    query = Listing.objects.annotate(close=newest).order_by().values_list("pk", "close")
    list(query)
    plan = json.loads(query.explain(format="json", analyze=True, buffers=True))
    found = plan[0]["Plan"]
    return {
        "ms": _milliseconds(lambda: list(query.all()), rounds),
        "blocks": found["Shared Hit Blocks"] + found["Shared Read Blocks"],
    }


def count_queries(paths: list[str]) -> list[int]:
    """Queries of each page, asked a second time."""
    client = Client(SERVER_NAME="127.0.0.1")
    counts = []
    for path in paths:
        client.get(path)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(path).status_code == 200
        counts.append(len(queries))
    return counts


def bump(reported: bool = True) -> None:
    """Say that a fact changed: something reported, or a price only."""
    Revision.bump(reported=reported)


def closed_days() -> list[list[str]]:
    """Market and day of every day on which an exchange is known to be closed, as the stand-in takes them."""
    markets = {"XSHG": "sh", "XSHE": "sz", "XHKG": "hk", "XNAS": "us"}
    closed = ExchangeDay.objects.filter(kind=ExchangeDay.Kind.CLOSED, mic__in=markets)
    return [[markets[mic], f"{day}"] for mic, day in closed.values_list("mic", "day")]


def refresh(listings: int, seconds: float, kind: str = "quotes", first: int = 0) -> dict[str, Any]:
    """Ask for prices or history of so many invented listings from the `first` on, wait, and tell what came of it."""
    from valuations.ledger import request_run

    samples = Listing.objects.filter(company__slug__startswith="sample-").order_by("pk")
    asked = list(samples[first : first + listings])
    began = time.monotonic()
    run = request_run(RefreshRun.Kind(kind), RefreshRun.Trigger.COMMAND, listings=asked)
    queued = time.monotonic() - began
    while run.finished_at is None and time.monotonic() - began < seconds:
        time.sleep(0.02)
        run.refresh_from_db(fields=["finished_at"])
    took = time.monotonic() - began
    outcomes = RefreshOutcome.objects.filter(run=run)
    results: dict[str, int] = {}
    for result in outcomes.values_list("result", flat=True):
        results[result] = results.get(result, 0) + 1
    return {
        "seconds": took,
        "queued": queued,
        "finished": run.finished_at is not None,
        "problem": run.problem,
        "batches": outcomes.values("batch").distinct().count(),
        "stored": outcomes.filter(stored__gt=0).count(),
        "rows": outcomes.aggregate(rows=Sum("stored"))["rows"],
        "results": results,
    }


def refresh_often(runs: int, listings: int, seconds: float) -> int:
    """So many runs, one after the other; returns how many stored all that they asked for."""
    return sum(refresh(listings, seconds)["stored"] == listings for _ in range(runs))


def read_document(path: str) -> dict[str, Any]:
    """Store a file as a new filing and read its text, as a worker does; says what it took."""
    from companies.filings.extraction import extract
    from companies.filings.store import store_version

    slug = f"document-{time.time_ns()}"
    filing = Filing.objects.create(slug=slug, kind=FilingKind.PROSPECTUS, tier=Tier.OFFICIAL, title="Prospectus")
    version = store_version(filing, Path(path).read_bytes()).version
    watch = _Watch(version.pk)
    watch.start()
    began = time.perf_counter()
    status = extract(version.pk)
    seconds = time.perf_counter() - began
    watch.finish()
    texts = version.pages.values_list("text", flat=True)
    return {
        "filing": filing.pk, "status": status, "seconds": seconds, "first_page": watch.first_page, "pages": len(texts),
        "characters": sum(map(len, texts)), "child_megabytes": watch.child_megabytes,
        "own_megabytes": peak_megabytes(os.getpid()),
    }  # fmt: skip


class _Watch(threading.Thread):
    """Looks at the process that reads a document, and for its first page, until it is told to finish."""

    def __init__(self, version: int) -> None:
        super().__init__(daemon=True)
        self.first_page = 0.0
        self.child_megabytes = 0.0
        self._version, self._done = version, threading.Event()

    def run(self) -> None:
        began = time.perf_counter()
        while not self._done.wait(0.02):
            children = Path(f"/proc/self/task/{threading.main_thread().native_id}/children").read_text().split()
            for child in children:
                # It may end while we look.
                with suppress(OSError):
                    self.child_megabytes = max(self.child_megabytes, peak_megabytes(int(child)))
            if not self.first_page and FilingPage.objects.filter(version=self._version).exists():
                self.first_page = time.perf_counter() - began
        connection.close()

    def finish(self) -> None:
        """Stop, and wait for it."""
        self._done.set()
        self.join()


def wait_for_workers(seconds: float) -> bool:
    """Whether a worker answers within that time."""
    from config.celery import app

    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if app.control.ping(timeout=0.5):
            return True
    return False


def _milliseconds(measured: Callable[[], object], rounds: int) -> list[float]:
    samples = []
    for _ in range(rounds):
        began = time.perf_counter()
        measured()
        samples.append((time.perf_counter() - began) * 1000)
    return samples


if __name__ == "__main__":
    COMMANDS: dict[str, Callable[..., Any]] = {
        function.__name__: function
        for function in (
            fill,
            time_snapshot,
            read_latest_quotes,
            count_queries,
            bump,
            closed_days,
            refresh,
            refresh_often,
            read_document,
            fill_filings,
            time_searches,
            wait_for_workers,
        )
    }
    print(json.dumps(COMMANDS[sys.argv[1]](**json.loads(sys.argv[2]))))
