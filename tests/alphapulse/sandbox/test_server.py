"""The front door: every kind of fault as a client sees it, and what the journal keeps."""

import http.client
import socket
import threading
import time
from contextlib import closing

import orjson
import pytest

from alphapulse.sandbox.testing import Credentials, SandboxServer
from tests.alphapulse.sandbox.binance.signing import Answer, Signer

TIME = "/api/v3/time"
ORDER = "/api/v3/order"


@pytest.fixture
def signer(sandbox: SandboxServer) -> Signer:
    return Signer(sandbox, sandbox.create_account("binance", holdings={"USDT": "100000"}))


def ask(sandbox: SandboxServer, path: str = f"/api.binance.com{TIME}", *, timeout: float = 10) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=timeout)
    with closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()


def place(signer: Signer, client_id: str = "") -> Answer:
    price = f"{signer.sandbox.price('BTC/USDT') * 0.9:.2f}"
    wish = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
    return signer.signed("POST", ORDER, **wish, price=price, newClientOrderId=client_id or None)


def test_a_host_nobody_knows_is_said_to_be_unknown(sandbox: SandboxServer):
    status, body = ask(sandbox, "/api.example.com/v1/time")

    assert status == 404
    assert b"api.example.com" in body


def test_status_and_body_are_as_ordered_and_nothing_is_done(sandbox: SandboxServer, signer: Signer):
    sandbox.fault("status", host="api.binance.com", path=ORDER, status=503, body={"code": -1001, "msg": "Internal"})

    answer = place(signer)

    assert (answer.status, answer.code) == (503, -1001)
    assert sandbox.orders("binance", signer.credentials.account) == []


def test_latency_delays_and_then_answers(sandbox: SandboxServer):
    sandbox.fault("latency", seconds=0.3, count=1)
    began = time.monotonic()

    assert ask(sandbox)[0] == 200
    assert time.monotonic() - began >= 0.3


def test_a_reset_is_a_reset(sandbox: SandboxServer):
    sandbox.fault("reset", count=1)

    with pytest.raises(ConnectionResetError):
        ask(sandbox)
    assert ask(sandbox)[0] == 200


def test_what_hangs_hangs_until_the_client_gives_up_or_the_fault_is_cleared(sandbox: SandboxServer):
    sandbox.fault("hang", count=2)
    with pytest.raises(TimeoutError):
        ask(sandbox, timeout=0.3)

    threading.Timer(0.2, sandbox.clear_faults).start()
    began = time.monotonic()
    with pytest.raises(ConnectionError):
        ask(sandbox)
    sandbox.clear_faults()
    assert time.monotonic() - began < 5


def test_a_page_comes_as_html_with_status_200(sandbox: SandboxServer):
    sandbox.fault("html", count=1)

    status, body = ask(sandbox)

    assert status == 200
    assert body.startswith(b"<!DOCTYPE html>")


def test_half_a_body_and_the_promise_of_a_whole_one(sandbox: SandboxServer):
    sandbox.fault("truncate", count=1)

    with pytest.raises(http.client.IncompleteRead) as caught:
        ask(sandbox)

    assert b'{"serverTime":12'.startswith(caught.value.partial[:10])
    assert len(caught.value.partial) == len(b'{"serverTime":1790000000000}') // 2


def test_a_drip_comes_byte_by_byte(sandbox: SandboxServer):
    sandbox.fault("drip", seconds=0.01, count=1)
    began = time.monotonic()

    status, body = ask(sandbox)

    assert status == 200
    assert orjson.loads(body)["serverTime"]
    assert time.monotonic() - began > 0.01 * (len(body) - 1)


def test_a_clock_that_is_off_is_off_in_everything(sandbox: SandboxServer, signer: Signer):
    sandbox.fault("clock", host="api.binance.com", offset_ms=-30_000)

    server_time = orjson.loads(ask(sandbox)[1])["serverTime"]

    assert server_time - time.time() * 1000 == pytest.approx(-30_000, abs=2_000)
    assert signer.signed("GET", "/api/v3/account").code == -1021
    assert signer.signed("GET", "/api/v3/account", timestamp=server_time).status == 200


