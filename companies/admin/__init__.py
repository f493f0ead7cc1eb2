"""The admin of what was reported: companies, filings and figures, documents, notes; and of people."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from companies.admin import access, companies, documents, filings, imports, notes, people
from companies.admin.base import FactAdmin, FactForm, FactInline, FactOptions, KnownSelect, ReadOnlyAdmin
from companies.admin.companies import CompanyAdmin, ListingAdmin

__all__ = [
    "CompanyAdmin",
    "FactAdmin",
    "FactForm",
    "FactInline",
    "FactOptions",
    "KnownSelect",
    "ListingAdmin",
    "ReadOnlyAdmin",
    "access",
    "companies",
    "documents",
    "filings",
    "imports",
    "notes",
    "people",
]

admin.site.site_header = "Xinpan 芯盘"
admin.site.site_title = "Xinpan 芯盘"
admin.site.index_title = _("Facts, prices and people")
admin.site.empty_value_display = "—"
