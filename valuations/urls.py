"""Addresses of pages about prices and valuations."""

from django.urls import path

from valuations import compare_views, intake_views, refresh_views, review_views, views

app_name = "valuations"
urlpatterns = [
    path("", views.sector_view, name="sector"),
    path("sector.json", views.sector_json, name="sector_json"),
    path("sector.csv", views.sector_csv, name="sector_csv"),
    path("companies/<slug:slug>/", views.company_view, name="company"),
    path("companies/<slug:slug>/<slug:name>/source/", views.source_view, name="source"),
    path("listings/<int:pk>/prices/", views.listing_prices_view, name="listing_prices"),
    path("listings/<int:pk>/refresh/", views.listing_refresh, name="listing_refresh"),
    path("companies/<slug:slug>/figures/<slug:metric>/source/", compare_views.reported_source, name="reported_source"),
    path("compare/", compare_views.compare_view, name="compare"),
    path("compare/matches/", compare_views.compare_matches, name="compare_matches"),
    path("compare.json", compare_views.compare_json, name="compare_json"),
    path("compare.csv", compare_views.compare_csv, name="compare_csv"),
    path("filings/add/", intake_views.filing_add, name="filing_add"),
    path("filings/<int:pk>/add/", intake_views.filing_add_version, name="filing_add_version"),
    path("filings/<int:pk>/fetch/", intake_views.filing_fetch, name="filing_fetch"),
    path("filings/<int:pk>/read-again/", intake_views.filing_read_again, name="filing_read_again"),
    path("filings/<int:pk>/state/", intake_views.filing_state, name="filing_state"),
    path("refreshes/", refresh_views.refresh_list, name="refreshes"),
    path("refreshes/now/", refresh_views.refresh_now, name="refresh_now"),
    path("refreshes/<int:pk>/", refresh_views.refresh_detail, name="refresh"),
    path("refreshes/<int:pk>/cancel/", refresh_views.refresh_cancel, name="refresh_cancel"),
    path("figures/proposed/", review_views.proposed_list, name="proposed"),
    path("figures/<int:pk>/decide/", review_views.decide_view, name="decide"),
]
