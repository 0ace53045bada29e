"""Accounts at exchanges: what their owners do to them."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from threading import BoundedSemaphore
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.clock import now
from apps.core.limits import Limit
from apps.core.pagination import Pages
from apps.core.problems import TryLater
from apps.core.query import Check, checked, checked_of_list, number, one_of, yes_or_no
from apps.core.serializers import given
from apps.exchanges import services
from apps.exchanges.api.asked import an_exchange, group_asked
from apps.exchanges.api.bodies import (
    AccountBody,
    AccountChanges,
    AccountRow,
    CredentialsBody,
    DisableBody,
    credentials_of,
)
from apps.exchanges.keys import AccountRefused
from apps.exchanges.models import Environment, ExchangeAccount, ExchangeAccountQuerySet
from apps.users.api.asked import refuse_others_workspace
from apps.users.api.permissions import refuse_role, workspace_for
from apps.users.scopes import Scope

# Checking a key asks an exchange, which may take its time; the server's threads must not all wait for one.
CHECKS_AT_ONCE = 4
_checks = BoundedSemaphore(CHECKS_AT_ONCE)

# Each is a question to an exchange, on the budget of our IP.
KEY_CHECKS = Limit(per_minute=6, burst=10)

FILTERS: dict[str, Check] = {
    "exchange_id": an_exchange,
    "environment": one_of(Environment),
    "workspace_id": number,
    "group": number,
    "is_enabled": yes_or_no,
}


class Accounts(ListAPIView):
    """The accounts of my workspaces, newest first. POST adds one, its key checked at the exchange first."""

    scopes = {"GET": Scope.PORTFOLIO_READ, "POST": Scope.ACCOUNTS_WRITE}
    serializer_class = AccountRow
    pagination_class = Pages
    limits = {"POST": KEY_CHECKS}
    parameters = FILTERS
    also_answers = (HTTPStatus.SERVICE_UNAVAILABLE,)

    def get_queryset(self) -> ExchangeAccountQuerySet:
        asked: dict[str, Any] = checked_of_list(self.request.query_params, self.parameters)
        if "is_enabled" in asked:
            asked["is_enabled"] = asked["is_enabled"] == "true"
        refuse_others_workspace(self.request.user, asked)
        if (group := group_asked(self.request.user, asked)) is not None:
            del asked["group"]
            asked["groups"] = group
        return (
            ExchangeAccount.objects.visible_to(self.request.user)
            .filter(**asked)
            .prefetch_related("groups", "key_notices")
        )

    @extend_schema(request=AccountBody, responses={201: AccountRow})
    def post(self, request: Request) -> Response:
        wanted = given(AccountBody, request)
        workspace = workspace_for(request, wanted.pop("workspace_id", None), Scope.ACCOUNTS_WRITE)
        credentials = credentials_of(wanted)
        with _a_check(), told_by_field():
            account = services.add_account(workspace=workspace, credentials=credentials, actor=request.user, **wanted)
        return Response(AccountRow(account).data, status=status.HTTP_201_CREATED)


class OfAccount(APIView):
    """Below `accounts/{account_id}`. Whoever changes one needs the role for it in its workspace."""

    scopes = {"GET": Scope.PORTFOLIO_READ}
    scope = Scope.ACCOUNTS_WRITE

    def mine(self, account_id: int) -> ExchangeAccount:
        mine = ExchangeAccount.objects.visible_to(self.request.user)
        return get_object_or_404(
            mine.select_related("workspace").prefetch_related("groups", "key_notices"), pk=account_id
        )

    def changeable(self, account_id: int) -> ExchangeAccount:
        account = self.mine(account_id)
        refuse_role(self.request, account.workspace, self.scope)
        return account


class Account(OfAccount):
    """One account. PATCH renames it and chooses its wallets. DELETE erases its credentials at once and ends its
    syncs; what happened to it stays, and still counts."""

    @extend_schema(responses=AccountRow)
    def get(self, request: Request, account_id: int) -> Response:
        checked(request.query_params, {})
        return Response(AccountRow(self.mine(account_id)).data)

    @extend_schema(request=AccountChanges, responses=AccountRow)
    def patch(self, request: Request, account_id: int) -> Response:
        account = self.changeable(account_id)
        changes = given(AccountChanges, request)
        with told_by_field():
            services.change_account(account, **changes, at=now(), actor=request.user)
        return Response(AccountRow(account).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, account_id: int) -> Response:
        services.archive_account(self.changeable(account_id), at=now(), actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class RenewCredentials(OfAccount):
    """A new key for an account, checked at the exchange first. Where the old one was rejected it is enabled again."""

    limit = KEY_CHECKS

    also_answers = (HTTPStatus.SERVICE_UNAVAILABLE,)

    @extend_schema(request=CredentialsBody, responses=AccountRow)
    def put(self, request: Request, account_id: int) -> Response:
        account = self.changeable(account_id)
        wanted = given(CredentialsBody, request)
        credentials = credentials_of(wanted)
        with _a_check(), told_by_field():
            services.renew_credentials(account, credentials, actor=request.user, **wanted)
        return Response(AccountRow(self.mine(account_id)).data)


class Disable(OfAccount):
    """No syncs any more, until it is enabled; its rows stay, and are stale."""

    @extend_schema(request=DisableBody, responses=AccountRow)
    def post(self, request: Request, account_id: int) -> Response:
        account = self.changeable(account_id)
        reason = given(DisableBody, request)["reason"] or f"by {request.user} over REST"
        services.disable_account(account, reason=reason, at=now(), actor=request.user)
        return Response(AccountRow(account).data)


class Enable(OfAccount):
    """Its syncs go on."""

    @extend_schema(request=None, responses=AccountRow)
    def post(self, request: Request, account_id: int) -> Response:
        account = self.changeable(account_id)
        with told_by_field():
            services.enable_account(account, at=now(), actor=request.user)
        return Response(AccountRow(account).data)


@contextmanager
def told_by_field() -> Iterator[None]:
    """What is wrong with an account, as errors of the request's fields."""
    try:
        yield
    except AccountRefused as refusal:
        raise serializers.ValidationError({refusal.field or "non_field_errors": [str(refusal)]}) from None


@contextmanager
def _a_check() -> Iterator[None]:
    if not _checks.acquire(blocking=False):
        raise TryLater(f"{CHECKS_AT_ONCE} keys are being checked already: try again in a few seconds.")
    try:
        yield
    finally:
        _checks.release()
