"""`make run` with its doors: REST as the demo user, and the sandbox's control."""

import json
import urllib.error
import urllib.request
from decimal import Decimal
from typing import Any

from alphapulse.sandbox.testing import SandboxControl

from .at_rest import put_to_rest
from .make_run import DIRECT, MakeRun

WALLET = {"binance": "spot", "bybit": "unified"}


class Running(MakeRun):
    def login(self) -> None:
        password = next(line.split()[1] for line in self.lines if line.startswith("password:"))
        tokens = self._ask("/api/user/login", {"username": "demo", "password": password})
        self.token = tokens["access"]

    def get(self, path: str) -> Any:
        return self._as_demo(path)

    def post(self, path: str, body: Any) -> Any:
        return self._as_demo(path, body)

    def _as_demo(self, path: str, body: Any = None) -> Any:
        try:
            return self._ask(path, body)
        except urllib.error.HTTPError as refused:
            if refused.code != 401:
                raise
        # A token lives for five minutes.
        self.login()
        return self._ask(path, body)

    def _ask(self, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}")
        request.add_header("Content-Type", "application/json")
        if not path.endswith("/login"):
            request.add_header("Authorization", f"Bearer {self.token}")
        data = json.dumps(body).encode() if body is not None else None
        with DIRECT.open(request, data, timeout=60) as answer:
            return json.load(answer)

    @property
    def sandbox(self) -> SandboxControl:
        return SandboxControl(self.settings["SANDBOX_URL"])

    def rest(self) -> None:
        """From now on nothing is asked but what is asked for."""
        put_to_rest(self.home / "alphapulse.sqlite3")

    def set_balance(self, exchange_id: str, currency: str, amount: str) -> None:
        """Of the demo account's main wallet, at the exchange."""
        account = self.sandbox_account(exchange_id)
        self.sandbox.set_balance(exchange_id, account, currency, amount, wallet=WALLET[exchange_id])

    def totals(self, exchange_id: str) -> dict[str, Decimal]:
        """Of the demo account's main wallet by asset, as REST tells it: coins lie in other wallets, too."""
        path = f"/api/exchange/balance?account=demo-{exchange_id}&wallet={WALLET[exchange_id]}"
        return {row["asset"]: Decimal(row["total"]) for row in self.get(path)["results"]}

    def sandbox_account(self, exchange_id: str) -> str:
        return next(each["account"] for each in self.sandbox.accounts(exchange_id))
