"""Smallest valid rows for tests: plain functions, nothing random. Say what the test is about, leave out the rest.

A row that needs another one (a quote its listing, a figure its company and its source) takes the one given or the
default one, which is made once per test.
"""

import hashlib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import Group

from companies.models import (
    CONTEXT,
    Anchor,
    Annotation,
    AnnotationRevision,
    Basis,
    Company,
    CorporateAction,
    Figure,
    Filing,
    FilingKind,
    FilingPage,
    FilingVersion,
    FundingRound,
    Invitation,
    Known,
    KnownDevice,
    Listing,
    MediaType,
    Metric,
    Milestone,
    NoteGroup,
    ShareClass,
    ShareCount,
    SheetImport,
    Tier,
    User,
)
from companies.roles import ANALYST, EDITOR, READER, make_roles
from valuations.models import (
    BarCoverage,
    CalendarWarning,
    ExchangeDay,
    ExchangeYear,
    FxRate,
    HeldQuote,
    Quote,
    RefreshOutcome,
    RefreshRun,
    ReportedQuote,
    SourceHealth,
)

DAY = date(2026, 3, 2)  # a Monday on which Shanghai, Hong Kong and New York traded
PASSWORD = "a password only tests know"
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)  # noon of that day in Shanghai


# --- What was reported ------------------------------------------------------------------------------


def make_filing(slug: str = "annual-report", **fields: Any) -> Filing:
    """An official annual report of `DAY`."""
    values: dict[str, Any] = {
        "kind": FilingKind.ANNUAL_REPORT, "tier": Tier.OFFICIAL, "title": "Annual report", "publisher": "Exchange",
        "published_on": DAY, "published_precision": "day", "url": f"https://exchange.example/{slug}.pdf",
    }  # fmt: skip
    return Filing.objects.create(slug=slug, **{**values, **fields})


def make_version(filing: Filing | None = None, *pages: str, **fields: Any) -> FilingVersion:
    """A version whose text has been read: one page for each text, which is taken as it is. Its file is not there.

    `html` gives the markup of its only page; `runs` is for `make_page`.
    """
    filing = filing or some_filing()
    number = fields.pop("number", None) or filing.versions.count() + 1
    html = fields.pop("html", "")
    texts = pages or ("Revenue was 1,200 million yuan.",)
    values: dict[str, Any] = {
        "sha256": hashlib.sha256(f"{filing.pk}/{number}".encode()).hexdigest(), "size": 1000,
        "media_type": MediaType.HTML if html else MediaType.PDF, "received_at": NOON, "status": "ready",
        "extraction": 1, "extracted_at": NOON, "extractor": "test", "page_count": len(texts),
    }  # fmt: skip
    version = FilingVersion.objects.create(filing=filing, number=number, **{**values, **fields})
    FilingPage.objects.bulk_create(
        FilingPage(version=version, number=at, text=text, html=html, width=5950, height=8420)
        for at, text in enumerate(texts, 1)
    )
    return version


def make_anchor(version: FilingVersion, exact: str, **fields: Any) -> Anchor:
    """An anchor at the first place where the words stand."""
    page = next(page for page in version.pages.all() if exact in page.text)
    start = page.text.index(exact)
    values: dict[str, Any] = {
        "page": page.number, "start": start, "end": start + len(exact), "exact": exact, "checked_at": NOON,
        "prefix": page.text[max(0, start - CONTEXT) : start],
        "suffix": page.text[start + len(exact) : start + len(exact) + CONTEXT],
    }  # fmt: skip
    return Anchor.objects.create(version=version, **{**values, **fields})


def make_note(author: User, version: FilingVersion, exact: str, body: str = "A note.", **fields: Any) -> Annotation:
    """A personal note on the first place where the words stand, with its first revision."""
    anchor = fields.pop("anchor", None) or make_anchor(version, exact)
    note = Annotation.objects.create(
        filing=version.filing, anchor=anchor, author=author, body=body, created_at=NOON, changed_at=NOON, **fields
    )
    return _with_revision(note)


