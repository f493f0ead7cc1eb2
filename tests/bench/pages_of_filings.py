"""Invented filings with pages of Chinese, and searches in them. Runs inside an instance, see `tests.bench.inside`."""

from __future__ import annotations

import random
import re
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.test import Client

from companies.filings.grams import grams_of
from companies.filings.search import PAGES_TOGETHER, add_part, index_version, parsed
from companies.models import Company, Filing, FilingKind, FilingPage, FilingVersion, MediaType, SearchPart, Tier

CHARACTERS, VOCABULARY, WORDS_OF_A_PAGE = 3000, 12_000, 420
LATIN = ["NVIDIA", "revenue", "GPU", "Cambricon", "AI", "H100", "semiconductor", "Shanghai", "net", "profit"]
COMPANIES = 50
DISTINCT = 30  # filings with a text of their own
THINNED = 16


def texts(seed: int = 1) -> Iterator[str]:
    """Pages without end: words of one to four characters, few of them common and most rare, amounts and Latin words."""
    chance = random.Random(seed)
    characters = [chr(0x4E00 + place * 5) for place in range(CHARACTERS)]
    common_first = list(accumulate(1 / (rank + 3) ** 0.6 for rank in range(CHARACTERS)))
    words = [
        "".join(
            chance.choices(characters, cum_weights=common_first, k=chance.choices([1, 2, 3, 4], [5, 70, 10, 15])[0])
        )
        for _ in range(VOCABULARY)
    ]
    weights = list(accumulate(1 / (rank + 10) ** 0.95 for rank in range(VOCABULARY)))
    while True:
        page = chance.choices(words, cum_weights=weights, k=WORDS_OF_A_PAGE)
        for at in range(0, WORDS_OF_A_PAGE, 14):
            amount = f"{chance.randrange(1, 10_000):,}.{chance.randrange(100):02}万元,"
            page[at] = chance.choices([amount, "。\n", f" {chance.choice(LATIN)} "], [4, 5, 1])[0]
        yield "".join(page)


def fill_filings(filings: int, pages: int) -> dict[str, Any]:
    """Filings of some companies, each with one version of so many pages.

    The first `DISTINCT` are indexed as they would be, which is timed. The others are made of their parts, drawn at
    random, so that half a million pages take minutes: see `_fill_from_parts`.
    """
    companies = Company.objects.bulk_create(
        Company(slug=f"sample-{n}", name_en=f"Sample {n}", search_keys=f"sample {n}") for n in range(COMPANIES)
    )
    every = Filing.objects.bulk_create(
        Filing(
            slug=f"sample-{n}", company=companies[n % COMPANIES], kind=FilingKind.ANNUAL_REPORT, tier=Tier.OFFICIAL,
            title=f"Report {n}", publisher="Sample Exchange", language="zh",
            # The distinct ones lie among the others.
            published_on=date(2015, 1, 1) + timedelta(days=n * 7919 % 4000), published_precision="day",
        )
        for n in range(filings)
    )  # fmt: skip
    text = texts()
    distinct = [_version(filing, [next(text) for _ in range(pages)]) for filing in every[:DISTINCT]]
    began, began_processor = time.perf_counter(), time.process_time()
    for version in distinct:
        index_version(version)
    wall, processor = time.perf_counter() - began, time.process_time() - began_processor
    _fill_from_parts(every[DISTINCT:], pages)
    return {
        "pages": filings * pages,
        "characters": sum(len(page.text) for page in distinct[0].pages.all()) // pages,
        "per_second": len(distinct) * pages / wall,
        "processor_ms": processor / len(distinct) / pages * 1000,
    }


