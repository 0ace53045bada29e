"""A clock that is off: every signature is stamped with the exchange's own."""

import json
import time
from base64 import urlsafe_b64decode
from datetime import timedelta

from alphapulse.exchanges.ccxt.batch import Job
from alphapulse.exchanges.ccxt.markets import _new, template
from alphapulse.exchanges.errors import CredentialsRejected
from alphapulse.types import SyncKind
from tests.alphapulse.exchanges import written
from tests.alphapulse.exchanges.asking import batch, credentials_for, fetch, route_to, run
from tests.alphapulse.exchanges.scripted import Asked, Said

ACCOUNTS = "api.coinbase.com/api/v3/brokerage/accounts"
TIME = "api.coinbase.com/v2/time"
AHEAD = 300


def token_of(asked: Asked) -> dict:
    payload = asked.headers["Authorization"].split()[1].split(".")[1]
    return json.loads(urlsafe_b64decode(payload + "=="))


def test_all_of_ccxts_clocks_are_the_exchanges():
    async def told() -> list[float]:
        shared = template(route_to("coinbase", "http://127.0.0.1:9"))
        shared.line.offset = timedelta(seconds=AHEAD)
        client = _new(shared.line)
        return [client.seconds(), client.milliseconds() / 1e3, client.microseconds() / 1e6]

    assert all(abs(moment - time.time() - AHEAD) < 2 for moment in run(told()))


def test_a_coinbase_token_that_our_clock_spoilt_is_signed_again_by_the_exchanges(exchange):
    exchange.answers = written.answers("coinbase")
    route = route_to("coinbase", exchange.base)
    fetch(route, SyncKind.TICKERS)
    whole = exchange.answers[ACCOUNTS]

    def accounts(asked: Asked) -> Said:
        is_old = token_of(asked)["exp"] < time.time() + AHEAD
        return Said(status=401, raw="Unauthorized") if is_old else whole(asked)

    exchange.answers[ACCOUNTS] = accounts
    exchange.answers[TIME] = lambda asked: Said(json={"data": {"epoch": int(time.time()) + AHEAD}})
    (outcome,) = batch(route, SyncKind.BALANCES, [Job(credentials=credentials_for("coinbase"))])
    assert outcome.error is None


def test_a_coinbase_key_that_is_refused_by_the_right_clock_is_rejected(exchange):
    exchange.answers = written.answers("coinbase")
    route = route_to("coinbase", exchange.base)
    fetch(route, SyncKind.TICKERS)
    exchange.answers[ACCOUNTS] = Said(status=401, raw="Unauthorized")
    (outcome,) = batch(route, SyncKind.BALANCES, [Job(credentials=credentials_for("coinbase"))])
    assert isinstance(outcome.error, CredentialsRejected)
