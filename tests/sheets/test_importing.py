"""Importing from the upload to the stored rows: nothing with a mistake in it, everything with its history."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from companies.history import versions_of
from companies.models import Company, Figure, Listing, Revision, ShareCount, SheetImport, User
from companies.sheets import importing
from companies.sheets.importing import NotStorable, begin, cancel, run_check, run_store, start, store
from tests.factories import (
    DAY,
    make_action,
    make_company,
    make_editor,
    make_figure,
    make_filing,
    make_listing,
    make_quote,
    make_round,
    make_share_count,
    make_user,
)
from valuations.figure_review import decide
from valuations.models import ExchangeDay, FxRate, Quote
from valuations.snapshot import today

pytestmark = pytest.mark.django_db

FIGURES = "companies.figure"
COLUMNS = (
    "company", "metric", "period", "low", "high", "currency", "basis", "reported_in", "known_on", "source",
)  # fmt: skip


@pytest.fixture
def editor() -> User:
    return make_editor()


def figure_row(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "company": "acme", "metric": "revenue", "period": "FY2025", "low": "1000", "high": "1000", "currency": "CNY",
        "basis": "actual", "reported_in": "annual_report", "known_on": str(DAY), "source": "annual-report",
    }  # fmt: skip
    return {**values, **changes}


def sheet(*rows: dict[str, Any], columns: Any = None) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, columns or list(rows[0]), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def bring(table: str, content: bytes, user: User, reason: str = "From the annual report.") -> SheetImport:
    """An import that a worker has checked, where it is too large for the request."""
    made = begin(table, "table.csv", content, reason, user)
    run_check(made.pk)
    made.refresh_from_db()
    return made


def mistakes(made: SheetImport) -> list[tuple[int, str]]:
    return [(mistake["row"], mistake["column"]) for mistake in made.report["mistakes"]]


def stored(made: SheetImport, *, confirmed: bool = False) -> SheetImport:
    store(made, confirmed=confirmed)
    run_store(made.pk)
    made.refresh_from_db()
    return made


@pytest.fixture(autouse=True)
def queue(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Where jobs go that no worker takes."""
    jobs: list[Any] = []

    def hand_over(task: str, arguments: list[list[int]], queue: str) -> bool:
        jobs.append((task, *arguments))
        return True

    monkeypatch.setattr(importing, "hand_over", hand_over)
    return jobs


# --- A thousand figures -----------------------------------------------------------------------------


def thousand_figures(**wrong: dict[int, str]) -> bytes:
    """Revenue of a hundred companies over ten years; `wrong` replaces cells by column and row."""
    rows = [
        figure_row(
            company=f"acme-{company}", period=f"FY{2015 + year}", known_on=f"{2016 + year}-03-30",
            low=str(1000 + 10 * company + year), high=str(1000 + 10 * company + year),
        )
        for company in range(100)
        for year in range(10)
    ]  # fmt: skip
    for column, cells in wrong.items():
        for row, text in cells.items():
            rows[row - 2][column] = text  # the first row names the columns
    return sheet(*rows)


def make_hundred_companies() -> None:
    make_filing("annual-report", published_on=None, published_precision="")
    for number in range(100):
        make_company(f"acme-{number}")


def test_a_thousand_figures_with_three_mistakes_store_nothing_and_name_three_cells(editor: User) -> None:
    make_hundred_companies()
    revision = Revision.current()
    wrong = {"low": {17: "about 5"}, "period": {500: "2025H3"}, "source": {1001: "nowhere"}}
    made = bring(FIGURES, thousand_figures(**wrong), editor)
    assert made.state == "refused"
    assert mistakes(made) == [(17, "low"), (500, "period"), (1001, "source")]
    assert [mistake["place"] for mistake in made.report["mistakes"]] == ["D17", "C500", "J1001"]
    assert made.report["mistake_count"] == 3
    with pytest.raises(NotStorable):
        store(made, confirmed=True)
    assert not Figure.objects.exists()
    assert Revision.current() == revision
    assert made.content is None


