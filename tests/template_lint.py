"""House rules for templates, checked without rendering: `python -m tests.template_lint` (part of `make check`).

Each template compiles and finds what it names; nothing inline that the content security policy would block; no visible
English that has not gone through gettext; a component says in its first line what it needs.
"""

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import django
from django.template import TemplateDoesNotExist, TemplateSyntaxError
from django.template.loader import get_template

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
TRANSLATED = re.compile(r"{%\s*blocktrans(?:late)?\b.*?{%\s*endblocktrans(?:late)?\s*%}", re.DOTALL)
COMMENT = re.compile(r"{#.*?#}|{%\s*comment\b.*?{%\s*endcomment\s*%}|<!--.*?-->", re.DOTALL)
# The admin's templates name classes in a block of their own.
CLASSES = re.compile(r"{%\s*block bodyclass\s*%}.*?{%\s*endblock")
TAG = re.compile(r"{%.*?%}|{{.*?}}", re.DOTALL)
NAMED_TEMPLATE = re.compile(r"{%\s*(?:include|extends)\s+[\"']([^\"'#]+)")
# A word of two letters or more, unless it is an abbreviation (CSV, CNY), which no language translates.
WORD = re.compile(r"\b(?![A-Z0-9]+\b)[A-Za-z][A-Za-z]+")
# Our own name, also in the parts the logo is set in, and the languages, each called by its own name.
NAMES = frozenset({"Xinpan", "Xin", "pan", "English", "Markdown"})
SPOKEN_ATTRIBUTES = frozenset({"alt", "aria-label", "placeholder", "title"})
UNSPOKEN_ELEMENTS = frozenset({"script", "code", "kbd"})


class Rules(HTMLParser):
    """Collects what a template must not contain."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[tuple[int, str]] = []
        self.open: list[str] = []

    def blame(self, what: str) -> None:
        """Remember a problem at the current line."""
        self.problems.append((self.getpos()[0], what))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at the element and its attributes."""
        self.open.append(tag)
        values = dict(attrs)
        if tag == "style":
            self.blame("inline <style>")
        if tag == "script" and "src" not in values and values.get("type") != "application/json":
            self.blame("inline <script>")
        for name, value in attrs:
            if name == "style" or (name.startswith("on") and name.isalpha()):
                self.blame(f"inline {name}=")
            if value and value.strip().lower().startswith("javascript:"):
                self.blame("javascript: address")
            if name in SPOKEN_ATTRIBUTES and value:
                self.look_at_text(value)

    def handle_endtag(self, tag: str) -> None:
        """Leave the element; templates may close what another branch opened."""
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        """Look at the text a reader sees."""
        if not UNSPOKEN_ELEMENTS & set(self.open):
            self.look_at_text(data)

    def look_at_text(self, text: str) -> None:
        """Words left over once tags and translated blocks are gone were not translated."""
        if found := [word for word in WORD.findall(text) if word not in NAMES]:
            self.blame(f"not translated: {' '.join(found)}")


def blanked(match: re.Match[str]) -> str:
    """As many lines as before, and nothing on them."""
    return "\n" * match[0].count("\n")


def template_problems(path: Path) -> Iterator[tuple[int, str]]:
    """What is wrong with one template: line number and words."""
    name, source = path.relative_to(TEMPLATES).as_posix(), path.read_text()
    if path.suffix == ".html":
        rules = Rules()
        text = CLASSES.sub("{% endblock", COMMENT.sub(blanked, source))
        rules.feed(TAG.sub(blanked, TRANSLATED.sub(blanked, text)))
        rules.close()
        yield from rules.problems
    if name.startswith("components/") and not source.startswith("{# Needs:"):
        yield 1, "a component begins with {# Needs: … #}"
    try:
        get_template(name)
    except (TemplateSyntaxError, TemplateDoesNotExist) as problem:
        yield 1, f"does not compile: {problem}"
    for match in NAMED_TEMPLATE.finditer(source):
        try:
            get_template(match[1])
        except TemplateDoesNotExist:
            yield source.count("\n", 0, match.start()) + 1, f"no such template: {match[1]}"
        except TemplateSyntaxError:
            pass  # reported for that template itself


def main() -> int:
    """Print the problems of every template; returns the exit code for the shell."""
    django.setup()
    paths = sorted(path for path in TEMPLATES.rglob("*") if path.suffix in {".html", ".txt", ".xml"})
    problems = [f"{path}:{line}: {problem}" for path in paths for line, problem in template_problems(path)]
    print("\n".join(problems) or f"{len(paths)} templates keep the rules.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
