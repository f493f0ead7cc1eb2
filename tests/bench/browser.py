"""A cold browser: from the navigation to the drawn chart, beside Plotly alone with the same figure."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.bench.instances import Instance, web_server
from tests.bench.load import get
from tests.bench.report import Spread, Table
from tests.plugin import chromium

ROUNDS = 9
TIMES, KILOBYTES = 2.0, 520.0
QUIET = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
# Runs before the page's own scripts: notes when the traces of a chart are in the page and the next frame is painted,
# and how much the layout shifted meanwhile. `charts.js` sets data-drawn last; the floor has only Plotly's own marks.
WATCH = """
(() => {
  window.benchShift = 0;
  window.benchMoved = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      window.benchShift += entry.value;
      for (const { node } of entry.sources) window.benchMoved.push(node?.id || node?.className || node?.nodeName);
    }
  }).observe({ type: "layout-shift", buffered: true });
  const points = ".scatterlayer .points path";
  const done = () => document.querySelector(`[data-drawn] ${points}, .floor ${points}`);
  const watcher = new MutationObserver(() => {
    if (!done()) return;
    watcher.disconnect();
    window.benchDrawn = performance.now();
    requestAnimationFrame(() => requestAnimationFrame(() => {
      window.benchPainted = performance.now();
      document.documentElement.setAttribute("data-bench", "painted");
    }));
  });
  watcher.observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-drawn"] });
})();
"""
# What `charts.js` does, and no more than Plotly needs: one script, one figure, one call.
FLOOR = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Floor</title><link rel="icon" href="data:,">
<style>body { margin: 0 } #chart { width: 1200px; height: 600px }</style>
<script src="plotly.js"></script></head>
<body><div id="chart" class="floor"></div><script type="application/json" id="figure">%s</script>
<script>
const figure = JSON.parse(document.getElementById("figure").textContent);
Plotly.newPlot("chart", figure.data, figure.layout, { displaylogo: false });
</script></body></html>
"""


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit with nothing in the cache."""

    drawn_ms: float
    painted_ms: float
    bytes: float
    requests: int
    shift: float
    moved: tuple[str, ...]
    said: tuple[str, ...]


def measure_browser(table: Table, folder: Path) -> None:
    """Visits of the page and of the floor by turns, so that both see the same machine."""
    program = chromium()
    if program is None:
        table.skip("browser", "no Chromium on this machine (Debian: apt install chromium)")
        return
    instance = Instance(folder / "browser")
    instance.prepare()
    with instance.web() as server, sync_playwright() as playwright:
        page = f"http://127.0.0.1:{server.port}/?benchmarks=on"
        _write_floor(folder / "floor", get(server.port, "/?benchmarks=on").body.decode(), instance.data_dir / "static")
        env = {**instance.env, "FLOOR": str(folder / "floor")}
        with web_server("tests.bench.static_files", env, path="/index.html") as floor_server:
            floor = f"http://127.0.0.1:{floor_server.port}/index.html"
            browser = playwright.chromium.launch(executable_path=program, args=QUIET)
            for address in (page, floor):
                _visit(browser, address)  # the browser itself warms up, its cache does not
            ours, plotly = [], []
            for _ in range(ROUNDS):
                ours.append(_visit(browser, page))
                plotly.append(_visit(browser, floor))
            browser.close()
    _add_visits(table, ours, plotly)


def _add_visits(table: Table, ours: list[Visit], plotly: list[Visit]) -> None:
    drawn = Spread(tuple(visit.drawn_ms for visit in ours))
    floor = Spread(tuple(visit.drawn_ms for visit in plotly))
    # Each visit beside the one of the floor that followed it: what slows the machine slows both.
    ratio = median(mine.drawn_ms / bare.drawn_ms for mine, bare in zip(ours, plotly, strict=True))
    table.add("Plotly's floor, cold, navigation to chart drawn", floor.text("ms", 0))
    table.add(
        "sector page, cold, navigation to chart drawn",
        f"{drawn.text('ms', 0)}: {ratio:.2f} × the floor",
        f"≤ {TIMES:g} × the floor",
        ratio <= TIMES,
    )
    table.add("  to the frame that shows it", Spread(tuple(visit.painted_ms for visit in ours)).text("ms", 0))
    size = max(visit.bytes for visit in ours) / 1024
    bare_size = max(visit.bytes for visit in plotly) / 1024
    table.add(
        "  over the wire, headers included",
        f"{size:.0f} KB in {max(visit.requests for visit in ours)} requests (floor {bare_size:.0f} KB)",
        f"≤ {KILOBYTES:g} KB",
        size <= KILOBYTES,
    )
    shift = max(visit.shift for visit in ours)
    moved = sorted({name for visit in ours for name in visit.moved})
    table.add("  cumulative layout shift", f"{shift:.4g}{': ' + ', '.join(moved) if moved else ''}", "0", shift == 0)
    said = [text for visit in ours for text in visit.said]
    table.add("  console messages", f"{len(said)}{': ' + said[0][:80] if said else ''}", "0", not said)


def _visit(browser: Browser, address: str) -> Visit:
    context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 900})
    context.set_default_timeout(30_000)
    page = context.new_page()
    said: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        said.append(f"{message.type}: {message.text}")

    page.on("console", listen)
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    page.add_init_script(WATCH)
    with _counted(page) as sizes:
        page.goto(address)
        page.wait_for_selector("html[data-bench=painted]", state="attached")
        page.wait_for_timeout(300)  # whatever shifts late shifts now
    drawn, painted, shift, moved = page.evaluate(
        "[window.benchDrawn, window.benchPainted, window.benchShift, window.benchMoved.map(String)]"
    )
    context.close()
    return Visit(drawn, painted, sum(sizes), len(sizes), shift, tuple(moved), tuple(said))


@contextmanager
def _counted(page: Page) -> Iterator[list[float]]:
    """Bytes of each reply as they came over the wire: compressed, with headers."""
    sizes: list[float] = []
    session = page.context.new_cdp_session(page)
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    yield sizes
    session.detach()


def _write_floor(folder: Path, html: str, static: Path) -> None:
    """The floor's two files; the bundle is the very file that the page loads, compressed the same way."""
    folder.mkdir()
    found = re.search(r'<script id="[^"]*-data" type="application/json">(.*?)</script>', html, re.DOTALL)
    bundle = re.search(r'src="[^"]*?(plotly/[^"]+\.js)"', html)
    if found is None or bundle is None:
        raise RuntimeError("the page has no chart to compare with")
    figure = json.loads(found[1])
    figure.pop("caption", None)
    figure.pop("not_drawn", None)
    text = json.dumps(figure, ensure_ascii=False).replace("<", "\\u003c")
    (folder / "index.html").write_text(FLOOR % text)
    for suffix in ("", ".br", ".gz"):
        shutil.copyfile(static / (bundle[1] + suffix), folder / f"plotly.js{suffix}")
