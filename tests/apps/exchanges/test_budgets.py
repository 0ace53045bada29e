from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from loguru import logger

from alphapulse.exchanges import catalogue
from alphapulse.exchanges.route import Route
from alphapulse.exchanges.told import Used
from alphapulse.resilience.budget import Quota
from alphapulse.types import Environment
from apps.exchanges import budgets
from apps.exchanges.budgets import alone, counters
from tests.apps.builders import NOON, later
from tests.servers import redis_server

pytestmark = pytest.mark.usefixtures("shared_redis")

BINANCE = Route(exchange_id="binance", environment=Environment.SANDBOX)
BYBIT = Route(exchange_id="bybit", environment=Environment.SANDBOX)
SPOT = {"spot": 20}
ALL = 6000 * 9 // 10 // 20
UNPROVEN = 6000 * 5 // 100 // 20


def taken(wanted: int, at: datetime, *, route: Route = BINANCE, costs: dict[str, int] = SPOT, **more) -> int:
    return budgets.take(route, costs, wanted=wanted, now=at, **more).units


def told(weight: int, at: datetime, *, sent_at: datetime | None = None) -> dict[str, Used]:
    return {"spot": Used(weight=weight, sent_at=sent_at or at, at=at)}


def spot_spent(at: datetime) -> int | None:
    return budgets.spent(BINANCE, now=at)["spot"][0]


@pytest.fixture
def redis(shared_redis):
    return counters.server(shared_redis)


# --- Sharing ------------------------------------------------------------------------------------------------------


def test_ten_percent_of_the_limit_is_kept_for_orders():
    assert taken(1000, NOON) == ALL


def test_an_order_may_use_what_syncs_leave_and_no_more():
    taken(1000, NOON)
    orders = [budgets.take_for_order(BINANCE, {"spot": 200}, now=later(1), key="7").units for _ in range(4)]
    assert orders == [1, 1, 1, 0]


def test_what_is_left_to_the_owners_other_tools_is_nobodys(settings):
    settings.BUDGET_FOR_OTHERS = 0.5
    assert taken(1000, NOON) == 6000 * 4 // 10 // 20
    assert budgets.take_for_order(BINANCE, {"spot": 700}, now=later(1), key="7").units == 0


def test_what_one_worker_took_another_does_not_get():
    assert [taken(200, NOON), taken(200, NOON), taken(200, NOON)] == [200, 70, 0]


def test_the_next_window_is_a_new_one():
    taken(1000, NOON)
    assert taken(5, later(59)) == 0
    assert taken(1000, later(61)) == ALL


def test_the_scarcest_quota_decides_and_nothing_is_taken_of_the_others():
    costs = {"spot": 1, "usdm": 500}
    assert taken(100, NOON, costs=costs) == 4
    assert budgets.spent(BINANCE, now=NOON) == {"spot": (4, 6000), "sapi": (0, 12000), "usdm": (2000, 2400)}


def test_what_units_need_less_than_they_were_granted_goes_to_others():
    costs = {"spot": 20, "usdm": 160}
    grant = budgets.take(BINANCE, costs, wanted=10, now=NOON)
    assert grant.units == 10
    budgets.spare(grant, {"usdm": 1200, "sapi": 30})
    assert budgets.spent(BINANCE, now=NOON)["usdm"] == (400, 2400)
    assert budgets.spent(BINANCE, now=NOON)["spot"] == (200, 6000)


def test_what_was_spared_is_not_given_back_a_second_time():
    late = later(40)  # what is sent by then may fall into the next minute
    grant = budgets.spare(budgets.take(BINANCE, {"usdm": 160}, wanted=5, now=late), {"usdm": 600})
    assert budgets.spent(BINANCE, now=later(61))["usdm"] == (200, 2400)
    budgets.finished(grant, BINANCE, {}, now=later(41))
    assert budgets.spent(BINANCE, now=later(61))["usdm"] == (0, 2400)
    assert budgets.spent(BINANCE, now=later(42))["usdm"] == (200, 2400)


