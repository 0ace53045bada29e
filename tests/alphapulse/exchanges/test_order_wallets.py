import pytest

from alphapulse.exchanges.catalogue import exchange
from alphapulse.exchanges.order_wallets import wallet_of


@pytest.mark.parametrize(
    ("exchange_id", "symbol", "wallet"),
    [
        ("binance", "BTC/USDT", "spot"),
        ("binance", "BTC/USDT:USDT", "usdm"),
        ("binance", "BTC/USDT:USDT-261225", "usdm"),
        ("binance", "BTC/USD:BTC", "coinm"),
        ("binance", "BTC/USD:BTC-261225", "coinm"),
        ("bybit", "BTC/USDT", "unified"),
        ("bybit", "BTC/USD:BTC", "unified"),
        ("kraken", "BTC/USD", "spot"),
        ("kucoin", "BTC/USDT:USDT", "futures"),
        # Where one wallet is all there is, every order is in it.
        ("kraken", "BTC/USD:USD", "spot"),
        ("bitvavo", "BTC/EUR", ""),
    ],
)
def test_a_symbol_says_in_which_wallet_its_orders_are(exchange_id, symbol, wallet):
    assert wallet_of(exchange(exchange_id), symbol) == wallet
