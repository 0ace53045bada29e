"""Each strategy against what defines it, and against its constraints."""

from dataclasses import replace
from math import nan

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from numpy.linalg import LinAlgError

from alphapulse.portfolio.strategies import solving
from alphapulse.portfolio.strategies.history import Returns
from alphapulse.portfolio.strategies.question import (
    Bounds,
    CannotPropose,
    Constraints,
    Group,
    HistoryTooShort,
    IncompleteQuestion,
    Infeasible,
    Question,
    Strategy,
    View,
)
from alphapulse.portfolio.strategies.solving import rounded, solve
from tests.alphapulse.portfolio.strategies.pasts import NAMES, past, question, without_past

# What a solver leaves open, and rounding to six places.
NEAR = 2e-4
FEW = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


def weights(asked: Question) -> np.ndarray:
    return np.array(list(solve(asked).weights.values()))


def covariance(returns: Returns) -> np.ndarray:
    """Shrunk as the strategies see it, in the order of the assets' names."""
    from skfolio.moments import LedoitWolf

    order = np.argsort(returns.assets)
    return LedoitWolf().fit(np.array(returns.rows)[:, order]).covariance_


# --- What defines each -----------------------------------------------------------------------------------------------


def test_given_weights_are_made_to_sum_to_one():
    told = solve(without_past("given", ["BTC", "ETH"], weights={"BTC": 3.0, "ETH": 1.0}))
    assert told.weights == {"BTC": 0.75, "ETH": 0.25}
    assert told.estimate is None
    assert "not estimated" in told.warnings[0]


def test_market_caps_make_weights():
    told = solve(without_past("market_cap", ["BTC", "ETH"], weights={"BTC": 1.8e12, "ETH": 0.2e12}))
    assert told.weights == {"BTC": 0.9, "ETH": 0.1}


def test_equal_weights_are_equal_and_sum_to_one_to_the_last_place():
    told = solve(without_past("equal_weight", NAMES[:3]))
    assert sorted(told.weights.values()) == [0.333333, 0.333333, 0.333334]
    assert sum(told.weights.values()) == pytest.approx(1, abs=1e-12)


def test_no_other_weights_vary_less_than_those_of_minimum_variance():
    asked = question("minimum_variance")
    best, risk = weights(asked), covariance(asked.returns)
    chance = np.random.default_rng(7)
    for other in chance.dirichlet(np.ones(3), 500):
        assert best @ risk @ best <= other @ risk @ other * (1 + NEAR)


def test_no_other_weights_earn_more_for_their_risk_than_those_of_maximum_sharpe():
    asked = question("maximum_sharpe", returns=past((0.02, 0.03, 0.04), drift=0.003))
    best, risk = weights(asked), covariance(asked.returns)
    mean = np.array(asked.returns.rows).mean(axis=0)[np.argsort(asked.returns.assets)]
    ratio = lambda mix: mean @ mix / np.sqrt(mix @ risk @ mix)  # noqa: E731
    for other in np.random.default_rng(7).dirichlet(np.ones(3), 500):
        assert ratio(best) >= ratio(other) * (1 - NEAR)


def test_in_risk_parity_every_asset_carries_the_same_part_of_the_risk():
    asked = question("risk_parity", risks=(0.02, 0.03, 0.05, 0.01))
    mix, risk = weights(asked), covariance(asked.returns)
    parts = mix * (risk @ mix) / (mix @ risk @ mix)
    assert parts == pytest.approx(np.full(4, 0.25), abs=2e-3)


def test_two_assets_in_hierarchical_risk_parity_are_weighed_by_the_inverse_of_their_variance():
    asked = question("hierarchical_risk_parity", risks=(0.02, 0.04))
    variances = np.diag(covariance(asked.returns))
    assert weights(asked) == pytest.approx((1 / variances) / (1 / variances).sum(), abs=NEAR)


def test_black_litterman_without_a_view_holds_what_the_market_holds():
    market = {"BTC": 5.0, "ETH": 3.0, "SOL": 2.0}
    assert weights(question("black_litterman", weights=market)) == pytest.approx([0.5, 0.3, 0.2], abs=NEAR)


