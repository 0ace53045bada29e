"""The credentials of an account appear nowhere but sealed in its row, and in the requests to its exchange.

Canaries as key, secret and password on Binance, Kraken and OKX; exchanges that echo what they are sent, in every kind
of answer; all loggers at DEBUG; a task that fails. Then everything that could hold a secret is searched for one.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import pytest

from tests.alphapulse.exchanges.scripted import Answer, Asked, Said, ScriptedExchange, scripted_exchange
from tests.alphapulse.exchanges.written import answers
from tests.e2e.at_rest import end_leases, put_to_rest
from tests.e2e.canaries import found_in, unfolded
from tests.e2e.eavesdropper import Eavesdropper
from tests.e2e.own_system import PASSWORD, OwnSystem, own_system

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1200)]

EXCHANGES = ("binance", "kraken", "okx")
HOSTS = {"api.binance.com", "api.kraken.com", "www.okx.com"}


def canary(exchange_id: str, what: str) -> str:
    """Letters that are base64 as they stand, as Kraken wants its secrets, and that a URL spells differently."""
    text = f"CANARY+{exchange_id}/{what}+{exchange_id[::-1]}"
    return text + "Z" * (-len(text) % 4)


CREDENTIALS = {
    exchange_id: {what: canary(exchange_id, what) for what in ("apikey", "secret", "password")}
    for exchange_id in EXCHANGES
}
REFUSED = {what: canary("refused", what) for what in ("apikey", "secret", "password")}
CANARIES = [secret for credentials in (*CREDENTIALS.values(), REFUSED) for secret in credentials.values()]

KEY_HEADERS = {"X-MBX-APIKEY", "API-Key", "OK-ACCESS-KEY"}
SIGNATURE_HEADERS = {"API-Sign", "OK-ACCESS-SIGN"}


def is_signed(asked: Asked) -> bool:
    return bool(KEY_HEADERS & set(asked.headers))


def signature(asked: Asked) -> str:
    carried = [asked.headers[name] for name in SIGNATURE_HEADERS & set(asked.headers)]
    return (carried or [asked.query.get("signature", "")])[0]


def echo(asked: Asked) -> str:
    """All that was sent, the way a debugging proxy gives it back."""
    return json.dumps({"headers": dict(asked.headers), "query": dict(asked.query), "body": asked.body})


def _of_the_exchange(asked: Asked, *, binance: int, kraken: str, okx: str, status: int) -> Said:
    """An error in the exchange's own words, with the echo where the words are."""
    if "binance" in asked.host:
        return Said(status=status, json={"code": binance, "msg": echo(asked)})
    if "kraken" in asked.host:
        return Said(json={"error": [f"{kraken}:{echo(asked)}"]})
    return Said(json={"code": okx, "msg": echo(asked), "data": []})


def refused(asked: Asked) -> Said:
    return _of_the_exchange(asked, binance=-1102, kraken="EGeneral:Invalid arguments", okx="51000", status=400)


def rejected(asked: Asked) -> Said:
    return _of_the_exchange(asked, binance=-2015, kraken="EAPI:Invalid key", okx="50111", status=401)


def strange_code(asked: Asked) -> Said:
    return Said(status=400, json={"code": echo(asked), "error": [echo(asked)], "msg": echo(asked)})


def plain_text(asked: Asked) -> Said:
    return Said(status=502, raw=echo(asked))


def web_page(asked: Asked) -> Said:
    return Said(raw=f"<html><body>{echo(asked)}</body></html>", headers={"Content-Type": "text/html"})


def wrong_shape(asked: Asked) -> Said:
    return Said(json={"error": [], "code": "0", "data": [{"details": echo(asked)}], "result": [echo(asked)]})


def in_headers(asked: Asked) -> Said:
    return Said(status=429, json={}, headers={"Retry-After": signature(asked), "X-Echo": echo(asked)})


def elsewhere(asked: Asked) -> Said:
    return Said(status=302, raw="", headers={"Location": f"http://127.0.0.1:1/?{echo(asked)}"})


# The 429 is the last: whoever has heard it asks no more for a minute.
ECHOES = (refused, strange_code, plain_text, web_page, wrong_shape, elsewhere, in_headers)


