"""One process, one port: HTTP on threads, sockets beside them; with the server, the database and Redis for real."""

import json
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, suppress

import psycopg2
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from apps.core import bodies
from apps.feed.consumers import NOT_AUTHENTICATED, TRY_AGAIN_LATER
from config.asgi import HTTP_THREADS
from config.embedded.ports import LOOPBACK, choose_port
from config.embedded.servers import running
from config.embedded.valkey import valkey
from tests.config.web import PASSWORD, Web, web_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PATIENCE = 60.0  # against hanging

AN_ACCOUNT = "from tests.apps.builders import account; print(account().pk)"
SYNCED = """
from apps.sync.signals import accounts_synced
accounts_synced.send(sender=None, account_ids=[{}], kind="balances")
"""
NEW_PASSWORD = f"""
from apps.users.models import User
family = User.objects.get(username="family")
family.set_password({PASSWORD!r})
family.save()
"""


@pytest.fixture(scope="module")
def web(tmp_path_factory, redis_url) -> Iterator[Web]:
    with web_server(tmp_path_factory.mktemp("web"), redis_url=redis_url) as started:
        yield started


def test_pages_files_answers_and_health_come_from_one_port(web):
    assert web.ask("/admin/login/").status == 200
    assert "css" in web.ask("/static/admin/css/base.css").headers["Content-Type"]
    assert web.ask("/readyz").json() == {"status": "ready"}
    profile = web.ask("/api/user/profile", Authorization=f"Bearer {web.token()}")
    assert profile.json()["username"] == "family"


def test_a_failure_or_a_wrong_path_shows_no_traceback(web):
    answer = web.ask("/api/nothing")
    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert b"Traceback" not in web.ask("/nothing").body


def test_what_another_process_synced_comes_over_the_socket(web):
    account_id = int(web.shell(AN_ACCOUNT))
    with web.socket() as feed:
        feed.send(json.dumps({"type": "authenticate", "token": web.token()}))
        assert json.loads(feed.recv(timeout=PATIENCE))["type"] == "hello"
        web.shell(SYNCED.format(account_id))
        heard = json.loads(feed.recv(timeout=PATIENCE))
    assert heard == {"type": "accounts.synced", "account_ids": [account_id], "kind": "balances"}


@pytest.mark.parametrize("deed", ["over REST, by another tab", "in a shell, by another process"])
def test_a_socket_closes_when_its_session_is_ended_elsewhere(web, deed):
    # Before the socket: who says nothing on one for ten seconds is shown the door.
    token, another = web.token(), web.token()
    with web.socket() as feed:
        feed.send(json.dumps({"type": "authenticate", "token": token}))
        assert json.loads(feed.recv(timeout=PATIENCE))["type"] == "hello"
        if "REST" in deed:
            mine = {"Authorization": f"Bearer {another}"}
            assert web.ask("/api/user/logout", {"everywhere": True}, **mine).status == 204
        else:
            web.shell(NEW_PASSWORD)
        with pytest.raises(ConnectionClosed) as closed:
            feed.recv(timeout=PATIENCE)
    assert closed.value.rcvd.code == NOT_AUTHENTICATED


def test_a_redis_that_goes_and_comes_back_is_heard_again(tmp_path):
    port = choose_port()

    def server() -> AbstractContextManager[str]:
        embedded = valkey(tmp_path / "valkey", port=port, password="test")
        return running(embedded, log=tmp_path / "valkey.log", environment=os.environ)

    with ExitStack() as until_the_end:
        with server() as url:
            web = until_the_end.enter_context(web_server(tmp_path, redis_url=url))
            account_id = int(web.shell(AN_ACCOUNT))
            feed = until_the_end.enter_context(web.socket())
            feed.send(json.dumps({"type": "authenticate", "token": web.token()}))
            feed.recv(timeout=PATIENCE)
        with web.socket() as another, pytest.raises(ConnectionClosed) as sent_away:
            another.recv(timeout=PATIENCE)
        assert sent_away.value.rcvd.code == TRY_AGAIN_LATER
        assert web.ask("/readyz").status == 503
        with server():
            assert json.loads(_told_again(web, feed, account_id))["account_ids"] == [account_id]
            assert web.ask("/readyz").status == 200


def test_slow_senders_keep_nobody_from_being_answered(web):
    cut = b"POST /api/user/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{"
    slow = [socket.create_connection((LOOPBACK, web.port)) for _ in range(2 * HTTP_THREADS)]
    for sender in slow:
        sender.sendall(cut)
    begun = time.monotonic()
    assert web.ask("/healthz").status == 200
    assert time.monotonic() - begun < bodies.PATIENCE  # while the senders are still waited for
    for sender in slow:
        sender.close()


def test_a_body_beyond_all_use_is_refused_unread(web):
    with socket.create_connection((LOOPBACK, web.port), timeout=10) as sender:
        sender.sendall(b"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000000\r\n\r\n")
        sender.sendall(b"x" * 3_100_000)
        assert sender.recv(100).startswith(b"HTTP/1.1 413")


def test_many_callers_share_as_many_database_connections_as_there_are_threads(tmp_path, redis_url, postgres_url):
    with web_server(tmp_path, redis_url=redis_url, DATABASE_URL=postgres_url) as web:
        token = web.token()

        def call(_: int) -> int:
            return web.ask("/api/exchange/balance", Authorization=f"Bearer {token}").status

        with ThreadPoolExecutor(3 * HTTP_THREADS) as callers:
            assert set(callers.map(call, range(400))) == {200}
        for _ in range(5):
            with web.socket() as feed:
                feed.send(json.dumps({"type": "authenticate", "token": token}))
                feed.recv(timeout=PATIENCE)
        sockets_thread = 1
        assert _connections(postgres_url) <= HTTP_THREADS + sockets_thread


def _told_again(web: Web, feed: ClientConnection, account_id: int) -> str | bytes:
    """The feed looks for its Redis once a second, and what it misses meanwhile is lost: it is told until it hears."""
    for _ in range(10):
        web.shell(SYNCED.format(account_id))
        with suppress(TimeoutError):
            return feed.recv(timeout=5)
    raise AssertionError("the feed does not hear Redis again")


def _connections(url: str) -> int:
    database = psycopg2.connect(url)
    with database, database.cursor() as cursor:
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        cursor.execute(f"SELECT count(*) FROM pg_stat_activity WHERE {others}")
        found = cursor.fetchone()
    database.close()
    return found[0]


def test_an_invented_x_forwarded_for_changes_no_address_even_from_loopback(web):
    body = {"username": "family", "password": PASSWORD}
    tokens = web.ask("/api/user/login", body, **{"X-Forwarded-For": "198.51.100.7"}).json()
    (session,) = (
        row
        for row in web.ask("/api/user/sessions", Authorization=f"Bearer {tokens['access']}").json()["results"]
        if row["is_current"]
    )
    assert session["address"] == "127.0.0.1"
