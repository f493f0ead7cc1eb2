"""Who may do what: permissions of Django, given through groups. Each role may do what the one before it may."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.utils.translation import pgettext_lazy

from companies.models import User

READER, ANALYST, EDITOR, ADMIN = "Reader", "Analyst", "Editor", "Admin"
ROLES = (READER, ANALYST, EDITOR, ADMIN)  # from the least to the most
ROLE_LABELS = [
    (READER, pgettext_lazy("role", "Reader")),
    (ANALYST, pgettext_lazy("role", "Analyst")),
    (EDITOR, pgettext_lazy("role", "Editor")),
    (ADMIN, pgettext_lazy("role", "Admin")),
]

# What an editor adds, changes and sees. History is read with the right to see what it is the history of.
_EDITED = (
    *(
        f"companies.{name}"
        for name in (
            "company", "listing", "sharecount", "corporateaction", "figure", "fundinground", "milestone", "filing",
            "sheetimport",
        )
    ),
    *(f"valuations.{name}" for name in ("exchangeday", "exchangeyear", "quote", "reportedquote", "fxrate")),
)  # fmt: skip
_SEEN = (
    *(f"companies.{name}" for name in ("filingversion", "filingpage", "anchor", "revision", "starterrecord")),
    *(
        f"valuations.{name}"
        for name in ("calendarwarning", "heldquote", "barcoverage", "refreshrun", "refreshoutcome", "sourcehealth")
    ),
)


def _codes(actions: Iterable[str], models: Iterable[str]) -> tuple[str, ...]:
    """Names of permissions: `companies.add_figure`."""
    named = [model.split(".") for model in models]
    return tuple(f"{app}.{action}_{model}" for app, model in named for action in actions)


_ANALYST = ("companies.add_annotation", "companies.propose_figure", "companies.add_filing")
# What a new group starts with; admins change it, and later starts leave it as it is then. An admin has every permission
# of the applications below.
PERMISSIONS: dict[str, tuple[str, ...]] = {
    READER: (),
    ANALYST: _ANALYST,
    EDITOR: (
        *_ANALYST,
        "companies.enter_admin",
        "companies.change_anchor",
        "valuations.change_heldquote",
        "valuations.change_calendarwarning",
        "valuations.operate_refreshrun",
        *_codes(("add", "change", "view"), _EDITED),
        *_codes(("view",), _SEEN),
    ),
}
APPLICATIONS_OF_ADMINS = ("companies", "valuations", "auth", "account", "mfa", "usersessions", "admin")
# What earlier versions gave: a group that still has just that gets what this version gives.
_FORMER = {
    ANALYST: {"companies.add_annotation", "companies.propose_figure", "companies.add_filing"},
    EDITOR: {
        "companies.add_annotation", "companies.propose_figure", "companies.add_filing", "companies.change_figure",
        "companies.change_filing", "companies.change_anchor",
    },
}  # fmt: skip


# --- What somebody may do ---------------------------------------------------------------------------


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


def may_enter_admin(user: User | AnonymousUser) -> bool:
    """Whether somebody may enter the admin; what they may do there is another question."""
    return user.is_active and user.has_perm("companies.enter_admin")


def may_operate(user: User | AnonymousUser) -> bool:
    """Whether somebody may start and cancel refreshes."""
    return user.has_perm("valuations.operate_refreshrun")


def may_invite(user: User | AnonymousUser) -> bool:
    """Whether somebody may invite people, to roles up to their own."""
    return user.has_perm("companies.add_user")


# --- Roles of people --------------------------------------------------------------------------------


def role_of(user: User) -> str:
    """The highest role of somebody; empty for people without one."""
    return highest(group.name for group in user.groups.all())


def role_words(name: str) -> str:
    """A role in the language of the reader; empty for a name that is none."""
    return str(dict(ROLE_LABELS).get(name, ""))


def highest(names: Iterable[str]) -> str:
    """The highest role among names of groups; empty where none is a role."""
    return max((name for name in names if name in ROLES), key=ROLES.index, default="")


def roles_given_by(user: User) -> tuple[str, ...]:
    """The roles that somebody may give: up to their own."""
    if user.is_superuser:
        return ROLES
    own = role_of(user)
    return ROLES[: ROLES.index(own) + 1] if own else ()


def may_manage(user: User, other: User) -> bool:
    """Whether somebody's right to change accounts reaches the account of another: not above their own role."""
    if user.is_superuser:
        return True
    return not other.is_superuser and role_of(other) in ("", *roles_given_by(user))


