"""From a row of an official list to a filing: its kind, period and slug, and what it corrects.

The tables of words and codes are in docs/filing-sources.md as well. Nothing here is stored or asked for.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta

from companies.models import Company, Filing, FilingKind, Tier
from companies.periods import month_end
from companies.sources.announcements import Announcement

PUBLISHERS: Mapping[str, str] = {"cninfo": "CNINFO", "sse": "SSE", "szse": "SZSE", "hkex": "HKEX", "sec": "SEC"}
MAINLAND = frozenset({"cninfo", "sse", "szse"})  # their lists hold the same documents
_REPORTS = frozenset(
    {
        FilingKind.ANNUAL_REPORT, FilingKind.ANNUAL_RESULTS, FilingKind.INTERIM_REPORT, FilingKind.QUARTERLY_REPORT,
        FilingKind.EARNINGS_FORECAST, FilingKind.EXPRESS_REPORT,
    }
)  # fmt: skip
# Forms of shareholders and insiders are about their holdings, and far more than all others.
FORMS_OF_OWNERS = frozenset({"3", "4", "5", "144", "SC 13D", "SC 13G", "SCHEDULE 13D", "SCHEDULE 13G"})
_LONGEST_TITLE = Filing._meta.get_field("title").max_length
_SAME_DOCUMENT_WITHIN = timedelta(days=1)  # CNINFO and the exchange may differ by the evening of publication

# Words in a bare title (see `bare_title`), the first that is found decides. What only speaks about a report, its
# audit or the questions asked about it, is told before the report itself.
_WORDS_IN_TITLES: Sequence[tuple[FilingKind, str]] = (
    (FilingKind.EXCHANGE_ANNOUNCEMENT, r"问询函|监管函|关注函|提示性公告|说明会|披露.*公告|决议公告|督导"),
    (FilingKind.SPONSOR_OPINION, r"核查意见|保荐书|保荐意见|上市保荐|发行保荐"),
    (FilingKind.EARNINGS_FORECAST, r"业绩预[告增减盈亏]|业绩预告|盈利预告|盈利警告|profit (?:warning|alert)"),
    (FilingKind.EXPRESS_REPORT, r"业绩快报"),
    (FilingKind.LISTING_ANNOUNCEMENT, r"上市公告书"),
    (FilingKind.PROSPECTUS, r"招股说明书|招股意向书|招股书|聆讯后资料集|申请版本|application proof|prospectus|phip"),
    (FilingKind.PROSPECTUS, r"post hearing information pack"),
    (FilingKind.ISSUE_RESULT, r"发行结果公告|网上中签结果|allotment results"),
    (FilingKind.OFFERING_ARRANGEMENT, r"发行安排|发行公告|初步询价公告|网上路演公告"),
    (
        FilingKind.ANNUAL_REPORT,
        r"^(?:关于)?\d{4}年?年度报告(?:全文|正文|摘要)?$|^annual report \d{4}$|^\d{4} annual report$",
    ),
    (FilingKind.INTERIM_REPORT, r"^(?:关于)?\d{4}年?半年度报告(?:全文|正文|摘要)?$|^interim report \d{4}$"),
    (FilingKind.QUARTERLY_REPORT, r"^(?:关于)?\d{4}年?第?[一三]季度报告(?:全文|正文)?$"),
    (FilingKind.ANNUAL_RESULTS, r"annual results|final results|results for the year ended"),
    (FilingKind.INTERIM_REPORT, r"interim results|results for the six months ended"),
    (FilingKind.QUARTERLY_REPORT, r"quarterly results|results for the (?:three|nine) months ended"),
    (FilingKind.PRIVATE_PLACEMENT, r"向特定对象发行|非公开发行"),
)
# What HKEX prints before a title ("Announcements and Notices - [Interim Results]"), in both languages.
_HEADLINES: Sequence[tuple[FilingKind, str]] = (
    (FilingKind.EARNINGS_FORECAST, r"\[(?:.*profit warning|.*inside information.*profit|.*盈利警告|.*盈利預告)"),
    (FilingKind.ANNUAL_RESULTS, r"\[.*(?:final results|末期業績)"),
    (
        FilingKind.INTERIM_REPORT,
        r"\[.*(?:interim results|中期業績|interim/half-year report|中期/半年度報告|interim report)",
    ),
    (FilingKind.QUARTERLY_REPORT, r"\[.*(?:quarterly results|季度業績|quarterly report|季度報告)"),
    (FilingKind.ANNUAL_REPORT, r"\[.*(?:annual report|年報)"),
    (FilingKind.ALLOTMENT_RESULT, r"\[.*(?:allotment results|配發結果)"),
    (FilingKind.PLACING_ANNOUNCEMENT, r"\[.*(?:placing|配售)"),
    (
        FilingKind.PROSPECTUS,
        r"(?:listing documents|上市文件) - \[.*(?:offer for subscription|發售以供認購|發售現有證券)",
    ),
)
# Shanghai's words for the kind of a bulletin.
_BULLETINS: Mapping[str, FilingKind] = {
    "年报": FilingKind.ANNUAL_REPORT,
    "半年报": FilingKind.INTERIM_REPORT,
    "第一季度季报": FilingKind.QUARTERLY_REPORT,
    "第三季度季报": FilingKind.QUARTERLY_REPORT,
}
# Codes of documents of an application in Shanghai; Shenzhen names its kinds with words of titles.
_PROJECT_FILES: Mapping[str, FilingKind] = {
    "I0011": FilingKind.PROSPECTUS,
    "I0012": FilingKind.PROSPECTUS,
    "I0013": FilingKind.PROSPECTUS,
    "I0051": FilingKind.SPONSOR_OPINION,
    "I0061": FilingKind.SPONSOR_OPINION,
}
_FORMS: Mapping[str, FilingKind] = {
    "10-K": FilingKind.ANNUAL_REPORT, "10-KT": FilingKind.ANNUAL_REPORT, "20-F": FilingKind.ANNUAL_REPORT,
    "40-F": FilingKind.ANNUAL_REPORT, "10-Q": FilingKind.QUARTERLY_REPORT, "8-K": FilingKind.EXCHANGE_ANNOUNCEMENT,
    "6-K": FilingKind.EXCHANGE_ANNOUNCEMENT, "S-1": FilingKind.PROSPECTUS, "F-1": FilingKind.PROSPECTUS,
    "424B1": FilingKind.PROSPECTUS, "424B3": FilingKind.PROSPECTUS, "424B4": FilingKind.PROSPECTUS,
}  # fmt: skip
_PERIODIC_FORMS = frozenset({"10-K", "10-KT", "10-Q", "20-F", "40-F"})

_COMPANY_FIRST = re.compile(r"^(?:[^ ]{2,40}?(?:股份有限公司|有限公司):?|[\u3400-\u9fff][^ :]{1,9}:)(?=.)")
_CANCELLED = r"已取消|取消"
_CORRECTED = r"更正后|更正版|更正稿|更正|更新后|更新版|更新稿|修订稿|修订版|修订后|修订|修正后|修正"
_MARK = re.compile(rf"\((?:{_CORRECTED}|{_CANCELLED})\)")
_MARK_OF_CORRECTION = re.compile(rf"\((?:{_CORRECTED})\)")
_NOTICE_OF_CORRECTION = re.compile(r"^(?:关于)?(?:对)?(.+?)的?(?:更正|补充更正|修订)公告$")
_YEAR = r"(?P<year>(?:19|20)\d{2})年?"
_LAST_MONTHS: Sequence[tuple[re.Pattern[str], int]] = (
    (re.compile(_YEAR + r"(?:半年度|上半年)"), 6),
    (re.compile(_YEAR + r"第?一季度"), 3),
    (re.compile(_YEAR + r"(?:第?三季度|前三季度)"), 9),
    (re.compile(_YEAR + r"(?:年度|度)?(?:报告|业绩)"), 12),
)
_ENDED = re.compile(r"\bended (\d{1,2}) ([a-z]+) (\d{4})", re.IGNORECASE)
_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip


def filing_from(announcement: Announcement, company: Company | None) -> Filing:
    """The filing that a row of a list stands for, not stored. Its slug is the same however often it is listed."""
    kind = kind_of(announcement)
    return Filing(
        slug=slug_of(announcement, company, kind),
        company=company,
        kind=kind,
        tier=Tier.OFFICIAL,
        title=announcement.title[:_LONGEST_TITLE],
        publisher=PUBLISHERS.get(announcement.source, announcement.source),
        language=announcement.language,
        published_on=announcement.published_on,
        published_precision="day",
        published_at=announcement.published_at,
        url=announcement.url,
        service=announcement.source,
        service_key=announcement.key,
        service_kinds=list(announcement.kinds),
        service_group=announcement.group,
        period_end=period_end_of(announcement),
    )


def slug_of(announcement: Announcement, company: Company | None, kind: str) -> str:
    """Company, kind and day to read, and a hash of the document's name at its service to tell it from others."""
    digest = hashlib.sha256("\n".join(announcement.identity).encode()).hexdigest()[:12]
    about = company.slug if company else announcement.source
    return f"{about}-{kind.replace('_', '-')}-{announcement.published_on}-{digest}"


