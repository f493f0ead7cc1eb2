"""Exports: what the list shows, in as many queries for many rows as for one, and nothing that a programme would run."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from openpyxl import load_workbook

from companies.sheets import exporting
from tests.factories import (
    DAY,
    make_company,
    make_editor,
    make_figure,
    make_filing,
    make_listing,
    make_quote,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(make_editor())
    return client


def export(client: Client, model: str, kind: str = "csv", **query: str) -> list[list[Any]]:
    response = client.get(reverse(f"admin:{model}_export", args=[kind]), query)
    assert response.status_code == 200
    content = b"".join(response.streaming_content)  # type: ignore[attr-defined]
    if kind == "csv":
        return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    book = load_workbook(io.BytesIO(content))
    assert book.active is not None
    return [list(row) for row in book.active.iter_rows(values_only=True)]


def column(table: list[list[Any]], name: str) -> list[Any]:
    return [row[table[0].index(name)] for row in table[1:]]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_an_export_holds_what_the_filter_and_the_search_show(client: Client, kind: str) -> None:
    make_figure(make_company("acme"), status="proposed")
    make_figure(make_company("beta"), status="confirmed")
    make_figure(make_company("gamma"), status="proposed")
    table = export(client, "companies_figure", kind, status__exact="proposed", q="gamma")
    assert column(table, "company") == ["gamma"]


def test_the_links_of_a_list_keep_its_filter_and_not_its_page(client: Client) -> None:
    make_figure(status="proposed")
    html = client.get(reverse("admin:companies_figure_changelist"), {"status__exact": "proposed", "p": "1"})
    link = reverse("admin:companies_figure_export", args=["xlsx"])
    assert f'href="{link}?status__exact=proposed"' in html.content.decode()


def test_a_filter_that_cannot_be_is_answered_as_by_the_list(client: Client) -> None:
    response = client.get(reverse("admin:companies_figure_export", args=["csv"]), {"company__id__exact": "x"})
    assert response.status_code == 302
    assert client.get(reverse("admin:companies_figure_export", args=["pdf"])).status_code == 404


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_chosen_rows_are_exported_by_an_action(client: Client, kind: str) -> None:
    chosen = make_figure(make_company("acme"))
    make_figure(make_company("beta"))
    data = {"action": f"export_{kind}", "_selected_action": [chosen.pk]}
    response: Any = client.post(reverse("admin:companies_figure_changelist"), data)
    content = b"".join(response.streaming_content)
    assert "attachment" in response["Content-Disposition"]
    assert (b"acme" in content and b"beta" not in content) or kind == "xlsx"


def test_numbers_and_days_are_exact(client: Client) -> None:
    listing = make_listing()
    make_quote(
        listing, "1234.100000", volume=123, last_at=datetime(2026, 3, 2, 7, 0, 0, 5, tzinfo=UTC),
        fetched_at=datetime(2026, 3, 2, 7, 0, tzinfo=UTC),
    )  # fmt: skip
    rows = export(client, "valuations_quote")
    assert (column(rows, "close"), column(rows, "volume"), column(rows, "day")) == (["1234.1"], ["123"], [str(DAY)])
    assert column(rows, "last_at") == ["2026-03-02T07:00:00.000005Z"]
    cells = export(client, "valuations_quote", "xlsx")
    assert column(cells, "close") == [1234.1]
    assert column(cells, "day") == [datetime.fromisoformat(str(DAY))]


def test_digits_that_excel_would_forget_stay_as_a_text() -> None:
    assert exporting._xlsx_value(Decimal("123456789012345.6789")) == "123456789012345.6789"
    assert exporting._xlsx_value(Decimal("1234.5")) == Decimal("1234.5")


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("text", ["=1+1", "+1", "-1+1", "@SUM(1)", "\t=1", "＝1+1"])
def test_nothing_in_an_export_counts_as_a_formula(client: Client, kind: str, text: str) -> None:
    make_company(name_en="Acme", note=text)
    assert column(export(client, "companies_company", kind), "note") == [f"'{text}"]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_as_many_queries_export_thirty_rows_as_three(client: Client, kind: str) -> None:
    source = make_filing()
    counts = []
    for rows in (3, 27):
        for number in range(rows):
            company = make_company(f"acme-{rows}-{number}")
            make_figure(company, listing=make_listing(company, ticker=f"6{rows:02}{number:03}"), source=source)
        with CaptureQueriesContext(connection) as queries:
            export(client, "companies_figure", kind)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_more_rows_than_can_be_exported_are_refused_with_the_way_out(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = make_listing()
    for back in range(3):
        make_quote(listing, day=DAY - timedelta(days=back))
    monkeypatch.setitem(exporting.MOST_ROWS, "csv", 2)
    url = reverse("admin:valuations_quote_export", args=["csv"])
    html = client.get(url, follow=True).content.decode()
    assert "The list has 3 rows; at most 2 can be exported as CSV. Filter it first." in html
    assert len(export(client, "valuations_quote", day=str(DAY))) == 2


def test_the_name_of_a_file_has_its_day(client: Client) -> None:
    response = client.get(reverse("admin:companies_company_export", args=["csv"]))
    assert response["Content-Disposition"].startswith('attachment; filename="company-20')
    assert response["X-Content-Type-Options"] == "nosniff"
    list(response.streaming_content)  # type: ignore[attr-defined]


def test_readers_export_nothing() -> None:
    client = Client()
    client.force_login(make_user())
    for kind in ("csv", "xlsx"):
        assert client.get(reverse("admin:companies_figure_export", args=[kind])).status_code == 403