def test_a_view_moves_weights_its_way_and_the_more_the_more_it_is_trusted():
    market = {"BTC": 5.0, "ETH": 3.0, "SOL": 2.0}
    held = [
        solve(question("black_litterman", weights=market, views=(view,))).weights["SOL"]
        for view in (View(asset="SOL", over="BTC", annual_return=2.0, confidence=trust) for trust in (0.05, 0.2, 0.5))
    ]
    assert 0.2 < held[0] < held[1] < held[2]


def test_what_is_held_counts_as_the_market_where_none_is_given():
    current = {"BTC": 0.6, "ETH": 0.4}
    assert weights(question("black_litterman", risks=(0.02, 0.03), current=current)) == pytest.approx(
        [0.6, 0.4], abs=NEAR
    )


@pytest.mark.parametrize("strategy", Strategy)
def test_one_asset_is_all_there_is_to_hold(strategy):
    asked = question(strategy, risks=(0.02,), weights={"BTC": 1.0}, returns=past((0.02,), drift=0.003))
    assert solve(asked).weights == {"BTC": 1.0}


# --- Constraints -----------------------------------------------------------------------------------------------------

MARKET = {name: 1.0 + number for number, name in enumerate(NAMES)}


@some.composite
def questions(draw) -> Question:
    """Of any strategy, with constraints that can be kept."""
    number = draw(some.integers(2, 6))
    risks = draw(some.lists(some.floats(0.005, 0.1), min_size=number, max_size=number))
    returns = past(risks, seed=draw(some.integers(0, 1000)), drift=0.004)
    most = draw(some.floats(1.2 / number, 1.0))
    least = draw(some.floats(0.0, 0.5 / number))
    floor = draw(some.floats(0.0, min(0.9, 2 * most) / 2))
    pair = Group(name="pair", assets=frozenset(NAMES[:2]), bounds=Bounds(least=floor))
    return Question(
        strategy=draw(some.sampled_from(Strategy)),
        returns=returns,
        weights={name: MARKET[name] for name in returns.assets},
        current=dict.fromkeys(returns.assets, 1 / number),
        constraints=Constraints(
            each=Bounds(least=least, most=most), groups=(pair,), max_turnover=draw(some.floats(0.4, 1.0))
        ),
    )


@FEW
@given(questions())
def test_weights_sum_to_one_and_keep_every_constraint(asked):
    told = solve(asked).weights
    limits = asked.constraints
    assert sum(told.values()) == pytest.approx(1, abs=1e-9)
    assert min(told.values()) >= limits.each.least - NEAR
    assert max(told.values()) <= limits.each.most + NEAR
    assert told[NAMES[0]] + told[NAMES[1]] >= limits.groups[0].bounds.least - NEAR
    moved = sum(abs(told[name] - asked.current[name]) for name in told) / 2
    assert moved <= limits.max_turnover + NEAR


@FEW
@given(questions(), some.randoms())
def test_the_order_in_which_assets_are_given_changes_nothing(asked, chance):
    order = list(range(len(asked.returns.assets)))
    chance.shuffle(order)
    shuffled = replace(
        asked.returns,
        assets=tuple(asked.returns.assets[place] for place in order),
        rows=tuple(tuple(row[place] for place in order) for row in asked.returns.rows),
    )
    assert solve(replace(asked, returns=shuffled)).weights == solve(asked).weights


@pytest.mark.parametrize("strategy", Strategy)
def test_a_turnover_of_nothing_leaves_everything_as_it_is(strategy):
    current = {"BTC": 0.5, "ETH": 0.3, "SOL": 0.2}
    asked = question(
        strategy,
        returns=past((0.02, 0.03, 0.04), drift=0.003),
        weights={name: MARKET[name] for name in current},
        current=current,
        constraints=Constraints(max_turnover=0.0),
    )
    assert solve(asked).weights == pytest.approx(current, abs=2e-3)


def test_a_bound_that_holds_is_a_reason():
    limits = Constraints(each=Bounds(most=0.6))
    told = solve(without_past("given", ["BTC", "ETH"], weights={"BTC": 9.0, "ETH": 1.0}, constraints=limits))
    assert told.weights == pytest.approx({"BTC": 0.6, "ETH": 0.4}, abs=NEAR)
    assert told.reasons[1:] == (
        "The constraints do not allow just that: these are the nearest weights that they allow.",
        "BTC is at its most, 60 %.",
    )


