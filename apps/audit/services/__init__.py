"""The one way to write an audit entry."""

from datetime import datetime
from typing import Any

from django.db import transaction

from apps.audit.models import AuditEntry, AuditLink
from apps.core import origin


def record(
    action: str,
    target: Any,
    *,
    at: datetime,
    actor: Any = None,
    before: Any = None,
    after: Any = None,
    address: str | None = None,
    **details: object,
) -> AuditEntry:
    """`target` is a saved model instance, or the name of what is no row.

    `before`, `after` and `details` must be JSON, and never a credential.

    In the transaction of the deed, and it waits for nobody: its place in the chain is given later. From where it was
    done is known (`apps.core.origin`); `address` is for who knows better.
    """
    whence = origin.current()
    with transaction.atomic(savepoint=False):
        entry = AuditEntry.objects.create(
            at=at,
            actor=actor if getattr(actor, "pk", None) else None,
            actor_name=actor.get_username()[:150] if getattr(actor, "pk", None) else "",
            action=action,
            target=target if isinstance(target, str) else f"{target._meta.model_name}:{target.pk}",
            name=str(target)[:200],
            workspace_id=_workspace_of(target),
            before=before,
            after=after,
            details=details,
            via=whence.via,
            address=address or whence.address,
            user_agent=whence.user_agent,
            opened_by=whence.opened_by,
        )
        AuditLink.objects.create(entry_id=entry.pk)
    return entry


def _workspace_of(target: Any) -> int | None:
    """Whose it is, where it says so: by itself, or by its account."""
    if isinstance(target, str):
        return None
    if target._meta.model_name == "workspace":
        return int(target.pk)
    mine = getattr(target, "workspace_id", None)
    return mine if mine is not None else getattr(getattr(target, "account", None), "workspace_id", None)
