"""Pages and fragments of notes. What somebody may not see is not there (404); a text that was typed comes back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required, login_required
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from companies.annotations import editing, permissions
from companies.annotations.exports import notes_csv, notes_jsonld, notes_markdown
from companies.annotations.forms import (
    EditForm,
    EditReplyForm,
    FilterForm,
    ImportForm,
    NoteForm,
    ReplyForm,
    ThreadsForm,
    WritingForm,
    filing_of,
)
from companies.annotations.importing import Plan, in_words, plan_import, store_import
from companies.annotations.jsonld import Refused, parse
from companies.annotations.mentions import mark_seen, unread, unseen
from companies.annotations.reading import (
    ShownNote,
    ShownRevision,
    Thread,
    audience_from,
    audience_value,
    chosen_notes,
    deleted_by,
    tags_seen,
    thread_of,
    threads_of,
    visible_revisions,
    with_what_is_shown,
)
from companies.models import Annotation, Company, Filing, FilingVersion, User
from companies.roles import may_annotate
from config.htmx import page_or_partial
from config.paging import page_of

NOTES_PER_PAGE = 50
EXPORTS = {
    "jsonld": "application/ld+json",
    "md": "text/markdown; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
}
shown_to_one = vary_on_headers("HX-Request-Type", "Accept-Language", "Cookie")


def wants_part(request: HttpRequest) -> bool:
    """Whether htmx will put the answer into a page."""
    return request.headers.get("HX-Request-Type") == "partial"


def seen_note(request: HttpRequest, uid: UUID) -> Annotation:
    """A note which the reader may see; anything else is not there."""
    notes = with_what_is_shown(Annotation.objects.visible_to(request.user), request.user)
    return get_object_or_404(notes, uid=uid)


# --- Reading ----------------------------------------------------------------------------------------


@require_safe
@shown_to_one
def note_list(request: HttpRequest) -> HttpResponse:
    """Notes that the reader may see, narrowed by the address; the same address exports them."""
    form = FilterForm(request.GET)
    if not form.is_valid():
        context: dict[str, Any] = {"form": form, "problems": [e for errors in form.errors.values() for e in errors]}
        return render(request, page_or_partial(request, "notes/list.html", "found"), context, status=400)
    choice = form.choice()
    page = page_of(request, chosen_notes(request.user, choice), NOTES_PER_PAGE)
    context = {
        "form": form,
        "choice": choice,
        "page": page,
        "notes": [ShownNote(row, request.user) for row in page],
        "query": request.GET.urlencode(),
        "tags": tags_seen(request.user),
        "companies": Company.objects.current().filter(filings__versions__isnull=False).distinct().order_by("name_en"),
        "filing": filing_of(str(choice.filing or "")),
        "unread": unread(request.user),
        "may_annotate": may_annotate(request.user),
    }
    return render(request, page_or_partial(request, "notes/list.html", "found"), context)


@require_safe
@shown_to_one
def export(request: HttpRequest, kind: str) -> HttpResponse:
    """The notes of the list at the same address, as a file."""
    form = FilterForm(request.GET)
    if not form.is_valid():
        raise BadRequest("unknown filter")
    notes = [ShownNote(row, request.user) for row in chosen_notes(request.user, form.choice())]
    absolute = request.build_absolute_uri
    if kind == "jsonld":
        address = absolute(f"{reverse('notes:list')}?{request.GET.urlencode()}".rstrip("?"))
        content = json.dumps(notes_jsonld(notes, address, absolute), ensure_ascii=False, indent=1)
    else:
        content = notes_csv(notes, absolute) if kind == "csv" else notes_markdown(notes, absolute)
    response = HttpResponse(content, content_type=EXPORTS[kind])
    response["Content-Disposition"] = f'attachment; filename="notes.{kind}"'
    response["Cache-Control"] = "private, no-store"
    return response


@require_safe
@shown_to_one
def note(request: HttpRequest, uid: UUID) -> HttpResponse:
    """One thread: the note and its replies. The address of a reply shows the thread it belongs to."""
    found = seen_note(request, uid)
    return thread_page(request, found)


def thread_page(request: HttpRequest, found: Annotation, **more: Any) -> HttpResponse:
    """The thread of a note as a page, or as the fragment that takes its place."""
    thread = thread_of(found, request.user)
    if wants_part(request):
        return render(request, "notes/thread.html", thread_context(request, thread) | more)
    pks = [one.note.pk for one in thread.notes]
    context = thread_context(request, thread) | {
        "filing": found.filing,
        "calls_reader": unseen(request.user).filter(annotation__in=pks).exists(),
    }
    return render(request, "notes/note.html", context | more)


def thread_context(request: HttpRequest, thread: Thread) -> dict[str, Any]:
    """What notes/thread.html needs."""
    return {"thread": thread, "reader": request.user}


@require_safe
@shown_to_one
def history(request: HttpRequest, uid: UUID) -> HttpResponse:
    """What a note said before, as far as the reader could see it then."""
    found = seen_note(request, uid)
    revisions = [ShownRevision(row) for row in visible_revisions(found, request.user)]
    return render(request, "notes/history.html", {"shown": ShownNote(found, request.user), "revisions": revisions})


@require_safe
@shown_to_one
def of_filing(request: HttpRequest, pk: int) -> HttpResponse:
    """All threads of a filing, beside one of its versions."""
    form = ThreadsForm(request.GET)
    if not form.is_valid():
        raise BadRequest("unknown filter")
    filing = get_object_or_404(Filing.objects.select_related("company"), pk=pk)
    wanted = form.cleaned_data
    version = version_of(filing, wanted["version"])
    if wanted["version"] and version is None:
        raise Http404
    context = threads_context(request, filing, version, whose=wanted["whose"], only_open=wanted["open"])
    return render(request, "notes/threads.html" if wants_part(request) else "notes/of_filing.html", context)


def version_of(filing: Filing, number: int | None) -> FilingVersion | None:
    """The version of a filing that is asked for, or the newest."""
    versions = filing.versions.order_by("-number")
    return (versions.filter(number=number) if number else versions).first()


def threads_context(
    request: HttpRequest, filing: Filing, version: FilingVersion | None, *, whose: str = "", only_open: bool = False
) -> dict[str, Any]:
    """What notes/threads.html needs."""
    threads = threads_of(filing, request.user, version, whose=whose, only_open=only_open)
    return {
        "filing": filing, "version": version, "threads": threads, "whose": whose, "only_open": only_open,
        "reader": request.user,
    }  # fmt: skip


@login_required
@require_POST
def seen(request: HttpRequest) -> HttpResponse:
    """The reader has seen the notes that mention them: those of one thread (`note`), or all."""
    assert isinstance(request.user, User)  # who is signed in is one
    uid = request.POST.get("note", "")
    if not uid:
        mark_seen(request.user)
        return redirect(f"{reverse('notes:list')}?whose=mentions")
    try:
        found = seen_note(request, UUID(uid))
    except ValueError as problem:
        raise Http404 from problem
    thread = thread_of(found, request.user)
    mark_seen(request.user, [one.note for one in thread.notes])
    return HttpResponse(status=204) if wants_part(request) else redirect("notes:note", uid=found.uid)


# --- Writing: a text that was typed is never lost -----------------------------------------------------


def refused(
    request: HttpRequest, part: str, form: WritingForm, problems: list[str], status: int, **more: Any
) -> HttpResponse:
    """The same form again with its text and what is wrong: alone for htmx, else as a page."""
    context = {"form": form, "problems": problems, "part": part, "sign_in": status == 401, **more}
    return render(request, part if wants_part(request) else "notes/form.html", context, status=status)


def refuse_add(request: HttpRequest, problems: list[str], status: int) -> HttpResponse:
    """A new note that is not taken."""
    form = NoteForm(request.POST, user=request.user)
    return refused(request, "notes/composer.html", form, problems, status, may_send=status != 404)


def refuse_reply(request: HttpRequest, problems: list[str], status: int, uid: UUID) -> HttpResponse:
    """A reply that is not taken."""
    form = ReplyForm(request.POST, user=request.user)
    return refused(request, "notes/reply_form.html", form, problems, status, uid=uid, may_send=status != 404)


def refuse_edit(request: HttpRequest, problems: list[str], status: int, uid: UUID, **more: Any) -> HttpResponse:
    """A change that is not taken."""
    form: WritingForm = (
        EditForm(request.POST, user=request.user)
        if "visible_to" in request.POST
        else EditReplyForm(request.POST, user=request.user)
    )
    context = {"uid": uid, "may_send": status != 404, **more}
    return refused(request, "notes/edit_form.html", form, problems, status, **context)


REFUSALS: dict[str, Callable[..., HttpResponse]] = {"add": refuse_add, "reply": refuse_reply, "edit": refuse_edit}


def form_too_old(request: HttpRequest) -> HttpResponse | None:
    """What a form of notes gets whose token is too old, as after signing in again elsewhere. None: not one of ours."""
    match = request.resolver_match
    refuse = REFUSALS.get(match.url_name or "") if match and match.app_name == "notes" else None
    if match is None or refuse is None:
        return None
    problem = _("This form was made before you signed in, or long ago. Nothing is lost: please send it once more.")
    return refuse(request, [problem], 403, **match.kwargs)


def not_as_somebody_else(request: HttpRequest) -> str:
    """What is wrong about who sends a form; empty when nothing is. Sent once more, it is the sender's own."""
    data = request.POST.copy()
    if data.get("writer", "") in ("", str(request.user.pk)):
        return ""
    data["writer"] = str(request.user.pk)
    request.POST = data  # type: ignore[assignment]  # of the same kind, and read by the refusal only
    problem = _("Somebody else began this text; you are signed in as %(name)s. Send it again to save it as yours.")
    return problem % {"name": request.user.get_username()}


