"""How well a workspace's accounts did: their curve of worth, less what came and went, as the core's ratios."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from alphapulse.market import timeframes
from alphapulse.portfolio import performance as core
from alphapulse.portfolio.contracts import settles_in
from alphapulse.portfolio.curve import Point
from alphapulse.portfolio.growth import Flow, Index, shown
from alphapulse.portfolio.growth import Point as Worth
from alphapulse.portfolio.performance import Concentration, Exposure, Ratios
from alphapulse.portfolio.unknown import why_not
from alphapulse.portfolio.valuation import summed, worth_of
from alphapulse.types import PositionSide, SyncKind
from apps.exchanges.models import ExchangeAccount
from apps.exchanges.services import doubles
from apps.ledger.models import Position
from apps.ledger.services.coverage import coverage
from apps.market.models import Asset, AssetKind
from apps.market.services.assets import pegs
from apps.portfolio.models import Statement
from apps.portfolio.services import content
from apps.portfolio.services.closes import markets_of
from apps.portfolio.services.flows import Moved, flows_into, seen
from apps.portfolio.services.happenings import accounts_of
from apps.portfolio.services.history import equity_curve
from apps.portfolio.services.pnl import MOST_REASONS
from apps.portfolio.services.statements import Sight
from apps.portfolio.services.trades import held_of
from apps.portfolio.services.untold import why_untold
from apps.portfolio.services.valuation import Valuation, priced, value_accounts

BITCOIN = "BTC"
# All that thinning leaves of many years.
MOST_POINTS = 20_000
NOT_ALL_KNOWN = "not all that is held can be read and priced, or nothing is held"
# Of the curve that is told.
MOST_TOLD = 1000
NO_PEGS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """No accounts: all of the workspace. `risk_free`: a year's."""

    accounts: frozenset[int] = frozenset()
    since: datetime | None = None
    until: datetime | None = None
    risk_free: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """`gain`: the change of worth that nothing from outside explains, in the statement's currency."""

    statement: Statement
    reasons: Sequence[str]
    points: Sequence[Point]
    net_flows: Decimal
    gain: Decimal | None
    ratios: Ratios
    correlation_btc: float | None
    exposure: Exposure | None
    concentration: Concentration | None
    # By the names of those that are None, why.
    unknown: Mapping[str, str]


def performance(sight: Sight, asked: Asked, *, now: datetime) -> Performance:
    """Of a statement that has been calculated: it tells what came and went."""
    statement = sight.statement
    par = pegs() if statement.is_at_par else NO_PEGS
    accounts = accounts_of(statement.workspace, statement.environment)
    accounts = [account for account in accounts if not asked.accounts or account.pk in asked.accounts]
    of = _curve_of(statement, asked, par)
    points = equity_curve(**of, most=MOST_POINTS)
    moved = _moved(statement, accounts, points, par)
    worths = [Worth(point.at, float(point.value), point.is_complete) for point in points]
    ratios = core.ratios(worths, [Flow(at, _float(value), own) for at, value, own in moved], asked.risk_free)
    moved = shown(worths, moved)
    live = [account for account in accounts if account.archived_at is None]
    valuation = value_accounts(live, statement.currency, now=now, at_par=statement.is_at_par)
    net = summed(each.value for each in moved if each.value is not None)
    reasons = doubles.told(statement.workspace_id, statement.environment, asked.accounts)
    reasons += [why_untold(**of, known=len(points))] if len(points) < 2 else []
    reasons += _reasons(points, moved, accounts, sight)
    correlation = core.together(ratios.days, bitcoins := _bitcoins(statement, valuation, ratios.days, now))
    exposed = _exposure(valuation, statement.currency)
    spread = core.concentration(_values(valuation)) if valuation.worth.is_complete else None
    return Performance(
        statement=statement,
        reasons=reasons[:MOST_REASONS],
        points=points,
        net_flows=net,
        gain=points[-1].value - points[0].value - net if points else None,
        ratios=ratios,
        correlation_btc=correlation,
        exposure=exposed,
        concentration=spread,
        unknown=why_not(ratios)
        | ({} if correlation is not None else {"correlation_btc": _why_no_correlation(ratios.days, bitcoins)})
        | {name: NOT_ALL_KNOWN for name, of in (("exposure", exposed), ("concentration", spread)) if of is None},
    )


