from typing import Any

from rest_framework import serializers, status
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.generics import ListAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from apps.core.clock import now
from apps.core.pagination import Pages
from apps.core.query import checked
from apps.core.serializers import given
from apps.core.visitors import visitor_of
from apps.users.api.authentication import CHALLENGE, refused
from apps.users.api.bodies import (
    LoginBody,
    LogoutBody,
    PasswordBody,
    ProfileRow,
    RefreshBody,
    SessionRow,
    SettingsBody,
    TokenPair,
    columns_of,
)
from apps.users.models import EndReason
from apps.users.services import passwords, preferences, sessions
from apps.users.services.profile import profile_of
from apps.users.tokens import TokenRefused


class FrontDoor(APIView):
    """For who has no token yet: a 401 here says that what was shown was wrong."""

    authentication_classes = ()
    permission_classes = ()

    def get_authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class Login(FrontDoor):
    """A new session. Guessing is slowed down, by address."""

    throttle_classes = [ScopedRateThrottle]
    throttle_scope = "login"

    def post(self, request: Request) -> Response:
        named = given(LoginBody, request)
        try:
            tokens = sessions.log_in(**named, visitor=visitor_of(request), now=now())
        except sessions.LoginRefused:
            raise AuthenticationFailed("No active user has this name and password.", code="no_active_account") from None
        return Response(TokenPair(tokens).data)


class Refresh(FrontDoor):
    """The next pair. Each refresh token is for one use: one that is shown again ends its session."""

    def post(self, request: Request) -> Response:
        shown = given(RefreshBody, request)["refresh"]
        try:
            tokens = sessions.refresh(shown, visitor=visitor_of(request), now=now())
        except TokenRefused as refusal:
            raise refused(refusal) from None
        return Response(TokenPair(tokens).data)


class Logout(APIView):
    """Ends this session, or all of them: their tokens open nothing from now on, and their sockets close."""

    def post(self, request: Request) -> Response:
        everywhere = given(LogoutBody, request)["everywhere"]
        sessions.log_out(request.auth.session, everywhere=everywhere, now=now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class Password(APIView):
    """A new password ends all sessions; the answer begins one."""

    def post(self, request: Request) -> Response:
        told = given(PasswordBody, request)
        try:
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


class Profile(APIView):
    """Who I am, how I like to be shown things, and the workspaces I may see."""

    def get(self, request: Request) -> Response:
        checked(request.query_params, {})
        return Response(ProfileRow(profile_of(request.user)).data)


class Settings(APIView):
    """How I like to be shown things, and when not to be disturbed."""

    def get(self, request: Request) -> Response:
        checked(request.query_params, {})
        return Response(SettingsBody(preferences.settings_of(request.user)).data)

    def put(self, request: Request) -> Response:
        changes = columns_of(given(SettingsBody, request))
        return Response(SettingsBody(preferences.change_settings(request.user, changes)).data)


class Sessions(ListAPIView):
    """Where I am logged in, newest first."""

    serializer_class = SessionRow
    pagination_class = Pages

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        checked(request.query_params, {})
        return super().list(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        return self.request.user.sessions.live(now())

    def get_serializer_context(self) -> dict[str, Any]:
        return super().get_serializer_context() | {"current": self.request.auth.session.pk}


class OneSession(APIView):
    """One of my sessions: DELETE ends it."""

    def delete(self, request: Request, session_id: int) -> Response:
        session = get_object_or_404(request.user.sessions.live(now()), pk=session_id)
        sessions.end(session, why=EndReason.REVOKED, actor=request.user, at=now())
        return Response(status=status.HTTP_204_NO_CONTENT)
