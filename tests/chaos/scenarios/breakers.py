"""Exchanges that fail for everybody, and exchanges that ban."""

import time
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from alphapulse.resilience.breaker import Breaker, BreakerState
from apps.core.clock import now
from apps.exchanges.models import ExchangeHealth
from apps.sync.models import SyncRun, SyncState
from tests.chaos.scenario import Held, expect, scenario
from tests.chaos.visitor import Visitor
from tests.chaos.world import REFUSED, World

SHORT = timedelta(seconds=3)
BAN = 20
SILENCE = 8
HOSTS = "*.binance.com"


def binance() -> ExchangeHealth | None:
    return ExchangeHealth.objects.filter(exchange_id="binance").first()


def is_open() -> bool:
    health = binance()
    return health is not None and health.state(now()) is BreakerState.OPEN


@scenario("five failures shut it for all; after ten minutes one probe of all workers; the admin's reset asks at once")
def an_exchange_that_fails_for_everybody(world: World) -> Held:
    everything = SyncState.objects.filter(exchange_id="binance")
    opened = shut(world, everything)
    visitor = Visitor(world)
    _expect_silence(world, everything)
    told = [
        each["state"] for each in visitor.get("/api/system/status")["exchanges"] if each["exchange_id"] == "binance"
    ]
    expect(told == ["open"], f"the status page says {told}")
    probe = _probed_after_its_rest(world, everything)
    world.sandbox.clear_faults()
    truth = {label: amount for label, amount in world.change_balances().items() if "binance" in label}
    visitor.enter_the_admin()
    page = reverse("admin:exchanges_exchangehealth_changelist")
    world.make_due(everything, every=SHORT)
    expect("breaker reset" in visitor.choose_action(page, "reset_breaker", binance().pk), "the admin did not reset it")
    recovery = world.until(lambda: world.balances("binance") == truth, 60, "everything after the reset")
    return Held(f"open after {opened:.0f} s; {probe}, and it was open again; all fresh after the reset", recovery)


def shut(world: World, everything: QuerySet[SyncState]) -> float:
    """Nobody of these is served, until the breaker is open; after how many seconds that is."""
    world.sandbox.fault("status", host=HOSTS, status=502, body="Bad Gateway")
    # While somebody was served in the last minute a failure is not taken for everybody's: that minute is over.
    everything.update(succeeded_at=now() - timedelta(minutes=2))
    world.make_due(everything, every=SHORT)
    return world.until(is_open, 120, "an open breaker")


def _expect_silence(world: World, everything: Any) -> None:
    """Nobody asks, though everything is due."""
    world.until(lambda: not world.live_runs(), 60, "the end of what was under way")
    world.sandbox.forget_requests()
    world.make_due(everything, every=SHORT)
    time.sleep(SILENCE)
    requests = asked(world)
    expect(
        not requests, f"{len(requests)} requests while the breaker was open: {[each['path'] for each in requests[:5]]}"
    )


def _probed_after_its_rest(world: World, everything: Any) -> str:
    """The rest's end is now: the row's time moves back. The probe is slow, so that others would be seen beside it."""
    world.sandbox.fault("latency", host=HOSTS, seconds=4)
    last = SyncRun.objects.order_by("-pk").values_list("pk", flat=True)[0]
    world.make_due(everything, every=SHORT)
    failures = binance().failures
    ExchangeHealth.objects.filter(exchange_id="binance").update(opened_at=now() - Breaker().rest)
    world.until(lambda: binance().failures > failures, 60, "a probe, and its failure")
    expect(is_open(), "the probe failed, and the breaker is not open")
    time.sleep(SILENCE)
    runs = SyncRun.objects.filter(pk__gt=last, exchange_id="binance")
    claimed = list(runs.values_list("claimed", flat=True))
    accounts = {each["account"] for each in asked(world)} - {""}
    expect(claimed == [1], f"runs after the rest, by what they claimed: {claimed}")
    expect(len(accounts) <= 1, f"probes went out for {accounts}")
    return "one probe went out after the rest (its time moved back), of one account"


def asked(world: World) -> list[dict[str, Any]]:
    return [each for each in world.requests() if each["host"].endswith(".binance.com")]


@scenario("no request during it, from no process; then one probe goes first")
def a_ban(world: World) -> Held:
    world.sandbox.fault("ban", host=HOSTS, for_s=BAN)
    everything = SyncState.objects.filter(exchange_id="binance")
    world.make_due(everything, every=SHORT)
    banned = ExchangeHealth.objects.filter(banned_until__isnull=False)
    world.until(banned.exists, 60, "the ban to be noticed")
    begun = time.monotonic()
    until = banned.get().banned_until
    world.until(lambda: not world.live_runs(), 20, "the end of what was under way")
    world.sandbox.forget_requests()
    world.make_due(everything, every=SHORT)
    world.until(lambda: len(world.asked("binance")) == 5, BAN + 60, "all accounts after the ban")
    recovery = time.monotonic() - begun
    requests = asked(world)
    early = [each["path"] for each in requests if each["at_ms"] < until.timestamp() * 1000]
    expect(not early, f"{len(early)} requests during the ban: {early[:5]}")
    refused = [each["path"] for each in requests if each["status"] in REFUSED]
    expect(not refused, f"{len(refused)} refusals after the ban")
    return Held(f"no request for {BAN} s; {_probe(requests)}", recovery)


def _probe(requests: list[dict[str, Any]]) -> str:
    """The first account's requests, before anybody else's; prices belong to nobody."""
    first = requests[0]
    others = [each for each in requests if each["account"] != first["account"]]
    alone = requests.index(others[0])
    expect(
        alone > 0 and all(each["took_ms"] for each in requests[:alone]), f"beside the probe went {others[0]['path']}"
    )
    overlap = others[0]["at_ms"] < first["at_ms"] + first["took_ms"]
    expect(not overlap, f"{others[0]['path']} went out before the probe was answered")
    return f"then one probe ({first['path']}), then all"
