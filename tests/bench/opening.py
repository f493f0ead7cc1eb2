"""Opening a long filing in a cold browser: when its first page can be read, as printed and as text."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.bench.browser import QUIET
from tests.bench.instances import Instance
from tests.bench.reading import PAGES, prospectus
from tests.bench.report import Spread, Table
from tests.plugin import chromium

ROUNDS = 7
SECONDS = 1.0
# Runs before the page's own scripts: notes when something is in the page, and the next frame shows it.
WATCH = """
(() => {
  const watcher = new MutationObserver(() => {
    if (!document.querySelector(`%s`)) return;
    watcher.disconnect();
    requestAnimationFrame(() => requestAnimationFrame(() => {
      document.documentElement.setAttribute("data-bench", String(performance.now()));
    }));
  });
  watcher.observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-done"] });
})();
"""
# In the page view the text stands in its place before the picture is drawn; `pdf_pages.js` sets data-done at the end.
SEEN = (
    ("page", "readable in its place", "#page-1 .paper > [data-text] > span", SECONDS),
    ("page", "with its picture", "#page-1[data-done]", None),
    ("text", "as text", "#page-1 [data-text]", SECONDS),
)


def measure_opening(table: Table, folder: Path) -> None:
    """Visits with an empty cache, each in a context of its own."""
    program = chromium()
    if program is None:
        table.skip("reader", "no Chromium on this machine (Debian: apt install chromium)")
        return
    instance = Instance(folder / "reader")
    instance.prepare(starter=False)
    file = folder / "prospectus.pdf"
    file.write_bytes(prospectus())
    filing = instance.inside("read_document", path=str(file))["filing"]
    with instance.web() as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=QUIET)
        for view, words, selector, bar in SEEN:
            address = f"http://127.0.0.1:{server.port}/filings/{filing}/?view={view}"
            _seconds(browser, address, selector)  # the browser itself warms up, its cache does not
            times = Spread(tuple(_seconds(browser, address, selector) for _ in range(ROUNDS)))
            what = f"reader, cold, first of {PAGES} pages {words}"
            if bar is None:
                table.add(what, times.text("s", 2))
            else:
                table.at_most(what, times, bar, "s")
        browser.close()


def _seconds(browser: Browser, address: str, selector: str) -> float:
    """From the navigation to the frame that shows what the selector names."""
    context = browser.new_context(locale="zh-CN", viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.add_init_script(WATCH % selector)
    page.goto(address)
    page.wait_for_selector("html[data-bench]", state="attached")
    painted = page.evaluate("Number(document.documentElement.dataset.bench)")
    context.close()
    return float(painted) / 1000
