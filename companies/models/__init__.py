"""Companies, what they list, what they filed, and the figures their filings state."""

from companies.models.access import Invitation, KnownDevice
from companies.models.anchor import CONTEXT, LONGEST_QUOTE, Anchor
from companies.models.annotation import (
    LONGEST_BODY,
    LONGEST_TAG,
    Annotation,
    AnnotationMention,
    AnnotationRevision,
    AnnotationTag,
    NoteGroup,
    Visibility,
    shared_with,
)
from companies.models.company import Company, CorporateAction, Listing, Segment, ShareClass, ShareCount
from companies.models.document import FilingPage, FilingVersion, MediaType, Run
from companies.models.figure import Basis, Figure, Known, Metric
from companies.models.filing import Filing, FilingKind, Tier
from companies.models.history import FundingRound, Milestone, Precision
from companies.models.revision import Revision
from companies.models.search import SearchPart
from companies.models.sheet_import import SheetImport
from companies.models.starter import StarterRecord
from companies.models.user import User

__all__ = [
    "CONTEXT",
    "LONGEST_BODY",
    "LONGEST_QUOTE",
    "LONGEST_TAG",
    "Anchor",
    "Annotation",
    "AnnotationMention",
    "AnnotationRevision",
    "AnnotationTag",
    "Basis",
    "Company",
    "CorporateAction",
    "Figure",
    "Filing",
    "FilingKind",
    "FilingPage",
    "FilingVersion",
    "FundingRound",
    "Invitation",
    "Known",
    "KnownDevice",
    "Listing",
    "MediaType",
    "Metric",
    "Milestone",
    "NoteGroup",
    "Precision",
    "Revision",
    "Run",
    "SearchPart",
    "Segment",
    "ShareClass",
    "ShareCount",
    "SheetImport",
    "StarterRecord",
    "Tier",
    "User",
    "Visibility",
    "shared_with",
]
