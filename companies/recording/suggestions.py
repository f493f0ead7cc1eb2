"""What a filing and a passage suggest about a figure: its period and how firm it is. Pure: a person decides."""

from __future__ import annotations

import re
from datetime import date

from companies.periods import CALENDAR_YEAR

# The basis of what a kind of document states; others state what has happened.
_BASES = {
    "earnings_forecast": "guidance",
    "express_report": "preliminary",
    "research_report": "forecast",
    "news": "claimed",
    "media": "claimed",
    "data_site": "claimed",
}
_AHEAD = re.compile(r"[预預][计計期告]|\bexpect(?:s|ed)?\b|\bguidance\b|\boutlook\b|\bforecast", re.IGNORECASE)
_CHINESE = re.compile(
    r"(?P<year>20[0-9]{2})\s*年?\s*(?:(?P<part>半年度?|上半年|1\s*[-至]\s*6\s*月|下半年|前三季度|三季度报告|1\s*[-至]\s*9\s*月|"
    r"第?[一1]季度?|第?[二2]季度|第?[三3]季度|第?[四4]季度|1\s*[-至]\s*3\s*月)|(?P<whole>年度|年年度|全年))"
)
_CHINESE_PARTS = (
    ("半年", "H1"), ("上半年", "H1"), ("下半年", "H2"), ("前三季", "Q1-Q3"), ("三季度报告", "Q1-Q3"), ("一季", "Q1"),
    ("1季", "Q1"), ("二季", "Q2"), ("2季", "Q2"), ("三季", "Q3"), ("3季", "Q3"), ("四季", "Q4"), ("4季", "Q4"),
)  # fmt: skip
_CHINESE_MONTHS = {"3": "Q1", "6": "H1", "9": "Q1-Q3"}
_ENGLISH = re.compile(
    r"\b(?P<nth>first|second|third|fourth)[\s-]+quarter(?:\s+of)?(?P<fiscal>\s+fiscal(?:\s+year)?)?\s+(?P<in>20[0-9]{2})\b"
    r"|\b(?:(?P<h>H[12])|(?P<q>Q[1-4])|FY)\s*(?P<year>20[0-9]{2})\b|\b(?P<first>20[0-9]{2})\s*(?P<part>[HQ][1-4])\b"
    r"|\b(?:annual (?:report|results)|fiscal(?: year)?|year ended[^.;]{0,20}?)\s*(?P<whole>20[0-9]{2})\b"
    r"|\b(?P<before>20[0-9]{2}) annual (?:report|results)\b"
    r"|\binterim (?:report|results)\s*(?P<interim>20[0-9]{2})\b|\b(?P<half>20[0-9]{2}) interim (?:report|results)\b"
    r"|\bsix months ended[^.;]{0,20}?(?P<six>20[0-9]{2})\b",
    re.IGNORECASE,
)
_NTH = {"first": 1, "second": 2, "third": 3, "fourth": 4}
MOST = 6


def basis_of(kind: str, passage: str) -> str:
    """How firm a figure from a document of this kind usually is; where a report looks ahead, it guides."""
    basis = _BASES.get(kind, "actual")
    return "guidance" if basis == "actual" and _AHEAD.search(passage) else basis


def periods(
    passage: str, title: str, kind: str, period_end: date | None, fiscal_year_end: str = CALENDAR_YEAR
) -> list[str]:
    """Labels of periods that a figure may be of, the likeliest first: of the passage, the title, the filing itself."""
    found = [*_named(passage, fiscal_year_end), *_named(title, fiscal_year_end), *_reported(kind, period_end)]
    return list(dict.fromkeys(found))[:MOST]


def _named(text: str, fiscal_year_end: str) -> list[str]:
    places: list[tuple[int, str]] = []
    for match in _CHINESE.finditer(text):
        year = match["year"]
        places.append((match.start(), f"FY{year}" if match["whole"] else f"{year}{_chinese_part(match['part'])}"))
    for match in _ENGLISH.finditer(text):
        places.append((match.start(), _english_label(match, fiscal_year_end)))
    return [label for _place, label in sorted(places)]


def _chinese_part(words: str) -> str:
    if words.endswith("月"):
        return _CHINESE_MONTHS[words.rstrip("月").strip()[-1]]
    return next(part for spelling, part in _CHINESE_PARTS if spelling in words)


def _english_label(match: re.Match[str], fiscal_year_end: str) -> str:
    whole = match["whole"] or match["before"]
    half = match["interim"] or match["half"] or match["six"]
    if whole or half:
        return f"FY{whole}" if whole else f"{half}H1"
    if match["nth"]:
        quarter = f"{match['in']}Q{_NTH[match['nth'].lower()]}"
        return f"FY{quarter}" if match["fiscal"] or fiscal_year_end != CALENDAR_YEAR else quarter
    year, part = match["year"] or match["first"], (match["h"] or match["q"] or match["part"] or "").upper()
    if part in ("H3", "H4") or not part:
        return f"FY{year}"
    # Where the year is not the calendar's, a quarter is of the fiscal year.
    return f"{year}{part}" if part.startswith("H") or fiscal_year_end == CALENDAR_YEAR else f"FY{year}{part}"


def _reported(kind: str, end: date | None) -> list[str]:
    """Periods that end with the last day a document reports on."""
    if end is None:
        return []
    if kind in ("annual_report", "annual_results"):
        return [f"FY{end.year}"]
    by_month = {3: ["Q1"], 6: ["H1", "Q2"], 9: ["Q1-Q3", "Q3"], 12: ["H2", "Q4"]}
    labels = [f"{end.year}{part}" for part in by_month.get(end.month, [])]
    return [*([f"FY{end.year}"] if end.month == 12 else []), *labels]
