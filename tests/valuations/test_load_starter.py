"""The starter facts: what files may say, what a load does to the database, and what the project's own files hold."""

import shutil
from collections import Counter
from collections.abc import Callable
from datetime import date, time
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F

from companies.models import (
    Company,
    CorporateAction,
    Figure,
    Filing,
    FundingRound,
    Listing,
    Milestone,
    Revision,
    ShareCount,
    StarterRecord,
)
from tests.factories import make_company, make_listing, make_quote
from valuations.models import ExchangeDay, ExchangeYear, FxRate, Quote, ReportedQuote
from valuations.starter_facts import TABLES, StarterProblems, parse_facts, run_load

# One company with one listing, and one of everything else.
FILES = {
    "companies": [
        "slug,name_en,name_zh,aliases,segment,segment_note,founded,city,parent,founders,products,website,"
        "fiscal_year_end,note,source",
        "acme,Acme Chips,顶点芯片,ACME|Apex,gpu,GPGPU,2019-05,Shanghai,,,,https://acme.example,12-31,,acme-page",
        "weekly,Weekly Chips,,,benchmark,,,,,,,,01-31,,",
    ],
    "filings": [
        "slug,company,kind,tier,title,title_original,publisher,language,published_on,url,seen_title,seen_url,seen_on",
        "acme-page,acme,media,media,Acme lists,,,en,2026-01,https://news.example/acme,,,",
        "acme-undated,,page,secondary,Acme at a glance,,,,,,,,",
    ],
    "listings": [
        "mic,ticker,company,board,share_class,currency,listed_on,source",
        "XSHG,688001,acme,STAR,A,CNY,2025-12-05,acme-page",
    ],
    "share_counts": [
        "company,share_class,valid_from,total,method,source,note",
        "acme,all,2025-12-05,470028217,reported,acme-page,",
    ],
    "corporate_actions": [
        "company,share_class,kind,ex_day,ratio,new_shares,source,note",
        "acme,all,bonus,2026-05-08,1.49,,acme-page,",
        "acme,all,placing,2026-03-02,,3334946,acme-page,",
    ],
    "figures": [
        "id,company,listing,metric,period,period_start,period_end,low,high,currency,basis,reported_in,known_on,source,note",
        "acme-1,acme,,revenue,FY2025,,,1600000000,1700000000,CNY,guidance,earnings_forecast,2026-01-27,acme-page,",
        "acme-2,acme,,revenue,2025Q3,,,,12.5,CNY,actual,quarterly_report,2026-01,acme-page,",
        "acme-3,acme,,revenue,2026Q1,,,-1,,CNY,actual,news,,acme-undated,",
        "acme-4,acme,XSHG:688001,offer_price,2025-12-05,,,114.28,114.28,CNY,actual,prospectus,,acme-undated,",
        "weekly-1,weekly,,revenue,FY2026,2025-01-27,2026-01-25,5,5,USD,actual,annual_report,2026-02-25,acme-page,",
    ],
    "funding_rounds": [
        "id,company,label,kind,closed_on,currency,amount,post_money_low,post_money_high,investors,known_on,source,note",
        "acme-1,acme,A,round,2021,CNY,1100000000,20000000000,20500000000,,2021-03,acme-page,",
    ],
    "milestones": [
        "id,company,venue,kind,day,detail,known_on,source",
        "acme-1,acme,XSHG STAR,listed,2025-12,,2025-12-05,acme-page",
    ],
    "quotes": [
        "listing,day,open,high,low,close,volume,final,source",
        "XSHG:688001,2025-12-17,700,720,690,714.8,6313657,yes,acme-page",
        "XSHG:688001,2025-12-18,,,,715,,no,acme-page",
    ],
    "reported_quotes": [
        "listing,day,close,market_value,shares,source",
        "XSHG:688001,2025-12-17,,335976000000,,acme-page",
    ],
    "fx_rates": [
        "base,quote,day,span,rate,provider,source",
        "USD,CNY,2026-03-02,day,7.1,starter-ecb,acme-page",
    ],
    "exchange_days": ["mic,day,kind,opens,closes,note,source", "XSHG,2026-01-01,closed,,,New Year,notice"],
    "exchange_years": ["mic,year,source", "XSHG,2026,notice"],
}  # fmt: skip
ROWS = {name: len(lines) - 1 for name, lines in FILES.items()}

