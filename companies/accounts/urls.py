"""Addresses of accounts beside those of django-allauth: invitations and the profile."""

from django.urls import URLPattern

app_name = "accounts"
urlpatterns: list[URLPattern] = []