def kind_of(announcement: Announcement) -> FilingKind:
    """The kind of a document, by the service's codes where they are certain, else by the words of its title."""
    if announcement.source == "sec":
        form = announcement.kinds[0] if announcement.kinds else ""
        return _FORMS.get(form.removesuffix("/A"), FilingKind.OTHER)
    stated = [_PROJECT_FILES.get(code) or _BULLETINS.get(code) for code in announcement.kinds]
    certain = [kind for code, kind in zip(announcement.kinds, stated, strict=True) if kind and code in _PROJECT_FILES]
    if certain:
        return certain[0]
    if announcement.source == "hkex" and (kind := _first(_HEADLINES, " ".join(announcement.kinds))):
        return kind
    title = _without_marks(bare_title(announcement.title, [announcement.company]))
    notice = _NOTICE_OF_CORRECTION.match(title)
    kind = _first(_WORDS_IN_TITLES, notice[1] if notice else title)
    if kind is None and not announcement.is_attachment:
        kind = next(filter(None, stated), None)
    if kind is not None:
        return kind
    is_notice = re.search(r"公告|通告|announcement|notice", title) is not None
    return FilingKind.EXCHANGE_ANNOUNCEMENT if is_notice else FilingKind.OTHER


def _first(table: Sequence[tuple[FilingKind, str]], words: str) -> FilingKind | None:
    return next((kind for kind, pattern in table if re.search(pattern, words, re.IGNORECASE)), None)


