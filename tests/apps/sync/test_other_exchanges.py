"""An exchange that nobody has described: accepted, asked with caution, and its money shown all the same."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from alphapulse.types import Credentials, SyncKind
from apps.core.clock import now
from apps.exchanges.services import add_account
from apps.ledger.models import Balance, Order
from apps.market.models import Market, Ticker
from apps.sync.models import SyncState
from apps.sync.services.batch import sync_batch
from apps.sync.services.dispatch import batches_wanted, other_exchanges_due
from tests.alphapulse.exchanges.scripted import Said, ScriptedExchange, scripted_exchange
from tests.apps.builders import workspace

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shared_redis")]

# Written after Bitvavo's documentation (docs.bitvavo.com), not recorded.
ANSWERS = {
    "api.bitvavo.com/v2/time": {"time": 1_800_000_000_000},
    "api.bitvavo.com/v2/markets": [
        {
            "market": "BTC-EUR",
            "status": "trading",
            "base": "BTC",
            "quote": "EUR",
            "pricePrecision": "5",
            "minOrderInQuoteAsset": "5.00",
            "minOrderInBaseAsset": "0.0001",
            "orderTypes": ["market", "limit"],
        }
    ],
    "api.bitvavo.com/v2/assets": [{"symbol": "BTC", "name": "Bitcoin", "decimals": 8}],
    "api.bitvavo.com/v2/balance": [
        {"symbol": "BTC", "available": "1.57593193", "inOrder": "0.74832374"},
        {"symbol": "EUR", "available": "12.34", "inOrder": "0"},
    ],
    "api.bitvavo.com/v2/ordersOpen": [
        {
            "orderId": "1be6d0df-d5dc-4b53-a250-3376f3b393e6",
            "market": "BTC-EUR",
            "created": 1_800_000_000_000,
            "updated": 1_800_000_000_000,
            "status": "new",
            "side": "buy",
            "orderType": "limit",
            "amount": "0.5",
            "amountRemaining": "0.5",
            "price": "40000",
            "filledAmount": "0",
            "filledAmountQuote": "0",
            "feePaid": "0",
            "feeCurrency": "EUR",
            "fills": [],
        }
    ],
    "api.bitvavo.com/v2/ticker/24h": [
        {"market": "BTC-EUR", "last": "50000.5", "bid": "50000", "ask": "50001", "timestamp": 1_800_000_000_000}
    ],
}


@pytest.fixture
def bitvavo(settings) -> Iterator[ScriptedExchange]:
    with scripted_exchange() as exchange:
        exchange.answers = {path: Said(json=body) for path, body in ANSWERS.items()}
        settings.EXCHANGE_GATEWAYS = {"bitvavo": exchange.base}
        yield exchange


def test_any_exchange_that_ccxt_speaks_is_synced(bitvavo):
    credentials = Credentials(api_key="k" * 16, secret="s" * 16)
    account = add_account(workspace=workspace(), exchange_id="bitvavo", label="other", credentials=credentials)
    assert other_exchanges_due(now()) == ["bitvavo"]
    for kind in batches_wanted("bitvavo", now()):
        sync_batch("bitvavo", kind)
    totals = dict(Balance.objects.filter(reading__account=account).values_list("currency", "total"))
    assert totals == {"BTC": Decimal("2.32425567"), "EUR": Decimal("12.34")}
    assert Order.objects.get().price == 40000
    assert Ticker.objects.get(exchange_id="bitvavo").last == Decimal("50000.5")
    assert Market.objects.get(exchange_id="bitvavo").min_cost == 5


def test_what_it_does_not_offer_is_asked_once_and_never_again(bitvavo):
    credentials = Credentials(api_key="k" * 16, secret="s" * 16)
    account = add_account(workspace=workspace(), exchange_id="bitvavo", label="other", credentials=credentials)
    sync_batch("bitvavo", SyncKind.POSITIONS)
    state = SyncState.objects.get(account=account, kind="positions")
    assert (state.error_kind, state.due_at) == ("NotSupported", None)
