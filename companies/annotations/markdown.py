"""Notes as they are shown: Markdown to harmless HTML. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

SCHEMES = {"http", "https", "mailto"}
TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s", "strong",
    "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
# A note stands below the headings of a page, so that its own begin at the fourth level.
SMALLER = {"h1": "h4", "h2": "h5", "h3": "h6", "h4": "h6", "h5": "h6", "h6": "h6"}
ADDRESS = (
    r"https?://[^\s<>\"'`，。；：、！？（）「」『』《》【】]*[^\s<>\"'`，。；：、！？（）「」『』《》【】.,;:!?)\]]"
)
# Finding what belongs to each opening takes time by their square: with more of them a note is shown as it was typed.
MOST_MARKS = 2_000
DEEPEST = 20  # blocks within blocks; what lies deeper is left out


def render(body: str, people: Mapping[str, str] | None = None) -> str:
    """HTML of a note that may stand in any page: no scripts, no pictures, no addresses but http, https and mailto.

    Args:
        people: The address for each name that the note calls with an @.
    """
    people = people or {}
    if _has_too_many_marks(body):
        return f"<pre>{escapeHtml(body)}</pre>"
    html = _parser.render(body, {"people": people})
    addresses = set(people.values())
    return nh3.clean(
        html,
        tags=TAGS,
        clean_content_tags={"script", "style"},
        attributes={"a": {"href", "title"}, "ol": {"start"}},
        allowed_classes={"a": {"mention"}},
        url_schemes=SCHEMES,
        url_relative=lambda address: address if address in addresses else None,
        link_rel="noopener nofollow ugc",
    )


def spoken_texts(body: str) -> Iterator[str]:
    """The words of a note, without code and without the words of links."""
    if _has_too_many_marks(body):
        yield body
        return
    for token in _parser.parse(body, {"people": {}}):
        depth = 0
        for child in token.children or []:
            depth += child.nesting if child.type in ("link_open", "link_close") else 0
            if child.type == "text" and not depth:
                yield child.content


def _has_too_many_marks(body: str) -> bool:
    return sum(map(body.count, "[*_~`")) > MOST_MARKS


def _is_harmless(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme.lower() in SCHEMES


def _image_as_link(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    # A picture would tell its server who reads the note, and when.
    token = tokens[index]
    address = str(token.attrGet("src") or "")
    words = renderer.renderInlineAsText(token.children, options, env) or address
    return f'<a href="{escapeHtml(address)}">{escapeHtml(words)}</a>'


def _make_headings_small(state: StateCore) -> None:
    for token in state.tokens:
        token.tag = SMALLER.get(token.tag, token.tag) if token.type.startswith("heading_") else token.tag


def _link_names_and_addresses(state: StateCore) -> None:
    """Make links of @names that are people, and of addresses that stand in the text as they are."""
    people: Mapping[str, str] = state.env.get("people", {})
    names = "|".join(re.escape(name) for name in sorted(people, key=len, reverse=True))
    pattern = re.compile(rf"{ADDRESS}|@(?:{names})(?![A-Za-z0-9_])" if names else ADDRESS)
    for token in state.tokens:
        if token.type == "inline" and token.children:
            token.children = list(_linked(token.children, pattern, people))


def _linked(children: Sequence[Token], pattern: re.Pattern[str], people: Mapping[str, str]) -> Iterator[Token]:
    depth = 0
    for child in children:
        depth += child.nesting if child.type in ("link_open", "link_close") else 0
        if child.type != "text" or depth:
            yield child
            continue
        at = 0
        for found in pattern.finditer(child.content):
            yield _text(child.content[at : found.start()])
            is_name = found[0].startswith("@")
            attributes: dict[str, str | int | float] = {"href": people[found[0][1:]] if is_name else found[0]}
            if is_name:
                attributes["class"] = "mention"
            yield Token("link_open", "a", 1, attrs=attributes)
            yield _text(found[0])
            yield Token("link_close", "a", -1)
            at = found.end()
        yield _text(child.content[at:])


def _text(words: str) -> Token:
    return Token("text", "", 0, content=words)


def _make_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": DEEPEST})
    parser.enable(["table", "strikethrough"])
    parser.validateLink = _is_harmless  # type: ignore[method-assign, assignment]  # as its own documents do
    parser.add_render_rule("image", _image_as_link)
    parser.core.ruler.push("small_headings", _make_headings_small)
    parser.core.ruler.push("names_and_addresses", _link_names_and_addresses)
    return parser


_parser = _make_parser()
