"""Reads candles: a page for each window that is wanted, with every bar that it holds, or an error in its place."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from alphapulse.exchanges import parse
from alphapulse.exchanges.answers import rows_in
from alphapulse.exchanges.ccxt.asker import Asker
from alphapulse.exchanges.errors import STOPS_ALL, BadResponse, ExchangeError, NotSupported
from alphapulse.exchanges.facts import CandleList
from alphapulse.exchanges.reading import BarsRead, BarsWanted
from alphapulse.types import Ohlcv

# A market that is in no table of this age is not listed.
_YOUNG = timedelta(minutes=1)


class CandleReader:
    """One step in the candles of an exchange, which are public. What goes wrong in it is an ExchangeError."""

    def __init__(self, asker: Asker, wanted: Sequence[BarsWanted]) -> None:
        self._asker = asker
        self._ccxt = asker.ccxt
        self._wanted = wanted
        self._read: list[BarsRead] = []

    async def read(self) -> tuple[BarsRead, ...]:
        """What was got to, in the order of what was wanted. After an error the same series is asked for no more."""
        failed: set[tuple[str, str]] = set()
        for wanted in self._wanted:
            name = (wanted.symbol, wanted.timeframe)
            if name in failed:
                continue
            self._read.append(await self._bars(wanted))
            error = self._read[-1].error
            if isinstance(error, STOPS_ALL):
                break
            if error is not None:
                failed.add(name)
        return tuple(self._read)

    def so_far(self, *, missing: ExchangeError) -> tuple[BarsRead, ...]:
        """After a `read` that was cancelled: what was read, and what was under way with `missing`. Empty: nothing."""
        if not any(read.error is None for read in self._read):
            return ()
        under_way = self._wanted[len(self._read) : len(self._read) + 1]
        return (*self._read, *(BarsRead(wanted=each, as_of=self._asker.now, error=missing) for each in under_way))

    async def _bars(self, wanted: BarsWanted) -> BarsRead:
        try:
            told = await self._list(wanted)
            bars, sent_at = await self._asker.asked(partial(self._page, told, wanted))
        except ExchangeError as exc:
            return BarsRead(wanted=wanted, as_of=self._asker.now, error=exc)
        # Some tell what they have around it, or instead of it.
        rows = tuple(bar for bar in bars if wanted.since <= bar.opened_at < wanted.until)
        later = [bar.opened_at for bar in bars if bar.opened_at >= wanted.until]
        return BarsRead(wanted=wanted, as_of=sent_at, rows=rows, newer=None if rows else max(later, default=None))

    async def _list(self, wanted: BarsWanted) -> CandleList:
        """How the symbol's candles are told. Raises NotSupported where they are not."""
        facts, market = self._asker.facts, self._ccxt.markets.get(wanted.symbol)
        if market is None:
            raise await self._unlisted(wanted.symbol)
        told = facts.candle_list(market["type"], is_inverse=bool(market["inverse"]))
        if (
            told is None
            or not self._ccxt.has.get("fetchOHLCV")
            or wanted.timeframe not in (self._ccxt.timeframes or {})
        ):
            raise NotSupported(f"{facts.name} does not offer candles of {wanted.timeframe} of {wanted.symbol}.")
        return told

    async def _unlisted(self, symbol: str) -> ExchangeError:
        name = self._asker.facts.name
        if await self._asker.template.is_younger(than=_YOUNG) and symbol not in self._asker.template.ccxt.markets:
            return NotSupported(f"{name} does not list {symbol}: its candles cannot be asked for.")
        return BadResponse(f"{name}: {symbol} is not in the market table, which is being loaded anew.")

    async def _page(self, told: CandleList, wanted: BarsWanted) -> tuple[Ohlcv, ...]:
        self._ccxt.last_answer = None
        # ccxt's end is inclusive.
        until = {"until": _milliseconds(wanted.until) - 1}
        since = _milliseconds(wanted.since)
        found: Any = await self._ccxt.fetch_ohlcv(wanted.symbol, wanted.timeframe, since, told.per_page, until)
        answer = self._ccxt.last_answer
        if answer is None:
            raise BadResponse("Nothing was asked of the exchange, so its answer cannot be believed.")
        rows_in(answer.document, told.rows)
        return parse.ohlcv(found)


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
