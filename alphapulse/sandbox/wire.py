"""What goes over the wire, without a web framework: an exchange's face is a function from `Call` to `Reply`.

A host (`BinanceSpot`, `BybitV5`) implements `Host` and is listed in `hosts.py`. Its `handle` is synchronous: one
request is one step, so nothing needs a lock. Faults, latency, logging and the socket are the server's business.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol
from urllib.parse import parse_qsl

import orjson


@dataclass
class Call:
    """One request as it arrived. `now_ms` is this exchange's wall clock (a clock fault may have moved it)."""

    method: str
    host: str
    path: str  # without the host's prefix and without the query: `/api/v3/order`
    query: str  # raw, as signed
    body: bytes
    headers: Mapping[str, str]  # any case
    remote: str
    now_ms: int

    @cached_property
    def params(self) -> dict[str, str]:
        """Query, then form or JSON body; a JSON value that is not a string keeps its JSON text."""
        pairs = dict(parse_qsl(self.query, keep_blank_values=True)) if self.query else {}
        if self.body[:1] == b"{":
            return pairs | self._json_params()
        if self.body:
            pairs |= parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)
        return pairs

    def _json_params(self) -> dict[str, str]:
        try:
            document = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return {}
        return {
            name: value if isinstance(value, str) else orjson.dumps(value).decode() for name, value in document.items()
        }


@dataclass
class Reply:
    """`content` is bytes as they are, or anything that JSON can say."""

    content: object
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json;charset=UTF-8"

    def encoded(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else orjson.dumps(self.content)

    @property
    def code(self) -> str:
        """What the exchange itself calls the outcome, where it does: `-1021`, `10006`, and `0` for Bybit's success."""
        told = self.content if isinstance(self.content, dict) else {}
        return str(told.get("retCode", told.get("code", "")))


class Host(Protocol):
    """One original host name (`api.binance.com`) of one exchange."""

    @property
    def exchange_id(self) -> str: ...

    def handle(self, call: Call) -> Reply: ...

    def api_key(self, call: Call) -> str:
        """The key this request was made with, or an empty string: for faults, the log and accounts' orders."""

    def banned(self, call: Call, until_ms: int) -> Reply:
        """What a banned IP gets to see."""

    def maintenance(self, call: Call) -> Reply:
        """What everybody gets to see while the system is being upgraded."""

    def forgive(self) -> None:
        """Empty every budget and lift every ban."""
