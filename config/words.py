"""Words of Django and allauth that their own Chinese lacks or says clumsily: ours come first wherever they are said."""

from django.utils.translation import gettext_noop

WORDS = (
    # Django's admin
    gettext_noop(" By %(filter_title)s "),
    gettext_noop("Add %s"),
    gettext_noop("Change %s"),
    gettext_noop("View %s"),
    gettext_noop("Cannot delete %(name)s"),
    gettext_noop("Delete selected %(verbose_name_plural)s"),
    gettext_noop("%(name)s with ID “%(key)s” doesn’t exist. Perhaps it was deleted?"),
    gettext_noop("Model name"),
    gettext_noop("Add link"),
    gettext_noop("Change or view list link"),
    gettext_noop("None available"),
    # allauth
    gettext_noop("MFA"),
    gettext_noop("User Sessions"),
    gettext_noop("Code"),
    gettext_noop("Authenticator code"),
    gettext_noop("Incorrect code."),
    gettext_noop("A new set of recovery codes has been generated."),
)
