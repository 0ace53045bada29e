"""Exchanges that hang, lie, refuse and ban."""

import json
import time
from datetime import timedelta
from typing import Any

from apps.exchanges.models import ExchangeAccount, ExchangeHealth
from apps.ledger.models import WalletReading, WalletStatus
from apps.sync.models import SyncState
from apps.sync.services.claim import JOB_DEADLINE
from tests.chaos.scenario import Held, Where, expect, scenario
from tests.chaos.world import BALANCES_PATH, BLACK_HOLES, EXCHANGES, World, p99

SHORT = timedelta(seconds=3)
BAN = 20


def stale(world: World, exchange_id: str) -> int:
    """Wallets of balances that say that they are not to be trusted, each with a reason."""
    readings = WalletReading.objects.filter(account__in=world.accounts(exchange_id), kind="balances")
    return readings.exclude(status=WalletStatus.OK).exclude(error="").count()


def hang(world: World) -> None:
    """Binance's hosts, and three more exchanges with so many accounts that their batches would fill all threads."""
    world.sandbox.fault("hang", host="*.binance.com")
    for exchange_id in BLACK_HOLES:
        world.add_accounts(exchange_id, 120, prefix="crowd")
    everything = SyncState.objects.exclude(exchange_id="bybit")
    world.make_due(everything, every=SHORT)


@scenario("Binance and three others (120 accounts each) hang: Bybit is as fresh as before")
def four_hanging_exchanges(world: World) -> Held:
    world.make_due(world.states("bybit"), every=SHORT)
    time.sleep(5)
    before = p99(world.ages("bybit", 20))
    hang(world)
    during = world.ages("bybit", 75)
    told = f"p99 of Bybit's age {before:.1f} s before, {p99(during):.1f} s during, {during[-1]:.1f} s at most"
    expect(p99(during) < before + 2, told)
    return Held(told)


@scenario("a resync by hand starts within 2 s while four other exchanges hang")
def manual_resync_beside_hanging_exchanges(world: World) -> Held:
    hang(world)
    waits = []
    accounts = list(world.accounts("bybit"))
    for number in range(20):
        time.sleep(1.5)
        waits.append(_seconds_until_its_run(world, accounts[number % len(accounts)]))
    told = f"20 of them: {sorted(waits)[10]:.2f} s in the middle, {max(waits):.2f} s at most"
    expect(max(waits) < 2, told)
    return Held(told, max(waits))


def _seconds_until_its_run(world: World, account: ExchangeAccount) -> float:
    state = SyncState.objects.get(account=account, kind="balances")
    begun = time.monotonic()
    world.send("sync.resync", account_id=account.pk, kind="balances")
    world.until(lambda: SyncState.objects.get(pk=state.pk).claim != state.claim, 60, "the run of a manual resync")
    return time.monotonic() - begun


@scenario("ends at its deadline as a failure of those accounts alone; nothing else is late", quick=True)
def a_byte_a_second(world: World) -> Held:
    truth = world.change_balances()
    before = world.balances("bybit")
    world.sandbox.fault("drip", path=BALANCES_PATH["bybit"])
    begun = time.monotonic()
    world.make_due(world.states(kind="balances"))
    binance = {label: amount for label, amount in truth.items() if "binance" in label}
    world.until(lambda: world.balances("binance") == binance, 20, "the other exchange's balances")
    failed = world.states("bybit", "balances").filter(failures__gt=0)
    world.until(lambda: failed.count() == len(before), JOB_DEADLINE.total_seconds() + 15, "the deadline")
    ended = time.monotonic() - begun
    expect(world.balances("bybit") == before, "half an answer changed rows")
    world.sandbox.clear_faults()
    world.make_due(world.states("bybit", "balances"))
    recovery = world.until(lambda: world.balances() == truth, 60, "the recovery")
    return Held(f"ended after {ended:.0f} s; the other exchange was in time; rows untouched", recovery)


@scenario("no request during it, from no process; then one probe goes first")
def a_ban(world: World) -> Held:
    world.sandbox.fault("ban", host="*.binance.com", for_s=BAN)
    everything = SyncState.objects.filter(exchange_id="binance")
    world.make_due(everything, every=SHORT)
    banned = ExchangeHealth.objects.filter(banned_until__isnull=False)
    world.until(banned.exists, 20, "the ban to be noticed")
    begun = time.monotonic()
    until = banned.get().banned_until
    world.until(lambda: not world.live_runs(), 20, "the end of what was under way")
    world.sandbox.forget_requests()
    world.make_due(everything, every=SHORT)
    world.until(lambda: len(world.asked("binance")) == 5, BAN + 60, "all accounts after the ban")
    recovery = time.monotonic() - begun
    asked = [each for each in world.requests() if each["host"].endswith(".binance.com")]
    early = [each["path"] for each in asked if each["at_ms"] < until.timestamp() * 1000]
    expect(not early, f"{len(early)} requests during the ban: {early[:5]}")
    refused = [each["path"] for each in asked if each["status"] in (403, 418, 429)]
    expect(not refused, f"{len(refused)} refusals after the ban")
    return Held(f"no request for {BAN} s; {_probe(asked)}", recovery)


def _probe(asked: list[dict[str, Any]]) -> str:
    """The first account's requests, before anybody else's; prices belong to nobody."""
    first = asked[0]
    others = [each for each in asked if each["account"] != first["account"]]
    alone = asked.index(others[0])
    expect(alone > 0 and all(each["took_ms"] for each in asked[:alone]), f"beside the probe went {others[0]['path']}")
    overlap = others[0]["at_ms"] < first["at_ms"] + first["took_ms"]
    expect(not overlap, f"{others[0]['path']} went out before the probe was answered")
    return f"then one probe ({first['path']}), then all"


