"""Addresses of figures: their pages, and recording one from a passage."""

from django.urls import URLPattern

app_name = "figures"
urlpatterns: list[URLPattern] = []
