"""A URL prefix is not an app: `/api/exchange/` is composed of several apps' views."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from apps.core.problems import not_found
from apps.ledger.api.events import FundingPayments, Histories, LedgerEntries, Trades, Transfers
from apps.ledger.api.views import Balances, Orders
from apps.sync.api.views import Resync
from apps.system.api.views import Metrics, Restart, Restarts, Status, healthz, readyz

admin.autodiscover()

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
    path("healthz", healthz),
    path("readyz", readyz),
    path("api/user/", include("apps.users.api.urls")),
    path("api/exchange/", include("apps.exchanges.api.urls")),
    path("api/exchange/accounts/<int:account_id>/resync", Resync.as_view()),
    path("api/exchange/balance", Balances.as_view()),
    path("api/exchange/orders", Orders.as_view()),
    path("api/exchange/trades", Trades.as_view()),
    path("api/exchange/transfers", Transfers.as_view()),
    path("api/exchange/funding", FundingPayments.as_view()),
    path("api/exchange/ledger", LedgerEntries.as_view()),
    path("api/exchange/history", Histories.as_view()),
    path("api/market/", include("apps.market.api.urls")),
    path("api/portfolio/", include("apps.portfolio.api.urls")),
    path("api/system/status", Status.as_view()),
    path("api/system/metrics", Metrics.as_view()),
    path("api/system/restart", Restarts.as_view()),
    path("api/system/restart/<int:restart_id>", Restart.as_view()),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema")),
    # Without a cookie there is nothing to forge: a POST to nowhere is a 404 too.
    re_path("^api/", csrf_exempt(not_found)),
]

handler400 = "apps.core.problems.bad_request"
handler500 = "apps.core.problems.server_error"
