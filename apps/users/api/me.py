"""What is mine: profile, settings, sessions, personal tokens."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.clock import now
from apps.core.pagination import Pages
from apps.core.query import checked, checked_of_list
from apps.core.serializers import given
from apps.users.api.bodies import (
    ApiTokenBody,
    ApiTokenRow,
    NewApiToken,
    ProfileRow,
    SessionRow,
    SettingsBody,
    columns_of,
)
from apps.users.models import EndReason
from apps.users.scopes import Scope
from apps.users.services import api_tokens, preferences, sessions
from apps.users.services.api_tokens import ApiTokenRefused
from apps.users.services.profile import profile_of


class Profile(APIView):
    """Who I am, how I like to be shown things, and the workspaces I may see."""

    scope = Scope.USER_READ

    @extend_schema(responses=ProfileRow)
    def get(self, request: Request) -> Response:
        checked(request.query_params, {})
        return Response(ProfileRow(profile_of(request.user)).data)


class Settings(APIView):
    """How I like to be shown things, and when not to be disturbed."""

    scopes = {"GET": Scope.USER_READ, "PUT": Scope.USER_WRITE}

    @extend_schema(responses=SettingsBody)
    def get(self, request: Request) -> Response:
        checked(request.query_params, {})
        return Response(SettingsBody(preferences.settings_of(request.user)).data)

    @extend_schema(request=SettingsBody, responses=SettingsBody)
    def put(self, request: Request) -> Response:
        changes = columns_of(given(SettingsBody, request))
        return Response(SettingsBody(preferences.change_settings(request.user, changes, now=now())).data)


class Mine(ListAPIView):
    """Rows of who asks, newest first; no filters."""

    pagination_class = Pages

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        checked_of_list(request.query_params, {})
        return super().list(request, *args, **kwargs)


class Sessions(Mine):
    """Where I am logged in, newest first."""

    scope = Scope.USER_WRITE
    serializer_class = SessionRow

    def get_queryset(self) -> Any:
        return self.request.user.sessions.live(now())

    def get_serializer_context(self) -> dict[str, Any]:
        return super().get_serializer_context() | {"current": self.request.auth.session.pk}


class OneSession(APIView):
    """One of my sessions: DELETE ends it."""

    scope = Scope.USER_WRITE

    @extend_schema(responses={204: None})
    def delete(self, request: Request, session_id: int) -> Response:
        session = get_object_or_404(request.user.sessions.live(now()), pk=session_id)
        sessions.end(session, why=EndReason.REVOKED, actor=request.user, at=now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class ApiTokens(Mine):
    """My personal tokens, for scripts: live ones, newest first. POST makes one."""

    scope = Scope.USER_WRITE
    serializer_class = ApiTokenRow

    def get_queryset(self) -> Any:
        return self.request.user.api_tokens.live(now())

    @extend_schema(request=ApiTokenBody, responses={201: NewApiToken})
    def post(self, request: Request) -> Response:
        wanted = given(ApiTokenBody, request)
        wanted["scopes"] = [Scope(word) for word in wanted["scopes"]]
        try:
            row, token = api_tokens.create(request.auth, **wanted, now=now())
        except ApiTokenRefused as refusal:
            raise serializers.ValidationError({refusal.field: [str(refusal)]}) from None
        return Response(NewApiToken(row, context={"token": token}).data, status=status.HTTP_201_CREATED)


class OneApiToken(APIView):
    """One of my personal tokens: DELETE revokes it."""

    scope = Scope.USER_WRITE

    @extend_schema(responses={204: None})
    def delete(self, request: Request, token_id: int) -> Response:
        token = get_object_or_404(request.user.api_tokens.live(now()), pk=token_id)
        api_tokens.revoke(token, actor=request.user, at=now())
        return Response(status=status.HTTP_204_NO_CONTENT)
