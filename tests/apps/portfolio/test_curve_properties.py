"""The curve of worth against the truth, whatever fails to be read, to be priced or to be told on the way.

In the truth nothing is ever won or lost: prices stand still, and what is bought or moved costs what it is worth. So an
account that the curve counts counts with one number, always; whatever else the curve shows was only our knowledge.
"""

from collections import defaultdict
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from django.db import transaction
from hypothesis import HealthCheck, assume, given, note, settings
from hypothesis import strategies as st

from alphapulse.portfolio.growth import Flow, growth
from alphapulse.portfolio.growth import Point as Worth
from alphapulse.types import SyncKind
from apps.exchanges.models import ExchangeAccount
from apps.exchanges.services import archive_account
from apps.ledger.models import WalletReading, WalletStatus
from apps.ledger.services.readings import forget_other_wallets
from apps.market.models import Ticker
from apps.portfolio.models import AccountWorth
from apps.portfolio.services import prices, snapshots
from apps.portfolio.services.flows import flows_into, seen
from apps.portfolio.services.history import equity_curve
from apps.portfolio.services.lacking import LATE, UNREAD
from tests.apps.builders import NOON, account, balance, workspace
from tests.apps.portfolio.holdings import store

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

COSTS = {"USDT": Decimal(1), "BTC": Decimal(100), "ETH": Decimal(10), "NEW": Decimal(7)}
MARKETS = ("BTC/USDT", "ETH/USDT", "NEW/USDT", "EUR/USDT")
WALLETS = ("spot", "funding")
LABELS = ("one", "two")


class Known(Exception):
    """What is done here nobody could tell from what is known, and docs/portfolio.md says so."""


