"""`Authorization: Bearer <token>`, for every view: who asks is `request.user`, by what is `request.auth`."""

from typing import Any

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from apps.core.clock import now
from apps.core.visitors import address_of
from apps.users.models import User
from apps.users.services import access
from apps.users.services.access import Access
from apps.users.tokens import TokenRefused

CHALLENGE = 'Bearer realm="api"'


class BearerAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[User, Access] | None:
        token = _bearer(request)
        if token is None:
            return None
        try:
            found = access.by_token(token, address=address_of(request), now=now())
        except TokenRefused as refusal:
            raise refused(refusal) from None
        return found.user, found

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


def refused(refusal: TokenRefused) -> AuthenticationFailed:
    return AuthenticationFailed(str(refusal), code=refusal.code)


def _bearer(request: Any) -> str | None:
    """None where nothing was shown; another scheme's credentials are nothing to us."""
    http: HttpRequest = request
    scheme, _, token = http.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