# --- What cannot be answered, in words -------------------------------------------------------------------------------


def refused(kind: type[Exception], asked: Question) -> str:
    with pytest.raises(kind) as told:
        solve(asked)
    return str(told.value)


def test_most_weights_that_do_not_reach_the_whole_are_infeasible():
    asked = without_past("equal_weight", NAMES[:3], constraints=Constraints(each=Bounds(most=0.3)))
    assert refused(Infeasible, asked) == (
        "The most weights add up to 90.0 %, less than the whole: allow more of each, or more assets."
    )


def test_least_weights_beyond_the_whole_are_infeasible():
    asked = without_past("equal_weight", NAMES[:3], constraints=Constraints(each=Bounds(least=0.4)))
    assert refused(Infeasible, asked) == "The least weights add up to 120.0 %, more than the whole."


def test_what_contradicts_is_named_by_what_would_help():
    pair = Group(name="majors", assets=frozenset({"BTC", "ETH"}), bounds=Bounds(least=0.9))
    limits = Constraints(groups=(pair,), max_turnover=0.1)
    asked = without_past("equal_weight", NAMES[:3], current={"SOL": 1.0}, constraints=limits)
    assert refused(Infeasible, asked) == (
        "No weights keep all of the constraints. They could be kept without the limits of the group majors or "
        "without the limit of turnover: 90.0 % must change hands at least."
    )


def test_a_group_whose_limits_nothing_keeps_is_named_with_what_is_possible():
    def why(limits):
        return refused(Infeasible, without_past("equal_weight", NAMES[:3], constraints=limits))

    low = Group(name="low", assets=frozenset({"BTC"}), bounds=Bounds(least=0.5))
    assert why(Constraints(by_asset={"BTC": Bounds(most=0.2)}, groups=(low,))) == (
        "The group low is to have 50.0 % at least: bounds allow 20.0 %."
    )
    high = Group(name="high", assets=frozenset({"BTC", "ETH"}), bounds=Bounds(most=0.3))
    assert why(Constraints(each=Bounds(most=0.5), groups=(high,))) == (
        "The group high is to have 30.0 % at most: bounds demand 50.0 %."
    )


def test_a_turnover_that_is_too_little_is_told_with_how_much_it_would_take():
    limits = Constraints(each=Bounds(most=0.5), max_turnover=0.0)
    asked = without_past("equal_weight", NAMES[:3], current={"BTC": 0.9, "ETH": 0.1}, constraints=limits)
    assert refused(Infeasible, asked) == (
        "No weights keep all of the constraints. They could be kept without the limit of turnover: 40.0 % must change "
        "hands at least."
    )


def test_a_short_history_is_refused_by_who_learns_from_it():
    asked = question("minimum_variance", returns=past((0.02, 0.03), days=59))
    assert refused(HistoryTooShort, asked).startswith("59 returns are known of all assets together, and 60 are needed")


def test_a_short_history_is_a_warning_to_who_needs_none():
    told = solve(question("equal_weight", returns=past((0.02, 0.03), days=59)))
    assert "59 returns are known" in told.warnings[0]


def test_the_money_itself_is_no_asset_to_learn_about():
    returns = past((0.02, 0.0))
    assert refused(IncompleteQuestion, question("risk_parity", returns=returns)).startswith("The price of ETH does not")


def test_where_nothing_earned_anything_there_is_no_best_ratio():
    asked = question("maximum_sharpe", returns=past((0.02, 0.03), drift=-0.01))
    assert "no ratio is the best" in refused(Infeasible, asked)


def test_constraints_and_views_on_other_assets_are_refused():
    limits = Constraints(by_asset={"DOGE": Bounds(most=0.1)})
    assert "DOGE, which is not asked for" in refused(
        IncompleteQuestion, without_past("equal_weight", ["BTC"], constraints=limits)
    )
    view = (View(asset="DOGE", annual_return=1.0),)
    assert "view on DOGE" in refused(IncompleteQuestion, question("black_litterman", weights=MARKET, views=view))


