"""Forms of the admin: amounts as people write them, rules beside their fields, doubts that are confirmed one by one."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import models
from django.test import Client

from companies.admin import fields
from companies.models import (
    Company,
    CorporateAction,
    Figure,
    Filing,
    FundingRound,
    Listing,
    Milestone,
    ShareCount,
    User,
)
from companies.recording.amount_words import PROBLEMS
from companies.recording.typed import NotAnAmount, typed_amount
from tests.elements import Elements
from tests.factories import (
    DAY,
    NOON,
    make_analyst,
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
from tests.test_admin import address, figure_data, form_of
from tests.worlds import make_rows
from valuations.models import FxRate, Quote, ReportedQuote

FACTS = (
    Company, Listing, ShareCount, CorporateAction, FundingRound, Milestone, Filing, Figure, Quote, ReportedQuote,
    FxRate,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _clock() -> Any:
    with time_machine.travel("2026-03-10T04:00:00Z", tick=False):
        yield


@pytest.fixture
def staff() -> User:
    return make_staff()


@pytest.fixture
def client(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


def change(client: Client, row: models.Model, **changes: Any) -> Any:
    """What the form answers when these boxes are filled otherwise, with a reason."""
    url = address(type(row), "change", row.pk)
    return client.post(url, {**form_of(client.get(url)), "change_reason": "Checked.", **changes})


def box_of(html: str, name: str) -> dict[str, str | None]:
    [box] = [box for box in Elements(html).of("input") if box.get("name") == name]
    return box


def errors_of(response: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = response.context["adminform"].form.errors
    return found


# --- Amounts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12.5亿", "1250000000"), ("1.25bn", "1250000000"), ("1,250,000,000", "1250000000"),
        ("1 250 000 000", "1250000000"), ("3.2万亿", "3200000000000"), ("500 million", "500000000"),
        ("-12.5亿", "-1250000000"), ("−5", "-5"), ("１２．５亿", "1250000000"), ("１，２５０", "1250"),
        ("1250.5", "1250.5"), ("2025", "2025"), ("0", "0"), ("12.5亿元", "1250000000"), ("6,450万", "64500000"),
        ("5m", "5000000"), ("4.7亿股", "470000000"), (" 12 ", "12"),
        ("123456789012345678.1234", "123456789012345678.1234"),
    ],
)  # fmt: skip
def test_amounts_are_read_as_people_write_them(text: str, value: str) -> None:
    typed = typed_amount(text)
    assert typed is not None
    assert typed.value == Decimal(value)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1.250,00", "unclear"), ("1,25", "unclear"), ("12,34,567", "unclear"), ("1.250.000", "unclear"),
        ("1,250 000", "several"), ("1'250", "unclear"), ("1e9", "unclear"), ("0x10", "unclear"), ("NaN", "unclear"),
        ("Infinity", "unclear"), ("一亿", "unclear"), ("亏损5亿", "unclear"), ("5 m", "unclear"), ("½", "unclear"),
        ("12亿5000万", "several"), ("5-6亿", "several"), ("10亿余", "open"), ("42%", "percent"), ("9" * 99, "unclear"),
    ],
)  # fmt: skip
def test_what_may_be_read_in_two_ways_or_none_is_refused(text: str, code: str) -> None:
    with pytest.raises(NotAnAmount) as refused:
        typed_amount(text)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("US$1.25bn", "USD"),
        ("港币5亿元", "HKD"),
        ("5亿美元", "USD"),
        ("人民币5亿元", "CNY"),
        ("5亿元", ""),
        ("$5bn", ""),
    ],
)
def test_a_currency_beside_an_amount_is_read(text: str, currency: str) -> None:
    typed = typed_amount(text)
    assert typed is not None
    assert typed.currency == currency


@pytest.mark.django_db
def test_an_amount_is_stored_in_plain_units(client: Client) -> None:
    response = client.post(address(Figure, "add"), figure_data(make_company(), low="12.5亿", high="1.5bn"))
    assert response.status_code == 302
    figure = Figure.objects.get()
    assert (figure.low, figure.high) == (Decimal(1_250_000_000), Decimal(1_500_000_000))


@pytest.mark.django_db
def test_shares_are_typed_as_amounts_and_are_whole(client: Client) -> None:
    count = make_share_count(total=470_000_000)
    assert change(client, count, total="4.71亿").status_code == 302
    count.refresh_from_db()
    assert count.total == 471_000_000
    assert errors_of(change(client, count, total="4.7000000005亿")) == {
        "total": ["This is a whole number: give it without decimals."]
    }


@pytest.mark.django_db
def test_an_unclear_amount_says_how_to_write_it_and_changes_nothing(client: Client) -> None:
    funding = make_round(post_money="5000")
    [words] = errors_of(change(client, funding, post_money_high="1.250,00"))["post_money_high"]
    assert "12.5亿, 1.25bn" in words
    funding.refresh_from_db()
    assert funding.post_money_high == 5000


@pytest.mark.django_db
def test_an_amount_in_another_currency_than_the_rows_is_refused(client: Client) -> None:
    funding = make_round()
    assert errors_of(change(client, funding, amount="US$1.25bn")) == {
        "amount": ["You wrote USD here, and the currency is CNY. Correct one of them."]
    }
    assert change(client, funding, amount="12.5亿元").status_code == 302


@pytest.mark.django_db
@pytest.mark.parametrize("value", ["12345678901.1234", "0.0001", "1250000000", "-9876543210987.65"])
def test_a_stored_amount_shows_every_digit_and_is_not_changed_by_saving(client: Client, value: str) -> None:
    figure = make_figure(low=value, metric="net_assets", period="2025-12-31", period_start=None)
    url = address(Figure, "change", figure.pk)
    page = client.get(url)
    assert f'value="{Decimal(value):,}"' in page.content.decode()
    form = page.context["adminform"].form
    bound = type(form)(data=form_of(page), instance=figure)
    assert bound.changed_data == []
    assert client.post(url, form_of(page)).status_code == 302
    figure.refresh_from_db()
    assert figure.low == Decimal(value)


@pytest.mark.django_db
def test_no_form_of_facts_changes_anything_when_it_is_saved_as_it_is(client: Client) -> None:
    make_rows(1)
    for model in FACTS:
        row = model._default_manager.order_by("pk").first()
        assert row is not None
        before = list(model._default_manager.order_by("pk").values())
        response = change(client, row)
        assert response.status_code == 302, (model, errors_of(response))
        assert list(model._default_manager.order_by("pk").values()) == before, model


@pytest.mark.django_db
def test_the_plain_number_with_its_currency_stands_beside_the_box(client: Client) -> None:
    response = change(client, make_round(), post_money_low="0.5亿", post_money_high="0.4亿", currency="HKD")
    html = response.content.decode()
    assert "= 50,000,000 HKD" in html
    assert 'value="0.5亿"' in html


@pytest.mark.django_db
def test_the_server_reads_an_amount_while_it_is_typed(client: Client) -> None:
    def said(**query: str) -> Any:
        return client.get("/figures/amount/", query).json()

    assert said(text="12.5亿", currency="cny") == {"words": "= 1,250,000,000 CNY", "problem": ""}
    assert said(text="") == {"words": "", "problem": ""}
    assert said(text="1.250,00")["problem"] == str(PROBLEMS["unclear"])
    assert said(text="US$5bn", currency="CNY")["problem"].startswith("You wrote USD here")


@pytest.mark.django_db
def test_amounts_are_read_for_those_who_enter_them_alone() -> None:
    client = Client()
    assert client.get("/figures/amount/", {"text": "5"}).status_code == 302
    client.force_login(make_user())
    assert client.get("/figures/amount/", {"text": "5"}).status_code == 403
    client.force_login(make_analyst())
    assert client.get("/figures/amount/", {"text": "5"}).status_code == 200
    assert client.post("/figures/amount/", {"text": "5"}).status_code == 405


# --- Rules --------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_refused_row_says_why_beside_its_field(client: Client) -> None:
    listing = make_listing()
    assert errors_of(change(client, listing, currency="HKD")) == {
        "currency": ["688001 is traded in CNY on XSHG: write that, or correct the ticker."]
    }
    listing.refresh_from_db()
    assert listing.currency == "CNY"


@pytest.mark.django_db
def test_a_doubt_is_put_once_and_confirmed_for_just_its_numbers(client: Client) -> None:
    count = make_share_count(total=1_000_000)
    asked = change(client, count, total="2000000")
    assert asked.status_code == 200
    html = asked.content.decode()
    assert "the count was 1,000,000 and becomes 2,000,000" in html
    assert "Please correct" not in html
    box = box_of(html, "_checked")
    assert "checked" not in box
    # Other numbers are other doubts: the box does not speak for them
    assert change(client, count, total="3000000", _checked=box["value"]).status_code == 200
    count.refresh_from_db()
    assert count.total == 1_000_000
    assert change(client, count, total="2000000", _checked=box["value"]).status_code == 302
    count.refresh_from_db()
    assert count.total == 2_000_000


@pytest.mark.django_db
def test_a_doubt_and_the_question_why_are_put_at_once(client: Client) -> None:
    count = make_share_count(total=1_000_000)
    answer = change(client, count, total="2000000", change_reason="")
    assert sorted(errors_of(answer)) == ["change_reason", "total"]
    assert box_of(answer.content.decode(), "_checked")


@pytest.mark.django_db
def test_mistakes_are_said_before_doubts(client: Client) -> None:
    count = make_share_count(total=1_000_000)
    box = box_of(change(client, count, total="2000000").content.decode(), "_checked")
    answer = change(client, count, total="2000000", valid_from="soon", _checked=box["value"])
    assert list(errors_of(answer)) == ["valid_from"]


@pytest.mark.django_db
def test_a_figure_of_another_source_is_offered_as_also_reported_with_a_link(client: Client) -> None:
    stored = make_figure(low="1", high="2")
    data = figure_data(stored.company, source=make_filing("media", tier="media").pk, low="5", high="5")
    asked = client.post(address(Figure, "add"), data)
    html = asked.content.decode()
    assert "the other is listed as “also reported”" in html
    assert f'<a href="/admin/companies/figure/{stored.pk}/change/" target="_blank" rel="noopener">' in html
    assert Figure.objects.count() == 1
    box = box_of(html, "_checked")
    assert client.post(address(Figure, "add"), {**data, "_checked": box["value"]}).status_code == 302
    assert Figure.objects.count() == 2


@pytest.mark.django_db
def test_the_same_figure_twice_is_refused(client: Client) -> None:
    stored = make_figure(low="1", high="2")
    response = client.post(address(Figure, "add"), figure_data(stored.company))
    assert "stored already" in errors_of(response)["source"][0]


@pytest.mark.django_db
def test_words_of_sources_in_a_doubt_are_no_markup(client: Client) -> None:
    stored = make_figure(low="1", high="2", source=make_filing("odd", title="<img src=x onerror=alert(1)>"))
    html = client.post(address(Figure, "add"), figure_data(stored.company)).content.decode()
    assert "<img src=x" not in html
    assert "&lt;img src=x" in html


@pytest.mark.django_db
def test_what_is_worth_knowing_is_said_after_saving(client: Client) -> None:
    make_rate("USD/CNY")
    listing = make_listing(ticker="ARM", mic="XLON", share_class="common", currency="USD")
    url = address(Listing, "change", listing.pk)
    data = {**form_of(client.get(url)), "currency": "GBP", "change_reason": "Moved."}
    html = client.post(url, data, follow=True).content.decode()
    assert "There is no exchange rate for GBP" in html
    listing.refresh_from_db()
    assert listing.currency == "GBP"


def tables(company: Company, **rows: Any) -> dict[str, Any]:
    return {
        "corporate_actions-TOTAL_FORMS": 1, "corporate_actions-0-share_class": "all",
        "corporate_actions-0-kind": "bonus", "corporate_actions-0-ex_day": "2026-03-02",
        "corporate_actions-0-ratio": "1.5", "corporate_actions-0-new_shares": "0",
        "corporate_actions-0-source": some_filing().pk,
        "share_counts-TOTAL_FORMS": company.share_counts.count() + 1, "share_counts-1-share_class": "all",
        "share_counts-1-total": "1,500,000", "share_counts-1-valid_from": "2026-03-02",
        "share_counts-1-method": "reported", "share_counts-1-source": make_filing("new").pk, **rows,
    }  # fmt: skip


@pytest.mark.django_db
def test_an_action_in_another_table_of_the_form_explains_a_count(client: Client) -> None:
    company = make_company()
    make_share_count(company, 1_000_000)
    assert change(client, company, **tables(company)).status_code == 302
    assert ShareCount.objects.count() == 2


@pytest.mark.django_db
def test_a_count_in_a_table_that_nothing_explains_is_doubted(client: Client) -> None:
    company = make_company()
    make_share_count(company, 1_000_000)
    rows = tables(company, **{"corporate_actions-TOTAL_FORMS": 0})
    asked = change(client, company, **rows)
    html = asked.content.decode()
    assert "This moves market value by +50.0%" in html
    box = box_of(html, "_checked")
    assert change(client, company, **rows, _checked=box["value"]).status_code == 302
    assert ShareCount.objects.count() == 2


@pytest.mark.django_db
def test_a_ticker_in_a_table_is_held_to_its_exchange(client: Client) -> None:
    company = make_company()
    response = change(
        client, company,
        **{
            "listings-TOTAL_FORMS": 1, "listings-0-mic": "XSHG", "listings-0-ticker": "300474",
            "listings-0-share_class": "A", "listings-0-currency": "CNY",
        },
    )  # fmt: skip
    [formset] = [one.formset for one in response.context["inline_admin_formsets"] if one.formset.prefix == "listings"]
    assert "six digits and begins with 60" in formset.errors[0]["ticker"][0]
    assert not Listing.objects.exists()


# --- Boxes --------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("model", [Quote, FxRate, CorporateAction])
def test_where_a_row_comes_from_is_not_typed(client: Client, model: type[models.Model]) -> None:
    make_rows(1)
    row = model._default_manager.get()
    model._default_manager.update(provider="tencent", fetched_at=NOON)
    html = client.get(address(model, "change", row.pk)).content.decode()
    assert "tencent" in html
    assert 'name="provider"' not in html
    change(client, row, provider="me", fetched_at_0="2020-01-01", fetched_at_1="00:00")
    row.refresh_from_db()
    assert (row.provider, row.fetched_at) == ("tencent", NOON)  # type: ignore[attr-defined]


@pytest.mark.django_db
def test_a_price_entered_by_hand_says_so_and_names_its_source(client: Client) -> None:
    listing = make_listing()
    data = {"listing": listing.pk, "day": "2026-03-02", "close": "12.5"}
    assert errors_of(client.post(address(Quote, "add"), data)) == {"source": ["Name the source."]}
    assert client.post(address(Quote, "add"), {**data, "source": some_filing().pk}).status_code == 302
    quote = Quote.objects.get()
    assert (quote.provider, quote.fetched_at, quote.close) == ("editor", None, Decimal("12.5"))


@pytest.mark.django_db
def test_a_figure_entered_here_names_who_entered_it(client: Client, staff: User) -> None:
    client.post(address(Figure, "add"), figure_data(make_company(), entered_by="99"))
    figure = Figure.objects.get()
    assert figure.entered_by == staff
    make_quote()
    other = make_figure(period="FY2024", period_start=date(2024, 1, 1), period_end=date(2024, 12, 31), known_on=DAY)
    change(client, other, note="Checked.")
    other.refresh_from_db()
    assert (other.note, other.entered_by) == ("Checked.", None)


@pytest.mark.django_db
def test_currencies_and_exchanges_are_chosen_from_a_list_or_typed(client: Client) -> None:
    html = client.get(address(Listing, "add")).content.decode()
    box = box_of(html, "currency")
    assert f'<datalist id="{box["list"]}">' in html
    mic = box_of(html, "mic")
    assert f'<datalist id="{mic["list"]}"><option value="XSHG">Shanghai Stock Exchange</option>' in html
    assert {code for code, _name in fields.exchanges()} >= {"XSHG", "XSHE", "XHKG", "XNAS"}


@pytest.mark.django_db
def test_a_code_may_be_typed_in_small_letters(client: Client) -> None:
    funding = make_round()
    assert change(client, funding, currency="hkd").status_code == 302
    funding.refresh_from_db()
    assert funding.currency == "HKD"


@pytest.mark.django_db
@pytest.mark.parametrize(("model", "pair"), [(Company, "name_en name_zh"), (Filing, "title title_original")])
def test_both_languages_stand_side_by_side(client: Client, model: type[models.Model], pair: str) -> None:
    first, second = pair.split()
    assert f"field-{first} field-{second}" in client.get(address(model, "add")).content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("odd", ["a\0b", "9" * 5000, "٣", "NaN", "-1", "[(*\u202e\x1b😀 ", "1e400"])
def test_odd_amounts_are_answered(client: Client, odd: str) -> None:
    assert client.get("/figures/amount/", {"text": odd, "currency": odd}).status_code == 200
    funding = make_round()
    for extra in ({}, {"_effect": "1"}):
        response = change(client, funding, amount=odd, currency=odd, _checked=odd, **extra)
        assert response.status_code == 200
    funding.refresh_from_db()
    assert funding.amount is None


# --- What the form of a figure cannot do ------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("decided", ["confirmed", "rejected", "superseded"])
def test_a_proposed_figure_is_not_decided_about_in_its_form(client: Client, decided: str) -> None:
    """Nothing would say who decided; the figure that it replaces would be shown beside it."""
    wrong = make_figure(low="900")
    figure = make_figure(status="proposed", replaces=wrong)
    url = address(Figure, "change", figure.pk)
    data = form_of(client.get(url)) | {"change_reason": "Looked at.", "note": "x"}
    html = client.post(url, data | {"status": decided}).content.decode()
    assert "A proposed figure is confirmed or rejected on its own page" in html
    figure.refresh_from_db()
    assert (figure.status, figure.note) == ("proposed", "")
    assert client.post(url, data).status_code == 302
    figure.refresh_from_db()
    assert (figure.status, figure.note) == ("proposed", "x")


@pytest.mark.django_db
def test_a_figure_of_an_invented_example_is_refused(client: Client) -> None:
    example = make_filing("an-example", is_example=True)
    response = client.post(address(Figure, "add"), figure_data(make_company()) | {"source": example.pk})
    assert "This filing is an invented example, and never a source." in response.content.decode()
    assert not Figure.objects.exists()


@pytest.mark.django_db
def test_a_price_that_is_typed_over_is_not_its_providers_any_more(client: Client) -> None:
    quote = make_quote(make_listing(), provider="tencent", fetched_at=NOON)
    assert change(client, quote, volume="5").status_code == 302
    quote.refresh_from_db()
    assert (quote.provider, quote.volume) == ("editor", 5)


@pytest.mark.django_db
def test_naming_the_source_of_a_price_leaves_it_its_providers(client: Client) -> None:
    quote = make_quote(make_listing(), provider="tencent", fetched_at=NOON)
    assert change(client, quote, source=make_filing("a-page").pk).status_code == 302
    quote.refresh_from_db()
    assert (quote.provider, quote.source.slug) == ("tencent", "a-page")  # type: ignore[union-attr]
