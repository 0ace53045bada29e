"""What happened becomes rows, once, in whatever order it is told."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TransactionTestCase

from alphapulse.types import Order, OrderStatus, SyncKind, TransferKind, TransferStatus
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import FundingPayment, LedgerEntry, Trade, Transfer, WalletReading, WalletStatus
from apps.ledger.models import Order as OrderRow
from apps.ledger.services import AccountReading, store, store_events
from tests.apps.builders import NOON, account, later, reading
from tests.events import entry, funding, order, trade, transfer

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

API, FILE = "spot", "import"


def tell(of: ExchangeAccount, kind: SyncKind, *rows, source: str = API) -> int:
    return store_events(of.pk, kind, rows, source=source)


def open_orders(of: ExchangeAccount, *orders: Order) -> None:
    item = AccountReading(account_id=of.pk, reading=reading(*orders), fresh_until=later(90))
    store(SyncKind.ORDERS, [item])


@pytest.mark.parametrize(
    ("kind", "model", "rows"),
    [
        (SyncKind.TRADES, Trade, [trade("1"), trade("2", price="1E-8", amount="1E18", fee=None, is_maker=None)]),
        (SyncKind.TRANSFERS, Transfer, [transfer("deposit:1"), transfer("withdrawal:1", kind=TransferKind.WITHDRAWAL)]),
        (SyncKind.FUNDING_PAYMENTS, FundingPayment, [funding("usdm:1"), funding("usdm:2", amount="0.25")]),
        (SyncKind.LEDGER, LedgerEntry, [entry("convert:1:BTC"), entry("convert:1:ETH", "ETH", reference="1")]),
    ],
)
def test_what_is_told_twice_is_stored_once_and_exactly(kind, model, rows):
    mine = account()
    assert tell(mine, kind, *rows) == 2
    assert tell(mine, kind, *rows, rows[0]) == 0
    for row, told in zip(model.objects.order_by("pk"), rows, strict=True):
        for name in told.__dataclass_fields__:
            assert getattr(row, name) == getattr(told, name), name
        assert (row.account_id, row.source, row.fingerprint) == (mine.pk, API, "")


def test_trade_ids_are_one_symbols_and_one_accounts_own():
    mine, other = account(), account("other")
    assert tell(mine, SyncKind.TRADES, trade("7"), trade("7", "ETH/USDT")) == 2
    assert tell(other, SyncKind.TRADES, trade("7")) == 1
    assert Trade.objects.count() == 3


def test_a_withdrawal_on_its_way_becomes_one_that_arrived():
    mine = account()
    sent = transfer("withdrawal:1", status=TransferStatus.PENDING)
    tell(mine, SyncKind.TRANSFERS, sent)
    assert tell(mine, SyncKind.TRANSFERS, replace(sent, status=TransferStatus.OK, txid="abc")) == 1
    assert Transfer.objects.get().status == TransferStatus.OK


def test_a_file_never_changes_what_the_exchange_has_told():
    mine = account()
    tell(mine, SyncKind.TRADES, trade("1"))
    assert tell(mine, SyncKind.TRADES, trade("1", fee=None, fee_currency=None), trade("2"), source=FILE) == 1
    assert Trade.objects.get(trade_id="1").fee == Decimal("0.01")
    # And what the exchange tells later takes the file's place.
    assert tell(mine, SyncKind.TRADES, trade("2", fee=Decimal("0.02"))) == 1
    assert (Trade.objects.get(trade_id="2").fee, Trade.objects.get(trade_id="2").source) == (Decimal("0.02"), API)


def test_a_file_without_ids_is_the_same_rows_however_often_it_comes():
    mine = account()
    twice = trade("", at=NOON)
    assert tell(mine, SyncKind.TRADES, twice, twice, trade("", at=later(9)), source=FILE) == 3
    assert tell(mine, SyncKind.TRADES, twice, twice, trade("", at=later(9)), source=FILE) == 0
    assert Trade.objects.count() == 3


# Two fills of one second and size, and a third: as the exchange tells them, and as a file without ids does.
TOLD = [
    trade("1", at=NOON + timedelta(milliseconds=417)),
    trade("2", at=NOON + timedelta(milliseconds=418)),
    trade("3", at=later(9)),
]
WITHOUT_IDS = [replace(told, trade_id="", exchange_at=told.exchange_at.replace(microsecond=0)) for told in TOLD]


class AnyOrder(TransactionTestCase):
    """A file without ids, and the exchange's own answers, in whatever order and however often."""

    @settings(max_examples=25, deadline=None)
    @given(st.permutations(["file", "file", "0", "1", "2", "1"]))
    def test_the_exchanges_rows_take_the_files_place(self, order):
        mine = account()
        for step in order:
            if step == "file":
                tell(mine, SyncKind.TRADES, *WITHOUT_IDS, source=FILE)
            else:
                tell(mine, SyncKind.TRADES, TOLD[int(step)])
        assert sorted(Trade.objects.values_list("trade_id", flat=True)) == ["1", "2", "3"]


