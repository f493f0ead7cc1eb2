"""The example documents that come with the project: invented, marked so, and about no company that there is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from companies.filings.extraction import extract
from companies.filings.store import store_version
from companies.models import Filing, FilingKind, Tier

FOLDER = Path(__file__).resolve().parent.parent / "starter" / "documents"


@dataclass(frozen=True, slots=True)
class Example:
    """One of them."""

    slug: str
    file_name: str
    title: str
    title_original: str


EXAMPLES = (
    Example(
        "example-annual-report",
        "example.pdf",
        "EXAMPLE: annual report 2025 of Example Silicon (invented)",
        "示例：示例芯片 2025 年年度报告（虚构）",
    ),
    Example(
        "example-annual-report-web-page",
        "example.html",
        "EXAMPLE: annual report 2025 of Example Silicon (invented), as a web page",
        "示例：示例芯片 2025 年年度报告（虚构），网页版",
    ),
)


def run_load_examples(folder: Path = FOLDER) -> list[Filing]:
    """Bring the examples in and read them. Those that are here are left alone, also where somebody renamed them.

    An example that was deleted comes back; where a new release brings another file, that is its next version.

    Returns:
        The filings that were made, or got a file.
    """
    return [filing for example in EXAMPLES if (filing := _load(example, folder / example.file_name))]


def _load(example: Example, path: Path) -> Filing | None:
    filing, made = Filing.objects.get_or_create(
        slug=example.slug,
        defaults={
            "kind": FilingKind.ANNUAL_REPORT,
            # The farthest from a company's own words: were it ever taken for a source, any other would go before it.
            "tier": Tier.SECONDARY,
            "title": example.title,
            "title_original": example.title_original,
            "language": "zh",
            "published_on": date(2026, 3, 2),
            "published_precision": "day",
            "is_example": True,
        },
    )
    stored = store_version(filing, path.read_bytes(), file_name=example.file_name)
    if not stored.version.extraction:
        extract(stored.version.pk)
    return filing if made or stored.created else None
