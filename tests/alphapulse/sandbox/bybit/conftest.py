"""A Bybit of the tests' own: a real server for unmodified ccxt clients, or its face alone with a clock in hand."""

import json
from collections.abc import Callable
from typing import Any

import ccxt
import pytest

from alphapulse.sandbox.config import SandboxConfig
from alphapulse.sandbox.engine import Engine
from alphapulse.sandbox.testing import SandboxServer
from tests.alphapulse.sandbox.bybit.desk import Desk

RICH = {"unified": {"USDT": "100000", "BTC": "1"}, "fund": {"USDT": "500"}}
NOON_MS = 1_795_176_000_000  # a Friday in November 2026

OpenClient = Callable[..., Any]


@pytest.fixture
def open_client(sandbox: SandboxServer) -> OpenClient:
    """An unmodified sync ccxt client on a new account; `kind` is ccxt's defaultType."""

    def opened(kind: str = "spot", *, holdings: Any = RICH, **account: Any) -> Any:
        made = sandbox.create_account("bybit", holdings=holdings, **account)
        client = ccxt.bybit({"apiKey": made.api_key, "secret": made.secret, "enableRateLimit": False})
        client.options |= {"defaultType": kind, "fetchOrder": {"acknowledged": True}}
        return sandbox.point(client)

    return opened


@pytest.fixture
def desk() -> Desk:
    """One rich account and Bybit's face without a socket, at a time that only the test moves."""
    clock = [NOON_MS]
    engine = Engine(SandboxConfig(markets=60), now_ms=lambda: clock[0])
    return Desk(engine, clock, RICH)


def code_of(error: BaseException) -> int:
    """Bybit's retCode out of the message that ccxt makes of an answer."""
    text = str(error)
    code: int = json.loads(text[text.index("{") :])["retCode"]
    return code
