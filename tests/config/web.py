"""The web server as `make run` starts it, over a home, a database and a Redis-compatible server of a test's own."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from apps.core.encryption import new_key
from config.embedded import ports, services
from config.embedded.servers import Server, running

PASSWORD = "a-password-of-a-test"
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Web:
    port: int
    environment: dict[str, str]
    log: Path

    def ask(self, path: str, body: object = None, **headers: str) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://{ports.LOOPBACK}:{self.port}{path}", data, headers)
        request.add_header("Content-Type", "application/json")
        try:
            with _direct.open(request, timeout=60) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as refused:
            return Answer(refused.code, refused.headers, refused.read())

    def token(self) -> str:
        return self.ask("/api/user/login", {"username": "family", "password": PASSWORD}).json()["access"]

    def socket(self, origin: str | None = None) -> ClientConnection:
        return connect(f"ws://{ports.LOOPBACK}:{self.port}/ws/feed/", origin=origin, proxy=None)

    def shell(self, code: str) -> str:
        """Another process of the same system."""
        return _manage(self.environment, "shell", "-v", "0", "-c", code)


@contextmanager
def web_server(home: Path, *, redis_url: str, **settings: str) -> Iterator[Web]:
    own = {
        "ALPHAPULSE_HOME": str(home),
        "DATABASE_URL": f"sqlite:///{home / 'alphapulse.sqlite3'}",
        "SECRET_KEY": "only-for-a-test-" + "x" * 50,
        "CREDENTIAL_KEYS": new_key("test"),
        "AUDIT_SEAL_KEYS": new_key("seal"),
        "REDIS_URL": redis_url,
        "HTTPS": "false",
        "RATE_LIMIT_FACTOR": "100",  # many callers at once are what some tests are about
        "DJANGO_SETTINGS_MODULE": "config.settings",
        **settings,
    }
    web = Web(port=ports.choose_port(), environment=os.environ | own, log=home / "web.log")
    _manage(web.environment, "migrate", "-v", "0")
    web.shell(f"from apps.users.models import User; User.objects.create_user('family', password={PASSWORD!r})")
    server = Server(
        service=services.web(ports.LOOPBACK, web.port),
        url="",
        answers=lambda: ports.is_answered(web.port),
        data=home,
    )
    with running(server, log=web.log, environment=web.environment):
        yield web


def _manage(environment: dict[str, str], *argv: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *argv], env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
