"""Addresses of figures: their pages, and recording one from a passage."""

from django.urls import path

from companies.recording import views

app_name = "figures"
urlpatterns = [
    path("record/", views.record, name="record"),
    path("amount/", views.amount, name="amount"),
    path("<int:pk>/", views.figure, name="figure"),
    path("<int:pk>.json", views.figure_json, name="figure_json"),
]
