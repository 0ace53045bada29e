"""A past that is told as exchanges tell it: a few rows a request, overlapping, with a cursor behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import cycle
from typing import Any

from alphapulse.exchanges import catalogue
from alphapulse.exchanges.ccxt.batch import Job
from alphapulse.exchanges.errors import ExchangeError
from alphapulse.exchanges.exchange import REQUESTS_A_STEP
from alphapulse.exchanges.facts import History, Pages
from alphapulse.exchanges.history import Event, Step, Wanted
from alphapulse.exchanges.reading import Outcome
from alphapulse.types import SyncKind
from apps.market.models import Market

Name = tuple[str, str]

BY_ID = Pages(param="fromId", id_field="id")
# What the tests' Binance tells: fills and orders by market, the rest at once.
LISTS = {
    SyncKind.TRADES: (History(source="spot", market_type="spot", costs={"spot": 20}, pages=BY_ID),),
    SyncKind.CLOSED_ORDERS: (History(source="spot", market_type="spot", costs={"spot": 20}, pages=BY_ID),),
    SyncKind.TRANSFERS: (History(source="deposits", costs={"sapi": 1}, window=timedelta(days=89)),),
    SyncKind.FUNDING_PAYMENTS: (History(source="usdm", costs={"usdm": 30}),),
    SyncKind.LEDGER: (History(source="dividends", costs={"sapi": 10}),),
}


@dataclass
class Past:
    """What happened to one account by list (source, symbol), in order; and which lists fail, with what."""

    events: Mapping[Name, Sequence[Event]]
    per_request: int = 2
    errors: dict[Name, ExchangeError] = field(default_factory=dict)
    error: ExchangeError | None = None

    def steps(self, wanted: Sequence[Wanted], requests: int = REQUESTS_A_STEP) -> tuple[Step, ...]:
        """One step of so many requests, list after list."""
        told: list[Step] = []
        for each in wanted:
            if not requests:
                break
            step, used = self._read_on(each, requests)
            requests -= used
            told.append(step)
        return tuple(told)

    def _read_on(self, wanted: Wanted, requests: int) -> tuple[Step, int]:
        step = Step(source=wanted.source, symbol=wanted.symbol, cursor=wanted.cursor)
        for number in range(1, requests + 1):
            if error := self.errors.get((wanted.source, wanted.symbol)):
                return replace(step, error=error), number
            step = self._page(step)
            if step.is_caught_up:
                return step, number
        return step, requests

    def _page(self, step: Step) -> Step:
        told = self.events.get((step.source, step.symbol), ())
        begun = int(step.cursor.page or 0)
        # The last row comes again.
        rows = told[max(0, begun - 1) : begun + self.per_request]
        reached = min(begun + self.per_request, len(told))
        cursor = replace(
            step.cursor,
            page=str(reached),
            reached_at=max([step.cursor.reached_at, *(row.exchange_at for row in rows if row.exchange_at)]),
        )
        return replace(step, cursor=cursor, rows=(*step.rows, *rows), is_caught_up=reached == len(told))


def tell_at_binance(monkeypatch: Any, limit: int = 0, **lists: tuple[History, ...]) -> None:
    """Binance tells these lists, and by itself `LISTS`, whatever the real one tells; with other limits, if any."""
    binance = catalogue.EXCHANGES["binance"]
    told = {**LISTS, **{SyncKind(kind): of_kind for kind, of_kind in lists.items()}}
    quotas = tuple(replace(quota, limit=limit or quota.limit) for quota in binance.quotas)
    monkeypatch.setitem(catalogue.EXCHANGES, "binance", replace(binance, histories=told, quotas=quotas))


def answer_with(monkeypatch: Any, pasts: Mapping[str, Past], requests: Sequence[int] = (REQUESTS_A_STEP,)) -> None:
    """What the exchange tells, by the accounts' labels; steps of so many requests, in turn."""
    each = cycle(requests)

    async def fetch(route: Any, kind: SyncKind, jobs: Sequence[Job], **_: Any) -> list[Outcome]:
        return [_outcome(pasts[job.credentials.api_key.removeprefix("key of ")], job, next(each)) for job in jobs]

    monkeypatch.setattr("apps.sync.services.batch.fetch_batch", fetch)


def _outcome(past: Past, job: Job, requests: int) -> Outcome:
    return Outcome(error=past.error) if past.error else Outcome(steps=past.steps(job.wanted, requests))


def list_markets(*symbols: str, exchange_id: str = "binance", environment: str = "sandbox") -> None:
    """As the exchange's markets would be stored."""
    Market.objects.bulk_create(
        Market(
            exchange_id=exchange_id,
            environment=environment,
            market_id=symbol.replace("/", "").partition(":")[0],
            type="swap" if ":" in symbol else "spot",
            symbol=symbol,
            base=symbol.partition("/")[0],
            quote=symbol.partition(":")[0].partition("/")[2],
            settle=symbol.partition(":")[2] or None,
            is_active=True,
            is_inverse=False,
        )
        for symbol in symbols
    )
