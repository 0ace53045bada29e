"""A proposal's answer: what is held, and what prices did, put to a strategy; and what would follow from it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from alphapulse.market import timeframes
from alphapulse.money import plain
from alphapulse.portfolio.strategies.history import Returns, no_history, returns_of
from alphapulse.portfolio.strategies.question import (
    PLAIN,
    Bounds,
    Constraints,
    Group,
    HistoryTooShort,
    IncompleteQuestion,
    Question,
    Strategy,
    View,
)
from apps.exchanges.models import ExchangeAccount
from apps.market.models import Asset, AssetKind
from apps.market.services.assets import pegs
from apps.portfolio.models import Proposal
from apps.portfolio.services.closes import NOTHING, closes_of, markets_of
from apps.portfolio.services.targets import being_read
from apps.portfolio.services.trades import Held, held_of, nothing_of, trades, whole_of
from apps.portfolio.services.valuation import Valuation, value_accounts

# Less of the whole than this is dust: its short history would hold the others back.
DUST = Decimal("0.001")
NO_CANDLES = "no candles of it are kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What an answer stands on. `left_out` says which assets are not divided, and why."""

    held: Mapping[str, Held]
    returns: Returns
    left_out: Mapping[str, str]
    sources: Mapping[str, str]
    warnings: Sequence[str]


def answer_to(proposal: Proposal, now: datetime) -> dict[str, Any]:
    """As `GET /api/portfolio/optimise/{id}` tells it. Raises CannotPropose. It takes seconds of a processor."""
    # Here and not above: it loads the optimisation library, which compute workers alone should carry.
    from alphapulse.portfolio.strategies.solving import solve

    asked = proposal.question
    ground = _ground(proposal, now)
    question = _question(asked, ground)
    unread = {asset for asset, why in ground.left_out.items() if why == NO_CANDLES}
    reading = being_read(proposal, {*ground.held, *unread}, now)
    try:
        answer = solve(question)
    except HistoryTooShort as short:
        raise HistoryTooShort(" ".join([str(short), *reading])) from short
    return {
        "weights": _weights(question, answer.weights),
        "invested": plain(whole_of(ground.held)),
        "trades": trades(answer.weights, ground.held, money=asked["currency"]),
        "expected": answer.estimate and asdict(answer.estimate),
        "now": answer.estimate_now and asdict(answer.estimate_now),
        "history": _history(asked, ground),
        "reasons": list(answer.reasons),
        "warnings": [*answer.warnings, *ground.warnings, *reading],
        "left_out": [{"asset": asset, "reason": why} for asset, why in sorted(ground.left_out.items())],
    }


# --- What is held, and what prices did --------------------------------------------------------------------------------


def _ground(proposal: Proposal, now: datetime) -> Ground:
    asked = proposal.question
    accounts = ExchangeAccount.objects.live().filter(workspace=proposal.workspace_id, environment=proposal.environment)
    # Those of before this was asked did not say it.
    at_par = bool(asked.get("stablecoins_at_par"))
    valuation = value_accounts(list(accounts), asked["currency"], now=now, at_par=at_par)
    held = held_of(valuation.worth)
    own = {account.exchange_id for account in valuation.accounts}
    markets = markets_of(
        proposal.environment,
        asked["currency"],
        own=own,
        aliases=valuation.prices.aliases,
        now=valuation.prices.made_at,
        par=pegs() if at_par else NOTHING,
    )
    left_out = {} if asked["assets"] else _left_out(asked, held, known=set(markets))
    assets = asked["assets"] or sorted(set(held) - set(left_out))
    if not assets:
        raise IncompleteQuestion("Nothing is held that could be divided anew: name assets. " + _listed(left_out))
    since = timeframes.floor(now, asked["timeframe"]) - timedelta(days=asked["days"])
    closes = closes_of(markets, assets, proposal.environment, asked["timeframe"], since, now)
    step = timeframes.FIXED[asked["timeframe"]]
    return Ground(
        held={asset: held.get(asset) or nothing_of(asset, asked["currency"], valuation) for asset in assets},
        returns=returns_of(closes, step) if any(closes.values()) else no_history(assets, step),
        left_out=left_out,
        sources={asset: str(markets[asset]) for asset in assets if asset in markets},
        warnings=_doubts(valuation),
    )