def make_reply(author: User, parent: Annotation, body: str = "A reply.", **fields: Any) -> Annotation:
    """A reply, with its first revision."""
    note = Annotation.objects.create(
        filing=parent.filing, parent=parent, author=author, body=body, created_at=NOON, changed_at=NOON,
        visibility=parent.visibility, group=parent.group, **fields,
    )  # fmt: skip
    return _with_revision(note)


def _with_revision(note: Annotation) -> Annotation:
    AnnotationRevision.objects.create(
        annotation=note, number=note.revision, body=note.body, visibility=note.visibility, group=note.group,
        edited_by=note.author, edited_at=note.changed_at,
    )  # fmt: skip
    return note


def make_sheet_import(user: User | None = None, **fields: Any) -> SheetImport:
    """A table of companies that somebody has brought in and that waits to be stored: nothing in it is new."""
    values: dict[str, Any] = {
        "table": "companies.company", "file_name": "acme.csv", "content": b"slug,name_en\nacme,Acme\n",
        "state": SheetImport.State.READY, "asked_at": NOON, "rows": 1, "rows_done": 1,
    }  # fmt: skip
    return SheetImport.objects.create(asked_by=user, **{**values, **fields})


def make_group(name: str = "Desk", *members: User) -> NoteGroup:
    """A group of readers."""
    group = NoteGroup.objects.create(name=name)
    group.members.set(members)
    return group


def make_analyst(username: str = "analyst") -> User:
    """Somebody who may write notes, bring in filings and propose figures."""
    return _with_role(make_user(username), ANALYST)


def make_editor(username: str = "editor") -> User:
    """Somebody who may also decide about figures and anchors; no staff."""
    return _with_role(make_user(username), EDITOR)


def _with_role(user: User, role: str) -> User:
    make_roles()
    user.groups.add(Group.objects.get(name=role))
    return user


def make_company(slug: str = "acme", **fields: Any) -> Company:
    """A GPU maker with an English name only."""
    return Company.objects.create(slug=slug, **{"name_en": slug.replace("-", " ").title(), "segment": "gpu", **fields})


def make_listing(company: Company | None = None, ticker: str = "688001", **fields: Any) -> Listing:
    """A shares in Shanghai, in yuan, listed long ago. `mic="XHKG"` makes it H shares in Hong Kong dollars."""
    mic = fields.pop("mic", "XSHG")
    share_class, currency = {
        "XHKG": (ShareClass.H, "HKD"),
        "XNAS": (ShareClass.COMMON, "USD"),
    }.get(mic, (ShareClass.A, "CNY"))
    values = {"share_class": share_class, "currency": currency, "listed_on": date(2020, 7, 20)}
    return Listing.objects.create(company=company or some_company(), mic=mic, ticker=ticker, **{**values, **fields})


def make_share_count(company: Company | None = None, total: int = 1_000_000, **fields: Any) -> ShareCount:
    """A reported count of all shares, valid since before the default listing."""
    values = {"valid_from": date(2020, 1, 1), "source": fields.pop("source", None) or some_filing()}
    return ShareCount.objects.create(company=company or some_company(), total=total, **{**values, **fields})


def make_action(company: Company | None = None, ratio: str | Decimal = "1.49", **fields: Any) -> CorporateAction:
    """A bonus issue on `DAY`, announced by the default source unless a provider stated it (`fetched_at`)."""
    values: dict[str, Any] = {"kind": CorporateAction.Kind.BONUS, "ex_day": DAY}
    if fields.get("fetched_at") is None:
        values["source"] = fields.pop("source", None) or some_filing()
    return CorporateAction.objects.create(
        company=company or some_company(), ratio=Decimal(ratio), **{**values, **fields}
    )


