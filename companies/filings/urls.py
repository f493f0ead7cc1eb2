"""Addresses of filings: the list, the reader, the files."""

from django.urls import path

from companies.filings import files, list_views, reader_views

app_name = "filings"
urlpatterns = [
    path("", list_views.filing_list, name="list"),
    path("list.json", list_views.filing_list_json, name="list_json"),
    path("list.csv", list_views.filing_list_csv, name="list_csv"),
    path("<int:pk>/find/", list_views.find, name="find"),
    path("<int:pk>/", reader_views.reader, name="reader"),
    path("<int:pk>/pages/<int:number>/", reader_views.page, name="page"),
    path("<int:pk>/pages/<int:number>.json", reader_views.page_data, name="page_data"),
    path("<int:pk>/file/", files.file, name="file"),
]
