"""Tags as people type them. Pure."""

from __future__ import annotations

import re
import unicodedata

MOST_TAGS = 20
# Unicode's rules take time by the square of the marks on one letter; no tag that is kept is nearly as long.
_FAR_TOO_LONG = 400
_BETWEEN = re.compile(r"[,，;；、\n]+")


def parse_tags(text: str) -> list[str]:
    """The tags of a text such as `GPU, 毛利率，#Order Backlog`: each once, in lower case, in the order of the text."""
    pieces = (
        piece if len(piece) > _FAR_TOO_LONG else unicodedata.normalize("NFKC", piece) for piece in _BETWEEN.split(text)
    )
    names = (" ".join(piece.split()) for piece in pieces)
    return list(dict.fromkeys(name for name in (name.lstrip("# ").lower() for name in names) if name))