class World:
    """Accounts as they are, and doors to what we come to know of them."""

    def __init__(self):
        self.now = NOON
        self.has = {}
        self.accounts = {}
        self.asleep = {"NEW/USDT"}
        self.failing_since = {}
        self.barred = set()
        self.chosen_anew = set()
        self.moved_unlooked = set()
        # What each account should have counted with at each look.
        self.worths = defaultdict(dict)

    # --- What happens ---

    def adds(self, label):
        if label in self.accounts:
            return
        self.accounts[label] = account(label)
        self.has[label] = {"spot": {"USDT": Decimal(1000), "BTC": Decimal(5)}, "funding": {"ETH": Decimal(50)}}
        self._reads_what_is_empty(label)

    def swaps(self, label, coins):
        """A half of what is there; and it is seen at once."""
        self._refuse_unseen(label)
        (sold, bought), mine = coins, self.has[label]["spot"]
        if f"{sold}/USDT" in self.asleep:
            raise Known
        amount = mine.get(sold, Decimal(0)) / 2
        mine[sold] = mine.get(sold, Decimal(0)) - amount
        mine[bought] = mine.get(bought, Decimal(0)) + amount * COSTS[sold] / COSTS[bought]
        self.reads(label, "spot")

    def moves(self, label, wallet, asset):
        self._refuse_unseen(label)
        if len(self.counting(label)) < len(WALLETS):
            raise Known
        self.moved_unlooked.add(label)
        [other] = set(WALLETS) - {wallet}
        mine = self.has[label]
        amount = mine[wallet].get(asset, Decimal(0)) / 2
        mine[wallet][asset] = mine[wallet].get(asset, Decimal(0)) - amount
        mine[other][asset] = mine[other].get(asset, Decimal(0)) + amount
        for each in WALLETS:
            if (label, each) not in self.failing_since:
                self.reads(label, each)

    def archives(self, label):
        if label in self.accounts:
            self.now += timedelta(seconds=1)
            archive_account(self.accounts[label], at=self.now)
            self.accounts[label].refresh_from_db()

    # --- What counts of it ---

    def bars(self, label, wallet):
        """Its key may not read that, and never could."""
        if label not in self.accounts or AccountWorth.objects.filter(account=self.accounts[label]).exists():
            raise Known
        mine = {"account": self.accounts[label], "kind": SyncKind.BALANCES, "wallet": wallet}
        state = {"status": WalletStatus.NOT_PERMITTED, "error": "the key may not read it", "as_of": None}
        WalletReading.objects.update_or_create(**mine, defaults=state)
        self.barred.add((label, wallet))

    def permits(self, label, wallet):
        if (label, wallet) not in self.barred or not self._may_be_read(label):
            raise Known
        self.barred.discard((label, wallet))
        self.reads(label, wallet)

    def chooses(self, label, *wallets):
        """None: all of them. What is known of the others is forgotten."""
        mine = ExchangeAccount.objects.live().filter(label=label)
        if wallets and mine and (label in self.moved_unlooked or self._unread(label) or self._lacks(label)):
            # What leaves before all of it was known, or since the last look, never becomes known.
            raise Known
        if not mine.update(wallets=list(wallets)):
            return
        self.accounts[label].refresh_from_db()
        for wallet in set(WALLETS).difference(wallets) if wallets else ():
            self.barred.discard((label, wallet))
            self.failing_since.pop((label, wallet), None)
        if wallets:
            forget_other_wallets(self.accounts[label].pk, set(wallets))
        else:
            self.chosen_anew.add(self.accounts[label].pk)
            self._reads_what_is_empty(label)

    def counting(self, label):
        chosen = self.accounts[label].wallets or WALLETS
        return [wallet for wallet in WALLETS if wallet in chosen and (label, wallet) not in self.barred]

    def worth(self, label):
        held = [each for wallet in self.counting(label) for each in self.has[label][wallet].items()]
        return sum((COSTS[asset] * amount for asset, amount in held), Decimal(0))

    # --- What is known of it ---

    def reads(self, label, wallet):
        if not self._may_be_read(label) or wallet not in self.counting(label):
            return
        rows = [balance(*each) for each in self.has[label][wallet].items()]
        store(self.accounts[label], SyncKind.BALANCES, *rows, wallet=wallet, at=self.now, fresh_for=10**7)
        self.failing_since.pop((label, wallet), None)

    def fails(self, label, wallet):
        mine = WalletReading.objects.filter(account__label=label, wallet=wallet, kind=SyncKind.BALANCES)
        # That a key may not read it is an answer, too.
        if mine.exclude(status=WalletStatus.NOT_PERMITTED).update(status=WalletStatus.FAILED, error="away"):
            self.failing_since.setdefault((label, wallet), self.now)

    def sleeps(self, market):
        self.asleep.add(market)

    def wakes(self, market):
        self.asleep.discard(market)

    def turns(self, label, is_enabled):
        """What happens to a disabled account shows once it is read again, wallet by wallet."""
        if not is_enabled and any(failing == label for failing, _ in self.failing_since):
            # It would stay unread for longer than an hour, and what was moved would show in the other wallet alone.
            raise Known
        mine = ExchangeAccount.objects.live().filter(label=label)
        mine.update(is_enabled=is_enabled, disabled_reason="" if is_enabled else "off")
        if is_enabled and mine.exists():
            for wallet in WALLETS:
                self.fails(label, wallet)

    def passes(self, minutes):
        """And somebody looks."""
        self._reads_what_is_late(self.now + timedelta(minutes=minutes))
        self.now += timedelta(minutes=minutes)
        for market in MARKETS:
            cost = COSTS.get(market.partition("/")[0], Decimal("1.25"))
            at = self.now - timedelta(days=market in self.asleep)
            Ticker.objects.update_or_create(
                exchange_id="binance",
                environment="sandbox",
                symbol=market,
                defaults={"bid": cost, "ask": cost, "last": cost, "as_of": at},
            )
        prices.forget()
        if taken := snapshots.take(workspace().pk, "sandbox", now=self.now):
            for label, mine in self.accounts.items():
                self.worths[mine.pk][taken.taken_at] = self.worth(label)
            self.moved_unlooked.clear()
            check_at_once(taken, self)

    def heals(self):
        for market in MARKETS:
            self.wakes(market)
        for label in self.accounts:
            self.turns(label, True)
            for wallet in self.counting(label):
                self.reads(label, wallet)
            self.chooses(label)
            for wallet in WALLETS:
                self.reads(label, wallet)
        self.passes(5)

    def _unread(self, label):
        read = WalletReading.objects.filter(account__label=label, kind=SyncKind.BALANCES).exclude(as_of=None)
        return set(self.counting(label)) - set(read.values_list("wallet", flat=True))

    def _lacks(self, label):
        """At the last look, or since."""
        last = AccountWorth.objects.filter(account=self.accounts[label]).order_by("snapshot__taken_at").last()
        held = [asset for each in self.has[label].values() for asset, amount in each.items() if amount]
        return (last and last.lacks) or any(f"{asset}/USDT" in self.asleep for asset in held)

    def _may_be_read(self, label):
        return ExchangeAccount.objects.live().filter(label=label, is_enabled=True).exists()

    def _reads_what_is_empty(self, label):
        for kind in (SyncKind.BALANCES, SyncKind.POSITIONS):
            for each in self.accounts[label].reads(kind):
                if kind is SyncKind.POSITIONS or each.wallet not in WALLETS:
                    store(self.accounts[label], kind, wallet=each.wallet, fresh_for=10**7)

    def _refuse_unseen(self, label):
        """What leaves a wallet that was never read, or comes there, shows in the others alone."""
        readings = WalletReading.objects.filter(account__label=label, kind=SyncKind.BALANCES, wallet__in=WALLETS)
        if readings.exclude(as_of=None).count() < len(WALLETS):
            raise Known

    def _reads_what_is_late(self, until):
        """What was moved there shows for longer than an hour in the other wallet alone."""
        for label, wallet in list(self.failing_since):
            if until - self.failing_since[label, wallet] > timedelta(minutes=45):
                self.reads(label, wallet)


