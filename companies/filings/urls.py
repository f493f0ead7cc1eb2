"""Addresses of filings: the list, the reader, the files."""

from django.urls import URLPattern

app_name = "filings"
urlpatterns: list[URLPattern] = []
