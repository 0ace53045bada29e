"""What proposals name is read for as long as they are kept, and an answer says what of it is still to come."""

from datetime import timedelta

import pytest

from alphapulse.portfolio.strategies.question import HistoryTooShort
from apps.core.clock import now
from apps.market.models import Asset, AssetAlias, CandleSeries, Market, SeriesStatus, WatchedSymbol
from apps.portfolio.services import proposals, targets
from apps.portfolio.services.optimise import answer_to
from tests.apps import builders
from tests.apps.portfolio.divided import QUESTION, asked, holder, past_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def listed(*symbols: str, exchange_id: str = "binance") -> None:
    for symbol in symbols:
        base, _, quote = symbol.partition("/")
        Market.objects.create(
            exchange_id=exchange_id,
            environment="sandbox",
            symbol=symbol,
            market_id=symbol,
            type="spot",
            base=base,
            quote=quote,
            is_active=True,
            is_inverse=False,
        )


def targeted(workspace: str = "family") -> set[tuple[str, str, str]]:
    rows = WatchedSymbol.objects.filter(source="target", workspace__name=workspace)
    return set(rows.values_list("exchange_id", "symbol", "timeframe"))


def read() -> set[str]:
    return set(CandleSeries.objects.filter(due_at__isnull=False).values_list("symbol", flat=True))


def test_what_a_proposal_names_is_watched_in_its_timeframe_at_ones_own_exchanges():
    builders.account()
    listed("FOO/USDT", "BAR/USDT", "BAZ/USDT", "QUX/USDT", "FOO/BTC")
    listed("FOO/USDT", exchange_id="bybit")
    asked(
        assets=["FOO", "NOBODY"],
        weights=[{"asset": "BAR", "weight": 1.0}],
        views=[{"asset": "BAZ", "over": None, "annual_return": 0.1, "confidence": 0.5}],
        timeframe="4h",
    )
    assert targeted() == {("binance", f"{asset}/USDT", "4h") for asset in ("FOO", "BAR", "BAZ")}
    assert read() == {"FOO/USDT", "BAR/USDT", "BAZ/USDT"}


def test_it_is_read_until_the_last_proposal_that_names_it_is_gone():
    builders.account()
    listed("FOO/USDT", "BAR/USDT")
    first, second = asked(assets=["FOO", "BAR"]), asked(assets=["BAR"])
    for each in (first, second):
        proposals.fail(each, "it is over", now=now())
    first.delete()
    proposals.prune(now())
    assert (targeted(), read()) == ({("binance", "BAR/USDT", "1d")}, {"BAR/USDT"})
    proposals.prune(now() + proposals.KEPT + timedelta(minutes=1))
    assert (targeted(), read()) == (set(), set())


def test_a_workspace_has_no_more_watched_than_its_newest_proposals_may(monkeypatch):
    monkeypatch.setattr(targets, "NEWEST", 2)
    monkeypatch.setattr(targets, "MOST", 3)
    builders.account()
    listed(*(f"C{number}/USDT" for number in range(6)))
    for assets in (["C0"], ["C1", "C2"], ["C3", "C4"]):
        asked(assets=assets)
    assert targeted() == {("binance", f"C{number}/USDT", "1d") for number in (3, 4, 1)}


def test_workspaces_do_not_undo_one_another():
    builders.account()
    builders.account("theirs", owner="neighbours")
    listed("FOO/USDT")
    theirs = builders.workspace("neighbours")
    mine = asked(assets=["FOO"])
    proposals.ask(theirs, environment="sandbox", question=QUESTION | {"assets": ["FOO"]}, actor=None, at=now())
    mine.delete()
    targets.watch_all_targets(now())
    assert (targeted(), targeted("neighbours")) == (set(), {("binance", "FOO/USDT", "1d")})
    assert read() == {"FOO/USDT"}


def test_an_asset_is_looked_for_under_what_exchanges_call_it_where_it_is_held_first():
    builders.account()
    builders.account("second", exchange_id="bybit")
    AssetAlias.objects.create(code="XBT", asset=Asset.objects.create(code="BTC"))
    listed("XBT/USDT", "FOO/USDT")
    listed("FOO/USDT", exchange_id="bybit")
    WatchedSymbol.objects.create(
        source="held", exchange_id="bybit", environment="sandbox", symbol="FOO/USDT", timeframe="1h"
    )
    asked(assets=["BTC", "FOO"])
    assert targeted() == {("binance", "XBT/USDT", "1d"), ("bybit", "FOO/USDT", "1d")}


def test_what_has_no_market_with_the_money_is_watched_by_way_of_another():
    builders.account()
    listed("FOO/USDT", "EUR/USDT", "BAR/BTC", "BTC/EUR", "BAZ/EUR", "LONE/ETH")
    asked(assets=["FOO", "BAR", "BAZ", "LONE", "USDT"], currency="EUR")
    assert {symbol for _, symbol, _ in targeted()} == {"FOO/USDT", "EUR/USDT", "BAR/BTC", "BTC/EUR", "BAZ/EUR"}


def test_a_stablecoin_is_the_money_where_it_is_taken_for_what_it_promises():
    builders.account()
    assert Asset.objects.get(code="USDT").pegged_to == "USD"
    listed("FOO/USDT", "BAR/DOGE")
    asked(assets=["FOO", "BAR"], currency="USD", stablecoins_at_par=True)
    assert {symbol for _, symbol, _ in targeted()} == {"FOO/USDT"}


def test_a_proposal_that_knows_too_little_says_what_is_being_read():
    holder(BTC="1", ETH="10")
    past_of("BTC")
    listed("BTC/USDT", "FOO/USDT")
    proposal = asked(strategy="minimum_variance", assets=["BTC", "FOO"])
    CandleSeries.objects.filter(symbol="BTC/USDT").update(is_behind=False)
    with pytest.raises(HistoryTooShort, match="Candles of FOO/USDT at Binance are being read: ask again"):
        answer_to(proposal, now())
    CandleSeries.objects.filter(symbol="FOO/USDT").update(status=SeriesStatus.FAILED, error="It answers nonsense.")
    with pytest.raises(HistoryTooShort, match="Candles of FOO/USDT at Binance cannot be read: It answers nonsense"):
        answer_to(proposal, now())


def test_an_answer_with_part_of_the_past_says_so_until_all_of_it_is_there():
    holder(BTC="1", ETH="10")
    past_of("BTC", "ETH")
    listed("BTC/USDT", "ETH/USDT")
    proposal = asked(strategy="minimum_variance", assets=["BTC", "ETH"])
    (warning,) = (each for each in answer_to(proposal, now())["warnings"] if "being read" in each)
    assert "BTC/USDT at Binance, ETH/USDT at Binance" in warning
    CandleSeries.objects.update(is_behind=False)
    assert not any("being read" in each for each in answer_to(proposal, now())["warnings"])
