"""Companies, what they list, what they filed, and the figures their filings state."""

from companies.models.company import Company, CorporateAction, Listing, Segment, ShareClass, ShareCount
from companies.models.figure import Basis, Figure, Known, Metric
from companies.models.filing import Filing, FilingKind, Tier
from companies.models.history import FundingRound, Milestone, Precision
from companies.models.revision import Revision
from companies.models.starter import StarterRecord
from companies.models.user import User

__all__ = [
    "Basis",
    "Company",
    "CorporateAction",
    "Figure",
    "Filing",
    "FilingKind",
    "FundingRound",
    "Known",
    "Listing",
    "Metric",
    "Milestone",
    "Precision",
    "Revision",
    "Segment",
    "ShareClass",
    "ShareCount",
    "StarterRecord",
    "Tier",
    "User",
]
