"""Reading the text of a long Chinese prospectus: how long, in how much memory, and when the first page is there."""

from __future__ import annotations

from pathlib import Path

from tests.bench.instances import Instance
from tests.bench.refreshing import on_both_databases
from tests.bench.report import Spread, Table
from tests.documents import pdf

PAGES, LINES, LINE = 400, 27, 45  # characters to the line
SECONDS, MEGABYTES = 20, 300
ROUNDS = 3
WORDS = (
    "预计二〇二五年度营业收入约为人民币亿元，同比增长百分之，主要系公司产品在人工智能训练及推理场景的销售规模持续扩大所致。"
    "本公司提请投资者注意投资风险，芯片设计、晶圆制造、封装测试均存在不确定性；"
)


def prospectus() -> bytes:
    """A PDF of 400 pages of Chinese, with the font in it. No two lines are the same."""
    pages = []
    for page in range(PAGES):
        starts = [(page * 7 + line * 13) % len(WORDS) for line in range(LINES)]
        lines = [f"{page}.{line} {WORDS[at:]}{WORDS[:at]}"[:LINE] for line, at in enumerate(starts)]
        pages.append(lines)
    return pdf(pages)


def measure_documents(table: Table, folder: Path) -> None:
    """On SQLite, then on PostgreSQL."""
    file = folder / "prospectus.pdf"
    file.write_bytes(prospectus())
    on_both_databases(
        table, folder, "documents", lambda table, database, instance: _measure_on(table, database, instance, file)
    )


def _measure_on(table: Table, database: str, instance: Instance, file: Path) -> None:
    instance.prepare(starter=False, static=False)
    # Each in a process of its own: what the first had of memory must not count for the next.
    rounds = [instance.inside("read_document", path=str(file)) for _ in range(ROUNDS)]
    whole = all(one["status"] == "ready" and one["pages"] == PAGES for one in rounds)
    size = f"{rounds[0]['characters']:,} characters, {file.stat().st_size / 1e6:.1f} MB"
    seconds = Spread(tuple(one["seconds"] for one in rounds))
    table.at_most(f"text of a Chinese PDF of {PAGES} pages, {database} ({size})", seconds, SECONDS, "s")
    table.add("  first page stored", Spread(tuple(one["first_page"] for one in rounds)).text("s", 2))
    child = max(one["child_megabytes"] for one in rounds)
    own = max(one["own_megabytes"] for one in rounds)
    table.add("  memory of the reading process, at most", f"{child:.0f} MB", f"≤ {MEGABYTES} MB", child <= MEGABYTES)
    table.add("  memory of the worker's process, at most", f"{own:.0f} MB", f"≤ {MEGABYTES} MB", own <= MEGABYTES)
    table.add("  pages that were read", "all" if whole else "NOT all", "all", whole)
