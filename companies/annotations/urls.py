"""Addresses of notes: lists, one thread, writing, the notes beside a filing."""

from django.urls import path, re_path

from companies.annotations import anchor_views, views

app_name = "notes"
urlpatterns = [
    path("", views.note_list, name="list"),
    re_path(r"^export\.(?P<kind>jsonld|md|csv)$", views.export, name="export"),
    path("import/", views.import_notes, name="import"),
    path("seen/", views.seen, name="seen"),
    path("add/", views.add, name="add"),
    path("anchors/", anchor_views.anchor_list, name="anchors"),
    path("anchors/<int:pk>/", anchor_views.anchor_decide, name="anchor"),
    path("of/<int:pk>/", views.of_filing, name="of_filing"),
    path("<uuid:uid>/", views.note, name="note"),
    path("<uuid:uid>/edit/", views.edit, name="edit"),
    path("<uuid:uid>/reply/", views.reply, name="reply"),
    path("<uuid:uid>/delete/", views.delete, name="delete"),
    path("<uuid:uid>/restore/", views.restore, name="restore"),
    path("<uuid:uid>/resolve/", views.resolve, name="resolve"),
    path("<uuid:uid>/history/", views.history, name="history"),
]
