"""How numbers, days and states are written: rounding, units, signs and words of the reader's language.

Nothing is rounded before it gets here. English counts in bn and tn, Chinese in 亿 and 万亿, unless the reader chose
otherwise; a range keeps both of its ends and one unit; an open range says ≥ or ≤; a missing number is a dash that
carries its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import lru_cache
from typing import Any

from django import template
from django.urls import get_script_prefix, reverse
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import localtime
from django.utils.translation import get_language, gettext_lazy, ngettext, pgettext, pgettext_lazy
from django.utils.translation import gettext as _

from companies.models.company import Company, Listing
from companies.models.figure import Basis, Metric
from companies.models.filing import Filing, Tier
from companies.places import place_in_words
from companies.preferences import counts_in_chinese_units, preferences
from companies.stages import STAGES
from valuations.money import Interval, Money
from valuations.reasons import Missing
from valuations.sector import Sector
from valuations.sessions import FreshnessState
from valuations.snapshot import CompanyValuation, Coverage, Price, Snapshot, today
from valuations.state import State
from valuations.trailing import RevenueBasis

register = template.Library()

MISSING = "—"
Word = str | Promise

STATE_WORDS: dict[str, Word] = {
    FreshnessState.LIVE: pgettext_lazy("price", "live"),
    FreshnessState.DELAYED: pgettext_lazy("price", "delayed"),
    FreshnessState.LUNCH_BREAK: pgettext_lazy("price", "lunch break"),
    FreshnessState.CLOSED: pgettext_lazy("price", "closed"),
    FreshnessState.HOLIDAY: pgettext_lazy("price", "holiday"),
    FreshnessState.SUSPENDED: pgettext_lazy("price", "suspended"),
    FreshnessState.STALE: pgettext_lazy("price", "stale"),
    FreshnessState.FAILED: pgettext_lazy("price", "not refreshed"),
}
# Amber: the reader should look twice before believing that this is the price of now.
STATES_TO_LOOK_AT = {FreshnessState.DELAYED, FreshnessState.SUSPENDED, FreshnessState.STALE, FreshnessState.FAILED}
REVENUE_BASIS_WORDS: dict[str, Word] = {
    RevenueBasis.FY: gettext_lazy("last fiscal year"),
    RevenueBasis.TTM: gettext_lazy("trailing 12 months"),
    RevenueBasis.GUIDANCE: gettext_lazy("guidance"),
}
BASIS_WORDS: dict[str, Word] = {
    Basis.ACTUAL: pgettext_lazy("basis", "actual"),
    Basis.PRELIMINARY: pgettext_lazy("basis", "preliminary"),
    Basis.GUIDANCE: pgettext_lazy("basis", "guidance"),
    Basis.FORECAST: pgettext_lazy("basis", "forecast"),
    Basis.CLAIMED: pgettext_lazy("basis", "claimed"),
}
NUMBER_WORDS: dict[str, Word] = {
    "price": gettext_lazy("Price"),
    "change": gettext_lazy("Day’s change"),
    "market_value": gettext_lazy("Market value"),
    "revenue": gettext_lazy("Revenue"),
    "price_to_sales": gettext_lazy("Price to sales"),
    "rd_to_revenue": gettext_lazy("R&D ÷ revenue"),
}
ENGLISH_UNITS = ((Decimal(10) ** 12, "tn"), (Decimal(10) ** 9, "bn"), (Decimal(10) ** 6, "m"))
CHINESE_UNITS = ((Decimal(10) ** 12, "万亿"), (Decimal(10) ** 8, "亿"), (Decimal(10) ** 4, "万"))
CHINESE_CURRENCIES = {"CNY": "元", "USD": "美元", "HKD": "港元", "EUR": "欧元"}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

TABLE_DIGITS, TILE_DIGITS, PANEL_DIGITS = 4, 3, 7


def in_chinese() -> bool:
    """Whether the reader's language is Chinese."""
    return (get_language() or "").startswith("zh")


