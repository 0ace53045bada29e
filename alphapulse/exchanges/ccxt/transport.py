"""ccxt's exchanges with our own last line before the socket."""

import asyncio
import socket
from copy import copy
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, cast

import aiohttp
import ccxt.async_support

from alphapulse.exchanges import catalogue
from alphapulse.exchanges.ccxt.answer import Answer, Request, decoded
from alphapulse.exchanges.ccxt.line import Line
from alphapulse.exchanges.ccxt.silence import CCXT_LOGGER
from alphapulse.exchanges.errors import BadResponse, CredentialsRejected
from alphapulse.exchanges.route import rewritten

REQUEST_TIMEOUT = timedelta(seconds=15)


class Transport:
    """Mixed in before a ccxt exchange: sends over the route's line, reads JSON strictly, and never logs.

    `line` is set on the template and shared by its copies; the rest is one account's own.
    """

    id: str
    line: Line
    logger = CCXT_LOGGER
    last_answer: Answer | None = None
    first_sent_at: datetime | None = None

    def log(self, *args: object) -> None:
        """ccxt prints requests with their keys when `verbose`."""

    def __del__(self) -> None:
        """ccxt wants its instances closed; ours own nothing that could be."""

    @property
    def _called(self) -> str:
        return catalogue.exchange(self.id).name

    def milliseconds(self) -> int:
        """The exchange's clock: all of ccxt's timestamps come from here."""
        return self.microseconds() // 1000

    def seconds(self) -> int:
        return self.microseconds() // 1_000_000

    def microseconds(self) -> int:
        return int(self.line.now.timestamp() * 1_000_000)

    def filter_by_value_since_limit(self, array: Any, *args: Any, **named: Any) -> Any:
        """All of it: ccxt leaves out rows of an answer that do not fit what was asked for, and nobody would know."""
        return array

    def sign(self, *args: Any, **named: Any) -> Any:
        """ccxt's signature. A secret that is no key (not base64, a torn PEM) cannot sign: it must be entered anew."""
        failure = ""
        try:
            return super().sign(*args, **named)  # type: ignore[misc]
        except ccxt.async_support.BaseError:
            raise
        except Exception as exc:  # noqa: BLE001  signing libraries raise all sorts, and may quote the secret
            failure = type(exc).__name__
        raise CredentialsRejected(
            f"{self._called}: the secret cannot sign ({failure}), it is not of this exchange's form."
        )

    def forget(self) -> None:
        """Before a call: what its answers leave behind is then its own."""
        self.last_answer = None
        self.first_sent_at = None

    async def fetch(
        self, url: str, method: str = "GET", headers: dict[str, str] | None = None, body: str | None = None
    ) -> object:
        """Sends ccxt's signed request; the decoded answer. Raises ccxt's errors, with the answer as `answer`.

        ccxt's own `fetch` lets an HTML page, an empty body or cut JSON with status 200 pass as "nothing there".
        """
        self.line.check_open()
        sent: dict[str, str] = self.prepare_request_headers(headers)  # type: ignore[attr-defined]
        request = Request(method=method, url=url, headers=sent, body=body.encode() if body else None)
        answer = await self._answer_to(request)
        self.last_answer = answer
        self.line.count(answer)
        try:
            self._complain(answer, request)
        except ccxt.async_support.BaseError as exc:
            exc.answer = answer
            raise
        if 300 <= answer.status < 400:
            raise BadResponse(
                f"{self._called} sent us to another address; that is not followed.", payload=answer.excerpt
            )
        # No exchange answers `{}` to what we ask: even nothing has its envelope, or is an empty list.
        if not isinstance(answer.document, dict | list) or answer.document == {}:
            raise BadResponse(f"{self._called} answered with something that is not data.", payload=answer.excerpt)
        # ccxt writes into what it reads (Coinbase's pages end up in the first); the answer is judged as it came.
        return copy(answer.document)

    async def _answer_to(self, request: Request) -> Answer:
        address = rewritten(request.url, self.line.route)
        sent_at = datetime.now(UTC)
        if self.first_sent_at is None:
            self.first_sent_at = sent_at + self.line.offset
        try:
            status, headers, body = await self.line.send(request, address=address, timeout=REQUEST_TIMEOUT)
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError, socket.gaierror, OSError) as exc:
            failure = type(exc)
        else:
            text = body.decode("utf-8", errors="replace")
            return Answer(
                request=request,
                status=status,
                headers=headers,
                text=text,
                document=decoded(text),
                sent_at=sent_at,
                received_at=datetime.now(UTC),
                credentials=tuple(str(getattr(self, name, None) or "") for name in ("apiKey", "secret", "password")),
            )
        # Outside of `except`: the original's text and its traceback's locals carry the signed address.
        raise _network_error(failure, self.id)

    def _complain(self, answer: Answer, request: Request) -> None:
        """ccxt's judgement of an answer. It knows a market by the original address, so it gets that one."""
        document = answer.document if isinstance(answer.document, dict | list) else None
        body = request.body.decode() if request.body else None
        self.handle_errors(  # type: ignore[attr-defined]
            answer.status,
            "",
            request.url,
            request.method,
            dict(answer.headers),
            answer.text,
            document,
            dict(request.headers),
            body,
        )
        self.handle_http_status_code(answer.status, "", request.url, request.method, answer.text)  # type: ignore[attr-defined]
        if answer.status >= 400:
            raise ccxt.async_support.ExchangeError(f"{self.id} HTTP {answer.status}")


def _network_error(failure: type[BaseException], exchange_id: str) -> Exception:
    if issubclass(failure, TimeoutError):
        return cast(Exception, ccxt.async_support.RequestTimeout(exchange_id))
    return cast(Exception, ccxt.async_support.NetworkError(exchange_id))


@cache
def transported(exchange_id: str) -> type[Any]:
    """ccxt's class for the exchange, with our transport in front."""
    return type(f"Transported_{exchange_id}", (Transport, getattr(ccxt.async_support, exchange_id)), {})
