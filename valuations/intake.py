"""Bringing in a filing: the form, and what becomes of it."""

from __future__ import annotations

import hashlib
import re
from datetime import date
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from companies.filings.not_fetched import NotFetched
from companies.filings.store import store_version, versions_with
from companies.models import Company, Filing, FilingKind, FilingVersion, Revision, Tier, User
from valuations.ledger import request_documents
from valuations.models import RefreshRun

_CHINESE = re.compile("[\u3400-\u9fff]")
_OF_A_FILING = re.compile(r"\s*(?:\S*/filings/)?([0-9]{1,9})/?(?:[?#]\S*)?\s*")


def checked_address(typed: str) -> str:
    """An address that may be asked for a document, in its usual spelling. Nothing is asked.

    Raises:
        NotFetched: it is none, or leads where nothing is fetched from.
    """
    # Imported here: what fetches is for workers, and takes its time to load.
    from companies.filings.download import check_address

    return str(check_address(typed))


class DocumentForm(forms.Form):
    """A file, or the address of one."""

    file = forms.FileField(
        label=gettext_lazy("File"), required=False, allow_empty_file=True,
        help_text=gettext_lazy("A PDF or a web page saved as HTML."),
    )  # fmt: skip
    address = forms.CharField(
        label=gettext_lazy("Or its address"), required=False, max_length=1000,
        help_text=gettext_lazy("The server fetches the document there."),
        widget=forms.URLInput(attrs={"placeholder": "https://", "autocomplete": "off"}),
    )  # fmt: skip

    def __init__(self, *args: Any, problem: str = "", **kwargs: Any) -> None:
        """`problem`: why the file was not taken from the browser."""
        super().__init__(*args, **kwargs)
        self.problem = problem

    def clean_address(self) -> str:
        """The address as it is stored, if we would fetch it."""
        typed = str(self.cleaned_data["address"]).strip()
        if not typed:
            return ""
        if not settings.SOURCES_ENABLED:
            raise ValidationError(_("Fetching is switched off on this instance (SOURCES_ENABLED). Upload the file."))
        try:
            address = checked_address(typed)
        except NotFetched as error:
            raise ValidationError(str(error)) from error
        if len(address) > 1000:
            raise ValidationError(_("The address is too long."))
        return address

    def clean(self) -> dict[str, Any]:
        """One of the two, and not both."""
        cleaned = super().clean() or {}
        upload = cleaned.get("file")
        if self.problem:
            self.add_error("file", self.problem)
        elif upload is not None and not upload.size:
            self.add_error("file", _("The file is empty."))
        elif not self.errors and (upload is None) == (not cleaned.get("address")):
            both, neither = _("Choose a file or give an address, not both."), _("Choose a file or give an address.")
            self.add_error("file", both if upload else neither)
        return cleaned

    @property
    def upload(self) -> UploadedFile | None:
        """The file, where one was chosen."""
        return self.cleaned_data.get("file")


