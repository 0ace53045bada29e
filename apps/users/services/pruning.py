"""What nobody asks for any more."""

from datetime import datetime, timedelta

from django.db.models import Q

from apps.users.models import Session
from apps.users.services import lockout

# Long enough to see where one was logged in; the audit's entries stay.
SESSIONS_KEPT = timedelta(days=30)


def prune(now: datetime) -> int:
    """Deletes sessions that ended, or expired, long ago, and failures that count no more. Returns how many sessions."""
    lockout.prune(now)
    before = now - SESSIONS_KEPT
    return Session.objects.filter(Q(ended_at__lt=before) | Q(expires_at__lt=before)).delete()[0]