def period_end_of(announcement: Announcement) -> date | None:
    """The last day reported on, as the service or the title states it; None for a document that reports on none."""
    if announcement.source == "sec":
        form = announcement.kinds[0].removesuffix("/A") if announcement.kinds else ""
        return announcement.period_end if form in _PERIODIC_FORMS else None
    if announcement.period_end is not None:
        return announcement.period_end
    if kind_of(announcement) not in _REPORTS:
        return None
    title = bare_title(announcement.title, [announcement.company])
    for pattern, month in _LAST_MONTHS:
        if match := pattern.search(title):
            return month_end(int(match["year"]), month)
    if (match := _ENDED.search(title)) and match[2].lower() in _MONTHS:
        try:
            return date(int(match[3]), _MONTHS.index(match[2].lower()) + 1, int(match[1]))
        except ValueError:
            return None
    return None


# --- The same document, or a correction of it -------------------------------------------------------


def bare_title(title: str, names: Iterable[str] = ()) -> str:
    """A title without the company's name before it, spaces, and differences of width: to compare titles by.

    Words of Latin script keep one space between them.
    """
    flat = " ".join(unicodedata.normalize("NFKC", title).lower().split())
    flat = re.sub(r"(?<=[^\x00-\x7f]) | (?=[^\x00-\x7f])", "", flat).strip("《》「」\"' ")
    for name in sorted(filter(None, names), key=len, reverse=True):
        short = " ".join(unicodedata.normalize("NFKC", name).lower().split())
        if flat.startswith(short) and len(flat) > len(short):
            flat = flat.removeprefix(short).removeprefix("股份有限公司").lstrip(":")
            break
    return _COMPANY_FIRST.sub("", flat, count=1).lstrip(":")


