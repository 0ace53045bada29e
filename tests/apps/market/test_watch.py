"""Who watches what, where several do it at the same time as answers are stored."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

import pytest
from django.db import connection, transaction

from alphapulse.exchanges.reading import BarsRead, BarsWanted
from apps.core.writers import in_turn
from apps.market.models import CandleSeries, WatchedSymbol
from apps.market.services import answers, watch
from apps.market.services.watch import follow
from tests.apps.builders import NOON
from tests.apps.market.test_series import HOUR, bar, listed, row

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]

WHERE = {"exchange_id": "binance", "environment": "sandbox"}
SYMBOLS = ("BTC/USDT", "ETH/USDT", "XRP/USDT")


def together(*works: Callable[[], Any]) -> list[Any]:
    """Each in a thread of its own; what one raises is raised."""
    gate = Barrier(len(works))

    def at_once(work: Callable[[], Any]) -> Any:
        gate.wait(30)
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as threads:
        return [each.result(60) for each in [threads.submit(at_once, work) for work in works]]


def answer() -> None:
    """Of all symbols, the last one first."""
    reads = [
        BarsRead(
            wanted=BarsWanted(symbol=symbol, timeframe="1h", since=NOON - 5 * HOUR, until=NOON + HOUR),
            as_of=NOON,
            rows=[bar(hour) for hour in range(-5, 0)],
        )
        for symbol in reversed(SYMBOLS)
    ]
    with in_turn(), transaction.atomic():
        answers.store(**WHERE, reads=reads, now=NOON)


def test_who_watches_and_who_stores_at_the_same_time_do_not_wait_for_each_other_for_ever():
    # The order of rows is none of the order of names.
    for symbol in SYMBOLS:
        listed(symbol)
        watch("held", **WHERE, symbols=[(each, "1h") for each in (*SYMBOLS[SYMBOLS.index(symbol) :],)], now=NOON)
    for _ in range(5):
        together(
            answer,
            lambda: watch("held", **WHERE, symbols=[], now=NOON),
            answer,
            lambda: watch("pinned", **WHERE, symbols=[(each, "1h") for each in SYMBOLS], now=NOON),
        )
        together(
            answer,
            lambda: watch("held", **WHERE, symbols=[(each, "1h") for each in SYMBOLS], now=NOON),
            lambda: watch("pinned", **WHERE, symbols=[], now=NOON),
        )
        assert not CandleSeries.objects.filter(due_at=None).exists()


def test_who_stops_watching_undoes_nothing_that_is_watched_meanwhile():
    """The one that leaves has looked before the other came, and writes after it."""
    if connection.vendor != "postgresql":
        pytest.skip("one writes at a time on SQLite")
    listed("BTC/USDT")
    watch("held", **WHERE, symbols=[("BTC/USDT", "1h")], now=NOON)
    has_left, is_watched = Event(), Event()

    def leave() -> None:
        with transaction.atomic():
            WatchedSymbol.objects.filter(source="held").delete()
            follow(**WHERE, now=NOON)
            has_left.set()
            # The other waits for us meanwhile, or has found nothing to wake.
            is_watched.wait(1)

    def come() -> None:
        has_left.wait(30)
        watch("rule", **WHERE, symbols=[("BTC/USDT", "1h")], now=NOON)
        is_watched.set()

    together(leave, come)
    assert row().due_at == NOON


def test_two_that_watch_the_same_new_symbol_make_one_series():
    listed("BTC/USDT")
    together(
        *(
            lambda source=source: watch(source, **WHERE, symbols=[("BTC/USDT", "1h")], now=NOON)
            for source in ("held", "rule", "target", "pinned")
        )
    )
    assert row().due_at == NOON
    assert WatchedSymbol.objects.count() == 4


def test_an_app_above_has_read_what_its_rules_name_and_says_all_of_it_each_time():
    """The entrance of alert rules: what they name now, in the place of what they named before."""
    for symbol in SYMBOLS:
        listed(symbol)
    assert watch("rule", **WHERE, symbols=[("BTC/USDT", "5m"), ("ETH/USDT", "1h")], now=NOON)
    assert not watch("rule", **WHERE, symbols=[("ETH/USDT", "1h"), ("BTC/USDT", "5m")], now=NOON)
    assert watch("rule", **WHERE, symbols=[("ETH/USDT", "1h"), ("XRP/USDT", "1h")], now=NOON + HOUR)
    due = dict(CandleSeries.objects.values_list("symbol", "due_at"))
    assert due == {"BTC/USDT": None, "ETH/USDT": NOON, "XRP/USDT": NOON + HOUR}
