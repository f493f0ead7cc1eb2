"""Versions of rows: what editors change leaves who, when and why, can be compared, and taken back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from companies.history import asks_why, changing, created, is_traced, versions_of
from companies.models import (
    Company,
    CorporateAction,
    Figure,
    Filing,
    FundingRound,
    Listing,
    Milestone,
    NoteGroup,
    Revision,
    ShareCount,
    User,
)
from tests.elements import Elements
from tests.factories import (
    DAY,
    make_company,
    make_exchange_day,
    make_figure,
    make_filing,
    make_group,
    make_listing,
    make_milestone,
    make_quote,
    make_share_count,
    make_staff,
    make_user,
    some_filing,
)
from tests.versions import kinds, latest
from tests.worlds import make_rows
from valuations.models import ExchangeDay, ExchangeYear, FxRate, Quote, ReportedQuote

pytestmark = pytest.mark.django_db
TRACED: tuple[type[models.Model], ...] = (
    Company, Listing, ShareCount, CorporateAction, FundingRound, Milestone, Filing, Figure, NoteGroup, Quote,
    ReportedQuote, FxRate, ExchangeDay, ExchangeYear,
)  # fmt: skip
ASKED = (Figure, ShareCount, Listing, ExchangeDay, ExchangeYear)
WHY = "The annual report was corrected."


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


def form_of(response: Any) -> dict[str, Any]:
    """What a browser would post for the form of a page as it is."""
    form = response.context["adminform"].form
    data = {name: form[name].value() for name in form.fields}
    for inline in response.context["inline_admin_formsets"]:
        formset = inline.formset
        for part in (formset.management_form, *(formset.forms if inline.has_change_permission else ())):
            data |= {part.add_prefix(name): part[name].value() for name in part.fields}
    return {name: value for name, value in data.items() if value is not None and value is not False}


def change(client: Client, row: models.Model, **values: Any) -> Any:
    """Save the form of a row with other values."""
    url = address(type(row), "change", row.pk)
    return client.post(url, {**form_of(client.get(url)), **values})


def newest(row: models.Model) -> Any:
    return latest(type(row), row.pk)


# --- What leaves a version --------------------------------------------------------------------------


def test_every_model_of_facts_keeps_versions() -> None:
    assert all(is_traced(model) for model in TRACED)
    assert {model for model in TRACED if asks_why(model)} == set(ASKED)


def test_a_change_leaves_who_when_why_and_what_it_was_before(client: Client, staff: User) -> None:
    figure = make_figure(low=Decimal(100), high=Decimal(100))
    assert change(client, figure, low="120", high="120", change_reason=f" {WHY} ").status_code == 302
    before, after = versions_of(Figure).filter(id=figure.pk).order_by("history_id")
    assert (before.low, before.history_type) == (100, "+")
    assert (after.low, after.history_type) == (120, "~")
    assert (after.history_user, after.history_change_reason) == (staff, WHY)


def test_an_added_row_starts_its_history_with_the_reason_if_one_is_given(client: Client, staff: User) -> None:
    url = address(Company, "add")
    data = form_of(client.get(url)) | {"name_en": "New Chips", "slug": "new-chips", "change_reason": "It has filed."}
    assert client.post(url, data).status_code == 302
    first = newest(Company.objects.get())
    assert (first.history_type, first.history_user, first.history_change_reason) == ("+", staff, "It has filed.")


def test_saving_a_row_as_it_is_leaves_no_version(client: Client) -> None:
    make_rows(1)
    for model in TRACED:
        row = model._default_manager.order_by("pk").first()
        assert row is not None
        before = kinds(type(row), row.pk)
        assert change(client, row, change_reason="For nothing.").status_code == 302, model
        assert kinds(type(row), row.pk) == before, model


@pytest.mark.parametrize("model", ASKED)
def test_what_values_hang_on_is_not_changed_without_a_reason(client: Client, model: type[models.Model]) -> None:
    make_rows(1)
    row = model._default_manager.order_by("pk").first()
    assert row is not None
    field = {Figure: "low", ShareCount: "note", Listing: "board", ExchangeDay: "note", ExchangeYear: "source"}[model]
    before = getattr(row, field)
    response = change(client, row, **{field: "1"}, change_reason="  ")
    assert response.status_code == 200
    assert response.context["adminform"].form.errors == {"change_reason": ["Say why: it is kept in the history."]}
    row.refresh_from_db()
    assert getattr(row, field) == before
    assert change(client, row, **{field: "1"}, change_reason=WHY).status_code == 302
    assert newest(row).history_change_reason == WHY


def test_other_rows_are_changed_without_a_reason(client: Client) -> None:
    company = make_company()
    assert change(client, company, city="Beijing").status_code == 302
    assert (newest(company).city, newest(company).history_change_reason) == ("Beijing", None)


def test_a_reason_is_at_most_three_hundred_characters_long(client: Client) -> None:
    company = make_company()
    response = change(client, company, city="Beijing", change_reason="x" * 301)
    assert "change_reason" in response.context["adminform"].form.errors


def test_rows_inside_a_company_need_the_reason_of_the_page(client: Client, staff: User) -> None:
    count = make_share_count(total=1000)
    milestone = make_milestone(count.company)
    response = change(client, count.company, **{"share_counts-0-total": "1100"})
    assert response.status_code == 200
    assert "Say why in the field “Why” of this page: the share counts are changed." in response.content.decode()
    assert change(
        client, count.company,
        **{"share_counts-0-total": "1100", "milestones-0-detail": "Heard", "change_reason": WHY},
    ).status_code == 302  # fmt: skip
    assert (newest(count).total, newest(count).history_change_reason) == (1100, WHY)
    assert (newest(milestone).detail, newest(milestone).history_user) == ("Heard", staff)
    assert kinds(type(count.company), count.company.pk) == ["+"]


def test_a_row_removed_inside_a_company_leaves_a_last_version(client: Client) -> None:
    count = make_share_count()
    gone = {"share_counts-0-DELETE": "on"}
    assert change(client, count.company, **gone).status_code == 200
    assert change(client, count.company, **gone, change_reason=WHY).status_code == 302
    assert kinds(ShareCount, count.pk) == ["+", "-"]
    assert latest(ShareCount).history_change_reason == WHY


def test_a_row_that_the_program_changed_meanwhile_is_written_down_as_it_was_found(client: Client, staff: User) -> None:
    quote = make_quote(close="100")
    Quote.objects.filter(pk=quote.pk).update(close=110)
    assert change(client, quote, close="105").status_code == 302
    first, found, last = versions_of(Quote).order_by("history_id")
    assert [one.close for one in (first, found, last)] == [100, 110, 105]
    assert [one.history_type for one in (first, found, last)] == ["+", "=", "~"]
    assert (found.history_user, last.history_user) == (None, staff)


def test_a_group_keeps_who_was_a_member_in_one_version_for_each_change(client: Client) -> None:
    old, new = make_user("old"), make_user("new")
    group = make_group("Desk", old)
    before = len(kinds(type(group), group.pk))
    assert change(client, group, name="Research", members=[new.pk]).status_code == 302
    assert len(kinds(type(group), group.pk)) == before + 1
    told = client.get(address(NoteGroup, "history", group.pk)).context["lines"][0]["changes"]
    words = {one.name: ([w.text for w in one.before], [w.text for w in one.after]) for one in told}
    assert words == {"name": (["Desk"], ["Research"]), "members": (["old"], ["new"])}


def test_many_rows_changed_at_once_leave_one_version_each_unless_they_stay_as_they_are(staff: User) -> None:
    rows = [make_milestone(detail=text, day=DAY + timedelta(days=n)) for n, text in enumerate(("a", "b", "c"))]
    with changing(rows, staff, WHY):
        Milestone.objects.filter(detail__in="ab").update(detail="a")
    assert [kinds(type(row), row.pk) for row in rows] == [["+"], ["+", "~"], ["+"]]
    assert (newest(rows[1]).history_user, newest(rows[1]).history_change_reason) == (staff, WHY)


def test_many_rows_made_at_once_get_their_first_version(staff: User) -> None:
    company = make_company()
    days = Milestone.objects.bulk_create(
        Milestone(company=company, kind="listed", day=DAY, precision="day", known_on=DAY, source=some_filing(), venue=v)
        for v in ("A", "B")
    )
    created(days, staff, WHY)
    assert [kinds(type(day), day.pk) for day in days] == [["+"], ["+"]]


# --- The page of a history --------------------------------------------------------------------------


def test_a_history_tells_each_change_in_words(client: Client) -> None:
    figure = make_figure(low=Decimal("1250000000.5"), high=Decimal("1250000000.5"))
    other = make_filing("correction", title="Corrected report")
    change(client, figure, low="1", high="2000000000", source=other.pk, status="rejected", change_reason=WHY)
    html = client.get(address(Figure, "history", figure.pk)).content.decode()
    assert "1,250,000,000.5" in html
    assert "2,000,000,000" in html
    assert f'href="{address(Filing, "change", other.pk)}">Corrected report</a>' in html
    assert "confirmed" in html
    assert "rejected" in html
    assert WHY in html


def test_a_history_tells_what_the_program_changed_since(client: Client) -> None:
    quote = make_quote(close="100")
    Quote.objects.filter(pk=quote.pk).update(close=110)
    [since] = client.get(address(Quote, "history", quote.pk)).context["since"]
    assert ([one.text for one in since.before], [one.text for one in since.after]) == (["100"], ["110"])
    assert revert(client, quote, newest(quote)).status_code == 302
    quote.refresh_from_db()
    assert quote.close == 100
    assert client.get(address(Quote, "history", quote.pk)).context["since"] == []


def test_two_versions_are_put_side_by_side(client: Client) -> None:
    company = make_company(city="Shanghai")
    change(client, company, city="Beijing")
    change(client, company, city="Suzhou", parent="Acme Group")
    first, _, last = versions_of(Company).order_by("history_id")
    page = client.get(address(Company, "history", company.pk), {"a": last.pk, "b": first.pk})
    told = {one.name: ([w.text for w in one.before], [w.text for w in one.after]) for one in page.context["comparison"]}
    assert told == {"city": (["Shanghai"], ["Suzhou"]), "parent": ([], ["Acme Group"])}


@pytest.mark.parametrize("query", ["a=1", "a=x&b=y", "a=999999&b=999998", "a=%00&b=1", "p=x", "a=99999999999&b=1"])
def test_an_odd_address_of_a_history_shows_the_history(client: Client, query: str) -> None:
    company = make_company()
    response = client.get(f"{address(Company, 'history', company.pk)}?{query}")
    assert response.status_code == 200
    assert response.context["pair"] == []


def test_versions_of_another_row_are_not_compared(client: Client) -> None:
    one, other = make_company("one"), make_company("other")
    response = client.get(address(Company, "history", one.pk), {"a": newest(one).pk, "b": newest(other).pk})
    assert response.context["pair"] == []


def test_a_history_takes_as_many_queries_for_many_versions_as_for_few(client: Client) -> None:
    figure, counts = make_figure(), []
    for n in range(6):
        source = make_filing(f"source-{n}")
        with changing(figure, None, WHY):
            Figure.objects.filter(pk=figure.pk).update(low=n, high=n + 1, source=source)
        if n in (1, 5):
            with CaptureQueriesContext(connection) as queries:
                assert client.get(address(Figure, "history", figure.pk)).status_code == 200
            counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_long_history_has_pages_that_join(client: Client) -> None:
    company = make_company(city="0")
    for n in range(1, 60):
        with changing(company, None):
            Company.objects.filter(pk=company.pk).update(city=str(n))
    first = client.get(address(Company, "history", company.pk)).context["lines"]
    second = client.get(address(Company, "history", company.pk), {"p": 2}).context["lines"]
    assert (len(first), len(second)) == (50, 10)
    assert [word.text for word in first[-1]["changes"][0].before] == ["9"]


def test_a_history_shows_no_text_as_markup_and_nothing_inline(client: Client) -> None:
    company = make_company(city="<script>alert(1)</script>")
    change(client, company, city="<b>x</b>", change_reason="<img src=x onerror=alert(1)>")
    first, last = versions_of(Company).order_by("history_id")
    url = address(Company, "history", company.pk)
    for response in (
        client.get(url, {"a": first.pk, "b": last.pk}), client.get(address(Company, "revert", company.pk, first.pk)),
    ):  # fmt: skip
        html = response.content.decode()
        assert "<script>alert" not in html
        assert "<img src=x" not in html
        assert "<b>x" not in html
        assert " style=" not in html
        assert " onclick=" not in html


def test_who_may_not_see_a_row_does_not_see_its_history(client: Client) -> None:
    figure = make_figure()
    reader = make_user("reader", is_staff=True)
    reader.user_permissions.set(Permission.objects.filter(codename__in=("view_company", "enter_admin")))
    other = Client()
    other.force_login(reader)
    version = newest(figure).pk
    assert other.get(address(Figure, "history", figure.pk)).status_code == 403
    assert other.get(address(Figure, "deleted")).status_code == 403
    assert other.get(address(Figure, "revert", figure.pk, version)).status_code == 403
    assert other.get(address(Company, "history", figure.company.pk)).status_code == 200
    company = newest(figure.company).pk
    assert other.get(address(Company, "revert", figure.company.pk, company)).status_code == 403
    assert client.get(address(Figure, "history", 10**9)).status_code == 404
    assert client.get(address(Figure, "history", "x")).status_code == 404


# --- Back to a version ------------------------------------------------------------------------------


def revert(client: Client, row: models.Model, version: Any, **data: Any) -> Any:
    return client.post(address(type(row), "revert", row.pk, version.pk), {"change_reason": WHY, **data})


def test_a_row_goes_back_to_a_version_as_a_new_change(client: Client, staff: User) -> None:
    figure = make_figure(low=Decimal(100), high=Decimal(100))
    first = newest(figure)
    change(client, figure, low="120", high="130", note="Typed", change_reason="A slip.")
    before = Revision.current()
    assert revert(client, figure, first).status_code == 302
    figure.refresh_from_db()
    assert (figure.low, figure.high, figure.note) == (Decimal(100), Decimal(100), "")
    assert kinds(type(figure), figure.pk) == ["+", "~", "~"]
    assert (newest(figure).history_user, newest(figure).history_change_reason) == (staff, WHY)
    assert Revision.current() > before


@pytest.mark.parametrize("model", TRACED)
def test_every_kind_of_row_goes_back_and_comes_back(client: Client, model: type[models.Model]) -> None:
    make_rows(1)
    alone: dict[Any, Callable[[], models.Model]] = {
        Company: lambda: make_company("alone"),
        Filing: lambda: make_filing("alone"),
        Listing: lambda: make_listing(ticker="688999"),
    }
    row: Any = alone[model]() if model in alone else model._default_manager.order_by("pk").last()
    first = newest(row)
    url = address(model, "revert", row.pk, first.pk)
    assert "Nothing: the row is as it was then." in client.get(url).content.decode()
    key, before = row.pk, {field.attname: getattr(row, field.attname) for field in model._meta.concrete_fields}
    with changing(row, None):
        row.delete()
    response = client.post(url, {"change_reason": WHY})
    assert response.status_code == 302, response.context["problems"]
    back = model._default_manager.get(pk=key)
    after = {field.attname: getattr(back, field.attname) for field in model._meta.concrete_fields}
    assert after == before
    assert kinds(model, key)[-2:] == ["-", "+"]


def test_going_back_needs_a_reason_and_a_form_of_our_own(client: Client, staff: User) -> None:
    company = make_company(city="Shanghai")
    first = newest(company)
    change(client, company, city="Beijing")
    assert revert(client, company, first, change_reason=" ").status_code == 422
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(staff)
    assert revert(strict, company, first).status_code == 403
    assert client.get(address(Company, "revert", company.pk, first.pk)).status_code == 200
    company.refresh_from_db()
    assert company.city == "Beijing"


def test_going_back_obeys_the_rules_of_the_form(client: Client) -> None:
    one = make_company("one", city="Shanghai")
    first = newest(one)
    with changing(one, None):
        Company.objects.filter(pk=one.pk).update(slug="moved", city="Beijing")
    make_company("one-again")
    Company.objects.filter(slug="one-again").update(slug="one")
    response = revert(client, one, first)
    assert response.status_code == 422
    assert response.context["problems"] == ["Slug: Company with this Slug already exists."]
    one.refresh_from_db()
    assert one.city == "Beijing"


def test_going_back_asks_about_what_the_form_would_ask_about_and_takes_yes_for_just_that(client: Client) -> None:
    count = make_share_count(total=1_000_000)
    first = newest(count)
    with changing(count, None):
        ShareCount.objects.filter(pk=count.pk).update(total=2_000_000)
    response = revert(client, count, first)
    html = response.content.decode()
    assert response.status_code == 422
    assert "This moves market value by -50.0%: the count was 2,000,000 and becomes 1,000,000." in html
    assert response.context["problems"] == []  # it is asked, not refused
    assert revert(client, count, first, _checked="something else").status_code == 422
    [box] = [one for one in Elements(html).of("input") if one.get("name") == "_checked"]
    assert revert(client, count, first, _checked=box["value"]).status_code == 302
    count.refresh_from_db()
    assert count.total == 1_000_000


def test_what_going_back_would_repeat_is_a_link_and_no_markup_of_others(client: Client) -> None:
    figure = make_figure(note="<b>bold</b>")
    first = newest(figure)
    with changing(figure, None):
        Figure.objects.filter(pk=figure.pk).update(period="FY2024")
    make_figure(source=figure.source)  # says what the figure said
    html = revert(client, figure, first).content.decode()
    assert "Open that one</a>" in html
    assert "&lt;a href" not in html
    assert "<b>bold" not in html


def test_a_version_that_names_a_deleted_row_is_refused_with_words(client: Client) -> None:
    old, new = make_filing("old", title="Old report"), make_filing("new")
    milestone = make_milestone(source=old)
    first = newest(milestone)
    change(client, milestone, source=new.pk)
    with changing(old, None):
        old.delete()
    response = revert(client, milestone, first)
    html = response.content.decode()
    assert response.status_code == 422
    assert "source: that version names a row that has been deleted since." in html.replace("Source", "source")
    milestone.refresh_from_db()
    assert milestone.source == new


def test_what_a_form_does_not_show_goes_back_too(client: Client, staff: User) -> None:
    figure = make_figure(status="proposed")
    first = newest(figure)
    with changing(figure, staff, "Right."):
        Figure.objects.filter(pk=figure.pk).update(status="confirmed", decided_by=staff, decision="Right.")
    assert revert(client, figure, first).status_code == 302
    figure.refresh_from_db()
    assert (figure.status, figure.decided_by, figure.decision) == ("proposed", None, "")


# --- Deleting ---------------------------------------------------------------------------------------


def test_a_deleted_row_is_found_and_brought_back(client: Client, staff: User) -> None:
    count = make_share_count(total=1000)
    key = count.pk
    response = client.post(address(ShareCount, "delete", key), {"post": "yes"}, follow=True)
    assert "Nothing was deleted." in response.content.decode()
    assert ShareCount.objects.exists()
    assert client.post(address(ShareCount, "delete", key), {"post": "yes", "change_reason": WHY}).status_code == 302
    assert not ShareCount.objects.exists()
    assert kinds(ShareCount, key) == ["+", "-"]
    assert address(ShareCount, "deleted") in client.get(address(ShareCount, "changelist")).content.decode()
    page = client.get(address(ShareCount, "deleted")).content.decode()
    assert WHY in page
    assert address(ShareCount, "history", key) in page
    history = client.get(address(ShareCount, "history", key))
    assert "This row has been deleted." in history.content.decode()
    last = latest(ShareCount)
    assert client.post(address(ShareCount, "revert", key, last.pk), {"change_reason": "Needed."}).status_code == 302
    assert ShareCount.objects.get(pk=key).total == 1000
    assert "Nothing has been deleted." in client.get(address(ShareCount, "deleted")).content.decode()


def test_what_others_depend_on_is_not_deleted_and_the_page_says_what(client: Client) -> None:
    listing = make_listing()
    make_quote(listing)
    make_figure(listing.company, listing=listing)
    before = [address(Quote, "change", Quote.objects.get().pk), "1 quote", "1 figure"]
    for response in (
        client.get(address(Listing, "delete", listing.pk)),
        client.post(address(Listing, "delete", listing.pk), {"post": "yes", "change_reason": WHY}),
    ):
        html = response.content.decode()
        assert response.status_code == 200
        assert all(words in html for words in before)
    assert Listing.objects.exists()
    assert Figure.objects.get().listing == listing


def test_of_several_rows_none_is_deleted_where_others_depend_on_one(client: Client) -> None:
    used, free = make_filing("used", title="Used report"), make_filing("free")
    for n in range(2):
        make_figure(source=used, period=f"FY202{n}", period_end=DAY)
    data = {"action": "delete_selected", "_selected_action": [used.pk, free.pk], "post": "yes", "change_reason": WHY}
    html = client.post(address(Filing, "changelist"), data).content.decode()
    assert "Used report</a>: 2 figures" in html
    assert Filing.objects.filter(pk__in=[used.pk, free.pk]).count() == 2


def test_several_rows_are_deleted_with_one_reason(client: Client) -> None:
    days = [make_exchange_day(day=DAY + timedelta(days=n)) for n in range(2)]
    data = {"action": "delete_selected", "_selected_action": [day.pk for day in days], "post": "yes"}
    html = client.post(address(ExchangeDay, "changelist"), data).content.decode()
    assert "Nothing was deleted." in html
    assert 'name="change_reason"' in html
    assert ExchangeDay.objects.count() == 2
    assert client.post(address(ExchangeDay, "changelist"), {**data, "change_reason": WHY}).status_code == 302
    assert not ExchangeDay.objects.exists()
    assert [kinds(ExchangeDay, day.pk) for day in days] == [["+", "-"]] * 2


def test_asking_what_depends_takes_as_many_queries_for_many_rows_as_for_few(client: Client) -> None:
    filing, counts = make_filing("used"), []
    for n in range(4):
        make_figure(source=filing, period=f"FY202{n}", period_end=DAY)
        if n in (0, 3):
            with CaptureQueriesContext(connection) as queries:
                client.get(address(Filing, "delete", filing.pk))
            counts.append(len(queries))
    assert counts[0] == counts[1]
