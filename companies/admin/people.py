"""The admin of people, of how they got in, and of what the program notes for itself.

Nobody raises themselves or others above their own role, the last administrator stays one, and an account with which
something was done stays too: it is closed instead of deleted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from allauth.account.forms import ResetPasswordForm
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm, UsernameField
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.db import models
from django.db.models import Count, Exists, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from companies import roles
from companies.accounts.profile import PreferencesForm, ProfileForm
from companies.accounts.second_factor import FACTORS
from companies.accounts.sessions import end_sessions
from companies.admin.base import ReadOnlyAdmin
from companies.models import Invitation, KnownDevice, Revision, StarterRecord, User

if TYPE_CHECKING:  # Django's own classes cannot be subscripted at run time
    BaseUserAdmin = DjangoUserAdmin[User]
    BaseChangeForm = UserChangeForm[User]
    RoleForm = forms.ModelForm[User]
    QuerySet = models.QuerySet[User]
else:
    BaseUserAdmin, BaseChangeForm, RoleForm = DjangoUserAdmin, UserChangeForm, forms.ModelForm
    QuerySet = models.QuerySet

ABOVE_ROLES = ("is_staff", "is_superuser", "groups", "user_permissions")  # for superusers alone
# Rows that belong to an account and to nothing else: they go with it.
BELONGINGS = {
    "account.EmailAddress.user", "mfa.Authenticator.user", "usersessions.UserSession.user",
    "companies.KnownDevice.user", "companies.Invitation.account",
}  # fmt: skip


def traces_of(user: User) -> list[tuple[str, int]]:
    """What was done with an account and would be nobody's without it: words and how many, most first."""
    found: Counter[str] = Counter()
    for relation in User._meta.get_fields(include_hidden=True):
        if not isinstance(relation, models.ManyToOneRel) or relation.field.model._meta.auto_created:
            continue
        model, name = relation.field.model, relation.field.name
        if f"{model._meta.label}.{name}" not in BELONGINGS:
            is_history = model.__name__.startswith("Historical")
            words = _("changes of data") if is_history else str(model._meta.verbose_name_plural)
            found[words] += model._base_manager.filter(**{name: user}).count()
    return [(words, n) for words, n in found.most_common() if n]


def has_second_factor() -> Exists:
    """Whether the people of an outer query have set one up; recovery codes alone are none."""
    return Exists(Authenticator.objects.filter(user=OuterRef("pk"), type__in=FACTORS))