# --- Plain numbers ------------------------------------------------------------------------------


def rounded(value: Decimal, places: int) -> str:
    """With so many decimals at most: thousands separated, no trailing zeros, a real minus sign but none before zero."""
    with localcontext(prec=60):  # the usual 28 digits are too few for huge numbers
        text = f"{value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):,f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "0") else text.replace("-", "−")


def places_for(value: Decimal, digits: int) -> int:
    """How many decimals show `value` with so many significant digits; none for a number that long already."""
    return max(0, digits - 1 - value.adjusted()) if value else 0


def significant(value: Decimal, digits: int) -> str:
    """With so many significant digits; all digits before the point are always kept."""
    return rounded(value, min(places_for(value, digits), 12))


def ends(interval: Interval, write: Callable[[Decimal, int], str]) -> str:
    """Both ends of a range, or its one number. `write` takes a number and how many digits to show beyond its usual.

    The ends are told apart: when rounding makes them equal they are written with more digits.
    """
    low, high = interval.low, interval.high
    if low is None or high is None:
        return f"≤ {write(high, 0)}" if high is not None else f"≥ {write(low, 0)}" if low is not None else MISSING
    if low == high:
        return write(low, 0)
    for more in range(8):
        first, last = write(low, more), write(high, more)
        if first != last:
            break
    return f"{first} – {last}" if "−" in first + last else f"{first}–{last}"


# --- Money --------------------------------------------------------------------------------------


def table_unit(currency: str) -> tuple[Decimal, str]:
    """What a column of amounts is counted in: the divisor, and its name with the currency."""
    divisor, name = (Decimal(10) ** 8, "亿") if counts_in_chinese_units() else (Decimal(10) ** 9, "bn")
    return divisor, _with_currency(name, currency)


def _currency_in_chinese(currency: str) -> str:
    return CHINESE_CURRENCIES.get(currency) or f" {currency}"


def _with_currency(text: str, currency: str) -> str:
    """A number's unit, with or without the number, and its currency; units of the other language stand apart."""
    if not in_chinese():
        return f"{currency} {text}"
    gap = " " if text[-1:].isascii() and text[-1:].isalpha() else ""
    return f"{text}{gap}{_currency_in_chinese(currency).strip() if gap else _currency_in_chinese(currency)}"


def _scaled(value: Money, digits: int) -> str:
    largest = max(abs(end) for end in (value.low, value.high) if end is not None)
    chinese = counts_in_chinese_units()
    units = CHINESE_UNITS if chinese else ENGLISH_UNITS
    divisor, name = next(((size, word) for size, word in units if largest >= size), (Decimal(1), ""))
    text = ends(value.amount, lambda end, more: significant(end / divisor, digits + more))
    sign, number = (text[:2], text[2:]) if text[:2] in ("≥ ", "≤ ") else ("", text)
    gap = " " if name and not (chinese and in_chinese()) else ""
    return sign + _with_currency(f"{number}{gap}{name}", value.currency)


@register.filter
def money(value: Money | None, digits: int = TILE_DIGITS) -> str:
    """An amount with its currency and unit: `CNY 1.56 tn`, `CNY 1.6–1.7 bn`, `1.56万亿元`."""
    return MISSING if value is None else _scaled(value, digits)


@register.filter
def hundredth(value: Money) -> Money:
    """One percent of an amount."""
    return value.converted(Decimal("0.01"), value.currency)


@register.filter
def amount(value: Money | None) -> str:
    """An amount in the unit of its column, which the header names (see `unit`)."""
    if value is None:
        return MISSING
    divisor, _name = table_unit(value.currency)
    return ends(value.amount, lambda end, more: significant(end / divisor, TABLE_DIGITS + more))


@register.filter
def unit(currency: str) -> str:
    """The unit of a column of amounts: `CNY bn`, `亿元`."""
    return table_unit(currency)[1]


