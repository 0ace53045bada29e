"""What clients show: a session's signed tokens, worth nothing beside its row, and the personal ones."""

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from apps.users.models import Session
from apps.users.scopes import Scope, parse

# Found in a file or a commit, it says what it is.
PERSONAL = "ap_"
PREFIX_BYTES, SECRET_BYTES = 6, 32


class TokenRefused(Exception):
    """What opens nothing, with a stable code."""

    def __init__(self, detail: str, *, code: str = "token_not_valid") -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    access: str
    refresh: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a session's token says, once its signature and its time are found good."""

    session: UUID
    generation: int  # of a refresh token; 0 in an access token
    scopes: frozenset[Scope]  # of an access token
    expires_at: float


def issue(session: Session, *, generation: int, refresh_at: datetime, scopes: Iterable[Scope], now: datetime) -> Tokens:
    """`refresh_at`: when that generation was handed out first. Asked twice, its refresh token is the same."""
    refresh = _signed(RefreshToken(), session, refresh_at, gen=generation, jti=f"{session.uid.hex}.{generation}")
    refresh.set_exp(from_time=session.issue_ends(refresh_at), lifetime=refresh_at - refresh_at)
    access = _signed(AccessToken(), session, now, scope=" ".join(sorted(scopes)))
    return Tokens(access=str(access), refresh=str(refresh))


def read_access(raw: str) -> Claims:
    """Raises TokenRefused."""
    return _read(AccessToken, raw)


def read_refresh(raw: str) -> Claims:
    """Raises TokenRefused."""
    return _read(RefreshToken, raw)


def new_personal() -> tuple[str, str]:
    """A prefix to find it by, and the whole token."""
    prefix = secrets.token_hex(PREFIX_BYTES)
    return prefix, f"{PERSONAL}{prefix}_{secrets.token_urlsafe(SECRET_BYTES)}"


def prefix_of(token: str) -> str:
    """Of a personal token; empty where it cannot be one."""
    prefix, found, _ = token.removeprefix(PERSONAL).partition("_")
    return prefix if found and len(prefix) == 2 * PREFIX_BYTES and prefix.isalnum() and prefix.isascii() else ""


def digest(token: str) -> str:
    """What is kept instead of a token of ours. They are random and long: nobody finds one by trying."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def _signed(token: Token, session: Session, at: datetime, **claims: Any) -> Token:
    token.set_iat(at_time=at)
    token.set_exp(from_time=at)
    for name, value in {"user_id": str(session.user_id), "sid": session.uid.hex, **claims}.items():
        token[name] = value
    return token


def _read(kind: type[Token], raw: str) -> Claims:
    try:
        token: Mapping[str, Any] = kind(raw.encode(errors="replace"))  # type: ignore[arg-type]
        return Claims(
            session=UUID(token["sid"]),
            generation=int(token.get("gen", 0)),
            scopes=parse(str(token.get("scope", "")).split()),
            expires_at=float(token["exp"]),
        )
    except (TokenError, KeyError, ValueError):
        raise TokenRefused("The token is not valid, or has expired.") from None
