"""Symbols that a workspace wants the candles of. All pay for them: each takes of what an exchange allows here."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from alphapulse.exchanges import catalogue
from alphapulse.market import timeframes
from apps.audit.services import record
from apps.exchanges.models import ExchangeAccount
from apps.market.models import Market, WatchedSymbol, WatchSource
from apps.market.services.series import READ_TIMEFRAMES
from apps.market.services.watch import follow
from apps.users.models import Workspace

# Of a workspace; and of these, so many of timeframes that are asked for more often than others.
MOST = 50
MOST_SHORT = 10
SHORT = timedelta(minutes=15)


class PinRefused(Exception):
    """`field` is what was wrong; none: as things are, it cannot be."""

    def __init__(self, problem: str, *, field: str = "") -> None:
        super().__init__(problem)
        self.field = field


def pins_of(workspaces: Collection[Workspace] | QuerySet[Workspace]) -> QuerySet[WatchedSymbol]:
    return WatchedSymbol.objects.filter(source=WatchSource.PINNED, workspace__in=workspaces)


def pin(
    workspace: Workspace,
    *,
    exchange_id: str,
    environment: str,
    symbol: str,
    timeframe: str,
    actor: Any,
    at: datetime,
) -> tuple[WatchedSymbol, bool]:
    """The pin, and whether it is new. Raises PinRefused."""
    _refuse_untold(exchange_id, environment, symbol, timeframe)
    name = {"exchange_id": exchange_id, "environment": environment, "symbol": symbol, "timeframe": timeframe}
    with transaction.atomic():
        # Two at once are counted one after the other.
        Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
        known = pins_of([workspace]).filter(**name).first()
        if known is not None:
            return known, False
        _refuse_more(workspace, timeframe)
        made = WatchedSymbol.objects.create(source=WatchSource.PINNED, workspace=workspace, **name)
        follow(exchange_id, environment, at)
        record("symbol.pinned", made, at=at, actor=actor, after=name)
    return made, True


def unpin(pinned: WatchedSymbol, *, actor: Any, at: datetime) -> None:
    """What others want too is read on; what there is stays until its time."""
    name = {each: getattr(pinned, each) for each in ("exchange_id", "environment", "symbol", "timeframe")}
    with transaction.atomic():
        record("symbol.unpinned", pinned, at=at, actor=actor, before=name)
        pinned.delete()
        follow(pinned.exchange_id, pinned.environment, at)


def _refuse_untold(exchange_id: str, environment: str, symbol: str, timeframe: str) -> None:
    if timeframe not in READ_TIMEFRAMES:
        raise PinRefused(
            f"Candles of {timeframe} are made of shorter ones: pin one of {', '.join(READ_TIMEFRAMES)}.",
            field="timeframe",
        )
    markets = Market.objects.filter(exchange_id=exchange_id, environment=environment)
    name = catalogue.exchange(exchange_id).name
    listed = markets.filter(symbol=symbol).first()
    accounts = ExchangeAccount.objects.live().filter(exchange_id=exchange_id, environment=environment, is_enabled=True)
    if not accounts.exists():
        problem = f"Nothing is read of {name} ({environment}): nobody here has an account there."
        raise PinRefused(problem, field="exchange_id")
    if listed is None and not markets.exists():
        problem = f"The markets of {name} ({environment}) are not known yet: try again in a minute."
        raise PinRefused(problem, field="exchange_id")
    if listed is None:
        problem = f"{name} ({environment}) lists no {symbol}: /api/market/symbols tells what it lists, as BTC/USDT."
        raise PinRefused(problem, field="symbol")
    if catalogue.exchange(exchange_id).candle_list(listed.type, is_inverse=listed.is_inverse) is None:
        raise PinRefused(f"{name} tells no candles of {symbol} ({listed.type}).", field="symbol")


def _refuse_more(workspace: Workspace, timeframe: str) -> None:
    pinned = list(pins_of([workspace]).values_list("timeframe", flat=True))
    if len(pinned) >= MOST:
        raise PinRefused(f"A workspace may pin {MOST} symbols' timeframes, and this one has: unpin one first.")
    short = [each for each in pinned if _is_short(each)]
    if _is_short(timeframe) and len(short) >= MOST_SHORT:
        minutes = SHORT // timedelta(minutes=1)
        raise PinRefused(
            f"A workspace may pin {MOST_SHORT} timeframes shorter than {minutes} minutes, and this one has: unpin one "
            "first, or pin a longer one."
        )


def _is_short(timeframe: str) -> bool:
    return timeframes.FIXED[timeframe] < SHORT
