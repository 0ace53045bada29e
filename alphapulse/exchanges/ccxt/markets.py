"""One template per route and process: ccxt's exchange with its market table loaded, that every account's client copies.

A table of Binance's markets is 30 MB and a third of a second of CPU; shared it costs an account nothing.
"""

import asyncio
import copy
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

import ccxt.async_support

from alphapulse.exchanges import catalogue
from alphapulse.exchanges.ccxt import loop
from alphapulse.exchanges.ccxt.classify import classified
from alphapulse.exchanges.ccxt.differences import CLASSES
from alphapulse.exchanges.ccxt.line import Line
from alphapulse.exchanges.ccxt.transport import Transport, transported
from alphapulse.exchanges.errors import BadResponse, ExchangeError, NotSupported
from alphapulse.exchanges.route import Route, require_gateway
from alphapulse.resilience.clock_offset import ClockSample, clock_offset
from alphapulse.types import Credentials

logger = logging.getLogger(__name__)

MARKETS_LIVE = timedelta(hours=4)
# An exchange that refuses its table is not asked for it with every job.
RETRY_AFTER = timedelta(minutes=5)
CLOCK_LIVE = timedelta(hours=1)
CLOCK_SAMPLES = 3


class MarketTable:
    """An exchange's markets, loaded once per process whatever egresses its accounts leave by."""

    def __init__(self) -> None:
        # ccxt's exchange that holds the table; None until the first load.
        self.ccxt: Any = None
        self.loaded_at: datetime | None = None
        self.as_of: datetime | None = None
        self._not_before = datetime.min.replace(tzinfo=UTC)
        self._loading: asyncio.Task[None] | None = None

    async def ready(self, line: Line) -> None:
        """Waits for the first table. An old one is renewed on the side, and serves until that worked."""
        if self.loaded_at is None:
            await self.load(line)
        else:
            self.renew(line, age=MARKETS_LIVE)

    def renew(self, line: Line, *, age: timedelta) -> None:
        """Loads the table anew on the side where it is older than `age`, unless that has just failed."""
        if self._may_load(age) and (self._loading is None or self._loading.done()):
            self._start_loading(line).add_done_callback(_log_failure)

    async def is_younger(self, line: Line, *, than: timedelta) -> bool:
        """Whether the table is, after loading it anew where it was not and may be asked for."""
        if self._may_load(than):
            await self.load(line)
        return self._is_younger(than)

    def _may_load(self, age: timedelta) -> bool:
        return not self._is_younger(age) and datetime.now(UTC) >= self._not_before

    def _is_younger(self, age: timedelta) -> bool:
        return self.loaded_at is not None and datetime.now(UTC) - self.loaded_at <= age

    async def load(self, line: Line) -> None:
        """Loads the table anew over that line; callers at the same time share one. A failed load changes nothing."""
        # Shielded: one caller's deadline must not cancel what the others wait for.
        await asyncio.shield(self._start_loading(line))

    def _start_loading(self, line: Line) -> "asyncio.Task[None]":
        if self._loading is None or self._loading.done():
            self._loading = asyncio.create_task(self._load(line))
            # Whoever waited may have given up by then; its failure is not to be called unseen.
            self._loading.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._loading

    def _doubt(self, fresh: Any) -> ExchangeError | None:
        """An answer that is none reads as "no markets", or half of them where there are two."""
        before, now = len(self.ccxt.markets) if self.ccxt else 0, len(fresh.markets or ())
        if now > before / 2:
            return None
        name = catalogue.exchange(fresh.id).name
        return BadResponse(f"{name}: the market table came with {now} markets, where there were {before} before.")

    async def _load(self, line: Line) -> None:
        fresh = _new(line)
        failure: ExchangeError | None = None
        try:
            await fresh.load_markets()
        except Exception as exc:  # noqa: BLE001  classified, and raised below without its secret-bearing context
            failure = classified(exc, line.route.exchange_id, now=datetime.now(UTC), offset=line.offset)
            line.heard(failure)
        failure = failure or self._doubt(fresh)
        if failure is not None:
            named = getattr(failure, "until", None)
            self._not_before = max(datetime.now(UTC) + RETRY_AFTER, named or self._not_before)
            raise failure
        self.ccxt, self.loaded_at, self.as_of = fresh, datetime.now(UTC), fresh.first_sent_at


def _new(line: Line) -> Any:
    """ccxt's exchange over that line, without markets."""
    exchange_id = line.route.exchange_id
    kind = CLASSES.get(exchange_id) or transported(exchange_id)
    options = dict(catalogue.exchange(exchange_id).ccxt_options)
    exchange = kind({"number": str, "enableRateLimit": False, "options": options})
    exchange.line = line
    return exchange