def test_a_thousand_figures_are_stored_as_proposed_with_one_version_each(editor: User, queue: list[Any]) -> None:
    make_hundred_companies()
    revision = Revision.current()
    made = bring(FIGURES, thousand_figures(), editor)
    assert made.state == "ready", made.problem
    assert made.report["counts"] == {"new": 1000, "changed": 0, "unchanged": 0}
    assert not Figure.objects.exists()
    made = stored(made)
    assert queue == [("companies.tasks.check_sheet", [made.pk]), ("companies.tasks.store_sheet", [made.pk])]
    assert (made.state, made.content, made.rows_done) == ("stored", None, 1000)
    assert Figure.objects.count() == 1000
    figure = Figure.objects.get(company__slug="acme-99", period="FY2024")
    assert (figure.low, figure.status, figure.entered_by) == (Decimal(1999), "proposed", editor)
    assert (str(figure.period_start), str(figure.period_end)) == ("2024-01-01", "2024-12-31")
    versions = versions_of(Figure).filter(id=figure.pk)
    assert [(one.history_type, one.history_user, one.history_change_reason) for one in versions] == [
        ("+", editor, "From the annual report.")
    ]
    assert versions_of(Figure).count() == 1000
    assert Revision.current() == revision + 1
    entry = LogEntry.objects.get(object_id=str(made.pk))
    assert "1000 new, 0 changed" in entry.change_message


def test_as_many_queries_check_three_hundred_rows_as_thirty(editor: User) -> None:
    make_hundred_companies()
    lines = thousand_figures().splitlines()
    counts = []
    for rows in (30, 300):
        made = begin(FIGURES, "x.csv", b"\r\n".join(lines[: rows + 1]), "Why.", editor)
        SheetImport.objects.filter(pk=made.pk).update(state="checking", finished_at=None)
        with CaptureQueriesContext(connection) as queries:
            run_check(made.pk)
        counts.append(len(queries))
    assert counts[0] == counts[1]


# --- One row ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "stored_as"),
    [
        ("12.5亿", "1250000000"),
        ("1.25bn", "1250000000"),
        ("1,250,000,000", "1250000000"),
        ("12.5亿元", "1250000000"),
        ("１２３４.１", "1234.1"),
        ("-0", "0"),
    ],
)
def test_amounts_are_read_as_people_write_them(editor: User, typed: str, stored_as: str) -> None:
    make_company(), make_filing()
    made = stored(bring(FIGURES, sheet(figure_row(low=typed, high=typed)), editor))
    assert made.state == "stored", made.report
    assert Figure.objects.get().low == Decimal(stored_as)


@pytest.mark.parametrize(
    ("changes", "column", "words"),
    [
        ({"company": "nobody"}, "company", "There is no company “nobody”."),
        ({"source": ""}, "source", "This cell must not be empty."),
        ({"metric": "profit"}, "metric", "“profit” is not one of: revenue,"),
        ({"low": "3", "high": "2"}, "high", "The high is below the low."),
        ({"low": "", "high": ""}, "low", "Give the low, the high, or both."),
        ({"low": "US$5m"}, "low", "You wrote USD here, and the currency is CNY."),
        ({"metric": "gross_margin_pct", "currency": "", "low": "5亿"}, "low", "is no percentage. Write 35.2 or 35.2%."),
        ({"low": "6亿至7亿"}, "low", "is not one number"),
        ({"low": "1e400"}, "low", "is not one number"),
        ({"high": "9" * 30}, "high", "digits"),
        ({"low": "-5", "high": "-5"}, "low", "never below zero"),
        ({"currency": ""}, "currency", "An amount of money needs its currency."),
        ({"period": "2025H3"}, "period", "This names no period that exists."),
        ({"known_on": "45992"}, "known_on", "it would be 2025-12-01"),
        ({"known_on": "30.3.2026"}, "known_on", "Write it like 2025-12-17."),
        ({"known_on": "2999-01-01"}, "known_on", "Give a year from 1900 to 2100."),
        ({"known_on": "2025-06-30"}, "known_on", "An actual figure is known after its period has ended"),
        ({"status": "rejected"}, "status", "A new figure is proposed or confirmed."),
        ({"listing": "XSHG:688777"}, "listing", "This listing belongs to another company."),
        ({"source": "an-example"}, "source", "invented example"),
        ({"id": "999999"}, "id", "There is no row with this id."),
        ({"id": "9" * 25}, "id", "There is no row with this id."),
        ({"id": "-1"}, "id", "There is no row with this id."),
        ({"low": "1\x02"}, None, "neither a CSV nor an XLSX file"),
    ],
)
def test_a_mistake_is_explained_at_its_cell_and_nothing_is_stored(
    editor: User, changes: dict[str, str], column: str | None, words: str
) -> None:
    make_company(), make_filing(), make_filing("an-example", is_example=True)
    make_listing(make_company("other"), ticker="688777")
    made = bring(FIGURES, sheet(figure_row(**changes)), editor)
    assert made.state == "refused"
    if column is None:
        assert words in made.problem
    else:
        assert mistakes(made) == [(2, column)]
        assert words in made.report["mistakes"][0]["words"]
    assert not Figure.objects.exists()