def for_writers(name: str) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponseBase]]:
    """Keep the text of those who are signed out or whom somebody else has followed at the same browser."""

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponseBase]:
        @login_not_required
        def wrapper(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
            if request.method == "POST":
                if not request.user.is_authenticated:
                    problem = _("You are signed out. Your text is here: sign in (in another tab), then send it again.")
                    return REFUSALS[name](request, [problem], 401, **kwargs)
                if problem := not_as_somebody_else(request):
                    return REFUSALS[name](request, [problem], 403, **kwargs)
                return view(request, **kwargs)
            return login_required(view)(request, **kwargs)

        wrapper.__name__, wrapper.__doc__ = view.__name__, view.__doc__
        return wrapper

    return decorate


def may_not_write() -> str:
    """Said to who has no right to write notes."""
    return _("Your account may not write notes. Copy your text, and ask an administrator.")


def not_there() -> str:
    """Said of notes that were deleted, that are hidden from the reader, and that never were."""
    return _("The note is not there (any more), or you may not see it. Copy your text if you need it.")


def saved(response: HttpResponse, uid: UUID, draft: str) -> HttpResponse:
    """Tell the page that a text is stored, so that its draft can go."""
    response["HX-Trigger"] = json.dumps({"note:saved": {"uid": str(uid), "draft": draft}})
    return response


@require_POST
@for_writers("add")
def add(request: HttpRequest) -> HttpResponse:
    """A note on a passage."""
    assert isinstance(request.user, User)  # who is signed in is one
    if not may_annotate(request.user):
        return refuse_add(request, [may_not_write()], 403)
    form = NoteForm(request.POST, user=request.user)
    if not form.is_valid() or form.anchor is None:
        return refuse_add(request, form.problems, 422)
    stored = editing.create(request.user, form.anchor, form.text, form.audience)
    if not wants_part(request):
        messages.success(request, _("The note is saved."))
        return redirect("notes:note", uid=stored.uid)
    version = version_of(stored.filing, form.cleaned_data["version"])
    response = render(request, "notes/threads.html", threads_context(request, stored.filing, version))
    return saved(response, stored.uid, f"add-{stored.filing_id}")


@require_http_methods(["GET", "HEAD", "POST"])
@for_writers("reply")
@shown_to_one
def reply(request: HttpRequest, uid: UUID) -> HttpResponse:
    """An answer in a thread."""
    assert isinstance(request.user, User)  # who is signed in is one
    try:
        head = permissions.head_of(seen_note(request, uid))
    except Http404:
        if request.method != "POST":
            raise
        return refuse_reply(request, [not_there()], 404, uid)
    if not permissions.may_reply(request.user, head):
        if request.method != "POST":
            raise PermissionDenied
        return refuse_reply(request, [may_not_write()], 403, uid)
    if request.method != "POST":
        initial = {"seen_by": audience_value(editing.Audience.of(head)), "writer": request.user.pk}
        form = ReplyForm(user=request.user, initial=initial)
        context = {"form": form, "part": "notes/reply_form.html", "uid": head.uid, "may_send": True}
        return render(request, "notes/reply_form.html" if wants_part(request) else "notes/form.html", context)
    return send_reply(request, request.user, head)


def send_reply(request: HttpRequest, user: User, head: Annotation) -> HttpResponse:
    """Store a reply, or say why not."""
    form = ReplyForm(request.POST, user=user)
    if not form.is_valid():
        return refuse_reply(request, form.problems, 422, head.uid)
    audience = audience_from(form.cleaned_data["seen_by"], user)
    try:
        stored = editing.reply(user, head, form.text, seen=audience)
    except editing.Gone:
        return refuse_reply(request, [not_there()], 404, head.uid)
    except editing.MoreReaders as more:
        data = request.POST.copy()
        data["seen_by"] = audience_value(more.audience)
        problem = _("More people see this thread now than when you began. Send again if they may all read your reply.")
        context = {"uid": head.uid, "may_send": True}
        form = ReplyForm(data, user=user)
        return refused(request, "notes/reply_form.html", form, [problem], 409, **context)
    if not wants_part(request):
        return redirect(f"{reverse('notes:note', args=[head.uid])}#note-{stored.uid}")
    return saved(thread_page(request, head), stored.uid, f"reply-{head.uid}")


@require_http_methods(["GET", "HEAD", "POST"])
@for_writers("edit")
@shown_to_one
def edit(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Change a note: only its author, and only what they have read."""
    assert isinstance(request.user, User)  # who is signed in is one
    try:
        found = seen_note(request, uid)
    except Http404:
        if request.method != "POST":
            raise
        return refuse_edit(request, [not_there()], 404, uid)
    if not permissions.may_edit(request.user, found):
        if request.method != "POST":
            raise PermissionDenied
        return refuse_edit(request, [_("Only its author changes a note.")], 403, uid)
    if request.method != "POST":
        context = {"form": edit_form(found, request.user), "part": "notes/edit_form.html", "uid": uid, "may_send": True}
        return render(request, "notes/edit_form.html" if wants_part(request) else "notes/form.html", context)
    return send_edit(request, request.user, found)


def edit_form(found: Annotation, user: User) -> WritingForm:
    """The form that shows a note as it is."""
    initial: dict[str, Any] = {
        "body": found.body,
        "tags": ", ".join(tag.name for tag in found.tags.all()),
        "revision": found.revision,
        "writer": user.pk,
    }
    if found.parent_id is not None:
        return EditReplyForm(user=user, initial=initial)
    return EditForm(user=user, initial=initial | {"visible_to": audience_value(editing.Audience.of(found))})


def send_edit(request: HttpRequest, user: User, found: Annotation) -> HttpResponse:
    """Store a change, or say why not."""
    is_head = found.parent_id is None
    form = EditForm(request.POST, user=user) if is_head else EditReplyForm(request.POST, user=user)
    if not form.is_valid():
        return refuse_edit(request, form.problems, 422, found.uid)
    audience = form.audience if isinstance(form, EditForm) else None
    try:
        stored = editing.edit(found, user, form.cleaned_data["revision"], form.text, audience)
    except editing.Gone:
        return refuse_edit(request, [not_there()], 404, found.uid)
    except editing.WouldExpose:
        problem = _("Others have replied to fewer people, and more may not read that. Write a new note instead.")
        return refuse_edit(request, [problem], 422, found.uid)
    except editing.EditConflict as conflict:
        return show_conflict(request, user, conflict)
    if not wants_part(request):
        messages.success(request, _("The note is saved."))
        return redirect("notes:note", uid=stored.uid)
    return saved(thread_page(request, seen_note(request, stored.uid)), stored.uid, f"edit-{stored.uid}")


def show_conflict(request: HttpRequest, user: User, conflict: editing.EditConflict) -> HttpResponse:
    """Both texts, and a form that saves what is made of them over the newer one."""
    data = request.POST.copy()
    data["revision"] = str(conflict.theirs.revision)
    form_class = EditForm if conflict.theirs.parent_id is None else EditReplyForm
    problem = _("The note was changed meanwhile, and nothing of that is overwritten. Make one text of both, then save.")
    return refused(
        request, "notes/edit_form.html", form_class(data, user=user), [problem], 409, uid=conflict.theirs.uid,
        may_send=True, theirs=conflict.theirs, theirs_tags=", ".join(tag.name for tag in conflict.theirs.tags.all()),
    )  # fmt: skip


# --- Deleting and resolving -------------------------------------------------------------------------


@login_required
@require_POST
def delete(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Delete a note; it can be restored for thirty days."""
    assert isinstance(request.user, User)  # who is signed in is one
    found = seen_note(request, uid)
    if not permissions.may_delete(request.user, found):
        raise PermissionDenied
    editing.delete(found, request.user)
    if not wants_part(request):
        messages.success(request, _("The note is deleted. It can be restored for thirty days."))
        return redirect(f"{reverse('notes:list')}?deleted=1")
    head = permissions.head_of(found)
    if head.pk == found.pk or not found.head_is_seen:  # type: ignore[attr-defined]
        response = render(request, "notes/gone.html", {"uid": found.uid})
    else:
        response = thread_page(request, head, deleted_uid=found.uid)
    response["HX-Trigger"] = json.dumps({"note:deleted": {"uid": str(found.uid)}})
    return response


@login_required
@require_POST
def restore(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Take a deletion back: who deleted it."""
    found = deleted_by(request.user).filter(uid=uid).first() or seen_note(request, uid)
    if not permissions.may_restore(request.user, found):
        raise PermissionDenied
    editing.restore(found)
    visible = Annotation.objects.visible_to(request.user).filter(pk=found.pk).exists()
    if wants_part(request) and visible:
        return thread_page(request, seen_note(request, uid))
    messages.success(request, _("The note is restored."))
    return redirect("notes:note", uid=uid) if visible else redirect("notes:list")


@login_required
@require_POST
def resolve(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Say that a thread is settled, or (`reopen`) that it is not."""
    assert isinstance(request.user, User)  # who is signed in is one
    found = seen_note(request, uid)
    if not permissions.may_resolve(request.user, found):
        raise PermissionDenied
    if request.POST.get("reopen"):
        editing.reopen(found)
    else:
        editing.resolve(found, request.user)
    return thread_page(request, found) if wants_part(request) else redirect("notes:note", uid=uid)


# --- Bringing in ------------------------------------------------------------------------------------


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def import_notes(request: HttpRequest) -> HttpResponse:
    """Bring in a file of notes: first what would happen, then, confirmed, all of it or nothing."""
    assert isinstance(request.user, User)  # who is signed in is one
    if not may_annotate(request.user):
        raise PermissionDenied
    if request.method != "POST":
        return render(request, "notes/import.html", {"form": ImportForm()})
    form = ImportForm(request.POST, request.FILES)
    if not form.is_valid():
        wrong = [(0, str(error)) for errors in form.errors.values() for error in errors]
        return render(request, "notes/import.html", {"form": form, "problems": wrong}, status=422)
    text = form.cleaned_data["text"]
    try:
        plan = plan_import(parse(text), request.user)
    except Refused as refusal:
        problems = [(problem.line, in_words(problem)) for problem in refusal.problems]
        return render(request, "notes/import.html", {"form": form, "problems": problems}, status=422)
    if "confirm" not in request.POST:
        return render(request, "notes/import.html", {"form": form, "plan": plan, "text": text})
    return finish_import(request, request.user, plan, text)


def finish_import(request: HttpRequest, user: User, plan: Plan, text: str) -> HttpResponse:
    """Add the notes of a plan, unless something has changed since it was made: then show it anew."""
    try:
        count = store_import(plan, user)
    except (IntegrityError, editing.Gone):
        context = {"form": ImportForm(), "plan": plan_import(parse(text), user), "text": text}
        return render(request, "notes/import.html", context, status=409)
    said = ngettext("%(count)d note was brought in.", "%(count)d notes were brought in.", count)
    messages.success(request, said % {"count": count})
    return redirect(f"{reverse('notes:list')}?whose=mine")
