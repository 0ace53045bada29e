"""Who is in a workspace, and how one comes in."""

from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.clock import now
from apps.core.pagination import Pages
from apps.core.problems import Conflict
from apps.core.query import checked_of_list
from apps.core.serializers import given
from apps.users.api.bodies import (
    AcceptBody,
    InvitationBody,
    InvitationRow,
    MemberRow,
    MembershipRow,
    NewInvitation,
    RoleBody,
)
from apps.users.api.permissions import refuse_role
from apps.users.models import Invitation, Membership, Workspace
from apps.users.scopes import Scope
from apps.users.services import members
from apps.users.services.members import MembersRefused


class OfWorkspace(APIView):
    """Below `workspaces/{workspace_id}/`: nobody else's is there at all; changes take the role of the scope."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.workspace = get_object_or_404(Workspace.objects.of(request.user), pk=kwargs["workspace_id"])


class Members(OfWorkspace, ListAPIView):
    """Who is in the workspace, as what."""

    scope = Scope.USER_READ
    serializer_class = MemberRow
    pagination_class = Pages

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        checked_of_list(request.query_params, {})
        return super().list(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        return self.workspace.memberships.select_related("user")


class Member(OfWorkspace):
    """PUT gives another role. DELETE takes somebody out: an admin anybody, everybody themselves."""

    scope = Scope.MEMBERS_WRITE

    also_answers = (HTTPStatus.CONFLICT,)

    @extend_schema(request=RoleBody, responses=MemberRow)
    def put(self, request: Request, workspace_id: int, user_id: int) -> Response:
        refuse_role(request, self.workspace, self.scope)
        membership, role = self._membership(user_id), given(RoleBody, request)["role"]
        try:
            changed = members.change_role(membership, role, actor=request.user, now=now())
        except MembersRefused as refusal:
            raise Conflict(str(refusal)) from None
        return Response(MemberRow(changed).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, workspace_id: int, user_id: int) -> Response:
        if user_id != request.user.pk:
            refuse_role(request, self.workspace, self.scope)
        try:
            members.remove(self._membership(user_id), actor=request.user, now=now())
        except MembersRefused as refusal:
            raise Conflict(str(refusal)) from None
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _membership(self, user_id: int) -> Membership:
        return get_object_or_404(self.workspace.memberships.select_related("user", "workspace"), user_id=user_id)


class Invitations(OfWorkspace, ListAPIView):
    """Open invitations. POST makes one: its token is told once, and lets one user in within seven days."""

    scope = Scope.MEMBERS_WRITE
    serializer_class = InvitationRow
    pagination_class = Pages

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        checked_of_list(request.query_params, {})
        refuse_role(request, self.workspace, self.scope)
        return super().list(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        return self.workspace.invitations.open(now())

    @extend_schema(request=InvitationBody, responses={201: NewInvitation})
    def post(self, request: Request, workspace_id: int) -> Response:
        refuse_role(request, self.workspace, self.scope)
        wanted = given(InvitationBody, request)
        row, token = members.invite(self.workspace, **wanted, actor=request.user, now=now())
        return Response(NewInvitation(row, context={"token": token}).data, status=status.HTTP_201_CREATED)


class OneInvitation(OfWorkspace):
    """DELETE: it lets nobody in any more."""

    scope = Scope.MEMBERS_WRITE

    @extend_schema(responses={204: None})
    def delete(self, request: Request, workspace_id: int, invitation_id: int) -> Response:
        refuse_role(request, self.workspace, self.scope)
        invitation: Invitation = get_object_or_404(self.workspace.invitations.open(now()), pk=invitation_id)
        members.cancel(invitation, actor=request.user, now=now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class Accept(APIView):
    """Into the workspace that an invitation opens."""

    scope = Scope.USER_WRITE

    also_answers = (HTTPStatus.CONFLICT,)

    @extend_schema(request=AcceptBody, responses=MembershipRow)
    def post(self, request: Request) -> Response:
        token = given(AcceptBody, request)["token"]
        try:
            membership = members.accept(token, user=request.user, now=now())
        except MembersRefused as refusal:
            raise Conflict(str(refusal)) from None
        return Response(MembershipRow(membership).data)
