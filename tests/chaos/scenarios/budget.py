"""One budget for all workers, and a Redis that forgets it and goes away."""

from contextlib import ExitStack
from datetime import timedelta

from apps.sync.models import SyncState
from tests.chaos.scenario import Held, Where, expect, scenario
from tests.chaos.spenders import ALLOWED, LIMIT, MINUTE, SPENDER, next_minute, sleep_until, used_by_the_end_of
from tests.chaos.system import SYNC_WORKERS
from tests.chaos.world import World

PROCESSES = 8
SETTINGS = {"SYNC_PROCESSES": str(PROCESSES), "DJANGO_SETTINGS_MODULE": "config.settings"}
CROWD = 150  # each every second: 180,000 of weight a minute, where 6,000 are allowed
# In the middle of everybody's spending.
FLUSH_AT = 1.0
# So early that the next minute begins after all was sent that Redis had granted.
AWAY_AT = 29.0


@scenario(
    "eight processes: no 429; 90 % of what is allowed is used though it forgets, and while it is away each "
    "takes its part",
    on=(Where.POSTGRES,),
)
def a_redis_that_forgets_and_then_does_not_answer(world: World) -> Held:
    world.add_accounts("binance", CROWD, prefix="crowd")
    crowd = SyncState.objects.filter(account__label__startswith="crowd-")
    world.rest()
    # Orders and positions would spend the futures' budget first.
    crowd.exclude(kind="balances").update(due_at=None)
    url, redis = world.settings["SANDBOX_URL"], world.redis
    with world.suspended(*SYNC_WORKERS), ExitStack() as spending:
        spenders = [spending.enter_context(world.process("-c", SPENDER, **SETTINGS)) for _ in range(PROCESSES)]
        world.make_due(crowd, every=timedelta(seconds=1))
        first = next_minute()
        sleep_until(first + FLUSH_AT)
        redis.flushall()
        used = [used_by_the_end_of(first, url)]
        sleep_until(first + MINUTE + AWAY_AT)
        with world.suspended("valkey"):
            used += [used_by_the_end_of(first + number * MINUTE, url) for number in (1, 2)]
        sleep_until(first + 3 * MINUTE + 20)
        refused = world.refusals()
        expect(all(each.status() != "zombie" for each in spenders), "a process ended by itself")
    *forgetful, away = used
    told = f"refused: {dict(refused)}; used of {LIMIT} by minute: {used}"
    expect(not refused and max(used) <= LIMIT, told)
    expect(min(forgetful) >= 0.9 * ALLOWED, told)
    expect(away >= 0.5 * ALLOWED, told)
    return Held(f"no 429; used of {LIMIT}: {forgetful} in the minute it forgot and the next, {away} while it was away")
