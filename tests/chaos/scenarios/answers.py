"""Answers that are half true: empty, broken, poisoned, refused."""

import json
import time
from datetime import timedelta
from decimal import Decimal
from typing import Any

from apps.core.clock import now
from apps.exchanges.models import ExchangeAccount, ExchangeHealth
from apps.ledger.models import Balance, WalletReading, WalletStatus
from apps.sync.models import SyncChange, SyncRun, SyncState
from tests.chaos.scenario import ON_BOTH, Held, Where, expect, scenario
from tests.chaos.world import BALANCES_PATH, EXCHANGES, HOLDINGS, WALLET, World

SHORT = timedelta(seconds=3)


def readings(world: World, exchange_id: str, wallet: str = "") -> Any:
    found = WalletReading.objects.filter(account__in=world.accounts(exchange_id), kind="balances")
    return found.filter(wallet=wallet) if wallet else found


def stale(world: World, exchange_id: str) -> int:
    """Wallets of balances that say that they are not to be trusted, each with a reason."""
    return readings(world, exchange_id).exclude(status=WalletStatus.OK).exclude(error="").count()


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
    world.until(lambda: shown() == truth, 60, "the others")
    state = world.states(kind="balances").filter(account=victim)
    world.until(lambda: state.get().failures == 1, 60, "the first refusal")
    world.make_due(state)
    world.until(lambda: not ExchangeAccount.objects.get(pk=victim.pk).is_enabled, 60, "the second refusal")
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
        world.until(lambda: all(stale(world, each) >= 5 for each in EXCHANGES), 60, f"{name}: marked stale")
        expect(world.balances() == before, f"{name}: rows changed")
        world.sandbox.clear_faults()
        ExchangeHealth.objects.all().delete()
        world.make_due(world.states(kind="balances"))
        recovery = world.until(lambda truth=truth: world.balances() == truth, 60, f"{name}: fresh again")
        before = truth
    return Held(f"{', '.join(kinds)}: no row changed, every wallet marked with the reason", recovery)


@scenario("49 fresh, one marked; its payload kept", on=ON_BOTH)
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
    world.until(lambda: fresh.count() == 49 and failed.exists(), 60, "49 stored and one failed")
    took = time.monotonic() - begun
    expect(failed.get().account_id == victim.pk, "another account failed")
    expect(world.balances("bybit") == asked, "the poisoned account's rows changed")
    return Held(f"49 stored, one failed: {failed.get().error[:70]!r} ({took:.1f} s)")


@scenario("an empty answer where there was money is believed the second time, never the first", quick=True)
def a_wallet_that_is_suddenly_empty(world: World) -> Held:
    last = SyncRun.objects.order_by("-pk").values_list("pk", flat=True)[0]
    gone = SyncChange.objects.filter(run__gt=last, after=None)
    before = _rows(world)
    empty = {"retCode": 0, "retMsg": "OK", "result": {"list": [{"accountType": "UNIFIED", "coin": []}]}}
    lie = json.dumps(empty | {"time": int(now().timestamp() * 1000)})
    fault = world.sandbox.fault("status", path=BALANCES_PATH["bybit"], status=200, body=lie)
    _read_until(world, WalletStatus.UNCONFIRMED)
    expect(_rows(world) == before and not gone.exists(), "one empty answer took rows away")
    world.sandbox.clear_faults(fault)
    recovery = _read_until(world, WalletStatus.OK)
    expect(_rows(world) == before and not gone.exists(), "a lie took rows away")
    _set_everything(world, dict.fromkeys(HOLDINGS, "0"))
    _read_until(world, WalletStatus.UNCONFIRMED)
    expect(_rows(world) == before, "the first empty answer took rows away")
    _read_until(world, WalletStatus.OK)
    expect(not _rows(world), "two empty answers were not believed")
    _set_everything(world, HOLDINGS)
    return Held(f"{len(before)} rows outlived a lie; when it was true, they went with the second answer", recovery)


def _rows(world: World) -> list[tuple[str, str, Decimal]]:
    rows = Balance.objects.filter(reading__in=readings(world, "bybit", "unified"))
    return sorted(rows.values_list("reading__account__label", "currency", "total"))


def _read_until(world: World, status: WalletStatus) -> float:
    """One more look at each account; all wallets then have that status."""
    world.make_due(world.states("bybit", "balances"))
    wallets = readings(world, "bybit", "unified").exclude(status=status)
    return world.until(lambda: not wallets.exists(), 60, f"all {status}")


def _set_everything(world: World, holdings: dict[str, str]) -> None:
    for account in world.accounts("bybit"):
        for currency, amount in holdings.items():
            world.sandbox.set_balance("bybit", account.label, currency, amount, wallet=WALLET["bybit"])


@scenario("that wallet is marked, and asked again; the account's others, and the neighbours, are read", quick=True)
def a_wallet_that_is_not_permitted(world: World) -> Held:
    victim = world.accounts("binance")[0]
    key = world.sandbox.account("binance", victim.label)["keys"][0]["key"]
    world.sandbox.put_key("binance", victim.label, api_key=key, wallets=["spot", "funding"])
    truth = world.change_balances()
    world.make_due(world.states(kind="balances"))
    world.until(lambda: world.balances() == truth, 60, "everybody's spot wallet")
    refused = readings(world, "binance").filter(status=WalletStatus.NOT_PERMITTED)
    marked = {(each.account_id, each.wallet) for each in refused.exclude(error="")}
    expect((victim.pk, "usdm") in marked, f"not permitted: {marked}")
    expect({account for account, _ in marked} == {victim.pk}, f"not permitted: {marked}")
    expect({"spot", "funding"}.isdisjoint(wallet for _, wallet in marked), f"not permitted: {marked}")
    expect(ExchangeAccount.objects.get(pk=victim.pk).is_enabled, "the account was disabled")
    others = readings(world, "binance").exclude(pk__in=refused.values("pk")).exclude(status=WalletStatus.OK)
    expect(not others.exists(), f"not read: {[(str(each.account), each.wallet) for each in others]}")
    world.sandbox.put_key("binance", victim.label, api_key=key)
    world.make_due(world.states("binance", "balances"))
    recovery = world.until(lambda: not refused.exists(), 60, "the wallet, once it is permitted")
    told = f"{len(marked)} wallets of one account are marked as not permitted; its spot wallet and nine neighbours are"
    return Held(f"{told} fresh", recovery)