@register.filter
def price(value: Decimal | None) -> str:
    """A price per share: two decimals, more where it has them."""
    if value is None:
        return MISSING
    exact = -int(value.normalize().as_tuple().exponent)
    return f"{value.quantize(Decimal(1).scaleb(-min(max(exact, 2), 6))):,f}"


@register.filter
def currency(code: str) -> str:
    """The name of a currency as it stands beside a number: `CNY`, `元`."""
    return CHINESE_CURRENCIES.get(code, code) if in_chinese() else code


def in_currency(text: str, currency: str) -> str:
    """A number with its currency, the way the reader's language writes it: `CNY 12.50`, `12.50元`."""
    return f"{text}{_currency_in_chinese(currency)}" if in_chinese() else f"{currency} {text}"


@register.filter
def share_price(close: Any, currency: str) -> str:
    """A price per share with its currency: `CNY 1,009.01`, `1,009.01元`."""
    return in_currency(price(close), currency)


@register.filter
def exact(value: Any) -> str:
    """Every digit, unscaled: for those who check."""
    if isinstance(value, Money):
        return in_currency(exact(value.amount), value.currency)
    if isinstance(value, Interval):
        return ends(value, lambda end, _more: rounded(end, 10))
    if isinstance(value, int | Decimal):
        return rounded(Decimal(value), 10)
    return MISSING if value is None else str(value)


@register.filter
def value(given: Any) -> str:
    """Any input of a number (Money, Interval, Decimal, int, text), nearly exact: for source panels."""
    if isinstance(given, Money):
        largest = max(abs(end) for end in (given.low, given.high) if end is not None)
        return exact(given) if largest < 10**6 else _scaled(given, PANEL_DIGITS)
    return exact(given)


# --- Ratios -------------------------------------------------------------------------------------


@register.filter
def multiple(value: Interval | None) -> str:
    """A multiple: `66×`, `9.6×`, `117–124×`; `66倍`."""
    if value is None:
        return MISSING
    times = "倍" if in_chinese() else "×"
    return f"{ends(value, lambda end, more: rounded(end, more + (0 if abs(end) >= 10 else 1)))}{times}"


@register.filter
def percent(value: Interval | Decimal | None) -> str:
    """A share of the whole: `22%`, `4.2%`, `20–25%`."""
    if value is None:
        return MISSING
    interval = value if isinstance(value, Interval) else Interval.point(value)
    return f"{ends(interval, lambda end, more: rounded(end * 100, more + (0 if abs(end) >= Decimal('0.1') else 1)))}%"


@register.filter
def change(value: Decimal | None) -> str:
    """A relative change with arrow and sign, so that no one depends on its colour: `▲ +2.1%`, `▼ −1.2%`, `0.0%`."""
    if value is None:
        return MISSING
    figure = (value * 100).quantize(Decimal("0.1"), ROUND_HALF_UP)
    if not figure:
        return "0.0%"
    return f"▲ +{figure:,f}%" if figure > 0 else f"▼ −{-figure:,f}%"


@register.filter
def direction(value: Decimal | str | None) -> str:
    """The class that colours a change; none where there is no price (a template then passes an empty text)."""
    figure = (value * 100).quantize(Decimal("0.1"), ROUND_HALF_UP) if isinstance(value, Decimal) else 0
    return "up" if figure > 0 else "down" if figure < 0 else ""


# --- Days and periods ---------------------------------------------------------------------------


@register.filter
def day(value: date | None) -> str:
    """A day: `30 Sep 2026`, `2026年9月30日`."""
    if value is None:
        return MISSING
    if in_chinese():
        return f"{value.year}年{value.month}月{value.day}日"
    return f"{value.day} {MONTHS[value.month - 1]} {value.year}"