def make_figure(
    company: Company | None = None, low: str | Decimal | None = "1000", high: str | Decimal | None = "", **fields: Any
) -> Figure:
    """Actual revenue of the year 2025 in yuan: a point, unless `high` says otherwise (None: at least `low`)."""
    values = {
        "metric": Metric.REVENUE, "period": "FY2025", "period_start": date(2025, 1, 1),
        "period_end": date(2025, 12, 31), "currency": "CNY", "basis": Basis.ACTUAL,
        "reported_in": FilingKind.ANNUAL_REPORT, "known_on": DAY, "known_by": Known.STATED,
        "source": fields.pop("source", None) or some_filing(),
    }  # fmt: skip
    ends = [low, low if high == "" else high]
    low_end, high_end = (None if end is None else Decimal(end) for end in ends)
    return Figure.objects.create(company=company or some_company(), low=low_end, high=high_end, **{**values, **fields})


def make_round(
    company: Company | None = None, post_money: str | Decimal | None = "5000", **fields: Any
) -> FundingRound:
    """A funding round of `DAY` with one post-money value, in yuan."""
    value = None if post_money is None else Decimal(post_money)
    values = {
        "label": "Series B", "closed_on": DAY, "precision": "day", "currency": "CNY", "known_on": DAY,
        "post_money_low": value, "post_money_high": value, "source": fields.pop("source", None) or some_filing(),
    }  # fmt: skip
    return FundingRound.objects.create(company=company or some_company(), **{**values, **fields})


def make_milestone(company: Company | None = None, **fields: Any) -> Milestone:
    """An application accepted on `DAY`."""
    values = {
        "kind": Milestone.Kind.APPLICATION_ACCEPTED, "venue": "SSE STAR", "day": DAY, "known_on": DAY,
        "source": fields.pop("source", None) or some_filing(),
    }  # fmt: skip
    return Milestone.objects.create(company=company or some_company(), **{**values, **fields})


def make_user(username: str = "reader", **fields: Any) -> User:
    """Somebody who can sign in with `PASSWORD`."""
    password = PBKDF2PasswordHasher().encode(PASSWORD, "salt", iterations=1)  # a million, as usual, takes its time
    return User.objects.create(
        username=username, **{"email": f"{username}@example.org", "password": password, **fields}
    )


def make_staff(username: str = "staff") -> User:
    """Somebody who may do everything in the admin."""
    return make_user(username, is_staff=True, is_superuser=True)


def make_invitation(email: str = "invited@example.org", token: str = "", **fields: Any) -> Invitation:
    """An invitation to be a reader, made at noon, open for a week. Nobody knows its link unless its token is given."""
    values = {
        "role": READER, "token_hash": hashlib.sha256((token or email).encode()).hexdigest(), "invited_at": NOON,
        "expires_at": NOON + timedelta(days=7),
    }  # fmt: skip
    return Invitation.objects.create(email=email, **{**values, **fields})


def make_known_device(user: User, **fields: Any) -> KnownDevice:
    """A browser from which somebody signed in at noon."""
    values = {"key_hash": "0" * 64, "user_agent": "A browser", "first_seen_at": NOON, "last_seen_at": NOON}
    return KnownDevice.objects.create(user=user, **{**values, **fields})


def some_company() -> Company:
    """The default company."""
    return Company.objects.filter(slug="acme").first() or make_company()


def some_filing() -> Filing:
    """The default source."""
    return Filing.objects.filter(slug="annual-report").first() or make_filing()


# --- What the market says ---------------------------------------------------------------------------


def make_quote(listing: Listing | None = None, close: str | Decimal = "100", **fields: Any) -> Quote:
    """A close of `DAY`, from the default source."""
    values = {"day": DAY, "final": True, "provider": "starter"}
    if fields.get("fetched_at") is None:
        values["source"] = some_filing()
    return Quote.objects.create(listing=listing or some_listing(), close=Decimal(close), **{**values, **fields})


