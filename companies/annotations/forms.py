"""What people send when they write, list and import notes."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext, pgettext_lazy

from companies.annotations.editing import Audience, Text
from companies.annotations.reading import Choice, audience_from, groups_of
from companies.annotations.tags import MOST_TAGS, parse_tags
from companies.filings.anchoring import NoSuchPassage, anchor_at, find_passage
from companies.models import LONGEST_BODY, LONGEST_TAG, Anchor, Filing, FilingVersion, User, Visibility

LARGEST_NUMBER = 2**31 - 1  # that the database keeps
LARGEST_IMPORT = 2_000_000  # bytes: below what Django takes in a form, which carries the file to its confirmation


class LinesField(forms.CharField):
    """Text of many lines. Browsers send two characters for each end of a line and count one."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> str:
        """The text with one character for each end of a line, and no white space at its end."""
        text: str = super().to_python(value) or ""
        return text.replace("\r\n", "\n").replace("\r", "\n").rstrip()


class TagsField(forms.CharField):
    """Tags, separated by commas."""

    def clean(self, value: Any) -> Any:
        """A list of tags."""
        tags = parse_tags(super().clean(value))
        if len(tags) > MOST_TAGS:
            raise ValidationError(_("A note has at most %(most)d tags."), params={"most": MOST_TAGS})
        if long := next((tag for tag in tags if len(tag) > LONGEST_TAG), None):
            problem = _("The tag “%(tag)s…” is too long: at most %(most)d characters. Separate tags by commas.")
            raise ValidationError(problem, params={"tag": long[:LONGEST_TAG], "most": LONGEST_TAG})
        return tags


class WritingForm(forms.Form):
    """What every note has: its text and tags."""

    body = LinesField(label=pgettext_lazy("annotation", "Note"), required=False, strip=False, max_length=LONGEST_BODY)
    tags = TagsField(label=_("Tags"), required=False)
    # Who was signed in when the form was made: on a shared computer somebody else may be by now.
    writer = forms.IntegerField(required=False, max_value=LARGEST_NUMBER, widget=forms.HiddenInput)

    def __init__(self, *args: Any, user: User | AnonymousUser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    @property
    def text(self) -> Text:
        """What the note will say."""
        return Text(self.cleaned_data["body"], tuple(self.cleaned_data["tags"]))

    @property
    def problems(self) -> list[str]:
        """Everything that is wrong, in words, each with the name of its field."""
        found = []
        colon = pgettext("between a name and what it says", ": ")
        for name, errors in self.errors.items():
            label = self.fields[name].label if name in self.fields else None
            found += [f"{label}{colon}{error}" if label else str(error) for error in errors]
        return found


class AudienceForm(WritingForm):
    """A note at the head of a thread: also who may see it."""

    visible_to = forms.ChoiceField(label=_("Visible to"), initial=Visibility.PERSONAL)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["visible_to"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            (Visibility.PERSONAL.value, Visibility.PERSONAL.label),
            *((str(group.pk), group.name) for group in groups_of(self.user)),
            (Visibility.PUBLIC.value, Visibility.PUBLIC.label),
        ]
        field.error_messages["invalid_choice"] = _("You are not in that group (any more). Choose again who sees it.")

    @property
    def audience(self) -> Audience:
        """Who will see the note."""
        return audience_from(self.cleaned_data["visible_to"], self.user) or Audience()


class NoteForm(AudienceForm):
    """A new note: on a selection (`start`, `end`), or on words that are given by hand."""

    filing = forms.IntegerField(min_value=1, max_value=LARGEST_NUMBER, widget=forms.HiddenInput)
    version = forms.IntegerField(required=False, min_value=1, max_value=LARGEST_NUMBER, widget=forms.HiddenInput)
    page = forms.IntegerField(label=_("Page"), required=False, min_value=1, max_value=LARGEST_NUMBER)
    start = forms.IntegerField(required=False, min_value=0, max_value=LARGEST_NUMBER, widget=forms.HiddenInput)
    end = forms.IntegerField(required=False, min_value=0, max_value=LARGEST_NUMBER, widget=forms.HiddenInput)
    exact = LinesField(label=_("Passage, word for word"), required=False, strip=False)
    prefix = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)  # type: ignore[assignment]
    suffix = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)
    anchor: Anchor | None = None

    def clean(self) -> dict[str, Any]:
        """Find the passage."""
        data = super().clean() or self.cleaned_data
        if {"filing", "version", "page", "start", "end", "exact"} & set(self.errors):
            return data
        versions = FilingVersion.objects.filter(filing=data["filing"]).select_related("filing").order_by("-number")
        version = (versions.filter(number=data["version"]) if data["version"] else versions).first()
        if version is None:
            raise ValidationError(_("There is no such document (any more). Open the filing again."))
        try:
            self.anchor = self._passage(version, data)
        except NoSuchPassage as problem:
            raise ValidationError(problem.message) from problem
        return data

    @staticmethod
    def _passage(version: FilingVersion, data: dict[str, Any]) -> Anchor:
        if data["page"] is not None and data["start"] is not None and data["end"] is not None:
            return anchor_at(version, data["page"], data["start"], data["end"], data["exact"])
        return find_passage(version, data["exact"], data["prefix"], data["suffix"], data["page"])