def _left_out(asked: Mapping[str, Any], held: Mapping[str, Held], *, known: set[str]) -> dict[str, str]:
    """Of what is held, where nobody named assets."""
    money = set(Asset.objects.exclude(kind=AssetKind.COIN).values_list("code", flat=True)) | {asked["currency"]}
    whole = whole_of(held)
    needs_past = Strategy(asked["strategy"]) not in PLAIN
    reasons = {
        asset: _why_left_out(asset, each, money=money, whole=whole, is_known=asset in known or not needs_past)
        for asset, each in held.items()
    }
    return {asset: reason for asset, reason in reasons.items() if reason}


def _why_left_out(asset: str, held: Held, *, money: set[str], whole: Decimal, is_known: bool) -> str:
    if asset in money:
        return "it is money, and stays"
    if held.value is None:
        return "nobody says what it is worth"
    if held.value < DUST * whole:
        return "it is less than a thousandth of the whole" if held.value >= 0 else "more of it is owed than owned"
    return "" if is_known else NO_CANDLES


def _listed(left_out: Mapping[str, str]) -> str:
    return " ".join(f"{asset}: {why}." for asset, why in sorted(left_out.items())[:5])


def _doubts(valuation: Valuation) -> list[str]:
    worth = valuation.worth
    labels = {account.pk: account.label for account in valuation.accounts}
    told = [
        f"Not all that {labels[account]} holds is counted: {'; '.join(reasons)}"
        for account, reasons in sorted(valuation.failed.items())
    ]
    told += [f"What {labels[account]} holds is of earlier." for account in sorted(worth.stale - worth.failed)]
    return told


# --- The question as the core takes it --------------------------------------------------------------------------------


def _question(asked: Mapping[str, Any], ground: Ground) -> Question:
    return Question(
        strategy=Strategy(asked["strategy"]),
        returns=ground.returns,
        weights={each["asset"]: each["weight"] for each in asked["weights"]},
        current=_current(ground),
        constraints=_constraints(asked["constraints"]),
        views=tuple(View(**each) for each in asked["views"]),
        risk_free_rate=asked["risk_free_rate"],
    )


def _constraints(asked: Mapping[str, Any]) -> Constraints:
    return Constraints(
        each=Bounds(least=asked["least"], most=asked["most"]),
        by_asset={each["asset"]: Bounds(least=each["least"], most=each["most"]) for each in asked["bounds"]},
        groups=tuple(
            Group(
                name=each["name"],
                assets=frozenset(each["assets"]),
                bounds=Bounds(least=each["least"], most=each["most"]),
            )
            for each in asked["groups"]
        ),
        max_turnover=asked["max_turnover"],
    )


def _current(ground: Ground) -> dict[str, float] | None:
    """None where nothing of it is held. What is owed, or has no price, has no weight; the answer says so."""
    whole = whole_of(ground.held)
    if whole <= 0 or any(each.value is None or each.value < 0 for each in ground.held.values()):
        return None
    return {asset: float(each.value / whole) for asset, each in ground.held.items() if each.value is not None}


# --- The answer as it is told -----------------------------------------------------------------------------------------


def _weights(question: Question, weights: Mapping[str, float]) -> list[dict[str, Any]]:
    """Current ones are null where nobody knows what is held."""
    current = question.current
    return [
        {"asset": asset, "current": None if current is None else current.get(asset, 0.0), "proposed": weight}
        for asset, weight in weights.items()
    ]


def _history(asked: Mapping[str, Any], ground: Ground) -> dict[str, Any]:
    past = ground.returns
    return {
        "timeframe": asked["timeframe"],
        "since": past.since and past.since.isoformat(),
        "until": past.until and past.until.isoformat(),
        "returns": len(past.rows),
        "assets": [
            {"asset": asset, "returns": past.known.get(asset, 0), "source": ground.sources.get(asset)}
            for asset in sorted(past.assets)
        ],
    }