@dataclass
class Story:
    """What happened, and everything that was left behind: `places` by name. `answered`: the hosts that gave it."""

    system: OwnSystem
    exchange: ScriptedExchange
    places: dict[str, str | bytes]
    answered: dict[str, set[str]]

    def secrets(self) -> list[str]:
        signatures = {signature(asked) for asked in self.exchange.asked if is_signed(asked)}
        return [*CANARIES, *sorted(signatures - {""})]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    home = tmp_path_factory.mktemp("home")
    with scripted_exchange() as exchange:
        gateways = json.dumps(dict.fromkeys(EXCHANGES, exchange.base))
        with own_system(home, EXCHANGE_GATEWAYS=gateways, LOG_LEVEL="DEBUG") as system:
            told = Story(system, exchange, {}, {})
            with Eavesdropper(system.redis_url) as ear:
                _live_through(told)
                told.places["Redis' files"] = ear.kept()
            told.places["all that reached Redis"] = unfolded(ear.heard)
            told.places["the worker's log"] = system.worker_log.read_bytes()
            told.places["the database"] = _dump(system)
            pages = system.run("-m", "tests.e2e.every_page", PASSWORD)
            assert pages.returncode == 0, pages.stderr
            told.places["admin pages and API answers"] = pages.stdout
            told.places["what rendering them logged"] = pages.stderr
            yield told


def _live_through(story: Story) -> None:
    _script(story.exchange, None)
    story.places["adding accounts"] = "".join(_add(story.system, exchange_id) for exchange_id in EXCHANGES)
    with story.system.workers("-m", "tests.e2e.loud_worker"):
        story.places["a good resync"] = _resync(story, None)
        for answer in ECHOES:
            story.places[f"a resync with {answer.__name__}"] = _resync(story, answer, "balances")
    story.places["adding a key that is refused"] = _add_refused(story)
    # Workers that have not heard the 429.
    with story.system.workers("-m", "tests.e2e.loud_worker"):
        _fail_a_task(story)
        for _ in range(2):
            story.places["rejected"] = _resync(story, rejected, "orders")


def _fail_a_task(story: Story) -> None:
    """Of one exchange only."""
    put_to_rest(story.system.database)
    with _broken_table(story.system):
        story.system.manage("resync", "--account", "binance", "--kind", "balances")
        story.system.until(lambda: "raised unexpected" in _log(story.system), "a failing task")
    end_leases(story.system.database)


def _script(exchange: ScriptedExchange, signed: Callable[[Asked], Said] | None) -> None:
    """Public questions are answered well, signed ones by `signed`."""
    written = {name: answer for exchange_id in EXCHANGES for name, answer in answers(exchange_id).items()}
    exchange.answers = {name: _unless_signed(answer, signed) for name, answer in written.items()}
    if signed:
        exchange.answers["*"] = signed


def _unless_signed(answer: Answer, signed: Callable[[Asked], Said] | None) -> Answer:
    def said(asked: Asked) -> Said:
        if signed and is_signed(asked):
            return signed(asked)
        return answer(asked) if callable(answer) else answer

    return said


def _add(system: OwnSystem, exchange_id: str, label: str = "", credentials: dict[str, str] | None = None) -> str:
    keys = credentials or CREDENTIALS[exchange_id]
    done = system.manage(
        "add_account",
        *("--workspace", "demo", "--exchange", exchange_id, "--label", label or exchange_id),
        *("--api-key", keys["apikey"], "--secret", "-", "--password", "-", "--traceback", "--may-withdraw"),
        stdin=f"{keys['secret']}\n{keys['password']}\n",
    )
    assert (done.returncode == 0) is (label == ""), done.stderr
    return done.stdout + done.stderr


def _add_refused(story: Story) -> str:
    output = ""
    for answer in (refused, rejected, web_page):
        _script(story.exchange, answer)
        output += _add(story.system, "binance", "refused", REFUSED)
        output += _fill_form(story.system, "binance", REFUSED)
    return output


def _fill_form(system: OwnSystem, exchange_id: str, keys: dict[str, str]) -> str:
    fields = {"exchange_id": exchange_id, "label": "refused", "api_key": keys["apikey"]}
    fields |= {name: keys[name] for name in ("secret", "password")}
    done = system.run("-m", "tests.e2e.fill_form", PASSWORD, json.dumps(fields))
    assert done.stdout.startswith("200"), done.stderr
    assert "errorlist" in done.stdout
    return done.stdout + done.stderr


RESYNC = """
import sys
from django.core.management import call_command
for label in ("binance", "kraken", "okx"):
    try:
        call_command("resync", "--account", label, "--wait", "--timeout", "100", "--json", *sys.argv[1:])
    except Exception as problem:
        print(repr(problem))
"""


