"""The files of filings: each version as it came, and its text by page."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from companies.models.filing import Filing, web_address
from companies.models.user import User


class MediaType(models.TextChoices):
    """What a stored file is, by its first bytes; the values are media types."""

    PDF = "application/pdf", _("PDF")
    HTML = "text/html", _("web page")


class FilingVersion(models.Model):
    """One file of a filing, stored under the hash of its bytes, and what came of reading its text."""

    class Status(models.TextChoices):
        """Where the text of the file stands. All but the first are final until somebody asks again."""

        WAITING = "waiting", _("text is being read")
        READY = "ready", _("text can be read")
        NO_TEXT = "no_text", _("no text in this document")
        ENCRYPTED = "encrypted", _("protected by a password")
        BROKEN = "broken", _("damaged: it cannot be opened")
        TOO_LONG = "too_long", _("too many pages")
        TOO_SLOW = "too_slow", _("reading it took too long")
        TOO_BIG = "too_big", _("reading it needs too much memory")

    filing = models.ForeignKey(Filing, on_delete=models.CASCADE, related_name="versions", verbose_name=_("filing"))
    number = models.PositiveIntegerField(_("version"), help_text=_("1 is the first that came; the highest is shown."))
    sha256 = models.CharField(_("SHA-256"), max_length=64, help_text=_("Of the bytes of the file."))
    media_type = models.CharField(_("type"), max_length=20, choices=MediaType)
    size = models.PositiveBigIntegerField(_("size"), help_text=_("In bytes."))
    file_name = models.CharField(_("file name"), max_length=200, blank=True, help_text=_("As it was uploaded."))
    url = models.URLField(_("fetched from"), max_length=1000, blank=True, help_text=_("Empty: uploaded."))
    received_at = models.DateTimeField(_("received at"))
    received_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("brought in by")
    )
    status = models.CharField(_("text"), max_length=10, choices=Status, default=Status.WAITING)
    problem = models.CharField(
        _("problem"), max_length=300, blank=True, help_text=_("What the reader of the file said.")
    )
    extractor = models.CharField(_("read by"), max_length=60, blank=True, help_text=_("Program and version."))
    extraction = models.PositiveIntegerField(
        _("times read"), default=0, help_text=_("Goes up when the text is read anew; anchors are checked then.")
    )
    extracted_at = models.DateTimeField(_("read at"), null=True, blank=True)
    page_count = models.PositiveIntegerField(_("pages"), null=True, blank=True, help_text=_("Empty: not known yet."))
    outline = models.JSONField(
        _("outline"),
        default=list,
        blank=True,
        help_text=_("Entries {title, page, level}, in order; level 0 is outermost."),
    )

    class Meta:
        """Newest last; the same bytes are one version."""

        verbose_name = _("version of a filing")
        verbose_name_plural = _("versions of filings")
        ordering = ["filing", "number"]
        constraints = [
            models.UniqueConstraint(fields=["filing", "number"], name="filing_version_number_once"),
            models.UniqueConstraint(fields=["filing", "sha256"], name="filing_version_bytes_once"),
            models.CheckConstraint(condition=Q(number__gt=0), name="filing_version_counts_from_one"),
            models.CheckConstraint(condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="filing_version_has_a_hash"),
            models.CheckConstraint(condition=Q(size__gt=0), name="filing_version_is_not_empty"),
            models.CheckConstraint(condition=Q(media_type__in=MediaType.values), name="filing_version_type_is_known"),
            models.CheckConstraint(condition=web_address("url"), name="filing_version_url_is_a_web_address"),
            models.CheckConstraint(
                condition=~Q(status="ready") | Q(page_count__gt=0, extracted_at__isnull=False),
                name="filing_version_that_is_ready_has_pages",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.filing}, {self.number}"

    @property
    def path(self) -> Path:
        """Where the file lies. Equal bytes of several filings are one file."""
        suffix = ".pdf" if self.media_type == MediaType.PDF else ".html"
        return Path(settings.DOCUMENT_DIR) / self.sha256[:2] / f"{self.sha256}{suffix}"

    @property
    def is_pdf(self) -> bool:
        """Whether there are pages to show as they were printed."""
        return self.media_type == MediaType.PDF


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring characters of one line and one script, and their box on the page.

    `start` and `end` count in the page's `text`. The box is in tenths of a point from the page's lower left corner.
    Characters of a run share its width evenly.
    """

    start: int
    end: int
    left: int
    bottom: int
    right: int
    top: int


class FilingPage(models.Model):
    """The text of one page. Everything that is searched, marked or quoted counts in `text`."""

    version = models.ForeignKey(
        FilingVersion, on_delete=models.CASCADE, related_name="pages", verbose_name=_("version")
    )
    number = models.PositiveIntegerField(_("page"), help_text=_("From 1. A web page has pages of our own making."))
    text = models.TextField(_("text"), blank=True, help_text=_("Normalised, see `companies.filings.text`."))
    raw = models.TextField(
        _("text as it came"),
        blank=True,
        help_text=_("Of a PDF, before it was normalised; empty when that changed nothing."),
    )
    html = models.TextField(_("markup"), blank=True, help_text=_("Of a web page, cleaned; its text is exactly `text`."))
    width = models.PositiveIntegerField(_("width"), default=0, help_text=_("In tenths of a point; 0: has no size."))
    height = models.PositiveIntegerField(_("height"), default=0, help_text=_("In tenths of a point; 0: has no size."))
    packed_runs = models.BinaryField(_("boxes"), default=b"", editable=False, help_text=_("Where the text stands."))

    class Meta:
        """In order."""

        verbose_name = _("page")
        verbose_name_plural = _("pages")
        ordering = ["version", "number"]
        constraints = [
            models.UniqueConstraint(fields=["version", "number"], name="filing_page_once"),
            models.CheckConstraint(condition=Q(number__gt=0), name="filing_page_counts_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.version}, p. {self.number}"

    def set_runs(self, runs: list[Run]) -> Self:
        """Keep where the text stands on the page."""
        rows = [[run.start, run.end, run.left, run.bottom, run.right, run.top] for run in runs]
        self.packed_runs = zlib.compress(json.dumps(rows, separators=(",", ":")).encode()) if rows else b""
        return self

    @property
    def runs(self) -> list[Run]:
        """Where the text stands on the page, in its order; empty for web pages."""
        return [Run(*row) for row in json.loads(zlib.decompress(self.packed_runs))] if self.packed_runs else []