class Template:
    """A route's line and its clock, and the market table of its exchange."""

    def __init__(self, route: Route, table: MarketTable) -> None:
        self.route = route
        self.line = Line(route)
        self.table = table
        self._measured_at: datetime | None = None
        self._measuring: asyncio.Task[None] | None = None

    @property
    def ccxt(self) -> Any:
        """ccxt's exchange with the shared table, over this route's line."""
        shared = copy.copy(self.table.ccxt)
        shared.line = self.line
        return shared

    @property
    def as_of(self) -> datetime | None:
        return self.table.as_of

    def copy(self, credentials: Credentials | None) -> Any:
        """A light client with options and credentials of its own, and the shared market table."""
        client = self.ccxt
        client.options = dict(client.options)
        client.headers = dict(client.headers or {})
        client.last_response_headers = None
        client.last_request_headers = None
        Transport.forget(client)
        if credentials is not None:
            client.apiKey, client.secret, client.password = (
                credentials.api_key,
                credentials.secret,
                credentials.password or None,
            )
        return client

    async def ready(self) -> None:
        """Waits until the markets are there and the exchange's clock has been measured."""
        await self.table.ready(self.line)
        if self._measured_at is None:
            await self.measure_clock()
        elif datetime.now(UTC) - self._measured_at > CLOCK_LIVE:
            self._start_measuring()

    async def load(self) -> None:
        """Loads the market table anew."""
        await self.table.load(self.line)

    def renew(self, *, age: timedelta) -> None:
        """Loads a market table that is older than `age` anew, on the side."""
        self.table.renew(self.line, age=age)

    async def is_younger(self, *, than: timedelta) -> bool:
        """Whether the market table is; loads it anew where it was not."""
        return await self.table.is_younger(self.line, than=than)

    async def measure_clock(self) -> None:
        """Measures how far the exchange's clock is from ours. Leaves the offset alone where it cannot be asked."""
        await asyncio.shield(self._start_measuring())

    def _start_measuring(self) -> "asyncio.Task[None]":
        if self._measuring is None or self._measuring.done():
            self._measuring = asyncio.create_task(self._measure())
        return self._measuring

    async def _measure(self) -> None:
        samples = await self._samples() if self.table.ccxt.has.get("fetchTime") else []
        if samples:
            self.line.offset = _told(clock_offset(samples), samples)
        self._measured_at = datetime.now(UTC)

    async def _samples(self) -> list[ClockSample]:
        samples: list[ClockSample] = []
        for _ in range(CLOCK_SAMPLES):
            probe = self.copy(None)
            try:
                milliseconds = await probe.fetch_time()
            except Exception as exc:  # noqa: BLE001  no clock is no reason to fail: what needs it will say so
                self.line.heard(classified(exc, self.route.exchange_id, now=datetime.now(UTC), offset=self.line.offset))
                logger.debug("%s does not tell its time: %s", self.route.exchange_id, type(exc).__name__)
                break
            answer = probe.last_answer
            if answer is None or milliseconds is None:
                break
            exchange_at = datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
            samples.append(ClockSample(sent_at=answer.sent_at, received_at=answer.received_at, exchange_at=exchange_at))
        return samples


def _told(offset: timedelta, samples: Sequence[ClockSample]) -> timedelta:
    """A clock that tells whole seconds says nothing about a difference below one."""
    is_coarse = all(not sample.exchange_at.microsecond for sample in samples)
    return timedelta(0) if is_coarse and abs(offset) < timedelta(seconds=1) else offset


_templates: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Route, Template]] = WeakKeyDictionary()


def template(route: Route) -> Template:
    """The route's template on this loop. Raises NoGateway and NotSupported before anything is opened."""
    routes = _templates.setdefault(asyncio.get_running_loop(), {})
    if route not in routes:
        require_gateway(route)
        if route.exchange_id not in ccxt.async_support.exchanges:
            raise NotSupported(f"There is no exchange called {route.exchange_id!r}.")
        routes[route] = Template(route, _table(routes, route))
    return routes[route]


def _table(known: Mapping[Route, Template], route: Route) -> MarketTable:
    """The table of the same exchange behind the same gateway, where there is one."""
    same = (
        other.table
        for other_route, other in known.items()
        if (other_route.exchange_id, other_route.environment, other_route.gateway)
        == (route.exchange_id, route.environment, route.gateway)
    )
    return next(same, None) or MarketTable()


async def reopen_all() -> None:
    """Forgets of every route on this loop that its exchange wanted nobody."""
    for known in _templates.get(asyncio.get_running_loop(), {}).values():
        known.line.reopen()


async def close_all() -> None:
    """Closes the connections of every route on this loop."""
    for known in _templates.pop(asyncio.get_running_loop(), {}).values():
        await known.line.close()


loop.on_end(close_all)


def _log_failure(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (failure := task.exception()):
        logger.warning("The market table could not be renewed; the old one stays: %s", failure)
