from django.http import HttpRequest, HttpResponse, JsonResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.clock import now
from apps.core.problems import unavailable
from apps.core.query import checked
from apps.system.api.rows import StatusRow
from apps.system.services import readiness, status
from apps.users.scopes import Scope


class Status(APIView):
    """How the syncs of the caller's accounts go: per account and kind, the exchanges' breakers, the oldest lag."""

    scope = Scope.PORTFOLIO_READ

    @extend_schema(responses=StatusRow)
    def get(self, request: Request) -> Response:
        checked(request.query_params, {})
        return Response(StatusRow(status.status_for(request.user, now())).data)


def healthz(request: HttpRequest) -> HttpResponse:
    """This process lives."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> HttpResponse:
    """This process can serve: its database and Redis answer, its migrations are applied."""
    missing = readiness.what_is_missing()
    if missing:
        return unavailable("Not ready: " + "; ".join(missing), missing=missing)
    return JsonResponse({"status": "ready"})
