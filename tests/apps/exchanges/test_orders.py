from datetime import timedelta

import pytest

from alphapulse.exchanges.errors import RateLimited, Transient
from alphapulse.exchanges.route import Route
from alphapulse.resilience.breaker import BreakerState
from alphapulse.types import Environment
from apps.exchanges import budgets, health
from apps.exchanges.models import ExchangeHealth
from apps.exchanges.services import orders
from tests.apps.builders import NOON, account, later

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shared_redis")]

ROUTE = Route(exchange_id="binance", environment=Environment.SANDBOX)
ORDER = {"spot": 1}
# Half of what is kept for orders.
DEAR = {"spot": 300}
ALL_OF_THE_SYNCS = 6000 * 9 // 10


@pytest.fixture(autouse=True)
def at_noon(monkeypatch, settings):
    settings.SANDBOX_URL = "http://127.0.0.1:1"
    monkeypatch.setattr(orders, "now", lambda: NOON)


def spent() -> int | None:
    return budgets.spent(ROUTE, now=NOON)["spot"][0]


def let_out(costs=ORDER) -> Route:
    with orders.let_out(account(), costs) as route:
        return route


def test_an_order_passes_an_open_breaker():
    for _ in range(5):
        health.failed(ROUTE, error="HTTP 502", asked_at=NOON, at=NOON)
    assert not ExchangeHealth.objects.get().breaker.allows(NOON)
    assert let_out().gateway == "http://127.0.0.1:1"
    assert spent() == 1


def test_an_order_never_passes_a_ban():
    health.banned(ROUTE, until=later(300), error="way too many requests", at=NOON)
    with pytest.raises(RateLimited, match="until 2026-11-21 12:05:00 UTC: nothing was sent") as refusal:
        let_out()
    assert (refusal.value.until, refusal.value.is_ban) == (later(300), True)
    assert not spent()


def test_an_order_goes_out_when_syncs_have_spent_all_of_theirs():
    assert budgets.take(ROUTE, ORDER, wanted=10_000, now=NOON).units == ALL_OF_THE_SYNCS
    mine = account()
    for _ in range(2):
        with orders.let_out(mine, DEAR):
            pass
    with pytest.raises(RateLimited, match="Binance's limits are used up"), orders.let_out(mine, DEAR):
        pytest.fail("it was let out")
    assert spent() == 6000


def test_a_ban_that_an_order_is_answered_with_holds_everybody_back():
    answer = RateLimited("banned", until=NOON + timedelta(minutes=2), is_ban=True)
    with pytest.raises(RateLimited, match="banned"), orders.let_out(account(), ORDER):
        raise answer
    assert ExchangeHealth.objects.get().state(later(119)) is BreakerState.BANNED


def test_an_order_that_fails_is_nobodys_ban():
    with pytest.raises(Transient), orders.let_out(account(), ORDER):
        raise Transient("no answer")
    assert not ExchangeHealth.objects.exists()


def test_an_order_that_was_let_out_while_redis_was_away_is_known_as_uncounted(monkeypatch):
    monkeypatch.setattr(budgets.counters, "take", lambda asks, wanted: None)
    let_out()
    assert ExchangeHealth.objects.get().uncounted_at == NOON
