"""Many accounts of one exchange at once, each with a deadline and an outcome of its own."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from weakref import WeakValueDictionary

from alphapulse.exchanges import catalogue
from alphapulse.exchanges.ccxt.candles import CandleReader
from alphapulse.exchanges.ccxt.classify import classified
from alphapulse.exchanges.ccxt.client import Client, open_client
from alphapulse.exchanges.ccxt.histories import HistoryReader
from alphapulse.exchanges.errors import ExchangeError, Transient
from alphapulse.exchanges.history import Step, Wanted
from alphapulse.exchanges.reading import BarsRead, BarsWanted, OpenOrder, Outcome, Reading
from alphapulse.exchanges.route import Route
from alphapulse.types import HISTORY_KINDS, Credentials, SyncKind

logger = logging.getLogger(__name__)

# A ban is heard by those who wait; their deadline begins when they get a place.
AT_ONCE = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One account's sync. Without credentials: what is public. `wallets` are those to ask for; none named: all.

    `wanted`: which histories are read on, and from where; for the kinds that are histories alone. `bars`: the same for
    candles.
    """

    credentials: Credentials | None = None
    wallets: Sequence[str] = ()
    known_orders: Sequence[OpenOrder] = ()
    wanted: Sequence[Wanted] = ()
    bars: Sequence[BarsWanted] = ()


async def fetch_batch(
    route: Route, kind: SyncKind, jobs: Sequence[Job], *, job_deadline: timedelta, deadline: timedelta | None = None
) -> list[Outcome]:
    """The outcomes in the order of the jobs. Never raises for a job's trouble: that is its outcome's error.

    A job has `job_deadline` from when it gets a place, and none has longer than `deadline` in all.
    """
    ends_at = asyncio.get_running_loop().time() + deadline.total_seconds() if deadline else None
    asking = _Asking(route=route, kind=kind, places=asyncio.Semaphore(AT_ONCE), each=job_deadline, ends_at=ends_at)
    return list(await asyncio.gather(*(asking.outcome(job) for job in jobs)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asking:
    """One batch under way."""

    route: Route
    kind: SyncKind
    places: asyncio.Semaphore
    each: timedelta
    ends_at: float | None

    async def outcome(self, job: Job) -> Outcome:
        opened: list[Client] = []
        reading_on: list[HistoryReader | CandleReader] = []
        try:
            async with asyncio.timeout_at(self.ends_at), self.places, asyncio.timeout(self.each.total_seconds()):
                if self.kind in HISTORY_KINDS:
                    return Outcome(steps=await self._steps(job, reading_on))
                if self.kind is SyncKind.CANDLES:
                    return Outcome(bars=await self._bars(job, reading_on))
                return Outcome(readings=await self._readings(job, opened))
        except ExchangeError as exc:
            return Outcome(error=exc)
        except TimeoutError:
            return self._unread(reading_on) if reading_on else self._unfinished(job, opened)
        except Exception as exc:  # noqa: BLE001  a mistake of ours with one account must not cost its neighbours
            logger.error("%s %s: %s while reading an answer", self.route.exchange_id, self.kind, type(exc).__name__)
            return Outcome(error=classified(exc, self.route.exchange_id, now=datetime.now(UTC)))

    async def _readings(self, job: Job, opened: list[Client]) -> tuple[Reading, ...]:
        async with _lane(self.route, job):
            client = await open_client(self.route, job.credentials)
            opened.append(client)
            return await client.fetch(self.kind, known_orders=job.known_orders, wallets=job.wallets)

    async def _steps(self, job: Job, reading_on: list[HistoryReader | CandleReader]) -> tuple[Step, ...]:
        async with _lane(self.route, job):
            reader = (await open_client(self.route, job.credentials)).histories(self.kind, job.wanted)
            reading_on.append(reader)
            return await reader.read()

    async def _bars(self, job: Job, reading_on: list[HistoryReader | CandleReader]) -> tuple[BarsRead, ...]:
        reader = (await open_client(self.route)).candles(job.bars)
        reading_on.append(reader)
        return await reader.read()

    def _unfinished(self, job: Job, opened: Sequence[Client]) -> Outcome:
        """What was answered in time stays; a slow wallet costs itself."""
        late = self._late
        readings = opened[0].so_far(self.kind, wallets=job.wallets, missing=late) if opened else ()
        return Outcome(readings=readings) if readings else Outcome(error=late)

    def _unread(self, reading_on: Sequence[HistoryReader | CandleReader]) -> Outcome:
        """Pages that were read in time stay, with the cursor behind them."""
        late, (reader,) = self._late, reading_on
        if isinstance(reader, CandleReader):
            bars = reader.so_far(missing=late)
            return Outcome(bars=bars) if bars else Outcome(error=late)
        steps = reader.so_far(missing=late)
        return Outcome(steps=steps) if steps else Outcome(error=late)

    @property
    def _late(self) -> Transient:
        name = catalogue.exchange(self.route.exchange_id).name
        return Transient(f"{name} did not finish answering within {self.each.total_seconds():g} s.")


# Keys whose nonces must rise are one lane each, whatever batches they are in. A lane lives while someone is in it.
_lanes: WeakValueDictionary[tuple[int, str], asyncio.Lock] = WeakValueDictionary()


@asynccontextmanager
async def _lane(route: Route, job: Job) -> AsyncIterator[None]:
    if job.credentials is None or not catalogue.exchange(route.exchange_id).has_serial_keys:
        yield
        return
    key = (id(asyncio.get_running_loop()), job.credentials.api_key)
    lane = _lanes.get(key) or asyncio.Lock()
    _lanes[key] = lane
    async with lane:
        yield
