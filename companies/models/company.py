"""Companies, their listings and their shares."""

from __future__ import annotations

from typing import Any, Self

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from companies.models.filing import Filing, web_address
from companies.pinyin import pinyin_keys

# Of several listings of a company the oldest comes first: its price is the headline.
OLDEST_LISTING_FIRST = (models.F("listed_on").asc(nulls_last=True), "mic", "ticker")
CURRENCY = RegexValidator(r"^[A-Z]{3}$", _("An ISO 4217 code such as CNY."))


class Segment(models.TextChoices):
    """What kind of chip maker a company is."""

    GPU = "gpu", _("GPU")
    AI_ASIC = "ai_asic", _("AI ASIC")
    CPU_DCU = "cpu_dcu", _("CPU + DCU")
    AUTOMOTIVE_EDGE = "automotive_edge", _("automotive and edge")
    CAPTIVE = "captive", _("captive (in-house)")
    CHIP_IP = "chip_ip", _("chip IP and design service")
    OTHER = "other", _("other or not stated")
    BENCHMARK = "benchmark", _("benchmark")


class ShareClass(models.TextChoices):
    """Classes of shares. `ALL` counts every class together, as many sources do."""

    A = "A", _("A shares")
    H = "H", _("H shares")
    COMMON = "common", _("common shares")
    ALL = "all", _("all classes together")


class CompanyQuerySet(models.QuerySet["Company"]):
    """Questions that pages ask of companies."""

    def current(self) -> Self:
        """Companies that are not archived: those that lists, totals and refreshes are about."""
        return self.filter(archived_at=None)


