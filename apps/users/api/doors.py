"""In, on and out."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.clock import now
from apps.core.limits import Limit
from apps.core.serializers import given
from apps.core.visitors import visitor_of
from apps.users.api.authentication import CHALLENGE, refused
from apps.users.api.bodies import LoginBody, LogoutBody, PasswordBody, RefreshBody, TokenPair
from apps.users.scopes import Scope
from apps.users.services import passwords, sessions
from apps.users.services.lockout import LockedOut
from apps.users.tokens import TokenRefused


@contextmanager
def not_locked_out() -> Iterator[None]:
    try:
        yield
    except LockedOut as lock:
        wait = ceil((lock.until - now()).total_seconds())
        raise Throttled(max(wait, 1), str(lock), code="locked_out") from None


class FrontDoor(APIView):
    """For who has no token yet: a 401 here says that what was shown was wrong."""

    authentication_classes = ()
    permission_classes = ()

    def get_authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class Login(FrontDoor):
    """A new session. Guessing is slowed down by address, and locked out after some failures."""

    limit = Limit(per_minute=30, burst=30)

    @extend_schema(request=LoginBody, responses=TokenPair)
    def post(self, request: Request) -> Response:
        named = given(LoginBody, request)
        try:
            with not_locked_out():
                tokens = sessions.log_in(**named, visitor=visitor_of(request), now=now())
        except sessions.LoginRefused:
            raise AuthenticationFailed("No active user has this name and password.", code="no_active_account") from None
        except sessions.CodeWanted:
            raise AuthenticationFailed("A code of the authenticator is wanted too.", code="two_factor_wanted") from None
        except sessions.CodeRefused:
            raise AuthenticationFailed("This is no code of yours, or used.", code="two_factor_refused") from None
        return Response(TokenPair(tokens).data)


class Refresh(FrontDoor):
    """The next pair. Each refresh token is for one use: one that is shown again ends its session."""

    # Who shows one is somebody, but nobody here knows yet who: an office refreshes from one address.
    limit = Limit(per_minute=300, burst=100)

    @extend_schema(request=RefreshBody, responses=TokenPair)
    def post(self, request: Request) -> Response:
        shown = given(RefreshBody, request)["refresh"]
        try:
            tokens = sessions.refresh(shown, visitor=visitor_of(request), now=now())
        except TokenRefused as refusal:
            raise refused(refusal) from None
        return Response(TokenPair(tokens).data)


class Logout(APIView):
    """Ends this session, or all of them: their tokens open nothing from now on, and their sockets close."""

    scope = Scope.USER_WRITE

    @extend_schema(request=LogoutBody, responses={204: None})
    def post(self, request: Request) -> Response:
        everywhere = given(LogoutBody, request)["everywhere"]
        sessions.log_out(request.auth.session, everywhere=everywhere, now=now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class Password(APIView):
    """A new password ends all sessions; the answer begins one."""

    scope = Scope.USER_WRITE

    @extend_schema(request=PasswordBody, responses=TokenPair)
    def post(self, request: Request) -> Response:
        told = given(PasswordBody, request)
        try:
            with not_locked_out():
                tokens = passwords.change_password(
                    request.user,
                    current=told["current_password"],
                    new=told["new_password"],
                    visitor=visitor_of(request),
                    now=now(),
                )
        except passwords.PasswordRefused as refusal:
            raise serializers.ValidationError({refusal.field: refusal.problems}) from None
        return Response(TokenPair(tokens).data)