def test_what_the_exchange_does_not_tell_stays_from_the_file():
    mine = account()
    tell(mine, SyncKind.TRADES, *WITHOUT_IDS, source=FILE)
    # Of two equal fills the exchange has told one so far.
    assert tell(mine, SyncKind.TRADES, TOLD[0]) == 0
    assert Trade.objects.filter(source=FILE).count() == 2
    assert Trade.objects.count() == 3


def test_a_deposit_is_one_though_a_file_dates_it_otherwise():
    mine = account()
    tell(mine, SyncKind.TRANSFERS, transfer("", txid="abc", at=NOON), source=FILE)
    tell(mine, SyncKind.TRANSFERS, transfer("deposit:BTC:abc:", txid="abc", at=later(1800)))
    assert Transfer.objects.get().transfer_id == "deposit:BTC:abc:"


# --- Closed orders: rows of the orders' own table


def orders(of: ExchangeAccount) -> dict[str, tuple[str, str]]:
    rows = OrderRow.objects.filter(reading__account=of)
    return {row.order_id: (row.reading.wallet, row.status) for row in rows}


def test_closed_orders_are_in_the_wallet_of_their_market():
    mine = account()
    assert tell(mine, SyncKind.CLOSED_ORDERS, order("1"), order("2", "BTC/USDT:USDT")) == 2
    assert orders(mine) == {"1": ("spot", "closed"), "2": ("usdm", "closed")}
    # Nobody has read the open ones yet.
    assert {row.status for row in WalletReading.objects.all()} == {WalletStatus.NOT_READ}


def test_a_step_of_many_accounts_may_bring_more_orders_than_a_question_holds(monkeypatch):
    monkeypatch.setattr("apps.ledger.services.orders.ASKED_AT_ONCE", 7)
    mine = account()
    many = [order(str(number)) for number in range(20)]
    assert (tell(mine, SyncKind.CLOSED_ORDERS, *many), tell(mine, SyncKind.CLOSED_ORDERS, *many)) == (20, 0)


def test_an_open_order_learns_its_end_and_keeps_what_only_we_knew():
    mine = account()
    open_orders(mine, order("1", status=OrderStatus.OPEN, client_order_id="ours", filled=Decimal(0)))
    assert tell(mine, SyncKind.CLOSED_ORDERS, order("1", status=OrderStatus.CANCELED)) == 1
    row = OrderRow.objects.get()
    assert (row.status, row.filled, row.client_order_id) == (OrderStatus.CANCELED, Decimal(1), "ours")
    assert tell(mine, SyncKind.CLOSED_ORDERS, order("1", status=OrderStatus.CANCELED)) == 0


def test_an_older_answer_of_open_orders_does_not_open_a_closed_one_again():
    mine = account()
    tell(mine, SyncKind.CLOSED_ORDERS, order("1"))
    open_orders(mine, order("1", status=OrderStatus.OPEN), order("2", status=OrderStatus.OPEN))
    assert orders(mine) == {"1": ("spot", "closed"), "2": ("spot", "open")}


def test_a_history_that_lists_open_orders_makes_them_known_and_changes_none():
    mine = account()
    open_orders(mine, order("1", status=OrderStatus.OPEN, filled=Decimal("0.5")))
    seen_earlier = order("1", status=OrderStatus.OPEN, filled=Decimal(0))
    assert tell(mine, SyncKind.CLOSED_ORDERS, seen_earlier, order("2", status=OrderStatus.OPEN)) == 1
    assert orders(mine) == {"1": ("spot", "open"), "2": ("spot", "open")}
    assert OrderRow.objects.get(order_id="1").filled == Decimal("0.5")


def test_a_file_tells_the_end_of_an_order_that_the_exchange_has_forgotten_and_nothing_else():
    mine = account()
    open_orders(mine, order("1", status=OrderStatus.OPEN))
    OrderRow.objects.update(status=OrderStatus.UNKNOWN)
    tell(mine, SyncKind.CLOSED_ORDERS, order("2", average=Decimal(59000)))
    told_by_file = [order("1"), order("2", average=Decimal(1)), order("3")]
    assert tell(mine, SyncKind.CLOSED_ORDERS, *told_by_file, source=FILE) == 2
    assert orders(mine) == dict.fromkeys("123", ("spot", "closed"))
    assert OrderRow.objects.get(order_id="2").average == Decimal(59000)
