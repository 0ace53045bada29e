"""What differs between exchanges, as data. Generic code never asks for an exchange's name."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from alphapulse.exchanges.described.binance import BINANCE
from alphapulse.exchanges.described.bybit import BYBIT
from alphapulse.exchanges.described.coinbase import COINBASE
from alphapulse.exchanges.described.gate import GATE
from alphapulse.exchanges.described.kraken import KRAKEN
from alphapulse.exchanges.described.kucoin import KUCOIN
from alphapulse.exchanges.described.okx import OKX
from alphapulse.exchanges.exchange import INTERVALS, Exchange
from alphapulse.exchanges.facts import Call, CandleList, History, Lookup, Paging, Read
from alphapulse.resilience.budget import Quota
from alphapulse.types import ACCOUNT_KINDS, EXCHANGE_KINDS, SyncKind

__all__ = ["EXCHANGES", "INTERVALS", "Call", "Exchange", "Lookup", "Paging", "Read", "exchange"]

EXCHANGES: Mapping[str, Exchange] = {
    described.exchange_id: described for described in (BINANCE, BYBIT, KRAKEN, OKX, COINBASE, KUCOIN, GATE)
}

# Nobody has read its documents: ask seldom, one wallet, whatever ccxt takes for the usual one.
_CAUTION = 4


def exchange(exchange_id: str) -> Exchange:
    """The facts about an exchange; an id that is not in the catalogue gets the cautious defaults.

    What such an exchange really offers is ccxt's to say, at the first call: it answers NotSupported where it does not.
    """
    return EXCHANGES.get(exchange_id) or _undescribed(exchange_id)


def _undescribed(exchange_id: str) -> Exchange:
    plain = (Read(wallet="", calls=(Call(costs={"requests": 1}),)),)
    return Exchange(
        exchange_id=exchange_id,
        name=exchange_id,
        reads=dict.fromkeys((*ACCOUNT_KINDS, *EXCHANGE_KINDS), plain),
        histories=_plain_histories(),
        untold=_UNTOLD,
        candles=(CandleList(costs={"requests": 1}),),
        quotas=(Quota(name="requests", limit=60),),
        # Most sign with a clock of milliseconds as a nonce, and some want it to rise.
        has_serial_keys=True,
        unread=("every wallet but the one that ccxt takes for the usual one", "trigger orders"),
        intervals={kind: interval * _CAUTION for kind, interval in INTERVALS.items()},
    )


_UNTOLD = {SyncKind.LEDGER: "nobody has described what its books tell beside trades and transfers"}


def _plain_histories() -> dict[SyncKind, tuple[History, ...]]:
    """A window that has ten rows is halved: no exchange tells fewer at once, if it has them."""
    plain = History(source="", costs={"requests": 1}, per_page=10, window=timedelta(days=1))
    moved = replace(plain, window=timedelta(days=30), late=timedelta(days=3))
    return {
        SyncKind.TRADES: (plain,),
        SyncKind.CLOSED_ORDERS: (plain,),
        SyncKind.TRANSFERS: (
            replace(moved, source="deposits", method="fetch_deposits"),
            replace(moved, source="withdrawals", method="fetch_withdrawals"),
        ),
        SyncKind.FUNDING_PAYMENTS: (replace(plain, window=timedelta(days=7), contracts=True),),
    }