class Company(models.Model):
    """A chip maker, or a benchmark that charts draw apart."""

    slug = models.SlugField(_("slug"), unique=True)
    name_en = models.CharField(_("English name"), max_length=120)
    name_zh = models.CharField(_("Chinese name"), max_length=120, blank=True)
    aliases = models.JSONField(_("other names"), default=list, blank=True, help_text=_("A list of texts."))
    search_keys = models.TextField(
        _("search keys"), blank=True, editable=False,
        help_text=_("Names in lower case with pinyin and pinyin initials; made when the company is saved."),
    )  # fmt: skip
    segment = models.CharField(_("segment"), max_length=20, choices=Segment, default=Segment.OTHER)
    segment_note = models.CharField(_("segment, as the source words it"), max_length=120, blank=True)
    founded = models.CharField(
        _("founded"), max_length=10, blank=True, validators=[RegexValidator(r"^\d{4}(-\d{2}(-\d{2})?)?$")],
        help_text=_("Year, year-month or day, as precisely as known."),
    )  # fmt: skip
    city = models.CharField(_("city"), max_length=80, blank=True)
    parent = models.CharField(_("parent"), max_length=120, blank=True)
    founders = models.CharField(_("founders"), max_length=300, blank=True)
    products = models.CharField(_("main products"), max_length=300, blank=True)
    website = models.URLField(_("website"), blank=True)
    fiscal_year_end = models.CharField(
        _("end of the fiscal year"), max_length=5, default="12-31", validators=[RegexValidator(r"^\d{2}-\d{2}$")],
        help_text=_("Month and day; 12-31 where the fiscal year is the calendar year."),
    )  # fmt: skip
    note = models.TextField(_("note"), blank=True)
    source = models.ForeignKey(
        Filing, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("source")
    )
    archived_at = models.DateTimeField(
        _("archived at"), null=True, blank=True, editable=False,
        help_text=_("Since when it is on no list, in no total and not refreshed. Its own page stays."),
    )  # fmt: skip
    merged_into = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, editable=False, related_name="merged",
        verbose_name=_("merged into"), help_text=_("The company that it was a second entry of; its page leads there."),
    )  # fmt: skip

    objects = CompanyQuerySet.as_manager()
    history = HistoricalRecords(excluded_fields=["search_keys"])

    class Meta:
        """By English name."""

        verbose_name = _("company")
        verbose_name_plural = _("companies")
        ordering = ["name_en"]
        constraints = [
            models.CheckConstraint(condition=~Q(name_en=""), name="company_has_an_english_name"),
            models.CheckConstraint(condition=Q(segment__in=Segment.values), name="company_segment_is_known"),
            models.CheckConstraint(condition=web_address("website"), name="company_website_is_a_web_address"),
            models.CheckConstraint(
                condition=Q(merged_into=None) | Q(archived_at__isnull=False), name="company_merged_is_archived"
            ),
            models.CheckConstraint(condition=~Q(merged_into=models.F("id")), name="company_is_not_merged_into_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.name_en} {self.name_zh}".strip()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keep the search keys in step with the names."""
        self.search_keys = self.derived_search_keys()
        super().save(*args, **kwargs)

    def derived_search_keys(self) -> str:
        """Everything a reader may type for this company, one per line, in lower case."""
        names = [self.name_en, self.name_zh, self.slug, *self.aliases]
        keys = dict.fromkeys(key for name in names if name for key in (name.lower(), *pinyin_keys(name)))
        return "\n".join(keys)

    @property
    def standing(self) -> Company:
        """The company that stands for it: the one that it was merged into, otherwise itself."""
        return self.merged_into or self

    @property
    def is_benchmark(self) -> bool:
        """Whether charts draw it apart and totals leave it out."""
        return self.segment == Segment.BENCHMARK


class Listing(models.Model):
    """One share class of a company on one exchange."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="listings", verbose_name=_("company"))
    mic = models.CharField(
        _("exchange"), max_length=4, validators=[RegexValidator(r"^[A-Z]{4}$")],
        help_text=_("Market identifier code (ISO 10383): XSHG, XSHE, XHKG, XNAS …"),
    )  # fmt: skip
    board = models.CharField(_("board"), max_length=60, blank=True)
    ticker = models.CharField(_("ticker"), max_length=12, help_text=_("As the exchange writes it, with its zeros."))
    share_class = models.CharField(
        _("share class"), max_length=6, choices=[c for c in ShareClass.choices if c[0] != "all"]
    )
    currency = models.CharField(_("currency"), max_length=3, validators=[CURRENCY], help_text=_("ISO 4217."))
    listed_on = models.DateField(
        _("listed on"), null=True, blank=True, help_text=_("First day of trading. Empty: not known.")
    )
    delisted_on = models.DateField(_("delisted on"), null=True, blank=True, help_text=_("First day without trading."))
    watched = models.BooleanField(_("prices refreshed"), default=True)
    source = models.ForeignKey(
        Filing, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("source")
    )

    history = HistoricalRecords()

    class Meta:
        """A ticker exists once per exchange."""

        verbose_name = _("listing")
        verbose_name_plural = _("listings")
        ordering = ["mic", "ticker"]
        constraints = [
            models.UniqueConstraint(fields=["mic", "ticker"], name="listing_ticker_once_per_exchange"),
            models.CheckConstraint(condition=~Q(currency=""), name="listing_has_a_currency"),
            models.CheckConstraint(
                condition=Q(listed_on=None) | Q(delisted_on=None) | Q(delisted_on__gt=models.F("listed_on")),
                name="listing_ends_after_it_begins",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mic}:{self.ticker}"


class ShareCount(models.Model):
    """How many shares of a class there are from a day on, as a source states it."""

    class Method(models.TextChoices):
        """How the source gives the count."""

        REPORTED = "reported", _("reported")
        IMPLIED = "implied", _("implied: market value ÷ price, both from the source")

    company = models.ForeignKey(
        Company, on_delete=models.CASCADE, related_name="share_counts", verbose_name=_("company")
    )
    share_class = models.CharField(_("share class"), max_length=6, choices=ShareClass, default=ShareClass.ALL)
    total = models.PositiveBigIntegerField(_("shares"), help_text=_("Number of shares, not thousands or millions."))
    valid_from = models.DateField(_("valid from"), help_text=_("Day on which the count takes effect."))
    method = models.CharField(_("method"), max_length=10, choices=Method, default=Method.REPORTED)
    note = models.CharField(_("note"), max_length=300, blank=True)
    source = models.ForeignKey(Filing, on_delete=models.PROTECT, related_name="share_counts", verbose_name=_("source"))

    history = HistoricalRecords()

    class Meta:
        """Oldest first; one count per class, day and source."""

        verbose_name = _("share count")
        verbose_name_plural = _("share counts")
        ordering = ["company", "share_class", "valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["company", "share_class", "valid_from", "source"], name="share_count_once_per_day_and_source"
            ),
            models.CheckConstraint(condition=Q(total__gt=0), name="share_count_is_positive"),
            models.CheckConstraint(condition=Q(total__lt=10**13), name="share_count_is_below_ten_trillion"),
        ]

    def __str__(self) -> str:
        return f"{self.total:,} {self.get_share_class_display()}, {self.valid_from}"


class CorporateAction(models.Model):
    """Something that happens to the shares on a day: their number changes, or they pay a dividend."""

    class Kind(models.TextChoices):
        """What happens to the shares."""

        BONUS = "bonus", _("bonus issue")
        SPLIT = "split", _("share split")
        PLACING = "placing", _("placing of new shares")
        DIVIDEND = "dividend", _("cash dividend")

    company = models.ForeignKey(
        Company, on_delete=models.CASCADE, related_name="corporate_actions", verbose_name=_("company")
    )
    share_class = models.CharField(_("share class"), max_length=6, choices=ShareClass, default=ShareClass.ALL)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    ex_day = models.DateField(
        _("ex-day"), help_text=_("First day on which the price is without it and the new count holds.")
    )
    ratio = models.DecimalField(
        _("ratio"), max_digits=16, decimal_places=8, default=1,
        help_text=_("Shares after for each share before: 1.49 for a bonus of 4.9 for 10. 1 for a placing."),
    )  # fmt: skip
    new_shares = models.PositiveBigIntegerField(_("new shares"), default=0, help_text=_("Shares added by a placing."))
    cash = models.DecimalField(
        _("cash per share"), max_digits=20, decimal_places=8, null=True, blank=True,
        help_text=_("Of a cash dividend, before tax, in the currency of the listing."),
    )  # fmt: skip
    currency = models.CharField(_("currency"), max_length=3, blank=True, validators=[CURRENCY])
    note = models.CharField(_("note"), max_length=300, blank=True)
    provider = models.CharField(
        _("provider"), max_length=30, blank=True, help_text=_("Source of daily bars that stated it, if one did.")
    )
    fetched_at = models.DateTimeField(_("fetched at"), null=True, blank=True, help_text=_("UTC."))
    source = models.ForeignKey(
        Filing, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("source")
    )

    history = HistoricalRecords()

    class Meta:
        """Oldest first; an action multiplies, adds or pays, and once."""

        verbose_name = _("corporate action")
        verbose_name_plural = _("corporate actions")
        ordering = ["company", "ex_day"]
        constraints = [
            models.UniqueConstraint(
                fields=["company", "share_class", "kind", "ex_day"], name="corporate_action_once_per_day"
            ),
            models.CheckConstraint(condition=Q(ratio__gt=0), name="corporate_action_ratio_is_positive"),
            models.CheckConstraint(
                condition=Q(kind="placing", ratio=1, new_shares__gt=0, cash=None)
                | Q(kind="dividend", ratio=1, new_shares=0, cash__gt=0)
                | Q(kind__in=["bonus", "split"], new_shares=0, cash=None),
                name="corporate_action_adds_multiplies_or_pays",
            ),
            models.CheckConstraint(
                condition=Q(cash=None, currency="") | Q(cash__isnull=False) & ~Q(currency=""),
                name="corporate_action_cash_has_a_currency",
            ),
            models.CheckConstraint(
                condition=Q(source__isnull=False) | ~Q(provider="") & Q(fetched_at__isnull=False),
                name="corporate_action_has_a_source",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.ex_day}"
