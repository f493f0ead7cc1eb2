"""Applications to list: whose they are, and the steps they have taken as milestones.

An application is a company's only if its name is exactly one of the company's names, or its ticker one of its listings.
Names that merely contain a company's name are told, not guessed: an editor adds the full name to the company's other
names, and the next round knows it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from companies.filings.announced import names_of
from companies.models import Company, Filing, FilingKind, Milestone, Precision, Tier
from companies.sources.hkex import Application
from companies.sources.projects import Project, Stage, StatusChange

Kind = Milestone.Kind

# Stages that are a milestone of their own; all others become `other`, with the words below.
MILESTONES: Mapping[Stage, Milestone.Kind] = {
    Stage.ACCEPTED: Kind.APPLICATION_ACCEPTED,
    Stage.INQUIRED: Kind.INQUIRY_ISSUED,
    Stage.COMMITTEE_PASSED: Kind.COMMITTEE_PASSED,
    Stage.COMMITTEE_PASSED_ON_CONDITIONS: Kind.COMMITTEE_PASSED,
    Stage.REGISTRATION_EFFECTIVE: Kind.REGISTRATION_APPROVED,
}
_WORDS: Mapping[Stage, str] = {
    Stage.COMMITTEE: "Listing committee (上市委会议)",
    Stage.COMMITTEE_PASSED_ON_CONDITIONS: "Passed on conditions (附条件通过)",
    Stage.COMMITTEE_DEFERRED: "Listing committee deferred its decision (暂缓审议)",
    Stage.COMMITTEE_REFUSED: "Listing committee refused (未通过)",
    Stage.REGISTRATION_SUBMITTED: "Registration submitted (提交注册)",
    Stage.REGISTRATION: "Result of the registration (注册结果)",
    Stage.REGISTRATION_REFUSED: "Registration refused (不予注册)",
    Stage.REGISTRATION_TERMINATED: "Registration ended (终止注册)",
    Stage.ISSUED: "Shares issued (已发行)",
    Stage.PAUSED: "Review paused (中止)",
    Stage.TERMINATED: "Review ended (终止)",
    Stage.REVIEW_AGAIN: "Second review (复审委会议)",
    Stage.REVIEW_AGAIN_PASSED: "Second review passed (复审通过)",
    Stage.REVIEW_AGAIN_REFUSED: "Second review refused (复审不通过)",
    Stage.FURTHER_REVIEW: "Further review (补充审核)",
}
APPLICATION = "application"  # the first word of `Filing.service_group` of its documents
_SAME_STEP_WITHIN = timedelta(days=1)
_HEARING_TOLD_WITHIN = timedelta(days=30)  # the pack is published some time after the hearing that it follows
_SHORTEST_HINT = {"zh": 2, "en": 5}
_BRACKETS = re.compile(r"[()\[\]{}【】〔〕]")
_NOT_OF_THE_NAME = re.compile(r"\s+-\s+[a-z] shares$")
_BOARDS: Mapping[str, Mapping[str, str]] = {
    "sse": {"1": "XSHG STAR", "2": "XSHG Main Board"},
    "szse": {"创业板": "XSHE ChiNext", "主板": "XSHE Main Board"},
}
_VENUES = {"sse": "XSHG", "szse": "XSHE"}
# Where people look up how far an application has come; the services have no lasting address of a single one.
STATUS_PAGES = {
    "sse": "https://www.sse.com.cn/listing/renewal/ipo/",
    "szse": "https://www.szse.cn/listing/projectdynamic/ipo/",
    "hkex": "https://www1.hkexnews.hk/app/appindex.html",
}


@dataclass(frozen=True, slots=True)
class Applicant:
    """Who applies, as a service names it."""

    names: tuple[str, ...]
    ticker: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of an application on a day. `told_within`: how far an earlier telling of the same step may lie back."""

    kind: Milestone.Kind
    day: date
    detail: str = ""
    told_within: timedelta = _SAME_STEP_WITHIN


class Names:
    """The names of all companies, for finding whose an application is."""

    def __init__(self, companies: Iterable[Company], mics: Iterable[str]) -> None:
        """`mics`: the exchanges whose tickers the applications may bear. Reads the listings of the companies."""
        wanted = frozenset(mics)
        self._by_key: dict[str, set[Company]] = {}
        self._by_ticker: dict[str, Company] = {}
        for company in companies:
            for name in names_of(company):
                self._by_key.setdefault(name_key(name), set()).add(company)
            for listing in company.listings.all():
                if listing.mic in wanted:
                    self._by_ticker[listing.ticker] = company

    def company_of(self, applicant: Applicant) -> Company | None:
        """The company that applies; None when none has the name, or when several have."""
        if applicant.ticker in self._by_ticker:
            return self._by_ticker[applicant.ticker]
        found = {company for name in applicant.names for company in self._by_key.get(name_key(name), ())}
        return found.pop() if len(found) == 1 else None

    def hints(self, applicant: Applicant) -> list[Company]:
        """Companies whose name is a part of the applicant's: whether they are the same nobody has said."""
        keys = [name_key(name) for name in applicant.names]
        found = {
            company
            for key, companies in self._by_key.items()
            if len(key) >= _SHORTEST_HINT["en" if key.isascii() else "zh"] and any(key in one for one in keys)
            for company in companies
        }
        return sorted(found, key=lambda company: company.slug)


