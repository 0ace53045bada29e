"""People at the running web server: REST as the demo user, the admin by its forms, and several who only read."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlencode

from tests.chaos.system import System

PAGES = ("/api/exchange/balance", "/api/exchange/orders", "/api/portfolio/positions", "/api/system/status")
# A token lives for five minutes.
STAYS = 240.0


class Visitor:
    """One browser: it keeps its cookies and its token."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._cookies = CookieJar()
        direct, keeping = urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self._cookies)
        self._opener = urllib.request.build_opener(direct, keeping)
        self._token = ""
        self._came_at = float("-inf")

    def get(self, path: str) -> Any:
        """What the API answers."""
        return json.loads(self._ask(path, headers=self._bearer()))

    def status_of(self, path: str) -> str:
        """`200`, or in another word what came instead."""
        try:
            self._ask(path, headers=self._bearer())
        except urllib.error.HTTPError as refused:
            return str(refused.code)
        except OSError as problem:
            return type(problem).__name__
        return "200"

    def enter_the_admin(self) -> None:
        self._ask("/admin/login/")
        self._submit("/admin/login/", username="demo", password=self._system.password, next="/admin/")

    def choose_action(self, page: str, action: str, *rows: int) -> str:
        """The page that it leads to."""
        return self._submit(page, action=action, _selected_action=[str(row) for row in rows])

    def _submit(self, page: str, **fields: Any) -> str:
        proof = next(cookie.value for cookie in self._cookies if cookie.name == "csrftoken")
        return self._ask(page, urlencode(fields | {"csrfmiddlewaretoken": proof}, doseq=True).encode()).decode()

    def _bearer(self) -> dict[str, str]:
        if time.monotonic() - self._came_at > STAYS:
            body = json.dumps({"username": "demo", "password": self._system.password}).encode()
            told = json.loads(self._ask("/api/user/login", body, {"Content-Type": "application/json"}))
            self._token, self._came_at = told["access"], time.monotonic()
        return {"Authorization": f"Bearer {self._token}"}

    def _ask(self, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{self._system.port}{path}", body, headers or {})
        with self._opener.open(request, timeout=30) as answer:
            return bytes(answer.read())


@contextmanager
def people_reading(system: System, number: int) -> Iterator["Counter[str]"]:
    """So many who read one page after the other; what they were answered, by status."""
    answers: Counter[str] = Counter()
    leave = threading.Event()
    people = [threading.Thread(target=_read, args=(system, answers, leave), daemon=True) for _ in range(number)]
    for person in people:
        person.start()
    try:
        yield answers
    finally:
        leave.set()
        for person in people:
            person.join(35)


def _read(system: System, answers: "Counter[str]", leave: threading.Event) -> None:
    visitor = Visitor(system)
    while not leave.is_set():
        for page in PAGES:
            answers[visitor.status_of(page)] += 1
