"""Addresses of pages about prices and valuations."""

from django.urls import path

from valuations import views

app_name = "valuations"
urlpatterns = [
    path("", views.sector_view, name="sector"),
    path("sector.json", views.sector_json, name="sector_json"),
    path("sector.csv", views.sector_csv, name="sector_csv"),
    path("companies/<slug:slug>/", views.company_view, name="company"),
    path("companies/<slug:slug>/<slug:name>/source/", views.source_view, name="source"),
    path("refreshes/", views.refresh_list, name="refreshes"),
    path("refreshes/now/", views.refresh_now, name="refresh_now"),
    path("refreshes/<int:pk>/", views.refresh_detail, name="refresh"),
]
