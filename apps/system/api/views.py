from http import HTTPStatus
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse, JsonResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from rest_framework.generics import get_object_or_404
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.clock import now
from apps.core.limits import Limit
from apps.core.problems import Conflict, TryLater, unavailable
from apps.core.query import checked
from apps.core.serializers import given
from apps.system.api.rows import RestartBody, RestartRow, StatusRow
from apps.system.models import RestartRequest
from apps.system.services import metrics, readiness, restarts, status
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


class Restarts(APIView):
    """Starts workers and beat anew. They end once what they have in hand is done, and their supervisor starts them
    again: follow the answer's `id`."""

    scope = Scope.SYSTEM_OPS
    limit = Limit(per_minute=6, burst=6)
    also_answers = (HTTPStatus.CONFLICT, HTTPStatus.SERVICE_UNAVAILABLE)

    @extend_schema(request=RestartBody, responses={202: RestartRow})
    def post(self, request: Request) -> Response:
        wanted, at = given(RestartBody, request), now()
        try:
            asked = restarts.ask(**wanted, actor=request.user, now=at)
        except restarts.NobodyAnswers as problem:
            raise Conflict(str(problem)) from None
        except restarts.BrokerAway as problem:
            raise TryLater(str(problem)) from None
        return Response(RestartRow(restarts.told(asked, at)).data, status=HTTPStatus.ACCEPTED)


class Restart(APIView):
    """How a restart stands: `done` when a new process of each name has answered."""

    scope = Scope.SYSTEM_OPS

    @extend_schema(responses=RestartRow)
    def get(self, request: Request, restart_id: int) -> Response:
        checked(request.query_params, {})
        asked = get_object_or_404(RestartRequest.objects.select_related("asked_by"), pk=restart_id)
        return Response(RestartRow(restarts.told(asked, now())).data)


def healthz(request: HttpRequest) -> HttpResponse:
    """This process lives."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> HttpResponse:
    """This process can serve: its database and Redis answer, its migrations are applied."""
    missing = readiness.what_is_missing()
    if missing:
        return unavailable("Not ready: " + "; ".join(missing), missing=missing)
    return JsonResponse({"status": "ready"})