def test_all_mistakes_of_a_row_are_said_at_once(editor: User) -> None:
    make_company(), make_filing()
    made = bring(FIGURES, sheet(figure_row(low="x", known_on="y", metric="z")), editor)
    assert mistakes(made) == [(2, "metric"), (2, "low"), (2, "known_on")]


def test_unknown_and_missing_columns_are_named(editor: User) -> None:
    row = figure_row(colour="red")
    del row["source"]
    made = bring(FIGURES, sheet(row), editor)
    assert mistakes(made) == [(1, "source"), (1, "colour")]


def test_a_column_that_is_there_twice_is_named(editor: User) -> None:
    made = bring(FIGURES, b"company,low,low\nacme,1,2\n", editor)
    assert (1, "low") in mistakes(made)
    assert "B, C" in next(one["words"] for one in made.report["mistakes"] if one["column"] == "low")


def test_the_same_row_twice_in_a_table_is_refused(editor: User) -> None:
    make_company(), make_filing()
    made = bring(FIGURES, sheet(figure_row(), figure_row()), editor)
    assert mistakes(made) == [(3, "source")]
    quote = {"listing": "XSHG:688001", "day": "2026-03-02", "close": "5", "provider": "hand", "source": "annual-report"}
    make_listing()
    made = bring("valuations.quote", sheet(quote, {**quote, "close": "6"}), editor)
    assert mistakes(made) == [(3, "day")]
    assert "Row 2 is about the same already." in made.report["mistakes"][0]["words"]


def test_a_changed_cell_is_shown_with_its_old_and_new_text_and_kept_in_the_history(editor: User) -> None:
    company = make_company(founded="2016", note="Kept.", search_keys="acme")
    source = make_filing()
    made = bring("companies.company", sheet({"slug": "acme", "name_en": "Acme Chips", "source": source.slug}), editor)
    row = made.report["rows"][0]
    assert (row["kind"], row["cells"]) == (
        "changed", [["name_en", "Acme", "Acme Chips"], ["source", "", "annual-report"]],
    )  # fmt: skip
    stored(made)
    company.refresh_from_db()
    assert (company.name_en, company.founded, company.note, company.source) == ("Acme Chips", "2016", "Kept.", source)
    assert "acme chips" in company.search_keys
    newest: Any = versions_of(Company).filter(id=company.pk).first()
    assert (newest.name_en, newest.history_user, newest.history_change_reason) == (
        "Acme Chips", editor, "From the annual report.",
    )  # fmt: skip


def test_an_empty_cell_is_an_empty_value(editor: User) -> None:
    source = make_filing()
    company = make_company(founded="2016", aliases=["One", "Two"], source=source)
    row = {"slug": "acme", "name_en": "Acme", "founded": "", "aliases": "", "segment": "", "source": source.slug}
    stored(bring("companies.company", sheet(row), editor))
    company.refresh_from_db()
    assert (company.founded, company.aliases, company.segment) == ("", [], "gpu")


def test_a_row_without_a_source_is_refused_when_it_is_new_or_changed(editor: User) -> None:
    make_company()
    table = sheet({"slug": "acme", "name_en": "Acme"}, {"slug": "new", "name_en": "New"})
    assert mistakes(bring("companies.company", table, editor)) == [(3, "source")]


