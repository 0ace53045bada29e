"""What profit and loss are told of prices that are of other times, or that come later."""

from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alphapulse.portfolio.lots import Method
from alphapulse.types import Candle
from apps.market.models import CandleSeries, FiatRate
from apps.market.services import series_of, store_candles
from apps.portfolio import tasks
from apps.portfolio.models import Snapshot, Statement
from apps.portfolio.services import bookkeeping, content, snapshots, statements
from apps.portfolio.services.happenings import accounts_of
from apps.portfolio.services.prices import forget
from tests.alphapulse.portfolio.happenings import day, transfer
from tests.apps.api import get, logged_in
from tests.apps.builders import later
from tests.apps.pasts import tell_at_binance
from tests.apps.portfolio.holdings import holding, tell
from tests.apps.portfolio.ledgers import happen, read_whole

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


@pytest.fixture(autouse=True)
def at(monkeypatch):
    """Sets the clock so many seconds after noon."""
    tell_at_binance(monkeypatch)
    tell()

    def set_to(seconds):
        for place in ("api.pnl", "api.performance", "tasks"):
            monkeypatch.setattr(f"apps.portfolio.{place}.now", lambda: later(seconds))

    set_to(0)
    return set_to


def asked(**params):
    return get(logged_in(), "/api/portfolio/pnl", **({"environment": "sandbox", "currency": "EUR"} | params))


def candles(symbol, timeframe, *opens, on=2.0):
    step = timedelta(hours=1) if timeframe == "1h" else timedelta(days=1)
    series = series_of(exchange_id="binance", environment="sandbox", symbol=symbol, timeframe=timeframe)
    rows = [
        Candle(
            symbol=symbol,
            timeframe=timeframe,
            opened_at=day(on) + number * step,
            **dict.fromkeys(("open", "high", "low", "close"), Decimal(price)),
            volume=Decimal(1),
            is_closed=True,
        )
        for number, price in enumerate(opens)
    ]
    store_candles(series, rows)


def test_what_left_is_told_in_euros_by_prices_of_one_time():
    """5,000 USDT at ten: bitcoin was 50,000 euros or 54,000 dollars at midnight, and 56,700 dollars at ten."""
    happen(holding("main", USDT="0"), transfer("deposit 5000 USDT", 2 + 10.2 / 24))
    candles("BTC/EUR", "1d", "50000", "52000")
    candles("BTC/USDT", "1h", "56700", "56700", on=2 + 10 / 24)
    candles("BTC/USDT", "1d", "54000", "56160")
    answer = asked()
    assert Decimal(answer["totals"]["deposited"]) == pytest.approx(Decimal(5000) * 50000 / 54000)
    assert answer["price_sources"] == {"binance BTC/EUR 1d": 1, "binance BTC/USDT 1d": 1}


# --- Prices that come later -------------------------------------------------------------------------------------------


def deposited(answer):
    return Decimal(answer["totals"]["deposited"])


def read_to(symbol, timeframe, since, *, is_behind=True):
    CandleSeries.objects.filter(symbol=symbol, timeframe=timeframe).update(
        covered_from=since, is_behind=is_behind, due_at=later(0)
    )


def test_prices_that_have_come_are_used_by_who_asks_next_and_no_two_methods_contradict_each_other(at):
    """Made at noon without any, by the other method five minutes later with some: both were current."""
    happen(holding("main", USDT="0"), transfer("deposit 5000 USDT", 2))
    first = asked()
    assert (deposited(first), first["complete"]) == (0, False)
    at(300)
    candles("EUR/USDT", "1h", "1.25", "1.25")
    answers = [asked(method=method) for method in ("lifo", "fifo", "hifo", "average")]
    assert [(deposited(answer), answer["current"], answer["gaps"]) for answer in answers] == [(4000, True, [])] * 4


