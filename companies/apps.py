"""What was reported, and where it says so."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class CompaniesConfig(AppConfig):
    """Companies, listings, share counts, filings, notes and figures. Knows nothing of prices."""

    name = "companies"
    verbose_name = _("Companies and filings")

    def ready(self) -> None:
        """Have the roles made once their permissions exist, which Django sees to after migrating."""
        from companies.roles import make_roles

        post_migrate.connect(make_roles, sender=self, dispatch_uid="companies.make_roles")