class FilingForm(DocumentForm):
    """What is known of a filing besides its document."""

    company = forms.ModelChoiceField(
        Company.objects.none(), label=gettext_lazy("Company"), required=False,
        help_text=gettext_lazy("Empty when the document is about several companies or about none."),
    )  # fmt: skip
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=FilingKind.choices, initial=FilingKind.OTHER)
    title = forms.CharField(
        label=gettext_lazy("Title"), required=False, max_length=400,
        help_text=gettext_lazy("As printed. Empty: the name of the file."),
    )  # fmt: skip
    title_original = forms.CharField(
        label=gettext_lazy("Original title"), required=False, max_length=400,
        help_text=gettext_lazy("Where the title above is a translation."),
    )  # fmt: skip
    language = forms.ChoiceField(
        label=gettext_lazy("Language"), required=False,
        choices=[("", gettext_lazy("by its title")), ("zh", gettext_lazy("Chinese")), ("en", gettext_lazy("English"))],
    )  # fmt: skip
    publisher = forms.CharField(label=gettext_lazy("Publisher"), required=False, max_length=120)
    published_on = forms.DateField(
        label=gettext_lazy("Published on"), required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )  # fmt: skip
    published_precision = forms.ChoiceField(
        label=gettext_lazy("The date is exact to the"),
        choices=[
            ("day", pgettext_lazy("precision", "day")), ("month", gettext_lazy("month")), ("year", gettext_lazy("year"))
        ],
    )  # fmt: skip
    tier = forms.ChoiceField(
        label=gettext_lazy("How near to the company's own words"), choices=Tier.choices, initial=Tier.OFFICIAL
    )
    corrects = forms.CharField(
        label=gettext_lazy("Corrects the filing"), required=False, max_length=300,
        help_text=gettext_lazy("The address of the earlier filing here, or its number. Empty: none."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        company = self.fields["company"]
        assert isinstance(company, forms.ModelChoiceField)
        company.queryset = Company.objects.current().order_by("name_en")

    def clean_corrects(self) -> Filing | None:
        """The filing that is named by its number or its address here."""
        typed = str(self.cleaned_data["corrects"])
        if not typed.strip():
            return None
        number = _OF_A_FILING.fullmatch(typed)
        filing = Filing.objects.filter(pk=int(number[1])).first() if number else None
        if filing is None:
            raise ValidationError(_("There is no such filing here."))
        return filing

    def clean(self) -> dict[str, Any]:
        """A title at least from the name of the file, and a document that is not here yet."""
        cleaned = super().clean()
        if self.errors:
            return cleaned
        cleaned["title"] = cleaned["title"].strip() or _title_from(self.upload, cleaned["address"])
        if not cleaned["title"]:
            self.add_error("title", _("Give a title."))
        corrected, company = cleaned["corrects"], cleaned["company"]
        if corrected and company and corrected.company_id not in (None, company.pk):
            self.add_error("corrects", _("That filing is of another company."))
        known = _known_as(self.upload, cleaned["address"])
        if known is not None:
            link = format_html('<a href="{}">{}</a>', reverse("filings:reader", args=[known.pk]), known)
            field = "file" if self.upload else "address"
            self.add_error(field, format_html(_("This document is here already: {}"), link))
        return cleaned


def bring_in(form: FilingForm, user: User) -> Filing:
    """Make the filing of a valid form, and ask for its document to be fetched and read. All of it, or nothing.

    Raises:
        NotStored: The uploaded file is no document, or could not be kept.
    """
    given = form.cleaned_data
    day: date | None = given["published_on"]
    title = given["title"]
    with transaction.atomic():
        filing = Filing.objects.create(
            slug=f"{slugify(title, allow_unicode=True)[:100]}-{uuid4().hex[:8]}".strip("-"),
            company=given["company"],
            kind=given["kind"],
            tier=given["tier"],
            title=title,
            title_original=given["title_original"].strip(),
            publisher=given["publisher"].strip(),
            language=given["language"] or ("zh" if _CHINESE.search(given["title_original"] or title) else "en"),
            published_on=day,
            published_precision=given["published_precision"] if day else "",
            url=given["address"],
            corrects=given["corrects"],
            added_by=user,
            added_at=timezone.now(),
        )
        if form.upload is not None:
            store_upload(filing, form.upload, user)
        else:
            request_documents([filing], RefreshRun.Trigger.STAFF, user)
        Revision.bump()
    return filing


def store_upload(filing: Filing, upload: UploadedFile, user: User) -> bool:
    """Keep an uploaded file as the newest version of a filing, and ask for its text. False: it had these bytes.

    Raises:
        NotStored: It is no document, or could not be kept.
    """
    upload.seek(0)
    with transaction.atomic():
        stored = store_version(filing, upload, file_name=upload.name or "", user=user)
        if stored.created or stored.version.status == FilingVersion.Status.WAITING:
            request_documents([filing], RefreshRun.Trigger.STAFF, user, only_read=True)
    return stored.created


def _known_as(upload: UploadedFile | None, address: str) -> Filing | None:
    """The filing that has this very document, if there is one."""
    if upload is None:
        return Filing.objects.filter(~Q(url=""), url=address).order_by("pk").first()
    upload.seek(0)
    versions = versions_with(hashlib.file_digest(upload, "sha256").hexdigest())
    return versions[0].filing if versions else None


def _title_from(upload: UploadedFile | None, address: str) -> str:
    """The name of a file, without its ending and the marks that stand for spaces."""
    name = (upload.name or "") if upload else unquote(urlsplit(address).path)
    stem = PurePosixPath(name.replace("\\", "/")).stem
    # An address may hold any character, written as %00: not all of them can be stored, or belong in a title.
    plain = "".join(letter for letter in re.sub(r"[\s_]+", " ", stem) if letter.isprintable())
    return plain.strip()[:400] or (urlsplit(address).hostname or "")
