"""The one way markets and prices become rows (call these inside a transaction), and which markets there are."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from functools import partial

from django.db import transaction

from alphapulse.exchanges.expected import Listed
from alphapulse.exchanges.reading import Reading
from apps.core.upsert import upsert
from apps.market.models import CandleSeries, FundingRate, Market, Ticker
from apps.market.services import quarantine
from apps.market.signals import prices_stored


def store_tickers(*, exchange_id: str, environment: str, readings: Sequence[Reading]) -> int:
    """An older price never overwrites a newer one; one that is doubted waits aside. Returns how many were fetched."""
    told = [(ticker, reading.as_of) for reading in readings for ticker in reading.rows]
    rows = [
        asdict(ticker) | {"exchange_id": exchange_id, "environment": environment, "as_of": as_of}
        for ticker, as_of in quarantine.believed(exchange_id, environment, told)
    ]
    upsert(
        Ticker,
        rows,
        key=("exchange_id", "environment", "symbol"),
        only_where="t.as_of <= excluded.as_of",
    )
    transaction.on_commit(partial(prices_stored.send_robust, Ticker, exchange_id=exchange_id, environment=environment))
    return len(told)


def store_funding_rates(*, exchange_id: str, environment: str, readings: Sequence[Reading]) -> int:
    """Of the symbols whose candles are read. Returns how many rows are new or different."""
    where = {"exchange_id": exchange_id, "environment": environment}
    followed = set(CandleSeries.objects.filter(**where, due_at__isnull=False).values_list("symbol", flat=True))
    rows = {
        (rate.symbol, rate.funding_at): asdict(rate) | where | {"as_of": reading.as_of}
        for reading in readings
        for rate in reading.rows
        if rate.symbol in followed
    }
    key = ("exchange_id", "environment", "symbol", "funding_at")
    return upsert(FundingRate, list(rows.values()), key=key, only_where="t.as_of <= excluded.as_of")


def store_markets(*, exchange_id: str, environment: str, readings: Sequence[Reading]) -> int:
    """A market that a complete answer no longer lists is kept, as inactive: rows elsewhere may name it."""
    rows = {
        (market.type, market.market_id): asdict(market) | {"exchange_id": exchange_id, "environment": environment}
        for reading in readings
        for market in reading.rows
    }
    upsert(Market, list(rows.values()), key=("exchange_id", "environment", "type", "market_id"))
    if rows and not any(reading.error for reading in readings):
        ours = Market.objects.filter(exchange_id=exchange_id, environment=environment, is_active=True)
        gone = [pk for pk, *name in ours.values_list("pk", "type", "market_id") if tuple(name) not in rows]
        ours.filter(pk__in=gone).update(is_active=False)
    return len(rows)


def are_listed(exchange_id: str, environment: str) -> bool:
    """Have its markets been read?"""
    return Market.objects.filter(exchange_id=exchange_id, environment=environment).exists()


def listed(exchange_id: str, environment: str, market_type: str, is_inverse: bool) -> list[Listed]:
    """The markets of one of ccxt's types, by symbol; those that are no longer traded, too. Spot is never inverse."""
    markets = Market.objects.filter(exchange_id=exchange_id, environment=environment, type=market_type)
    rows = markets.filter(is_inverse=is_inverse).values_list("symbol", "base", "quote", "settle")
    return sorted({Listed(symbol, base, quote, settle or "") for symbol, base, quote, settle in rows})


def priced_by(exchange_id: str, environment: str, coins: Collection[str], quotes: Sequence[str]) -> dict[str, str]:
    """By coin, the symbol of its active spot market with the first of these quotes that there is one of."""
    markets = Market.objects.filter(exchange_id=exchange_id, environment=environment, type="spot", is_active=True)
    rows = markets.filter(base__in=coins, quote__in=quotes).values_list("base", "quote", "symbol")
    found = {(base, quote): symbol for base, quote, symbol in rows}
    first = {coin: next((quote for quote in quotes if (coin, quote) in found), None) for coin in coins}
    return {coin: found[coin, quote] for coin, quote in first.items() if quote is not None}