Edit = Callable[..., None]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A directory with the small files above."""
    for name, lines in FILES.items():
        (tmp_path / f"{name}.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    return tmp_path


@pytest.fixture
def edit(files: Path) -> Edit:
    """Replace a text, which must be there once, in one of the files."""

    def replace(name: str, old: str, new: str) -> None:
        path = files / f"{name}.csv"
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old} is {text.count(old)} times in {name}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    return replace


def load(directory: Path | None = None, **options: object) -> str:
    out = StringIO()
    call_command("load_starter", dir=directory, stdout=out, **options)
    return out.getvalue()


def refusal(directory: Path) -> list[str]:
    with pytest.raises(StarterProblems) as refused:
        parse_facts(directory)
    return [str(problem) for problem in refused.value.problems]


def counted() -> dict[str, int]:
    return {table.name: table.model._default_manager.count() for table in TABLES}


# --- The happy path -----------------------------------------------------------------------------


@pytest.mark.django_db
def test_every_row_of_every_file_arrives(files: Path) -> None:
    out = load(files)

    assert counted() == ROWS
    assert "figures: 5 created" in out
    assert Revision.current() == 1


@pytest.mark.django_db
def test_a_company_is_found_by_its_names_and_knows_its_source(files: Path) -> None:
    load(files)
    acme = Company.objects.get(slug="acme")

    assert acme.aliases == ["ACME", "Apex"]
    assert acme.search_keys == acme.derived_search_keys()
    assert "dingdianxinpian" in acme.search_keys
    assert acme.source is not None
    assert acme.source.company == acme


@pytest.mark.django_db
def test_dates_keep_how_precisely_they_are_known(files: Path) -> None:
    load(files)
    filing = Filing.objects.get(slug="acme-page")
    step = Milestone.objects.get()
    funding = FundingRound.objects.get()

    assert (filing.published_on, filing.published_precision) == (date(2026, 1, 31), "month")
    assert (step.day, step.precision, step.known_on) == (date(2025, 12, 31), "month", date(2025, 12, 5))
    assert (funding.closed_on, funding.precision) == (date(2021, 12, 31), "year")
    assert funding.known_on == date(2021, 3, 31)
    assert Filing.objects.get(slug="acme-undated").published_precision == ""


@pytest.mark.django_db
def test_figures_know_their_days_and_since_when_they_are_known(files: Path) -> None:
    load(files)
    rows = Figure.objects.order_by("pk").values_list("period", "period_start", "period_end", "known_on", "known_by")

    assert list(rows) == [
        ("FY2025", date(2025, 1, 1), date(2025, 12, 31), date(2026, 1, 27), "stated"),
        ("2025Q3", date(2025, 7, 1), date(2025, 9, 30), date(2026, 1, 31), "month"),
        # Undated: the report on the first quarter is due on 30 April, a prospectus on the first day of trading.
        ("2026Q1", date(2026, 1, 1), date(2026, 3, 31), date(2026, 4, 30), "inferred"),
        ("2025-12-05", None, date(2025, 12, 5), date(2025, 12, 5), "inferred"),
        ("FY2026", date(2025, 1, 27), date(2026, 1, 25), date(2026, 2, 25), "stated"),
    ]


@pytest.mark.django_db
def test_an_open_end_of_a_range_stays_open(files: Path) -> None:
    load(files)

    at_most, at_least = Figure.objects.filter(period__in=["2025Q3", "2026Q1"]).order_by("period_end")
    assert (at_most.low, at_most.high) == (None, Decimal("12.5"))
    assert (at_least.low, at_least.high) == (Decimal(-1), None)


@pytest.mark.django_db
def test_prices_of_the_files_say_that_they_are(files: Path) -> None:
    load(files)
    final, page = Quote.objects.order_by("day")

    assert (final.provider, final.final, final.close) == ("starter", True, Decimal("714.8"))
    assert (page.provider, page.final, page.volume) == ("starter", False, None)


@pytest.mark.django_db
def test_a_spreadsheets_way_of_writing_the_files_does_no_harm(files: Path) -> None:
    load(files)
    for path in files.iterdir():
        text = path.read_text(encoding="utf-8").replace("\n", "\r\n\r\n")
        path.write_bytes(b"\xef\xbb\xbf" + text.encode())

    assert load(files).endswith("The starter facts are up to date.\n")


@pytest.mark.django_db
def test_a_dry_run_says_what_it_would_do_and_does_nothing(files: Path) -> None:
    out = load(files, dry_run=True)

    assert "companies: 2 created" in out
    assert out.endswith("Dry run: nothing was changed.\n")
    assert not any(counted().values())
    assert Revision.current() == 0


# --- What is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "old", "new", "problem"),
    [
        ("figures", "1600000000", "abc", 'figures.csv, line 2, column low: "abc" is not a number'),
        ("figures", "1600000000", "NaN", 'line 2, column low: "NaN" is not a number'),
        ("figures", "1600000000", "1e9", 'line 2, column low: "1e9" is not a number'),
        ("figures", "1600000000", "16亿", 'line 2, column low: "16亿" is not a number'),
        ("figures", "1600000000", '"1,600"', 'line 2, column low: "1,600" is not a number'),
        ("figures", "1600000000", "9" * 20, f'line 2, column low: "{"9" * 20}" has more than 15 significant digits'),
        ("figures", "1600000000", "1" + "0" * 30, "no more than 26 digits in total"),
        ("figures", "12.5", "12.12345", "column high: \"12.12345\": Ensure that there are no more than 4 decimal"),
        ("figures", "1600000000", "1800000000", "line 2, column low: 1800000000 is above high (1700000000)"),
        ("figures", ",12.5,", ",,", "line 3, column low: low and high are both empty"),
        ("figures", "12.5,CNY", "12.5,", "line 3, column currency: is empty, but the metric is an amount of money"),
        ("figures", "12.5,CNY", "12.5,yuan", "line 3, column currency: \"yuan\": Ensure this value has at most 3"),
        ("figures", "12.5,CNY", "12.5,cny", 'line 3, column currency: "cny" is not an ISO 4217 code'),
        ("figures", "2025Q3", "2025Q5", "line 3, column period"),
        ("figures", "revenue,2025Q3", "turnover,2025Q3", 'line 3, column metric: "turnover" is not one of revenue,'),
        ("figures", "guidance", "hope", 'line 2, column basis: "hope" is not one of actual, preliminary,'),
        ("figures", "2026-01-27", "2026-02-30", 'line 2, column known_on: "2026-02-30" is not a day, month or year'),
        ("figures", "2026-01-27", "27.1.2026", 'line 2, column known_on: "27.1.2026" is not a day, month or year'),
        ("figures", "acme-3,", ",", "line 4, column id: is empty"),
        ("figures", "acme-3,", "acme-1,", "line 4, column id: acme-1 is already in line 2"),
        ("figures", "acme-1,acme,", "acme-1,acne,", 'line 2, column company: "acne" is not in companies.csv'),
        ("figures", "2026-01-27,acme-page", "2026-01-27,", "line 2, column source: is empty"),
        ("figures", "XSHG:688001", "XSHG:688002", 'line 5, column listing: "XSHG:688002" is not in listings.csv'),
        ("figures", "acme-4,acme", "acme-4,weekly", 'line 5, column listing: XSHG:688001 is a listing of "acme"'),
        ("figures", "2025-01-27,", ",", 'line 6, column period_start: give both days of "FY2026", or none'),
        ("figures", "2025-01-27", "2024-01-29", 'column period_start: 2024-01-29 to 2026-01-25 is not "FY2026", which'),
        ("figures", "FY2025,,", "FY2025,2025-01-01,2025-12-31,x", "line 2: has 16 cells, the header 15"),
        ("companies", "gpu,GPGPU", "cpu,GPGPU", 'companies.csv, line 2, column segment: "cpu" is not one of gpu,'),
        ("companies", "Acme Chips", "", "line 2, column name_en: is empty"),
        ("companies", "acme,Acme", "A cme!,Acme", 'line 2, column slug: "A cme!": Enter a valid'),
        ("companies", "01-31", "02-30", 'line 3, column fiscal_year_end: "02-30" is not a month and a day'),
        ("companies", "https://acme.example", "acme", 'line 2, column website: "acme": Enter a valid URL.'),
        ("companies", "Shanghai", "Shang\x07hai", "line 2, column city: contains a control character"),
        ("companies", "acme-page", "acme-paper", 'line 2, column source: "acme-paper" is not in filings.csv'),
        ("filings", "2026-01,", "2026-13,", 'line 2, column published_on: "2026-13" is not a day, month or year'),
        ("filings", "media,media", "media,great", 'line 2, column tier: "great" is not one of official,'),
        ("filings", "acme-undated,", "acme-page,", "line 3, column slug: acme-page is already in line 2"),
        ("listings", "2025-12-05", "2025-02-30", 'line 2, column listed_on: "2025-02-30" is not a date'),
        ("listings", "2025-12-05", "2025-12", 'line 2, column listed_on: "2025-12" is not a date'),
        ("listings", "2025-12-05", "0025-12-05", 'line 2, column listed_on: "0025-12-05" is not between 1900 and 2100'),
        ("listings", "XSHG", "Shanghai", 'line 2, column mic: "Shanghai": Enter a valid value.'),
        ("listings", ",A,", ",all,", 'line 2, column share_class: "all" is not one of A, H, common'),
        ("share_counts", "470028217", "470.03", 'line 2, column total: "470.03" is not a whole number'),
        ("share_counts", "470028217", "0", "line 2, column total: must be above zero"),
        ("share_counts", "470028217", "-5", 'line 2, column total: "-5": Ensure this value is greater than'),
        ("share_counts", "470028217", "9" * 19, "less than or equal to"),
        ("corporate_actions", "1.49", "-1.49", "line 2, column ratio: must be above zero"),
        ("corporate_actions", "1.49,", "1.49,7", "line 2, column new_shares: must be 0 unless it is a placing"),
        ("corporate_actions", "3334946", "", "line 3, column new_shares: must be above zero for a placing"),
        ("corporate_actions", "2026-03-02,", "2026-03-02,1.5", "line 3, column ratio: must be 1 for a placing"),
        ("funding_rounds", "20000000000", "30000000000", "line 2, column post_money_low: 30000000000 is above"),
        ("milestones", "listed", "arrived", 'line 2, column kind: "arrived" is not one of tutoring_filed,'),
        ("quotes", "714.8", "0", "line 2, column close: must be above zero"),
        ("quotes", "714.8", "721", "line 2, column close: 721 is outside the day's high (720)"),
        ("quotes", "714.8", "689.9", "line 2, column close: 689.9 is outside the day's low (690)"),
        ("quotes", "690,", "730,", "line 2, column low: 730 is above high (720)"),
        ("quotes", "2025-12-17", "2025-12-04", "line 2, column day: 2025-12-04 is before the first day of trading"),
        ("quotes", "2025-12-18", "2025-12-17", "line 3, column listing: XSHG:688001|2025-12-17 is already in line 2"),
        ("quotes", "yes", "true", 'line 2, column final: "true" is neither yes nor no'),
        ("quotes", "yes,acme-page", "yes,", "line 2, column source: is empty"),
        ("quotes", "6313657", "6313657.5", 'line 2, column volume: "6313657.5" is not a whole number'),
        ("reported_quotes", "335976000000", "", "line 2, column close: close, market_value and shares are all empty"),
        ("reported_quotes", "335976000000", "-1", "line 2, column close: close, market_value and shares must be above"),
        ("fx_rates", "7.1", "-7.1", "line 2, column rate: must be above zero"),
        ("fx_rates", "USD,CNY", "CNY,CNY", "line 2, column quote: is the same currency as base"),
        ("exchange_days", "closed", "shut", 'line 2, column kind: "shut" is not one of closed, half, late, open'),
        ("exchange_days", "closed,,", "closed,09:30,", "line 2, column opens: must be empty for a closed day"),
        ("exchange_days", "closed,,", "closed,,13:00", "line 2, column closes: must be empty for a closed day"),
        ("exchange_days", "closed,,", "late,,", "line 2, column opens: is empty, but the day opens late"),
        ("exchange_days", "closed,,", "half,13:00,12:00", "line 2, column closes: 12:00 is not after opens (13:00)"),
        ("exchange_days", "closed,,", "late,25:00,", 'line 2, column opens: "25:00" is not a time of day'),
        ("exchange_days", "closed,,", "late,9:30,", 'line 2, column opens: "9:30" is not a time of day'),
        ("exchange_years", "2026", "3000", "line 2, column year: 3000 is not between 1900 and 2100"),
        ("exchange_years", "mic,year,source", "mic,year,origin", "line 1, column origin: is not a column of this file"),
        ("exchange_years", "mic,year,source", "mic,year", "line 1, column source: is missing"),
        ("exchange_years", "mic,year,source", "mic,mic,source", "line 1, column mic: is there twice"),
        ("exchange_years", "notice", '"notice', "line 2: cannot be read as CSV"),
    ],
)  # fmt: skip
def test_a_wrong_cell_is_refused_with_its_place(files: Path, name: str, old: str, new: str, problem: str) -> None:
    path = files / f"{name}.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")

    problems = refusal(files)

    assert any(problem in line and line.startswith(f"{name}.csv") for line in problems), problems


def test_a_missing_an_empty_and_an_unreadable_file_are_named(files: Path) -> None:
    (files / "quotes.csv").unlink()
    (files / "fx_rates.csv").write_text("")
    (files / "milestones.csv").write_bytes("id,company\n1,寒武纪\n".encode("gb18030"))

    assert refusal(files) == [
        "milestones.csv, line 2: is not UTF-8 text",
        f"quotes.csv: is missing in {files}",
        "fx_rates.csv: is empty; its first line must be base,quote,day,span,rate,provider,source",
    ]


def test_all_problems_are_said_at_once(files: Path, edit: Edit) -> None:
    edit("quotes", "714.8", "zero")
    edit("figures", "1600000000", "many")
    edit("figures", "12.5", "few")

    assert refusal(files) == [
        'figures.csv, line 2, column low: "many" is not a number',
        'figures.csv, line 3, column high: "few" is not a number',
        'quotes.csv, line 2, column close: "zero" is not a number',
    ]


def test_a_mistake_is_not_said_again_for_every_row_that_refers_to_it(files: Path, edit: Edit) -> None:
    edit("companies", "gpu,GPGPU", "cpu,GPGPU")
    (files / "filings.csv").unlink()

    assert len(refusal(files)) == 2


@pytest.mark.django_db
def test_what_is_refused_is_not_loaded_in_part(files: Path, edit: Edit) -> None:
    edit("exchange_years", "2026", "3000")

    with pytest.raises(CommandError) as refused:
        load(files)

    assert str(refused.value) == (
        "exchange_years.csv, line 2, column year: 3000 is not between 1900 and 2100\nNothing was loaded."
    )
    assert not any(counted().values())
    assert not StarterRecord.objects.exists()


def test_a_long_list_of_problems_is_cut(files: Path) -> None:
    days = "\n".join(f"XSHG,2026-02-{day:02},shut,,,,notice" for day in range(1, 29))
    (files / "exchange_days.csv").write_text(f"mic,day,kind,opens,closes,note,source\n{days}\n{days}\n")

    with pytest.raises(CommandError) as refused:
        load(files)

    lines = str(refused.value).splitlines()
    assert len(lines) == 52
    assert lines[-2:] == ["and 6 more", "Nothing was loaded."]


def test_a_cell_over_several_lines_does_not_shift_the_line_numbers(files: Path, edit: Edit) -> None:
    edit("filings", "Acme lists", '"Acme\nlists"')
    edit("filings", ",page,secondary", ",page,tertiary")

    assert refusal(files)[0].startswith("filings.csv, line 4, column tier")


def test_a_directory_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="is not a directory"):
        load(tmp_path / "nowhere")


# --- A second load ------------------------------------------------------------------------------


@pytest.mark.django_db
def test_loading_again_changes_nothing(files: Path) -> None:
    load(files)
    before = {table.name: list(table.model._default_manager.order_by("pk").values()) for table in TABLES}

    assert load(files) == "The starter facts are up to date.\n"

    assert {table.name: list(table.model._default_manager.order_by("pk").values()) for table in TABLES} == before
    assert Revision.current() == 1


@pytest.mark.django_db
def test_a_changed_file_updates_rows_that_nobody_touched(files: Path, edit: Edit) -> None:
    load(files)
    edit("companies", "Acme Chips", "Acme Semiconductor")
    edit("companies", ",01-31,,", ",01-31,,acme-page")
    edit("quotes", "714.8", "714.9")

    out = load(files)

    assert "companies: 2 updated" in out
    assert "quotes: 1 updated; 1 unchanged" in out
    company = Company.objects.get(slug="acme")
    assert company.name_en == "Acme Semiconductor"
    assert "acme semiconductor" in company.search_keys
    assert Company.objects.get(slug="weekly").source == Filing.objects.get(slug="acme-page")
    assert Quote.objects.get(day=date(2025, 12, 17)).close == Decimal("714.9")
    assert counted() == ROWS
    assert Revision.current() == 2
    assert load(files) == "The starter facts are up to date.\n"


@pytest.mark.django_db
def test_an_editors_change_is_kept(files: Path, edit: Edit) -> None:
    load(files)
    Figure.objects.filter(period="FY2025").update(high=Decimal(1_650_000_000))
    # A column that the files do not have counts as well.
    Figure.objects.filter(period="2025Q3").update(status="rejected")
    edit("figures", "1700000000", "1750000000")
    edit("figures", "12.5", "13.5")

    out = load(files)

    assert "figures: 3 unchanged; 2 changed here since, kept" in out
    assert Figure.objects.get(period="FY2025").high == Decimal(1_650_000_000)
    assert Figure.objects.get(period="2025Q3").high == Decimal("12.5")
    assert Revision.current() == 1


@pytest.mark.django_db
def test_a_change_that_the_file_makes_as_well_is_nobodys_any_more(files: Path, edit: Edit) -> None:
    load(files)
    Company.objects.filter(slug="acme").update(city="Beijing")
    edit("companies", "Shanghai", "Beijing")

    assert load(files) == "The starter facts are up to date.\n"

    edit("companies", "Beijing", "Wuhan")
    load(files)
    assert Company.objects.get(slug="acme").city == "Wuhan"


@pytest.mark.django_db
def test_a_removed_row_does_not_come_back(files: Path, edit: Edit) -> None:
    load(files)
    Figure.objects.filter(period="FY2025").delete()
    edit("figures", "1700000000", "1750000000")

    out = load(files)

    assert "figures: 4 unchanged; 1 removed here since, not brought back" in out
    assert not Figure.objects.filter(period="FY2025").exists()


@pytest.mark.django_db
def test_rows_of_a_removed_company_do_not_come_back_either(files: Path, edit: Edit) -> None:
    load(files)
    Company.objects.filter(slug="weekly").delete()
    edit("figures", "weekly-1,", "acme-9,acme,,employees,2026,,,1,1,,actual,page,2026-02-25,acme-page,\nweekly-2,")

    out = load(files)

    assert "companies: 1 unchanged; 1 removed here since, not brought back" in out
    assert "figures: 1 created; 4 unchanged; 1 removed here since, not brought back; 1 no longer in the file" in out
    assert set(Figure.objects.values_list("company__slug", flat=True)) == {"acme"}


@pytest.mark.django_db
def test_a_row_that_left_the_file_stays(files: Path) -> None:
    load(files)
    path = files / "quotes.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))

    out = load(files)

    assert "quotes: 1 unchanged; 1 no longer in the file, left alone" in out
    assert Quote.objects.count() == 2


@pytest.mark.django_db
def test_an_editor_may_rename_what_other_rows_refer_to(files: Path, edit: Edit) -> None:
    load(files)
    Company.objects.filter(slug="acme").update(slug="acme-chips")
    Listing.objects.update(ticker="688009")
    edit("quotes", "715,", "716,")

    out = load(files)

    assert "quotes: 1 updated; 1 unchanged" in out
    assert Quote.objects.get(close=716).listing.ticker == "688009"
    assert Company.objects.count() == 2


@pytest.mark.django_db
def test_a_price_that_was_fetched_for_the_same_day_wins(files: Path) -> None:
    listing = make_listing(company=make_company(slug="acme"), mic="XSHG", ticker="688001", listed_on=date(2025, 12, 5))
    make_quote(listing=listing, day=date(2025, 12, 17), close=Decimal(714), provider="tencent")

    out = load(files)

    assert "quotes: 1 created; 1 already here from elsewhere, kept" in out
    fetched = Quote.objects.get(day=date(2025, 12, 17))
    assert (fetched.close, fetched.provider) == (Decimal(714), "tencent")
    assert load(files, verbosity=2).count("1 already here from elsewhere, kept") == 3


@pytest.mark.django_db
def test_a_price_that_was_fetched_later_over_ours_is_kept(files: Path, edit: Edit) -> None:
    load(files)
    Quote.objects.filter(day=date(2025, 12, 18)).update(close=Decimal(716), provider="tencent")
    edit("quotes", "715,", "717,")

    assert "quotes: 1 unchanged; 1 changed here since, kept" in load(files)
    assert Quote.objects.get(day=date(2025, 12, 18)).close == 716


@pytest.mark.django_db
def test_the_hours_of_an_exchange_day_are_loaded_and_those_an_editor_gave_are_kept(files: Path, edit: Edit) -> None:
    edit("exchange_days", "closed,,", "late,13:30,")
    load(files)
    assert ExchangeDay.objects.get().opens == time(13, 30)
    assert "up to date" in load(files)

    edit("exchange_days", "13:30", "13:00")
    assert "exchange_days: 1 updated" in load(files)
    ExchangeDay.objects.update(opens=time(14))
    edit("exchange_days", "13:00", "13:30")

    load(files)
    assert ExchangeDay.objects.get().opens == time(14)


@pytest.mark.django_db
def test_what_the_database_refuses_undoes_the_whole_load(files: Path, edit: Edit) -> None:
    load(files)
    # The row keeps its key, so the file may not know that an editor has given its new code to another year.
    ExchangeYear.objects.create(mic="XHKG", year=2027, source="notice")
    StarterRecord.objects.filter(table="exchange_years").update(key="XHKG|2027")
    edit("exchange_years", "XSHG,2026", "XHKG,2027")
    edit("companies", "Acme Chips", "Acme Semiconductor")

    with pytest.raises(CommandError, match="The database refused a row"):
        load(files)

    assert Company.objects.get(slug="acme").name_en == "Acme Chips"
    assert Revision.current() == 1


# --- The project's own files --------------------------------------------------------------------


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's own files in one directory."""
    directory = tmp_path_factory.mktemp("starter")
    for table in TABLES:
        shutil.copy(table.default_directory / table.file, directory)
    return directory


