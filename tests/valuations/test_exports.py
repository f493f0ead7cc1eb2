"""The sector page's data as JSON and CSV."""

import csv
import io
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("starter")]

ROW_KEYS = [
    "slug", "name_en", "name_zh", "stage", "price", "market_value", "revenue", "price_to_sales", "missing", "sources",
]  # fmt: skip


def sector(client: Client, query: str) -> dict[str, Any]:
    answer: dict[str, Any] = client.get(f"/sector.json?{query}").json()
    return answer


def row(answer: dict[str, Any], slug: str) -> dict[str, Any]:
    found: dict[str, Any] = next(row for row in answer["rows"] if row["slug"] == slug)
    return found


@pytest.mark.parametrize(
    ("slug", "billions"), [("moore-threads", "335.976"), ("metax", "332.043"), ("cambricon", "554.775")]
)
def test_market_values_of_the_december_headline(client: Client, slug: str, billions: str) -> None:
    found = row(sector(client, "as_of=2025-12-17&currency=CNY"), slug)["market_value"]
    assert found["low"] == found["high"]
    assert round(Decimal(found["low"]) / 10**9, 3) == Decimal(billions)


def test_the_shape_is_the_documented_one_and_decimals_are_texts(client: Client) -> None:
    answer = sector(client, "as_of=2026-09-30&currency=CNY")
    assert list(answer) == ["as_of", "currency", "basis", "rows", "totals"]
    assert "coverage" in answer["totals"]
    cambricon = row(answer, "cambricon")
    assert list(cambricon) == ROW_KEYS
    assert cambricon["price"] == {"value": "1009.01", "currency": "CNY", "day": "2026-09-30", "state": "closed"}
    assert cambricon["revenue"] == {
        "low": "9612000000",
        "high": "9612000000",
        "period": "TTM-2026-06-30",
        "basis": "actual",
    }
    assert cambricon["name_zh"] == "寒武纪"


def test_trailing_revenue_names_its_three_inputs_with_their_pages(client: Client) -> None:
    cambricon = row(sector(client, "as_of=2026-09-30"), "cambricon")
    inputs = [source for source in cambricon["sources"] if source["field"] == "revenue"]
    assert [(source["period"], source["value"]) for source in inputs] == [
        ("FY2025", "CNY 6497000000"),
        ("2026H1", "CNY 5996000000"),
        ("2025H1", "CNY 2881000000"),
    ]
    assert all(source["title"] and source["tier"] and source["date"] for source in inputs)


def test_guidance_is_an_interval_in_the_json(client: Client) -> None:
    metax = row(sector(client, "as_of=2026-02-10&basis=guidance"), "metax")
    assert metax["revenue"] == {"low": "1600000000", "high": "1700000000", "period": "FY2025", "basis": "guidance"}
    # 514.35 x 400.1 m = 205.791435 bn, over 1.7 bn and 1.6 bn
    assert metax["price_to_sales"] == {"low": "121.053785", "high": "128.619647"}


def test_a_missing_number_is_null_with_a_reason_never_zero(client: Client) -> None:
    answer = sector(client, "as_of=2025-12-17")
    for found in answer["rows"]:
        for name in ("price", "market_value", "revenue", "price_to_sales"):
            assert (found[name] is None) == bool(found["missing"].get(name))
    assert row(answer, "denglin")["market_value"] is None


def test_every_number_has_a_source(client: Client) -> None:
    for found in sector(client, "as_of=2026-09-30")["rows"]:
        fields = {source["field"] for source in found["sources"]}
        for name in ("price", "market_value", "revenue"):
            assert found[name] is None or name in fields
        assert all(source["title"] for source in found["sources"])


def test_benchmarks_and_segments_follow_the_query(client: Client) -> None:
    slugs = {found["slug"] for found in sector(client, "benchmarks=on&segment=gpu")["rows"]}
    assert {"nvidia", "amd", "moore-threads", "metax"} <= slugs
    assert "cambricon" not in slugs
    assert "nvidia" not in {found["slug"] for found in sector(client, "")["rows"]}


def test_the_csv_has_the_rows_of_the_json_in_the_same_order(client: Client) -> None:
    query = "as_of=2026-09-30&currency=USD&sort=company&direction=asc"
    answer = client.get(f"/sector.csv?{query}")
    assert answer["Content-Disposition"] == 'attachment; filename="xinpan-sector-2026-09-30-USD-ttm.csv"'
    lines = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    rows = sector(client, query)["rows"]
    assert [line["slug"] for line in lines] == [found["slug"] for found in rows]
    for line, found in zip(lines, rows, strict=True):
        assert line["market_value_low"] == (found["market_value"] or {"low": ""})["low"]
        assert bool(line["missing"]) == bool(found["missing"])


@pytest.mark.parametrize(
    "path", ["/sector.json", "/sector.csv", "/", "/companies/cambricon/", "/companies/cambricon/price/source/"]
)
@pytest.mark.parametrize(
    "query",
    [
        "as_of=2025-13-01",
        "as_of=yesterday",
        "as_of=2999-01-01",
        "as_of=0001-01-01",
        "basis=hope",
        "currency=EUR",
        "currency=%00",
        "scale=cubic",
        "segment=benchmark",
        "sort=luck",
        "page=0",
        "page=two",
        "basis=" + "x" * 10_000,
        "x=" + "y" * 10_000,
        "as_of=2025-12-17%27%3BDROP",
    ],
)  # fmt: skip
def test_an_impossible_question_is_refused_with_a_reason(client: Client, path: str, query: str) -> None:
    answer = client.get(f"{path}?{query}")
    assert answer.status_code == 400
    assert len(answer.content) > 20


@pytest.mark.parametrize("path", ["/sector.json", "/sector.csv", "/", "/companies/cambricon/"])
@pytest.mark.parametrize("day", ["2019-12-31", "1990-12-19"])
def test_a_day_before_any_data_is_a_clear_page(client: Client, path: str, day: str) -> None:
    assert client.get(f"{path}?as_of={day}").status_code == 200


def test_unknown_companies_and_numbers_are_not_found(client: Client) -> None:
    assert client.get("/companies/nobody/").status_code == 404
    assert client.get("/companies/cambricon/nothing/source/").status_code == 404