def test_a_large_move_of_the_shares_is_stored_once_it_is_confirmed(editor: User) -> None:
    make_share_count(total=1_000_000)
    rows = [
        {"company": "acme", "valid_from": "2026-01-01", "total": "3000000", "source": "annual-report"},
        {"company": "acme", "valid_from": "2025-01-01", "total": "1100000", "source": "annual-report"},
    ]
    made = bring("companies.sharecount", sheet(*rows), editor)
    assert made.state == "ready"
    assert [(doubt["row"], doubt["column"], doubt["code"]) for doubt in made.report["doubts"]] == [
        (2, "total", "large_move")
    ]
    assert "1,100,000" in made.report["doubts"][0]["words"]
    with pytest.raises(NotStorable):
        store(made, confirmed=False)
    assert stored(made, confirmed=True).state == "stored"
    assert ShareCount.objects.count() == 3


def test_a_figure_that_another_source_states_too_is_also_reported(editor: User) -> None:
    make_company(), make_filing("press")
    make_figure()
    made = bring(FIGURES, sheet(figure_row(source="press", low="1001", high="1001")), editor)
    assert made.report["rows"][0]["doubt"] == "also_reported"


def test_white_space_around_a_key_makes_no_other_row(editor: User) -> None:
    round_ = make_round(label="A round ")
    row = {"company": "acme", "label": " A round", "kind": "round", "currency": "CNY", "source": "annual-report"}
    made = bring("companies.fundinground", sheet(row), editor)
    assert made.report["counts"] == {"new": 0, "changed": 0, "unchanged": 1}, made.report
    assert str(round_) == "A round "


def test_a_figure_is_found_by_what_it_is_of_and_by_its_id(editor: User) -> None:
    figure = make_figure()
    made = bring(FIGURES, sheet(figure_row(low="999", high="999")), editor)
    assert made.report["rows"][0]["cells"] == [["low", "1000", "999"], ["high", "1000", "999"]]
    made = bring(FIGURES, sheet(figure_row(id=str(figure.pk), period="FY2024")), editor)
    assert ["period", "FY2025", "FY2024"] in made.report["rows"][0]["cells"]
    make_figure(low="2000")
    made = bring(FIGURES, sheet(figure_row(low="999", high="999")), editor)
    assert mistakes(made) == [(2, "source")]
    assert str(figure.pk) in made.report["mistakes"][0]["words"]


def test_an_import_decides_about_no_figure(editor: User) -> None:
    figure = make_figure(status="proposed")
    made = bring(FIGURES, sheet(figure_row(status="confirmed")), editor)
    assert mistakes(made) == [(2, "status")]
    made = stored(bring(FIGURES, sheet(figure_row(status="", low="5", high="5")), editor))
    figure.refresh_from_db()
    assert (figure.status, figure.low) == ("proposed", Decimal(5))


def test_a_new_figure_may_be_confirmed_by_its_row(editor: User) -> None:
    make_company(), make_filing()
    stored(bring(FIGURES, sheet(figure_row(status="confirmed")), editor))
    figure = Figure.objects.get()
    assert (figure.status, figure.decided_by, figure.decision) == ("confirmed", editor, "From the annual report.")


def test_a_table_that_says_what_is_stored_changes_nothing(editor: User) -> None:
    make_figure()
    made = bring(FIGURES, sheet(figure_row()), editor)
    assert (made.state, made.report["counts"]) == ("ready", {"new": 0, "changed": 0, "unchanged": 1})
    with pytest.raises(NotStorable, match="stored already"):
        store(made, confirmed=True)


