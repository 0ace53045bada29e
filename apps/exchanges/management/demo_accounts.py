"""What the demo user owns at the sandbox's exchanges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoAccount:
    """In the words of the sandbox's control: `away` is the distance of an order's price from the market's."""

    exchange_id: str
    holdings: Mapping[str, Mapping[str, str]]
    positions: Sequence[Mapping[str, Any]]
    orders: Sequence[Mapping[str, Any]]
    debts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return f"demo-{self.exchange_id}"


BINANCE = DemoAccount(
    exchange_id="binance",
    holdings={
        "spot": {
            "USDT": "25000",
            "BTC": "0.75",
            "ETH": "4.2",
            "BNB": "12.5",
            "SOL": "60",
            "ADA": "3500",
            "DOGE": "0.00000001",
        },
        "funding": {"USDT": "1500", "BTC": "0.01"},
        "earn": {"USDT": "4000", "ADA": "1200"},
        "earn-locked": {"AXS": "250", "SOL": "10"},
        "futures": {"USDT": "12000"},
        "delivery": {"BTC": "0.4", "ETH": "3"},
        "margin": {"USDT": "2500", "ETH": "1.5"},
    },
    debts={"USDT": {"borrowed": "1200", "interest": "0.85"}},
    positions=[
        {"market": "BTCUSDT", "amount": "0.15", "leverage": 5},
        {"market": "ETHUSDT", "amount": "-2", "leverage": 10},
        {"market": "BTCUSD_PERP", "amount": "120", "leverage": 3},
        {"market": "ETHUSD_PERP", "amount": "-300", "leverage": 5},
    ],
    orders=[
        {"market": "BTCUSDT", "side": "buy", "amount": "0.05", "away": "0.9"},
        {"market": "ETHUSDT", "side": "sell", "amount": "1", "away": "1.15"},
        {"market": "BTCUSDT", "kind": "linear", "side": "buy", "amount": "0.02", "away": "0.92"},
        {"market": "BTCUSD_PERP", "kind": "inverse", "side": "buy", "amount": "15", "away": "0.9"},
        {"market": "ETHUSDT", "wallet": "margin", "side": "sell", "amount": "0.5", "away": "1.1"},
    ],
)
BYBIT = DemoAccount(
    exchange_id="bybit",
    holdings={
        "unified": {"USDT": "18000", "BTC": "0.3", "ETH": "2.5", "XRP": "5000", "SOL": "25"},
        "fund": {"USDT": "3000"},
    },
    positions=[
        {"market": "SOLUSDT", "amount": "40", "leverage": 5},
        {"market": "XRPUSDT", "amount": "-1500", "leverage": 3},
    ],
    orders=[
        {"market": "ETHUSDT", "side": "buy", "amount": "0.5", "away": "0.93"},
        {"market": "SOLUSDT", "kind": "linear", "side": "sell", "amount": "10", "away": "1.1"},
    ],
)
DEMO_ACCOUNTS = (BINANCE, BYBIT)
