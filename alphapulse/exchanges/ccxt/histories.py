"""Reads on what happened to one account: a few requests, each page checked to be one, and how far that brings it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from alphapulse.exchanges import parse_history, windows
from alphapulse.exchanges.answers import may_be_empty, rows_in
from alphapulse.exchanges.ccxt.asker import STOPS_ALL, Asker
from alphapulse.exchanges.errors import (
    BadResponse,
    CredentialsRejected,
    ExchangeError,
    NotSupported,
    PermissionMissing,
    Transient,
)
from alphapulse.exchanges.facts import REQUESTS_A_STEP, History
from alphapulse.exchanges.history import Cursor, Event, Step, Wanted, key
from alphapulse.exchanges.parse import moment
from alphapulse.exchanges.parse_history import Names
from alphapulse.exchanges.windows import Ask
from alphapulse.types import FundingPayment, Order, SyncKind, Trade

# ccxt's usual method for a kind.
_METHODS: Mapping[SyncKind, str] = {
    SyncKind.TRADES: "fetch_my_trades",
    SyncKind.CLOSED_ORDERS: "fetch_closed_orders",
    SyncKind.TRANSFERS: "fetch_deposits_withdrawals",
    SyncKind.FUNDING_PAYMENTS: "fetch_funding_history",
    SyncKind.LEDGER: "fetch_ledger",
}

# A market that is in no table of this age is not listed.
_YOUNG = timedelta(minutes=1)


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
            try:
                page, _ = await self._asker.asked(partial(self._page, history, wanted, step.cursor))
            except ExchangeError as exc:
                self._steps[-1] = replace(step, error=exc)
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
        """What is known of the source. Raises NotSupported where there is none such, or the market is gone."""
        facts = self._asker.facts
        history = next((each for each in facts.histories[self._kind] if each.source == wanted.source), None)
        if history is None or not self._ccxt.has.get(_camel(self._method(history)), True):
            raise NotSupported(f"{facts.name} does not offer {self._kind} {wanted.source}.".replace(" .", "."))
        if wanted.symbol and wanted.symbol not in self._ccxt.markets and await self._is_gone(wanted.symbol):
            raise NotSupported(
                f"{facts.name} no longer lists {wanted.symbol}, so its {self._kind} cannot be asked for."
            )
        return history

    def _method(self, history: History) -> str:
        return history.method or _METHODS[self._kind]

    # --- One page

    async def _page(self, history: History, wanted: Wanted, cursor: Cursor) -> tuple[list[Event], Cursor, bool]:
        ask = windows.next_ask(history, cursor, now=self._asker.now)
        self._ccxt.last_answer = None
        found = await getattr(self._ccxt, self._method(history))(*self._arguments(history, wanted.symbol, ask))
        answer = self._ccxt.last_answer
        if answer is None:
            raise BadResponse("Nothing was asked of the exchange, so its answer cannot be believed.")
        rows = _listed(rows_in(answer.document, history.rows))
        read = rows if history.reader else list(found)
        _check_whole(history, answer.document, rows, read)
        told = windows.told(history, ask.page, answer.document, rows if history.rows else read, _ids(history, read))
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
        if not history.reader:
            return symbol or None, since, history.per_page, params
        if since is not None:
            params[history.since_param] = since
        if history.limit_param:
            params[history.limit_param] = history.per_page
        return (params | ({"symbol": self._ccxt.market(symbol)["id"]} if symbol else {}),)

    async def _events(self, history: History, rows: Sequence[Mapping[str, Any]]) -> list[Event]:
        names = Names(
            source=history.source,
            currency=self._ccxt.safe_currency_code,
            symbol=partial(self._symbol, history.market_type or None),
        )
        reader = parse_history.READERS[history.reader] if history.reader else None
        reader = reader or parse_history.OF_METHODS[self._method(history)]
        events: dict[tuple[str, ...], Event] = {}
        for row in rows:
            if _is_skipped(history, row):
                continue
            for event in reader(row, names):
                if events.setdefault(key(event), event) != event:
                    raise BadResponse(f"The answer lists {' '.join(key(event))} twice, and differently.")
        await self._check_symbols(list(events.values()))
        return list(events.values())

    def _symbol(self, market_type: str | None, market_id: str) -> str:
        return str(self._ccxt.safe_symbol(market_id, None, None, market_type))

    async def _check_symbols(self, events: Sequence[Event]) -> None:
        """A market that is in no young table is gone for good, and its events keep the exchange's name for it."""
        symbols = {event.symbol for event in events if isinstance(event, Trade | Order | FundingPayment)}
        for symbol in symbols - self._ccxt.markets.keys():
            if not await self._is_gone(symbol):
                raise BadResponse(f"{symbol} is not in the market table, which is being loaded anew.")

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


def _listed(rows: object) -> list[Any]:
    if isinstance(rows, Mapping):
        return list(rows.values())
    assert isinstance(rows, list)
    return rows


def _check_whole(history: History, document: object, rows: Sequence[object], read: Sequence[object]) -> None:
    """As many rows were read as the answer has; where nobody knows where it has them, it must have a place for some."""
    if history.rows and len(rows) != len(read):
        raise BadResponse(f"The answer has {len(rows)} rows, of which {len(read)} could be read.")
    if not history.rows and not read and not may_be_empty(document):
        raise BadResponse("The answer holds nothing that could be a list of rows, not even an empty one.")


def _ids(history: History, read: Sequence[Mapping[str, Any]]) -> list[tuple[int, datetime]]:
    """The rising ids of ccxt's dictionaries, with their times."""
    if not history.pages or not history.pages.id_field:
        return []
    return [(int(row["info"][history.pages.id_field]), _time(row)) for row in read]


def _time(row: Mapping[str, Any]) -> datetime:
    found = moment(row.get("timestamp"))
    if found is None:
        raise BadResponse(f"The row {row.get('id')} has no time.")
    return found


def _is_skipped(history: History, row: Mapping[str, Any]) -> bool:
    raw = row if history.reader else row["info"]
    return any(str(raw.get(field)) in values for field, values in history.skips.items())


def _milliseconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp() * 1000)


def _camel(method: str) -> str:
    """ccxt's name for "can do that": `fetch_my_trades` is `fetchMyTrades`."""
    first, *others = method.split("_")
    return first + "".join(word.capitalize() for word in others)
