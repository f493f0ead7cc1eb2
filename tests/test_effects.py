"""What a change would do, shown before it is saved: the numbers are those after saving, and nothing of it stays."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext

from companies.models import (
    Company,
    CorporateAction,
    Figure,
    Filing,
    FundingRound,
    Listing,
    Milestone,
    Revision,
    ShareCount,
)
from tests.factories import (
    DAY,
    make_action,
    make_company,
    make_figure,
    make_filing,
    make_listing,
    make_quote,
    make_rate,
    make_round,
    make_share_count,
    make_staff,
    make_user,
    some_filing,
)
from tests.test_admin import address, form_of
from valuations.effects import Effect
from valuations.models import FxRate, Quote
from valuations.snapshot import Question, cached_snapshot

pytestmark = pytest.mark.django_db
LOOK = {"_effect": "1"}


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(make_staff())
    return client


@pytest.fixture
def company() -> Company:
    """100 yuan × 1,000,000 shares = 100 million; revenue of 2025: 20 million; 5 times revenue."""
    company = make_company()
    make_quote(make_listing(company), "100")
    make_share_count(company, 1_000_000)
    make_figure(company, "20000000")
    return company


@pytest.fixture(autouse=True)
def _clock() -> Any:
    with time_machine.travel("2026-03-02T12:00:00Z", tick=False):
        yield


def look(client: Client, row: models.Model | type[models.Model], **changes: Any) -> Any:
    """The form as it comes back after the second button."""
    url = address(type(row), "change", row.pk) if isinstance(row, models.Model) else address(row, "add")
    data = {**form_of(client.get(url)), **changes, **LOOK}
    response = client.post(url, {name: value for name, value in data.items() if value is not None})
    assert response.status_code == 200
    return response


def numbers(effect: Effect, place: int = 0) -> dict[str, tuple[str, str]]:
    """Market value, and revenue and price to sales of the fiscal year, before and after."""

    def told(row: Any, name: str) -> str:
        value = getattr(row, name, None)
        if value is None:
            return "—"
        low = value.low if name == "price_to_sales" else value.money.low
        return f"{low.normalize():f}"

    return {
        line.field: (told(line.before, line.field), told(line.after, line.field))
        for line in effect.companies[place].lines
        if line.basis in (None, "fy")
    }


def state() -> list[Any]:
    """Everything stored that a change could have left behind."""
    tables = (Company, Listing, ShareCount, CorporateAction, Figure, Filing, FundingRound, Quote, FxRate, LogEntry)
    histories: tuple[Any, ...] = (
        Figure.history.model,
        ShareCount.history.model,
        Company.history.model,
        Quote.history.model,
    )
    return [
        Revision.numbers(),
        *(list(model._default_manager.order_by("pk").values()) for model in (*tables, *histories)),
    ]


def test_a_share_count_moves_market_value_and_the_multiple(client: Client, company: Company) -> None:
    before = state()
    response = look(client, ShareCount.objects.get(), total="1,100,000")
    effect = response.context["effect"]
    # 100 × 1,100,000 = 110 million; ÷ 20 million = 5.5
    assert numbers(effect) == {
        "market_value": ("100000000", "110000000"),
        "revenue": ("20000000", "20000000"),
        "price_to_sales": ("5", "5.5"),
    }
    assert effect.companies[0].currency == "CNY"
    assert state() == before


def test_the_form_comes_back_as_it_was_filled(client: Client, company: Company) -> None:
    response = look(client, ShareCount.objects.get(), total="1.1百万", note="As announced")
    html = response.content.decode()
    assert 'value="1.1百万"' in html
    assert "= 1,100,000" in html
    assert 'value="As announced"' in html
    assert "Nothing has been saved" in html
    assert "after saving" in html


def test_a_look_asks_for_no_reason_in_the_form_and_in_its_tables(client: Client, company: Company) -> None:
    html = look(client, ShareCount.objects.get(), total="1.1百万").content.decode()
    assert "Say why" not in html
    answer = look(client, company, **{"share_counts-0-total": "1100000"})
    assert "Say why" not in answer.content.decode()
    assert numbers(answer.context["effect"])["market_value"] == ("100000000", "110000000")


def test_saving_does_what_the_look_said(client: Client, company: Company) -> None:
    count = ShareCount.objects.get()
    effect = look(client, count, total="1100000").context["effect"]
    url = address(ShareCount, "change", count.pk)
    data = {**form_of(client.get(url)), "total": "1100000", "change_reason": "As announced."}
    assert client.post(url, data).status_code == 302
    row = cached_snapshot(Question(as_of=DAY)).row("acme")
    assert row is not None
    assert row.market_value == effect.companies[0].lines[0].after.market_value


def test_pages_that_are_kept_stay_right(client: Client, company: Company) -> None:
    """The kept snapshot is the one from before, also after a later change under the number that the look had used."""
    question = Question(as_of=DAY)
    first = cached_snapshot(question)
    look(client, ShareCount.objects.get(), total="1100000")
    assert cached_snapshot(question) is first
    number = Revision.current()
    Company.objects.update(city="Beijing")
    Revision.bump()
    assert Revision.current() == number + 1
    row = cached_snapshot(question).row("acme")
    assert row is not None
    assert row.market_value is not None
    assert row.market_value.money.low == 100_000_000


def test_a_figure_is_compared_on_each_basis(client: Client, company: Company) -> None:
    before = state()
    effect = look(client, Figure.objects.get(), low="2500万", high="2500万").context["effect"]
    assert numbers(effect)["revenue"] == ("20000000", "25000000")
    assert numbers(effect)["price_to_sales"] == ("5", "4")
    assert {line.basis for line in effect.companies[0].lines} == {None, "fy", "ttm", "guidance"}
    assert state() == before


def test_a_figure_that_is_entered_anew_is_looked_at(client: Client, company: Company) -> None:
    Figure.objects.all().delete()
    data = {
        "company": company.pk, "metric": "revenue", "status": "confirmed", "period": "FY2025", "low": "0.25亿",
        "high": "0.25亿", "currency": "CNY", "basis": "actual", "source": some_filing().pk,
        "reported_in": "annual_report", "known_on": str(DAY), "known_by": "stated",
    }  # fmt: skip
    response = look(client, Figure, **data)
    assert numbers(response.context["effect"])["price_to_sales"] == ("—", "4")
    assert not Figure.objects.exists()


def test_a_figure_moved_to_another_company_concerns_both(client: Client, company: Company) -> None:
    other = make_company("other")
    effect = look(client, Figure.objects.get(), company=other.pk).context["effect"]
    assert {one.company.slug: one.differs for one in effect.companies} == {"acme": True, "other": True}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"status": "proposed"}, "Only confirmed figures are used: this one is proposed."),
        ({"metric": "cash"}, "The sector page is made from revenue and R&amp;D expense"),
        ({"period": "FY2019", "period_start": "", "period_end": ""}, "Today’s numbers are made from other periods."),
    ],
)
def test_why_a_figure_changes_nothing(client: Client, company: Company, changes: dict[str, str], why: str) -> None:
    row = make_figure(company, "5", period="FY2018", period_start=date(2018, 1, 1), period_end=date(2018, 12, 31))
    html = look(client, row, **changes).content.decode()
    assert "No number changes." in html
    assert why in html


def test_a_figure_of_a_lesser_source_says_what_goes_before_it(client: Client, company: Company) -> None:
    media = make_filing("media", tier="media")
    row = make_figure(company, "5", source=media)
    response = look(client, row, low="6", high="6", _checked=" ")
    assert "a source nearer to the company goes before it" in response.content.decode()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"valid_from": "2026-06-01"}, "It takes effect on 2026-06-01 only."),
        ({"valid_from": "2019-01-01"}, "another count holds"),
    ],
)
def test_why_a_share_count_changes_nothing(client: Client, company: Company, changes: dict[str, str], why: str) -> None:
    row = make_share_count(company, 900_000, valid_from=date(2018, 1, 1), source=make_filing("old"))
    assert why in look(client, row, **changes).content.decode()


def test_a_company_with_its_tables_is_looked_at_together(client: Client, company: Company) -> None:
    before = state()
    response = look(
        client, company,
        **{
            "corporate_actions-TOTAL_FORMS": 1, "corporate_actions-0-share_class": "all",
            "corporate_actions-0-kind": "bonus", "corporate_actions-0-ex_day": "2026-03-02",
            "corporate_actions-0-ratio": "1.5", "corporate_actions-0-new_shares": "0",
            "corporate_actions-0-source": some_filing().pk,
        },
    )  # fmt: skip
    # 100 × 1,000,000 × 1.5 = 150 million
    assert numbers(response.context["effect"])["market_value"] == ("100000000", "150000000")
    assert state() == before


def test_a_new_company_has_numbers_only_after_saving(client: Client) -> None:
    source = make_filing()
    tables = {"listings": 0, "share_counts": 0, "corporate_actions": 0, "funding_rounds": 1, "milestones": 0}
    data = {f"{name}-{part}": 0 for name in tables for part in ("INITIAL_FORMS", "MIN_NUM_FORMS", "MAX_NUM_FORMS")}
    data |= {f"{name}-TOTAL_FORMS": n for name, n in tables.items()}
    response = look(
        client, Company, name_en="Novel", slug="novel", segment="gpu", fiscal_year_end="12-31", aliases="", **data,
        **{
            "funding_rounds-0-label": "A", "funding_rounds-0-kind": "round", "funding_rounds-0-closed_on": "2026-02-01",
            "funding_rounds-0-precision": "day", "funding_rounds-0-currency": "CNY",
            "funding_rounds-0-post_money_low": "50亿", "funding_rounds-0-post_money_high": "50亿",
            "funding_rounds-0-known_on": "2026-02-01", "funding_rounds-0-source": source.pk,
        },
    )  # fmt: skip
    assert numbers(response.context["effect"])["market_value"] == ("—", "5000000000")
    assert not Company.objects.exists()


def test_a_quote_a_rate_a_round_and_a_source_are_looked_at(client: Client, company: Company) -> None:
    effect = look(client, Quote.objects.get(), close="120").context["effect"]
    assert numbers(effect)["market_value"] == ("100000000", "120000000")
    american = make_company("american")
    make_quote(make_listing(american, "NVDA", mic="XNAS"), "10")
    make_share_count(american, 1_000_000, source=make_filing("count"))
    rate = make_rate("USD/CNY", "7")
    effect = look(client, rate, rate="8").context["effect"]
    # 10 × 1,000,000 × 7 = 70 million yuan, × 8 = 80 million; the company in Shanghai is not concerned
    assert [one.company.slug for one in effect.companies] == ["american"]
    assert numbers(effect)["market_value"] == ("70000000", "80000000")
    unlisted = make_company("unlisted")
    effect = look(client, make_round(unlisted), post_money_low="6000", post_money_high="6000").context["effect"]
    assert numbers(effect)["market_value"] == ("5000", "6000")


def test_the_tier_of_a_source_decides_among_figures(client: Client, company: Company) -> None:
    media = make_filing("media", tier="media")
    make_figure(company, "40000000", source=media, known_on=DAY)
    effect = look(client, some_filing(), tier="secondary").context["effect"]
    assert numbers(effect)["revenue"] == ("20000000", "40000000")
    assert numbers(effect)["price_to_sales"] == ("5", "2.5")


def test_values_are_in_the_currency_of_the_companys_own_listing(client: Client) -> None:
    company = make_company("iluvatar")
    make_quote(make_listing(company, "9903", mic="XHKG"), "200")
    count = make_share_count(company, 1_000_000)
    effect = look(client, count, total="1100000").context["effect"]
    assert effect.companies[0].currency == "HKD"
    # No rate is needed: 200 × 1,100,000
    assert numbers(effect)["market_value"] == ("200000000", "220000000")


def test_mistakes_come_first_and_change_nothing(client: Client, company: Company) -> None:
    before = state()
    response = look(client, ShareCount.objects.get(), total="0")
    assert "effect" not in response.context
    assert response.context["adminform"].form.errors == {"total": ["A number of shares is above zero."]}
    assert state() == before


def test_a_doubtful_row_can_be_looked_at_before_it_is_confirmed(client: Client, company: Company) -> None:
    count = make_share_count(company, 1_000_000, valid_from=date(2026, 2, 1), source=make_filing("new"))
    response = look(client, count, total="2000000")
    assert numbers(response.context["effect"])["market_value"] == ("100000000", "200000000")
    assert "I have checked this" in response.content.decode()
    count.refresh_from_db()
    assert count.total == 1_000_000


def test_who_may_only_look_at_rows_cannot_try_changes(company: Company) -> None:
    looker = make_user("looker", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_sharecount"))
    client = Client()
    client.force_login(looker)
    url = address(ShareCount, "change", ShareCount.objects.get().pk)
    assert "_effect" not in client.get(url).content.decode()
    assert client.post(url, {"total": "5", **LOOK}).status_code == 403


def test_a_look_takes_as_many_queries_however_many_figures_there_are(client: Client, company: Company) -> None:
    counts = []
    row = ShareCount.objects.get()
    look(client, row, total="1100000")
    for year in (2015, 2018):
        for more in range(3):
            days: dict[str, Any] = {"period_start": date(year + more, 1, 1), "period_end": date(year + more, 12, 31)}
            make_figure(company, "1", period=f"FY{year + more}", **days)
        with CaptureQueriesContext(connection) as queries:
            look(client, row, total="1100000")
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_message_of_a_try_is_not_said(client: Client, company: Company) -> None:
    make_rate("USD/CNY")
    listing = make_listing(make_company("other"), "ARM", mic="XLON", share_class="common", currency="USD")
    response = look(client, listing, currency="GBP")
    assert "There is no exchange rate for GBP" not in response.content.decode()
    url = address(Listing, "change", listing.pk)
    data = {**form_of(client.get(url)), "currency": "GBP", "change_reason": "Moved."}
    saved = client.post(url, data, follow=True)
    assert "There is no exchange rate for GBP" in saved.content.decode()


def test_the_button_is_there_where_values_depend_on_rows(client: Client) -> None:
    for model in (Company, Listing, ShareCount, CorporateAction, FundingRound, Figure, Filing, Quote, FxRate):
        assert 'name="_effect"' in client.get(address(model, "add")).content.decode(), model
    assert 'name="_effect"' not in client.get(address(Milestone, "add")).content.decode()


def test_an_action_later_than_today_says_so(client: Client, company: Company) -> None:
    action = make_action(company, ex_day=DAY + timedelta(days=30))
    html = look(client, action, ratio="1.6").content.decode()
    assert "It takes effect on 2026-04-01 only." in html
    assert Decimal("1.49") == CorporateAction.objects.get().ratio
