"""Addresses of accounts beside those of django-allauth: invitations and the profile."""

from django.urls import path

from companies.accounts import profile

app_name = "accounts"
urlpatterns = [
    path("profile/", profile.profile, name="profile"),
]
