"""Finding the companies of the starter facts by their names and tickers."""

import pytest
from django.test import Client

from companies.search import found_companies

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("starter")]


@pytest.mark.parametrize(
    ("text", "slugs"),
    [
        ("moore threads", ["moore-threads"]),
        ("threads moore", ["moore-threads"]),
        ("MOORE", ["moore-threads"]),
        ("摩尔线程", ["moore-threads"]),
        ("摩尔", ["moore-threads"]),
        ("moerxiancheng", ["moore-threads"]),
        ("mexc", ["moore-threads"]),
        ("mrxc", ["moore-threads"]),
        ("688795", ["moore-threads"]),
        ("688795.SH", ["moore-threads"]),
        ("sh688795", ["moore-threads"]),
        ("6082", ["biren"]),
        ("06082", ["biren"]),
        ("6082.HK", ["biren"]),
        ("600", ["axera"]),
        ("00600", ["axera"]),
        ("0600.HK", ["axera"]),
        ("600.SH", []),
        ("NVDA", ["nvidia"]),
        ("nvda.o", ["nvidia"]),
        ("英伟达", ["nvidia"]),
        ("t-head", ["t-head"]),
        ("moore nvidia", []),
        ("no such company", []),
        ("%", []),
        ("_____________", []),
        ("'; drop table companies_company; --", []),
    ],
)
def test_a_company_is_found_by_any_of_its_names_and_tickers(text: str, slugs: list[str]) -> None:
    assert [company.slug for company in found_companies(text)] == slugs


def test_all_starter_companies_are_listed() -> None:
    html = Client().get("/companies/").content.decode()
    assert html.count('<th scope="row">') == 27
    assert "摩尔线程" in html
    assert "688795" in html
    assert "listed since 5 Dec 2025" in html


def test_a_chinese_reader_sees_the_chinese_name_first() -> None:
    html = Client().get("/companies/?q=mexc", headers={"Accept-Language": "zh-hans"}).content.decode()
    assert html.index("摩尔线程</a>") < html.index("Moore Threads</small>")