def _resync(story: Story, answer: Callable[[Asked], Said] | None, kind: str = "") -> str:
    """Of all three accounts, by the command, while nothing else is asked: each gets that answer."""
    put_to_rest(story.system.database)
    _script(story.exchange, answer)
    before = len(story.exchange.asked)
    setup = "import os, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'config.settings'; django.setup()"
    done = story.system.run("-c", f"{setup}\n{RESYNC}", *(("--kind", kind) if kind else ()))
    assert done.returncode == 0, done.stderr
    if answer:
        story.answered[answer.__name__] = {asked.host for asked in story.exchange.asked[before:] if is_signed(asked)}
    return done.stdout + done.stderr


@contextmanager
def _broken_table(system: OwnSystem) -> Iterator[None]:
    """It refuses whatever is written, also that the batch was refused: a task that cannot do anything about it."""
    with closing(sqlite3.connect(system.database, timeout=20, isolation_level=None)) as database:
        for deed in ("INSERT", "UPDATE"):
            refused = f"BEFORE {deed} ON ledger_walletreading BEGIN SELECT RAISE(ABORT, 'refused'); END"
            database.execute(f"CREATE TRIGGER refused_{deed} {refused}")
        try:
            yield
        finally:
            for deed in ("INSERT", "UPDATE"):
                database.execute(f"DROP TRIGGER refused_{deed}")


def _log(system: OwnSystem) -> str:
    return system.worker_log.read_text(errors="replace")


def _dump(system: OwnSystem) -> str:
    with closing(sqlite3.connect(system.database, timeout=20)) as database:
        return "\n".join(database.iterdump())


# --- The places are worth searching -------------------------------------------------------------------------------


def test_the_exchanges_did_get_the_keys(story):
    for exchange_id in EXCHANGES:
        key = CREDENTIALS[exchange_id]["apikey"]
        assert any(key in asked.headers.values() for asked in story.exchange.asked)
    assert len(story.secrets()) > len(CANARIES) + 20


def test_the_good_sync_stored_what_the_exchanges_said(story):
    assert '"progress": "failed"' not in story.places["a good resync"]
    assert story.places["a good resync"].count('"progress": "succeeded"') == 9


def test_every_echo_made_a_failure_that_was_told(story):
    for answer in ECHOES:
        told = story.places[f"a resync with {answer.__name__}"]
        assert told.count('"progress": "failed"') == 3, f"{answer.__name__}: {told}"
        assert story.answered[answer.__name__] >= HOSTS, f"{answer.__name__}: {told}"


def test_what_was_echoed_is_kept_with_the_secrets_taken_out(story):
    assert "***" in story.places["the database"]
    assert "***" in story.places["admin pages and API answers"]


def test_the_accounts_were_disabled_with_the_exchanges_words(story):
    with closing(sqlite3.connect(story.system.database)) as database:
        reasons = database.execute("SELECT is_enabled, disabled_reason FROM exchanges_exchangeaccount").fetchall()
    assert [is_enabled for is_enabled, _ in reasons] == [0, 0, 0]
    assert all("does not accept the key" in reason for _, reason in reasons)


def test_the_log_is_loud_and_has_the_failed_task(story):
    log = _log(story.system)
    assert log.count(" DEBUG ") > 100
    assert "raised unexpected" in log
    assert "Traceback (most recent call last)" in log


def test_task_messages_and_events_were_heard(story):
    heard = story.places["all that reached Redis"]
    for word in ("sync.resync", "sync.batch", "task-received", "task-failed", "task-succeeded"):
        assert word in heard


def test_the_search_finds_a_canary_however_it_is_written():
    for place in (
        '{"key": "CANARY+okx/secret+xkoZ"}',
        "CANARY%2Bokx%2Fsecret%2BxkoZ",
        b"Q0FOQVJZK29reC9zZWNyZXQreGtvWg==",
    ):
        assert found_in(place, ["CANARY+okx/secret+xkoZ"])
    assert not found_in("CANARY+okx/password+xko", ["CANARY+okx/secret+xkoZ"])


# --- The search ---------------------------------------------------------------------------------------------------


def test_no_credential_and_no_signature_is_anywhere(story):
    finds = {name: found_in(place, story.secrets()) for name, place in story.places.items()}
    assert {name: found for name, found in finds.items() if found} == {}
