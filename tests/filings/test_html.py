"""Web pages: what is kept of them, how they are cut, and that nothing in them can act."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from companies.filings.html import LONGEST_PAGE, PAGE, HtmlText, decoded
from companies.filings.reading import PageRead, Unreadable
from companies.filings.text import normalised
from tests.documents import hostile_html, html, nested_html


def read(tmp_path: Path, content: bytes | str, most_pages: int = 1000) -> HtmlText:
    path = tmp_path / "page.html"
    path.write_bytes(content if isinstance(content, bytes) else html(content))
    return HtmlText(path, most_pages=most_pages)


def only_page(tmp_path: Path, content: bytes | str) -> PageRead:
    (page,) = read(tmp_path, content).pages()
    return page


class _Text(HTMLParser):
    """What a browser calls the text of markup, and all that could act in it."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.feed(markup)
        self.close()

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_what_can_act_or_reach_out_is_gone_and_the_sentences_stay(tmp_path: Path) -> None:
    page = only_page(tmp_path, hostile_html())
    found = _Text(page.html)
    assert found.tags <= {"h1", "p", "b", "a"}
    assert found.attributes == {"href", "rel"}
    for gone in ("alert", "script", "onclick", "style", "evil.example", "javascript", "password", "pixel", "hidden"):
        assert gone not in page.html
    assert page.text.split("\n") == [
        "Results", "Revenue was 1,200 million yuan.", "click the filing", "End of it.",
    ]  # fmt: skip
    assert 'href="https://exchange.example/a.html" rel="noopener nofollow"' in page.html


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "/admin/",
        "notes/",
        "//evil.example",
        "data:text/html,x",
        "https://",
        'https://a"b',
        "ftp://a",
    ],
)
def test_links_lead_to_web_pages_elsewhere_or_nowhere(tmp_path: Path, address: str) -> None:
    page = only_page(tmp_path, f"<p><a href='{address}'>words</a></p>")
    assert "href" not in page.html
    assert page.text == "words"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<p>One</p><p>Two</p>", "One\nTwo"),
        ("<div>One<div>Two</div>Three</div>", "One\nTwo\nThree"),
        ("<p>预计<b>营业收入</b>为 <i>6.45</i> 亿元</p>", "预计营业收入为 6.45 亿元"),
        ("One<br>Two<br><br>Three", "One\nTwo\nThree"),
        ("<p>  a \n b </p>\n\n<p> c</p>", "a b\nc"),
        ("<ul><li>One<li>Two</ul>After", "One\nTwo\nAfter"),
        ("<table><tr><th>Year<th>2025<tr><td>Revenue<td>1,200</table>", "Year 2025\nRevenue 1,200"),
        ("<table><tr><td><p>Revenue</p></td><td><div>1,200</div></td></tr></table>", "Revenue 1,200"),
        ("<table><tr><td></td><td>2025</td></tr><tr><td>a</td><td></td></tr></table>After", "2025\na\nAfter"),
        ("<pre>one\n  two</pre>", "one\ntwo"),
        ("1,200<sup>2</sup> H<sub>2</sub>O", "1,200² H₂O"),
        ("a &lt;b&gt; &amp;amp; １", "a <b> &amp; 1"),
        ("x<noscript>y</noscript><title>z</title>", "x"),
        ("<p>Revenue <ix:nonfraction name='x'>1,200</ix:nonfraction></p><ix:header>no</ix:header>", "Revenue 1,200"),
        ("<div style='display:none'><ix:header><ix:hidden>0001</ix:hidden></ix:header></div>Text", "Text"),
        ("<table>outside<tr><td>inside</td></tr></table>", "outside\ninside"),
    ],
)
def test_the_text_of_the_markup_is_the_text_of_the_page(tmp_path: Path, body: str, text: str) -> None:
    page = only_page(tmp_path, body)
    assert page.text == text
    assert normalised(page.text).text == text
    assert _Text(page.html).text == text
    assert _Text(page.html).open == []