class RoleFields(RoleForm):
    """A chooser of the one role of a person, up to the role of whoever chooses."""

    by: User  # set by the admin, on a class made for the request
    role = forms.ChoiceField(label=gettext_lazy("Role"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = roles.role_of(self.instance) if self.instance.pk else roles.READER
        given = roles.roles_given_by(self.by)
        choices: list[tuple[str, str | Promise]] = [(name, words) for name, words in roles.ROLE_LABELS if name in given]
        if own not in given:
            choices.insert(0, ("", _("none")))
        field = self.fields["role"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices
        field.required = bool(self.instance.pk and own in given)
        field.initial = own

    def clean_role(self) -> str:
        """The role chosen; a new account that nothing is said of becomes a reader's."""
        chosen: str = self.cleaned_data["role"]
        is_new_reader = not self.instance.pk and roles.READER in roles.roles_given_by(self.by)
        return chosen or (roles.READER if is_new_reader else "")


class PersonForm(RoleFields, PreferencesForm, BaseChangeForm):
    """An account, as far as whoever opens it may change it."""

    class Meta:
        """All fields that the page shows."""

        model = User
        fields = "__all__"
        field_classes = {"username": UsernameField}
        help_texts = ProfileForm.Meta.help_texts

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "groups" in self.fields:
            groups = self.fields["groups"]
            assert isinstance(groups, forms.ModelMultipleChoiceField)
            groups.label, groups.help_text = _("Other groups"), _("Beside the role.")
            groups.queryset = Group.objects.exclude(name__in=roles.ROLES)
            self.initial["groups"] = [one for one in self.initial.get("groups", []) if one.name not in roles.ROLES]

    def clean(self) -> dict[str, Any]:
        """Nobody locks themselves out, and somebody can always manage the accounts."""
        super().clean()
        given, user = self.cleaned_data, self.instance
        is_closed = user.is_active and given.get("is_active") is False
        if is_closed and user.pk == self.by.pk:
            self.add_error("is_active", _("You cannot close your own account. Ask another administrator."))
        elif (name := self._given_up(is_closed)) and roles.is_last_administrator(user):
            self.add_error(
                name,
                _("This is the last account that can manage the others. Make somebody else an administrator first."),
            )
        return given

    def _given_up(self, is_closed: bool) -> str:
        """The field by which an administrator would cease to be one; empty when they stay."""
        given, user = self.cleaned_data, self.instance
        if is_closed:
            return "is_active"
        if user.is_superuser:
            return "is_superuser" if given.get("is_superuser") is False else ""
        stays = given.get("role", roles.ADMIN) == roles.ADMIN or given.get("is_superuser")
        return "" if stays else "role"


class NewPersonForm(RoleFields, AdminUserCreationForm):
    """A new account."""


class RoleFilter(admin.SimpleListFilter):
    """People of one role."""

    title = gettext_lazy("role")
    parameter_name = "role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The roles, and who has none."""
        return [*roles.ROLE_LABELS, ("superuser", gettext_lazy("Superuser")), ("none", gettext_lazy("none"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """By group; superusers need none."""
        match self.value():
            case None:
                return queryset
            case "superuser":
                return queryset.filter(is_superuser=True)
            case "none":
                with_role = User.objects.filter(groups__name__in=roles.ROLES)
                return queryset.filter(is_superuser=False).exclude(pk__in=with_role)
            case name:
                return queryset.filter(groups__name=name)


class SecondFactorFilter(admin.SimpleListFilter):
    """People who have set up a second factor, or have not."""

    title = gettext_lazy("second factor")
    parameter_name = "second_factor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Set up or not."""
        return [("yes", gettext_lazy("set up")), ("no", gettext_lazy("not set up"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """Anything else than yes and no is as good as nothing."""
        if self.value() not in ("yes", "no"):
            return queryset
        return queryset.filter(has_second_factor() if self.value() == "yes" else ~has_second_factor())


@admin.register(User)
class UserAdmin(BaseUserAdmin):
    """People, their role and how they like to read."""

    form = PersonForm
    add_form = NewPersonForm
    list_display = ["username", "role", "is_active", "second_factor", "open_sessions", "last_login", "email"]
    list_filter = [RoleFilter, "is_active", SecondFactorFilter]
    search_fields = ["username", "email", "first_name", "last_name"]
    search_help_text = gettext_lazy("Name, user name or e-mail address")
    show_full_result_count = False
    readonly_fields = ["last_login", "date_joined", "second_factor", "open_sessions"]
    actions = ["sign_out_everywhere", "send_password_reset"]
    fieldsets = [
        (None, {"fields": ["username", "password", "email", "first_name", "last_name"]}),
        (gettext_lazy("Rights"), {"fields": ["role", "is_active", *ABOVE_ROLES]}),
        (gettext_lazy("Signing in"), {"fields": ["last_login", "date_joined", "second_factor", "open_sessions"]}),
        (
            gettext_lazy("Preferences"),
            {"fields": ["language", "time_zone", "units", "currency", "basis", "direction_colours", "theme"]},
        ),
    ]
    add_fieldsets = [
        (
            None,
            {
                "classes": ["wide"],
                "fields": ["username", "email", "role", "usable_password", "password1", "password2"],
            },
        ),
    ]

    # --- What the list shows ---

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """People with their groups, whether they have a second factor, and in how many places they are signed in."""
        running = Session.objects.filter(expire_date__gt=timezone.now()).values("session_key")
        sessions = (
            UserSession.objects.filter(user=OuterRef("pk"), session_key__in=running)
            .order_by()
            .values("user")
            .annotate(n=Count("pk"))
            .values("n")
        )
        return (
            super()
            .get_queryset(request)
            .prefetch_related("groups")
            .annotate(with_second_factor=has_second_factor(), sessions=Coalesce(Subquery(sessions), 0))
        )

    @admin.display(description=gettext_lazy("role"))
    def role(self, user: User) -> str:
        """The one role of somebody; superusers stand above all."""
        if user.is_superuser:
            return _("Superuser")
        return roles.role_words(roles.role_of(user))

    @admin.display(description=gettext_lazy("second factor"), boolean=True, ordering="with_second_factor")
    def second_factor(self, user: User) -> bool:
        """Whether a second factor is set up."""
        return bool(getattr(user, "with_second_factor", False))

    @admin.display(description=gettext_lazy("open sessions"), ordering="sessions")
    def open_sessions(self, user: User) -> int:
        """In how many browsers somebody is signed in."""
        return int(getattr(user, "sessions", 0))

    # --- Who may change whom ---

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Accounts up to one's own role."""
        return super().has_change_permission(request, obj) and (obj is None or self._reaches(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """The same, but neither one's own account nor the last that can manage the others."""
        if not super().has_delete_permission(request, obj) or obj is None:
            return super().has_delete_permission(request, obj)
        return obj.pk != request.user.pk and self._reaches(request, obj) and not roles.is_last_administrator(obj)

    def _reaches(self, request: HttpRequest, user: User) -> bool:
        return isinstance(request.user, User) and roles.may_manage(request.user, user)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Accounts are deleted one by one, each with a look at what it would leave behind."""
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Rights beside the role are seen and given by superusers alone."""
        found = super().get_fieldsets(request, obj)
        if obj is None or getattr(request.user, "is_superuser", False):
            return found
        return [
            (title, {**options, "fields": [name for name in options["fields"] if name not in ABOVE_ROLES]})
            for title, options in found
        ]

    def get_form(self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any) -> Any:
        """A form that knows who fills it in."""
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.by = request.user
        return form

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Give the role last: the choice of other groups would take it away again."""
        super().save_related(request, form, formsets, change)
        if role := form.cleaned_data.get("role"):
            roles.give_role(form.instance, role)

    # --- What is written about it ---

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """What was changed, from what to what. Never a password."""
        if not isinstance(form, PersonForm | NewPersonForm):
            return super().construct_change_message(request, form, formsets, add)
        with translation.override(None):
            fields = [*_changes(form, add)]
        return [*([{"added": {}}] if add else []), *([{"changed": {"fields": fields}}] if fields else [])]

    # --- Closing and deleting ---

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Delete an account with which nothing was done; of others, say what was done and offer to close them."""
        user = self.get_object(request, unquote(object_id))
        if user is None or not self.has_delete_permission(request, user) or not (traces := traces_of(user)):
            return super().delete_view(request, object_id, extra_context)
        if request.method == "POST" and "close" in request.POST:
            return self._close(request, user)
        context = {**self.admin_site.each_context(request), "opts": self.opts, "person": user, "traces": traces}
        return TemplateResponse(
            request,
            "admin/companies/user/kept.html",
            {**context, "title": _("The account %(name)s stays") % {"name": user}},
            status=409 if request.method == "POST" else 200,
        )

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What goes with an account needs no right of its own; nobody deletes it otherwise."""
        rows, counts, lacking, protected = super().get_deleted_objects(objs, request)
        own = {apps.get_model(path.rpartition(".")[0])._meta.verbose_name for path in BELONGINGS}
        return rows, counts, lacking - own, protected

    def _close(self, request: HttpRequest, user: User) -> HttpResponse:
        if user.is_active:
            user.is_active = False
            user.save(update_fields=["is_active"])
            self.log_change(request, user, [{"changed": {"fields": ["Active: True → False"]}}])
        self.message_user(request, _("The account %(name)s is closed.") % {"name": user}, messages.SUCCESS)
        return redirect("admin:companies_user_change", user.pk)

    # --- Actions ---

    @admin.action(description=gettext_lazy("Sign out everywhere"), permissions=["change"])
    def sign_out_everywhere(self, request: HttpRequest, queryset: QuerySet) -> None:
        """End every session of the chosen people, but for the one in which this was asked."""
        ended = 0
        for user in self._manageable(request, queryset):
            n = end_sessions(user, but=request.session.session_key or "")
            self.log_change(request, user, f"Signed out everywhere ({n}).")
            ended += n
        said = ngettext("%(n)s session was ended.", "%(n)s sessions were ended.", ended) % {"n": ended}
        self.message_user(request, said, messages.SUCCESS)

    @admin.action(description=gettext_lazy("Send a link to set a new password"), permissions=["change"])
    def send_password_reset(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Mail the chosen people what they would get had they forgotten their password."""
        sent = 0
        for user in self._manageable(request, queryset):
            form = ResetPasswordForm({"email": user.email})
            if not user.is_active or not form.is_valid():
                said = _("No mail to %(name)s: the account is closed or has no usable address.") % {"name": user}
                self.message_user(request, said, messages.WARNING)
                continue
            form.save(request)
            self.log_change(request, user, "Sent a link to set a new password.")
            sent += 1
        said = ngettext("%(n)s mail was sent.", "%(n)s mails were sent.", sent) % {"n": sent}
        self.message_user(request, said, messages.SUCCESS if sent else messages.INFO)

    def _manageable(self, request: HttpRequest, queryset: QuerySet) -> Iterator[User]:
        """Those of the chosen whom the right to change accounts reaches; the others are named."""
        for user in queryset:
            if self._reaches(request, user):
                yield user
            else:
                said = _("Left alone: %(name)s stands above your own role.") % {"name": user}
                self.message_user(request, said, messages.WARNING)


def _changes(form: Any, add: bool) -> Iterator[str]:
    """`Role: Analyst → Editor` for each field that was changed; of a new account the role alone."""
    for name in ["role"] if add else form.changed_data:
        before, after = _written(form.initial.get(name, form.fields[name].initial)), _written(form.cleaned_data[name])
        yield f"{form.fields[name].label}: {after if add else f'{before} → {after}'}"


def _written(value: Any) -> str:
    if isinstance(value, models.QuerySet | list):
        return ", ".join(sorted(str(one) for one in value)) or "—"
    return "—" if value in (None, "") else str(value)


admin.site.unregister(Group)


@admin.register(Group)
class RoleAdmin(DjangoGroupAdmin):
    """Groups and what they may do. Those of the roles are known by their names, and stay."""

    def get_readonly_fields(self, request: HttpRequest, obj: Group | None = None) -> Any:
        """Of a role the permissions alone are changed."""
        return ("name",) if obj is not None and obj.name in roles.ROLES else ()

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Roles stay: people and invitations have them."""
        return super().has_delete_permission(request, obj) and (obj is None or obj.name not in roles.ROLES)


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Who was invited by whom, and what came of it. Invited is on the pages for readers."""

    list_display = [
        "email", "role_words", "invited_by", "invited_at", "expires_at", "accepted_at", "revoked_at", "account",
    ]  # fmt: skip
    list_filter = ["role", ("accepted_at", admin.EmptyFieldListFilter), ("revoked_at", admin.EmptyFieldListFilter)]
    search_fields = ["email", "account__username", "invited_by__username"]
    list_select_related = ["invited_by", "account"]
    date_hierarchy = "invited_at"

    @admin.display(description=gettext_lazy("role"), ordering="role")
    def role_words(self, invitation: Invitation) -> str:
        """The role that the account gets."""
        return roles.role_words(invitation.role)


@admin.register(KnownDevice)
class KnownDeviceAdmin(ReadOnlyAdmin):
    """From which browsers people have signed in."""

    list_display = ["user", "user_agent", "first_seen_at", "last_seen_at"]
    list_display_links = ["user_agent"]
    search_fields = ["user__username", "user__email", "user_agent"]
    list_select_related = ["user"]
    date_hierarchy = "last_seen_at"


@admin.register(Revision)
class RevisionAdmin(ReadOnlyAdmin):
    """How often facts have changed."""

    list_display = ["number"]


@admin.register(StarterRecord)
class StarterRecordAdmin(ReadOnlyAdmin):
    """What the starter facts put into the database."""

    list_display = ["table", "key", "object_id", "digest"]
    list_filter = ["table"]
    search_fields = ["key"]