def name_key(name: str) -> str:
    """A name without spaces, brackets and differences of width and case."""
    flat = _NOT_OF_THE_NAME.sub("", unicodedata.normalize("NFKC", name).casefold().strip())
    return "".join(_BRACKETS.sub("", flat).split())


def applicant_of(application: Project | Application) -> Applicant:
    """Who applies."""
    if isinstance(application, Application):
        return Applicant((application.applicant,))
    return Applicant(tuple(filter(None, (application.name, application.short_name))), application.ticker)


def venue_of(project: Project) -> str:
    """The market applied for, as milestones name it."""
    return _BOARDS[project.source].get(project.board, _VENUES[project.source])


def steps_of_project(changes: Iterable[StatusChange]) -> list[Step]:
    """The dated steps of an application on the mainland, each once; a step that the exchange does not date is none."""
    steps: dict[tuple[str, date, str], Step] = {}
    for change in changes:
        stage = change.status.stage
        if change.day is None:
            continue
        kind = MILESTONES.get(stage, Kind.OTHER)
        words = _WORDS.get(stage, "" if kind is not Kind.OTHER else f"Stage: {change.status.code}"[:500])
        steps.setdefault((kind, change.day, words), Step(kind, change.day, words))
    return list(steps.values())


def steps_of_application(application: Application) -> list[Step]:
    """The dated steps of an application in Hong Kong: its posting, and the pack that follows a passed hearing."""
    steps = []
    if application.posted_on is not None:
        steps.append(Step(Kind.APPLICATION_ACCEPTED, application.posted_on, "Application proof published"))
    packs = [one.published_on for one in application.documents if re.search(r"phip|post.hearing", one.title, re.I)]
    if packs:
        detail = "Post-hearing information pack published"
        steps.append(Step(Kind.HEARING_PASSED, min(packs), detail, _HEARING_TOLD_WITHIN))
    return steps


def store_steps(company: Company, venue: str, steps: Sequence[Step], page: Filing) -> int:
    """Store steps that are not told yet, whoever told them; returns how many. Call it in a transaction."""
    told = list(Milestone.objects.filter(company=company, kind__in={step.kind for step in steps}))
    fresh = [
        Milestone(
            company=company, venue=venue, kind=step.kind, day=step.day, detail=step.detail,
            known_on=step.day, source=page,
        )
        for step in steps
        if not any(_tells(milestone, step) for milestone in told)
    ]  # fmt: skip
    Milestone.objects.bulk_create(fresh)
    return len(fresh)


def _tells(milestone: Milestone, step: Step) -> bool:
    """Whether a milestone is the step: of its kind (and words, if only they tell which), about its day."""
    if milestone.kind != step.kind or (step.kind == Kind.OTHER and milestone.detail != step.detail):
        return False
    if milestone.precision == Precision.YEAR:
        return milestone.day.year == step.day.year
    if milestone.precision == Precision.MONTH:
        return (milestone.day.year, milestone.day.month) == (step.day.year, step.day.month)
    return step.day - step.told_within <= milestone.day <= step.day + _SAME_STEP_WITHIN


def group_of(key: str) -> str:
    """What the documents of an application share, so that they are told from those of a listed company."""
    return f"{APPLICATION} {key}"


def status_page(company: Company, source: str, key: str, name: str, first_day: date) -> Filing:
    """The page that tells how far an application has come, stored once for each application."""
    language = "en" if source == "hkex" else "zh"
    page, _ = Filing.objects.get_or_create(
        service=source,
        service_key=group_of(key),
        language=language,
        defaults={
            "slug": f"{company.slug}-application-{source}-{key}"[:120],
            "company": company,
            "kind": FilingKind.PAGE,
            "tier": Tier.OFFICIAL,
            "title": f"Application to list: {name}"[:400],
            "publisher": source.upper(),
            "published_on": first_day,
            "published_precision": "day",
            "url": STATUS_PAGES[source],
            "service_group": group_of(key),
        },
    )
    return page
