import pytest

from alphapulse.sandbox.faults import Fault, FaultKind, Faults
from alphapulse.sandbox.wire import Call

NOW = 1_000_000


def call(method: str = "GET", path: str = "/api/v3/account", host: str = "api.binance.com") -> Call:
    return Call(method, host, path, "symbol=BTCUSDT&limit=5", b"", {}, "127.0.0.1", NOW)


def kinds(faults: Faults, what: Call, *, key: str = "k", account: str = "main", now_ms: int = NOW) -> list[str]:
    return [fault.kind.value for fault in faults.take(what, key, account, now_ms)]


@pytest.mark.parametrize(
    ("where", "hit"),
    [
        ({}, True),
        ({"host": "api.binance.com"}, True),
        ({"host": "*.binance.com"}, True),
        ({"host": "api.bybit.com"}, False),
        ({"path": "/api/v3/*"}, True),
        ({"path": "/api/v3/order"}, False),
        ({"query": "*symbol=BTCUSDT*"}, True),
        ({"query": "*symbol=ETHUSDT*"}, False),
        ({"method": "GET"}, True),
        ({"method": "POST"}, False),
        ({"account": "main"}, True),
        ({"account": "k"}, True),
        ({"account": "other"}, False),
        ({"remote": "127.0.0.1"}, True),
        ({"remote": "127.0.0.2"}, False),
    ],
)
def test_a_fault_strikes_where_everything_it_names_fits(where: dict[str, str], hit: bool):
    faults = Faults()
    faults.add(Fault(kind=FaultKind.STATUS, **where))

    assert kinds(faults, call()) == (["status"] if hit else [])


def test_a_fault_with_a_count_strikes_so_often_and_is_gone():
    faults = Faults()
    fault = faults.add(Fault(kind=FaultKind.RESET, count=2))

    assert [kinds(faults, call()) for _ in range(3)] == [["reset"], ["reset"], []]
    assert faults.all() == []
    assert fault.hits == 2


def test_a_fault_may_let_some_pass_first():
    faults = Faults()
    faults.add(Fault(kind=FaultKind.STATUS, skip=1, count=1))

    assert [kinds(faults, call()) for _ in range(3)] == [[], ["status"], []]


def test_a_fault_ends_with_its_time():
    faults = Faults()
    faults.add(Fault(kind=FaultKind.MAINTENANCE, until_ms=NOW + 10))

    assert kinds(faults, call(), now_ms=NOW + 9) == ["maintenance"]
    assert kinds(faults, call(), now_ms=NOW + 10) == []


def test_latency_adds_to_the_one_fault_that_ends_the_request():
    faults = Faults()
    for kind in (FaultKind.LATENCY, FaultKind.STATUS, FaultKind.CLOCK, FaultKind.RESET):
        faults.add(Fault(kind=kind))

    assert kinds(faults, call()) == ["latency", "status", "clock"]


def test_accept_then_drop_waits_for_a_request_that_changes_something():
    faults = Faults()
    faults.add(Fault(kind=FaultKind.ACCEPT_THEN_DROP, count=1))

    assert kinds(faults, call("GET")) == []
    assert kinds(faults, call("POST", "/api/v3/order")) == ["accept_then_drop"]


def test_clearing_ends_what_hangs():
    faults = Faults()
    first, second = (faults.add(Fault(kind=FaultKind.HANG)) for _ in range(2))

    faults.clear(first.id)
    assert (first.is_cleared, second.is_cleared) == (True, False)

    faults.clear()
    assert second.is_cleared
    assert faults.all() == []
