"""Pages of lines `name="value";`, as Tencent and Sina send them."""

import re

from companies.sources.base import BadBody


def quoted_lines(body: bytes, prefix: str) -> dict[str, str]:
    """The values by name, without `prefix` and in lower case. Raises BadBody for a cut or foreign body.

    Args:
        prefix: What stands before every name: "v_", "var hq_str_".
    """
    text = _decoded(body)
    line = re.compile(rf'\s*{re.escape(prefix)}([\w.$\-]+)\s*=\s*"([^"]*)"[ \t]*(?:;|(?=\s|$))', re.ASCII)
    values: dict[str, str] = {}
    end = 0
    while match := line.match(text, end):
        values[match[1].casefold()] = match[2]
        end = match.end()
    if text[end:].strip():
        raise BadBody("the body is cut short" if values or text.lstrip().startswith(prefix) else "no quote rows")
    if not values:
        raise BadBody("no quote rows")
    return values


def _decoded(body: bytes) -> str:
    """The text. It is GB18030 by contract, but UTF-8 has been seen; strict UTF-8 never fits the other by accident.

    A broken character in a name must not lose the whole batch; if it swallows a separator, the row's values no longer
    stand where they should, and that row alone is refused.
    """
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("gb18030", errors="replace")
