"""The one way to write an audit entry."""

from datetime import datetime
from typing import Any

from apps.audit.models import AuditEntry


def record(action: str, target: Any, *, at: datetime, actor: Any = None, **details: object) -> AuditEntry:
    """`target` is a saved model instance. `details` must be JSON, and never a credential."""
    return AuditEntry.objects.create(
        at=at,
        actor=actor if getattr(actor, "pk", None) else None,
        action=action,
        target=f"{target._meta.model_name}:{target.pk}",
        name=str(target)[:200],
        details=details,
    )