def test_more_than_was_granted_cannot_be_spared():
    grant = budgets.take(BINANCE, {"usdm": 10}, wanted=2, now=NOON)
    budgets.spare(grant, {"usdm": 1000})
    assert budgets.spent(BINANCE, now=NOON)["usdm"] == (0, 2400)


def test_a_part_is_one_purposes_own_and_counted_apart():
    def part_of(purpose: str, at: datetime) -> int:
        return budgets.take_part(BINANCE, SPOT, of=purpose, part=0.1, wanted=1000, now=at).units

    # Nobody knows yet what was spent of it: hardly anything, until a new window begins.
    assert part_of("sweeps", NOON) <= 1
    assert (part_of("sweeps", later(130)), part_of("sweeps", later(131))) == (ALL // 10, 0)
    assert taken(1000, later(132)) == ALL
    assert part_of("sweeps", later(190)) == ALL // 10


def test_egresses_and_environments_do_not_share():
    taken(1000, NOON)
    other_ip = Route(exchange_id="binance", environment=Environment.SANDBOX, egress="second")
    live = Route(exchange_id="binance", environment=Environment.LIVE)
    assert [taken(3, NOON, route=other_ip), taken(3, NOON, route=live)] == [3, 3]


def test_what_is_counted_per_key_is_counted_for_each_alone(monkeypatch):
    per_key = Quota(name="orders", limit=10, window=timedelta(seconds=10), is_per_key=True)
    quotas = (*catalogue.exchange("binance").quotas, per_key)
    monkeypatch.setattr(budgets.catalogue, "exchange", lambda _: SimpleNamespace(quotas=quotas))
    costs = {"spot": 1, "orders": 1}

    def placed(key: str, at: datetime) -> int:
        return sum(budgets.take_for_order(BINANCE, costs, now=at, key=key).units for _ in range(12))

    # The count of a key that was never used is as unknown as any other.
    assert [placed("one", NOON), placed("two", NOON)] == [1, 1]
    assert [placed("one", later(41)), placed("two", later(41))] == [10, 10]
    assert taken(5, later(41), costs=costs) == 5


def test_what_the_exchange_counted_raises_our_count_and_never_lowers_it():
    taken(10, NOON)
    budgets.correct(BINANCE, told(5000, later(1)))
    assert spot_spent(NOON) == 5000
    budgets.correct(BINANCE, told(40, later(2)))
    assert spot_spent(NOON) == 5000


def test_what_was_asked_in_one_window_and_answered_in_the_next_corrects_neither():
    taken(10, NOON)
    taken(10, later(61))
    budgets.correct(BINANCE, told(5400, later(60.5), sent_at=later(59.9)))
    assert [spot_spent(later(30)), spot_spent(later(61))] == [200, 200]


def test_what_was_not_used_comes_back():
    grant = budgets.give_back(budgets.take(BINANCE, SPOT, wanted=10, now=NOON), unused=4)
    assert (grant.units, spot_spent(NOON)) == (6, 120)


def test_lookups_without_a_grant_are_counted_where_no_header_tells():
    taken(1, NOON, route=BYBIT, costs={"requests": 4})
    budgets.charge(BYBIT, {"requests": 3}, now=later(1))
    assert budgets.spent(BYBIT, now=later(1)) == {"requests": (7, 600)}


# --- The edges of windows -----------------------------------------------------------------------------------------


def test_what_may_be_sent_late_is_charged_to_the_next_window_too():
    assert taken(100, later(50)) == 100
    assert taken(1000, later(61)) == ALL - 100


def test_what_was_finished_before_the_next_window_is_taken_out_of_it():
    grant = budgets.take(BINANCE, SPOT, wanted=100, now=later(50))
    budgets.finished(grant, BINANCE, {}, now=later(52))
    assert spot_spent(later(52)) == 2000
    assert taken(1000, later(61)) == ALL


def test_what_was_finished_in_the_next_window_stays_in_both():
    grant = budgets.take(BINANCE, SPOT, wanted=100, now=later(50))
    budgets.finished(grant, BINANCE, {}, now=later(60.5))
    assert [spot_spent(later(59)), spot_spent(later(61))] == [2000, 2000]


def test_at_the_edge_both_windows_must_have_room():
    budgets.finished(budgets.take(BINANCE, SPOT, wanted=1000, now=later(10)), BINANCE, {}, now=later(12))
    assert taken(1, later(60.1)) == 0
    assert taken(1, later(60.3)) == 1


def test_a_window_of_five_seconds_counts_all_that_is_under_way():
    costs = {"requests": 1}
    grant = budgets.take(BYBIT, costs, wanted=400, now=NOON)
    assert taken(1000, later(11), route=BYBIT, costs=costs) == 140
    budgets.finished(grant, BYBIT, {}, now=later(12))
    assert taken(1000, later(16), route=BYBIT, costs=costs) == 400


# --- Lost counters ------------------------------------------------------------------------------------------------


def flush_all(redis) -> None:
    redis.flushall()


def evict_the_counter(redis) -> None:
    redis.delete(*redis.keys("budget:{binance:*:spot:*"))


def evict_the_mark(redis) -> None:
    redis.delete("budget:{binance:sandbox:default}:spot")


def lose_the_newest_writes(redis) -> None:
    redis.hset("budget:{binance:sandbox:default}:spot", "run", "the server before it was restarted")


@pytest.fixture(params=[flush_all, evict_the_counter, evict_the_mark, lose_the_newest_writes])
def loss(request, redis):
    taken(250, NOON)
    request.param(redis)


@pytest.mark.usefixtures("loss")
class TestALostCounter:
    def test_is_unknown_not_zero(self):
        assert taken(100, later(5)) == 1
        assert spot_spent(later(5)) is None

    def test_gets_one_probe_at_a_time(self):
        first = budgets.take(BINANCE, SPOT, wanted=50, now=later(5))
        assert [first.units, taken(50, later(6))] == [1, 0]
        budgets.finished(first, BINANCE, {}, now=later(7))
        assert taken(50, later(7)) == 1

    def test_is_probed_by_another_when_the_first_dies(self):
        assert [taken(1, later(5)), taken(1, later(14)), taken(1, later(16))] == [1, 0, 1]

    def test_leaves_half_of_the_orders_part_until_all_that_was_under_way_must_have_been_sent(self):
        assert taken(1, later(5)) == 1
        budgets.correct(BINANCE, told(5020, later(6)))
        assert taken(1000, later(7)) == UNPROVEN - 1

    def test_is_seeded_by_the_first_header_after_that(self):
        taken(1, later(5))
        budgets.correct(BINANCE, told(5020, later(6)))
        taken(1000, later(7))
        assert taken(1000, later(36)) == 1
        assert taken(1000, later(36)) == 0
        budgets.correct(BINANCE, told(3000, later(37)))
        assert spot_spent(later(37)) == 3000
        assert taken(1000, later(38)) == (5400 - 3000) // 20

    def test_is_not_seeded_by_what_was_asked_before(self):
        taken(1, later(36))
        budgets.correct(BINANCE, told(100, later(37), sent_at=later(35)))
        assert taken(1000, later(38)) == 0

    def test_is_no_concern_of_a_window_that_begins_after_that(self):
        taken(1, later(5))
        assert taken(1000, later(61)) == ALL

    def test_spreads_to_the_next_window_when_that_begins_before(self):
        taken(1, later(40))
        budgets.correct(BINANCE, told(5020, later(41)))
        assert taken(1000, later(61)) == UNPROVEN - 1
        assert taken(1000, later(71)) == 1
        budgets.correct(BINANCE, told(400, later(72)))
        assert taken(1000, later(73)) == (5400 - 400) // 20

    def test_grants_no_probe_beyond_what_others_have_used(self):
        taken(1, later(5))
        budgets.correct(BINANCE, told(5390, later(6)))
        assert [taken(1, later(7)), taken(1, later(36)), taken(1, later(61))] == [0, 0, 1]

    def test_keeps_no_order_waiting(self):
        taken(1, later(5))
        assert budgets.take_for_order(BINANCE, {"spot": 1}, now=later(5), key="7").units == 1


def test_what_was_granted_before_a_flush_lowers_no_counter_of_after_it(redis):
    old = budgets.take(BINANCE, SPOT, wanted=100, now=later(50))
    redis.flushall()
    taken(1, later(51))
    budgets.correct(BINANCE, told(5020, later(52)))
    assert taken(1000, later(61)) == UNPROVEN - 1
    budgets.finished(old, BINANCE, {}, now=later(52))
    assert taken(1000, later(62)) == 0


def test_a_lane_that_was_never_used_is_probed_too_and_counts_what_others_used(redis):
    redis.flushall()
    assert taken(50, NOON) == 1
    budgets.correct(BINANCE, told(5300, later(1)))
    assert taken(50, later(2)) == 5


def test_without_a_header_the_window_is_waited_out(redis):
    costs = {"requests": 1}
    redis.flushall()
    assert taken(600, NOON, route=BYBIT, costs=costs) == 30
    assert taken(600, later(29), route=BYBIT, costs=costs) == 0
    assert taken(600, later(31), route=BYBIT, costs=costs) == 540 - 30
    assert budgets.spent(BYBIT, now=later(31)) == {"requests": (540, 600)}


def test_an_exchange_that_never_tells_comes_to_its_budget_all_the_same(redis):
    redis.flushall()
    assert [taken(50, NOON), taken(50, later(11)), taken(1000, later(61))] == [1, 1, ALL]


def vouched(route: Route, costs: dict[str, int], at: datetime, wanted: int = 1000) -> int:
    first = budgets.take(route, costs, wanted=wanted, now=at)
    assert first.is_unsure
    budgets.vouch(first)
    budgets.give_back(first, unused=first.units)
    return taken(wanted, at, route=route, costs=costs)


def test_who_vouches_that_nothing_was_asked_has_what_no_header_tells_at_once(redis):
    redis.flushall()
    assert vouched(BYBIT, {"requests": 1}, NOON) == 540
    assert taken(1, later(6), route=BYBIT, costs={"requests": 1}) == 0


def test_what_others_asked_is_learnt_from_the_first_header_all_the_same(redis):
    redis.flushall()
    assert vouched(BINANCE, SPOT, later(50)) == 1
    budgets.correct(BINANCE, told(3400, later(51)))
    assert taken(1000, later(52)) == 100
    assert taken(1000, later(61)) == ALL - 101


def test_two_who_vouch_at_once_do_not_lose_what_the_first_was_granted(redis):
    redis.flushall()
    first, second = (budgets.take(BYBIT, {"requests": 1}, wanted=50, now=NOON) for _ in range(2))
    budgets.vouch(first)
    assert taken(500, NOON, route=BYBIT, costs={"requests": 1}) == 500
    budgets.vouch(second)
    assert taken(500, NOON, route=BYBIT, costs={"requests": 1}) == 540 - 500 - first.units - second.units


def test_a_window_that_nobody_used_is_empty_and_not_lost():
    taken(10, NOON)
    assert spot_spent(later(3600)) == 0
    assert taken(1000, later(3600)) == ALL


def test_a_worker_whose_clock_is_a_little_behind_loses_nothing():
    taken(10, NOON)
    taken(10, later(3600.3))
    assert taken(10, later(3600.1)) == 10
    assert spot_spent(later(3601)) == 400


# --- Redis away ---------------------------------------------------------------------------------------------------


@pytest.fixture
def away(settings, monkeypatch):
    """Redis goes away; what comes back may be another one."""
    for memory in ("_counts", "_ends", "_until"):
        monkeypatch.setattr(alone, memory, {})
    monkeypatch.setattr(counters, "_absence", counters._Absence())
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    return settings


def test_with_redis_away_nothing_raises(away):
    grant = budgets.take(BINANCE, SPOT, wanted=3, now=NOON)
    budgets.finished(budgets.give_back(grant, unused=1), BINANCE, told(100, later(1)), now=later(1))
    budgets.charge(BYBIT, {"requests": 1}, now=NOON)
    assert budgets.spent(BINANCE, now=NOON) == {"spot": (None, 6000), "sapi": (None, 12000), "usdm": (None, 2400)}


def test_a_grant_of_before_can_be_ended_when_redis_is_away(settings, redis_url):
    grant = budgets.take(BINANCE, SPOT, wanted=3, now=NOON)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    budgets.finished(budgets.give_back(grant, unused=1), BINANCE, told(100, later(1)), now=later(1))
    settings.REDIS_URL = redis_url
    assert spot_spent(NOON) == 60


def test_with_redis_away_each_process_takes_its_fraction(away):
    away.SYNC_PROCESSES = 4
    assert taken(1000, NOON) == UNPROVEN // 4
    # Windows that began after that are new to everybody.
    assert taken(1000, later(61)) == ALL // 4
    assert taken(1000, later(62)) == 0


def test_what_this_process_finished_alone_is_taken_out_of_the_next_window(away):
    taken(1, later(-60))
    grant = budgets.take(BINANCE, SPOT, wanted=1000, now=later(50))
    budgets.finished(grant, BINANCE, {}, now=later(51))
    assert [taken(1000, later(55)), taken(1000, later(61))] == [0, ALL // away.SYNC_PROCESSES]


def test_what_is_spared_alone_goes_to_others_too(away):
    taken(1, later(-60))
    grant = budgets.take(BINANCE, SPOT, wanted=1000, now=later(2))
    spared = budgets.spare(grant, {"spot": 20 * grant.units // 3})
    assert taken(1000, later(3)) == grant.units // 3
    budgets.finished(spared, BINANCE, {}, now=later(4))


def test_absence_is_said_once_a_minute(away):
    said: list[str] = []
    listening = logger.add(said.append)
    for second in range(3):
        taken(1, later(second))
        counters._absence._until.clear()
    logger.remove(listening)
    assert len([line for line in said if "Redis is away" in line]) == 1


def test_what_was_granted_alone_makes_the_counters_lost_when_redis_is_back(away, redis_url):
    taken(1000, later(-60))
    assert taken(1000, later(2)) == ALL // away.SYNC_PROCESSES
    away.REDIS_URL = redis_url
    assert taken(1000, later(5)) == 1
    budgets.correct(BINANCE, told(5020, later(6)))
    assert taken(1000, later(7)) == UNPROVEN - 1
    assert taken(1000, later(61)) == ALL


def test_what_another_process_spent_alone_is_a_loss_to_who_did_not_notice():
    taken(1, NOON)
    budgets.correct(BINANCE, told(20, later(1)))
    assert taken(1, later(61)) == 1
    others = {"uncounted_at": later(62)}
    assert taken(1000, later(65), **others) == 1
    assert taken(1000, later(66), **others) == 0
    budgets.correct(BINANCE, told(2500, later(67)))
    assert taken(1000, later(68), **others) == UNPROVEN - 1
    budgets.correct(BINANCE, told(2900, later(96)))
    assert taken(1000, later(97), **others) == ALL - 2900 // 20


def test_a_grant_says_whether_anybody_else_can_know_of_it(away, redis_url):
    assert budgets.take(BINANCE, SPOT, wanted=1, now=NOON).is_uncounted
    assert not budgets.take(BINANCE, SPOT, wanted=0, now=NOON).is_uncounted
    away.REDIS_URL = redis_url
    assert not budgets.take(BINANCE, SPOT, wanted=1, now=NOON).is_uncounted


def test_redis_is_not_tried_at_every_step_while_it_is_away(away, monkeypatch):
    tries = []
    monkeypatch.setattr(counters, "_connected", lambda url: tries.append(url) or _Refusing())
    for second in range(5):
        taken(1, later(second))
    assert len(tries) == 1


class _Refusing:
    def eval(self, *_: object) -> None:
        raise counters.redis.ConnectionError("refused")


def test_a_server_that_was_restarted_has_lost_its_newest_writes(settings):
    with redis_server() as first:
        settings.REDIS_URL = first
        taken(1, NOON)
        budgets.correct(BINANCE, told(20, later(1)))
        assert taken(1000, later(61)) == ALL
        saved = counters.server(first).dump("budget:{binance:sandbox:default}:spot")
    with redis_server() as second:
        settings.REDIS_URL = second
        counters.server(second).restore("budget:{binance:sandbox:default}:spot", 0, saved)
        assert taken(50, later(62)) == 1
