import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.clock import now
from apps.market.models import CandleSeries, Market, QuarantinedValue, Ticker, WatchedSymbol
from apps.market.services.features import define
from tests.apps.api import get, logged_in

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def one_more(number: int) -> None:
    """Of everything that the market has lists of."""
    where = {"exchange_id": "binance", "environment": "live", "symbol": f"C{number}/USDT"}
    Ticker.objects.create(**where, last="1", as_of=now())
    QuarantinedValue.objects.create(**where, reason="jump", first_at=now(), seen_at=now())
    Market.objects.create(
        **where, market_id=f"C{number}USDT", type="spot", base=f"C{number}", is_active=True, is_inverse=False
    )
    CandleSeries.objects.create(**where, timeframe="1h")
    WatchedSymbol.objects.create(**where, timeframe="1h")
    define(name=f"move_{number}", function="returns", parameters={"bars": number + 1}, timeframe="1h")


@pytest.mark.parametrize("path", ["prices", "symbols", "symbols?is_watched=true", "features"])
def test_a_list_costs_as_many_queries_for_fifty_rows_as_for_one(path):
    client, counts = logged_in(), []
    for numbers in (range(1), range(1, 50)):
        for number in numbers:
            one_more(number)
        with CaptureQueriesContext(connection) as seen:
            rows = get(client, f"/api/market/{path}")["results"]
        counts.append(len(seen))
    assert len(rows) == 50
    assert counts[0] == counts[1]
