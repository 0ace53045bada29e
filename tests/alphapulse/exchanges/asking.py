"""Asking an exchange as the sync does: on the loop, by way of a gateway."""

from collections.abc import Coroutine, Sequence
from datetime import timedelta
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from alphapulse.exchanges.ccxt import loop
from alphapulse.exchanges.ccxt.batch import Job, fetch_batch
from alphapulse.exchanges.ccxt.client import open_client
from alphapulse.exchanges.reading import OpenOrder, Outcome, Reading
from alphapulse.exchanges.route import Route
from alphapulse.types import Credentials, Environment, SyncKind

# A base64 text, as Kraken and the new Coinbase keys want it.
CREDENTIALS = Credentials(api_key="key-of-a-test", secret="c2VjcmV0LW9mLWEtdGVzdA==", password="password-of-a-test")
DEADLINE = timedelta(seconds=30)


def run(coro: Coroutine[Any, Any, Any]) -> Any:
    return loop.run(coro, deadline=DEADLINE)


def route_to(exchange_id: str, base: str, **others: Any) -> Route:
    return Route(exchange_id=exchange_id, **{"environment": Environment.SANDBOX, "gateway": base, **others})


def fetch(
    route: Route,
    kind: SyncKind,
    credentials: Credentials | None = None,
    known_orders: Sequence[OpenOrder] = (),
) -> tuple[Reading, ...]:
    """The readings; raises what the client raises."""

    async def asked() -> tuple[Reading, ...]:
        client = await open_client(route, credentials or credentials_for(route.exchange_id))
        return await client.fetch(kind, known_orders=known_orders)

    return run(asked())


def batch(
    route: Route,
    kind: SyncKind,
    jobs: Sequence[Job],
    *,
    job_deadline: timedelta = DEADLINE,
    deadline: timedelta | None = None,
) -> list[Outcome]:
    return run(fetch_batch(route, kind, jobs, job_deadline=job_deadline, deadline=deadline))


def credentials_for(exchange_id: str) -> Credentials:
    """Of a form that the exchange's signature accepts: Coinbase signs with a private key."""
    if exchange_id != "coinbase":
        return CREDENTIALS
    return Credentials(api_key="organizations/a-test/apiKeys/of-it", secret=_private_key())


@cache
def _private_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return pem.decode()
