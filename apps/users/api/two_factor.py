"""Two-factor, as its user sets it up."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.clock import now
from apps.core.limits import Limit
from apps.core.problems import Conflict
from apps.core.query import checked
from apps.core.serializers import given
from apps.core.visitors import visitor_of
from apps.users.api.bodies import (
    CodeBody,
    PasswordAndCodeBody,
    PasswordProof,
    RecoveryCodesRow,
    TwoFactorRow,
    TwoFactorSecretRow,
)
from apps.users.api.doors import not_locked_out
from apps.users.scopes import Scope
from apps.users.services import passwords, two_factor
from apps.users.services.two_factor import TwoFactorRefused

GUESSES = Limit(per_minute=6, burst=10)


class TwoFactor(APIView):
    """Whether I use it. POST begins: a secret for the authenticator, which its first code confirms."""

    scopes = {"GET": Scope.USER_READ, "POST": Scope.USER_WRITE}
    limits = {"POST": GUESSES}
    also_answers = (HTTPStatus.CONFLICT,)

    @extend_schema(responses=TwoFactorRow)
    def get(self, request: Request) -> Response:
        checked(request.query_params, {})
        return Response(TwoFactorRow(two_factor.state_of(request.user)).data)

    @extend_schema(request=PasswordProof, responses={201: TwoFactorSecretRow})
    def post(self, request: Request) -> Response:
        proved(request, given(PasswordProof, request)["current_password"])
        with _no_conflict():
            secret = two_factor.begin(request.user, now=now())
        told = {"secret": secret, "uri": two_factor.uri(request.user, secret)}
        return Response(TwoFactorSecretRow(told).data, status=status.HTTP_201_CREATED)


class Confirm(APIView):
    """Enables it, by the authenticator's first code. The recovery codes are told once."""

    scope = Scope.USER_WRITE
    limit = GUESSES
    also_answers = (HTTPStatus.CONFLICT,)

    @extend_schema(request=CodeBody, responses=RecoveryCodesRow)
    def post(self, request: Request) -> Response:
        code = given(CodeBody, request)["code"]
        with _no_conflict():
            codes = two_factor.confirm(request.user, code, now=now())
        return Response(RecoveryCodesRow({"recovery_codes": codes}).data)


class RecoveryCodes(APIView):
    """New recovery codes, told once; the old ones are worth nothing any more."""

    scope = Scope.USER_WRITE
    limit = GUESSES

    @extend_schema(request=PasswordAndCodeBody, responses=RecoveryCodesRow)
    def post(self, request: Request) -> Response:
        told = given(PasswordAndCodeBody, request)
        proved(request, told["current_password"], told["code"])
        return Response(RecoveryCodesRow({"recovery_codes": two_factor.renew_codes(request.user, now=now())}).data)


class Disable(APIView):
    """Does without it from now on; staff cannot."""

    scope = Scope.USER_WRITE
    limit = GUESSES
    also_answers = (HTTPStatus.CONFLICT,)

    @extend_schema(request=PasswordAndCodeBody, responses={204: None})
    def post(self, request: Request) -> Response:
        told = given(PasswordAndCodeBody, request)
        proved(request, told["current_password"], told["code"])
        with _no_conflict():
            two_factor.disable(request.user, actor=request.user, now=now())
        return Response(status=status.HTTP_204_NO_CONTENT)


def proved(request: Request, password: str, code: str | None = None) -> None:
    """A token alone, which may be stolen, is not enough. Raises ValidationError, Throttled."""
    try:
        with not_locked_out():
            passwords.prove(request.user, password=password, code=code, visitor=visitor_of(request), now=now())
    except passwords.PasswordRefused as refusal:
        raise serializers.ValidationError({refusal.field: refusal.problems}) from None


@contextmanager
def _no_conflict() -> Iterator[Any]:
    try:
        yield
    except TwoFactorRefused as refusal:
        raise Conflict(str(refusal)) from None
