"""Who may do what with a note that they see. Seeing is `Annotation.objects.visible_to`.

| | author | others who see it | who moderates |
|---|---|---|---|
| edit, change who sees it | yes | no | no |
| delete | yes | no | what everybody sees |
| restore | what they deleted | no | what they deleted |
| resolve, reopen | yes | who may write notes | |
| reply | who may write notes | who may write notes | |
"""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser

from companies.models import Annotation, User, Visibility
from companies.roles import may_annotate, may_moderate


def may_edit(user: User | AnonymousUser, note: Annotation) -> bool:
    """Whether somebody may change what a note says and who sees it."""
    return user.is_authenticated and note.author_id == user.pk


def may_delete(user: User | AnonymousUser, note: Annotation) -> bool:
    """Whether somebody may delete a note: their own, or one that everybody sees if they moderate."""
    return may_edit(user, note) or (head_of(note).visibility == Visibility.PUBLIC and may_moderate(user))


def may_restore(user: User | AnonymousUser, note: Annotation) -> bool:
    """Whether somebody may take back a deletion: only who deleted it."""
    return user.is_authenticated and note.deleted_at is not None and note.deleted_by_id == user.pk


def may_resolve(user: User | AnonymousUser, note: Annotation) -> bool:
    """Whether somebody who sees a thread may say that it is settled, or open it again."""
    return note.parent_id is None and (may_edit(user, note) or may_annotate(user))


def may_reply(user: User | AnonymousUser, note: Annotation) -> bool:
    """Whether somebody who sees a thread may answer in it."""
    return note.parent_id is None and may_annotate(user)


def head_of(note: Annotation) -> Annotation:
    """The note at the head of the thread."""
    return note.parent or note
