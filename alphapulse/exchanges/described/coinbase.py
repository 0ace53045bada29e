"""Coinbase Advanced Trade: one wallet of accounts, US derivatives beside it."""

from datetime import timedelta

from alphapulse.exchanges.exchange import Exchange
from alphapulse.exchanges.facts import Call, CandleList, History, Owner, Pages, Paging, Read
from alphapulse.resilience.budget import Quota
from alphapulse.types import SyncKind

_POSITIONS = Call(costs={"requests": 1}, rows="positions[]", size_field="number_of_contracts")


def _listed(source: str, rows: str, method: str = "") -> History:
    pages = Pages(param="cursor", cursor_at="cursor")
    return History(source=source, method=method, costs={"requests": 1}, rows=rows, per_page=100, pages=pages)


COINBASE = Exchange(
    exchange_id="coinbase",
    name="Coinbase",
    quote_currency="USD",
    # https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/rate-limits: 30 a second by user, 10 by IP where
    # public.
    quotas=(Quota(name="requests", limit=20, window=timedelta(seconds=2), host="api.coinbase.com"),),
    hides_skew=True,
    reads={
        # The v3 accounts: the older ones hide what is on hold. Our `Coinbase` goes through their pages.
        SyncKind.BALANCES: (
            Read(wallet="spot", calls=(Call(params={"v3": True}, costs={"requests": 1}, rows="accounts[]"),)),
        ),
        SyncKind.POSITIONS: (
            Read(
                wallet="futures",
                calls=(_POSITIONS,),
            ),
        ),
        SyncKind.ORDERS: (
            Read(
                wallet="spot",
                calls=(
                    Call(
                        costs={"requests": 1},
                        rows="orders[]",
                        paging=Paging(per_page=100, cursor_param="cursor", cursor_at="cursor", more_at="has_next"),
                    ),
                ),
            ),
        ),
        SyncKind.TICKERS: (Read(wallet="spot", calls=(Call(costs={"requests": 1}, rows="products[]"),)),),
        SyncKind.MARKETS: (Read(wallet="", calls=(Call(costs={"requests": 5}),)),),
    },
    candles=(CandleList(costs={"requests": 1}, rows="candles[]", per_page=300),),
    histories={
        SyncKind.TRADES: (_listed("spot", "fills[]"),),
        SyncKind.CLOSED_ORDERS: (
            _listed("spot", "orders[]", method="fetch_closed_orders"),
            _listed("spot_canceled", "orders[]", method="fetch_canceled_orders"),
        ),
    },
    untold={
        SyncKind.TRANSFERS: "they are told coin by coin, by an older API with keys of its own",
        SyncKind.FUNDING_PAYMENTS: "perpetuals are not read",
        SyncKind.FUNDING_RATES: "perpetuals are not read",
        SyncKind.LEDGER: "it is told coin by coin, by an older API with keys of its own",
    },
    unread=("staking", "perpetuals of the international exchange", "vaults"),
    key_check=Call(method="fetch_balance", params={"v3": True}, rows="accounts[]"),
    # A key sees one portfolio, and no money of another one.
    owner=Owner(at="portfolio_uuid"),
)
