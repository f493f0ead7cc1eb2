"""Whatever is sent to any address of ours, the answer is no error of ours; on PostgreSQL too, which keeps less."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import NoReverseMatch, URLResolver, get_resolver, reverse
from pytest_django import Settings

from companies.models import Figure, Visibility
from tests.factories import (
    make_analyst,
    make_anchor,
    make_company,
    make_figure,
    make_filing,
    make_note,
    make_staff,
    make_version,
)

pytestmark = pytest.mark.django_db

HUGE = str(10**30)
# What no page of ours sends, as it comes over the wire.
ODD = [
    text.encode("utf-8", "surrogatepass")
    for text in (
        "a\0b", "\ud800", "0", "-1", HUGE, str(2**31), str(2**63), "9" * 5000, "٣", "NaN", "[(*\u202e\x1b😀 " * 50
    )
]  # fmt: skip
GUESSES = ("0", "999", HUGE, str(2**63), "9" * 5000, "-1", "a%00b", "%ED%A0%80", "6f3f7a52-6c1e-4e53-9a0e-8f3a0f6d2b11")
NOTES = ("whose", "filing", "company", "tag", "author", "q", "resolved", "visibility", "state", "deleted", "page")
FILINGS = ("q", "company", "kind", "language", "with_document", "sort", "from", "to", "page")
SECTOR = ("basis", "sort", "segment", "q", "prices", "currency", "group", "metric", "run", "as_of", "page", "show")
# What each address reads from its query; an address that is not here fails the test.
READS: dict[str, tuple[str, ...]] = {
    "companies:list": ("q", "page", "segment", "sort"),
    "filings:list": FILINGS, "filings:list_json": FILINGS, "filings:list_csv": FILINGS,
    "filings:find": ("q", "version"),
    "filings:reader": ("view", "page", "version", "from", "to", "note", "q"),
    "filings:page": ("version",), "filings:page_data": ("version",), "filings:file": ("version",),
    "notes:list": NOTES, "notes:export": NOTES,
    "notes:of_filing": ("version", "whose", "open"),
    "notes:import": (), "notes:seen": (), "notes:add": (), "notes:note": (), "notes:edit": (), "notes:reply": (),
    "notes:delete": (), "notes:restore": (), "notes:resolve": (), "notes:history": (),
    "notes:anchors": ("page",), "notes:anchor": (),
    "figures:record": ("filing", "version", "page", "from", "to", "quote", "amount"),
    "figures:amount": ("text", "currency"),
    "figures:figure": (), "figures:figure_json": (),
    "valuations:filing_add": ("company", "corrects"), "valuations:filing_add_version": (),
    "valuations:filing_fetch": (), "valuations:filing_read_again": (),
    "valuations:filing_state": ("version", "pages"),
    "valuations:proposed": ("company", "metric", "page"), "valuations:decide": (),
    "valuations:sector": SECTOR, "valuations:sector_json": SECTOR, "valuations:sector_csv": SECTOR,
    "valuations:compare": SECTOR, "valuations:compare_json": SECTOR, "valuations:compare_csv": SECTOR,
    "valuations:compare_matches": ("q", "c"),
    "valuations:company": SECTOR, "valuations:source": SECTOR, "valuations:reported_source": SECTOR,
    "valuations:listing_prices": ("prices", "from", "to"), "valuations:listing_refresh": ("run",),
    "valuations:refreshes": ("result", "page"), "valuations:refresh_now": (), "valuations:refresh": ("result", "page"),
    "valuations:refresh_cancel": (),
}  # fmt: skip
WRITING = ("notes:add", "notes:edit", "notes:reply")
NOTE = {"body": "A note", "tags": "a, b", "writer": "", "visible_to": "personal"}
# Forms that are in order but for one field.
FORMS: dict[str, dict[str, str]] = {
    "notes:add": NOTE | {
        "filing": "", "version": "1", "page": "1", "start": "0", "end": "7", "exact": "", "prefix": "", "suffix": "",
    },
    "notes:edit": NOTE | {"revision": "1"},
    "notes:reply": NOTE | {"seen_by": "personal"},
    "notes:resolve": {"reopen": ""},
    "notes:seen": {"note": ""},
    "notes:import": {"text": "[]", "confirm": "1"},
    "notes:anchor": {"decision": "quoted", "exact": "Revenue", "page": "1"},
    "figures:record": {
        "filing": "", "version": "1", "page": "1", "from": "0", "to": "31", "quote": "", "company": "acme",
        "metric": "revenue", "period": "FY2025", "basis": "actual", "reported_in": "annual_report", "low": "1200",
        "high": "1200", "unit": "million", "currency": "CNY", "known_on": "2026-03-01", "derivation": "a sum",
        "replaces": "", "note": "", "confirmed": "",
    },
    "valuations:filing_add": {
        "address": "https://exchange.example/new.pdf", "company": "", "kind": "other", "title": "A title",
        "title_original": "", "language": "", "publisher": "", "published_on": "2026-03-01",
        "published_precision": "day", "tier": "official", "corrects": "",
    },
    "valuations:filing_add_version": {"address": "https://exchange.example/other.pdf"},
    "valuations:decide": {"decision": "reject", "reason": "because"},
    "valuations:refresh_now": {"kind": "quotes"},
}  # fmt: skip


def address_names(patterns: list[Any], space: str = "") -> Iterator[str]:
    """The names of all addresses but Django's own."""
    for one in patterns:
        if isinstance(one, URLResolver) and one.app_name in ("valuations", "companies", "filings", "notes", "figures"):
            yield from address_names(one.url_patterns, f"{one.app_name}:")
        elif space and not isinstance(one, URLResolver):
            yield f"{space}{one.name}"


