"""What is held and what prices did, put to a strategy: the answer as it is told."""

from decimal import Decimal

import pytest

from alphapulse.portfolio.strategies.question import CannotPropose, HistoryTooShort, IncompleteQuestion
from apps.core.clock import now
from apps.ledger.models import WalletReading, WalletStatus
from apps.market.models import Asset, AssetAlias
from apps.portfolio.services import prices
from apps.portfolio.services.optimise import answer_to

from .divided import QUESTION, asked, holder, past_of, price_now

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def answer(**question):
    return answer_to(asked(**question), now())


def weights(told) -> dict:
    return {row["asset"]: (row["current"], row["proposed"]) for row in told["weights"]}


def refused(kind: type[CannotPropose], **question) -> str:
    with pytest.raises(kind) as told:
        answer(**question)
    return str(told.value)


def test_equal_weights_of_what_is_held_and_the_trades_that_bring_them():
    holder(BTC="1", ETH="10", SOL="100")
    told = answer()
    assert told["invested"] == "105000"
    assert weights(told)["BTC"] == (pytest.approx(60 / 105), 0.333334)
    assert [trade["words"] for trade in told["trades"]] == [
        "sell 0.4166655 BTC for about 24999.93 USDT",
        "buy 133.3331 SOL for about 19999.96 USDT",
        "buy 1.666655 ETH for about 4999.96 USDT",
    ]
    paid = sum(Decimal(trade["value"]) * (1 if trade["side"] == "buy" else -1) for trade in told["trades"])
    assert abs(paid) <= Decimal("0.1")


def test_money_dust_and_what_has_no_price_are_left_out_and_say_so():
    Asset.objects.update_or_create(code="DAI", defaults={"kind": "stablecoin"})
    price_now("DAI", "1")
    price_now("DOGE", "0.1")
    holder(BTC="1", ETH="10", USDT="500", DAI="700", DOGE="10", GHOST="5")
    told = answer()
    assert set(weights(told)) == {"BTC", "ETH"}
    assert told["left_out"] == [
        {"asset": "DAI", "reason": "it is money, and stays"},
        {"asset": "DOGE", "reason": "it is less than a thousandth of the whole"},
        {"asset": "GHOST", "reason": "nobody says what it is worth"},
        {"asset": "USDT", "reason": "it is money, and stays"},
    ]


def test_a_strategy_learns_from_candles_and_tells_how_long_their_history_is():
    holder(BTC="1", ETH="10")
    past_of("BTC", "ETH")
    told = answer(strategy="minimum_variance", days=150)
    assert told["history"]["returns"] == 149
    assert told["history"]["assets"][0] == {"asset": "BTC", "returns": 149, "source": "BTC/USDT at binance"}
    assert told["expected"]["annual_volatility"] < told["now"]["annual_volatility"]
    assert "Learned from 149 returns of all 2 assets" in told["reasons"][1]


def test_no_return_spans_a_hole():
    holder(BTC="1", ETH="10")
    past_of("BTC")
    past_of("ETH", missing=100)
    told = answer(strategy="risk_parity", days=200)
    known = {row["asset"]: row["returns"] for row in told["history"]["assets"]}
    assert known["BTC"] - known["ETH"] == 2
    assert told["history"]["returns"] == known["ETH"]


def test_what_has_no_candles_is_left_out_where_nobody_named_it_and_refused_where_somebody_did():
    holder(BTC="1", ETH="10", SOL="100")
    past_of("BTC", "ETH")
    assert answer(strategy="risk_parity")["left_out"] == [{"asset": "SOL", "reason": "no candles of it are kept"}]
    assert "No returns are known of SOL" in refused(HistoryTooShort, strategy="risk_parity", assets=["BTC", "SOL"])


def test_assets_that_are_not_held_can_be_asked_for():
    holder(BTC="1")
    told = answer(assets=["BTC", "ETH"])
    assert weights(told) == {"BTC": (1.0, 0.5), "ETH": (0.0, 0.5)}
    assert told["trades"][1] | {"words": ""} == {
        "asset": "ETH",
        "side": "buy",
        "amount": "10",
        "value": "30000",
        "words": "",
    }


def test_where_nothing_of_it_is_held_there_are_weights_alone():
    holder(BTC="1")
    told = answer(assets=["ETH", "SOL"])
    assert weights(told) == {"ETH": (None, 0.5), "SOL": (None, 0.5)}
    assert told["trades"] == []


