"""Who asks, by what they show: the one look at a token that every request and every socket takes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest
from uuid import UUID

from django.db.models import Q

from apps.core.prepared import Parameter, PreparedObjects
from apps.users import tokens
from apps.users.models import ApiToken, Membership, Session, User
from apps.users.scopes import Scope, open_to, parse
from apps.users.services import two_factor
from apps.users.tokens import TokenRefused

# Who asks a hundred times a second is noted once a minute.
USE_IS_NOTED_EVERY = timedelta(minutes=1)

_sessions = PreparedObjects(
    lambda: Session.objects.filter(uid=Parameter("uid", Session._meta.get_field("uid"))),
    along="user",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a good token opens, and until when (seconds since 1970). By a session's token or by a personal one."""

    user: User
    scopes: frozenset[Scope]
    expires_at: float
    session: Session | None = None
    api_token: ApiToken | None = None

    @property
    def key(self) -> str:
        """Names what it was opened by: `session.7`, `token.3`."""
        return f"session.{self.session.pk}" if self.session else f"token.{self.api_token.pk}"  # type: ignore[union-attr]


def by_token(raw: str, *, address: str | None, now: datetime) -> Access:
    """Raises TokenRefused: for a token that is not ours, and at once for one that was ended or revoked."""
    if raw.startswith(tokens.PERSONAL):
        return _by_personal_token(raw, address, now)
    claims = tokens.read_access(raw)
    session = living(claims.session)
    scopes = claims.scopes & open_to(is_staff=session.user.is_staff)
    return Access(user=session.user, session=session, scopes=scopes, expires_at=claims.expires_at)


def living(uid: UUID) -> Session:
    """With its user, in one query. Raises TokenRefused where the session has ended, or the user is gone."""
    found: list[Session] = _sessions.objects(uid=uid)
    if not found:
        raise TokenRefused("The session of this token does not exist any more.", code="session_ended")
    session = found[0]
    if session.ended_at is not None:
        raise TokenRefused(f"The session of this token has ended: {session.ended_why}.", code="session_ended")
    _refuse_inactive(session.user)
    return session


def still_open(keys: Iterable[str]) -> dict[str, list[int]]:
    """Of those that `Access.key` named, the ones that still open something: to the workspaces they may see."""
    named = [key.partition(".") for key in keys]
    sessions = Session.objects.filter(pk__in=[pk for kind, _, pk in named if kind == "session"], ended_at=None)
    personal = ApiToken.objects.filter(pk__in=[pk for kind, _, pk in named if kind == "token"], revoked_at=None)
    found: dict[str, list[int]] = {}
    for kind, rows in (("session", sessions), ("token", personal)):
        seen = rows.filter(user__is_active=True).order_by("user__memberships__workspace_id")
        for pk, workspace_id in seen.values_list("pk", "user__memberships__workspace_id"):
            found.setdefault(f"{kind}.{pk}", []).extend([workspace_id] if workspace_id else [])
    return found


def role_in(user: User, workspace_id: int) -> str:
    """Empty for who is no member."""
    found = Membership.objects.filter(user=user, workspace_id=workspace_id)
    return found.values_list("role", flat=True).first() or ""


def _by_personal_token(raw: str, address: str | None, now: datetime) -> Access:
    prefix = tokens.prefix_of(raw)
    found = ApiToken.objects.select_related("user").filter(prefix=prefix).first() if prefix else None
    if found is None or not compare_digest(found.digest, tokens.digest(raw)):
        raise TokenRefused("The token is not valid.")
    if found.revoked_at is not None or found.expires_at <= now:
        raise TokenRefused("The token has expired, or was revoked.")
    _refuse_inactive(found.user)
    _note_use(found, address, now)
    # Staff whose two-factor was taken away get in by no other way either.
    scopes = parse(found.scopes) & two_factor.scopes_open_to(found.user)
    return Access(user=found.user, api_token=found, scopes=scopes, expires_at=found.expires_at.timestamp())


def _note_use(token: ApiToken, address: str | None, now: datetime) -> None:
    is_old = Q(used_at=None) | Q(used_at__lte=now - USE_IS_NOTED_EVERY)
    if token.used_at is None or token.used_at <= now - USE_IS_NOTED_EVERY:
        ApiToken.objects.filter(is_old, pk=token.pk).update(used_at=now, used_from=address)


def _refuse_inactive(user: User) -> None:
    if not user.is_active:
        raise TokenRefused("The user is inactive.", code="user_inactive")
