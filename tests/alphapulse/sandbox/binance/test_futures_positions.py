"""Positions on USD-M: one-way and hedge, margin, liquidation, funding, and what the wallet says of them."""

from decimal import Decimal as D

import pytest

from alphapulse.sandbox.markets import MarketKind
from alphapulse.sandbox.orders import Rejection
from tests.alphapulse.sandbox.binance.futures_desk import BTC, ETH, Desk, Refused

HOUR_S = 3600


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.pin("50000")
    return desk


def hedged(desk: Desk) -> Desk:
    desk.ask("POST", "/fapi/v1/positionSide/dual", dualSidePosition=True)
    return desk


def test_buying_opens_a_long_at_the_price_paid(desk: Desk):
    order = desk.order("BUY", "0.100")
    position = desk.positions()["BOTH"]
    assert position["positionAmt"] == "0.100"
    assert D(position["entryPrice"]) == D(order["avgPrice"])


def test_selling_more_than_is_held_turns_a_long_into_a_short(desk: Desk):
    desk.order("BUY", "0.100")
    order = desk.order("SELL", "0.250")
    position = desk.positions()["BOTH"]
    assert position["positionAmt"] == "-0.150"
    assert D(position["entryPrice"]) == D(order["avgPrice"])


def test_profit_is_unrealised_until_closed_and_then_in_the_wallet(desk: Desk):
    bought = D(desk.order("BUY", "0.100")["avgPrice"])
    desk.pin("51000")
    before = desk.asset()
    assert before["unrealizedProfit"] == (desk.price() - bought) * D("0.100")
    assert before["marginBalance"] == before["walletBalance"] + before["unrealizedProfit"]
    sold = D(desk.order("SELL", "0.100", reduceOnly=True)["avgPrice"])
    after, fees = desk.asset(), sum(desk.income("COMMISSION"))
    assert desk.income("REALIZED_PNL") == [(sold - bought) * D("0.100")]
    assert after["walletBalance"] == 10_000 + (sold - bought) * D("0.100") + fees
    assert after["unrealizedProfit"] == 0


def test_a_position_ties_up_its_initial_margin(desk: Desk):
    desk.ask("POST", "/fapi/v1/leverage", symbol=BTC, leverage=10)
    desk.order("BUY", "0.100")
    asset, position = desk.asset(), desk.positions()["BOTH"]
    assert asset["positionInitialMargin"] == D(position["notional"]) / 10
    assert asset["availableBalance"] == asset["marginBalance"] - asset["initialMargin"]


def test_an_open_order_ties_up_margin_until_it_is_cancelled(desk: Desk):
    desk.order("BUY", "0.100", "45000")
    assert desk.asset()["openOrderInitialMargin"] == D(4500) / 20
    assert desk.asset()["availableBalance"] == 10_000 - D(4500) / 20
    desk.ask("DELETE", "/fapi/v1/allOpenOrders", symbol=BTC)
    assert desk.asset()["availableBalance"] == 10_000


def test_an_order_that_only_closes_needs_no_margin(desk: Desk):
    desk.exchange.set_balance(desk.account, "futures", "USDT", D(300))
    desk.order("BUY", "0.110")
    assert desk.asset()["availableBalance"] < 25
    assert desk.order("SELL", "0.110", "52000")["status"] == "NEW"
    assert desk.asset()["openOrderInitialMargin"] == 0


