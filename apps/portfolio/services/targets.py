"""What proposals name is watched: candles of it are read for as long as one of them is kept."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from alphapulse.exchanges import catalogue
from apps.exchanges.models import ExchangeAccount
from apps.market import services as market
from apps.market.models import AssetAlias, CandleSeries, Market, SeriesStatus, WatchedSymbol, WatchSource
from apps.market.services.assets import known_aliases, pegs
from apps.portfolio.models import Proposal
from apps.users.models import Workspace

# Of each workspace: what its newest proposals name, and no more of it. All share what an exchange allows.
NEWEST = 20
MOST = 50

# Exchange and symbol.
Place = tuple[str, str]


def watch_targets(workspace: Workspace, environment: str, now: datetime) -> None:
    """After a proposal was asked for, or has gone. Call it with the workspace locked, or again later."""
    wanted: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for exchange_id, symbol, timeframe in _wanted(workspace, environment, now):
        wanted[exchange_id].add((symbol, timeframe))
    rows = WatchedSymbol.objects.filter(source=WatchSource.TARGET, workspace=workspace, environment=environment)
    for exchange_id in sorted({*wanted, *rows.order_by().values_list("exchange_id", flat=True)}):
        market.watch(
            WatchSource.TARGET,
            exchange_id=exchange_id,
            environment=environment,
            symbols=wanted[exchange_id],
            now=now,
            workspace=workspace,
        )


def watch_all_targets(now: datetime) -> None:
    """Of proposals that have gone, of accounts and markets that are new."""
    asked = Proposal.objects.order_by().values_list("workspace", "environment").distinct()
    rows = WatchedSymbol.objects.filter(source=WatchSource.TARGET, workspace__isnull=False).order_by()
    pairs = {*asked, *rows.values_list("workspace", "environment").distinct()}
    workspaces = Workspace.objects.in_bulk([pk for pk, _ in pairs])
    for pk, environment in sorted(pairs):
        if pk in workspaces:
            watch_targets(workspaces[pk], environment, now)


def being_read(proposal: Proposal, assets: Collection[str], now: datetime) -> list[str]:
    """What is still to come of these assets' candles, in words: a later answer would know more."""
    asked = proposal.question
    ways = ways_of(proposal.workspace, proposal.environment, assets, moneys_of(asked), now)
    places = list(dict.fromkeys(place for asset in sorted(ways) for place in ways[asset]))
    series = CandleSeries.objects.filter(
        environment=proposal.environment,
        timeframe=asked["timeframe"],
        symbol__in={symbol for _, symbol in places},
        due_at__isnull=False,
    )
    known = {(row.exchange_id, row.symbol): row for row in series}
    rows = [known[place] for place in places if place in known]
    behind = [row for row in rows if row.is_behind and row.status == SeriesStatus.OK]
    failing = [row for row in rows if row.status != SeriesStatus.OK]
    told = [f"Candles of {_listed(behind)} are being read: ask again in some minutes."] if behind else []
    return told + [f"Candles of {_listed([row])} cannot be read: {row.error}" for row in failing]


def ways_of(
    workspace: Workspace, environment: str, assets: Collection[str], moneys: Collection[str], now: datetime
) -> dict[str, Sequence[Place]]:
    """By asset, which markets at the workspace's own exchanges tell what it costs: one with the money, either way
    round, or one with what has such a market. What is held comes first, as it is read anyway.
    """
    accounts = ExchangeAccount.objects.live().filter(workspace=workspace, environment=environment)
    own = set(accounts.order_by().values_list("exchange_id", flat=True))
    held = WatchedSymbol.objects.filter(source=WatchSource.HELD, environment=environment, exchange_id__in=own)
    watched = set(held.values_list("exchange_id", "symbol"))
    pairs = _pairs(environment, own, assets, moneys, now)
    near: dict[str, list[tuple[bool, bool, Place]]] = defaultdict(list)
    for base, quote, place in pairs:
        if quote in moneys:
            near[base].append((False, place not in watched, place))
        elif base in moneys:
            near[quote].append((True, place not in watched, place))
    ways: dict[str, Sequence[Place]] = {asset: [min(near[asset])[-1]] for asset in assets if asset in near}
    far: dict[str, list[tuple[bool, Place, Place]]] = defaultdict(list)
    for base, quote, place in pairs:
        if base in assets and base not in ways and quote in near:
            far[base].append((place not in watched, place, min(near[quote])[-1]))
    return ways | {asset: min(found)[1:] for asset, found in far.items()}


def moneys_of(question: Mapping[str, Any]) -> set[str]:
    """What counts as the currency that a question is asked in."""
    par = pegs() if question.get("stablecoins_at_par") else {}
    money = par.get(question["currency"], question["currency"])
    return {question["currency"], money, *(coin for coin, peg in par.items() if peg == money)}


def _wanted(workspace: Workspace, environment: str, now: datetime) -> set[tuple[str, str, str]]:
    """Exchange, symbol and timeframe, of the newest proposals first."""
    kept = Proposal.objects.filter(workspace=workspace, environment=environment).order_by("-pk")
    questions = [(each, frozenset(moneys_of(each))) for each in kept.values_list("question", flat=True)[:NEWEST]]
    names: dict[frozenset[str], set[str]] = defaultdict(set)
    for question, moneys in questions:
        names[moneys] |= named(question)
    ways = {moneys: ways_of(workspace, environment, assets, moneys, now) for moneys, assets in names.items()}
    wanted = dict.fromkeys(
        (*place, question["timeframe"])
        for question, moneys in questions
        for asset, places in sorted(ways[moneys].items())
        if asset in named(question)
        for place in places
    )
    return set(islice(wanted, MOST))


def named(question: Mapping[str, Any]) -> set[str]:
    """The assets that a question names; what is held besides is watched anyway."""
    views = {view[side] for view in question["views"] for side in ("asset", "over")}
    return {*question["assets"], *(each["asset"] for each in question["weights"]), *views} - {None}


def _pairs(
    environment: str, own: Collection[str], assets: Collection[str], moneys: Collection[str], now: datetime
) -> list[tuple[str, str, Place]]:
    """Base and quote by our own names, of these assets, the moneys, and what lies between."""
    aliases = known_aliases()
    markets = Market.objects.filter(environment=environment, exchange_id__in=own, type="spot", is_active=True)
    columns = ("exchange_id", "symbol", "base", "quote")
    codes = _codes(moneys)
    rows = set(markets.filter(base__in=_codes(assets) | codes).values_list(*columns))
    between = {quote for *_, quote in rows}
    rows |= set(markets.filter(base__in=between, quote__in=codes).values_list(*columns))
    return [
        (
            aliases.meaning(exchange_id, base, now)[0],
            aliases.meaning(exchange_id, quote, now)[0],
            (exchange_id, symbol),
        )
        for exchange_id, symbol, base, quote in rows
    ]


def _codes(assets: Collection[str]) -> set[str]:
    """What exchanges may call them."""
    return {*assets, *AssetAlias.objects.filter(asset__code__in=assets).values_list("code", flat=True)}


def _listed(rows: Sequence[CandleSeries]) -> str:
    return ", ".join(f"{row.symbol} at {catalogue.exchange(row.exchange_id).name}" for row in rows)
