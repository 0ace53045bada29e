"""Groups of accounts."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.clock import now
from apps.core.pagination import Pages
from apps.core.query import checked, checked_of_list, number
from apps.core.serializers import given
from apps.exchanges.api.bodies import GroupBody, GroupChanges, GroupRow
from apps.exchanges.models import AccountGroup
from apps.exchanges.services import groups
from apps.exchanges.services.groups import GroupRefused
from apps.users.api.asked import refuse_others_workspace
from apps.users.api.permissions import refuse_role, workspace_for
from apps.users.models import Workspace
from apps.users.scopes import Scope


def _visible(request: Request) -> Any:
    mine = AccountGroup.objects.filter(workspace__in=Workspace.objects.of(request.user))
    return mine.select_related("workspace").prefetch_related("accounts")


class Groups(ListAPIView):
    """The groups of my workspaces, newest first. POST makes one."""

    scopes = {"GET": Scope.PORTFOLIO_READ, "POST": Scope.ACCOUNTS_WRITE}
    serializer_class = GroupRow
    pagination_class = Pages
    parameters = {"workspace_id": number}

    def get_queryset(self) -> Any:
        asked = checked_of_list(self.request.query_params, self.parameters)
        refuse_others_workspace(self.request.user, asked)
        return _visible(self.request).filter(**asked)

    @extend_schema(request=GroupBody, responses={201: GroupRow})
    def post(self, request: Request) -> Response:
        wanted = given(GroupBody, request)
        workspace = workspace_for(request, wanted.pop("workspace_id", None), Scope.ACCOUNTS_WRITE)
        try:
            group = groups.make_group(workspace, **wanted, actor=request.user, at=now())
        except GroupRefused as refusal:
            raise serializers.ValidationError({refusal.field: [str(refusal)]}) from None
        return Response(GroupRow(group).data, status=status.HTTP_201_CREATED)


class Group(APIView):
    """One group. PATCH renames it and chooses its accounts; DELETE leaves them as they are."""

    scopes = {"GET": Scope.PORTFOLIO_READ}
    scope = Scope.ACCOUNTS_WRITE

    @extend_schema(responses=GroupRow)
    def get(self, request: Request, group_id: int) -> Response:
        checked(request.query_params, {})
        return Response(GroupRow(get_object_or_404(_visible(request), pk=group_id)).data)

    @extend_schema(request=GroupChanges, responses=GroupRow)
    def patch(self, request: Request, group_id: int) -> Response:
        group = self._changeable(group_id)
        changes = given(GroupChanges, request)
        try:
            groups.change_group(group, **changes, actor=request.user, at=now())
        except GroupRefused as refusal:
            raise serializers.ValidationError({refusal.field: [str(refusal)]}) from None
        return Response(GroupRow(_visible(request).get(pk=group_id)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, group_id: int) -> Response:
        groups.remove_group(self._changeable(group_id), actor=request.user, at=now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _changeable(self, group_id: int) -> AccountGroup:
        group: AccountGroup = get_object_or_404(_visible(self.request), pk=group_id)
        refuse_role(self.request, group.workspace, self.scope)
        return group
