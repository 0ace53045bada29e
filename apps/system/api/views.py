from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse, JsonResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.clock import now
from apps.core.problems import unavailable
from apps.core.query import checked
from apps.system.api.rows import StatusRow
from apps.system.services import metrics, readiness, status
from apps.users.scopes import Scope


class Status(APIView):
    """How the syncs of the caller's accounts go: per account and kind, the exchanges' breakers, the oldest lag."""

    scope = Scope.PORTFOLIO_READ

    @extend_schema(responses=StatusRow)
    def get(self, request: Request) -> Response:
        checked(request.query_params, {})
        return Response(StatusRow(status.status_for(request.user, now())).data)


class PrometheusText(BaseRenderer):
    """So that who asks for text alone is not told that there is none; problems are JSON all the same."""

    media_type = "text/plain"
    format = "txt"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return orjson.dumps(data)


class Metrics(APIView):
    """Figures for Prometheus, in its text format: exchanges, budgets, lags, queues, heartbeats, connections."""

    scope = Scope.SYSTEM_METRICS
    renderer_classes = [PrometheusText, JSONRenderer]

    @extend_schema(responses={(200, "text/plain"): OpenApiTypes.STR})
    def get(self, request: Request) -> HttpResponse:
        checked(request.query_params, {})
        return HttpResponse(metrics.page(now()), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def healthz(request: HttpRequest) -> HttpResponse:
    """This process lives."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> HttpResponse:
    """This process can serve: its database and Redis answer, its migrations are applied."""
    missing = readiness.what_is_missing()
    if missing:
        return unavailable("Not ready: " + "; ".join(missing), missing=missing)
    return JsonResponse({"status": "ready"})
