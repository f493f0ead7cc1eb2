"""The admin: every page opens in a constant number of queries, and what editors do there reaches the pages."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from companies.models import (
    Anchor,
    Annotation,
    AnnotationMention,
    AnnotationRevision,
    AnnotationTag,
    Company,
    Figure,
    FilingPage,
    FilingVersion,
    FundingRound,
    Invitation,
    KnownDevice,
    Listing,
    Milestone,
    Revision,
    SearchPart,
    ShareCount,
    SheetImport,
    StarterRecord,
    User,
)
from tests.factories import (
    DAY,
    NOON,
    PASSWORD,
    make_action,
    make_company,
    make_figure,
    make_filing,
    make_held,
    make_listing,
    make_milestone,
    make_outcome,
    make_quote,
    make_round,
    make_run,
    make_share_count,
    make_staff,
    make_user,
    some_filing,
)
from tests.worlds import make_rows
from valuations.models import BarCoverage, CalendarWarning, HeldQuote, Quote, RefreshOutcome, RefreshRun, SourceHealth

pytestmark = pytest.mark.django_db
INDEXES = {SearchPart}  # made from other rows: there is nothing in them to look at
OURS = [
    model
    for name in ("companies", "valuations")
    for model in apps.get_app_config(name).get_models()
    if model not in INDEXES and not model.__name__.startswith("Historical")
]
READ_ONLY: set[type[models.Model]] = {
    RefreshRun,
    RefreshOutcome,
    HeldQuote,
    Revision,
    StarterRecord,
    BarCoverage,
    CalendarWarning,
    SourceHealth,
    FilingVersion,
    FilingPage,
    Anchor,
    Annotation,
    AnnotationTag,
    AnnotationMention,
    AnnotationRevision,
    Invitation,
    KnownDevice,
    SheetImport,
}


@pytest.fixture
def staff() -> User:
    return make_staff()


@pytest.fixture
def client(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


def address(model: type[models.Model], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def some_row(model: type[models.Model]) -> models.Model:
    row = model._default_manager.order_by("pk").first()
    assert row is not None
    return row


@pytest.mark.parametrize("model", OURS)
def test_every_model_is_registered(model: type[models.Model]) -> None:
    assert model in admin.site._registry


@pytest.mark.parametrize("model", OURS)
def test_a_list_takes_as_many_queries_for_three_rows_as_for_one(client: Client, model: type[models.Model]) -> None:
    counts = []
    for rows in (1, 2):
        for n in range(rows):
            make_rows(10 * rows + n)
        with CaptureQueriesContext(connection) as queries:
            response = client.get(address(model, "changelist"))
        assert response.status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("model", OURS)
def test_lists_can_be_searched(client: Client, model: type[models.Model]) -> None:
    make_rows(1)
    response = client.get(address(model, "changelist"), {"q": "acme"})
    assert response.status_code == 200


@pytest.mark.parametrize("model", OURS)
def test_a_row_opens_without_anything_inline(client: Client, model: type[models.Model]) -> None:
    make_rows(1)
    response = client.get(address(model, "change", some_row(model).pk))
    assert response.status_code == 200
    html = response.content.decode()
    assert " style=" not in html
    assert "<script>" not in html
    assert "Xinpan 芯盘" in html


@pytest.mark.parametrize("model", OURS)
def test_rows_are_added_except_those_that_the_program_writes(client: Client, model: type[models.Model]) -> None:
    assert client.get(address(model, "add")).status_code == (403 if model in READ_ONLY else 200)


@pytest.mark.parametrize("model", sorted(READ_ONLY, key=str))
def test_what_the_program_writes_is_neither_changed_nor_deleted(client: Client, model: type[models.Model]) -> None:
    make_rows(1)
    row = some_row(model)
    assert client.post(address(model, "change", row.pk), {}).status_code == 403
    assert client.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert model._default_manager.filter(pk=row.pk).exists()


def test_a_company_with_many_rows_opens_in_as_many_queries_as_one_with_few(client: Client) -> None:
    counts = []
    for slug, n in (("few", 1), ("many", 5)):
        company = make_company(slug)
        for place in range(n):
            source = make_filing(f"{slug}-{place}")
            make_listing(company, f"{place}", mic="XHKG" if slug == "few" else "XSHG", source=source)
            make_share_count(company, source=source)
            make_action(company, ex_day=DAY + timedelta(days=place), source=source)
            make_round(company, source=source)
            make_milestone(company, source=source)
        with CaptureQueriesContext(connection) as queries:
            response = client.get(address(Company, "change", company.pk))
        assert f"{slug}-0.pdf" not in response.content.decode()
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_listing_shows_its_newest_quotes_only(client: Client) -> None:
    listing = make_listing()
    for back in range(25):
        make_quote(listing, str(1000 + back), day=DAY - timedelta(days=back))
    html = client.get(address(Listing, "change", listing.pk)).content.decode()
    assert "1,019" in html
    assert "1020.000000" not in html


# --- Changes reach the pages ------------------------------------------------------------------------


def form_of(response: Any) -> dict[str, Any]:
    """What a browser would post for the form of a page as it is."""
    form = response.context["adminform"].form
    data = {name: form[name].value() for name in form.fields}
    for inline in response.context["inline_admin_formsets"]:
        formset = inline.formset
        for part in (formset.management_form, *(formset.forms if inline.has_change_permission else ())):
            data |= {part.add_prefix(name): part[name].value() for name in part.fields}
    return {name: value for name, value in data.items() if value is not None and value is not False}


def test_a_saved_change_bumps_the_revision(client: Client) -> None:
    company = make_company()
    url = address(Company, "change", company.pk)
    before = Revision.current()
    response = client.post(url, {**form_of(client.get(url)), "city": "Beijing", "aliases": "One\n\n  Two "})
    assert response.status_code == 302
    company.refresh_from_db()
    assert (company.city, company.aliases) == ("Beijing", ["One", "Two"])
    assert "two" in company.search_keys
    assert Revision.current() == before + 1


def test_staff_have_the_history_of_a_listing_asked_for_again(client: Client) -> None:
    make_rows(1)
    coverage = BarCoverage.objects.get()
    data = {"action": "ask_again", "_selected_action": [coverage.pk]}
    html = client.post(address(BarCoverage, "changelist"), data, follow=True).content.decode()
    assert "The history of 1 listing will be asked for again within minutes." in html
    assert not BarCoverage.objects.exists()
    assert Quote.objects.exists()
    assert LogEntry.objects.filter(object_id=str(coverage.pk)).exists()


def test_saving_a_row_as_it_is_bumps_nothing(client: Client) -> None:
    make_rows(1)
    before = Revision.current()
    for model in set(OURS) - READ_ONLY - {User}:
        url = address(model, "change", some_row(model).pk)
        response = client.post(url, form_of(client.get(url)))
        assert response.status_code == 302, (model, response.context["errors"])
    assert Revision.current() == before


def test_a_row_added_inside_a_company_bumps_the_revision(client: Client) -> None:
    company, source = make_company(), make_filing()
    url = address(Company, "change", company.pk)
    before = Revision.current()
    data = form_of(client.get(url)) | {
        "share_counts-TOTAL_FORMS": 1, "share_counts-0-share_class": "all", "share_counts-0-total": "1000",
        "share_counts-0-valid_from": str(DAY), "share_counts-0-method": "reported",
        "share_counts-0-source": source.pk,
    }  # fmt: skip
    assert client.post(url, data).status_code == 302
    assert ShareCount.objects.get().total == 1000
    assert Revision.current() == before + 1


def test_an_added_figure_takes_its_days_from_the_period(client: Client) -> None:
    company, before = make_company(), Revision.current()
    response = client.post(address(Figure, "add"), figure_data(company))
    assert response.status_code == 302
    figure = Figure.objects.get()
    assert (str(figure.period_start), str(figure.period_end)) == ("2025-01-01", "2025-12-31")
    assert Revision.current() == before + 1


def test_a_deleted_row_bumps_the_revision(client: Client) -> None:
    make_rows(1)
    before = Revision.current()
    milestone = some_row(Milestone)
    assert client.post(address(Milestone, "delete", milestone.pk), {"post": "yes"}).status_code == 302
    assert Revision.current() == before + 1
    rounds = {"action": "delete_selected", "_selected_action": [some_row(FundingRound).pk], "post": "yes"}
    assert client.post(address(FundingRound, "changelist"), rounds).status_code == 302
    assert not FundingRound.objects.exists()
    assert Revision.current() == before + 2


def test_a_source_that_facts_rest_on_cannot_be_deleted(client: Client) -> None:
    make_figure()
    response = client.post(address(type(some_filing()), "delete", some_filing().pk), {"post": "yes"})
    assert response.status_code == 200
    assert some_filing().figures.count() == 1


# --- Mistakes are explained -------------------------------------------------------------------------


def figure_data(company: Company, **changes: Any) -> dict[str, Any]:
    data = {
        "company": company.pk, "metric": "revenue", "status": "confirmed", "period": "FY2025", "low": "1", "high": "2",
        "currency": "CNY", "basis": "actual", "source": some_filing().pk, "reported_in": "annual_report",
        "known_on": str(DAY), "known_by": "stated", "passage": "", "note": "",
    }  # fmt: skip
    return {name: value for name, value in {**data, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"low": "3"}, "high", "The high is below the low."),
        ({"low": "", "high": ""}, "low", "Give the low, the high, or both."),
        ({"currency": ""}, "currency", "An amount of money needs its currency."),
        ({"period": "2025H3"}, "period", "This names no period that exists."),
        ({"period": "2025-02-30"}, "period", "This names no period that exists."),
        (
            {"period_start": "2025-01-01", "period_end": "2025-06-30"},
            "period_end",
            "The label stands for 2025-01-01 to 2025-12-31. Correct the days, or leave them empty.",
        ),
        ({"listing": "another"}, "listing", "This listing belongs to another company."),
        ({"known_on": "soon"}, "known_on", "Enter a valid date."),
    ],
)
def test_a_mistake_in_a_figure_is_explained_beside_its_field(
    client: Client, changes: dict[str, Any], field: str, words: str
) -> None:
    if changes.get("listing") == "another":
        changes = {"listing": make_listing(make_company("other")).pk}
    response = client.post(address(Figure, "add"), figure_data(make_company(), **changes))
    assert response.status_code == 200
    assert response.context["adminform"].form.errors == {field: [words]}
    assert not Figure.objects.exists()


@pytest.mark.parametrize(
    ("model", "changes", "field", "words"),
    [
        (Quote, {"close": "0"}, "close", "A price is above zero."),
        (Quote, {"low": "9", "high": "8"}, "high", "The high is below the low."),
        (Quote, {"source": ""}, "source", "Name the source."),
        (Listing, {"delisted_on": "2020-07-20"}, "delisted_on", "It must lie after the first day of trading."),
        (ShareCount, {"total": "0"}, "total", "A number of shares is above zero."),
        (
            FundingRound,
            {"precision": ""},
            "precision",
            "A date needs its precision, and no date has none.",
        ),
        (Company, {"name_en": ""}, "name_en", "This field is required."),
    ],
)
def test_a_broken_rule_is_explained_beside_its_field(
    client: Client, model: type[models.Model], changes: dict[str, str], field: str, words: str
) -> None:
    make_rows(1)
    url = address(model, "change", some_row(model).pk)
    response = client.post(url, {**form_of(client.get(url)), **changes, "change_reason": "A slip."})
    assert response.status_code == 200
    assert response.context["adminform"].form.errors == {field: [words]}


# --- Held quotes ------------------------------------------------------------------------------------


def decide(client: Client, action: str, *held: HeldQuote) -> str:
    data = {"action": action, "_selected_action": [quote.pk for quote in held]}
    response = client.post(address(HeldQuote, "changelist"), data, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_a_held_quote_is_compared_with_the_stored_ones(client: Client) -> None:
    make_quote(close="100")
    held = make_held(price="130", payload={"open": "120"})
    assert "+30.00%" in client.get(address(HeldQuote, "changelist")).content.decode()
    html = client.get(address(HeldQuote, "change", held.pk)).content.decode()
    assert "<td>130</td><td>100 +30.00%</td>" in html
    assert "<td>120</td><td>—</td>" in html
    assert "further from the last price than one day allows" in html


def test_a_released_quote_becomes_the_price_of_its_day(client: Client, staff: User) -> None:
    make_quote(close="100", day=DAY - timedelta(days=1))
    held, before = make_held(price="130"), Revision.current()
    assert "1 held quote was released." in decide(client, "release", held)
    assert Quote.objects.get(day=DAY).close == Decimal(130)
    held.refresh_from_db()
    assert (held.resolution, held.resolved_by) == ("released", staff)
    assert Revision.current() == before + 1


def test_a_discarded_quote_changes_no_price(client: Client) -> None:
    held = make_held()
    assert "1 held quote was discarded." in decide(client, "discard", held)
    held.refresh_from_db()
    assert held.resolution == "discarded"
    assert not Quote.objects.exists()


def test_a_quote_that_cannot_be_a_price_stays_held_and_says_why(client: Client) -> None:
    run = make_run(finished_at=NOON)
    outcomes = [make_outcome(run, make_listing(ticker=f"68800{n}"), result="hold", reason="x") for n in range(3)]
    zero, good, broken = make_held(outcomes[0], price="0"), make_held(outcomes[1]), make_held(outcomes[2], price="abc")
    html = decide(client, "release", zero, good, broken)
    assert "1 held quote was released." in html
    assert "XSHG:688000 2026-03-02 was not released: a price of zero or less cannot be released" in html
    assert "XSHG:688002 2026-03-02 was not released" in html
    assert set(HeldQuote.objects.filter(resolution="waiting")) == {zero, broken}
    assert [quote.listing for quote in Quote.objects.all()] == [good.listing]


def test_a_quote_is_decided_about_once(client: Client) -> None:
    held = make_held()
    decide(client, "discard", held)
    assert "1 had been decided about before; it stays as it was." in decide(client, "release", held)
    assert not Quote.objects.exists()


@pytest.mark.parametrize(("button", "resolution"), [("_release", "released"), ("_discard", "discarded")])
def test_a_held_quote_is_decided_about_on_its_own_page(client: Client, button: str, resolution: str) -> None:
    held = make_held()
    url = address(HeldQuote, "change", held.pk)
    assert f'name="{button}"' in client.get(url).content.decode()
    assert client.post(url, {button: "1", "resolution_note": " Seen on the exchange's own page. "}).status_code == 302
    held.refresh_from_db()
    assert (held.resolution, held.resolution_note) == (resolution, "Seen on the exchange's own page.")
    entry = LogEntry.objects.get(object_id=str(held.pk))
    assert entry.user == held.resolved_by
    assert "Seen on the exchange's own page." in entry.change_message
    assert f'name="{button}"' not in client.get(url).content.decode()


def test_a_held_quote_is_shown_beside_what_another_source_said(client: Client) -> None:
    held = make_held(second_opinion={"provider": "sina", "price": "101.5", "volume": 1200})
    html = client.get(address(HeldQuote, "change", held.pk)).content.decode()
    assert "second opinion sina" in html
    assert "<td>101.5</td>" in html


def test_who_may_only_look_cannot_decide() -> None:
    held = make_held()
    looker = make_user("looker")
    looker.user_permissions.set(Permission.objects.filter(codename__in=("enter_admin", "view_heldquote")))
    client = Client()
    client.force_login(looker)
    url = address(HeldQuote, "change", held.pk)
    assert client.get(url).status_code == 200
    assert client.post(url, {"_release": "1"}).status_code == 403
    client.post(address(HeldQuote, "changelist"), {"action": "release", "_selected_action": [held.pk]})
    held.refresh_from_db()
    assert held.resolution == "waiting"


# --- People -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suggested", ["x", "9" * 30, "-1", "javascript:alert(1)", ""])
def test_an_address_that_suggests_what_is_no_row_is_no_error_of_ours(client: Client, suggested: str) -> None:
    for model, model_admin in admin.site._registry.items():
        names = [field.name for field in model._meta.get_fields() if field.many_to_one or field.many_to_many]
        response = client.get(address(model, "add"), dict.fromkeys(names, suggested))
        assert response.status_code in (200, 403), (model, model_admin)


def test_a_person_is_added_with_an_address_and_a_password(client: Client) -> None:
    data = {
        "username": "ada", "email": "ada@example.org", "usable_password": "true", "password1": PASSWORD,
        "password2": PASSWORD,
    }  # fmt: skip
    assert client.post(address(User, "add"), data).status_code == 302
    assert User.objects.get(username="ada").check_password(PASSWORD)
    response = client.post(address(User, "add"), {**data, "username": "grace"})
    assert "email" in response.context["adminform"].form.errors


def test_preferences_are_on_the_page_of_a_person(client: Client, staff: User) -> None:
    html = client.get(address(User, "change", staff.pk)).content.decode()
    assert 'name="direction_colours"' in html
    assert 'name="theme"' in html


@pytest.mark.parametrize("is_staff", [False, True])
def test_readers_do_not_get_in_whatever_they_were_called_before(is_staff: bool) -> None:
    client = Client()
    client.force_login(make_user(is_staff=is_staff))
    assert client.get("/admin/").status_code == 403
    assert client.get("/admin/login/?next=/admin/").status_code == 403


def test_the_admin_has_no_door_of_its_own() -> None:
    """Its form would know nothing of second factors and of guesses that were counted."""
    response = Client().get("/admin/companies/company/?q=a", follow=True)
    signing_in = f"{reverse('account_login')}?next=/admin/companies/company/%3Fq%3Da"
    assert response.redirect_chain[-1][0] == signing_in
    guess = {"username": "staff", "password": PASSWORD}
    make_staff()
    assert Client().post("/admin/login/", guess)["Location"] == f"{reverse('account_login')}?next=/admin/"


def test_a_password_is_changed_on_the_page_of_the_account_alone(client: Client) -> None:
    assert client.get("/admin/password_change/")["Location"] == reverse("account_change_password")
    assert client.get("/admin/password_change/done/")["Location"] == reverse("account_change_password")


@pytest.mark.parametrize(("text", "found"), [("mexc", "Moore Threads"), ("688795", "Moore Threads")])
def test_related_rows_are_found_by_what_an_editor_types(client: Client, text: str, found: str) -> None:
    make_listing(make_company("moore-threads", name_zh="摩尔线程"), ticker="688795")
    query = {"app_label": "companies", "model_name": "figure", "field_name": "company", "term": text}
    results = client.get("/admin/autocomplete/", query).json()["results"]
    assert [row["text"].startswith(found) for row in results] == [True]
