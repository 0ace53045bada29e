"""Accounts with balances, positions and prices, in as few words as possible."""

from datetime import timedelta
from decimal import Decimal

from alphapulse.types import Position, PositionSide, SyncKind
from apps.exchanges.models import ExchangeAccount
from apps.ledger import services as ledger
from apps.ledger.models import WalletReading
from apps.market.models import Ticker
from apps.portfolio.services import prices
from tests.apps.builders import NOON, account, balance, reading

# What fifteen tests in a row would say.
TICKERS = {"BTC/USDT": "100000", "ETH/USDT": "4000", "EUR/USDT": "1.25", "USDC/USDT": "1.001"}


def tell(tickers=TICKERS, *, exchange_id="binance", environment="sandbox", at=NOON):
    """What these markets cost, from now on."""
    for symbol, price in tickers.items():
        Ticker.objects.update_or_create(
            exchange_id=exchange_id,
            environment=environment,
            symbol=symbol,
            defaults={"bid": Decimal(price), "ask": Decimal(price), "last": Decimal(price), "as_of": at},
        )
    prices.forget()


def holding(label="main", *, at=NOON, wallet="spot", fresh_for=3600, **fields):
    """A Binance account of which every wallet is read, with these balances in one of them: `BTC="0.5"`."""
    amounts = {name: fields.pop(name) for name in list(fields) if name.isupper()}
    mine = ExchangeAccount.objects.filter(label=label).first() or account(label, **fields)
    for kind in (SyncKind.BALANCES, SyncKind.POSITIONS):
        for each in mine.reads(kind):
            store(mine, kind, wallet=each.wallet, at=at, fresh_for=fresh_for)
    store(
        mine, SyncKind.BALANCES, *(balance(*one) for one in amounts.items()), wallet=wallet, at=at, fresh_for=fresh_for
    )
    return mine


def store(mine, kind, *rows, wallet="spot", at=NOON, fresh_for=3600):
    """As often as it takes to believe that a wallet is empty."""
    read = ledger.AccountReading(
        account_id=mine.pk,
        reading=reading(*rows, wallet=wallet, as_of=at),
        fresh_until=at + timedelta(seconds=fresh_for),
    )
    ledger.store(kind, [read])
    if not rows:
        ledger.store(kind, [read])


def fail(mine, error="the exchange is away"):
    for kind in (SyncKind.BALANCES, SyncKind.POSITIONS):
        ledger.mark_failed(kind, mine.pk, error)


def forget_wallet(mine, wallet):
    WalletReading.objects.filter(account=mine, wallet=wallet).delete()


def position(symbol, *, earned=None, **fields):
    given = {
        "side": PositionSide.LONG,
        "contracts": Decimal(1),
        "contract_size": Decimal(1),
        "notional": None,
        "entry_price": None,
        "mark_price": None,
        "leverage": None,
        "liquidation_price": None,
        "margin_mode": "cross",
        "unrealized_pnl": earned and Decimal(earned),
    }
    return Position(symbol=symbol, **(given | fields))
