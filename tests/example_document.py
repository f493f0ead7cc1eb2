"""The example documents of the project, from one text: a PDF and a web page in English and Chinese.

All of it is invented, and every page says so: nothing here may be taken for a fact about anybody.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

from fpdf import FPDF

from tests.documents import A4, MARGIN, SIZE, new_paper

FOLDER = Path(__file__).resolve().parent.parent / "companies" / "starter" / "documents"
BANNER = "EXAMPLE 示例 — invented: no such company, no such numbers 虚构文件"
TITLE = "Example Silicon Co., Ltd. 示例芯片股份有限公司"
SUBTITLE = "Annual report 2025 (example) 2025 年年度报告（示例）"

Table = tuple[tuple[str, ...], ...]

# A page is a list of blocks. ("h1" | "h2", text), ("p", text; **words** are bold), ("table", rows).
PAGES: tuple[tuple[tuple[str, str | Table], ...], ...] = (
    (
        ("h1", "1 Important notes 重要提示"),
        ("p", "This document was written to try things out: open it, mark a sentence, write a note, record a figure. "
              "Example Silicon does not exist, and none of its numbers belongs to any company."),
        ("p", "本文件仅供试用：打开、选取文字、添加批注、记录数据。示例芯片并不存在，文中数字与任何公司无关。"),
        ("h2", "1.1 Earnings guidance 业绩预告"),
        ("p", "The company expects **revenue of 645 million yuan to 720 million yuan** in 2025, 61.25% to 80.00% more "
              "than in the year before."),
        ("p", "公司预计 2025 年度实现**营业收入 6.45 亿元至 7.20 亿元**，同比增长 61.25% 至 80.00%；预计归属于母公司"
              "所有者的净利润为亏损 1.90 亿元至 1.50 亿元，亏损较上年同期收窄。"),
    ),
    (
        ("h1", "2 Figures of the year 主要财务数据"),
        ("h2", "2.1 Revenue by product 按产品划分的营业收入"),
        ("p", "Unit: thousand RMB 单位：人民币千元"),
        ("table", (
            ("Product 产品", "2025", "2024", "Change 变动"),
            ("Training cards 训练卡", "412,300", "231,450", "78.14%"),
            ("Inference cards 推理卡", "203,660", "141,200", "44.24%"),
            ("Licences 知识产权授权", "66,540", "27,350", "143.29%"),
            ("Total 合计", "682,500", "400,000", "70.63%"),
        )),
        ("p", "Revenue was 682.5 million yuan, **70.63% more** than in 2024; training cards made up 60.41% of it."),
        ("p", "报告期内公司实现营业收入 68,250.00 万元，较上年同期增长 70.63%，其中训练卡收入占比 60.41%，为公司"
              "最主要的收入来源。"),
    ),
    (
        ("h1", "3 Result and costs 利润与成本"),
        ("h2", "3.1 Loss for the year 年度亏损"),
        ("p", "Unit: thousand RMB 单位：人民币千元"),
        ("table", (
            ("Item 项目", "2025", "2024"),
            ("Gross profit 毛利", "351,500", "188,000"),
            ("Research and development 研发费用", "(438,200)", "(402,600)"),
            ("Net loss 净亏损", "(168,300)", "(265,900)"),
        )),
        ("p", "The net loss attributable to shareholders was **168.3 million yuan**, after 265.9 million yuan in 2024. "
              "Gross margin rose from 47.00% to 51.50%."),
        ("p", "归属于母公司所有者的净利润为 **-1.683 亿元**，上年同期为 -2.659 亿元；综合毛利率由 47.00% 提升至"
              " 51.50%。"),
    ),
    (
        ("h1", "4 Orders and outlook 订单与展望"),
        ("h2", "4.1 Order backlog 在手订单"),
        ("p", "On 31 December 2025 orders on hand stood at 1.26 billion yuan, of which about 840 million yuan are due "
              "for delivery in 2026."),
        ("p", "截至 2025 年 12 月 31 日，公司在手订单金额为 12.60 亿元，其中约 8.40 亿元预计于 2026 年交付并确认收入，"
              "其余订单将于 2027 年及以后年度交付。"),
        ("h2", "4.2 Shares 股本"),
        ("p", "The company has 400,010,000 shares 公司总股本为 40,001.00 万股。"),
    ),
)  # fmt: skip

_STEP = 17  # points from line to line
_WIDTH = A4[0] - 2 * MARGIN


def example_pdf() -> bytes:
    """The document as a PDF, with bookmarks."""
    paper = new_paper(A4, bold=True)
    paper.set_title(f"{BANNER}: {SUBTITLE}")
    for number, blocks in enumerate(PAGES, 1):
        paper.add_page()
        _lines(paper, BANNER, 9)
        if number == 1:
            _lines(paper, f"**{TITLE}**", 15)
            _lines(paper, f"**{SUBTITLE}**", 12)
        for kind, content in blocks:
            if isinstance(content, tuple):
                _table(paper, content)
                continue
            if kind in ("h1", "h2"):
                paper.start_section(content, level=int(kind[1]) - 1)
                _lines(paper, f"**{content}**", 14 if kind == "h1" else 12)
            else:
                _lines(paper, content, SIZE)
        paper.set_xy(MARGIN, A4[1] - MARGIN)
        paper.cell(text=f"{number} / {len(PAGES)}")
    return bytes(paper.output())


def _lines(paper: FPDF, text: str, size: float) -> None:
    paper.set_font("noto", size=size)
    paper.set_x(MARGIN)
    paper.multi_cell(_WIDTH, h=_STEP, text=text, markdown=True, align="L", new_x="LMARGIN", new_y="NEXT")
    paper.ln(8)


def _table(paper: FPDF, rows: Table) -> None:
    paper.set_font("noto", size=SIZE)
    first, other = _WIDTH * 0.46, _WIDTH * 0.54 / (len(rows[0]) - 1)
    for row in rows:
        paper.set_x(MARGIN)
        for at, cell in enumerate(row):
            paper.cell(w=other if at else first, h=_STEP, text=cell, align="R" if at else "L")
        paper.ln(_STEP)
    paper.ln(8)


def example_html() -> bytes:
    """The document as a web page."""
    parts = [f"<h1>{escape(TITLE)}</h1>", f"<p>{escape(SUBTITLE)}</p>"]
    for blocks in PAGES:
        for kind, content in blocks:
            if isinstance(content, tuple):
                parts.append(_html_table(content))
                continue
            tag = {"h1": "h2", "h2": "h3"}.get(kind, kind)
            parts.append(f"<{tag}>{_with_bold(content)}</{tag}>")
            if kind == "h1":
                parts.append(f"<p><strong>{escape(BANNER)}</strong></p>")
    body = "\n".join(parts)
    page = (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(BANNER)}</title>\n</head>\n'
    )
    return f"{page}<body>\n{body}\n</body>\n</html>\n".encode()


def _html_table(rows: Table) -> str:
    lines = []
    for number, row in enumerate(rows):
        tag = "td" if number else "th"
        lines.append("<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row) + "</tr>")
    return "<table>\n" + "\n".join(lines) + "\n</table>"


def _with_bold(text: str) -> str:
    pieces = escape(text).split("**")
    return "".join(f"<strong>{piece}</strong>" if at % 2 else piece for at, piece in enumerate(pieces))


def write_example() -> list[Path]:
    """Write both files into the repository. Returns their paths."""
    written = []
    for name, content in [("example.pdf", example_pdf()), ("example.html", example_html())]:
        path = FOLDER / name
        path.write_bytes(content)
        written.append(path)
    return written
