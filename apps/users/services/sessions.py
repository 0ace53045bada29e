"""Logging in, staying in, and out."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.contrib.auth import authenticate
from django.db import transaction

from apps.audit.services import record
from apps.core.visitors import Visitor
from apps.users import tokens
from apps.users.models import EndReason, Session, User
from apps.users.scopes import parse
from apps.users.services import lockout, two_factor
from apps.users.services.access import living
from apps.users.tokens import TokenRefused, Tokens


class LoginRefused(Exception):
    """Wrong name, wrong password, or not active: which of them, strangers are not told."""


class CodeWanted(Exception):
    """Name and password are right; a code of the authenticator, or a recovery code, is wanted too."""


class CodeRefused(Exception):
    """That code was wrong, or used before."""


def log_in(
    *,
    username: str,
    password: str,
    visitor: Visitor,
    now: datetime,
    code: str = "",
    scopes: Collection[str] | None = None,
) -> Tokens:
    """A new session, good for these scopes, or for all that the user may have.

    Raises LoginRefused, CodeWanted, CodeRefused, LockedOut.
    """
    attempt = lockout.begin(username, visitor.address, now=now)
    user: Any = authenticate(username=username, password=password)
    if user is None:
        attempt.fail(now)
        raise LoginRefused
    if two_factor.is_enabled(user) and not two_factor.passes(user, code, now=now):
        if code:
            attempt.fail(now)
            raise CodeRefused
        # Not a success: who has the password alone would have five codes anew each time.
        attempt.withdraw()
        raise CodeWanted
    attempt.succeed()
    return open_session(user, scopes=scopes, visitor=visitor, now=now)


def open_session(user: User, *, visitor: Visitor, now: datetime, scopes: Collection[str] | None = None) -> Tokens:
    """For who has just proved to be that user. Raises LoginRefused where the proof has been overtaken."""
    wanted = None if scopes is None else sorted(set(scopes))
    with transaction.atomic():
        # A password changed, or a user deactivated, since the row was read has already ended all sessions but this.
        proved = User.objects.select_for_update().filter(pk=user.pk, password=user.password, is_active=True)
        if not proved.exists():
            raise LoginRefused
        session = Session(user=user, scopes=wanted, address=visitor.address, user_agent=visitor.user_agent)
        session.created_at = session.seen_at = now
        session.expires_at = session.issue_ends(now)
        session.save(force_insert=True)
        record("session.started", session, at=now, actor=user, after={"scopes": wanted})
    return _issue(session, generation=0, refresh_at=now, now=now)


def refresh(raw: str, *, visitor: Visitor, now: datetime) -> Tokens:
    """The next pair. A token shown twice, but for the grace of parallel tabs, ends its session. Raises TokenRefused."""
    claims = tokens.read_refresh(raw)
    session = living(claims.session)
    generation = claims.generation
    if generation == session.generation and session.rotate(generation, address=visitor.address, now=now):
        return _issue(session, generation=generation + 1, refresh_at=now, now=now)
    # Read again: another tab may have been first, or a logout.
    session = living(claims.session)
    replaced_at = session.replaced_lately(generation, now=now)
    if replaced_at is None:
        _end_reused(session, visitor=visitor, now=now)
        raise TokenRefused("This refresh token was used before: its session has been ended.", code="session_ended")
    return _issue(session, generation=generation + 1, refresh_at=replaced_at, now=now)


def log_out(session: Session, *, everywhere: bool, now: datetime) -> None:
    """Ends the session, or all of its user's."""
    if everywhere:
        with transaction.atomic():
            number = session.user.sessions.all().end(why=EndReason.EVERYWHERE, at=now)
            record("user.logged_out_everywhere", session.user, at=now, actor=session.user, sessions=number)
    else:
        end(session, why=EndReason.LOGGED_OUT, actor=session.user, at=now)


def end(session: Session, *, why: EndReason, actor: User | None, at: datetime, **details: Any) -> None:
    with transaction.atomic():
        if Session.objects.filter(pk=session.pk).end(why=why, at=at):
            record("session.ended", session, at=at, actor=actor, why=why, **details)


def _issue(session: Session, *, generation: int, refresh_at: datetime, now: datetime) -> Tokens:
    allowed = two_factor.scopes_open_to(session.user)
    scopes = allowed if session.scopes is None else allowed & parse(session.scopes)
    return tokens.issue(session, generation=generation, refresh_at=refresh_at, scopes=scopes, now=now)


def _end_reused(session: Session, *, visitor: Visitor, now: datetime) -> None:
    end(session, why=EndReason.REUSED, actor=None, at=now, address=visitor.address)
