import pytest
from django.db import connection

from alphapulse.types import SyncKind
from apps.ledger.admin.events import EventAdmin
from apps.ledger.models import FundingPayment, LedgerEntry, Trade, Transfer
from apps.ledger.services import store_events
from tests.apps.pages import accounts, add_url, delete_url, list_url, logged_in, page_url, queries_of, text_of
from tests.events import entry, funding, trade, transfer

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

MODELS = [Trade, Transfer, FundingPayment, LedgerEntry]


def fill(numbers: range) -> None:
    for owned in accounts(numbers):
        store_events(owned.pk, SyncKind.TRADES, [trade("1", amount="0.00000001")], source="spot")
        store_events(owned.pk, SyncKind.TRANSFERS, [transfer("deposit:1")], source="deposits")
        store_events(owned.pk, SyncKind.FUNDING_PAYMENTS, [funding("usdm:1")], source="usdm")
        store_events(owned.pk, SyncKind.LEDGER, [entry("convert:1")], source="converts")


@pytest.mark.parametrize("model", MODELS)
def test_a_list_needs_as_many_queries_for_thirty_rows_as_for_one(model):
    client = logged_in()
    fill(range(1))
    for_one = queries_of(client, list_url(model))
    fill(range(1, 30))
    assert queries_of(client, list_url(model)) == for_one


@pytest.mark.parametrize("model", MODELS)
def test_everybodys_newest_come_out_of_an_index_and_the_table_is_not_sorted(model):
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        plan = model.objects.order_by(*EventAdmin.ordering)[:50].explain()
    assert "_newest" in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan


@pytest.mark.parametrize("model", MODELS)
def test_what_happened_can_be_read_and_not_be_changed(model):
    client = logged_in()
    fill(range(1))
    row = model.objects.get()
    assert client.get(page_url(row)).status_code == 200
    assert client.get(add_url(model)).status_code == 403
    assert client.post(page_url(row), {"amount": "5"}).status_code == 403
    assert client.post(delete_url(row), {"post": "yes"}).status_code == 403
    assert "delete_selected" not in text_of(client, list_url(model))


def test_a_trades_amount_is_written_out_plainly():
    client = logged_in()
    fill(range(1))
    assert "0.00000001" in text_of(client, list_url(Trade))
