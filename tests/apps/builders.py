"""Rows that most tests need, with as few words as possible."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.db.models import QuerySet

from alphapulse.exchanges.errors import ExchangeError
from alphapulse.exchanges.reading import Reading
from alphapulse.types import Balance, Credentials
from apps.audit.models import AuditEntry
from apps.exchanges.models import Environment, ExchangeAccount
from apps.sync.models import SyncState
from apps.users.models import User, Workspace

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def audited() -> QuerySet[AuditEntry]:
    """What was written down, beside that and how the test's users came to be."""
    return AuditEntry.objects.exclude(action__in=["user.created", "user.password_changed"])


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def workspace(name: str = "family") -> Workspace:
    return Workspace.objects.filter(name=name).first() or User.objects.create_user(name).memberships.get().workspace


def account(
    label: str = "main",
    *,
    exchange_id: str = "binance",
    environment: str = Environment.SANDBOX,
    owner: str = "family",
    **fields: object,
) -> ExchangeAccount:
    new = ExchangeAccount(
        workspace=workspace(owner), label=label, exchange_id=exchange_id, environment=environment, **fields
    )
    new.set_credentials(Credentials(api_key=f"key of {label}", secret=f"secret of {label}", password=""))
    new.save()
    return new


def state(of: ExchangeAccount, kind: str = "balances", **fields: object) -> SyncState:
    where = {"exchange_id": of.exchange_id, "environment": of.environment, "egress": of.egress}
    return SyncState.objects.create(account=of, kind=kind, **(where | {"due_at": NOON} | fields))


def balance(currency: str, total: str, *, used: str = "0") -> Balance:
    return Balance(
        currency=currency,
        free=Decimal(total) - Decimal(used),
        used=Decimal(used),
        total=Decimal(total),
        debt=Decimal(0),
    )


def reading(*rows: object, wallet: str = "spot", as_of: datetime = NOON, error: ExchangeError | None = None) -> Reading:
    return Reading(wallet=wallet, as_of=as_of, rows=rows, error=error)
