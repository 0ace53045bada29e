"""A made-up past of several accounts, the same for a seed: what `benchmarks.pnl` keeps books of."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from alphapulse.types import (
    FundingPayment,
    LedgerEntry,
    LedgerKind,
    Side,
    Trade,
    Transfer,
    TransferKind,
    TransferStatus,
)

UNTIL = datetime(2026, 11, 21, tzinfo=UTC)
DAYS = 730
COINS = ("BTC", "ETH", "BNB", "SOL", "XRP", "ADA", "DOGE", "AVAX", "DOT", "LINK", "LTC", "UNI", "ATOM", "NEAR", "APT")
LINEAR, INVERSE = "BTC/USDT:USDT", "BTC/USD:BTC"
CENT, SATOSHI = Decimal("0.01"), Decimal("1e-8")

Event = Trade | Transfer | FundingPayment | LedgerEntry
# Of a hundred events so many are of a kind; the rest are fills of spot.
CONTRACTS, FUNDING, ENTRIES, TRANSFERS = 15, 6, 4, 3


@dataclass
class Market:
    """What each coin cost in USDT, day by day."""

    seed: int
    days: dict[str, list[Decimal]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        chance = random.Random(self.seed)  # noqa: S311
        for place, coin in enumerate(COINS):
            price, series = 60_000 / 3.0**place, []
            for _ in range(DAYS + 1):
                price *= 1 + chance.gauss(0.0003, 0.02)
                series.append(Decimal(f"{price:.6g}"))
            self.days[coin] = series
        self.days["EUR"] = [Decimal(f"{1.08 + chance.gauss(0, 0.005):.5f}") for _ in range(DAYS + 1)]

    def price(self, coin: str, at: datetime) -> Decimal:
        return self.days[coin][(at - begin()).days]


def begin() -> datetime:
    return UNTIL - timedelta(days=DAYS)


def past(accounts: int, events: int, seed: int, market: Market) -> Iterator[tuple[int, Event]]:
    """`events` of accounts by their numbers, oldest first; each account begins with a deposit."""
    chance = random.Random(seed)  # noqa: S311
    step = timedelta(days=DAYS) / (events + accounts)
    for account in range(accounts):
        yield account, _transfer(f"first {account}", TransferKind.DEPOSIT, Decimal(1_000_000), "USDT", begin())
    number = accounts
    while number < events:
        at = begin() + step * number + timedelta(milliseconds=chance.randrange(1000))
        for each in _some(number, chance.randrange(accounts), accounts, at, chance, market):
            if number < events:
                yield each
                number += 1


def _some(
    number: int, account: int, accounts: int, at: datetime, chance: random.Random, market: Market
) -> Iterator[tuple[int, Event]]:
    roll = chance.randrange(100)
    if roll < CONTRACTS:
        yield account, _contract(number, at, chance, market)
    elif (roll := roll - CONTRACTS) < FUNDING:
        amount = Decimal(chance.randrange(-5000, 5000)).scaleb(-4)
        yield (
            account,
            FundingPayment(payment_id=str(number), symbol=LINEAR, currency="USDT", amount=amount, exchange_at=at),
        )
    elif (roll := roll - FUNDING) < ENTRIES:
        yield from ((account, entry) for entry in _entries(number, at, chance))
    elif roll - ENTRIES < TRANSFERS:
        yield from _moved(number, account, accounts, at, chance)
    else:
        yield account, _fill(number, at, chance, market)


def _fill(number: int, at: datetime, chance: random.Random, market: Market) -> Trade:
    coin = chance.choice(COINS)
    in_bitcoin = coin != "BTC" and chance.random() < 0.1
    price = market.price(coin, at) * Decimal(chance.randrange(9_900, 10_100)).scaleb(-4)
    if in_bitcoin:
        price = (price / market.price("BTC", at)).quantize(SATOSHI)
    amount = (Decimal(chance.randrange(1, 10**6)).scaleb(-3) / market.price(coin, at)).quantize(SATOSHI)
    side = Side.BUY if chance.random() < 0.55 else Side.SELL
    quote = "BTC" if in_bitcoin else "USDT"
    fee, currency = _fee(coin if side is Side.BUY else quote, amount, amount * price, at, chance, market)
    return _trade(number, f"{coin}/{quote}", side, price, amount, amount * price, fee, currency, at)


def _fee(
    got: str, amount: Decimal, cost: Decimal, at: datetime, chance: random.Random, market: Market
) -> tuple[Decimal, str]:
    """A thousandth: most of them in a third coin, the others out of what was got; some come back."""
    rate = Decimal("-0.0001") if chance.random() < 0.02 else Decimal("0.001")
    if chance.random() < 0.6:
        return (rate * cost / market.price("BNB", at)).quantize(SATOSHI), "BNB"
    return ((cost if got in ("USDT", "BTC") else amount) * rate).quantize(SATOSHI), got


def _contract(number: int, at: datetime, chance: random.Random, market: Market) -> Trade:
    price = market.price("BTC", at).quantize(CENT)
    side = chance.choice((Side.BUY, Side.SELL))
    if chance.random() < 0.3:
        amount = Decimal(chance.randrange(1, 50))
        cost = (amount * 100 / price).quantize(SATOSHI)
        return _trade(number, INVERSE, side, price, amount, cost, cost / 2000, "BTC", at)
    amount = Decimal(chance.randrange(1, 1000)).scaleb(-3)
    return _trade(number, LINEAR, side, price, amount, amount * price, amount * price / 2000, "USDT", at)


def _trade(
    number: int,
    symbol: str,
    side: Side,
    price: Decimal,
    amount: Decimal,
    cost: Decimal,
    fee: Decimal,
    fee_currency: str,
    at: datetime,
) -> Trade:
    return Trade(
        trade_id=str(number),
        order_id=str(number),
        symbol=symbol,
        side=side,
        price=price,
        amount=amount,
        cost=cost,
        fee=fee,
        fee_currency=fee_currency,
        is_maker=False,
        exchange_at=at,
    )


def _entries(number: int, at: datetime, chance: random.Random) -> Iterator[LedgerEntry]:
    """A reward, or one coin converted into another."""
    coin, amount = chance.choice(COINS), Decimal(chance.randrange(1, 1000)).scaleb(-3)
    if chance.random() < 0.6:
        yield _entry(f"{number}", LedgerKind.REWARD, coin, amount, None, at)
        return
    yield _entry(f"{number}:from", LedgerKind.CONVERT, coin, -amount, str(number), at)
    yield _entry(f"{number}:to", LedgerKind.CONVERT, "USDT", amount * 3, str(number), at)


def _entry(
    entry_id: str, kind: LedgerKind, currency: str, amount: Decimal, reference: str | None, at: datetime
) -> LedgerEntry:
    return LedgerEntry(
        entry_id=entry_id, kind=kind, currency=currency, amount=amount, reference=reference, exchange_at=at
    )


def _moved(
    number: int, account: int, accounts: int, at: datetime, chance: random.Random
) -> Iterator[tuple[int, Transfer]]:
    """From one account to another, or from outside, or there."""
    coin, amount = chance.choice(COINS), Decimal(chance.randrange(1, 10**6)).scaleb(-5)
    kind = chance.choice((TransferKind.DEPOSIT, TransferKind.WITHDRAWAL, TransferKind.INTERNAL))
    if kind is not TransferKind.INTERNAL:
        yield account, _transfer(str(number), kind, amount, coin, at)
        return
    yield account, _transfer(f"{number} out", TransferKind.WITHDRAWAL, amount, coin, at, txid=f"{number:064}")
    other, later = (account + 1) % accounts, at + timedelta(minutes=20)
    yield other, _transfer(f"{number} in", TransferKind.DEPOSIT, amount, coin, later, txid=f"{number:064}")


def _transfer(
    transfer_id: str, kind: TransferKind, amount: Decimal, currency: str, at: datetime, *, txid: str | None = None
) -> Transfer:
    return Transfer(
        transfer_id=transfer_id,
        kind=kind,
        currency=currency,
        amount=amount,
        fee=None,
        fee_currency=None,
        status=TransferStatus.OK,
        from_wallet=None,
        to_wallet=None,
        network=None,
        address=None,
        txid=txid,
        exchange_at=at,
    )
