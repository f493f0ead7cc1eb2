"""Figures: what a filing states, as a range, for a period, on a basis."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, Self

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Value
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from companies.models.anchor import Anchor
from companies.models.company import Company, Listing
from companies.models.filing import Filing, FilingKind
from companies.models.user import User

# Far above any amount of money, and as much as SQLite can give back digit by digit.
LARGEST = 10**18


def of_usable_size(*fields: str) -> Q:
    """For a constraint: each field is empty or between the largest amounts either side of zero."""
    condition = Q()
    for field in fields:
        condition &= Q(**{field: None}) | Q(**{f"{field}__gt": -LARGEST, f"{field}__lt": LARGEST})
    return condition


class Metric(models.TextChoices):
    """What a figure measures. Amounts of money are in units of their currency, shares and heads are counts."""

    REVENUE = "revenue", _("revenue")
    NET_PROFIT = "net_profit_attributable", _("net profit attributable to shareholders")
    RD_EXPENSE = "rd_expense", _("R&D expense")
    GROSS_PROFIT = "gross_profit", _("gross profit")
    GROSS_MARGIN = "gross_margin_pct", _("gross margin (%)")
    OPERATING_CASH_FLOW = "operating_cash_flow", _("operating cash flow")
    ORDER_BACKLOG = "order_backlog", _("order backlog")
    NET_ASSETS = "net_assets", _("net assets")
    TOTAL_ASSETS = "total_assets", _("total assets")
    CASH = "cash", _("cash")
    FUNDS_RAISED = "funds_raised", _("funds raised")
    SHARES_OUTSTANDING = "shares_outstanding", _("shares outstanding")
    UNITS_SHIPPED = "units_shipped", _("units shipped")
    MARKET_SHARE = "market_share_pct", _("market share (%)")
    EMPLOYEES = "employees", _("employees")
    CUSTOMERS_TOP5 = "customers_top5_pct", _("five largest customers (% of revenue)")
    OFFER_PRICE = "offer_price", _("offer price")
    OFFER_SHARES = "offer_shares", _("shares offered")
    FIRST_DAY_OPEN = "first_day_open", _("first-day open")
    FIRST_DAY_HIGH = "first_day_high", _("first-day high")
    FIRST_DAY_CLOSE = "first_day_close", _("first-day close")
    FIRST_DAY_CHANGE = "first_day_change_pct", _("first-day change (%)")
    LOT_SIZE = "lot_size", _("lot size")
    WINNING_RATE = "online_winning_rate_pct", _("winning rate, online (%)")
    INSTITUTIONAL_SHARE = "institutional_share_pct", _("institutional share (%)")


MONEY_METRICS = (
    Metric.REVENUE, Metric.NET_PROFIT, Metric.RD_EXPENSE, Metric.GROSS_PROFIT, Metric.OPERATING_CASH_FLOW,
    Metric.ORDER_BACKLOG, Metric.NET_ASSETS, Metric.TOTAL_ASSETS, Metric.CASH, Metric.FUNDS_RAISED,
    Metric.OFFER_PRICE, Metric.FIRST_DAY_OPEN, Metric.FIRST_DAY_HIGH, Metric.FIRST_DAY_CLOSE,
)  # fmt: skip


class Basis(models.TextChoices):
    """How firm a figure is, firmest first."""

    ACTUAL = "actual", _("actual")
    PRELIMINARY = "preliminary", _("preliminary")
    GUIDANCE = "guidance", _("guidance")
    FORECAST = "forecast", _("forecast")
    CLAIMED = "claimed", _("claimed")


class Known(models.TextChoices):
    """How the day on which a figure became known is known."""

    STATED = "stated", _("date stated")
    MONTH = "month", _("month stated: counts from its last day")
    INFERRED = "inferred", _("date inferred: counts from the statutory deadline")


class FigureQuerySet(models.QuerySet["Figure"]):
    """Questions that pages ask of figures."""

    def known_on(self, day: date) -> Self:
        """Confirmed figures that were public on `day` and whose passage is where they say it is."""
        return self.confirmed_on(day).exclude(anchor__state=Anchor.State.NEEDS_REVIEW)

    def confirmed_on(self, day: date) -> Self:
        """Confirmed figures that were public on `day`, also those that wait for somebody to look at their passage."""
        return self.filter(status=Figure.Status.CONFIRMED, known_on__lte=day)

    def contradicted(self) -> Self:
        """Confirmed figures beside which another confirmed one, as firm, states another number for the same thing."""
        same = {name: OuterRef(name) for name in ("company", "metric", "period", "basis")}
        others = Figure.objects.filter(status=Figure.Status.CONFIRMED, **same)
        # An empty end or listing is a value like any other here; in SQL nothing is equal to it.
        others = others.filter(_equal("listing", Value(0)))
        agreeing = Q(_equal("low", _NO_END), _equal("high", _NO_END), currency=OuterRef("currency"))
        return self.filter(Exists(others.exclude(agreeing)), status=Figure.Status.CONFIRMED)


_NO_END = Value(Decimal(LARGEST), output_field=models.DecimalField(max_digits=26, decimal_places=4))


def _equal(name: str, empty: Value) -> Exact[Any]:
    """For a subquery: a column is as in the outer row, be it empty in both; `empty` is a value that it never has."""
    kind = empty.output_field
    return Exact(Coalesce(F(name), empty, output_field=kind), Coalesce(OuterRef(name), empty, output_field=kind))


class Figure(models.Model):
    """A number with its range, period, basis and source."""

    class Status(models.TextChoices):
        """Where a figure stands in review."""

        PROPOSED = "proposed", _("proposed")
        CONFIRMED = "confirmed", _("confirmed")
        REJECTED = "rejected", _("rejected")
        SUPERSEDED = "superseded", _("superseded")

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="figures", verbose_name=_("company"))
    listing = models.ForeignKey(
        Listing, on_delete=models.SET_NULL, null=True, blank=True, related_name="figures", verbose_name=_("listing"),
        help_text=_("For offer terms and first-day prices: the listing they belong to."),
    )  # fmt: skip
    metric = models.CharField(_("metric"), max_length=30, choices=Metric)
    period = models.CharField(
        _("period"), max_length=20,
        validators=[RegexValidator(r"^(FY\d{4}(Q[1-4])?|FY\d{4}-(FY\d{4}|\d{4}Q[1-4])|TTM-\d{4}-\d{2}-\d{2}|"
                                   r"\d{4}(Q[1-4]|H[12]|Q1-Q3)|\d{4}(-\d{2}(-\d{2})?)?)$")],
        help_text=_("FY2025, 2026H1, 2025Q3, 2025Q1-Q3, FY2027Q2 (fiscal quarter), TTM-2025-09-30, or a day."),
    )  # fmt: skip
    period_start = models.DateField(_("first day"), null=True, blank=True, help_text=_("Empty: a stock on one day."))
    period_end = models.DateField(_("last day"))
    low = models.DecimalField(
        _("low"), max_digits=26, decimal_places=4, null=True, blank=True,
        help_text=_("In units (yuan, not 亿). Equal to high for a point. Empty: at most the high."),
    )  # fmt: skip
    high = models.DecimalField(
        _("high"), max_digits=26, decimal_places=4, null=True, blank=True,
        help_text=_("In units. Empty: at least the low."),
    )  # fmt: skip
    currency = models.CharField(
        _("currency"), max_length=3, blank=True, help_text=_("ISO 4217; empty for percentages and counts.")
    )
    basis = models.CharField(_("basis"), max_length=12, choices=Basis)
    reported_in = models.CharField(
        _("reported in"), max_length=30, choices=FilingKind,
        help_text=_("The kind of report that states it; the source may be a page that quotes the report."),
    )  # fmt: skip
    known_on = models.DateField(_("known on"), help_text=_("No page of an earlier day uses the figure."))
    known_by = models.CharField(_("day known by"), max_length=10, choices=Known, default=Known.STATED)
    source = models.ForeignKey(Filing, on_delete=models.PROTECT, related_name="figures", verbose_name=_("source"))
    passage = models.TextField(_("passage"), blank=True, help_text=_("The sentence that states it, word for word."))
    note = models.CharField(_("note"), max_length=500, blank=True)
    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.CONFIRMED)
    created_at = models.DateTimeField(_("entered at"), auto_now_add=True)
    anchor = models.ForeignKey(
        Anchor, on_delete=models.PROTECT, null=True, blank=True, related_name="figures",
        verbose_name=_("place of the passage"), help_text=_("Where in the filing it stands. Empty: not marked there."),
    )  # fmt: skip
    entered_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("entered by"),
        help_text=_("Empty: it came with the starter facts or from a service."),
    )  # fmt: skip
    decided_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    decision = models.CharField(
        _("reason of the decision"), max_length=300, blank=True, help_text=_("Why it was confirmed or rejected.")
    )
    replaces = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="replaced_by",
        verbose_name=_("replaces"), help_text=_("The figure that this one puts right; that one is superseded."),
    )  # fmt: skip

    objects = FigureQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        """Newest period first."""

        verbose_name = _("figure")
        verbose_name_plural = _("figures")
        ordering = ["company", "metric", "-period_end", "known_on"]
        permissions = [("propose_figure", _("Can propose a figure"))]
        indexes = [models.Index(fields=["metric", "known_on"], name="figure_by_metric_and_known")]
        constraints = [
            models.CheckConstraint(
                condition=Q(low__isnull=False) | Q(high__isnull=False), name="figure_has_a_low_or_a_high"
            ),
            models.CheckConstraint(
                condition=Q(low=None) | Q(high=None) | Q(low__lte=models.F("high")), name="figure_low_is_at_most_high"
            ),
            models.CheckConstraint(
                condition=Q(period_start=None) | Q(period_start__lte=models.F("period_end")),
                name="figure_period_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=~Q(metric__in=[str(m) for m in MONEY_METRICS]) | ~Q(currency=""),
                name="figure_of_money_has_a_currency",
            ),
            models.CheckConstraint(condition=Q(basis__in=Basis.values), name="figure_basis_is_known"),
            models.CheckConstraint(condition=of_usable_size("low", "high"), name="figure_is_of_usable_size"),
            models.CheckConstraint(condition=Q(metric__in=Metric.values), name="figure_metric_is_known"),
            models.CheckConstraint(condition=~Q(replaces=models.F("id")), name="figure_does_not_replace_itself"),
        ]

    def __str__(self) -> str:
        ends = dict.fromkeys([self.low, self.high])  # one number where both are the same
        numbers = "..".join("" if end is None else f"{Decimal(end).normalize():,f}" for end in ends)
        return f"{self.get_metric_display()} {self.period} {numbers} {self.currency}".strip()
