"""How each kind of value is written into a cell, and read from one. A ValueError says what to do about a cell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext as _
from import_export import widgets

from companies.models import Company, Filing, Listing
from companies.recording.amount_words import other_currency
from companies.recording.typed import NotAnAmount, plain_number, typed_amount
from companies.sheets.reading import CONTROL

FIRST_YEAR, LAST_YEAR = 1900, 2100
_SERIAL = re.compile(r"[0-9]{5}(?:\.[0-9]+)?")
_EXCEL_EPOCH = date(1899, 12, 30)
WORDS_SHOWN = 60
CHUNK = 5000  # keys in one query


class Text(widgets.CharWidget):  # type: ignore[misc]  # the library has no types
    """Words. White space around them counts only where it is stored already."""

    def __init__(self, *, is_code: bool = False) -> None:
        super().__init__()
        self.is_code = is_code

    def clean(self, value: str, row: Any = None, **kwargs: Any) -> str:
        """The text of the cell; codes without the white space around them."""
        return value.strip() if self.is_code else value


class Choice(Text):
    """One of a few words."""

    def __init__(self, choices: Iterable[tuple[Any, Any]]) -> None:
        super().__init__(is_code=True)
        self.choices = [str(value) for value, _label in choices if value]

    def clean(self, value: str, row: Any = None, **kwargs: Any) -> str:
        """The word as it is stored, however it is capitalised in the cell."""
        text = value.strip()
        spelled = {choice.lower(): choice for choice in self.choices}
        if text and text.lower() not in spelled:
            words = _("“%(text)s” is not one of: %(choices)s.")
            raise ValueError(words % {"text": _short(text), "choices": ", ".join(self.choices)})
        return spelled.get(text.lower(), "")


class Number(widgets.DecimalWidget):  # type: ignore[misc]
    """A decimal, never by way of a binary number."""

    def clean(self, value: str, row: Mapping[str, str] | None = None, **kwargs: Any) -> Decimal | None:
        """The number of the cell, in plain units."""
        if not value.strip():
            return None
        row = row or {}
        percent = row.get("metric", "").strip().endswith("_pct")
        try:
            if percent:
                return plain_number(value.strip().rstrip("%％"))
            typed = typed_amount(value)
        except NotAnAmount:
            if percent:
                words = _("“%(text)s” is no percentage. Write 35.2 or 35.2%%.")
                raise ValueError(words % {"text": _short(value)}) from None
            words = _("“%(text)s” is not one number. Write 1250000000, 1,250,000,000, 12.5亿 or 1.25bn.")
            raise ValueError(words % {"text": _short(value)}) from None
        if problem := other_currency(typed, row.get("currency", "").strip()):
            raise ValueError(problem)
        return None if typed is None else typed.value

    def render(self, value: Decimal | None, obj: Any = None, **kwargs: Any) -> Any:
        """The number, or its digits as a text."""
        if value is None:
            return ""
        text = f"{value:f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return Decimal(text) if kwargs.get("force_native_type") else text


class Whole(Number):
    """A whole number such as one of shares."""

    def clean(self, value: str, row: Mapping[str, str] | None = None, **kwargs: Any) -> Any:
        """The number of the cell."""
        number = super().clean(value, row, **kwargs)
        if number is None:
            return None
        if number != number.to_integral_value():
            raise ValueError(_("“%(text)s” is not a whole number.") % {"text": _short(value)})
        return int(number)

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        """The number, or its digits as a text."""
        if value is None:
            return ""
        return value if kwargs.get("force_native_type") else str(value)


class Day(widgets.DateWidget):  # type: ignore[misc]
    """A day such as 2025-12-17."""

    def clean(self, value: str, row: Any = None, **kwargs: Any) -> date | None:
        """The day of the cell."""
        text = value.strip()
        if not text:
            return None
        try:
            if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
                raise ValueError
            day = date.fromisoformat(text)
        except ValueError:
            raise ValueError(_no_day(text)) from None
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            words = _("Give a year from %(first)s to %(last)s.")
            raise ValueError(words % {"first": FIRST_YEAR, "last": LAST_YEAR})
        return day

    def render(self, value: date | None, obj: Any = None, **kwargs: Any) -> Any:
        """The day, or its text."""
        if value is None:
            return ""
        return value if kwargs.get("force_native_type") else value.isoformat()


def _no_day(text: str) -> str:
    if _SERIAL.fullmatch(text):
        day = _EXCEL_EPOCH + timedelta(days=int(float(text)))
        words = _("“%(text)s” is how table programmes count days; it would be %(day)s. Write that if it is meant.")
        return words % {"text": text, "day": day}
    return _("“%(text)s” is not a day. Write it like 2025-12-17.") % {"text": _short(text)}


class Clock(widgets.TimeWidget):  # type: ignore[misc]
    """A time of day such as 13:30."""

    def clean(self, value: str, row: Any = None, **kwargs: Any) -> time | None:
        """The time of the cell."""
        text = value.strip()
        if not text:
            return None
        try:
            if not re.fullmatch(r"[0-9]{2}:[0-9]{2}(:[0-9]{2})?", text):
                raise ValueError
            return time.fromisoformat(text)
        except ValueError:
            words = _("“%(text)s” is not a time of day. Write it like 13:30.")
            raise ValueError(words % {"text": _short(text)}) from None

    def render(self, value: time | None, obj: Any = None, **kwargs: Any) -> str:
        """The text of the time."""
        return "" if value is None else value.isoformat("auto" if value.second else "minutes")


class Moment(widgets.DateTimeWidget):  # type: ignore[misc]
    """A moment in UTC such as 2026-03-02T04:00:00Z."""

    def clean(self, value: str, row: Any = None, **kwargs: Any) -> datetime | None:
        """The moment of the cell; without an offset it is in UTC."""
        text = value.strip()
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            words = _("“%(text)s” is not a moment. Write it in UTC like 2026-03-02T04:00:00Z.")
            raise ValueError(words % {"text": _short(text)}) from None
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            words = _("Give a year from %(first)s to %(last)s.")
            raise ValueError(words % {"first": FIRST_YEAR, "last": LAST_YEAR})
        return moment.astimezone(UTC)

    def render(self, value: datetime | None, obj: Any = None, **kwargs: Any) -> str:
        """The text of the moment."""
        return "" if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")


class YesNo(widgets.BooleanWidget):  # type: ignore[misc]
    """`yes` or `no`."""

    TEXTS = {"yes": True, "true": True, "1": True, "是": True, "no": False, "false": False, "0": False, "否": False}

    def clean(self, value: str, row: Any = None, **kwargs: Any) -> bool | None:
        """Whether the cell says yes."""
        text = value.strip().lower()
        if text and text not in self.TEXTS:
            raise ValueError(_("“%(text)s” is neither yes nor no.") % {"text": _short(text)})
        return self.TEXTS.get(text)

    def render(self, value: bool | None, obj: Any = None, **kwargs: Any) -> str:
        """The word."""
        return "" if value is None else "yes" if value else "no"


class Several(widgets.Widget):  # type: ignore[misc]
    """A list of texts, with strokes between them; one to a line where a text has a stroke itself."""

    def clean(self, value: str, row: Any = None, **kwargs: Any) -> list[str]:
        """The texts of the cell."""
        parts = value.splitlines() if "\n" in value else value.split("|")
        return [part.strip() for part in parts if part.strip()]

    def render(self, value: list[str] | None, obj: Any = None, **kwargs: Any) -> str:
        """The texts in one cell."""
        texts = value or []
        return "".join(f"{text}\n" for text in texts) if any("|" in text for text in texts) else "|".join(texts)


class Related(widgets.ForeignKeyWidget):  # type: ignore[misc]
    """Another row by the name that people know it by. `load` reads all that a table names, in few queries."""

    def __init__(self, model: type[models.Model]) -> None:
        super().__init__(model, "pk")
        self.found: dict[str, models.Model] = {}

    def load(self, texts: Iterable[str]) -> None:
        """Read the rows that cells name."""
        wanted = sorted({text.strip() for text in texts} - {""})
        for at in range(0, len(wanted), CHUNK):
            self.found |= {natural_key(row): row for row in _named(self.model, wanted[at : at + CHUNK])}

    def clean(self, value: str, row: Any = None, **kwargs: Any) -> models.Model | None:
        """The row that the cell names."""
        text = value.strip()
        if text and text not in self.found:
            words = {
                Company: _("There is no company “%(text)s”. Write its slug, the last part of its page's address."),
                Filing: _("There is no filing “%(text)s”. Write its slug, or bring it in first: it is the source."),
                Listing: _("There is no listing “%(text)s”. Write exchange and ticker, such as XSHG:688256."),
            }
            raise ValueError(words[self.model] % {"text": _short(text)})
        return self.found.get(text)

    def render(self, value: models.Model | None, obj: Any = None, **kwargs: Any) -> str:
        """The name of the row."""
        return "" if value is None else natural_key(value)


def natural_key(row: models.Model) -> str:
    """The name by which tables speak of a company, a filing or a listing."""
    return str(row) if isinstance(row, Listing) else str(row.slug)  # type: ignore[attr-defined]


def _named(model: type[models.Model], keys: list[str]) -> Iterable[models.Model]:
    if model is not Listing:
        return model._default_manager.filter(slug__in=keys)
    tickers = {key.partition(":")[2] for key in keys}
    return Listing.objects.filter(ticker__in=tickers).select_related("company")


def widget_for(field: models.Field[Any, Any]) -> widgets.Widget:
    """The widget of a model's field."""
    if isinstance(field, models.ForeignKey):
        return Related(field.related_model)  # type: ignore[arg-type]
    if field.choices:
        return Choice(field.flatchoices)
    is_code = any(isinstance(validator, RegexValidator) for validator in field.validators)
    kinds: tuple[tuple[type[models.Field[Any, Any]], type[widgets.Widget]], ...] = (
        (models.DecimalField, Number),
        (models.IntegerField, Whole),
        (models.DateTimeField, Moment),
        (models.DateField, Day),
        (models.TimeField, Clock),
        (models.BooleanField, YesNo),
        (models.JSONField, Several),
    )
    made = next((widget() for kind, widget in kinds if isinstance(field, kind)), None)
    return made or Text(is_code=is_code)


def as_typed(text: str) -> str:
    """A text as a table keeps it: without control characters, with one kind of line end, nothing around it."""
    return CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def _short(text: str) -> str:
    text = text.strip()
    return text if len(text) <= WORDS_SHOWN else f"{text[: WORDS_SHOWN - 1]}…"
