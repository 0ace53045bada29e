"""From rows to the wire: by which route an account's traffic leaves, and with which credentials."""

from django.conf import settings

from alphapulse.exchanges.errors import Transient
from alphapulse.exchanges.route import Route
from alphapulse.types import Credentials
from alphapulse.types import Environment as CoreEnvironment
from apps.core.encryption import CannotOpen
from apps.exchanges.models import DEFAULT_EGRESS, Environment, ExchangeAccount


class CredentialsUnreadable(Transient):
    """Ours to mend, not the owner's: the account must not be disabled for it."""

    advice = "Put the encryption key that sealed this account's credentials back into CREDENTIAL_KEYS."


def route_of(account: ExchangeAccount) -> Route:
    """Which way its requests leave. Raises UnknownEgress."""
    return route(exchange_id=account.exchange_id, environment=account.environment, egress=account.egress)


def route(*, exchange_id: str, environment: str, egress: str) -> Route:
    """A sandbox route without SANDBOX_URL has no gateway, and refuses to open a socket."""
    if environment == Environment.SANDBOX:
        gateway = settings.SANDBOX_URL
    else:
        gateway = settings.EXCHANGE_GATEWAYS.get(exchange_id, "")
    way_out = _way_out(egress)
    return Route(
        exchange_id=exchange_id,
        environment=CoreEnvironment(environment),
        egress=egress,
        gateway=gateway,
        local_address=way_out.get("local_address", ""),
        proxy=way_out.get("proxy", ""),
    )


def credentials(account: ExchangeAccount) -> Credentials:
    """Raises CredentialsUnreadable."""
    try:
        return account.open_credentials()
    except CannotOpen as problem:
        raise CredentialsUnreadable(f"The credentials of {account.label} cannot be opened: {problem}") from None


class UnknownEgress(Transient):
    advice = "Add the egress to EGRESSES, or give the account another one."


def _way_out(egress: str) -> dict[str, str]:
    if egress == DEFAULT_EGRESS:
        return settings.EGRESSES.get(egress, {})
    if egress not in settings.EGRESSES:
        # Going out by the default IP instead would break the key's IP list, and spend another IP's budget.
        raise UnknownEgress(f"The egress {egress!r} is not among EGRESSES.")
    return settings.EGRESSES[egress]
