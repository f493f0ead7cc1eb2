"""Text as it is searched, marked and quoted: one spelling for what reads the same. Pure.

Readers of PDFs give what the fonts say: compatibility ideographs (U+F90A for 金), full-width digits, several hyphens,
no-break and zero-width spaces. The same sentence then differs from copy to copy. `normalised` writes all of it in one
way and remembers where each character came from.

It is NFKC with two differences. More signs become one: dashes, spaces, radicals in place of ideographs; and signs that
cannot be seen go. And nothing becomes a digit that is none: "1,200²" stays apart from 12,002, "3½" from 31/2. The table
is in docs/documents.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\ufe58\ufe63\uff0d"
_TILDES = "\u223c\u301c"
_SPACES = "\t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_BREAKS = "\r\v\f\x1c\x1d\x1e\x1f\x85\u2028\u2029"
# Fonts map the glyphs of these words to radicals, which look the same and are other characters. NFKC leaves them.
_RADICALS = dict(
    zip(
        "⺠⻄⻅⻆⻉⻋⻑⻓⻔⻗⻘⻙⻚⻛⻜⻝⻢⻣⻤⻥⻦⻧⻨⻩⻪⻬⻮⻰",
        "民西见角贝车長长门雨青韦页风飞食马骨鬼鱼鸟卤麦黄黾齐齿龙",
        strict=True,
    )
)
_ALIKE = {
    **dict.fromkeys(_DASHES, "-"),
    **dict.fromkeys(_TILDES, "~"),
    **dict.fromkeys(_SPACES, " "),
    **dict.fromkeys(_BREAKS, "\n"),
    **_RADICALS,
}
# Control characters; soft hyphen, zero-width space, marks of direction (which show a text other than it is stored),
# byte order mark; selectors of variants of a glyph; tags.
_UNSEEN = (
    r"\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    r"\ufe00-\ufe0f\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e0fff"
)
_SIGN = re.compile(rf"\r\n|[{_UNSEEN}\ud800-\udfff{re.escape(''.join(_ALIKE))}]")
_AFTER_NFKC = str.maketrans(_ALIKE)

# Characters that NFKC leaves alone, by far the most of a filing.
_PLAIN = r"\n -~\u2018-\u201d\u3001\u3002\u3008-\u3011\u4e00-\u9fff"
# Where the marks and vowels live that may become one with the character before them. It holds others too: that costs
# time only.
_JOINING = (
    r"\u0300-\u036f\u0483-\u0489\u0590-\u135f\u1700-\u1dff\u200c\u200d\u20d0-\u20ff\u2cef-\u2cf1\u2d7f-\u2dff"
    r"\u302a-\u302f\u3099\u309a\u3131-\u318e\ua66f-\uabff\ufb1e\ufe20-\ufe2f\uff9e-\uffdc\U000101fd-\U0001e94f"
)
_CLUSTER = re.compile(rf"(?:[^{_PLAIN}]|[{_PLAIN}](?=[{_JOINING}]))[{_JOINING}]*")
_NEEDLESS_SPACE = re.compile(r"(?<=[ \n]) +| +(?=\n)|\A +| +\Z")


@dataclass(frozen=True, slots=True)
class Normalised:
    """A text in its one spelling. `origins[i]` is the place of `text[i]` in the raw text, and never falls."""

    text: str
    origins: tuple[int, ...]


def normalised(raw: str) -> Normalised:
    """The one spelling of a text: NFKC, one dash, one space, no control characters, spaces not repeated.

    Line breaks stay, without spaces beside them. A surrogate that stands alone, which no encoding can write, becomes
    U+FFFD. Doing it again changes nothing.
    """
    plain = _rewritten(raw, range(len(raw)), _SIGN, _plain_sign)
    composed = _rewritten(*plain, _CLUSTER, _composed)
    text, origins = _rewritten(*composed, _NEEDLESS_SPACE, lambda spaces: "")
    return Normalised(text, tuple(origins))


def _rewritten(
    text: str, origins: range | list[int], pattern: re.Pattern[str], rewrite: Callable[[str], str]
) -> tuple[str, range | list[int]]:
    """The text with each match of the pattern rewritten, and where its characters came from."""
    out: list[str] = []
    came_from: list[int] = []
    done = 0
    for found in pattern.finditer(text):
        old, start = found[0], found.start()
        new = rewrite(old)
        if new == old:
            continue
        out += (text[done:start], new)
        came_from += origins[done:start]
        # Sign for sign where there are as many as before, else all from where the old ones began.
        came_from += origins[start : found.end()] if len(new) == len(old) else [origins[start]] * len(new)
        done = found.end()
    if not done:
        return text, origins
    out.append(text[done:])
    came_from += origins[done:]
    return "".join(out), came_from


def _plain_sign(sign: str) -> str:
    if "\ud800" <= sign <= "\udfff":
        return "\ufffd"
    return "\n" if sign == "\r\n" else _ALIKE.get(sign, "")


def _composed(cluster: str) -> str:
    """NFKC of a character and the marks after it, unless it would bring in a digit."""
    composed = unicodedata.normalize("NFKC", cluster)
    if composed == cluster:
        return cluster
    first, marks = cluster[0], cluster[1:]
    if unicodedata.category(first) != "Nd" and any("0" <= one <= "9" for one in unicodedata.normalize("NFKC", first)):
        composed = first + unicodedata.normalize("NFKC", marks)
    return composed.translate(_AFTER_NFKC)
