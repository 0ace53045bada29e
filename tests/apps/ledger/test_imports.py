"""Files become rows on the keys of the API's rows, whatever came first and however often."""

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TransactionTestCase

from alphapulse.types import OrderStatus, SyncKind, TransferKind
from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import Order, Trade, Transfer
from apps.ledger.services import imports, store_events
from apps.ledger.services.imports import Imported, import_export, read_for
from apps.market.models import Market
from tests.apps.builders import NOON, account, audited
from tests.events import trade, transfer

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

MORNING = datetime(2024, 3, 5, 10, tzinfo=UTC)
TRADES = "Date(UTC),Pair,Side,Price,Executed,Amount,Fee\n"
DEPOSITS = "Date(UTC),Coin,Network,Amount,Address,TXID,Status\n"


def fill(second: int, amount: str = "1") -> str:
    return f"2024-03-05 10:00:{second:02},BTCUSDT,BUY,60000,{amount}BTC,60000USDT,0.01BNB\n"


def told(trade_id: str, second: int, amount: str = "1", milliseconds: int = 417):
    at = MORNING + timedelta(seconds=second, milliseconds=milliseconds)
    return trade(trade_id, at=at, amount=amount, is_maker=True)


def take(of: ExchangeAccount, text: str, *, name: str = "export.csv", **words) -> Imported:
    export = read_for(of, io.BytesIO(text.encode()), file_name=name)
    return import_export(of, export, file_name=name, at=NOON, **words)


def rows(of: ExchangeAccount) -> set[tuple[object, ...]]:
    return set(Trade.objects.filter(account=of).values_list("trade_id", "exchange_at", "amount", "source"))


def test_a_file_becomes_rows_and_twice_is_once():
    mine = account()
    text = TRADES + fill(7) + fill(7) + fill(9, "0.25")
    first, again = take(mine, text), take(mine, text)
    assert (first.new, first.known(SyncKind.TRADES)) == ({SyncKind.TRADES: 3}, 0)
    assert (again.new.total(), again.known(SyncKind.TRADES)) == (0, 3)
    assert Trade.objects.count() == 3
    row = Trade.objects.get(amount=Decimal("0.25"))
    assert (row.symbol, row.price, row.fee, row.fee_currency) == ("BTC/USDT", Decimal(60000), Decimal("0.01"), "BNB")
    assert (row.exchange_at, row.source) == (MORNING + timedelta(seconds=9), "import")


def test_a_trial_says_what_would_be_new_and_stores_nothing():
    mine = account()
    take(mine, TRADES + fill(7))
    trial = take(mine, TRADES + fill(7) + fill(9), is_trial=True)
    assert (trial.new[SyncKind.TRADES], trial.known(SyncKind.TRADES)) == (1, 1)
    assert Trade.objects.count() == 1
    assert audited().count() == 1


def test_what_the_exchange_told_already_is_not_told_again_by_a_file():
    mine = account()
    store_events(mine.pk, SyncKind.TRADES, [told("28457", 7)], source="spot")
    imported = take(mine, TRADES + fill(7) + fill(7) + fill(9))
    assert (imported.new[SyncKind.TRADES], imported.known(SyncKind.TRADES)) == (2, 1)
    assert Trade.objects.exclude(source="import").get().is_maker is True


def test_the_exchanges_own_rows_take_the_place_of_a_files():
    mine = account()
    take(mine, TRADES + fill(7) + fill(7) + fill(9))
    store_events(mine.pk, SyncKind.TRADES, [told("1", 7), told("2", 7, milliseconds=418)], source="spot")
    assert {row[0] for row in rows(mine) if row[3] == "spot"} == {"1", "2"}
    assert Trade.objects.count() == 3


def test_a_deposit_of_a_file_is_the_apis_deposit():
    mine = account()
    row = "2024-03-05 10:00:00,USDT,MATIC,125.5,0xAb,0xF69E,Completed\n"
    take(mine, DEPOSITS + row)
    of_api = transfer(
        *("deposit:USDT:0xf69e:0xab", "USDT"), amount="125.5", kind=TransferKind.DEPOSIT, txid="0xf69e", at=MORNING
    )
    store_events(mine.pk, SyncKind.TRANSFERS, [of_api], source="deposits")
    assert Transfer.objects.get().source == "deposits"
    assert take(mine, DEPOSITS + row).new.total() == 0