@register.filter
def short_day(value: date | None, beside: date | None = None) -> str:
    """A day, without its year when that is the year of `beside`."""
    if value is None or beside is None or value.year != beside.year:
        return day(value)
    return f"{value.month}月{value.day}日" if in_chinese() else f"{value.day} {MONTHS[value.month - 1]}"


@register.filter
def moment(value: datetime | None) -> str:
    """A time in the reader's time zone, which it names: `30 Sep 2026 15:00 CST`, `…15:00（北京时间）`."""
    if value is None:
        return MISSING
    zone = preferences().zone
    local = localtime(value, zone)
    said = f"{day(local.date())} {date_format(local, 'H:i')}"
    if in_chinese() and zone.key == "Asia/Shanghai":
        return f"{said}（北京时间）"  # what everybody calls it; CST is a time zone of America too
    named = local.tzname() or ""
    return f"{said} {named if named[:1].isalpha() else f'UTC{named}'}"  # of many zones there is only a number


@register.filter
def period(value: str) -> str:
    """A period in words: `FY2025`, `H1 2026`, `TTM Jun 2026`; `2025财年`, `2026年上半年`."""
    chinese = in_chinese()
    if value.startswith("TTM-"):
        end = date.fromisoformat(value[4:])
        return f"截至{end.year}年{end.month}月滚动" if chinese else f"TTM {MONTHS[end.month - 1]} {end.year}"
    if value.startswith("FY"):
        first, dash, last = value.partition("-")
        if dash and chinese and last.startswith("FY"):
            return f"{first[2:]}–{last[2:]}财年"
        if dash:
            return f"{period(first)}–{period(last)}"
        return f"{value[2:6]}财年{_part_in_chinese(value[6:])}" if chinese else f"{value[:6]} {value[6:]}".strip()
    year, rest = value[:4], value[4:]
    if rest[:1] in ("H", "Q"):
        return f"{year}年{_part_in_chinese(rest)}" if chinese else f"{rest.replace('-', '–')} {year}"
    try:
        if len(value) == len("2025-10"):
            month = date.fromisoformat(f"{value}-01")
            return f"{month.year}年{month.month}月" if chinese else f"{MONTHS[month.month - 1]} {month.year}"
        return day(date.fromisoformat(value))
    except ValueError:
        return value


def _part_in_chinese(part: str) -> str:
    names = {"H1": "上半年", "H2": "下半年", "Q1-Q3": "前三季度", "Q1": "一季度", "Q2": "二季度", "Q3": "三季度"}
    return {**names, "Q4": "四季度"}.get(part, part)


# --- Words --------------------------------------------------------------------------------------


@register.filter
def state_word(value: str) -> str:
    """The word for the state of a price."""
    return str(STATE_WORDS.get(value, value))


@register.filter
def stage_word(value: str) -> str:
    """The word for where a company stands: listed, applying, not listed."""
    return str(STAGES.get(value, value))


@register.filter
def basis_word(value: str) -> str:
    """The word for how firm a figure is, or for a revenue basis."""
    return str(BASIS_WORDS.get(value) or REVENUE_BASIS_WORDS.get(value, value))


@register.filter
def revenue_basis_word(value: str) -> str:
    """The words for a revenue basis: `trailing 12 months`."""
    return str(REVENUE_BASIS_WORDS.get(value, value))


@register.filter
def tier_word(value: str) -> str:
    """The words for how near a source is to the company's own."""
    return str(Tier(value).label) if value in Tier.values else value


@register.filter
def metric_word(value: str) -> str:
    """The words for what a figure measures."""
    return str(Metric(value).label) if value in Metric.values else value


@register.filter
def number_word(value: str) -> str:
    """The name of a number of a row."""
    return str(NUMBER_WORDS.get(value, value))


@register.filter
def place(value: str) -> str:
    """A city or a board in the reader's language."""
    return place_in_words(value)


