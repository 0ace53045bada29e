"""May who asks do this? The scope is the token's; the role is the user's, in the workspace that is meant."""

from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apps.users.models import Workspace
from apps.users.scopes import GRANTS, Scope, is_enough
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


def refuse_role(request: Request, workspace: Workspace, scope: Scope) -> None:
    """For who may see the workspace: raises PermissionDenied where their role there is not enough."""
    if not is_enough(role_in(request.user, workspace.pk) or "viewer", scope):
        wanted = GRANTS[scope].role
        raise PermissionDenied(f"In the workspace {workspace} that takes the role {wanted}.", code="role_missing")
