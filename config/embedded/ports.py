"""Which TCP ports are free on this machine."""

import errno
import random
import socket

LOOPBACK = "127.0.0.1"
# Below the range from which the kernel takes the ports of outgoing connections: a server that is started
# again must find its own port free.
PRIVATE_PORTS = range(15_000, 32_000)


class PortUnusable(RuntimeError):
    """The port cannot be listened on; the text says why and what to do."""


def is_free(port: int, host: str = LOOPBACK) -> bool:
    return _bind_error(port, host) is None


def is_answered(port: int, host: str = LOOPBACK) -> bool:
    """Whether somebody listens; unlike `is_free` it does not take the port itself, not even for a moment."""
    try:
        socket.create_connection((host, port), timeout=1.0).close()
    except OSError:
        return False
    return True


def choose_port(preferred: int | None = None) -> int:
    """The preferred port while nobody has it, else a private one at random."""
    candidates = [preferred] if preferred else []
    candidates += random.sample(PRIVATE_PORTS, 50)
    for port in candidates:
        if is_free(port):
            return port
    raise PortUnusable(f"None of 50 ports between {PRIVATE_PORTS.start} and {PRIVATE_PORTS.stop} is free.")


def require_free(port: int, host: str) -> None:
    """Raises PortUnusable with what to do when `make run` could not listen there."""
    found = _bind_error(port, host)
    if found is None:
        return
    another = f"stop what uses it, or choose another one: make run PORT={port + 80}"
    if found.errno == errno.EADDRINUSE:
        raise PortUnusable(f"Port {port} is already in use: {another}")
    raise PortUnusable(f"Port {port} on {host} cannot be used ({found.strerror}): {another}")


def _bind_error(port: int, host: str) -> OSError | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the servers do: a port whose last connections are still fading (TIME_WAIT) counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as exc:
            return exc
    return None