class TestHedgeMode:
    def test_a_long_and_a_short_of_one_market_stand_side_by_side(self, desk: Desk):
        hedged(desk).order("BUY", "0.100", positionSide="LONG")
        desk.order("SELL", "0.030", positionSide="SHORT")
        assert {side: row["positionAmt"] for side, row in desk.positions().items()} == {
            "LONG": "0.100",
            "SHORT": "-0.030",
        }

    def test_a_leg_is_closed_by_trading_against_it_and_never_turns(self, desk: Desk):
        hedged(desk).order("BUY", "0.100", positionSide="LONG")
        with pytest.raises(Refused, match=r"-2022 ReduceOnly Order is rejected."):
            desk.order("SELL", "0.150", positionSide="LONG")
        assert desk.order("SELL", "0.100", positionSide="LONG")["reduceOnly"] is True
        assert desk.positions() == {}

    def test_an_order_must_name_its_leg(self, desk: Desk):
        with pytest.raises(Refused, match="-4061"):
            hedged(desk).order("BUY", "0.100")

    def test_reduce_only_is_not_said_again(self, desk: Desk):
        hedged(desk).order("BUY", "0.100", positionSide="LONG")
        with pytest.raises(Refused, match=r"-1106 Parameter 'reduceonly' sent when not required."):
            desk.order("SELL", "0.100", positionSide="LONG", reduceOnly=True)

    def test_the_mode_changes_only_without_positions_and_orders(self, desk: Desk):
        with pytest.raises(Refused, match="-4059"):
            desk.ask("POST", "/fapi/v1/positionSide/dual", dualSidePosition=False)
        desk.order("BUY", "0.100", "45000")
        with pytest.raises(Refused, match="-4067"):
            hedged(desk)
        desk.ask("DELETE", "/fapi/v1/allOpenOrders", symbol=BTC)
        desk.order("BUY", "0.100")
        with pytest.raises(Refused, match="-4068"):
            hedged(desk)
        desk.order("SELL", "0.100")
        assert hedged(desk).get("/fapi/v1/positionSide/dual") == {"dualSidePosition": True}

    def test_the_old_answers_list_both_legs_of_every_market(self, desk: Desk):
        rows = hedged(desk).get("/fapi/v2/positionRisk", symbol=BTC)
        assert [(row["positionSide"], row["positionAmt"]) for row in rows] == [("LONG", "0.000"), ("SHORT", "0.000")]


class TestMarginTypes:
    def isolate(self, desk: Desk, leverage: int = 10) -> None:
        desk.ask("POST", "/fapi/v1/leverage", symbol=BTC, leverage=leverage)
        desk.ask("POST", "/fapi/v1/marginType", symbol=BTC, marginType="ISOLATED")

    def test_an_isolated_position_has_its_own_wallet_inside_the_wallet(self, desk: Desk):
        self.isolate(desk)
        order = desk.order("BUY", "0.100")
        position, asset = desk.positions()["BOTH"], desk.asset()
        assert D(position["isolatedWallet"]) == D(order["cumQuote"]) / 10
        assert asset["crossWalletBalance"] == asset["walletBalance"] - D(position["isolatedWallet"])
        assert D(position["isolatedMargin"]) == D(position["isolatedWallet"]) + D(position["unRealizedProfit"])
        assert asset["availableBalance"] == asset["crossWalletBalance"]

    def test_its_liquidation_price_depends_on_that_alone(self, desk: Desk):
        self.isolate(desk)
        desk.order("BUY", "0.100")
        before = D(desk.positions()["BOTH"]["liquidationPrice"])
        assert 45_000 < before < 46_000  # a tenth of the entry price away, less the maintenance margin
        desk.exchange.set_balance(desk.account, "futures", "USDT", D(1_000_000))
        assert D(desk.positions()["BOTH"]["liquidationPrice"]) == before

    def test_margin_can_be_added_and_taken_back_within_reason(self, desk: Desk):
        self.isolate(desk)
        desk.order("BUY", "0.100")
        before = desk.positions()["BOTH"]
        desk.ask("POST", "/fapi/v1/positionMargin", symbol=BTC, amount="100", type=1)
        after = desk.positions()["BOTH"]
        assert D(after["isolatedWallet"]) == D(before["isolatedWallet"]) + 100
        assert D(after["liquidationPrice"]) < D(before["liquidationPrice"])
        with pytest.raises(Refused, match="-4051"):
            desk.ask("POST", "/fapi/v1/positionMargin", symbol=BTC, amount="200", type=2)
        with pytest.raises(Refused, match="-4050"):
            desk.ask("POST", "/fapi/v1/positionMargin", symbol=BTC, amount="100000", type=1)

    def test_the_type_changes_only_when_nothing_is_open(self, desk: Desk):
        with pytest.raises(Refused, match=r"-4046 No need to change margin type."):
            desk.ask("POST", "/fapi/v1/marginType", symbol=BTC, marginType="CROSSED")
        desk.order("BUY", "0.100")
        with pytest.raises(Refused, match="-4048"):
            desk.ask("POST", "/fapi/v1/marginType", symbol=BTC, marginType="ISOLATED")

    def test_a_cross_long_is_liquidated_below_and_a_cross_short_above(self, desk: Desk):
        desk.order("BUY", "1")
        assert 0 < D(desk.positions()["BOTH"]["liquidationPrice"]) < 50_000
        desk.order("SELL", "2")
        assert D(desk.positions()["BOTH"]["liquidationPrice"]) > 50_000

    def test_a_loss_elsewhere_brings_a_cross_position_nearer_to_liquidation(self, desk: Desk):
        desk.pin("3000", ETH)
        desk.order("BUY", "1")
        desk.order("BUY", "10", symbol=ETH)
        before = D(desk.positions()["BOTH"]["liquidationPrice"])
        desk.pin("2900", ETH)
        assert D(desk.positions()["BOTH"]["liquidationPrice"]) > before


