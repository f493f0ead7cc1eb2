"""What a rule of the database means to an editor who breaks it, and the field that has to change.

Forms say it beside the field, tables beside the cell. A rule that is not here is named as it is, and a field that a
form does not have passes it to the whole form.
"""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

RULES: dict[str, tuple[str, Promise]] = {
    "company_has_an_english_name": ("name_en", _("A company needs an English name.")),
    "listing_ends_after_it_begins": ("delisted_on", _("It must lie after the first day of trading.")),
    "share_count_is_positive": ("total", _("A number of shares is above zero.")),
    "share_count_is_below_ten_trillion": ("total", _("That is too many: give single shares, fewer than ten trillion.")),
    "corporate_action_ratio_is_positive": ("ratio", _("A ratio is above zero.")),
    "corporate_action_adds_multiplies_or_pays": (
        "new_shares",
        _(
            "A placing adds shares and has ratio 1; a bonus issue or split has a ratio and adds none; a cash dividend "
            "has cash per share and nothing else."
        ),
    ),
    "corporate_action_cash_has_a_currency": ("currency", _("Give cash per share and its currency, or neither.")),
    "corporate_action_has_a_source": ("source", _("Name the filing that announces it.")),
    "figure_has_a_low_or_a_high": ("low", _("Give the low, the high, or both.")),
    "figure_low_is_at_most_high": ("high", _("The high is below the low.")),
    "figure_period_ends_after_it_starts": ("period_end", _("The last day lies before the first.")),
    "figure_of_money_has_a_currency": ("currency", _("An amount of money needs its currency.")),
    "figure_is_of_usable_size": ("high", _("That is too large: amounts are given in units, below a million trillion.")),
    "funding_round_is_of_usable_size": (
        "post_money_high",
        _("That is too large: amounts are given in units, below a million trillion."),
    ),
    "filing_date_has_a_precision": (
        "published_precision",
        _("A date of publication needs its precision, and no date has none."),
    ),
    "filing_has_a_title": ("title", _("A filing needs a title.")),
    "funding_round_date_has_a_precision": ("precision", _("A date needs its precision, and no date has none.")),
    "funding_round_low_is_at_most_high": ("post_money_high", _("The high is below the low.")),
    "quote_close_is_positive": ("close", _("A price is above zero.")),
    "quote_open_high_low_are_positive": ("open", _("Open, high and low are above zero, or empty.")),
    "quote_low_is_at_most_high": ("high", _("The high is below the low.")),
    "quote_has_a_source": ("source", _("Name the source.")),
    "reported_quote_says_something": ("close", _("Give the price, the market value or the number of shares.")),
    "fx_rate_is_positive": ("rate", _("A rate is above zero.")),
    "fx_rate_is_between_two_currencies": ("quote", _("A rate is between two different currencies.")),
    "fx_rate_has_a_source": ("source", _("Name the source.")),
    "exchange_day_has_a_source": ("source", _("Say which notice or data set says so.")),
    "exchange_day_closed_has_no_hours": ("opens", _("A closed day has no hours.")),
    "exchange_day_late_says_when_it_opens": ("opens", _("Say when it opens.")),
    "exchange_day_closes_after_it_opens": ("closes", _("It closes before it opens.")),
    "exchange_year_has_a_source": ("source", _("Say which notice or data set says so.")),
}
