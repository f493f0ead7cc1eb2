"""Recording a figure: the form that a passage fills, and what is stored of it."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from companies.models import Anchor, Figure, FilingKind, FilingVersion, Known, User
from tests.factories import make_analyst, make_company, make_editor, make_figure, make_filing, make_user, make_version

pytestmark = pytest.mark.django_db
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}
SENTENCE = "预计2026年上半年实现营业收入6.45亿元至7.20亿元"
URL = "/figures/record/"


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def a_version(text: str = f"业绩预告。{SENTENCE},同比增长63.21%。", **fields: Any) -> FilingVersion:
    values: dict[str, Any] = {"company": make_company(), "kind": FilingKind.EARNINGS_FORECAST}
    return make_version(make_filing("forecast", **{**values, **fields}), text)


def place(version: FilingVersion, words: str = SENTENCE) -> dict[str, Any]:
    start = version.pages.get().text.index(words)
    return {
        "filing": version.filing_id, "version": version.number, "page": 1, "from": start, "to": start + len(words),
    }  # fmt: skip


def filled(version: FilingVersion, words: str = SENTENCE, **typed: Any) -> dict[str, Any]:
    return {
        **place(version, words), "metric": "revenue", "period": "2026H1", "basis": "guidance", "low": "6.45",
        "high": "7.20", "unit": "hundred_million", "currency": "CNY", "reported_in": "earnings_forecast", **typed,
    }  # fmt: skip


# --- The form ---------------------------------------------------------------------------------------


def test_the_form_is_filled_from_the_passage_and_its_filing() -> None:
    version = a_version()
    response = signed_in(make_analyst()).get(URL, place(version))
    assert response.status_code == 200
    form = response.context["form"]
    initial = {name: form.initial[name] for name in ("metric", "period", "basis", "low", "high", "unit", "currency")}
    assert initial == {
        "metric": "revenue", "period": "2026H1", "basis": "guidance", "low": "6.45", "high": "7.20",
        "unit": "hundred_million", "currency": "CNY",
    }  # fmt: skip
    html = response.content.decode()
    assert "<html" in html
    assert SENTENCE in html
    assert '<input type="hidden" name="version" value="1">' in html


def test_htmx_gets_the_form_alone() -> None:
    html = signed_in(make_analyst()).get(URL, place(a_version()), headers=PARTIAL).content.decode()
    assert "<html" not in html
    assert 'id="record-figure"' in html


def test_every_number_of_the_passage_is_offered_and_keeps_what_was_typed() -> None:
    version = a_version()
    words = f"{SENTENCE},同比增长63.21%"
    client = signed_in(make_analyst())
    first = client.get(URL, place(version, words)).content.decode()
    assert "6.45亿元至7.20亿元</button>" in first
    assert "63.21%</button>" in first
    response = client.post(URL, filled(version, words, amount="1", period="2026Q2", note="a remark"))
    assert response.status_code == 200
    form = response.context["form"]
    assert (form.initial["low"], form.initial["unit"]) == ("63.21", "percent")
    assert (form.initial["period"], form.initial["note"]) == ("2026Q2", "a remark")
    assert not Figure.objects.exists()


def test_a_unit_that_only_the_heading_states_is_shown_and_asked_for() -> None:
    version = a_version("单位:万元\n营业收入 64,572.05\n")
    client = signed_in(make_analyst())
    response = client.get(URL, place(version, "营业收入 64,572.05"))
    assert response.context["form"].initial["unit"] == ""
    assert "单位:万元" in response.content.decode()
    typed = filled(version, "营业收入 64,572.05", low="64,572.05", high="64,572.05", unit="")
    refused = client.post(URL, typed)
    assert refused.status_code == 422
    assert "unit" in refused.context["form"].errors
    assert client.post(URL, {**typed, "unit": "ten_thousand"}).status_code == 302
    assert Figure.objects.get().low == Decimal("645720500")


def test_looking_shows_the_plain_number_and_stores_nothing() -> None:
    version = a_version()
    html = signed_in(make_analyst()).post(URL, filled(version, look="1"), headers=PARTIAL).content.decode()
    assert "645,000,000 to 720,000,000 CNY" in html
    assert 'id="stored"' in html
    assert "<form" not in html
    assert not Figure.objects.exists()


def test_without_javascript_looking_gives_the_whole_form() -> None:
    html = signed_in(make_analyst()).post(URL, filled(a_version(), look="1")).content.decode()
    assert "645,000,000 to 720,000,000 CNY" in html
    assert "<html" in html
    assert "<form" in html


def test_the_form_is_made_with_as_many_queries_for_many_numbers_as_for_one(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    version = a_version("6.45亿元, 1, 2.5, 3.5万元, 4%, 12,345 " * 20)
    client = signed_in(make_analyst())
    client.get(URL, place(version, "6.45亿元"))
    for words in ("6.45亿元", version.pages.get().text):
        with django_assert_num_queries(11):
            client.get(URL, place(version, words))


# --- What is stored ---------------------------------------------------------------------------------


def test_a_proposed_figure_says_what_was_typed_and_where_it_stands() -> None:
    version, analyst = a_version(), make_analyst()
    response = signed_in(analyst).post(URL, filled(version, note="net of tax"))
    figure = Figure.objects.select_related("anchor").get()
    assert response["Location"] == f"/figures/{figure.pk}/"
    assert (figure.status, figure.entered_by, figure.decided_at) == ("proposed", analyst, None)
    assert (figure.low, figure.high, figure.currency) == (Decimal(645_000_000), Decimal(720_000_000), "CNY")
    assert (figure.period_start, figure.period_end) == (date(2026, 1, 1), date(2026, 6, 30))
    assert (figure.source, figure.known_on, figure.known_by) == (version.filing, version.filing.published_on, "stated")
    assert (figure.passage, figure.note) == (SENTENCE, "net of tax")
    assert figure.anchor is not None
    assert (figure.anchor.version, figure.anchor.page, figure.anchor.exact) == (version, 1, SENTENCE)


def test_htmx_is_told_where_the_proposed_figure_is() -> None:
    html = signed_in(make_analyst()).post(URL, filled(a_version()), headers=PARTIAL).content.decode()
    assert f"/figures/{Figure.objects.get().pk}/" in html
    assert "/decide/" not in html


def test_an_editor_goes_on_to_the_preview() -> None:
    html = signed_in(make_editor()).post(URL, filled(a_version()), headers=PARTIAL).content.decode()
    assert f"/figures/{Figure.objects.get().pk}/decide/" in html
    assert Figure.objects.get().status == "proposed"


def test_a_form_sent_twice_is_one_figure() -> None:
    version = a_version()
    client = signed_in(make_analyst())
    places = {client.post(URL, filled(version))["Location"] for _ in range(2)}
    assert len(places) == 1
    assert (Figure.objects.count(), Anchor.objects.count()) == (1, 1)


def test_an_open_end_stays_open() -> None:
    version = a_version("营业收入不低于5亿元")
    signed_in(make_analyst()).post(URL, filled(version, "营业收入不低于5亿元", low="5", high=""))
    figure = Figure.objects.get()
    assert (figure.low, figure.high) == (Decimal(500_000_000), None)


def test_a_figure_may_put_a_confirmed_one_right_which_stays_until_it_is_confirmed() -> None:
    version = a_version()
    wrong = make_figure(version.filing.company, "1", period="2026H1", basis="guidance")
    other = make_figure(version.filing.company, "1", period="FY2025", basis="guidance")
    client = signed_in(make_analyst())
    offered = client.get(URL, place(version)).context["form"].fields["replaces"].queryset
    assert list(offered) == [wrong]
    assert client.post(URL, filled(version, replaces=other.pk)).status_code == 422
    client.post(URL, filled(version, replaces=wrong.pk))
    wrong.refresh_from_db()
    assert Figure.objects.get(status="proposed").replaces == wrong
    assert wrong.status == "confirmed"


def test_of_a_filing_without_company_and_date_both_are_asked_for() -> None:
    make_company("moore", name_zh="摩尔线程")
    make_company("moore-two", name_en="Moore Two")
    version = a_version(company=None, published_on=None, published_precision="")
    client = signed_in(make_analyst())
    asked = client.post(URL, filled(version)).context["form"].errors
    assert set(asked) == {"company", "known_on"}
    assert (
        "company" in client.post(URL, filled(version, company="nobody", known_on="2026-03-01")).context["form"].errors
    )
    assert client.post(URL, filled(version, company="摩尔线程", known_on="2999-03-01")).status_code == 422
    client.post(URL, filled(version, company="摩尔线程", known_on="2026-03-01"))
    figure = Figure.objects.get()
    assert (figure.company.slug, figure.known_on) == ("moore", date(2026, 3, 1))


def test_a_filing_dated_by_its_month_gives_a_figure_known_by_its_month() -> None:
    version = a_version(published_on=date(2026, 3, 31), published_precision="month")
    signed_in(make_analyst()).post(URL, filled(version))
    assert Figure.objects.get().known_by == Known.MONTH


# --- Refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"period": "2026H3"}, "period"),
        ({"period": "2026-02-30"}, "period"),
        ({"period": ""}, "period"),
        ({"metric": "happiness"}, "metric"),
        ({"low": "", "high": ""}, "low"),
        ({"low": "7.20", "high": "6.45"}, "high"),
        ({"low": "many"}, "low"),
        ({"low": "NaN"}, "low"),
        ({"low": "Infinity"}, "low"),
        ({"low": "6e8"}, "low"),
        ({"low": "9" * 20, "high": "9" * 20}, "low"),
        ({"low": "0.0000000000001"}, "low"),
        ({"low": "-6.45"}, "low"),
        ({"unit": "dozen"}, "unit"),
        ({"unit": "percent"}, "unit"),
        ({"currency": ""}, "currency"),
        ({"currency": "XXX"}, "currency"),
        ({"metric": "gross_margin_pct", "currency": ""}, "unit"),
        ({"metric": "employees"}, "currency"),
        ({"low": "6.54"}, "derivation"),
        ({"currency": "USD"}, "derivation"),
        ({"unit": "ten_thousand"}, "derivation"),
        ({"note": "x" * 241}, "note"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_everything_typed_stays(typed: dict[str, str], field: str) -> None:
    response = signed_in(make_analyst()).post(URL, filled(a_version(), **{"note": "kept", **typed}))
    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert response.context["form"].data["note"] == typed.get("note", "kept")
    assert not Figure.objects.exists()
    assert not Anchor.objects.exists()


def test_a_number_that_the_passage_does_not_state_needs_its_reason() -> None:
    version = a_version()
    typed = filled(version, low="6.5", high="6.5")
    client = signed_in(make_analyst())
    refused = client.post(URL, typed)
    assert refused.status_code == 422
    assert 'name="derivation"' in refused.content.decode()
    client.post(URL, {**typed, "derivation": "the middle", "note": "rounded"})
    assert Figure.objects.get().note == "Not stated in the passage: the middle; rounded"


def test_a_sign_that_only_a_reader_can_tell_is_asked_for() -> None:
    words = "净亏损较上年收窄3.2亿元"
    version = a_version(words)
    typed = filled(version, words, metric="net_profit_attributable", low="-3.2", high="-3.2")
    client = signed_in(make_analyst())
    refused = client.post(URL, typed)
    assert list(refused.context["form"].errors) == ["sign_checked"]
    client.post(URL, {**typed, "sign_checked": "on"})
    assert Figure.objects.get().low == Decimal(-320_000_000)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"from": 5, "to": 5}, 422),
        ({"from": 0, "to": 9_999}, 422),
        ({"page": 7}, 422),
        ({"from": ""}, 200),  # no passage yet: it is asked for
        ({"from": "x"}, 200),
        ({"filing": 9_999}, 404),
        ({"filing": ""}, 404),
        ({"filing": "9" * 30}, 404),
        ({"version": 9}, 404),
    ],
)
def test_a_passage_that_is_none_is_answered_clearly(change: dict[str, Any], status: int) -> None:
    version = a_version()
    client = signed_in(make_analyst())
    for response in (client.get(URL, place(version) | change), client.post(URL, filled(version) | change)):
        assert response.status_code == status
        if status != 404:
            assert 'name="quote"' in response.content.decode()
    assert not Figure.objects.exists()


@pytest.mark.parametrize("words", ["收入1", "收入1,", "收入1,234", "234.5亿元", "5亿元", ".5亿元"])
def test_a_selection_that_cuts_a_number_in_two_is_refused(words: str) -> None:
    version = a_version("营业收入1,234.5亿元。")
    response = signed_in(make_analyst()).get(URL, place(version, words))
    assert response.status_code == 422
    assert "cuts a number in two" in response.content.decode()


def test_a_passage_can_be_quoted_where_it_cannot_be_selected() -> None:
    version = a_version()
    client = signed_in(make_analyst())
    found = client.get(URL, {"filing": str(version.filing_id), "quote": SENTENCE})
    assert found.context["anchor"].exact == SENTENCE
    missing = client.get(URL, {"filing": str(version.filing_id), "quote": "不存在的话"})
    assert missing.status_code == 422
    assert "不存在的话" in missing.content.decode()


def test_an_example_shows_what_would_be_proposed_and_stores_nothing() -> None:
    version = a_version(is_example=True, company=None)
    client = signed_in(make_analyst())
    assert "nothing is stored" in client.get(URL, place(version)).content.decode()
    html = client.post(URL, filled(version)).content.decode()
    assert "645,000,000 to 720,000,000 CNY" in html
    assert "nothing was stored" in html
    assert not Figure.objects.exists()
    assert not Anchor.objects.exists()


@pytest.mark.parametrize(("maker", "status"), [(make_user, 403), (make_analyst, 200), (make_editor, 200)])
def test_only_those_who_may_propose_reach_the_form(maker: Any, status: int) -> None:
    version = a_version()
    client = signed_in(maker())
    assert client.get(URL, place(version)).status_code == status
    assert client.post(URL, filled(version)).status_code == (302 if status == 200 else status)
    assert Figure.objects.count() == (status == 200)


def test_somebody_who_is_not_signed_in_is_asked_to_and_stores_nothing() -> None:
    version = a_version()
    page = Client().get(URL, place(version))
    assert page.status_code == 302
    assert page["Location"].startswith(reverse("account_login"))
    assert Client().post(URL, filled(version)).status_code == 302
    fragment = Client().get(URL, place(version), headers=PARTIAL).content.decode()
    assert f"?next=/filings/{version.filing_id}/" in fragment
    assert not Figure.objects.exists()


def test_words_of_a_passage_are_text_and_never_markup() -> None:
    words = "<script>alert(1)</script> 5亿元"
    html = signed_in(make_analyst()).get(URL, place(a_version(words), words)).content.decode()
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)" in html


# --- The rules that hold everywhere -----------------------------------------------------------------


def test_a_figure_that_stands_beside_another_is_proposed_once_that_is_confirmed() -> None:
    version = a_version()
    stored = make_figure(version.filing.company, "1", period="2026H1", basis="guidance", source=make_filing("other"))
    client = signed_in(make_analyst())
    asked = client.post(URL, filled(version))
    assert asked.status_code == 422
    [doubt] = asked.context["form"].doubts
    assert (doubt.code, doubt.other) == ("also_reported", stored)
    assert f'name="confirmed" value="{doubt.key}"' in asked.content.decode()
    assert client.post(URL, filled(version, confirmed="also_reported:of:another")).status_code == 422
    assert not Figure.objects.filter(status="proposed").exists()
    assert client.post(URL, filled(version, confirmed=doubt.key)).status_code == 302
    assert Figure.objects.filter(status="proposed").exists()


def test_a_figure_that_its_source_has_stated_is_not_proposed_again() -> None:
    version = a_version()
    stated = {"period": "2026H1", "basis": "guidance", "source": version.filing}
    make_figure(version.filing.company, "645000000", "720000000", **stated)
    asked = signed_in(make_analyst()).post(URL, filled(version))
    assert asked.status_code == 422
    assert "stored already" in str(asked.context["form"].non_field_errors())


@pytest.mark.parametrize("typed", ["6.450,00", "6,45", "1,2,3"])
def test_separators_that_may_mean_two_numbers_are_refused(typed: str) -> None:
    asked = signed_in(make_analyst()).post(URL, filled(a_version(), low=typed))
    assert asked.context["form"].errors["low"] == ["Write a number, such as 6.45 or -1,234."]
