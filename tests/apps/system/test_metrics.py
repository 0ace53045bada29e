"""What Prometheus is told, read as Prometheus reads it."""

import os
import re
import subprocess
import sys
from datetime import timedelta

import pytest
import yaml
from django.conf import settings as configured
from django.db import connection
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families
from rest_framework.test import APIClient

from alphapulse.exchanges.route import Route
from alphapulse.types import Environment
from apps.core.clock import now
from apps.exchanges import budgets, health
from apps.exchanges.budgets import counters
from apps.ledger.models import WalletReading
from apps.sync.models import SyncRun
from apps.system.models import Heartbeat, OpsEvent, Trouble
from apps.users.models import User
from apps.users.scopes import Scope
from apps.users.services import access, api_tokens
from config.env import ROOT
from tests.apps.api import bearer, tokens_of, user
from tests.apps.builders import account, state

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

PATH = "/api/system/metrics"
LANE = {"exchange": "binance", "environment": "sandbox", "egress": "default"}
PLACE = {"exchange": "binance", "environment": "sandbox"}
ROUTE = Route(exchange_id="binance", environment=Environment.SANDBOX)


@pytest.fixture
def ops() -> User:
    found = user("ops")
    User.objects.filter(pk=found.pk).update(is_staff=True)
    found.refresh_from_db()
    return found


@pytest.fixture
def client(ops) -> APIClient:
    return bearer(tokens_of(ops).access)


class Told:
    def __init__(self, client: APIClient) -> None:
        self.answer = client.get(PATH)
        assert self.answer.status_code == 200, self.answer.content
        families = text_string_to_metric_families(self.answer.content.decode())
        self.samples = [sample for family in families for sample in family.samples]

    def of(self, name: str, /, **labels: str) -> float | None:
        found = [each.value for each in self.samples if each.name == f"alphapulse_{name}" and each.labels == labels]
        return found[0] if found else None

    def names(self) -> set[str]:
        return {each.name for each in self.samples}


def test_breakers_and_bans_are_told_by_exchange_and_egress(client):
    account()
    at = now()
    other = Route(exchange_id="bybit", environment=Environment.SANDBOX)
    health.banned(other, until=at + timedelta(minutes=10), error="too many", at=at)
    told = Told(client)
    assert told.of("breaker_state", **LANE, state="closed") == 1
    assert told.of("breaker_state", **LANE, state="open") == 0
    bybit = LANE | {"exchange": "bybit"}
    assert told.of("breaker_state", **bybit, state="banned") == 1
    assert 0 < told.of("banned_seconds", **bybit) <= 600


def test_budgets_and_queues_come_from_redis(client, shared_redis):
    account()
    budgets.take(ROUTE, {"spot": 20}, wanted=3, now=now())
    counters.server(shared_redis).rpush("sync", "a message", "another")
    told = Told(client)
    assert told.of("redis_up") == 1
    assert (told.of("queue_messages", queue="sync"), told.of("queue_messages", queue="control")) == (2, 0)
    assert told.of("budget_used", **LANE, quota="spot") == 60
    assert told.of("budget_limit", **LANE, quota="spot") == 6000