def _moved(
    statement: Statement, accounts: Sequence[ExchangeAccount], points: Sequence[Point], par: Mapping[str, str]
) -> list[Moved]:
    """Between the first and the last point."""
    told = content.read_flows(statement)
    flows = flows_into(accounts, told, seen(accounts, statement.currency, par))
    return [flow for flow in flows if points and points[0].at < flow.at <= points[-1].at]


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _curve_of(statement: Statement, asked: Asked, par: Mapping[str, str]) -> dict[str, Any]:
    return {
        "workspaces": [statement.workspace_id],
        "environment": statement.environment,
        "currency": statement.currency,
        "accounts": asked.accounts or None,
        "since": asked.since,
        "until": asked.until,
        "pegs": par,
    }


def curve(told: Performance) -> list[tuple[Index, float]]:
    """The index and how far it is below its highest; of a long past the last of each of so many parts."""
    below = core.drawdown(told.ratios.indexes)
    pairs = [(index, fall.value) for index, fall in zip(told.ratios.indexes, below, strict=True)]
    each = -(-len(pairs) // MOST_TOLD) or 1
    return pairs[::-1][::each][::-1]


# --- What is missing, in words ----------------------------------------------------------------------------------------


def _reasons(
    points: Sequence[Point],
    moved: Sequence[Moved],
    accounts: Sequence[ExchangeAccount],
    sight: Sight,
) -> Iterator[str]:
    yield from sight.reasons()
    if len(points) < 2:
        return
    if doubtful := sum(not point.is_complete for point in points):
        yield f"{doubtful} of {len(points)} snapshots lacked something, and stand with what was known last."
    if unpriced := sum(each.value is None for each in moved):
        yield f"{unpriced} times something came or went without a price: it counts as a gain, or a loss."
    for each in coverage(accounts):
        if each.kind is SyncKind.TRANSFERS and (each.complete_since is None or each.complete_since > points[0].at):
            yield f"The transfers of {each.account.label} are not all known: others count as gains, or losses."


def _why_no_correlation(mine: Mapping[date, float], bitcoins: Mapping[date, float]) -> str:
    if mine and not bitcoins:
        return "no daily candles of bitcoin are kept for that time"
    if (known := len(mine.keys() & bitcoins.keys())) < core.FEWEST:
        return f"the returns of {known} days are known of both, and {core.FEWEST} are needed"
    return "one of the two never moved"


# --- Markets, and what is held now ----------------------------------------------------------------------------------


def _bitcoins(
    statement: Statement, valuation: Valuation, returns: Mapping[date, float], now: datetime
) -> dict[date, float]:
    """Bitcoin's daily returns of these days, in the statement's currency or, where nothing tells it so, in USDT."""
    if not returns:
        return {}
    own = {account.exchange_id for account in valuation.accounts}
    for money in (statement.currency, "USDT"):
        markets = markets_of(statement.environment, money, own=own, aliases=valuation.prices.aliases, now=now)
        if BITCOIN in markets:
            since = datetime.combine(min(returns), datetime.min.time(), tzinfo=UTC) - timedelta(days=1)
            closes = markets[BITCOIN].closes(statement.environment, "1d", since, timeframes.floor(now, "1d"))
            return core.daily(Index(at, float(close)) for at, close in sorted(closes.items()))
    return {}


def _values(valuation: Valuation) -> dict[str, float]:
    return {asset: float(held.value) for asset, held in held_of(valuation.worth).items() if held.value is not None}


def _exposure(valuation: Valuation, currency: str) -> Exposure | None:
    """Of coins that are no money, and of positions by their notional; None where one of these is not known."""
    money = set(Asset.objects.exclude(kind=AssetKind.COIN).values_list("code", flat=True)) | {currency}
    coins = [value for asset, value in _values(valuation).items() if asset not in money]
    positions = [_notional(position, valuation, currency) for position in valuation.positions]
    total = valuation.worth.total
    if total is None or None in positions or not valuation.worth.is_complete:
        return None
    return core.exposure([*coins, *(each for each in positions if each is not None)], float(total))


def _notional(position: Position, valuation: Valuation, currency: str) -> float | None:
    """Signed, in the currency, at the price that what it earned has; None where its exchange, or the market, does not
    tell."""
    price = priced(settles_in(position.symbol), position.reading.account_id, valuation, currency)
    worth = worth_of(position.notional, price)
    if worth is None:
        return None
    return abs(float(worth)) * (1 if position.side == PositionSide.LONG else -1)