@pytest.mark.parametrize(
    ("encoding", "head"),
    [
        ("utf-8", '<meta charset="utf-8">'),
        ("utf-8", ""),
        ("utf-8-sig", '<meta charset="gbk">'),
        ("gb18030", '<meta http-equiv="Content-Type" content="text/html; charset=gb2312">'),
        ("gb18030", ""),
        ("gb18030", '<meta charset="utf-8">'),  # it does not tell the truth
        ("big5hkscs", "<meta charset=Big5>"),
        ("utf-16", ""),
        ("utf-8", '<meta charset="no-such-thing">'),
    ],
)
def test_chinese_is_read_in_whatever_encoding(tmp_path: Path, encoding: str, head: str) -> None:
    assert only_page(tmp_path, html("<p>營業收入</p>", head=head, encoding=encoding)).text == "營業收入"


def test_bytes_in_no_encoding_are_read_as_far_as_possible() -> None:
    assert "text" in decoded(b'<meta charset="utf-8">text \xff\xff\x81')


def test_long_pages_are_cut_between_blocks(tmp_path: Path) -> None:
    sentence = "Revenue was 1,200 million yuan. " * 10
    pages = list(read(tmp_path, f"<div><p>{sentence}</p></div>" * 100).pages())
    assert len(pages) > 5
    assert all(len(page.text) < PAGE + len(sentence) for page in pages)
    assert all(page.text.startswith("Revenue") and page.text.endswith("yuan.") for page in pages)
    for page in pages:
        assert _Text(page.html).text == page.text
        assert _Text(page.html).open == []


def test_a_block_without_end_is_cut_after_a_sentence(tmp_path: Path) -> None:
    sentence = "预计营业收入为 6.45 亿元。"
    pages = list(read(tmp_path, f"<p><b>{sentence * 3000}</b></p>").pages())
    assert all(len(page.text) <= LONGEST_PAGE for page in pages)
    assert all(page.text.endswith("。") for page in pages)
    assert "".join(page.text for page in pages) == normalised(sentence * 3000).text


def test_a_table_that_goes_on_is_a_table_on_both_pages(tmp_path: Path) -> None:
    pages = list(
        read(tmp_path, "<table>" + "<tr><td>Revenue of the year</td><td>1,200</td></tr>" * 300 + "</table>").pages()
    )
    assert len(pages) > 2
    for page in pages:
        assert page.html.startswith("<table><tbody><tr><td>")
        assert page.html.endswith("</td></tr></tbody></table>")
        assert _Text(page.html).text == page.text


def test_headings_begin_pages_and_make_the_outline(tmp_path: Path) -> None:
    text = "<p>" + "words " * 300 + "</p>"
    document = read(tmp_path, f"<h2>One</h2>{text}<h3>１.1 <b>Revenue</b></h3>{text}<h2>Two</h2>{text}")
    assert [(one.title, one.page, one.level) for one in document.outline()] == [
        ("One", 1, 0), ("1.1 Revenue", 2, 1), ("Two", 3, 0),
    ]  # fmt: skip
    assert [page.text.split("\n")[0] for page in document.pages()] == ["One", "1.1 Revenue", "Two"]


def test_boxes_in_boxes_lose_their_boxes_not_their_text(tmp_path: Path) -> None:
    page = only_page(tmp_path, nested_html(1000))
    assert page.text == "deep"
    assert page.html.count("<div>") < 100
    tables = only_page(tmp_path, "<table><tr><td>in" * 200 + "</table>" * 200)
    assert _Text(tables.html).text == tables.text == "\n".join(["in"] * 200)


def test_more_pages_than_allowed_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="longer than 2 pages"):
        read(tmp_path, f"<p>{'words ' * 600}</p>" * 5, most_pages=2)


def test_the_same_page_gives_the_same_twice(tmp_path: Path) -> None:
    one, other = (list(read(tmp_path, hostile_html()).pages()) for _ in range(2))
    assert one == other
