"""Notes as they are shown: Markdown in, harmless HTML out."""

import re

import pytest

from companies.annotations.markdown import render, spoken_texts
from tests.elements import Elements

HARMFUL = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:msgbox)",
    "[x](file:///etc/passwd)",
    "[x](/admin/logout/)",
    "[x](//evil.example/)",
    "![x](https://evil.example/pixel.png)",
    "![x](javascript:alert(1))",
    "[![x](https://evil.example/pixel.png)](https://evil.example)",
    "<https://a.example/'onmouseover='alert(1)>",
    "[a]: javascript:alert(1)\n\n[a]",
    '[x](https://a.example "\\"><script>alert(1)</script>")',
    "<svg/onload=alert(1)>",
    "<a href='https://a.example' style='position:fixed' onclick='x()'>x</a>",
    "```html\n<script>alert(1)</script>\n```",
    "`<script>alert(1)</script>`",
    "<iframe src='https://evil.example'></iframe>",
    "<form action='https://evil.example'><input name=password></form>",
    '@a" onclick="alert(1)',
]


@pytest.mark.parametrize("body", HARMFUL)
def test_nothing_in_a_note_runs_or_loads_anything(body: str) -> None:
    elements = Elements(render(body, {"a": "/notes/?author=a"}))
    for tag, attributes in elements.found:
        assert tag in {"p", "a", "br", "code", "pre", "em", "strong"}
        assert set(attributes) <= {"href", "title", "rel", "class"}
        assert re.match(r"https?://|mailto:|/notes/\?author=a$", attributes.get("href") or "https://")


def test_links_tell_robots_and_other_sites_nothing() -> None:
    [link] = Elements(render("[x](https://a.example)")).of("a")
    assert link == {"href": "https://a.example", "rel": "noopener nofollow ugc"}


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ("a **b** *c* ~~d~~ `e`", "<p>a <strong>b</strong> <em>c</em> <s>d</s> <code>e</code></p>"),
        ("# big", "<h4>big</h4>"),
        ("## less", "<h5>less</h5>"),
        ("###### least", "<h6>least</h6>"),
        ("one\ntwo", "<p>one<br>\ntwo</p>"),
        ("> said", "<blockquote>\n<p>said</p>\n</blockquote>"),
        ("3. three", '<ol start="3">\n<li>three</li>\n</ol>'),
        ("a < b & c", "<p>a &lt; b &amp; c</p>"),
        ("😀 𠮷 毛利率", "<p>😀 𠮷 毛利率</p>"),
        ("", ""),
    ],
)
def test_markdown_is_shown_as_people_know_it(body: str, html: str) -> None:
    assert render(body).strip() == html


def test_a_picture_becomes_a_link_so_that_its_server_learns_nothing() -> None:
    html = render("![a chart](https://a.example/chart.png)")
    assert Elements(html).of("img") == []
    assert '<a href="https://a.example/chart.png" rel="noopener nofollow ugc">a chart</a>' in html


@pytest.mark.parametrize(
    ("body", "address"),
    [
        ("see https://a.example/b?c=1&d=2.", "https://a.example/b?c=1&d=2"),
        ("见https://a.example/公告，下同", "https://a.example/公告"),
        ("(https://a.example/b)", "https://a.example/b"),
    ],
)
def test_an_address_in_the_text_is_a_link(body: str, address: str) -> None:
    [link] = Elements(render(body)).of("a")
    assert link["href"] == address


def test_people_are_linked_by_their_whole_names_and_not_in_code() -> None:
    html = render("@ann @anna @bob `@ann`", {"ann": "/notes/?author=ann", "anna": "/notes/?author=anna"})
    assert [link["href"] for link in Elements(html).of("a")] == ["/notes/?author=ann", "/notes/?author=anna"]
    assert "<code>@ann</code>" in html


def test_words_that_are_spoken_leave_out_code_and_links() -> None:
    assert " ".join(spoken_texts("hi @ann `@bob` [@carl](https://a.example)\n\n    @dora")).split() == ["hi", "@ann"]


def test_a_note_of_nothing_but_openings_is_shown_as_it_was_typed() -> None:
    assert render("[" * 20_000) == f"<pre>{'[' * 20_000}</pre>"
    assert Elements(render("<b>" + "[" * 20_000)).of("b") == []


@pytest.mark.parametrize(
    "piece", ["[", "![", "> ", "- ", "*a ", "`", "<", "_a", "[a](", "|a", "**a", "\\", "((", "~~a", "&"]
)
def test_a_note_full_of_openings_ends_and_stays_harmless(piece: str) -> None:
    html = render((piece * 20_000)[:20_000])
    assert {tag for tag, _attributes in Elements(html).found} <= {
        "p", "blockquote", "ul", "li", "em", "strong", "s", "code", "pre", "br", "a", "table", "thead", "tr", "th",
        "hr",
    }  # fmt: skip


def test_who_is_called_in_a_note_of_nothing_but_openings_is_called_all_the_same() -> None:
    assert list(spoken_texts("@ann" + "[" * 19_000)) == ["@ann" + "[" * 19_000]
