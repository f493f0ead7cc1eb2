"""Notes on the pages of others: the panel beside a filing, and addresses of passages."""

from __future__ import annotations

from typing import Any

from django import template
from django.contrib.auth.models import AnonymousUser

from companies.annotations.editing import Audience
from companies.annotations.forms import NoteForm, ReplyForm
from companies.annotations.mentions import unread
from companies.annotations.reading import ShownNote, Threads, audience_value, groups_of, tags_seen, threads_of
from companies.filings.links import passage_url
from companies.models import Anchor, Filing, FilingVersion, User
from companies.roles import may_annotate

register = template.Library()
register.filter("passage_url", passage_url)


@register.simple_tag(takes_context=True)
def notes_beside(context: template.Context, filing: Filing, version: FilingVersion | None) -> dict[str, Any]:
    """What the panel beside a filing needs: `threads`, `form`, `groups` (the reader's), `tags`, `may_annotate`."""
    user: User | AnonymousUser = context["request"].user
    threads = context.get("threads")
    if not isinstance(threads, Threads):
        threads = threads_of(filing, user, version)
    writes = may_annotate(user)
    initial = {"filing": filing.pk, "version": version.number if version else None, "writer": user.pk}
    return {
        "threads": threads,
        "may_annotate": writes,
        "form": NoteForm(user=user, initial=initial) if writes else None,
        "groups": list(groups_of(user)),
        "tags": tags_seen(user) if writes else [],
    }


@register.simple_tag
def reply_form(shown: ShownNote) -> ReplyForm:
    """An empty form for an answer to a note."""
    seen_by = audience_value(Audience.of(shown.note))
    return ReplyForm(user=shown.reader, initial={"seen_by": seen_by, "writer": shown.reader.pk})


@register.filter
def number_of(anchor: Anchor) -> int:
    """The number of the version in which a passage stands."""
    return anchor.version.number


@register.simple_tag
def unread_mentions(user: User | AnonymousUser) -> int:
    """How many notes call somebody who has not looked yet."""
    return unread(user)
