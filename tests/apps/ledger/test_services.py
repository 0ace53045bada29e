from decimal import Decimal

import pytest

from alphapulse.exchanges.errors import PermissionMissing, Transient
from alphapulse.exchanges.reading import Reading
from alphapulse.types import Order, OrderStatus, Position, PositionSide, Side, SyncKind
from apps.exchanges.models import ExchangeAccount
from apps.ledger import services
from apps.ledger.models import Balance, WalletReading, WalletStatus
from apps.ledger.models import Order as OrderRow
from apps.ledger.models import Position as PositionRow
from apps.ledger.services import AccountReading, Change
from tests.apps.builders import account, balance, later, reading

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def store(kind: SyncKind, of: ExchangeAccount, *readings: Reading) -> list[Change]:
    return services.store(
        kind,
        [AccountReading(account_id=of.pk, reading=one, fresh_until=later(90)) for one in readings],
    )


def holdings(of: ExchangeAccount) -> dict[str, Decimal]:
    return {row.currency: row.total for row in Balance.objects.filter(reading__account=of)}


def test_stored_balances_equal_the_fetched_ones():
    mine = account()
    store(SyncKind.BALANCES, mine, reading(balance("BTC", "1.5"), balance("ETH", "20")))
    store(SyncKind.BALANCES, mine, reading(balance("BTC", "1.25"), balance("SOL", "7"), as_of=later(30)))
    assert holdings(mine) == {"BTC": Decimal("1.25"), "SOL": Decimal("7")}
    assert WalletReading.objects.get().as_of == later(30)


def test_each_difference_is_told_with_before_and_after_and_sameness_is_not():
    mine = account()
    store(SyncKind.BALANCES, mine, reading(balance("BTC", "1.50"), balance("ETH", "2"), balance("XRP", "9")))
    changes = store(SyncKind.BALANCES, mine, reading(balance("BTC", "1.5"), balance("ETH", "3"), balance("SOL", "7")))
    told = {
        change.key: (change.before and change.before["total"], change.after and change.after["total"])
        for change in changes
    }
    assert told == {"ETH": ("2", "3"), "SOL": (None, "7"), "XRP": ("9", None)}


def test_a_failed_wallet_keeps_its_rows_and_says_why_while_the_others_move():
    mine = account()
    store(SyncKind.BALANCES, mine, reading(balance("BTC", "1")), reading(balance("USDT", "5"), wallet="usdm"))
    store(
        SyncKind.BALANCES,
        mine,
        reading(wallet="spot", as_of=later(30), error=Transient("binance did not answer")),
        reading(balance("USDT", "6"), wallet="usdm", as_of=later(30)),
    )
    assert holdings(mine) == {"BTC": Decimal(1), "USDT": Decimal(6)}
    spot = WalletReading.objects.get(wallet="spot")
    assert spot.as_of == later(0)
    assert spot.stale_reason(later(31)) == "binance did not answer"
    assert WalletReading.objects.get(wallet="usdm").stale_reason(later(31)) == ""


def test_a_wallet_the_key_may_not_read_is_marked_and_is_no_failure():
    mine = account()
    store(SyncKind.BALANCES, mine, reading(wallet="usdm", error=PermissionMissing("no futures right")))
    row = WalletReading.objects.get()
    assert (row.status, row.as_of) == (WalletStatus.NOT_PERMITTED, None)


def test_an_empty_answer_where_there_were_rows_is_believed_only_the_second_time():
    mine = account()
    store(SyncKind.BALANCES, mine, reading(balance("BTC", "1")))
    assert store(SyncKind.BALANCES, mine, reading(as_of=later(30))) == []
    assert holdings(mine) == {"BTC": Decimal(1)}
    doubted = WalletReading.objects.get()
    assert (doubted.status, doubted.as_of) == (WalletStatus.UNCONFIRMED, later(0))
    store(SyncKind.BALANCES, mine, reading(as_of=later(60)))
    assert holdings(mine) == {}
    assert WalletReading.objects.get().status == WalletStatus.OK


def test_a_wallet_that_was_always_empty_needs_no_second_look():
    mine = account()
    store(SyncKind.BALANCES, mine, reading())
    assert WalletReading.objects.get().status == WalletStatus.OK


def test_the_same_currency_in_two_wallets_and_two_accounts_are_four_rows():
    for label in ("one", "two"):
        mine = account(label)
        store(SyncKind.BALANCES, mine, reading(balance("BTC", "1")), reading(balance("BTC", "2"), wallet="usdm"))
    assert Balance.objects.count() == 4


@pytest.mark.parametrize("amount", ["0.00000001", "1000000000000000000.000000000000000001", "123456789.123456789"])
def test_long_amounts_come_back_digit_by_digit(amount):
    mine = account()
    store(SyncKind.BALANCES, mine, reading(balance("PEPE", amount)))
    assert holdings(mine) == {"PEPE": Decimal(amount)}


def position(side: PositionSide, contracts: str, mark: str = "100") -> Position:
    return Position(
        symbol="BTC/USDT:USDT",
        side=side,
        contracts=Decimal(contracts),
        contract_size=Decimal(1),
        notional=Decimal(contracts) * Decimal(mark),
        entry_price=Decimal(90),
        mark_price=Decimal(mark),
        unrealized_pnl=Decimal(1),
        leverage=Decimal(5),
        liquidation_price=None,
        margin_mode="cross",
    )


def test_hedged_positions_are_two_rows_and_a_closed_one_goes_away():
    mine = account()
    both = [position(PositionSide.LONG, "2"), position(PositionSide.SHORT, "1")]
    store(SyncKind.POSITIONS, mine, reading(*both, wallet="usdm"))
    assert PositionRow.objects.count() == 2
    store(SyncKind.POSITIONS, mine, reading(both[0], wallet="usdm"))
    assert PositionRow.objects.get().side == "long"


def test_a_moving_mark_price_is_stored_but_is_no_news():
    mine = account()
    store(SyncKind.POSITIONS, mine, reading(position(PositionSide.LONG, "2", mark="100")))
    assert store(SyncKind.POSITIONS, mine, reading(position(PositionSide.LONG, "2", mark="101"))) == []
    assert PositionRow.objects.get().mark_price == Decimal(101)


def order(order_id: str, status: OrderStatus = OrderStatus.OPEN) -> Order:
    return Order(
        order_id=order_id,
        client_order_id=None,
        symbol="BTC/USDT",
        side=Side.BUY,
        type="limit",
        status=status,
        amount=Decimal(1),
        filled=Decimal(0),
        remaining=Decimal(1),
        price=Decimal(50000),
        average=None,
        cost=Decimal(0),
        exchange_at=later(-5),
    )


def test_an_order_that_ended_keeps_its_row_with_its_end():
    mine = account()
    store(SyncKind.ORDERS, mine, reading(order("1"), order("2")))
    assert [known.order_id for known in services.open_orders([mine.pk])[mine.pk]] == ["1", "2"]
    changes = store(SyncKind.ORDERS, mine, reading(order("2"), order("1", OrderStatus.CANCELED)))
    assert [(change.key, change.before["status"], change.after["status"]) for change in changes] == [
        ("BTC/USDT 1", "open", "canceled")
    ]
    assert OrderRow.objects.count() == 2
    assert [known.order_id for known in services.open_orders([mine.pk])[mine.pk]] == ["2"]
