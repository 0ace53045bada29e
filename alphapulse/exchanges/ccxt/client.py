"""An account's client: what the catalogue says to ask, asked, and read into our types."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from alphapulse.exchanges import parse
from alphapulse.exchanges.ccxt import listed, permissions, whole
from alphapulse.exchanges.ccxt.asker import Asker
from alphapulse.exchanges.ccxt.candles import CandleReader
from alphapulse.exchanges.ccxt.histories import HistoryReader
from alphapulse.exchanges.ccxt.lookup import ended, given_up, vanished
from alphapulse.exchanges.ccxt.markets import Template, template
from alphapulse.exchanges.ccxt.paging import pages
from alphapulse.exchanges.ccxt.permissions import Permissions, Question
from alphapulse.exchanges.errors import (
    STOPS_ALL,
    BadResponse,
    CredentialsRejected,
    ExchangeError,
    NotSupported,
    PermissionMissing,
    Transient,
)
from alphapulse.exchanges.facts import Call, Read
from alphapulse.exchanges.history import Wanted
from alphapulse.exchanges.reading import BarsWanted, OpenOrder, Reading, Row
from alphapulse.exchanges.route import Route
from alphapulse.types import Credentials, KeyReport, Order, SyncKind

# A market that is in no table of this age is not listed.
_YOUNG = timedelta(minutes=1)

# ccxt's usual method for a kind, with the arguments before `params`, and its name for "can do that".
_METHODS: Mapping[SyncKind, tuple[str, tuple[None, ...], str]] = {
    SyncKind.BALANCES: ("fetch_balance", (), "fetchBalance"),
    SyncKind.POSITIONS: ("fetch_positions", (None,), "fetchPositions"),
    SyncKind.ORDERS: ("fetch_open_orders", (None, None, None), "fetchOpenOrders"),
    SyncKind.TICKERS: ("fetch_tickers", (None,), "fetchTickers"),
    SyncKind.FUNDING_RATES: ("fetch_funding_rates", (None,), "fetchFundingRates"),
}


async def open_client(route: Route, credentials: Credentials | None = None) -> "Client":
    """A client for one account (or, without credentials, for what is public). Call it on the loop; close nothing.

    Raises ExchangeError: NoGateway and NotSupported before any socket, others when the market table cannot be loaded.
    """
    shared = template(route)
    await shared.ready()
    return Client(shared, credentials)


class Client:
    """Not shared between tasks: one call at a time. Everything it raises is an ExchangeError."""

    def __init__(self, shared: Template, credentials: Credentials | None) -> None:
        self._asker = Asker(shared, credentials)
        self.facts = self._asker.facts
        self._template = shared
        self._ccxt = self._asker.ccxt
        self._done: list[Reading] = []
        self._made: dict[int, tuple[list[tuple[Any, object]], datetime | None]] = {}

    def __repr__(self) -> str:
        return f"Client({self.facts.exchange_id})"

    def histories(self, kind: SyncKind, wanted: Sequence[Wanted]) -> HistoryReader:
        """Who reads on what happened to the account."""
        return HistoryReader(self._asker, kind, wanted)

    def candles(self, wanted: Sequence[BarsWanted]) -> CandleReader:
        """Who reads candles on."""
        return CandleReader(self._asker, wanted)

    async def fetch(
        self, kind: SyncKind, *, known_orders: Sequence[OpenOrder] = (), wallets: Sequence[str] = ()
    ) -> tuple[Reading, ...]:
        """A reading for each wallet. One wallet's trouble is its reading's error; the whole account's is raised.

        `known_orders`: those that are no longer open are looked up, see `Reading`. `wallets`: none named are all.
        """
        if kind is SyncKind.MARKETS:
            return (await self._markets(),)
        if not self.facts.supports(kind) or not self._ccxt.has.get(_METHODS[kind][2]):
            raise NotSupported(f"{self.facts.name} does not offer {kind}.")
        self._made.clear()
        self._done = readings = list[Reading]()
        stopped: ExchangeError | None = None
        for read in self._wanted(kind, wallets):
            if stopped is None:
                reading = await self._with_ended(await self._read(kind, read), known_orders)
                stopped = reading.error if isinstance(reading.error, STOPS_ALL) else None
            else:
                # What was answered before stays; nothing more is asked.
                reading = Reading(wallet=read.wallet, as_of=self._asker.now, error=stopped)
            readings.append(reading)
        return await self._judged(kind, readings)

    def so_far(self, kind: SyncKind, *, wallets: Sequence[str], missing: ExchangeError) -> tuple[Reading, ...]:
        """After a `fetch` that was cancelled: its readings, the wallets that it did not get to with `missing`.

        Empty where nothing was read.
        """
        if all(reading.error is not None for reading in self._done):
            return ()
        done = {reading.wallet: self._not_permitted(reading) for reading in self._done}
        return tuple(
            done.get(read.wallet) or Reading(wallet=read.wallet, as_of=self._asker.now, error=missing)
            for read in self._wanted(kind, wallets)
        )

    def _wanted(self, kind: SyncKind, wallets: Sequence[str]) -> list[Read]:
        return [read for read in self.facts.reads.get(kind, ()) if not wallets or read.wallet in wallets]

    async def check_credentials(self) -> KeyReport:
        """What the key may do, as the exchange says. Raises CredentialsRejected when it is not accepted."""
        granted = await self._permissions()
        readings = await self.fetch(SyncKind.BALANCES)
        refused = [reading.wallet for reading in readings if isinstance(reading.error, PermissionMissing)]
        read = tuple(reading.wallet for reading in readings if reading.error is None)
        failed = [reading for reading in readings if reading.error and reading.wallet not in refused]
        if not read and failed and failed[0].error is not None:
            # Nothing is known of a key that read nothing.
            raise failed[0].error
        unread = tuple(f"The {reading.wallet} wallet could not be read now: {reading.error}" for reading in failed)
        return KeyReport(
            wallets=read,
            wallets_not_permitted=tuple(refused),
            can_trade=granted.can_trade,
            can_withdraw=granted.can_withdraw,
            ip_restricted=granted.ip_restricted,
            expires_at=granted.expires_at,
            warnings=permissions.warnings(granted) + unread,
            exchange_uid=granted.exchange_uid or await self._owner(),
        )

    async def key_permissions(self, *, ask_owner: bool = False) -> Permissions:
        """One cheap question. All `None` where the exchange, or the key, does not tell.

        `ask_owner`: whose the key is, too, where that takes a question of its own.
        """
        granted = await self._permissions()
        if ask_owner and granted.exchange_uid is None:
            return replace(granted, exchange_uid=await self._owner())
        return granted

    async def _permissions(self) -> Permissions:
        question = permissions.QUESTIONS.get(self.facts.exchange_id)
        if question is None:
            return Permissions()
        try:
            granted, _ = await self._asker.asked(partial(self._granted, question))
        except (PermissionMissing, NotSupported):
            # A key may be barred from asking about itself; what it can read is asked for anyway.
            return Permissions()
        return granted

    async def _granted(self, question: Question) -> Permissions:
        answer, owner = await self._asker.answer(question.call), self.facts.owner
        granted = question.read(answer)
        if owner is None or owner.call is not None:
            return granted
        return replace(granted, exchange_uid=permissions.uid_in(answer, owner.at))

    async def _owner(self) -> str | None:
        """Whose the key is, where that is told apart from what it may do. An answer that balances came from will do."""
        owner = self.facts.owner
        if owner is None or owner.call is None:
            return None
        try:
            found, _ = await self._asker.asked(partial(self._pages, SyncKind.BALANCES, owner.call))
        except STOPS_ALL:
            raise
        except ExchangeError:
            # It is known without that what the key may read; that is asked again with the next day's look at the key.
            return None
        return permissions.uid_in(found[0][0], owner.at)

    async def _read(self, kind: SyncKind, read: Read) -> Reading:
        rows: list[Row] = []
        as_of: datetime | None = None
        for call in read.calls:
            try:
                found, sent_at = await self._asker.asked(partial(self._rows, kind, read, call))
            except ExchangeError as exc:
                return Reading(wallet=read.wallet, as_of=as_of or self._asker.now, error=exc)
            as_of = as_of or sent_at
            rows += found
        twice = parse.named_twice(rows)
        if twice:
            error = BadResponse(f"{self.facts.name} lists {twice} in {read.wallet or kind} twice, and differently.")
            return Reading(wallet=read.wallet, as_of=as_of or self._asker.now, error=error)
        return Reading(wallet=read.wallet, as_of=as_of or self._asker.now, rows=tuple(rows))

    async def _rows(self, kind: SyncKind, read: Read, call: Call) -> list[Row]:
        rows: list[Row] = []
        for page, answered in await self._pages(kind, call):
            whole.check_emptiness(kind, call, page, answered)
            found = self._parsed(kind, read, page)
            if call.holding:
                whole.check_balances(call.holding, page, answered, self._ccxt.safe_currency_code)
            if call.size_field:
                whole.check_positions(call.size_field, found, answered)
            rows += self._as_listed(found)
        return rows

    def _as_listed(self, rows: Sequence[Row]) -> list[Row]:
        markets = self._ccxt.markets
        if listed.unlisted(rows, markets):
            self._template.renew(age=_YOUNG)
        return listed.as_listed(rows, markets)

    async def _pages(self, kind: SyncKind, call: Call) -> list[tuple[Any, object]]:
        """What came of the call. One that two wallets are read from is made once a fetch."""
        if id(call) not in self._made:
            method, arguments, _ = _METHODS[kind]
            found = [page async for page in pages(self._ccxt, call.method or method, arguments, call)]
            self._made[id(call)] = found, self._ccxt.first_sent_at
        found, self._ccxt.first_sent_at = self._made[id(call)]
        return found

    def _parsed(self, kind: SyncKind, read: Read, raw: Any) -> Sequence[Row]:
        if kind is SyncKind.BALANCES:
            return self._balances(read, raw)
        if kind is SyncKind.POSITIONS:
            return parse.positions(raw)
        if kind is SyncKind.ORDERS:
            return parse.orders(raw)
        return parse.funding_rates(raw) if kind is SyncKind.FUNDING_RATES else parse.tickers(raw)

    def _balances(self, read: Read, raw: Any) -> Sequence[Row]:
        prefix, exceptions = self.facts.receipt_prefix, self.facts.receipt_exceptions
        if read.only_receipts:
            return parse.receipts(raw, receipt_prefix=prefix, receipt_exceptions=exceptions)
        return parse.balances(raw, receipt_prefix=prefix if read.has_receipts else "", receipt_exceptions=exceptions)

    async def _markets(self) -> Reading:
        await self._template.load()
        table = self._template.ccxt
        rows = parse.markets(table.markets.values(), precision_mode=table.precisionMode)
        return Reading(wallet="", as_of=self._template.as_of or self._asker.now, rows=rows)

    async def _with_ended(self, reading: Reading, known: Sequence[OpenOrder]) -> Reading:
        if reading.error is not None:
            return reading
        rows = list(reading.rows)
        for order in vanished(known, reading.rows, wallet=reading.wallet):
            try:
                found = await self._end(order)
            except STOPS_ALL as exc:
                return replace(reading, rows=(), error=exc)
            except ExchangeError:
                continue
            if found is not None:
                rows.append(found)
        return replace(reading, rows=tuple(rows))

    async def _end(self, order: OpenOrder) -> Order | None:
        if order.symbol in self._ccxt.markets:
            found, _ = await self._asker.asked(partial(ended, self._ccxt, self.facts, order))
            return found
        # A market that is gone (delisted) takes its orders with it; but an old table proves nothing.
        is_certain = await self._template.is_younger(than=_YOUNG) and order.symbol not in self._template.ccxt.markets
        return given_up(order) if is_certain else None

    async def _judged(self, kind: SyncKind, readings: Sequence[Reading]) -> tuple[Reading, ...]:
        """Rejected for one wallet only is a missing permission. When nothing worked, the key itself is tried."""
        errors = [reading.error for reading in readings if reading.error is not None]
        rejected = next((error for error in errors if isinstance(error, CredentialsRejected)), None)
        if len(errors) == len(readings):
            for error in errors:
                if isinstance(error, Transient):
                    raise error
            if rejected is not None:
                await self._confirm(kind, rejected)
        return tuple(self._not_permitted(reading) for reading in readings)

    async def _confirm(self, kind: SyncKind, rejected: CredentialsRejected) -> None:
        """Binance says the same to a dead key and to one that may not read futures: only the first fails here too."""
        check = self.facts.key_check
        if kind is SyncKind.BALANCES and check.method == _METHODS[kind][0]:
            raise rejected
        await self._asker.check_key()

    def _not_permitted(self, reading: Reading) -> Reading:
        """The exchange says of a key that may not read a wallet what it says of a dead one."""
        error = reading.error
        if not isinstance(error, CredentialsRejected):
            return reading
        what = f"the {reading.wallet} wallet" if reading.wallet else "this"
        code = f" (code {error.code})" if error.code else ""
        missing = PermissionMissing(f"{self.facts.name}: this key may not read {what}{code}.", code=error.code)
        return replace(reading, error=missing)
