"""Credentials appear in no log, message, repr or traceback, whatever an exchange echoes."""

import json
import logging
import traceback
from base64 import b64encode
from urllib.parse import quote_plus

import pytest

from alphapulse.exchanges.ccxt.batch import Job
from alphapulse.exchanges.ccxt.client import open_client
from alphapulse.exchanges.errors import CredentialsRejected, ExchangeError
from alphapulse.exchanges.reading import Outcome
from alphapulse.types import Credentials, SyncKind
from tests.alphapulse.exchanges import written
from tests.alphapulse.exchanges.asking import batch, route_to, run
from tests.alphapulse.exchanges.scripted import Asked, Said, ScriptedExchange

KEY = "CANARYkeyCANARYkeyCANARYkey0123456789"
SECRET = b64encode(b"CANARY/secret+CANARY/secret+CANARY?").decode()
PASSWORD = 'CANARY pass"word\\&=+/'
CREDENTIALS = Credentials(api_key=KEY, secret=SECRET, password=PASSWORD)
EXCHANGES = ["binance", "kraken", "okx", "bybit"]


def echo(asked: Asked) -> str:
    return json.dumps({"headers": asked.headers, "query": asked.query, "body": asked.body, "password": PASSWORD})


ECHOES = {
    "a message": lambda asked: Said(
        json={"code": -9, "msg": echo(asked), "retCode": 9, "retMsg": echo(asked), "error": [echo(asked)]}, status=400
    ),
    "a code": lambda asked: Said(json={"code": echo(asked), "retCode": echo(asked), "error": [echo(asked)]}),
    "a page": lambda asked: Said(raw=f"<html>{echo(asked)} {quote_plus(PASSWORD)} {PASSWORD}</html>"),
    "a page with status 500": lambda asked: Said(raw=f"<html>{echo(asked)}</html>", status=500),
    "another answer": lambda asked: Said(raw=echo(asked)),
    "a row": lambda asked: Said(
        json=_rows({"asset": KEY, "coin": KEY, "ccy": KEY, "free": KEY, "balance": KEY, "eq": KEY})
    ),
    "a redirect": lambda asked: Said(raw=echo(asked), status=302, headers={"Location": "http://127.0.0.1:1/"}),
    "a broken answer": lambda asked: Said(raw=echo(asked), cut=20),
    "no answer": lambda asked: Said(drops=True),
}


def _rows(row: dict) -> dict:
    coins = {"list": [{"accountType": "UNIFIED", "coin": [row]}], "balance": [row], KEY: row}
    return {"balances": [row], "code": "0", "retCode": 0, "error": [], "result": coins, "data": [{"details": [row]}]}


def signatures(exchange: ScriptedExchange) -> set[str]:
    """What was really sent to prove who we are."""
    names = ("signature", "sign", "API-Sign", "OK-ACCESS-SIGN", "X-BAPI-SIGN", "OK-ACCESS-PASSPHRASE")
    return {
        value
        for asked in exchange.asked
        for name in names
        if (value := asked.query.get(name) or asked.headers.get(name))
    }


def everything(outcome: Outcome) -> str:
    errors = [outcome.error, *(reading.error for reading in outcome.readings)]
    texts = [repr(outcome), *(_told(error) for error in errors if error is not None)]
    return "\n".join(texts)


def _told(error: ExchangeError) -> str:
    trace = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    return "\n".join([str(error), repr(error), error.message, error.code, getattr(error, "payload", ""), trace])


@pytest.fixture
def everything_logged(caplog):
    known = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]
    levels = [(logger, logger.level, logger.disabled) for logger in [logging.getLogger(), *known]]
    for logger, _, _ in levels:
        logger.setLevel(logging.DEBUG)
        logger.disabled = False
    with caplog.at_level(logging.DEBUG):
        yield caplog
    for logger, level, disabled in levels:
        logger.setLevel(level)
        logger.disabled = disabled


@pytest.mark.parametrize("what", ECHOES)
@pytest.mark.parametrize("exchange_id", EXCHANGES)
def test_nothing_of_what_signs_comes_out(exchange, everything_logged, capfd, exchange_id, what):
    exchange.answers = written.answers(exchange_id)
    route, job = route_to(exchange_id, exchange.base), Job(credentials=CREDENTIALS)
    batch(route, SyncKind.TICKERS, [job])
    exchange.answers = {"*": ECHOES[what]}
    told = ""
    for kind in (SyncKind.BALANCES, SyncKind.ORDERS):
        (outcome,) = batch(route, kind, [job])
        assert outcome.error or any(reading.error for reading in outcome.readings)
        told += everything(outcome)
    told += everything_logged.text + "".join(capfd.readouterr())
    assert any(KEY in json.dumps(dict(asked.headers)) for asked in exchange.asked), "the key was never sent"
    assert "CANARY" not in told
    assert SECRET not in told
    for signature in signatures(exchange):
        assert signature not in told
        assert quote_plus(signature) not in told


@pytest.mark.parametrize("exchange_id", EXCHANGES)
def test_a_client_and_its_credentials_have_no_telling_repr(exchange, exchange_id):
    exchange.answers = written.answers(exchange_id)

    async def opened():
        client = await open_client(route_to(exchange_id, exchange.base), CREDENTIALS)
        return repr(client), str(client), repr(CREDENTIALS), repr(Job(credentials=CREDENTIALS))

    assert "CANARY" not in "".join(run(opened()))
    assert SECRET not in "".join(run(opened()))


def test_a_secret_that_cannot_sign_is_not_quoted(exchange):
    exchange.answers = written.answers("kraken")
    torn = Credentials(api_key=KEY, secret="CANARY-no-base64!", password=PASSWORD)
    (outcome,) = batch(route_to("kraken", exchange.base), SyncKind.BALANCES, [Job(credentials=torn)])
    assert isinstance(outcome.error, CredentialsRejected)
    assert "CANARY" not in everything(outcome)
