from dataclasses import fields
from datetime import timedelta

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from alphapulse.exchanges.route import Route
from alphapulse.types import Environment
from apps.core.clock import now
from apps.exchanges import budgets, health
from apps.ledger.models import WalletReading
from apps.sync.services.status import StateLine
from apps.system.models import OpsEvent, Trouble
from apps.users.models import User
from tests.apps.api import get, logged_in
from tests.apps.builders import account, state

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def test_the_status_tells_of_every_state_what_went_wrong_and_what_to_do():
    mine = account()
    state(mine, due_at=now(), failures=3, error="binance did not answer", advice="Nothing to do.")
    line = get(logged_in(), "/api/system/status")["states"][0]
    assert (line["account"], line["kind"], line["failures"]) == ("main", "balances", 3)
    assert (line["error"], line["advice"], line["breaker"]) == ("binance did not answer", "Nothing to do.", "closed")
    assert line["interval_seconds"] == 30


def test_everything_that_is_known_of_a_state_is_told():
    state(account())
    known = {field.name for field in fields(StateLine)} - {"interval", "lag"} | {"interval_seconds", "lag_seconds"}
    assert set(get(logged_in(), "/api/system/status")["states"][0]) == known


def test_a_banned_exchange_says_until_when():
    mine = account()
    state(mine)
    at = now()
    route = Route(exchange_id="binance", environment=Environment.SANDBOX)
    health.banned(route, until=at.replace(year=at.year + 1), error="way too many requests", at=at)
    answer = get(logged_in(), "/api/system/status")
    assert (answer["exchanges"][0]["state"], answer["states"][0]["breaker"]) == ("banned", "banned")


def test_the_budget_of_each_exchange_is_told_by_quota(shared_redis):
    state(account())
    route = Route(exchange_id="binance", environment=Environment.SANDBOX)
    budgets.take(route, {"spot": 20}, wanted=3, now=now())
    (entry,) = get(logged_in(), "/api/system/status")["exchanges"]
    assert (entry["exchange_id"], entry["egress"], entry["state"]) == ("binance", "default", "closed")
    spot, _, usdm = entry["budget"]
    assert spot == {"quota": "spot", "used": 60, "limit": 6000}
    assert usdm == {"quota": "usdm", "used": 0, "limit": 2400}


def test_a_budget_that_nobody_knows_is_null(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    state(account(exchange_id="bybit"))
    (entry,) = get(logged_in(), "/api/system/status")["exchanges"]
    assert entry["budget"] == [{"quota": "requests", "used": None, "limit": 600}]


def test_nobody_sees_how_other_peoples_accounts_do():
    state(account(owner="neighbours"))
    answer = get(logged_in(), "/api/system/status")
    assert (answer["states"], answer["exchanges"]) == ([], [])


def test_the_query_count_does_not_grow_with_the_accounts():
    client = logged_in()
    counts = []
    for labels in (["a"], [f"b{n}" for n in range(49)]):
        for label in labels:
            state(account(label))
        with CaptureQueriesContext(connection) as seen:
            get(client, "/api/system/status")
        counts.append(len(seen))
    assert counts[0] == counts[1]


def test_a_living_process_says_so_to_anybody():
    assert APIClient().get("/healthz").json() == {"status": "ok"}


def test_ready_means_database_and_redis(redis_url, settings):
    settings.REDIS_URL = redis_url
    assert APIClient().get("/readyz").status_code == 200


def test_not_ready_names_what_is_missing_and_no_address(settings):
    settings.REDIS_URL = "redis://:hidden@127.0.0.1:1/0"
    answer = APIClient().get("/readyz")
    assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")
    assert (answer.json()["code"], answer.json()["missing"]) == ("not_ready", ["Redis does not answer"])
    assert "hidden" not in answer.content.decode()


def test_a_migration_that_is_not_applied_is_not_ready(redis_url, settings):
    settings.REDIS_URL = redis_url
    MigrationRecorder.Migration.objects.filter(app="sync").delete()
    missing = APIClient().get("/readyz").json()["missing"]
    assert missing == ["database migrations are not applied: run `python manage.py migrate`"]


@pytest.mark.parametrize("failure", [OperationalError, InterfaceError])
def test_a_database_that_is_away_is_not_ready_but_alive(redis_url, settings, monkeypatch, failure):
    settings.REDIS_URL = redis_url

    def refuse() -> None:
        raise failure("connection to server at db.internal, user alphapulse, failed")

    monkeypatch.setattr(connection, "ensure_connection", refuse)
    monkeypatch.setattr(connection, "cursor", refuse)
    client = APIClient()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["missing"]) == (503, ["the database does not answer"])
    assert "db.internal" not in answer.content.decode()
    assert client.get("/healthz").status_code == 200


def test_the_summary_counts_what_fails_and_what_is_stale():
    mine = account()
    at = now()
    state(mine, due_at=at - timedelta(seconds=90), failures=2)
    state(mine, kind="orders", due_at=None)
    for wallet, fresh_until in (("spot", at + timedelta(hours=1)), ("usdm", at - timedelta(hours=1))):
        WalletReading.objects.create(
            account=mine, kind="balances", wallet=wallet, status="ok", as_of=at, fresh_until=fresh_until
        )
    summary = get(logged_in(), "/api/system/status")["summary"]
    assert summary.pop("oldest_lag_seconds") == pytest.approx(90, abs=30)
    counts = {"states": 2, "failing": 1, "held_back": 0, "not_read_yet": 0, "reading_back": 0, "not_asked": 1}
    assert summary == counts | {"wallets": 2, "stale_wallets": 1, "stale_accounts": 1}


def test_staff_see_their_own_here_as_everybody_does():
    state(account(owner="neighbours"))
    client = logged_in()
    User.objects.update(is_staff=True)
    assert get(client, "/api/system/status")["states"] == []


def test_the_front_door_leads_to_the_admin():
    answer = APIClient().get("/")
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


def test_staff_are_told_of_open_ops_events_and_nobody_else_is():
    at = now()
    common = {"kind": Trouble.QUEUE_STUCK, "message": "It is stuck.", "advice": "Look.", "opened_at": at, "seen_at": at}
    OpsEvent.objects.create(subject="queue sync", **common)
    OpsEvent.objects.create(subject="queue control", closed_at=at, **common)
    client = logged_in()
    assert "events" not in get(client, "/api/system/status")
    User.objects.update(is_staff=True)
    (event,) = get(client, "/api/system/status")["events"]
    assert set(event) == {"kind", "subject", "message", "advice", "opened_at", "seen_at", "count"}
    assert (event["kind"], event["subject"], event["message"]) == ("queue_stuck", "queue sync", "It is stuck.")
