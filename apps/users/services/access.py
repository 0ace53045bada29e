"""Who asks, by what they show: the one look at a token that every request and every socket takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from apps.users import tokens
from apps.users.models import Session, User
from apps.users.tokens import TokenRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a good token opens, and until when (seconds since 1970)."""

    user: User
    session: Session
    expires_at: float


def by_access_token(raw: str) -> Access:
    """Raises TokenRefused: for a token that is not ours, and at once for one whose session has ended."""
    claims = tokens.read_access(raw)
    session = living(claims.session)
    return Access(user=session.user, session=session, expires_at=claims.expires_at)


def living(uid: UUID) -> Session:
    """With its user, in one query. Raises TokenRefused where the session has ended, or the user is gone."""
    session = Session.objects.select_related("user").filter(uid=uid).first()
    if session is None:
        raise TokenRefused("The session of this token does not exist any more.", code="session_ended")
    if session.ended_at is not None:
        raise TokenRefused(f"The session of this token has ended: {session.ended_why}.", code="session_ended")
    if not session.user.is_active:
        raise TokenRefused("The user is inactive.", code="user_inactive")
    return session


def ended_among(session_ids: Sequence[int]) -> list[int]:
    """Those whose tokens open nothing any more: ended, gone, or of a user who is inactive."""
    alive = Session.objects.filter(pk__in=session_ids, ended_at=None, user__is_active=True)
    return sorted(set(session_ids) - set(alive.values_list("pk", flat=True)))