class TestLeverage:
    def test_it_must_be_one_the_market_has(self, desk: Desk):
        for leverage in (0, 126):
            with pytest.raises(Refused, match="-4028"):
                desk.ask("POST", "/fapi/v1/leverage", symbol=BTC, leverage=leverage)

    def test_it_bounds_the_notional(self, desk: Desk):
        answer = desk.ask("POST", "/fapi/v1/leverage", symbol=BTC, leverage=125)
        assert answer == {"leverage": 125, "maxNotionalValue": "50000", "symbol": BTC}
        [config] = desk.get("/fapi/v1/symbolConfig", symbol=BTC)
        assert (config["leverage"], config["marginType"]) == (125, "CROSSED")

    def test_less_of_it_needs_the_margin(self, desk: Desk):
        desk.order("BUY", "3")
        with pytest.raises(Refused, match="-2028"):
            desk.ask("POST", "/fapi/v1/leverage", symbol=BTC, leverage=2)


class TestFunding:
    def test_it_is_paid_at_its_times_and_written_down(self, desk: Desk):
        desk.order("BUY", "0.100")
        desk.wall.pass_(seconds=25 * HOUR_S)
        payments = desk.get("/fapi/v1/income", incomeType="FUNDING_FEE")
        rates = desk.get("/fapi/v1/fundingRate", symbol=BTC, startTime=desk.wall.ms - 25 * HOUR_S * 1000)
        assert [row["time"] for row in payments] == [row["fundingTime"] for row in rates]
        assert len(payments) == 3
        for payment, paid in zip(payments, rates, strict=True):
            assert D(payment["income"]) == -D("0.100") * D(paid["markPrice"]) * D(paid["fundingRate"])
        assert desk.asset()["walletBalance"] == 10_000 + sum(desk.income("FUNDING_FEE") + desk.income("COMMISSION"))

    def test_a_long_pays_what_a_short_receives(self, desk: Desk):
        hedged(desk).order("BUY", "0.100", positionSide="LONG")
        desk.order("SELL", "0.100", positionSide="SHORT")
        desk.wall.pass_(seconds=24 * HOUR_S)
        payments = desk.income("FUNDING_FEE")
        assert len(payments) == 6
        assert sum(payments) == 0

    def test_nobody_pays_for_the_time_before_the_position(self, desk: Desk):
        desk.wall.pass_(seconds=30 * HOUR_S)
        desk.order("BUY", "0.100")
        assert desk.income("FUNDING_FEE") == []

    def test_an_isolated_position_pays_from_what_is_set_aside(self, desk: Desk):
        desk.ask("POST", "/fapi/v1/marginType", symbol=BTC, marginType="ISOLATED")
        desk.order("BUY", "0.100")
        before = D(desk.positions()["BOTH"]["isolatedWallet"])
        desk.wall.pass_(seconds=8 * HOUR_S)
        after = D(desk.positions()["BOTH"]["isolatedWallet"])
        assert after == before + sum(desk.income("FUNDING_FEE"))
        assert after != before

    def test_the_premium_index_tells_the_next_payment(self, desk: Desk):
        told = desk.send("GET", "/fapi/v1/premiumIndex", f"symbol={BTC}").content
        desk.order("BUY", "0.100")
        desk.wall.pass_(seconds=(told["nextFundingTime"] - desk.wall.ms) / 1000)
        [payment] = desk.get("/fapi/v1/income", incomeType="FUNDING_FEE")
        assert payment["time"] == told["nextFundingTime"]
        assert D(payment["income"]) == -D(100 * 50) * D(told["lastFundingRate"])