@pytest.mark.django_db
def test_our_files_hold_all_facts(starter: Path) -> None:
    run_load()

    assert counted() == {
        "companies": 27, "filings": 359, "listings": 14, "share_counts": 40, "corporate_actions": 3, "figures": 597,
        "funding_rounds": 30, "milestones": 61, "quotes": 2986, "reported_quotes": 305, "fx_rates": 445,
        "exchange_days": 680, "exchange_years": 46,
    }  # fmt: skip
    report = run_load(starter)
    assert not report.changed
    assert Revision.current() == 1

    closes = {
        ("688256", date(2025, 12, 17)): "1315.6",
        ("688256", date(2026, 5, 7)): "1868.0",
        ("688256", date(2026, 5, 8)): "1182.53",
        ("688795", date(2025, 12, 17)): "714.8",
        ("688802", date(2025, 12, 17)): "829.9",
    }
    for (ticker, day), close in closes.items():
        assert Quote.objects.get(listing__ticker=ticker, day=day).close == Decimal(close)

    # Enflame: 205,278,000,000 ÷ 477.0 = 430,352,201.26
    implied = ShareCount.objects.get(method="implied")
    assert (implied.company.slug, implied.total) == ("enflame", 430_352_201)
    assert Quote.objects.get(listing__ticker="688801", day=implied.valid_from).close == 477

    assert dict(CorporateAction.objects.values_list("ex_day", "new_shares")) == {
        date(2023, 4, 14): 13_806_042, date(2025, 10, 16): 3_334_946, date(2026, 5, 8): 0,
    }  # fmt: skip
    assert CorporateAction.objects.get(kind="bonus").ratio == Decimal("1.49")

    # Trailing revenue of Cambricon as of 2026-09-30: 6.497 + 5.996 - 2.881 = 9.612 bn.
    revenue = Figure.objects.filter(company__slug="cambricon", metric="revenue", basis="actual")
    parts = {"FY2025": 6_497_000_000, "2026H1": 5_996_000_000, "2025H1": 2_881_000_000}
    for period, amount in parts.items():
        assert revenue.filter(period=period, low=amount, high=amount, known_on__lte="2026-09-30").exists()

    guidance = Figure.objects.filter(company__slug="metax", metric="revenue", period="FY2025", basis="guidance")
    assert guidance.filter(low=1_600_000_000, high=1_700_000_000, known_on__lte="2026-02-10").exists()
    assert not Figure.objects.filter(company__slug="nvidia", basis="forecast").exists()
    assert Counter(Figure.objects.values_list("known_by", flat=True)) == {"stated": 481, "month": 81, "inferred": 35}

    assert not Figure.objects.filter(source=None).exists()
    assert not Figure.objects.filter(source__published_on__gt=F("known_on")).exists()
    assert not Quote.objects.filter(source=None).exists()
    assert not FxRate.objects.filter(source=None).exists()
    assert set(FxRate.objects.values_list("provider", flat=True)) == {
        "starter-ecb", "starter-fred", "starter-h10", "starter-hkma", "starter-te",
    }  # fmt: skip
    closed = ExchangeDay.objects.filter(kind="closed")
    for quotes in (Quote.objects.all(), ReportedQuote.objects.all()):
        assert not [day for day in quotes.values_list("day", flat=True) if day.weekday() > 4]
        for mic in ("XSHG", "XSHE", "XHKG", "XNAS"):
            days = closed.filter(mic=mic).values("day")
            assert not quotes.filter(listing__mic=mic, day__in=days).exists()


@pytest.mark.parametrize(
    ("mic", "closed"),
    [
        ("XSHG", "01-01 01-02 02-16 02-17 02-18 02-19 02-20 02-23 04-06 05-01 05-04 05-05 06-19 09-25 10-01 10-02 "
                 "10-05 10-06 10-07"),
        ("XHKG", "01-01 02-17 02-18 02-19 04-03 04-06 04-07 05-01 05-25 06-19 07-01 10-01 10-19 12-25"),
    ],
)  # fmt: skip
def test_our_closures_of_2026_are_those_that_the_exchanges_published(starter: Path, mic: str, closed: str) -> None:
    lines = (starter / "exchange_days.csv").read_text(encoding="utf-8").splitlines()

    assert [line[10:15] for line in lines if line.startswith(f"{mic},2026") and ",closed," in line] == closed.split()
