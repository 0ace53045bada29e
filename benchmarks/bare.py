"""What `/api/exchange/balance` costs at the least: a Django view without middleware, `values_list` and orjson.

Served by the same server from the same database, for `benchmarks.http` to compare with. It knows nobody: `?user=` says
whose rows are wanted.
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import orjson
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

settings.MIDDLEWARE = []
settings.ROOT_URLCONF = __name__
application = get_wsgi_application()

from apps.ledger.models import Balance  # noqa: E402 - Django comes first

READING = ("wallet", "as_of", "fresh_until", "status", "error")
ACCOUNT = ("id", "label", "exchange_id", "environment", "is_enabled", "disabled_reason")
COLUMNS = (
    *("pk", "currency", "free", "used", "total", "debt"),
    *(f"reading__{name}" for name in READING),
    *(f"reading__account__{name}" for name in ACCOUNT),
)


def balances(request: HttpRequest) -> HttpResponse:
    rows = Balance.objects.visible_to(request.GET["user"]).order_by("-pk").values_list(*COLUMNS)[:101]
    return HttpResponse(orjson.dumps(list(rows), default=str), content_type="application/json")


urlpatterns = [path("balance", balances)]