def test_a_nearer_price_takes_the_place_of_one_that_was_no_gap(at):
    happen(holding("main", USDT="0"), transfer("deposit 5000 USDT", 2 + 10 / 24))
    candles("EUR/USDT", "1d", "1.25", "1.25")
    assert deposited(asked()) == 4000
    candles("EUR/USDT", "1h", "1.3", "1.25", on=2 + 9 / 24)
    candles("EUR/USDT", "1h", "1.00", on=2 + 10 / 24)
    assert [deposited(asked(method=method)) for method in ("fifo", "lifo")] == [5000, 5000]


def test_what_comes_after_all_that_happened_has_nothing_calculated_anew(at, monkeypatch):
    happen(holding("main", USDT="0"), transfer("deposit 5000 USDT", 2))
    candles("EUR/USDT", "1h", "1.25", "1.25")
    made_at = asked()["made_at"]
    at(600)
    candles("EUR/USDT", "1h", "1.3", "1.4", on=2 + 2 / 24)
    candles("SOL/USDT", "1h", "100", "101")
    assert (asked()["made_at"], asked()["current"]) == (made_at, True)
    candles("EUR/USDT", "1h", "1.2", on=2 - 1 / 24)
    assert asked()["made_at"] == made_at


def test_while_candles_that_it_needs_are_being_read_it_says_so(at):
    account = holding("main", USDT="5000")
    happen(account, transfer("deposit 5000 USDT", 2))
    read_whole(account, since=day(1), at=later(0))
    candles("EUR/USDT", "1h", "1.3", "1.3", on=9)
    candles("EUR/USDT", "1d", "1.25", "1.25")
    # These it does not need: there is a straight way.
    candles("BTC/EUR", "1h", "50000", on=9)
    read_to("BTC/EUR", "1h", day(9))
    read_to("EUR/USDT", "1h", day(9))
    words = "Candles of EUR/USDT are still being read: what happened is valued anew as they come."
    answer = asked()
    assert (answer["reasons"], answer["complete"], answer["current"]) == ([words], False, True)
    assert words in get(logged_in(), "/api/portfolio/performance", environment="sandbox", currency="EUR")["reasons"]
    candles("EUR/USDT", "1h", "1.0", "1.0")
    read_to("EUR/USDT", "1h", day(2), is_behind=True)
    answer = asked()
    assert (answer["reasons"], deposited(answer)) == ([], 5000)


@pytest.mark.parametrize("changed", [{"due_at": None}, {"status": "not offered"}, {"is_behind": False}])
def test_what_nobody_reads_on_is_not_waited_for(at, changed):
    happen(holding("main", USDT="0"), transfer("deposit 5000 USDT", 2))
    candles("EUR/USDT", "1h", "1.3", on=9)
    read_to("EUR/USDT", "1h", day(9))
    assert any("EUR/USDT" in reason for reason in asked()["reasons"])
    CandleSeries.objects.update(**changed)
    assert not any("EUR/USDT" in reason for reason in asked()["reasons"])


def test_a_way_by_a_hub_is_waited_for_at_both_its_ends(at):
    happen(holding("main", BTC="0"), transfer("deposit 1 BTC", 2))
    candles("EUR/USDT", "1h", "1.3", on=9)
    candles("BTC/USDT", "1h", "65000", on=9)
    for symbol in ("EUR/USDT", "BTC/USDT"):
        read_to(symbol, "1h", day(9))
    assert any("Candles of BTC/USDT, EUR/USDT are still" in reason for reason in asked()["reasons"])


def test_a_rate_that_is_published_and_a_snapshot_that_is_taken_are_prices_too(at):
    account = holding("main", USDT="0")
    happen(account, transfer("deposit 5000 USDT", 2))
    assert deposited(asked()) == 0
    names = {"source": "ecb", "base": "EUR", "currency": "USDT", "published_on": day(2).date()}
    FiatRate.objects.create(**names, rate="1.25")
    assert deposited(asked()) == 4000
    Snapshot.objects.create(
        workspace=account.workspace,
        environment="sandbox",
        taken_at=day(2) + timedelta(minutes=1),
        currency="USDT",
        is_complete=True,
        rates={"EUR": "0.9"},
    )
    assert deposited(asked()) == 4500