def test_without_redis_the_rest_is_told_and_that_it_is_away(client, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    state(account())
    told = Told(client)
    assert told.of("redis_up") == 0
    assert not {"alphapulse_queue_messages", "alphapulse_budget_used"} & told.names()
    assert told.of("sync_states", **LANE, kind="balances") == 1


def test_the_lag_is_that_of_the_oldest_and_a_past_that_is_read_back_is_never_late(client):
    at = now()
    state(account(), due_at=at - timedelta(seconds=90), failures=2)
    state(account("another"), due_at=at - timedelta(seconds=30))
    state(account("third"), kind="trades", due_at=at - timedelta(hours=1), is_behind=True)
    told = Told(client)
    assert told.of("sync_states", **LANE, kind="balances") == 2
    assert told.of("sync_states_failing", **LANE, kind="balances") == 1
    assert told.of("sync_lag_seconds", **LANE, kind="balances") == pytest.approx(90, abs=30)
    assert told.of("sync_lag_seconds", **LANE, kind="trades") == 0


def run(*, ago: float, lease: float, **fields: object) -> None:
    at = now() - timedelta(seconds=ago)
    common = {"exchange_id": "binance", "environment": "sandbox", "egress": "default", "kind": "balances", "claimed": 5}
    SyncRun.objects.create(started_at=at, lease_until=at + timedelta(seconds=lease), **common, **fields)


def test_batches_are_counted_by_what_came_of_them(client):
    at = now()
    run(ago=10, lease=60)
    run(ago=100, lease=60)
    run(ago=20, lease=60, finished_at=at, succeeded=5)
    run(ago=20, lease=60, finished_at=at, succeeded=3, failed=2)
    run(ago=20, lease=60, finished_at=at, failed=5)
    run(ago=4000, lease=60, finished_at=at, succeeded=5)
    told = Told(client)
    outcomes = ("running", "lost", "succeeded", "partly failed", "failed")
    assert [told.of("sync_runs", **LANE, kind="balances", outcome=each) for each in outcomes] == [1] * 5
    assert told.of("sync_accounts", **LANE, kind="balances", outcome="succeeded") == 8
    assert told.of("sync_accounts", **LANE, kind="balances", outcome="failed") == 7


def reading(of: object, wallet: str, *, status: str = "ok", fresh_for: float = 3600) -> None:
    fresh_until = now() + timedelta(seconds=fresh_for)
    WalletReading.objects.create(account=of, kind="balances", wallet=wallet, status=status, fresh_until=fresh_until)


def test_stale_is_what_somebody_waits_for_and_has_not(client):
    mine = account()
    reading(mine, "spot")
    reading(mine, "usdm", fresh_for=-60)
    reading(mine, "margin", status="failed")
    reading(mine, "earn", status="not permitted")
    reading(account("fine"), "spot")
    reading(account("off", is_enabled=False), "spot", fresh_for=-60)
    told = Told(client)
    assert (told.of("wallets", **PLACE), told.of("stale_wallets", **PLACE), told.of("stale_accounts", **PLACE)) == (
        5,
        2,
        1,
    )
    assert (told.of("accounts", **PLACE, state="enabled"), told.of("accounts", **PLACE, state="disabled")) == (2, 1)


def test_heartbeats_and_open_ops_events_are_told(client):
    at = now()
    Heartbeat.objects.beaten("queue sync", at - timedelta(seconds=40))
    OpsEvent.objects.create(kind=Trouble.QUEUE_STUCK, subject="queue sync", message="", opened_at=at, seen_at=at)
    told = Told(client)
    assert told.of("heartbeat_age_seconds", name="queue sync") == pytest.approx(40, abs=30)
    assert told.of("ops_events_open", kind="queue_stuck") == 1
    assert told.of("ops_events_open", kind="beat_silent") == 0


def test_postgresqls_connections_are_told(client):
    told = Told(client)
    if connection.vendor == "postgresql":
        assert told.of("database_connections", state="active") >= 1
        assert told.of("database_connections_max") >= 10
    else:
        assert told.of("database_connections_max") is None


def test_the_query_count_does_not_grow_with_the_accounts(client):
    counts = []
    for labels in (["a"], [f"b{n}" for n in range(20)]):
        for label in labels:
            mine = account(label)
            state(mine)
            reading(mine, "spot")
        with CaptureQueriesContext(connection) as seen:
            Told(client)
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 15


def test_a_personal_token_of_that_scope_alone_is_enough_for_prometheus(ops):
    at = now()
    mine = access.by_token(tokens_of(ops).access, address=None, now=at)
    made = {"name": "prometheus", "scopes": [Scope.SYSTEM_METRICS], "expires_at": at + timedelta(days=90)}
    _, token = api_tokens.create(mine, **made, now=at)
    assert bearer(token).get(PATH).status_code == 200
    assert bearer(token).get("/api/system/status").status_code == 403


def test_nobody_but_staff_sees_them():
    answer = bearer(tokens_of(user()).access).get(PATH)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


@pytest.mark.parametrize(
    "accept", ["text/plain;version=0.0.4;q=0.5,*/*;q=0.1", "text/plain", "*/*", "application/json"]
)
def test_whatever_a_scraper_accepts_it_is_text(client, accept):
    answer = client.get(PATH, HTTP_ACCEPT=accept)
    assert (answer.status_code, answer["Content-Type"].partition(";")[0]) == (200, "text/plain")
    refused = APIClient().get(PATH, HTTP_ACCEPT=accept)
    assert (refused.status_code, refused["Content-Type"]) == (401, "application/problem+json")
    assert refused.json()["code"] == "not_authenticated"


def test_requests_are_counted_too(client):
    client.get("/api/system/status")
    assert "django_http_requests_total_by_method_total" in Told(client).names()


COUNTS = """
import sys, django
from django.conf import settings
django.setup()
from django.test import RequestFactory
from django_prometheus.middleware import Metrics
Metrics.get_instance().requests_total.inc()
if sys.argv[1] == "tell":
    from prometheus_client import generate_latest
    from apps.system.services.metrics import _of_processes
    print(generate_latest(_of_processes()).decode())
"""


def test_several_web_processes_of_a_machine_are_counted_together(tmp_path):
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    environment["DJANGO_SETTINGS_MODULE"] = configured.SETTINGS_MODULE
    for what in ("count", "tell"):
        done = subprocess.run(
            [sys.executable, "-c", COUNTS, what], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
    assert "django_http_requests_before_middlewares_total 2.0" in done.stdout


def test_the_rules_that_we_ship_ask_for_figures_that_there_are(client, shared_redis):
    mine = account()
    state(mine)
    run(ago=10, lease=60)
    Heartbeat.objects.beaten("watchdog", now())
    names = Told(client).names() | {"alphapulse_database_connections", "alphapulse_database_connections_max"}
    rules = yaml.safe_load((ROOT / "deploy" / "alerts.yml").read_text())["groups"][0]["rules"]
    asked = {name for rule in rules for name in re.findall(r"alphapulse_\w+", rule["expr"])}
    assert len(asked) > 7
    assert asked <= names
    scraped = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text())["scrape_configs"][0]
    assert scraped["metrics_path"] == PATH
