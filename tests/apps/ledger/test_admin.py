from datetime import timedelta
from decimal import Decimal

import pytest

from apps.ledger.models import Balance, Order, Position, WalletReading
from tests.apps.builders import account
from tests.apps.pages import (
    accounts,
    add_url,
    balance_of,
    delete_url,
    list_url,
    logged_in,
    now,
    page_url,
    queries_of,
    reading_of,
    text_of,
)

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def fill(numbers: range) -> None:
    for owned in accounts(numbers):
        balance_of(reading_of(owned))
        Position.objects.create(
            reading=reading_of(owned, "positions", "usdm"), symbol="BTC/USDT:USDT", side="long", contracts=Decimal(1)
        )
        Order.objects.create(
            reading=reading_of(owned, "orders"), symbol="BTC/USDT", order_id="1", side="buy", status="open"
        )


@pytest.mark.parametrize("model", [Balance, Position, Order, WalletReading])
def test_a_list_needs_as_many_queries_for_thirty_rows_as_for_one(model):
    client = logged_in()
    fill(range(1))
    for_one = queries_of(client, list_url(model))
    fill(range(1, 30))

    assert queries_of(client, list_url(model)) == for_one


@pytest.mark.parametrize("model", [Balance, Position, Order, WalletReading])
def test_what_an_exchange_says_can_be_read_and_not_be_changed(model):
    client = logged_in()
    fill(range(1))
    row = model.objects.first()

    assert client.get(page_url(row)).status_code == 200
    assert client.get(add_url(model)).status_code == 403
    assert client.post(page_url(row), {"total": "5"}).status_code == 403
    assert client.post(delete_url(row), {"post": "yes"}).status_code == 403
    assert "delete_selected" not in text_of(client, list_url(model))


@pytest.mark.parametrize(
    ("stored", "shown"),
    [("0.00000001", "0.00000001"), ("1000000000000000000", "1000000000000000000"), ("1.50000000", "1.5")],
)
def test_money_is_shown_as_a_plain_decimal(stored, shown):
    client = logged_in()
    balance_of(reading_of(account()), "SHIB", stored)

    assert f'<td class="field-plain_total">{shown}</td>' in text_of(client, list_url(Balance))


def test_a_fresh_row_shows_its_age_only():
    client = logged_in()
    balance_of(reading_of(account(), as_of=now() - timedelta(seconds=12)))
    page = text_of(client, list_url(Balance))

    assert "12 s ago" in page or "13 s ago" in page
    assert "STALE" not in page


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "failed", "error": "Binance did not answer in time."}, "Binance did not answer in time."),
        ({"status": "not permitted", "error": "the key may not read this"}, "the key may not read this"),
        ({"fresh_until": now() - timedelta(seconds=1)}, "no answer has come in time"),
    ],
)
def test_a_stale_row_stands_out_with_its_age_and_the_reason(changes, reason):
    client = logged_in()
    balance_of(reading_of(account(), as_of=now() - timedelta(hours=3), **changes))
    page = text_of(client, list_url(Balance))

    assert f"STALE, 3 h 0 min ago: {reason}" in page


def test_rows_of_a_disabled_account_are_stale_for_that_reason():
    client = logged_in()
    disabled = account(is_enabled=False, disabled_reason="the key was rejected twice")
    balance_of(reading_of(disabled))

    assert "the account is disabled: the key was rejected twice" in text_of(client, list_url(Balance))


def test_the_freshness_filter_divides_rows_as_they_are_marked():
    client = logged_in()
    balance_of(reading_of(account("fresh")), "FRESHCOIN")
    balance_of(reading_of(account("late"), fresh_until=now() - timedelta(seconds=1)), "LATECOIN")
    balance_of(reading_of(account("failed"), status="failed"), "FAILEDCOIN")
    balance_of(reading_of(account("off", is_enabled=False)), "OFFCOIN")
    balance_of(reading_of(account("new"), status="failed", as_of=None, fresh_until=None), "NEWCOIN")

    def found(answer: str) -> set[str]:
        page = text_of(client, f"{list_url(Balance)}?stale={answer}")
        return {name for name in ("FRESHCOIN", "LATECOIN", "FAILEDCOIN", "OFFCOIN", "NEWCOIN") if name in page}

    assert found("no") == {"FRESHCOIN"}
    assert found("yes") == {"LATECOIN", "FAILEDCOIN", "OFFCOIN", "NEWCOIN"}


def test_balances_are_found_by_exchange_and_currency():
    client = logged_in()
    balance_of(reading_of(account("here")), "BTC")
    balance_of(reading_of(account("there", exchange_id="bybit"), wallet="unified"), "ETH")

    only_bybit = text_of(client, f"{list_url(Balance)}?reading__account__exchange_id=bybit")
    assert ">ETH<" in only_bybit
    assert ">BTC<" not in only_bybit
    assert ">BTC<" in text_of(client, f"{list_url(Balance)}?q=BTC")


def test_the_page_of_a_balance_says_whose_it_is_and_how_old():
    client = logged_in()
    row = balance_of(reading_of(account()))
    page = text_of(client, page_url(row))
    assert '>main</a><span class="aside">binance, sandbox, family</span>' in page
    assert f"{row.as_of:%Y-%m-%d %H:%M:%S} UTC" in page
