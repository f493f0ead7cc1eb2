"""What kept a file from being read, in the language of whoever looks.

The process that reads files knows no Django: it says everything in English, and so it is stored. Here its sentences are
known again by their form.
"""

from __future__ import annotations

import re

from django.utils.translation import gettext, gettext_noop, pgettext

_SENTENCES = (
    gettext_noop("It opens only with a password."),
    gettext_noop("It is damaged or incomplete: no page can be found in it."),
    gettext_noop("It is damaged: none of its pages can be read."),
    gettext_noop("It has no pages."),
    gettext_noop("It has %(pages)s pages; at most %(most)s are read."),
    gettext_noop("Its text is longer than %(most)s pages."),
    gettext_noop("Page %(page)s holds more than %(most)s characters."),
    gettext_noop("It holds more than %(most)s characters."),
    gettext_noop("Reading it needs more than %(megabytes)s MB of memory."),
    gettext_noop("It was not read within %(seconds)s seconds."),
    gettext_noop("Reading it failed: %(error)s"),
    gettext_noop("The program that reads such files failed on it (%(error)s)."),
    gettext_noop("The file is missing: bring it in once more."),
    gettext_noop("the file is missing"),
    gettext_noop("It could not be read again: %(problem)s"),
    gettext_noop("Some of it could not be read: %(problems)s and %(more)s more."),
    gettext_noop("Some of it could not be read: %(problems)s."),
    gettext_noop("page %(page)s is damaged"),
    gettext_noop("the text of page %(page)s is damaged"),
)
_PLACE = re.compile(r"%\\\((\w+)\\\)s")  # in a pattern, where its parentheses are escaped


def _form(sentence: str) -> re.Pattern[str]:
    return re.compile(_PLACE.sub(lambda place: f"(?P<{place[1]}>.+)", re.escape(sentence)), re.DOTALL)


_FORMS = tuple((_form(sentence), sentence) for sentence in _SENTENCES)


def problem_in_words(problem: str) -> str:
    """The words for a problem, or another text, that is stored in English; what is not known stays as it is."""
    for form, sentence in _FORMS:
        if found := form.fullmatch(problem):
            return gettext(sentence) % {name: _value_in_words(name, value) for name, value in found.groupdict().items()}
    return gettext(problem) if problem else ""


def _value_in_words(name: str, value: str) -> str:
    if name == "problem":
        return problem_in_words(value)
    if name == "problems":
        return pgettext("between items of a list", ", ").join(map(problem_in_words, value.split(", ")))
    return value
