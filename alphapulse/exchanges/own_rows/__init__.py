"""Rows that exchanges tell in words of their own, for which ccxt has no unified form; a file each."""

from collections.abc import Mapping

from alphapulse.exchanges.own_rows import binance, bybit, okx
from alphapulse.exchanges.parse_history import Reader

READERS: Mapping[str, Reader] = {**binance.READERS, **bybit.READERS, **okx.READERS}
