"""The tokens of a session: signed, of one session each, and worth nothing beside its row."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from apps.users.models import Session


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
    """What a token of ours says, once its signature and its time are found good."""

    session: UUID
    generation: int  # of a refresh token; 0 in an access token
    expires_at: float


def issue(session: Session, *, generation: int, refresh_at: datetime, now: datetime) -> Tokens:
    """`refresh_at`: when that generation was handed out first. Asked twice, its refresh token is the same."""
    refresh = _signed(RefreshToken(), session, refresh_at, gen=generation, jti=f"{session.uid.hex}.{generation}")
    refresh.set_exp(from_time=session.issue_ends(refresh_at), lifetime=refresh_at - refresh_at)
    access = _signed(AccessToken(), session, now)
    return Tokens(access=str(access), refresh=str(refresh))


def read_access(raw: str) -> Claims:
    """Raises TokenRefused."""
    return _read(AccessToken, raw)


def read_refresh(raw: str) -> Claims:
    """Raises TokenRefused."""
    return _read(RefreshToken, raw)


def _signed(token: Token, session: Session, at: datetime, **claims: Any) -> Token:
    token.set_iat(at_time=at)
    token.set_exp(from_time=at)
    for name, value in {"user_id": str(session.user_id), "sid": session.uid.hex, **claims}.items():
        token[name] = value
    return token


def _read(kind: type[Token], raw: str) -> Claims:
    try:
        token: Mapping[str, Any] = kind(raw.encode(errors="replace"))  # type: ignore[arg-type]
        return Claims(session=UUID(token["sid"]), generation=int(token.get("gen", 0)), expires_at=float(token["exp"]))
    except (TokenError, KeyError, ValueError):
        raise TokenRefused("The token is not valid, or has expired.") from None
