"""Where a passage stands in a document, and whether that is still so."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from companies.models.document import FilingVersion
from companies.models.user import User

LONGEST_QUOTE = 5_000  # characters: some pages
CONTEXT = 64  # characters before and after a quote that are kept with it


class Anchor(models.Model):
    """A passage: its words, a little before and after them, and their place on one page of one version.

    The model of W3C Web Annotation: `exact`, `prefix` and `suffix` are a TextQuoteSelector, `start` and `end` a
    TextPositionSelector, in characters (code points) of the normalised text of the page.
    """

    class State(models.TextChoices):
        """What is known of the place since the last check."""

        EXACT = "exact", _("exact")
        MOVED = "moved", _("moved: the same words stand elsewhere now")
        NEEDS_REVIEW = "needs_review", _("needs review")
        EARLIER = "earlier", _("kept with the earlier version")

    version = models.ForeignKey(
        FilingVersion, on_delete=models.PROTECT, related_name="anchors", verbose_name=_("version"),
        help_text=_("The last version in which the passage was found, word for word."),
    )  # fmt: skip
    page = models.PositiveIntegerField(_("page"))
    start = models.PositiveIntegerField(_("start"), help_text=_("Characters of the page before the passage."))
    end = models.PositiveIntegerField(_("end"), help_text=_("Characters of the page up to the end of the passage."))
    exact = models.TextField(_("passage"), help_text=_("Word for word, normalised."))
    prefix = models.CharField(_("before it"), max_length=CONTEXT, blank=True)
    suffix = models.CharField(_("after it"), max_length=CONTEXT, blank=True)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.EXACT)
    checked_at = models.DateTimeField(_("checked at"))
    # What the last check thought of, where it was not sure: for the person who decides.
    candidate_version = models.ForeignKey(
        FilingVersion, on_delete=models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("version to be looked at"),
    )  # fmt: skip
    candidate_page = models.PositiveIntegerField(_("page of the nearest passage"), null=True, blank=True)
    candidate_start = models.PositiveIntegerField(_("start of the nearest passage"), null=True, blank=True)
    candidate_end = models.PositiveIntegerField(_("end of the nearest passage"), null=True, blank=True)
    reason = models.CharField(
        _("reason"), max_length=40, blank=True, help_text=_("Short code: why a person has to look.")
    )
    decided_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)

    class Meta:
        """By place."""

        verbose_name = _("anchor")
        verbose_name_plural = _("anchors")
        ordering = ["version", "page", "start", "pk"]
        indexes = [
            models.Index(fields=["version", "page"], name="anchor_by_page"),
            models.Index(fields=["checked_at"], condition=Q(state="needs_review"), name="anchor_to_review"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(page__gt=0), name="anchor_page_counts_from_one"),
            models.CheckConstraint(condition=Q(start__lt=F("end")), name="anchor_ends_after_it_starts"),
            models.CheckConstraint(condition=~Q(exact=""), name="anchor_quotes_something"),
            models.CheckConstraint(
                condition=~Q(state="needs_review") | Q(candidate_version__isnull=False) & ~Q(reason=""),
                name="anchor_to_review_says_why",
            ),
            models.CheckConstraint(
                condition=Q(candidate_page=None, candidate_start=None, candidate_end=None)
                | Q(candidate_page__gt=0, candidate_start__lt=F("candidate_end")),
                name="anchor_candidate_is_whole",
            ),
        ]

    def __str__(self) -> str:
        # Not the words: which of them somebody marked for themselves is nobody else's to see, not even in the admin.
        return f"{self.page}: {self.start}-{self.end}"

    @property
    def stands_in_its_version(self) -> bool:
        """Whether the place is that of the words: not once the text of the version itself was read differently."""
        return self.state != self.State.NEEDS_REVIEW or self.candidate_version_id != self.version_id
