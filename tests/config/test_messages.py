"""Translation catalogues: what is found in the sources, and what counts as complete."""

from io import BytesIO

import pytest
from babel.messages import Catalog

from config.messages import KEYWORDS, extract_template, problems_of


def strings(template: str) -> list[object]:
    """What would go into the catalogue, in the order of the template."""
    file = BytesIO(template.encode())
    file.name = "template.html"  # as a file opened by name has
    return [text for _line, _function, text, _comments in extract_template(file, KEYWORDS, [], {})]


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("<p>It's {% translate 'Price' %} ( {% if x %}", ["Price"]),
        ("    {% translate 'A' %}\n  {% translate 'B' %}", ["A", "B"]),
        ("{% translate 'Open' context 'exchange' %}", [("exchange", "Open")]),
        ("{% blocktranslate trimmed %}\n  Of {{ n }}\n  rows\n{% endblocktranslate %}", ["Of %(n)s rows"]),
        ("{% blocktranslate count n=n %}One{% plural %}{{ n }} rows{% endblocktranslate %}", [("One", "%(n)s rows")]),
        ("<p>Not marked</p>", []),
    ],
)
def test_templates_give_their_marked_strings(template: str, found: list[object]) -> None:
    texts = [tuple(t for t in text if t) if isinstance(text, tuple) else text for text in strings(template)]
    assert texts == found


@pytest.mark.parametrize(
    ("original", "translation", "fuzzy", "problem"),
    [
        ("Price", "价格", False, None),
        ("Price", "", False, "not translated"),
        ("Price", "价格", True, "fuzzy"),
        ("%(n)s of %(m)s", "%(m)s 中的 %(n)s", False, None),
        ("%(n)s rows", "行", False, "placeholders"),
        ("{name} rows", "{names} 行", False, "placeholders"),
        ("100%% sure", "百分之百", False, None),
        (("One row", "%(n)s rows"), ("%(n)s 行",), False, None),
        (("One row", "%(n)s rows"), ("",), False, "not translated"),
    ],
)
def test_a_translation_counts_when_it_is_whole(
    original: str | tuple[str, str], translation: str | tuple[str, ...], fuzzy: bool, problem: str | None
) -> None:
    message = Catalog(locale="zh_Hans").add(original, translation, flags=["fuzzy"] if fuzzy else [])
    found = list(problems_of(message))
    assert len(found) == (0 if problem is None else 1)
    assert problem is None or problem in found[0]
