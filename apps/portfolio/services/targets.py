"""What proposals name is watched: candles of it are read for as long as one of them is kept."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from alphapulse.exchanges import catalogue
from apps.exchanges.models import ExchangeAccount
from apps.market import services as market
from apps.market.models import AssetAlias, CandleSeries, Market, SeriesStatus, WatchedSymbol, WatchSource
from apps.market.services.assets import known_aliases
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
    places = places_of(proposal.workspace, proposal.environment, assets, asked["currency"], now)
    series = CandleSeries.objects.filter(
        environment=proposal.environment,
        timeframe=asked["timeframe"],
        symbol__in={symbol for _, symbol in places.values()},
        due_at__isnull=False,
    )
    known = {(row.exchange_id, row.symbol): row for row in series}
    rows = [known[places[asset]] for asset in sorted(places) if places[asset] in known]
    behind = [row for row in rows if row.is_behind and row.status == SeriesStatus.OK]
    failing = [row for row in rows if row.status != SeriesStatus.OK]
    told = [f"Candles of {_listed(behind)} are being read: ask again in some minutes."] if behind else []
    return told + [f"Candles of {_listed([row])} cannot be read: {row.error}" for row in failing]


def places_of(
    workspace: Workspace, environment: str, assets: Collection[str], money: str, now: datetime
) -> dict[str, Place]:
    """By asset, where at the workspace's own exchanges it is traded for `money`: where it is held, else the first."""
    accounts = ExchangeAccount.objects.live().filter(workspace=workspace, environment=environment)
    own = set(accounts.order_by().values_list("exchange_id", flat=True))
    found: dict[str, list[Place]] = defaultdict(list)
    for asset, place in _traded(environment, own, set(assets), money, now):
        found[asset].append(place)
    held = WatchedSymbol.objects.filter(source=WatchSource.HELD, environment=environment, exchange_id__in=own)
    watched = set(held.values_list("exchange_id", "symbol"))
    return {asset: min(places, key=lambda place: (place not in watched, place)) for asset, places in found.items()}


def _wanted(workspace: Workspace, environment: str, now: datetime) -> set[tuple[str, str, str]]:
    """Exchange, symbol and timeframe, of the newest proposals first."""
    kept = Proposal.objects.filter(workspace=workspace, environment=environment).order_by("-pk")
    questions = list(kept.values_list("question", flat=True)[:NEWEST])
    names: dict[str, set[str]] = defaultdict(set)
    for question in questions:
        names[question["currency"]] |= named(question)
    places = {money: places_of(workspace, environment, assets, money, now) for money, assets in names.items()}
    wanted = dict.fromkeys(
        (*places[question["currency"]][asset], question["timeframe"])
        for question in questions
        for asset in sorted(named(question) & places[question["currency"]].keys())
    )
    return set(islice(wanted, MOST))


def named(question: Mapping[str, Any]) -> set[str]:
    """The assets that a question names; what is held besides is watched anyway."""
    views = {view[side] for view in question["views"] for side in ("asset", "over")}
    return {*question["assets"], *(each["asset"] for each in question["weights"]), *views} - {None}


def _traded(
    environment: str, own: Collection[str], assets: Collection[str], money: str, now: datetime
) -> Iterator[tuple[str, Place]]:
    aliases = known_aliases()
    markets = Market.objects.filter(environment=environment, exchange_id__in=own, type="spot", is_active=True)
    rows = markets.filter(base__in=_codes(assets), quote__in=_codes([money]))
    for exchange_id, symbol, base, quote in rows.values_list("exchange_id", "symbol", "base", "quote"):
        asset = aliases.meaning(exchange_id, base, now)[0]
        if asset in assets and aliases.meaning(exchange_id, quote, now)[0] == money:
            yield asset, (exchange_id, symbol)


def _codes(assets: Collection[str]) -> set[str]:
    """What exchanges may call them."""
    return {*assets, *AssetAlias.objects.filter(asset__code__in=assets).values_list("code", flat=True)}


def _listed(rows: Sequence[CandleSeries]) -> str:
    return ", ".join(f"{row.symbol} at {catalogue.exchange(row.exchange_id).name}" for row in rows)
