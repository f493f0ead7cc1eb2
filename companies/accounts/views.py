"""Pages of accounts beside those of django-allauth: invitations, and the end of sessions."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.utils import perform_login
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from companies import roles
from companies.accounts import invitations as inviting
from companies.accounts.forms import InviteForm, JoinForm
from companies.accounts.sessions import end_sessions
from companies.models import Invitation, User
from config.access import required
from config.paging import page_of

may_invite = required(roles.may_invite, back="accounts:invitations")
signed_in = required(lambda user: True, back="usersessions_list")
# What the link of an invitation answers when it cannot be accepted: a link that was good is gone.
GONE = 410


def too_many(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """What allauth answers when something is asked for too often; all that it counts is over within minutes."""
    response = render(request, "429.html", status=429)
    response["Retry-After"] = "600"
    return response


# --- Invitations --------------------------------------------------------------------------------------


@may_invite
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitations(request: HttpRequest) -> HttpResponse:
    """Who was invited, by whom and what became of it; a form to invite. The new link is shown this once."""
    user = _user(request)
    form = InviteForm(request.POST or None, inviter=user)
    if request.method == "POST" and form.is_valid():
        invitation, token = inviting.invite(form.cleaned_data["email"], form.cleaned_data["role"], user)
        return _handed_over(request, invitation, token)
    return _list(request, form, status=400 if form.is_bound else 200)


@may_invite
@never_cache
@require_POST
def invitation_resend(request: HttpRequest, pk: int) -> HttpResponse:
    """Give an invitation a new link and a new time, and mail it."""
    invitation = _invitation(request, pk)
    try:
        token = inviting.renew(invitation, _user(request))
    except inviting.InvitationOverError:
        messages.error(request, _("This invitation is over; make a new one."))
        return redirect("accounts:invitations")
    return _handed_over(request, invitation, token)


@may_invite
@require_POST
def invitation_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Take an invitation back: its link stops working."""
    invitation = _invitation(request, pk)
    if inviting.revoke(invitation):
        messages.success(request, _("The invitation of %(email)s is revoked.") % {"email": invitation.email})
    else:
        messages.error(request, _("There was nothing to revoke: it has been taken up, or revoked already."))
    return redirect("accounts:invitations")


def _invitation(request: HttpRequest, pk: int) -> Invitation:
    """The invitation, if the role that it gives is one that the reader may give."""
    invitation = get_object_or_404(Invitation, pk=pk)
    if invitation.role not in roles.roles_given_by(_user(request)):
        raise PermissionDenied
    return invitation


def _handed_over(request: HttpRequest, invitation: Invitation, token: str) -> HttpResponse:
    """The list with the link of one invitation, which nobody can look up afterwards."""
    if inviting.send(request, invitation, token):
        messages.success(request, _("The invitation was mailed to %(email)s.") % {"email": invitation.email})
    else:
        messages.error(request, _("The mail could not be sent. Hand the link over yourself."))
    made = {"invitation": invitation, "link": inviting.link_of(request, token)}
    return _list(request, InviteForm(inviter=_user(request)), status=201, made=made)


def _list(request: HttpRequest, form: InviteForm, status: int, made: dict[str, Any] | None = None) -> HttpResponse:
    page = page_of(request, Invitation.objects.select_related("invited_by", "account"), 50)
    given, states = roles.roles_given_by(_user(request)), inviting.states_of(page)
    rows = [(one, roles.role_words(one.role), states[one.pk], one.role in given) for one in page]
    context = {"form": form, "page": page, "rows": rows, "made": made}
    return render(request, "account/invitations.html", context, status=status)


@login_not_required
@sensitive_post_parameters("password1", "password2")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, token: str) -> HttpResponseBase:
    """Accept an invitation: choose a name and a password, and be signed in."""
    invitation = inviting.invitation_of(token)
    if invitation is None:
        return _over(request, "unknown", 404)
    if (state := inviting.state_of(invitation)) != "open":
        return _over(request, state, GONE)
    form = JoinForm(request.POST or None, invitation=invitation)
    if request.method == "POST" and not request.user.is_authenticated and form.is_valid():
        try:
            user = inviting.accept(invitation, form.cleaned_data["username"], form.cleaned_data["password1"])
        except inviting.InvitationOverError as over:
            return _over(request, over.state, GONE)
        except IntegrityError:
            form.add_error(None, _("The name or the address was taken just now. Choose another name, or sign in."))
        else:
            return perform_login(request, user, signup=True, email=user.email)  # type: ignore[no-any-return]
    context = {"form": form, "invitation": invitation, "role": roles.role_words(invitation.role)}
    return render(request, "account/join.html", context, status=400 if form.is_bound else 200)


def _over(request: HttpRequest, state: str, status: int) -> HttpResponse:
    return render(request, "account/join_over.html", {"state": state}, status=status)


# --- Sessions -----------------------------------------------------------------------------------------


@signed_in
@require_POST
def session_end(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign out one of one's own sessions, wherever it is."""
    session = get_object_or_404(UserSession, pk=pk, user=request.user)
    if session.is_current():
        get_adapter(request).logout(request)
        session.end()
        return redirect("account_login")
    session.end()
    messages.success(request, _("That session is signed out."))
    return redirect("usersessions_list")


@signed_in
@require_POST
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """Sign out all of one's own sessions, this one too."""
    end_sessions(_user(request))
    logout(request)
    messages.success(request, _("You are signed out everywhere."))
    return redirect("account_login")


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
