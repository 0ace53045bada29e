"""May who asks do this? The scope is the token's; the role is the user's, in the workspace that is meant."""

from typing import Any

from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apps.users.models import Workspace
from apps.users.scopes import GRANTS, ROLES, Scope, is_enough
from apps.users.services.access import Access, role_in


class HasScope(BasePermission):
    """A view says `scope`, or `scopes` by method. One that says nothing is open to nobody."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, Access):
            return False
        scope = scope_of(view, request.method or "")
        if scope is None or scope in request.auth.scopes:
            return scope is not None
        raise PermissionDenied(f"The token has not the scope {scope}.", code="scope_missing")


def scope_of(view: Any, method: str) -> Scope | None:
    by_method: dict[str, Scope] = getattr(view, "scopes", {})
    return by_method.get({"HEAD": "GET"}.get(method, method)) or getattr(view, "scope", None)


def workspace_for(request: Request, workspace_id: int | None, scope: Scope) -> Workspace:
    """Where something new is to belong: the workspace named, or the only one there is with the role for it.

    Raises ValidationError for one that is not there, or where none is named and several could be meant.
    """
    if workspace_id is not None:
        found = Workspace.objects.of(request.user).filter(pk=workspace_id).first()
        if found is None:
            raise ValidationError({"workspace_id": ["You are in no workspace of this id."]})
        refuse_role(request, found, scope)
        return found
    roles = [role for role in ROLES if is_enough(role, scope)]
    fitting = list(Workspace.objects.filter(memberships__user=request.user, memberships__role__in=roles)[:2])
    if not fitting:
        raise PermissionDenied(f"That takes the role {GRANTS[scope].role} in a workspace.", code="role_missing")
    if len(fitting) > 1:
        raise ValidationError({"workspace_id": ["You are in several workspaces: name one."]})
    return fitting[0]


def refuse_role(request: Request, workspace: Workspace, scope: Scope) -> None:
    """For who may see the workspace: raises PermissionDenied where their role there is not enough."""
    if not is_enough(role_in(request.user, workspace.pk) or "viewer", scope):
        wanted = GRANTS[scope].role
        raise PermissionDenied(f"In the workspace {workspace} that takes the role {wanted}.", code="role_missing")
