"""Archived companies: on no list, in no total, not refreshed; their own pages stay, and they come back unchanged."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from companies.history import versions_of
from companies.models import Company, Revision, User
from companies.search import found_companies
from tests.factories import (
    make_analyst,
    make_company,
    make_editor,
    make_figure,
    make_filing,
    make_listing,
    make_quote,
    make_share_count,
    make_staff,
    make_user,
    make_version,
)
from valuations.exchange_watch import _trading_mics
from valuations.figure_review import proposed
from valuations.filing_coverage import filing_questions
from valuations.ledger import watched_listings
from valuations.money import Interval, Money
from valuations.sector import sector
from valuations.snapshot import today
from valuations.state import State

pytestmark = pytest.mark.django_db
WHY = "It makes no chips any more."
LIST = "admin:companies_company_changelist"


@pytest.fixture
def staff() -> User:
    return make_staff()


@pytest.fixture
def client(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


def a_company(slug: str, ticker: str) -> Company:
    """A listed company worth 100 yuan times a million shares."""
    company = make_company(slug, name_en=slug.capitalize())
    listing = make_listing(company, ticker)
    make_share_count(company, 1_000_000)
    make_quote(listing, "100", day=today() - timedelta(days=1))
    make_version(make_filing(f"{slug}-report", company=company, title=f"Report of {slug}"))
    make_figure(company)
    make_figure(company, period="FY2024", status="proposed")
    return company


def worth(amount: str) -> Money:
    """A market value known for certain, in yuan."""
    return Money(Interval(Decimal(amount), Decimal(amount)), "CNY")


def post(client: Client, page: str, *companies: Company, **data: Any) -> Any:
    url = reverse(f"admin:companies_company_{page}")
    return client.post(url, {"ids": [one.pk for one in companies], "change_reason": WHY, **data}, follow=True)


def test_an_archived_company_is_on_no_list_and_in_no_total(client: Client, staff: User) -> None:
    gone, stays = a_company("gone", "688101"), a_company("stays", "688102")
    assert sector(State()).totals.market_value == worth("200000000")
    revision = Revision.current()
    assert "1 company is archived." in post(client, "archive", gone).content.decode()
    assert Revision.current() > revision
    assert [row.company for row in sector(State()).snapshot.rows] == [stays]
    assert sector(State()).totals.market_value == worth("100000000")
    assert list(found_companies("")) == [stays]
    assert list(found_companies("gone")) == []
    assert list(found_companies("688101")) == []
    assert [one.company for one in watched_listings()] == [stays]
    assert _trading_mics(timezone.now()) == {"XSHG": True}
    assert {one.company for one in filing_questions() if one.company} == {stays}
    assert filing_questions([gone]) == []
    assert [figure.company for figure in proposed()] == [stays]
    for name in ("valuations:sector", "companies:list", "filings:list", "notes:list", "valuations:proposed"):
        html = client.get(reverse(name)).content.decode()
        assert "gone" not in html.lower(), name
        assert "Stays" in html or name == "notes:list", name
    for name in ("valuations:sector_json", "valuations:sector_csv", "filings:list_json", "filings:list_csv"):
        assert "gone" not in client.get(reverse(name)).content.decode(), name
    assert client.get(reverse("valuations:compare"), {"c": "gone"}).status_code == 400
    assert "Gone" not in client.get(reverse("valuations:compare"), {"find": "gon"}).content.decode()
    assert "Gone" not in client.get(reverse("valuations:filing_add")).content.decode()


def test_forms_of_the_admin_offer_no_archived_company(client: Client) -> None:
    make_company("gone", archived_at=timezone.now())
    stays = make_company("stays")
    asked = {"app_label": "companies", "model_name": "figure", "field_name": "company", "term": ""}
    found = client.get(reverse("admin:autocomplete"), asked).json()["results"]
    assert [one["id"] for one in found] == [str(stays.pk)]


def test_pages_of_earlier_days_leave_it_out_too(client: Client) -> None:
    gone, stays = a_company("gone", "688101"), a_company("stays", "688102")
    post(client, "archive", gone)
    day = today() - timedelta(days=1)
    assert [row.company for row in sector(State(as_of=day)).snapshot.rows] == [stays]


def test_its_own_page_stays_and_says_so(client: Client) -> None:
    gone = a_company("gone", "688101")
    post(client, "archive", gone)
    response = client.get(reverse("valuations:company", args=["gone"]))
    assert response.status_code == 200
    assert "Archived since" in response.content.decode()
    assert client.get(reverse("filings:list"), {"company": "gone"}).content.decode().count("Report of gone") >= 1


def test_archiving_is_written_down_and_can_be_taken_back(client: Client, staff: User) -> None:
    company = a_company("acme", "688101")
    post(client, "archive", company)
    post(client, "restore", company, change_reason="It does.")
    first, archived, restored = versions_of(Company).order_by("history_id")
    assert (first.archived_at, archived.archived_at is None, restored.archived_at) == (None, False, None)
    assert [(one.history_user, one.history_change_reason) for one in (archived, restored)] == [
        (staff, WHY), (staff, "It does."),
    ]  # fmt: skip
    assert list(found_companies("")) == [company]


def test_archiving_twice_changes_nothing_the_second_time(client: Client) -> None:
    company = make_company()
    post(client, "archive", company)
    company.refresh_from_db()
    html = post(client, "archive", company).content.decode()
    assert "0 companies are archived." in html
    assert "1 company stays as it was" in html
    assert Company.objects.get().archived_at == company.archived_at
    assert versions_of(Company).count() == 2


def test_archiving_needs_a_reason_and_the_right(client: Client) -> None:
    company = make_company()
    response = post(client, "archive", company, change_reason=" ")
    assert response.status_code == 422
    assert "Say why: it is kept in the history." in response.content.decode()
    for user in (make_user("reader"), make_analyst()):
        other = Client()
        other.force_login(user)
        url = reverse("admin:companies_company_archive")
        assert other.post(url, {"ids": [company.pk], "change_reason": WHY}).status_code == 403
    assert Company.objects.get().archived_at is None


@pytest.mark.parametrize("query", ["", "ids=x", "ids=999999", "ids=1&ids=%00"])
def test_an_odd_address_archives_nothing(client: Client, query: str) -> None:
    response = client.get(f"{reverse('admin:companies_company_archive')}?{query}")
    assert response.status_code == 200
    assert "No company is chosen." in response.content.decode()


def test_companies_are_chosen_in_the_list_and_on_their_own_page(client: Client) -> None:
    one, other = make_company("one"), make_company("other")
    data = {"action": "archive_chosen", "_selected_action": [one.pk, other.pk]}
    page = client.post(reverse(LIST), data, follow=True)
    assert set(page.context["companies"]) == {one, other}
    html = client.get(reverse("admin:companies_company_change", args=[one.pk])).content.decode()
    assert f"{reverse('admin:companies_company_archive')}?ids={one.pk}" in html
    post(client, "archive", one)
    html = client.get(reverse("admin:companies_company_change", args=[one.pk])).content.decode()
    assert f"{reverse('admin:companies_company_restore')}?ids={one.pk}" in html


def test_a_company_is_deleted_only_while_nothing_is_stated_about_it(client: Client) -> None:
    bare, used = make_company("bare"), make_company("used")
    make_figure(used)
    html = client.get(reverse("admin:companies_company_delete", args=[used.pk])).content.decode()
    assert "1 figure" in html
    assert "Archive the company instead" in html
    client.post(reverse("admin:companies_company_delete", args=[used.pk]), {"post": "yes"})
    client.post(reverse("admin:companies_company_delete", args=[bare.pk]), {"post": "yes"})
    assert list(Company.objects.all()) == [used]


def test_archiving_many_takes_as_many_queries_as_archiving_few(client: Client) -> None:
    counts = []
    Revision.bump()
    for n in (1, 4):
        companies = [make_company(f"c-{n}-{i}") for i in range(n)]
        url = reverse("admin:companies_company_archive")
        with CaptureQueriesContext(connection) as queries:
            client.post(url, {"ids": [one.pk for one in companies], "change_reason": WHY})
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_an_editor_archives_companies() -> None:
    company = make_company()
    editor = Client()
    editor.force_login(make_editor())
    post(editor, "archive", company)
    assert Company.objects.get().archived_at is not None
