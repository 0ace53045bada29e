"""Orders and cancels, while syncs are held back."""

import json
import time
from typing import Any

from apps.exchanges.models import ExchangeAccount
from apps.sync.models import SyncState
from tests.chaos.scenario import Held, expect, scenario
from tests.chaos.scenarios.breakers import BAN, HOSTS, SHORT, asked, binance, is_open, shut
from tests.chaos.world import World

ORDER = "/api/v3/order"
SYNCS_SHARE = 5400


@scenario("they pass an open breaker, out of the 10 % that syncs leave; during a ban none is sent")
def orders_while_an_exchange_is_shut(world: World) -> Held:
    account, everything = world.accounts("binance")[0], SyncState.objects.filter(exchange_id="binance")
    # Once the exchange has told what is used, that is known, and can be spent to the end.
    world.make_due(world.states("binance", "balances"))
    world.until(lambda: len(world.asked("binance")) == 5, 60, "a sync of everybody")
    opened = shut(world, everything)
    world.sandbox.clear_faults()
    world.until(lambda: not world.live_runs(), 60, "the end of what was under way")
    world.sandbox.forget_requests()
    world.make_due(everything, every=SHORT)
    passed = _traded(world, account, "--after-syncs")
    expect("placed" in passed, f"while the breaker was open: {passed}")
    expect((passed["spent"] or 0) >= 0.9 * SYNCS_SHARE, f"of the limit only {passed['spent']} were spent")
    expect(is_open(), "the order closed the breaker")
    expect(_orders(world) == ["POST", "DELETE"], f"sent: {_orders(world)}")
    syncs = [each["path"] for each in asked(world) if each["account"] and each["path"] != ORDER]
    expect(not syncs, f"syncs passed it, too: {syncs[:5]}")
    told = f"breaker open after {opened:.0f} s, {passed['spent']} of 6000 granted to syncs: placed and canceled"
    return Held(f"{told}; {_held_back_by_a_ban(world, account)}")


def _held_back_by_a_ban(world: World, account: ExchangeAccount) -> str:
    """The first order meets the ban; by its answer all processes know."""
    world.sandbox.fault("ban", host=HOSTS, for_s=BAN)
    met = _traded(world, account)
    expect("refused" in met and binance().banned_until is not None, f"the ban itself: {met}")
    time.sleep(1)
    world.sandbox.forget_requests()
    refused = _traded(world, account)
    expect("nothing was sent" in refused.get("refused", ""), f"during the ban: {refused}")
    expect(not asked(world), f"sent during the ban: {[each['path'] for each in asked(world)][:5]}")
    return f"the next during a ban was refused here, without a request: {refused['refused']!r}"


def _traded(world: World, account: ExchangeAccount, *options: str) -> dict[str, Any]:
    """What another process says that came of an order far below the market."""
    price = f"{world.sandbox.price('BTC/USDT') * 0.6:.2f}"
    done = world.command("-m", "tests.chaos.trader", str(account.pk), price, *options)
    expect(done.returncode == 0, f"the trader ended with {done.returncode}: {done.stderr[-500:]}")
    return dict(json.loads(done.stdout))


def _orders(world: World) -> list[str]:
    return [each["method"] for each in world.requests(path=ORDER)]
