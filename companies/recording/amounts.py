"""Amounts that a passage states: digits, sign, range, unit and currency. Pure: text in, candidates out.

Nothing is assumed. A unit that the passage does not name is left open (`Unit.UNKNOWN`), and so is a sign where a loss
is spoken of but not of this number. What no rule covers gives no candidate: the person then types the number, and says
how it follows from the passage. The rules are in docs/recording.md, one example for each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from enum import StrEnum

LONGEST_NUMBER = 26  # digits and separators: beyond the largest amount that can be stored
NEAR = 40  # characters before a number in which its currency, sign and bound stand


class Unit(StrEnum):
    """What the digits count in."""

    UNKNOWN = ""
    ONE = "one"
    THOUSAND = "thousand"
    TEN_THOUSAND = "ten_thousand"
    MILLION = "million"
    TEN_MILLION = "ten_million"
    HUNDRED_MILLION = "hundred_million"
    BILLION = "billion"
    TRILLION = "trillion"
    PERCENT = "percent"


ZEROS = {
    Unit.ONE: 0, Unit.THOUSAND: 3, Unit.TEN_THOUSAND: 4, Unit.MILLION: 6, Unit.TEN_MILLION: 7,
    Unit.HUNDRED_MILLION: 8, Unit.BILLION: 9, Unit.TRILLION: 12, Unit.PERCENT: 0,
}  # fmt: skip
BY_ZEROS = {zeros: unit for unit, zeros in ZEROS.items() if unit is not Unit.PERCENT}


class Sign(StrEnum):
    """What is known of the sign of a number."""

    PLAIN = "plain"
    NEGATIVE = "negative"  # a minus sign, brackets, or a loss of just this amount; the number carries it
    ASKED = "asked"  # a loss is spoken of, but whether it is this number only a reader can tell


class Kind(StrEnum):
    """What a number is an amount of."""

    MONEY = "money"
    COUNT = "count"  # shares, people, pieces
    PERCENT = "percent"
    PLAIN = "plain"  # digits alone, such as a cell of a table


@dataclass(frozen=True, slots=True)
class Amount:
    """A number or a range as a passage states it.

    `low` and `high` count in `unit`; equal for a point, None for an end that is left open. `start` and `end` are
    characters of the passage. `is_change` marks a growth or a difference rather than the thing itself.
    """

    low: Decimal | None
    high: Decimal | None
    unit: Unit
    currency: str
    kind: Kind
    sign: Sign
    start: int
    end: int
    is_change: bool = False

    @property
    def ends(self) -> tuple[Decimal, ...]:
        """The numbers it states: one, or two of a range."""
        stated = [end for end in (self.low, self.high) if end is not None]
        return tuple(dict.fromkeys(stated))


@dataclass(frozen=True, slots=True)
class Heading:
    """The unit that a page states for its table, such as "Unit: RMB'000", and where."""

    unit: Unit
    currency: str
    words: str
    start: int


def stored(low: Decimal | None, high: Decimal | None, unit: Unit) -> tuple[Decimal | None, Decimal | None]:
    """A range in plain units: 6.45 to 7.20 hundred million is 645,000,000 to 720,000,000.

    Raises:
        ValueError: The unit is not known.
    """
    if unit is Unit.UNKNOWN:
        raise ValueError("the unit is not known")
    return _plain(low, unit), _plain(high, unit)


def _plain(value: Decimal | None, unit: Unit) -> Decimal | None:
    if value is None:
        return None
    return _moved(value, ZEROS[unit])


def _moved(value: Decimal, zeros: int) -> Decimal:
    """A number with its point moved to the right, without an exponent."""
    with localcontext(prec=60):  # the usual 28 digits are too few for the largest number in the largest unit
        scaled = value.scaleb(zeros)
        return scaled.quantize(Decimal(1)) if scaled == scaled.to_integral_value() else scaled.normalize()


# --- Words of the field -----------------------------------------------------------------------------

_CURRENCIES = {
    "CNY": r"人民[币幣]|RMB|CNY|renminbi|yuan|¥|元",
    "HKD": r"港[币幣元]|HK\$|HKD|Hong Kong dollars?|HK dollars?",
    "USD": r"美元|美金|US\$|USD|U\.S\. dollars?|US dollars?",
    "EUR": r"[欧歐]元|EUR|€|euros?",
    "JPY": r"日[元圆圓]|JPY|yen|円",
    "TWD": r"新[台臺][币幣]|NT\$|TWD",
    "": r"\$|dollars?",  # of which country is for the reader to say
}
# Longest first, so that 港元 is not read as 元 nor US$ as $.
_SPELLINGS = sorted(
    ((word, code) for code, words in _CURRENCIES.items() for word in words.split("|")), key=lambda pair: -len(pair[0])
)
_CURRENCY = "|".join(word for word, _code in _SPELLINGS)
# These stand behind a number only, so that in a row of a table the next number does not own them.
_TRAILING = "|".join(word for word, _code in _SPELLINGS if word.endswith(("元", "?", "yuan", "yen", "円")))
# And these never before one: what ends so there is a currency that we do not know, as in 韩元5亿.
_LEADING = "|".join(word for word, _code in _SPELLINGS if word not in ("元", "yuan", "yen", "円"))
_COUNTERS = r"(?:shares?|employees|units|pieces)(?![A-Za-z])|股|名|人(?!民)|台|片|[颗顆]|枚|套|家|[个個]|件|手"
# How many times as much, or by how many points: said about an amount, and none itself.
_NO_AMOUNT = re.compile(r"\s*(?:倍|[个個]?百分[点點]|percentage points?|times\b)", re.IGNORECASE)
_CHINESE_UNIT = (
    r"[万萬][亿億]|[十百千]?[亿億]|[十百千]?[万萬]|[十百千](?=元|美|港|人民|欧|歐|日元|股|名|人|台|片|颗|个|個)"
)
_ENGLISH_UNIT = r"(?:trillions?|billions?|millions?|thousands?|tn|bn|mn)(?![A-Za-z])"
_MORE = r"[多余餘](?![额額])"  # as in 10亿余元
_SHORT_UNIT = r"[mkbMKB](?![A-Za-z])"  # only directly behind the digits: "5 m" may be metres
_UNIT_ZEROS = {
    "tn": 12, "trillion": 12, "bn": 9, "billion": 9, "b": 9, "mn": 6, "million": 6, "m": 6, "thousand": 3, "k": 3,
    "'000": 3, "": 0,
}  # fmt: skip
_CHINESE_ZEROS = {"十": 1, "百": 2, "千": 3, "万": 4, "萬": 4, "亿": 8, "億": 8}

_NUMBER = re.compile(r"(?<![0-9.,'])[0-9](?:[0-9,.]*[0-9])?")
_WELL_FORMED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?")
_BEFORE = re.compile(
    rf"(?P<open>\()?\s*(?P<minus>-|[负負]|(?<!or )minus\s)?\s*(?:[约約]|about\s|approximately\s)?\s*"
    rf"(?P<currency>{_LEADING})?(?P<thousands>'000)?\s*(?P<inner>[-(])?\s*$",
    re.IGNORECASE,
)
_AFTER = re.compile(
    rf"(?P<percent>\s*%|\s*per\s?cent\b)"
    rf"|(?:(?P<short>{_SHORT_UNIT})|\s*(?P<some>[多余餘])?(?P<unit>{_CHINESE_UNIT}|{_ENGLISH_UNIT}))?(?P<more>{_MORE})?"
    rf"(?:\s*(?P<currency>(?:{_TRAILING})(?![A-Za-z])|(?:{_CURRENCY})(?![A-Za-z]|'000|\s*[-(]?[0-9])))?"
    rf"(?:\s*(?P<counter>{_COUNTERS}))?",
    re.IGNORECASE,
)
_CLOSE = re.compile(r"\s*\)")
_RANGE = re.compile(r"\s*(?:-|~|至|到|to)\s*(?:约|約)?", re.IGNORECASE)
_AND = re.compile(r"\s*(?:and|[和与與])\s*", re.IGNORECASE)
_BETWEEN = re.compile(r"(?:between|介于|介於|在)\s*$", re.IGNORECASE)
_ABOUT = r"(?:\s|约|約|为|為|是|about|approximately)*"
# "From 2 to 3" may be a growth as well as a range; only where a range is spoken of it is one.
_FROM = re.compile(r"(?:\bfrom|[由从從自])(?:\s|约|約|about|approximately)*$", re.IGNORECASE)
_RANGING_FROM = re.compile(r"\brang(?:e|es|ed|ing)\s+from(?:\s|about|approximately)*$", re.IGNORECASE)
_NEVER = r"(?<![不未没沒])(?<![没沒]有)"
_AT_LEAST = re.compile(
    rf"(?:[不未][低少小][于於]|至少|{_NEVER}(?:[高大多][于於]|超(?:[过過出])?|突破)|逾|\bat least|\bnot? less than"
    r"|(?<!no )(?<!not )\bmore than|(?<!not )\b(?:in )?excess of|(?<!not )\bover|(?<!not )\bexceed(?:s|ed|ing)?)"
    rf"{_ABOUT}$",
    re.IGNORECASE,
)
_AT_MOST = re.compile(
    rf"(?:[不未]超(?:[过過出])?|[没沒]有超[过過]|[不未][高多大][于於]|至多|最多|不足|未[达達]到?|{_NEVER}[低少][于於]"
    r"|\bat most|\bnot? (?:be )?more than|\bup to|(?<!no )(?<!not )\bless than|\bbelow|\bnot (?:to )?exceed(?:ing)?"
    rf"|\bnot (?:in excess of|over)){_ABOUT}$",
    re.IGNORECASE,
)
_OR_MORE = re.compile(r"\s*(?:以上|or more|or above)", re.IGNORECASE)
_OR_LESS = re.compile(r"\s*(?:以下|以内|以內|or less|or below)", re.IGNORECASE)
_LOSS = r"亏损|虧損|净亏|淨虧|loss(?:es)?"
_LOSS_OF = re.compile(
    rf"(?:{_LOSS})(?:额|額|金额|总额)?(?:\s|为|為|约|約|达|達|:|of|was|were|is|amounted to|approximately|about)*$",
    re.IGNORECASE,
)
_LOSS_NEAR = re.compile(_LOSS, re.IGNORECASE)
_CHANGE = re.compile(
    r"(?:同比|[环環]比|增[长長加幅]|上升|下降|[减減]少|增[减減]|[变變][动動]|[减減增][亏虧]|收窄|[扩擴]大|increase[ds]?|decrease[ds]?|up|down|grew|growth"
    r"|rose|fell|change)(?:\s|了|约|約|为|為|by|of|to|增[长長加]|上升|下降|[减減]少|:|approximately|about)*$",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[。!?;\n]|\.\s")
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec)[a-z]*\.?"
# Days, years and numbers of paragraphs are no amounts. What stands where one was keeps its length.
_NOT_AMOUNTS = re.compile(
    rf"(?<![0-9])(?:"
    rf"[0-9]{{4}}-[0-9]{{1,2}}-[0-9]{{1,2}}(?![0-9])|[0-9]{{4}}/[0-9]{{1,2}}/[0-9]{{1,2}}(?![0-9])"
    rf"|[0-9]{{1,2}}/[0-9]{{1,2}}/[0-9]{{4}}(?![0-9])"
    rf"|[0-9]{{4}}\s*(?:年度?)?\s*[-至到~]\s*[0-9]{{4}}\s*年度?"
    rf"|[0-9]{{1,4}}\s*年度?|[0-9]{{1,2}}\s*[-至到~]\s*[0-9]{{1,2}}\s*月|[0-9]{{1,2}}\s*(?:个月|個月|月份?|日|号|號)"
    rf"|[0-9]{{1,2}}(?:st|nd|rd|th)?\s+{_MONTH}(?:,?\s*[0-9]{{4}}(?![0-9]))?"
    rf"|[0-9]+\s*(?:years?|months?|weeks?|days?|quarters?)\b"
    rf")"
    rf"|\b{_MONTH}\s+[0-9]{{1,2}}(?:st|nd|rd|th)?(?:\s*,?\s*[0-9]{{4}})?(?![0-9,.]*[0-9])"
    rf"|\b(?:FY|CY)\s*[0-9]{{2,4}}(?![0-9])|(?<![0-9])[0-9]{{4}}\s*[HQ][1-4](?![0-9])|\b[HQ][1-4]\b"
    rf"|\b[1-4][HQ]\s*(?:FY)?\s*[0-9]{{2,4}}(?![0-9])"
    rf"|第\s*[0-9]+(?:\s*[-至]\s*[0-9]+)?|\b(?:[Nn]otes?|[Pp]ages?|[Pp]art|[Ss]ection|[Tt]able)\s+[0-9]+"
    rf"|^\s*[0-9]{{1,2}}(?:、|[.)]\s)|\([0-9]{{1,2}}\)",
)
_BARE_YEAR = re.compile(r"(?:19|20)[0-9]{2}")
_HEADING = re.compile(
    rf"(?:单位|單位|unit)s?\s*:\s*(?P<a>{_CURRENCY})?\s*(?P<unit>[十百千]?[万萬亿億]|[百千])?\s*(?P<b>{_CURRENCY})(?!')"
    rf"(?:[\s,、;]*[币幣][种種]\s*:\s*(?P<d>{_CURRENCY}))?"
    rf"|(?P<c>{_CURRENCY})\s*(?:'(?P<english>000)|(?:in\s+)?(?P<words>millions?|thousands?|billions?))(?![A-Za-z0-9])"
    rf"|\((?:(?P<e>{_CURRENCY})\s*)?(?:amounts\s+)?in\s+(?P<in>millions?|thousands?|billions?)"
    rf"|(?P<f>人民[币幣]|港[币幣])\s*(?P<chinese>[十百千]?[万萬亿億]|[百千])\s*元",
    re.IGNORECASE,
)


# --- Reading ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Number:
    """One number with what stands beside it. `unit` is None where none is named.

    `ones` tells that it then counts in ones. `doubtful` is its sign where a dash before it may be one, or a cell
    without a number; `or_more` is what 多 and 余 say.
    """

    value: Decimal
    unit: Unit | None
    currency: str | None
    counter: bool
    ones: bool
    negative: bool
    doubtful: bool
    or_more: bool
    start: int
    end: int

    @property
    def kind(self) -> Kind:
        if self.unit is Unit.PERCENT:
            return Kind.PERCENT
        if self.counter:
            return Kind.COUNT
        return Kind.PLAIN if self.currency is None and self.unit is None else Kind.MONEY


def amounts(passage: str, *, under_a_heading: bool = False) -> tuple[Amount, ...]:
    """Every amount of a passage, in order; ranges as one.

    Args:
        under_a_heading: The page names the unit of a table above the passage. A currency before digits says nothing of
            their unit then: "$ 57,006" may count in millions.
    """
    text = _without_dates(passage)
    numbers = list(_numbers(text, under_a_heading))
    found: list[Amount] = []
    at = 0
    while at < len(numbers):
        first = numbers[at]
        second = numbers[at + 1] if at + 1 < len(numbers) else None
        joined = _joined(text, first, second) if second is not None else None
        found.append(joined or _point(text, first))
        at += 2 if joined else 1
    return tuple(found)


def heading_before(text: str, place: int) -> Heading | None:
    """The last unit that a page names above a place, for the cells of a table: offered, never taken by itself."""
    found = None
    for match in _HEADING.finditer(text, 0, place):
        found = match
    if found is None:
        return None
    chinese = found["unit"] or found["chinese"] or ""
    english = "'000" if found["english"] else (found["words"] or found["in"] or "")
    zeros = _chinese_zeros(chinese) if chinese else _UNIT_ZEROS[english.lower().removesuffix("s") or ""]
    codes = [_code(found[name]) for name in "abcdef" if found[name]]
    currency = next((code for code in codes if code != "CNY"), codes[0] if codes else "")
    return Heading(BY_ZEROS.get(zeros, Unit.UNKNOWN), currency, " ".join(found[0].split()), found.start())


def states(passage: str, value: Decimal, unit: Unit, currency: str = "", *, under_a_heading: bool = False) -> bool:
    """Whether a passage states this number: the same digits in the same unit, or digits alone where it names none.

    A number that a loss makes negative may be typed with its minus sign. A currency that the passage names beside the
    number must be the one given.

    Args:
        under_a_heading: As of `amounts`.
    """
    found = amounts(passage, under_a_heading=under_a_heading)
    return any(_is_stated_by(amount, value, unit, currency) for amount in found)


def states_plain(passage: str, value: Decimal, currency: str = "") -> bool:
    """Whether a passage states a stored number, in whatever unit; digits alone may count in any of them."""
    return any(states(passage, _moved(value, -ZEROS[unit]), unit, currency, under_a_heading=True) for unit in ZEROS)


def sign_is_asked(passage: str, value: Decimal) -> bool:
    """Whether only a reader can tell if this number of the passage is a loss."""
    return any(
        amount.sign is Sign.ASKED and abs(value) in {abs(end) for end in amount.ends} for amount in amounts(passage)
    )


def _is_stated_by(amount: Amount, value: Decimal, unit: Unit, currency: str) -> bool:
    if currency and amount.currency and amount.currency != currency:
        return False
    if (amount.unit is Unit.PERCENT) is not (unit is Unit.PERCENT) and amount.unit is not Unit.UNKNOWN:
        return False
    given = value if amount.unit is Unit.UNKNOWN else _plain(value, unit)
    for end in amount.ends:
        said = end if amount.unit is Unit.UNKNOWN else _plain(end, amount.unit)
        if said is not None and (given == said or (amount.sign is Sign.ASKED and given == -said)):
            return True
    return False


def _without_dates(passage: str) -> str:
    return _NOT_AMOUNTS.sub(lambda match: "\x1f" * len(match[0]), passage)


def _numbers(text: str, under_a_heading: bool) -> Iterator[_Number]:
    done = 0
    for match in _NUMBER.finditer(text):
        digits = match[0]
        number = None
        is_amount = _WELL_FORMED.fullmatch(digits) and not _NO_AMOUNT.match(text, match.end())
        if len(digits) <= LONGEST_NUMBER and is_amount:
            number = _number(text, match.start(), match.end(), done, under_a_heading)
        done = number.end if number else match.end()
        if number is not None:
            yield number


def _number(text: str, start: int, end: int, done: int, under_a_heading: bool) -> _Number | None:
    """The number at a place with what stands beside it; None where it is a year or part of a name.

    Args:
        done: Where the number before it ends, with its own unit and currency; 0 for the first.
    """
    offset = max(done, start - NEAR)
    before = text[offset:start]
    left = _BEFORE.search(before)
    assert left is not None  # it may match nothing, at the end
    close = _CLOSE.match(text, end)
    # Accountants put just the digits in brackets; what else stands in brackets says a sum once more.
    accountant = close is not None and (bool(left["open"]) or left["inner"] == "(")
    right = _AFTER.match(text, close.end() if close and accountant else end)
    assert right is not None  # it may match nothing
    if not left["currency"] and _is_part_of_a_name(before, text[right.end() :][:1], bare=right.end() == end):
        return None

    named = _named(left["currency"], right["currency"])
    unit = _unit(
        right["short"] or right["unit"] or "", thousands=bool(left["thousands"]), percent=bool(right["percent"])
    )
    plain = named is None and unit is None and not right["counter"]
    if plain and not accountant and _BARE_YEAR.fullmatch(text[start:end]):
        return None
    dash = _dash(before, left, behind_a_number=0 < done == offset, plain=plain)
    minus = dash is Dash.MINUS or bool(left["minus"] and left["minus"] != "-")
    parts = {"open": accountant, "minus": minus, "currency": True, "inner": accountant or (minus and left["inner"])}
    begin = min((left.start(name) for name, used in parts.items() if used and left[name]), default=len(before))
    value = Decimal(text[start:end].replace(",", ""))
    negative = accountant or minus
    return _Number(
        value=-value if negative else value,
        unit=unit,
        currency=named,
        counter=bool(right["counter"]),
        ones=bool(right["currency"] or right["counter"] or (left["currency"] and not under_a_heading)),
        negative=negative,
        doubtful=dash is Dash.DOUBTFUL and not negative,
        or_more=bool(right["some"] or right["more"]),
        start=offset + begin,
        end=right.end(),
    )


def _named(before: str | None, behind: str | None) -> str | None:
    """The currency beside a number; empty where two are named that differ, None where none is."""
    if before and behind == "元":
        behind = None  # of any currency, as in 港币5亿元
    if before == "¥" and behind:
        before = None  # the sign of the yen too
    codes = [_code(spelling) for spelling in (before, behind) if spelling]
    told = {code for code in codes if code}
    if len(told) == 1:
        return told.pop()
    return "" if codes else None


class Dash(StrEnum):
    """What a dash before a number is."""

    NONE = "none"
    MINUS = "minus"
    JOINING = "joining"  # from the number before it to this one
    DOUBTFUL = "doubtful"  # a minus sign, a cell of a table without a number, or the mark before a line


def _dash(before: str, left: re.Match[str], *, behind_a_number: bool, plain: bool) -> Dash:
    """What the dash before a number is, by the white space around it."""
    name = "minus" if left["minus"] == "-" else "inner"
    if left[name] != "-":
        return Dash.NONE
    if left["minus"] == left["inner"]:
        return Dash.DOUBTFUL  # two of them, as people write before an aside
    space_before = before[: left.start(name)][-1:].isspace()
    space_behind = before[left.end(name) :][:1].isspace()
    if behind_a_number and not before[: left.start(name)].strip():
        if space_before is not space_behind:
            return Dash.DOUBTFUL if space_before else Dash.JOINING
        return Dash.DOUBTFUL if space_before and plain else Dash.JOINING
    return Dash.DOUBTFUL if space_behind else Dash.MINUS


def _is_part_of_a_name(before: str, behind: str, *, bare: bool) -> bool:
    """Whether digits belong to a word, as in S4000, A-12, 7nm or 5G."""
    touching = before[:-1] if before[-1:] == "-" else before
    return (touching[-1:].isascii() and touching[-1:].isalpha()) or (bare and behind.isascii() and behind.isalpha())


def _unit(word: str, *, thousands: bool, percent: bool) -> Unit | None:
    if percent:
        return Unit.PERCENT
    if word and not word.isascii():
        return BY_ZEROS.get(_chinese_zeros(word), Unit.UNKNOWN)
    if word:
        spelled = word.lower()
        return BY_ZEROS[_UNIT_ZEROS[spelled if spelled in _UNIT_ZEROS else spelled.removesuffix("s")]]
    return Unit.THOUSAND if thousands else None


def _chinese_zeros(word: str) -> int:
    return sum(_CHINESE_ZEROS[character] for character in word)


def _code(spelling: str) -> str:
    return next(code for word, code in _SPELLINGS if re.fullmatch(word, spelling, re.IGNORECASE))


def _joined(text: str, first: _Number, second: _Number) -> Amount | None:
    """Two numbers as the ends of one range; None where they are none. The first takes over the unit of the second."""
    between, before = text[first.end : second.start], text[max(0, first.start - NEAR) : first.start]
    ranged = _RANGE.fullmatch(between) or (_AND.fullmatch(between) and _BETWEEN.search(before))
    if not ranged or (first.counter and not second.counter) or second.doubtful or first.or_more or second.or_more:
        return None
    if "-" not in between and "~" not in between and not _BETWEEN.search(before) and _may_be_a_change(before):
        return None
    if first.currency and second.currency and first.currency != second.currency:
        return None
    if first.unit is not None and second.unit is None:
        return None  # "2 billion to 3": the second may be anything
    unit, low, high = second.unit, first.value, second.value
    if first.unit is not None and second.unit is not None and first.unit != second.unit:
        if {first.unit, second.unit} & {Unit.UNKNOWN, Unit.PERCENT}:
            return None
        # In the smaller of the two units no digit is lost.
        unit = min(first.unit, second.unit, key=ZEROS.__getitem__)
        low = _moved(low, ZEROS[first.unit] - ZEROS[unit])
        high = _moved(high, ZEROS[second.unit] - ZEROS[unit])
    currency = first.currency or second.currency
    whole = replace(second, unit=unit, currency=currency, start=first.start, negative=first.negative or second.negative)
    sign = _sign(text, whole)
    if sign is Sign.NEGATIVE and not whole.negative:
        low, high = -low, -high
    if low > high and low < 0 and high < 0:
        low, high = high, low
    if low > high:
        return None
    return _amount(text, whole, low, high, sign)


def _may_be_a_change(before: str) -> bool:
    """Whether "2 to 3" after these words may say what it was and what it is, or by how much it grew and to what."""
    return bool((_FROM.search(before) and not _RANGING_FROM.search(before)) or _CHANGE.search(before))


def _point(text: str, number: _Number) -> Amount:
    sign = _sign(text, number)
    value = -number.value if sign is Sign.NEGATIVE and not number.negative else number.value
    before, behind = text[max(0, number.start - NEAR) : number.start], text[number.end : number.end + NEAR]
    low: Decimal | None = value
    high: Decimal | None = value
    # "At least a loss of" may mean a smaller or a larger loss, so a bound is read of plain amounts only.
    if sign is Sign.PLAIN and (_AT_MOST.search(before) or _OR_LESS.match(behind)):
        low = None
    elif sign is Sign.PLAIN and (number.or_more or _AT_LEAST.search(before) or _OR_MORE.match(behind)):
        high = None
    return _amount(text, number, low, high, sign)


def _amount(text: str, number: _Number, low: Decimal | None, high: Decimal | None, sign: Sign) -> Amount:
    unit = number.unit
    if unit is None:
        # "HK$19.60" and "1,024 employees" count in ones; digits alone may count in anything.
        unit = Unit.ONE if number.ones else Unit.UNKNOWN
    change = _CHANGE.search(text[max(0, number.start - NEAR) : number.start]) is not None
    return Amount(low, high, unit, number.currency or "", number.kind, sign, number.start, number.end, change)


def _sign(text: str, number: _Number) -> Sign:
    if number.negative:
        return Sign.NEGATIVE
    if number.doubtful:
        return Sign.ASKED
    if number.kind in (Kind.PERCENT, Kind.COUNT):
        return Sign.PLAIN
    before = text[max(0, number.start - NEAR) : number.start]
    if _LOSS_OF.search(before):
        return Sign.NEGATIVE
    return Sign.ASKED if _LOSS_NEAR.search(_sentence_around(text, number)) else Sign.PLAIN


def _sentence_around(text: str, number: _Number) -> str:
    """The sentence in which a number stands, as far as it is near."""
    before = text[max(0, number.start - 5 * NEAR) : number.start]
    behind = text[number.end : number.end + 5 * NEAR]
    start = max((match.end() for match in _SENTENCE_END.finditer(before)), default=0)
    stop = _SENTENCE_END.search(behind)
    return before[start:] + "\x1f" + (behind[: stop.start()] if stop else behind)
