"""Who may do what: permissions of Django, given through the groups Analyst and Editor."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.contrib.auth.models import AnonymousUser

from companies.models import User

ANALYST, EDITOR = "Analyst", "Editor"
# What a new group starts with; staff change it in the admin, and later starts leave it as it is then.
PERMISSIONS = {
    ANALYST: ("add_annotation", "propose_figure", "add_filing"),
    EDITOR: ("add_annotation", "propose_figure", "add_filing", "change_figure", "change_filing", "change_anchor"),
}


def may_annotate(user: User | AnonymousUser) -> bool:
    """Whether somebody may write notes."""
    return user.has_perm("companies.add_annotation")


def may_bring_in(user: User | AnonymousUser) -> bool:
    """Whether somebody may bring in filings: upload a file, paste an address, ask for a document."""
    return user.has_perm("companies.add_filing")


def may_propose(user: User | AnonymousUser) -> bool:
    """Whether somebody may record a figure, which an editor then decides about."""
    return user.has_perm("companies.propose_figure")


def may_decide(user: User | AnonymousUser) -> bool:
    """Whether somebody may confirm and reject proposed figures."""
    return user.has_perm("companies.change_figure")


def may_place(user: User | AnonymousUser) -> bool:
    """Whether somebody may decide where the passage of an anchor stands now."""
    return user.has_perm("companies.change_anchor")


def may_moderate(user: User | AnonymousUser) -> bool:
    """Whether somebody may take down what others wrote for everybody to see."""
    return may_decide(user)


def make_roles(sender: AppConfig | None = None, **kwargs: Any) -> None:
    """Create the groups that are missing, with their permissions. Called after every migration."""
    # Models cannot be imported before the applications are ready.
    from django.contrib.auth.management import create_permissions
    from django.contrib.auth.models import Group, Permission

    if sender is not None:
        create_permissions(sender, verbosity=0)  # Django does so too, but after this
    for name, codes in PERMISSIONS.items():
        group, created = Group.objects.get_or_create(name=name)
        if created:
            group.permissions.set(Permission.objects.filter(content_type__app_label="companies", codename__in=codes))
