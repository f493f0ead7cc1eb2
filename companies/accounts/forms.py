"""What people fill in to invite, and to accept an invitation."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.mfa.webauthn.forms import AddWebAuthnForm, EditWebAuthnForm
from django import forms
from django.contrib.auth.forms import SetPasswordMixin
from django.utils.translation import gettext_lazy as _

from companies import roles
from companies.accounts.invitations import waiting
from companies.models import Invitation, User


class KeyForm(AddWebAuthnForm):  # type: ignore[misc]
    """The name of a new security key. allauth gives its box no name in words."""

    name = forms.CharField(label=_("Name of the key"), required=False)


class KeyNameForm(EditWebAuthnForm):  # type: ignore[misc]
    """Another name for a security key."""

    name = forms.CharField(label=_("Name of the key"))


class InviteForm(forms.Form):
    """Whom somebody invites, and to which role."""

    email = forms.EmailField(label=_("Email address"), max_length=254)
    role = forms.ChoiceField(label=_("Role"))

    def __init__(self, *args: Any, inviter: User, **kwargs: Any) -> None:
        """Offer the roles that the inviter may give."""
        super().__init__(*args, **kwargs)
        given = roles.roles_given_by(inviter)
        role = self.fields["role"]
        assert isinstance(role, forms.ChoiceField)
        role.choices = [(name, label) for name, label in roles.ROLE_LABELS if name in given]

    def clean_email(self) -> str:
        """Refuse whom there is nothing to invite to."""
        email: str = self.cleaned_data["email"].lower()
        if User.objects.filter(email__iexact=email).exists():
            raise forms.ValidationError(_("There is an account with this address already."))
        if waiting().filter(email__iexact=email).exists():
            raise forms.ValidationError(_("This address is invited already. Send that invitation again, or revoke it."))
        return email


class JoinForm(SetPasswordMixin, forms.Form):  # type: ignore[type-arg]
    """The name and the password of a new account."""

    username = forms.CharField(
        label=_("User name"), max_length=150, help_text=_("By which you sign in and others know you."),
        widget=forms.TextInput(attrs={"autocomplete": "username"}),
    )  # fmt: skip
    password1, password2 = SetPasswordMixin.create_password_fields(_("Password"), _("Password again"))

    def __init__(self, *args: Any, invitation: Invitation, **kwargs: Any) -> None:
        """Know the invitation that is accepted."""
        super().__init__(*args, **kwargs)
        self.invitation = invitation

    def clean_username(self) -> str:
        """Refuse what is taken, and what could be mistaken for somebody's address."""
        name: str = get_adapter().clean_username(self.cleaned_data["username"])
        if "@" in name:
            raise forms.ValidationError(_("A name must not look like an address: leave out the @."))
        return name

    def clean(self) -> dict[str, Any] | None:
        """Refuse passwords that are easy to guess, also from the name and the address."""
        self.validate_passwords()
        user = User(username=self.cleaned_data.get("username", ""), email=self.invitation.email)
        self.validate_password_for_user(user)
        return super().clean()
