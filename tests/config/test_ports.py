import socket

import pytest

from config.embedded import ports


@pytest.fixture
def busy_port():
    with socket.create_server((ports.LOOPBACK, 0)) as listener:
        yield listener.getsockname()[1]


def test_a_port_that_somebody_listens_on_is_named_with_what_to_do(busy_port):
    with pytest.raises(ports.PortUnusable, match=rf"Port {busy_port} is already in use: .*make run PORT=\d+"):
        ports.require_free(busy_port, ports.LOOPBACK)


def test_a_free_port_passes():
    ports.require_free(ports.choose_port(), ports.LOOPBACK)


def test_an_address_that_is_not_ours_is_said():
    with pytest.raises(ports.PortUnusable, match=r"Port 8000 on 192\.0\.2\.1 cannot be used"):
        ports.require_free(8000, "192.0.2.1")


def test_a_preferred_port_is_taken_while_it_is_free(busy_port):
    free = ports.choose_port()
    assert ports.choose_port(free) == free
    assert ports.choose_port(busy_port) != busy_port


def test_private_ports_lie_below_those_of_outgoing_connections():
    assert all(ports.choose_port() < 32_000 for _ in range(20))


def test_a_listening_port_is_answered_and_another_is_not(busy_port):
    assert ports.is_answered(busy_port)
    assert not ports.is_answered(ports.choose_port())