LABEL, WALLET = st.sampled_from(LABELS), st.sampled_from(WALLETS)
SWAPS = (("USDT", "NEW"), ("NEW", "USDT"), ("BTC", "NEW"), ("USDT", "BTC"))
MINUTES = st.sampled_from((5, 5, 5, 20, 50, 200))
DEED = st.one_of(
    st.tuples(st.just("adds"), LABEL),
    st.tuples(st.just("reads"), LABEL, WALLET),
    st.tuples(st.just("fails"), LABEL, WALLET),
    st.tuples(st.just("swaps"), LABEL, st.sampled_from(SWAPS)),
    st.tuples(st.just("moves"), LABEL, WALLET, st.sampled_from(("USDT", "ETH"))),
    st.tuples(st.just("archives"), LABEL),
    st.tuples(st.just("sleeps"), st.sampled_from(MARKETS)),
    st.tuples(st.just("wakes"), st.sampled_from(MARKETS)),
    st.tuples(st.just("turns"), LABEL, st.booleans()),
    st.tuples(st.just("permits"), LABEL, WALLET),
    st.tuples(st.just("chooses"), LABEL, WALLET),
    st.tuples(st.just("chooses"), LABEL),
    st.tuples(st.just("passes"), MINUTES),
)
# What must come in a row to be a trap at all.
TRAPS = st.one_of(
    st.tuples(LABEL, WALLET).map(lambda one: [("adds", one[0]), ("reads", *one), ("passes", 5)]),
    st.tuples(LABEL, WALLET).map(lambda one: [("fails", *one), ("moves", *one, "USDT"), ("passes", 5)]),
    st.tuples(LABEL, WALLET).map(lambda one: [("adds", one[0]), ("reads", *one), ("passes", 5), ("passes", 200)]),
    LABEL.map(lambda label: [("sleeps", "NEW/USDT"), ("swaps", label, ("USDT", "NEW")), ("passes", 5)]),
    LABEL.map(lambda label: [("sleeps", "NEW/USDT"), ("swaps", label, ("USDT", "NEW")), ("passes", 200)]),
    LABEL.map(lambda label: [("adds", label), ("bars", label, "funding"), ("reads", label, "spot"), ("passes", 5)]),
    st.tuples(LABEL, WALLET).map(lambda one: [("chooses", *one), ("passes", 5), ("chooses", one[0]), ("passes", 5)]),
)
DEEDS = st.lists(st.one_of(DEED.map(lambda deed: [deed]), TRAPS), max_size=15).map(
    lambda parts: [deed for part in parts for deed in part]
)
FIRST = [("adds", "one"), ("reads", "one", "spot"), ("reads", "one", "funding"), ("passes", 5)]


