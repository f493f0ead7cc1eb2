"""What a refresh says about a price or a rate, in the reader's words. Codes that are not here are shown as they are."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from companies.filings import not_fetched, store
from companies.models import FilingVersion

WORDS: Mapping[str, str | Promise] = {
    # A row of a reply (valuations.providers)
    "suspended": _("trading is suspended"),
    "no_trade": _("no trade yet today"),
    "auction": _("opening auction: the price is only indicative"),
    "before_open": _("the exchange has not opened yet"),
    "zero_price": _("the price is zero"),
    "blank_price": _("the reply has no price"),
    "unknown_symbol": _("the source does not know this ticker"),
    "no_code": _("the source has no way to write this ticker"),
    "not_in_reply": _("not in the reply"),
    "short_row": _("the row has too few fields"),
    "bad_number": _("a number cannot be read"),
    "bad_time": _("the time cannot be read"),
    "symbol_mismatch": _("the row is about another ticker"),
    "misfit": _("a number that no price, rate or volume can be"),
    "not_a_share": _("the row is not about a share"),
    "mixed_dates": _("rates of different days in one reply"),
    # The checks before a price or a rate is stored (valuations.checks)
    "price_not_positive": _("the price is zero or negative"),
    "wrong_currency": _("not in the listing's currency"),
    "future_time": _("its time lies in the future"),
    "older_than_stored": _("older than the price we have"),
    "closed_day": _("of a day on which the exchange was closed"),
    "beyond_limit": _("further from the last price than one day allows"),
    "beyond_limit_confirmed": _("further from the last price than one day allows; a second source says the same"),
    "second_source": _("the first source was too far off: the price is of a second one"),
    "classes_apart": _("too far from the price of the company's other share class"),
    "market_value_differs": _("price × shares is more than 5% from the source's own market value"),
    "market_value_off": _("price × shares is more than 1% from the source's own market value"),
    "cap_mismatch": _("the source's market value is not its price × its shares"),
    "not_newer": _("no newer than the price we have"),
    "bar_stored": _("the final bar of the day is stored already"),
    "stale": _("of an earlier session than the last one"),
    "rate_not_positive": _("the rate is zero or negative"),
    "same_currency": _("a rate of a currency against itself"),
    "future_day": _("its day lies in the future"),
    # Daily bars (valuations.bars, valuations.history)
    "no_bars": _("no source has bars of these days"),
    "gaps_unconfirmed": _("many days lack a bar, and no second source says that there was no trade"),
    "bar_differs": _("a bar differs by more than 1% from the stored row of a named source, which stays"),
    "discarded": _("a bar that an editor has discarded"),
    # Lists of filings (valuations.filing_refresh)
    "nothing_listed": _("nothing is listed in these days"),
    "no_listing": _("the company is not listed there"),
    "second_list": _("the exchange gave no usable reply: CNINFO lists the same documents"),
    "fewer_than_before": _("the list lacks most of what it held before"),
    "rows_missing": _("the list is not complete"),
    "unreadable_rows": _("some rows cannot be used"),
    "names_unsure": _("applicants that may be a company of ours, but bear none of its names exactly"),
    # Documents (valuations.document_refresh): fetching and storing the file, reading its text
    **not_fetched.WORDS,
    **store.WORDS,
    "sources_off": _("fetching is switched off on this instance (SOURCES_ENABLED)"),
    "same_file": _("the file is the one we have"),
    "no_file": _("there is neither a file nor an address to fetch it from"),
    "file_missing": _("the stored file is gone: fetch or upload it again"),
    "file_is_here": _("the file is here, its text is read next"),
    "passages": _("its passages are looked for again"),
    "passages_wait": _("some passages were not found again for certain: they wait for review"),
    **{status.value: status.label for status in FilingVersion.Status},
    # The job itself (valuations.refresh, valuations.ledger)
    "source_failed": _("the source gave no usable reply"),
    "sources_rest": _("every source is left alone for now, after failures"),
    "no_source": _("no source covers this exchange"),
    "no_rates": _("the reply has no rates"),
    "job_failed": _("the job broke off"),
    "not_done": _("given up before it was done"),
    "cancelled": _("cancelled before it was done"),
}


def reason_in_words(code: str) -> str:
    """The words for a reason's code."""
    return str(WORDS.get(code, code))
