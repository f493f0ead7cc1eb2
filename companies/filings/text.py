"""Text as it is searched, marked and quoted: one spelling for what reads the same. Pure.

Readers of PDFs give what the fonts say: compatibility ideographs (U+F90A for 金), full-width digits, several hyphens,
no-break and zero-width spaces. The same sentence then differs from copy to copy. `normalised` writes all of it in one
way and remembers where each character came from.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

# NFKC leaves these apart, although people type and read them alike.
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"), "-")
_SPACES = dict.fromkeys(
    map(ord, "\t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"), " "
)
_NOTHING = dict.fromkeys(
    [*map(ord, "\u00ad\u200b\u2060\ufeff"), *range(0x00, 0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0), 0xFFFE, 0xFFFF]
)
_ALIKE = {**_DASHES, **_SPACES, **_NOTHING, ord("\u2028"): "\n", ord("\u2029"): "\n", 0x85: "\n"}
_PIECE = re.compile(
    r"\r\n|.[\u0300-\u036f\u3099\u309a\u20d0-\u20ff\ufe20-\ufe2f]*|[\u0300-\u036f\u3099\u309a\u20d0-\u20ff\ufe20-\ufe2f]+",
    re.DOTALL,
)


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
    out: list[str] = []
    origins: list[int] = []
    for found in _PIECE.finditer(raw):
        piece, at = found[0], found.start()
        for character in _spelled(piece):
            if character == " " and (not out or out[-1] in " \n"):
                continue
            if character == "\n" and out and out[-1] == " ":
                out.pop()
                origins.pop()
            out.append(character)
            origins.append(at)
    if out and out[-1] == " ":
        out.pop()
        origins.pop()
    return Normalised("".join(out), tuple(origins))


def _spelled(piece: str) -> str:
    if piece in ("\r\n", "\r"):
        return "\n"
    if len(piece) == 1 and " " < piece <= "~":
        return piece
    plain = "".join("\ufffd" if "\ud800" <= one <= "\udfff" else one for one in piece)
    return unicodedata.normalize("NFKC", plain.translate(_ALIKE)).translate(_ALIKE)
