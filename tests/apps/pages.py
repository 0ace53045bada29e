"""The admin's pages, as an ops person sees them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.exchanges.models import ExchangeAccount
from apps.ledger.models import Balance, WalletReading
from tests.apps import builders


def logged_in() -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("ops", password="ops"))
    return client


def list_url(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def add_url(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")


def page_url(row: Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def delete_url(row: Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_delete", args=[row.pk])


def text_of(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


def queries_of(client: Client, url: str) -> int:
    """How many queries the page needs once everything that is cached for a process is."""
    client.get(url)
    with CaptureQueriesContext(connection) as queries:
        text_of(client, url)
    return len(queries)


def act(client: Client, model: type[Model], action: str, *rows: Model) -> list[str]:
    """Chooses an action for some rows; what the page then says."""
    chosen = {"action": action, "_selected_action": [row.pk for row in rows]}
    answer = client.post(list_url(model), chosen, follow=True)
    assert answer.status_code == 200
    return [str(message) for message in answer.context["messages"]]


def now() -> datetime:
    return datetime.now(UTC)


def reading_of(
    account: ExchangeAccount, kind: str = "balances", wallet: str = "spot", **fields: object
) -> WalletReading:
    """A fresh one, unless the fields say otherwise."""
    values = {"status": "ok", "as_of": now(), "fresh_until": now() + timedelta(minutes=1)} | fields
    return WalletReading.objects.create(account=account, kind=kind, wallet=wallet, **values)


def balance_of(reading: WalletReading, currency: str = "BTC", total: str = "1") -> Balance:
    amount = Decimal(total)
    return Balance.objects.create(
        reading=reading, currency=currency, free=amount, used=Decimal(0), total=amount, debt=Decimal(0)
    )


def accounts(numbers: range, **fields: object) -> list[ExchangeAccount]:
    """Each in a workspace of its own."""
    return [builders.account(f"account {number}", owner=f"owner {number}", **fields) for number in numbers]
