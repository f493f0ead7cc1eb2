"""Pages on which analysts bring in filings: a file of their own, or the address of one."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from companies.filings.asked import asked_number, asked_version
from companies.filings.not_fetched import NotFetched
from companies.filings.store import WORDS, NotStored
from companies.history import changing
from companies.models import Filing, Revision, User
from companies.roles import may_bring_in
from config.access import required
from valuations.document_state import document_state
from valuations.intake import DocumentForm, FilingForm, bring_in, checked_address, store_upload
from valuations.ledger import request_documents
from valuations.models import RefreshRun
from valuations.uploads import DocumentUpload

TOO_LARGE = 413


bringing_in_required = required(may_bring_in, back="filings:list")


def takes_documents(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponseBase]:
    """Take an upload with our own limits. The view gets the words for why a file was not taken, "" when it was.

    How an upload is taken must be said before the form is read, and the check of the form's token reads it: so that
    check is put off until then. Who may not bring in filings is sent away before anything is read.
    """

    @wraps(view)
    def wrapper(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        handler = DocumentUpload(request)
        request.upload_handlers = [handler]

        @csrf_protect
        def protected(request: HttpRequest) -> HttpResponse:
            request.POST  # noqa: B018  # reads the form, and with it the file
            problem = str(WORDS[handler.problem]) if handler.problem else ""
            return view(request, *args, problem=problem, **kwargs)

        return protected(request)

    return csrf_exempt(bringing_in_required(wrapper))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@takes_documents
def filing_add(request: HttpRequest, problem: str) -> HttpResponse:
    """Bring in a filing with its document. `?company=` and `?corrects=` fill the form."""
    if request.method != "POST":
        form = FilingForm(initial={name: request.GET[name] for name in ("company", "corrects") if name in request.GET})
        return _page(request, "valuations/filing_add.html", form)
    form = FilingForm(request.POST, request.FILES, problem=problem)
    if form.is_valid():
        try:
            filing = bring_in(form, _user(request))
        except NotStored as error:
            form.add_error("file", str(error))
        else:
            return redirect("filings:reader", pk=filing.pk)
    return _page(request, "valuations/filing_add.html", form)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@takes_documents
def filing_add_version(request: HttpRequest, pk: int, problem: str) -> HttpResponse:
    """Add a version to a filing that is here: a file, or where there is no address yet, an address."""
    filing = get_object_or_404(Filing.objects.select_related("company"), pk=pk)
    if request.method != "POST":
        return _page(request, "valuations/filing_add_version.html", DocumentForm(), filing)
    form = DocumentForm(request.POST, request.FILES, problem=problem)
    if form.is_valid() and (not form.cleaned_data["address"] or _takes_address(filing, form, _user(request))):
        try:
            created = form.upload is None or store_upload(filing, form.upload, _user(request))
        except NotStored as error:
            form.add_error("file", str(error))
        else:
            if form.upload is None:
                request_documents([filing], RefreshRun.Trigger.STAFF, _user(request))
            elif not created:
                messages.info(request, _("This filing has the same file already."))
            return redirect("filings:reader", pk=pk)
    return _page(request, "valuations/filing_add_version.html", form, filing)


@require_POST
@bringing_in_required
def filing_fetch(request: HttpRequest, pk: int) -> HttpResponse:
    """Fetch the document of a filing from its address; other bytes than before are a new version."""
    filing = get_object_or_404(Filing, pk=pk)
    if problem := _why_not_fetched(filing):
        messages.error(request, problem)
    else:
        request_documents([filing], RefreshRun.Trigger.STAFF, _user(request))
    return redirect("filings:reader", pk=pk)


@require_POST
@bringing_in_required
def filing_read_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Read the text of a filing's newest file again."""
    filing = get_object_or_404(Filing, pk=pk)
    if filing.versions.exists():
        request_documents([filing], RefreshRun.Trigger.STAFF, _user(request), only_read=True)
    else:
        messages.error(request, _("There is no file yet whose text could be read."))
    return redirect("filings:reader", pk=pk)


@never_cache
@require_safe
def filing_state(request: HttpRequest, pk: int) -> HttpResponse:
    """Where the document stands, for a page that waits for it.

    `?version=` and `?pages=` are what that page shows. One that shows nothing is told to load anew once there is
    something to read, or nothing is under way any more; one that is being read is only told so.
    """
    filing = get_object_or_404(Filing, pk=pk)
    shown, pages = asked_number(request, "version"), asked_number(request, "pages")
    version = asked_version(request, filing) if shown else filing.versions.last()
    state = document_state(filing, version)
    nothing_was_shown = not (shown and pages)
    is_over = not state.is_waiting
    context = {"filing": filing, "version": version, "is_over": is_over}
    response = render(request, "valuations/filing_state.html", context)
    has_come = version is not None and not shown
    if nothing_was_shown and (has_come or is_over or state.pages):
        response["HX-Refresh"] = "true"
    return response


def _page(request: HttpRequest, template: str, form: DocumentForm, filing: Filing | None = None) -> HttpResponse:
    too_large = bool(form.problem) and form.problem == str(WORDS["file_too_large"])
    status = TOO_LARGE if too_large else 400 if form.is_bound else 200
    context = {"form": form, "filing": filing, "most_mb": settings.DOCUMENT_MAX_MB}
    return render(request, template, context, status=status)


def _takes_address(filing: Filing, form: DocumentForm, user: User) -> bool:
    """Give a filing its address, unless it has another one: then the form says so."""
    address = form.cleaned_data["address"]
    if filing.url not in ("", address):
        words = _("This filing has an address already. Bring in the other one as a filing of its own.")
        form.add_error("address", words)
        return False
    if not filing.url:
        with changing(filing, user):
            Filing.objects.filter(pk=filing.pk).update(url=address)
            filing.url = address
            Revision.bump()
    return True


def _why_not_fetched(filing: Filing) -> str:
    """Why a filing's document cannot be asked for, "" when it can."""
    if not settings.SOURCES_ENABLED:
        return _("Fetching is switched off on this instance (SOURCES_ENABLED). Upload the file.")
    if not filing.url:
        return _("No address is known of this document. Upload the file.")
    try:
        checked_address(filing.url)
    except NotFetched as error:
        return str(error)
    return ""


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # whoever may bring in filings is signed in
    return request.user
