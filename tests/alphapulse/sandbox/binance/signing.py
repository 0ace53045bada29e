"""A client that signs as Binance's documentation says, and lets a test get everything wrong."""

import hashlib
import hmac
import http.client
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import orjson

from alphapulse.sandbox.testing import Credentials, SandboxServer


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: Any

    @property
    def code(self) -> int:
        return int(self.body["code"])


@dataclass
class Signer:
    sandbox: SandboxServer
    credentials: Credentials
    host: str = "api.binance.com"
    source: str = "127.0.0.1"  # the address the requests come from
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **params: Any) -> Answer:
        """Without key or signature."""
        return self.send("GET", path, urlencode(params), key="")

    def signed(
        self, method: str, path: str, *, secret: str | None = None, key: str | None = None, **params: Any
    ) -> Answer:
        query = urlencode({"timestamp": int(time.time() * 1000)} | {k: v for k, v in params.items() if v is not None})
        signature = hmac.new((secret or self.credentials.secret).encode(), query.encode(), hashlib.sha256).hexdigest()
        return self.send(method, path, f"{query}&signature={signature}", key=key)

    def send(self, method: str, path: str, query: str, *, key: str | None = None) -> Answer:
        name = self.credentials.api_key if key is None else key
        address = self.sandbox.url.removeprefix("http://")
        connection = http.client.HTTPConnection(address, timeout=10, source_address=(self.source, 0))
        in_body = method in ("POST", "PUT")
        headers = {"X-MBX-APIKEY": name} if name else {}
        if in_body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        target = f"/{self.host}{path}" + ("" if in_body or not query else f"?{query}")
        try:
            connection.request(method, target, query if in_body else None, headers)
            answer = connection.getresponse()
            raw = answer.read()
        finally:
            connection.close()
        is_json = "json" in (answer.getheader("Content-Type") or "")
        return Answer(answer.status, dict(answer.getheaders()), orjson.loads(raw) if is_json else raw)