def test_a_finished_order_of_a_file_lies_with_its_wallet():
    mine = account()
    header = "Date(UTC),OrderNo,Pair,Type,Order Price,Order Amount,AvgTrading Price,Filled,Total,status\n"
    imported = take(mine, header + "2023-05-12 06:02:54,509,CAKEUSDT,BUY,1.787,22.38,1.787,22.38,39.99,Filled\n")
    assert imported.new == {SyncKind.CLOSED_ORDERS: 1}
    order = Order.objects.get()
    assert (order.reading.wallet, order.symbol, order.status) == ("spot", "CAKE/USDT", OrderStatus.CLOSED)


def test_a_file_of_many_parts_is_counted_as_a_whole(monkeypatch):
    monkeypatch.setattr(imports, "PART", 2)
    mine = account()
    text = TRADES + fill(7) * 5 + fill(9)
    assert take(mine, text).new[SyncKind.TRADES] == 6
    assert take(mine, text).new.total() == 0
    store_events(mine.pk, SyncKind.TRADES, [told(str(n), 7, milliseconds=n) for n in range(5)], source="spot")
    assert Trade.objects.count() == 6


def test_the_symbols_are_those_of_the_accounts_own_exchange_and_environment():
    mine = account()
    listed = {"type": "spot", "base": "BTC", "quote": "USDT", "is_active": True, "is_inverse": False}
    names = {"exchange_id": "binance", "market_id": "BTCUSDT"}
    Market.objects.create(environment="sandbox", symbol="BTC/USDT", **names, **listed)
    Market.objects.create(environment="live", symbol="OTHER/USDT", **names, **listed)
    export = read_for(mine, io.BytesIO((TRADES + fill(7)).encode()), file_name="export.csv")
    assert (export.events[0].symbol, export.notes) == ("BTC/USDT", {})


def test_who_imported_what_stays_in_the_audit_and_nothing_new_is_no_deed():
    mine = account()
    take(mine, TRADES + fill(7), name="trades.csv")
    take(mine, TRADES + fill(7), name="trades.csv")
    entry = audited().get()
    assert (entry.action, entry.target) == ("history.imported", f"exchangeaccount:{mine.pk}")
    assert entry.details == {"file": "trades.csv", "format": "binance-spot-trades", "rows": 1, "new": {"trades": 1}}


# Two equal fills of one second and a third; days that two files share; and what the API tells, a part at a time.
DAYS = (TRADES + fill(7) + fill(7) + fill(8), TRADES + fill(8) + fill(9) + fill(9, "2"))
ANSWERS = (
    [told("1", 7), told("2", 7, milliseconds=900)],
    [told("3", 8), told("4", 9)],
    [told("2", 7, milliseconds=900), told("3", 8), told("5", 9, "2")],
)


class AnyOrder(TransactionTestCase):
    @settings(max_examples=30, deadline=None)
    @given(st.permutations(["day 0", "day 1", "day 0", "answer 0", "answer 1", "answer 2", "answer 1"]))
    def test_files_and_answers_in_any_order_end_with_the_same_rows(self, order):
        mine = account(label=str(order))
        for step in order:
            what, number = step.split()
            if what == "day":
                take(mine, DAYS[int(number)])
            else:
                store_events(mine.pk, SyncKind.TRADES, ANSWERS[int(number)], source="spot")
        all_told = {told.trade_id: told for answer in ANSWERS for told in answer}
        assert rows(mine) == {(key, told.exchange_at, told.amount, "spot") for key, told in all_told.items()}

    @settings(max_examples=30, deadline=None)
    @given(st.permutations(["day 0", "day 1", "day 0", "day 1", "answer 0"]))
    def test_what_the_api_does_not_reach_is_the_files_whatever_the_order(self, order):
        mine, other = account(label=f"{order} 1"), account(label=f"{order} 2", exchange_id="binance")
        for step in order:
            what, number = step.split()
            if what == "day":
                take(mine, DAYS[int(number)])
            else:
                store_events(mine.pk, SyncKind.TRADES, ANSWERS[0][:1], source="spot")
        for text in DAYS:
            take(other, text)
        store_events(other.pk, SyncKind.TRADES, ANSWERS[0][:1], source="spot")
        assert rows(mine) == rows(other)
        assert len(rows(mine)) == 5


def test_a_file_never_touches_another_accounts_rows():
    mine, other = account(), account("other")
    store_events(other.pk, SyncKind.TRADES, [told("1", 7)], source="spot")
    take(mine, TRADES + fill(7))
    assert (len(rows(mine)), len(rows(other))) == (1, 1)
    assert {row[0] for row in rows(other)} == {"1"}