def lived(deeds):
    world = World()
    for name, *args in [*FIRST, *deeds]:
        try:
            getattr(world, name)(*args)
        except Known:
            continue
    world.heals()
    return world


CENT = Decimal("0.01")


def check(world):
    counted, sums = defaultdict(set), defaultdict(Decimal)
    for row in AccountWorth.objects.exclude(equity=None).select_related("snapshot", "account"):
        worth = world.worths[row.account_id][row.snapshot.taken_at]
        assert abs(row.equity - worth) < CENT, (row.account.label, row.snapshot.taken_at, row.equity)
        counted[row.snapshot.taken_at].add(row.account_id)
        sums[row.snapshot.taken_at] += row.equity
    for currency, rate in (("USDT", Decimal(1)), ("EUR", Decimal("0.8"))):
        points = equity_curve([workspace().pk], "sandbox", currency)
        assert all(abs(point.value - rate * sums[point.at]) < CENT for point in points)
        # Nobody who was counted once is left out later, but who went.
        for before, after in pairwise(points):
            gone = {each.pk for each in world.accounts.values() if each.archived_at and each.archived_at < after.at}
            assert counted[before.at] - counted[after.at] <= gone


def check_at_once(taken, world):
    """Before more is known, too, an account counts with all that it has, or not; after an hour as it is known."""
    for row in taken.accounts.exclude(equity=None):
        first = AccountWorth.objects.filter(account=row.account).earliest("snapshot__taken_at").snapshot.taken_at
        since = [datetime.fromisoformat(each["since"]) if each["since"] else first for each in row.lacks.values()]
        # What is chosen anew counts without what was never read of it, and an account without what never had a price
        # since it came, until that is known.
        is_partial = any(
            row.account_id in world.chosen_anew if name.startswith(UNREAD) else each["since"] is None
            for name, each in row.lacks.items()
        )
        if not is_partial and not any(taken.taken_at - at >= LATE for at in since):
            worth = world.worths[row.account_id][taken.taken_at]
            assert abs(row.equity - worth) < CENT, (row.account.label, taken.taken_at, row.equity)


def went_unknown(world):
    """Deleted before all of it was known: that never becomes known."""
    deleted = AccountWorth.objects.exclude(account__archived_at=None).exclude(equity=None)
    return any(row.lacks for row in deleted)


def check_each_alone(world):
    for mine in world.accounts.values():
        points = equity_curve([workspace().pk], "sandbox", "USDT", accounts=[mine.pk])
        assert all(abs(point.value - world.worths[mine.pk][point.at]) < CENT for point in points)
        check_performance([mine], accounts=[mine.pk])


def check_performance(mine, **narrowed):
    """Nothing was won or lost."""
    points = equity_curve([workspace().pk], "sandbox", "USDT", **narrowed)
    flows = flows_into(mine, [], seen(mine, "USDT", {}))
    told = [Flow(at, float(value)) for at, value, _ in flows if points and points[0].at < at <= points[-1].at]
    grown = growth([Worth(point.at, float(point.value)) for point in points], told)
    assert all(index.value == pytest.approx(1) for index in grown)


@contextmanager
def rolled_back():
    try:
        yield
    finally:
        transaction.set_rollback(True)


@given(DEEDS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_curve_shows_nothing_that_the_truth_has_not(deeds):
    note(f"{deeds}")
    with transaction.atomic(), rolled_back():
        world = lived(deeds)
        assume(not went_unknown(world))
        check(world)
        check_each_alone(world)
        check_performance(list(ExchangeAccount.objects.filter(workspace=workspace())))