@scenario("disabled after the second refusal, said so; the others go on; never asked again")
def a_rejected_key(world: World) -> Held:
    victim = world.accounts("binance")[0]
    key = world.sandbox.account("binance", victim.label)["keys"][0]["key"]
    world.sandbox.put_key("binance", victim.label, api_key=key, is_enabled=False)
    truth = world.change_balances()
    del truth[victim.label]
    begun = time.monotonic()
    world.make_due(world.states(kind="balances"))
    shown = lambda: {name: amount for name, amount in world.balances().items() if name in truth}  # noqa: E731
    world.until(lambda: shown() == truth, 30, "the others")
    state = world.states(kind="balances").filter(account=victim)
    world.until(lambda: state.get().failures == 1, 30, "the first refusal")
    world.make_due(state)
    world.until(lambda: not ExchangeAccount.objects.get(pk=victim.pk).is_enabled, 30, "the second refusal")
    took = time.monotonic() - begun
    world.sandbox.forget_requests()
    world.make_due(world.states(), every=SHORT)
    time.sleep(8)
    again = [each for each in world.requests() if each["key"] == key]
    world.sandbox.put_key("binance", victim.label, api_key=key, is_enabled=True)
    expect(not again, f"asked {len(again)} times after it was disabled")
    reason = ExchangeAccount.objects.get(pk=victim.pk).disabled_reason
    return Held(f"disabled after {took:.0f} s: {reason[:60]!r}; nine others fresh; not asked again")


@scenario("rows stay, are marked stale with the reason, and are fresh at once afterwards", quick=True)
def bodies_that_are_no_answer(world: World) -> Held:
    before = world.balances()
    kinds = {
        "html": {"kind": "html"},
        "cut": {"kind": "truncate"},
        "empty": {"kind": "status", "status": 200, "body": ""},
        "other JSON": {"kind": "status", "status": 200, "body": "{}"},
    }
    for name, fault in kinds.items():
        truth = world.change_balances()
        for exchange_id in EXCHANGES:
            world.sandbox.fault(path=BALANCES_PATH[exchange_id], **fault)
        world.make_due(world.states(kind="balances"))
        world.until(lambda: all(stale(world, each) >= 5 for each in EXCHANGES), 30, f"{name}: marked stale")
        expect(world.balances() == before, f"{name}: rows changed")
        world.sandbox.clear_faults()
        ExchangeHealth.objects.all().delete()
        world.make_due(world.states(kind="balances"))
        recovery = world.until(lambda truth=truth: world.balances() == truth, 30, f"{name}: fresh again")
        before = truth
    return Held(f"{', '.join(kinds)}: no row changed, every wallet marked with the reason", recovery)


@scenario("49 fresh, one marked; its payload kept", on=(Where.SQLITE, Where.POSTGRES))
def one_poison_value_among_fifty_accounts(world: World) -> Held:
    world.add_accounts("bybit", 45, prefix="crowd")
    world.rest()
    victim = world.accounts("bybit")[0]
    # A number that no money is; on PostgreSQL a name that its column cannot hold: there the database itself refuses.
    coin, total = ("S" * 60, "1") if world.where is Where.POSTGRES else ("SOL", "1e60")
    poison = {"coin": coin, "walletBalance": total, "locked": "0", "borrowAmount": "0", "equity": total}
    body = {"retCode": 0, "retMsg": "OK", "result": {"list": [{"accountType": "UNIFIED", "coin": [poison]}]}}
    where = {"path": BALANCES_PATH["bybit"], "account": victim.label}
    world.sandbox.fault("status", status=200, body=json.dumps(body | {"time": int(time.time() * 1000)}), **where)
    mine = SyncState.objects.filter(exchange_id="bybit", kind="balances", account__isnull=False)
    mine = mine.exclude(account__label="demo-bybit")
    begun = time.monotonic()
    asked = world.balances("bybit")
    world.make_due(mine)
    failed, last_good = mine.filter(failures__gt=0), mine.get(account=victim).succeeded_at
    fresh = mine.filter(failures=0, succeeded_at__gt=last_good)
    world.until(lambda: fresh.count() == 49 and failed.exists(), 40, "49 stored and one failed")
    took = time.monotonic() - begun
    expect(failed.get().account_id == victim.pk, "another account failed")
    expect(world.balances("bybit") == asked, "the poisoned account's rows changed")
    return Held(f"49 stored, one failed: {failed.get().error[:70]!r} ({took:.1f} s)")


@scenario("costs an account at most one failure, either way, then all succeed")
def a_clock_that_is_ten_seconds_off(world: World) -> Held:
    stories = []
    for offset in (10_000, -10_000):
        truth = world.change_balances()
        fault = world.sandbox.fault("clock", host="*", offset_ms=offset)
        world.make_due(world.states(kind="balances"))
        seconds = world.until(lambda truth=truth: world.balances() == truth, 60, f"all at {offset} ms")
        worst = max(world.states(kind="balances").values_list("failures", flat=True))
        refused = len([each for each in world.requests(path="/api/v3/account") if each["status"] == 400])
        expect(worst <= 1, f"{worst} failures in a row")
        stories.append(f"{offset / 1000:+.0f} s: {refused} refused by Binance, all served after {seconds:.1f} s")
        world.sandbox.clear_faults(fault)
        world.sandbox.forget_requests()
    world.make_due(world.states(kind="balances"))
    return Held("; ".join(stories))
