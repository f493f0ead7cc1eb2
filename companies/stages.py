"""Where a company stands on its way to a listing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from django.db.models import Case, CharField, Exists, OuterRef, Q, Value, When
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, pgettext_lazy

from companies.models import Listing, Milestone

APPLYING = (
    Milestone.Kind.TUTORING_FILED, Milestone.Kind.TUTORING_COMPLETED, Milestone.Kind.CONFIDENTIAL_FILING,
    Milestone.Kind.APPLICATION_ACCEPTED, Milestone.Kind.INQUIRY_ISSUED, Milestone.Kind.COMMITTEE_PASSED,
    Milestone.Kind.HEARING_PASSED, Milestone.Kind.REGISTRATION_APPROVED, Milestone.Kind.PRICED,
    Milestone.Kind.OFFERING_OPENED, Milestone.Kind.ALLOTMENT_RESULT,
)  # fmt: skip

STAGES: Mapping[str, str | Promise] = {
    "listed": pgettext_lazy("stage", "listed"),
    "delisted": pgettext_lazy("stage", "delisted"),
    "applying": gettext_lazy("applying for a listing"),
    "private": gettext_lazy("not listed"),
}


def is_applying(day: date) -> Exists:
    """For a query of companies: whether a step towards a listing was taken and known on `day`."""
    steps = Milestone.objects.filter(kind__in=APPLYING, day__lte=day, known_on__lte=day)
    return Exists(steps.filter(company=OuterRef("pk")))


def stage_on(day: date) -> Case:
    """For a query of companies: where each stood on `day`, a key of `STAGES`."""
    listings = Listing.objects.filter(company=OuterRef("pk"))
    trading = Q(listed_on=None) | Q(listed_on__lte=day), Q(delisted_on=None) | Q(delisted_on__gt=day)
    return Case(
        When(Exists(listings.filter(*trading)), then=Value("listed")),
        When(Exists(listings.filter(delisted_on__lte=day)), then=Value("delisted")),
        When(is_applying(day), then=Value("applying")),
        default=Value("private"),
        output_field=CharField(),
    )