@pytest.mark.parametrize(
    ("table", "row", "model"),
    [
        (
            "companies.listing",
            {"mic": "XHKG", "ticker": "0600", "company": "acme", "share_class": "H", "currency": "HKD",
             "source": "annual-report", "watched": "no"},
            Listing,
        ),
        (
            "valuations.fxrate",
            {"base": "USD", "quote": "CNY", "day": "2026-03-02", "rate": "7.1234567891", "provider": "hand",
             "source": "annual-report"},
            FxRate,
        ),
        (
            "valuations.exchangeday",
            {"mic": "XSHG", "day": "2027-02-08", "kind": "closed", "source": "The exchange's notice"},
            ExchangeDay,
        ),
        (
            "valuations.quote",
            {"listing": "XSHG:688001", "day": "2026-03-02", "close": "12.345678", "provider": "hand",
             "source": "annual-report", "last_at": "2026-03-02T07:00:00Z"},
            Quote,
        ),
    ],
)  # fmt: skip
def test_other_tables_are_stored_too(editor: User, table: str, row: dict[str, str], model: Any) -> None:
    make_company(), make_filing(), make_listing()
    before = model.objects.count()
    made = stored(bring(table, sheet(row), editor))
    assert made.state == "stored", (made.problem, made.report)
    assert model.objects.count() == before + 1
    again = bring(table, sheet(row), editor)
    assert again.report["counts"]["unchanged"] == 1, again.report


@pytest.mark.parametrize(
    ("table", "row", "column"),
    [
        ("companies.listing", {"mic": "XHKG", "ticker": "600", "company": "acme", "share_class": "H", "currency": "HKD",
                               "source": "annual-report"}, "ticker"),
        ("valuations.fxrate", {"base": "USD", "quote": "USD", "day": "2026-03-02", "rate": "7", "provider": "hand",
                               "source": "annual-report"}, "quote"),
        ("valuations.fxrate", {"base": "USD", "quote": "CNY", "day": "2026-03-02", "rate": "7", "provider": "hand"},
         "source"),
        ("valuations.exchangeday", {"mic": "XXXX", "day": "2027-02-08", "kind": "closed", "source": "x"}, "mic"),
        ("valuations.exchangeday", {"mic": "XSHG", "day": "2027-02-08", "kind": "late", "source": "x"}, "opens"),
        ("valuations.exchangeyear", {"mic": "XSHG", "year": "1812", "source": "x"}, "year"),
        ("valuations.reportedquote", {"listing": "XSHG:688001", "day": "2026-03-02", "source": "annual-report"},
         "close"),
    ],
)  # fmt: skip
def test_rules_of_the_database_are_told_at_the_cell(editor: User, table: str, row: dict[str, str], column: str) -> None:
    make_company(), make_filing(), make_listing()
    assert mistakes(bring(table, sheet(row), editor)) == [(2, column)]


# --- Meanwhile, twice, half-way ---------------------------------------------------------------------


def test_what_somebody_changed_meanwhile_is_shown_and_nothing_is_stored(editor: User) -> None:
    figure = make_figure()
    made = bring(FIGURES, sheet(figure_row(low="5", high="5")), editor)
    figure.low = figure.high = Decimal(7)
    figure.save()
    Revision.bump()
    made = stored(made)
    assert made.state == "ready"
    assert "Somebody has changed" in made.problem
    assert made.report["rows"][0]["cells"] == [["low", "7", "5"], ["high", "7", "5"]]
    figure.refresh_from_db()
    assert figure.low == 7
    assert stored(made).state == "stored"


