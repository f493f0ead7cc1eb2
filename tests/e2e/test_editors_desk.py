"""The desk as its people meet it: an editor who brings a company in from the first form to the sector page and takes a
step back, all by clicking; a reader who comes from the sector page to a number's source by keyboard alone.
"""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from playwright.sync_api import BrowserContext, Locator, Page, expect

from companies.history import versions_of
from companies.models import Company, Figure, Listing, ShareCount, SheetImport
from companies.sheets import importing
from companies.tasks import check_sheet, store_sheet
from tests.e2e.test_notes import sign_in
from tests.factories import PASSWORD, make_editor, make_filing, make_quote

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

COLUMNS = (
    "company", "metric", "period", "low", "high", "currency", "basis", "reported_in", "known_on", "source",
)  # fmt: skip
# What stands beside the two years of revenue: 998 figures that the sector page does not show.
METRICS = (
    "net_profit_attributable", "gross_profit", "operating_cash_flow", "net_assets", "total_assets", "cash",
    "order_backlog", "funds_raised",
)  # fmt: skip
PARTS = {"FY{}": 12, "{}Q1": 3, "{}Q2": 6, "{}Q3": 9, "{}H1": 6, "{}Q1-Q3": 9}  # each with the month it ends in


@pytest.fixture
def desk(site: str, context: BrowserContext) -> str:
    """The address of the admin, for an editor: no staff, and no more rights than the role gives."""
    sign_in(context, site, make_editor())
    make_filing("acme-annual-report", title="Acme annual report", published_on=None, published_precision="")
    return f"{site}/admin"


