"""What was reported, and where it says so."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CompaniesConfig(AppConfig):
    """Companies, listings, share counts, filings and figures. Knows nothing of prices."""

    name = "companies"
    verbose_name = _("Companies and filings")
