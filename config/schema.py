"""The API's own description, from its views: `/api/schema/`, and for people at `/api/docs/`.

What each address takes and gives is said by its view; what all of them have in common is said here.
"""

import re
from http import HTTPStatus
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

from apps.core.problems import CONTENT_TYPE, PROBLEM_SCHEMA
from apps.ledger.api.rows import Origin
from apps.users.api.permissions import scope_of
from apps.users.scopes import GRANTS

EVERYWHERE = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_ACCEPTABLE, HTTPStatus.TOO_MANY_REQUESTS)
CLOSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
WITH_BODY = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)


class Schema(AutoSchema):
    def get_tags(self) -> list[str]:
        return [self.path.split("/")[2]]

    def get_operation_id(self) -> str:
        words = re.findall(r"[a-z]+", re.sub(r"{[^}]*}", "one", self.path.removeprefix("/api/")))
        return "_".join([self.method.lower(), *words])

    def get_description(self) -> str:
        scope = scope_of(self.view, self.method)
        told = " ".join((super().get_description() or "").split())
        return f"{told}\n\nScope: `{scope}` ({GRANTS[scope].meaning})." if scope else told

    def get_override_parameters(self) -> list[OpenApiParameter]:
        """The filters that the view knows (of which it has some `required`), and the pages of lists."""
        if self.method != "GET":
            return []
        checks = getattr(self.view, "parameters", {})
        needed = getattr(self.view, "required", ())
        filters = [OpenApiParameter(name, check.schema, required=name in needed) for name, check in checks.items()]
        return [*filters, *self._pages()]

    def _pages(self) -> list[OpenApiParameter]:
        paginator = getattr(self.view, "paginator", None)
        if paginator is None or self._is_list_view():
            return []
        return [
            OpenApiParameter(each["name"], each["schema"], description=str(each["description"]))
            for each in paginator.get_schema_operation_parameters(self.view)
        ]

    def get_auth(self) -> list[dict[str, list[str]]]:
        scope = scope_of(self.view, self.method)
        super().get_auth()  # makes the scheme known
        return [{"bearer": [str(scope)]}] if scope else [{}]

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        problems = {str(status.value): _problem(status) for status in self._problems()}
        return problems | super()._get_response_bodies(direction)

    def _problems(self) -> list[HTTPStatus]:
        statuses = [*EVERYWHERE]
        is_closed = scope_of(self.view, self.method) is not None
        statuses += CLOSED if is_closed else [HTTPStatus.UNAUTHORIZED]
        if "{" in self.path:
            statuses.append(HTTPStatus.NOT_FOUND)
        if self.method not in {"GET", "DELETE"}:
            statuses += WITH_BODY
        return [*statuses, *getattr(self.view, "also_answers", ())]


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = "apps.users.api.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        told = "An access token of a session (`POST /api/user/login`), or a personal token (`ap_...`)."
        return {"type": "http", "scheme": "bearer", "description": told}


class RowsWithOrigin(OpenApiSerializerExtension):
    target_class = "apps.ledger.api.rows.Whose"
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Any) -> Any:
        own = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        origin = auto_schema._map_serializer(Origin(), direction, bypass_extensions=True)
        properties = origin["properties"] | own["properties"]
        return own | {"properties": properties, "required": sorted(properties)}


class Bodies(OpenApiSerializerExtension):
    """What is not known is refused."""

    target_class = "apps.core.serializers.Body"
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Any) -> Any:
        own = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return own | ({"additionalProperties": False} if direction == "request" else {})


def with_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """One schema for all errors."""
    result["components"]["schemas"]["Problem"] = PROBLEM_SCHEMA
    return result


def _problem(status: HTTPStatus) -> dict[str, Any]:
    return {
        "description": status.phrase,
        "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
