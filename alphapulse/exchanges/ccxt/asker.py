"""One account's voice: it asks, and whatever goes wrong comes back as an ExchangeError."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from alphapulse.exchanges import catalogue
from alphapulse.exchanges.ccxt.classify import classified
from alphapulse.exchanges.ccxt.markets import Template
from alphapulse.exchanges.ccxt.paging import pages
from alphapulse.exchanges.errors import BadResponse, ClockSkewed, CredentialsRejected, ExchangeError
from alphapulse.exchanges.facts import Call
from alphapulse.types import Credentials

T = TypeVar("T")

# Less than this no exchange minds.
_SKEW = timedelta(seconds=1)


class Asker:
    """A copy of the route's template with the account's credentials. One question at a time."""

    def __init__(self, template: Template, credentials: Credentials | None) -> None:
        self.facts = catalogue.exchange(template.route.exchange_id)
        self.template = template
        self.ccxt = template.copy(credentials)

    @property
    def now(self) -> datetime:
        """The exchange's clock."""
        return self.template.line.now

    async def asked(self, ask: Callable[[], Awaitable[T]]) -> tuple[T, datetime]:
        """What `ask` brings and when its first request was sent, the exchange's clock. A skewed clock is set, once."""
        before = self.template.line.offset
        try:
            return await self._once(ask)
        except ClockSkewed:
            await self.template.measure_clock()
        except CredentialsRejected:
            if not self.facts.hides_skew:
                raise
            await self.template.measure_clock()
            if abs(self.template.line.offset - before) < _SKEW:
                raise
        return await self._once(ask)

    async def answer(self, call: Call) -> Any:
        """The one page that a call brings."""
        ((page, _),) = [page async for page in pages(self.ccxt, call.method, (), call)]
        return page

    async def check_key(self) -> None:
        """Asks what any valid key may: raises CredentialsRejected where this one is not."""
        await self.asked(partial(self.answer, self.facts.key_check))

    async def _once(self, ask: Callable[[], Awaitable[T]]) -> tuple[T, datetime]:
        self.ccxt.forget()
        failure: ExchangeError | None = None
        try:
            found = await ask()
        except Exception as exc:  # noqa: BLE001  everything is classified; a bug of ours or ccxt's is a BadResponse
            failure = self._classified(exc)
        if failure is not None:
            # Outside of `except`: the original's text and its traceback's locals carry keys and signatures.
            raise failure
        return found, self.ccxt.first_sent_at or self.now

    def _classified(self, exc: Exception) -> ExchangeError:
        line, answer = self.template.line, self.ccxt.last_answer
        failure = classified(exc, self.facts.exchange_id, now=datetime.now(UTC), answer=answer, offset=line.offset)
        line.heard(failure)
        if isinstance(failure, BadResponse) and not failure.payload and failure is exc:
            # One of our parsers': it knows neither the exchange nor what it was given.
            said = answer.redacted(failure.message) if answer else failure.message
            payload = answer.excerpt if answer else ""
            return BadResponse(f"{self.facts.name}: {said}", code=failure.code, payload=payload)
        return failure
