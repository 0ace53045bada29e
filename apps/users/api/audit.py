"""What was done in a workspace, for its admins."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from apps.audit.models import AuditEntry
from apps.core.pagination import Pages
from apps.core.query import Check, checked_of_list, moment, text
from apps.users.api.permissions import refuse_role
from apps.users.api.workspaces import OfWorkspace
from apps.users.scopes import Scope

COLUMNS = {"action": "action", "target": "target", "actor": "actor_name", "since": "at__gte", "until": "at__lt"}
FILTERS: dict[str, Check] = {"action": text, "target": text, "actor": text, "since": moment, "until": moment}


@extend_schema_field({"type": ["object", "null"], "additionalProperties": {}})
class JsonObject(serializers.JSONField):
    """Names and values, as the deed has them."""


class AuditRow(serializers.Serializer):
    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    actor_id = serializers.IntegerField(allow_null=True, help_text="null: the system by itself, or ops at a console")
    actor = serializers.CharField(source="actor_name", allow_blank=True, help_text="how the user was called then")
    action = serializers.CharField(help_text="`account.disabled`, `member.role_changed` ...")
    target = serializers.CharField(help_text="kind and id: `exchangeaccount:7`")
    name = serializers.CharField(allow_blank=True, help_text="how the target was called then")
    before = JsonObject(allow_null=True, help_text="what was changed, as it was")
    after = JsonObject(allow_null=True, help_text="what was changed, as it is since")
    details = JsonObject(help_text="what else is known")
    via = serializers.CharField(allow_blank=True, help_text="the request, the task or the command")
    address = serializers.IPAddressField(allow_null=True)
    user_agent = serializers.CharField(allow_blank=True)
    opened_by = serializers.CharField(
        allow_blank=True, help_text="`session.7`, `token.3` (a personal one), or a cookie"
    )


class Entries(OfWorkspace, ListAPIView):
    """What was done in the workspace: by whom, when, to what, from where, with what was before and after. Newest
    first."""

    scope = Scope.AUDIT_READ
    serializer_class = AuditRow
    pagination_class = Pages
    parameters = FILTERS

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        refuse_role(request, self.workspace, self.scope)
        return super().list(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        asked = checked_of_list(self.request.query_params, self.parameters)
        wanted = {COLUMNS[name]: value for name, value in asked.items()}
        return AuditEntry.objects.filter(workspace_id=self.workspace.pk, **wanted)
