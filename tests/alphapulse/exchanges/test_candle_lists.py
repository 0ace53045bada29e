"""A page of candles that is asked for is one that an exchange tells whole."""

import ccxt
import pytest

from alphapulse.exchanges import catalogue
from alphapulse.exchanges.facts import CandleList

# What ccxt knows of how many candles an exchange tells at once, by the type of market.
TYPES = {"swap": ("swap", "linear"), "swap inverse": ("swap", "inverse")}


def most(client: ccxt.Exchange, told: CandleList) -> list[int]:
    kind = f"{told.market_type} inverse" if told.is_inverse else told.market_type
    features = client.features or {}
    if told.market_type:
        kinds = [_in(features, *TYPES.get(kind, (kind,)))]
    else:
        kinds = [_in(features, "spot"), _in(features, "swap", "linear"), _in(features, "swap", "inverse")]
    return [each["fetchOHLCV"]["limit"] for each in kinds if (each.get("fetchOHLCV") or {}).get("limit")]


def _in(features: dict, *names: str) -> dict:
    for name in names:
        features = features.get(name) or {}
    return features


@pytest.mark.parametrize("exchange_id", ccxt.exchanges)
def test_no_more_are_asked_for_at_once_than_an_exchange_tells(exchange_id):
    client = getattr(ccxt, exchange_id)()
    for told in catalogue.exchange(exchange_id).candles:
        assert all(told.per_page <= limit for limit in most(client, told)), (told.per_page, most(client, told))


def test_ccxt_does_know_it_of_most():
    asked = [getattr(ccxt, exchange_id)() for exchange_id in ccxt.exchanges]
    asked = [client for client in asked if client.has.get("fetchOHLCV")]
    known = [client for client in asked if most(client, catalogue.exchange(client.id).candles[0])]
    assert len(known) > len(asked) / 2
