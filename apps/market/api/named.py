"""Names that a question about markets holds: a misspelt one must not look like a market in which nothing happens."""

from collections.abc import Collection, Mapping

from django.db.models import Q

from apps.core.problems import BadParameter
from apps.exchanges.models import ExchangeAccount
from apps.market.models import Market

NAMES = ("exchange_id", "symbol", "base", "quote")
# More than people read.
MOST_TOLD = 20


def refuse_unheard(asked: Mapping[str, str], names: Collection[str] = NAMES) -> None:
    """Of a question that found nothing: raises BadParameter for the first of these names in it that no market has."""
    markets = Market.objects.all()
    for name in names:
        if name not in asked or markets.filter(**{f"{name}__iexact": asked[name]}).exists():
            continue
        if _are_known() and not (name == "exchange_id" and _will_be(asked[name])):
            _refuse(name, asked[name])


def refuse_unlisted(*, exchange_id: str, environment: str, symbol: str) -> None:
    """Of candles of which there are none: raises BadParameter where the exchange lists no such symbol."""
    markets = Market.objects.filter(exchange_id=exchange_id, environment=environment)
    if markets.filter(symbol=symbol).exists() or not _are_known():
        return
    if not markets.exists():
        raise BadParameter("exchange_id", f"no markets of {exchange_id} ({environment}) are known here{_there()}.")
    meant = markets.filter(Q(symbol__iexact=symbol) | Q(market_id__iexact=symbol)).values_list("symbol", flat=True)
    raise BadParameter("symbol", f"{exchange_id} ({environment}) lists no {symbol!r}.{_hint(meant.first())}")


def listing(names: list[str]) -> str:
    """What there is, where that is short."""
    return f"; there are {', '.join(names)}" if 0 < len(names) <= MOST_TOLD else ""


def _refuse(name: str, value: str) -> None:
    if name == "exchange_id":
        raise BadParameter(name, f"no markets of {value} are known here{_there()}.")
    if name == "symbol":
        meant = Market.objects.filter(market_id__iexact=value).values_list("symbol", flat=True).first()
        raise BadParameter(name, f"no market is called {value!r}.{_hint(meant)}")
    raise BadParameter(name, f"no market has {value!r} as its {name}.")


def _are_known() -> bool:
    """Before any are read nobody knows what there is."""
    return Market.objects.exists()


def _will_be(exchange_id: str) -> bool:
    """Where somebody has an account markets are read, or will be in a minute."""
    return ExchangeAccount.objects.live().filter(exchange_id=exchange_id).exists()


def _there() -> str:
    found = Market.objects.values_list("exchange_id", "environment").distinct().order_by("exchange_id", "environment")
    return listing([f"{exchange_id} ({environment})" for exchange_id, environment in found])


def _hint(symbol: str | None) -> str:
    return f" Did you mean {symbol}?" if symbol else " /api/market/symbols tells them, as BTC/USDT."
