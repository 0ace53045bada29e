"""Coinbase Advanced Trade: one wallet of accounts, US derivatives beside it."""

from datetime import timedelta

from alphapulse.exchanges.facts import Call, Exchange, Paging, Read
from alphapulse.resilience.budget import Quota
from alphapulse.types import SyncKind

_POSITIONS = Call(costs={"requests": 1}, rows="positions[]", size_field="number_of_contracts")

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
    unread=("staking", "perpetuals of the international exchange", "vaults"),
    key_check=Call(method="fetch_balance", params={"v3": True}, rows="accounts[]"),
)