@register.filter
def name(company: Company) -> str:
    """A company's name in the reader's language."""
    return str((in_chinese() and company.name_zh) or company.name_en)


@register.filter
def other_name(company: Company) -> str:
    """Its name in the other language, if it has one."""
    return str(company.name_en if in_chinese() and company.name_zh else company.name_zh)


@register.filter
def sentences(said: Iterable[str]) -> str:
    """Sentences one after the other: Chinese leaves no space between them."""
    return ("" if in_chinese() else " ").join(said)


@register.filter
def then(first: str, second: str) -> str:
    """Two sentences, one after the other."""
    return sentences((first, second))


@register.filter
def coverage(value: Coverage) -> str:
    """How much of the sector a total holds: `7 of 9 companies, 1 of them as a range`."""
    counted = _("%(counted)s of %(of)s companies") % {"counted": value.counted, "of": value.of}
    if not value.ranges:
        return counted
    return pgettext("coverage", "%(counted)s, %(ranges)s as a range") % {"counted": counted, "ranges": value.ranges}


# --- Links with the page's state ----------------------------------------------------------------


@register.simple_tag
def state_query(state: State, **changes: Any) -> str:
    """The query string of the state with some values changed, with its question mark; empty for the plain page."""
    query = state.query(**changes)
    return f"?{query}" if query else ""


@register.simple_tag
def latest_day() -> date:
    """The latest day that a page can be asked for."""
    return today()


@lru_cache(maxsize=8192)
def _source_path(_prefix: str, slug: str, field: str) -> str:
    return reverse("valuations:source", args=[slug, field])


@lru_cache(maxsize=8192)
def _company_path(_prefix: str, slug: str) -> str:
    return reverse("valuations:company", args=[slug])


@lru_cache(maxsize=8192)
def _listing_prices_path(_prefix: str, pk: int) -> str:
    return reverse("valuations:listing_prices", args=[pk])


@register.simple_tag
def company_path(company: Company) -> str:
    """The address of a company's page, without a query."""
    return _company_path(get_script_prefix(), company.slug)


@dataclass(frozen=True, slots=True)
class Column:
    """A sortable column: its header, and what a click on it asks for."""

    name: str
    label: Word
    unit: Word = ""
    numeric: bool = False
    query: str = ""
    sorted: str = ""  # the value of aria-sort


@register.simple_tag
def sector_columns(state: State) -> list[Column]:
    """The columns of the sector's table, each with the query that sorts by it."""
    amounts = unit(state.currency)
    columns = [
        Column("company", _("Company")),
        Column("ticker", _("Ticker")),
        Column("price", _("Price"), _("local currency"), numeric=True),
        Column("change", pgettext("day's change", "Day"), numeric=True),
        Column("market_value", _("Market value"), amounts, numeric=True),
        Column(
            "revenue", _("Revenue"), pgettext("unit of a column", "%(unit)s, basis") % {"unit": amounts}, numeric=True
        ),
        Column("price_to_sales", _("P/S"), numeric=True),
        Column("rd_to_revenue", _("R&D ÷ revenue"), numeric=True),
    ]
    return [_sorting(column, state) for column in columns]


def _sorting(column: Column, state: State) -> Column:
    chosen = state.sort == column.name
    first = "desc" if column.numeric else "asc"
    flipped = "asc" if state.direction == "desc" else "desc"
    return Column(
        column.name,
        column.label,
        column.unit,
        column.numeric,
        query=state_query(state, sort=column.name, direction=flipped if chosen else first, page=1),
        sorted=("descending" if state.direction == "desc" else "ascending") if chosen else "",
    )


WRITERS: dict[str, Callable[[CompanyValuation], str]] = {
    "price": lambda row: price(row.price.value) if row.price else "",
    "market_value": lambda row: amount(row.market_value.money) if row.market_value else "",
    "revenue": lambda row: amount(row.revenue.money) if row.revenue else "",
    "price_to_sales": lambda row: multiple(row.price_to_sales) if row.price_to_sales else "",
    "rd_to_revenue": lambda row: percent(row.rd_to_revenue) if row.rd_to_revenue else "",
}