def give_role(user: User, role: str) -> None:
    """Make a role the only one of somebody. Groups that are no roles stay."""
    from django.contrib.auth.models import Group

    user.groups.remove(*Group.objects.filter(name__in=ROLES).exclude(name=role))
    user.groups.add(Group.objects.get(name=role))


def is_last_administrator(user: User) -> bool:
    """Whether nobody else could manage the accounts: no other active superuser or admin that can sign in."""
    if not user.is_active or not (user.is_superuser or user.groups.filter(name=ADMIN).exists()):
        return False
    others = User.objects.filter(is_active=True).exclude(pk=user.pk)
    if user.is_superuser:
        # Only superusers make superusers.
        return not others.filter(is_superuser=True).exists()
    return not others.filter(is_superuser=True).exists() and not others.filter(groups__name=ADMIN).exists()


# --- The groups -------------------------------------------------------------------------------------


def make_roles(sender: AppConfig | None = None, apps: Any = apps, **kwargs: Any) -> None:
    """Create the groups that are missing, with their permissions. Called after every migration.

    A group that exists is left as it is, with two exceptions: one that nobody has changed since an earlier version made
    it gets what this version gives, and admins get the permissions that did not exist before.

    Args:
        sender: What was migrated; None where the permissions are there already.
        apps: The models as the migrations have left them. Where some are not made yet, neither are the roles.
    """
    if not _all_migrated(apps):
        return
    # Models cannot be imported before the applications are ready.
    from django.contrib.auth.models import Group

    with transaction.atomic():
        fresh = _create_permissions() if sender is not None else set()
        for name in ROLES:
            group, created = Group.objects.get_or_create(name=name)
            if created or _names(group.permissions.all()) == _FORMER.get(name):
                group.permissions.set(_permissions_of(name))
            elif name == ADMIN and fresh:
                group.permissions.add(*(one for one in _permissions_of(name) if one.pk in fresh))
        _let_staff_stay(fresh)


def _all_migrated(state: Any) -> bool:
    """Whether the migrations got as far as this version's models: somebody may stop half-way, or go back."""
    try:
        state.get_model("auth", "Group")
        return "enter_admin" in dict(state.get_model("companies", "User")._meta.permissions)
    except LookupError:
        return False


def _create_permissions() -> set[int]:
    """The permissions of all applications, which Django makes too, but one application after the other and after this.

    Returns the keys of those that are new.
    """
    from django.contrib.auth.management import create_permissions
    from django.contrib.auth.models import Permission

    known = set(Permission.objects.values_list("pk", flat=True))
    for name in APPLICATIONS_OF_ADMINS:
        create_permissions(apps.get_app_config(name), verbosity=0)
    return set(Permission.objects.exclude(pk__in=known).values_list("pk", flat=True))


def _names(permissions: Any) -> set[str]:
    return {f"{app}.{code}" for app, code in permissions.values_list("content_type__app_label", "codename")}


def _permissions_of(role: str) -> list[Any]:
    from django.contrib.auth.models import Permission

    every = Permission.objects.filter(content_type__app_label__in=APPLICATIONS_OF_ADMINS).select_related("content_type")
    if role == ADMIN:
        return list(every)
    codes = set(PERMISSIONS[role])
    return [one for one in every if f"{one.content_type.app_label}.{one.codename}" in codes]


def _let_staff_stay(fresh: set[int]) -> None:
    """Give those whom earlier versions let into the admin for being staff the permissions that took its place."""
    from django.contrib.auth.models import Permission

    entering = Permission.objects.filter(pk__in=fresh, codename__in=("enter_admin", "operate_refreshrun"))
    if entering:
        for user in User.objects.filter(is_staff=True, is_superuser=False):
            user.user_permissions.add(*entering)