def _without_marks(title: str) -> str:
    return _MARK.sub("", title)


def is_correction(filing: Filing, names: Iterable[str] = ()) -> bool:
    """Whether a document says of itself that it corrects an earlier one. One marked as cancelled does not."""
    if filing.service == "sec":
        return _form(filing).endswith("/A")
    title = bare_title(filing.title_original or filing.title, names)
    return bool(_MARK_OF_CORRECTION.search(title) or _NOTICE_OF_CORRECTION.match(title))


def corrected_by(correction: Filing, filings: Iterable[Filing], names: Sequence[str] = ()) -> Filing | None:
    """The one earlier document that a correction means; None when it is not certain which.

    Args:
        correction: A filing for which `is_correction` holds.
        filings: Of the same company.
        names: The company's names, which titles may begin with.
    """
    meant = _about_what(correction, names)
    found = [
        filing
        for filing in filings
        if filing.pk != correction.pk
        and filing.kind == correction.kind
        and filing.language == correction.language
        and filing.published_on is not None
        and correction.published_on is not None
        and filing.published_on <= correction.published_on
        and not is_correction(filing, names)
        and _about_what(filing, names) == meant
    ]
    return found[0] if len(found) == 1 else None


def _about_what(filing: Filing, names: Sequence[str]) -> object:
    """What a correction shares with the document it corrects: form and period, or the title without its marks."""
    if filing.service == "sec":
        return _form(filing).removesuffix("/A"), filing.period_end or filing.pk
    title = _without_marks(bare_title(filing.title_original or filing.title, names))
    notice = _NOTICE_OF_CORRECTION.match(title)
    return (notice[1] if notice else title).removeprefix("关于").removesuffix("全文")


def _form(filing: Filing) -> str:
    return str(filing.service_kinds[0]) if filing.service_kinds else ""


def without_twins(
    announcements: Iterable[Announcement], stored: Iterable[Filing], names: Sequence[str] = ()
) -> list[Announcement]:
    """Announcements that are not stored already as another mainland service lists them.

    The same bare title within a day of the same company is the same document. Each stored filing stands for one
    announcement only, so that two of one title stay two.
    """
    by_title: dict[tuple[str, str], list[Filing]] = {}
    for filing in stored:
        if filing.service in MAINLAND:
            title = bare_title(filing.title, names)
            by_title.setdefault((filing.language, title), []).append(filing)

    def has_twin(announcement: Announcement) -> bool:
        title = bare_title(announcement.title, [*names, announcement.company])
        others = by_title.get((announcement.language, title), [])
        near = _near(announcement)
        twin = next((one for one in others if one.service != announcement.source and near(one.published_on)), None)
        if twin is not None:
            others.remove(twin)
        return twin is not None

    return [one for one in announcements if one.source not in MAINLAND or not has_twin(one)]


def _near(announcement: Announcement) -> Callable[[date | None], bool]:
    return lambda day: day is not None and abs(day - announcement.published_on) <= _SAME_DOCUMENT_WITHIN
