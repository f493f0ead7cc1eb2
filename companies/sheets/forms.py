"""The form that takes a table."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from companies.sheets.reading import MOST_BYTES


class ImportForm(forms.Form):
    """A file, and why its rows are brought in."""

    file = forms.FileField(
        label=gettext_lazy("File"), allow_empty_file=True, required=False,
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx"}),
    )  # fmt: skip
    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=300,
        help_text=gettext_lazy("Why; it goes into the history of each row."),
    )  # fmt: skip

    def __init__(self, *args: Any, asks_why: bool, is_too_large: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        self.fields["reason"].required = asks_why
        self.is_too_large = is_too_large

    def clean_file(self) -> Any:
        """Something was chosen, holds something and is not too large."""
        file = self.cleaned_data["file"]
        if self.is_too_large:
            words = _("The file is larger than %(most)s MB. Divide it.")
            raise ValidationError(words % {"most": MOST_BYTES // 2**20})
        if file is None:
            raise ValidationError(_("Choose a CSV or XLSX file."))
        if not file.size:
            raise ValidationError(_("The file is empty."))
        return file