@pytest.mark.parametrize("strategy", ["given", "market_cap", "black_litterman"])
@pytest.mark.parametrize("wrong", [{"BTC": -1.0, "ETH": 2.0}, {"BTC": 0.0, "ETH": 0.0}, {"BTC": nan, "ETH": 1.0}])
def test_weights_of_nothing_or_less_are_refused(strategy, wrong):
    told = refused(IncompleteQuestion, without_past(strategy, ["BTC", "ETH"], weights=wrong))
    assert "must not be negative" in told


def test_what_a_strategy_takes_in_weights_is_asked_for_in_words():
    for strategy, words in (
        ("given", "takes its targets in weights"),
        ("market_cap", "the size of each market (its capitalisation) in weights"),
        ("black_litterman", "give the size of each market in weights"),
    ):
        assert words in refused(IncompleteQuestion, without_past(strategy, ["BTC", "ETH"]))


def test_a_size_that_was_forgotten_is_not_nothing_but_a_target_is():
    some = {"weights": {"BTC": 1.0}}
    for strategy in ("market_cap", "black_litterman"):
        assert "ETH has none" in refused(IncompleteQuestion, without_past(strategy, ["BTC", "ETH"], **some))
    assert solve(without_past("given", ["BTC", "ETH"], **some)).weights == {"BTC": 1.0, "ETH": 0.0}


def test_targets_of_what_is_not_asked_for_are_refused():
    told = refused(IncompleteQuestion, without_past("given", ["BTC"], weights={"BTC": 1.0, "DOGE": 1.0}))
    assert told == "There are targets of DOGE, not asked for: name it in assets, too."


def test_views_that_say_nothing_or_two_things_are_refused():
    def why(*views):
        return refused(IncompleteQuestion, question("black_litterman", weights=MARKET, views=views))

    assert "BTC over itself" in why(View(asset="BTC", over="BTC", annual_return=0.1))
    twice = View(asset="BTC", annual_return=0.1), View(asset="BTC", annual_return=-0.1)
    assert "two views on BTC" in why(*twice)
    assert "two views on ETH over BTC" in why(
        View(asset="BTC", over="ETH", annual_return=0.1), View(asset="ETH", over="BTC", annual_return=0.1)
    )


def test_views_that_contradict_each_other_are_refused():
    views = (
        View(asset="BTC", annual_return=0.5, confidence=1.0),
        View(asset="ETH", annual_return=0.1, confidence=1.0),
        View(asset="BTC", over="ETH", annual_return=-0.5, confidence=1.0),
    )
    told = refused(IncompleteQuestion, question("black_litterman", weights=MARKET, views=views))
    assert "contradict each other" in told
    assert solve(question("black_litterman", weights=MARKET, views=views[:2])).weights


def test_where_the_solver_gives_up_it_is_said_in_words(monkeypatch):
    def gives_up(*_):
        raise LinAlgError("Singular matrix")

    monkeypatch.setattr(solving, "STRATEGIES", {Strategy.RISK_PARITY: gives_up})
    told = refused(CannotPropose, question("risk_parity"))
    assert told.startswith("The solver found no answer")
    assert told.endswith("Singular matrix")


def test_where_nothing_is_expected_to_earn_anything_views_have_no_best_ratio_either():
    asked = question("black_litterman", weights=MARKET, risk_free_rate=9.0)
    assert "no mix within the constraints will earn more than the risk-free rate" in refused(Infeasible, asked)


def test_a_turnover_of_nothing_held_is_refused():
    asked = without_past("equal_weight", ["BTC"], constraints=Constraints(max_turnover=0.5))
    assert refused(IncompleteQuestion, asked).startswith("Nothing of these assets is held")


def test_an_uncertain_return_is_said_to_be_so():
    told = solve(question("minimum_variance", returns=past((0.05, 0.06), drift=0.0, seed=5)))
    assert "it may as well be none" in told.warnings[0]
    assert told.estimate.return_error > abs(told.estimate.annual_return)


@FEW
@given(some.lists(some.floats(0, 1), min_size=1, max_size=9).filter(lambda each: sum(each) > 0.01))
def test_rounding_keeps_the_sum_and_moves_nobody_by_more_than_a_place(given_weights):
    exact = np.array(given_weights) / sum(given_weights)
    told = rounded(exact)
    assert told.sum() == pytest.approx(1, abs=1e-12)
    assert np.abs(told - exact).max() <= 1e-6 + 1e-12
