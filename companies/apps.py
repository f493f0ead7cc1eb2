"""What was reported, and where it says so."""

from typing import Any

from django.apps import AppConfig
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class CompaniesConfig(AppConfig):
    """Companies, listings, share counts, filings, notes and figures. Knows nothing of prices."""

    name = "companies"
    verbose_name = _("Companies and filings")

    def ready(self) -> None:
        """Have the roles made once their permissions exist, and the shared cache: after migrating."""
        from companies.roles import make_roles

        post_migrate.connect(make_roles, sender=self, dispatch_uid="companies.make_roles")
        post_migrate.connect(make_shared_cache, sender=self, dispatch_uid="companies.make_shared_cache")
        self._watch_accounts()

    def _watch_accounts(self) -> None:
        """Let the parts of accounts that belong together know of each other."""
        from allauth.account.signals import password_changed, password_reset, password_set
        from allauth.mfa.signals import authenticator_added
        from django.contrib.auth.signals import user_logged_in
        from django.db.models.signals import post_save

        from companies.accounts import adapter, addresses, devices, second_factor, sessions
        from companies.models import User

        post_save.connect(addresses.keep_address, sender=User, dispatch_uid="accounts.keep_address")
        post_save.connect(sessions.end_sessions_of_the_closed, sender=User, dispatch_uid="accounts.end_sessions")
        user_logged_in.connect(sessions.start_counting, dispatch_uid="accounts.start_counting")
        authenticator_added.connect(second_factor.was_added, dispatch_uid="accounts.was_added")
        password_reset.connect(adapter.let_in, dispatch_uid="accounts.let_in")
        for signal in (password_changed, password_reset, password_set):
            signal.connect(devices.forget_others, dispatch_uid="accounts.forget_others")


def make_shared_cache(using: str = DEFAULT_DB_ALIAS, **kwargs: Any) -> None:
    """Create the table of the cache that all processes share, unless it is there. Called after every migration."""
    call_command("createcachetable", database=using, verbosity=0)