def test_a_worker_is_asked_for_prices_that_have_come(at, monkeypatch):
    sent = []
    monkeypatch.setattr(statements, "AT_ONCE", 0)
    monkeypatch.setattr(tasks.keep_books, "delay", lambda **kwargs: sent.append(kwargs["statement_id"]))
    happen(holding("main", USDT="0"), transfer("deposit 5000 USDT", 2))
    logged_in().get("/api/portfolio/pnl", {"environment": "sandbox", "currency": "EUR"})
    bookkeeping.work_at(sent[0], message="first", now=later(0))
    candles("EUR/USDT", "1h", "1.25", "1.25")
    at(60)
    answer = asked()
    assert (answer["current"], len(sent)) == (False, 2)
    assert answer["reasons"][0].startswith("Something has happened, or prices have come, since")
    bookkeeping.work_at(sent[1], message="second", now=later(61))
    assert (deposited(asked()), asked()["current"]) == (4000, True)


# What may come, in any order, while somebody asks by one method or another.
COST = {"EUR/USDT 1h": "1.25", "EUR/USDT 1d": "1.2", "BTC/EUR 1h": "50000", "BTC/USDT 1h": "65000"}
prices = st.sampled_from([*COST, "rate", "snapshot"])
deeds = st.lists(st.one_of(prices, st.sampled_from(["fifo", "lifo", "hifo", "average"])), max_size=8)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deeds=deeds)
def test_two_that_are_current_tell_the_same_whatever_has_come_between_them(deeds):
    """By no method is a deposit another one; what was told last of all is what is told of all that there is."""
    with rolled_back():
        account = holding("main", USDT="0")
        happen(account, transfer("deposit 5000 USDT", 2 + 10.4 / 24))
        for place, deed in enumerate(deeds):
            comes(deed, account, place)
        told = {kept(account, method, len(deeds)) for method in Method}
        Statement.objects.all().delete()
        assert told == {kept(account, Method.FIFO, len(deeds))}


def kept(account, method, seconds):
    """What the deposit is worth by that method; it is current."""
    names = {"currency": "EUR", "method": method, "is_at_par": False, "part": "flows"}
    sight = statements.statement_of(account.workspace, "sandbox", **names, now=later(seconds))
    assert sight.is_current
    [flow] = content.read_flows(sight.statement)
    return flow.value


def comes(what, account, place):
    """Each of another price."""
    if what == "rate":
        names = {"source": "ecb", "base": "EUR", "currency": "USDT", "published_on": day(2).date()}
        FiatRate.objects.get_or_create(**names, defaults={"rate": "1.3"})
    elif what == "snapshot":
        names = {"workspace": account.workspace, "environment": "sandbox", "currency": "USDT", "is_complete": True}
        Snapshot.objects.create(**names, taken_at=day(2 + (10 + place / 100) / 24), rates={"EUR": "0.9"})
    elif " " in what:
        symbol, timeframe = what.split()
        candles(symbol, timeframe, COST[what], COST[what], on=2 if timeframe == "1d" else 2 + 10 / 24)
    else:
        kept(account, Method(what), place)


@contextmanager
def rolled_back():
    try:
        with transaction.atomic():
            yield
            transaction.set_rollback(True)
    finally:
        forget()


def test_snapshots_that_are_thinned_change_nothing(at):
    mine = holding("main", USDT="0")
    happen(mine, transfer("deposit 5000 USDT", 2), transfer("deposit 1 USDT", 9))
    for minute in range(0, 600, 5):
        taken = {"workspace": mine.workspace, "environment": "sandbox", "taken_at": day(5) + timedelta(minutes=minute)}
        Snapshot.objects.create(**taken, currency="USDT", is_complete=True, rates={"EUR": "0.9"})
    asked()
    statement = Statement.objects.get()
    accounts = accounts_of(mine.workspace, "sandbox")
    assert snapshots.thin(day(5) + timedelta(days=2, hours=5)) > 20
    assert bookkeeping.made_from(statement, accounts).letters == statement.made_from