def make_reported_quote(listing: Listing | None = None, **fields: Any) -> ReportedQuote:
    """A close of `DAY` that another source reports."""
    values = {"day": DAY, "close": Decimal(100), "source": fields.pop("source", None) or some_filing()}
    return ReportedQuote.objects.create(listing=listing or some_listing(), **{**values, **fields})


def make_rate(pair: str = "USD/CNY", rate: str | Decimal = "7", **fields: Any) -> FxRate:
    """A rate of `DAY`; `pair` is base/quote."""
    base, quote = pair.split("/")
    values = {"day": DAY, "provider": "cfets", "source": fields.pop("source", None) or some_filing()}
    return FxRate.objects.create(base=base, quote=quote, rate=Decimal(rate), **{**values, **fields})


def make_exchange_day(mic: str = "XSHG", day: date = DAY, **fields: Any) -> ExchangeDay:
    """A closed day."""
    return ExchangeDay.objects.create(mic=mic, day=day, **{"kind": "closed", "source": "A notice", **fields})


def make_exchange_year(mic: str = "XSHG", year: int = DAY.year) -> ExchangeYear:
    """A year whose calendar is known."""
    return ExchangeYear.objects.create(mic=mic, year=year, source="A notice")


def make_run(**fields: Any) -> RefreshRun:
    """A refresh of prices, asked for at noon and still open."""
    return RefreshRun.objects.create(**{"kind": RefreshRun.Kind.QUOTES, "requested_at": NOON, **fields})


def make_outcome(run: RefreshRun | None = None, listing: Listing | None = None, **fields: Any) -> RefreshOutcome:
    """An outcome that is still pending; with `result` it is done at noon. `listing=None` is one of a rates' source."""
    values = {"batch": 0, "provider": "tencent", "queued_at": NOON}
    if fields.get("result", RefreshOutcome.Result.PENDING) != RefreshOutcome.Result.PENDING:
        values["done_at"] = NOON
    return RefreshOutcome.objects.create(run=run or make_run(), listing=listing, **{**values, **fields})


def make_held(outcome: RefreshOutcome | None = None, price: str = "130", **fields: Any) -> HeldQuote:
    """A quote of `DAY` held back as too far from the stored close, waiting for someone to look."""
    if outcome is None:
        run = make_run(finished_at=NOON)
        outcome = make_outcome(run, some_listing(), result=RefreshOutcome.Result.HOLD, reason="beyond_limit")
    assert outcome.listing is not None
    payload = {"price": price, "at": NOON.isoformat(), "day": str(DAY), "currency": outcome.listing.currency}
    values = {"day": DAY, "reason": "beyond_limit", "held_at": NOON, "payload": payload | fields.pop("payload", {})}
    return HeldQuote.objects.create(outcome=outcome, listing=outcome.listing, **{**values, **fields})


def some_listing() -> Listing:
    """The default listing."""
    return Listing.objects.filter(ticker="688001").first() or make_listing()


def make_warning(mic: str = "XSHG", day: date = DAY, **fields: Any) -> CalendarWarning:
    """A calendar warning that nobody has seen to."""
    values = {"kind": CalendarWarning.Kind.NO_QUOTES, "found_at": NOON}
    return CalendarWarning.objects.create(mic=mic, day=day, **{**values, **fields})


def make_coverage(listing: Listing, first: date = DAY, last: date = DAY, **fields: Any) -> BarCoverage:
    """Daily bars of the listing were asked for from `first` to `last`."""
    values = {"provider": "tencent_history", "asked_at": NOON}
    return BarCoverage.objects.create(listing=listing, first_day=first, last_day=last, **{**values, **fields})


def make_health(site: str = "tencent", **fields: Any) -> SourceHealth:
    """What is remembered of a source; healthy unless told."""
    return SourceHealth.objects.create(site=site, **fields)
