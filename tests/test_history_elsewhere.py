"""Changes made outside the admin leave the same trace: who, and why; jobs leave none for what they do in bulk."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from companies.history import changing, versions_of
from companies.models import Company, Figure, Filing
from companies.recording.proposing import propose
from companies.recording.reading import figure_page
from tests.factories import (
    DAY,
    NOON,
    make_analyst,
    make_anchor,
    make_company,
    make_editor,
    make_figure,
    make_filing,
    make_held,
    make_listing,
    make_quote,
    make_staff,
    make_version,
)
from tests.versions import latest
from valuations.figure_review import CannotDecide, decide
from valuations.models import ExchangeDay, HeldQuote, Quote
from valuations.storage import resolve_held, store_quotes

pytestmark = pytest.mark.django_db


def test_a_decision_leaves_a_version_of_the_figure_and_of_the_one_that_it_replaces() -> None:
    editor = make_editor()
    old = make_figure(low="1000")
    new = make_figure(low="1100", status="proposed", replaces=old)
    decide(new, Figure.Status.CONFIRMED, editor, "The report was corrected.")
    for figure, status in ((new, "confirmed"), (old, "superseded")):
        last = latest(Figure, figure.pk)
        assert (last.status, last.history_type) == (status, "~")
        assert (last.history_user, last.history_change_reason) == (editor, "The report was corrected.")


def test_a_decision_that_is_not_taken_leaves_no_version() -> None:
    figure = make_figure(status="proposed")
    decide(figure, Figure.Status.REJECTED, make_editor(), "Not stated there.")
    before = versions_of(Figure).count()
    with pytest.raises(CannotDecide):
        decide(figure, Figure.Status.CONFIRMED, make_editor("second"))
    assert versions_of(Figure).count() == before


@pytest.mark.parametrize("is_stored", [True, False])
def test_a_released_quote_tells_who_made_it_the_price_and_why(is_stored: bool) -> None:
    staff, held = make_staff(), make_held(price="130")
    if is_stored:
        make_quote(held.listing, "100", last_at=held.held_at - timedelta(hours=1))
    assert resolve_held(held, HeldQuote.Resolution.RELEASED, staff, "The exchange says so.")
    last = latest(Quote)
    assert (last.close, last.history_type) == (130, "~" if is_stored else "+")
    assert (last.history_user, last.history_change_reason) == (staff, "The exchange says so.")


def test_prices_that_jobs_store_leave_no_versions() -> None:
    listing = make_listing()
    for close in ("100", "101"):
        store_quotes([Quote(listing=listing, day=DAY, close=Decimal(close), provider="tencent", fetched_at=NOON)])
    assert not versions_of(Quote).exists()


def test_starter_facts_leave_no_versions_until_somebody_changes_them() -> None:
    call_command("load_starter", verbosity=0)
    assert not versions_of(Figure).exists()
    assert not versions_of(Company).exists()
    client = Client()
    client.force_login(make_staff())
    company = Company.objects.first()
    assert company is not None
    url = reverse("admin:companies_company_history", args=[company.pk])
    assert "It is as the program stored it." in client.get(url).content.decode()


def test_a_proposed_figure_tells_who_proposed_it() -> None:
    analyst = make_analyst()
    version = make_version(make_filing("prospectus", company=make_company()))
    figure = make_figure(version.filing.company, source=version.filing, entered_by=analyst, status="proposed")
    figure.pk, figure._state.adding, figure.low, figure.high = None, True, 7, 7
    propose(figure, make_anchor(version, "1,200"))
    last = latest(Figure)
    assert (last.low, last.history_type, last.history_user) == (7, "+", analyst)


def test_an_address_given_to_a_filing_tells_who_gave_it(settings: Settings) -> None:
    settings.SOURCES_ENABLED = True
    analyst, filing = make_analyst(), make_filing(url="")
    client = Client()
    client.force_login(analyst)
    address = "https://exchange.example/report.pdf"
    client.post(reverse("valuations:filing_add_version", args=[filing.pk]), {"address": address})
    last = latest(Filing, filing.pk)
    assert (last.url, last.history_user) == (address, analyst)


def test_days_entered_with_a_year_have_its_reason() -> None:
    staff = make_staff()
    client = Client()
    client.force_login(staff)
    data = {
        "mic": "XSHG", "year": "2027", "source": "Notice of the exchange", "change_reason": "Published today.",
        "days": "2027-02-08..2027-02-09 closed Spring Festival",
    }  # fmt: skip
    assert client.post(reverse("admin:valuations_exchangeyear_add"), data).status_code == 302
    told = [(one.history_type, one.history_user, one.history_change_reason) for one in versions_of(ExchangeDay)]
    assert told == [("+", staff, "Published today.")] * 2


def test_the_page_of_a_figure_shows_what_it_said_before_it_was_corrected() -> None:
    figure = make_figure(low="1000", status="proposed")
    for fields in ({"low": 1100, "high": 1100}, {"status": "confirmed"}, {"note": "x"}, {"low": 1200, "high": 1250}):
        with changing(figure, None):
            Figure.objects.filter(pk=figure.pk).update(**fields)
    figure.refresh_from_db()
    shown = figure_page(figure, AnonymousUser()).corrected
    # 1,000 was never public.
    assert [(one.version.low, one.version.high) for one in shown] == [(1100, 1100)]
    html = Client().get(reverse("figures:figure", args=[figure.pk])).content.decode()
    assert "Earlier values" in html
