"""Which way an account's requests go: to the exchange itself, or through a gateway; from which of our addresses."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from alphapulse.exchanges.errors import ExchangeError
from alphapulse.types import Environment


class NoGateway(ExchangeError):
    """A sandbox account without a sandbox: its requests would reach the real exchange, so none is made."""

    advice = "Set SANDBOX_URL to the address of the sandbox exchange (`make run` does), or disable the account."


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """`gateway` is a base URL that all traffic goes through; `local_address` or `proxy` is what `egress` stands for."""

    exchange_id: str
    environment: Environment
    egress: str = "default"
    gateway: str = ""
    local_address: str = ""
    # May carry a password.
    proxy: str = field(default="", repr=False)


def rewritten(url: str, route: Route) -> str:
    """Where a signed request for `url` is sent: `<gateway>/<original-host>/<path?query>`.

    Applied after signing, at the last line before the socket: Coinbase signs the host. Raises NoGateway for a sandbox
    route that has none, so that no sandbox account can reach a production host.
    """
    if route.gateway:
        parts = urlsplit(url)
        return f"{route.gateway.rstrip('/')}/{url[len(parts.scheme) + len('://') :]}"
    require_gateway(route)
    return url


def require_gateway(route: Route) -> None:
    if route.environment is Environment.SANDBOX and not route.gateway:
        raise NoGateway(
            f"{route.exchange_id}: this is a sandbox account and SANDBOX_URL is not set, so nothing was sent."
        )
