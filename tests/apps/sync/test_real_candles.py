"""Real candles through the whole house: asked for page by page, stored, and told as a file that says the same."""

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from alphapulse.exchanges.ccxt import loop
from alphapulse.exchanges.ccxt.markets import reopen_all
from alphapulse.market import timeframes
from alphapulse.market.candles import holes
from alphapulse.types import SyncKind
from apps.core.clock import now
from apps.market.models import CandleHole, CandleSeries
from apps.market.services import watch
from apps.sync.models import SyncState
from apps.sync.services import states
from apps.sync.services.batch import sync_batch
from tests import candle_files
from tests.alphapulse.exchanges import written
from tests.alphapulse.exchanges.scripted import Asked, Said, ScriptedExchange, scripted_exchange
from tests.apps import builders
from tests.apps.api import logged_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.usefixtures("shared_redis")]

# File, where Binance tells such candles, and the symbol that it is told as.
TOLD = [
    ("XMR-BTC_5m", "api.binance.com/api/v3/klines", "BTC/USDT"),
    ("XRP-USDT-USDT_1h", "fapi.binance.com/fapi/v1/klines", "BTC/USDT:USDT"),
]


@pytest.fixture
def exchange(settings) -> Iterator[ScriptedExchange]:
    with scripted_exchange() as running:
        running.answers = written.answers("binance")
        settings.SANDBOX_URL = running.base
        yield running
    loop.run(reopen_all(), deadline=timedelta(seconds=5))


def klines(rows: list[list[str]], shift: int) -> Any:
    """Binance's answers, as if the file's last candle had just been closed."""

    def answer(asked: Asked) -> Said:
        since, until, limit = (int(asked.query[name]) for name in ("startTime", "endTime", "limit"))
        told = [[int(at) + shift, *numbers, 0, "0", 0, "0", "0", "0"] for at, *numbers in rows]
        return Said(json=[row for row in told if since <= row[0] <= until][:limit])

    return answer


def sync(kind: SyncKind) -> None:
    SyncState.objects.filter(kind=kind).update(due_at=now(), claimed_until=None)
    assert sync_batch("binance", kind)


@pytest.mark.parametrize(("name", "path", "symbol"), TOLD, ids=[name for name, *_ in TOLD])
def test_real_candles_come_out_of_the_house_unchanged_with_their_holes(exchange, name, path, symbol):
    candle_files.required()
    rows, (_, timeframe) = candle_files.rows(name), candle_files.FILES[name]
    newest = timeframes.step(timeframes.floor(now(), timeframe), timeframe, -1)
    shift = int(newest.timestamp() * 1000) - int(rows[-1][0])
    exchange.answers[path] = klines(rows, shift)
    states.make_states(builders.account().pk)
    sync(SyncKind.MARKETS)
    watch("pinned", exchange_id="binance", environment="sandbox", symbols=[(symbol, timeframe)], now=now())
    for _ in range(20):
        sync(SyncKind.CANDLES)
        series = CandleSeries.objects.get()
        if not series.is_behind:
            break
    assert (series.is_behind, series.error) == (False, "")

    which = {"exchange_id": "binance", "environment": "sandbox", "symbol": symbol, "timeframe": timeframe}
    text = logged_in("family").get("/api/market/export", which).content.decode()
    told = [(int(at) - shift, *map(Decimal, numbers)) for at, *numbers in list(csv.reader(io.StringIO(text)))[1:]]
    assert told == [(int(at), *map(Decimal, numbers)) for at, *numbers in rows]
    moved = timedelta(milliseconds=shift)
    real = holes([candle.opened_at for candle in candle_files.candles(name)], timeframe)
    found = [(row.since - moved, row.until - moved) for row in CandleHole.objects.order_by("since")]
    assert found == [(hole.since, hole.until) for hole in real]