def test_where_nothing_at_all_is_held_somebody_must_name_assets():
    holder(USDT="500")
    assert refused(IncompleteQuestion).endswith("name assets. USDT: it is money, and stays.")


def test_constraints_and_views_come_through():
    holder(BTC="1", ETH="10", SOL="100")
    past_of("BTC", "ETH", "SOL")
    limits = {
        "least": 0.0,
        "most": 0.6,
        "bounds": [{"asset": "SOL", "least": 0.1, "most": 0.2}],
        "groups": [{"name": "majors", "assets": ["BTC", "ETH"], "least": 0.85, "most": 1.0}],
        "max_turnover": 0.3,
    }
    views = [{"asset": "ETH", "over": "BTC", "annual_return": 0.5, "confidence": 0.5}]
    told = weights(answer(strategy="black_litterman", constraints=limits, views=views))
    assert 0.1 - 1e-4 <= told["SOL"][1] <= 0.15 + 1e-4
    assert max(proposed for _, proposed in told.values()) <= 0.6 + 1e-4


def test_a_coin_that_is_called_otherwise_there_is_still_itself():
    holder(BTC="1")
    lunc, _ = Asset.objects.get_or_create(code="LUNC")
    AssetAlias.objects.create(exchange_id="binance", code="OLDLUNA", asset=lunc)
    past_of("BTC", "OLDLUNA")
    told = answer(strategy="risk_parity", assets=["BTC", "LUNC"])
    assert told["history"]["assets"][1]["source"] == "OLDLUNA/USDT at binance"


def test_an_account_that_could_not_be_read_is_a_warning():
    account = holder(BTC="1", ETH="10")
    WalletReading.objects.filter(account=account, kind="balances").exclude(wallet="spot").update(
        as_of=None, status=WalletStatus.FAILED
    )
    (told,) = (each for each in answer()["warnings"] if each.startswith("Not all that main holds is counted: "))
    assert "balances of funding: failed" in told


def test_a_question_of_an_environment_sees_nothing_of_the_other():
    holder(BTC="1")
    proposal = asked(**QUESTION)
    proposal.environment = "live"
    with pytest.raises(IncompleteQuestion):
        answer_to(proposal, now())


def test_who_takes_stablecoins_for_what_they_promise_has_their_markets_past_and_worth():
    Asset.objects.update_or_create(code="USDT", defaults={"kind": "stablecoin", "pegged_to": "USD"})
    holder(BTC="1", ETH="10")
    past_of("BTC", "ETH")
    assert "nobody says what it is worth" in refused(IncompleteQuestion, currency="USD")
    told = answer(currency="USD", strategy="minimum_variance", stablecoins_at_par=True)
    assert (told["invested"], told["history"]["returns"]) == ("90000", 199)
    assert told["history"]["assets"][0]["source"] == "BTC/USDT at binance"


@pytest.mark.parametrize("strategy", ["given", "market_cap"])
def test_a_strategy_without_the_weights_it_takes_is_refused(strategy):
    holder(BTC="1", ETH="10")
    assert f"{strategy} takes" in refused(IncompleteQuestion, strategy=strategy)


def test_what_has_no_market_with_the_money_has_a_past_by_way_of_another_coin():
    """SOL/BTC times BTC/USDT; and in euros, where USDT costs what EUR/USDT says the other way round."""
    holder(BTC="1", SOL="100", EUR="1")
    past_of("BTC", "EUR")
    past_of("SOL", against="BTC")
    told = answer(strategy="minimum_variance", assets=["BTC", "SOL"])
    assert told["history"]["returns"] == 199
    assert [each["source"] for each in told["history"]["assets"]] == [
        "BTC/USDT at binance",
        "SOL/BTC at binance, BTC/USDT at binance",
    ]
    price_now("EUR", "1.25")
    prices.forget()
    in_euros = answer(strategy="minimum_variance", assets=["BTC"], currency="EUR")
    assert in_euros["history"]["assets"][0]["source"] == "BTC/USDT at binance, EUR/USDT at binance"
    assert in_euros["history"]["returns"] == 199


def test_what_has_no_past_at_all_is_named():
    holder(BTC="1", ETH="10")
    past_of("BTC")
    told = refused(HistoryTooShort, strategy="risk_parity", assets=["BTC", "ETH"])
    assert told.startswith("No returns are known of ETH, and 60 of all assets together are needed")