def _version(filing: Filing, pages: list[str]) -> FilingVersion:
    """A version with these pages, not indexed yet."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    version = FilingVersion.objects.create(
        filing=filing, number=1, sha256=f"{filing.pk:064x}", size=1, media_type=MediaType.PDF, received_at=now,
        status=FilingVersion.Status.READY, page_count=len(pages), extraction=1, extracted_at=now,
    )  # fmt: skip
    FilingPage.objects.bulk_create(
        FilingPage(version=version, number=number, text=text) for number, text in enumerate(pages, start=1)
    )
    return version


def _fill_from_parts(filings: Sequence[Filing], pages: int) -> None:
    """Give each of the filings a version of parts that are in the index already, whole but for their grams.

    Of those that no question asks for only one in `THINNED` is indexed: what a question goes through is all there.
    """
    asked = {gram for query in questions().values() for term in parsed(query["q"]) for gram in term.grams}
    parts = [_texts_of(part) for part in SearchPart.objects.filter(last=F("first") + PAGES_TOGETHER - 1)]
    drawn = [
        (texts, [gram for gram in set().union(*map(grams_of, texts)) if gram in asked or _chosen(gram)])
        for texts in parts
    ]
    chance = random.Random(2)
    for filing in filings:
        with transaction.atomic():
            of_filing = chance.choices(drawn, k=pages // PAGES_TOGETHER)
            version = _version(filing, [text for texts, _grams in of_filing for text in texts])
            for first, (_texts, grams) in zip(range(1, pages, PAGES_TOGETHER), of_filing, strict=True):
                add_part(version, first, first + PAGES_TOGETHER - 1, grams)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")  # which it does in life, some minutes later


def _chosen(gram: str) -> bool:
    return zlib.crc32(gram.encode()) % THINNED == 0


def _texts_of(part: SearchPart) -> list[str]:
    pages = FilingPage.objects.filter(version=part.version_id, number__range=(part.first, part.last))
    return list(pages.order_by("number").values_list("text", flat=True))


def time_searches(rounds: int) -> dict[str, dict[str, Any]]:
    """Milliseconds of each question to the list, as htmx asks it: of the clock, and of the processor in this process.

    Beside them how many filings it finds, and whether these are all.
    """
    client = Client(SERVER_NAME="localhost")
    found: dict[str, dict[str, Any]] = {}
    for name, query in questions().items():
        wall, processor = [], []
        for _ in range(rounds + 1):
            began, began_processor = time.perf_counter(), time.process_time()
            client.get("/filings/", query, headers={"HX-Request-Type": "partial"})
            processor.append((time.process_time() - began_processor) * 1000)
            wall.append((time.perf_counter() - began) * 1000)
        answer = client.get("/filings/list.json", query).json()
        found[name] = {  # the first one fills the caches
            "ms": wall[1:],
            "processor_ms": processor[1:],
            "filings": len(answer["filings"]),
            "complete": answer["complete"],
        }
    return found


def questions() -> dict[str, dict[str, str]]:
    """What people look for, in words that these pages have."""
    page = texts()
    sample = [next(page) for _ in range(500)]
    share = Counter(gram for text in sample for gram in grams_of(text) if re.fullmatch(r"[一-鿿]{2}", gram))
    (phrase,) = re.findall(r"[一-鿿]{14}", sample[7])[:1]
    (amount,) = re.findall(r"\d,\d{3}\.\d\d", sample[8])[:1]

    def word(percent: float) -> str:
        return min(share, key=lambda gram: (abs(share[gram] - percent * len(sample) / 100), gram))

    return {
        "two characters, on most pages": {"q": word(90)},
        "two characters, on every third page": {"q": word(33)},
        "two characters, on every hundredth page": {"q": word(1)},
        "four characters": {"q": phrase[:4]},
        "a phrase of fourteen characters": {"q": phrase},
        "a Latin word": {"q": "nvidia"},
        "a long Latin word": {"q": "semiconductor"},
        "an amount": {"q": amount},
        "two words": {"q": f"{word(10)} {word(5)}"},
        "two common words": {"q": f"{word(90)} {word(60)}"},
        "one character, on most pages": {"q": word(90)[0]},
        "a common word, of one company": {"q": word(33), "company": "sample-7"},
        "nothing like it": {"q": "鑫龘"},
    }