def test_every_address_of_ours_is_in_the_table() -> None:
    assert set(address_names(get_resolver().url_patterns)) == set(READS)


@pytest.fixture
def rows() -> dict[str, Any]:
    """What the addresses name, by their arguments."""
    filing = make_filing(published_on=None, published_precision="")  # of no company: then the form asks for it
    make_company("acme")
    version = make_version(filing, "Revenue was 1,200 million yuan. And more.")
    note = make_note(make_analyst("writer"), version, "Revenue", visibility=Visibility.PUBLIC)
    waiting = make_anchor(version, "more", state="needs_review", reason="gone", candidate_version=version)
    figure = make_figure(source=filing, anchor=waiting, status=Figure.Status.PROPOSED)
    return {"filing": filing.pk, "uid": note.uid, "anchor": waiting.pk, "figure": figure.pk}


def address(name: str, rows: dict[str, Any]) -> str:
    """The address of a row that is there."""
    space, _, own = name.partition(":")
    pk = rows["figure" if space == "figures" or own == "decide" else "anchor" if own == "anchor" else "filing"]
    choices: tuple[dict[str, Any], ...] = (
        {}, {"pk": pk}, {"uid": rows["uid"]}, {"pk": pk, "number": 1}, {"slug": "acme"},
        {"kind": "csv"}, {"slug": "acme", "name": "price"}, {"slug": "acme", "metric": "revenue"},
    )  # fmt: skip
    for given in choices:
        try:
            return reverse(name, kwargs=given)
        except NoReverseMatch:
            continue
    raise AssertionError(name)


def errors_of(client: Client, method: str, where: str, fields: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    """Which field with which odd value is answered with an error of ours."""
    client.raise_request_exception = False
    ask = client.get if method == "GET" else client.post
    return [
        f"{method} {where} {name}={odd[:20]!r}"
        for name in names
        for odd in ODD
        if ask(where, {**fields, name: odd}).status_code >= 500
    ]


@pytest.mark.parametrize("name", sorted(name for name in READS if READS[name]))
def test_no_value_in_an_address_is_an_error_of_ours(name: str, rows: dict[str, Any], client: Client) -> None:
    client.force_login(make_staff())
    assert errors_of(client, "GET", address(name, rows), {}, READS[name]) == []


@pytest.mark.parametrize("name", sorted(FORMS))
def test_no_value_in_a_form_is_an_error_of_ours(name: str, rows: dict[str, Any], client: Client) -> None:
    staff = make_staff()
    client.force_login(staff)
    version = make_version(make_filing("other"), "Revenue was 1,200 million yuan.")
    if name == "notes:edit":
        rows["uid"] = make_note(staff, version, "Revenue").uid
    fields = FORMS[name] | ({"filing": str(version.filing_id)} if "filing" in FORMS[name] else {})
    assert errors_of(client, "POST", address(name, rows), fields, tuple(fields)) == []


@pytest.mark.parametrize("path", [
    "/filings/{}/", "/filings/{}/find/?q=a", "/filings/{}/file/", "/filings/{}/pages/1/", "/filings/1/pages/{}/",
    "/filings/1/pages/{}.json", "/filings/{}/add/", "/filings/{}/state/", "/notes/of/{}/", "/notes/{}/",
    "/notes/anchors/{}/", "/figures/{}/", "/figures/{}.json", "/figures/{}/decide/", "/refreshes/{}/", "/companies/{}/",
    "/notes/export.{}", "/admin/valuations/heldquote/{}/change/", "/admin/companies/sheetimport/{}/change/",
])  # fmt: skip
def test_no_name_of_a_row_is_an_error_of_ours(path: str, rows: dict[str, Any], client: Client) -> None:
    client.force_login(make_staff())
    client.raise_request_exception = False
    for guess in GUESSES:
        for reply in (client.get(path.format(guess)), client.post(path.format(guess))):
            assert reply.status_code in (302, 400, 403, 404, 405), (path, guess, reply.status_code)


def test_on_a_private_instance_every_address_asks_to_sign_in(
    rows: dict[str, Any], client: Client, settings: Settings
) -> None:
    settings.REQUIRE_LOGIN = True
    for name in READS:
        for reply in (client.get(address(name, rows)), client.post(address(name, rows))):
            # A note that was typed comes back to who is signed out (401), and nothing else does.
            sent_away = reply.status_code == 302 and reply["Location"].startswith(reverse("account_login"))
            assert sent_away or (name in WRITING and reply.status_code in (401, 405)), (name, reply.status_code)
