from datetime import timedelta
from decimal import Decimal

import pytest

from apps.market.models import Market, Ticker
from tests.apps.pages import add_url, list_url, logged_in, now, page_url, queries_of, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def fill(numbers: range) -> None:
    for number in numbers:
        where = {"exchange_id": "binance", "environment": "sandbox", "symbol": f"C{number}/USDT"}
        Ticker.objects.create(**where, last=Decimal("0.00000001"), as_of=now())
        Market.objects.create(
            **where,
            market_id=f"C{number}USDT",
            type="spot",
            base=f"C{number}",
            quote="USDT",
            is_active=True,
            is_inverse=False,
            price_tick=Decimal("1E-8"),
        )


@pytest.mark.parametrize("model", [Market, Ticker])
def test_a_list_needs_as_many_queries_for_thirty_rows_as_for_one(model):
    client = logged_in()
    fill(range(1))
    for_one = queries_of(client, list_url(model))
    fill(range(1, 30))

    assert queries_of(client, list_url(model)) == for_one


@pytest.mark.parametrize("model", [Market, Ticker])
def test_it_is_read_only_and_its_money_is_plain(model):
    client = logged_in()
    fill(range(1))

    assert client.get(add_url(model)).status_code == 403
    assert client.post(page_url(model.objects.get()), {}).status_code == 403
    assert ">0.00000001<" in text_of(client, list_url(model))


def test_an_old_price_is_marked_as_stale():
    client = logged_in()
    fill(range(1))
    assert "STALE" not in text_of(client, list_url(Ticker))
    Ticker.objects.update(as_of=now() - timedelta(days=2))

    assert "STALE, 2 d 0 h ago: no price has come in time" in text_of(client, list_url(Ticker))