@register.simple_tag
def number(row: CompanyValuation, field: str, query: str) -> SafeString:
    """One number of a row as the link that opens its source; a dash that carries its reason when there is none.

    A tag rather than an include: a page has hundreds of these.
    """
    path = escape(_source_path(get_script_prefix(), row.company.slug, field) + query)
    text = WRITERS[field](row)
    if text:
        return mark_safe(f'<a class="src" href="{path}">{escape(text)}</a>')
    return mark_safe(f'<a class="src none" href="{path}">{dash(row.missing.get(field))}</a>')


@register.filter
def dash(reason: object) -> SafeString:
    """A dash for a missing number; the reason is read out, and shown on hover and focus."""
    if not reason:
        return mark_safe(MISSING)
    return format_html('<span aria-hidden="true">{}</span><span class="why">{}</span>', MISSING, str(reason))


@register.simple_tag
def freshness(row: CompanyValuation, beside: date) -> SafeString:
    """The badge that says how old the value of a row is: a word and a day."""
    if row.price:
        return _badge(row.price.listing, row.price.state, f" · {short_day(row.price.day, beside)}")
    if row.market_value and row.market_value.round:
        said = _("round, %(day)s") % {"day": short_day(row.market_value.round.day, beside)}
        return format_html('<span class="age look">{}</span>', said)
    return _badge(row.listings[0], None) if row.is_listed else SafeString("")


@register.simple_tag
def price_badge(listing: Listing, shown: Price | None) -> SafeString:
    """The badge with the state of one listing's price, or that there is none."""
    return _badge(listing, shown.state if shown else None)


def _badge(listing: Listing, state: FreshnessState | None, more: str = "") -> SafeString:
    """A word for how fresh a price is; a link to the last attempts to renew it."""
    word = f"{state_word(state)}{more}" if state else _("no price")
    kinds = ["age", *(["look"] if state is None or state in STATES_TO_LOOK_AT else []), *([state] if state else [])]
    path = _listing_prices_path(get_script_prefix(), listing.pk)
    return mark_safe(f'<a class="{" ".join(kinds)}" href="{path}">{escape(word)}</a>')


@register.simple_tag
def price_attributes(row: CompanyValuation) -> SafeString:
    """What live.js needs to see that the price of a row changed, and to say whose it is."""
    if row.price is None:
        return SafeString("")
    number = f"{row.price.value.normalize():f}"
    return format_html(' id="now-{}" data-price="{}" data-name="{}"', row.company.slug, number, name(row.company))


@register.simple_tag
def delay_note(minutes: int) -> SafeString:
    """What readers are told who see prices late, with the way out; nothing for the others."""
    if not minutes:
        return SafeString("")
    said = ngettext("Prices are at least %(n)s minute old.", "Prices are at least %(n)s minutes old.", minutes)
    way_out = format_html('<a href="{}">{}</a>', reverse("account_login"), _("Sign in for current ones."))
    return format_html('<p class="note delay">{}{}{}</p>', said % {"n": minutes}, "" if in_chinese() else " ", way_out)


@register.simple_tag
def change_cell(row: CompanyValuation) -> SafeString:
    """The day's change of a row in its colour, or why there is none."""
    if row.price is None or row.price.change is None:
        # Where there is a price the reason can be reached by keyboard; where there is none, the price says why.
        stop = ' tabindex="0"' if row.price else ""
        return mark_safe(f'<span class="none"{stop}>{dash(row.missing.get("change"))}</span>')
    return mark_safe(f'<span class="{direction(row.price.change)}">{change(row.price.change)}</span>')


