"""What a row must obey: each rule with what it refuses, doubts and lets pass. Numbers are worked by hand."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from companies.models import (
    Basis,
    Company,
    CorporateAction,
    Figure,
    Filing,
    FundingRound,
    Listing,
    Milestone,
    ShareCount,
    Tier,
)
from companies.models import Known as KnownBy
from companies.rules import Known, Problem, Weight, goes_first, problems, venue_problems
from tests.factories import (
    DAY,
    NOON,
    make_action,
    make_company,
    make_figure,
    make_filing,
    make_listing,
    make_milestone,
    make_round,
    make_share_count,
    some_company,
    some_filing,
)

pytestmark = pytest.mark.django_db
TODAY = date(2026, 3, 10)
MODELS = (Company, Listing, CorporateAction, ShareCount, Figure, FundingRound, Milestone, Filing)


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    """Noon in Shanghai on `TODAY`."""
    with time_machine.travel("2026-03-10T04:00:00Z", tick=False):
        yield


def said(row: Any, known: Known | None = None) -> list[tuple[str, str, Weight]]:
    return [(one.code, one.field, one.weight) for one in problems(row, known or Known())]


def only(row: Any, known: Known | None = None) -> Problem:
    [problem] = problems(row, known or Known())
    return problem


# --- The starter facts --------------------------------------------------------------------------------


def test_no_starter_fact_is_refused() -> None:
    """Each row as if it were entered anew, on top of those before it; doubted are just those that look odd indeed."""
    with time_machine.travel("2026-12-01T04:00:00Z", tick=False):
        call_command("load_starter", verbosity=0)
        known, refused, doubted = Known(), [], Counter[str]()
        for model in MODELS:
            order = ("valid_from", "pk") if model is ShareCount else ("pk",)
            for row in model._default_manager.order_by(*order):
                for one in problems(row, known):
                    if one.weight is Weight.REFUSE:
                        refused.append(f"{row!r}: {one.words}")
                    elif one.weight is Weight.CONFIRM:
                        doubted[one.code] += 1
                known.put(row)
    assert refused == []
    # AMD bought Xilinx with shares; sources that state two numbers, before costs and after them; and many figures that
    # several sources state.
    assert (doubted["large_move"], doubted["other_number"], doubted["ratio"]) == (1, 7, 0)
    assert doubted["also_reported"] > 100


def test_a_stored_row_that_is_saved_again_is_not_doubted() -> None:
    with time_machine.travel("2026-12-01T04:00:00Z", tick=False):
        call_command("load_starter", verbosity=0)
        known = Known.of(list(Company.objects.values_list("pk", flat=True)))
        found = [
            one.words
            for model in (CorporateAction, ShareCount, Figure)
            for row in model._default_manager.all()
            for one in problems(row, known)
            if one.weight is not Weight.HINT and one.code != "large_move"
        ]
    assert found == []


def test_what_is_known_takes_as_many_queries_however_many_companies_there_are() -> None:
    counts = []
    for n in (1, 3):
        companies = [make_company(f"acme-{n}-{place}") for place in range(n)]
        for place, company in enumerate(companies):
            source = make_filing(f"report-{n}-{place}")
            make_share_count(company, source=source)
            make_action(company, source=source)
            make_figure(company, source=source)
        with CaptureQueriesContext(connection) as queries:
            Known.of([company.pk for company in companies])
        counts.append(len(queries))
    assert counts[0] == counts[1]


# --- Companies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"founded": "2016-13"}, "founded"),
        ({"founded": "2015-02-29"}, "founded"),
        ({"founded": "2026-03-11"}, "founded"),
        ({"founded": "2027"}, "founded"),
        ({"fiscal_year_end": "02-31"}, "fiscal_year_end"),
        ({"fiscal_year_end": "13-01"}, "fiscal_year_end"),
    ],
)
def test_a_company_has_days_that_exist_and_have_come(changes: dict[str, str], field: str) -> None:
    assert said(Company(name_en="Acme", **changes)) == [(field, field, Weight.REFUSE)]


@pytest.mark.parametrize(
    "changes", [{"founded": ""}, {"founded": "2026"}, {"founded": "2026-03"}, {"founded": "2016-02-29"},
                {"fiscal_year_end": "01-31"}, {"fiscal_year_end": "02-29"}],
)  # fmt: skip
def test_days_as_precise_as_they_are_known_are_days(changes: dict[str, str]) -> None:
    assert said(Company(name_en="Acme", **changes)) == []


# --- Listings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mic", "ticker", "share_class", "currency"),
    [
        ("XSHG", "688795", "A", "CNY"), ("XSHG", "600000", "A", "CNY"), ("XSHG", "900901", "common", "USD"),
        ("XSHE", "300474", "A", "CNY"), ("XSHE", "000001", "A", "CNY"), ("XSHE", "002049", "A", "CNY"),
        ("XSHE", "200011", "common", "HKD"), ("XHKG", "0600", "H", "HKD"), ("XHKG", "9903", "H", "HKD"),
        ("XHKG", "0700", "common", "HKD"), ("XHKG", "80700", "common", "CNY"), ("XNAS", "NVDA", "common", "USD"),
        ("XNYS", "BRK.B", "common", "USD"), ("XLON", "ARM1", "common", "GBP"), ("XTKS", "6920", "common", "JPY"),
    ],
)  # fmt: skip
def test_tickers_as_exchanges_write_them_pass(mic: str, ticker: str, share_class: str, currency: str) -> None:
    assert venue_problems(mic, ticker, share_class, currency) == []


@pytest.mark.parametrize(
    ("mic", "ticker", "says"),
    [
        ("XSHG", "68879", "six digits"), ("XSHG", "300474", "60, 68 or 900"), ("XSHG", "688795.SS", "six digits"),
        ("XSHE", "688795", "00, 30 or 20"), ("XHKG", "600", "0600"), ("XHKG", "00600", "0600"),
        ("XNAS", "nvda", "capital letters"), ("XNAS", "NVDA1", "capital letters"), ("XLON", "arm", "capital letters"),
    ],
)  # fmt: skip
def test_a_ticker_that_its_exchange_does_not_have_is_refused(mic: str, ticker: str, says: str) -> None:
    [problem] = venue_problems(mic, ticker, "A", "CNY")
    assert (problem.code, problem.field, problem.weight) == ("ticker_shape", "ticker", Weight.REFUSE)
    assert says in problem.words


@pytest.mark.parametrize(
    ("mic", "ticker", "share_class", "currency", "field", "says"),
    [
        ("XSHG", "688795", "A", "HKD", "currency", "is traded in CNY on XSHG"),
        ("XHKG", "9903", "H", "CNY", "currency", "is traded in HKD on XHKG"),
        ("XHKG", "89903", "H", "HKD", "currency", "is traded in CNY on XHKG"),
        ("XNAS", "NVDA", "common", "CNY", "currency", "is traded in USD on XNAS"),
        ("XSHG", "688795", "H", "CNY", "share_class", "are A shares"),
        ("XHKG", "9903", "A", "HKD", "share_class", "are H shares or common shares"),
    ],
)
def test_class_and_currency_are_those_of_the_venue(
    mic: str, ticker: str, share_class: str, currency: str, field: str, says: str
) -> None:
    [problem] = venue_problems(mic, ticker, share_class, currency)
    assert (problem.field, problem.weight) == (field, Weight.REFUSE)
    assert says in problem.words


def test_a_listing_ends_after_it_begins() -> None:
    listing = Listing(mic="XSHG", ticker="688795", share_class="A", currency="CNY", listed_on=DAY, delisted_on=DAY)
    assert said(listing) == [("dates_in_order", "delisted_on", Weight.REFUSE)]
    listing.delisted_on = DAY + timedelta(days=1)
    assert said(listing) == []


def test_a_currency_without_a_rate_is_only_a_hint() -> None:
    listing = Listing(mic="XLON", ticker="ARM", share_class="common", currency="GBP")
    assert said(listing, Known(convertible=frozenset({"CNY", "USD"}))) == [("no_rate", "currency", Weight.HINT)]
    assert said(listing, Known(convertible=frozenset({"GBP"}))) == []
    assert said(listing, Known(convertible=None)) == []


# --- Shares -------------------------------------------------------------------------------------------


def count(total: int, day: date = DAY, share_class: str = "all") -> ShareCount:
    row = ShareCount(company=some_company(), total=total, valid_from=day, share_class=share_class)
    row.source = some_filing()
    return row


@pytest.mark.parametrize(
    ("total", "percent"),
    [(1_200_000, ""), (800_000, ""), (1_200_001, "+20.0%"), (799_999, "-20.0%"), (10_000_000, "+900.0%")],
)
def test_a_count_that_moves_market_value_by_more_than_a_fifth_is_doubted(total: int, percent: str) -> None:
    make_share_count(total=1_000_000)
    found = problems(count(total))
    assert [one.weight for one in found] == ([Weight.CONFIRM] if percent else [])
    if percent:
        assert f"moves market value by {percent}" in found[0].words
        assert "1,000,000 shares are in force before it" in found[0].words


def test_an_action_explains_a_count() -> None:
    make_share_count(total=1_000_000)
    make_action(ratio="1.49", ex_day=DAY - timedelta(days=1))
    assert problems(count(1_490_000)) == []
    # 1,000,000 × 1.49 = 1,490,000; without the bonus it is a fall of 32.9 %
    assert "-32.9%" in only(count(1_000_000), Known.of([some_company().pk])).words


def test_the_doubt_names_its_numbers_so_that_others_are_doubted_again() -> None:
    make_share_count(total=1_000_000)
    keys = {problems(count(total))[0].key for total in (1_300_000, 1_400_000)}
    assert len(keys) == 2
    assert problems(count(1_300_000))[0].key in keys


def test_counts_of_other_classes_and_later_days_explain_nothing_and_doubt_nothing() -> None:
    make_share_count(total=1_000_000)
    assert problems(count(300_000, share_class="H")) == []
    assert problems(count(300_000, date(2019, 1, 1))) == []


def test_a_corrected_count_is_compared_with_itself() -> None:
    row = make_share_count(total=1_000_000)
    row.note = "Checked."
    assert problems(row) == []
    row.total = 1_100_000
    assert problems(row) == []
    row.total = 10_000_000
    assert "the count was 1,000,000 and becomes 10,000,000" in problems(row)[0].words


@pytest.mark.parametrize(
    ("kind", "ratio", "weight"),
    [
        ("bonus", "1.49", None), ("bonus", "2.99", None), ("bonus", "4.9", Weight.CONFIRM),
        ("bonus", "1", Weight.REFUSE),
        ("split", "10", None), ("split", "0.1", None), ("split", "1", Weight.REFUSE),
    ],
)  # fmt: skip
def test_a_ratio_is_shares_after_for_each_before(kind: str, ratio: str, weight: Weight | None) -> None:
    row = CorporateAction(company=some_company(), kind=kind, ratio=Decimal(ratio), ex_day=DAY)
    assert [(one.field, one.weight) for one in problems(row)] == ([("ratio", weight)] if weight else [])


@pytest.mark.parametrize(("new", "doubted"), [(200_000, False), (200_001, True)])
def test_a_placing_of_more_than_a_fifth_is_doubted(new: int, doubted: bool) -> None:
    make_share_count(total=1_000_000)
    row = CorporateAction(company=some_company(), kind="placing", new_shares=new, ex_day=DAY)
    assert [one.field for one in problems(row)] == (["new_shares"] if doubted else [])


# --- Figures ------------------------------------------------------------------------------------------


def figure(low: str | None = "1000", high: str | None = "1000", **fields: Any) -> Figure:
    values = {
        "company": some_company(), "metric": "revenue", "period": "FY2025", "period_start": date(2025, 1, 1),
        "period_end": date(2025, 12, 31), "currency": "CNY", "basis": "actual", "reported_in": "annual_report",
        "known_on": DAY, "source": some_filing(),
    }  # fmt: skip
    ends = [None if end is None else Decimal(end) for end in (low, high)]
    return Figure(low=ends[0], high=ends[1], **{**values, **fields})


@pytest.mark.parametrize(
    ("row", "code", "field"),
    [
        ({"low": "3", "high": "2"}, "low_is_at_most_high", "high"),
        ({"low": "-5", "high": "-5"}, "sign", "low"),
        ({"low": None, "high": "-5"}, "sign", "high"),
        ({"currency": ""}, "currency", "currency"),
        ({"metric": "employees", "currency": "CNY"}, "currency", "currency"),
        ({"known_on": date(2026, 3, 11)}, "known_on", "known_on"),
        ({"known_on": date(2026, 3, 31)}, "known_on", "known_on"),
        ({"known_on": date(2026, 4, 30), "known_by": KnownBy.MONTH}, "known_on", "known_on"),
    ],
)
def test_a_figure_that_cannot_be_is_refused(row: dict[str, Any], code: str, field: str) -> None:
    assert said(figure(**row)) == [(code, field, Weight.REFUSE)]


@pytest.mark.parametrize(
    "row",
    [
        {}, {"low": None}, {"high": None}, {"low": "1", "high": "2"},
        {"metric": "net_profit_attributable", "low": "-5", "high": "-1"},
        {"metric": "employees", "currency": ""},
        {"metric": "gross_margin_pct", "low": "-5", "high": "-5", "currency": ""},
        {"known_on": date(2026, 3, 31), "known_by": KnownBy.MONTH},
        {"known_on": date(2026, 4, 30), "known_by": KnownBy.INFERRED},
        {"basis": "guidance", "period_end": date(2026, 12, 31)},
        {"metric": "offer_price", "period_start": None, "period_end": date(2026, 3, 20)},
    ],
)  # fmt: skip
def test_a_figure_as_sources_state_them_passes(row: dict[str, Any]) -> None:
    assert said(figure(**row)) == []


def test_an_actual_figure_is_known_after_its_period() -> None:
    source = make_filing("early", published_on=date(2025, 12, 1))
    row = figure(known_on=date(2025, 12, 30), source=source)
    assert "on 2025-12-31 or later" in only(row).words
    row.basis = Basis.GUIDANCE
    assert said(row) == []


def test_nothing_is_known_from_a_document_before_it_is_published() -> None:
    row = figure(known_on=DAY - timedelta(days=1))
    assert "published on 2026-03-02" in only(row).words
    row.source.published_precision = "month"
    assert said(row) == []
    row.source.published_precision, row.source.tier = "day", Tier.MEDIA
    assert said(row) == []  # a page that quotes the report came later than the report


def test_the_same_figure_of_the_same_source_is_refused_and_the_stored_one_named() -> None:
    stored = make_figure()
    problem = only(figure(), Known.of([stored.company_id]))
    assert (problem.code, problem.weight, problem.other) == ("same_figure", Weight.REFUSE, stored)


def test_another_number_of_the_same_source_is_doubted() -> None:
    stored = make_figure()
    problem = only(figure("1001", "1001"), Known.of([stored.company_id]))
    assert (problem.code, problem.weight, problem.other) == ("other_number", Weight.CONFIRM, stored)
    assert "1,000 CNY" in problem.words


def test_a_figure_of_another_source_is_offered_as_also_reported() -> None:
    stored = make_figure()
    media = make_filing("media", tier=Tier.MEDIA, title="A newspaper")
    problem = only(figure(source=media), Known.of([stored.company_id]))
    assert (problem.code, problem.weight, problem.other) == ("also_reported", Weight.CONFIRM, stored)
    assert "That figure stays first: its source is nearer to the company" in problem.words
    assert "“also reported”" in problem.words


@pytest.mark.parametrize("changes", [{"period": "FY2024"}, {"basis": "guidance"}, {"metric": "rd_expense"}])
def test_figures_of_other_things_are_no_rivals(changes: dict[str, Any]) -> None:
    stored = make_figure()
    assert said(figure(**changes), Known.of([stored.company_id])) == []


@pytest.mark.parametrize("status", ["rejected", "superseded"])
def test_what_is_not_in_use_any_more_is_no_rival(status: str) -> None:
    stored = make_figure(status=status)
    assert said(figure(), Known.of([stored.company_id])) == []
    make_figure(source=make_filing("other"))
    assert said(figure(status=status), Known.of([stored.company_id])) == []


def test_a_figure_that_puts_another_right_does_not_stand_beside_it() -> None:
    stored = make_figure()
    assert said(figure("1001", "1001", replaces=stored), Known.of([stored.company_id])) == []


@pytest.mark.parametrize(
    ("mine", "theirs", "first", "reason"),
    [
        ({"tier": "media"}, {"tier": "official"}, "theirs", "tier"),
        ({"known_on": DAY}, {"known_on": DAY - timedelta(days=9)}, "mine", "newer"),
        ({"high": None}, {}, "theirs", "closed"),
        ({}, {}, "theirs", "entered"),
        # Guidance of another report: the newer one, whatever the tier (docs/formulas.md)
        (
            {"tier": "media", "basis": "guidance", "reported_in": "news"},
            {"known_on": DAY - timedelta(days=9), "basis": "guidance"},
            "mine",
            "newer",
        ),
    ],
)
def test_which_figure_goes_first_follows_the_choice_of_pages(
    mine: dict[str, Any], theirs: dict[str, Any], first: str, reason: str
) -> None:
    rows = {}
    for name, fields in (("theirs", theirs), ("mine", mine)):
        source = make_filing(name, tier=fields.pop("tier", "official"))
        rows[name] = figure(**{**fields, "source": source})
    rows["theirs"].save()
    assert goes_first(rows["mine"], rows["theirs"]) == (rows[first], reason)


def test_rows_of_an_import_are_compared_with_those_before_them() -> None:
    known = Known.of([some_company().pk])
    first = figure()
    assert said(first, known) == []
    known.put(first)
    assert said(figure(), known) == [("same_figure", "source", Weight.REFUSE)]
    assert said(first, known) == []  # not its own rival
    stored = make_figure(period="FY2024")
    known.put(stored)
    known.drop(stored)
    assert said(figure(period="FY2024"), known) == []


# --- Rounds, milestones, filings ----------------------------------------------------------------------


def funding(**fields: Any) -> FundingRound:
    values = {"company": some_company(), "label": "B", "currency": "CNY", "known_on": DAY, "source": some_filing()}
    return FundingRound(**{**values, **fields})


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"amount": Decimal(0)}, "amount"),
        ({"post_money_low": Decimal(-1)}, "post_money_low"),
        ({"post_money_low": Decimal(3), "post_money_high": Decimal(2)}, "post_money_high"),
        ({"known_on": date(2026, 3, 11)}, "known_on"),
    ],
)
def test_a_round_that_cannot_be_is_refused(fields: dict[str, Any], field: str) -> None:
    assert [(one.field, one.weight) for one in problems(funding(**fields))] == [(field, Weight.REFUSE)]


@pytest.mark.parametrize("known_on", [None, TODAY, date(2026, 3, 31)])
def test_a_round_may_be_known_by_its_month_or_not_at_all(known_on: date | None) -> None:
    assert said(funding(known_on=known_on, amount=Decimal(1))) == []


def test_a_step_may_lie_ahead_but_not_its_publication() -> None:
    step = Milestone(company=some_company(), kind="lockup_expiry", day=date(2027, 1, 1), known_on=TODAY)
    assert said(step) == []
    step.known_on = TODAY + timedelta(days=1)
    assert said(step) == [("known_on", "known_on", Weight.REFUSE)]


def test_a_filing_is_published_and_seen_on_days_that_have_come() -> None:
    tomorrow = TODAY + timedelta(days=1)
    row = Filing(title="A", published_on=tomorrow, published_precision="day", seen_on=tomorrow)
    assert [one.field for one in problems(row)] == ["published_on", "seen_on"]
    row.published_on, row.published_precision, row.seen_on = date(2026, 3, 31), "month", TODAY
    assert said(row) == []


def test_a_correction_comes_after_what_it_corrects_and_is_of_the_same_company() -> None:
    first = make_filing("first", published_on=DAY, company=some_company())
    row = Filing(title="A", published_on=DAY - timedelta(days=1), published_precision="day", corrects=first)
    assert [(one.code, one.other) for one in problems(row)] == [("corrects", first), ("corrects", first)]
    row.published_on, row.company = DAY, some_company()
    assert said(row) == []


# --- Companies and sources of every kind of fact ----------------------------------------------------------


@pytest.mark.parametrize("make", [make_figure, make_share_count, make_action, make_milestone, make_round, make_listing])
def test_an_invented_example_is_the_source_of_nothing(make: Any) -> None:
    row = make(source=make_filing("an-example", is_example=True))
    assert ("example", "source", Weight.REFUSE) in said(row)
    row.source = some_filing()
    assert "example" not in [code for code, _field, _weight in said(row)]


@pytest.mark.parametrize("make", [make_figure, make_share_count, make_action, make_milestone, make_round, make_listing])
def test_nothing_is_stated_of_a_company_that_is_another_one_now(make: Any) -> None:
    kept, merged = make_company("acme"), make_company("acme-chips")
    row = make(merged)
    assert "merged_company" not in [code for code, _field, _weight in said(row)]
    merged.archived_at = NOON
    assert "merged_company" not in [code for code, _field, _weight in said(row)]  # an archived one may be put right
    merged.merged_into = kept
    assert ("merged_company", "company", Weight.REFUSE) in said(row)
    [problem] = [one for one in problems(row, Known()) if one.code == "merged_company"]
    assert problem.words == "Acme Chips has been merged into Acme: choose that one, or nobody will see this."
