"""Personal tokens: made, listed, revoked."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction

from apps.audit.services import record
from apps.users import tokens
from apps.users.models import ApiToken
from apps.users.scopes import GRANTS, Scope
from apps.users.services.access import Access

LONGEST = timedelta(days=366)
MOST = 50  # live ones of a user: who needs more has lost count


class ApiTokenRefused(Exception):
    """`field` is what was wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


def create(
    by: Access, *, name: str, scopes: Iterable[Scope], expires_at: datetime, now: datetime
) -> tuple[ApiToken, str]:
    """The row, and the token, which nobody sees again. It may do no more than who makes it. Raises ApiTokenRefused."""
    wanted = sorted(set(scopes))
    _refuse(by, wanted, expires_at, now)
    prefix, token = tokens.new_personal()
    with transaction.atomic():
        row = ApiToken.objects.create(
            user=by.user,
            name=name,
            prefix=prefix,
            digest=tokens.digest(token),
            scopes=wanted,
            created_at=now,
            expires_at=expires_at,
        )
        told = {"name": name, "scopes": wanted, "expires_at": expires_at.isoformat()}
        record("api_token.created", row, at=now, actor=by.user, after=told)
    return row, token


def revoke(token: ApiToken, *, actor: object, at: datetime) -> bool:
    """False where it was revoked already."""
    with transaction.atomic():
        if not ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=at):
            return False
        record("api_token.revoked", token, at=at, actor=actor, before={"name": token.name, "scopes": token.scopes})
    return True


def _refuse(by: Access, scopes: list[Scope], expires_at: datetime, now: datetime) -> None:
    kept = [scope for scope in scopes if GRANTS[scope].sessions_only]
    if kept:
        raise ApiTokenRefused("scopes", f"Only who logs in may have {', '.join(kept)}.")
    beyond = [scope for scope in scopes if scope not in by.scopes]
    if beyond:
        raise ApiTokenRefused("scopes", f"You have not {', '.join(beyond)} yourself.")
    if not now < expires_at <= now + LONGEST:
        raise ApiTokenRefused("expires_at", f"Expected a time within the next {LONGEST.days} days.")
    if by.user.api_tokens.live(now).count() >= MOST:
        raise ApiTokenRefused("name", f"You have {MOST} tokens: revoke one first.")