def test_a_ban_is_told_the_exchange_s_way_and_ends(sandbox: SandboxServer, signer: Signer):
    sandbox.fault("ban", remote="127.0.0.1", for_s=0.5)

    answer = signer.get(TIME)
    other = Signer(sandbox, signer.credentials, source="127.0.0.2").get(TIME)
    time.sleep(0.6)

    assert (answer.status, answer.code) == (418, -1003)
    assert "banned until" in answer.body["msg"]
    assert answer.headers["Retry-After"] == "1"
    assert other.status == 200
    assert signer.get(TIME).status == 200


def test_maintenance_is_told_the_exchange_s_way(sandbox: SandboxServer, signer: Signer):
    sandbox.fault("maintenance", host="api.binance.com")

    assert signer.get(TIME).status == 503


@pytest.mark.parametrize("kind", ["accept_then_drop", "accept_then_status"])
def test_an_order_is_accepted_although_its_answer_is_lost(sandbox: SandboxServer, signer: Signer, kind: str):
    sandbox.fault(kind, count=1, status=504, body="<html>Gateway Timeout</html>")

    if kind == "accept_then_drop":
        with pytest.raises(ConnectionResetError):
            place(signer, "lost-1")
    else:
        assert place(signer, "lost-1").status == 504

    [order] = sandbox.orders("binance", signer.credentials.account)
    assert (order["client_order_id"], order["status"]) == ("lost-1", "new")
    found = signer.signed("GET", ORDER, symbol="BTCUSDT", origClientOrderId="lost-1")
    assert found.body["orderId"] == int(order["order_id"])


def test_an_order_is_accepted_and_never_answered(sandbox: SandboxServer, signer: Signer):
    sandbox.fault("accept_then_hang", count=1)
    query_timeout = threading.Timer(0.3, sandbox.clear_faults)
    query_timeout.start()

    with pytest.raises(ConnectionError):
        place(signer, "hung-1")

    assert [order["client_order_id"] for order in sandbox.orders("binance", signer.credentials.account)] == ["hung-1"]


def test_the_journal_tells_who_asked_what_from_where_and_what_came_of_it(sandbox: SandboxServer, signer: Signer):
    sandbox.forget_requests()
    signer.signed("GET", "/api/v3/account")
    Signer(sandbox, signer.credentials, source="127.0.0.2").signed("GET", "/api/v3/account", secret="wrong")
    sandbox.fault("reset", count=1)
    with pytest.raises(ConnectionResetError):
        ask(sandbox)

    good, bad, reset = sandbox.requests()

    assert (good["status"], good["account"], good["key"]) == (
        200,
        signer.credentials.account,
        signer.credentials.api_key,
    )
    assert (bad["status"], bad["code"], bad["remote"]) == (400, "-1022", "127.0.0.2")
    assert (reset["status"], reset["fault"], reset["key"]) == (0, "reset", "")
    assert [row["id"] for row in sandbox.requests(path="/api/v3/account", since=good["id"])] == [bad["id"]]
    assert signer.credentials.secret not in orjson.dumps(sandbox.requests()).decode()


def test_the_journal_keeps_so_many_and_no_more():
    with SandboxServer(markets=20, kept_requests=5) as small:
        for _ in range(8):
            ask(small)

        assert [row["id"] for row in small.requests()] == [4, 5, 6, 7, 8]
        assert small.health()["requests"] == 8


def test_a_busy_port_is_the_starter_s_to_know(sandbox: SandboxServer):
    port = int(sandbox.url.rsplit(":", 1)[1])

    with pytest.raises(OSError, match="address already in use"), SandboxServer(port=port):
        pass


def test_a_connection_is_kept_alive_over_many_requests(sandbox: SandboxServer, signer: Signer):
    with closing(http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=10)) as connection:
        connection.connect()
        first = connection.sock
        for _ in range(3):
            connection.request("GET", f"/api.binance.com{TIME}")
            assert connection.getresponse().read()
        assert isinstance(first, socket.socket)
        assert connection.sock is first


def test_speed_moves_the_market_and_leaves_the_wall_alone():
    with SandboxServer(markets=20, speed=3600.0) as fast:
        credentials: Credentials = fast.create_account("binance")
        time.sleep(0.3)
        signer = Signer(fast, credentials)
        bars = signer.get("/api/v3/klines", symbol="BTCUSDT", interval="1m", limit=1).body
        health = fast.health()

        assert bars[0][0] - time.time() * 1000 > 5 * 60_000
        assert health["market_ms"] - health["now_ms"] > 10 * 60_000
        assert abs(signer.get(TIME).body["serverTime"] - time.time() * 1000) < 5_000
        assert signer.signed("GET", "/api/v3/account").status == 200