@pytest.fixture(autouse=True)
def worker(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A worker that takes each job at once; gives the names of the jobs it has done."""
    tasks = {task.name: task for task in (check_sheet, store_sheet)}
    done: list[str] = []

    def take(name: str, arguments: list[list[int]], queue: str) -> bool:
        for one in arguments:
            tasks[name].apply(args=tuple(one), throw=True)
            done.append(name.rpartition(".")[2])
        return True

    monkeypatch.setattr(importing, "hand_over", take)
    return done


# --- An editor ---------------------------------------------------------------------------------------


def thousand_figures() -> list[dict[str, str]]:
    """Two years of revenue, 2 and 2.5 billion, and 998 other figures of the years before."""
    rows = [
        figure_row("revenue", "FY2024", "20亿", "2025-03-30"),
        figure_row("revenue", "FY2025", "2,500,000,000", "2026-03-30"),
    ]
    others = (
        figure_row(metric, part.format(year), str(1000 + year), f"{year + 1}-04-30")
        for metric in METRICS
        for year in range(2003, 2024)
        for part in PARTS
    )
    return [*rows, *(row for row, _place in zip(others, range(998), strict=False))]


def figure_row(metric: str, period: str, value: str, known_on: str) -> dict[str, str]:
    return {
        "company": "acme-chips", "metric": metric, "period": period, "low": value, "high": value, "currency": "CNY",
        "basis": "actual", "reported_in": "annual_report", "known_on": known_on, "source": "acme-annual-report",
    }  # fmt: skip


def sheet(path: Path, rows: list[dict[str, str]]) -> Path:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(out.getvalue())
    return path


def open_list(page: Page, desk: str, name: str) -> None:
    """To a list from the admin's first page."""
    page.goto(desk + "/")
    page.get_by_role("link", name=name, exact=True).first.click()
    expect(page.locator("#content h1")).to_be_visible()


def search_for(page: Page, row: Locator, typed: str, found: str) -> None:
    """Choose a related row in a search box."""
    row.locator(".select2-selection").last.click()
    page.locator(".select2-search__field").last.fill(typed)
    page.locator(".select2-results__option", has_text=found).first.click()


def add_row(page: Page, table: str, **values: str) -> Locator:
    """Add a row to a table inside a form, and fill it in."""
    group = page.locator(f"#{table}-group")
    group.locator(".add-row a").click()
    row = page.locator(f"#{table}-{group.locator('.dynamic-' + table).count() - 1}")
    for name, value in values.items():
        box = row.locator(f"[name$='-{name}']")
        if box.evaluate("box => box.tagName") == "SELECT":
            box.select_option(value)
        else:
            box.fill(value)
    return row


def save(page: Page, button: str = "Save") -> None:
    page.get_by_role("button", name=button, exact=True).first.click()


def number(page: Page, site: str, field: str) -> Locator:
    """A number of the company's row on the sector page, by fiscal years, as of a day that stays the same."""
    page.goto(f"{site}/?basis=fy&as_of=2026-11-30")
    return page.locator("#row-acme-chips").locator(f"td[data-label^='{field}']")


def test_an_editor_brings_a_company_onto_the_sector_page_and_takes_a_figure_back(
    page: Page, site: str, desk: str, worker: list[str], tmp_path: Path
) -> None:
    # A company with a listing and its shares. A ticker that Shanghai does not have stores nothing.
    open_list(page, desk, "Companies")
    page.get_by_role("link", name="Add company").first.click()
    page.get_by_label("English name").fill("Acme Chips")
    page.get_by_label("Chinese name").fill("顶点芯片")
    expect(page.get_by_label("Slug")).to_have_value("acme-chips")
    page.get_by_label("Segment:", exact=True).select_option("gpu")
    listing = add_row(
        page, "listings", mic="xshg", ticker="88999", share_class="A", currency="cny", listed_on="2020-07-20"
    )
    count = add_row(page, "share_counts", share_class="all", total="8亿", valid_from="2020-01-01")
    expect(count.locator(".field-total output")).to_have_text("= 800,000,000")
    search_for(page, count, "Acme annual", "Acme annual report")
    save(page)
    expect(listing).to_contain_text("begins with 60, 68 or 900")
    assert not Company.objects.filter(slug="acme-chips").exists()
    page.locator("[name='listings-0-ticker']").fill("688999")
    save(page)
    expect(page.locator(".messagelist")).to_contain_text("was added successfully")
    company = Company.objects.get(slug="acme-chips")
    assert str(company.listings.get()) == str(Listing.objects.get(ticker="688999"))

    # Its shares are corrected: what that does is shown, the doubt confirmed, the reason given.
    page.locator("#result_list").get_by_role("link", name=re.compile("Acme Chips")).first.click()
    page.locator("[name='share_counts-0-total']").fill("12.5亿")
    save(page)
    expect(page.get_by_role("alert")).to_contain_text(
        "This moves market value by +56.2%: the count was 800,000,000 and becomes 1,250,000,000."
    )
    page.get_by_label("I have checked this").check()
    page.get_by_label("Why").fill("The annual report counts the new shares.")
    save(page)
    expect(page.locator(".messagelist")).to_contain_text("was changed successfully")
    version: Any = versions_of(ShareCount).filter(company=company).first()
    assert (version.total, version.history_change_reason) == (
        1_250_000_000, "The annual report counts the new shares.",
    )  # fmt: skip

    # 12 yuan × 1.25 billion shares = 15 billion, once there is a price.
    make_quote(company.listings.get(), "12", day=date(2026, 11, 2), source=company.share_counts.get().source)
    page.goto(f"{site}/companies/acme-chips/")
    expect(page.locator("h1")).to_contain_text("Acme Chips")
    expect(page.locator("main")).to_contain_text("688999")
    expect(number(page, site, "Market value")).to_have_text("15")
    expect(number(page, site, "P/S")).to_contain_text("—")

    # A thousand figures of which three are wrong: none is stored, and just the three cells are named.
    rows = thousand_figures()
    assert len(rows) == 1000
    wrong = [dict(row) for row in rows]
    wrong[15]["low"], wrong[498]["period"], wrong[999]["source"] = "about 5", "2025H3", "nowhere"
    open_list(page, desk, "Figures")
    page.get_by_role("link", name="Import", exact=True).click()
    page.get_by_label("File").set_input_files(sheet(tmp_path / "acme.csv", wrong))
    page.get_by_label("Reason").fill("From the annual reports.")
    page.get_by_role("button", name="Check the table").click()
    expect(page.locator(".mistakes caption")).to_have_text(
        "3 mistakes: nothing was stored. Correct the file and import it again."
    )
    expect(page.locator(".mistakes tbody td:nth-child(3)")).to_have_text(["D17", "C500", "J1001"])
    expect(page.get_by_role("button", name="Store")).to_have_count(0)
    assert not Figure.objects.filter(company=company).exists()

    # Mended, they are looked at, stored by a job, and wait.
    page.get_by_role("link", name="Import another table").click()
    page.get_by_label("File").set_input_files(sheet(tmp_path / "acme.csv", rows))
    page.get_by_label("Reason").fill("From the annual reports.")
    page.get_by_role("button", name="Check the table").click()
    expect(page.get_by_text("1000 new, 0 changed, 0 unchanged")).to_be_visible()
    expect(page.locator(".preview caption")).to_have_text("What would change")
    assert not Figure.objects.filter(company=company).exists()
    save(page, "Store")
    expect(page.locator(".preview caption")).to_have_text("What was changed")
    assert Figure.objects.filter(company=company, status="proposed").count() == 1000
    assert worker == ["check_sheet", "check_sheet", "store_sheet"]
    assert list(SheetImport.objects.order_by("pk").values_list("state", flat=True)) == ["refused", "stored"]
    expect(number(page, site, "P/S")).to_contain_text("—")

    # One year is confirmed on its own page: 15 ÷ 2 = 7.5.
    page.goto(f"{desk}/")
    page.locator("#desk-figures").get_by_role("link").first.click()
    page.get_by_role("combobox", name="Metric").select_option("revenue")
    page.get_by_role("link", name="Acme Chips: revenue, FY2024").click()
    page.get_by_role("button", name="Confirm", exact=True).click()
    expect(page).to_have_url(re.compile(r"/figures/\d+/$"))
    expect(number(page, site, "Revenue")).to_contain_text("2")
    expect(number(page, site, "P/S")).to_have_text("7.5×")

    # The next in the admin's list, after a look at what it does: 15 ÷ 2.5 = 6.
    open_list(page, desk, "Figures")
    page.locator("#searchbar").fill("Acme FY2025")
    page.locator("#changelist-search").get_by_role("button", name="Search").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    page.locator("#action-toggle").check()
    page.locator("select[name=action]").select_option("approve")
    page.get_by_role("button", name="Go").click()
    fiscal = page.locator(".changes tbody").filter(has_text="7.5×")
    expect(fiscal.locator("tr.differs")).to_contain_text("6×")
    save(page, "Confirm these figures")
    expect(page.locator(".messagelist")).to_contain_text("1 figure is confirmed.")
    expect(number(page, site, "P/S")).to_have_text("6×")
    expect(number(page, site, "Revenue")).to_contain_text("2.5")

    # It was too early. The figure goes back to the version in which it waited, and the sector page with it.
    figure = Figure.objects.get(company=company, metric="revenue", period="FY2025")
    open_list(page, desk, "Figures")
    page.locator("#searchbar").fill("Acme FY2025")
    page.locator("#changelist-search").get_by_role("button", name="Search").click()
    page.locator("#result_list").get_by_role("link", name="revenue").click()
    page.get_by_role("link", name="History").click()
    versions = page.locator("#change-history tbody tr")
    expect(versions).to_have_count(2)
    expect(versions.first).to_contain_text("confirmed")
    expect(versions.last).to_contain_text("From the annual reports.")
    versions.last.get_by_role("link", name="Back to this version").click()
    expect(page.get_by_role("row", name=re.compile("status", re.IGNORECASE))).to_contain_text("proposed")
    save(page, "Back to this version")
    assert page.locator("#id_change_reason").evaluate("box => box.validity.valueMissing")  # the browser asks why
    page.get_by_label("Why").fill("The auditors have not signed yet.")
    save(page, "Back to this version")
    expect(page.locator(".messagelist")).to_contain_text("It is as it was in that version.")
    expect(page.locator("#change-history tbody tr")).to_have_count(3)
    expect(page.locator("#change-history tbody tr").first).to_contain_text("The auditors have not signed yet.")
    figure.refresh_from_db()
    assert (figure.status, figure.decided_by, figure.decided_at) == ("proposed", None, None)
    expect(number(page, site, "P/S")).to_have_text("7.5×")
    expect(number(page, site, "Revenue")).not_to_contain_text("2.5")


# --- A reader with a keyboard and a screen reader ----------------------------------------------------

SEPTEMBER = "/?as_of=2026-09-30"
LANDMARKS = ("banner", "navigation", "search", "main", "contentinfo")
# What the eyes need: a ring around what has the focus, or around its label, and all of it on the screen.
IS_SEEN = """function () {
  const style = (one) => one ? getComputedStyle(one) : { outlineStyle: "none" };
  const ringed = (one) => style(one).outlineStyle !== "none" && parseFloat(style(one).outlineWidth) > 0;
  const { left, right, top, bottom, width, height } = this.getBoundingClientRect();
  const onScreen = width > 0 && height > 0 && right > 0 && left < innerWidth && bottom > 0 && top < innerHeight;
  // The button inside a box for days is the browser's own, with its own ring.
  if (this.type === "date" && !this.matches(":focus")) return onScreen;
  return this.matches(":focus-visible") && (ringed(this) || ringed(this.closest("label"))) && onScreen;
}"""


class Keyboard:
    """Goes through pages by keys alone. Whatever gets the focus is seen, and has a name for a screen reader."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.devtools = page.context.new_cdp_session(page)

    def _element(self) -> dict[str, Any]:
        asked = {"expression": "document.activeElement"}
        return {"objectId": self.devtools.send("Runtime.evaluate", asked)["result"]["objectId"]}

    def focused(self) -> tuple[str, str]:
        """Role and name of what has the focus, as the browser tells a screen reader."""
        found = self.devtools.send("Accessibility.getPartialAXTree", {**self._element(), "fetchRelatives": False})
        node: dict[str, Any] = found["nodes"][0]
        return node["role"]["value"], node.get("name", {}).get("value", "")

    def is_seen(self) -> bool:
        """Whether eyes find what has the focus."""
        asked = {**self._element(), "functionDeclaration": IS_SEEN, "returnByValue": True}
        return bool(self.devtools.send("Runtime.callFunctionOn", asked)["result"]["value"])

    def press(self, key: str = "Tab") -> tuple[str, str]:
        """Press a key; gives what has the focus then."""
        self.page.keyboard.press(key)
        role, name = self.focused()
        assert name.strip(), f"{role} has no name"
        assert self.is_seen(), f"{role} “{name}” is not seen"
        return role, name

    def go_to(self, role: str, name: str, key: str = "Tab") -> None:
        """Press the key until something of this role, whose name begins so, has the focus."""
        met: list[tuple[str, str]] = []
        while len(met) < 100:
            met.append(self.press(key))
            if met[-1][0] == role and met[-1][1].startswith(name):
                return
        raise AssertionError(f"no {role} “{name}” among {met}")


def assert_landmarks(page: Page) -> None:
    """Each landmark is there, all navigations have names, one heading is the first, and every box has its label."""
    for role in LANDMARKS:
        expect(page.get_by_role(role).first).to_be_attached()  # type: ignore[arg-type]
    for role in ("banner", "main", "contentinfo"):
        expect(page.get_by_role(role)).to_have_count(1)  # type: ignore[arg-type]
    assert page.locator("nav:not([aria-label]), nav[aria-label='']").count() == 0
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    boxes = page.locator("input:not([type=hidden]), select, textarea")
    unnamed = "boxes => boxes.filter(box => !box.labels.length && !box.ariaLabel).map(box => box.outerHTML)"
    assert boxes.evaluate_all(unnamed) == []


def test_a_reader_signs_in_and_reads_the_chart_by_keyboard_with_names_for_a_screen_reader(
    page: Page, site: str
) -> None:
    cache.clear()  # failed attempts of other tests
    make_editor("ada")
    keys = Keyboard(page)
    page.goto(site + SEPTEMBER)
    assert_landmarks(page)
    assert keys.press() == ("link", "Skip to the content")
    keys.go_to("link", "Sign in")
    keys.page.keyboard.press("Enter")

    # Signing in, first with a wrong password: what is wrong is announced, and the name is kept.
    page.wait_for_url("**/accounts/login/**")
    assert_landmarks(page)
    keys.go_to("textbox", "Name or email address")
    page.keyboard.type("ada")
    assert keys.press() == ("textbox", "Password")
    page.keyboard.type("a wrong one")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="do not belong together")).to_be_visible()
    keys.go_to("textbox", "Name or email address")
    expect(page.get_by_label("Name or email address")).to_have_value("ada")
    keys.press()
    page.keyboard.type(PASSWORD)
    assert keys.press() == ("checkbox", "Stay signed in on this device")
    assert keys.press() == ("button", "Sign in")
    page.keyboard.press("Enter")

    # Back on the page from which it began, with the day that was looked at.
    page.wait_for_url(site + SEPTEMBER)
    assert_landmarks(page)
    expect(page.locator("#sector-chart .scatterlayer .point").first).to_be_visible()
    keys.press()
    page.keyboard.press("Enter")  # skip to the content
    keys.go_to("radio", "TTM")
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(re.compile("basis=fy"))
    role, name = keys.focused()
    assert (role, name) == ("radio", "Last FY")
    expect(page.get_by_role("group", name="Revenue").get_by_role("radio", name="Last FY")).to_be_checked()

    # The chart says what it shows, and its companies stand in a table as well.
    keys.go_to("application", "")
    _role, name = keys.focused()
    assert "Arrow keys move from point to point." in name
    page.keyboard.press("ArrowRight")
    expect(page.locator("#announcement[aria-live=polite]")).not_to_be_empty()
    table = page.get_by_role("table", name="The same companies as a table")
    expect(table.get_by_role("rowheader", name=re.compile("Cambricon"))).to_be_visible()
    assert table.get_by_role("columnheader").count() == 9

    # A number opens its source, keeps the focus inside, and gives it back.
    keys.go_to("link", "Cambricon")
    keys.press()
    number = page.locator(":focus")
    path = number.get_attribute("href") or ""
    assert "/companies/cambricon/" in path
    assert "/source/" in path
    page.keyboard.press("Enter")
    panel = page.get_by_role("dialog")
    expect(panel).to_be_visible()
    expect(panel).to_have_accessible_name(re.compile("Cambricon"))
    assert keys.press()[1]
    assert panel.evaluate("panel => panel.contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    assert page.locator(":focus").get_attribute("href") == path

    # Back up to the account menu: what leads on, and out.
    menu = ("DisclosureTriangle", "Your account: ada")
    keys.go_to(*menu, key="Shift+Tab")
    page.keyboard.press("Enter")
    assert keys.press() == ("link", "Profile")
    keys.go_to("button", "Sign out")
    page.keyboard.press("Escape")
    assert keys.focused() == menu
