"""What does not fit the exchanges' calendars, for templates."""

from __future__ import annotations

from django import template

from valuations.calendar_words import advice_in_words, warning_in_words

register = template.Library()

register.filter("warning_in_words", warning_in_words)
register.filter("advice_in_words", advice_in_words)