class TestMultiAssets:
    def test_coins_stand_in_for_each_other(self, desk: Desk):
        desk.exchange.set_balance(desk.account, "futures", "USDC", D(5000))
        assert desk.asset("USDC")["availableBalance"] == 5000
        desk.ask("POST", "/fapi/v1/multiAssetsMargin", multiAssetsMargin=True)
        assert desk.asset("USDC")["availableBalance"] > 14_000  # more than there is of it, as the real one says
        assert desk.get("/fapi/v1/multiAssetsMargin") == {"multiAssetsMargin": True}

    def test_an_order_may_use_them_then(self, desk: Desk):
        desk.exchange.set_balance(desk.account, "futures", "USDT", D(10))
        desk.exchange.set_balance(desk.account, "futures", "USDC", D(5000))
        with pytest.raises(Refused, match="-2019"):
            desk.order("BUY", "0.100")
        desk.ask("POST", "/fapi/v1/multiAssetsMargin", multiAssetsMargin=True)
        assert desk.order("BUY", "0.100")["status"] == "FILLED"

    def test_isolated_margin_and_multi_assets_exclude_each_other(self, desk: Desk):
        desk.ask("POST", "/fapi/v1/multiAssetsMargin", multiAssetsMargin=True)
        with pytest.raises(Refused, match="-4168"):
            desk.ask("POST", "/fapi/v1/marginType", symbol=BTC, marginType="ISOLATED")
        with pytest.raises(Refused, match="-4171"):
            desk.ask("POST", "/fapi/v1/multiAssetsMargin", multiAssetsMargin=True)


def test_the_versions_of_the_account_agree(desk: Desk):
    desk.order("BUY", "0.100")
    old, new = desk.get("/fapi/v2/account"), desk.get("/fapi/v3/account")
    assert {name: old[name] for name in new if name.startswith("total")} == {
        name: new[name] for name in new if name.startswith("total")
    }
    [position] = new["positions"]
    [same] = [row for row in old["positions"] if D(row["positionAmt"])]
    assert position.items() <= same.items()
    assert len(old["positions"]) == len(desk.exchange.markets.of(MarketKind.LINEAR))


def test_the_balance_agrees_with_the_account(desk: Desk):
    desk.order("BUY", "0.100")
    [row] = [row for row in desk.get("/fapi/v3/balance") if row["asset"] == "USDT"]
    asset = desk.asset()
    assert D(row["balance"]) == asset["walletBalance"]
    assert D(row["availableBalance"]) == asset["availableBalance"]


def test_a_coin_that_was_never_there_has_no_time(desk: Desk):
    assert desk.asset("USDC")["updateTime"] == 0
    assert desk.asset("USDT")["updateTime"] > 0


def test_a_contract_margined_in_usdc_settles_in_usdc(desk: Desk):
    desk.exchange.set_balance(desk.account, "futures", "USDC", D(1000))
    desk.order("BUY", "0.010", symbol="BTCUSDC")
    [trade] = desk.get("/fapi/v1/userTrades", symbol="BTCUSDC")
    assert trade["commissionAsset"] == "USDC"
    assert desk.asset("USDC")["walletBalance"] == 1000 - D(trade["commission"])
    assert desk.asset("USDT")["walletBalance"] == 10_000


def test_collateral_of_a_position_cannot_be_carried_off(desk: Desk):
    desk.order("BUY", "3")
    withdrawable = desk.asset()["maxWithdrawAmount"]
    assert withdrawable < 3000
    with pytest.raises(Rejection):
        desk.exchange.transfer(desk.account, "USDT", withdrawable + 10, source="futures", target="spot")
    desk.exchange.transfer(desk.account, "USDT", withdrawable - 1, source="futures", target="spot")
