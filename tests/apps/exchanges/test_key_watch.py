"""What keys may do, read anew every day; and what their owners are told of them."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alphapulse.exchanges.ccxt.permissions import Permissions
from alphapulse.exchanges.errors import CredentialsRejected, ExchangeError, RateLimited
from alphapulse.exchanges.route import Route
from alphapulse.sandbox.testing import SandboxServer
from alphapulse.types import Credentials, Environment, KeyReport
from apps.audit.models import AuditEntry
from apps.core.clock import now
from apps.exchanges import budgets, health, keys, services, tasks
from apps.exchanges.models import ExchangeAccount, ExchangeHealth, KeyNotice
from apps.exchanges.services import key_watch
from apps.system.models import OpsEvent
from config.schedule import BEAT_SCHEDULE
from tests.apps.api import get, logged_in
from tests.apps.builders import NOON, account, workspace

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

ROUTE = Route(exchange_id="bybit", environment=Environment.SANDBOX)
HARMLESS = Permissions(can_trade=True, can_withdraw=False, ip_restricted=False)


def report(**changes) -> KeyReport:
    usual = {"wallets": ("spot",), "wallets_not_permitted": (), "can_trade": True, "can_withdraw": False}
    return KeyReport(**(usual | {"ip_restricted": None, "expires_at": None} | changes))


def in_days(days: float) -> datetime:
    return now() + timedelta(days=days)


def key(label: str = "main", **fields: object) -> ExchangeAccount:
    fields = {"exchange_id": "bybit", "permissions": keys.permissions(report())} | fields
    return account(label, **fields)


def notices(of: ExchangeAccount) -> list[str]:
    return list(of.key_notices.filter(closed_at=None).order_by("kind").values_list("kind", flat=True))


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))


class Exchange:
    """What it says of each key, and who was asked about."""

    def __init__(self) -> None:
        self.answer: Permissions | ExchangeError = HARMLESS
        self.asked: list[str] = []

    def ask(self, of: ExchangeAccount) -> Permissions:
        self.asked.append(of.label)
        if isinstance(self.answer, ExchangeError):
            raise self.answer
        return self.answer


@pytest.fixture
def exchange(monkeypatch) -> Exchange:
    found = Exchange()
    monkeypatch.setattr(keys, "ask_permissions", found.ask)
    return found


# --- At save ------------------------------------------------------------------------------------------------------


def add(monkeypatch, **changes) -> ExchangeAccount:
    monkeypatch.setattr(keys, "check", lambda _account: report(**changes))
    wanted = {"workspace": workspace(), "exchange_id": "bybit", "label": "main", "environment": "sandbox"}
    return services.add_account(**wanted, credentials=Credentials(api_key="k", secret="s"), may_withdraw=True)


def test_the_expiry_of_a_new_key_is_remembered_and_announced_when_it_is_near(monkeypatch):
    ends = in_days(5)
    mine = add(monkeypatch, expires_at=ends)
    mine.refresh_from_db()
    assert mine.key_expires_at == ends
    assert notices(mine) == ["expires_soon"]
    assert "key.expires_soon" in actions()
    assert f"expires on {ends:%Y-%m-%d}" in mine.key_notices.get().message


def test_a_key_that_expires_in_months_is_remembered_and_no_news(monkeypatch):
    mine = add(monkeypatch, expires_at=in_days(80))
    assert (mine.key_expires_at is not None, notices(mine)) == (True, [])


def test_who_insists_on_a_key_that_may_withdraw_has_a_notice_of_it(monkeypatch):
    assert notices(add(monkeypatch, can_withdraw=True)) == ["may_withdraw"]


def test_a_new_key_that_lasts_ends_the_notice_of_the_old_one(monkeypatch):
    mine = add(monkeypatch, expires_at=in_days(5), can_withdraw=True)
    monkeypatch.setattr(keys, "check", lambda _account: report(expires_at=in_days(90)))
    services.renew_credentials(mine, Credentials(api_key="k2", secret="s2"))
    assert notices(mine) == []
    assert KeyNotice.objects.filter(closed_at=None).count() == 0


def test_of_a_deleted_account_nobody_is_told_anything(monkeypatch):
    mine = add(monkeypatch, can_withdraw=True, expires_at=in_days(1))
    services.archive_account(mine, at=now())
    assert notices(mine) == []
    key_watch.review_expiring(now())
    assert notices(mine) == []


# --- By the clock -------------------------------------------------------------------------------------------------


def test_time_alone_makes_a_notice_once_and_then_another():
    ends = NOON + timedelta(days=20)
    mine = key(key_expires_at=ends)
    seen = []
    for at in (NOON, ends - timedelta(days=13), ends - timedelta(days=1), ends, ends + timedelta(days=3)):
        key_watch.review_expiring(at)
        seen.append(notices(mine))
    assert seen == [[], ["expires_soon"], ["expires_soon"], ["expired"], ["expired"]]
    assert [each for each in actions() if each.startswith("key.")] == ["key.expires_soon", "key.expired"]


def test_what_has_been_told_costs_no_query_for_each():
    at = now()
    for number in range(5):
        key(f"key {number}", key_expires_at=in_days(number - 2))
    key_watch.review_expiring(at)
    with CaptureQueriesContext(connection) as seen:
        key_watch.review_expiring(at)
    assert len(seen) == 1


def test_a_right_to_withdraw_that_was_added_later_is_flagged_within_a_day(exchange):
    mine = key()
    exchange.answer = Permissions(can_trade=True, can_withdraw=True)
    tasks.watch_keys.run()
    mine.refresh_from_db()
    assert mine.permissions["can_withdraw"] is True
    assert "WITHDRAW" in mine.permissions["warnings"][0]
    assert notices(mine) == ["may_withdraw"]
    changed = AuditEntry.objects.get(action="account.key_changed")
    assert (changed.before["can_withdraw"], changed.after["can_withdraw"]) == (False, True)
    exchange.answer = HARMLESS
    ExchangeAccount.objects.update(key_due_at=None)
    tasks.watch_keys.run()
    assert notices(mine) == []


def test_an_expiry_that_came_later_is_remembered_and_what_is_not_told_stays(exchange):
    mine = key(permissions=keys.permissions(report(wallets=("unified",), can_trade=True)))
    exchange.answer = Permissions(expires_at=in_days(3), can_withdraw=False)
    key_watch.ask_due()
    mine.refresh_from_db()
    assert (mine.permissions["wallets"], mine.permissions["can_trade"]) == (["unified"], True)
    assert mine.key_expires_at == exchange.answer.expires_at
    assert notices(mine) == ["expires_soon"]


def test_a_key_that_tells_nothing_any_more_keeps_what_is_known(exchange):
    ends = in_days(3)
    mine = key(key_expires_at=ends)
    exchange.answer = Permissions()
    assert key_watch.ask_due() == 1
    mine.refresh_from_db()
    assert (mine.key_expires_at, mine.permissions["can_trade"]) == (ends, True)


def test_each_key_is_asked_about_once_a_day_the_one_that_waited_longest_first(exchange):
    at = now()
    key("later", key_due_at=at - timedelta(minutes=1))
    key("never asked")
    key("tomorrow", key_due_at=at + timedelta(hours=2))
    key("off", is_enabled=False)
    key("tells nothing", exchange_id="bitfinex")
    key("has told", exchange_id="kraken", exchange_uid="AA88 N84G WOAK NMOI")
    assert key_watch.ask_due() == 2
    assert exchange.asked == ["never asked", "later"]
    assert key_watch.ask_due() == 0
    due = ExchangeAccount.objects.get(label="later").key_due_at
    assert due > at + timedelta(hours=23)


def test_no_answer_is_tried_again_in_an_hour_and_judges_nobody(exchange):
    mine = key()
    exchange.answer = CredentialsRejected("no")
    assert key_watch.ask_due() == 0
    mine.refresh_from_db()
    assert mine.is_enabled
    assert timedelta(minutes=50) < mine.key_due_at - now() <= timedelta(hours=1)


def test_an_exchange_that_is_not_asked_is_not_asked_about_keys(exchange):
    key()
    health.banned(ROUTE, until=in_days(1), error="too many", at=now())
    assert (key_watch.ask_due(), exchange.asked) == (0, [])


def test_a_probe_of_a_half_open_exchange_is_left_to_the_syncs(exchange):
    key()
    for _ in range(5):
        health.failed(ROUTE, error="HTTP 502", asked_at=in_days(-1), at=in_days(-1))
    assert ExchangeHealth.objects.get().breaker.allows(now())
    assert (key_watch.ask_due(), exchange.asked) == (0, [])


def test_a_ban_that_is_the_answer_holds_everybody_back(exchange):
    key("first")
    key("second")
    exchange.answer = RateLimited("banned", until=in_days(1), is_ban=True)
    assert key_watch.ask_due() == 0
    assert exchange.asked == ["first"]
    assert health.banned_until(ROUTE, now()) == exchange.answer.until


def test_what_is_asked_while_redis_is_away_is_known_as_uncounted(exchange, monkeypatch):
    monkeypatch.setattr(budgets.counters, "take", lambda asks, wanted: None)
    key()
    assert key_watch.ask_due() == 1
    assert ExchangeHealth.objects.get().uncounted_at is not None


def test_it_is_asked_out_of_the_budget_and_not_without(exchange, monkeypatch):
    mine, spent = key(), []

    def nothing_left(route: Route, costs: dict[str, int], **_: object) -> budgets.Grant:
        spent.append((route.exchange_id, dict(costs)))
        return budgets.Grant(units=0)

    monkeypatch.setattr(budgets, "take", nothing_left)
    assert key_watch.ask_due() == 0
    assert (spent, exchange.asked) == ([("bybit", {"requests": 1})], [])
    mine.refresh_from_db()
    assert mine.key_due_at > now() + timedelta(minutes=50)


def test_an_answer_about_a_key_that_was_replaced_meanwhile_is_worth_nothing(exchange, monkeypatch):
    mine = key()

    def while_it_is_renewed(of: ExchangeAccount) -> Permissions:
        monkeypatch.setattr(keys, "check", lambda _account: report())
        services.renew_credentials(ExchangeAccount.objects.get(pk=of.pk), Credentials(api_key="new", secret="s"))
        return Permissions(can_withdraw=True)

    monkeypatch.setattr(keys, "ask_permissions", while_it_is_renewed)
    assert key_watch.ask_due() == 1
    mine.refresh_from_db()
    assert (mine.permissions["can_withdraw"], notices(mine)) == (False, [])


def test_beat_sends_it_to_the_workers_that_have_threads_to_spare():
    assert any(entry["task"] == tasks.watch_keys.name for entry in BEAT_SCHEDULE.values())


def test_the_sandboxes_bybit_tells_that_a_key_of_eighty_days_expires_soon(settings, shared_redis):
    with SandboxServer(markets=60) as sandbox:
        settings.SANDBOX_URL = sandbox.url
        made = sandbox.create_account("bybit", holdings={"USDT": "1000"})
        mine = key()
        mine.set_credentials(Credentials(api_key=made.api_key, secret=made.secret))
        mine.save()
        assert key_watch.ask_due() == 1
    mine.refresh_from_db()
    assert timedelta(days=89) < mine.key_expires_at - now() <= timedelta(days=90)
    key_watch.review_expiring(in_days(80))
    assert notices(mine) == ["expires_soon"]


# --- Where it is seen ---------------------------------------------------------------------------------------------


def test_the_account_and_the_status_tell_of_it_over_rest():
    mine = key(key_expires_at=in_days(3))
    key("lasting")
    key("neighbour", owner="neighbours", key_expires_at=in_days(3))
    key_watch.review_expiring(now())
    client = logged_in()
    (row,) = [each for each in get(client, "/api/exchange/accounts")["results"] if each["label"] == "main"]
    assert (row["expires_soon"], row["expires_at"]) == (
        True,
        get(client, f"/api/exchange/accounts/{mine.pk}")["expires_at"],
    )
    assert [each["kind"] for each in row["notices"]] == ["expires_soon"]
    (told,) = get(client, "/api/system/status")["keys"]
    assert (told["account_id"], told["account"], told["kind"]) == (mine.pk, "main", "expires_soon")
    assert "make a new one" in told["message"].lower()
    assert not OpsEvent.objects.exists()


def test_the_list_of_accounts_costs_the_same_with_notices():
    client = logged_in()
    counts = []
    for labels in (["a"], [f"b{n}" for n in range(10)]):
        for label in labels:
            key(label, key_expires_at=in_days(1))
        key_watch.review_expiring(now())
        with CaptureQueriesContext(connection) as seen:
            get(client, "/api/exchange/accounts")
        counts.append(len(seen))
    assert counts[0] == counts[1]
