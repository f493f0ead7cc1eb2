"""Addresses of pages about prices and valuations."""

from django.urls import path

from valuations import compare_views, refresh_views, views

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
    path("refreshes/", refresh_views.refresh_list, name="refreshes"),
    path("refreshes/now/", refresh_views.refresh_now, name="refresh_now"),
    path("refreshes/<int:pk>/", refresh_views.refresh_detail, name="refresh"),
    path("refreshes/<int:pk>/cancel/", refresh_views.refresh_cancel, name="refresh_cancel"),
]
