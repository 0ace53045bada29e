"""What all accounts of a route share: the connections, the exchange's clock, and what it says we used."""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache

import aiohttp
import certifi
import yarl

from alphapulse.exchanges import catalogue, told
from alphapulse.exchanges.ccxt.answer import Answer, Request
from alphapulse.exchanges.errors import ExchangeError, RateLimited
from alphapulse.exchanges.route import Route

CONNECT_TIMEOUT = timedelta(seconds=5)
# Longer than most sync intervals: a TLS handshake costs more than the request it carries.
KEEP_ALIVE = timedelta(seconds=75)
MAX_CONNECTIONS = 100


class Line:
    """One route's connections. Made on the loop, kept as long as it."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.offset = timedelta(0)
        self.last_nonce = 0
        self._limit: tuple[datetime, RateLimited] | None = None
        local = (route.local_address, 0) if route.local_address else None
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=_ssl_context(),
                local_addr=local,
                family=socket.AF_UNSPEC,
                limit=MAX_CONNECTIONS,
                keepalive_timeout=KEEP_ALIVE.total_seconds(),
            ),
            # A cookie that one account got would go out with the next account's request.
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    @property
    def now(self) -> datetime:
        """The exchange's clock: ours plus the measured offset."""
        return datetime.now(UTC) + self.offset

    def heard(self, error: ExchangeError) -> None:
        """After a failure: who is told to stay away does, with all of the route's accounts."""
        if isinstance(error, RateLimited) and error.until and (self._limit is None or self._limit[0] < error.until):
            self._limit = error.until, error

    def check_open(self) -> None:
        """Raises RateLimited while the exchange wants nobody of this route: asking on makes minutes into days."""
        if self._limit is not None and datetime.now(UTC) < self._limit[0]:
            until, said = self._limit
            raise RateLimited(said.message, code=said.code, until=until, is_ban=said.is_ban)

    def reopen(self) -> None:
        """Forgets what it was told: the exchange has let us in again before the time that it named."""
        self._limit = None

    async def send(self, request: Request, *, address: str, timeout: timedelta) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body. Follows no redirect: it could lead a signed request to another host."""
        async with self._session.request(
            request.method,
            yarl.URL(address, encoded=True),
            data=request.body,
            headers=request.headers,
            allow_redirects=False,
            proxy=self.route.proxy or None,
            timeout=aiohttp.ClientTimeout(total=timeout.total_seconds(), sock_connect=CONNECT_TIMEOUT.total_seconds()),
        ) as response:
            body = await response.read()
            return response.status, dict(response.headers), body

    def count(self, answer: Answer) -> None:
        """Remembers what the answer's headers say about our use of the quotas of its host."""
        told.note_offset(self.route, self.offset)
        for quota in catalogue.exchange(self.route.exchange_id).quotas:
            is_told = quota.used_header and quota.is_counted_at(answer.request.host)
            said = answer.header(quota.used_header) if is_told else ""
            if said.isdigit():
                sent_at, at = answer.sent_at + self.offset, answer.received_at + self.offset
                told.note_usage(self.route, quota.name, told.Used(weight=int(said), sent_at=sent_at, at=at))

    async def close(self) -> None:
        await self._session.close()
        # aiohttp closes TLS transports in the loop's next turns.
        await asyncio.sleep(0)


@cache
def _ssl_context() -> ssl.SSLContext:
    # 16 ms and 0.75 MiB each: one for the process.
    return ssl.create_default_context(cafile=certifi.where())
