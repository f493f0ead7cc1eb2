"""Finding companies by what a reader types: a name in either language, pinyin or its initials, or a ticker."""

from __future__ import annotations

import re
from dataclasses import dataclass
from unicodedata import normalize

from django.db.models import Case, Exists, F, IntegerField, OuterRef, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Concat

from companies.models import Company, Listing

LONGEST_SEARCH = 100

# How people name an exchange around a ticker: 688795.SH, 6082.HK, sh688795, XHKG:6082, NVDA.O.
EXCHANGES: dict[str, tuple[str, ...]] = {
    "sh": ("XSHG",), "ss": ("XSHG",), "xshg": ("XSHG",), "sse": ("XSHG",),
    "sz": ("XSHE",), "xshe": ("XSHE",), "szse": ("XSHE",),
    "hk": ("XHKG",), "xhkg": ("XHKG",), "hkex": ("XHKG",), "sehk": ("XHKG",),
    "us": ("XNAS", "XNYS", "XASE"), "o": ("XNAS",), "oq": ("XNAS",), "n": ("XNYS",),
    "xnas": ("XNAS",), "nasdaq": ("XNAS",), "xnys": ("XNYS",), "nyse": ("XNYS",),
}  # fmt: skip
_NAMES = "|".join(sorted(EXCHANGES, key=len, reverse=True))
_TICKER = re.compile(
    rf"(?:(?P<before>{_NAMES})(?:[:.]|(?=\d)))?(?P<code>\d{{1,6}}|[a-z]{{1,6}})(?:[.:](?P<after>{_NAMES}))?"
)

EXACT, BEGINNING, WITHIN = range(3)


@dataclass(frozen=True, slots=True)
class TickerWord:
    """A word read as a ticker: its code in lower case without leading zeros, and the exchanges it names, if any."""

    code: str
    mics: tuple[str, ...] = ()

    @property
    def spellings(self) -> list[str]:
        """The code as an exchange may write it: Hong Kong pads to four digits, data vendors to five."""
        if not self.code.isdigit():
            return [self.code.upper()]
        return [self.code, *(self.code.zfill(width) for width in (4, 5, 6) if width > len(self.code))]


def words_of(text: str) -> list[str]:
    """The words of a search, in lower case; full-width letters and digits of a Chinese keyboard become plain ones."""
    return list(dict.fromkeys(normalize("NFKC", text).lower().split()))


def ticker_word(word: str) -> TickerWord | None:
    """A word of a search as a ticker, with or without its exchange; None when it cannot be one."""
    match = _TICKER.fullmatch(word)
    if match is None:
        return None
    exchange = match["before"] or match["after"]
    code = match["code"]
    return TickerWord(code.lstrip("0") or "0" if code.isdigit() else code, EXCHANGES.get(exchange or "", ()))


def found_companies(text: str) -> QuerySet[Company]:
    """Companies that have every word of `text` in a name or ticker; all for an empty text; never archived ones.

    Annotated with `rank`: `EXACT` when a name or ticker is what was typed, `BEGINNING` when each word begins one,
    `WITHIN` otherwise; in this order, then by English name.
    """
    words = words_of(text)
    # One key per line: with a line break at both ends a whole key and the beginning of a key can be told apart.
    lines = Concat(Value("\n"), F("search_keys"), Value("\n"), output_field=TextField())
    companies = Company.objects.current().annotate(keys=lines)
    exact, beginning, anywhere = Q(keys__contains=f"\n{' '.join(words)}\n"), Q(), Q()
    for word in words:
        begins = Q(keys__contains=f"\n{word}")
        within = Q(keys__contains=word)
        ticker = ticker_word(word)
        if ticker is not None:
            begins |= _listed_as(ticker, whole=False)
            within |= _listed_as(ticker, whole=False)
            if len(words) == 1:
                exact |= _listed_as(ticker, whole=True)
        beginning &= begins
        anywhere &= within
    if not words:
        return companies.annotate(rank=Value(WITHIN)).order_by("name_en")
    rank = Case(
        When(exact, then=Value(EXACT)),
        When(beginning, then=Value(BEGINNING)),
        default=Value(WITHIN),
        output_field=IntegerField(),
    )
    return companies.filter(anywhere).annotate(rank=rank).order_by("rank", "name_en")


def _listed_as(ticker: TickerWord, *, whole: bool) -> Q:
    """Companies with this ticker, or with one that begins so."""
    matches = Q(ticker__in=ticker.spellings)
    if not whole:
        matches |= Q(ticker__istartswith=ticker.code)
    if ticker.mics:
        matches &= Q(mic__in=ticker.mics)
    return Q(Exists(Listing.objects.filter(matches, company=OuterRef("pk"))))
