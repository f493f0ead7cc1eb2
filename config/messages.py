"""Translations without gettext's own programs: `python -m config.messages update | compile | check`.

Django's makemessages and compilemessages call xgettext and msgfmt, which many machines lack. Babel does the same in
Python: `update` brings the catalogues up to date with the code and the templates, `compile` makes the .mo files that
Django reads (never committed), `check` fails when a string is missing, untranslated, fuzzy, or has other placeholders
than its original.
"""

import os
import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from babel.messages import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir, extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("zh_Hans",)  # every language of the settings except the source, English
MOST_SHOWN = 20  # problems that `check` prints
SOURCE_FOLDERS = ("config", "companies", "valuations", "templates")
LAZY = {f"{name}_lazy": DEFAULT_KEYWORDS[name] for name in ("gettext", "ngettext", "pgettext", "npgettext")}
KEYWORDS = {**DEFAULT_KEYWORDS, **LAZY, "gettext_noop": DEFAULT_KEYWORDS["gettext"]}
PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[#0\-+]*(?:\*|\d+)?(?:\.(?:\*|\d+))?[a-zA-Z]|\{\w*(?:![rsa])?(?::[^{}]*)?\}")


def extract_template(
    file: IO[bytes], keywords: Mapping[str, Any], comment_tags: Collection[str], options: object
) -> Iterator[Any]:
    """The translatable strings of a Django template, as a Babel extraction method gives them."""
    # Django turns the template into Python-like text for xgettext; without indentation Babel's own reader takes it.
    text = templatize(file.read().decode(), origin=file.name)
    source = "\n".join(line.strip() for line in text.splitlines())
    yield from extract_python(BytesIO(source.encode()), keywords, comment_tags, {})


METHODS = [
    ("**.py", "python"),
    ("**.html", "config.messages:extract_template"),
    ("**.txt", "config.messages:extract_template"),
]


def extracted() -> Catalog:
    """Every translatable string of the code and the templates."""
    catalogue = Catalog(charset="utf-8")
    for folder in SOURCE_FOLDERS:
        for name, _line, text, comments, context in extract_from_dir(
            ROOT / folder, METHODS, keywords=KEYWORDS, comment_tags=["Translators:"], strip_comment_tags=True
        ):
            # No line numbers: they would change the catalogue with every edit of a source file.
            catalogue.add(text, locations=[(f"{folder}/{name}", 0)], auto_comments=comments, context=context)
    return catalogue


def catalogue_paths() -> list[Path]:
    """Where the catalogue of each language is, whether it exists or not."""
    return [ROOT / "locale" / language / "LC_MESSAGES" / "django.po" for language in LANGUAGES]


def read_catalogue(path: Path) -> Catalog:
    """One language's catalogue; an empty one where there is no file."""
    language = path.parent.parent.name
    if not path.is_file():
        return Catalog(locale=language, domain="django", charset="utf-8", fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=language, domain="django")


def update_catalogues() -> None:
    """Add new strings untranslated and drop those that are gone; translations are kept."""
    template = extracted()
    for path in catalogue_paths():
        catalogue = read_catalogue(path)
        catalogue.update(template, no_fuzzy_matching=True, update_creation_date=False)
        catalogue.project, catalogue.version = "Xinpan", ""
        catalogue.msgid_bugs_address = catalogue.last_translator = catalogue.language_team = ""
        catalogue.header_comment = ""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            write_po(file, catalogue, width=120, sort_output=True, ignore_obsolete=True, include_lineno=False)
        missing = sum(not is_translated(message) for message in catalogue if message.id)
        print(f"{path.relative_to(ROOT)}: {len(catalogue)} strings, {missing} without translation")


def compile_catalogues() -> None:
    """Write the .mo file beside each catalogue, when it would change."""
    for path in filter(Path.is_file, catalogue_paths()):
        compiled = BytesIO()
        write_mo(compiled, read_catalogue(path))
        target = path.with_suffix(".mo")
        if target.is_file() and target.read_bytes() == compiled.getvalue():
            continue
        # Replaced in one step: a running process may be reading it.
        temporary = target.with_suffix(f".{os.getpid()}")
        temporary.write_bytes(compiled.getvalue())
        temporary.replace(target)


def forms(text: str | Sequence[str | None] | None) -> list[str]:
    """The singular and plural forms of an original or a translation; what is not there is empty."""
    return [text or ""] if text is None or isinstance(text, str) else [form or "" for form in text]


def is_translated(message: Message) -> bool:
    """Whether every form of the message has a translation that counts."""
    return all(forms(message.string)) and not message.fuzzy


def placeholders(text: str) -> list[str]:
    """The places a value is put into, sorted, so that two texts can be compared."""
    return sorted(PLACEHOLDER.findall(text.replace("%%", "")))


def problems_of(message: Message) -> Iterator[str]:
    """What is wrong with one translation, as words."""
    if message.fuzzy:
        yield "fuzzy"
    elif not is_translated(message):
        yield "not translated"
    else:
        allowed = [placeholders(original) for original in forms(message.id)]
        for form in forms(message.string):
            if placeholders(form) not in allowed:
                yield f"has the placeholders {placeholders(form)}, the original {allowed[-1]}"


def catalogue_problems(path: Path, template: Catalog) -> Iterator[str]:
    """Everything that keeps a catalogue from being complete, one line each."""
    catalogue = read_catalogue(path)
    wanted = {(message.context, message.id): message for message in template if message.id}
    present = {(message.context, message.id): message for message in catalogue if message.id}
    for key in sorted(wanted.keys() - present.keys(), key=repr):
        yield f"missing, run `make messages`: {key[1]!r}"
    for key in sorted(present.keys() - wanted.keys(), key=repr):
        yield f"no longer used, run `make messages`: {key[1]!r}"
    for key in sorted(present.keys() & wanted.keys(), key=repr):
        for problem in problems_of(present[key]):
            yield f"{problem}: {key[1]!r}"


def main(command: str) -> int:
    """Run one command; returns the exit code for the shell."""
    if command == "update":
        update_catalogues()
    elif command == "compile":
        compile_catalogues()
    else:
        template = extracted()
        problems = [
            f"{path.relative_to(ROOT)}: {problem}"
            for path in catalogue_paths()
            for problem in catalogue_problems(path, template)
        ]
        for problem in problems[:MOST_SHOWN]:
            print(problem)
        if len(problems) > MOST_SHOWN:
            print(f"… and {len(problems) - MOST_SHOWN} more")
        elif not problems:
            print(f"Translations are complete: {len(template)} strings.")
        return 1 if problems else 0
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in {"update", "compile", "check"}:
        sys.exit("Usage: python -m config.messages update|compile|check")
    sys.exit(main(sys.argv[1]))