@register.simple_tag
def revenue_notes(snapshot: Snapshot, row: CompanyValuation) -> SafeString:
    """What stands under a revenue: its period, its basis unless actual, and in amber what to look at."""
    if row.revenue is None:
        return SafeString("")
    flow = row.revenue.flow
    basis = "" if flow.basis == Basis.ACTUAL else f" · {basis_word(flow.basis)}"
    notes = [f"<small>{escape(period(flow.period))}{escape(basis)}</small>"]
    figures = (snapshot.figures.get(term.choice.figure.key) for term in flow.terms)
    if any(figure is not None and figure.known_by == "inferred" for figure in figures):
        inferred = _("date inferred")  # in a line of its own: nothing inside an f-string is found for the catalogue
        notes.append(f'<small class="look">{escape(inferred)}</small>')
    if flow.newer_period:
        said = _("%(period)s known, not comparable") % {"period": period(flow.newer_period)}
        notes.append(f'<small class="look">{escape(said)}</small>')
    return mark_safe("".join(notes))


@dataclass(frozen=True, slots=True)
class Parts:
    """What a total is made of: its summands as text, and who was left out and why."""

    counted: list[str]
    left_out: list[tuple[str, str]]


@register.simple_tag
def total_parts(sector: Sector, field: str) -> Parts:
    """The summands of a total (`market_value` or `revenue`) over all rows, benchmarks apart."""
    parts = Parts([], [])
    for row in sector.rows:
        if row.company.is_benchmark:
            continue
        found = row.market_value if field == "market_value" else row.revenue
        if found is None:
            parts.left_out.append((name(row.company), str(row.missing.get(field, MISSING))))
        elif field == "revenue" and row.revenue and not row.revenue.flow.covers_a_year:
            reason = Missing("part_of_year", {"period": period(row.revenue.flow.period)})
            parts.left_out.append((name(row.company), str(reason)))
        else:
            parts.counted.append(f"{name(row.company)} {amount(found.money)}")
    return parts


@register.simple_tag
def filings_of(sector: Sector) -> SafeString:
    """Items of a list: every document or page that the numbers of a page of rows come from, once each, by publisher."""
    found: dict[int, Filing] = {}
    for row in sector.page_rows:
        for filing in _filings(sector.snapshot, row):
            if filing is not None:
                found[filing.pk] = filing
    tiers = {tier: str(label) for tier, label in Tier.choices}
    colon, comma = pgettext("between a name and what it says", ": "), pgettext("between two facts", ", ")
    return format_html_join(
        "",
        "<li>{}{}{}{} <small>{}</small></li>",
        (
            (
                filing.publisher_name,
                colon,
                format_html('<a href="{}" rel="noopener external">{}</a>', filing.link, filing)
                if filing.link
                else filing,
                f"{comma}{day(filing.published_on)}" if filing.published_on else "",
                tiers[filing.tier],
            )
            for filing in sorted(found.values(), key=lambda filing: (filing.publisher_name, str(filing)))
        ),
    )


def _filings(snapshot: Snapshot, row: CompanyValuation) -> Iterator[Filing | None]:
    """The documents behind a row's numbers, as `explain` lists them but without their words."""
    conversions = []
    if row.price:
        yield row.price.quote.source
    if row.market_value:
        for holding in row.market_value.holdings:
            yield holding.price.quote.source
            yield snapshot.counts[holding.shares.count.key].source
            yield from (snapshot.actions[action.key].source for action in holding.shares.actions)
            conversions.append(holding.conversion)
        if row.market_value.round:
            yield from (funding.source for funding in row.market_value.round.rounds)
            conversions.append(row.market_value.round.conversion)
    for amount_of in (row.revenue, row.rd_expense):
        if amount_of:
            yield from (snapshot.figures[term.choice.figure.key].source for term in amount_of.flow.terms)
            conversions.append(amount_of.conversion)
    yield from (snapshot.rates[leg.rate.key].source for conversion in conversions for leg in conversion.legs)
