"""Where a company stands on its way to a listing."""

from __future__ import annotations

from datetime import date

from django.db.models import Exists, OuterRef

from companies.models import Milestone

APPLYING = (
    Milestone.Kind.TUTORING_FILED, Milestone.Kind.TUTORING_COMPLETED, Milestone.Kind.CONFIDENTIAL_FILING,
    Milestone.Kind.APPLICATION_ACCEPTED, Milestone.Kind.INQUIRY_ISSUED, Milestone.Kind.COMMITTEE_PASSED,
    Milestone.Kind.HEARING_PASSED, Milestone.Kind.REGISTRATION_APPROVED, Milestone.Kind.PRICED,
    Milestone.Kind.OFFERING_OPENED, Milestone.Kind.ALLOTMENT_RESULT,
)  # fmt: skip


def is_applying(day: date) -> Exists:
    """For a query of companies: whether a step towards a listing was taken and known on `day`."""
    steps = Milestone.objects.filter(kind__in=APPLYING, day__lte=day, known_on__lte=day)
    return Exists(steps.filter(company=OuterRef("pk")))
