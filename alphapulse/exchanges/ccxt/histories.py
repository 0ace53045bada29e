"""Reads on what happened to one account: a few requests, each page checked to be one, and how far that brings it."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from alphapulse.exchanges import parse, windows
from alphapulse.exchanges.ccxt.asker import Asker
from alphapulse.exchanges.ccxt.whole_history import check_whole, is_skipped, raw_rows, rising_ids
from alphapulse.exchanges.errors import (
    STOPS_ALL,
    BadResponse,
    CredentialsRejected,
    ExchangeError,
    NotSupported,
    PermissionMissing,
    Transient,
)
from alphapulse.exchanges.exchange import REQUESTS_A_STEP
from alphapulse.exchanges.exports.symbols import Desk, Symbols
from alphapulse.exchanges.facts import History
from alphapulse.exchanges.history import Cursor, Event, Step, Wanted, key
from alphapulse.exchanges.own_rows import READERS
from alphapulse.exchanges.parse_history import OF_METHODS, Names
from alphapulse.exchanges.twins import told_apart
from alphapulse.exchanges.windows import Ask
from alphapulse.types import FundingPayment, Order, SyncKind, Trade

# ccxt's usual method for a kind.
METHODS: Mapping[SyncKind, str] = {
    SyncKind.TRADES: "fetch_my_trades",
    SyncKind.CLOSED_ORDERS: "fetch_closed_orders",
    SyncKind.TRANSFERS: "fetch_deposits_withdrawals",
    SyncKind.FUNDING_PAYMENTS: "fetch_funding_history",
    SyncKind.LEDGER: "fetch_ledger",
}

# A market that is in no table of this age is not listed.
_YOUNG = timedelta(minutes=1)
# How much slower than an exchange allows: the account's next step may begin at once, in another process.
PACE = 1.5


class HistoryReader:
    """One account's step in the histories of one kind. Everything it raises is an ExchangeError."""

    def __init__(self, asker: Asker, kind: SyncKind, wanted: Sequence[Wanted]) -> None:
        self._asker = asker
        self._ccxt = asker.ccxt
        self._kind = kind
        self._wanted = wanted
        self._requests_left = REQUESTS_A_STEP
        self._spent: dict[str, int] = {}
        self._steps: list[Step] = []

    async def read(self) -> tuple[Step, ...]:
        """A step for each that was got to. One source's trouble is its step's error; the whole account's is raised."""
        if not self._asker.facts.histories.get(self._kind):
            raise NotSupported(f"{self._asker.facts.name} does not offer {self._kind}.")
        for wanted in self._wanted:
            if not self._requests_left:
                break
            await self._read_on(wanted)
            if self._steps and isinstance(self._steps[-1].error, STOPS_ALL):
                break
        return await self._judged()

    def so_far(self, *, missing: ExchangeError) -> tuple[Step, ...]:
        """After a `read` that was cancelled: what was read, the one under way with `missing`. Empty: nothing was."""
        if not any(_has_moved(step, self._wanted) for step in self._steps):
            return ()
        *done, last = (_not_permitted(step) for step in self._steps)
        return (*done, last if last.error or last.is_caught_up else replace(last, error=missing))

    async def _read_on(self, wanted: Wanted) -> None:
        step = Step(source=wanted.source, symbol=wanted.symbol, cursor=wanted.cursor)
        try:
            history = await self._history(wanted)
        except ExchangeError as exc:
            self._steps.append(replace(step, error=exc))
            return
        if not self._may_ask(history):
            return
        self._steps.append(step)
        found: dict[tuple[str, ...], Event] = {}
        while self._may_ask(history) and not step.is_caught_up:
            self._spend(history)
            await asyncio.sleep(PACE / history.per_second if history.per_second else 0)
            try:
                page, _ = await self._asker.asked(partial(self._page, history, wanted, step.cursor))
            except ExchangeError as exc:
                self._steps[-1] = replace(step, error=_or_absent(history, exc))
                return
            events, cursor, is_last = page
            found |= {key(event): event for event in events}
            step = replace(step, cursor=cursor, rows=tuple(found.values()), is_caught_up=is_last)
            self._steps[-1] = step

    def _may_ask(self, history: History) -> bool:
        return self._requests_left > 0 and self._asker.facts.fits_a_step(self._spent, history)

    def _spend(self, history: History) -> None:
        self._requests_left -= 1
        for quota, weight in history.costs.items():
            self._spent[quota] = self._spent.get(quota, 0) + weight

    async def _history(self, wanted: Wanted) -> History:
        """What is known of the source. Raises NotSupported where there is none such, or no such market in it."""
        facts = self._asker.facts
        history = next((each for each in facts.histories[self._kind] if each.source == wanted.source), None)
        if history is None or not self._ccxt.has.get(_camel(self._method(history)), True):
            raise NotSupported(f"{facts.name} does not offer {self._kind} {wanted.source}.".replace(" .", "."))
        if history.market_type:
            await self._check_market(history, wanted.symbol)
        return history

    async def _check_market(self, history: History, symbol: str) -> None:
        facts, market = self._asker.facts, self._ccxt.markets.get(symbol)
        if market is None and await self._is_gone(symbol):
            raise NotSupported(f"{facts.name} does not list {symbol or 'that'}: its {self._kind} cannot be asked for.")
        if market and (market["type"], bool(market["inverse"])) != (history.market_type, history.is_inverse):
            raise NotSupported(f"{facts.name}: {symbol} is no market of the {history.source} list of {self._kind}.")

    def _method(self, history: History) -> str:
        return history.method or METHODS[self._kind]

    # --- One page

    async def _page(self, history: History, wanted: Wanted, cursor: Cursor) -> tuple[list[Event], Cursor, bool]:
        ask = windows.next_ask(history, cursor, now=self._asker.now)
        self._ccxt.last_answer = None
        found = await getattr(self._ccxt, self._method(history))(*self._arguments(history, wanted.symbol, ask))
        answer = self._ccxt.last_answer
        if answer is None:
            raise BadResponse("Nothing was asked of the exchange, so its answer cannot be believed.")
        rows = raw_rows(history, answer.document)
        read = rows if history.reader else list(found)
        check_whole(history, answer.document, rows, read)
        told = windows.told(
            history, ask.page, answer.document, rows if history.rows else read, rising_ids(history, read)
        )
        reached, is_last = windows.after(history, ask, told)
        return await self._events(history, read), reached, is_last

    def _arguments(self, history: History, symbol: str, ask: Ask) -> tuple[object, ...]:
        """A unified method's, or one mapping for a method of the exchange's own."""
        params = dict(history.params)
        since, until = _milliseconds(ask.since), _milliseconds(ask.until)
        if until is not None and history.until_param:
            params[history.until_param] = until
        if history.pages and ask.page:
            params[history.pages.param] = ask.page
        if since is not None and history.since_param:
            params[history.since_param] = since
        if not history.reader:
            return symbol or None, since, history.per_page, params
        if history.limit_param:
            params[history.limit_param] = history.per_page
        return (params | ({"symbol": self._ccxt.market(symbol)["id"]} if symbol else {}),)

    async def _events(self, history: History, rows: Sequence[Mapping[str, Any]]) -> list[Event]:
        names = Names(
            source=history.source,
            currency=self._ccxt.safe_currency_code,
            symbol=lambda name: str(
                self._ccxt.safe_symbol(name, None, None, "contract" if history.contracts else "spot")
            ),
            is_fee_apart=history.is_fee_apart,
        )
        reader = READERS[history.reader] if history.reader else OF_METHODS[self._method(history)]
        found = [
            (_raw(history, row), event)
            for row in rows
            if not is_skipped(history, _raw(history, row))
            for event in reader(row, names)
        ]
        return await self._as_listed(history, told_apart(found, has_ids=history.has_ids))

    async def _as_listed(self, history: History, events: Sequence[Event]) -> list[Event]:
        """A market that is in no young table is gone for good: its events are called as an export's would be."""
        symbols = {event.symbol for event in events if isinstance(event, Trade | Order | FundingPayment)}
        gone = symbols - self._ccxt.markets.keys()
        for symbol in gone:
            if not await self._is_gone(symbol):
                raise BadResponse(f"{symbol} is not in the market table, which is being loaded anew.")
        names = self._names_of_the_gone(history, gone) if gone else {}
        return [
            replace(event, symbol=names.get(event.symbol, event.symbol))
            if isinstance(event, Trade | Order | FundingPayment)
            else event
            for event in events
        ]

    def _names_of_the_gone(self, history: History, gone: Collection[str]) -> Mapping[str, str]:
        table = self._asker.template.ccxt
        symbols = Symbols(parse.markets(table.markets.values(), precision_mode=table.precisionMode))
        desk = Desk.CONTRACTS if history.contracts else Desk.SPOT
        return {name: symbols.find(name, desk).symbol for name in gone if "/" not in name}

    async def _is_gone(self, symbol: str) -> bool:
        template = self._asker.template
        is_certain = await template.is_younger(than=_YOUNG)
        return is_certain and symbol not in template.ccxt.markets

    # --- The verdict

    async def _judged(self) -> tuple[Step, ...]:
        """Rejected for one source only is a missing permission. When nothing worked, the key itself is tried."""
        errors = [step.error for step in self._steps if step.error is not None]
        if self._steps and not any(_has_moved(step, self._wanted) or not step.error for step in self._steps):
            for error in errors:
                if isinstance(error, Transient):
                    raise error
            if any(isinstance(error, CredentialsRejected) for error in errors):
                await self._asker.check_key()
        return tuple(_not_permitted(step) for step in self._steps)


def _has_moved(step: Step, wanted: Sequence[Wanted]) -> bool:
    begun = (each.cursor for each in wanted if (each.source, each.symbol) == (step.source, step.symbol))
    return bool(step.rows) or step.is_caught_up or step.cursor not in begun


def _not_permitted(step: Step) -> Step:
    error = step.error
    if not isinstance(error, CredentialsRejected):
        return step
    return replace(step, error=PermissionMissing(error.message, code=error.code))


def _or_absent(history: History, error: ExchangeError) -> ExchangeError:
    if error.code not in history.absent_codes:
        return error
    return NotSupported(f"{error.message} This account has no {history.source}, as it seems.", code=error.code)


def _raw(history: History, row: Mapping[str, Any]) -> Mapping[str, Any]:
    raw: Mapping[str, Any] = row if history.reader else row["info"]
    return raw


def _milliseconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp() * 1000)


def _camel(method: str) -> str:
    """ccxt's name for "can do that": `fetch_my_trades` is `fetchMyTrades`."""
    first, *others = method.split("_")
    return first + "".join(word.capitalize() for word in others)