class ReplyForm(WritingForm):
    """An answer. It says something, and knows who saw the thread when it was begun."""

    seen_by = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["body"].required = True
        self.fields["body"].error_messages["required"] = _("A reply says something.")


class EditForm(AudienceForm):
    """A changed note, and which revision of it was read. A highlight may stay without words."""

    revision = forms.IntegerField(min_value=1, max_value=LARGEST_NUMBER, widget=forms.HiddenInput)


class EditReplyForm(WritingForm):
    """A changed reply."""

    revision = forms.IntegerField(min_value=1, max_value=LARGEST_NUMBER, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["body"].required = True
        self.fields["body"].error_messages["required"] = _("A reply says something.")


class FilterForm(forms.Form):
    """What a list of notes is narrowed to, in its address."""

    whose = forms.ChoiceField(
        label=_("Whose"),
        required=False,
        choices=[
            ("", _("all I may see")), ("mine", _("mine")), ("groups", _("my groups’")),
            ("mentions", _("that mention me")),
        ],
    )  # fmt: skip
    q = forms.CharField(label=_("Words"), required=False, max_length=200)
    tag = forms.CharField(label=_("Tag"), required=False, max_length=LONGEST_TAG)
    author = forms.CharField(label=_("Author"), required=False, max_length=150)
    company = forms.CharField(label=_("Company"), required=False, max_length=100)
    filing = forms.IntegerField(label=_("Filing"), required=False, min_value=1, max_value=LARGEST_NUMBER)
    resolved = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[("", _("open and resolved")), ("no", pgettext_lazy("thread", "open")), ("yes", _("resolved"))],
    )
    visibility = forms.ChoiceField(
        label=_("Visible to"), required=False, choices=[("", _("whoever")), *Visibility.choices]
    )
    state = forms.ChoiceField(
        label=_("Passage"), required=False, choices=[("", _("wherever it stands")), *Anchor.State.choices]
    )
    deleted = forms.BooleanField(label=_("Deleted by me or of mine"), required=False)

    def choice(self) -> Choice:
        """What is asked for. Call it when the form is valid."""
        return Choice(**self.cleaned_data)


class ThreadsForm(forms.Form):
    """What is shown beside a filing."""

    version = forms.IntegerField(required=False, min_value=1, max_value=LARGEST_NUMBER)
    whose = forms.ChoiceField(required=False, choices=[("", ""), ("mine", ""), ("groups", "")])
    open = forms.BooleanField(required=False)


class ImportForm(forms.Form):
    """A file of notes, or its text when the reader confirms what it would do."""

    file = forms.FileField(label=_("File"), required=False)
    text = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        """The text of the file."""
        data = super().clean() or self.cleaned_data
        file = data.get("file")
        if file is not None:
            if file.size > LARGEST_IMPORT:
                raise ValidationError(_("The file is larger than 2 MB. Export fewer notes at a time."))
            try:
                data["text"] = file.read().decode("utf-8-sig")
            except UnicodeDecodeError as wrong:
                raise ValidationError(_("The file is not text in UTF-8. Choose one exported as JSON-LD.")) from wrong
        if not data.get("text"):
            raise ValidationError(_("Choose a file."))
        return data


def filing_of(pk: str) -> Filing | None:
    """The filing that a form names, whatever else is wrong with it."""
    return Filing.objects.filter(pk=int(pk)).first() if pk.isascii() and pk.isdigit() and len(pk) < 10 else None