def test_a_change_between_the_check_and_the_transaction_is_noticed(
    editor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    figure = make_figure()
    made = bring(FIGURES, sheet(figure_row(low="5", high="5")), editor)
    SheetImport.objects.filter(pk=made.pk).update(state="storing")
    check: Callable[[SheetImport], Any] = importing._checked
    calls: list[int] = []

    def checked(found: SheetImport) -> Any:
        answer = check(found)
        if not calls:
            Figure.objects.filter(pk=figure.pk).update(low=7)
            Revision.bump()
        calls.append(1)
        return answer

    monkeypatch.setattr(importing, "_checked", checked)
    run_store(made.pk)
    made.refresh_from_db()
    assert (made.state, len(calls)) == ("ready", 2)
    assert Figure.objects.get().low == 7


def test_jobs_that_run_twice_do_their_work_once(editor: User) -> None:
    make_company(), make_filing()
    made = bring(FIGURES, sheet(figure_row()), editor)
    store(made, confirmed=False)
    revision = Revision.current()
    for _again in range(2):
        run_check(made.pk)
        run_store(made.pk)
    assert Figure.objects.count() == versions_of(Figure).count() == 1
    assert Revision.current() == revision


def test_a_job_that_dies_half_way_stores_nothing_and_the_next_one_everything(
    editor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_company(), make_filing()
    made = bring(FIGURES, sheet(figure_row()), editor)
    SheetImport.objects.filter(pk=made.pk).update(state="storing")

    def dies(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as half_way:
        half_way.setattr(importing, "_log", dies)
        with pytest.raises(KeyboardInterrupt):
            run_store(made.pk)
    assert not Figure.objects.exists()
    made.refresh_from_db()
    assert made.state == "storing"
    run_store(made.pk)
    assert Figure.objects.count() == 1


def test_a_queue_out_of_reach_is_said_and_the_import_can_be_started_again(
    editor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_hundred_companies()
    with monkeypatch.context() as down:
        down.setattr(importing, "hand_over", lambda *arguments: False)
        made = begin(FIGURES, "x.csv", thousand_figures(), "Why.", editor)
        made.refresh_from_db()
        assert made.state == "checking"
        assert "queue of jobs cannot be reached" in made.problem
    assert start(made)
    made.refresh_from_db()
    assert made.problem == ""
    run_check(made.pk)
    made.refresh_from_db()
    with monkeypatch.context() as down:
        down.setattr(importing, "hand_over", lambda *arguments: False)
        with pytest.raises(NotStorable, match="nothing was stored"):
            store(made, confirmed=False)
    made.refresh_from_db()
    assert made.state == "ready"
    assert stored(made).state == "stored"


def test_a_cancelled_import_is_never_stored(editor: User) -> None:
    make_company(), make_filing()
    made = bring(FIGURES, sheet(figure_row()), editor)
    assert cancel(made)
    made.refresh_from_db()
    assert (made.state, made.content) == ("cancelled", None)
    with pytest.raises(NotStorable):
        store(made, confirmed=True)
    run_store(made.pk)
    assert not cancel(made)
    assert not Figure.objects.exists()


# --- Pages ------------------------------------------------------------------------------------------


def upload(client: Client, model: str, content: bytes, **fields: Any) -> Any:
    file = io.BytesIO(content)
    file.name = fields.pop("name", "table.csv")
    return client.post(reverse(f"admin:{model}_import"), {"file": file, "reason": "Why.", **fields}, follow=True)


@pytest.fixture
def client(editor: User) -> Client:
    client = Client()
    client.force_login(editor)
    return client


def test_an_editor_imports_a_table_in_the_admin(client: Client) -> None:
    make_company(), make_filing()
    page = client.get(reverse("admin:companies_figure_changelist")).content.decode()
    assert reverse("admin:companies_figure_import") in page
    html = upload(client, "companies_figure", sheet(figure_row())).content.decode()
    assert "1 new, 0 changed, 0 unchanged" in html
    made = SheetImport.objects.get()
    html = client.post(reverse("admin:companies_sheetimport_store", args=[made.pk]), follow=True).content.decode()
    assert "stored" in html.lower()
    assert Figure.objects.get().status == "proposed"
    assert " style=" not in html
    assert "<script>" not in html


def test_without_a_reason_nothing_is_taken_where_one_is_asked_for(client: Client) -> None:
    response = upload(client, "companies_figure", sheet(figure_row()), reason=" ")
    assert response.status_code == 400
    assert "This field is required." in response.content.decode()
    assert not SheetImport.objects.exists()
    make_filing()
    upload(client, "companies_filing", b"slug,kind,tier,title\na,news,media,A\n", reason="")
    assert SheetImport.objects.get().state == "ready"


@pytest.mark.parametrize("content", [b"", None])
def test_an_empty_choice_is_explained(client: Client, content: bytes | None) -> None:
    data: dict[str, Any] = {"reason": "Why."}
    if content is not None:
        data["file"] = io.BytesIO(content)
        data["file"].name = "empty.csv"
    response = client.post(reverse("admin:companies_figure_import"), data)
    assert response.status_code == 400
    assert ("The file is empty." if content == b"" else "Choose a CSV or XLSX file.") in response.content.decode()


def test_a_file_of_many_megabytes_is_not_kept(client: Client) -> None:
    response = upload(client, "companies_figure", b"x" * (11 * 2**20))
    assert response.status_code == 413
    assert "larger than 10 MB" in response.content.decode()
    assert not SheetImport.objects.exists()


def test_only_those_who_may_add_and_change_rows_import_them() -> None:
    reader = make_user()
    client = Client()
    client.force_login(reader)
    assert upload(client, "companies_figure", b"x").status_code == 403
    looker = make_user("looker")
    looker.user_permissions.add(Permission.objects.get(codename="enter_admin"))
    client.force_login(looker)
    assert client.get(reverse("admin:companies_figure_import")).status_code == 403
    assert client.get(reverse("admin:companies_figure_export", args=["csv"])).status_code == 403
    assert not SheetImport.objects.exists()


def test_an_import_is_stored_by_who_brought_it_in(client: Client, editor: User) -> None:
    make_company(), make_filing()
    made = bring(FIGURES, sheet(figure_row()), editor)
    other = Client()
    other.force_login(make_editor("another"))
    for button in ("store", "cancel", "again"):
        url = reverse(f"admin:companies_sheetimport_{button}", args=[made.pk])
        assert other.post(url).status_code == 403
        assert client.get(url).status_code == 405
    made.refresh_from_db()
    assert made.state == "ready"


def test_the_page_of_an_import_at_work_asks_again_and_then_stops(client: Client, editor: User) -> None:
    make_hundred_companies()
    made = begin(FIGURES, "x.csv", thousand_figures(), "Why.", editor)
    url = reverse("admin:companies_sheetimport_change", args=[made.pk])
    html = client.get(url).content.decode()
    assert 'hx-trigger="every 2s"' in html
    assert '<noscript><meta http-equiv="refresh"' in html
    run_check(made.pk)
    part = client.get(url, headers={"HX-Request": "true", "HX-Request-Type": "partial"}).content.decode()
    assert "<html" not in part
    assert "hx-trigger" not in part
    assert "1000 new" in part
    assert client.get(url, {"page": "5"}).content.decode().count('<tr class="new">') == 100


def test_what_a_cell_says_is_shown_as_text(client: Client, editor: User) -> None:
    html = upload(client, "companies_figure", sheet(figure_row(company="<script>alert(1)</script>"))).content.decode()
    assert "&lt;script&gt;alert(1)" in html
    assert "<script>alert" not in html


def test_quotes_of_a_file_name_do_no_harm(client: Client) -> None:
    make_company(), make_filing()
    upload(client, "companies_figure", sheet(figure_row()), name='"><img src=x>' + "é" * 300 + ".csv")
    assert SheetImport.objects.get().state == "ready"


def test_every_change_is_compared_with_corporate_actions_in_between(editor: User) -> None:
    make_share_count(total=1_000_000)
    make_action(ratio="3")
    row = {"company": "acme", "valid_from": str(DAY), "total": "3000000", "source": "annual-report"}
    assert bring("companies.sharecount", sheet(row), editor).report["doubts"] == []


def test_a_quote_is_found_by_listing_and_day(editor: User) -> None:
    listing = make_listing()
    make_quote(listing, "5", day=DAY)
    make_quote(listing, "5", day=DAY - timedelta(days=1))
    row = {"listing": "XSHG:688001", "day": str(DAY), "close": "6", "provider": "hand", "source": "annual-report"}
    made = bring("valuations.quote", sheet(row), editor)
    assert ["close", "5", "6"] in made.report["rows"][0]["cells"]
    stored(made)
    assert list(Quote.objects.order_by("day").values_list("close", flat=True)) == [5, 6]


def test_an_imported_figure_is_on_the_sector_page_once_it_is_approved(editor: User) -> None:
    company = make_company()
    make_quote(make_listing(company), "100", day=today() - timedelta(days=1))
    make_share_count(company, 1_000_000)
    stored(bring(FIGURES, sheet(figure_row(low="5000", high="5000")), editor))
    figure = Figure.objects.get()

    def revenue() -> Any:
        row = next(row for row in Client().get("/sector.json?basis=fy").json()["rows"] if row["slug"] == "acme")
        return row["revenue"] and row["revenue"]["low"]

    assert revenue() is None
    decide(figure, Figure.Status.CONFIRMED, editor)
    assert revenue() == "5000"
