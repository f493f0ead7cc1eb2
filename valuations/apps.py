"""What the market says, and what follows from it."""

from django.apps import AppConfig
from django.core.checks import register
from django.utils.translation import gettext_lazy as _


class ValuationsConfig(AppConfig):
    """Quotes, exchange rates, refresh runs and the valuations computed from them."""

    name = "valuations"
    verbose_name = _("Prices and valuations")

    def ready(self) -> None:
        """Have our settings checked with Django's own, and tell forms, tables and profiles what prices add."""
        from companies.admin.effects import register_effects
        from companies.preferences import register_choices
        from companies.rules import register_currencies
        from companies.sheets.tables import register as register_table
        from valuations import effects
        from valuations.configuration import prices_are_not_asked_for_every_second, sources_are_known
        from valuations.state import BASIS_LABELS, CURRENCY_LABELS

        register(sources_are_known)
        register(prices_are_not_asked_for_every_second)
        register_choices("basis", lambda: BASIS_LABELS)
        register_choices("currency", lambda: CURRENCY_LABELS)
        register_currencies(effects.convertible)
        register_effects(effects)
        for name in ("Quote", "ReportedQuote", "FxRate", "ExchangeDay", "ExchangeYear"):
            register_table(f"valuations.{name.lower()}", f"valuations.sheets.{name}Resource")
