"""Whose candles are asked for, and of which time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from rest_framework.request import Request

from alphapulse.market import timeframes
from alphapulse.market.timeframes import TIMEFRAMES
from apps.core.problems import BadParameter
from apps.core.query import Check, checked, moment, one_of, text
from apps.exchanges.api.asked import an_exchange, usual_environment
from apps.exchanges.models import Environment

WHICH: Mapping[str, Check] = {
    "exchange_id": an_exchange,
    "environment": one_of(Environment),
    "symbol": text,
    "timeframe": one_of(TIMEFRAMES),
    "since": moment,
    "until": moment,
}
# Without these no candles are meant.
NEEDED = ("exchange_id", "symbol", "timeframe")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """`environment` is the usual one where none is named. [since, until) begins and ends with a candle."""

    exchange_id: str
    environment: str
    symbol: str
    timeframe: str
    since: datetime | None
    until: datetime

    @property
    def where(self) -> dict[str, str]:
        return {"exchange_id": self.exchange_id, "environment": self.environment, "symbol": self.symbol}


def asked(request: Request, known: Mapping[str, Check], now: datetime) -> tuple[Asked, dict[str, str]]:
    """What these parameters ask for, and those of them that are the view's own. Raises BadParameter."""
    given = checked(request.query_params, known)
    for name in NEEDED:
        if not given.get(name):
            raise BadParameter(name, "this is needed.")
    end = timeframes.ends(timeframes.floor(now, given["timeframe"]), given["timeframe"])
    which = Asked(
        exchange_id=given["exchange_id"],
        environment=given.get("environment") or usual_environment(request.user),
        symbol=given["symbol"],
        timeframe=given["timeframe"],
        since=_edge("since", given),
        until=min(_edge("until", given) or end, end),
    )
    return which, {name: value for name, value in given.items() if name not in WHICH}


def _edge(name: str, given: Mapping[str, str]) -> datetime | None:
    """The first candle that opens there or later. Candles before 1970 and after 9000 there are none."""
    if name not in given:
        return None
    at = datetime.fromisoformat(given[name])
    if not 1970 < at.year < 9000:
        raise BadParameter(name, "expected a time between 1971 and 9000.")
    return timeframes.ceiling(at, given["timeframe"])
